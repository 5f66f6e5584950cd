//! The capacity that a search found, and the load curve of a sweep, as text.

use measurement::run::{CapacitySummary, LoadStep, SearchEnd, Summary};
use units::{counted, grouped, human_rate, human_time};

use crate::Tone;
use crate::load_table::{curve_table, search_table};
use crate::summary_figure::{LabelledRow, SummaryFigure, UNKNOWN, in_table};

pub use crate::load_table::{HELD, LoadRow, LoadTable, time_with_interval};

/// Advice when the generator set the highest rate.
const MORE_GENERATOR: &str = "the conditions still held at the highest rate that the generator could offer; use more threads (`--threads`), several processes (`--shards`), or another machine for the generator";

/// A condition as typed, with blanks: `p99 < 10 ms`.
pub fn spaced_condition(typed: &str) -> String {
    let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let Some(at) = typed.find(is_sign) else {
        return typed.to_owned();
    };
    let (figure, rest) = typed.split_at(at);
    let end = rest.find(|c| !is_sign(c)).unwrap_or(rest.len());
    let (sign, value) = rest.split_at(end);
    let end = value
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_')))
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    let number = number.replace('_', "");
    let value = match unit {
        "" => number,
        "us" => format!("{number} µs"),
        unit => format!("{number} {unit}"),
    };
    format!("{figure} {sign} {value}")
}

/// All conditions of a capacity: `p99 < 10 ms and error_rate < 0.1 %`.
pub fn all_conditions(conditions: &[String]) -> String {
    let conditions = conditions.iter().map(|typed| spaced_condition(typed));
    conditions.collect::<Vec<_>>().join(" and ")
}

/// The capacity with its interval and conditions: `41,200 msg/s (40,100–42,000, 95 %) at p99 < 10 ms`,
/// `at least 41,200 msg/s (40,100–42,000, 95 %) at p99 < 10 ms: the generator was the limit`.
pub fn headline(own: &CapacitySummary) -> String {
    let at = match own.conditions.as_slice() {
        [] => String::new(),
        conditions => format!(" at {}", all_conditions(conditions)),
    };
    match own.rate_per_s {
        None => format!("unknown{at}: {}", unknown_reason(own)),
        Some(rate) if rate <= 0.0 => {
            let lowest = own.steps.iter().map(|step| step.offered_per_s);
            let lowest = lowest.reduce(f64::min).map_or_else(String::new, |rate| {
                format!(" (lowest offered: {} msg/s)", human_rate(rate))
            });
            format!("0 msg/s{at}: the conditions held at no rate{lowest}")
        }
        Some(_) if own.at_least => {
            format!(
                "at least {}{at}: the generator was the limit",
                rate_with_interval(own)
            )
        }
        Some(_) => format!("{}{at}", rate_with_interval(own)),
    }
}

/// The capacity with its interval, without the conditions: `41,200 msg/s (40,100–42,000, 95 %)`; a dash when it is unknown.
pub fn rate_with_interval(own: &CapacitySummary) -> String {
    let Some(rate) = own.rate_per_s else {
        return UNKNOWN.to_owned();
    };
    let rate = format!("{} msg/s", human_rate(rate));
    match interval(own) {
        Some(interval) => {
            let percent = own.confidence * 100.0;
            format!("{rate} ({interval}, {percent:.0} %)")
        }
        None => rate,
    }
}

/// The interval of the capacity: `40,100–42,000`, `40,100 or more`; `None` without a capacity above 0.
fn interval(own: &CapacitySummary) -> Option<String> {
    own.rate_per_s.filter(|rate| *rate > 0.0)?;
    let low = human_rate(own.low_per_s);
    Some(if own.high_per_s.is_finite() {
        format!("{low}–{}", human_rate(own.high_per_s))
    } else {
        format!("{low} or more")
    })
}

fn unknown_reason(own: &CapacitySummary) -> &'static str {
    let limited = own.steps.iter().filter(|step| step.generator_limited);
    let all_limited = !own.steps.is_empty() && limited.count() == own.steps.len();
    match own.ended_by {
        _ if all_limited => "the generator could not offer any rate",
        SearchEnd::Interrupted => "the search was interrupted too early",
        SearchEnd::ConnectionsLost => "all connections had ended",
        SearchEnd::Budget => "the budget was too short; use a longer `--budget`",
        SearchEnd::Precision => "no step decided it",
    }
}

/// The end of a search: `ended at the wanted precision after 74.2 s · 31 steps · ±2.1 %`.
pub fn search_end(own: &CapacitySummary) -> String {
    let took = human_time(own.took_s * 1e9);
    let ended = match own.ended_by {
        SearchEnd::Precision => format!("ended at the wanted precision after {took}"),
        SearchEnd::Budget => format!("ended by the budget after {took}"),
        SearchEnd::Interrupted => format!("interrupted after {took}"),
        SearchEnd::ConnectionsLost => {
            format!("ended after {took}, because all connections had ended")
        }
    };
    let wanted = match own.ended_by {
        SearchEnd::Budget | SearchEnd::Interrupted if own.precision > 0.0 => {
            format!(" (wanted: ±{})", percent(own.precision))
        }
        _ => String::new(),
    };
    let width = own
        .relative_half_width()
        .filter(|share| share.is_finite())
        .map(|share| format!("±{}{wanted}", percent(share)));
    let limited = own.generator_limited_steps;
    let limited = (limited > 0).then(|| {
        format!(
            "{} without meaning, because the generator was the limit",
            counted(limited, "step")
        )
    });
    let steps = counted(own.steps.len() as u64, "step");
    let parts = [Some(ended), Some(steps), width, limited];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.join(" · ")
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

/// Recovery from an overload: `after an overload it recovers only below 23,000 msg/s`; `None` when it was not measured.
pub fn recovery(own: &CapacitySummary) -> Option<String> {
    let from_above = own.from_above_per_s?;
    let rate = human_rate(from_above);
    Some(match (own.hysteresis, from_above > 0.0) {
        (true, true) => {
            format!("hysteresis: after an overload it recovers only below {rate} msg/s")
        }
        (true, false) => {
            "hysteresis: after an overload it recovered at no rate that was offered".to_owned()
        }
        (false, true) => {
            format!("no hysteresis found: after an overload it recovered at {rate} msg/s")
        }
        (false, false) => {
            "after an overload it recovered at no rate that was offered, which is not certain enough for a hysteresis"
                .to_owned()
        }
    })
}

/// Origin of the other figures of a search or a sweep: the steps at one rate; `None` for any other run.
pub fn origin_of_figures(s: &Summary) -> Option<String> {
    let steps = s.capacity.as_ref().map(|own| &own.steps);
    steps
        .or(s.load_curve.as_ref())
        .filter(|steps| !steps.is_empty())?;
    let rate = human_rate(s.offered_rate_per_s?);
    Some(match (&s.capacity, s.load_curve.as_deref()) {
        (Some(_), _) => format!("the figures below are those of the step at {rate} msg/s"),
        (None, Some(steps)) if steps.iter().any(LoadStep::keeps_up) => format!(
            "the figures below are those of {rate} msg/s, the highest rate that the server kept up with"
        ),
        _ => format!("the figures below are those of {rate} msg/s, the lowest rate"),
    })
}

/// The lines on a search or a sweep; none for any other run.
pub fn rows(s: &Summary) -> Vec<LabelledRow> {
    match (&s.capacity, &s.load_curve) {
        (Some(own), _) => search_rows(own),
        (None, Some(steps)) => vec![sweep_row(steps)],
        (None, None) => Vec::new(),
    }
}

fn search_rows(own: &CapacitySummary) -> Vec<LabelledRow> {
    let is_dead = own.rate_per_s.is_some_and(|rate| rate <= 0.0);
    let tone = match own.rate_per_s {
        _ if is_dead => Tone::Bad,
        None => Tone::Warning,
        Some(_) if own.at_least || own.hysteresis => Tone::Warning,
        Some(_) => Tone::Neutral,
    };
    let is_bounded_by_generator = own.at_least && !is_dead;
    let advice = is_bounded_by_generator.then(|| MORE_GENERATOR.to_owned());
    let points = advice.into_iter().chain(recovery(own)).collect();
    let capacity = LabelledRow {
        label: "capacity",
        text: headline(own),
        tone,
        points,
    };
    let search = LabelledRow {
        label: "search",
        text: search_end(own),
        ..LabelledRow::default()
    };
    vec![capacity, search]
}

fn sweep_row(steps: &[LoadStep]) -> LabelledRow {
    let kept = steps.iter().filter(|step| step.keeps_up());
    let kept = kept.map(|step| step.offered_per_s).reduce(f64::max);
    let rates = counted(steps.len() as u64, "rate");
    let text = match kept {
        Some(rate) => format!(
            "{rates} · the server kept up with {} msg/s (95 % achieved, nothing failed)",
            human_rate(rate)
        ),
        None => format!(
            "{rates} · the server kept up with none of them (95 % achieved, nothing failed)"
        ),
    };
    let limited = steps.iter().filter(|step| step.generator_limited);
    let limited: Vec<_> = limited.map(|step| step.offered_per_s).collect();
    let limited = (!limited.is_empty()).then(|| {
        let rates = some_rates(&limited);
        format!("the generator was the limit at {rates}; use more threads (`--threads`) or several processes (`--shards`)")
    });
    LabelledRow {
        label: "load curve",
        text,
        tone: kept.map_or(Tone::Warning, |_| Tone::Neutral),
        points: limited.into_iter().collect(),
    }
}

/// Rates in words: `447 msg/s`, `447 and 1,000 msg/s`; of more than three, their number.
fn some_rates(rates: &[f64]) -> String {
    const LISTED: usize = 3;
    if rates.len() > LISTED {
        return counted(rates.len() as u64, "rate");
    }
    let rates: Vec<_> = rates.iter().map(|rate| human_rate(*rate)).collect();
    format!("{} msg/s", rates.join(" and "))
}

/// Figures of a search, for a table; empty for any other run.
pub fn figures(s: &Summary) -> Vec<SummaryFigure> {
    let Some(own) = &s.capacity else {
        return Vec::new();
    };
    let rate = |per_s: f64| format!("{} msg/s", human_rate(per_s));
    vec![
        in_table("conditions", Some(all_conditions(&own.conditions))),
        in_table("capacity", own.rate_per_s.map(rate)),
        in_table("interval", interval(own)),
        in_table("at least", own.at_least.then(|| "yes".to_owned())),
        in_table("from above", own.from_above_per_s.map(rate)),
        in_table(
            "hysteresis",
            own.from_above_per_s
                .map(|_| if own.hysteresis { "yes" } else { "not found" }.to_owned()),
        ),
        in_table("ended by", Some(own.ended_by.name().to_owned())),
        in_table("took", Some(human_time(own.took_s * 1e9))),
        in_table("steps", Some(grouped(own.steps.len() as u64))),
        in_table(
            "length of a block",
            own.block_s.map(|s| human_time(s * 1e9)),
        ),
    ]
}

/// The steps of a search or the rates of a sweep as a table of at most about `rows` rows; `None` for any other run.
pub fn table(s: &Summary, rows: usize) -> Option<LoadTable> {
    match (&s.capacity, &s.load_curve) {
        (Some(own), _) if !own.steps.is_empty() => Some(search_table(own, rows)),
        (None, Some(steps)) if !steps.is_empty() => Some(curve_table(steps)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use measurement::run::{StepOrigin, TimeInterval};
    use test_support::fixtures::closed_loop_summary;

    use super::*;

    fn step(offered_per_s: f64, held: Option<bool>) -> LoadStep {
        LoadStep {
            offered_per_s,
            achieved_per_s: offered_per_s,
            answered_per_s: offered_per_s,
            held,
            seconds: 2.0,
            response_p50_ns: Some(500_000),
            response_p99_ns: Some(2_000_000),
            response_p99_9_ns: Some(4_000_000),
            due: 1_000,
            ..LoadStep::default()
        }
    }

    fn capacity() -> CapacitySummary {
        CapacitySummary {
            conditions: vec!["p99<10ms".to_owned()],
            rate_per_s: Some(41_200.0),
            low_per_s: 40_100.0,
            high_per_s: 42_000.0,
            confidence: 0.95,
            at_least: false,
            from_above_per_s: None,
            hysteresis: false,
            ended_by: SearchEnd::Precision,
            steps: vec![step(40_000.0, Some(true)), step(43_000.0, Some(false))],
            precision: 0.03,
            budget_s: 120.0,
            took_s: 74.2,
            block_s: Some(0.2),
            generator_limited_steps: 0,
        }
    }

    #[test]
    fn conditions_are_written_with_blanks() {
        for (typed, expected) in [
            ("p99<10ms", "p99 < 10 ms"),
            ("service.p99.9<=250us", "service.p99.9 <= 250 µs"),
            ("error_rate<0.1%", "error_rate < 0.1 %"),
            ("lost==0", "lost == 0"),
            ("late<1_000", "late < 1000"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(spaced_condition(typed), expected);
        }
        let two = ["p99<10ms", "lost==0"].map(str::to_owned);
        assert_eq!(all_conditions(&two), "p99 < 10 ms and lost == 0");
    }

    #[test]
    fn the_headline_has_rate_interval_and_conditions() {
        let mut own = capacity();
        assert_eq!(
            headline(&own),
            "41,200 msg/s (40,100–42,000, 95 %) at p99 < 10 ms"
        );
        own.at_least = true;
        assert_eq!(
            headline(&own),
            "at least 41,200 msg/s (40,100–42,000, 95 %) at p99 < 10 ms: the generator was the limit"
        );
        own.high_per_s = f64::INFINITY;
        assert_eq!(
            rate_with_interval(&own),
            "41,200 msg/s (40,100 or more, 95 %)"
        );
        own.rate_per_s = None;
        assert_eq!(rate_with_interval(&own), UNKNOWN);
    }

    /// A server that answers nothing has no capacity, which is not unknown and not infinite.
    #[test]
    fn a_dead_server_has_a_capacity_of_0() {
        let mut own = capacity();
        (own.rate_per_s, own.low_per_s, own.high_per_s) = (Some(0.0), 0.0, 0.0);
        own.steps = vec![step(320.0, Some(false)), step(10.0, Some(false))];
        assert_eq!(
            headline(&own),
            "0 msg/s at p99 < 10 ms: the conditions held at no rate (lowest offered: 10 msg/s)"
        );
        let mut s = closed_loop_summary(100);
        s.capacity = Some(Box::new(own));
        assert_eq!(rows(&s)[0].tone, Tone::Bad);
    }

    #[test]
    fn an_unknown_capacity_has_its_reason() {
        let mut own = capacity();
        own.rate_per_s = None;
        own.ended_by = SearchEnd::Interrupted;
        assert_eq!(
            headline(&own),
            "unknown at p99 < 10 ms: the search was interrupted too early"
        );
        own.ended_by = SearchEnd::Budget;
        assert!(headline(&own).ends_with("use a longer `--budget`"));
        own.steps
            .iter_mut()
            .for_each(|step| step.generator_limited = true);
        assert!(headline(&own).ends_with("the generator could not offer any rate"));
    }

    #[test]
    fn the_end_of_a_search_names_its_cause() {
        let mut own = capacity();
        assert_eq!(
            search_end(&own),
            "ended at the wanted precision after 74.2 s · 2 steps · ±2.3 %"
        );
        (own.ended_by, own.took_s, own.high_per_s) = (SearchEnd::Budget, 120.0, 46_000.0);
        own.generator_limited_steps = 1;
        assert_eq!(
            search_end(&own),
            "ended by the budget after 120 s · 2 steps · ±7.2 % (wanted: ±3 %) · 1 step without meaning, because the generator was the limit"
        );
        (own.ended_by, own.high_per_s) = (SearchEnd::Interrupted, f64::INFINITY);
        own.generator_limited_steps = 0;
        assert_eq!(search_end(&own), "interrupted after 120 s · 2 steps");
    }

    #[test]
    fn recovery_is_told_from_hysteresis() {
        let mut own = capacity();
        assert_eq!(recovery(&own), None);
        own.from_above_per_s = Some(40_500.0);
        let text = recovery(&own).unwrap();
        assert_eq!(
            text,
            "no hysteresis found: after an overload it recovered at 40,500 msg/s"
        );
        (own.from_above_per_s, own.hysteresis) = (Some(23_000.0), true);
        let text = recovery(&own).unwrap();
        assert_eq!(
            text,
            "hysteresis: after an overload it recovers only below 23,000 msg/s"
        );
        let mut s = closed_loop_summary(100);
        s.capacity = Some(Box::new(own));
        let row = &rows(&s)[0];
        assert_eq!((row.tone, &row.points), (Tone::Warning, &vec![text]));
    }

    #[test]
    fn a_generator_that_was_the_limit_is_followed_by_advice() {
        let mut s = closed_loop_summary(100);
        let mut own = capacity();
        own.at_least = true;
        s.capacity = Some(Box::new(own));
        let row = &rows(&s)[0];
        assert_eq!(row.tone, Tone::Warning);
        assert!(row.points[0].contains("`--threads`"), "{:?}", row.points);
        let group = SummaryFigure::clone(&figures(&s)[3]);
        assert_eq!(
            (group.name, group.value.as_deref()),
            ("at least", Some("yes"))
        );
    }

    #[test]
    fn the_origin_of_the_other_figures_is_named() {
        let mut s = closed_loop_summary(100);
        s.offered_rate_per_s = Some(41_200.0);
        assert_eq!(origin_of_figures(&s), None);
        s.load_curve = Some(vec![step(41_200.0, None)]);
        assert_eq!(
            origin_of_figures(&s).unwrap(),
            "the figures below are those of 41,200 msg/s, the highest rate that the server kept up with"
        );
        s.load_curve.as_mut().unwrap()[0].failed = 1;
        assert!(
            origin_of_figures(&s)
                .unwrap()
                .ends_with("msg/s, the lowest rate")
        );
        s.load_curve = None;
        s.capacity = Some(Box::new(capacity()));
        assert_eq!(
            origin_of_figures(&s).unwrap(),
            "the figures below are those of the step at 41,200 msg/s"
        );
    }

    #[test]
    fn a_sweep_names_the_highest_rate_that_was_kept() {
        let mut s = closed_loop_summary(100);
        assert_eq!(rows(&s), []);
        let mut slow = step(2_000.0, None);
        (slow.due, slow.answered_per_s) = (0, 1_800.0);
        s.load_curve = Some(vec![step(1_000.0, None), slow]);
        let text = &rows(&s)[0].text;
        assert_eq!(
            text,
            "2 rates · the server kept up with 1,000 msg/s (95 % achieved, nothing failed)"
        );
        let steps = s.load_curve.as_mut().unwrap();
        steps[0].failed = 3;
        steps[1].generator_limited = true;
        let row = &rows(&s)[0];
        assert!(
            row.text.contains("kept up with none of them"),
            "{}",
            row.text
        );
        assert!(row.points[0].starts_with("the generator was the limit at 2,000 msg/s;"));
    }

    #[test]
    fn steps_of_a_rate_and_a_side_share_a_row() {
        let mut s = closed_loop_summary(100);
        let mut own = capacity();
        let mut lost = step(43_000.0, Some(false));
        (lost.failed, lost.response_p99_ns) = (7, None);
        let above = LoadStep {
            from: StepOrigin::Above,
            ..step(40_000.0, Some(false))
        };
        let limited = LoadStep {
            generator_limited: true,
            ..step(90_000.0, None)
        };
        let others = [
            above,
            lost,
            step(43_000.0, Some(true)),
            step(43_000.0, None),
            limited,
        ];
        own.steps.extend(others);
        s.capacity = Some(Box::new(own));
        let table = table(&s, 20).unwrap();
        let row = |at: usize| table.rows[at].cells.join(" | ");
        let titles = table.columns.join(" | ");
        assert_eq!(
            titles,
            "offered | from | steps | held | achieved | p50 | p99 | p99.9 | failed | unsent"
        );
        let times = "500 µs | 2.00 ms | 4.00 ms";
        assert_eq!(
            row(0),
            format!("40,000 | below | 1 | yes | 40,000 | {times} | 0 | 0")
        );
        assert_eq!(
            row(1),
            format!("40,000 | above | 1 | no | 40,000 | {times} | 0 | 0")
        );
        assert_eq!(
            row(2),
            format!("43,000 | below | 4 | 1 of 3 | 43,000 | {times} | 7 | 0")
        );
        assert_eq!(
            row(3),
            format!("90,000 | below | 1 | generator | 90,000 | {times} | 0 | 0")
        );
        let tones: Vec<_> = table.rows.iter().map(|row| row.tone).collect();
        assert_eq!(tones, [Tone::Good, Tone::Bad, Tone::Neutral, Tone::Warning]);
        assert_eq!(table.note, None);
    }

    #[test]
    fn a_long_table_keeps_the_rows_at_the_edge() {
        let mut s = closed_loop_summary(100);
        let mut own = capacity();
        own.steps = (1..=60)
            .map(|n| step(f64::from(n) * 1_000.0, Some(n <= 41)))
            .collect();
        s.capacity = Some(Box::new(own));
        let table = table(&s, 5).unwrap();
        let rates: Vec<_> = table.rows.iter().map(|row| row.cells[0].as_str()).collect();
        assert_eq!(rates, ["39,000", "40,000", "41,000", "42,000", "43,000"]);
        assert_eq!(
            table.note.unwrap(),
            "the 5 rows nearest to the capacity, of 60; a .json or .xlsx file has all 60 steps"
        );
    }

    #[test]
    fn a_load_curve_has_intervals() {
        let mut s = closed_loop_summary(100);
        let mut first = step(1_000.0, None);
        first.response_p99_interval = Some(TimeInterval {
            low_ns: 1_900_000,
            high_ns: 2_100_000,
        });
        first.server_cpu_share = Some(0.71);
        let mut second = step(2_000.0, None);
        (second.failed, second.response_p50_ns, second.due) = (5, None, 400);
        s.load_curve = Some(vec![first, second]);
        let table = table(&s, 20).unwrap();
        assert_eq!(
            table.rows[0].cells.join(" | "),
            "1,000 | 1,000 | 500 µs | 2.00 ms (1.90–2.10) | 4.00 ms | 0 | 0 | 71 %"
        );
        assert_eq!(
            table.rows[1].cells.join(" | "),
            "2,000 | 2,000 | – | 2.00 ms | – | 5 | 0 | –"
        );
        assert_eq!(table.rows[1].tone, Tone::Bad);
        let over_units = Some(TimeInterval {
            low_ns: 960_000,
            high_ns: 1_100_000,
        });
        assert_eq!(
            time_with_interval(Some(1_000_000), over_units),
            "1.00 ms (960 µs–1.10 ms)"
        );
    }
}
