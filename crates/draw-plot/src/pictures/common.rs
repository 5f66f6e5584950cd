//! What the pictures have in common: their task, their checks, and how things are counted.

use plotters::style::RGBColor;
use units::grouped;

use crate::axes::Decorations;
use crate::data::Subject;
use crate::error::DrawError;
use crate::legend::LegendEntry;
use crate::options::{Options, Size};
use crate::scale::{AxisScale, milliseconds};
use crate::series::KeyFigures;
use crate::series::span;
use crate::text_fit::PARTED;
use crate::theme::{Colours, MAX_SERIES};

/// What to draw, but for the data.
#[derive(Clone, Copy)]
pub(crate) struct PlotContext<'a> {
    pub(crate) options: &'a Options,
    pub(crate) subject: &'a Subject,
}

impl<'a> PlotContext<'a> {
    pub(crate) fn colours(self) -> Colours {
        self.options.theme.colours()
    }

    pub(crate) fn title(self) -> &'a str {
        let title = self.options.title.as_deref();
        title.unwrap_or(&self.subject.title)
    }

    /// What stands around the data; the right side is free.
    pub(crate) fn surroundings(
        self,
        colours: &'a Colours,
        subtitle: &'a str,
        legend: &'a [LegendEntry],
        (x, x_label): (AxisScale, &'a str),
    ) -> Decorations<'a> {
        Decorations {
            size: self.options.size,
            colours,
            title: self.title(),
            subtitle,
            legend,
            right: &[],
            x,
            x_label,
        }
    }

    /// The quantity with a capital: `Service time`.
    pub(crate) fn quantity(self) -> String {
        capitalized(&self.subject.quantity)
    }
}

pub(crate) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.clone()).collect()
}

/// Up to as many messages per pixel of width are drawn one by one.
const POINTS_PER_PIXEL: usize = 5;

/// Whether there are so many that they share columns of pixels.
pub(crate) fn is_crowded(points: usize, size: Size) -> bool {
    points > POINTS_PER_PIXEL * size.width() as usize
}

/// Something to draw, and no more than there are colours.
pub(crate) fn check_count(found: usize) -> Result<(), DrawError> {
    if (1..=MAX_SERIES).contains(&found) {
        Ok(())
    } else {
        Err(DrawError::SeriesCount { found })
    }
}

/// Nothing but times, and at least one.
pub(crate) fn check_times(
    label: &str,
    mut values_ms: impl ExactSizeIterator<Item = f64>,
) -> Result<(), DrawError> {
    /// 300 years; far beyond, sums and axes lose their meaning.
    const LONGEST_MS: f64 = 1e13;
    if values_ms.len() == 0 {
        return Err(DrawError::NoValues {
            label: label.to_owned(),
        });
    }
    let wrong = (1..)
        .zip(&mut values_ms)
        .find(|(_, value)| !(0.0..=LONGEST_MS).contains(value));
    match wrong {
        Some((number, value)) => Err(DrawError::NotATime {
            label: label.to_owned(),
            number,
            value,
        }),
        None => Ok(()),
    }
}

/// An axis of times with a logarithmic scale for all that is above zero.
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

/// Those of the median and of the 99th percentile.
pub(crate) fn guides(digest: &KeyFigures, colours: &Colours) -> [PercentileLine; 2] {
    let figures = [("p50", digest.p50), ("p99", digest.p99)];
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

/// `1 point`, `1,000 points`
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(count))
}

/// `100 messages`, and what they were chosen from.
pub(crate) fn messages(count: u64, chosen_from: Option<u64>) -> String {
    some_of(counted(count, "message"), chosen_from)
}

/// `100 points`, and what they were chosen from.
pub(crate) fn some_of(counted: String, chosen_from: Option<u64>) -> String {
    match chosen(chosen_from) {
        chosen if chosen.is_empty() => counted,
        chosen => format!("{counted} {chosen}"),
    }
}

/// `chosen at random from 1,000`; nothing where they are all there are.
pub(crate) fn chosen(from: Option<u64>) -> String {
    from.map_or_else(String::new, |all| {
        format!("chosen at random from {}", grouped(all))
    })
}

/// Of the parts that say something: `one · two`.
pub(crate) fn joined(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(PARTED)
}

/// `2 messages without a time`; nothing where there are none.
pub(crate) fn without_a_time(skipped: u64) -> String {
    match skipped {
        0 => String::new(),
        n => format!("{} without a time", counted(n, "message")),
    }
}

/// Positions, of as many, at which a page tells what stands there: evenly, and no more than can be
/// pointed at.
pub(crate) fn hover_places(positions: usize) -> impl Iterator<Item = usize> {
    const MOST: usize = 240;
    let places = positions.min(MOST);
    (0..places).map(move |place| match places {
        0 | 1 => 0,
        places => place * (positions - 1) / (places - 1),
    })
}
