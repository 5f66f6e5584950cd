//! The meaning of a text, by which a front end chooses its colour.

use measurement::verdict::Verdict;

/// Meaning of a text: never shown by a colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// All is well.
    Good,
    /// With care.
    Warning,
    /// Not at all.
    Bad,
    /// None of these.
    #[default]
    Neutral,
}

impl Tone {
    /// The name in a style sheet.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Neutral => "neutral",
        }
    }
}

impl From<Verdict> for Tone {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Valid => Self::Good,
            Verdict::Suspect => Self::Warning,
            Verdict::Invalid => Self::Bad,
        }
    }
}
