//! The one place that knows how a size, a rate, a count or a time is typed and printed.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use crate::schedule::Stage;

/// A number that was typed wrongly; the message says what was typed and what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a whole number.
    #[error("`{0}` is not a whole number (example: 1_000)")]
    Count(String),
    /// A whole number, but zero where at least one is needed.
    #[error("`{0}` is too small: at least 1 is needed")]
    Zero(String),
    /// A count larger than the field holds.
    #[error("`{0}` is too large: at most {1}")]
    TooLarge(String, u64),
    /// Not a size.
    #[error("`{0}` is not a size (examples: 125, 4KiB, 16MiB)")]
    Size(String),
    /// A range whose end lies before its start.
    #[error("`{0}` is an empty range: the first size must not exceed the second")]
    EmptyRange(String),
    /// Not a time.
    #[error("`{0}` is not a time (examples: 500ms, 10s, 2m)")]
    Duration(String),
    /// Not a rate.
    #[error("`{0}` is not a rate above 0 per second (examples: 50, 20_000, 0.5)")]
    Rate(String),
    /// Not a stage.
    #[error("`{0}` is not a stage: a time above 0 and a rate (example: 10s:1000)")]
    Stage(String),
}

/// Reads a whole number; `_` may separate digits.
///
/// # Errors
/// [`UnitError::Count`] for anything else, also for negative numbers.
pub fn parse_count(text: &str) -> Result<u64, UnitError> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    // `u64::from_str` would take a leading plus sign.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(UnitError::Count(text.to_owned()));
    }
    digits
        .parse()
        .map_err(|_| UnitError::Count(text.to_owned()))
}

/// Reads a whole number of at least 1 that fits the wanted type.
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

/// Reads a time such as `500ms`, `10s`, `2m` or `1m 30s`; a bare `0` is no time at all.
///
/// # Errors
/// [`UnitError::Duration`] when it is none.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|_| UnitError::Duration(text.to_owned()))
}

/// A number of bytes, typed as `125`, `4KiB` or `16MiB` (`KiB` = 1,024, `KB` = 1,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        text.parse::<bytesize::ByteSize>()
            .map(|size| Self(size.as_u64()))
            .or_else(|_| parse_count(text).map(Self))
            .map_err(|_| UnitError::Size(text.to_owned()))
    }
}

impl fmt::Display for ByteSize {
    /// Bytes as such up to 1,023 and when they are no whole number of KiB; else KiB, MiB or GiB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1 << 30 && n % (1 << 30) == 0 => write!(f, "{} GiB", n >> 30),
            n if n >= 1 << 20 && n % (1 << 20) == 0 => write!(f, "{} MiB", n >> 20),
            n if n >= 1 << 10 && n % (1 << 10) == 0 => write!(f, "{} KiB", n >> 10),
            n => write!(f, "{} B", grouped(n)),
        }
    }
}

/// A payload size, fixed (`125`) or drawn uniformly from a range (`64..4KiB`, both ends included).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeRange {
    /// Smallest payload in bytes.
    pub min: u64,
    /// Largest payload in bytes.
    pub max: u64,
}

impl FromStr for SizeRange {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (min, max) = match text.split_once("..") {
            Some((min, max)) => (ByteSize::from_str(min)?.0, ByteSize::from_str(max)?.0),
            None => {
                let size = ByteSize::from_str(text)?.0;
                (size, size)
            }
        };
        if min == 0 {
            return Err(UnitError::Zero(text.to_owned()));
        }
        if max < min {
            return Err(UnitError::EmptyRange(text.to_owned()));
        }
        Ok(Self { min, max })
    }
}

impl fmt::Display for SizeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(f, "{}", ByteSize(self.min))
        } else {
            write!(f, "{} to {}", ByteSize(self.min), ByteSize(self.max))
        }
    }
}

/// Reads a time such as `250us`, `1.5ms` or `2s` as nanoseconds; `None` when it is none. Unlike
/// [`parse_duration`] it takes fractions, and one unit only.
#[must_use]
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
    // Whole nanoseconds, as every figure is: 4.1 × 1e6 is a hair below 4,100,000 in binary.
    number.is_finite().then(|| (number * scale).round())
}

/// Something per second; finite and above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// A rate of `per_second`; `None` unless it is finite and above 0.
    #[must_use]
    pub fn new(per_second: f64) -> Option<Self> {
        (per_second.is_finite() && per_second > 0.0).then_some(Self(per_second))
    }

    /// How many a second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let digits: String = text.chars().filter(|c| *c != '_').collect();
        digits
            .parse()
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| UnitError::Rate(text.to_owned()))
    }
}

impl FromStr for Stage {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Stage(text.to_owned());
        let (time, rate) = text.split_once(':').ok_or_else(wrong)?;
        let stage = Self {
            time: parse_duration(time.trim())?,
            rate: rate.trim().parse()?,
        };
        if stage.time.is_zero() {
            return Err(wrong());
        }
        Ok(stage)
    }
}

/// A whole number with a comma every three digits: `100,000`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 client`, `2,000 clients`. The noun takes an s.
#[must_use]
pub fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(n))
}

/// Something per second for a person, without its unit: `76,336`, `2.50`. Whole numbers are what a person
/// compares; slower rates need their decimals.
#[must_use]
pub fn human_rate(per_second: f64) -> String {
    // A rate is never negative.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    match per_second {
        n if n >= 100.0 => grouped(n.round() as u64),
        n if n.fract() == 0.0 => format!("{n:.0}"),
        n => format!("{n:.2}"),
    }
}

/// A time as [`parse_duration`] reads it, exactly and in one word: `10s`, `1500ms`, `0s`.
#[must_use]
pub fn typed_duration(time: Duration) -> String {
    let nanoseconds = time.as_nanos();
    [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")]
        .into_iter()
        .find(|(scale, _)| nanoseconds.is_multiple_of(*scale))
        .map_or_else(
            || format!("{nanoseconds}ns"),
            |(scale, unit)| format!("{}{unit}", nanoseconds / scale),
        )
}

/// A time in nanoseconds for a person: three significant digits and a unit, `61.0 µs`, `1.30 ms`.
#[must_use]
pub fn human_time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 999.5 => return format!("{n:.0} ns"),
        n if n < 999.5e3 => (n / 1e3, "µs"),
        n if n < 999.5e6 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    // The limits are where rounding would add a digit.
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A number of bytes for a person, in binary units with one decimal: `9.1 MiB`.
#[must_use]
pub fn human_bytes(bytes: f64) -> String {
    // Saturates, and takes NaN for 0: this only prints.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = bytes.round() as u64;
    bytesize::ByteSize(whole).display().iec().to_string()
}

/// A share as a whole percentage: `71 %`.
#[must_use]
pub fn human_percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn things_and_rates_are_counted() {
        assert_eq!(counted(1, "client"), "1 client");
        assert_eq!(counted(2_000, "client"), "2,000 clients");
        assert_eq!(human_rate(76_335.6), "76,336");
        assert_eq!(human_rate(5.0), "5");
        assert_eq!(human_rate(2.5), "2.50");
    }

    proptest! {
        #[test]
        fn a_typed_time_is_read_back(nanoseconds in 0u64..=3_600_000_000_000) {
            let time = Duration::from_nanos(nanoseconds);
            prop_assert_eq!(parse_duration(&typed_duration(time)), Ok(time));
        }
    }

    #[test]
    fn times_are_typed_in_the_largest_unit_that_is_exact() {
        assert_eq!(typed_duration(Duration::from_secs(120)), "120s");
        assert_eq!(typed_duration(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(typed_duration(Duration::from_nanos(1_001)), "1001ns");
        assert_eq!(typed_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn sizes_take_binary_and_decimal_units() {
        let size = |text: &str| text.parse::<ByteSize>().map(|s| s.0);
        assert_eq!(size("125"), Ok(125));
        assert_eq!(size("4KiB"), Ok(4096));
        assert_eq!(size("16MiB"), Ok(16 << 20));
        assert_eq!(size("1KB"), Ok(1000));
        assert_eq!(size("1_000"), Ok(1000));
        for wrong in ["", "-1", "KiB", "12 apples", "1e3"] {
            assert_eq!(size(wrong), Err(UnitError::Size(wrong.to_owned())));
        }
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
    fn stages_are_a_time_and_a_rate() {
        let stage = "10s:1_000".parse::<Stage>().unwrap();
        assert_eq!(stage.time, Duration::from_secs(10));
        assert_eq!(stage.rate.per_second(), 1_000.0);
        for wrong in ["", "10s", "10:5", "10s:0", "0s:5", "10s:x", ":5"] {
            assert!(wrong.parse::<Stage>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ranges_are_inclusive_and_never_empty() {
        let range = |text: &str| text.parse::<SizeRange>();
        assert_eq!(range("125"), Ok(SizeRange { min: 125, max: 125 }));
        assert_eq!(range("64..4KiB"), Ok(SizeRange { min: 64, max: 4096 }));
        assert_eq!(range("0"), Err(UnitError::Zero("0".into())));
        assert_eq!(range("9..3"), Err(UnitError::EmptyRange("9..3".into())));
    }

    #[test]
    fn durations_and_rates() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert!(parse_duration("10").is_err());
        assert_eq!("20_000".parse::<Rate>().map(Rate::per_second), Ok(20_000.0));
        for wrong in ["0", "-5", "NaN", "inf", "x"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
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

    #[test]
    fn people_read_three_significant_digits() {
        assert_eq!(human_time(61.0), "61 ns");
        assert_eq!(human_time(61_000.0), "61.0 µs");
        assert_eq!(human_time(1_304_000.0), "1.30 ms");
        assert_eq!(human_time(999_600.0), "1.00 ms");
        assert_eq!(human_time(9_996_000.0), "10.0 ms");
        assert_eq!(human_time(1_310_000_000.0), "1.31 s");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_048_575), "1,048,575");
        assert_eq!(ByteSize(1_000).to_string(), "1,000 B");
        assert_eq!(ByteSize(4096).to_string(), "4 KiB");
    }

    proptest! {
        #[test]
        fn grouping_only_adds_commas(n: u64) {
            prop_assert_eq!(grouped(n).replace(',', ""), n.to_string());
        }

        #[test]
        fn a_printed_time_is_within_half_a_percent(ns in 1_000.0..3.6e12_f64) {
            let text = human_time(ns);
            let (value, unit) = text.split_once(' ').unwrap();
            let factor = match unit { "µs" => 1e3, "ms" => 1e6, "s" => 1e9, _ => 1.0 };
            let back: f64 = value.parse::<f64>().unwrap() * factor;
            prop_assert!((back - ns).abs() <= 0.005 * ns + 0.5 * f64::EPSILON);
        }
    }
}
