//! Limits that hold at all times at once, however often they are looked at.
//!
//! Two of them share the probability of an error, and the lower one counts.
//!
//! - For edges that are found early: the mixture of Robbins with a normal law, "Statistical methods related to the law of
//!   the iterated logarithm", 1970, in its asymptotic form for sums that are only approximately normal: Waudby-Smith, Arbour,
//!   Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", Annals of
//!   Statistics 2024. The idea of an interval that stays valid however often it is looked at, for quantiles: Howard and
//!   Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm identification", Bernoulli
//!   2022.
//! - For the end of a search, whose time is known ahead: the limit of O'Brien and Fleming, "A multiple testing procedure for
//!   clinical trials", 1979, for continuous looks by the reflection principle (Lan and DeMets, "Discrete sequential
//!   boundaries for clinical trials", 1983).

use crate::normal::normal_quantile;

/// Events that the limit is tuned for are a few times this number: the limit is lowest from 5 to 15 events on.
const TUNED_FOR_EVENTS: f64 = 1.0;

/// Least number of events whose sum is nearly normal, as the limit at the end presumes. With fewer, that limit is wider.
pub(super) const EVENTS_OF_NORMAL: f64 = 5.0;

/// Share of the probability of an error for the limit that is low at the end.
const SHARE_OF_END: f64 = 0.8;

/// The limit for a squared standardized deviation, which the deviation exceeds at any time with at most the probability
/// `error`. `events` is the expected number of independent events so far, above 0; without any, the limit is infinite.
/// `progress` is the part of the information of the whole search that is known, from 0 to 1.
pub(super) fn squared_limit(events: f64, progress: f64, error: f64) -> f64 {
    if events <= 0.0 {
        return f64::INFINITY;
    }
    let early = early_limit(events, (1.0 - SHARE_OF_END) * error);
    let wider = (EVENTS_OF_NORMAL / events).max(1.0).powi(3);
    early.min(wider * end_limit(progress, SHARE_OF_END * error))
}

/// The mixture of a normal law.
fn early_limit(events: f64, error: f64) -> f64 {
    let ratio = events / TUNED_FOR_EVENTS;
    (1.0 + ratio) / ratio * ((1.0 + ratio).ln() - 2.0 * error.ln())
}

/// A constant limit for the sum of the deviations. A sum that is ever beyond it is still there at the end in half of all
/// cases.
fn end_limit(progress: f64, error: f64) -> f64 {
    let limit = normal_quantile(1.0 - error / 4.0);
    limit * limit / progress.clamp(f64::MIN_POSITIVE, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    #[test]
    fn the_limits_are_low_where_they_are_tuned() {
        assert_eq!(squared_limit(0.0, 1.0, 0.05), f64::INFINITY);
        let early = |events| early_limit(events, 0.05).sqrt();
        assert!((early(8.0) - 3.03).abs() < 0.01, "{}", early(8.0));
        assert!(early(1.0) > 3.5 && early(1_000.0) > 3.5);
        assert!(early_limit(8.0, 0.001) > early_limit(8.0, 0.05));
        // The limits of O'Brien and Fleming for 5 %.
        assert!((end_limit(1.0, 0.05).sqrt() - 2.241).abs() < 0.001);
        assert!((end_limit(0.25, 0.05).sqrt() - 4.483).abs() < 0.001);
        // The lower one counts.
        assert!(squared_limit(8.0, 0.1, 0.05) < end_limit(0.1, 0.05));
        assert!(squared_limit(8.0, 1.0, 0.05) < early_limit(8.0, 0.05));
    }

    /// A fixed limit of 1.96 is exceeded at some time in a third of these series.
    #[test]
    fn sums_rarely_ever_exceed_them() {
        const LENGTH: u32 = 300;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(20);
        let mut ever = |limit: &dyn Fn(f64) -> f64| {
            let exceeds = |_: &u32| {
                let mut sum = 0.0;
                (1..=LENGTH).any(|n| {
                    sum += if random.random::<bool>() { 1.0 } else { -1.0 };
                    let n = f64::from(n);
                    n >= 10.0 && sum * sum / n > limit(n)
                })
            };
            (0..2_000_u32).filter(exceeds).count()
        };
        let uniform = ever(&|n| squared_limit(n, n / f64::from(LENGTH), 0.05));
        assert!(uniform < 100, "{uniform} of 2,000");
        let early = ever(&|n| early_limit(n, 0.05));
        assert!(early < 100, "{early} of 2,000");
        assert!(ever(&|_| 1.96 * 1.96) > 500);
    }
}
