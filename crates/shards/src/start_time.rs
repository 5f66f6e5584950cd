//! Beginning of the measured phase, as text: RFC 3339 or milliseconds since 1970.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Result, ShardsError};

/// The last millisecond of the year 9999.
const LATEST_MS: u64 = 253_402_300_799_999;
/// Numbers below this are in 1973 as milliseconds, and in the year 5138 as seconds.
const LOWEST_MS: u64 = 100_000_000_000;

/// The beginning of the measured phase: a time from 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StartTime(SystemTime);

impl StartTime {
    /// The start at this time.
    ///
    /// # Errors
    /// [`ShardsError::StartTooLate`], and [`ShardsError::Start`] for times before 1970.
    pub fn new(time: SystemTime) -> Result<Self> {
        let since_1970 = time
            .duration_since(UNIX_EPOCH)
            .map_err(|_| ShardsError::Start("a time before 1970".to_owned()))?;
        if since_1970.as_millis() > u128::from(LATEST_MS) {
            return Err(ShardsError::StartTooLate);
        }
        Ok(Self(time))
    }

    /// The start this long after `now`.
    ///
    /// # Errors
    /// As [`StartTime::new`].
    pub fn after(now: SystemTime, wait: Duration) -> Result<Self> {
        Self::new(now.checked_add(wait).ok_or(ShardsError::StartTooLate)?)
    }

    /// The time.
    pub fn time(self) -> SystemTime {
        self.0
    }

    /// Checks that the start lies in the future.
    ///
    /// # Errors
    /// [`ShardsError::StartPast`].
    pub fn check_future(self, now: SystemTime) -> Result<()> {
        match now.duration_since(self.0) {
            Err(_) => Ok(()),
            Ok(past) => Err(ShardsError::StartPast {
                start: self.to_string(),
                past: whole_milliseconds(past),
            }),
        }
    }
}

fn whole_milliseconds(time: Duration) -> Duration {
    let below_ms = time.subsec_nanos() % 1_000_000;
    time.saturating_sub(Duration::from_nanos(below_ms.into()))
}

/// Parses RFC 3339 with any offset, or milliseconds since 1970. Blanks around the text are ignored.
impl FromStr for StartTime {
    type Err = ShardsError;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return from_milliseconds(text);
        }
        let time = rfc3339(text).ok_or_else(|| ShardsError::Start(text.to_owned()))?;
        Self::new(time)
    }
}

fn from_milliseconds(digits: &str) -> Result<StartTime> {
    // A number that does not fit is later than the year 9999, too.
    let ms: u64 = digits.parse().unwrap_or(u64::MAX);
    match ms {
        ..LOWEST_MS => Err(ShardsError::StartInSeconds(digits.to_owned())),
        _ if ms > LATEST_MS => Err(ShardsError::StartTooLate),
        _ => Ok(StartTime(UNIX_EPOCH + Duration::from_millis(ms))),
    }
}

/// Parses RFC 3339. humantime reads UTC only; `date` prints the local offset and may separate date and time by a blank.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, clock) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let utc = |clock: &str| {
        // humantime would accept a second Z.
        let has_other = clock.contains(|c: char| !matches!(c, '0'..='9' | ':' | '.'));
        let time = humantime::parse_rfc3339(&format!("{date}T{clock}Z"));
        time.ok().filter(|_| !has_other)
    };
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return utc(clock);
    }
    let (clock, offset) = clock.split_at_checked(clock.len().checked_sub(6)?)?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let offset = offset_of(offset)?;
    match sign {
        "+" => utc(clock)?.checked_sub(offset),
        "-" => utc(clock)?.checked_add(offset),
        _ => None,
    }
}

/// Parses `hh:mm`.
fn offset_of(text: &str) -> Option<Duration> {
    let part = |range| {
        let digits: &str = text.get(range)?;
        let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| is_digits)
    };
    let (hours, minutes) = (part(0..2)?, part(3..5)?);
    let is_valid = text.len() == 5 && text.get(2..3) == Some(":") && hours < 24 && minutes < 60;
    is_valid.then(|| Duration::from_secs(hours * 3600 + minutes * 60))
}

/// Formats the time in RFC 3339 with milliseconds, in UTC.
impl fmt::Display for StartTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<StartTime> {
        text.parse()
    }

    #[test]
    fn rfc_3339_and_milliseconds_are_the_same_time() {
        let expected = UNIX_EPOCH + Duration::from_millis(1_769_860_800_250);
        for text in [
            "1769860800250",
            "2026-01-31T12:00:00.250Z",
            "2026-01-31t12:00:00.25z",
            " 2026-01-31T12:00:00.250Z\r\n",
            // As `date --rfc-3339=ns` prints it.
            "2026-01-31 14:00:00.250000000+02:00",
            "2026-01-31T06:30:00.250-05:30",
            "2026-01-31T12:00:00.250+00:00",
        ] {
            assert_eq!(parse(text).unwrap().time(), expected, "{text}");
        }
        assert_eq!(
            parse("1769860800250").unwrap().to_string(),
            "2026-01-31T12:00:00.250Z"
        );
    }

    #[test]
    fn texts_that_are_not_a_time_are_refused() {
        for text in [
            "",
            "now",
            "-1",
            "1769860800.250",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-02-31T12:00:00Z",
            "2026-01-31T12:00:00+2:00",
            "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00+02:60",
            "2026-01-31T12:00:00++1:00",
            "2026-01-31T12:00:00Z+02:00",
            "2026-01-31_12:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "10000-01-01T00:00:00Z",
            "2026-01-31T12:00é:00Z",
            "2026-01-3éT12:00:00Z",
        ] {
            assert!(matches!(parse(text), Err(ShardsError::Start(_))), "{text}");
        }
    }

    #[test]
    fn the_last_start_is_in_the_year_9999() {
        assert_eq!(
            parse("253402300799999").unwrap().to_string(),
            "9999-12-31T23:59:59.999Z"
        );
        for text in [
            "253402300800000",
            "18446744073709551616",
            "99999999999999999999999999",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert!(
                matches!(parse(text), Err(ShardsError::StartTooLate)),
                "{text}"
            );
        }
        let start = StartTime::after(SystemTime::now(), Duration::MAX);
        assert!(matches!(start, Err(ShardsError::StartTooLate)));
        assert!(StartTime::new(UNIX_EPOCH - Duration::from_secs(1)).is_err());
    }

    #[test]
    fn seconds_are_not_taken_for_milliseconds() {
        let error = parse("1769860800").unwrap_err();
        assert!(matches!(error, ShardsError::StartInSeconds(_)));
    }

    #[test]
    fn a_start_lies_in_the_future() {
        let start = parse("2026-01-31T12:00:00Z").unwrap();
        let after = |ns| start.time() + Duration::from_nanos(ns);
        assert!(
            start
                .check_future(start.time() - Duration::from_nanos(1000))
                .is_ok()
        );
        assert_eq!(
            start
                .check_future(after(1_500_900_000))
                .unwrap_err()
                .to_string(),
            "the start 2026-01-31T12:00:00.000Z is 1.50 s past"
        );
        assert!(start.check_future(start.time()).is_err());
    }

    proptest! {
        #[test]
        fn a_start_is_read_as_it_was_written(ms in LOWEST_MS..=LATEST_MS) {
            let start = parse(&ms.to_string()).unwrap();
            prop_assert_eq!(parse(&start.to_string()).unwrap(), start);
        }

        #[test]
        fn any_text_is_a_time_or_refused(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_text_like_a_time_is_a_time_or_refused(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.Zz+é-]{0,20}") {
            if let Ok(start) = parse(&text) {
                prop_assert!(!start.to_string().is_empty());
            }
        }
    }
}
