//! Conditions between servers of a comparison, such as `b.p99 > 1.1 * a.p99`.

use std::fmt;

use ConditionOutcome::{CannotTell, Held, NotHeld, NotMeasured};

use super::figure::parse_number;
use super::{ComparisonOperator, ConditionError, RunFigure, split_at_operator};
use statistics::StatisticsError;
use statistics::bootstrap::Bootstrap;
use statistics::capacity_ratio::{CapacityObstacle, SearchedCapacity, compare, mean_capacity};
use statistics::paired::Pairs;
use statistics::ratio::Ratio;
use statistics::signed_rank::rank_bounds;

/// A condition on figures of compared servers: NAME.FIGURE, a comparison operator, and a value or another NAME.FIGURE,
/// optionally with a factor. Examples: `b.p99 > 1.1 * a.p99`, `b.throughput < 50000`. The gate fails when it holds.
#[derive(Debug, Clone)]
pub struct BetweenServers {
    text: String,
    comparison: ComparisonOperator,
    left: Term,
    right: Right,
}

/// The name by which servers are compared by the figure `capacity`.
const CAPACITY_UNDER_SLO: &str = "capacity_under_slo";

/// A figure of a server.
#[derive(Debug, Clone)]
struct Term {
    server: usize,
    figure: RunFigure,
}

#[derive(Debug, Clone)]
enum Right {
    Value(f64),
    Times(f64, Term),
}

/// Result of a condition over all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionOutcome {
    /// The whole interval fulfils the condition.
    Held,
    /// No part of the interval fulfils the condition.
    NotHeld,
    /// A part of the interval fulfils the condition, or there are too few rounds.
    CannotTell,
    /// No round has all figures of the condition.
    NotMeasured,
}

/// Result of a condition, with the ratio and the rounds that it is based on.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The result.
    pub outcome: ConditionOutcome,
    /// True when the gate fails: the condition held or could not be measured. Figures that were not measured must not
    /// let a gate pass. An undecided condition lets it pass.
    pub held: bool,
    /// The left figure divided by the right one or the value, without the factor; `None` when no ratio was computed: a
    /// figure was 0, or faults were counted.
    pub ratio: Option<Ratio>,
    /// Number of rounds with all figures.
    pub rounds: usize,
}

impl BetweenServers {
    /// Parses a condition on servers with these names.
    ///
    /// # Errors
    /// Missing comparison operator, or one that noise never fulfils exactly (`==`, `!=`). Unknown server or figure.
    /// Value of another unit than its figure, or figures of different units.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, ConditionError> {
        let (left_text, comparison, right_text) = split_at_operator(text)?;
        let sign = comparison.sign;
        if matches!(sign, "==" | "!=") {
            return Err(ConditionError::Exact(sign.to_owned()));
        }
        let left = Term::parse(&left_text, names)?;
        let (factor, right) = match right_text.split_once('*') {
            Some((factor, right)) => (factor_of(&left_text, factor)?, Some(right)),
            None => (1.0, server_of(&right_text, names).map(|_| &*right_text)),
        };
        let right = match right {
            Some(right) => Right::Times(factor, Term::parse(right, names)?),
            None => Right::Value(left.figure.value(&right_text)?),
        };
        if let Right::Times(_, right) = &right
            && !right.figure.is_like(&left.figure)
        {
            return Err(ConditionError::Units {
                left: left_text,
                right: right_text,
            });
        }
        Ok(Self {
            text: format!("{left_text}{sign}{right_text}"),
            comparison,
            left,
            right,
        })
    }

    /// The figures of the condition, each with the index of its server in the names.
    pub fn terms(&self) -> impl Iterator<Item = (usize, &RunFigure)> {
        let right = match &self.right {
            Right::Value(_) => None,
            Right::Times(_, term) => Some(term),
        };
        let terms = std::iter::once(&self.left).chain(right);
        terms.map(|term| (term.server, &term.figure))
    }

    /// The value that the figure is compared with, in its unit; `None` when it is compared with another figure.
    pub fn limit(&self) -> Option<f64> {
        match self.right {
            Right::Value(value) => Some(value),
            Right::Times(..) => None,
        }
    }

    /// Judges the condition. `values` returns a server's figure in each round; servers are indexed like their names.
    /// Rounds without a value on either side are left out.
    ///
    /// A ratio of two figures, or of a figure and a value, is judged by its interval from `bootstrap`, with the same
    /// minimum of rounds as a verdict. When a figure was 0, a ratio cannot be computed, and the differences are judged by
    /// their ranks. A count of faults compared with a value is judged without statistics: the condition holds when it
    /// held in any round.
    ///
    /// # Errors
    /// A value that is negative or not finite.
    pub fn judge(
        &self,
        values: impl Fn(usize, &RunFigure) -> Vec<Option<f64>>,
        bootstrap: &Bootstrap,
    ) -> Result<Judgement, StatisticsError> {
        let left = values(self.left.server, &self.left.figure);
        let (factor, right) = match &self.right {
            Right::Value(value) => (1.0, vec![Some(*value); left.len()]),
            Right::Times(factor, term) => (*factor, values(term.server, &term.figure)),
        };
        let (left, right): (Vec<f64>, Vec<f64>) = left
            .into_iter()
            .zip(right)
            .filter_map(|(left, right)| left.zip(right))
            .unzip();
        let mut ratio = None;
        let outcome = if left.is_empty() {
            NotMeasured
        } else if matches!(self.right, Right::Value(_)) && self.left.figure.is_fault() {
            let mut rounds = left.iter().zip(&right);
            let any = rounds.any(|(l, r)| self.comparison.holds(*l, *r));
            if any { Held } else { NotHeld }
        } else if left.len() < Pairs::FEWEST {
            CannotTell
        } else if left.iter().chain(&right).all(|v| *v > 0.0) {
            let found = bootstrap.ratio(&Pairs::new(&left, &right)?);
            ratio = Some(found);
            if found.has_enough_rounds() {
                self.whole((found.low, found.high), factor)
            } else {
                CannotTell
            }
        } else {
            self.by_differences(&left, &right, factor, bootstrap.level)?
        };
        Ok(Judgement {
            outcome,
            held: matches!(outcome, Held | NotMeasured),
            ratio,
            rounds: left.len(),
        })
    }

    /// Judges a condition on the capacities that searches found. `values` returns a server's capacity in each round.
    /// Rounds without a value on either side are left out. Unlike for other figures, there is no minimum number of rounds.
    ///
    /// # Errors
    /// The reason why the capacities have no interval, except [`CapacityObstacle::NoRounds`].
    pub fn judge_capacities(
        &self,
        values: impl Fn(usize) -> Vec<Option<SearchedCapacity>>,
        level: f64,
    ) -> Result<Judgement, CapacityObstacle> {
        let left = values(self.left.server).into_iter();
        let found = match &self.right {
            Right::Value(_) => mean_capacity(&left.flatten().collect::<Vec<_>>(), level),
            Right::Times(_, term) => {
                let both = left.zip(values(term.server));
                let both = both.filter_map(|(left, right)| left.zip(right));
                compare(&both.collect::<Vec<_>>(), level).map(|compared| compared.ratio)
            }
        };
        let interval = match found {
            Err(CapacityObstacle::NoRounds) => {
                return Ok(Judgement {
                    outcome: NotMeasured,
                    held: true,
                    ratio: None,
                    rounds: 0,
                });
            }
            found => found?,
        };
        let than = match self.right {
            Right::Value(value) => value,
            Right::Times(factor, _) => factor,
        };
        let outcome = self.whole((interval.low, interval.high), than);
        let ratio = match self.right {
            Right::Value(value) if value > 0.0 => Some(Ratio {
                estimate: interval.estimate / value,
                low: interval.low / value,
                high: interval.high / value,
                ..interval
            }),
            Right::Value(_) => None,
            Right::Times(..) => Some(interval),
        };
        Ok(Judgement {
            outcome,
            held: outcome == Held,
            ratio,
            rounds: interval.rounds,
        })
    }

    /// Judges an interval by both of its ends.
    fn whole(&self, (low, high): (f64, f64), than: f64) -> ConditionOutcome {
        match [low, high].map(|end| self.comparison.holds(end, than)) {
            [true, true] => Held,
            [false, false] => NotHeld,
            _ => CannotTell,
        }
    }

    fn by_differences(
        &self,
        left: &[f64],
        right: &[f64],
        factor: f64,
        level: f64,
    ) -> Result<ConditionOutcome, StatisticsError> {
        let mut differences = Vec::with_capacity(left.len());
        for (round, (l, r)) in left.iter().zip(right).enumerate() {
            if let Some(value) = [*l, *r].into_iter().find(|v| !v.is_finite() || *v < 0.0) {
                return Err(StatisticsError::NoRatio { round, value });
            }
            differences.push(l - factor * r);
        }
        let bounds = rank_bounds(&differences, level);
        Ok(bounds.map_or(CannotTell, |bounds| self.whole(bounds, 0.0)))
    }
}

/// Prints the condition as typed, without spaces.
impl fmt::Display for BetweenServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn factor_of(figure: &str, text: &str) -> Result<f64, ConditionError> {
    let factor = parse_number(text).filter(|factor| *factor > 0.0);
    factor.ok_or_else(|| ConditionError::Value {
        figure: figure.to_owned(),
        value: text.to_owned(),
        wanted: "a factor is a number above zero (example: 1.1 * a.p99)",
    })
}

/// The server whose name, followed by a dot, begins the text, and the figure after the dot. If several match, the
/// server with the longest name, because names may contain dots.
fn server_of<'a>(text: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    names
        .iter()
        .enumerate()
        .filter_map(|(server, name)| {
            // Spaces were removed from the text.
            let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
            let figure = text.strip_prefix(&name)?.strip_prefix('.')?;
            Some((server, figure))
        })
        .min_by_key(|(_, figure)| figure.len())
}

impl Term {
    fn parse(text: &str, names: &[&str]) -> Result<Self, ConditionError> {
        let (server, figure) =
            server_of(text, names).ok_or_else(|| ConditionError::UnknownRun {
                term: text.to_owned(),
                known: names.join(", "),
            })?;
        let figure = match figure {
            CAPACITY_UNDER_SLO => "capacity",
            other => other,
        };
        Ok(Self {
            server,
            figure: RunFigure::named(figure)?,
        })
    }
}

#[cfg(test)]
mod tests {
    //! Conditions between servers with known rounds.

    use super::*;
    use proptest::prelude::*;

    /// Ten rounds around these values, varied by −2 to 2.5 %, in opposite directions for the two servers.
    fn judge_rounds(text: &str, a: f64, b: f64, rounds: u32) -> Judgement {
        let around = |value: f64, turn: f64| {
            (0..rounds)
                .map(|r| Some(value * (1.0 + turn * (f64::from(r % 10) - 4.0) / 200.0)))
                .collect::<Vec<_>>()
        };
        let bootstrap = Bootstrap {
            resamples: 499,
            ..Bootstrap::default()
        };
        BetweenServers::parse(text, &["a", "b"])
            .unwrap()
            .judge(
                |server, _| {
                    if server == 0 {
                        around(a, -1.0)
                    } else {
                        around(b, 1.0)
                    }
                },
                &bootstrap,
            )
            .unwrap()
    }

    fn judge(text: &str, a: f64, b: f64) -> ConditionOutcome {
        judge_rounds(text, a, b, 10).outcome
    }

    #[test]
    fn the_whole_interval_has_to_lie_on_that_side() {
        for (text, a, b, wanted) in [
            ("b.p99 > 1.1 * a.p99", 1e6, 1.2e6, Held),
            ("b.p99 > 1.1 * a.p99", 1e6, 1.1e6, CannotTell),
            ("b.p99 > 1.1 * a.p99", 1e6, 1e6, NotHeld),
            ("b.p99 < 1.1 * a.p99", 1e6, 1.2e6, NotHeld),
            ("b.p99 < 1.1 * a.p99", 1e6, 1e6, Held),
            ("a.p99 > b.p99", 1.2e6, 1e6, Held),
            ("b.throughput<0.9*a.throughput", 100.0, 80.0, Held),
            ("b.p99 > 10ms", 1.0, 11e6, Held),
            ("b.p99 > 10ms", 1.0, 10.05e6, CannotTell),
            ("b.p99 > 10ms", 1.0, 9e6, NotHeld),
            ("b.throughput < 50_000", 1.0, 45_000.0, Held),
            ("b.service.p99.9 >= 2 * a.response.p50", 1.0, 3.0, Held),
            ("b.memory_per_connection > 64KiB", 1.0, 70_000.0, Held),
        ] {
            assert_eq!(judge(text, a, b), wanted, "{text} {a} {b}");
        }
    }

    #[test]
    fn what_cannot_be_told_leaves_the_gate_open_and_what_was_not_measured_shuts_it() {
        let open = judge_rounds("b.p99 > a.p99", 1.0, 1.0, 10);
        assert_eq!(
            (open.outcome, open.held),
            (ConditionOutcome::CannotTell, false)
        );
        let few = judge_rounds("b.p99 > a.p99", 1.0, 2.0, 5);
        assert_eq!(
            (few.outcome, few.held),
            (ConditionOutcome::CannotTell, false)
        );
        assert_eq!(
            judge_rounds("b.p99 > a.p99", 1.0, 2.0, 1).outcome,
            ConditionOutcome::CannotTell
        );
        let condition = BetweenServers::parse("b.p99>a.p99", &["a", "b"]).unwrap();
        let nothing = condition
            .judge(
                |server, _| vec![(server == 0).then_some(1.0); 10],
                &Bootstrap::default(),
            )
            .unwrap();
        assert_eq!(
            (nothing.outcome, nothing.held, nothing.rounds),
            (ConditionOutcome::NotMeasured, true, 0)
        );
    }

    #[test]
    fn rounds_that_one_of_them_missed_are_left_out() {
        let condition = BetweenServers::parse("b.p99 > a.p99", &["a", "b"]).unwrap();
        let values = |server: usize, _: &RunFigure| -> Vec<Option<f64>> {
            (0..12)
                .map(|r| {
                    (r != 5 || server == 0)
                        .then_some(f64::from(r + 1) * if server == 0 { 1.0 } else { 2.0 })
                })
                .collect()
        };
        let judged = condition.judge(values, &Bootstrap::default()).unwrap();
        assert_eq!(
            (judged.rounds, judged.outcome),
            (11, ConditionOutcome::Held)
        );
        assert!((judged.ratio.unwrap().estimate - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_fault_is_a_fact() {
        let once = |text: &str| {
            BetweenServers::parse(text, &["a", "b"])
                .unwrap()
                .judge(
                    |server, _| {
                        (0..10)
                            .map(|r| Some(f64::from(u8::from(server == 1 && r == 7))))
                            .collect()
                    },
                    &Bootstrap::default(),
                )
                .unwrap()
                .outcome
        };
        assert_eq!(once("b.lost > 0"), ConditionOutcome::Held);
        assert_eq!(once("a.lost > 0"), ConditionOutcome::NotHeld);
        assert_eq!(once("b.lost > 1"), ConditionOutcome::NotHeld);
        // One lost message in ten rounds shows that b loses no fewer messages than a, but not that it loses more.
        assert_eq!(once("b.lost > a.lost"), ConditionOutcome::CannotTell);
        assert_eq!(once("b.lost < a.lost"), ConditionOutcome::NotHeld);
        assert_eq!(once("b.lost >= a.lost"), ConditionOutcome::Held);
    }

    #[test]
    fn zeros_are_judged_by_their_differences() {
        assert_eq!(
            judge("b.throughput > a.throughput", 0.0, 5.0),
            ConditionOutcome::Held
        );
        assert_eq!(
            judge("b.throughput < a.throughput", 0.0, 5.0),
            ConditionOutcome::NotHeld
        );
        assert_eq!(
            judge_rounds("b.throughput > a.throughput", 0.0, 5.0, 5).outcome,
            ConditionOutcome::CannotTell
        );
        assert_eq!(judge("b.throughput > 0", 1.0, 5.0), ConditionOutcome::Held);
    }

    #[test]
    fn capacities_are_judged_by_the_intervals_of_their_searches() {
        use SearchedCapacity::{AtLeast, Found, Zero};
        use statistics::capacity_ratio::LogValue;
        let about =
            |rate: f64| LogValue::from_interval(rate, (0.98 * rate, 1.02 * rate), 0.95).unwrap();
        let judge = |text: &str, a: SearchedCapacity, b: SearchedCapacity| {
            let condition = BetweenServers::parse(text, &["a", "b"]).unwrap();
            assert_eq!(condition.to_string(), text);
            let values = |server: usize| vec![Some(if server == 0 { a } else { b }); 3];
            condition
                .judge_capacities(values, 0.95)
                .map(|judged| judged.outcome)
        };
        const LOWER: &str = "b.capacity_under_slo<0.95*a.capacity_under_slo";
        let hundred = Found(about(100.0));
        for (b, wanted) in [
            (Found(about(80.0)), Held),
            (Found(about(95.5)), CannotTell),
            (Found(about(110.0)), NotHeld),
            (AtLeast(about(110.0)), NotHeld),
            (AtLeast(about(80.0)), CannotTell),
            (Zero, Held),
        ] {
            assert_eq!(judge(LOWER, hundred, b), Ok(wanted), "{b:?}");
        }
        let both = judge(LOWER, AtLeast(about(100.0)), AtLeast(about(80.0)));
        assert_eq!(both, Err(CapacityObstacle::BothAtLeast));
        for (text, b, wanted) in [
            ("b.capacity_under_slo<90", Found(about(80.0)), Held),
            ("b.capacity_under_slo<90", Found(about(90.0)), CannotTell),
            ("b.capacity_under_slo<90", AtLeast(about(100.0)), NotHeld),
            ("b.capacity_under_slo<=0", Zero, Held),
        ] {
            assert_eq!(judge(text, hundred, b), Ok(wanted), "{text}");
        }
        let condition = BetweenServers::parse(LOWER, &["a", "b"]).unwrap();
        let nothing = condition.judge_capacities(|_| vec![None; 3], 0.95).unwrap();
        assert_eq!((nothing.outcome, nothing.held), (NotMeasured, true));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |text: &str| {
            BetweenServers::parse(text, &["a", "b", "b.p99"])
                .unwrap_err()
                .to_string()
        };
        assert!(error("b.p50").contains("compares nothing"));
        assert!(error("p50>1ms").contains("servers here: a, b, b.p99"));
        assert!(error("c.p50>a.p50").contains("`c.p50` is not a figure of a server"));
        assert!(error("b.p50>2*c.p50").contains("`c.p50` is not a figure of a server"));
        assert!(error("b.p98>a.p99").contains("`p98` is not a figure"));
        assert!(error("b.p50==a.p50").contains("`==` cannot be held with confidence"));
        assert!(error("b.p50>a.throughput").contains("have different units"));
        assert!(error("b.p50>-1*a.p50").contains("a factor is a number above zero"));
        assert!(error("b.p50>0*a.p50").contains("a factor is a number above zero"));
        assert!(error("b.p50>10").contains("a time with its unit"));
        // The longest name wins.
        let dotted = BetweenServers::parse("b.p99.p50 > a.p50", &["a", "b", "b.p99"]).unwrap();
        assert_eq!(dotted.left.server, 2);
        assert_eq!(dotted.to_string(), "b.p99.p50>a.p50");
        let spaced = BetweenServers::parse("my server.p50 > 1ms", &["my server"]).unwrap();
        assert_eq!(spaced.left.server, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn opposite_conditions_never_both_hold(factor in 0.5..2.0_f64) {
            let above = judge(&format!("b.p50 > {factor} * a.p50"), 1.0, 1.1);
            let below = judge(&format!("b.p50 <= {factor} * a.p50"), 1.0, 1.1);
            let wanted = match above {
                ConditionOutcome::Held => ConditionOutcome::NotHeld,
                ConditionOutcome::NotHeld => ConditionOutcome::Held,
                other => other,
            };
            prop_assert_eq!(below, wanted);
        }

        #[test]
        fn nothing_typed_makes_it_panic(text in "[ab.p0-9*<>= ]{0,20}|.{0,30}") {
            let _ = BetweenServers::parse(&text, &["a", "b"]);
        }
    }
}
