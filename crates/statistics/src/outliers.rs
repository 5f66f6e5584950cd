//! Detection of outlying rounds. Outliers are reported, never removed, because their cause may affect users too.

use super::order_statistics::{mad, median};

/// A round with an outlying value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// Index of the round, from 0.
    pub round: usize,
    /// Value of the round.
    pub value: f64,
    /// Modified z-score: distance from the median in standard deviations, negative below the median.
    pub score: f64,
}

/// Absolute score above which a round is an outlier.
const LIMIT: f64 = 3.5;

/// The rounds whose modified z-score is beyond ±3.5 (Iglewicz & Hoaglin, "How to Detect and Handle Outliers", 1993):
/// 0.6745 × distance from the median / [`mad`].
///
/// When more than half of the rounds have exactly the same value, the MAD is 0. The mean absolute deviation then takes
/// its place, scaled by 1.2533, which makes it the standard deviation of a normal distribution. Values that are not
/// finite are ignored.
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
        // When all values are equal, 0 / 0 is NaN, which is not above the limit.
        .filter(|o| o.value.is_finite() && o.score.abs() > LIMIT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        // Median 10, distances 1 0 1 0 1 2 20: MAD 1. The last value scores 0.6745 × 20.
        let found = outliers(&[9.0, 10.0, 11.0, 10.0, 9.0, 12.0, 30.0]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].round, found[0].value), (6, 30.0));
        assert!((found[0].score - 13.49).abs() < 1e-9);
        // The limit of 3.5 corresponds to a distance of 5.19.
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
