//! Durations as people and programs write them: `1.25s`, `1m2.5s`, `00:00:01.250`, `PT1.25S`.

use super::time_unit::TimeUnit;

/// The milliseconds of an ISO 8601 duration of days and less.
pub(super) fn of_iso(text: &str) -> Option<f64> {
    let (days, time) = text
        .strip_prefix('P')?
        .split_once('T')
        .unwrap_or((&text[1..], ""));
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let days = parts(days, |number, letter| match letter {
        "W" => Some(number * 7.0 * 86_400e3),
        "D" => Some(number * 86_400e3),
        _ => None,
    })?;
    let time = parts(time, |number, letter| match letter {
        "H" => Some(number * 3_600e3),
        "M" => Some(number * 60e3),
        "S" => Some(number * 1e3),
        _ => None,
    })?;
    Some(days + time)
}

/// The milliseconds of successive numbers with units: `1h2m3.5s`, `1.25 s`, `850µs`.
pub(super) fn of_units(text: &str) -> Option<f64> {
    if text.trim().is_empty() {
        return None;
    }
    parts(text, |number, unit| {
        Some(match unit.to_lowercase().as_str() {
            "" => return None,
            "m" => number * 60e3,
            "d" | "day" | "days" => number * 86_400e3,
            unit => TimeUnit::of_word(unit)?.to_ms(number),
        })
    })
}

/// The sum of numbers, each converted by the letters that follow it.
fn parts(text: &str, ms_of: impl Fn(f64, &str) -> Option<f64>) -> Option<f64> {
    let mut rest = text.trim();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let is_digit = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
        let end = rest.find(|c| !is_digit(c))?;
        let number: f64 = rest[..end].replace(',', ".").parse().ok()?;
        let rest_of = &rest[end..];
        let next = rest_of
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest_of.len());
        sum += ms_of(number, rest_of[..next].trim())?;
        rest = &rest_of[next..];
    }
    Some(sum)
}

/// The milliseconds of `h:mm:ss`, `mm:ss` and `d.hh:mm:ss`, seconds with a fraction.
pub(super) fn of_clock(text: &str) -> Option<f64> {
    let fields: Vec<&str> = text.trim().split(':').collect();
    let (seconds, others) = fields.split_last()?;
    if !(1..=2).contains(&others.len()) {
        return None;
    }
    let is_seconds = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
    if seconds.is_empty()
        || !seconds.chars().all(is_seconds)
        || !seconds.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let seconds: f64 = seconds.replace(',', ".").parse().ok()?;
    let mut sum = 0.0;
    for (nth, field) in others.iter().enumerate() {
        // .NET writes days before a point.
        let (days, field) = match field.split_once('.') {
            Some((days, hours)) if nth == 0 && others.len() == 2 => (whole(days)?, hours),
            _ => (0.0, *field),
        };
        let value = whole(field)?;
        if nth > 0 && value >= 60.0 {
            return None;
        }
        sum = sum * 60.0 + days * 24.0 + value;
    }
    (seconds < 60.0).then(|| ((sum * 60.0 + seconds) * 1e9).round() / 1e6)
}

/// A number of one to four digits.
fn whole(digits: &str) -> Option<f64> {
    let is_whole = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_count_from_the_right() {
        assert_eq!(of_clock("00:00:01.250"), Some(1_250.0));
        assert_eq!(of_clock("0:01.25"), Some(1_250.0));
        assert_eq!(of_clock("1:02:03"), Some(3_723_000.0));
        assert_eq!(of_clock("00:00:01,250"), Some(1_250.0));
        assert_eq!(of_clock("1.00:00:01"), Some(86_401_000.0));
        for text in [
            "12",
            "1:2:3:4",
            "a:b",
            "00:75",
            "1:",
            ":1",
            "2023-11-27 10:00:01",
            "::1",
        ] {
            assert_eq!(of_clock(text), None, "{text}");
        }
    }

    #[test]
    fn units_stand_behind_their_numbers() {
        for (text, ms) in [
            ("1.25s", 1_250.0),
            ("1250.0 ms", 1_250.0),
            ("850µs", 0.85),
            ("1m2.5s", 62_500.0),
            ("2h", 7_200_000.0),
            ("1,5 ms", 1.5),
            ("3 min", 180_000.0),
        ] {
            assert_eq!(of_units(text), Some(ms), "{text}");
        }
        for text in [
            "1.25", "5 apples", "s", "", "1.2.3 s", "-1s", "5 MB", "10/s",
        ] {
            assert_eq!(of_units(text), None, "{text}");
        }
    }

    #[test]
    fn iso_durations_are_read() {
        assert_eq!(of_iso("PT1.25S"), Some(1_250.0));
        assert_eq!(of_iso("PT00H00M01.250000S"), Some(1_250.0));
        assert_eq!(of_iso("P1DT1H"), Some(90_000_000.0));
        for text in ["P", "PT", "P1Y", "T1S", "PT1X", "1.25"] {
            assert_eq!(of_iso(text), None, "{text}");
        }
    }
}
