//! The shards of a run as text.

use std::collections::{BTreeMap, BTreeSet};

use measurement::run::{
    CLOCK_ERROR_LIMIT_NS, FullStrength, LATE_START_NS, LONG_STOP_NS, ShardsSummary, Summary,
};
use units::{counted, grouped, human_time};

use crate::Tone;
use crate::summary_figure::{LabelledRow, SummaryFigure, UNKNOWN, in_table};

/// Maximum number of names in a sentence, and of sentences of the same kind.
const LISTED: usize = 12;

/// Maximum number of letters of a difference between plans.
const SHOWN_LETTERS: usize = 80;

/// The line about the shards, with one point for each fault; `None` for a single process.
pub(crate) fn row(s: &Summary) -> Option<LabelledRow> {
    let shards = s.shards.as_ref()?;
    let state = if shards.degraded { "degraded: " } else { "" };
    Some(LabelledRow {
        label: "shards",
        text: format!("{state}{}", counts(shards, "complete")),
        tone: tone(shards),
        points: points(s),
    })
}

/// The word for the state of all shards together: `complete` or `degraded`.
pub fn state(shards: &ShardsSummary) -> &'static str {
    if shards.degraded {
        "degraded"
    } else {
        "complete"
    }
}

/// Meaning of the state: bad when degraded, a warning when the machines' clocks cannot be compared.
pub fn tone(shards: &ShardsSummary) -> Tone {
    match (shards.degraded, shards.clocks.is_reliable()) {
        (true, _) => Tone::Bad,
        (false, false) => Tone::Warning,
        (false, true) => Tone::Neutral,
    }
}

/// Counts of shards and machines, and the latest start: `5 of 6 shards complete · 2 machines · started within 1.20 ms
/// of T0`.
pub fn text(shards: &ShardsSummary) -> String {
    counts(shards, "shards complete")
}

fn counts(shards: &ShardsSummary, complete: &str) -> String {
    let mut parts = vec![format!(
        "{} of {} {complete}",
        grouped(shards.complete.into()),
        grouped(shards.planned.into())
    )];
    parts.extend(machines(shards));
    if let Some(max) = shards.start_skew_ns.max {
        parts.push(format!("started within {} of T0", human_time(max as f64)));
    }
    parts.join(" · ")
}

/// Number of machines; `None` for a single one.
fn machines(shards: &ShardsSummary) -> Option<String> {
    let machines = shards.clocks.machines;
    (machines > 1).then(|| counted(machines.into(), "machine"))
}

/// Number of shards and machines, as a setting of the run: `4 on 2 machines`.
pub(crate) fn setting(shards: &ShardsSummary) -> String {
    let planned = grouped(shards.planned.into());
    match machines(shards) {
        Some(machines) => format!("{planned} on {machines}"),
        None => planned,
    }
}

/// Figures of the shards for tables; empty for a single process.
pub(crate) fn figures(s: &Summary) -> Vec<SummaryFigure> {
    let Some(shards) = &s.shards else {
        return Vec::new();
    };
    let time = |ns: Option<u64>| ns.map(|ns| human_time(ns as f64));
    let machines = shards.clocks.machines;
    vec![
        in_table("state", Some(state(shards).to_owned())),
        in_table("shards", Some(grouped(shards.planned.into()))),
        in_table("complete", Some(grouped(shards.complete.into()))),
        in_table("start skew p50", time(shards.start_skew_ns.p50)),
        in_table("start skew max", time(shards.start_skew_ns.max)),
        in_table("full strength", shards.full_strength.as_ref().map(window)),
        in_table(
            "response time p99, full strength",
            shards
                .full_strength
                .and_then(|full| time(full.response_time_ns.p99)),
        ),
        in_table("machines", (machines > 1).then(|| grouped(machines.into()))),
        in_table("clock error at most", time(shards.clocks.max_error_ns)),
    ]
}

/// One sentence or two on each fault, the figures that lack shards, the time in which all shards were at work if there are
/// faults, and the files of other runs. Empty for a single process.
pub fn points(s: &Summary) -> Vec<String> {
    let Some(shards) = &s.shards else {
        return Vec::new();
    };
    let has_steps = s.capacity.is_some() || s.load_curve.is_some();
    let mut points = faults(shards, has_steps);
    if !has_steps {
        points.extend(figures_without(s, shards));
    }
    if shards.degraded && !has_steps {
        points.push(full_strength(shards));
    }
    points.extend(clocks(shards));
    points.extend(left_out(shards));
    points
}

/// The figures in which shards without a result have no part, although their messages may be counted.
fn figures_without(s: &Summary, shards: &ShardsSummary) -> Option<String> {
    if !shards.lacks_results() {
        return None;
    }
    let reach = if s.fan_out.is_some() {
        ", and the reach of the whole run is unknown"
    } else {
        ""
    };
    let figures = [
        s.fan_out.is_some().then_some("deliveries"),
        s.push.is_some().then_some("messages of the feed"),
        s.slow.is_some().then_some("slow readers"),
    ];
    let figures: Vec<_> = figures
        .into_iter()
        .flatten()
        .map(ToOwned::to_owned)
        .collect();
    (!figures.is_empty()).then(|| {
        format!(
            "{} are counted for the shards with a result only{reach}",
            listed(&figures)
        )
    })
}

/// One sentence or two on each fault. `has_steps`: a search or a sweep, which ends when a shard dies.
fn faults(shards: &ShardsSummary, has_steps: bool) -> Vec<String> {
    let mut points = Vec::new();
    points.extend(missing(shards));
    match has_steps {
        true => points.extend(died_in_step(shards)),
        false => points.extend(died(shards)),
    }
    points.extend(late(shards));
    points.extend(differing(shards));
    points.extend(stopped(shards));
    if !shards.interrupted.is_empty() {
        let verb = match shards.interrupted.len() {
            1 => "was",
            _ => "were",
        };
        let names = with_hosts(shards, &shards.interrupted);
        points.push(format!(
            "{names} {verb} interrupted, and did not complete the plan"
        ));
    }
    points
}

/// The files of other runs in the same folder.
fn left_out(shards: &ShardsSummary) -> Option<String> {
    let verb = match shards.left_out.len() {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    let files = counted(shards.left_out.len() as u64, "file");
    let names = listed(&shards.left_out);
    Some(format!(
        "{files} of other starts or plans {verb} left out: {names}"
    ))
}

fn missing(shards: &ShardsSummary) -> Option<String> {
    let (verb, their) = match shards.missing.len() {
        0 => return None,
        1 => ("is", "its"),
        _ => ("are", "their"),
    };
    Some(format!(
        "{} {verb} missing: no file of this run, so {their} messages are in no figure. See the output of the shards, and \
         check that all have the same start and `--shard-dir`",
        numbered(&shards.missing)
    ))
}

/// One point for all shards whose data end at the same second.
fn died(shards: &ShardsSummary) -> Vec<String> {
    let mut by_end: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for died in &shards.died {
        by_end.entry(died.through_s).or_default().push(died.shard);
    }
    let point = |(through_s, numbers): (&u64, &Vec<u32>)| {
        let names = with_hosts(shards, numbers);
        let (they, their, run) = match numbers.len() {
            1 => ("It", "its", "runs"),
            _ => ("They", "their", "run"),
        };
        let (data, consequence) = match through_s {
            0 => (
                "no whole second of data".to_owned(),
                "messages are in no figure",
            ),
            through_s => (
                format!("data through second {}", grouped(*through_s)),
                "failed messages count as lost",
            ),
        };
        format!(
            "{names}: no result, {data}. {they} died or still {run}, so {their} {consequence}; see the output of the shard for the cause"
        )
    };
    let mut points: Vec<_> = by_end.iter().take(LISTED).map(point).collect();
    let others = by_end.values().skip(LISTED).map(Vec::len).sum();
    points.extend(further(others, "died"));
    points
}

/// One point for all shards that died while a step was taken.
fn died_in_step(shards: &ShardsSummary) -> Option<String> {
    let numbers: Vec<_> = shards.died.iter().map(|died| died.shard).collect();
    (!numbers.is_empty()).then(|| {
        format!(
            "{} died, so the run ended early, without the step that was taken then. See the error of the shard for the cause, \
             and repeat the run",
            with_hosts(shards, &numbers)
        )
    })
}

fn late(shards: &ShardsSummary) -> Vec<String> {
    let point = |late: &measurement::run::LateShard| {
        format!(
            "{} started {} after T0 (limit {}), so the load was below the plan until then. Look for stopped processes and \
             a lack of CPU on its machine",
            with_hosts(shards, &[late.shard]),
            human_time(late.skew_ns as f64),
            human_time(LATE_START_NS as f64)
        )
    };
    let mut points: Vec<_> = shards.late.iter().take(LISTED).map(point).collect();
    points.extend(further(
        shards.late.len().saturating_sub(LISTED),
        "started late",
    ));
    points
}

/// The point on shards that no other point names.
fn further(shards: usize, verb: &str) -> Option<String> {
    let more = counted(shards as u64, "more shard");
    (shards > 0).then(|| format!("{more} {verb}"))
}

/// One point for all shards with the same differences.
fn differing(shards: &ShardsSummary) -> Vec<String> {
    let mut by_differences: BTreeMap<&[String], Vec<u32>> = BTreeMap::new();
    for shard in &shards.differing {
        let row = shards.rows.iter().find(|row| row.shard == *shard);
        let differences = row.map_or(&[][..], |row| &row.differences);
        by_differences.entry(differences).or_default().push(*shard);
    }
    let point = |(differences, numbers): (&&[String], &Vec<u32>)| {
        let (verb, their) = match numbers.len() {
            1 => ("has", "its"),
            _ => ("have", "their"),
        };
        let values = match differences {
            [] => String::new(),
            some => format!(
                "; {their} values, and those of the run in parentheses: {}",
                some.iter()
                    .map(|text| cut(text))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        format!(
            "{} {verb} another plan, so {their} figures are left out. Start all shards with the same options, except \
             `--shard`{values}",
            with_hosts(shards, numbers)
        )
    };
    let mut points: Vec<_> = by_differences.iter().take(LISTED).map(point).collect();
    let others = by_differences.values().skip(LISTED).map(Vec::len).sum();
    points.extend(further(others, "had another plan"));
    points
}

/// A text whose end is cut off if it is long.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The shards whose generator stood still for long. The verdict judges these stops.
fn stopped(shards: &ShardsSummary) -> Vec<String> {
    let rows = shards.rows.iter();
    let long = rows.filter_map(|row| {
        let longest_ns = row.longest_stop_ns.filter(|ns| *ns >= LONG_STOP_NS)?;
        Some((row.shard, longest_ns))
    });
    long.take(LISTED)
        .map(|(shard, longest_ns)| {
            format!(
                "{} was stopped for {}: its longest times may be its own",
                with_hosts(shards, &[shard]),
                human_time(longest_ns as f64)
            )
        })
        .collect()
}

fn full_strength(shards: &ShardsSummary) -> String {
    let Some(full) = &shards.full_strength else {
        return "at no time were all shards at work, so no figure describes the planned load. Repeat the run with all shards"
            .to_owned();
    };
    let p99 = full.response_time_ns.p99;
    format!(
        "all shards were at work in {}: {}, response p99 {}",
        window(full),
        counted(full.messages, "echo"),
        p99.map_or_else(|| UNKNOWN.to_owned(), |ns| human_time(ns as f64))
    )
}

fn window(full: &FullStrength) -> String {
    format!("seconds {} to {}", grouped(full.from_s), grouped(full.to_s))
}

/// The clocks of several machines, if they cannot be compared.
fn clocks(shards: &ShardsSummary) -> Option<String> {
    let clocks = &shards.clocks;
    if clocks.is_reliable() {
        return None;
    }
    let limit = format!("limit {}", human_time(CLOCK_ERROR_LIMIT_NS as f64));
    let error = clocks.max_error_ns.map(|ns| human_time(ns as f64));
    let found = match (clocks.unsynchronised.as_slice(), error) {
        ([], Some(error)) => {
            format!("the machines' clocks have an error of up to {error} ({limit})")
        }
        ([], None) => format!("the error of the machines' clocks is unknown ({limit})"),
        (numbers, error) => {
            let error = error.map_or_else(
                || "with an unknown error".to_owned(),
                |error| format!("with an error of up to {error}"),
            );
            format!(
                "{} ran without a synchronized clock, {error} ({limit})",
                with_hosts(shards, numbers)
            )
        }
    };
    Some(format!(
        "{found}, so the shards may have started at different times. Synchronize the clocks, for example with chrony"
    ))
}

/// Shards with their machines, if there are several: `shards 1 and 3 (node-1)`.
fn with_hosts(shards: &ShardsSummary, numbers: &[u32]) -> String {
    let names = numbered(numbers);
    if shards.clocks.machines <= 1 {
        return names;
    }
    let rows = shards.rows.iter();
    let hosts: BTreeSet<_> = rows
        .filter(|row| numbers.contains(&row.shard))
        .filter_map(|row| row.host.clone())
        .collect();
    if hosts.is_empty() {
        return names;
    }
    format!("{names} ({})", listed(&Vec::from_iter(hosts)))
}

/// `shard 3`, or `shards 3, 5 and 7`.
fn numbered(shards: &[u32]) -> String {
    let numbers: Vec<_> = shards.iter().map(u32::to_string).collect();
    let noun = if shards.len() == 1 { "shard" } else { "shards" };
    format!("{noun} {}", listed(&numbers))
}

/// The first names, and the number of the others: `a, b and c`, `a, b and 3 more`.
fn listed(names: &[String]) -> String {
    let others = names.len().saturating_sub(LISTED);
    let more = (others > 0).then(|| format!("{} more", grouped(others as u64)));
    let mut shown: Vec<_> = names.iter().take(LISTED).cloned().chain(more).collect();
    match shown.pop() {
        Some(last) if !shown.is_empty() => format!("{} and {last}", shown.join(", ")),
        last => last.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use measurement::run::{ClockSummary, DiedShard, LateShard, ShardRow};
    use test_support::fixtures::{
        closed_loop_summary, complete_shards, degraded_shards, full_strength,
    };

    use super::*;

    /// The only point that contains these words, of shards on one machine unless `change` sets another number.
    fn point(words: &str, change: impl FnOnce(&mut ShardsSummary)) -> String {
        let mut shards = complete_shards();
        change(&mut shards);
        let mut found = points_of(shards);
        found.retain(|point| point.contains(words));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    fn points_of(shards: ShardsSummary) -> Vec<String> {
        let mut summary = closed_loop_summary(100);
        summary.shards = Some(shards);
        points(&summary)
    }

    fn line(shards: ShardsSummary) -> LabelledRow {
        let mut summary = closed_loop_summary(100);
        summary.shards = Some(shards);
        row(&summary).unwrap()
    }

    #[test]
    fn interrupted_shards_are_named() {
        let interrupted = |numbers: &[u32]| ShardsSummary {
            interrupted: numbers.to_vec(),
            ..ShardsSummary::default()
        };
        let one = "shard 3 was interrupted, and did not complete the plan";
        assert_eq!(points_of(interrupted(&[3])), [one]);
        let two = "shards 3 and 5 were interrupted, and did not complete the plan";
        assert_eq!(points_of(interrupted(&[3, 5])), [two]);
    }

    #[test]
    fn deliveries_of_a_shard_without_a_result_are_unknown() {
        let mut summary = closed_loop_summary(100);
        let words = "counted for the shards with a result only";
        let mut point = |change: fn(&mut Summary)| {
            change(&mut summary);
            let points = points(&summary);
            points.into_iter().find(|point| point.contains(words))
        };
        let complete = point(|s| {
            s.shards = Some(complete_shards());
            s.fan_out = Some(measurement::run::FanOutSummary::default());
        });
        assert_eq!(complete, None);
        let deliveries = point(|s| s.shards = Some(degraded_shards()));
        assert_eq!(
            deliveries.as_deref(),
            Some(
                "deliveries are counted for the shards with a result only, and the reach of the whole run is unknown"
            )
        );
        let feed = point(|s| {
            s.fan_out = None;
            s.push = Some(measurement::run::PushSummary::default());
            s.slow = Some(measurement::run::SlowSummary::default());
        });
        let feed = feed.unwrap();
        assert_eq!(
            feed,
            "messages of the feed and slow readers are counted for the shards with a result only"
        );
    }

    #[test]
    fn a_shard_that_stood_still_for_long_is_named() {
        let mut shards = ShardsSummary::default();
        for (shard, longest_ns) in [(0, LONG_STOP_NS - 1), (1, 2_000_000_000)] {
            shards.rows.push(ShardRow {
                shard,
                longest_stop_ns: Some(longest_ns),
                ..ShardRow::default()
            });
        }
        let sentence = "shard 1 was stopped for 2.00 s: its longest times may be its own";
        assert_eq!(points_of(shards), [sentence]);
    }

    #[test]
    fn a_shard_that_died_in_a_step_ends_a_sweep() {
        let mut summary = closed_loop_summary(100);
        summary.load_curve = Some(Vec::new());
        let died = |shard| DiedShard {
            shard,
            through_s: 7,
        };
        summary.shards = Some(ShardsSummary {
            degraded: true,
            died: vec![died(1), died(2)],
            ..ShardsSummary::default()
        });
        let sentence = "shards 1 and 2 died, so the run ended early, without the step that was taken then. See the error of the \
                        shard for the cause, and repeat the run";
        assert_eq!(points(&summary), [sentence]);
    }

    #[test]
    fn a_single_process_has_no_line_and_no_figures() {
        let summary = closed_loop_summary(100);
        assert_eq!(row(&summary), None);
        assert!(figures(&summary).is_empty());
    }

    #[test]
    fn complete_shards_have_a_line_without_points() {
        let expected = LabelledRow {
            label: "shards",
            text: "2 of 2 complete · started within 1.20 ms of T0".to_owned(),
            tone: Tone::Neutral,
            points: Vec::new(),
        };
        assert_eq!(line(complete_shards()), expected);
        let text = super::text(&complete_shards());
        assert_eq!(
            text,
            "2 of 2 shards complete · started within 1.20 ms of T0"
        );
        let unknown = ShardsSummary {
            start_skew_ns: measurement::run::StartSkew::default(),
            ..complete_shards()
        };
        assert_eq!(line(unknown).text, "2 of 2 complete");
    }

    #[test]
    fn degraded_shards_are_all_named() {
        let line = line(degraded_shards());
        let text = "degraded: 2 of 6 complete · 2 machines · started within 1.70 s of T0";
        assert_eq!((line.text.as_str(), line.tone), (text, Tone::Bad));
        let expected = [
            "shards 4 and 5 are missing: no file of this run, so their messages are in no figure. See the output of the \
             shards, and check that all have the same start and `--shard-dir`",
            "shard 1 (node-1): no result, data through second 2. It died or still runs, so its failed messages count as lost; see the \
             output of the shard for the cause",
            "shard 2 (node-0) started 1.70 s after T0 (limit 100 ms), so the load was below the plan until then. Look for \
             stopped processes and a lack of CPU on its machine",
            "shard 3 (node-1) has another plan, so its figures are left out. Start all shards with the same options, \
             except `--shard`; its values, and those of the run in parentheses: clients: 10 (20), text: false (true)",
            "at no time were all shards at work, so no figure describes the planned load. Repeat the run with all shards",
            "shard 1 (node-1) ran without a synchronized clock, with an error of up to 80.0 ms (limit 50.0 ms), so the \
             shards may have started at different times. Synchronize the clocks, for example with chrony",
            "2 files of other starts or plans are left out: shard-000.json and shard-001.start.json",
        ];
        assert_eq!(line.points, expected);
    }

    #[test]
    fn one_missing_or_several_differing_shards_have_their_own_forms() {
        let missing = point("missing", |shards| shards.missing = vec![7]);
        assert!(
            missing.starts_with("shard 7 is missing: no file of this run, so its messages"),
            "{missing}"
        );
        let differing = point("plan", |shards| shards.differing = vec![0, 1, 9]);
        assert!(
            differing.starts_with("shards 0, 1 and 9 have another plan, so their figures"),
            "{differing}"
        );
    }

    #[test]
    fn the_same_differences_share_a_point_and_long_ones_are_cut() {
        let mut shards = complete_shards();
        let row = |shard, difference: &str| ShardRow {
            shard,
            differences: vec![difference.to_owned()],
            ..ShardRow::default()
        };
        let long = format!("urls: {}", "x".repeat(1_000));
        shards.rows = vec![
            row(1, "text: true (false)"),
            row(2, &long),
            row(3, "text: true (false)"),
        ];
        shards.differing = vec![1, 2, 3];
        let [short, long] = points_of(shards).try_into().unwrap();
        assert!(
            short.starts_with("shards 1 and 3 have another plan"),
            "{short}"
        );
        assert!(short.ends_with(": text: true (false)"), "{short}");
        assert!(
            long.starts_with("shard 2 has") && long.ends_with("xx…"),
            "{long}"
        );
        assert!(long.chars().count() < 300, "{long}");
    }

    #[test]
    fn shards_that_died_in_the_same_second_share_a_point() {
        let died = |shard, through_s| DiedShard { shard, through_s };
        let point = point("died", |shards| {
            shards.died = vec![died(3, 1_200), died(9, 1_200)];
        });
        assert_eq!(
            point,
            "shards 3 and 9: no result, data through second 1,200. They died or still run, so their failed messages count as lost; \
             see the output of the shard for the cause"
        );
    }

    #[test]
    fn a_shard_that_died_before_its_first_second_is_in_no_figure() {
        let point = point("died", |shards| {
            let (shard, through_s) = (1, 0);
            shards.died = vec![DiedShard { shard, through_s }];
        });
        assert_eq!(
            point,
            "shard 1: no result, no whole second of data. It died or still runs, so its messages are in no figure; see the output of \
             the shard for the cause"
        );
    }

    #[test]
    fn a_thousand_faults_make_a_short_list() {
        let numbers = 0..1_000_u32;
        let mut shards = complete_shards();
        shards.missing = numbers.clone().collect();
        shards.died = numbers
            .clone()
            .map(|shard| DiedShard {
                shard,
                through_s: shard.into(),
            })
            .collect();
        shards.late = numbers
            .map(|shard| LateShard {
                shard,
                skew_ns: 2_000_000_000,
            })
            .collect();
        let points = points_of(shards);
        assert_eq!(points.len(), 1 + 2 * (LISTED + 1));
        assert!(
            points[0].starts_with("shards 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 988 more are"),
            "{}",
            points[0]
        );
        assert!(points.contains(&"988 more shards died".to_owned()));
        assert!(points.contains(&"988 more shards started late".to_owned()));
    }

    #[test]
    fn full_strength_is_shown_beside_the_faults() {
        let at_work = point("at work", |shards| {
            shards.degraded = true;
            shards.full_strength = Some(full_strength(1));
        });
        let expected =
            "all shards were at work in seconds 1 to 2: 1,980 echoes, response p99 11.9 ms";
        assert_eq!(at_work, expected);
        let nothing_timed = point("at work", |shards| {
            shards.degraded = true;
            let full = shards.full_strength.as_mut().unwrap();
            (full.messages, full.response_time_ns.p99) = (1, None);
        });
        assert!(
            nothing_timed.ends_with("1 echo, response p99 –"),
            "{nothing_timed}"
        );
    }

    #[test]
    fn unreliable_clocks_of_a_complete_run_are_a_warning() {
        let of = |max_error_ns, unsynchronised: &[u32]| ShardsSummary {
            clocks: ClockSummary {
                machines: 2,
                max_error_ns,
                unsynchronised: unsynchronised.to_vec(),
            },
            ..complete_shards()
        };
        let found = |shards: ShardsSummary| {
            let line = line(shards);
            assert_eq!(line.tone, Tone::Warning);
            let [point] = line.points.try_into().unwrap();
            point.split_once(", so ").unwrap().0.to_owned()
        };
        assert_eq!(
            found(of(Some(60_000_000), &[])),
            "the machines' clocks have an error of up to 60.0 ms (limit 50.0 ms)"
        );
        assert_eq!(
            found(of(None, &[])),
            "the error of the machines' clocks is unknown (limit 50.0 ms)"
        );
        assert_eq!(
            found(of(None, &[0, 1])),
            "shards 0 and 1 (node-0 and node-1) ran without a synchronized clock, with an unknown error (limit 50.0 ms)"
        );
        assert_eq!(line(of(Some(50_000_000), &[])).points, [""; 0]);
    }

    #[test]
    fn one_file_of_another_run_is_left_out() {
        let point = point("other starts or plans", |shards| {
            shards.left_out = vec!["a".into()];
        });
        assert_eq!(point, "1 file of other starts or plans is left out: a");
    }

    #[test]
    fn hosts_are_named_only_if_there_are_several_machines() {
        let mut shards = degraded_shards();
        assert_eq!(with_hosts(&shards, &[1, 3]), "shards 1 and 3 (node-1)");
        assert_eq!(with_hosts(&shards, &[4]), "shard 4");
        shards.clocks.machines = 1;
        assert_eq!(with_hosts(&shards, &[1]), "shard 1");
        shards.clocks.machines = 2;
        shards.rows = vec![ShardRow::default()];
        assert_eq!(with_hosts(&shards, &[1]), "shard 1");
    }

    #[test]
    fn a_table_has_the_figures_that_are_known() {
        let mut summary = closed_loop_summary(100);
        let figures = |summary: &Summary| -> Vec<(&str, String)> {
            let figures = super::figures(summary).into_iter();
            figures
                .filter_map(|it| Some((it.name, it.value?)))
                .collect()
        };
        summary.shards = Some(complete_shards());
        let expected = [
            ("state", "complete"),
            ("shards", "2"),
            ("complete", "2"),
            ("start skew p50", "40.0 µs"),
            ("start skew max", "1.20 ms"),
            ("full strength", "seconds 0 to 2"),
            ("response time p99, full strength", "11.9 ms"),
        ];
        assert_eq!(
            figures(&summary),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
        summary.shards = Some(degraded_shards());
        let found = figures(&summary);
        assert_eq!(found[0].1, "degraded");
        assert_eq!(
            found[5..],
            [
                ("machines", "2".to_owned()),
                ("clock error at most", "80.0 ms".to_owned())
            ]
        );
    }
}
