//! The meaning of a text, from which a front end derives its colour.

use measurement::verdict::Verdict;

/// Meaning of a text. Colour is never its only expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Everything is all right.
    Good,
    /// Use with care.
    Warning,
    /// Do not use.
    Bad,
    /// No judgement.
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
