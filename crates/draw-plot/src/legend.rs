//! The legend, which stands above the data and so never hides any.

use plotters::style::{Color, RGBColor};

use crate::canvas::{Align, Canvas};
use crate::layout::PictureLayout;
use crate::markers::Marker;

pub(crate) struct LegendEntry {
    swatch: Swatch,
    colour: RGBColor,
    text: String,
}

/// The sample in front of an entry's text.
pub(crate) enum Swatch {
    Line,
    Stroke(f64),
    Dashes,
    /// A line and one of its points.
    Curve,
    Dot,
    /// A point of this shape.
    Mark(Marker),
    /// The ends of an interval and the line between them.
    Interval,
    /// Points of this strength.
    Point(f64),
    /// The middle 90 % and 96 % of many messages and their extremes, each of this strength.
    Bars {
        body: f64,
        bulk: f64,
        point: f64,
    },
    /// An area of this strength.
    Area(f64),
    /// An area of this strength, and a line in the middle.
    Range(f64),
    /// Colours from few to many, and the numbers at their edges.
    Steps {
        colours: Vec<RGBColor>,
        edges: Vec<String>,
    },
}

impl LegendEntry {
    pub(crate) fn new(swatch: Swatch, colour: RGBColor, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            swatch,
            colour,
            text,
        }
    }
}

pub(crate) struct PlacedEntry<'e> {
    entry: &'e LegendEntry,
    /// Left end and middle of the swatch.
    start: (f64, f64),
    /// The rows of the text, each with its left end and middle.
    rows: Vec<(String, (f64, f64))>,
}

/// Places the entries, except scales of counts, side by side in as many rows as they need. An entry that is wider than
/// the picture continues in further rows or, without `may_wrap`, is cut.
pub(crate) fn place<'e>(
    layout: &mut PictureLayout<'_>,
    entries: &'e [LegendEntry],
    may_wrap: bool,
) -> Vec<PlacedEntry<'e>> {
    let (canvas, font, k) = (layout.canvas, layout.font, layout.font.scale);
    let indent = 30.0 * k;
    let room = layout.inner_width() - indent;
    let mut at: Option<(f64, f64)> = None;
    let is_placed = |entry: &&LegendEntry| !matches!(entry.swatch, Swatch::Steps { .. });
    let place = |entry: &'e LegendEntry| {
        let rows = match may_wrap {
            true => canvas.rows(&entry.text, font.text, room),
            false => vec![canvas.fit(&entry.text, font.text, room)],
        };
        let width = indent + canvas.widest(rows.iter(), font.text);
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

/// Draws the placed entries, and below them the scales of counts.
pub(crate) fn draw(
    layout: &mut PictureLayout<'_>,
    entries: &[LegendEntry],
    placed: &[PlacedEntry<'_>],
) {
    let (canvas, font) = (layout.canvas, layout.font);
    for PlacedEntry { entry, start, rows } in placed {
        entry.draw_swatch(canvas, *start, font.scale);
        for (row, at) in rows {
            canvas.text(row, font.text, Align::Left, *at);
        }
    }
    for entry in entries {
        if let Swatch::Steps { colours, edges } = &entry.swatch {
            draw_steps(layout, &entry.text, colours, edges);
        }
    }
}

/// Draws a scale of counts: its text and colours, in one row if they have room, and the numbers below. The first and the
/// last number are always written, the others if they have room.
fn draw_steps(layout: &mut PictureLayout<'_>, text: &str, colours: &[RGBColor], edges: &[String]) {
    /// Largest width of one colour, at 1280x720.
    const WIDE: f64 = 56.0;
    /// Smallest width of one colour. With less room, the colours get a row of their own.
    const NARROW: f64 = 32.0;
    let (canvas, font, k) = (layout.canvas, layout.font, layout.font.scale);
    let half = |text: &String| canvas.text_width(text, font.faint) / 2.0;
    let [first, last] = [edges.first(), edges.last()].map(|edge| edge.map_or(0.0, half));
    let each = |start: f64| (layout.right - last - start) / colours.len().max(1) as f64;
    let text = canvas.fit(text, font.text, layout.inner_width());
    let beside = canvas.text_width(&text, font.text) + 12.0 * k;
    let is_beside = each(layout.left + beside) >= NARROW * k;
    let start = layout.left + if is_beside { beside } else { first };
    let width = each(start).min(WIDE * k);

    let (left, mut y) = layout.next_row(font.text);
    canvas.text(&text, font.text, Align::Left, (left, y));
    if !is_beside {
        (_, y) = layout.next_row(font.text);
    }
    let edge = |number: usize| start + number as f64 * width;
    for (number, colour) in colours.iter().enumerate() {
        let (from, to) = ((edge(number), y - 6.0 * k), (edge(number + 1), y + 6.0 * k));
        canvas.rectangle(from, to, colour);
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
            canvas.text(text, font.faint, Align::Centre, (at, y));
            free_from = at + half + air;
        }
    }
}

impl LegendEntry {
    fn draw_swatch(&self, canvas: &Canvas<'_>, (x, y): (f64, f64), k: f64) {
        let width = 22.0 * k;
        let path = [(x, y), (x + width, y)];
        let line = |thickness: f64| canvas.line(path, self.colour, thickness);
        let area = |half: f64, strength: f64| {
            let (from, to) = ((x, y - half * k), (x + width, y + half * k));
            canvas.rectangle(from, to, self.colour.mix(strength));
        };
        let points = |places: &[(f64, f64)], radius: f64, strength: f64| {
            for (share, up) in places {
                let at = (x + share * width, y - up * k);
                canvas.point(at, radius, self.colour.mix(strength));
            }
        };
        match &self.swatch {
            Swatch::Line => line(2.5),
            Swatch::Stroke(width) => line(*width),
            Swatch::Dashes => canvas.dashed(&path, self.colour, 2.5),
            Swatch::Area(strength) => area(6.0, *strength),
            Swatch::Range(strength) => {
                area(6.0, *strength);
                line(1.3);
            }
            // In rows of its own.
            Swatch::Steps { .. } => {}
            Swatch::Curve => {
                line(2.0);
                points(&[(0.5, 0.0)], 4.5, 1.0);
            }
            Swatch::Mark(marker) => marker.draw(canvas, (x + width / 2.0, y), self.colour, None),
            Swatch::Interval => {
                let (middle, half) = (x + width / 2.0, 6.0 * k);
                canvas.line([(middle, y - half), (middle, y + half)], self.colour, 1.2);
                for end in [y - half, y + half] {
                    let cap = [(middle - 4.0 * k, end), (middle + 4.0 * k, end)];
                    canvas.line(cap, self.colour, 1.2);
                }
            }
            Swatch::Dot => points(&[(0.5, 0.0)], 3.0, 1.0),
            Swatch::Point(strength) => {
                let places = [(0.1, 1.5), (0.3, -3.0), (0.5, 2.0), (0.7, -1.0), (0.9, 3.0)];
                points(&places, 1.7, *strength);
            }
            Swatch::Bars { body, bulk, point } => {
                area(5.0, *bulk);
                area(3.0, *body);
                points(&[(0.2, -6.5), (0.4, 8.0), (0.8, 6.5)], 1.0, *point);
            }
        }
    }
}
