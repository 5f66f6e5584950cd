//! Two series measured in the same rounds.

use super::StatisticsError;

/// The ratios of two servers measured in the same rounds. They are stored as logarithms, so that swapping the servers
/// only changes their sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    log_ratios: Vec<f64>,
}

impl Pairs {
    /// Minimum number of rounds for a result.
    pub const FEWEST: usize = 2;

    /// Pairs values of the same rounds, in the same unit.
    ///
    /// # Errors
    /// Different numbers of rounds, fewer than [`FEWEST`](Self::FEWEST) rounds, or a value that is not a number above
    /// zero and therefore has no ratio.
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
        let (measured, reference) = (logarithms(measured)?, logarithms(reference)?);
        let pairs = measured.iter().zip(&reference);
        Ok(Self {
            log_ratios: pairs.map(|(m, r)| m - r).collect(),
        })
    }

    /// Number of rounds.
    pub fn rounds(&self) -> usize {
        self.log_ratios.len()
    }

    /// The logarithm of each round's ratio, measured divided by reference.
    pub fn log_ratios(&self) -> &[f64] {
        &self.log_ratios
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
