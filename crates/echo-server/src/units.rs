//! The one place that knows how sizes, durations and counts are typed.

use std::{num::NonZeroUsize, time::Duration};

use bytesize::ByteSize;

/// Parses a size in bytes: `125`, `4KiB`, `16MiB`; at least one byte.
pub(crate) fn size(text: &str) -> Result<NonZeroUsize, String> {
    let size: ByteSize = text.parse()?;
    usize::try_from(size.as_u64())
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| "must be at least 1 byte and fit in memory".to_owned())
}

/// Parses a length of a queue that the system can be asked for.
pub(crate) fn backlog(text: &str) -> Result<u32, String> {
    let backlog = u32::try_from(count(text)?.get()).ok();
    // The system takes a signed number.
    backlog
        .filter(|backlog| i32::try_from(*backlog).is_ok())
        .ok_or_else(|| "must be at most 2_147_483_647".to_owned())
}

/// Checks an origin: a scheme and a host, perhaps a port, no path.
pub(crate) fn origin(text: &str) -> Result<String, String> {
    let is_origin = text.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty() && !host.is_empty() && !host.contains('/')
    });
    (is_origin && text.is_ascii())
        .then(|| text.to_owned())
        .ok_or_else(|| "must be a scheme and a host, such as https://example.org".to_owned())
}

/// Parses a duration: `500ms`, `10s`, `2m`; `0` needs no unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// Parses a count of at least one: `1000`, `10_000`.
pub(crate) fn count(text: &str) -> Result<NonZeroUsize, String> {
    let starts_with_digit = text.starts_with(|first: char| first.is_ascii_digit());
    starts_with_digit
        .then(|| text.replace('_', ""))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| "must be a whole number of at least 1, such as 10_000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_binary_and_decimal_units() {
        for (text, bytes) in [
            ("125", 125),
            ("4KiB", 4096),
            ("16MiB", 16 << 20),
            ("1kB", 1000),
        ] {
            assert_eq!(size(text).unwrap().get(), bytes, "{text}");
        }
        for text in ["0", "", "-1", "many", "4XiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("2m").unwrap(), Duration::from_secs(120));
        assert_eq!(duration("0s").unwrap(), Duration::ZERO);
        assert_eq!(duration("0").unwrap(), Duration::ZERO);
        for text in ["", "5", "-1s", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_take_separators_but_not_zero() {
        assert_eq!(count("10_000").unwrap().get(), 10_000);
        assert_eq!(count("7").unwrap().get(), 7);
        for text in ["0", "", "_", "_1", "+1", "-1", "1.5", "ten"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
