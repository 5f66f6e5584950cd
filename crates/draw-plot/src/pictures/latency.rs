//! What a picture of latencies shows: the messages, their moving average, p50 and p99; and what is
//! written around them.

use std::num::NonZeroUsize;

use measurement::moving_average;
use plotters::style::RGBColor;
use units::grouped;

use super::common::{
    Guide, Task, check_count, check_times, guides, is_crowded, joined, log_scale, messages,
    scale_from_zero, without_a_time,
};
use crate::axis::{Scale, milliseconds};
use crate::data::{Series, window_for};
use crate::error::DrawError;
use crate::legend::{Entry, Swatch};
use crate::series::{Digest, linear_top};
use crate::theme::Colours;

/// A picture that can be drawn: checked, and all its numbers known.
pub(crate) struct Latency<'a> {
    pub(crate) task: Task<'a>,
    pub(crate) window: NonZeroUsize,
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

impl<'a> Latency<'a> {
    pub(crate) fn new(task: Task<'a>, series: &'a [Series<'a>]) -> Result<Self, DrawError> {
        check_count(series.len())?;
        let window = window_for(task.options.window, series);
        let colours = task.colours();
        let lines = series
            .iter()
            .zip(colours.series)
            .map(|(series, colour)| Line::new(series, window, colour))
            .collect::<Result<Vec<_>, _>>()?;
        let digests: Vec<Digest> = lines.iter().map(|line| line.digest).collect();
        let scale = if task.options.log {
            let lowest = digests.iter().filter_map(|digest| digest.min_positive);
            log_scale(lowest.flat_map(|low| {
                let highest = digests.iter().map(|digest| digest.max);
                [low].into_iter().chain(highest)
            }))?
        } else {
            let largest_average = lines
                .iter()
                // Without averaging, the line is what must not flatten the picture.
                .filter(|_| window.get() > 1)
                .flat_map(|line| &line.averages)
                .fold(0.0, |a: f64, b| a.max(*b));
            scale_from_zero(linear_top(&digests, largest_average))
        };
        Ok(Self {
            task,
            window,
            span: series
                .iter()
                .map(|series| series.values_ms.len())
                .max()
                .unwrap_or(1),
            lines,
            scale,
            colours,
        })
    }

    /// Whether so many messages are drawn that they share columns of pixels.
    pub(crate) fn is_binned(&self) -> bool {
        is_crowded(self.span, self.task.options.size)
    }

    /// Whether so many averages share a column of pixels that a line through them would be an area.
    pub(crate) fn is_dense(&self) -> bool {
        /// Windows side by side in a column.
        const WINDOWS: usize = 2;
        let columns = self.task.options.size.width() as usize;
        self.has_average() && self.span / columns >= WINDOWS * self.window.get()
    }

    pub(crate) fn has_average(&self) -> bool {
        self.window.get() > 1
    }

    pub(crate) fn subtitle(&self) -> String {
        let skipped: u64 = self.lines.iter().map(|line| line.series.skipped).sum();
        let window = grouped(self.window.get() as u64);
        let mut parts = Vec::new();
        if let [line] = self.lines.as_slice() {
            parts.push(line.series.label.clone());
            parts.push(line.count());
        }
        if self.has_average() {
            parts.push(format!("moving average of {window}"));
            if self.lines.len() > 1 {
                parts.push(if self.is_dense() {
                    "faint behind it: how far it reaches, and each message".to_owned()
                } else {
                    "faint behind it: each message".to_owned()
                });
            }
        } else {
            parts.push("no moving average".to_owned());
        }
        parts.push(without_a_time(skipped));
        joined(parts)
    }

    pub(crate) fn legend(&self) -> Vec<Entry> {
        let [line] = self.lines.as_slice() else {
            return self.lines.iter().map(Line::entry).collect();
        };
        let mut entries = Vec::new();
        if self.has_average() {
            let window = grouped(self.window.get() as u64);
            let mean = format!("mean of the last {window} messages");
            entries.push(if line.averages.len() == 1 {
                let text = format!("mean of all {window} messages, a point at the right edge");
                Entry::new(Swatch::Dot, line.colour, text)
            } else if self.is_dense() {
                let text = format!("{mean}: its middle, and how far it reaches");
                Entry::new(Swatch::Reach(self.colours.reach), line.colour, text)
            } else {
                Entry::new(Swatch::Line, line.colour, mean)
            });
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

    /// The lines across the picture; several series name theirs in the legend instead.
    pub(crate) fn percentiles(&self) -> Vec<Guide> {
        match self.lines.as_slice() {
            [line] => guides(&line.digest, &self.colours).into(),
            _ => Vec::new(),
        }
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
        let averages = moving_average::averages(values, window);
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

    pub(crate) fn count(&self) -> String {
        let count = self.series.values_ms.len() as u64;
        messages(count, self.series.chosen_from)
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
