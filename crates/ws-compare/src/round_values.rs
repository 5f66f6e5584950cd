//! Values of a comparison's rounds, as verdicts and conditions need them.

use std::collections::BTreeMap;

use measurement::run::comparison::{
    ComparedFigure, Comparison, RoundRow, RunRow, SliceSpread, last_round,
};
use measurement::verdict::Verdict;
use statistics::bootstrap::Bootstrap;
use statistics::interval_levels;
use statistics::paired::Pairs;
use statistics::variance_components::VarianceComponents;

/// Share of families of intervals that hold the truth.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// Rounds above which resamples are fewer.
const MANY_ROUNDS: u32 = 100;

#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundValues<'c>(pub(crate) &'c Comparison);

/// Runs of a server that have some verdict.
pub(crate) struct RunsWithVerdict<'c> {
    pub(crate) count: usize,
    /// All runs of the server.
    pub(crate) of: usize,
    /// First reason of the first of them.
    pub(crate) reason: &'c str,
}

impl RunsWithVerdict<'_> {
    /// Returns whether the other runs are too few to represent the server.
    pub(crate) fn leaves_too_few(&self) -> bool {
        let left = self.of - self.count;
        2 * left < self.of || left < Pairs::FEWEST
    }
}

impl<'c> RoundValues<'c> {
    pub(crate) fn last(self) -> u32 {
        last_round(&self.0.rounds)
    }

    /// Names of the servers that were not left out.
    pub(crate) fn compared(self) -> impl Iterator<Item = &'c str> {
        self.0.compared().map(|server| server.name.as_str())
    }

    /// Names of the servers that are compared with the reference.
    pub(crate) fn others(self) -> impl Iterator<Item = &'c str> {
        let reference = &self.0.plan.reference;
        self.compared().filter(move |name| name != reference)
    }

    /// Values of a server's figure by round.
    pub(crate) fn values(self, server: &str, figure: ComparedFigure) -> BTreeMap<u32, f64> {
        let rows = self.0.rounds.iter().filter(|row| row.server == server);
        rows.filter_map(|row| Some((row.round, figure.of(row)?)))
            .collect()
    }

    /// Values of a server's figure in all rounds from 1.
    pub(crate) fn series(self, server: &str, figure: ComparedFigure) -> Vec<Option<f64>> {
        let values = self.values(server, figure);
        (1..=self.last())
            .map(|round| values.get(&round).copied())
            .collect()
    }

    /// Variance of the logarithms of a server's ratios to the reference, within rounds and between them; `None` unless
    /// the rounds were measured in slices, and where slices do not have the figure.
    pub(crate) fn slice_spread(self, server: &str, figure: ComparedFigure) -> Option<SliceSpread> {
        let valid = |row: &'c RoundRow| figure.of(row).and_then(|_| figure.run(row));
        let run_of = |name: &str, round: u32| {
            let mut rows = self.0.rounds.iter();
            let row = rows.find(|row| row.server == name && row.round == round)?;
            valid(row)
        };
        let log_ratios = |round: u32| {
            let reference = run_of(&self.0.plan.reference, round)?;
            Some(run_of(server, round)?.slice_log_ratios(reference, figure))
        };
        let groups: Vec<Vec<f64>> = (1..=self.last()).filter_map(log_ratios).collect();
        let found = VarianceComponents::of(&groups)?;
        Some(SliceSpread {
            pairs: u32::try_from(found.values).unwrap_or(u32::MAX),
            within_rounds: found.within.sqrt(),
            between_rounds: found.between.sqrt(),
            between_share: found.between_share,
        })
    }

    /// Raises a level when verdicts are looked at after every round.
    pub(crate) fn sequential(self, level: f64) -> f64 {
        if self.0.plan.until_sure_percent.is_some() {
            interval_levels::sequential_level(level)
        } else {
            level
        }
    }

    pub(crate) fn bootstrap(self, level: f64) -> Bootstrap {
        // A resample costs as much as the square of the rounds; of many, the ranks say nearly all.
        let are_many = self.last() > MANY_ROUNDS;
        Bootstrap {
            level,
            resamples: if are_many { 1_999 } else { 9_999 },
            seed: self.0.plan.seed,
        }
    }

    /// Checks that enough runs of a server are valid: the rest of mostly invalid runs is not a fair choice.
    /// The error is in words.
    pub(crate) fn check_enough_valid(
        self,
        server: &str,
        figure: ComparedFigure,
    ) -> Result<(), String> {
        let invalid = self.runs_with(Verdict::Invalid, server, figure);
        match invalid.filter(RunsWithVerdict::leaves_too_few) {
            Some(lost) => Err(format!(
                "inconclusive: {} of {} runs of {server} are invalid",
                lost.count, lost.of
            )),
            None => Ok(()),
        }
    }

    /// Runs of a server that have this verdict, of the kind that the figure is taken from; `None` when it
    /// has none.
    pub(crate) fn runs_with(
        self,
        verdict: Verdict,
        server: &str,
        figure: ComparedFigure,
    ) -> Option<RunsWithVerdict<'c>> {
        let rows = self.0.rounds.iter();
        let runs: Vec<&RunRow> = rows
            .filter(|row| row.server == server && row.failure.is_none())
            .filter_map(|row| figure.run(row))
            .collect();
        let those = || runs.iter().filter(|run| run.verdict == verdict);
        let first = those().next()?;
        Some(RunsWithVerdict {
            count: those().count(),
            of: runs.len(),
            reason: first.reasons.first().map_or("", String::as_str),
        })
    }
}
