//! A column's name: its words, its unit, and which of the two times it is.

use super::other_unit::is_no_time;
use super::unit_in_name::{NameParts, NamedUnit};
use crate::read::Metric;
use crate::read::time_unit::TimeUnit;

/// Words of counts, identifiers and texts. A name with one of them is not that of a latency.
const OTHER: &str = "bucket bytes category class code count counter host id index label length method mode msg num \
    number payload port rate seq sequence size status type unit units url";

/// Words for the owner of a time. They make the column a label unless the name has a unit or a word of latencies.
const LABEL: &str = "client group message server user users";

/// Words of times other than those of messages: parts of them, pauses, limits, and measures of spread.
const OTHER_TIME: &str = "age backoff blocked boot budget byte connect connecting cpu deadline deviation dial dialup \
    dns gap gc goal handshake idle init interval iteration jitter limit lookup pause period queue queued queueing queuing \
    reconnect reconnecting reconnection session setup shutdown slo sla sleep startup std stddev stdev target teardown \
    think thinktime threshold timeout ttfb ttl var variance wait waiting warmup";

/// Words of latencies.
const LATENCY: &str = "latency latencies lat latenz latence latencia rtt roundtrip ping";

/// Words of points in time.
const CLOCK: &str = "at clock date datetime end endtime epoch finished finish intended offset received sent since stamp \
    start started starttime timestamp ts unix uptime utc";

/// Words of rates without a unit.
const RATE: &str = "bps gbps hz iops kbps mbps ops persec persecond qps rps throughput tps";

/// Words of counted things, which a following unit makes a rate, as in `requests_s`.
const COUNTED: &str = "bits bytes calls errors gb gib hits kb kib mb messages mib msgs ops packets pkts req reqs \
    requests transactions";

/// Words of times, the best fitting first.
const FITTING: [&str; 7] = [
    "latency latencies lat latenz latence latencia",
    "rtt roundtrip ping",
    "response service",
    "delay",
    "elapsed took",
    "duration dauer",
    "time times",
];

/// Words of shares of all times.
const PERCENTILE: &str = "percentile percentiles quantile quantiles pct percent percentage perc prozent cumulative \
    cumulated cum cdf ccdf";

/// Words of the frequency of a time.
const OCCURRENCES: &str =
    "count counts frequency frequencies freq hits occurrences occurrence totalcount";

/// Other words in the names of distributions.
const FILLING: &str = "total of the number num requests samples messages responses latency latencies response time \
    times value values inverted served";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnName {
    /// The name without its unit.
    pub(super) name: String,
    pub(super) unit: Option<TimeUnit>,
    /// The unknown text in place of a unit.
    pub(super) unclear_unit: Option<String>,
    pub(super) metric: Option<Metric>,
    is_rate: bool,
    /// True for a unit of something else than a time.
    is_of_something_else: bool,
    /// The name in lowercase without the unit.
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
        let is_of_something_else = parts.unit == NamedUnit::Other;
        let is_rate =
            parts.unit == NamedUnit::Rate || is_long && parts.words.last().is_some_and(counts);
        let (unit, unclear_unit) = match parts.unit {
            NamedUnit::Known(unit) => (Some(unit), None),
            NamedUnit::Unclear(says) => (None, Some(says)),
            NamedUnit::None | NamedUnit::Rate | NamedUnit::Other => (None, None),
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
            is_of_something_else,
            words: parts.words,
        }
    }

    /// Returns `true` when the name has one of these words, between blanks.
    fn says(&self, wanted: &str) -> bool {
        let mut wanted = wanted.split_ascii_whitespace();
        wanted.any(|word| self.words.iter().any(|own| own == word))
    }

    fn is_rate(&self) -> bool {
        self.is_rate || self.says(RATE)
    }

    /// Returns `true` when the name is that of a point in time.
    fn is_clock(&self) -> bool {
        self.says(CLOCK) || self.says("day") && self.says("time")
    }

    /// Returns `true` for `score` or `cpu load`, whose last word is not a time and which have no other word of a time.
    fn is_no_time(&self) -> bool {
        let is_fitting = FITTING.iter().any(|words| self.says(words));
        // `{"run": {"samples": […]}}` is a list of them.
        let is_key = self.name.contains('.');
        let last = self.words.last();
        self.unit.is_none() && !is_fitting && !is_key && last.is_some_and(|last| is_no_time(last))
    }

    /// The meaning of a name that is not that of a time.
    pub(super) fn other_meaning(&self) -> Option<&'static str> {
        if self.is_rate() {
            Some("a rate by its name")
        } else if self.is_clock() {
            Some("a point in time by its name")
        } else if self.is_of_something_else
            || self.says(OTHER)
            || self.says(LABEL) && !self.says(LATENCY) && self.unit.is_none()
            || self.is_no_time()
        {
            Some("a count, a size or a label by its name")
        } else {
            None
        }
    }

    /// The meaning of a unit in the name that is not one of time. Words alone do not count for a requested column.
    pub(super) fn other_unit_meaning(&self) -> Option<&'static str> {
        let is_other = self.is_rate() || self.is_of_something_else;
        self.other_meaning().filter(|_| is_other)
    }

    /// The content of a column that describes the distribution of the times in its row, by its name.
    pub(super) fn distribution(&self) -> Option<&'static str> {
        let has = |words: &str, word: &String| words.split_ascii_whitespace().any(|w| w == word);
        let is_filling =
            |word: &String| has(FILLING, word) || word.bytes().all(|byte| byte.is_ascii_digit());
        let is_known =
            |word: &String| has(PERCENTILE, word) || has(OCCURRENCES, word) || is_filling(word);
        if self.unit.is_some() || self.metric.is_some() || !self.words.iter().all(is_known) {
            None
        } else if self.says(PERCENTILE) || self.name.trim() == "%" {
            Some("percentiles")
        } else if self.says(OCCURRENCES) {
            Some("a histogram")
        } else {
            None
        }
    }

    /// Returns `true` for the name of something that is not a time.
    fn is_other(&self) -> bool {
        self.other_meaning().is_some()
    }

    /// Returns `true` for the name of a time that is not one of a whole message.
    pub(super) fn is_other_time(&self) -> bool {
        self.says(OTHER_TIME) || self.says("connection ssl tls") && !self.says(LATENCY)
    }

    /// Returns `true` when the name has a word that only latencies have.
    pub(super) fn says_latency(&self) -> bool {
        self.says(LATENCY)
    }

    /// Returns `true` when the name means a length of time, regardless of the form of the cells.
    pub(super) fn says_duration(&self) -> bool {
        self.says("duration durations dauer took") && !self.is_clock()
    }

    /// Returns `true` for a length of time that can be counted from a common start.
    pub(super) fn says_elapsed(&self) -> bool {
        self.says("elapsed") && !self.is_clock()
    }

    /// Returns `true` for `seconds`, `time` or `t`, which are the time since a moment if the values only rise.
    pub(super) fn is_bare_time(&self) -> bool {
        let is_bare = match self.words.as_slice() {
            [] => self.unit.is_some(),
            [word] => matches!(word.as_str(), "time" | "times" | "t" | "elapsed"),
            _ => false,
        };
        is_bare && !self.is_other()
    }

    /// Returns `true` when the name is clearly that of a latency. `time` can be a date, `service` a name.
    pub(super) fn is_surely_a_latency(&self) -> bool {
        const SURE: &str =
            "latency latencies latenz latence rtt roundtrip ping delay elapsed duration";
        let is_of_answers =
            self.says("response request service processing") && self.says("time times");
        !self.is_other()
            && !self.is_other_time()
            && (self.unit.is_some() || self.says(SURE) || is_of_answers)
    }

    /// Rank of the name among those of latencies, from 0 for the best to other times; `None` for any other name.
    pub(super) fn rank(&self, metric: Metric) -> Option<usize> {
        // Sums are times, and none of messages.
        if self.is_other() || self.says("sum") {
            return None;
        }
        if self.is_other_time() {
            return Some(FITTING.len() + 2);
        }
        if self.says(metric.word()) {
            return Some(0);
        }
        FITTING
            .iter()
            .position(|words| self.says(words))
            .map(|rank| rank + 1)
            .or(self.unit.map(|_| FITTING.len() + 1))
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
            "id",
            "client",
            "latency_kb",
            "latency_status",
        ] {
            assert_eq!(rank(other), None, "{other}");
        }
    }

    #[test]
    fn other_times_rank_last() {
        let rank = |name| ColumnName::of(name).rank(Metric::ServiceTime);
        for name in [
            "think_time",
            "ttfb_ms",
            "connect",
            "queue",
            "queue latency",
            "dns_ms",
            "tls_ms",
            "jitter_ms",
            "latency_target",
            "latency_stddev",
            "time_to_first_byte",
            "reconnect_ms",
        ] {
            assert!(ColumnName::of(name).is_other_time(), "{name}");
            assert!(rank(name) > rank("value_ms"), "{name}");
        }
        for name in [
            "latency_tls",
            "latency_client",
            "message latency",
            "connection rtt",
        ] {
            assert!(!ColumnName::of(name).is_other_time(), "{name}");
            assert!(rank(name).is_some(), "{name}");
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
