//! Values of a comparison's rounds, for verdicts and conditions.

use std::collections::BTreeMap;

use measurement::run::comparison::{ComparedFigure, Comparison, RunRow, last_round};
use measurement::verdict::Verdict;
use statistics::bootstrap::Bootstrap;
use statistics::interval_levels;
use statistics::paired::Pairs;

/// Joint confidence level of all verdicts of a comparison, and of all its conditions.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// Number of rounds above which fewer resamples are used.
const MANY_ROUNDS: u32 = 100;

#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundValues<'c>(pub(crate) &'c Comparison);

/// The runs of a server that have a certain verdict.
pub(crate) struct RunsWithVerdict<'c> {
    pub(crate) count: usize,
    /// Number of all runs of the server.
    pub(crate) of: usize,
    /// First reason of the first of these runs.
    pub(crate) reason: &'c str,
}

impl RunsWithVerdict<'_> {
    /// Returns true when the remaining runs are too few to represent the server.
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

    /// Checks that enough runs of a server are valid, because a few valid runs among invalid ones do not represent it.
    /// The error is a sentence.
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

    /// Runs of a server with this verdict, of the kind that the figure is taken from; `None` when there are none.
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
