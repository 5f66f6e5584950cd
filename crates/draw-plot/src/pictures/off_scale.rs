//! What lies beyond the end of an axis is marked there and counted.

use plotters::style::{Color, RGBColor};

use super::common::counted;
use crate::axes::PanelAxes;
use crate::canvas::{Align, Canvas};
use crate::error::DrawError;
use crate::scale::milliseconds;
use units::grouped;

/// A triangle at the upper edge over each x, as far as they do not touch.
pub(crate) fn marks(
    canvas: &Canvas<'_>,
    frame: &PanelAxes,
    xs: impl Iterator<Item = f64>,
    colour: RGBColor,
) -> Result<(), DrawError> {
    let (k, top) = (frame.font.scale, frame.layout.top);
    let mut free_from = f64::NEG_INFINITY;
    for x in xs.map(|x| frame.x.pixel(x)) {
        if x >= free_from {
            let corners = [
                (x - 3.5 * k, top + 6.0 * k),
                (x, top),
                (x + 3.5 * k, top + 6.0 * k),
            ];
            canvas.polygon(&corners, colour.to_rgba())?;
            free_from = x + 8.0 * k;
        }
    }
    Ok(())
}

/// How many times lie beyond the end of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OffScale {
    pub(crate) end_ms: f64,
    pub(crate) count: u64,
    pub(crate) highest_ms: f64,
}

impl OffScale {
    pub(crate) fn of(end_ms: f64, values_ms: impl Iterator<Item = f64>) -> Self {
        let nothing = Self {
            end_ms,
            count: 0,
            highest_ms: 0.0,
        };
        values_ms
            .filter(|value| *value > end_ms)
            .fold(nothing, |beyond, value| Self {
                count: beyond.count + 1,
                highest_ms: beyond.highest_ms.max(value),
                ..beyond
            })
    }

    /// Says so beside the heading of the y axis, as fully as there is room; nothing where nothing
    /// is. The sign points to where they are, the noun tells what they are.
    pub(crate) fn note(
        self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        (sign, noun): (char, &str),
    ) -> Result<(), DrawError> {
        let PanelAxes { layout, font, .. } = frame;
        if self.count == 0 {
            return Ok(());
        }
        let (things, highest) = (counted(self.count, noun), milliseconds(self.highest_ms));
        let (heading_end, y) = frame.heading_end;
        let room = layout.right - heading_end - 20.0 * font.scale;
        let notes = [
            format!(
                "{sign} {things} above {}, the highest {highest}",
                milliseconds(self.end_ms)
            ),
            format!("{sign} {things} up to {highest}"),
            format!("{sign} {}, {highest}", grouped(self.count)),
        ];
        let fits = |note: &&String| canvas.text_width(note, font.faint) <= room;
        match notes.iter().find(fits) {
            Some(note) => canvas.text(note, font.faint, Align::Right, (layout.right, y)),
            None => Ok(()),
        }
    }
}
