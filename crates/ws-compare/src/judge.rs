//! From rounds to verdicts.

use std::collections::BTreeMap;

use measurement::run::comparison::{
    AgainstReference, CandidateRow, ComparedFigure, Comparison, ComparisonPlan, ComparisonVerdict,
    FigureOfServer, FigureRow, KIND, OutlierRow, RoundRow, SCHEMA, last_round,
};
use measurement::run::{Host, Tool, ValiditySummary};
use measurement::verdict::Verdict;
use statistics::bootstrap::Bootstrap;
use statistics::latin_square::random_orders;
use statistics::order_statistics::median;
use statistics::outliers::outliers;
use statistics::paired::Pairs;
use statistics::ratio_verdict::{Direction, RatioComparison, RatioVerdict};
use statistics::{interval_levels, westfall_young};
use units::counted;

use crate::conditions::Conditions;

/// Share of families of intervals that hold the truth.
pub const CONFIDENCE: f64 = 0.95;

/// The figures that `--until-sure` waits for.
const WAITED_FOR: [ComparedFigure; 2] = [ComparedFigure::Throughput, ComparedFigure::ResponseP50];

/// A round that is closer to the median than this share of it is not worth a word, however close the others are.
const LEAST_DEVIATION: f64 = 0.05;

/// More rounds than these are resampled less often.
const MANY_ROUNDS: u32 = 100;

/// Fewest rounds of a figure in which outliers are looked for.
const FEWEST_FOR_OUTLIERS: usize = 5;

/// A comparison before anything is said of it.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What compared.
    pub tool: Tool,
    /// Where.
    pub host: Host,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    /// What was asked for.
    pub plan: ComparisonPlan,
    /// The servers.
    pub servers: Vec<CandidateRow>,
    /// What they did.
    pub rounds: Vec<RoundRow>,
    /// The user ended it.
    pub interrupted: bool,
}

impl Measured {
    fn compared(&self) -> Vec<&str> {
        let there = self.servers.iter().filter(|s| s.excluded.is_none());
        there.map(|s| s.name.as_str()).collect()
    }

    /// The servers that are compared with the reference.
    fn others(&self) -> Vec<&str> {
        let mut names = self.compared();
        names.retain(|name| *name != self.plan.reference);
        names
    }

    /// What a server had of a figure, by round.
    pub(crate) fn values(&self, server: &str, figure: ComparedFigure) -> BTreeMap<u32, f64> {
        let rows = self.rounds.iter().filter(|row| row.server == server);
        rows.filter_map(|row| Some((row.round, figure.of(row)?)))
            .collect()
    }

    /// What a server has over the reference in a figure, as logarithms, by round from 1.
    fn log_ratios(&self, server: &str, figure: ComparedFigure) -> Vec<Option<f64>> {
        let of_server = self.values(server, figure);
        let of_reference = self.values(&self.plan.reference, figure);
        (1..=last_round(&self.rounds))
            .map(|round| Some((of_server.get(&round)? / of_reference.get(&round)?).ln()))
            .collect()
    }

    /// The values of two servers in the rounds that both have.
    fn paired(
        &self,
        server: &str,
        reference: &str,
        figure: ComparedFigure,
    ) -> (Vec<f64>, Vec<f64>) {
        let (of_server, of_reference) =
            (self.values(server, figure), self.values(reference, figure));
        of_server
            .iter()
            .filter_map(|(round, value)| Some((*value, *of_reference.get(round)?)))
            .unzip()
    }

    /// The level of a server's intervals: all figures of all servers beside the reference are one
    /// statement, and rounds that end when they agree agree too well now and then.
    pub(crate) fn level(&self, server: &str) -> f64 {
        let others = self.compared().len().saturating_sub(1);
        let family = self.while_looking(interval_levels::bonferroni_level(CONFIDENCE, others));
        let figures = self.plan.figures.iter();
        let series: Vec<_> = figures
            .map(|figure| self.log_ratios(server, *figure))
            .collect();
        westfall_young::level_of_each(family, &series, self.plan.seed)
    }

    /// A level, higher where it is looked at after every round.
    pub(crate) fn while_looking(&self, level: f64) -> f64 {
        if self.plan.until_sure_percent.is_some() {
            interval_levels::sequential_level(level)
        } else {
            level
        }
    }

    pub(crate) fn bootstrap(&self, level: f64) -> Bootstrap {
        // A resample costs as much as the square of the rounds; of many, the ranks say nearly all.
        let resamples = if last_round(&self.rounds) > MANY_ROUNDS {
            1_999
        } else {
            9_999
        };
        Bootstrap {
            level,
            resamples,
            seed: self.plan.seed,
            ..Bootstrap::default()
        }
    }

    /// Whether enough runs of a server can be believed: what is left when most cannot is no fair choice
    /// of them.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn believable(&self, server: &str, figure: ComparedFigure) -> Result<(), String> {
        let invalid = runs_of(self, server, figure, Verdict::Invalid);
        match invalid.filter(Found::leaves_too_few) {
            Some(lost) => Err(format!(
                "cannot tell: {} of {} runs of {} are invalid",
                lost.count, lost.of, lost.server
            )),
            None => Ok(()),
        }
    }

    /// A figure of a server beside the reference's, by an interval of this level.
    fn compare(
        &self,
        server: &str,
        figure: ComparedFigure,
        level: f64,
    ) -> Result<RatioComparison, String> {
        for side in [server, &self.plan.reference] {
            self.believable(side, figure)?;
        }
        let (values, reference) = self.paired(server, &self.plan.reference, figure);
        let direction = if figure.more_is_better() {
            Direction::HigherIsBetter
        } else {
            Direction::LowerIsBetter
        };
        let pairs = Pairs::new(&values, &reference).map_err(|_| match values.len() {
            0 => "not measured".to_owned(),
            n => format!("cannot tell from {}", counted(n as u64, "round")),
        })?;
        Ok(RatioComparison::new(
            &pairs,
            direction,
            &self.bootstrap(level),
        ))
    }
}

/// The order of the servers in a round, from 1.
#[must_use]
pub fn order(seed: u64, round: u32, servers: usize) -> Vec<usize> {
    let rounds = random_orders(servers, round as usize, seed);
    rounds.into_iter().next_back().unwrap_or_default()
}

/// Whether any of these figures is one that `--until-sure` waits for.
#[must_use]
pub fn can_be_sure(figures: &[ComparedFigure]) -> bool {
    WAITED_FOR.iter().any(|figure| figures.contains(figure))
}

/// Whether everything that `--until-sure` waits for is known to ± so many percent.
#[must_use]
pub fn is_sure(measured: &Measured, percent: f64) -> bool {
    measured.others().into_iter().all(|server| {
        let level = measured.level(server);
        WAITED_FOR
            .into_iter()
            .filter(|figure| measured.plan.figures.contains(figure))
            .filter(|figure| {
                *figure != ComparedFigure::ResponseP50 || measured.plan.rate_per_s.is_some()
            })
            .all(|figure| {
                measured
                    .compare(server, figure, level)
                    .is_ok_and(|c| c.ratio.is_within(percent / 100.0))
            })
    })
}

/// Everything that the rounds say.
#[must_use]
pub fn judge(measured: Measured, conditions: &Conditions) -> Comparison {
    // A level is of all figures, and takes all of them to find.
    let others: Vec<(&str, f64)> = measured
        .others()
        .into_iter()
        .map(|name| (name, measured.level(name)))
        .collect();
    let figures = measured.plan.figures.iter();
    let figures: Vec<_> = figures
        .filter_map(|figure| figure_row(&measured, *figure, &others))
        .collect();
    let outliers = all_outliers(&measured);
    let validity = validity(&measured);
    let conditions = conditions.judge(&measured);
    Comparison {
        schema: SCHEMA,
        kind: KIND.to_owned(),
        figures,
        outliers,
        conditions,
        validity,
        tool: measured.tool,
        host: measured.host,
        started_at: measured.started_at,
        elapsed_s: measured.elapsed_s,
        plan: measured.plan,
        servers: measured.servers,
        rounds: measured.rounds,
        interrupted: measured.interrupted,
    }
}

/// What the servers had of a figure, and what is said of the others at their levels; `None` when no server has it.
fn figure_row(
    measured: &Measured,
    figure: ComparedFigure,
    others: &[(&str, f64)],
) -> Option<FigureRow> {
    let servers: Vec<_> = measured
        .compared()
        .into_iter()
        .map(|name| {
            let values: Vec<f64> = measured.values(name, figure).into_values().collect();
            FigureOfServer {
                server: name.to_owned(),
                median: median(&values),
                rounds: u32::try_from(values.len()).unwrap_or(u32::MAX),
            }
        })
        .collect();
    if servers.iter().all(|s| s.median.is_none()) {
        return None;
    }
    Some(FigureRow {
        figure,
        unit: figure.unit().to_owned(),
        servers,
        against: others
            .iter()
            .map(|(name, level)| against(measured, name, figure, *level))
            .collect(),
    })
}

fn against(
    measured: &Measured,
    server: &str,
    figure: ComparedFigure,
    level: f64,
) -> AgainstReference {
    let blank = AgainstReference {
        server: server.to_owned(),
        reference: measured.plan.reference.clone(),
        rounds: 0,
        ratio: None,
        low: None,
        high: None,
        level: None,
        verdict: ComparisonVerdict::CannotTell,
        text: String::new(),
        more_rounds: None,
    };
    match measured.compare(server, figure, level) {
        Err(text) => AgainstReference { text, ..blank },
        Ok(compared) => {
            let ratio = compared.ratio;
            AgainstReference {
                rounds: u32::try_from(ratio.rounds).unwrap_or(u32::MAX),
                ratio: Some(ratio.estimate),
                low: Some(ratio.low),
                high: Some(ratio.high),
                level: Some(ratio.level),
                verdict: match compared.verdict {
                    RatioVerdict::Better => ComparisonVerdict::Better,
                    RatioVerdict::Worse => ComparisonVerdict::Worse,
                    RatioVerdict::CannotTell { .. } => ComparisonVerdict::CannotTell,
                },
                text: words(server, figure, &compared),
                more_rounds: match compared.verdict {
                    RatioVerdict::CannotTell { more_rounds } => more_rounds,
                    _ => None,
                },
                ..blank
            }
        }
    }
}

/// `axum 1.32 × faster (1.28–1.36)`, `cannot tell: about 14 more rounds would (0.99–1.03)`.
fn words(server: &str, figure: ComparedFigure, compared: &RatioComparison) -> String {
    let told = compared.to_string();
    let (better, worse) = figure.comparatives();
    match compared.verdict {
        RatioVerdict::Better => format!("{server} {}", told.replacen("better", better, 1)),
        RatioVerdict::Worse => format!("{server} {}", told.replacen("worse", worse, 1)),
        RatioVerdict::CannotTell { .. } => told,
    }
}

/// The rounds that stand out among a server's own.
fn all_outliers(measured: &Measured) -> Vec<OutlierRow> {
    let mut found = Vec::new();
    for &figure in &measured.plan.figures {
        for server in measured.compared() {
            let values = measured.values(server, figure);
            if values.len() < FEWEST_FOR_OUTLIERS {
                continue;
            }
            let rounds: Vec<u32> = values.keys().copied().collect();
            let list: Vec<f64> = values.into_values().collect();
            let Some(median) = median(&list) else {
                continue;
            };
            let far = |value: f64| (value / median - 1.0).abs() >= LEAST_DEVIATION;
            let all = outliers(&list).into_iter().filter(|o| far(o.value));
            found.extend(all.map(|o| OutlierRow {
                figure,
                server: server.to_owned(),
                round: rounds[o.round],
                value: o.value,
                median,
            }));
        }
    }
    found
}

/// Whether to believe the comparison: as far as its runs can be believed.
fn validity(measured: &Measured) -> ValiditySummary {
    let compared = measured.compared();
    let mut reasons = Vec::new();
    let mut verdict = Verdict::Valid;
    if compared.len() < 2 {
        verdict = Verdict::Invalid;
        reasons.push("fewer than two servers were left to compare".to_owned());
    }
    for (name, figure) in [
        ("capacity", ComparedFigure::Throughput),
        ("latency", ComparedFigure::ResponseP50),
    ] {
        for (of, what) in [
            (Verdict::Invalid, "invalid and left out"),
            (Verdict::Suspect, "suspect"),
        ] {
            let found = runs_that_are(measured, figure, of);
            let Some(example) = found.first().map(|found| found.reason) else {
                continue;
            };
            verdict = verdict.max(match of {
                Verdict::Invalid if found.iter().any(Found::leaves_too_few) => Verdict::Invalid,
                _ => Verdict::Suspect,
            });
            let counts: Vec<_> = found
                .iter()
                .map(|f| format!("{} of {} of {}", f.count, f.of, f.server))
                .collect();
            reasons.push(format!(
                "{name} runs that are {what}: {}. The first because: {example}",
                counts.join(", ")
            ));
        }
    }
    for server in &compared {
        let rounds = [ComparedFigure::Throughput, ComparedFigure::ResponseP50]
            .map(|figure| measured.values(server, figure).len());
        if rounds == [0, 0] && compared.len() >= 2 {
            verdict = Verdict::Invalid;
            reasons.push(format!("{server} has not one round that counts"));
        }
    }
    ValiditySummary {
        verdict,
        reasons,
        found: Vec::new(),
    }
}

/// Runs of a server that have some verdict.
struct Found<'m> {
    server: &'m str,
    count: usize,
    of: usize,
    /// What speaks against the first of them.
    reason: &'m str,
}

impl Found<'_> {
    /// Whether the other runs are too few to speak for the server.
    fn leaves_too_few(&self) -> bool {
        let left = self.of - self.count;
        2 * left < self.of || left < Pairs::FEWEST
    }
}

/// The runs that a figure is of and that have this verdict, by server.
fn runs_that_are(measured: &Measured, figure: ComparedFigure, verdict: Verdict) -> Vec<Found<'_>> {
    let compared = measured.compared().into_iter();
    compared
        .filter_map(|server| runs_of(measured, server, figure, verdict))
        .collect()
}

/// Those of one server; `None` when it has none.
fn runs_of<'m>(
    measured: &'m Measured,
    server: &'m str,
    figure: ComparedFigure,
    verdict: Verdict,
) -> Option<Found<'m>> {
    let rows = measured.rounds.iter();
    let runs: Vec<_> = rows
        .filter(|row| row.server == server && row.failure.is_none())
        .filter_map(|row| figure.run(row))
        .collect();
    let those = || runs.iter().filter(|run| run.verdict == verdict);
    let first = those().next()?;
    Some(Found {
        server,
        count: those().count(),
        of: runs.len(),
        reason: first.reasons.first().map_or("", String::as_str),
    })
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
