//! Formatting of counts, rates, times and sizes.

use std::time::Duration;

/// A whole number with thousands separators: `100,000`.
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

/// A count with its noun: `1 client`, `2,000 clients`, `2 echoes`, `2 deliveries`.
pub fn counted(n: u64, noun: &str) -> String {
    let (stem, ending) = match noun {
        _ if n == 1 => (noun, ""),
        "echo" | "push" => (noun, "es"),
        _ => match noun.strip_suffix("ry") {
            Some(stem) => (stem, "ries"),
            None => (noun, "s"),
        },
    };
    format!("{} {stem}{ending}", grouped(n))
}

/// A rate per second without unit: `76,336`, `2.50`. Whole numbers from 100 on; decimals below, where they matter.
pub fn human_rate(per_second: f64) -> String {
    // A rate is never negative.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    match per_second {
        n if n >= 100.0 => grouped(n.round() as u64),
        n if n.fract() == 0.0 => format!("{n:.0}"),
        n => format!("{n:.2}"),
    }
}

/// The nearest number of three significant digits.
pub fn three_digits(number: f64) -> f64 {
    // The text of a number has exactly the digits asked for, which a division by a power of ten has not.
    format!("{number:.2e}").parse().unwrap_or(number)
}

/// A time in the format of [`parse_duration`](crate::parse_duration), exact and without blanks: `10s`, `1500ms`, `0s`.
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

/// A time as people write it, exact and in the format of [`parse_duration`](crate::parse_duration): `2m`, `90s`, `24h`, `30d`,
/// `0s`.
pub fn human_duration(time: Duration) -> String {
    const UNITS: [(u64, u64, &str); 3] = [(86_400, 2, "d"), (3_600, 1, "h"), (60, 1, "m")];
    let seconds = time.as_secs();
    let mut units = UNITS.into_iter().filter(|_| time.subsec_nanos() == 0);
    // A day is written as 24h.
    let unit =
        units.find(|(scale, least, _)| seconds >= least * scale && seconds.is_multiple_of(*scale));
    match unit {
        Some((scale, _, unit)) => format!("{}{unit}", seconds / scale),
        None => typed_duration(time),
    }
}

/// A time in nanoseconds as text, with three significant digits and a unit: `61.0 µs`, `1.30 ms`.
pub fn human_time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 999.5 => return format!("{n:.0} ns"),
        n if n < 999.5e3 => (n / 1e3, "µs"),
        n if n < 999.5e6 => (n / 1e6, "ms"),
        n if n < 999.5e9 => (n / 1e9, "s"),
        // The cast saturates and turns NaN into 0, which is good enough for display.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        n => return format!("{} s", grouped((n / 1e9).round() as u64)),
    };
    // Limits below which rounding does not add a digit.
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A number of bytes as text, in binary units with one decimal: `9.1 MiB`.
pub fn human_bytes(bytes: f64) -> String {
    // The cast saturates and turns NaN into 0, which is good enough for display.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = bytes.round() as u64;
    bytesize::ByteSize(whole).display().iec().to_string()
}

/// A number of bytes as text in the unit of another one, so that both compare at a glance: `1.0 KiB` for 1,020 bytes
/// beside 1 KiB. A number that would be 0.0 keeps its own unit, as does every number beside 0.
pub fn human_bytes_beside(bytes: f64, other: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut scale, mut unit) = (1.0, 0);
    while other >= 1_024.0 * scale && unit + 1 < UNITS.len() {
        scale *= 1_024.0;
        unit += 1;
    }
    let value = bytes / scale;
    if unit == 0 || value < 0.05 {
        return human_bytes(bytes);
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A share as a whole percentage: `71 %`.
pub fn human_percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A share of deliveries that came: `100 %`, `99.50 %`. Only the whole is 100 %.
pub fn human_reach(share: f64) -> String {
    if share >= 1.0 {
        return "100 %".to_owned();
    }
    let text = format!("{:.2} %", share * 100.0);
    match text.as_str() {
        "100.00 %" => "just under 100 %".to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_numbers_of_bytes_have_one_unit() {
        assert_eq!(human_bytes_beside(1_020.0, 1_024.0), "1.0 KiB");
        assert_eq!(human_bytes_beside(4_096.0, 4_096.0), "4.0 KiB");
        assert_eq!(human_bytes_beside(10.0, 1_024.0), "10 B");
        assert_eq!(human_bytes_beside(2_048.0, 0.0), "2.0 KiB");
        assert_eq!(human_bytes_beside(100.0, 125.0), "100 B");
    }

    #[test]
    fn things_and_rates_are_counted() {
        assert_eq!(counted(1, "client"), "1 client");
        assert_eq!(counted(2_000, "client"), "2,000 clients");
        assert_eq!([1, 2].map(|n| counted(n, "echo")), ["1 echo", "2 echoes"]);
        assert_eq!(counted(2, "delivery"), "2 deliveries");
        assert_eq!(human_rate(76_335.6), "76,336");
        assert_eq!(human_rate(5.0), "5");
        assert_eq!(human_rate(2.5), "2.50");
    }

    #[test]
    fn three_digits_are_kept() {
        for (number, expected) in [
            (92_377.0, 92_400.0),
            (2_115.4, 2_120.0),
            (0.012_345, 0.012_3),
            (0.0, 0.0),
            (f64::INFINITY, f64::INFINITY),
        ] {
            assert_eq!(three_digits(number), expected);
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
        assert_eq!(human_time(999.4e9), "999 s");
        // Client-seconds of a storm were written as 3260 s.
        assert_eq!(human_time(3_260.3e9), "3,260 s");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_048_575), "1,048,575");
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
            let back: f64 = value.replace(',', "").parse::<f64>().unwrap() * factor;
            prop_assert!((back - ns).abs() <= 0.005 * ns + 0.5 * f64::EPSILON);
        }
    }
}
