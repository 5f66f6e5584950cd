//! Sentences about a comparison of two servers.

use statistics::capacity_ratio::CapacityObstacle;
use statistics::paired::Pairs;
use statistics::ratio::Ratio;
use statistics::ratio_verdict::{Direction, RatioComparison, RatioVerdict};
use statistics::signed_rank::rounds_needed;
use units::counted;

/// Maximum number of additional rounds to advise.
const MOST_ROUNDS_ADVISED: u64 = 100;

/// Maximum factor of longer runs to advise.
const LONGEST_RUNS_ADVISED: f64 = 10.0;

/// Minimum ratio of every round for a sentence on a difference in few rounds.
const LARGE_RATIO: f64 = 1.5;

/// The verdict on a figure of a server: `axum 1.32 × faster (1.28–1.36)`, or `inconclusive: about 14 more rounds needed
/// (0.99–1.03)`. Ratios above 1 are better. `comparatives` are those for the better and the worse server. `longer_runs` is
/// the factor by which runs would have to be longer in place of more rounds, if this helps.
pub fn verdict(
    server: &str,
    comparatives: (&str, &str),
    compared: &RatioComparison,
    longer_runs: Option<f64>,
) -> String {
    let better = compared.advantage();
    match compared.verdict {
        RatioVerdict::Better => difference(server, comparatives.0, better),
        RatioVerdict::Worse => difference(server, comparatives.1, better.inverse()),
        RatioVerdict::CannotTell { more_rounds } => {
            let advice = match more_rounds {
                Some(n) if n <= MOST_ROUNDS_ADVISED => {
                    let longer = longer_runs
                        .filter(|factor| *factor <= LONGEST_RUNS_ADVISED)
                        .map_or_else(String::new, |factor| {
                            format!(", or runs {:.0} × as long,", factor.ceil())
                        });
                    format!(": about {}{longer} needed", counted(n, "more round"))
                }
                Some(_) | None => format!(": more than {MOST_ROUNDS_ADVISED} more rounds needed"),
            };
            // Two digits would print an interval that contains 1 as if it started or ended there.
            let at_one = |end: f64| (0.995..1.005).contains(&end);
            let digits = if at_one(better.low) || at_one(better.high) {
                4
            } else {
                2
            };
            format!(
                "inconclusive{advice} ({:.digits$}–{:.digits$})",
                better.low, better.high
            )
        }
    }
}

/// The verdict on the capacity of a server: as [`verdict`] if both capacities are known, otherwise which of them is a lower
/// bound, 0 or unknown.
pub fn capacity_verdict(
    server: &str,
    reference: &str,
    comparatives: (&str, &str),
    compared: Result<RatioComparison, CapacityObstacle>,
) -> String {
    let compared = match compared {
        Ok(compared) => compared,
        Err(obstacle) => return capacity_obstacle(obstacle).to_owned(),
    };
    let Ratio {
        estimate,
        low,
        high,
        ..
    } = compared.ratio;
    let is_sure = !matches!(compared.verdict, RatioVerdict::CannotTell { .. });
    if estimate == 0.0 || estimate.is_infinite() {
        let dead = if estimate == 0.0 { server } else { reference };
        return format!("{dead} holds the conditions at no rate");
    }
    let bound = |of: &str| format!("the capacity of {of} is a lower bound");
    if low == 0.0 && high.is_infinite() {
        return format!(
            "inconclusive: the capacity of {server} or {reference} is a lower bound without a limit of its error"
        );
    }
    if high.is_infinite() {
        return if is_sure {
            let better = comparatives.0;
            format!("{server} at least {low:.2} × {better}: {}", bound(server))
        } else {
            format!(
                "inconclusive: {}, at least {low:.2} × that of {reference}",
                bound(server)
            )
        };
    }
    if low == 0.0 {
        return if is_sure {
            let (worse, times) = (comparatives.1, high.recip());
            format!(
                "{server} at least {times:.2} × {worse}: {}",
                bound(reference)
            )
        } else {
            format!(
                "inconclusive: {}, and that of {server} at most {high:.2} × as high",
                bound(reference)
            )
        };
    }
    verdict(server, comparatives, &compared, None)
}

/// The sentence on capacities without a ratio.
pub fn capacity_obstacle(obstacle: CapacityObstacle) -> &'static str {
    match obstacle {
        CapacityObstacle::NoRounds => "inconclusive: no round has an interval of each capacity",
        CapacityObstacle::BothAtLeast => "inconclusive: both capacities are lower bounds",
        CapacityObstacle::SomeZero => {
            "inconclusive: in some searches, the conditions held at no rate"
        }
    }
}

/// The sentence on too few rounds for an interval: `inconclusive: 3 rounds, an interval needs 6; b was 5.2 × slower in
/// each of them (5.1–5.4)`. The last part is present only when every round shows a ratio beyond 1.5 on the same side.
/// Its interval is the range of the rounds. `None` when there are enough rounds.
pub fn observation(
    server: &str,
    comparatives: (&str, &str),
    compared: &RatioComparison,
    pairs: &Pairs,
) -> Option<String> {
    let needed = rounds_needed(compared.ratio.level);
    if pairs.rounds() >= needed {
        return None;
    }
    let ratios = || pairs.log_ratios().iter().map(|log_ratio| log_ratio.exp());
    let rounds = Ratio {
        low: ratios().min_by(f64::total_cmp)?,
        high: ratios().max_by(f64::total_cmp)?,
        ..compared.ratio
    };
    let better = match compared.direction {
        Direction::HigherIsBetter => rounds,
        Direction::LowerIsBetter => rounds.inverse(),
    };
    let large = large_difference(comparatives, better);
    let observed = large.map_or_else(String::new, |(ratio, comparative)| {
        format!(
            "; {server} was {:.1} × {comparative} in each of them ({:.1}–{:.1})",
            ratio.estimate, ratio.low, ratio.high
        )
    });
    Some(too_few(pairs.rounds(), needed, &observed))
}

/// The ratio and the comparative of the side on which every round shows a large ratio; `None` without such a side.
fn large_difference<'c>(
    comparatives: (&'c str, &'c str),
    better: Ratio,
) -> Option<(Ratio, &'c str)> {
    let sides = [(better, comparatives.0), (better.inverse(), comparatives.1)];
    let is_large = |ratio: &Ratio| ratio.low > LARGE_RATIO && ratio.high.is_finite();
    sides.into_iter().find(|(ratio, _)| is_large(ratio))
}

fn too_few(rounds: usize, needed: usize, observed: &str) -> String {
    let rounds = counted(rounds as u64, "round");
    format!("inconclusive: {rounds}, an interval needs {needed}{observed}")
}

/// The sentence on a single round: `inconclusive: 1 round, an interval needs 6; b was 5.2 × slower in it`. The last
/// part is present only when the ratio is beyond 1.5. `ratio` is the server's value divided by the other's, and `level`
/// that of the intervals.
pub fn observation_of_one_round(
    server: &str,
    comparatives: (&str, &str),
    direction: Direction,
    ratio: f64,
    level: f64,
) -> String {
    let better = match direction {
        Direction::HigherIsBetter => ratio,
        Direction::LowerIsBetter => ratio.recip(),
    };
    let better = Ratio {
        estimate: better,
        low: better,
        high: better,
        level,
        rounds: 1,
    };
    let large = large_difference(comparatives, better);
    let observed = large.map_or_else(String::new, |(ratio, comparative)| {
        format!("; {server} was {:.1} × {comparative} in it", ratio.estimate)
    });
    too_few(1, rounds_needed(level), &observed)
}

fn difference(server: &str, comparative: &str, ratio: Ratio) -> String {
    let (estimate, low, high) = (ratio.estimate, ratio.low, ratio.high);
    // Two digits would print a significant difference of 0.2 % as 1.00.
    let digits = if low < 1.005 { 4 } else { 2 };
    format!("{server} {estimate:.digits$} × {comparative} ({low:.digits$}–{high:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use statistics::ratio_verdict::Direction;

    const SPEED: (&str, &str) = ("faster", "slower");

    fn ratio(estimate: f64, low: f64, high: f64, rounds: usize) -> Ratio {
        Ratio {
            estimate,
            low,
            high,
            level: 0.95,
            rounds,
        }
    }

    #[test]
    fn in_words() {
        let text = |r, d| verdict("a", SPEED, &RatioComparison::of(r, d), None);
        let r = ratio(1.32, 1.28, 1.36, 10);
        assert_eq!(
            text(r, Direction::HigherIsBetter),
            "a 1.32 × faster (1.28–1.36)"
        );
        assert_eq!(
            text(r, Direction::LowerIsBetter),
            "a 1.32 × slower (1.28–1.36)"
        );
        assert_eq!(
            text(r.inverse(), Direction::LowerIsBetter),
            "a 1.32 × faster (1.28–1.36)"
        );
        assert_eq!(
            text(ratio(1.002, 1.001, 1.003, 10), Direction::HigherIsBetter),
            "a 1.0020 × faster (1.0010–1.0030)"
        );
        assert_eq!(
            text(ratio(1.0, 0.99, 1.01, 10), Direction::HigherIsBetter),
            "inconclusive: more than 100 more rounds needed (0.99–1.01)"
        );
    }

    #[test]
    fn capacities_that_are_no_numbers_are_described() {
        let text = |estimate, low, high| {
            let compared =
                RatioComparison::of(ratio(estimate, low, high, 9), Direction::HigherIsBetter);
            capacity_verdict("b", "a", ("higher", "lower"), Ok(compared))
        };
        assert_eq!(text(1.3, 1.2, 1.4), "b 1.30 × higher (1.20–1.40)");
        assert_eq!(text(0.5, 0.4, 0.625), "b 2.00 × lower (1.60–2.50)");
        assert_eq!(
            text(1.3, 1.2, f64::INFINITY),
            "b at least 1.20 × higher: the capacity of b is a lower bound"
        );
        assert_eq!(
            text(1.0, 0.9, f64::INFINITY),
            "inconclusive: the capacity of b is a lower bound, at least 0.90 × that of a"
        );
        assert_eq!(
            text(0.5, 0.0, 0.5),
            "b at least 2.00 × lower: the capacity of a is a lower bound"
        );
        assert_eq!(
            text(1.0, 0.0, 1.1),
            "inconclusive: the capacity of a is a lower bound, and that of b at most 1.10 × as high"
        );
        let open = text(1.0, 0.0, f64::INFINITY);
        assert!(open.ends_with("without a limit of its error"), "{open}");
        assert_eq!(text(0.0, 0.0, 0.0), "b holds the conditions at no rate");
        let infinite = f64::INFINITY;
        assert_eq!(
            text(infinite, infinite, infinite),
            "a holds the conditions at no rate"
        );
        let none = capacity_verdict("b", "a", SPEED, Err(CapacityObstacle::BothAtLeast));
        assert_eq!(none, "inconclusive: both capacities are lower bounds");
    }

    #[test]
    fn too_few_rounds_are_described_without_a_verdict() {
        let told = |times: &[f64], level| {
            let pairs = Pairs::new(times, &vec![1.0; times.len()]).unwrap();
            let mut seen = ratio(times[0], 0.1, 9.9, times.len());
            seen.level = level;
            let compared = RatioComparison::of(seen, Direction::LowerIsBetter);
            assert!(matches!(compared.verdict, RatioVerdict::CannotTell { .. }));
            observation("b", SPEED, &compared, &pairs)
        };
        let slower = "inconclusive: 3 rounds, an interval needs 6; b was 5.2 × slower in each of them (5.1–5.4)";
        assert_eq!(told(&[5.2, 5.1, 5.4], 0.95).as_deref(), Some(slower));
        let faster = "inconclusive: 2 rounds, an interval needs 8; b was 2.0 × faster in each of them (2.0–4.0)";
        assert_eq!(told(&[0.5, 0.25], 0.99).as_deref(), Some(faster));
        // In each case, one round is near 1 or on the other side.
        for times in [&[5.2, 1.4, 5.4][..], &[5.2, 0.2, 5.3]] {
            let text = "inconclusive: 3 rounds, an interval needs 6";
            assert_eq!(told(times, 0.95).as_deref(), Some(text), "{times:?}");
        }
        assert_eq!(told(&[2.0; 6], 0.95), None);
    }

    #[test]
    fn a_single_round_is_described_as_a_few_are() {
        let told = |direction, ratio| observation_of_one_round("b", SPEED, direction, ratio, 0.95);
        let begins = "inconclusive: 1 round, an interval needs 6";
        for (direction, ratio, observed) in [
            (Direction::LowerIsBetter, 5.2, "; b was 5.2 × slower in it"),
            (Direction::LowerIsBetter, 0.5, "; b was 2.0 × faster in it"),
            (Direction::HigherIsBetter, 0.5, "; b was 2.0 × slower in it"),
            (Direction::HigherIsBetter, 1.4, ""),
            (Direction::LowerIsBetter, 0.0, ""),
        ] {
            assert_eq!(told(direction, ratio), format!("{begins}{observed}"));
        }
    }

    #[test]
    fn longer_runs_are_advised_where_they_help() {
        let compared = |more_rounds| RatioComparison {
            verdict: RatioVerdict::CannotTell {
                more_rounds: Some(more_rounds),
            },
            ..RatioComparison::of(ratio(1.01, 0.98, 1.04, 10), Direction::HigherIsBetter)
        };
        let text = |more_rounds, longer| verdict("a", SPEED, &compared(more_rounds), longer);
        assert_eq!(
            text(14, Some(2.4)),
            "inconclusive: about 14 more rounds, or runs 3 × as long, needed (0.98–1.04)"
        );
        let rounds_alone = "inconclusive: about 1 more round needed (0.98–1.04)";
        assert_eq!(text(1, None), rounds_alone);
        assert_eq!(text(1, Some(10.1)), rounds_alone);
    }

    #[test]
    fn an_interval_that_holds_one_is_seen_to_hold_it() {
        let told = |low, high| {
            let ratio = Ratio {
                estimate: 1.004,
                low,
                high,
                level: 0.95,
                rounds: 10,
            };
            verdict(
                "a",
                SPEED,
                &RatioComparison::of(ratio, Direction::HigherIsBetter),
                None,
            )
        };
        assert!(told(0.997_3, 1.014_1).ends_with("(0.9973–1.0141)"));
        assert!(told(0.94, 1.002).ends_with("(0.9400–1.0020)"));
        assert!(told(0.94, 1.06).ends_with("(0.94–1.06)"));
    }
}
