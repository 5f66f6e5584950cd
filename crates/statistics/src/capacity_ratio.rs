//! Ratio of two capacities over a few rounds, in each of which both are known with an interval.
//!
//! All computation uses logarithms. The variance of a round's log ratio has two parts: that within the round, which the
//! intervals of both searches show, and that between rounds, such as the effect of a server's start. The sample variance
//! of the rounds contains both, but of three rounds it is often far too small by chance. Therefore the half-width of the
//! interval is the larger of
//!
//! - t · √(s² / n), with the sample variance s² of n rounds and the quantile t of Student's distribution with n − 1 degrees
//!   of freedom,
//! - z · √(w / n), with the mean variance w within rounds and the normal quantile z.
//!
//! The first part alone covers the true ratio at the level, whatever the variances are: rounds of unequal variances make
//! Student's interval wider than necessary, not narrower, at levels above 91.7 % (Bakirov & Székely, "Student's t-test for
//! Gaussian scale mixtures", 2005). The second part can only add to the coverage. It prevents that rounds which agree by
//! chance give an interval narrower than their searches allow. A single round has the second part only, so its interval
//! does not contain the variance between rounds.

use super::normal::{normal_quantile, student_quantile};
use super::ratio::Ratio;
use super::ratio_verdict::{Direction, RatioComparison, RatioVerdict};

/// Number of additional rounds above which none are advised.
const MOST_MORE_ROUNDS: usize = 1_000;

/// Probability of a verdict after the advised number of rounds, if the estimated ratio is the true one.
const POWER: f64 = 0.8;

/// The logarithm of a value above 0, and the variance of its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogValue {
    /// Natural logarithm of the value.
    pub log: f64,
    /// Variance of the error of `log`.
    pub variance: f64,
}

impl LogValue {
    /// A value without an error; `None` unless it is a number above 0.
    pub fn exact(value: f64) -> Option<Self> {
        (value.is_finite() && value > 0.0).then(|| Self {
            log: value.ln(),
            variance: 0.0,
        })
    }

    /// A value with an interval of this level. The error is taken as normal, with the half-width of the interval in
    /// logarithms. `None` unless all three are numbers above 0 in this order.
    pub fn from_interval(value: f64, (low, high): (f64, f64), level: f64) -> Option<Self> {
        let is_interval = low > 0.0 && low <= value && value <= high && high.is_finite();
        is_interval.then(|| {
            let error = (high / low).ln() / 2.0 / two_sided_quantile(level);
            Self {
                log: value.ln(),
                variance: error * error,
            }
        })
    }

    /// The ratio to a value with an independent error.
    #[must_use]
    pub fn over(self, reference: Self) -> Self {
        Self {
            log: self.log - reference.log,
            variance: self.variance + reference.variance,
        }
    }
}

fn two_sided_quantile(level: f64) -> f64 {
    normal_quantile(f64::midpoint(1.0, level))
}

/// Mean and variances of the rounds.
#[derive(Debug, Clone, Copy)]
struct Spread {
    rounds: usize,
    mean: f64,
    /// Sample variance; `None` for a single round.
    sample: Option<f64>,
    /// Mean variance within rounds.
    within: f64,
}

impl Spread {
    /// `None` without rounds, and for values that are not finite.
    fn of(values: &[LogValue]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().map(|value| value.log).sum::<f64>() / n;
        let within = values.iter().map(|value| value.variance).sum::<f64>() / n;
        let squares = values.iter().map(|value| (value.log - mean).powi(2));
        let sample = (values.len() > 1).then(|| squares.sum::<f64>() / (n - 1.0));
        let is_number = mean.is_finite() && within.is_finite();
        is_number.then_some(Self {
            rounds: values.len(),
            mean,
            sample,
            within,
        })
    }

    /// Half-width of the interval at this level.
    fn half_width(&self, level: f64) -> f64 {
        let n = self.rounds as f64;
        let by_rounds = self.sample.map_or(0.0, |sample| {
            student_quantile(f64::midpoint(1.0, level), n - 1.0) * (sample / n).sqrt()
        });
        by_rounds.max(two_sided_quantile(level) * (self.within / n).sqrt())
    }

    /// Estimated number of additional rounds after which 0 is outside the interval; `None` when it exceeds any practical
    /// number.
    fn more_rounds(&self, level: f64) -> Option<u64> {
        let variance = self.sample.unwrap_or(self.within).max(self.within);
        let is_enough = |rounds: usize| {
            let later = Self {
                rounds,
                sample: Some(variance),
                ..*self
            };
            let missed = normal_quantile(POWER) * (variance / rounds as f64).sqrt();
            self.mean.abs() > later.half_width(level) + missed
        };
        let more = 1..=MOST_MORE_ROUNDS;
        // The half-width falls with every round.
        let after = |more: &usize| is_enough(self.rounds + *more);
        (after(more.end())).then(|| {
            let needed = more.clone().find(after).unwrap_or(MOST_MORE_ROUNDS);
            needed as u64
        })
    }
}

/// The geometric mean of the rounds' values and its interval; `None` without rounds, and for values that are not finite.
pub fn mean_value(rounds: &[LogValue], level: f64) -> Option<Ratio> {
    let spread = Spread::of(rounds)?;
    let half_width = spread.half_width(level);
    Some(Ratio {
        estimate: spread.mean.exp(),
        low: (spread.mean - half_width).exp(),
        high: (spread.mean + half_width).exp(),
        level,
        rounds: rounds.len(),
    })
}

/// The capacity of a server in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SearchedCapacity {
    /// Capacity 0: the conditions held at no rate.
    Zero,
    /// A capacity with its error.
    Found(LogValue),
    /// The generator set the highest rate, so the capacity is at least this one.
    AtLeast(LogValue),
}

impl SearchedCapacity {
    fn value(self) -> Option<LogValue> {
        match self {
            Self::Zero => None,
            Self::Found(value) | Self::AtLeast(value) => Some(value),
        }
    }

    fn is_at_least(self) -> bool {
        matches!(self, Self::AtLeast(_))
    }
}

/// The reason why capacities have no ratio and no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapacityObstacle {
    /// No round has both capacities.
    NoRounds,
    /// The generator was the limit for both servers, in the same round or in different ones.
    BothAtLeast,
    /// One capacity is 0 in some rounds but not in all, or both are 0.
    SomeZero,
}

/// The mean capacity of a server and its interval: 0 if it is 0 in all rounds, without an upper limit (infinite) if the
/// generator was the limit in any round.
///
/// # Errors
/// [`CapacityObstacle`], never [`CapacityObstacle::BothAtLeast`].
pub fn mean_capacity(rounds: &[SearchedCapacity], level: f64) -> Result<Ratio, CapacityObstacle> {
    let values: Vec<_> = rounds.iter().filter_map(|round| round.value()).collect();
    if values.is_empty() && !rounds.is_empty() {
        return Ok(Ratio {
            estimate: 0.0,
            low: 0.0,
            high: 0.0,
            level,
            rounds: rounds.len(),
        });
    }
    if values.len() < rounds.len() {
        return Err(CapacityObstacle::SomeZero);
    }
    let mean = mean_value(&values, level).ok_or(CapacityObstacle::NoRounds)?;
    let is_open = rounds.iter().any(|round| round.is_at_least());
    Ok(Ratio {
        high: if is_open { f64::INFINITY } else { mean.high },
        ..mean
    })
}

/// The comparison of a server's capacity with the reference's. Each pair is a round: the server and the reference. Unlike
/// by ranks, a verdict does not need a minimum number of rounds.
///
/// If the generator was the limit of one of them in any round, the interval has no end on that side: its upper end is
/// infinite for the server, its lower end 0 for the reference. A capacity of 0 in all rounds has the ratio 0, or an infinite
/// one as the reference.
///
/// # Errors
/// [`CapacityObstacle`].
///
/// ```
/// use statistics::capacity_ratio::{LogValue, SearchedCapacity, compare};
/// use statistics::ratio_verdict::RatioVerdict;
///
/// let found = |rate: f64| {
///     let value = LogValue::from_interval(rate, (0.98 * rate, 1.02 * rate), 0.95);
///     SearchedCapacity::Found(value.unwrap())
/// };
/// let rounds = [(found(60_000.0), found(40_000.0)), (found(60_500.0), found(40_400.0))];
/// assert_eq!(compare(&rounds, 0.95).unwrap().verdict, RatioVerdict::Better);
/// ```
pub fn compare(
    rounds: &[(SearchedCapacity, SearchedCapacity)],
    level: f64,
) -> Result<RatioComparison, CapacityObstacle> {
    let (servers, references): (Vec<_>, Vec<_>) = rounds.iter().copied().unzip();
    if let Some(end) = ratio_with_zeros(&servers, &references)? {
        let verdict = if end == 0.0 {
            RatioVerdict::Worse
        } else {
            RatioVerdict::Better
        };
        return Ok(RatioComparison {
            direction: Direction::HigherIsBetter,
            ratio: Ratio {
                estimate: end,
                low: end,
                high: end,
                level,
                rounds: rounds.len(),
            },
            verdict,
        });
    }
    let ratios = servers.iter().zip(&references);
    let ratios = ratios.filter_map(|(server, reference)| {
        let (server, reference) = (server.value()?, reference.value()?);
        Some(server.over(reference))
    });
    let ratios: Vec<_> = ratios.collect();
    let is_open = |side: &[SearchedCapacity]| side.iter().any(|one| one.is_at_least());
    let opens = (is_open(&servers), is_open(&references));
    if opens == (true, true) {
        return Err(CapacityObstacle::BothAtLeast);
    }
    let (spread, mut ratio) = Spread::of(&ratios)
        .zip(mean_value(&ratios, level))
        .ok_or(CapacityObstacle::NoRounds)?;
    if opens.0 {
        ratio.high = f64::INFINITY;
    }
    if opens.1 {
        ratio.low = 0.0;
    }
    let verdict = if ratio.low > 1.0 {
        RatioVerdict::Better
    } else if ratio.high < 1.0 {
        RatioVerdict::Worse
    } else {
        // With an open end, more rounds do not decide it.
        let is_closed = opens == (false, false);
        let more_rounds = spread.more_rounds(level).filter(|_| is_closed);
        RatioVerdict::CannotTell { more_rounds }
    };
    Ok(RatioComparison {
        direction: Direction::HigherIsBetter,
        ratio,
        verdict,
    })
}

/// The ratio of capacities one of which is 0 in all rounds: 0 or infinite; `None` when no capacity is 0.
fn ratio_with_zeros(
    servers: &[SearchedCapacity],
    references: &[SearchedCapacity],
) -> Result<Option<f64>, CapacityObstacle> {
    let zeros = |side: &[SearchedCapacity]| {
        let zeros = side.iter().filter(|one| **one == SearchedCapacity::Zero);
        zeros.count()
    };
    match (zeros(servers), zeros(references)) {
        _ if servers.is_empty() => Err(CapacityObstacle::NoRounds),
        (0, 0) => Ok(None),
        (n, 0) if n == servers.len() => Ok(Some(0.0)),
        (0, n) if n == servers.len() => Ok(Some(f64::INFINITY)),
        _ => Err(CapacityObstacle::SomeZero),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    /// Standard deviation of one search's error in simulated rounds. Its interval of 95 % is ± 3 %.
    const SEARCH_ERROR: f64 = 0.0153;

    fn round(log: f64, variance: f64) -> LogValue {
        LogValue { log, variance }
    }

    /// The verdict on rounds with these ratios.
    fn verdict(ratios: &[LogValue]) -> RatioVerdict {
        let one = SearchedCapacity::Found(LogValue::exact(1.0).unwrap());
        let rounds = ratios
            .iter()
            .map(|ratio| (SearchedCapacity::Found(*ratio), one));
        compare(&rounds.collect::<Vec<_>>(), 0.95).unwrap().verdict
    }

    /// One standard normal value.
    fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
        normal_quantile(random.random_range(1e-12..1.0))
    }

    /// A search of a server: its true capacity in this round, with an error that its interval shows.
    fn searched(log: f64, error: f64, random: &mut Xoshiro256PlusPlus) -> LogValue {
        let found = (log + error * normal(random)).exp();
        let ends = [-1.0, 1.0].map(|side| found * (side * 1.96 * error).exp());
        LogValue::from_interval(found, ends.into(), 0.95).unwrap()
    }

    /// One simulated comparison of servers whose capacities have this ratio: `between` is the standard deviation of a
    /// server's capacity between its starts, `errors` those of the searches of each round.
    fn simulated(
        ratio: f64,
        between: f64,
        errors: &[f64],
        random: &mut Xoshiro256PlusPlus,
    ) -> Vec<LogValue> {
        let mut one = |log: f64, error: f64| {
            let of_start = log + between * normal(random);
            searched(of_start, error, random)
        };
        let round = |error: &f64| one(ratio.ln() + 10.0, *error).over(one(10.0, *error));
        errors.iter().map(round).collect()
    }

    /// Number of 1,000 simulated comparisons for which this holds.
    fn counted(
        ratio: f64,
        between: f64,
        errors: &[f64],
        holds: impl Fn(&[LogValue]) -> bool,
    ) -> usize {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(20);
        let comparisons = (0..1_000).map(|_| simulated(ratio, between, errors, &mut random));
        comparisons.filter(|rounds| holds(rounds)).count()
    }

    #[test]
    fn intervals_cover_the_true_ratio() {
        let unequal = [0.5 * SEARCH_ERROR, SEARCH_ERROR, 4.0 * SEARCH_ERROR];
        for errors in [
            &[SEARCH_ERROR; 2][..],
            &[SEARCH_ERROR; 3],
            &unequal,
            &[SEARCH_ERROR; 6],
        ] {
            for between in [0.0, 0.5 * SEARCH_ERROR, 2.0 * SEARCH_ERROR, 0.2] {
                let covered = counted(1.3, between, errors, |rounds| {
                    let ratio = mean_value(rounds, 0.95).unwrap();
                    ratio.low <= 1.3 && 1.3 <= ratio.high
                });
                assert!(covered >= 935, "{covered} of 1,000: {between} {errors:?}");
            }
        }
    }

    #[test]
    fn a_single_round_covers_the_ratio_of_its_own_starts() {
        let covered = counted(1.3, 0.0, &[SEARCH_ERROR], |rounds| {
            let ratio = mean_value(rounds, 0.95).unwrap();
            ratio.low <= 1.3 && 1.3 <= ratio.high
        });
        assert!((935..=965).contains(&covered), "{covered} of 1,000");
        // Starts that differ are not in it, which is why there are several rounds.
        let covered = counted(1.3, 2.0 * SEARCH_ERROR, &[SEARCH_ERROR], |rounds| {
            let ratio = mean_value(rounds, 0.95).unwrap();
            ratio.low <= 1.3 && 1.3 <= ratio.high
        });
        assert!(covered < 800, "{covered} of 1,000");
    }

    #[test]
    fn equal_servers_have_no_verdict_and_different_ones_do() {
        let has_verdict =
            |rounds: &[LogValue]| !matches!(verdict(rounds), RatioVerdict::CannotTell { .. });
        for between in [0.0, SEARCH_ERROR, 0.1] {
            let wrong = counted(1.0, between, &[SEARCH_ERROR; 3], has_verdict);
            assert!(wrong <= 65, "{wrong} of 1,000 at {between}");
        }
        // Three rounds detect 15 %.
        let found = counted(1.15, 0.0, &[SEARCH_ERROR; 3], has_verdict);
        assert!(found >= 900, "{found} of 1,000");
    }

    #[test]
    fn the_advised_rounds_lead_to_a_verdict() {
        let rounds = [round(0.02, 4e-4), round(0.05, 4e-4), round(0.0, 4e-4)];
        let RatioVerdict::CannotTell { more_rounds } = verdict(&rounds) else {
            panic!("the interval contains 1");
        };
        let more = more_rounds.unwrap();
        assert!((5..=20).contains(&more), "{more}");
        let repeated: Vec<_> = rounds
            .iter()
            .cycle()
            .take(3 + more as usize)
            .copied()
            .collect();
        assert_eq!(verdict(&repeated), RatioVerdict::Better);
        // Equal capacities never differ.
        let same = [round(0.0, 1e-4); 3];
        assert_eq!(
            verdict(&same),
            RatioVerdict::CannotTell { more_rounds: None }
        );
    }

    #[test]
    fn by_hand() {
        // Mean 0.2, sample variance 0.01, t = 4.3027 at 2 degrees of freedom.
        let rounds = [0.1, 0.2, 0.3].map(|log| round(log, 1e-4));
        let ratio = mean_value(&rounds, 0.95).unwrap();
        let half_width = 4.302_652_7 * (0.01_f64 / 3.0).sqrt();
        assert!((ratio.estimate.ln() - 0.2).abs() < 1e-12);
        assert!((ratio.high.ln() - 0.2 - half_width).abs() < 1e-6);
        // Rounds that agree have the errors of their searches.
        let agreeing = [round(0.2, 1e-4); 3];
        let ratio = mean_value(&agreeing, 0.95).unwrap();
        let half_width = 1.959_964 * (1e-4_f64 / 3.0).sqrt();
        assert!((ratio.high.ln() - 0.2 - half_width).abs() < 1e-6);
    }

    #[test]
    fn values_without_an_interval_are_refused() {
        for (value, low, high) in [
            (0.0, 0.0, 0.0),
            (5.0, 0.0, 6.0),
            (5.0, 4.0, f64::INFINITY),
            (5.0, 5.5, 6.0),
            (f64::NAN, 4.0, 6.0),
        ] {
            assert_eq!(
                LogValue::from_interval(value, (low, high), 0.95),
                None,
                "{value}"
            );
        }
        assert_eq!(LogValue::exact(-1.0), None);
        assert!(mean_value(&[], 0.95).is_none());
        assert!(mean_value(&[round(f64::NAN, 1.0)], 0.95).is_none());
    }

    /// A capacity of this rate, with an interval of ± 2 %.
    fn about(rate: f64) -> LogValue {
        LogValue::from_interval(rate, (rate / 1.02, rate * 1.02), 0.95).unwrap()
    }

    #[test]
    fn a_lower_bound_leaves_one_end_open() {
        use SearchedCapacity::{AtLeast, Found};
        let ratio = |server: SearchedCapacity, reference: SearchedCapacity| {
            let rounds = [
                (server, reference),
                (Found(about(60.0)), Found(about(40.0))),
            ];
            compare(&rounds, 0.95).map(|found| (found.verdict, found.ratio.low, found.ratio.high))
        };
        let (better, low, high) = ratio(AtLeast(about(60.0)), Found(about(40.0))).unwrap();
        assert_eq!((better, high), (RatioVerdict::Better, f64::INFINITY));
        assert!((1.4..1.5).contains(&low), "{low}");
        // The same ratio is no evidence when the reference could take more.
        let (unknown, low, _) = ratio(Found(about(60.0)), AtLeast(about(40.0))).unwrap();
        assert_eq!(unknown, RatioVerdict::CannotTell { more_rounds: None });
        assert_eq!(low, 0.0);
        let both = ratio(AtLeast(about(60.0)), AtLeast(about(40.0)));
        assert_eq!(both, Err(CapacityObstacle::BothAtLeast));
        let slower = [(Found(about(40.0)), AtLeast(about(60.0)))];
        assert_eq!(compare(&slower, 0.95).unwrap().verdict, RatioVerdict::Worse);
        // In different rounds it is not comparable either.
        let apart = [
            (AtLeast(about(60.0)), Found(about(40.0))),
            (Found(about(60.0)), AtLeast(about(40.0))),
        ];
        assert_eq!(compare(&apart, 0.95), Err(CapacityObstacle::BothAtLeast));
        let alone = mean_capacity(&[AtLeast(about(60.0)), Found(about(60.0))], 0.95).unwrap();
        assert!(alone.high.is_infinite() && (58.0..60.0).contains(&alone.low));
    }

    #[test]
    fn a_server_that_takes_no_load_is_worse_than_one_that_does() {
        use SearchedCapacity::{Found, Zero};
        let (some, none) = (Found(about(40.0)), Zero);
        let verdict = |rounds: &[(SearchedCapacity, SearchedCapacity)]| {
            compare(rounds, 0.95).map(|found| (found.verdict, found.ratio.estimate))
        };
        assert_eq!(verdict(&[(none, some); 3]), Ok((RatioVerdict::Worse, 0.0)));
        assert_eq!(
            verdict(&[(some, none); 3]),
            Ok((RatioVerdict::Better, f64::INFINITY))
        );
        for unclear in [&[(none, none); 2], &[(none, some), (some, some)]] {
            assert_eq!(verdict(unclear), Err(CapacityObstacle::SomeZero));
        }
        assert_eq!(verdict(&[]), Err(CapacityObstacle::NoRounds));
        assert_eq!(mean_capacity(&[none; 2], 0.95).unwrap().high, 0.0);
        assert_eq!(
            mean_capacity(&[none, some], 0.95),
            Err(CapacityObstacle::SomeZero)
        );
        assert_eq!(mean_capacity(&[], 0.95), Err(CapacityObstacle::NoRounds));
    }

    fn capacities() -> impl Strategy<Value = Vec<((f64, f64), (f64, f64))>> {
        let found = || (1.0_f64..1e6, 1.001_f64..1.5);
        proptest::collection::vec((found(), found()), 1..6)
    }

    /// The capacity with an interval from itself divided to itself multiplied by the factor.
    fn found((rate, factor): (f64, f64)) -> LogValue {
        LogValue::from_interval(rate, (rate / factor, rate * factor), 0.95).unwrap()
    }

    proptest! {
        #[test]
        fn the_servers_can_be_swapped(rounds in capacities()) {
            let ratios = |swapped: bool| -> Vec<LogValue> {
                let pair = |(a, b): &((f64, f64), (f64, f64))| {
                    let (a, b) = (found(*a), found(*b));
                    if swapped { a.over(b) } else { b.over(a) }
                };
                rounds.iter().map(pair).collect()
            };
            let (there, back) = (mean_value(&ratios(false), 0.95), mean_value(&ratios(true), 0.95));
            let (there, back) = (there.unwrap(), back.unwrap().inverse());
            for (one, other) in [(there.estimate, back.estimate), (there.low, back.low), (there.high, back.high)] {
                prop_assert!((one / other - 1.0).abs() < 1e-9, "{one} {other}");
            }
        }

        #[test]
        fn the_unit_of_the_rates_does_not_matter(rounds in capacities(), unit in 1e-3_f64..1e3) {
            let ratios = |unit: f64| -> Vec<LogValue> {
                let scaled = |(rate, factor): (f64, f64)| found((unit * rate, factor));
                rounds.iter().map(|(a, b)| scaled(*b).over(scaled(*a))).collect()
            };
            let (one, other) = (mean_value(&ratios(1.0), 0.95).unwrap(), mean_value(&ratios(unit), 0.95).unwrap());
            prop_assert!((one.low / other.low - 1.0).abs() < 1e-6 && (one.high / other.high - 1.0).abs() < 1e-6);
        }

        #[test]
        fn intervals_contain_the_estimate_and_grow_with_level_and_error(rounds in capacities(), more in 0.0_f64..1.0) {
            let ratios: Vec<LogValue> = rounds.iter().map(|(a, b)| found(*b).over(found(*a))).collect();
            let ratio = mean_value(&ratios, 0.95).unwrap();
            prop_assert!(ratio.low < ratio.estimate && ratio.estimate < ratio.high);
            let strict = mean_value(&ratios, 0.99).unwrap();
            prop_assert!(strict.low < ratio.low && ratio.high < strict.high);
            let uncertain: Vec<_> = ratios.iter().map(|r| round(r.log, r.variance + more)).collect();
            let uncertain = mean_value(&uncertain, 0.95).unwrap();
            prop_assert!(uncertain.low <= ratio.low && ratio.high <= uncertain.high);
        }
    }
}
