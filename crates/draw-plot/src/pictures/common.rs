//! Checks and scales that the pictures share.

use plotters::style::RGBColor;

use crate::error::DrawError;
use crate::number_format::milliseconds;
use crate::options::Size;
use crate::scale::AxisScale;
use crate::series::{KeyFigures, span};
use crate::theme::{Colours, MAX_SERIES};

/// Messages per pixel of width that are drawn one by one, at most.
const POINTS_PER_PIXEL: usize = 5;

/// True if points share columns of pixels.
pub(crate) fn is_crowded(points: usize, size: Size) -> bool {
    points > POINTS_PER_PIXEL * size.width as usize
}

/// Rejects a picture without series, and one with more series than colours.
pub(crate) fn check_count(found: usize) -> Result<(), DrawError> {
    match found {
        1..=MAX_SERIES => Ok(()),
        _ => Err(DrawError::SeriesCount(found)),
    }
}

/// Rejects a series without values, and values that are not times.
pub(crate) fn check_times(label: &str, times_ms: &[f64]) -> Result<(), DrawError> {
    /// 300 years, far beyond any run. Sums and axes of much longer times are not exact.
    const LONGEST_MS: f64 = 1e13;
    if times_ms.is_empty() {
        return Err(DrawError::NoValues(label.to_owned()));
    }
    let is_time = |ms: f64| (0.0..=LONGEST_MS).contains(&ms);
    check_each(
        label,
        times_ms.iter().copied(),
        is_time,
        DrawError::NotATime,
    )
}

/// Rejects the first value that does not fit, with the label and its number from 1.
pub(crate) fn check_each(
    label: &str,
    values: impl Iterator<Item = f64>,
    fits: impl Fn(f64) -> bool,
    error: impl Fn(String, usize, f64) -> DrawError,
) -> Result<(), DrawError> {
    match (1..).zip(values).find(|(_, value)| !fits(*value)) {
        Some((number, value)) => Err(error(label.to_owned(), number, value)),
        None => Ok(()),
    }
}

/// An axis of times: a logarithmic one for all that is above zero, or one from zero to a little above `top`.
pub(crate) fn scale_of_times(
    is_log: bool,
    times: impl Iterator<Item = f64>,
    top: f64,
) -> Result<AxisScale, DrawError> {
    if !is_log {
        return Ok(scale_from_zero(top));
    }
    let ends = span(times.filter(|time| *time > 0.0));
    let (low, high) = ends.ok_or(DrawError::NothingAboveZero)?;
    Ok(AxisScale::log(low, high))
}

/// An axis from zero to a little above the largest value.
pub(crate) fn scale_from_zero(largest: f64) -> AxisScale {
    // All zeros still need an axis.
    AxisScale::linear(0.0, if largest > 0.0 { largest * 1.04 } else { 1.0 })
}

/// A line at a percentile of a single series, and its label.
pub(crate) struct PercentileLine {
    pub(crate) value: f64,
    /// `p50 1.22 ms`
    pub(crate) label: String,
    pub(crate) colour: RGBColor,
    pub(crate) text: RGBColor,
}

pub(crate) fn percentile_lines(figures: &KeyFigures, colours: &Colours) -> [PercentileLine; 2] {
    let figures = [("p50", figures.p50), ("p99", figures.p99)];
    [0, 1].map(|which| {
        let (name, value) = figures[which];
        PercentileLine {
            value,
            label: format!("{name} {}", milliseconds(value)),
            colour: colours.percentiles[which],
            text: colours.percentile_texts[which],
        }
    })
}

/// Evenly spaced positions for texts under the pointer, at most as many as a pointer can distinguish.
pub(crate) fn hover_places(positions: usize) -> impl Iterator<Item = usize> {
    const MOST: usize = 240;
    let places = positions.min(MOST);
    (0..places).map(move |place| place * (positions - 1) / (places - 1).max(1))
}
