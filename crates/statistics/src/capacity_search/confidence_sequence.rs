//! Limits that hold at all times at once, however often they are looked at.
//!
//! The mixture of Robbins with a normal law, "Statistical methods related to the law of the iterated logarithm", 1970, in
//! its asymptotic form for sums that are only approximately normal: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
//! "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 2024. The idea of an
//! interval that stays valid however often it is looked at, for quantiles: Howard and Ramdas, "Sequential estimation of
//! quantiles with applications to A/B testing and best-arm identification", Bernoulli 2022.

/// Events that the limit is tuned for are a few times this number: the limit is lowest from 5 to 15 events on.
const TUNED_FOR_EVENTS: f64 = 1.0;

/// The limit for a squared standardized deviation, which the deviation exceeds at any time with at most the probability
/// `error`. `events` is the expected number of independent events so far, above 0; without any, the limit is infinite.
pub(super) fn squared_limit(events: f64, error: f64) -> f64 {
    if events <= 0.0 {
        return f64::INFINITY;
    }
    let ratio = events / TUNED_FOR_EVENTS;
    (1.0 + ratio) / ratio * ((1.0 + ratio).ln() - 2.0 * error.ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    #[test]
    fn the_limit_is_low_where_it_is_tuned() {
        assert_eq!(squared_limit(0.0, 0.05), f64::INFINITY);
        let at = |events| squared_limit(events, 0.05).sqrt();
        assert!((at(8.0) - 3.03).abs() < 0.01, "{}", at(8.0));
        assert!(at(1.0) > 3.5 && at(1_000.0) > 3.5);
        assert!(squared_limit(8.0, 0.001) > squared_limit(8.0, 0.05));
    }

    /// A fixed limit of 1.96 is exceeded at some time in a third of these series.
    #[test]
    fn sums_rarely_ever_exceed_it() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(20);
        let mut ever = |limit: &dyn Fn(f64) -> f64| {
            let exceeds = |_: &u32| {
                let mut sum = 0.0;
                (1..=300).any(|n| {
                    sum += if random.random::<bool>() { 1.0 } else { -1.0 };
                    let n = f64::from(n);
                    n >= 10.0 && sum * sum / n > limit(n)
                })
            };
            (0..2_000_u32).filter(exceeds).count()
        };
        let uniform = ever(&|n| squared_limit(n, 0.05));
        assert!(uniform < 100, "{uniform} of 2,000");
        assert!(ever(&|_| 1.96 * 1.96) > 500);
    }
}
