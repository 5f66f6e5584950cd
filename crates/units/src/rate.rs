//! Rates per second.

use std::num::NonZeroU32;
use std::str::FromStr;

use crate::parse::UnitError;

/// A rate per second, finite and above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// A rate of `per_second`; `None` unless it is finite and above 0.
    pub fn new(per_second: f64) -> Option<Self> {
        (per_second.is_finite() && per_second > 0.0).then_some(Self(per_second))
    }

    /// The rate per second.
    pub fn per_second(self) -> f64 {
        self.0
    }
}

/// A rate of this number per second.
impl From<NonZeroU32> for Rate {
    fn from(per_second: NonZeroU32) -> Self {
        Self(per_second.get().into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_above_zero() {
        assert_eq!("20_000".parse::<Rate>().map(Rate::per_second), Ok(20_000.0));
        for wrong in ["0", "-5", "NaN", "inf", "x"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
