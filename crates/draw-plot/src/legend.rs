//! The legend stands above the data, so that it never hides any.

use plotters::style::{Color, RGBColor};

use crate::canvas::{Align, Canvas};
use crate::error::DrawError;
use crate::layout::{Fonts, Layout};

/// One entry.
pub(crate) struct LegendEntry {
    swatch: Swatch,
    colour: RGBColor,
    text: String,
}

/// The sample in front of an entry's text.
pub(crate) enum Swatch {
    Line,
    /// A line of this width.
    Stroke(f64),
    Dashes,
    /// A line and one of its points.
    Curve,
    /// A single point.
    Dot,
    /// How strongly it is drawn.
    Point(f64),
    /// How strongly the middle 90 % and 96 % of many messages are drawn.
    Bars {
        body: f64,
        bulk: f64,
        point: f64,
    },
    /// How strongly an area is drawn.
    Area(f64),
    /// The same, and a line in the middle.
    Reach(f64),
    /// Colours from few to many, and the numbers at their edges.
    Steps {
        colours: Vec<RGBColor>,
        edges: Vec<String>,
    },
}

impl LegendEntry {
    pub(crate) fn new(swatch: Swatch, colour: RGBColor, text: String) -> Self {
        Self {
            swatch,
            colour,
            text,
        }
    }
}

/// What becomes of an entry that is wider than the picture.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// It goes on in further rows.
    Wrap,
    /// It is cut, to leave the room to the data.
    Cut,
}

/// An entry in its place.
pub(crate) struct PlacedEntry<'e> {
    entry: &'e LegendEntry,
    /// Where its sample begins.
    start: (f64, f64),
    /// Its text, and where each row of it begins.
    rows: Vec<(String, (f64, f64))>,
}

/// Places the entries side by side, in as many rows as they need. A scale of counts is placed when it is
/// drawn, below all others.
pub(crate) fn place<'e>(
    canvas: &Canvas<'_>,
    font: &Fonts,
    layout: &mut Layout,
    (entries, long): (&'e [LegendEntry], Overflow),
) -> Vec<PlacedEntry<'e>> {
    let k = font.scale;
    let indent = 30.0 * k;
    let room = layout.inner_width() - indent;
    let mut at: Option<(f64, f64)> = None;
    let is_placed = |entry: &&LegendEntry| !matches!(entry.swatch, Swatch::Steps { .. });
    let place = |entry: &'e LegendEntry| {
        let rows = match long {
            Overflow::Wrap => canvas.rows(&entry.text, font.text, room),
            Overflow::Cut => vec![canvas.fitted(&entry.text, font.text, room)],
        };
        let widths = rows.iter().map(|row| canvas.text_width(row, font.text));
        let width = indent + widths.fold(0.0, f64::max);
        let start = match at {
            Some((x, y)) if rows.len() == 1 && x + width <= layout.right => (x, y),
            _ => layout.next_row(font.text),
        };
        let mut begins = Some((start.0 + indent, start.1));
        let rows = rows.into_iter().map(|row| {
            let below = || (start.0 + indent, layout.next_row(font.text).1);
            (row, begins.take().unwrap_or_else(below))
        });
        let rows: Vec<_> = rows.collect();
        at = (rows.len() == 1).then_some((start.0 + width + 26.0 * k, start.1));
        PlacedEntry { entry, start, rows }
    };
    entries.iter().filter(is_placed).map(place).collect()
}

/// Draws the entries where they were placed, and below them scales of counts.
pub(crate) fn draw(
    canvas: &Canvas<'_>,
    font: &Fonts,
    layout: &mut Layout,
    (entries, placed): (&[LegendEntry], &[PlacedEntry<'_>]),
) -> Result<(), DrawError> {
    for PlacedEntry { entry, start, rows } in placed {
        entry.draw_swatch(canvas, *start, font.scale)?;
        for (row, at) in rows {
            canvas.text(row, font.text, Align::Left, *at)?;
        }
    }
    for entry in entries {
        if let Swatch::Steps { colours, edges } = &entry.swatch {
            draw_steps(canvas, font, layout, (&entry.text, colours, edges))?;
        }
    }
    Ok(())
}

/// The scale of counts: what is counted and the colours, in one row if they have room there, and below
/// them the numbers that have room; first and last always stand there.
fn draw_steps(
    canvas: &Canvas<'_>,
    font: &Fonts,
    layout: &mut Layout,
    (text, colours, edges): (&str, &[RGBColor], &[String]),
) -> Result<(), DrawError> {
    /// Of one colour at 1280x720; narrower than this, the colours get a row of their own.
    const WIDE: f64 = 56.0;
    const NARROW: f64 = 32.0;
    let k = font.scale;
    let half = |text: &String| canvas.text_width(text, font.faint) / 2.0;
    let (first, last) = (
        edges.first().map_or(0.0, half),
        edges.last().map_or(0.0, half),
    );
    let each = |start: f64| (layout.right - last - start) / colours.len().max(1) as f64;
    let text = canvas.fitted(text, font.text, layout.inner_width());
    let beside = canvas.text_width(&text, font.text) + 12.0 * k;
    let is_beside = each(layout.left + beside) >= NARROW * k;
    let start = layout.left + if is_beside { beside } else { first };
    let width = each(start).min(WIDE * k);

    let (left, mut y) = layout.next_row(font.text);
    canvas.text(&text, font.text, Align::Left, (left, y))?;
    if !is_beside {
        (_, y) = layout.next_row(font.text);
    }
    let edge = |number: usize| start + number as f64 * width;
    for (number, colour) in colours.iter().enumerate() {
        let (from, to) = ((edge(number), y - 6.0 * k), (edge(number + 1), y + 6.0 * k));
        canvas.rectangle(from, to, colour.to_rgba())?;
    }
    let (_, y) = layout.next_row(font.faint);
    let air = 8.0 * k;
    let end = edges.len().saturating_sub(1);
    let mut free_from = f64::NEG_INFINITY;
    let free_to = edge(end) - last - air;
    for (number, text) in edges.iter().enumerate() {
        let (at, half) = (edge(number), half(text));
        let is_outermost = number == 0 || number == end;
        if is_outermost || (at - half >= free_from && at + half <= free_to) {
            canvas.text(text, font.faint, Align::Centre, (at, y))?;
            free_from = at + half + air;
        }
    }
    Ok(())
}

impl LegendEntry {
    fn draw_swatch(
        &self,
        canvas: &Canvas<'_>,
        (x, y): (f64, f64),
        k: f64,
    ) -> Result<(), DrawError> {
        let width = 22.0 * k;
        match &self.swatch {
            Swatch::Line => canvas.line(&[(x, y), (x + width, y)], self.colour, 2.5 * k),
            Swatch::Stroke(wide) => canvas.line(&[(x, y), (x + width, y)], self.colour, wide * k),
            Swatch::Dashes => canvas.dashed(&[(x, y), (x + width, y)], self.colour, (2.5 * k, k)),
            Swatch::Area(strength) => {
                let colour = self.colour.mix(*strength);
                canvas.rectangle((x, y - 6.0 * k), (x + width, y + 6.0 * k), colour)
            }
            Swatch::Reach(strength) => {
                let colour = self.colour.mix(*strength);
                canvas.rectangle((x, y - 6.0 * k), (x + width, y + 6.0 * k), colour)?;
                canvas.line(&[(x, y), (x + width, y)], self.colour, 1.3 * k)
            }
            // In rows of its own.
            Swatch::Steps { .. } => Ok(()),
            Swatch::Curve => {
                canvas.line(&[(x, y), (x + width, y)], self.colour, 2.0 * k)?;
                canvas.point((x + width / 2.0, y), 4.5 * k, self.colour.to_rgba())
            }
            Swatch::Dot => {
                let middle = (x + width / 2.0, y);
                canvas.point(middle, 3.0 * k, self.colour.to_rgba())
            }
            Swatch::Point(strength) => {
                for (share, up) in [(0.1, 1.5), (0.3, -3.0), (0.5, 2.0), (0.7, -1.0), (0.9, 3.0)] {
                    canvas.point(
                        (x + share * width, y - up * k),
                        1.7 * k,
                        self.colour.mix(*strength),
                    )?;
                }
                Ok(())
            }
            Swatch::Bars { body, bulk, point } => {
                for (half, strength) in [(5.0 * k, *bulk), (3.0 * k, *body)] {
                    let colour = self.colour.mix(strength);
                    canvas.rectangle((x, y - half), (x + width, y + half), colour)?;
                }
                for (share, up) in [(0.2, -6.5), (0.4, 8.0), (0.8, 6.5)] {
                    canvas.point((x + share * width, y - up * k), k, self.colour.mix(*point))?;
                }
                Ok(())
            }
        }
    }
}
