//! A number in its written form, split into parts: a point or comma can separate thousands or decimals.

use crate::read::durations;
use crate::read::time_unit::TimeUnit;

/// The meaning of a text, as far as it does not depend on other cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FieldText<'t> {
    /// A number whose value depends on the [`DecimalSign`].
    Number(NumberText<'t>),
    /// A number with a unit of its own.
    WithUnit(NumberText<'t>, TimeUnit),
    /// A time of hours, minutes and seconds, in milliseconds; can be negative.
    Time(f64),
    /// A word for a missing value.
    Nothing,
    /// Any other text.
    Other,
}

/// The decimal separator. The other sign separates thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecimalSign {
    /// A point: `1,049.5`.
    #[default]
    Point,
    /// A comma: `1.049,5`.
    Comma,
}

/// The uses of a point or comma within one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeparatorUse {
    Absent,
    Decimals,
    Thousands,
    /// Either of the two, as in `1.049`.
    Either,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NumberText<'t> {
    pub(super) text: &'t str,
    pub(super) point: SeparatorUse,
    pub(super) comma: SeparatorUse,
    /// Digits before any decimals.
    whole_digits: usize,
}

impl<'t> FieldText<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let text = text.trim();
        if is_nothing(text) {
            return Self::Nothing;
        }
        if let Some(number) = NumberText::of(text) {
            return Self::Number(number);
        }
        let (sign, size) = match text.strip_prefix(['-', '−']) {
            Some(size) => (-1.0, size),
            None => (1.0, text.strip_prefix('+').unwrap_or(text)),
        };
        if let Some((number, unit)) = number_with_unit(text) {
            return Self::WithUnit(number, unit);
        }
        let time = durations::of_clock(size)
            .or_else(|| durations::of_iso(size))
            .or_else(|| durations::of_units(size));
        time.map_or(Self::Other, |ms| Self::Time(sign * ms))
    }
}

/// One number and its unit: `1,204.5 ms`.
fn number_with_unit(text: &str) -> Option<(NumberText<'_>, TimeUnit)> {
    let unit_at = text.find(char::is_alphabetic)?;
    let (number, unit) = text.split_at(unit_at);
    let unit = TimeUnit::of_word(&unit.to_lowercase())?;
    Some((NumberText::of(number.trim())?, unit))
}

impl<'t> NumberText<'t> {
    /// Splits a text; `None` for anything else than a finite number.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let size = text.strip_prefix(['-', '+', '−']).unwrap_or(text);
        let mantissa = size.split(['e', 'E']).next()?;
        if mantissa.len() < size.len() {
            let exponent = &size[mantissa.len() + 1..];
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
        }
        let has_exponent = mantissa.len() < size.len();
        if !mantissa.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let last_sign = mantissa.rfind(['.', ',']);
        let count = |sign: char| mantissa.matches(sign).count();
        let (points, commas) = (count('.'), count(','));
        // The last sign is decimal unless it, too, occurs several times.
        let is_both = points > 0 && commas > 0;
        let decimal_at = last_sign.filter(|at| {
            let sign = if mantissa[*at..].starts_with('.') {
                points
            } else {
                commas
            };
            sign == 1
        });
        if is_both && decimal_at.is_none() {
            return None;
        }
        let (whole, decimals) = match decimal_at {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, ""),
        };
        if !decimals.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let groups = groups_of(whole)?;
        let whole_digits = whole.bytes().filter(u8::is_ascii_digit).count();
        let may_be_thousands = decimals.len() == 3
            && (1..=3).contains(&whole_digits)
            && groups == Groups::None
            && !whole.starts_with('0')
            && !has_exponent;
        let use_of = |sign: char| match decimal_at {
            Some(at) if mantissa[at..].starts_with(sign) && may_be_thousands => {
                SeparatorUse::Either
            }
            Some(at) if mantissa[at..].starts_with(sign) => SeparatorUse::Decimals,
            _ if groups == Groups::By(sign) => SeparatorUse::Thousands,
            _ => SeparatorUse::Absent,
        };
        Some(Self {
            text,
            point: use_of('.'),
            comma: use_of(','),
            whole_digits,
        })
    }

    /// The value if this is the decimal separator.
    pub(super) fn value(self, sign: DecimalSign) -> Option<f64> {
        let (decimal, thousands) = match sign {
            DecimalSign::Point => ('.', ','),
            DecimalSign::Comma => (',', '.'),
        };
        let mut plain = String::with_capacity(self.text.len());
        for letter in self.text.chars() {
            match letter {
                '−' => plain.push('-'),
                c if c == decimal => plain.push('.'),
                c if c == thousands || is_blank_group(c) => {}
                c => plain.push(c),
            }
        }
        plain.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// The decimal separator that this number alone shows; a point if it shows none.
    pub(super) fn own_sign(self) -> Option<DecimalSign> {
        use SeparatorUse::{Decimals, Either, Thousands};
        match (self.point, self.comma) {
            (Either, _) => Some(DecimalSign::Point),
            (_, Either) => None,
            (Thousands, _) | (_, Decimals) => Some(DecimalSign::Comma),
            _ => Some(DecimalSign::Point),
        }
    }

    /// Returns `true` for a number from 1 to 999 without decimals.
    pub(super) fn is_below_thousand(self) -> bool {
        self.has_no_sign() && self.whole_digits <= 3 && self.has_digit_above_zero()
    }

    /// Returns `true` for three or more digits before the decimals.
    pub(super) fn is_from_hundred(self) -> bool {
        self.whole_digits >= 3
    }

    /// Returns `true` for `1049`, `1049.5` and `1 049`: neither point nor comma separates its thousands.
    pub(super) fn has_other_thousands(self) -> bool {
        let whole = self
            .text
            .split(['.', ',', 'e', 'E'])
            .next()
            .unwrap_or_default();
        whole.bytes().filter(u8::is_ascii_digit).count() > 3
    }

    /// Returns `true` when the last digit is a zero, which programs that print the shortest form do not write as a decimal.
    pub(super) fn ends_with_zero(self) -> bool {
        self.text.ends_with('0')
    }

    fn has_no_sign(self) -> bool {
        (self.point, self.comma) == (SeparatorUse::Absent, SeparatorUse::Absent)
    }

    fn has_digit_above_zero(self) -> bool {
        self.text.bytes().any(|b| (b'1'..=b'9').contains(&b))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Groups {
    None,
    By(char),
}

/// The sign between groups of three digits; `None` if the groups have another length.
fn groups_of(whole: &str) -> Option<Groups> {
    let Some(sign) = whole.chars().find(|c| !c.is_ascii_digit()) else {
        return Some(Groups::None);
    };
    if !is_blank_group(sign) && sign != '.' && sign != ',' {
        return None;
    }
    let mut groups = whole.split(sign);
    let first = groups.next()?;
    let is_digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    // Nobody writes zeros in front of thousands.
    let is_first = (1..=3).contains(&first.len()) && is_digits(first) && !first.starts_with('0');
    let are_others = groups.all(|group| group.len() == 3 && is_digits(group));
    (is_first && are_others).then_some(Groups::By(sign))
}

/// Signs that separate only thousands: blanks of all widths, apostrophes, `_`.
fn is_blank_group(sign: char) -> bool {
    matches!(
        sign,
        ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’' | '_'
    )
}

/// Words for a missing value, in lowercase.
const NOTHING: [&str; 42] = [
    "n/a",
    "na",
    "n.a.",
    "n/d",
    "nan",
    "+nan",
    "-nan",
    "nan(ind)",
    "-nan(ind)",
    "1.#qnan",
    "-1.#ind",
    "1.#ind",
    "null",
    "(null)",
    "<null>",
    "\\n",
    "nil",
    "none",
    "<na>",
    "undefined",
    "void",
    "missing",
    "empty",
    "blank",
    "-",
    "--",
    "---",
    "–",
    "—",
    "−",
    "*",
    "?",
    ".",
    "timeout",
    "timed out",
    "timed_out",
    "timedout",
    "lost",
    "failed",
    "fail",
    "error",
    "err",
];

/// Returns `true` for a word for a missing value, and for the error of a formula.
fn is_nothing(text: &str) -> bool {
    // Nearly all texts are numbers.
    if text.starts_with(|c: char| c.is_ascii_digit()) && !text.starts_with("1.#") {
        return false;
    }
    let is_formula_error = |text: &str| {
        let name = text.strip_prefix('#').unwrap_or_default();
        let is_name = |c: char| c.is_uppercase() || c.is_ascii_digit() || "/!?".contains(c);
        !name.is_empty() && name.chars().all(is_name) || text.starts_with("Err:")
    };
    NOTHING.contains(&text.to_lowercase().as_str()) || is_formula_error(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use SeparatorUse::{Absent, Decimals, Either, Thousands};

    #[test]
    fn a_separator_alone_before_three_digits_may_be_either() {
        for (text, point, comma) in [
            ("1.049", Either, Absent),
            ("1,049", Absent, Either),
            ("1.000.000", Thousands, Absent),
            ("1,049.5", Decimals, Thousands),
            ("1.049,5", Thousands, Decimals),
            ("0.950", Decimals, Absent),
            ("1049.125", Decimals, Absent),
            ("950,0", Absent, Decimals),
            ("1.049e3", Decimals, Absent),
            ("1\u{202f}049", Absent, Absent),
            ("1'049.125", Decimals, Absent),
            ("950", Absent, Absent),
            (".5", Decimals, Absent),
        ] {
            let number = NumberText::of(text).unwrap();
            assert_eq!((number.point, number.comma), (point, comma), "{text}");
        }
    }

    #[test]
    fn thousands_are_left_out_of_the_value() {
        let value = |text, sign| NumberText::of(text).unwrap().value(sign);
        for text in [
            "1 049",
            "1\u{a0}049",
            "1\u{202f}049",
            "1’049",
            "1'049",
            "1_049",
            "1,049",
        ] {
            assert_eq!(value(text, DecimalSign::Point), Some(1_049.0), "{text}");
        }
        assert_eq!(value("1.049,5", DecimalSign::Comma), Some(1_049.5));
        assert_eq!(value("-1.5e-3", DecimalSign::Point), Some(-0.0015));
        assert_eq!(value("−5", DecimalSign::Point), Some(-5.0));
        assert_eq!(value("1e999", DecimalSign::Point), None);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "-",
            "a",
            "1.2.3",
            "127.0.0.1",
            "27.11.2023",
            "1,00,000",
            "12,34,567",
            "0,001,234",
            "0.950.000",
            "0 950",
            "0,950.5",
            "1,2345.5",
            "1 234,567.8",
            "1.234,567.8",
            "1,234 567",
            "1 2",
            "1e",
            "5 ms",
            "1-2",
            "0x10",
        ] {
            assert_eq!(NumberText::of(text), None, "{text}");
        }
    }

    #[test]
    fn words_for_nothing_are_known_and_no_others() {
        for text in [
            "N/A", "NaN", "null", "None", "-", "*", "timeout", "#N/A", "#DIV/0!", "#WERT!",
            "Err:502", "-1.#IND",
        ] {
            assert_eq!(FieldText::of(text), FieldText::Nothing, "{text}");
        }
        for text in ["inf", "oops", "Infinity", "x", "#hash", "slow"] {
            assert_eq!(FieldText::of(text), FieldText::Other, "{text}");
        }
    }

    #[test]
    fn a_time_may_bring_its_unit() {
        for (text, number, unit) in [
            ("1,204.5 ms", "1,204.5", TimeUnit::Milliseconds),
            ("1.250s", "1.250", TimeUnit::Seconds),
            ("-5 µs", "-5", TimeUnit::Microseconds),
        ] {
            let number = NumberText::of(number).unwrap();
            assert_eq!(
                FieldText::of(text),
                FieldText::WithUnit(number, unit),
                "{text}"
            );
        }
        for (text, ms) in [
            ("00:00:01.250", 1_250.0),
            ("PT1.25S", 1_250.0),
            ("-00:05", -5_000.0),
            ("1m2.5s", 62_500.0),
        ] {
            assert_eq!(FieldText::of(text), FieldText::Time(ms), "{text}");
        }
        assert_eq!(FieldText::of("5 MB"), FieldText::Other);
    }
}
