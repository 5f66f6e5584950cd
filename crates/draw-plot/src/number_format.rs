//! Numbers and times as pictures print them.

use units::grouped;

use crate::series::whole;

/// A number with commas between thousands and this number of decimals: `1,234.50`.
pub(crate) fn fixed_decimals(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let size = text.trim_start_matches('-');
    let sign = &text[..text.len() - size.len()];
    let (whole, part) = size.split_at(size.find('.').unwrap_or(size.len()));
    match whole.parse() {
        Ok(whole) => format!("{sign}{}{part}", grouped(whole)),
        // Larger than 64 bits: as it is.
        Err(_) => text,
    }
}

/// A round number, such as a tick, with as many decimals as it needs.
pub(crate) fn round_number(value: f64) -> String {
    if is_too_small(value) {
        return format!("{value:.0e}");
    }
    let decimals = -(value.log10() + 1e-9).floor();
    fixed_decimals(value, whole(decimals.min(20.0)))
}

/// A time with three significant digits: `0.0612 ms`, `1.22 ms`, `1,234 ms`.
pub(crate) fn milliseconds(ms: f64) -> String {
    if ms <= 0.0 {
        return "0 ms".to_owned();
    }
    if is_too_small(ms) {
        return format!("{ms:.2e} ms");
    }
    // Half of the third digit may carry into a fourth: 9.996 is written 10.0.
    let digits_before_point = (ms * (1.0 + 5e-4)).log10().floor();
    let decimals = whole((2.0 - digits_before_point).min(12.0));
    format!("{} ms", fixed_decimals(ms, decimals))
}

/// Returns `true` for a number above zero that is written with an exponent, `1.00e-12 ms`, to avoid a row of zeros.
fn is_too_small(value: f64) -> bool {
    value > 0.0 && value < 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(milliseconds(0.061_23), "0.0612 ms");
        assert_eq!(milliseconds(1.224), "1.22 ms");
        assert_eq!(milliseconds(9.996), "10.0 ms");
        assert_eq!(milliseconds(412.5), "412 ms");
        assert_eq!(milliseconds(12_345.0), "12,345 ms");
        assert_eq!(milliseconds(0.0), "0 ms");
        assert_eq!(milliseconds(5e-324), "4.94e-324 ms");
        assert_eq!(round_number(1e-12), "1e-12");
        assert_eq!(round_number(0.001), "0.001");
        assert_eq!(fixed_decimals(-12_345.25, 1), "-12,345.2");
        assert_eq!(fixed_decimals(-2_000.0, 0), "-2,000");
    }
}
