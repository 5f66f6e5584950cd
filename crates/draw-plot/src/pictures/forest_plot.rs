//! The forest plot of a comparison: ratios to the reference, with a dot for each round and the interval of all rounds.

use std::path::Path;

use plotters::style::{Color, RGBColor};

use crate::canvas::{Align, Canvas};
use crate::error::DrawError;
use crate::format::PictureFormat;
use crate::inline_svg::{Svg, inline_svg};
use crate::layout::PictureLayout;
use crate::number_format::fixed_decimals;
use crate::options::Options;
use crate::plot::{Hover, Plot};
use crate::scale::{AxisScale, PixelAxis};
use crate::series::span;
use crate::theme::Colours;

/// The outcome of a row, which decides its colour. The row's text names it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    /// Better than the reference.
    Better,
    /// Worse than the reference.
    Worse,
    /// Neither better nor worse, as far as the rounds show.
    Nothing,
}

/// A figure of a server in relation to the reference's.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestRow {
    /// Name of the figure, and of the server where there are several: `throughput`.
    pub label: String,
    /// The row is the first of several that belong together.
    pub begins_group: bool,
    /// The ratio in each round, above 1 where the server is better; finite and above 0.
    pub dots: Vec<f64>,
    /// Lower end, estimate and upper end of the ratio, above 1 where the server is better.
    pub interval: Option<[f64; 3]>,
    /// The conclusion.
    pub said: RowOutcome,
    /// The conclusion in words.
    pub text: String,
}

/// All rows of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestData {
    /// The heading, unless the options have one.
    pub title: String,
    /// The line below the heading.
    pub subtitle: String,
    /// Label of the axis: `times as good as axum`.
    pub x_label: String,
    /// The rows from top to bottom.
    pub rows: Vec<ForestRow>,
}

/// The bytes of the picture for a file of this name, `.png` or `.svg`.
///
/// # Errors
/// [`DrawError`] when there is nothing to draw, the ending is not that of a picture, or painting fails.
pub fn encode_forest_plot(
    path: &Path,
    options: &Options,
    data: &ForestData,
) -> Result<Vec<u8>, DrawError> {
    let format = PictureFormat::of(path)?;
    let options = format.adapt(options);
    format.encode(&ForestPlot::new(&options, data)?, options.size)
}

/// The picture as a part of a page.
///
/// # Errors
/// [`DrawError`] when there is nothing to draw.
pub fn forest_plot_svg(options: &Options, data: &ForestData) -> Result<Svg, DrawError> {
    let plot = ForestPlot::new(options, data)?;
    inline_svg(&plot, plot.title(), options)
}

struct ForestPlot<'a> {
    options: &'a Options,
    data: &'a ForestData,
    x: AxisScale,
    colours: Colours,
}

impl<'a> ForestPlot<'a> {
    fn new(options: &'a Options, data: &'a ForestData) -> Result<Self, DrawError> {
        let label = || data.title.clone();
        let values = |row: &'a ForestRow| row.dots.iter().chain(row.interval.iter().flatten());
        let mut values = data.rows.iter().flat_map(values).copied();
        let (low, high) = span(values.clone()).ok_or_else(|| DrawError::NoValues(label()))?;
        if let Some(value) = values.find(|v| !v.is_finite() || *v <= 0.0) {
            return Err(DrawError::NotATime(label(), 1, value));
        }
        Ok(Self {
            options,
            data,
            // No difference is always in sight.
            x: AxisScale::log(low.min(1.0), high.max(1.0)),
            colours: options.theme.colours(),
        })
    }

    fn title(&self) -> &str {
        self.options.title.as_deref().unwrap_or(&self.data.title)
    }

    fn draw_axis(&self, layout: &PictureLayout<'_>, x: &PixelAxis) {
        let (canvas, font, k) = (layout.canvas, layout.font, layout.font.scale);
        let line = |at: f64, width: f64, colour: RGBColor| {
            let (left, right) = (at - width * k / 2.0, at + width * k / 2.0);
            canvas.rectangle((left, layout.top), (right, layout.bottom), colour);
        };
        for (value, label) in x.ticks(layout.ticks_across()) {
            let at = x.pixel(value);
            line(at, 1.0, self.colours.grid);
            let below = (at, layout.bottom + 15.0 * k);
            canvas.text(&label, font.faint, Align::Centre, below);
        }
        line(x.pixel(1.0), 1.5, self.colours.faint_text);
        layout.write_x_label(&canvas.fit(&self.data.x_label, font.text, layout.width()));
    }

    fn draw_row(
        &self,
        layout: &PictureLayout<'_>,
        x: &PixelAxis,
        row: &ForestRow,
        y: f64,
        height: f64,
    ) {
        let (canvas, font, k) = (layout.canvas, layout.font, layout.font.scale);
        let (colour, words) = match row.said {
            RowOutcome::Better => (self.colours.percentiles[0], font.text),
            RowOutcome::Worse => (self.colours.series[1], font.text),
            RowOutcome::Nothing => (self.colours.faint_text, font.faint),
        };
        let (before, behind) = ((layout.left - 12.0 * k, y), (layout.right + 12.0 * k, y));
        canvas.text(&row.label, font.text, Align::Right, before);
        // The dots lie above the interval, a little apart, so that equal ones are seen to be several.
        let spread = (0.30 * height).min(10.0 * k);
        for (index, ratio) in row.dots.iter().enumerate() {
            let step = (index % 3) as f64 / 2.0 - 0.5;
            let at = (x.pixel(*ratio), y - 0.18 * height + step * spread * 0.6);
            canvas.point(at, 3.0, colour.mix(0.45));
        }
        if let Some([low, estimate, high]) = row.interval {
            let below = y + (0.22 * height).min(8.0 * k);
            let bar = |left: f64, right: f64, half: f64| {
                let (from, to) = ((left, below - half * k), (right, below + half * k));
                canvas.rectangle(from, to, colour);
            };
            let (from, to) = (x.pixel(low), x.pixel(high));
            bar(from, to.max(from + k), 1.5);
            for end in [from, to] {
                bar(end - 0.75 * k, end + 0.75 * k, 4.0);
            }
            canvas.point((x.pixel(estimate), below), 4.5, colour);
        }
        canvas.text(&row.text, words, Align::Left, behind);
    }
}

impl Plot for ForestPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        /// Space between groups, in heights of a row.
        const GAP: f64 = 0.45;
        let mut layout = PictureLayout::new(canvas, &self.colours);
        let font = layout.font;
        layout.write_row(self.title(), font.title);
        layout.write_row(&self.data.subtitle, font.faint);
        layout.skip();
        let rows = &self.data.rows;
        let left = canvas.widest(rows.iter().map(|row| &row.label), font.text);
        let right = canvas.widest(rows.iter().map(|row| &row.text), font.text);
        layout.indent(left + 4.0 * font.scale);
        layout.reserve(right + 4.0 * font.scale);
        let gaps = rows.iter().skip(1).filter(|row| row.begins_group).count();
        let height = (layout.bottom - layout.top) / (rows.len() as f64 + GAP * gaps as f64);
        if layout.width() < 80.0 * font.scale || height < 0.9 * font.text.size {
            return Err(DrawError::NoRoom(rows.len(), canvas.size));
        }
        let x = self.x.over((layout.left, layout.right));
        self.draw_axis(&layout, &x);
        let mut hovers = Vec::new();
        let mut top = layout.top;
        for (index, row) in rows.iter().enumerate() {
            if index > 0 && row.begins_group {
                top += GAP * height;
            }
            let y = top + height / 2.0;
            self.draw_row(&layout, &x, row, y, height);
            let rounds = range_of_rounds(&row.dots);
            hovers.push(Hover {
                x: x.pixel(row.interval.map_or(1.0, |[_, estimate, _]| estimate)),
                y: Some(y),
                text: vec![row.label.clone(), row.text.clone(), rounds],
            });
            top += height;
        }
        hovers.sort_by(|a, b| a.x.total_cmp(&b.x));
        Ok(hovers)
    }

    fn alt(&self) -> String {
        let sentence = |row: &ForestRow| format!("{}: {}.", row.label, row.text);
        let sentences: Vec<_> = self.data.rows.iter().map(sentence).collect();
        format!("{}. {}", self.data.x_label, sentences.join(" "))
    }
}

/// `rounds from 1.02 to 1.31`
fn range_of_rounds(dots: &[f64]) -> String {
    let number = |ratio| fixed_decimals(ratio, 3);
    match span(dots.iter().copied()) {
        Some((low, high)) => format!("rounds from {} to {}", number(low), number(high)),
        None => "no rounds".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratios() -> ForestData {
        let row = |label: &str, dots: &[f64], said| ForestRow {
            label: label.to_owned(),
            begins_group: true,
            dots: dots.to_vec(),
            interval: Some([1.1, 1.2, 1.3]),
            said,
            text: "b 1.20 × faster (1.10–1.30)".to_owned(),
        };
        ForestData {
            title: "a against b".to_owned(),
            subtitle: "5 rounds".to_owned(),
            x_label: "times as good as a".to_owned(),
            rows: vec![
                row("throughput", &[1.1, 1.2, 1.3], RowOutcome::Better),
                row("p99", &[0.9, 1.0], RowOutcome::Nothing),
            ],
        }
    }

    #[test]
    fn every_round_has_its_dot_and_every_row_its_words() {
        let svg = forest_plot_svg(&Options::default(), &ratios()).unwrap();
        // Five dots and an estimate in each row.
        assert_eq!(svg.markup.matches("<circle").count(), 5 + 2);
        assert_eq!(svg.hovers.len(), 2);
        assert!(svg.alt.contains("throughput: b 1.20 × faster (1.10–1.30)."));
        assert!(svg.markup.contains("times as good as a"));
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let draw = |ratios: &ForestData| forest_plot_svg(&Options::default(), ratios);
        let none = ForestData {
            rows: Vec::new(),
            ..ratios()
        };
        assert!(matches!(draw(&none), Err(DrawError::NoValues { .. })));
        let mut wrong = ratios();
        wrong.rows[0].dots.push(0.0);
        assert!(matches!(draw(&wrong), Err(DrawError::NotATime { .. })));
        let mut many = ratios();
        many.rows = vec![many.rows[0].clone(); 200];
        assert!(matches!(draw(&many), Err(DrawError::NoRoom { .. })));
    }
}
