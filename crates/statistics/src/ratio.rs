//! A ratio with its interval.

/// How many times the reference's value a server's value is, and between which bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The best guess.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Share of such intervals that hold the truth: 0.95.
    pub level: f64,
    /// Rounds that it was made from.
    pub rounds: usize,
}

impl Ratio {
    /// The reference's value over the server's.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            estimate: 1.0 / self.estimate,
            low: 1.0 / self.high,
            high: 1.0 / self.low,
            ..self
        }
    }

    /// Returns true when the interval is as narrow as ± this share: 0.01 is ±1 %, when the ends lie 1 % below and above
    /// their geometric middle. Looks at the width alone, never at where the interval lies: see
    /// [`sequential_level`](super::interval_levels::sequential_level).
    pub fn is_within(self, share: f64) -> bool {
        (self.high / self.low).sqrt() - 1.0 <= share
    }
}
