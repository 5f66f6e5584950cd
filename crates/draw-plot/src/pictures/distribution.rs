//! What the pictures of distributions have in common: their lines, and what is said about them.

use plotters::style::RGBColor;

use super::common::{
    PlotContext, check_count, check_times, counted, guides, joined, messages, without_a_time,
};
use crate::axes::PanelAxes;
use crate::canvas::{Align, Canvas, Font};
use crate::data::Distribution;
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::scale::milliseconds;
use crate::series::{KeyFigures, SortedTimes, linear_top};
use crate::theme::Colours;

/// Distributions that can be drawn: checked, each with its colour.
pub(crate) struct DistributionLines<'a> {
    pub(crate) task: PlotContext<'a>,
    pub(crate) all: &'a [Distribution],
    pub(crate) lines: Vec<DistributionLine<'a>>,
    pub(crate) colours: Colours,
}

/// Where labels stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    Top,
    Bottom,
}

/// One of them.
pub(crate) struct DistributionLine<'a> {
    label: String,
    pub(crate) sorted: &'a SortedTimes,
    pub(crate) digest: KeyFigures,
    pub(crate) colour: RGBColor,
    /// The second time of one of several files, which has the colour of the first.
    pub(crate) is_dashed: bool,
    chosen_from: Option<u64>,
}

impl<'a> DistributionLines<'a> {
    pub(crate) fn new(task: PlotContext<'a>, all: &'a [Distribution]) -> Result<Self, DrawError> {
        check_count(all.len())?;
        let colours = task.colours();
        let mut lines = Vec::new();
        for (file, distribution) in all.iter().enumerate() {
            let Distribution { label, times, .. } = distribution;
            for (number, named) in times.iter().take(2).enumerate() {
                check_times(label, named.sorted.values().iter().copied())?;
                let is_alone = all.len() == 1;
                let label = match (is_alone, times.len()) {
                    (_, 1) => label.clone(),
                    (true, _) => named.name.clone(),
                    (false, _) => format!("{label} · {}", named.name),
                };
                lines.push(DistributionLine {
                    label,
                    sorted: &named.sorted,
                    digest: digest_of(&named.sorted),
                    colour: colours.series[if is_alone { number } else { file }],
                    is_dashed: !is_alone && number > 0,
                    chosen_from: distribution.chosen_from,
                });
            }
        }
        if lines.is_empty() {
            let label = all[0].label.clone();
            return Err(DrawError::NoValues { label });
        }
        Ok(Self {
            task,
            all,
            lines,
            colours,
        })
    }

    /// The only line, if there is but one.
    pub(crate) fn only(&self) -> Option<&DistributionLine<'a>> {
        match self.lines.as_slice() {
            [line] => Some(line),
            _ => None,
        }
    }

    /// What is drawn, with the figures of a single line; and what else there is to say.
    pub(crate) fn subtitle(&self, more: impl IntoIterator<Item = String>) -> String {
        let mut parts = match (self.only(), self.all) {
            (Some(line), _) => {
                vec![line.label.clone(), line.count(), line.figures()]
            }
            (None, [file]) => vec![file.label.clone(), self.lines[0].count()],
            (None, files) => vec![format!("{} files", files.len())],
        };
        let skipped = self.all.iter().map(|file| file.skipped).sum();
        parts.push(without_a_time(skipped));
        parts.extend(more);
        joined(parts)
    }

    /// A single line is named by the subtitle.
    pub(crate) fn legend(&self) -> Vec<LegendEntry> {
        if self.only().is_some() {
            return Vec::new();
        }
        let several = self.all.len() > 1;
        let entry = |line: &DistributionLine<'_>| {
            let swatch = if line.is_dashed {
                Swatch::Dashes
            } else {
                Swatch::Line
            };
            let count = if several { line.count() } else { String::new() };
            let text = joined([line.label.clone(), count, line.figures()]);
            LegendEntry::new(swatch, line.colour, text)
        };
        self.lines.iter().map(entry).collect()
    }

    /// A sentence for each line, behind one that tells what they are.
    pub(crate) fn alt(&self, what: &str) -> String {
        let mut sentences = format!("{what}.");
        for line in &self.lines {
            let parts = [line.count(), line.figures().replace(" · ", ", ")];
            sentences.push_str(&format!(" {}: {}.", line.label, parts.join(", ")));
        }
        sentences
    }

    /// Where a linear axis of times ends.
    pub(crate) fn linear_top(&self) -> f64 {
        let digests: Vec<KeyFigures> = self.lines.iter().map(|line| line.digest).collect();
        linear_top(&digests, 0.0)
    }

    /// The smallest time above zero and all the largest ones: what a logarithmic axis must reach.
    pub(crate) fn positive(&self) -> impl Iterator<Item = f64> {
        let lows = self
            .lines
            .iter()
            .filter_map(|line| line.digest.min_positive);
        let highs = self.lines.iter().map(|line| line.digest.max);
        lows.chain(highs).filter(|value| *value > 0.0)
    }

    /// Median and 99th percentile of a single line, as lines down through the picture with their labels
    /// at one end.
    pub(crate) fn percentiles(
        &self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        labels: Edge,
    ) -> Result<(), DrawError> {
        let Some(line) = self.only() else {
            return Ok(());
        };
        let PanelAxes { layout, font, .. } = frame;
        let k = font.scale;
        for (row, guide) in guides(&line.digest, &self.colours).into_iter().enumerate() {
            if !frame.x.reaches(guide.value) {
                continue;
            }
            let x = frame.x.pixel(guide.value);
            let inwards = (row as f64 + 0.5) * 1.5 * font.text.size;
            let y = match labels {
                Edge::Top => layout.top + inwards,
                Edge::Bottom => layout.bottom - inwards,
            };
            let path = [(x, layout.bottom), (x, layout.top)];
            canvas.dashed(&path, guide.colour, (1.5 * k, k))?;
            let font = Font {
                colour: guide.text,
                ..font.text
            };
            let fits = x + 6.0 * k + canvas.text_width(&guide.label, font) <= layout.right;
            let (align, x) = if fits {
                (Align::Left, x + 6.0 * k)
            } else {
                (Align::Right, x - 6.0 * k)
            };
            canvas.text(&guide.label, font, align, (x, y))?;
        }
        Ok(())
    }
}

impl DistributionLine<'_> {
    fn count(&self) -> String {
        messages(self.sorted.count(), self.chosen_from)
    }

    fn figures(&self) -> String {
        let KeyFigures { p50, p99, max, .. } = self.digest;
        let figures = [("p50", p50), ("p99", p99), ("max", max)];
        joined(figures.map(|(name, value)| format!("{name} {}", milliseconds(value))))
    }

    /// Through these points.
    pub(crate) fn draw(
        &self,
        canvas: &Canvas<'_>,
        pixels: &[(f64, f64)],
        k: f64,
    ) -> Result<(), DrawError> {
        if self.is_dashed {
            canvas.dashed(pixels, self.colour, (2.0 * k, k))
        } else {
            canvas.line(pixels, self.colour, 2.0 * k)
        }
    }

    /// In front of what is said of several lines.
    pub(crate) fn prefix(&self, of: &DistributionLines<'_>) -> String {
        match of.only() {
            Some(_) => String::new(),
            None => format!("{}: ", self.label),
        }
    }
}

fn digest_of(sorted: &SortedTimes) -> KeyFigures {
    KeyFigures {
        p50: sorted.quantile(0.5),
        p99: sorted.quantile(0.99),
        max: sorted.max(),
        min_positive: sorted.min_positive(),
    }
}

/// What a logarithmic axis cannot show.
pub(crate) fn at_zero(lines: &DistributionLines<'_>) -> String {
    match lines
        .lines
        .iter()
        .map(|line| line.sorted.at_most(0.0))
        .sum()
    {
        0 => String::new(),
        zeros => format!("{} of 0 ms not shown", counted(zeros, "message")),
    }
}

/// The quantile at a place of the spectrum, with as many digits as tell it from its neighbours:
/// `99.92 %`.
pub(crate) fn percent_at(place: f64) -> String {
    // At most 18, the digits of a count.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let decimals = place.max(1.0).log10().floor() as usize;
    format!("{:.decimals$} %", 100.0 * crate::series::quantile_at(place))
}

/// A count, or where several files are compared the share of each.
pub(crate) fn amount(count: u64, of: u64, is_share: bool) -> String {
    if is_share {
        format!("{:.3} %", 100.0 * count as f64 / of as f64)
    } else {
        counted(count, "message")
    }
}

/// `1.02 ms to 1.05 ms`
pub(crate) fn range(low: f64, high: f64) -> String {
    format!("{} to {}", milliseconds(low), milliseconds(high))
}
