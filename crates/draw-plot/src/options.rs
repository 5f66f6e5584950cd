//! What to draw and how it looks, as plain data.

use std::num::NonZeroUsize;
use std::str::FromStr;

use crate::series::Point;

/// How a picture of latencies is made. The default is that of the command line.
#[derive(Debug, Clone)]
pub struct Options {
    /// Heading. See [`run_title`](crate::run_title).
    pub title: String,
    /// What the values are, without unit: `service time`.
    pub quantity: String,
    /// The unit that the values were taken for without anything saying so; shown at the axis.
    pub unit_is_assumed: bool,
    /// Values of which each average is the mean; 1 draws the values themselves.
    pub window: NonZeroUsize,
    /// Width and height.
    pub size: Size,
    /// A logarithmic axis of times.
    pub log: bool,
    /// Colours.
    pub theme: Theme,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            title: String::new(),
            quantity: "service time".to_owned(),
            unit_is_assumed: false,
            window: DEFAULT_WINDOW,
            size: Size::default(),
            log: false,
            theme: Theme::Light,
        }
    }
}

/// Window of the moving average, unless told otherwise.
pub const DEFAULT_WINDOW: NonZeroUsize = NonZeroUsize::new(50).unwrap();

/// One line of the picture with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'v> {
    /// Its name in the legend.
    pub label: String,
    /// Times in milliseconds, in order of sending; finite and not below zero.
    pub values_ms: std::borrow::Cow<'v, [f64]>,
    /// Messages that have no time, which the subtitle counts.
    pub skipped: u64,
    /// How many messages these were chosen from at random; `None` when they are all there are.
    pub chosen_from: Option<u64>,
}

/// One line of a picture of times against numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve<'v> {
    /// Its name in the legend.
    pub label: String,
    /// Numbers and their times in milliseconds, in any order; the times finite and not below zero.
    pub points: std::borrow::Cow<'v, [Point]>,
    /// Rows that have not both, which the subtitle counts.
    pub skipped: u64,
}

/// Colours on a light or on a dark ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on near black.
    Dark,
}

/// Width and height of a picture in pixels, within what can be read and held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    width: u32,
    height: u32,
}

impl Size {
    const MIN: (u32, u32) = (320, 200);
    const MAX: (u32, u32) = (7680, 4320);

    /// `None` unless between 320x200 and 7680x4320.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Option<Self> {
        let fits = (Self::MIN.0..=Self::MAX.0).contains(&width)
            && (Self::MIN.1..=Self::MAX.1).contains(&height);
        fits.then_some(Self { width, height })
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(self) -> u32 {
        self.height
    }
}

impl Default for Size {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
        }
    }
}

/// A size that was typed wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not of the form `1280x720`.
    #[error("`{0}` is not a size (example: 1280x720)")]
    Form(String),
    /// Too small to read or too large to hold in memory.
    #[error("`{0}` is out of range: from {min}x{min_height} to {max}x{max_height}",
        min = Size::MIN.0, min_height = Size::MIN.1, max = Size::MAX.0, max_height = Size::MAX.1)]
    Range(String),
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let form = || SizeError::Form(text.to_owned());
        let number = |digits: &str| -> Result<u32, SizeError> {
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(form());
            }
            // What overflows is out of range as well.
            Ok(digits.parse().unwrap_or(u32::MAX))
        };
        let (width, height) = text.split_once(['x', 'X', '×']).ok_or_else(form)?;
        Self::new(number(width)?, number(height)?).ok_or_else(|| SizeError::Range(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked() {
        let size = |text: &str| text.parse::<Size>();
        assert_eq!(
            size("640x360"),
            Ok(Size {
                width: 640,
                height: 360
            })
        );
        assert_eq!(
            size("7680X4320"),
            Ok(Size {
                width: 7680,
                height: 4320
            })
        );
        for form in [
            "",
            "640",
            "640x",
            "x360",
            "640x360x2",
            "-640x360",
            "a×b",
            "6.4x3",
        ] {
            assert_eq!(size(form), Err(SizeError::Form(form.to_owned())));
        }
        for range in [
            "0x0",
            "1280x0",
            "319x200",
            "320x199",
            "7681x720",
            "99999999999x720",
        ] {
            assert_eq!(size(range), Err(SizeError::Range(range.to_owned())));
        }
    }
}
