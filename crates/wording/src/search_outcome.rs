//! The result of a capacity search in sentences: the capacity or its bound, and the end of the search.

use measurement::run::{CapacitySummary, SearchEnd, StepMeaning};
use statistics::capacity_search::WELL_ABOVE;
use units::{counted, human_rate, human_time};

use crate::capacity_conditions::{all_conditions, spaced_condition};
use crate::summary_figure::UNKNOWN;

/// Result of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SearchOutcome {
    /// The capacity.
    Known(f64),
    /// A rate at which the conditions held. No rate is known at which they do not.
    AtLeast(f64, BoundCause),
    /// The conditions held at no rate. The lowest rate that was tried, if any.
    Below(Option<f64>),
    /// The conditions held in single steps, but at no rate for good.
    Rarely,
    /// Not even an estimate. The lowest rate at which a condition did not hold, if any, and if the conditions held at none.
    Unknown(Option<f64>),
}

/// The cause why no rate is known at which the conditions do not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BoundCause {
    /// The generator could not offer higher rates.
    Generator,
    /// The search ended before a rate was tried at which a condition does not hold.
    Ended,
}

impl SearchOutcome {
    pub(crate) fn of(own: &CapacitySummary) -> Self {
        let has_held = own.rates_from_below(StepMeaning::Held).next().is_some();
        let Some(rate) = own.rate_per_s else {
            let failed = own.rates_from_below(StepMeaning::NotHeld).reduce(f64::min);
            return Self::Unknown(failed.filter(|_| !has_held));
        };
        if rate <= 0.0 && has_held {
            return Self::Rarely;
        }
        if rate <= 0.0 {
            let tried = own.steps.iter();
            let tried = tried.filter(|step| step.meaning() != StepMeaning::NotCounted);
            return Self::Below(tried.map(|step| step.offered_per_s).reduce(f64::min));
        }
        if !own.at_least && own.high_per_s.is_finite() {
            return Self::Known(rate);
        }
        let cause = match own.ended_at_generator_limit() {
            true => BoundCause::Generator,
            false => BoundCause::Ended,
        };
        Self::AtLeast(rate, cause)
    }
}

/// The capacity with its interval and conditions: `41,200 msg/s (40,100–42,000, 95 %) at p99 < 10 ms`,
/// `at least 41,200 msg/s at p99 < 10 ms (lower limit 40,100, 95 %): the generator was the limit`,
/// `below 628 msg/s at p99 < 10 ms: the conditions held at no rate that was tried`.
pub fn headline(own: &CapacitySummary) -> String {
    let at = match own.conditions.as_slice() {
        [] => String::new(),
        conditions => format!(" at {}", all_conditions(conditions)),
    };
    match SearchOutcome::of(own) {
        SearchOutcome::Unknown(None) => format!("unknown{at}: {}", unknown_cause(own)),
        SearchOutcome::Unknown(Some(failed)) => format!(
            "unknown, but below {} msg/s{at}: {} a rate was found at which the conditions hold",
            human_rate(failed),
            ended_before(own),
        ),
        SearchOutcome::Rarely => format!(
            "{}{at}: the conditions held in single steps, but at no rate for good",
            rate_with_interval(own)
        ),
        SearchOutcome::Below(Some(lowest)) => format!(
            "below {} msg/s{at}: the conditions held at no rate that was tried",
            human_rate(lowest)
        ),
        SearchOutcome::Below(None) => {
            format!("0 msg/s{at}: the conditions held at no rate")
        }
        SearchOutcome::AtLeast(rate, cause) => {
            let limit = lower_limit(own);
            let why = bound_cause(own, cause);
            format!("at least {} msg/s{at} ({limit}): {why}", human_rate(rate))
        }
        SearchOutcome::Known(_) => {
            let capacity = rate_with_interval(own);
            let end = match (own.ended_by, own.steps.last()) {
                // The overload before a step has no row of its own.
                (SearchEnd::ConnectionsLost, Some(last)) if last.closed == 0 => {
                    ": all connections ended".to_owned()
                }
                (SearchEnd::ConnectionsLost, Some(last)) => {
                    let rate = human_rate(last.offered_per_s);
                    format!(": all connections ended at {rate} msg/s")
                }
                _ => String::new(),
            };
            format!("{capacity}{at}{end}")
        }
    }
}

/// The capacity with its interval, without the conditions: `41,200 msg/s (40,100–42,000, 95 %)`, or
/// `41,200 msg/s (lower limit 40,100, 95 %)` when no upper limit is known; a dash when the capacity is unknown.
pub fn rate_with_interval(own: &CapacitySummary) -> String {
    match SearchOutcome::of(own) {
        SearchOutcome::Unknown(_) => UNKNOWN.to_owned(),
        SearchOutcome::Below(_) => "0 msg/s".to_owned(),
        SearchOutcome::Rarely => {
            let [_, high] = interval_ends(0.0, own.high_per_s).map(human_rate);
            format!("0 msg/s (0–{high}, {})", percent(own.confidence))
        }
        SearchOutcome::AtLeast(rate, _) => {
            format!("{} msg/s ({})", human_rate(rate), lower_limit(own))
        }
        SearchOutcome::Known(rate) => {
            let [low, high] = interval_ends(own.low_per_s, own.high_per_s).map(human_rate);
            let confidence = percent(own.confidence);
            format!("{} msg/s ({low}–{high}, {confidence})", human_rate(rate))
        }
    }
}

/// The interval of the capacity: `40,100–42,000 msg/s`, `40,100 msg/s or more`; `None` without a capacity above 0.
pub(crate) fn interval(own: &CapacitySummary) -> Option<String> {
    let [low, high] = interval_ends(own.low_per_s, own.high_per_s).map(human_rate);
    match SearchOutcome::of(own) {
        SearchOutcome::Known(_) => Some(format!("{low}–{high} msg/s")),
        SearchOutcome::AtLeast(..) => Some(format!("{low} msg/s or more")),
        SearchOutcome::Below(_) | SearchOutcome::Rarely | SearchOutcome::Unknown(_) => None,
    }
}

/// The ends of an interval of rates, rounded to three digits outwards: the lower end down, the upper end up.
pub fn interval_ends(low_per_s: f64, high_per_s: f64) -> [f64; 2] {
    let rounded = |rate: f64, outwards: fn(f64) -> f64| {
        if rate <= 0.0 || !rate.is_finite() {
            return rate;
        }
        // Rates below 1 msg/s have two decimals.
        let unit = 10_f64.powf(rate.log10().floor() - 2.0).max(0.01);
        let digits = rate / unit;
        let nearest = digits.round();
        // A rate that has three digits is not moved by an error of the division.
        let digits = if (digits - nearest).abs() < 1e-6 {
            nearest
        } else {
            outwards(digits)
        };
        digits * unit
    };
    [
        rounded(low_per_s, f64::floor),
        rounded(high_per_s, f64::ceil),
    ]
}

/// `lower limit 40,100, 95 %`.
fn lower_limit(own: &CapacitySummary) -> String {
    let confidence = percent(own.confidence);
    let [low, _] = interval_ends(own.low_per_s, own.high_per_s);
    if low > 0.0 {
        format!("lower limit {}, {confidence}", human_rate(low))
    } else {
        format!("not yet certain to {confidence}")
    }
}

/// The reason for a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerBoundReason {
    /// `the generator was the limit`.
    pub text: &'static str,
    /// True when the generator was late, so that more time does not help.
    pub is_of_generator: bool,
}

/// The reason why the capacity is a lower bound; `None` for any other result.
pub fn lower_bound_reason(own: &CapacitySummary) -> Option<LowerBoundReason> {
    match SearchOutcome::of(own) {
        SearchOutcome::AtLeast(_, cause) => Some(LowerBoundReason {
            text: bound_cause(own, cause),
            is_of_generator: cause == BoundCause::Generator,
        }),
        SearchOutcome::Known(_)
        | SearchOutcome::Below(_)
        | SearchOutcome::Rarely
        | SearchOutcome::Unknown(_) => None,
    }
}

fn bound_cause(own: &CapacitySummary, cause: BoundCause) -> &'static str {
    match (cause, own.ended_by) {
        (BoundCause::Generator, _) => "the generator was the limit",
        (BoundCause::Ended, SearchEnd::Interrupted) => {
            "the search was interrupted before an upper limit was known"
        }
        (BoundCause::Ended, SearchEnd::ConnectionsLost) => {
            "all connections ended before an upper limit was known"
        }
        (BoundCause::Ended, SearchEnd::ShardLost) => {
            "a process of the generator died before an upper limit was known"
        }
        (BoundCause::Ended, SearchEnd::Budget) => {
            "the budget ended before an upper limit was known"
        }
        (BoundCause::Ended, SearchEnd::Precision) => "no rate was tried at which a condition fails",
    }
}

fn ended_before(own: &CapacitySummary) -> &'static str {
    match own.ended_by {
        SearchEnd::Interrupted => "the search was interrupted before",
        SearchEnd::ConnectionsLost => "all connections ended before",
        SearchEnd::ShardLost => "a process of the generator died before",
        SearchEnd::Budget | SearchEnd::Precision => "the search ended before",
    }
}

fn unknown_cause(own: &CapacitySummary) -> &'static str {
    let mut steps = own.steps.iter();
    let all_late = steps.all(|step| step.meaning() == StepMeaning::NotCounted);
    match own.ended_by {
        SearchEnd::ConnectionsLost => "all connections ended before a step decided it",
        SearchEnd::ShardLost => "a process of the generator died before a step decided it",
        SearchEnd::Interrupted => "the search was interrupted before a step decided it",
        _ if all_late && !own.steps.is_empty() => "the generator was late at every rate",
        SearchEnd::Budget => "the budget was too short; use a longer `--budget`",
        SearchEnd::Precision => "no step decided it",
    }
}

/// The end of a search: `ended at the target precision after 74.2 s · 31 steps · ±2.1 %`.
pub fn search_end(own: &CapacitySummary) -> String {
    let outcome = SearchOutcome::of(own);
    let is_known = matches!(outcome, SearchOutcome::Known(_));
    let width = own.relative_half_width();
    let target = percent(own.precision);
    let wanted = match own.ended_by {
        SearchEnd::Precision => String::new(),
        _ if own.precision <= 0.0 => String::new(),
        _ if width.is_some_and(|share| share <= own.precision) => {
            format!(" (the target of ±{target} needs more steps near the capacity)")
        }
        _ => format!(" (target: ±{target})"),
    };
    let width = width
        .filter(|share| is_known && share.is_finite())
        .map(|share| format!("±{}{wanted}", percent(share)));
    let late = own.steps.iter();
    let late = late.filter(|step| step.meaning() == StepMeaning::NotCounted);
    let late = match late.count() as u64 {
        0 => None,
        n => Some(format!(
            "{} not counted, because the generator was late",
            counted(n, "step")
        )),
    };
    let steps = counted(own.steps.len() as u64, "step");
    let unsteady = (own.unsteady_share > 0.0).then(|| {
        format!(
            "the first {} % of each step left out, because the server was not yet steady",
            // Eighths are printed in full: 12.5 %.
            100.0 * own.unsteady_share
        )
    });
    let disturbed = match own.rates_from_below(StepMeaning::Undecided).count() as u64 {
        0 => None,
        n => Some(format!(
            "{} left out, because the conditions held at higher rates",
            counted(n, "step")
        )),
    };
    let parts = [
        Some(ended(own, outcome)),
        Some(steps),
        width,
        late,
        disturbed,
        unsteady,
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.join(" · ")
}

/// The reason why the search ended, and its time: `ended by the budget of 120 s after 118 s`.
fn ended(own: &CapacitySummary, outcome: SearchOutcome) -> String {
    /// A search that took a smaller share of the budget ended before it.
    const MOST_OF_BUDGET: f64 = 0.75;
    let seconds = |s: f64| human_time(s * 1e9);
    let took = seconds(own.took_s);
    let budget = match own.budget_s > 0.0 {
        true => format!(" of {}", seconds(own.budget_s)),
        false => String::new(),
    };
    let is_below = matches!(outcome, SearchOutcome::Below(_));
    let is_of_generator = matches!(outcome, SearchOutcome::AtLeast(_, BoundCause::Generator));
    match own.ended_by {
        SearchEnd::Interrupted => format!("interrupted after {took}"),
        SearchEnd::ConnectionsLost => {
            format!("ended after {took}{budget}, because all connections had ended")
        }
        SearchEnd::ShardLost => {
            format!("ended after {took}{budget}, because a process of the generator died")
        }
        _ if is_of_generator && own.took_s < own.budget_s * MOST_OF_BUDGET => {
            format!(
                "ended after {took}{budget}, because the generator could not offer higher rates"
            )
        }
        SearchEnd::Precision | SearchEnd::Budget if is_below => {
            format!("ended after {took}{budget}, because the conditions held at no rate")
        }
        SearchEnd::Precision if matches!(outcome, SearchOutcome::Known(_)) => {
            format!("ended at the target precision after {took}")
        }
        SearchEnd::Budget if own.took_s < own.budget_s * MOST_OF_BUDGET => {
            format!(
                "ended after {took}{budget}, because the next step would have exceeded the budget"
            )
        }
        SearchEnd::Budget => format!("ended by the budget{budget} after {took}"),
        SearchEnd::Precision => format!("ended after {took}{budget}"),
    }
}

/// Advice where the interval begins at 0; `None` where more time does not help, or is advised
/// anyway.
pub(crate) fn more_time(own: &CapacitySummary) -> Option<String> {
    /// The default budget in seconds.
    const LEAST_S: f64 = 120.0;
    let is_open = match SearchOutcome::of(own) {
        SearchOutcome::Known(_) | SearchOutcome::AtLeast(_, BoundCause::Generator) => {
            own.low_per_s <= 0.0
        }
        _ => false,
    };
    let rate = own.rate_per_s.unwrap_or(0.0);
    let failed_up_to = |highest: f64| {
        let mut failed = own.rates_from_below(StepMeaning::NotHeld);
        failed.any(|rate| rate <= highest)
    };
    if is_open && own.at_least && failed_up_to(rate) {
        return Some(
            "a condition failed in steps at this rate or lower ones too, so no lower limit is known: the steps are too few, or something disturbed the server"
                .to_owned(),
        );
    }
    if is_open && failed_up_to(rate / WELL_ABOVE) {
        return Some(
            "a condition failed in steps at lower rates too, so no lower limit is known: the server stops now and then, or something disturbs it"
                .to_owned(),
        );
    }
    let minutes = (LEAST_S.max(2.0 * own.budget_s) / 60.0).ceil();
    (is_open && own.ended_by == SearchEnd::Budget).then(|| {
        format!(
            "the steps are too few for a lower limit; use a longer budget: `--budget {minutes}m`"
        )
    })
}

/// The condition that decided, among several: `limited by p99 < 10 ms`.
pub(crate) fn limited_by(own: &CapacitySummary) -> Option<String> {
    let condition = own.limited_by.as_ref()?;
    let is_one_of_several = own.conditions.len() > 1;
    is_one_of_several.then(|| format!("limited by {}", spaced_condition(condition)))
}

/// A share as a percentage of two digits: `2.1 %`, `12 %`, `0.35 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = match percent {
        p if p >= 9.95 => 0,
        p if p >= 0.995 => 1,
        _ => 2,
    };
    let text = format!("{percent:.decimals$}");
    let text = match text.strip_suffix(".0") {
        Some(whole) => whole,
        None => &text,
    };
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use measurement::run::LoadStep;
    use test_support::fixtures::found_capacity;

    use super::*;

    fn step(offered_per_s: f64, held: Option<bool>) -> LoadStep {
        LoadStep {
            offered_per_s,
            held,
            ..LoadStep::default()
        }
    }

    fn late(offered_per_s: f64) -> LoadStep {
        LoadStep {
            generator_limited: true,
            ..step(offered_per_s, None)
        }
    }

    fn capacity() -> CapacitySummary {
        CapacitySummary {
            low_per_s: 40_149.0,
            high_per_s: 41_901.0,
            steps: vec![step(40_000.0, Some(true)), step(43_000.0, Some(false))],
            ..found_capacity()
        }
    }

    /// A lower bound, ended by this.
    fn bound(ended_by: SearchEnd) -> CapacitySummary {
        CapacitySummary {
            at_least: true,
            high_per_s: f64::INFINITY,
            ended_by,
            steps: vec![step(40_000.0, Some(true)), step(41_200.0, Some(true))],
            ..capacity()
        }
    }

    #[test]
    fn intervals_are_rounded_outwards() {
        for (ends, expected) in [
            ((40_149.0, 41_901.0), [40_100.0, 42_000.0]),
            ((77_100.0, 77_100.0), [77_100.0, 77_100.0]),
            ((129_000.0, 154_000.0), [129_000.0, 154_000.0]),
            ((997.2, 998.1), [997.0, 999.0]),
            ((1.237, 9.871), [1.23, 9.88]),
            ((0.0, f64::INFINITY), [0.0, f64::INFINITY]),
        ] {
            let rounded = interval_ends(ends.0, ends.1);
            for (end, expected) in rounded.into_iter().zip(expected) {
                let is_equal = end == expected || (end / expected - 1.0).abs() < 1e-9;
                assert!(is_equal, "{ends:?}: {rounded:?}");
            }
        }
    }

    #[test]
    fn a_capacity_has_an_interval() {
        assert_eq!(
            headline(&capacity()),
            "41,200 msg/s (40,100–42,000, 95 %) at p99 < 10 ms"
        );
    }

    /// A lower bound has neither a precision nor an interval that ends at it.
    #[test]
    fn a_lower_bound_has_a_lower_limit_and_its_cause() {
        let mut own = bound(SearchEnd::Precision);
        own.steps.push(late(43_000.0));
        (own.generator_limit, own.took_s) = (true, 30.0);
        assert_eq!(
            headline(&own),
            "at least 41,200 msg/s at p99 < 10 ms (lower limit 40,100, 95 %): the generator was the limit"
        );
        assert_eq!(
            search_end(&own),
            "ended after 30.0 s of 120 s, because the generator could not offer higher rates · 3 steps · 1 step not counted, because the generator was late"
        );
        own.high_per_s = own.low_per_s;
        assert!(!search_end(&own).contains('±'), "{}", search_end(&own));
        for (ended_by, cause) in [
            (
                SearchEnd::Interrupted,
                "the search was interrupted before an upper limit was known",
            ),
            (
                SearchEnd::ConnectionsLost,
                "all connections ended before an upper limit was known",
            ),
            (
                SearchEnd::ShardLost,
                "a process of the generator died before an upper limit was known",
            ),
            (
                SearchEnd::Budget,
                "the budget ended before an upper limit was known",
            ),
            (
                SearchEnd::Precision,
                "no rate was tried at which a condition fails",
            ),
        ] {
            let own = bound(ended_by);
            let text = headline(&own);
            assert!(text.ends_with(cause), "{text}");
            let end = search_end(&own);
            assert!(!end.contains('±') && !end.contains("precision"), "{end}");
        }
        let own = bound(SearchEnd::Budget);
        assert_eq!(
            rate_with_interval(&own),
            "41,200 msg/s (lower limit 40,100, 95 %)"
        );
    }

    /// The interval of a search that ended early began at 0.
    #[test]
    fn a_bound_without_a_lower_limit_says_so() {
        let mut own = bound(SearchEnd::Interrupted);
        own.low_per_s = 0.0;
        assert!(headline(&own).contains("(not yet certain to 95 %)"));
    }

    /// The capacity was 0 after an interrupt behind the first step that failed.
    #[test]
    fn an_early_end_behind_a_failure_knows_only_a_bound() {
        let mut own = CapacitySummary {
            rate_per_s: None,
            steps: vec![step(11_700.0, Some(false))],
            ended_by: SearchEnd::Interrupted,
            ..capacity()
        };
        assert_eq!(
            headline(&own),
            "unknown, but below 11,700 msg/s at p99 < 10 ms: the search was interrupted before a rate was found at which the conditions hold"
        );
        own.steps.clear();
        assert!(headline(&own).starts_with("unknown at "));
    }

    #[test]
    fn a_server_that_stops_now_and_then_has_no_lower_limit() {
        let mut own = CapacitySummary {
            rate_per_s: Some(0.0),
            low_per_s: 0.0,
            steps: vec![step(500.0, Some(true)), step(500.0, Some(false))],
            ..capacity()
        };
        assert_eq!(
            headline(&own),
            "0 msg/s (0–42,000, 95 %) at p99 < 10 ms: the conditions held in single steps, but at no rate for good"
        );
        (own.rate_per_s, own.ended_by) = (Some(41_200.0), SearchEnd::Budget);
        let advice = more_time(&own).unwrap();
        assert!(
            advice.starts_with("a condition failed in steps at lower rates too"),
            "{advice}"
        );
        own.steps.push(step(600.0, None));
        assert!(
            search_end(&own)
                .contains("1 step left out, because the conditions held at higher rates")
        );
    }

    /// The planner needed two late steps for a limit of the generator, and the text one.
    #[test]
    fn one_late_step_does_not_make_the_generator_the_limit() {
        let mut own = bound(SearchEnd::Budget);
        own.steps.push(late(43_000.0));
        assert!(headline(&own).ends_with("the budget ended before an upper limit was known"));
        own.generator_limit = true;
        assert!(headline(&own).ends_with("the generator was the limit"));
    }

    /// A short search reported an interval that begins at 0, without advice.
    #[test]
    fn an_interval_that_begins_at_0_needs_more_time() {
        let mut own = capacity();
        assert_eq!(more_time(&own), None);
        (own.ended_by, own.low_per_s, own.budget_s) = (SearchEnd::Budget, 0.0, 15.0);
        let advice = |own: &CapacitySummary| more_time(own).unwrap();
        assert_eq!(
            advice(&own),
            "the steps are too few for a lower limit; use a longer budget: `--budget 2m`"
        );
        own.budget_s = 120.0;
        assert!(advice(&own).ends_with("`--budget 4m`"), "{}", advice(&own));
        own.ended_by = SearchEnd::Interrupted;
        assert_eq!(more_time(&own), None);
    }

    #[test]
    fn the_condition_that_decided_is_named_among_several() {
        let mut own = capacity();
        own.limited_by = Some("p99<10ms".to_owned());
        assert_eq!(limited_by(&own), None);
        own.conditions.push("error_rate<0.1%".to_owned());
        assert_eq!(limited_by(&own).unwrap(), "limited by p99 < 10 ms");
    }

    /// A server that answers nothing has no capacity, which is not unknown and not infinite. Rates below the lowest that
    /// was tried are unknown.
    #[test]
    fn a_dead_server_is_below_the_lowest_rate_that_was_tried() {
        let mut own = capacity();
        (own.rate_per_s, own.low_per_s, own.high_per_s) = (Some(0.0), 0.0, 628.0);
        own.steps = vec![step(3_200.0, Some(false)), step(628.0, Some(false))];
        assert_eq!(
            headline(&own),
            "below 628 msg/s at p99 < 10 ms: the conditions held at no rate that was tried"
        );
        (own.ended_by, own.took_s) = (SearchEnd::Budget, 4.9);
        assert_eq!(
            search_end(&own),
            "ended after 4.90 s of 120 s, because the conditions held at no rate · 2 steps"
        );
    }

    #[test]
    fn an_unknown_capacity_has_its_cause() {
        let mut own = capacity();
        (own.rate_per_s, own.steps) = (None, Vec::new());
        own.ended_by = SearchEnd::Interrupted;
        assert_eq!(
            headline(&own),
            "unknown at p99 < 10 ms: the search was interrupted before a step decided it"
        );
        own.ended_by = SearchEnd::Budget;
        assert!(headline(&own).ends_with("use a longer `--budget`"));
        own.steps = vec![late(1_000.0)];
        assert!(headline(&own).ends_with("the generator was late at every rate"));
        own.ended_by = SearchEnd::ShardLost;
        assert!(headline(&own).contains("a process of the generator died before"));
        own.ended_by = SearchEnd::ConnectionsLost;
        assert!(headline(&own).contains("all connections ended"));
        assert_eq!(rate_with_interval(&own), UNKNOWN);
    }

    #[test]
    fn the_end_of_a_search_names_its_cause() {
        let mut own = capacity();
        assert_eq!(
            search_end(&own),
            "ended at the target precision after 74.2 s · 2 steps · ±2.1 %"
        );
        (own.ended_by, own.took_s, own.high_per_s) = (SearchEnd::Budget, 118.0, 46_000.0);
        own.steps.push(late(50_000.0));
        assert_eq!(
            search_end(&own),
            "ended by the budget of 120 s after 118 s · 3 steps · ±7.1 % (target: ±3 %) · 1 step not counted, because the generator was late"
        );
        own.unsteady_share = 0.125;
        assert!(search_end(&own).ends_with(
            " · the first 12.5 % of each step left out, because the server was not yet steady"
        ));
        own.took_s = 40.0;
        assert!(
            search_end(&own).starts_with(
                "ended after 40.0 s of 120 s, because the next step would have exceeded the budget"
            ),
            "{}",
            search_end(&own)
        );
        own.ended_by = SearchEnd::ShardLost;
        assert!(
            search_end(&own).starts_with(
                "ended after 40.0 s of 120 s, because a process of the generator died"
            )
        );
        own.ended_by = SearchEnd::ConnectionsLost;
        assert!(search_end(&own).contains("because all connections had ended"));
        // They ended in the overload before a step, which has no row.
        assert!(headline(&own).ends_with("at p99 < 10 ms: all connections ended"));
        own.steps.last_mut().unwrap().closed = 50;
        assert!(headline(&own).ends_with(": all connections ended at 50,000 msg/s"));
    }
}
