//! A picture that can be drawn: checked, and all its numbers known.

use crate::canvas::Canvas;
use crate::error::DrawError;

/// A picture for any backend.
pub(crate) trait Plot {
    /// Draws it, and returns the texts to show under the pointer, in pixels.
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError>;

    /// Sentences that describe the picture to a reader who does not see it.
    fn alt(&self) -> String;
}

/// Text to show under the pointer at a place of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Hover {
    /// Horizontal place, in the viewBox's coordinates.
    pub x: f64,
    /// Vertical place, where one point is meant and not all above each other.
    pub y: Option<f64>,
    /// Lines of text.
    pub text: Vec<String>,
}

impl Hover {
    /// A text for all that stands above each other.
    pub(crate) fn column(x: f64, text: Vec<String>) -> Self {
        Self { x, y: None, text }
    }
}
