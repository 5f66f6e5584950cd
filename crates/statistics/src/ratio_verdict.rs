//! The verdict on one figure of a server and the reference.

use super::bootstrap::Bootstrap;
use super::normal::normal_quantile;
use super::paired::Pairs;
use super::ratio::Ratio;
use super::signed_rank::rounds_needed;

/// Which of two values of a figure is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Throughput.
    HigherIsBetter,
    /// Times, memory.
    LowerIsBetter,
}

/// What can be said of a server beside the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatioVerdict {
    /// The whole interval lies on the better side: faster, or thriftier.
    Better,
    /// The whole interval lies on the worse side.
    Worse,
    /// The interval holds 1, or there were too few rounds to tell anything.
    CannotTell {
        /// How many more rounds would probably tell ([`RatioComparison::of`]); `None` when no number of
        /// rounds that anybody would wait for does: the two are as good as the same.
        more_rounds: Option<u64>,
    },
}

/// One figure of a server beside the reference's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioComparison {
    /// Which value is the better one.
    pub direction: Direction,
    /// The server's value over the reference's.
    pub ratio: Ratio,
    /// What follows.
    pub verdict: RatioVerdict,
}

/// More rounds than these are not advised but called hopeless.
const MOST_MORE_ROUNDS: u64 = 1_000;

/// How probably the advised number of rounds shall tell (Cohen, "Statistical Power Analysis for the
/// Behavioral Sciences", 1988), if the ratio is what it seems.
const POWER: f64 = 0.8;

impl RatioComparison {
    /// Compares by this bootstrap. There is a verdict when the interval does not hold 1 and the rounds
    /// are at least [`rounds_needed`] at its level.
    pub fn new(pairs: &Pairs, direction: Direction, bootstrap: &Bootstrap) -> Self {
        Self::of(bootstrap.ratio(pairs), direction)
    }

    /// The verdict that follows from an interval.
    ///
    /// How many more rounds: the interval narrows with the square root of the rounds, and to tell a
    /// ratio in 8 of 10 tries, its distance from 1 has to be (z + 0.84)/z half widths, where z is
    /// the level's quantile of the normal law and 0.84 that of 0.8. The ratio is itself a guess: so is the
    /// number. Where ten rounds with noise of 2 % could not tell 1 %, as many more as advised told it
    /// in 180 of 229 simulated comparisons.
    pub fn of(ratio: Ratio, direction: Direction) -> Self {
        let enough = ratio.rounds >= rounds_needed(ratio.level);
        let better = match direction {
            Direction::HigherIsBetter => ratio,
            Direction::LowerIsBetter => ratio.inverse(),
        };
        let verdict = if enough && better.low > 1.0 {
            RatioVerdict::Better
        } else if enough && better.high < 1.0 {
            RatioVerdict::Worse
        } else {
            RatioVerdict::CannotTell {
                more_rounds: more_rounds(ratio),
            }
        };
        Self {
            direction,
            ratio,
            verdict,
        }
    }

    /// The ratio turned so that above 1 is better: 1.32 of a time means that it takes 1/1.32 as long.
    pub fn advantage(&self) -> Ratio {
        match self.direction {
            Direction::HigherIsBetter => self.ratio,
            Direction::LowerIsBetter => self.ratio.inverse(),
        }
    }
}

/// How many more rounds would probably put 1 outside the interval.
fn more_rounds(ratio: Ratio) -> Option<u64> {
    let away = ratio.estimate.ln();
    // Down to 1 when the estimate is above it, up to 1 when it is below.
    let reach = if away > 0.0 {
        away - ratio.low.ln()
    } else {
        ratio.high.ln() - away
    };
    if away == 0.0 {
        return None;
    }
    let z = normal_quantile(f64::midpoint(1.0, ratio.level));
    let wanted = reach * (z + normal_quantile(POWER)) / z;
    let rounds = ratio.rounds as f64;
    let in_all = (rounds * (wanted / away).powi(2)).ceil();
    let needed = rounds_needed(ratio.level) as f64;
    let more = in_all.max(needed) - rounds;
    let most = MOST_MORE_ROUNDS as f64;
    // At least one, or nothing would change.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (more <= most).then(|| (more as u64).max(1))
}

#[cfg(test)]
mod tests {
    //! Verdicts from intervals that are known.

    use super::*;

    fn ratio(estimate: f64, low: f64, high: f64, rounds: usize) -> Ratio {
        Ratio {
            estimate,
            low,
            high,
            level: 0.95,
            rounds,
        }
    }

    fn verdict(ratio: Ratio, direction: Direction) -> RatioVerdict {
        RatioComparison::of(ratio, direction).verdict
    }

    #[test]
    fn the_whole_interval_lies_on_one_side() {
        use Direction::{HigherIsBetter, LowerIsBetter};
        let above = ratio(1.1, 1.01, 1.2, 10);
        assert_eq!(verdict(above, HigherIsBetter), RatioVerdict::Better);
        assert_eq!(verdict(above, LowerIsBetter), RatioVerdict::Worse);
        assert_eq!(
            verdict(above.inverse(), HigherIsBetter),
            RatioVerdict::Worse
        );
        assert_eq!(
            verdict(above.inverse(), LowerIsBetter),
            RatioVerdict::Better
        );
        let on_it = ratio(1.1, 1.0, 1.2, 10);
        assert!(matches!(
            verdict(on_it, HigherIsBetter),
            RatioVerdict::CannotTell { .. }
        ));
    }

    #[test]
    fn five_rounds_tell_nothing_at_95_percent() {
        let clear = ratio(2.0, 1.9, 2.1, 5);
        assert_eq!(
            verdict(clear, Direction::HigherIsBetter),
            RatioVerdict::CannotTell {
                more_rounds: Some(1)
            }
        );
        let stricter = Ratio {
            level: 0.99,
            ..clear
        };
        assert_eq!(
            verdict(stricter, Direction::HigherIsBetter),
            RatioVerdict::CannotTell {
                more_rounds: Some(3)
            }
        );
    }

    #[test]
    fn more_rounds_narrow_with_the_square_root() {
        // The interval reaches twice as far as the distance from 1: at the level alone 4 × 10 rounds,
        // for a power of 0.8 another ((1.96 + 0.84) / 1.96)² = 2.04 times as many: 82 in all.
        let seen = ratio(0.01_f64.exp(), (-0.01_f64).exp(), 0.03_f64.exp(), 10);
        for seen in [seen, seen.inverse()] {
            assert_eq!(
                verdict(seen, Direction::LowerIsBetter),
                RatioVerdict::CannotTell {
                    more_rounds: Some(72)
                }
            );
        }
        for same in [
            ratio(1.0, 0.99, 1.01, 10),
            ratio(1.0, 1.0, 1.0, 10),
            ratio(1.0001, 0.98, 1.02, 10),
        ] {
            assert_eq!(
                verdict(same, Direction::LowerIsBetter),
                RatioVerdict::CannotTell { more_rounds: None }
            );
        }
    }
}
