//! `--fail-if`: conditions between the compared servers, judged by all rounds.

use measurement::run::comparison::{ComparedFigure, ConditionRow};
use measurement::run::thresholds::{
    self, BetweenServers, ConditionError, ConditionOutcome, Judgement,
};
use statistics::interval_levels;
use units::counted;

use crate::round_values::{CONFIDENCE, RoundValues};
use crate::sentences::percent;

/// The conditions of `--fail-if`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    names: Vec<String>,
    all: Vec<BetweenServers>,
}

/// Figures by their names in conditions.
const CONDITION_FIGURES: [(&str, ComparedFigure); 12] = [
    ("throughput", ComparedFigure::Throughput),
    ("p50", ComparedFigure::ResponseP50),
    ("p99", ComparedFigure::ResponseP99),
    ("p99.9", ComparedFigure::ResponseP999),
    ("response.p50", ComparedFigure::ResponseP50),
    ("response.p99", ComparedFigure::ResponseP99),
    ("response.p99.9", ComparedFigure::ResponseP999),
    ("service.p50", ComparedFigure::ServiceP50),
    ("service.p99", ComparedFigure::ServiceP99),
    ("service.p99.9", ComparedFigure::ServiceP999),
    ("messages_per_cpu_s", ComparedFigure::MessagesPerCpuS),
    ("memory_per_connection", ComparedFigure::MemoryPerConnection),
];

/// Finds the figure of a name in conditions.
pub(crate) fn figure_named(name: &str) -> Option<ComparedFigure> {
    let found = CONDITION_FIGURES.iter().find(|(known, _)| *known == name);
    found.map(|(_, figure)| *figure)
}

/// Message for an unknown figure.
pub(crate) fn not_compared_by(name: &str) -> String {
    let known: Vec<_> = CONDITION_FIGURES.iter().map(|(name, _)| *name).collect();
    format!(
        "servers are not compared by `{name}`: use {}",
        known.join(", ")
    )
}

impl Conditions {
    /// Reads conditions on servers of these names. The error is in words.
    pub(crate) fn parse(texts: &[String], names: &[&str]) -> Result<Self, String> {
        let mut all = Vec::new();
        for text in texts {
            let condition = BetweenServers::parse(text, names).map_err(|error| match error {
                // The figures of a run that it would list are more than servers are compared by.
                ConditionError::UnknownFigure { figure, .. } => not_compared_by(&figure),
                error => error.to_string(),
            })?;
            if let Some((_, name)) = condition
                .terms()
                .find(|(_, f)| figure_named(f.name()).is_none())
            {
                return Err(not_compared_by(name.name()));
            }
            all.push(condition);
        }
        Ok(Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            all,
        })
    }

    /// Judges every condition by the rounds.
    pub(crate) fn judge(&self, rounds: RoundValues) -> Vec<ConditionRow> {
        // Any of them fails a build: they are one statement.
        let family = interval_levels::bonferroni_level(CONFIDENCE, self.all.len());
        let bootstrap = rounds.bootstrap(rounds.sequential(family));
        let values = |server: usize, named: &thresholds::RunFigure| {
            figure_named(named.name()).map_or_else(Vec::new, |figure| {
                rounds.series(&self.names[server], figure)
            })
        };
        let judge = |condition: &BetweenServers| {
            for (server, named) in condition.terms() {
                if let Some(figure) = figure_named(named.name()) {
                    rounds.check_enough_valid(&self.names[server], figure)?;
                }
            }
            condition
                .judge(values, &bootstrap)
                .map_err(|error| error.to_string())
        };
        let row = |condition: &BetweenServers| {
            let (held, is_sure, text) = match judge(condition) {
                Ok(judgement) => (
                    judgement.held,
                    judgement.outcome != ConditionOutcome::CannotTell,
                    describe(&judgement),
                ),
                // A gate that cannot be judged must not stand open.
                Err(why) => (true, false, format!("{why}, so it counts as held")),
            };
            ConditionRow {
                expression: condition.to_string(),
                held,
                is_sure,
                text,
            }
        };
        self.all.iter().map(row).collect()
    }
}

/// Describes the outcome of a condition.
fn describe(judgement: &Judgement) -> String {
    let ratio = judgement.ratio.map_or_else(String::new, |r| {
        format!(
            ": the ratio is {:.3} ({:.3}–{:.3})",
            r.estimate, r.low, r.high
        )
    });
    let rounds = counted(judgement.rounds as u64, "round");
    // Conditions are few and named beforehand, so their level is another than that of the figures.
    let sure = judgement
        .ratio
        .map_or_else(String::new, |r| format!("{} % ", percent(r.level)));
    match judgement.outcome {
        ConditionOutcome::Held => format!("it holds with {sure}confidence in {rounds}{ratio}"),
        ConditionOutcome::NotHeld => {
            format!("with {sure}confidence it does not hold in {rounds}{ratio}")
        }
        ConditionOutcome::CannotTell => format!("cannot tell from {rounds}{ratio}"),
        ConditionOutcome::NotMeasured => {
            "a figure of it was not measured, so it counts as held".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_figure_is_answered_with_those_that_there_are() {
        let error = |text: &str| Conditions::parse(&[text.to_owned()], &["a", "b"]).unwrap_err();
        for text in ["b.p98 > a.p99", "b.p99 > a.mean", "b.lost > 0"] {
            let said = error(text);
            assert!(said.contains("use throughput, p50"), "{said}");
            assert!(!said.contains("abandoned"), "{said}");
        }
    }
}
