//! What a picture of latencies shows: the messages, their moving average, p50 and p99; and what is
//! written around them.

use std::num::NonZeroUsize;

use measurement::units::grouped;
use plotters::style::RGBColor;

use crate::axis::{Scale, milliseconds};
use crate::error::DrawError;
use crate::legend::{Entry, Swatch};
use crate::options::{Options, Series, Size};
use crate::series::{Digest, linear_top, moving_average};
use crate::theme::{Colours, MAX_SERIES};

/// Up to as many messages per pixel of width are drawn one by one; more are drawn as bars.
const POINTS_PER_PIXEL: usize = 5;

/// A picture that can be drawn: checked, and all its numbers known.
pub(crate) struct Chart<'a> {
    pub(crate) options: &'a Options,
    pub(crate) lines: Vec<Line<'a>>,
    /// Messages from the left edge to the right one.
    pub(crate) span: usize,
    /// From the lowest to the highest value on the axis.
    pub(crate) scale: Scale,
    pub(crate) colours: Colours,
}

pub(crate) struct Line<'a> {
    pub(crate) series: &'a Series<'a>,
    pub(crate) digest: Digest,
    pub(crate) averages: Vec<f64>,
    pub(crate) colour: RGBColor,
}

impl<'a> Chart<'a> {
    pub(crate) fn new(options: &'a Options, series: &'a [Series<'a>]) -> Result<Self, DrawError> {
        check_count(series.len())?;
        let colours = options.theme.colours();
        let lines = series
            .iter()
            .zip(colours.series)
            .map(|(series, colour)| Line::new(series, options.window, colour))
            .collect::<Result<Vec<_>, _>>()?;
        let digests: Vec<Digest> = lines.iter().map(|line| line.digest).collect();
        let scale = if options.log {
            log_scale(&digests).ok_or(DrawError::NothingAboveZero)?
        } else {
            let largest_average = lines
                .iter()
                // Without averaging, the line is what must not flatten the picture.
                .filter(|_| options.window.get() > 1)
                .flat_map(|line| &line.averages)
                .fold(0.0, |a: f64, b| a.max(*b));
            let top = linear_top(&digests, largest_average);
            // All zeros still need an axis.
            Scale::linear(0.0, if top > 0.0 { top * 1.04 } else { 1.0 })
        };
        let span = series
            .iter()
            .map(|series| series.values_ms.len())
            .max()
            .unwrap_or(1);
        Ok(Self {
            options,
            lines,
            span,
            scale,
            colours,
        })
    }

    /// Whether so many messages are drawn that they share columns of pixels.
    pub(crate) fn is_binned(&self) -> bool {
        is_crowded(self.span, self.options.size)
    }

    pub(crate) fn has_average(&self) -> bool {
        self.options.window.get() > 1
    }

    pub(crate) fn subtitle(&self) -> String {
        let skipped: u64 = self.lines.iter().map(|line| line.series.skipped).sum();
        let window = grouped(self.options.window.get() as u64);
        let mut parts = Vec::new();
        if let [line] = self.lines.as_slice() {
            parts.push(line.series.label.clone());
            parts.push(line.count());
        }
        if self.has_average() {
            parts.push(format!("moving average of {window}"));
            if self.lines.len() > 1 {
                parts.push("faint behind it: each message".to_owned());
            }
        } else {
            parts.push("no moving average".to_owned());
        }
        if skipped > 0 {
            let messages = if skipped == 1 { "message" } else { "messages" };
            parts.push(format!("{} {messages} without a time", grouped(skipped)));
        }
        parts.join(" · ")
    }

    pub(crate) fn legend(&self) -> Vec<Entry> {
        let [line] = self.lines.as_slice() else {
            return self.lines.iter().map(Line::entry).collect();
        };
        let mut entries = Vec::new();
        if self.has_average() {
            let window = grouped(self.options.window.get() as u64);
            entries.push(Entry::new(
                Swatch::Line,
                line.colour,
                format!("mean of the last {window} messages"),
            ));
            let (swatch, text) = if self.is_binned() {
                let Colours {
                    point, body, bulk, ..
                } = self.colours;
                (
                    Swatch::Bars { body, bulk, point },
                    "messages: the middle 90 % and 96 %, and as dots the lowest and highest",
                )
            } else {
                (Swatch::Point(self.colours.point), "each message")
            };
            entries.push(Entry::new(swatch, line.colour, text.to_owned()));
        } else {
            entries.push(Entry::new(
                Swatch::Line,
                line.colour,
                "each message".to_owned(),
            ));
        }
        entries
    }

    /// Value, label and colour of the lines across the picture; several series name theirs in the
    /// legend instead.
    pub(crate) fn percentiles(&self) -> Vec<(f64, String, RGBColor)> {
        let [line] = self.lines.as_slice() else {
            return Vec::new();
        };
        let [p50, p99] = self.colours.percentiles;
        let label = |name, value| format!("{name} {}", milliseconds(value));
        vec![
            (line.digest.p99, label("p99", line.digest.p99), p99),
            (line.digest.p50, label("p50", line.digest.p50), p50),
        ]
    }
}

impl<'a> Line<'a> {
    fn new(
        series: &'a Series<'a>,
        window: NonZeroUsize,
        colour: RGBColor,
    ) -> Result<Self, DrawError> {
        let values = &series.values_ms;
        let label = || series.label.clone();
        check_times(&series.label, values.iter().copied())?;
        let digest = Digest::of(values).ok_or_else(|| DrawError::NoValues { label: label() })?;
        let averages = moving_average(values, window);
        if averages.is_empty() {
            return Err(DrawError::WindowTooLarge {
                window: window.get() as u64,
                label: label(),
                count: values.len() as u64,
            });
        }
        Ok(Self {
            series,
            digest,
            averages,
            colour,
        })
    }

    fn count(&self) -> String {
        let count = grouped(self.series.values_ms.len() as u64);
        match self.series.chosen_from {
            Some(all) => format!("{count} messages chosen at random from {}", grouped(all)),
            None => format!("{count} messages"),
        }
    }

    fn entry(&self) -> Entry {
        let Digest { p50, p99, .. } = self.digest;
        let text = format!(
            "{} · {} · p50 {} · p99 {}",
            self.series.label,
            self.count(),
            milliseconds(p50),
            milliseconds(p99)
        );
        Entry::new(Swatch::Line, self.colour, text)
    }
}

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

/// Nothing but times.
pub(crate) fn check_times(
    label: &str,
    mut values_ms: impl Iterator<Item = f64>,
) -> Result<(), DrawError> {
    /// 300 years; far beyond, sums and axes lose their meaning.
    const LONGEST_MS: f64 = 1e13;
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

/// All that is above zero.
fn log_scale(digests: &[Digest]) -> Option<Scale> {
    let low = digests
        .iter()
        .filter_map(|d| d.min_positive)
        .min_by(f64::total_cmp)?;
    let high = digests.iter().map(|d| d.max).fold(low, f64::max);
    Some(Scale::log(low, high))
}
