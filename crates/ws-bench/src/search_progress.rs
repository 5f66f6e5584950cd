//! Progress of a search or a sweep, for the progress bar and the live screen.

use std::time::Duration;

use measurement::run::LoadStep;
use statistics::capacity_search::{CapacityEstimate, StepPurpose};
use swarm::{OrderPurpose, SearchProgress};
use units::{grouped, human_rate};
use wording::Tone;
use wording::capacity_view::interval_ends;
use wording::summary_view::LabelledRow;

/// Rates that are listed, the newest first.
const LISTED_RATES: usize = 4;

/// The time that is left at most.
pub(crate) fn time_left(search: &SearchProgress) -> Duration {
    let left_s = (search.budget_s - search.spent_s).max(0.0);
    Duration::try_from_secs_f64(left_s).unwrap_or(Duration::MAX)
}

/// The step in short: `step 12`, `41,200 msg/s`, `40,100–42,000 msg/s so far`.
pub(crate) fn parts(search: &SearchProgress) -> Vec<String> {
    let step = match search.purpose {
        Some(OrderPurpose::Pilot) => "pilot".to_owned(),
        _ => format!("step {}", number(search)),
    };
    let estimate = search.estimate.as_ref().and_then(so_far);
    let left = left(search);
    let parts = [Some(step), offered(search), estimate, Some(left)];
    parts.into_iter().flatten().collect()
}

/// The number of the step, and of all if it is known: `12`, `3 of 8`.
fn number(search: &SearchProgress) -> String {
    let number = grouped(search.step.into());
    match search.planned_steps {
        Some(all) => format!("{number} of {}", grouped(all.into())),
        None => number,
    }
}

fn offered(search: &SearchProgress) -> Option<String> {
    let rate = search.offered_per_s?;
    Some(format!("{} msg/s", human_rate(rate)))
}

/// The time that is left: at most of a search, at least of a sweep, whose drains take further time.
fn left(search: &SearchProgress) -> String {
    let left = time_left(search).as_secs();
    match search.planned_steps {
        Some(_) => format!("{left} s left"),
        None => format!("{left} s left at most"),
    }
}

/// The capacity as far as it is known: `40,100–42,000 msg/s so far`; `None` while nothing is known.
fn so_far(estimate: &CapacityEstimate) -> Option<String> {
    let [low, high] = interval_ends(estimate.low_per_s, estimate.high_per_s);
    if let Some(rate) = estimate.rate_per_s.filter(|_| estimate.at_least) {
        return Some(format!("at least {} msg/s so far", human_rate(rate)));
    }
    Some(match (low > 0.0, high.is_finite()) {
        (false, false) => return None,
        (true, false) => format!("{} msg/s or more so far", human_rate(low)),
        (_, true) => format!("{}–{} msg/s so far", human_rate(low), human_rate(high)),
    })
}

/// The state of the search as lines.
pub(crate) fn rows(search: &SearchProgress) -> Vec<LabelledRow> {
    let row = |label, text| LabelledRow {
        label,
        text,
        ..LabelledRow::default()
    };
    let purpose = search.purpose.and_then(purpose_name).map(str::to_owned);
    let step = [Some(number(search)), offered(search), purpose];
    let step: Vec<_> = step.into_iter().flatten().collect();
    let estimate = search.estimate.as_ref().and_then(so_far);
    let tried = search.steps.iter().rev().take(LISTED_RATES);
    let tried: Vec<_> = tried
        .map(|step| format!("{}{}", human_rate(step.offered_per_s), mark(search, step)))
        .collect();
    let rows = [
        Some(row("step", step.join(" · "))),
        estimate.map(|text| row("capacity", text)),
        (!tried.is_empty()).then(|| row("tried", tried.join(" "))),
    ];
    rows.into_iter().flatten().collect()
}

/// The reason for a load in words; `None` for a point of a sweep, whose rate says all.
fn purpose_name(purpose: OrderPurpose) -> Option<&'static str> {
    Some(match purpose {
        OrderPurpose::Pilot => "closed loop, to find the order of magnitude",
        OrderPurpose::Step(StepPurpose::Climb) => "rising to the edge",
        OrderPurpose::Step(StepPurpose::Edge) => "near the edge",
        OrderPurpose::Step(StepPurpose::FromAbove) => "after an overload",
        OrderPurpose::Step(StepPurpose::Final) => "at the capacity",
        OrderPurpose::Point => return None,
    })
}

/// Mark of the result of a step.
fn mark(search: &SearchProgress, step: &LoadStep) -> &'static str {
    match step_tone(search, step) {
        Tone::Good => "✓",
        Tone::Bad => "✗",
        Tone::Warning | Tone::Neutral => "?",
    }
}

/// Good when the conditions of a search held, or the server kept up with a rate of a sweep.
pub(crate) fn step_tone(search: &SearchProgress, step: &LoadStep) -> Tone {
    let is_sweep = search.planned_steps.is_some();
    match step.held {
        _ if step.generator_limited || is_sweep && step.generator_times => Tone::Warning,
        Some(true) => Tone::Good,
        Some(false) => Tone::Bad,
        None if is_sweep && step.keeps_up() => Tone::Good,
        None if is_sweep => Tone::Bad,
        None => Tone::Warning,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use measurement::run::StepOrigin;

    use super::*;
    use crate::phase_progress::PhaseProgress;

    /// A search in its seventh step.
    pub(crate) fn searching() -> SearchProgress {
        let step = |offered_per_s: f64, p99_ns, held| LoadStep {
            offered_per_s,
            achieved_per_s: offered_per_s,
            answered_per_s: offered_per_s,
            held,
            response_p50_ns: Some(300_000),
            response_p99_ns: Some(p99_ns),
            from: StepOrigin::Below,
            ..LoadStep::default()
        };
        SearchProgress {
            step: 7,
            planned_steps: None,
            purpose: Some(OrderPurpose::Step(StepPurpose::Edge)),
            offered_per_s: Some(41_000.0),
            spent_s: 30.4,
            budget_s: 120.0,
            estimate: Some(CapacityEstimate {
                rate_per_s: Some(41_500.0),
                low_per_s: 40_000.0,
                high_per_s: 43_000.0,
                ..CapacityEstimate::UNKNOWN
            }),
            steps: vec![
                step(10_000.0, 400_000, Some(true)),
                step(20_000.0, 800_000, Some(true)),
                step(40_000.0, 6_000_000, Some(true)),
                step(80_000.0, 400_000_000, Some(false)),
                step(43_000.0, 14_000_000, Some(false)),
                step(41_500.0, 10_000_000, None),
            ],
        }
    }

    fn text(rows: &[LabelledRow], label: &str) -> String {
        let row = rows.iter().find(|row| row.label == label);
        row.map_or_else(String::new, |row| row.text.clone())
    }

    #[test]
    fn a_search_shows_its_step_and_the_interval_so_far() {
        let mut search = searching();
        let wanted = [
            "step 7",
            "41,000 msg/s",
            "40,000–43,000 msg/s so far",
            "89 s left at most",
        ];
        assert_eq!(parts(&search), wanted);
        // The interval of a curve is rounded outwards.
        let estimate = search.estimate.as_mut().unwrap();
        (estimate.low_per_s, estimate.high_per_s) = (40_049.0, 42_951.0);
        assert_eq!(parts(&search)[2], wanted[2]);
        let all = rows(&search);
        assert_eq!(text(&all, "step"), "7 · 41,000 msg/s · near the edge");
        assert_eq!(text(&all, "tried"), "41,500? 43,000✗ 80,000✗ 40,000✓");
        let estimate = search.estimate.as_mut().unwrap();
        estimate.high_per_s = f64::INFINITY;
        assert_eq!(
            text(&rows(&search), "capacity"),
            "40,000 msg/s or more so far"
        );
        // The upper end of a lower bound is the bound itself.
        let estimate = search.estimate.as_mut().unwrap();
        (estimate.at_least, estimate.high_per_s) = (true, 41_500.0);
        let bound = text(&rows(&search), "capacity");
        assert_eq!(bound, "at least 41,500 msg/s so far");
        let estimate = search.estimate.as_mut().unwrap();
        (estimate.at_least, estimate.high_per_s) = (false, f64::INFINITY);
        search.estimate.as_mut().unwrap().low_per_s = 0.0;
        assert_eq!(text(&rows(&search), "capacity"), "");
    }

    #[test]
    fn a_sweep_has_no_capacity_and_no_purpose() {
        let mut sweep = searching();
        (sweep.estimate, sweep.planned_steps) = (None, Some(8));
        sweep.purpose = Some(OrderPurpose::Point);
        assert_eq!(parts(&sweep), ["step 7 of 8", "41,000 msg/s", "89 s left"]);
        sweep.steps.iter_mut().for_each(|step| step.held = None);
        let all = rows(&sweep);
        assert_eq!(text(&all, "step"), "7 of 8 · 41,000 msg/s");
        assert_eq!(text(&all, "capacity"), "");
        assert!(text(&all, "tried").starts_with("41,500✓ 43,000✓"));
    }

    #[test]
    fn the_pilot_has_no_rate() {
        let mut search = searching();
        (search.step, search.offered_per_s, search.estimate) = (0, None, None);
        (search.purpose, search.steps) = (Some(OrderPurpose::Pilot), Vec::new());
        assert_eq!(parts(&search), ["pilot", "89 s left at most"]);
        assert_eq!(
            text(&rows(&search), "step"),
            "0 · closed loop, to find the order of magnitude"
        );
    }

    #[test]
    fn time_is_never_negative() {
        let mut search = searching();
        let share = |search: &SearchProgress| PhaseProgress::of_search(search).share();
        assert!((share(&search) - 30.4 / 120.0).abs() < 1e-9);
        search.spent_s = 130.0;
        assert_eq!((share(&search), time_left(&search)), (1.0, Duration::ZERO));
    }
}
