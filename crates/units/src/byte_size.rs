//! Sizes in bytes, and ranges of them.

use std::fmt;
use std::str::FromStr;

use crate::display::grouped;
use crate::parse::{UnitError, parse_count};

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
    /// Prints KiB, MiB or GiB for whole numbers of KiB from 1,024 on, otherwise bytes.
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn sizes_are_printed_in_the_largest_unit_that_is_exact() {
        assert_eq!(ByteSize(1_000).to_string(), "1,000 B");
        assert_eq!(ByteSize(4096).to_string(), "4 KiB");
    }

    #[test]
    fn ranges_are_inclusive_and_never_empty() {
        let range = |text: &str| text.parse::<SizeRange>();
        assert_eq!(range("125"), Ok(SizeRange { min: 125, max: 125 }));
        assert_eq!(range("64..4KiB"), Ok(SizeRange { min: 64, max: 4096 }));
        assert_eq!(range("0"), Err(UnitError::Zero("0".into())));
        assert_eq!(range("9..3"), Err(UnitError::EmptyRange("9..3".into())));
    }
}
