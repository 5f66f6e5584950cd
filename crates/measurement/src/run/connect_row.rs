//! Openings of connections over time, as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};

use crate::record::{ConnectSecond, ConnectSeconds, RowSeconds};

/// Openings of one second since the first connection was due, or of several in a long run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ConnectRow {
    /// Start of the second, in seconds since the first connection was due.
    pub second: u64,
    /// Openings begun in this second.
    pub attempts: u64,
    /// Connections opened in this second.
    pub opened: u64,
    /// Openings that failed in this second.
    pub failed: u64,
    /// Median time of the connections opened in this second; `None` without any, as the following percentiles.
    pub connect_p50_ns: Option<u64>,
    pub connect_p99_ns: Option<u64>,
    /// Longest time of an opening that ended in this second.
    pub connect_max_ns: u64,
    /// The same from the intended times.
    pub connect_response_p50_ns: Option<u64>,
    pub connect_response_p99_ns: Option<u64>,
    pub connect_response_max_ns: u64,
    /// Length of the row in seconds; 1 in files of older versions.
    pub seconds: RowSeconds,
}

impl ConnectRow {
    /// The rows of all seconds with an event.
    pub fn all(seconds: &ConnectSeconds) -> Vec<Self> {
        let equal = seconds.clone().in_equal_rows();
        equal.rows().map(Self::from).collect()
    }
}

impl From<(u64, &ConnectSecond)> for ConnectRow {
    fn from((second, events): (u64, &ConnectSecond)) -> Self {
        Self {
            second,
            seconds: events.seconds,
            attempts: events.attempts,
            opened: events.opened,
            failed: events.failed,
            connect_p50_ns: events.connect_quantile_ns(0.5),
            connect_p99_ns: events.connect_quantile_ns(0.99),
            connect_max_ns: events.longest_ns,
            connect_response_p50_ns: events.response_quantile_ns(0.5),
            connect_response_p99_ns: events.response_quantile_ns(0.99),
            connect_response_max_ns: events.longest_response_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_without_openings_has_no_times() {
        let mut seconds = ConnectSeconds::default();
        seconds.attempt(0);
        seconds.failed(2_500_000_000);
        seconds.opened(3_000_000_000, 1_000, 5_000);
        let rows = ConnectRow::all(&seconds);
        let of = |row: &ConnectRow| (row.second, row.connect_p50_ns, row.connect_response_p99_ns);
        let found: Vec<_> = rows.iter().map(of).collect();
        let wanted = [
            (0, None, None),
            (2, None, None),
            (3, Some(1_000), Some(5_000)),
        ];
        assert_eq!(found, wanted);
        assert_eq!(
            (rows[2].connect_p99_ns, rows[2].connect_max_ns),
            (Some(1_000), 1_000)
        );
    }
}
