//! A column's name taken apart: its words, its unit, and which of the two times it is.

use crate::read::Metric;
use crate::read::time_unit::TimeUnit;

/// Words of counts, identifiers and points in time: a name with one of them is not that of a latency.
const OTHER: &str = "at bytes client code count date end finished id index intended length message num number \
    rate received sent send size start started status stamp timestamp";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnName {
    /// Without its unit.
    pub(super) name: String,
    pub(super) unit: Option<TimeUnit>,
    pub(super) metric: Option<Metric>,
    /// Lowercase, without the unit.
    words: Vec<String>,
}

impl ColumnName {
    pub(super) fn of(name: &str) -> Self {
        let mut metrics = Metric::ALL.into_iter();
        let metric = metrics.find(|metric| metric.column() == name);
        let mut words = words(name);
        let unit = words.last().and_then(|(_, word)| TimeUnit::of_word(word));
        let mut stem = name;
        if unit.is_some()
            && let Some((start, _)) = words.pop()
        {
            stem = name[..start].trim_end_matches(|c: char| !c.is_alphanumeric());
        }
        Self {
            name: match metric {
                Some(metric) => metric.name().to_owned(),
                None if stem.is_empty() => "time".to_owned(),
                None => stem.to_owned(),
            },
            unit,
            metric,
            words: words.into_iter().map(|(_, word)| word).collect(),
        }
    }

    /// Returns `true` when it has one of these words, between blanks.
    fn says(&self, wanted: &str) -> bool {
        let mut wanted = wanted.split_ascii_whitespace();
        wanted.any(|word| self.words.iter().any(|own| own == word))
    }

    /// Returns `true` when the name means a latency and hardly anything else: `time` may be a date, `service` a name.
    pub(super) fn is_surely_a_latency(&self) -> bool {
        const SURE: &str = "latency latencies rtt roundtrip ping delay elapsed duration";
        !self.says(OTHER) && (self.unit.is_some() || self.says(SURE))
    }

    /// Ranks how well the name fits a latency, best first; `None` when it does not look like one.
    pub(super) fn rank(&self, metric: Metric) -> Option<usize> {
        const LATENCY: [&str; 7] = [
            "latency latencies lat",
            "rtt roundtrip ping",
            "response service",
            "delay",
            "elapsed took",
            "duration",
            "time times",
        ];
        if self.says(OTHER) {
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

/// The words of a name in lowercase, and where each starts: `Latency (ms)`, `rtt_us`, `respTimeMs`.
fn words(name: &str) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let mut previous = ' ';
    for (at, letter) in name.char_indices() {
        if letter.is_alphanumeric() {
            let starts =
                !previous.is_alphanumeric() || (previous.is_lowercase() && letter.is_uppercase());
            match words.last_mut() {
                Some((_, word)) if !starts => word.extend(letter.to_lowercase()),
                _ => words.push((at, letter.to_lowercase().collect())),
            }
        }
        previous = letter;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_from_the_end_of_the_name() {
        let cases = [
            ("latency_ms", "latency", Some(TimeUnit::Milliseconds)),
            ("Latency (s)", "Latency", Some(TimeUnit::Seconds)),
            ("rtt [us]", "rtt", Some(TimeUnit::Microseconds)),
            ("rtt µs", "rtt", Some(TimeUnit::Microseconds)),
            ("elapsedNanos", "elapsed", Some(TimeUnit::Nanoseconds)),
            ("ms", "time", Some(TimeUnit::Milliseconds)),
            ("latency", "latency", None),
            ("status", "status", None),
        ];
        for (name, stem, unit) in cases {
            let title = ColumnName::of(name);
            assert_eq!((title.name.as_str(), title.unit), (stem, unit), "{name}");
        }
    }

    #[test]
    fn our_own_columns_say_which_time_they_hold() {
        let title = ColumnName::of("service_time_ms");
        assert_eq!(title.metric, Some(Metric::ServiceTime));
        assert_eq!(title.name, "service time");
        assert_eq!(
            ColumnName::of("response_time_ms").metric,
            Some(Metric::ResponseTime)
        );
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
            "timestamp",
            "payload size",
            "sent_s",
            "value",
            "0",
        ] {
            assert_eq!(rank(other), None, "{other}");
        }
    }
}
