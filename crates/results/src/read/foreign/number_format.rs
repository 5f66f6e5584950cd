//! The number format of a column, which is decided from all of its numbers.

use super::number_text::{DecimalSign, NumberText, SeparatorUse};

/// Row and text of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenText {
    /// Number of the row, from 0.
    pub(super) row: u32,
    pub(super) text: String,
}

/// The first cell of each use of a point or comma.
#[derive(Debug, Default)]
struct SignEvidence {
    decimals: Option<SeenText>,
    thousands: Option<SeenText>,
    either: Option<SeenText>,
    /// A second cell whose sign can be either.
    another: Option<SeenText>,
    /// True if a number whose sign can be either ends with a zero.
    ends_with_zero: bool,
}

/// The forms of the numbers of a column.
#[derive(Debug, Default)]
pub(super) struct NumberForms {
    point: SignEvidence,
    comma: SignEvidence,
    /// A number from 1 to 999 without decimals.
    below_thousand: Option<SeenText>,
    /// True if such a number has three digits.
    has_hundreds: bool,
    /// A number of at least 1000 whose thousands are not separated by a point or comma.
    other_thousands: Option<SeenText>,
}

/// The knowledge about other columns of the file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FileForms {
    /// True if a comma or blanks separate fields, so that a point is hardly a separator of thousands.
    pub(super) has_decimal_points: bool,
    /// True if there are several columns, which confirm the separator of fields.
    pub(super) has_fields: bool,
    /// The decimal separator of other columns, if they agree.
    pub(super) sign_elsewhere: Option<DecimalSign>,
}

impl SignEvidence {
    fn add(&mut self, number: NumberText<'_>, used: SeparatorUse, seen: &dyn Fn() -> SeenText) {
        let place = match used {
            SeparatorUse::Absent => return,
            SeparatorUse::Decimals => &mut self.decimals,
            SeparatorUse::Thousands => &mut self.thousands,
            SeparatorUse::Either => {
                self.ends_with_zero |= number.ends_with_zero();
                if self.either.is_some() {
                    &mut self.another
                } else {
                    &mut self.either
                }
            }
        };
        place.get_or_insert_with(seen);
    }
}

impl NumberForms {
    pub(super) fn add(&mut self, number: NumberText<'_>, seen: &dyn Fn() -> SeenText) {
        self.point.add(number, number.point, seen);
        self.comma.add(number, number.comma, seen);
        if number.is_below_thousand() {
            self.has_hundreds |= number.is_from_hundred();
            self.below_thousand.get_or_insert_with(seen);
        }
        if number.has_other_thousands() {
            self.other_thousands.get_or_insert_with(seen);
        }
    }

    /// The decimal separator that the numbers show without doubt.
    pub(super) fn shown_sign(&self) -> Option<DecimalSign> {
        match (&self.point, &self.comma) {
            (
                SignEvidence {
                    decimals: Some(_), ..
                },
                SignEvidence { decimals: None, .. },
            ) => Some(DecimalSign::Point),
            (
                SignEvidence { decimals: None, .. },
                SignEvidence {
                    decimals: Some(_), ..
                },
            ) => Some(DecimalSign::Comma),
            _ => None,
        }
    }

    /// The first number with thousands that could be decimals, if this is the decimal separator.
    pub(super) fn thousands_by(&self, sign: DecimalSign) -> Option<String> {
        let evidence = match sign {
            DecimalSign::Point => &self.comma,
            DecimalSign::Comma => &self.point,
        };
        evidence.either.as_ref().map(|seen| seen.text.clone())
    }

    /// Decides the decimal separator of all numbers.
    ///
    /// # Errors
    /// Two cells that contradict each other, or that can be read in two ways.
    pub(super) fn decide(&self, file: FileForms) -> Result<DecimalSign, [SeenText; 2]> {
        let (point, comma) = (&self.point, &self.comma);
        let against_point = point.thousands.as_ref().or(comma.decimals.as_ref());
        let against_comma = comma.thousands.as_ref().or(point.decimals.as_ref());
        let sign = match (against_point, against_comma) {
            (Some(one), Some(other)) => return Err([one.clone(), other.clone()]),
            (None, Some(_)) => DecimalSign::Point,
            (Some(_), None) => DecimalSign::Comma,
            (None, None) => match (&point.either, &comma.either) {
                (None, None) => DecimalSign::Point,
                (Some(one), Some(other)) => return Err([one.clone(), other.clone()]),
                (Some(one), None) => self.decide_either((point, one), DecimalSign::Point, file)?,
                (None, Some(one)) => self.decide_either((comma, one), DecimalSign::Comma, file)?,
            },
        };
        let grouped = match sign {
            DecimalSign::Point => comma,
            DecimalSign::Comma => point,
        };
        match (&grouped.either, &self.other_thousands) {
            // Nothing shows for certain that this writer separates thousands so, and another number shows the contrary.
            (Some(one), Some(other)) if grouped.thousands.is_none() => {
                Err([one.clone(), other.clone()])
            }
            _ => Ok(sign),
        }
    }

    /// Decides about a sign that always stands before three digits: it separates decimals or thousands.
    ///
    /// Whole numbers below 1000, together with others that end with zeros, are not decimals of one program. They show
    /// thousands only if one of them has three digits: `950` and `1.000`, but not `12` and `1.500`.
    ///
    /// | decimals elsewhere | several fields, not by `;` or tabs, a point | whole below 1000 and zeros at the end | other thousands | meaning |
    /// |---|---|---|---|---|
    /// | the other sign | any | any | no | thousands |
    /// | this sign or unknown | yes | no, or none of three digits | any | decimals |
    /// | this sign | no | no | any | decimals |
    /// | unknown, a single column, a point | no | no | any | decimals |
    /// | unknown | no | yes, one of three digits | no | thousands |
    /// | any | otherwise | otherwise | any | two cells |
    fn decide_either(
        &self,
        (evidence, one): (&SignEvidence, &SeenText),
        sign: DecimalSign,
        file: FileForms,
    ) -> Result<DecimalSign, [SeenText; 2]> {
        let as_thousands = match sign {
            DecimalSign::Point => DecimalSign::Comma,
            DecimalSign::Comma => DecimalSign::Point,
        };
        let grows_beyond_thousand = self.below_thousand.is_some() && evidence.ends_with_zero;
        let is_decimal_point = sign == DecimalSign::Point && file.has_decimal_points;
        let is_surely_decimal = is_decimal_point && file.has_fields;
        match file.sign_elsewhere {
            Some(elsewhere) if elsewhere == as_thousands => return Ok(as_thousands),
            Some(_) if !grows_beyond_thousand => return Ok(sign),
            None if is_decimal_point && !grows_beyond_thousand => return Ok(sign),
            _ if is_surely_decimal && !self.has_hundreds => return Ok(sign),
            None if grows_beyond_thousand && self.has_hundreds && !is_surely_decimal => {
                return Ok(as_thousands);
            }
            _ => {}
        }
        let other = self.other_thousands.as_ref();
        let other = other.or(self.below_thousand.as_ref());
        let other = other.or(evidence.another.as_ref());
        Err([one.clone(), other.unwrap_or(one).clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(texts: &[&str], has_decimal_points: bool) -> Result<DecimalSign, [String; 2]> {
        let mut forms = NumberForms::default();
        for (row, text) in (0..).zip(texts) {
            let seen = || SeenText {
                row,
                text: (*text).to_owned(),
            };
            forms.add(NumberText::of(text).unwrap(), &seen);
        }
        let file = FileForms {
            has_decimal_points,
            has_fields: has_decimal_points,
            sign_elsewhere: None,
        };
        forms
            .decide(file)
            .map_err(|cells| cells.map(|cell| cell.text))
    }

    #[test]
    fn whole_numbers_that_grow_beyond_999_have_thousands() {
        assert_eq!(
            decide(&["950", "999", "1.000", "1.149"], false),
            Ok(DecimalSign::Comma)
        );
        // Where a comma separates fields, a point is one of decimals, but `950` beside `1.000` is of another writer.
        assert_eq!(
            decide(&["950", "999", "1.000", "1.149"], true),
            Err(["1.000".to_owned(), "950".to_owned()])
        );
        assert_eq!(
            decide(&["12", "1.500", "2.250"], true),
            Ok(DecimalSign::Point)
        );
        for is_comma in [true, false] {
            assert_eq!(
                decide(&["950", "999", "1,000", "1,149"], is_comma),
                Ok(DecimalSign::Point)
            );
        }
        assert_eq!(
            decide(&["950.000", "1.149.000"], false),
            Ok(DecimalSign::Comma)
        );
    }

    #[test]
    fn one_number_that_shows_its_decimals_decides_for_all() {
        assert_eq!(decide(&["1.049", "0.5"], false), Ok(DecimalSign::Point));
        assert_eq!(decide(&["1.049", "950,0"], false), Ok(DecimalSign::Comma));
        assert_eq!(decide(&["1,049", "1000,5"], true), Ok(DecimalSign::Comma));
    }

    #[test]
    fn numbers_that_can_be_read_in_two_ways_are_quoted() {
        let both = |one: &str, other: &str| Err([one.to_owned(), other.to_owned()]);
        assert_eq!(decide(&["1.049", "2.125"], false), both("1.049", "2.125"));
        assert_eq!(decide(&["1,049", "2,125"], true), both("1,049", "2,125"));
        assert_eq!(decide(&["2", "1,125"], true), both("1,125", "2"));
        // Nothing shows that whole numbers grew beyond 999.
        assert_eq!(
            decide(&["1.500", "2.250", "12"], false),
            both("1.500", "12")
        );
        assert_eq!(decide(&["1,500", "2,250", "12"], true), both("1,500", "12"));
        assert_eq!(decide(&["1.5", "2,5"], true), both("2,5", "1.5"));
        assert_eq!(decide(&["1.049", "1,049"], true), both("1.049", "1,049"));
        // Where a comma separates fields, nobody separates thousands with a point.
        assert_eq!(decide(&["1.049", "2.125"], true), Ok(DecimalSign::Point));
    }

    #[test]
    fn a_plain_thousand_beside_a_grouped_one_was_read_as_decimals() {
        let both = |one: &str, other: &str| Err([one.to_owned(), other.to_owned()]);
        let decimals = |sign| Ok(sign);
        for (texts, has_decimal_points, wanted) in [
            (
                &["950", "1234", "1,500", "12,000"][..],
                true,
                both("1,500", "1234"),
            ),
            (
                &["950", "1234", "1.500", "12.000"],
                true,
                both("1.500", "1234"),
            ),
            (&["1234", "1,501"], true, both("1,501", "1234")),
            (&["1.049", "2049"], false, both("1.049", "2049")),
            (&["1.5", "1234", "1,049"], true, both("1,049", "1234")),
            (&["1234.5", "1,049"], true, both("1,049", "1234.5")),
            (&["1234,5", "1.049"], false, both("1.049", "1234,5")),
            // One number shows both signs, so that the others cannot mean anything else.
            (
                &["1234", "1,049.5", "1,500"],
                true,
                decimals(DecimalSign::Point),
            ),
            (
                &["1234", "1,000,000", "1,500"],
                true,
                decimals(DecimalSign::Point),
            ),
            (
                &["1234", "0,5", "1,500"],
                true,
                decimals(DecimalSign::Comma),
            ),
            (&["2049", "1.049"], true, decimals(DecimalSign::Point)),
            (&["1 234", "1,5"], false, decimals(DecimalSign::Comma)),
            (&["1 234", "1,500"], false, both("1,500", "1 234")),
            (&["1’234", "0.5", "1,234"], true, both("1,234", "1’234")),
            (&["1 234,567", "1,500"], false, decimals(DecimalSign::Comma)),
            (&["1’234", "0.5"], false, decimals(DecimalSign::Point)),
        ] {
            assert_eq!(decide(texts, has_decimal_points), wanted, "{texts:?}");
        }
    }

    /// A number with this many decimals in a locale.
    fn written(value: u64, decimals: usize, sign: char, group: Option<char>) -> String {
        let unit = 10u64.pow(u32::try_from(decimals).unwrap());
        let whole = (value / unit).to_string();
        let mut text = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                text.extend(group);
            }
            text.push(digit);
        }
        if decimals > 0 {
            text.push(sign);
            text += &format!("{:0decimals$}", value % unit);
        }
        text
    }

    proptest::proptest! {
        #[test]
        fn numbers_of_any_locale_are_read_as_they_were_meant_or_refused(
            values in proptest::collection::vec(0u64..20_000_000, 1..8),
            decimals in 0usize..5,
            (sign, group) in proptest::sample::select(vec![
                ('.', Some(',')), (',', Some('.')), (',', Some(' ')), (',', Some('\u{a0}')),
                ('.', Some('’')), ('.', Some('\'')), ('.', None), (',', None),
            ]),
            is_shortest: bool,
        ) {
            let texts: Vec<String> = values.iter().map(|value| {
                let text = written(*value, decimals, sign, group);
                if is_shortest && decimals > 0 {
                    text.trim_end_matches('0').trim_end_matches(sign).to_owned()
                } else {
                    text
                }
            }).collect();
            let read: Vec<&str> = texts.iter().map(String::as_str).collect();
            if let Ok(sign) = decide(&read, false) {
                for (text, value) in read.iter().zip(&values) {
                    let meant = *value as f64 / 10f64.powi(i32::try_from(decimals).unwrap());
                    let found = NumberText::of(text).unwrap().value(sign).unwrap();
                    proptest::prop_assert!((found - meant).abs() < 1e-9, "{texts:?}: {found} for {meant}");
                }
            }
        }
    }
}
