//! The lines of the pictures of distributions, and their texts.

use plotters::style::RGBColor;

use super::common::{check_count, check_times, percentile_lines, scale_of_times};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::{Align, Canvas, Font};
use crate::data::{Labelled, NamedTimes};
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::phrases::{chosen, figures, join, prefix, untimed, zeros_at_edge};
use crate::plot::{Hover, PlotContext};
use crate::scale::AxisScale;
use crate::series::{KeyFigures, SortedTimes, linear_top};

/// Distributions that can be drawn: checked, each with its colour.
pub(crate) struct DistributionLines<'a> {
    pub(crate) context: PlotContext<'a>,
    all: &'a [Labelled<NamedTimes>],
    pub(crate) lines: Vec<DistributionLine<'a>>,
}

pub(crate) struct DistributionLine<'a> {
    label: String,
    pub(crate) sorted: SortedTimes<'a>,
    pub(crate) figures: KeyFigures,
    pub(crate) colour: RGBColor,
    /// True for the second time of one of several files, which has the colour of the first.
    is_dashed: bool,
    chosen_from: Option<u64>,
}

impl<'a> DistributionLines<'a> {
    pub(crate) fn new(
        context: PlotContext<'a>,
        all: &'a [Labelled<NamedTimes>],
    ) -> Result<Self, DrawError> {
        check_count(all.len())?;
        let colours = context.colours;
        let is_alone = all.len() == 1;
        let mut lines = Vec::new();
        for (file, times) in all.iter().enumerate() {
            for (number, named) in times.iter().take(2).enumerate() {
                let label = match (is_alone, times.len()) {
                    (_, 1) => times.label.clone(),
                    (true, _) => named.label.clone(),
                    (false, _) => format!("{} · {}", times.label, named.label),
                };
                check_times(&times.label, &named.values_ms)?;
                let nothing = || DrawError::NoValues(times.label.clone());
                let sorted = SortedTimes::of(&named.data).ok_or_else(nothing)?;
                lines.push(DistributionLine {
                    label,
                    figures: KeyFigures::of_sorted(&sorted),
                    sorted,
                    colour: colours.series[if is_alone { number } else { file }],
                    is_dashed: !is_alone && number > 0,
                    chosen_from: named.chosen_from,
                });
            }
        }
        if lines.is_empty() {
            return Err(DrawError::NoValues(all[0].label.clone()));
        }
        Ok(Self {
            context,
            all,
            lines,
        })
    }

    pub(crate) fn only(&self) -> Option<&DistributionLine<'a>> {
        match self.lines.as_slice() {
            [line] => Some(line),
            _ => None,
        }
    }

    /// The lines' names and counts, with the figures of a single line, and `more`.
    fn subtitle(&self, more: String) -> String {
        let noun = self.context.subject.noun;
        let mut parts = match (self.only(), self.all) {
            (Some(line), _) => vec![line.label.clone(), line.count(noun), line.figures()],
            (None, [file]) => vec![file.label.clone(), self.lines[0].count(noun)],
            (None, files) => vec![format!("{} files", files.len())],
        };
        let skipped = self.all.iter().filter_map(|file| file.first());
        let skipped = skipped.map(|times| times.skipped).sum();
        parts.extend([untimed(skipped, noun), more]);
        join(parts)
    }

    /// The legend; empty for a single line, which the subtitle names.
    fn legend(&self) -> Vec<LegendEntry> {
        if self.only().is_some() {
            return Vec::new();
        }
        let noun = self.context.subject.noun;
        let several = self.all.len() > 1;
        let entry = |line: &DistributionLine<'_>| {
            let swatch = if line.is_dashed {
                Swatch::Dashes
            } else {
                Swatch::Line
            };
            let count = if several {
                line.count(noun)
            } else {
                String::new()
            };
            let text = join([line.label.clone(), count, line.figures()]);
            LegendEntry::new(swatch, line.colour, text)
        };
        self.lines.iter().map(entry).collect()
    }

    /// Draws the decorations; `more` ends the subtitle.
    pub(crate) fn draw_axes<'c>(
        &self,
        canvas: &'c Canvas<'c>,
        more: String,
        x: (AxisScale, &str),
        panel: Panel<'_>,
    ) -> Result<PanelAxes<'c>, DrawError> {
        let (subtitle, legend) = (self.subtitle(more), self.legend());
        let context = &self.context;
        context.draw_axes(canvas, &subtitle, &legend, x, panel)
    }

    /// The text at a place: a heading, and a value of each line that has one there.
    pub(crate) fn hover(
        &self,
        x: f64,
        heading: String,
        value: impl Fn(usize, &DistributionLine<'a>) -> Option<String>,
    ) -> Hover {
        let mut text = vec![heading];
        for (number, line) in self.lines.iter().enumerate() {
            let name = prefix(&line.label, self.lines.len());
            text.extend(value(number, line).map(|value| name + &value));
        }
        Hover::column(x, text)
    }

    /// A sentence for each line, behind one about all of them.
    pub(crate) fn alt(&self, what: &str) -> String {
        let mut sentences = format!("{what}.");
        for line in &self.lines {
            let figures = figures(&line.figures, "max").join(", ");
            sentences += &format!(
                " {}: {}, {figures}.",
                line.label,
                line.count(self.context.subject.noun)
            );
        }
        sentences
    }

    /// The number of messages that a logarithmic axis does not reach, in words.
    pub(crate) fn zeros(&self) -> String {
        let zeros = self.lines.iter().map(|line| line.sorted.at_most(0.0)).sum();
        let zeros = if self.context.options.log { zeros } else { 0 };
        zeros_at_edge(zeros, self.context.subject.noun)
    }

    pub(crate) fn linear_top(&self) -> f64 {
        let all: Vec<_> = self.lines.iter().map(|line| line.figures).collect();
        linear_top(&all, 0.0)
    }

    pub(crate) fn max(&self) -> f64 {
        let all = self.lines.iter().map(|line| line.figures.max);
        all.fold(0.0, f64::max)
    }

    /// The axis of times; a linear one ends at `top`.
    pub(crate) fn scale(&self, top: f64) -> Result<AxisScale, DrawError> {
        let lines = self.lines.iter();
        let ends = lines.flat_map(|line| line.figures.positive_ends());
        scale_of_times(self.context.options.log, ends, top)
    }

    /// Draws the percentiles of a single line down through the picture, labelled inwards of one end.
    pub(crate) fn draw_percentiles(&self, axes: &PanelAxes<'_>, (end, inwards): (f64, f64)) {
        let colours = &self.context.colours;
        let only = self.only().into_iter();
        let lines = only.flat_map(|line| percentile_lines(&line.figures, colours));
        let lines = lines.enumerate();
        for (row, line) in lines.filter(|(_, line)| axes.x.reaches(line.value)) {
            let x = axes.x.pixel(line.value);
            let y = end + inwards * (row as f64 + 0.5) * 1.5 * axes.font.text.size;
            let path = [(x, axes.bottom), (x, axes.top)];
            axes.canvas.dashed(&path, line.colour, 1.5);
            let font = Font {
                colour: line.text,
                ..axes.font.text
            };
            let air = 6.0 * axes.font.scale;
            let end = x + air + axes.canvas.text_width(&line.label, font);
            let (align, x) = match end <= axes.right {
                true => (Align::Left, x + air),
                false => (Align::Right, x - air),
            };
            axes.canvas.text(&line.label, font, align, (x, y));
        }
    }
}

impl DistributionLine<'_> {
    fn count(&self, noun: &str) -> String {
        chosen(self.sorted.count(), noun, self.chosen_from)
    }

    fn figures(&self) -> String {
        join(figures(&self.figures, "max"))
    }

    pub(crate) fn draw(&self, axes: &PanelAxes<'_>, pixels: &[(f64, f64)]) {
        if self.is_dashed {
            axes.canvas.dashed(pixels, self.colour, 2.0);
        } else {
            axes.canvas.line(pixels.iter().copied(), self.colour, 2.0);
        }
    }
}
