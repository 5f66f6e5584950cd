//! What a column's name says: its words, its unit, which of the two times it is.

use super::Metric;
use crate::schema;

/// Unit of the numbers in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    #[default]
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// `ns`, `us`, `ms` or `s`.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        }
    }

    /// A time in this unit, in milliseconds.
    #[must_use]
    pub fn to_ms(self, time: f64) -> f64 {
        match self {
            // Divided: 1e-6 and 1e-3 have no exact form.
            Self::Nanoseconds => time / 1e6,
            Self::Microseconds => time / 1e3,
            Self::Milliseconds => time,
            Self::Seconds => time * 1e3,
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "ns" | "nsec" | "nsecs" | "nanos" | "nanosecond" | "nanoseconds" => Self::Nanoseconds,
            // Both letters that look like µ: the micro sign and the Greek one.
            "us" | "µs" | "μs" | "usec" | "usecs" | "micros" | "microsecond" | "microseconds" => {
                Self::Microseconds
            }
            "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => {
                Self::Milliseconds
            }
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Seconds,
            _ => return None,
        })
    }
}

/// What is counted or identified, or a point in time: no latency, whatever else it says.
const OTHER: &[&str] = &[
    "at",
    "bytes",
    "client",
    "code",
    "count",
    "date",
    "end",
    "finished",
    "id",
    "index",
    "intended",
    "length",
    "message",
    "num",
    "number",
    "rate",
    "received",
    "sent",
    "send",
    "size",
    "start",
    "started",
    "status",
    "stamp",
    "timestamp",
];

/// A column's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Title {
    /// Without its unit.
    pub(super) name: String,
    pub(super) unit: Option<Unit>,
    pub(super) metric: Option<Metric>,
    /// Lowercase, without the unit.
    words: Vec<String>,
}

impl Title {
    pub(super) fn of(name: &str) -> Self {
        let metric = match name {
            schema::SERVICE_TIME_COLUMN => Some(Metric::ServiceTime),
            schema::RESPONSE_TIME_COLUMN => Some(Metric::ResponseTime),
            _ => None,
        };
        let mut words = words(name);
        let unit = words.last().and_then(|(_, word)| Unit::of_word(word));
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

    fn says(&self, wanted: &[&str]) -> bool {
        self.words
            .iter()
            .any(|word| wanted.contains(&word.as_str()))
    }

    /// Whether the name means a latency and hardly anything else: `time` may be a date, `service` a name.
    pub(super) fn is_surely_a_latency(&self) -> bool {
        const SURE: &[&str] = &[
            "latency",
            "latencies",
            "rtt",
            "roundtrip",
            "ping",
            "delay",
            "elapsed",
            "duration",
        ];
        !self.says(OTHER) && (self.unit.is_some() || self.says(SURE))
    }

    /// How well the name fits a latency, best first; `None` when it does not look like one.
    pub(super) fn rank(&self, metric: Metric) -> Option<usize> {
        const LATENCY: [&[&str]; 7] = [
            &["latency", "latencies", "lat"],
            &["rtt", "roundtrip", "ping"],
            &["response", "service"],
            &["delay"],
            &["elapsed", "took"],
            &["duration"],
            &["time", "times"],
        ];
        if self.says(OTHER) {
            return None;
        }
        let asked_for = match metric {
            Metric::ServiceTime => "service",
            Metric::ResponseTime => "response",
        };
        if self.says(&[asked_for]) {
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
            ("latency_ms", "latency", Some(Unit::Milliseconds)),
            ("Latency (s)", "Latency", Some(Unit::Seconds)),
            ("rtt [us]", "rtt", Some(Unit::Microseconds)),
            ("rtt µs", "rtt", Some(Unit::Microseconds)),
            ("elapsedNanos", "elapsed", Some(Unit::Nanoseconds)),
            ("ms", "time", Some(Unit::Milliseconds)),
            ("latency", "latency", None),
            ("status", "status", None),
        ];
        for (name, stem, unit) in cases {
            let title = Title::of(name);
            assert_eq!((title.name.as_str(), title.unit), (stem, unit), "{name}");
        }
    }

    #[test]
    fn our_own_columns_say_which_time_they_hold() {
        let title = Title::of("service_time_ms");
        assert_eq!(title.metric, Some(Metric::ServiceTime));
        assert_eq!(title.name, "service time");
        assert_eq!(
            Title::of("response_time_ms").metric,
            Some(Metric::ResponseTime)
        );
    }

    #[test]
    fn what_looks_like_a_latency_ranks_first() {
        let rank = |name| Title::of(name).rank(Metric::ServiceTime);
        assert!(rank("latency") < rank("time"));
        assert!(rank("rtt") < rank("duration"));
        assert!(rank("time") < rank("value_ms"));
        assert_eq!(rank("service time"), Some(0));
        assert_eq!(Title::of("response_ms").rank(Metric::ResponseTime), Some(0));
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

    #[test]
    fn milliseconds_from_every_unit() {
        assert_eq!(Unit::Nanoseconds.to_ms(1_500_000.0), 1.5);
        assert_eq!(Unit::Microseconds.to_ms(1_500.0), 1.5);
        assert_eq!(Unit::Milliseconds.to_ms(1.5), 1.5);
        assert_eq!(Unit::Seconds.to_ms(1.5), 1_500.0);
    }
}
