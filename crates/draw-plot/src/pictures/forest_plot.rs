//! The picture of a comparison: for each figure of each server a dot a round and the interval of all,
//! as ratios to the reference on one logarithmic axis.

use std::path::Path;

use plotters::style::{Color, RGBColor};

use crate::canvas::{Align, Canvas, Font};
use crate::encode::{PictureFormat, Plot};
use crate::error::DrawError;
use crate::inline_svg::{Hover, Svg, inline_svg};
use crate::layout::{Fonts, Layout};
use crate::options::Options;
use crate::scale::{AxisScale, PixelAxis, fixed};
use crate::series::span;
use crate::theme::Colours;

/// What is said of a row, which decides its colour; the row's text says it as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    /// Better than the reference.
    Better,
    /// Worse.
    Worse,
    /// Nothing.
    Nothing,
}

/// A figure of a server beside the reference's.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestRow {
    /// What it is: `throughput`, and of which server where there are several.
    pub label: String,
    /// It is the first of several that belong together.
    pub begins_group: bool,
    /// The ratio in each round, above 1 where the server is better; finite and above 0.
    pub dots: Vec<f64>,
    /// Lower end, estimate and upper end of the ratio, above 1 where the server is better.
    pub interval: Option<[f64; 3]>,
    /// What follows.
    pub said: RowOutcome,
    /// The same in words.
    pub text: String,
}

/// All rows of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestData {
    /// The heading, unless the options have one.
    pub title: String,
    /// What is below it.
    pub subtitle: String,
    /// What the axis shows: `times as good as axum`.
    pub x_label: String,
    /// From top to bottom.
    pub rows: Vec<ForestRow>,
}

/// The bytes of the picture for a file of this name, `.png` or `.svg`.
///
/// # Errors
/// [`DrawError`] when there is nothing to draw, the ending is no picture, or it cannot be painted.
pub fn encode_forest_plot(
    path: &Path,
    options: &Options,
    ratios: &ForestData,
) -> Result<Vec<u8>, DrawError> {
    let format = PictureFormat::of(path)?;
    let options = format.suited(options);
    let picture = ForestPlot::new(&options, ratios)?;
    format.encode(&picture, options.size)
}

/// The picture as a part of a page.
///
/// # Errors
/// [`DrawError`] when there is nothing to draw.
pub fn forest_plot_svg(options: &Options, ratios: &ForestData) -> Result<Svg, DrawError> {
    let picture = ForestPlot::new(options, ratios)?;
    inline_svg(&picture, picture.title(), options)
}

/// A picture that can be drawn: checked, and its axis known.
struct ForestPlot<'a> {
    options: &'a Options,
    ratios: &'a ForestData,
    x: AxisScale,
    colours: Colours,
}

impl<'a> ForestPlot<'a> {
    fn new(options: &'a Options, ratios: &'a ForestData) -> Result<Self, DrawError> {
        let values = ratios.rows.iter().flat_map(|row| {
            row.dots
                .iter()
                .copied()
                .chain(row.interval.into_iter().flatten())
        });
        let (low, high) = span(values.clone()).ok_or_else(|| DrawError::NoValues {
            label: ratios.title.clone(),
        })?;
        if let Some(value) = values.clone().find(|v| !v.is_finite() || *v <= 0.0) {
            return Err(DrawError::NotATime {
                label: ratios.title.clone(),
                number: 1,
                value,
            });
        }
        Ok(Self {
            options,
            ratios,
            // No difference is always in sight.
            x: AxisScale::log(low.min(1.0), high.max(1.0)),
            colours: options.theme.colours(),
        })
    }

    fn title(&self) -> &str {
        self.options.title.as_deref().unwrap_or(&self.ratios.title)
    }

    fn colour(&self, said: RowOutcome) -> RGBColor {
        match said {
            RowOutcome::Better => self.colours.percentiles[0],
            RowOutcome::Worse => self.colours.series[1],
            RowOutcome::Nothing => self.colours.faint_text,
        }
    }

    fn grid(
        &self,
        canvas: &Canvas<'_>,
        layout: &Layout,
        font: &Fonts,
        x: &PixelAxis,
    ) -> Result<(), DrawError> {
        let k = font.scale;
        let line = |at: f64, width: f64, colour: RGBColor| {
            canvas.rectangle(
                (at - width * k / 2.0, layout.top),
                (at + width * k / 2.0, layout.bottom),
                colour.to_rgba(),
            )
        };
        for (value, label) in x.ticks(layout.ticks_across()) {
            let at = x.pixel(value);
            line(at, 1.0, self.colours.grid)?;
            canvas.text(
                &label,
                font.faint,
                Align::Centre,
                (at, layout.bottom + 15.0 * k),
            )?;
        }
        line(x.pixel(1.0), 1.5, self.colours.faint_text)?;
        canvas.text(
            &canvas.fitted(&self.ratios.x_label, font.text, layout.width()),
            font.text,
            Align::Centre,
            ((layout.left + layout.right) / 2.0, layout.bottom + 35.0 * k),
        )
    }

    /// One row: its name, its dots, its interval, its words.
    fn row(
        &self,
        canvas: &Canvas<'_>,
        (layout, font, x): (&Layout, &Fonts, &PixelAxis),
        row: &ForestRow,
        (y, height): (f64, f64),
    ) -> Result<(), DrawError> {
        let k = font.scale;
        let colour = self.colour(row.said);
        canvas.text(
            &row.label,
            font.text,
            Align::Right,
            (layout.left - 12.0 * k, y),
        )?;
        // The dots lie above the interval, a little apart, so that equal ones are seen to be several.
        let spread = (0.30 * height).min(10.0 * k);
        for (index, ratio) in row.dots.iter().enumerate() {
            let step = (index % 3) as f64 / 2.0 - 0.5;
            let at = (x.pixel(*ratio), y - 0.18 * height + step * spread * 0.6);
            canvas.point(at, 3.0 * k, colour.mix(0.45))?;
        }
        if let Some([low, estimate, high]) = row.interval {
            let below = y + (0.22 * height).min(8.0 * k);
            let (from, to) = (x.pixel(low), x.pixel(high));
            canvas.rectangle(
                (from, below - 1.5 * k),
                (to.max(from + k), below + 1.5 * k),
                colour.to_rgba(),
            )?;
            for end in [from, to] {
                canvas.rectangle(
                    (end - 0.75 * k, below - 4.0 * k),
                    (end + 0.75 * k, below + 4.0 * k),
                    colour.to_rgba(),
                )?;
            }
            canvas.point((x.pixel(estimate), below), 4.5 * k, colour.to_rgba())?;
        }
        let words = Font {
            colour: if row.said == RowOutcome::Nothing {
                self.colours.faint_text
            } else {
                self.colours.text
            },
            ..font.text
        };
        canvas.text(&row.text, words, Align::Left, (layout.right + 12.0 * k, y))
    }
}

impl Plot for ForestPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        /// Air between groups, in heights of a row.
        const GAP: f64 = 0.45;
        canvas.fill(self.colours.ground)?;
        let size = self.options.size;
        let font = Fonts::new(size, &self.colours);
        let mut layout = Layout::new(size, font.scale);
        for (text, font) in [
            (self.title(), font.title),
            (&self.ratios.subtitle, font.faint),
        ] {
            let text = canvas.fitted(text, font, layout.inner_width());
            let at = layout.next_row(font);
            canvas.text(&text, font, Align::Left, at)?;
        }
        layout.skip();
        let widest = |texts: &mut dyn Iterator<Item = &str>| {
            texts.fold(0.0_f64, |width, text| {
                width.max(canvas.text_width(text, font.text))
            })
        };
        let rows = &self.ratios.rows;
        let (left, right) = (
            widest(&mut rows.iter().map(|row| row.label.as_str())),
            widest(&mut rows.iter().map(|row| row.text.as_str())),
        );
        layout.indent(left + 4.0 * font.scale);
        layout.reserve(right + 4.0 * font.scale, font.text);
        let gaps = rows.iter().skip(1).filter(|row| row.begins_group).count();
        let height = (layout.bottom - layout.top) / (rows.len() as f64 + GAP * gaps as f64);
        if layout.width() < 80.0 * font.scale || height < 0.9 * font.text.size {
            return Err(DrawError::NoRoom {
                panels: rows.len(),
                size,
            });
        }
        let x = self.x.over((layout.left, layout.right));
        self.grid(canvas, &layout, &font, &x)?;
        let mut hovers = Vec::new();
        let mut top = layout.top;
        for (index, row) in rows.iter().enumerate() {
            if index > 0 && row.begins_group {
                top += GAP * height;
            }
            let y = top + height / 2.0;
            self.row(canvas, (&layout, &font, &x), row, (y, height))?;
            hovers.push(Hover {
                x: x.pixel(row.interval.map_or(1.0, |[_, estimate, _]| estimate)),
                y: Some(y),
                text: vec![row.label.clone(), row.text.clone(), in_rounds(&row.dots)],
            });
            top += height;
        }
        hovers.sort_by(|a, b| a.x.total_cmp(&b.x));
        Ok(hovers)
    }

    fn alt(&self) -> String {
        let rows = self.ratios.rows.iter();
        let sentences = rows.map(|row| format!("{}: {}.", row.label, row.text));
        format!(
            "{}. {}",
            self.ratios.x_label,
            sentences.collect::<Vec<_>>().join(" ")
        )
    }
}

/// `rounds from 1.02 to 1.31`
fn in_rounds(dots: &[f64]) -> String {
    match span(dots.iter().copied()) {
        Some((low, high)) => format!("rounds from {} to {}", fixed(low, 3), fixed(high, 3)),
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
