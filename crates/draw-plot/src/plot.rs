//! A picture whose data are checked and whose numbers are all known.

use crate::canvas::Canvas;
use crate::data::Subject;
use crate::error::DrawError;
use crate::options::Options;
use crate::phrases::{capitalize, in_sentence, plural, text_if};
use crate::theme::Colours;

/// A picture for any backend.
pub(crate) trait Plot {
    /// Draws the picture, and returns the texts to show under the pointer, in pixels.
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
    pub(crate) fn column(x: f64, text: Vec<String>) -> Self {
        Self { x, y: None, text }
    }
}

/// Everything that a picture is drawn from, but for the data.
#[derive(Clone, Copy)]
pub(crate) struct PlotContext<'a> {
    pub(crate) options: &'a Options,
    pub(crate) subject: &'a Subject,
    pub(crate) colours: Colours,
}

impl<'a> PlotContext<'a> {
    pub(crate) fn title(&self) -> &'a str {
        let title = self.options.title.as_deref();
        title.unwrap_or(&self.subject.title)
    }

    /// The heading of an axis of times: `service time (ms)`.
    pub(crate) fn heading(&self, unit: &str) -> String {
        let quantity = &self.subject.quantity;
        let assumed = text_if(self.subject.unit_is_assumed, ", assumed");
        format!("{quantity} ({unit}{assumed})")
    }

    /// The rows that are drawn, in plural: `messages`, `deliveries`.
    pub(crate) fn rows(&self) -> String {
        plural(self.subject.noun)
    }

    /// The order of the rows: that of sending, except for messages of a feed.
    pub(crate) fn order(&self) -> &'static str {
        match self.subject.noun {
            "push" => "arrival",
            _ => "sending",
        }
    }

    /// The quantity at the beginning of a sentence: `Service time`, or `"rtt"`.
    pub(crate) fn quantity(&self) -> String {
        capitalize(&in_sentence(&self.subject.quantity))
    }
}
