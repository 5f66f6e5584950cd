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

/// Rejects a picture of no series, and one of more than there are colours.
pub(crate) fn check_count(found: usize) -> Result<(), DrawError> {
    if (1..=MAX_SERIES).contains(&found) {
        Ok(())
    } else {
        Err(DrawError::SeriesCount(found))
    }
}

/// Rejects a series without values, and values that are not times.
pub(crate) fn check_times(
    label: &str,
    mut values_ms: impl ExactSizeIterator<Item = f64>,
) -> Result<(), DrawError> {
    /// 300 years; far beyond, sums and axes lose their meaning.
    const LONGEST_MS: f64 = 1e13;
    let label = || label.to_owned();
    if values_ms.len() == 0 {
        return Err(DrawError::NoValues(label()));
    }
    let mut numbered = (1..).zip(&mut values_ms);
    match numbered.find(|(_, value)| !(0.0..=LONGEST_MS).contains(value)) {
        Some((number, value)) => Err(DrawError::NotATime {
            label: label(),
            number,
            value,
        }),
        None => Ok(()),
    }
}

/// The smallest times above zero and the largest ones: what a logarithmic axis must reach.
pub(crate) fn positive_ends(all: &[KeyFigures]) -> impl Iterator<Item = f64> {
    let lows = all.iter().filter_map(|figures| figures.min_positive);
    let highs = all.iter().map(|figures| figures.max);
    lows.chain(highs).filter(|value| *value > 0.0)
}

/// A logarithmic axis of times for all that is above zero.
pub(crate) fn log_scale(positive: impl Iterator<Item = f64>) -> Result<AxisScale, DrawError> {
    let (low, high) = span(positive).ok_or(DrawError::NothingAboveZero)?;
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

/// The lines of the median and of the 99th percentile.
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

/// Evenly spaced positions for texts under the pointer, no more than a reader can point at.
pub(crate) fn hover_places(positions: usize) -> impl Iterator<Item = usize> {
    const MOST: usize = 240;
    let places = positions.min(MOST);
    (0..places).map(move |place| match places {
        0 | 1 => 0,
        places => place * (positions - 1) / (places - 1),
    })
}
