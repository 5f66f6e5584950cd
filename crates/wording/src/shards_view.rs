//! The shards of a run as text.

use measurement::run::{FullStrength, LATE_START_NS, ShardsSummary, Summary};
use units::{counted, grouped, human_time};

use crate::Tone;
use crate::summary_figure::{LabelledRow, SummaryFigure, UNKNOWN, in_table};

/// Maximum number of shards that a sentence lists.
const LISTED: usize = 12;

/// The line about the shards, with one point for each fault; `None` for a single process.
pub(crate) fn row(s: &Summary) -> Option<LabelledRow> {
    let shards = s.shards.as_ref()?;
    let state = if shards.degraded { "degraded: " } else { "" };
    let mut parts = vec![format!(
        "{state}{} of {} complete",
        grouped(shards.complete.into()),
        grouped(shards.planned.into())
    )];
    if shards.clocks.machines > 1 {
        parts.push(format!("{} machines", shards.clocks.machines));
    }
    if let Some(max) = shards.start_skew_ns.max {
        parts.push(format!("started within {} of T0", human_time(max as f64)));
    }
    Some(LabelledRow {
        label: "shards",
        text: parts.join(" · "),
        tone: if shards.degraded {
            Tone::Bad
        } else {
            Tone::Neutral
        },
        points: points(shards),
    })
}

/// Figures of the shards for tables; empty for a single process.
pub(crate) fn figures(s: &Summary) -> Vec<SummaryFigure> {
    let Some(shards) = &s.shards else {
        return Vec::new();
    };
    let skew = |ns: Option<u64>| ns.map(|ns| human_time(ns as f64));
    vec![
        in_table("shards", Some(grouped(shards.planned.into()))),
        in_table("complete", Some(grouped(shards.complete.into()))),
        in_table("start skew p50", skew(shards.start_skew_ns.p50)),
        in_table("start skew max", skew(shards.start_skew_ns.max)),
        in_table("full strength", shards.full_strength.as_ref().map(window)),
    ]
}

fn points(shards: &ShardsSummary) -> Vec<String> {
    let mut points = Vec::new();
    if !shards.missing.is_empty() {
        points.push(format!(
            "{}: missing, without a file of this run",
            names(&shards.missing)
        ));
    }
    for died in &shards.died {
        let data = match died.through_s {
            0 => "without a whole second of data".to_owned(),
            through_s => format!("data through second {}", grouped(through_s)),
        };
        points.push(format!(
            "shard {}: no result, {data}; its failed messages count as lost",
            died.shard
        ));
    }
    for late in &shards.late {
        points.push(format!(
            "shard {}: started {} after T0 (limit {})",
            late.shard,
            human_time(late.skew_ns as f64),
            human_time(LATE_START_NS as f64)
        ));
    }
    if !shards.differing.is_empty() {
        points.push(format!(
            "{}: another plan, so its figures are left out",
            names(&shards.differing)
        ));
    }
    if shards.degraded {
        points.push(match &shards.full_strength {
            Some(full) => format!(
                "all shards at work in {}: {}, response p99 {}",
                window(full),
                counted(full.messages, "echo"),
                full.response_time_ns
                    .p99
                    .map_or_else(|| UNKNOWN.to_owned(), |ns| human_time(ns as f64))
            ),
            None => "at no time were all shards at work".to_owned(),
        });
    }
    points.extend(clocks(shards));
    if !shards.left_out.is_empty() {
        points.push(format!(
            "left out, of other runs: {}",
            listed(&shards.left_out)
        ));
    }
    points
}

fn window(full: &FullStrength) -> String {
    format!("seconds {} to {}", grouped(full.from_s), grouped(full.to_s))
}

/// The clocks of several machines, if they cannot be compared.
fn clocks(shards: &ShardsSummary) -> Option<String> {
    if shards.clocks.is_reliable() {
        return None;
    }
    let because = if shards.clocks.unsynchronised.is_empty() {
        match shards.clocks.max_error_ns {
            Some(ns) => format!("differ by up to {} (limit 50 ms)", human_time(ns as f64)),
            None => "have an unknown error".to_owned(),
        }
    } else {
        format!(
            "are not synchronized ({})",
            names(&shards.clocks.unsynchronised)
        )
    };
    Some(format!(
        "the clocks of the machines {because}, so the shards may have started at different times; synchronize them (chrony)"
    ))
}

/// `shard 3`, or `shards 3, 5 and 7`.
fn names(shards: &[u32]) -> String {
    let numbers: Vec<_> = shards.iter().map(u32::to_string).collect();
    match numbers.as_slice() {
        [one] => format!("shard {one}"),
        _ => format!("shards {}", listed(&numbers)),
    }
}

fn listed(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(LISTED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        others => format!("{shown} and {} more", grouped(others as u64)),
    }
}
