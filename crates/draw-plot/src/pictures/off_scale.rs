//! Markers and a note for values beyond the end of an axis.

use plotters::style::RGBColor;
use units::{counted, grouped};

use crate::axes::PanelAxes;
use crate::canvas::Align;
use crate::number_format::milliseconds;

/// Draws a triangle at the upper edge over each x, as far as they do not touch.
pub(crate) fn draw_markers(axes: &PanelAxes<'_>, xs: impl Iterator<Item = f64>, colour: RGBColor) {
    let (k, top) = (axes.font.scale, axes.top);
    let mut free_from = f64::NEG_INFINITY;
    for x in xs.map(|x| axes.x.pixel(x)) {
        if x >= free_from {
            let lower = top + 6.0 * k;
            let corners = [(x - 3.5 * k, lower), (x, top), (x + 3.5 * k, lower)];
            axes.canvas.polygon(&corners, colour);
            free_from = x + 8.0 * k;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OffScale {
    pub(crate) end_ms: f64,
    pub(crate) count: u64,
    pub(crate) highest_ms: f64,
}

impl OffScale {
    pub(crate) fn of(end_ms: f64, values_ms: impl Iterator<Item = f64>) -> Self {
        let off_scale = values_ms.filter(|value| *value > end_ms);
        let (count, highest_ms) = off_scale.fold((0, 0.0), |(count, highest), value| {
            (count + 1, value.max(highest))
        });
        Self {
            end_ms,
            count,
            highest_ms,
        }
    }

    /// Writes a note beside the heading of the y axis, as fully as there is room; nothing for no times.
    pub(crate) fn draw_note(self, axes: &PanelAxes<'_>, (sign, noun): (char, &str)) {
        if self.count == 0 {
            return;
        }
        let (things, highest) = (counted(self.count, noun), milliseconds(self.highest_ms));
        let (heading_end, y) = axes.heading_end;
        let room = axes.right - heading_end - 20.0 * axes.font.scale;
        let end = milliseconds(self.end_ms);
        let notes = [
            format!("{sign} {things} above {end}, the highest {highest}"),
            format!("{sign} {things} up to {highest}"),
            format!("{sign} {}, {highest}", grouped(self.count)),
        ];
        let mut notes = notes.iter();
        if let Some(note) = notes.find(|note| axes.canvas.text_width(note, axes.font.faint) <= room)
        {
            axes.canvas
                .text(note, axes.font.faint, Align::Right, (axes.right, y));
        }
    }
}
