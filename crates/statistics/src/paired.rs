//! Two series that were measured in the same rounds.

use super::StatisticsError;

/// The ratios of two servers that were measured in the same rounds. Kept as logarithms: swapping the
/// servers changes a sign and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    log_ratios: Vec<f64>,
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
        let (measured, reference) = (logarithms(measured)?, logarithms(reference)?);
        let pairs = measured.iter().zip(&reference);
        Ok(Self {
            log_ratios: pairs.map(|(m, r)| m - r).collect(),
        })
    }

    /// How many rounds there are.
    pub fn rounds(&self) -> usize {
        self.log_ratios.len()
    }

    /// The logarithm of each round's ratio, measured over reference.
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
