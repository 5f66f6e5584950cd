//! Validity of a comparison: reasons against its servers, and against the runs that its figures are taken from.

use measurement::run::ValiditySummary;
use measurement::run::comparison::{ComparedFigure, RoundRow};
use measurement::verdict::Verdict;

use crate::round_values::{RoundValues, SomeOfServer, describe_failed};
use crate::{capacity_verdicts, sentences};

/// Reasons against servers that failed in rounds, and the worst verdict that they lead to.
fn reasons_against_servers(rounds: RoundValues) -> (Verdict, Vec<String>) {
    let mut reasons = Vec::new();
    let mut verdict = Verdict::Valid;
    for server in rounds.compared() {
        let Some(failed) = rounds.failed(server) else {
            continue;
        };
        verdict = verdict.max(match failed.leaves_too_few() {
            true => Verdict::Invalid,
            false => Verdict::Suspect,
        });
        reasons.push(format!(
            "{}. First reason: {}",
            describe_failed(server, &failed),
            failed.reason
        ));
    }
    (verdict, reasons)
}

/// A kind of runs, with a figure of each of them.
const RUN_FIGURES: [(&str, ComparedFigure); 3] = [
    ("throughput runs", ComparedFigure::Throughput),
    ("latency runs", ComparedFigure::ResponseP50),
    ("searches", ComparedFigure::CapacityUnderSlo),
];

/// Returns true when a figure is taken from the same runs as another.
fn are_of_same_runs(rounds: RoundValues, figure: ComparedFigure, other: ComparedFigure) -> bool {
    let is_searched = |figure| figure == ComparedFigure::CapacityUnderSlo;
    let is_same = |row: &RoundRow| match (figure.run(row), other.run(row)) {
        (Some(run), Some(other)) => std::ptr::eq(run, other),
        _ => is_searched(figure) && is_searched(other),
    };
    rounds.0.rounds.iter().any(is_same)
}

/// Reasons against runs and searches of each kind that are not valid, as far as a used figure is taken from them, and the
/// worst verdict that they lead to.
fn reasons_against_runs(rounds: RoundValues, used: &[ComparedFigure]) -> (Verdict, Vec<String>) {
    let mut reasons = Vec::new();
    let mut verdict = Verdict::Valid;
    let is_used = |figure: ComparedFigure| {
        let mut used = used.iter();
        used.any(|used| are_of_same_runs(rounds, *used, figure))
    };
    for (name, figure) in RUN_FIGURES.into_iter().filter(|(_, own)| is_used(*own)) {
        for (of, what) in [
            (Verdict::Invalid, "invalid and left out"),
            (Verdict::Suspect, "suspect"),
        ] {
            let servers = rounds.compared();
            let found: Vec<(&str, SomeOfServer)> = servers
                .filter_map(|server| Some((server, rounds.runs_with(of, server, figure)?)))
                .collect();
            let Some(example) = found.first().map(|(_, found)| found.reason) else {
                continue;
            };
            verdict = verdict.max(match of {
                Verdict::Invalid if found.iter().any(|(_, f)| f.leaves_too_few()) => of,
                _ => Verdict::Suspect,
            });
            let counts: Vec<_> = found
                .iter()
                .map(|(server, f)| format!("{} of {} of {server}", f.count, f.of))
                .collect();
            reasons.push(format!(
                "{name}: {} are {what}. First reason: {example}",
                counts.join(", ")
            ));
        }
    }
    (verdict, reasons)
}

/// Judges a comparison by its servers, and by the validity of the runs that the used figures are taken from. The reasons
/// against servers come first, because they are what the user can mend.
pub(crate) fn validity(rounds: RoundValues, used: &[ComparedFigure]) -> ValiditySummary {
    let are_two = rounds.compared().count() >= 2;
    let (of_servers, mut reasons) = reasons_against_servers(rounds);
    let (of_runs, against_runs) = reasons_against_runs(rounds, used);
    let mut verdict = of_servers.max(of_runs);
    if !are_two {
        verdict = Verdict::Invalid;
        reasons.insert(0, "fewer than two servers are left to compare".to_owned());
    }
    let mut of_slices = sentences::background(rounds.0);
    if used.iter().any(|figure| figure.is_of_latency_run()) {
        of_slices.extend(sentences::growing_queues(rounds.0));
    }
    if !of_slices.is_empty() {
        verdict = verdict.max(Verdict::Suspect);
    }
    reasons.extend(of_slices);
    reasons.extend(against_runs);
    for server in rounds.compared().filter(|_| are_two) {
        let is_empty = |figure| rounds.values(server, figure).is_empty();
        let rates = capacity_verdicts::rates(rounds.0, server);
        let figures = [
            ComparedFigure::Throughput,
            ComparedFigure::ResponseP50,
            ComparedFigure::DeliveryP50,
        ];
        if figures.into_iter().all(is_empty) && rates.is_empty() {
            verdict = Verdict::Invalid;
            reasons.push(format!("{server} has no round that counts"));
        }
    }
    ValiditySummary {
        verdict,
        reasons,
        found: Vec::new(),
    }
}
