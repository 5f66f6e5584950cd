//! Parsing of counts and times.

use std::num::NonZeroU64;
use std::time::Duration;

/// Invalid number. The message contains the text and the expected format.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("`{0}` is not a whole number (example: 1_000)")]
    Count(String),
    #[error("`{0}` is too small: at least 1 is needed")]
    Zero(String),
    #[error("`{0}` is too large: at most {1}")]
    TooLarge(String, u64),
    #[error("`{0}` is not a size (examples: 125, 4KiB, 16MiB)")]
    Size(String),
    #[error("`{0}` is an empty range: the first size must not exceed the second")]
    EmptyRange(String),
    #[error("`{0}` is not a time (examples: 500ms, 10s, 2m)")]
    Duration(String),
    #[error("`{0}` is not a rate above 0 per second (examples: 50, 20_000, 0.5)")]
    Rate(String),
    #[error("`{0}` is not a stage: a time above 0 and a rate (example: 10s:1000)")]
    Stage(String),
}

/// Parses a whole number; `_` may separate digits.
///
/// # Errors
/// [`UnitError::Count`] for any other text, including negative numbers.
pub fn parse_count(text: &str) -> Result<u64, UnitError> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    // `u64::from_str` would accept a leading plus sign.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(UnitError::Count(text.to_owned()));
    }
    digits
        .parse()
        .map_err(|_| UnitError::Count(text.to_owned()))
}

/// Parses a whole number from 1 to `at_most` that fits the type.
///
/// # Errors
/// [`UnitError::Count`], [`UnitError::Zero`] or [`UnitError::TooLarge`].
pub fn parse_positive<T: TryFrom<NonZeroU64>>(text: &str, at_most: u64) -> Result<T, UnitError> {
    let count = NonZeroU64::new(parse_count(text)?).ok_or(UnitError::Zero(text.to_owned()))?;
    T::try_from(count)
        .ok()
        .filter(|_| count.get() <= at_most)
        .ok_or_else(|| UnitError::TooLarge(text.to_owned(), at_most))
}

/// Parses a time such as `500ms`, `10s`, `2m` or `1m 30s`; a bare `0` is zero.
///
/// # Errors
/// [`UnitError::Duration`] for any other text.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|_| UnitError::Duration(text.to_owned()))
}

/// Parses a time such as `250us`, `1.5ms` or `2s` as nanoseconds; `None` for any other text. Unlike [`parse_duration`],
/// it accepts fractions, but only one unit.
pub fn parse_nanoseconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 6] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
    ];
    let (number, scale) = UNITS
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))?;
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number: f64 = number.replace('_', "").parse().ok()?;
    // Rounded to whole nanoseconds, because 4.1 × 1e6 is slightly below 4,100,000 in binary.
    number.is_finite().then(|| (number * scale).round())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{human_duration, typed_duration};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_typed_time_is_read_back(nanoseconds in 0u64..=3_600_000_000_000) {
            let time = Duration::from_nanos(nanoseconds);
            prop_assert_eq!(parse_duration(&typed_duration(time)), Ok(time));
            prop_assert_eq!(parse_duration(&human_duration(time)), Ok(time));
        }
    }

    #[test]
    fn times_are_typed_in_the_largest_unit_that_is_exact() {
        assert_eq!(typed_duration(Duration::from_secs(120)), "120s");
        assert_eq!(typed_duration(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(typed_duration(Duration::from_nanos(1_001)), "1001ns");
        assert_eq!(typed_duration(Duration::ZERO), "0s");
        // Messages had times such as 8640000s and 0ns.
        for (seconds, written) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (90, "90s"),
            (120, "2m"),
            (3_600, "1h"),
            (86_400, "24h"),
            (172_800, "2d"),
            (8_640_000, "100d"),
            (8_640_001, "8640001s"),
        ] {
            assert_eq!(human_duration(Duration::from_secs(seconds)), written);
        }
        assert_eq!(human_duration(Duration::from_millis(60_500)), "60500ms");
    }

    #[test]
    fn fractions_of_a_time_have_one_unit() {
        assert_eq!(parse_nanoseconds("1.5ms"), Some(1.5e6));
        assert_eq!(parse_nanoseconds("4.1ms"), Some(4_100_000.0));
        assert_eq!(parse_nanoseconds("250us"), parse_nanoseconds("250µs"));
        assert_eq!(parse_nanoseconds("2s"), parse_nanoseconds("2_000ms"));
        assert_eq!(parse_nanoseconds("1m"), Some(60e9));
        for wrong in ["", "ms", "5", "-1ms", "infs", "1s 5ms"] {
            assert_eq!(parse_nanoseconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert!(parse_duration("10").is_err());
    }

    #[test]
    fn counts_say_what_is_wrong() {
        assert_eq!(parse_positive::<u64>("1_000", 5_000), Ok(1000));
        assert_eq!(
            parse_positive::<u64>("0", 5),
            Err(UnitError::Zero("0".into()))
        );
        assert_eq!(
            parse_positive::<u64>("6", 5),
            Err(UnitError::TooLarge("6".into(), 5))
        );
        for wrong in ["-1", "+1", "", "_", "1.5"] {
            assert!(parse_count(wrong).is_err(), "{wrong}");
        }
    }
}
