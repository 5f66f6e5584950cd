//! A ratio and its interval.

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

    /// Returns true when the interval is as narrow as ± this share of its geometric middle: 0.01 is ±1 %. Depends on
    /// the width alone, never on the position of the interval: see
    /// [`sequential_level`](super::interval_levels::sequential_level).
    pub fn is_within(self, share: f64) -> bool {
        (self.high / self.low).sqrt() - 1.0 <= share
    }
}
