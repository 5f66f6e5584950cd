//! Slow readers, and the other receivers before and after, as text.

use measurement::run::{NeighbourRatio, NeighbourSummary, SlowSummary};
use units::{grouped, human_bytes, human_bytes_beside, human_time};

use crate::summary_figure::{
    SummaryFigure, count, figure, in_table, joined, known_time, reach, unusual,
};

/// A row of the table of the other receivers before and after some turned slow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeforeAfterRow {
    /// Name of the figure.
    pub label: &'static str,
    /// Figure before; `None` when unknown.
    pub before: Option<String>,
    /// Figure after; `None` when unknown.
    pub after: Option<String>,
    /// After divided by before, with its 95 % confidence interval: `1.72 × (1.60–1.85)`.
    pub ratio: Option<String>,
}

/// A figure of the other receivers: its name in tables, its name among the ratios, its time.
type NeighbourTime = (
    &'static str,
    &'static str,
    fn(&NeighbourSummary) -> Option<u64>,
);

const NEIGHBOUR_TIMES: [NeighbourTime; 8] = [
    ("first p50", "first.p50", |phase| phase.first_ns.p50),
    ("median p50", "median.p50", |phase| phase.median_ns.p50),
    ("last p50", "last.p50", |phase| phase.last_ns.p50),
    ("last p99", "last.p99", |phase| phase.last_ns.p99),
    ("delivery p50", "delivery.p50", |phase| {
        phase.delivery_ns.p50
    }),
    ("delivery p99", "delivery.p99", |phase| {
        phase.delivery_ns.p99
    }),
    ("service time p50", "service.p50", |phase| {
        phase.service_time_ns.p50
    }),
    ("service time p99", "service.p99", |phase| {
        phase.service_time_ns.p99
    }),
];

/// The rows of the other receivers before and after. Figures that neither phase has are left out.
pub fn before_and_after(slow: &SlowSummary) -> Vec<BeforeAfterRow> {
    let (before, after) = (&slow.before, &slow.after);
    let counted = |phase: &NeighbourSummary| (phase.expected > 0).then(|| grouped(phase.missing));
    let counts = [
        ("reach", before.reach.map(reach), after.reach.map(reach)),
        ("missing", counted(before), counted(after)),
    ];
    let counts = counts.map(|(label, before, after)| BeforeAfterRow {
        label,
        before,
        after,
        ratio: None,
    });
    let times = NEIGHBOUR_TIMES.map(|(label, figure, of)| {
        let ratios = slow.ratios.iter();
        BeforeAfterRow {
            label,
            before: known_time(of(before)),
            after: known_time(of(after)),
            ratio: ratios
                .into_iter()
                .find(|one| one.figure == figure)
                .map(ratio),
        }
    });
    let rows = counts.into_iter().chain(times);
    let rows: Vec<_> = rows
        .filter(|row| row.before.is_some() || row.after.is_some())
        .collect();
    // Readers that are slow from the start leave nothing to compare with.
    if rows.iter().all(|row| row.before.is_none()) {
        return Vec::new();
    }
    rows
}

/// A ratio with its interval: `1.72 × (1.60–1.85)`.
fn ratio(one: &NeighbourRatio) -> String {
    let (Some(low), Some(high)) = (one.low, one.high) else {
        return format!("{:.2} × (too few seconds for an interval)", one.ratio);
    };
    // Two digits would print an interval near 1 as if it started or ended there.
    let at_one = |end: f64| (0.995..1.005).contains(&end);
    let digits = if at_one(low) || at_one(high) { 4 } else { 2 };
    format!("{:.digits$} × ({low:.digits$}–{high:.digits$})", one.ratio)
}

/// Counts of slow readers: `10 from 10.0 s on · each reads 4.0 KiB/s of 4.0 KiB/s · 3 closed by the server (1013 × 3)`.
pub fn slow_counts(slow: &SlowSummary) -> String {
    joined(&slow_figures(slow))
}

/// Figures of slow readers, for a table and for the line of [`slow_counts`].
pub fn slow_figures(slow: &SlowSummary) -> Vec<SummaryFigure> {
    let per_second = |bytes| format!("{}/s", human_bytes(bytes));
    let from = if slow.after_s > 0.0 {
        format!("from {} on", human_time(slow.after_s * 1e9))
    } else {
        "from the start".to_owned()
    };
    let clients = format!("{} {from}", grouped(slow.clients));
    let since = human_time(slow.after_s * 1e9);
    let planned = slow.planned_read_bytes_per_s.map(|bytes| match bytes {
        0 => "nothing".to_owned(),
        bytes => per_second(bytes as f64),
    });
    let unit = slow.planned_read_bytes_per_s.unwrap_or_default() as f64;
    let read = format!("{}/s", human_bytes_beside(slow.read_bytes_per_s, unit));
    let reads = match slow.planned_read_bytes_per_s {
        Some(0) if slow.clients == 1 => "it does not read".to_owned(),
        Some(0) => "none reads".to_owned(),
        _ => {
            let reads = if slow.clients == 1 {
                "it reads"
            } else {
                "each reads"
            };
            let of = planned.as_ref().map(|planned| format!(" of {planned}"));
            format!("{reads} {read}{}", of.unwrap_or_default())
        }
    };
    let codes = slow.close_codes.iter();
    let codes: Vec<_> = codes
        .map(|(code, n)| format!("{code} × {}", grouped(*n)))
        .collect();
    let codes = (!codes.is_empty()).then(|| codes.join(", "));
    let closed = match &codes {
        Some(codes) => format!("{} closed by the server ({codes})", grouped(slow.closed)),
        None => format!("{} closed by the server", grouped(slow.closed)),
    };
    let closed_after = slow.closed_after_ns.unwrap_or_default();
    let memory = slow.server_bytes_per_client.map(memory);
    vec![
        count("slow readers", slow.clients).said(Some(clients)),
        in_table("slow from", Some(since)),
        in_table("planned to read", planned),
        in_table("read", Some(read)).said(Some(reads)),
        in_table("closed by the server", Some(grouped(slow.closed))).said(Some(closed)),
        in_table("close codes", codes),
        in_table("closed at, first", known_time(closed_after.min)),
        in_table("closed at, p50", known_time(closed_after.p50)),
        in_table("closed at, last", known_time(closed_after.max)),
        unusual("deliveries missing", slow.missing),
        figure(
            "server memory per slow reader",
            memory,
            "server memory {} per slow reader",
        ),
    ]
}

/// A growth of memory with its sign: `+1.3 MiB`.
fn memory(bytes: i64) -> String {
    let sign = if bytes < 0 { "−" } else { "+" };
    format!("{sign}{}", human_bytes(bytes.unsigned_abs() as f64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use measurement::verdict::Latency;

    use super::*;

    #[test]
    fn neighbours_stand_before_and_after_with_their_ratios() {
        let times = |p50| Latency {
            count: 10,
            p50: Some(p50),
            ..Latency::default()
        };
        let phase = |missing, p50| NeighbourSummary {
            expected: 200,
            missing,
            reach: Some(1.0 - missing as f64 / 200.0),
            last_ns: times(p50),
            ..NeighbourSummary::default()
        };
        let mut slow = SlowSummary {
            clients: 10,
            after_s: 10.0,
            planned_read_bytes_per_s: Some(4_096),
            read_bytes_per_s: 4_096.0,
            closed: 3,
            close_codes: BTreeMap::from([(1013, 3)]),
            before: phase(0, 1_000_000),
            after: phase(4, 2_000_000),
            ratios: vec![NeighbourRatio {
                figure: "last.p50".to_owned(),
                ratio: 2.0,
                low: Some(1.8),
                high: Some(2.25),
            }],
            server_bytes_per_client: Some(-2_048),
            ..SlowSummary::default()
        };
        let rows: Vec<_> = before_and_after(&slow)
            .into_iter()
            .map(|row| {
                let cells = [row.before, row.after, row.ratio];
                (row.label, cells.map(Option::unwrap_or_default).join(" | "))
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("reach", "100 % | 98.00 % | ".to_owned()),
                ("missing", "0 | 4 | ".to_owned()),
                (
                    "last p50",
                    "1.00 ms | 2.00 ms | 2.00 × (1.80–2.25)".to_owned()
                ),
            ]
        );
        assert_eq!(
            slow_counts(&slow),
            "10 from 10.0 s on · each reads 4.0 KiB/s of 4.0 KiB/s · 3 closed by the server (1013 × 3) · server memory −2.0 KiB per slow reader"
        );
        (slow.read_bytes_per_s, slow.clients, slow.after_s) = (1_020.0, 1, 0.0);
        slow.planned_read_bytes_per_s = Some(1_024);
        let one = slow_counts(&slow);
        assert!(
            one.starts_with("1 from the start · it reads 1.0 KiB/s of 1.0 KiB/s · "),
            "{one}"
        );
        slow.clients = 10;
        slow.planned_read_bytes_per_s = Some(0);
        assert!(slow_counts(&slow).contains(" · none reads · "));
        let before = std::mem::take(&mut slow.before);
        assert_eq!(before_and_after(&slow), [], "nothing was measured before");
        slow.before = before;
        slow.ratios[0].low = None;
        assert!(
            before_and_after(&slow)[2]
                .ratio
                .as_ref()
                .unwrap()
                .ends_with("(too few seconds for an interval)")
        );
    }
}
