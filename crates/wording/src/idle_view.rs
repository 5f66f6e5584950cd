//! Idle connections, and the memory that each takes, as text.

use measurement::run::{ConnectionMemory, IdleSummary, Summary};
use units::{counted, grouped, human_bytes_beside};

use crate::summary_figure::{LabelledRow, SummaryFigure, count, figure, in_table, joined, unusual};

/// Idle connections and memory: `15,000 idle · 12.3 KiB per connection [11.9, 12.8] · plain difference 12.5 KiB`.
pub fn idle_counts(idle: &IdleSummary) -> String {
    joined(&idle_figures(idle))
}

/// Figures of idle connections, for a table and for the line of [`idle_counts`].
pub fn idle_figures(idle: &IdleSummary) -> Vec<SummaryFigure> {
    let opened = if idle.opened < idle.connections {
        format!(
            "{} of {} idle",
            grouped(idle.opened),
            grouped(idle.connections)
        )
    } else {
        format!("{} idle", grouped(idle.opened))
    };
    let memory = idle.memory.as_ref();
    let per_connection = memory.map(|own| bytes(own.bytes_per_connection, own));
    let range = memory.map(interval);
    let said = per_connection
        .as_ref()
        .zip(range.as_ref())
        .map(|(bytes, range)| format!("{bytes} per connection {range}"));
    vec![
        in_table("idle connections", Some(grouped(idle.opened))).said(Some(opened)),
        in_table("planned", Some(grouped(idle.connections))),
        unusual("ended by the server", idle.closed_early),
        count("messages received", idle.received).said(
            (idle.received > 0).then(|| format!("{} received", counted(idle.received, "message"))),
        ),
        in_table("server memory per connection", per_connection).said(said),
        in_table("95 % interval", range),
        figure(
            "plain difference per connection",
            memory.map(|own| bytes(own.difference_per_connection, own)),
            "plain difference {}",
        ),
        in_table(
            "readings of the memory",
            memory.map(|own| grouped(own.readings)),
        ),
    ]
}

/// A number of bytes in the unit of the memory per connection, with its sign if negative.
fn bytes(value: f64, memory: &ConnectionMemory) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    let beside = memory.bytes_per_connection.abs();
    format!("{sign}{}", human_bytes_beside(value.abs(), beside))
}

/// The 95 % interval in the unit of the memory per connection: `[11.9, 12.8]`. Bounds in another unit name it.
fn interval(memory: &ConnectionMemory) -> String {
    let (Some(low), Some(high)) = (memory.low, memory.high) else {
        return "(too few readings for an interval)".to_owned();
    };
    let unit = |text: &str| text.rsplit_once(' ').map(|(_, unit)| unit.to_owned());
    let own = unit(&bytes(memory.bytes_per_connection, memory));
    let bound = |value: f64| {
        let text = bytes(value, memory);
        match text.rsplit_once(' ') {
            Some((number, _)) if unit(&text) == own => number.to_owned(),
            _ => text,
        }
    };
    format!("[{}, {}]", bound(low), bound(high))
}

/// The remark on a run without a watched server, whose memory is not known.
const NOT_WATCHED: &str = "memory per connection is known with `--server-pid` only";

/// The line of the text summary.
pub(crate) fn row(idle: &IdleSummary, s: &Summary) -> LabelledRow {
    let can_watch = s.plan.embedded.is_none() && s.shards.is_none();
    let points = match &idle.memory {
        None if s.server.is_none() && can_watch => vec![NOT_WATCHED.to_owned()],
        None => Vec::new(),
        Some(_) => vec![
            "memory per connection is the slope of the server's resident memory over its open connections while they opened, with a 95 % interval".to_owned(),
        ],
    };
    LabelledRow {
        label: "idle load",
        text: idle_counts(idle),
        points,
        ..LabelledRow::default()
    }
}

#[cfg(test)]
mod tests {
    use test_support::fixtures::closed_loop_summary;

    use super::*;

    #[test]
    fn memory_has_its_interval_and_the_plain_difference() {
        let mut idle = IdleSummary {
            connections: 15_000,
            opened: 15_000,
            memory: Some(ConnectionMemory {
                bytes_per_connection: 12.3 * 1_024.0,
                low: Some(11.9 * 1_024.0),
                high: Some(12.8 * 1_024.0),
                difference_per_connection: 12.5 * 1_024.0,
                readings: 40,
            }),
            ..IdleSummary::default()
        };
        assert_eq!(
            idle_counts(&idle),
            "15,000 idle · 12.3 KiB per connection [11.9, 12.8] · plain difference 12.5 KiB"
        );
        let memory = idle.memory.as_mut().unwrap();
        (memory.low, memory.high) = (Some(-20.0), None);
        assert!(idle_counts(&idle).contains("(too few readings for an interval)"));
        idle.memory.as_mut().unwrap().high = Some(13.0 * 1_024.0);
        let text = idle_counts(&idle);
        assert!(text.contains(" [−20 B, 13.0] · "), "{text}");
    }

    #[test]
    fn idle_connections_that_are_missing_are_named() {
        let idle = IdleSummary {
            connections: 100,
            opened: 98,
            closed_early: 3,
            received: 1,
            memory: None,
        };
        assert_eq!(
            idle_counts(&idle),
            "98 of 100 idle · 3 ended by the server · 1 message received"
        );
    }

    #[test]
    fn the_flag_that_the_memory_needs_was_not_named() {
        let idle = IdleSummary::default();
        let mut s = closed_loop_summary(100);
        (s.server, s.plan.embedded) = (None, None);
        assert_eq!(row(&idle, &s).points, [NOT_WATCHED]);
        s.plan.embedded = Some("axum".to_owned());
        assert_eq!(row(&idle, &s).points, [""; 0]);
    }
}
