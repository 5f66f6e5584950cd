//! A column's name: its words, its unit, and which of the two times it is.

use super::unit_in_name::{NameParts, NamedUnit};
use crate::read::Metric;
use crate::read::time_unit::TimeUnit;

/// Words of counts, identifiers and texts: a name with one of them is not that of a latency.
const OTHER: &str = "bucket bytes category class client code count counter group host id index label length message \
    method mode msg num number payload port rate seq sequence server size status sum target timeout type unit units url \
    user users";

/// Words of points in time.
const CLOCK: &str = "at clock date datetime end endtime epoch finished finish intended offset received sent since stamp \
    start started starttime timestamp ts unix uptime utc";

/// Words of rates, which say no unit.
const RATE: &str = "bps gbps hz iops kbps mbps ops persec persecond qps rps throughput tps";

/// Words of things that are counted: with a long unit behind them they are per that unit, as in `requests_s`.
const COUNTED: &str = "bits bytes calls errors gb gib hits kb kib mb messages mib msgs ops packets pkts req reqs \
    requests transactions";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnName {
    /// Without its unit.
    pub(super) name: String,
    pub(super) unit: Option<TimeUnit>,
    /// The text in place of a unit that is known.
    pub(super) unclear_unit: Option<String>,
    pub(super) metric: Option<Metric>,
    is_rate: bool,
    /// Lowercase, without the unit.
    words: Vec<String>,
}

impl ColumnName {
    pub(super) fn of(name: &str) -> Self {
        let mut metrics = Metric::ALL.into_iter();
        let metric = metrics.find(|metric| metric.column() == name);
        let parts = NameParts::of(name);
        let counts = |word: &String| COUNTED.split_ascii_whitespace().any(|known| known == word);
        let is_long = matches!(
            parts.unit,
            NamedUnit::Known(TimeUnit::Seconds | TimeUnit::Minutes | TimeUnit::Hours)
        );
        let is_rate =
            parts.unit == NamedUnit::Rate || is_long && parts.words.last().is_some_and(counts);
        let (unit, unclear_unit) = match parts.unit {
            NamedUnit::Known(unit) => (Some(unit), None),
            NamedUnit::Unclear(says) => (None, Some(says)),
            NamedUnit::None | NamedUnit::Rate => (None, None),
        };
        Self {
            name: match metric {
                Some(metric) => metric.name().to_owned(),
                None if parts.stem.is_empty() => "time".to_owned(),
                None => parts.stem,
            },
            unit,
            unclear_unit,
            metric,
            is_rate,
            words: parts.words,
        }
    }

    /// Returns `true` when it has one of these words, between blanks.
    fn says(&self, wanted: &str) -> bool {
        let mut wanted = wanted.split_ascii_whitespace();
        wanted.any(|word| self.words.iter().any(|own| own == word))
    }

    pub(super) fn is_rate(&self) -> bool {
        self.is_rate || self.says(RATE)
    }

    /// Returns `true` when it is that of a point in time.
    pub(super) fn is_clock(&self) -> bool {
        self.says(CLOCK) || self.says("day") && self.says("time")
    }

    /// Returns `true` for the name of something that is not a time.
    fn is_other(&self) -> bool {
        self.is_rate() || self.is_clock() || self.says(OTHER)
    }

    /// Returns `true` for `seconds`, `time` or `t`: the time since some moment where it only rises.
    pub(super) fn is_bare_time(&self) -> bool {
        let is_bare = match self.words.as_slice() {
            [] => self.unit.is_some(),
            [word] => matches!(word.as_str(), "time" | "times" | "t" | "elapsed"),
            _ => false,
        };
        is_bare && !self.is_other()
    }

    /// Returns `true` when the name means a latency and hardly anything else: `time` may be a date, `service` a name.
    pub(super) fn is_surely_a_latency(&self) -> bool {
        const SURE: &str =
            "latency latencies latenz latence rtt roundtrip ping delay elapsed duration";
        let is_of_answers =
            self.says("response request service processing") && self.says("time times");
        !self.is_other() && (self.unit.is_some() || self.says(SURE) || is_of_answers)
    }

    /// Ranks how well the name fits a latency, best first; `None` when it does not look like one.
    pub(super) fn rank(&self, metric: Metric) -> Option<usize> {
        const LATENCY: [&str; 7] = [
            "latency latencies lat latenz latence latencia",
            "rtt roundtrip ping",
            "response service",
            "delay",
            "elapsed took",
            "duration dauer",
            "time times",
        ];
        if self.is_other() {
            return None;
        }
        if self.says(metric.word()) {
            return Some(0);
        }
        LATENCY
            .iter()
            .position(|words| self.says(words))
            .map(|rank| rank + 1)
            .or(self.unit.map(|_| LATENCY.len() + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_columns_say_which_time_they_hold() {
        let title = ColumnName::of("service_time_ms");
        assert_eq!(title.metric, Some(Metric::ServiceTime));
        assert_eq!(title.name, "service time");
        assert_eq!(
            ColumnName::of("response_time_ms").metric,
            Some(Metric::ResponseTime)
        );
        assert_eq!(ColumnName::of("ms").name, "time");
    }

    #[test]
    fn what_looks_like_a_latency_ranks_first() {
        let rank = |name| ColumnName::of(name).rank(Metric::ServiceTime);
        assert!(rank("latency") < rank("time"));
        assert!(rank("rtt") < rank("duration"));
        assert!(rank("time") < rank("value_ms"));
        assert_eq!(rank("service time"), Some(0));
        assert_eq!(
            ColumnName::of("response_ms").rank(Metric::ResponseTime),
            Some(0)
        );
        for other in [
            "response_code",
            "start_time",
            "starttime",
            "timestamp",
            "payload size",
            "sent_s",
            "value",
            "0",
            "Requests/s",
            "throughput (msg/s)",
            "ops/ms",
            "errors per second",
            "rps",
            "requests_s",
            "throughput_mb_s",
            "time of day",
        ] {
            assert_eq!(rank(other), None, "{other}");
        }
    }

    #[test]
    fn only_a_bare_time_may_be_a_clock() {
        for (name, is_bare) in [
            ("seconds", true),
            ("time", true),
            ("elapsed_s", true),
            ("latency_ms", false),
            ("response time", false),
        ] {
            assert_eq!(ColumnName::of(name).is_bare_time(), is_bare, "{name}");
        }
    }
}
