//! Rounds that stand out. They are named, never left out: what made them may happen to a user too.

use super::order_statistics::{mad, median};

/// A round that stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// Which one, from 0.
    pub round: usize,
    /// Its value.
    pub value: f64,
    /// Its modified z-score: how many deviations it lies from the median, below 0 when under it.
    pub score: f64,
}

/// Scores beyond it stand out.
const LIMIT: f64 = 3.5;

/// The rounds whose modified z-score lies beyond 3.5 (Iglewicz & Hoaglin, "How to Detect and
/// Handle Outliers", 1993): 0.6745 × distance from the median / [`mad`].
///
/// When more than half of the rounds agree to the last digit the MAD is 0, and the mean absolute
/// deviation takes its place, with 1/1.2533 as its factor: what relates it to a normal law's standard
/// deviation. Values that are no numbers are left alone.
pub fn outliers(values: &[f64]) -> Vec<Outlier> {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let (Some(middle), Some(mad)) = (median(&finite), mad(&finite)) else {
        return Vec::new();
    };
    let deviation = if mad > 0.0 {
        mad / 0.6745
    } else {
        let count = finite.len() as f64;
        1.2533 * finite.iter().map(|v| (v - middle).abs()).sum::<f64>() / count
    };
    values
        .iter()
        .enumerate()
        .map(|(round, &value)| Outlier {
            round,
            value,
            score: (value - middle) / deviation,
        })
        // All alike: 0 / 0 is beyond nothing.
        .filter(|o| o.value.is_finite() && o.score.abs() > LIMIT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        // Median 10, deviations 1 0 1 0 1 2 20: MAD 1. The last scores 0.6745 × 20.
        let found = outliers(&[9.0, 10.0, 11.0, 10.0, 9.0, 12.0, 30.0]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].round, found[0].value), (6, 30.0));
        assert!((found[0].score - 13.49).abs() < 1e-9);
        // 3.5 deviations of 1/0.6745 are 5.19.
        assert!(outliers(&[9.0, 10.0, 11.0, 10.0, 9.0, 12.0, 15.1]).is_empty());
        assert_eq!(
            outliers(&[9.0, 10.0, 11.0, 10.0, 9.0, 12.0, 4.8])[0].round,
            6
        );
    }

    #[test]
    fn a_deviation_of_zero() {
        assert!(outliers(&[5.0; 8]).is_empty());
        // Mean absolute deviation 1/10: (6 − 5) / 0.12533.
        let found = outliers(&[5.0, 5.0, 5.0, 6.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].round, 3);
        assert!((found[0].score - 1.0 / 0.125_33).abs() < 1e-9);
        assert!(outliers(&[]).is_empty());
        assert!(outliers(&[1.0, f64::NAN, 1.0]).is_empty());
    }

    proptest! {
        #[test]
        fn scale_and_place_change_nothing(
            values in prop::collection::vec(1_i32..1_000, 3..30), scale in 1_i32..50, shift in -500_i32..500
        ) {
            let rounds = |of: &dyn Fn(i32) -> i32| {
                let values: Vec<f64> = values.iter().map(|v| f64::from(of(*v))).collect();
                outliers(&values).into_iter().map(|o| o.round).collect::<Vec<_>>()
            };
            prop_assert_eq!(rounds(&|v| v), rounds(&|v| v * scale + shift));
        }
    }
}
