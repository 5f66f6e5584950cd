//! Markers and a note for values beyond the end of an axis.

use plotters::style::RGBColor;
use units::{counted, grouped};

use crate::axes::PanelAxes;
use crate::canvas::Align;
use crate::number_format::milliseconds;

/// Draws a triangle at the upper edge over each x, without those that would touch another.
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

/// Writes a note about messages beyond the end of an axis beside the heading of the y axis, in the longest form that has
/// room; nothing for no messages. The sign points to the messages.
pub(crate) fn draw_note(
    axes: &PanelAxes<'_>,
    sign: char,
    (count, noun): (u64, &str),
    [end_ms, highest_ms]: [f64; 2],
) {
    if count == 0 {
        return;
    }
    let (messages, highest) = (counted(count, noun), milliseconds(highest_ms));
    let (heading_end, y) = axes.heading_end;
    let font = axes.font.faint;
    let room = axes.right - heading_end - 20.0 * axes.font.scale;
    let end = milliseconds(end_ms);
    let notes = [
        format!("{sign} {messages} above {end}, the highest {highest}"),
        format!("{sign} {messages} up to {highest}"),
        format!("{sign} {}, {highest}", grouped(count)),
    ];
    let fits = |note: &&String| axes.canvas.text_width(note, font) <= room;
    if let Some(note) = notes.iter().find(fits) {
        axes.canvas.text(note, font, Align::Right, (axes.right, y));
    }
}
