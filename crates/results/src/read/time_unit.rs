//! Units of times in a file.

/// Unit of the numbers in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeUnit {
    /// Picoseconds.
    Picoseconds,
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    #[default]
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

impl TimeUnit {
    /// Converts a time in this unit to milliseconds.
    pub(super) fn to_ms(self, time: f64) -> f64 {
        match self {
            // Divided: 1e-6 and 1e-3 have no exact form.
            Self::Picoseconds => time / 1e9,
            Self::Nanoseconds => time / 1e6,
            Self::Microseconds => time / 1e3,
            Self::Milliseconds => time,
            Self::Seconds => time * 1e3,
            Self::Minutes => time * 60e3,
            Self::Hours => time * 3_600e3,
        }
    }

    /// The unit that a word in lowercase names.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        let has = |words: &str| words.split(' ').any(|known| known == word);
        let known = UNIT_WORDS.iter().find(|(words, _)| has(words));
        known.map(|(_, unit)| *unit)
    }
}

/// The words of each unit. Both letters that look like µ: the micro sign and the Greek one.
const UNIT_WORDS: [(&str, TimeUnit); 7] = [
    (
        "ps psec picos picosec picosecs picosecond picoseconds",
        TimeUnit::Picoseconds,
    ),
    (
        "ns nsec nsecs nano nanos nanosec nanosecs nanosecond nanoseconds nanosekunden",
        TimeUnit::Nanoseconds,
    ),
    (
        "us µs μs mus mcs usec usecs µsec μsec µsecs μsecs micro micros microsec microsecs microsecond microseconds \
         mikrosekunden microsecondes microsegundos µ μ",
        TimeUnit::Microseconds,
    ),
    (
        "ms msec msecs milli millis millisec millisecs millisecond milliseconds msek millisekunden millisecondes \
         milisegundos",
        TimeUnit::Milliseconds,
    ),
    (
        "s sec secs second seconds sek sekunde sekunden seconde secondes segundos",
        TimeUnit::Seconds,
    ),
    ("min mins minute minutes minuten minutos", TimeUnit::Minutes),
    (
        "h hr hrs hour hours stunde stunden heures horas",
        TimeUnit::Hours,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_from_every_unit() {
        assert_eq!(TimeUnit::Nanoseconds.to_ms(1_500_000.0), 1.5);
        assert_eq!(TimeUnit::Microseconds.to_ms(1_500.0), 1.5);
        assert_eq!(TimeUnit::Milliseconds.to_ms(1.5), 1.5);
        assert_eq!(TimeUnit::Seconds.to_ms(1.5), 1_500.0);
    }
}
