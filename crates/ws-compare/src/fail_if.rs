//! `--fail-if`: conditions between the compared servers, judged over all rounds.

use measurement::run::comparison::{ComparedFigure, ConditionRow};
use measurement::run::thresholds::{
    BetweenServers, ConditionError, ConditionOutcome, Judgement, RunFigure,
};
use statistics::capacity_ratio::CapacityObstacle;
use statistics::interval_levels;
use statistics::ratio::Ratio;
use statistics::signed_rank::rounds_needed;
use units::counted;
use wording::comparison::capacity_obstacle;

use crate::capacity_verdicts::{capacities, searches};
use crate::round_values::{CONFIDENCE, RoundValues};
use crate::sentences::percent;

#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    names: Vec<String>,
    all: Vec<BetweenServers>,
}

/// Names of the compared figures, as used in conditions.
const FIGURE_NAMES: &str = "throughput, p50, p99, p99.9, response.p50, response.p99, response.p99.9, \
    service.p50, service.p99, service.p99.9, messages_per_cpu_s, memory_per_connection, reach, first.p99, last.p50, \
    last.p99, delivery.p50, delivery.p99, gap.p99, lateness.p99, skew.p99, connect_response.p50, connect_response.p99, capacity_under_slo";

/// Finds the compared figure for a run figure's name; `None` when servers are not compared by it.
pub(crate) fn figure_named(name: &str) -> Option<ComparedFigure> {
    if matches!(name, "capacity" | "capacity_under_slo") {
        return Some(ComparedFigure::CapacityUnderSlo);
    }
    RunFigure::named(name).ok()?;
    let key = name.replace('.', "_");
    let is_named = |figure: &ComparedFigure| {
        let without_prefix = figure.key().strip_prefix("response_");
        figure.key() == key || without_prefix == Some(&key)
    };
    ComparedFigure::ALL.into_iter().find(is_named)
}

pub(crate) fn not_compared_by(name: &str) -> String {
    format!("servers are not compared by `{name}`: use {FIGURE_NAMES}")
}

impl Conditions {
    /// Parses conditions on servers with these names. The error is a sentence.
    pub(crate) fn parse(texts: &[String], names: &[&str]) -> Result<Self, String> {
        let parse = |text: &String| {
            let condition = BetweenServers::parse(text, names).map_err(|error| match error {
                // The default message would list the figures of a run, of which servers are compared by only a few.
                ConditionError::UnknownFigure { figure, .. } => not_compared_by(&figure),
                error => error.to_string(),
            })?;
            let unknown = condition
                .terms()
                .find(|(_, figure)| figure_named(figure.name()).is_none())
                .map(|(_, figure)| not_compared_by(figure.name()));
            unknown.map_or(Ok(condition), Err)
        };
        Ok(Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            all: texts.iter().map(parse).collect::<Result<_, _>>()?,
        })
    }

    /// Figures that the conditions are about.
    pub(crate) fn figures(&self) -> Vec<ComparedFigure> {
        let terms = self.all.iter().flat_map(BetweenServers::terms);
        terms
            .filter_map(|(_, figure)| figure_named(figure.name()))
            .collect()
    }

    /// Figures of a server that the conditions are about.
    pub(crate) fn figures_of(&self, server: &str) -> impl Iterator<Item = ComparedFigure> {
        let terms = self.all.iter().flat_map(BetweenServers::terms);
        terms
            .filter(move |(index, _)| self.names[*index] == server)
            .filter_map(|(_, figure)| figure_named(figure.name()))
    }

    pub(crate) fn judge(&self, rounds: RoundValues) -> Vec<ConditionRow> {
        // A build fails if any of the conditions holds, so they need a joint level.
        let family = interval_levels::bonferroni_level(CONFIDENCE, self.all.len());
        let level = rounds.sequential(family);
        let row = |condition: &BetweenServers| {
            let is_searched = condition.terms().all(|(_, named)| is_of_search(named));
            let outcome = match self.check_enough_valid(condition, rounds) {
                Err(why) => JudgedCondition::not_judged(&why),
                Ok(()) if is_searched => self.judge_capacities(condition, rounds, level),
                Ok(()) => self.judge_figures(condition, rounds, level),
            };
            ConditionRow {
                expression: condition.to_string(),
                held: outcome.held,
                is_sure: outcome.is_sure,
                text: outcome.text,
            }
        };
        self.all.iter().map(row).collect()
    }

    fn check_enough_valid(
        &self,
        condition: &BetweenServers,
        rounds: RoundValues,
    ) -> Result<(), String> {
        let mut figures = condition
            .terms()
            .filter_map(|(server, named)| Some((server, figure_named(named.name())?)));
        figures
            .try_for_each(|(server, figure)| rounds.check_enough_valid(&self.names[server], figure))
    }

    fn judge_figures(
        &self,
        condition: &BetweenServers,
        rounds: RoundValues,
        level: f64,
    ) -> JudgedCondition {
        let first = condition.terms().map(|(server, _)| server).next();
        let is_ratio = condition.terms().any(|(server, _)| Some(server) != first);
        let values = |server: usize, named: &RunFigure| {
            let Some(figure) = figure_named(named.name()) else {
                return Vec::new();
            };
            let server = &self.names[server];
            if is_ratio {
                rounds.paired_series(server, figure)
            } else {
                rounds.series(server, figure)
            }
        };
        match condition.judge(values, &rounds.bootstrap(level)) {
            Ok(judgement) if judgement.outcome == ConditionOutcome::NotMeasured => {
                JudgedCondition::not_judged(&self.unmeasured(condition, rounds))
            }
            Ok(judgement) => JudgedCondition::of(condition, &judgement, rounds_needed(level)),
            Err(error) => JudgedCondition::not_judged(&error.to_string()),
        }
    }

    fn judge_capacities(
        &self,
        condition: &BetweenServers,
        rounds: RoundValues,
        level: f64,
    ) -> JudgedCondition {
        let capacities = |server: usize| capacities(rounds.0, &self.names[server], rounds.last());
        match condition.judge_capacities(capacities, level) {
            Ok(judgement) if judgement.outcome == ConditionOutcome::NotMeasured => {
                self.without_capacities(condition, rounds)
            }
            // Each search has an interval of its own.
            Ok(judgement) => JudgedCondition::of(condition, &judgement, 0),
            Err(CapacityObstacle::NoRounds) => self.without_capacities(condition, rounds),
            Err(obstacle) => JudgedCondition::inconclusive(capacity_obstacle(obstacle)),
        }
    }

    /// The figure of the condition that no round has, and what it needs.
    fn unmeasured(&self, condition: &BetweenServers, rounds: RoundValues) -> String {
        let terms = condition.terms();
        let mut figures =
            terms.filter_map(|(server, named)| Some((server, figure_named(named.name())?)));
        let missing =
            figures.find(|(server, own)| rounds.values(&self.names[*server], *own).is_empty());
        let Some((server, figure)) = missing else {
            return "no round has all figures of it".to_owned();
        };
        let needs = match figure {
            figure if figure.is_of_processes() => {
                ", which needs a server that ws-compare starts, and processes that it can read"
            }
            figure if figure.is_of_latency_run() => ", which needs runs at a rate (`--rate`)",
            _ => "",
        };
        let server = &self.names[server];
        format!(
            "{} of {server} was not measured{needs}",
            figure.short_name()
        )
    }

    /// The result without any round that has the capacities of all servers of the condition.
    fn without_capacities(
        &self,
        condition: &BetweenServers,
        rounds: RoundValues,
    ) -> JudgedCondition {
        if self.is_unsearched(condition, rounds) {
            return JudgedCondition::not_judged("a capacity of it was not measured");
        }
        JudgedCondition::inconclusive(capacity_obstacle(CapacityObstacle::NoRounds))
    }

    /// Returns true when a server of the condition has no search that counts.
    fn is_unsearched(&self, condition: &BetweenServers, rounds: RoundValues) -> bool {
        let mut servers = condition.terms().map(|(server, _)| &self.names[server]);
        servers.any(|server| searches(rounds.0, server).is_empty())
    }
}

/// Result of a condition, for its row.
struct JudgedCondition {
    held: bool,
    is_sure: bool,
    text: String,
}

impl JudgedCondition {
    /// `needed`: minimum number of rounds for an interval.
    fn of(condition: &BetweenServers, judgement: &Judgement, needed: usize) -> Self {
        Self {
            held: judgement.held,
            is_sure: judgement.outcome != ConditionOutcome::CannotTell,
            text: describe(condition, judgement, needed),
        }
    }

    /// A condition whose measurements do not decide.
    fn inconclusive(why: &str) -> Self {
        Self {
            held: false,
            is_sure: false,
            text: without_prefix(why).to_owned(),
        }
    }

    /// A gate whose figures were not measured must not pass.
    fn not_judged(why: &str) -> Self {
        let why = without_prefix(why);
        Self {
            held: true,
            is_sure: false,
            text: format!("it cannot be judged and counts as held: {why}"),
        }
    }
}

/// The text of a figure without its begin: the line of a condition says by itself whether it is inconclusive.
fn without_prefix(why: &str) -> &str {
    why.strip_prefix("inconclusive: ").unwrap_or(why)
}

fn is_of_search(figure: &RunFigure) -> bool {
    figure_named(figure.name()) == Some(ComparedFigure::CapacityUnderSlo)
}

/// `the ratio is 1.320 (1.280–1.360)`, `the ratio is at least 1.280`, or the value of a figure with a limit:
/// `throughput is 52,000 msg/s (51,200–52,900)`.
fn describe_ratio(condition: &BetweenServers, ratio: Ratio) -> String {
    let Ratio {
        estimate,
        low,
        high,
        ..
    } = ratio;
    let figure = condition
        .terms()
        .find_map(|(_, named)| figure_named(named.name()));
    let (what, unit, print): (&str, &str, Box<dyn Fn(f64) -> String>) =
        match (figure, condition.limit()) {
            (Some(figure), Some(limit)) => (
                figure.short_name(),
                figure.printed_unit(),
                Box::new(move |ratio| figure.print(ratio * limit)),
            ),
            _ => ("the ratio", "", Box::new(|ratio| format!("{ratio:.3}"))),
        };
    if high.is_infinite() {
        format!("{what} is at least {}{unit}", print(low))
    } else if low == 0.0 && high > 0.0 {
        format!("{what} is at most {}{unit}", print(high))
    } else {
        let [estimate, low, high] = [estimate, low, high].map(print);
        format!("{what} is {estimate}{unit} ({low}–{high})")
    }
}

fn describe(condition: &BetweenServers, judgement: &Judgement, needed: usize) -> String {
    let rounds = counted(judgement.rounds as u64, "round");
    let (mut ratio, mut sure) = (String::new(), String::new());
    if let Some(found) = judgement.ratio {
        ratio = format!(": {}", describe_ratio(condition, found));
        // The conditions are few and fixed before the measurement, so their level differs from that of the figures.
        sure = format!("{} % ", percent(found.level));
    }
    match judgement.outcome {
        ConditionOutcome::Held => format!("it holds with {sure}confidence in {rounds}{ratio}"),
        ConditionOutcome::NotHeld => {
            format!("with {sure}confidence it does not hold in {rounds}{ratio}")
        }
        ConditionOutcome::CannotTell if judgement.rounds < needed => {
            format!("{rounds}, an interval needs {needed}")
        }
        // The line of the condition begins with `inconclusive`. What was not measured is described before.
        ConditionOutcome::CannotTell | ConditionOutcome::NotMeasured => {
            format!("{rounds}{ratio}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compared_figure_has_a_name_in_conditions() {
        let names = FIGURE_NAMES.split(", ");
        let figures: Vec<_> = names.map(|name| figure_named(name).unwrap()).collect();
        assert!(ComparedFigure::ALL.iter().all(|f| figures.contains(f)));
        assert_eq!(figures.len(), 24);
        for other in ["max", "connect.p99", "service_p50", "lost"] {
            assert_eq!(figure_named(other), None, "{other}");
        }
    }

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
