//! Values of a comparison's rounds, for verdicts and conditions.

use std::collections::BTreeMap;

use measurement::run::comparison::{ComparedFigure, Comparison, SliceSpread, last_round};
use measurement::verdict::Verdict;
use statistics::bootstrap::Bootstrap;
use statistics::interval_levels;
use statistics::order_statistics::pseudo_median;
use statistics::paired::Pairs;
use statistics::variance_components::VarianceComponents;
use units::counted;

/// Joint confidence level of all verdicts of a comparison, and of all its conditions.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// The figures whose intervals `--until-sure` checks if no figures were chosen: tails would need many times the rounds.
const USUAL_FIGURES: [ComparedFigure; 5] = [
    ComparedFigure::Throughput,
    ComparedFigure::ResponseP50,
    ComparedFigure::LastP50,
    ComparedFigure::GapP99,
    ComparedFigure::CapacityUnderSlo,
];

/// Number of rounds above which fewer resamples are used.
const MANY_ROUNDS: u32 = 100;

#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundValues<'c>(pub(crate) &'c Comparison);

/// `b failed in 4 of 6 rounds`.
pub(crate) fn describe_failed(server: &str, failed: &SomeOfServer) -> String {
    let rounds = counted(failed.of as u64, "round");
    format!("{server} failed in {} of {rounds}", failed.count)
}

/// Some of the runs or rounds of a server: those with a certain verdict, or those that failed.
pub(crate) struct SomeOfServer<'c> {
    pub(crate) count: usize,
    /// Number of all of them.
    pub(crate) of: usize,
    /// First reason of the first of them.
    pub(crate) reason: &'c str,
}

impl SomeOfServer<'_> {
    /// Returns true when the remaining ones are too few to represent the server.
    pub(crate) fn leaves_too_few(&self) -> bool {
        let left = self.of - self.count;
        2 * left < self.of || left < Pairs::FEWEST
    }
}

impl<'c> RoundValues<'c> {
    pub(crate) fn last(self) -> u32 {
        last_round(&self.0.rounds)
    }

    /// Names of the servers that were not excluded.
    pub(crate) fn compared(self) -> impl Iterator<Item = &'c str> {
        self.0.compared().map(|server| server.name.as_str())
    }

    /// Names of the servers that are compared with the reference.
    pub(crate) fn others(self) -> impl Iterator<Item = &'c str> {
        let reference = &self.0.plan.reference;
        self.compared().filter(move |name| name != reference)
    }

    /// Values of a server's figure, by round.
    pub(crate) fn values(self, server: &str, figure: ComparedFigure) -> BTreeMap<u32, f64> {
        let rows = self.0.rounds.iter().filter(|row| row.server == server);
        rows.filter_map(|row| Some((row.round, figure.of(row)?)))
            .collect()
    }

    /// Values of a server's figure in all rounds, starting with round 1.
    pub(crate) fn series(self, server: &str, figure: ComparedFigure) -> Vec<Option<f64>> {
        let values = self.values(server, figure);
        (1..=self.last())
            .map(|round| values.get(&round).copied())
            .collect()
    }

    /// Logarithms of a server's ratios to the reference in all rounds, starting with round 1. In rounds of slices, the
    /// ratio of a p50 is the pseudo-median of those of the paired slices: a disturbance of a few slices does not reach
    /// it. Throughput counts all slices, because a server's own pauses are part of it.
    pub(crate) fn log_ratios(self, server: &str, figure: ComparedFigure) -> Vec<Option<f64>> {
        let of_server = self.series(server, figure);
        let of_reference = self.series(&self.0.plan.reference, figure);
        let log_ratio = |round: u32, (value, of_reference): (Option<f64>, Option<f64>)| {
            let of_whole_runs = (value? / of_reference?).ln();
            let of_slices = self.slice_log_ratios(server, figure, round);
            let of_slices = of_slices.filter(|log_ratios| {
                figure != ComparedFigure::Throughput && !log_ratios.is_empty()
            });
            Some(of_slices.map_or(of_whole_runs, |log_ratios| {
                pseudo_median(&log_ratios, &mut Vec::new())
            }))
        };
        let both = of_server.into_iter().zip(of_reference);
        (1..)
            .zip(both)
            .map(|(round, both)| log_ratio(round, both))
            .collect()
    }

    /// Values of a server's figure that have to the reference's values the ratios of [`log_ratios`](Self::log_ratios).
    pub(crate) fn paired_series(self, server: &str, figure: ComparedFigure) -> Vec<Option<f64>> {
        let of_reference = self.series(&self.0.plan.reference, figure).into_iter();
        of_reference
            .zip(self.log_ratios(server, figure))
            .map(|(value, log_ratio)| Some(value? * log_ratio?.exp()))
            .collect()
    }

    /// Ratios of all slices of a server to the reference's in rounds in which both are valid, in ascending order.
    pub(crate) fn slice_ratios(self, server: &str, figure: ComparedFigure) -> Vec<f64> {
        let of_round = |round| self.slice_log_ratios(server, figure, round);
        let all = (1..=self.last()).filter_map(of_round).flatten();
        let mut ratios: Vec<f64> = all.map(f64::exp).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        ratios
    }

    /// Logarithms of the ratios of a server's slices to the reference's in a round in which both are valid.
    fn slice_log_ratios(
        self,
        server: &str,
        figure: ComparedFigure,
        round: u32,
    ) -> Option<Vec<f64>> {
        let run_of = |name: &str| {
            let mut rows = self.0.rounds.iter();
            let row = rows.find(|row| row.server == name && row.round == round)?;
            figure.of(row).and_then(|_| figure.run(row))
        };
        let reference = run_of(&self.0.plan.reference)?;
        Some(run_of(server)?.slice_log_ratios(reference, figure))
    }

    /// Variance of the logarithms of a server's ratios to the reference, within rounds and between them; `None` unless
    /// the rounds were measured in slices, and where slices do not have the figure.
    pub(crate) fn slice_spread(self, server: &str, figure: ComparedFigure) -> Option<SliceSpread> {
        let log_ratios = |round| self.slice_log_ratios(server, figure, round);
        let groups: Vec<Vec<f64>> = (1..=self.last()).filter_map(log_ratios).collect();
        let found = VarianceComponents::of(&groups)?;
        Some(SliceSpread {
            pairs: u32::try_from(found.values).unwrap_or(u32::MAX),
            within_rounds: found.within.sqrt(),
            between_rounds: found.between.sqrt(),
            between_share: found.between_share,
        })
    }

    /// The figures that `--until-sure` looks at.
    pub(crate) fn figures_to_know(self) -> &'c [ComparedFigure] {
        let chosen = &self.0.plan.figures;
        match ComparedFigure::are_all_of_a_load(chosen) {
            true => &USUAL_FIGURES,
            false => chosen,
        }
    }

    /// Raises the level if verdicts are checked after every round.
    pub(crate) fn sequential(self, level: f64) -> f64 {
        if self.0.plan.until_sure_percent.is_some() {
            interval_levels::sequential_level(level)
        } else {
            level
        }
    }

    pub(crate) fn bootstrap(self, level: f64) -> Bootstrap {
        // The cost of a resample grows with the square of the rounds. With many rounds, the interval is mainly
        // determined by the ranks.
        let are_many = self.last() > MANY_ROUNDS;
        Bootstrap {
            level,
            resamples: if are_many { 1_999 } else { 9_999 },
            seed: self.0.plan.seed,
        }
    }

    /// Rounds in which a server failed; `None` when it failed in none.
    pub(crate) fn failed(self, server: &str) -> Option<SomeOfServer<'c>> {
        let rows = || self.0.rounds.iter().filter(|row| row.server == server);
        let mut failures = rows().filter_map(|row| row.failure.as_deref());
        let reason = failures.next()?;
        Some(SomeOfServer {
            count: 1 + failures.count(),
            of: rows().count(),
            reason,
        })
    }

    /// Checks that enough rounds of a server did not fail, and that enough of its runs are valid: a few good ones among
    /// bad ones do not represent it. The error is a sentence.
    pub(crate) fn check_enough_valid(
        self,
        server: &str,
        figure: ComparedFigure,
    ) -> Result<(), String> {
        if let Some(lost) = self.failed(server).filter(SomeOfServer::leaves_too_few) {
            return Err(format!("inconclusive: {}", describe_failed(server, &lost)));
        }
        let invalid = self.runs_with(Verdict::Invalid, server, figure);
        match invalid.filter(SomeOfServer::leaves_too_few) {
            Some(lost) => Err(format!(
                "inconclusive: {} of {} of {server} {} invalid",
                lost.count,
                counted(lost.of as u64, "run"),
                if lost.count == 1 { "is" } else { "are" }
            )),
            None => Ok(()),
        }
    }

    /// Runs of a server with this verdict, of the kind that the figure is taken from; `None` when there are none.
    pub(crate) fn runs_with(
        self,
        verdict: Verdict,
        server: &str,
        figure: ComparedFigure,
    ) -> Option<SomeOfServer<'c>> {
        let rows = self.0.rounds.iter();
        let runs: Vec<(Verdict, &str)> = rows
            .filter(|row| row.server == server && row.failure.is_none())
            .filter_map(|row| figure.verdict(row))
            .collect();
        let those = || runs.iter().filter(|(of_run, _)| *of_run == verdict);
        let (_, reason) = those().next()?;
        Some(SomeOfServer {
            count: those().count(),
            of: runs.len(),
            reason,
        })
    }
}
