//! Two series that were measured in the same rounds, and what their ratio is.

use super::StatisticsError;
use super::order_statistics::median_in_place;

/// What was measured of two servers in the same rounds: round by round a value of the one and a value
/// of the other, both above zero. Kept as logarithms, in which a ratio is a difference and swapping
/// the servers changes a sign and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    measured: Vec<f64>,
    reference: Vec<f64>,
}

impl Pairs {
    /// Fewest rounds of which anything can be said.
    pub const FEWEST: usize = 2;

    /// Pairs up values of the same rounds, in the same unit.
    ///
    /// # Errors
    /// When the numbers of rounds differ, when there are fewer than [`FEWEST`](Self::FEWEST), or when
    /// a value is not a number above zero: such have no ratio.
    pub fn new(measured: &[f64], reference: &[f64]) -> Result<Self, StatisticsError> {
        if measured.len() != reference.len() {
            return Err(StatisticsError::Unpaired {
                measured: measured.len(),
                reference: reference.len(),
            });
        }
        if measured.len() < Self::FEWEST {
            return Err(StatisticsError::TooFewRounds {
                rounds: measured.len(),
                needed: Self::FEWEST,
            });
        }
        Ok(Self {
            measured: logarithms(measured)?,
            reference: logarithms(reference)?,
        })
    }

    /// How many rounds there are.
    pub fn rounds(&self) -> usize {
        self.measured.len()
    }

    /// The logarithm of each round's ratio, measured over reference.
    pub fn log_ratios(&self) -> Vec<f64> {
        self.measured
            .iter()
            .zip(&self.reference)
            .map(|(m, r)| m - r)
            .collect()
    }

    /// Each round's ratio, measured over reference.
    pub fn ratios(&self) -> Vec<f64> {
        self.log_ratios().into_iter().map(f64::exp).collect()
    }

    /// The logarithms of all values, measured and reference.
    pub fn logarithms(&self) -> (&[f64], &[f64]) {
        (&self.measured, &self.reference)
    }
}

fn logarithms(values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    values
        .iter()
        .enumerate()
        .map(|(round, &value)| {
            (value.is_finite() && value > 0.0)
                .then(|| value.ln())
                .ok_or(StatisticsError::NoRatio { round, value })
        })
        .collect()
}

/// What is said of two paired series in one number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Statistic {
    /// The median of the one over the median of the other. Of an even number of rounds a median is the
    /// geometric mean of the two in the middle.
    RatioOfMedians,
    /// The median of the rounds' ratios.
    MedianOfRatios,
    /// The geometric mean of the rounds' ratios, the one mean of ratios that does not depend on which
    /// of them stands below the line (Fleming & Wallace, "How Not to Lie with Statistics", 1986).
    GeometricMean,
    /// The pseudo-median of the rounds' ratios: the median of the geometric means of any two of them,
    /// a round with itself included (Hodges & Lehmann, "Estimates of Location Based on Rank Tests",
    /// 1963). Nearly as sharp as the mean, nearly as deaf to a wild round as the median.
    #[default]
    PseudoMedian,
}

impl Statistic {
    /// The logarithm of the statistic for the rounds at these positions, which may repeat.
    pub(crate) fn of(self, pairs: &Pairs, rounds: &[usize], scratch: &mut Vec<f64>) -> f64 {
        let (measured, reference) = pairs.logarithms();
        let ratio = |&round: &usize| measured[round] - reference[round];
        scratch.clear();
        match self {
            Self::RatioOfMedians => {
                scratch.extend(rounds.iter().map(|&round| measured[round]));
                let above = median_in_place(scratch);
                scratch.clear();
                scratch.extend(rounds.iter().map(|&round| reference[round]));
                above
                    .zip(median_in_place(scratch))
                    .map_or(f64::NAN, |(a, b)| a - b)
            }
            Self::MedianOfRatios => {
                scratch.extend(rounds.iter().map(ratio));
                median_in_place(scratch).unwrap_or(f64::NAN)
            }
            Self::GeometricMean => rounds.iter().map(ratio).sum::<f64>() / rounds.len() as f64,
            Self::PseudoMedian => {
                for (at, first) in rounds.iter().enumerate() {
                    let first = ratio(first);
                    scratch.extend(
                        rounds[at..]
                            .iter()
                            .map(|second| f64::midpoint(first, ratio(second))),
                    );
                }
                median_in_place(scratch).unwrap_or(f64::NAN)
            }
        }
    }

    /// The logarithm of the statistic of all rounds.
    pub(crate) fn log_estimate(self, pairs: &Pairs) -> f64 {
        let all: Vec<usize> = (0..pairs.rounds()).collect();
        self.of(pairs, &all, &mut Vec::new())
    }
}
