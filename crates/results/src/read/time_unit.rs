//! Units of times in a file.

/// Unit of the numbers in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeUnit {
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

impl TimeUnit {
    /// A time in this unit, in milliseconds.
    pub(super) fn to_ms(self, time: f64) -> f64 {
        match self {
            // Divided: 1e-6 and 1e-3 have no exact form.
            Self::Nanoseconds => time / 1e6,
            Self::Microseconds => time / 1e3,
            Self::Milliseconds => time,
            Self::Seconds => time * 1e3,
        }
    }

    /// The unit that a word names.
    pub(super) fn of_word(word: &str) -> Option<Self> {
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
