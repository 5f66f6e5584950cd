//! Capacities and limits in a picture of offered rates.

use measurement::run::CapacitySummary;
use plotters::style::{Color, RGBColor};
use units::human_rate;

use super::load_curve_lines::{LoadLine, TimeLimit, is_lower_bound};
use crate::axes::PanelAxes;
use crate::canvas::Align;
use crate::theme::Colours;

/// Strength of the interval of a capacity.
pub(crate) const BAND: f64 = 0.16;

/// Draws the interval of each capacity over the whole height. That of a lower bound reaches the right edge.
pub(crate) fn draw_bands(axes: &PanelAxes<'_>, lines: &[LoadLine<'_>]) {
    for line in lines {
        let Some((capacity, rate)) = line.capacity.and_then(drawn) else {
            continue;
        };
        let (low, high) = interval(capacity, rate);
        let [low, high] = [low, high].map(|end| axes.x.pixel(end));
        let (from, to) = ((low, axes.top), (high, axes.bottom));
        axes.canvas.rectangle(from, to, line.colour.mix(BAND));
        let x = axes.x.pixel(rate);
        axes.canvas
            .line([(x, axes.bottom), (x, axes.top)], line.colour, 1.3);
        if let Some(above) = from_above(capacity) {
            let x = axes.x.pixel(above);
            let path = [(x, axes.bottom), (x, axes.top)];
            axes.canvas.dashed(&path, line.colour, 1.3);
        }
    }
}

/// Largest number of rows of names, which stand above the curves.
const ROWS: usize = 2;

/// Height of the names above the curves, as a share of the axis.
pub(crate) fn room_for_names(lines: &[LoadLine<'_>]) -> f64 {
    0.06 * names(lines).len().min(ROWS) as f64
}

/// The name of a capacity, and the ends of the lines beside which it stands.
struct CapacityName {
    text: String,
    left_per_s: f64,
    middle_per_s: f64,
    right_per_s: f64,
}

/// The names of capacities, and of the rate at which a single server recovers.
fn names(lines: &[LoadLine<'_>]) -> Vec<CapacityName> {
    let mut names = Vec::new();
    for line in lines {
        let Some((capacity, rate)) = line.capacity.and_then(drawn) else {
            continue;
        };
        let (low, high) = interval(capacity, rate);
        names.push(CapacityName {
            text: line.capacity_text().unwrap_or_default(),
            left_per_s: rate.min(low),
            middle_per_s: rate,
            right_per_s: rate.max(high),
        });
        let above = from_above(capacity).filter(|_| lines.len() == 1);
        names.extend(above.map(|above| CapacityName {
            text: format!("recovered only up to {} msg/s", human_rate(above)),
            left_per_s: above,
            middle_per_s: above,
            right_per_s: above,
        }));
    }
    names
}

/// Writes the name of each capacity beside its line, in the first row that has room. The legend names those of several
/// files too. `begin`: upper end of the rows in pixels.
pub(crate) fn name_capacities(
    axes: &PanelAxes<'_>,
    lines: &[LoadLine<'_>],
    begin: f64,
    ground: RGBColor,
) {
    let (canvas, font, k) = (axes.canvas, axes.font.text, axes.font.scale);
    let (height, air) = (1.3 * font.size, 6.0 * k);
    let mut rows: [Vec<(f64, f64)>; ROWS] = Default::default();
    for name in names(lines) {
        let width = canvas.text_width(&name.text, font);
        let before = |rate| axes.x.pixel(rate) - air - width;
        let behind = axes.x.pixel(name.right_per_s) + air;
        // In a wide interval, beside the line.
        let places = [before(name.left_per_s), before(name.middle_per_s), behind]
            .into_iter()
            .filter(|left| *left >= axes.left && left + width <= axes.right);
        let is_free = |taken: &[(f64, f64)], left: f64| {
            taken
                .iter()
                .all(|(from, to)| left + width + air < *from || to + air < left)
        };
        let mut free = places.flat_map(|left| (0..ROWS).map(move |row| (row, left)));
        let Some((row, left)) = free.find(|(row, left)| is_free(&rows[*row], *left)) else {
            continue;
        };
        rows[row].push((left, left + width));
        let middle = begin + (row as f64 + 0.5) * height;
        let half = 0.6 * font.size;
        let (from, to) = (
            (left - 2.0 * k, middle - half),
            (left + width + 2.0 * k, middle + half),
        );
        canvas.rectangle(from, to, ground);
        canvas.text(&name.text, font, Align::Left, (left, middle));
    }
}

/// Draws each limit of the response time from the left to the right, with its condition.
pub(crate) fn draw_limits(
    axes: &PanelAxes<'_>,
    limits: &[TimeLimit],
    per_ms: f64,
    colours: &Colours,
) {
    let (canvas, font, k) = (axes.canvas, axes.font.faint, axes.font.scale);
    for limit in limits {
        let y = axes.y.pixel(limit.ms * per_ms);
        canvas.dashes((axes.left, axes.right), y, colours.faint_text);
        let at = (axes.left + 6.0 * k, y - 0.75 * font.size);
        canvas.text(&limit.text, font, Align::Left, at);
    }
}

/// A capacity and its rate, if an axis of rates can show them.
fn drawn(capacity: &CapacitySummary) -> Option<(&CapacitySummary, f64)> {
    let rate = capacity.rate_per_s.filter(|rate| *rate > 0.0)?;
    let is_interval = capacity.low_per_s >= 0.0 && capacity.high_per_s >= capacity.low_per_s;
    is_interval.then_some((capacity, rate))
}

/// The ends of the band. A lower bound is not refuted at any rate above it.
fn interval(capacity: &CapacitySummary, rate_per_s: f64) -> (f64, f64) {
    match is_lower_bound(capacity) {
        true => (rate_per_s, f64::INFINITY),
        false => (capacity.low_per_s, capacity.high_per_s),
    }
}

/// The rate at which the server recovers, if it is lower than the capacity for sure.
fn from_above(capacity: &CapacitySummary) -> Option<f64> {
    capacity.from_above_per_s.filter(|_| capacity.hysteresis)
}
