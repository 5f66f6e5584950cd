//! A ratio and its interval.

use super::signed_rank::rounds_needed;

/// A server's value divided by the reference's, with a confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Point estimate.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Share of such intervals that contain the true value, such as 0.95.
    pub level: f64,
    /// Number of rounds behind the ratio.
    pub rounds: usize,
}

impl Ratio {
    /// The ratio of the reference to the server.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            estimate: 1.0 / self.estimate,
            low: 1.0 / self.high,
            high: 1.0 / self.low,
            ..self
        }
    }

    /// Returns true when the rounds are enough for a verdict at this level: at least [`rounds_needed`].
    pub fn has_enough_rounds(&self) -> bool {
        self.rounds >= rounds_needed(self.level)
    }

    /// Returns true when the interval is as narrow as ± this share of its geometric middle: 0.01 is ±1 %. Depends on
    /// the width alone, never on the position of the interval: see
    /// [`sequential_level`](super::interval_levels::sequential_level).
    pub fn is_within(self, share: f64) -> bool {
        half_width(self.low, self.high) <= share
    }
}

/// Half of the width of an interval of a ratio, as a share of its geometric middle: 0.01 is ±1 %.
pub fn half_width(low: f64, high: f64) -> f64 {
    (high / low).sqrt() - 1.0
}
