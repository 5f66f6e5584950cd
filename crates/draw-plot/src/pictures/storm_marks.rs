//! The names of the dots in a picture of lost connections.

use super::storm_lines::{StormLine, share_names};
use crate::axes::PanelAxes;
use crate::canvas::Align;

/// The name of the time axis of this many files.
pub(crate) fn time_label(files: usize) -> &'static str {
    match files {
        1 => "time since the start of measuring (s)",
        _ => "time since the first loss of each file (s)",
    }
}

/// Writes the shares of the lost connections beside their marks, with one text for marks that are close together.
pub(crate) fn name_marks(axes: &PanelAxes<'_>, line: &StormLine<'_>) {
    let (canvas, font, k) = (axes.canvas, axes.font.faint, axes.font.scale);
    let text = |shares: &[u32]| format!("{} of the lost", share_names(shares));
    let marks: Vec<_> = line
        .marks_on_line()
        .map(|(share, at)| (share, axes.at(at)))
        .collect();
    let is_near = |(_, a): &(u32, (f64, f64)), (_, b): &(u32, (f64, f64))| {
        (a.0 - b.0).abs() < 30.0 * k && (a.1 - b.1).abs() < 1.3 * font.size
    };
    // Right end and middle of the last text to the right of its mark.
    let mut taken: Option<(f64, f64)> = None;
    for marks in marks.chunk_by(is_near) {
        let shares: Vec<_> = marks.iter().map(|(share, _)| *share).collect();
        let text = text(&shares);
        // Not empty.
        let ((_, first), (_, last)) = (marks[0], marks[marks.len() - 1]);
        // Below the line and to its right, or above it and to its left, where nothing else is drawn.
        let place = (last.0 + 8.0 * k, last.1 + 0.9 * font.size);
        let end = place.0 + canvas.text_width(&text, font);
        let is_free = taken.is_none_or(|(right, middle)| {
            place.0 > right || (place.1 - middle).abs() > 1.2 * font.size
        });
        if is_free && end <= axes.right {
            canvas.text(&text, font, Align::Left, place);
            taken = Some((end + 6.0 * k, place.1));
        } else {
            let at = (first.0 - 8.0 * k, last.1 - 0.6 * font.size);
            canvas.text(&text, font, Align::Right, at);
        }
    }
}
