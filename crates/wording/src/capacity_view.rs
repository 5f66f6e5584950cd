//! The capacity that a search found, and the load curve of a sweep, as text.

use measurement::run::{CapacitySummary, LoadStep, SearchEnd, Summary};
use measurement::verdict::RUN_QUEUE_WAIT_LIMIT;
use units::{counted, grouped, human_rate, human_time};

use crate::Tone;
use crate::generator_reasons::{advice_on_cores, ways_to_send_in_time};
use crate::load_table::{curve_table, search_table};
use crate::overload_recovery::{hysteresis_in_table, recovery};
use crate::reported_step::reported_result;
use crate::search_outcome::{BoundCause, SearchOutcome, interval, limited_by, more_time, percent};
use crate::summary_figure::{LabelledRow, SummaryFigure, in_table};

pub use crate::capacity_conditions::{all_conditions, spaced_condition};
pub use crate::load_table::{HELD, LoadRow, LoadTable, time_with_interval};
pub use crate::search_outcome::{
    LowerBoundReason, headline, interval_ends, lower_bound_reason, rate_with_interval, search_end,
};

/// Advice when the generator was late at every rate at which a condition may fail.
const MORE_GENERATOR: &str = "use more threads (`--threads`), several processes (`--shards`), or another machine for the generator";
/// Advice when no rate was tried at which a condition does not hold.
const MORE_TIME: &str = "no upper limit is known, so the capacity may be much higher; use a longer `--budget`, and let the search finish";
/// Advice when no connection was left.
const SERVER_GONE: &str =
    "the server ended all connections or went away; read its log, and see `connected`";

/// Origin of the other figures of a search or a sweep: the step at one rate, and its result; `None` for any other run.
pub fn origin_of_figures(s: &Summary) -> Option<String> {
    let steps = s.capacity.as_ref().map(|own| &own.steps);
    let steps = steps
        .or(s.load_curve.as_ref())
        .filter(|steps| !steps.is_empty())?;
    let offered_per_s = s.offered_rate_per_s?;
    let rate = human_rate(offered_per_s);
    if let Some(own) = &s.capacity {
        let result = reported_result(s, own).unwrap_or_default();
        return Some(format!(
            "the figures below are those of the step at {rate} msg/s{result}"
        ));
    }
    let which = if steps.iter().any(LoadStep::keeps_up) {
        "the highest rate that the server kept up with"
    } else {
        "the lowest rate"
    };
    Some(format!(
        "the figures below are those of {rate} msg/s, {which}"
    ))
}

/// The lines on a search or a sweep; none for any other run.
pub fn rows(s: &Summary) -> Vec<LabelledRow> {
    match (&s.capacity, &s.load_curve) {
        (Some(own), _) => search_rows(s, own),
        (None, Some(steps)) => vec![sweep_row(s, steps)],
        (None, None) => Vec::new(),
    }
}

/// The advice when the generator set the highest rate.
fn generator_advice(s: &Summary) -> String {
    let waited = s.client.run_queue_wait_share;
    // More threads would wait as well.
    let advice = match waited.filter(|share| *share > RUN_QUEUE_WAIT_LIMIT) {
        Some(share) => {
            let advice = advice_on_cores(!s.plan.pinned_to.is_empty());
            format!(
                "in the step at the reported rate it waited for a core {} of the time: {advice}",
                percent(share)
            )
        }
        None => MORE_GENERATOR.to_owned(),
    };
    format!("the conditions held at the highest rate at which the generator was in time; {advice}")
}

fn search_rows(s: &Summary, own: &CapacitySummary) -> Vec<LabelledRow> {
    let is_gone = own.ended_by == SearchEnd::ConnectionsLost;
    let is_over = is_gone || own.ended_by == SearchEnd::ShardLost;
    let (tone, advice) = match SearchOutcome::of(own) {
        SearchOutcome::Below(_) | SearchOutcome::Rarely => (Tone::Bad, None),
        SearchOutcome::Unknown(_) => (Tone::Warning, None),
        SearchOutcome::AtLeast(_, BoundCause::Generator) => {
            (Tone::Warning, Some(generator_advice(s)))
        }
        SearchOutcome::AtLeast(_, BoundCause::Ended) if is_over => (Tone::Warning, None),
        SearchOutcome::AtLeast(_, BoundCause::Ended) => (Tone::Warning, Some(MORE_TIME.to_owned())),
        SearchOutcome::Known(_) if own.hysteresis => (Tone::Warning, None),
        SearchOutcome::Known(_) => (Tone::Neutral, None),
    };
    let capacity = LabelledRow {
        label: "capacity",
        text: headline(own),
        tone,
        points: [advice, limited_by(own), more_time(own), recovery(own)]
            .into_iter()
            .flatten()
            .collect(),
    };
    let search = LabelledRow {
        label: "search",
        text: search_end(own),
        tone: if is_over { Tone::Bad } else { Tone::Neutral },
        points: is_gone
            .then(|| SERVER_GONE.to_owned())
            .into_iter()
            .collect(),
    };
    vec![capacity, search]
}

fn sweep_row(s: &Summary, steps: &[LoadStep]) -> LabelledRow {
    let kept = steps.iter().filter(|step| step.keeps_up());
    let kept = kept.map(|step| step.offered_per_s).reduce(f64::max);
    let rates = counted(steps.len() as u64, "rate");
    let text = match kept {
        Some(rate) => format!(
            "{rates} · the server kept up with {} msg/s (95 % answered, nothing failed or unsent)",
            human_rate(rate)
        ),
        None => format!(
            "{rates} · the server kept up with none of them (95 % answered, nothing failed or unsent)"
        ),
    };
    let limited = some_rates(steps.iter().filter(|step| step.generator_limited));
    let limited = limited.map(|rates| {
        format!("the generator was the limit at {rates}; use more threads (`--threads`) or several processes (`--shards`)")
    });
    let has_own_times = |step: &&LoadStep| step.generator_times && !step.generator_limited;
    let own_times = some_rates(steps.iter().filter(has_own_times));
    let own_times = own_times.map(|rates| {
        let is_pinned = !s.plan.pinned_to.is_empty();
        let ways = ways_to_send_in_time(
            s.plan.busy_poll,
            is_pinned,
            "another machine for the generator",
        );
        format!("the times at {rates} are mostly the generator's, because it sent later than planned; use {ways}")
    });
    LabelledRow {
        label: "load curve",
        text: format!("{text}{}", missing_rates(s)),
        tone: match kept {
            Some(_) if s.rates_not_measured() == 0 => Tone::Neutral,
            _ => Tone::Warning,
        },
        points: limited.into_iter().chain(own_times).collect(),
    }
}

/// Number of rates that a sweep did not reach, and the cause: ` · 3 rates not measured, because all connections had ended`.
fn missing_rates(s: &Summary) -> String {
    let missing = match s.rates_not_measured() {
        0 => return String::new(),
        n => counted(n as u64, "rate"),
    };
    let cause = match s.load_curve_ended_by {
        Some(SearchEnd::ShardLost) => "a process of the generator died",
        Some(SearchEnd::ConnectionsLost) => "all connections had ended",
        // Files of older versions do not name it.
        None if all_connections_ended(s) => "all connections had ended",
        _ => "the sweep was interrupted",
    };
    format!(" · {missing} not measured, because {cause}")
}

fn all_connections_ended(s: &Summary) -> bool {
    let connections = &s.connections;
    connections.opened > 0 && connections.closed_early >= connections.opened
}

/// Rates in words: `447 msg/s`, `447 and 1,000 msg/s`; of more than three, their number. `None` without any.
fn some_rates<'a>(steps: impl Iterator<Item = &'a LoadStep>) -> Option<String> {
    const LISTED: usize = 3;
    let rates: Vec<_> = steps.map(|step| human_rate(step.offered_per_s)).collect();
    match rates.len() {
        0 => None,
        n if n > LISTED => Some(counted(n as u64, "rate")),
        _ => Some(format!("{} msg/s", rates.join(" and "))),
    }
}

/// Figures of a search, for a table; empty for any other run.
pub fn figures(s: &Summary) -> Vec<SummaryFigure> {
    let Some(own) = &s.capacity else {
        return Vec::new();
    };
    let rate = |per_s: f64| format!("{} msg/s", human_rate(per_s));
    vec![
        in_table("conditions", Some(all_conditions(&own.conditions))),
        in_table(
            "capacity",
            own.rate_per_s.map(|per_s| match own.at_least {
                true => format!("at least {}", rate(per_s)),
                false => rate(per_s),
            }),
        ),
        in_table("interval (95 %)", interval(own)),
        in_table("at least", own.at_least.then(|| "yes".to_owned())),
        in_table("from above", own.from_above_per_s.map(rate)),
        in_table("hysteresis", hysteresis_in_table(own).map(str::to_owned)),
        in_table("ended by", Some(own.ended_by.name().to_owned())),
        in_table("took", Some(human_time(own.took_s * 1e9))),
        in_table("steps", Some(grouped(own.steps.len() as u64))),
        in_table(
            "length of a block",
            own.block_s.map(|s| human_time(s * 1e9)),
        ),
        in_table(
            "limited by",
            own.limited_by.as_deref().map(spaced_condition),
        ),
    ]
}

/// The steps of a search or the rates of a sweep as a table of at most about `rows` rows; `None` for any other run.
pub fn table(s: &Summary, rows: usize) -> Option<LoadTable> {
    match (&s.capacity, &s.load_curve) {
        (Some(own), _) if !own.steps.is_empty() => Some(search_table(own, rows)),
        (None, Some(steps)) if !steps.is_empty() => {
            let mut table = curve_table(steps);
            let missing = missing_rates(s).strip_prefix(" · ").map(str::to_owned);
            table.notes.splice(0..0, missing);
            Some(table)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use measurement::run::{StepOrigin, SweepPlanSummary, TimeInterval};
    use test_support::fixtures::{closed_loop_summary, found_capacity};

    use super::*;

    fn step(offered_per_s: f64, held: Option<bool>) -> LoadStep {
        LoadStep {
            offered_per_s,
            achieved_per_s: offered_per_s,
            answered_per_s: offered_per_s,
            held,
            seconds: 1_000.0 / offered_per_s,
            response_p50_ns: Some(500_000),
            response_p99_ns: Some(2_000_000),
            response_p99_9_ns: Some(4_000_000),
            due: 1_000,
            ..LoadStep::default()
        }
    }

    fn capacity() -> CapacitySummary {
        CapacitySummary {
            steps: vec![step(40_000.0, Some(true)), step(43_000.0, Some(false))],
            ..found_capacity()
        }
    }

    #[test]
    fn a_generator_that_was_the_limit_is_followed_by_advice() {
        let mut s = closed_loop_summary(100);
        let mut own = capacity();
        own.at_least = true;
        s.capacity = Some(Box::new(own.clone()));
        let row = &rows(&s)[0];
        assert_eq!(row.tone, Tone::Warning);
        assert!(row.points[0].contains("`--budget`"), "{:?}", row.points);
        own.generator_limit = true;
        s.capacity = Some(Box::new(own));
        let row = &rows(&s)[0];
        assert_eq!(row.tone, Tone::Warning);
        assert!(row.points[0].contains("`--threads`"), "{:?}", row.points);
        // More threads on a busy machine would have waited as well.
        s.client.run_queue_wait_share = Some(0.37);
        let advice = &rows(&s)[0].points[0];
        assert!(advice.contains("37 % of the time: give"), "{advice}");
        assert!(!advice.contains("`--threads`"), "{advice}");
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
        let origin = |step: LoadStep, s: &mut Summary| {
            s.capacity.as_mut().unwrap().steps.push(step);
            let text = origin_of_figures(s).unwrap();
            let result =
                text.strip_prefix("the figures below are those of the step at 41,200 msg/s");
            result.unwrap().to_owned()
        };
        assert_eq!(
            origin(step(41_200.0, Some(true)), &mut s),
            ", in which the conditions held"
        );
        assert_eq!(
            origin(step(41_200.0, Some(false)), &mut s),
            ", in which a condition did not hold: near the capacity, single steps lie above or below the limit by chance"
        );
        assert_eq!(
            origin(step(41_200.0, Some(true)), &mut s),
            ", in which the conditions held; near the capacity, single steps lie above or below the limit by chance"
        );
        let late = LoadStep {
            generator_limited: true,
            ..step(41_200.0, None)
        };
        assert!(origin(late, &mut s).contains("the generator was late"));
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
            "2 rates · the server kept up with 1,000 msg/s (95 % answered, nothing failed or unsent)"
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

    /// Rates that were fully offered and answered were said to have the generator as their limit, and so not to count.
    #[test]
    fn late_times_of_the_generator_were_called_its_limit() {
        let mut s = closed_loop_summary(100);
        let mut steps = vec![step(1_000.0, None), step(2_000.0, None)];
        steps[0].generator_times = true;
        s.load_curve = Some(steps);
        let row = &rows(&s)[0];
        assert!(
            row.text.contains("kept up with 2,000 msg/s"),
            "{}",
            row.text
        );
        let [point] = row.points.as_slice() else {
            panic!("{:?}", row.points);
        };
        assert!(
            point.starts_with("the times at 1,000 msg/s are mostly the generator's, "),
            "{point}"
        );
        assert!(!point.contains("limit"), "{point}");
        let tones = table(&s, 20).unwrap().rows.into_iter().map(|row| row.tone);
        assert_eq!(tones.collect::<Vec<_>>(), [Tone::Warning, Tone::Good]);
        // A rate that was not offered is limited, whatever its times are.
        s.load_curve.as_mut().unwrap()[0].generator_limited = true;
        let points = &rows(&s)[0].points;
        assert_eq!(points.len(), 1, "{points:?}");
        assert!(points[0].starts_with("the generator was the limit at 1,000 msg/s"));
    }

    /// Rates after the end of the server appeared as rates that it could not take.
    #[test]
    fn rates_without_connections_are_not_measured() {
        let mut s = closed_loop_summary(100);
        s.load_curve = Some(vec![step(1_000.0, None)]);
        s.plan.sweep = Some(SweepPlanSummary {
            rates: vec![1_000.0, 2_000.0, 3_000.0],
            point_s: 1.0,
        });
        assert!(
            rows(&s)[0]
                .text
                .ends_with(" · 2 rates not measured, because the sweep was interrupted")
        );
        (s.connections.opened, s.connections.closed_early) = (5, 5);
        assert!(
            rows(&s)[0]
                .text
                .ends_with(" · 2 rates not measured, because all connections had ended")
        );
        assert_eq!(
            table(&s, 20).unwrap().notes,
            ["2 rates not measured, because all connections had ended"]
        );
    }

    /// Connections that were opened again and closed again seemed to be more than there were, so all seemed to have ended.
    #[test]
    fn an_interrupted_sweep_was_said_to_have_lost_all_connections() {
        let mut s = closed_loop_summary(100);
        s.load_curve = Some(vec![step(1_000.0, None)]);
        s.plan.sweep = Some(SweepPlanSummary {
            rates: vec![1_000.0, 2_000.0],
            point_s: 1.0,
        });
        (s.connections.opened, s.connections.closed_early) = (10, 14);
        for (end, cause) in [
            (SearchEnd::Interrupted, "the sweep was interrupted"),
            (SearchEnd::ConnectionsLost, "all connections had ended"),
            (SearchEnd::ShardLost, "a process of the generator died"),
        ] {
            s.load_curve_ended_by = Some(end);
            let text = &rows(&s)[0].text;
            let expected = format!(" · 1 rate not measured, because {cause}");
            assert!(text.ends_with(&expected), "{text}");
        }
    }

    #[test]
    fn steps_of_a_rate_a_side_and_a_result_share_a_row() {
        let mut s = closed_loop_summary(100);
        let mut own = capacity();
        let mut lost = step(43_000.0, Some(false));
        (lost.failed, lost.response_p99_ns) = (7, None);
        let above = LoadStep {
            from: StepOrigin::Above,
            ..step(40_000.0, Some(false))
        };
        let late = |rate| LoadStep {
            generator_limited: true,
            response_p99_ns: Some(658_000_000),
            ..step(rate, None)
        };
        let others = [
            above,
            lost,
            step(43_000.0, Some(true)),
            step(43_000.0, None),
            late(43_000.0),
            late(43_000.0),
            late(90_000.0),
        ];
        own.steps.extend(others);
        s.capacity = Some(Box::new(own.clone()));
        let table = table(&s, 20).unwrap();
        assert_eq!(
            table.columns.join(" | "),
            "offered | from | steps | held | answered | p50 | p99 | p99.9 | failed | unsent"
        );
        let rows = table.rows.iter().map(|row| row.cells.join(" | "));
        let rows: Vec<_> = rows.collect();
        let times = "500 µs | 2.00 ms | 4.00 ms";
        let late = "500 µs | 658 ms | 4.00 ms";
        let expected = [
            format!("40,000 | below | 1 | yes | 40,000 | {times} | 0 | 0"),
            format!("40,000 | above | 1 | no | 40,000 | {times} | 0 | 0"),
            format!("43,000 | below | 1 | yes | 43,000 | {times} | 0 | 0"),
            format!("43,000 | below | 2 | no | 43,000 | {times} | 7 | 0"),
            format!("43,000 | below | 1 | undecided | 43,000 | {times} | 0 | 0"),
            format!("43,000 | below | 2 | generator | 43,000 | {late} | 0 | 0"),
            format!("90,000 | below | 1 | generator | 90,000 | {late} | 0 | 0"),
        ];
        assert_eq!(rows, expected);
        let tones: Vec<_> = table.rows.iter().map(|row| row.tone).collect();
        use Tone::{Bad, Good, Warning};
        assert_eq!(tones, [Good, Bad, Good, Bad, Warning, Warning, Warning]);
        let growth = "did not hold at 43,000 msg/s, although no percentile was beyond its limit: the response times grew until the end of the step";
        assert_eq!(table.notes, [growth]);
        // The line on the search counts the steps of the rows.
        assert!(search_end(&own).contains("3 steps not counted, because the generator was late"));
    }

    #[test]
    fn a_long_table_keeps_the_rows_at_the_edge() {
        let mut s = closed_loop_summary(100);
        let mut own = capacity();
        own.steps = (1..=60)
            .map(|n| LoadStep {
                response_p99_ns: Some(if n <= 41 { 2_000_000 } else { 20_000_000 }),
                ..step(f64::from(n) * 1_000.0, Some(n <= 41))
            })
            .collect();
        s.capacity = Some(Box::new(own));
        let table = table(&s, 5).unwrap();
        let rates: Vec<_> = table.rows.iter().map(|row| row.cells[0].as_str()).collect();
        assert_eq!(rates, ["39,000", "40,000", "41,000", "42,000", "43,000"]);
        assert_eq!(
            table.notes,
            ["the 5 rows nearest to the capacity, of 60; a .json or .xlsx file has all 60 steps"]
        );
    }

    /// An overloaded step had a small p99 beside the result "no", because most of its messages were not among the times.
    #[test]
    fn percentiles_among_failed_messages_are_infinite() {
        const FOOTNOTE: &str =
            "∞: more messages failed or were not sent than lie beyond the percentile";
        let mut lost = step(43_000.0, Some(false));
        (lost.failed, lost.unsent) = (8, 3);
        (lost.response_p99_ns, lost.response_p99_9_ns) = (None, None);
        let mut s = closed_loop_summary(100);
        let mut own = capacity();
        own.steps = vec![step(40_000.0, Some(true)), lost.clone()];
        s.capacity = Some(Box::new(own));
        let found = table(&s, 20).unwrap();
        assert_eq!(
            found.rows[1].cells.join(" | "),
            "43,000 | below | 1 | no | 43,000 | 500 µs | ∞ | ∞ | 8 | 3"
        );
        assert_eq!(found.notes, [FOOTNOTE]);
        s.capacity = None;
        s.load_curve = Some(vec![step(40_000.0, None), lost]);
        let found = table(&s, 20).unwrap();
        assert_eq!(
            found.rows[1].cells.join(" | "),
            "43,000 | 43,000 | 500 µs | ∞ | ∞ | 8 | 3"
        );
        assert_eq!(found.notes, [FOOTNOTE]);
    }

    /// A stop of the server looked like a low capacity, and a server that ends connections like an overloaded one.
    #[test]
    fn silences_and_ended_connections_are_named_below_the_table() {
        let mut s = closed_loop_summary(100);
        let notes = |s: &mut Summary, change: &dyn Fn(&mut [LoadStep])| {
            let mut own = capacity();
            own.steps = [10_000.0, 20_000.0, 30_000.0, 40_000.0]
                .map(|rate| step(rate, Some(true)))
                .to_vec();
            change(&mut own.steps);
            s.capacity = Some(Box::new(own));
            table(s, 20).unwrap().notes
        };
        let found = notes(&mut s, &|steps| {
            steps[0].longest_silence_s = Some(0.3);
            steps[1].longest_silence_s = Some(3.1);
            (steps[1].closed, steps[3].closed) = (2, 10);
        });
        assert_eq!(
            found,
            [
                "nothing was answered for 3.10 s in the step at 20,000 msg/s: was the server stopped?",
                "12 connections were closed by the server at 20,000 msg/s and above",
            ]
        );
        let found = notes(&mut s, &|steps| {
            steps[1].longest_silence_s = Some(1.5);
            steps[2].longest_silence_s = Some(3.1);
            steps[3].closed = 1;
        });
        assert_eq!(
            found,
            [
                "nothing was answered for up to 3.10 s in 2 steps at 20,000 msg/s and above: was the server stopped?",
                "1 connection was closed by the server at 40,000 msg/s",
            ]
        );
        // A stop may be longer than the whole step.
        let found = notes(&mut s, &|steps| {
            (steps[0].longest_silence_s, steps[0].answered_per_s) = (Some(0.3), 0.0);
        });
        assert_eq!(
            found,
            [
                "nothing was answered for 300 ms in the step at 10,000 msg/s: was the server stopped?"
            ]
        );
        // A server that answers nothing at all is not stopped for a time.
        let found = notes(&mut s, &|steps| {
            for step in steps {
                (step.longest_silence_s, step.answered_per_s) = (Some(3.0), 0.0);
            }
        });
        assert_eq!(found, Vec::<String>::new());
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
            "2,000 | 2,000 | – | ∞ | ∞ | 5 | 0 | –"
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
