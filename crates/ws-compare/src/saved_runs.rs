//! Saved runs of ws-bench used as rounds of a comparison, and saved comparisons.

use std::path::{Path, PathBuf};

use cli::in_one_line;
use measurement::plan::DropMethod;
use measurement::run::comparison::{
    CandidateRow, ComparedFigure, Comparison, ComparisonPlan, RoundRow, SCHEMA, set_slice_ratios,
};
use measurement::run::{ConnectionPlanSummary, DropSummary, PlanSummary, Summary};
use results::ResultsError;
use results::read::{RunPart, encoding_of, is_comparison, read_comparison, read_run};
use wording::run_differences::{Impact, POLICIES, differences};

use crate::measure::{describe_faults, whole_row};
use crate::round::empty_row;
use crate::round_values::CONFIDENCE;
use crate::search::search_row;
use crate::server::candidate::split_name;
use crate::server::failure::{ServerFailure, TurnTaking};
use crate::verdicts::new_comparison;

/// Settings that need not agree in a report of ws-bench, but must in paired runs.
const MUST_AGREE: [&str; 3] = ["length", "warm-up", "timeout"];

/// Saved runs that are not compared, in words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SavedRunsError {
    /// A file is missing, or the system does not let it be read.
    #[error("{0}")]
    Unreadable(String),
    /// Wrong usage: runs that cannot be compared, and files of something else.
    #[error("{0}")]
    Refused(String),
}

impl From<String> for SavedRunsError {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

fn unreadable(error: &ResultsError) -> SavedRunsError {
    let line = in_one_line(error);
    match error {
        ResultsError::Read(..) | ResultsError::Damaged(..) => SavedRunsError::Unreadable(line),
        _ => SavedRunsError::Refused(line),
    }
}

struct SavedRuns {
    name: String,
    /// The runs with their files; at least one.
    runs: Vec<(PathBuf, Summary)>,
}

/// Reads the files. Each argument is a server: `FILE`, or `NAME=FILE,FILE,…`. A single file is a saved comparison. The
/// verdicts must be computed again.
///
/// # Errors
/// The difference is named when runs cannot be compared.
pub(crate) fn read(
    arguments: &[String],
    reference: Option<&str>,
) -> Result<Comparison, SavedRunsError> {
    if let [only] = arguments
        && let path = Path::new(only)
        && is_comparison(path).map_err(|error| unreadable(&error))?
    {
        return read_one(path, reference);
    }
    let named: Vec<_> = arguments
        .iter()
        .map(|argument| name_and_files(argument))
        .collect::<Result<_, _>>()?;
    let mut servers = Vec::new();
    for (name, files) in named {
        let read = |path: PathBuf| read_summary(&path).map(|summary| (path, summary));
        let runs = files.into_iter().map(read);
        let runs = runs.collect::<Result<_, SavedRunsError>>()?;
        servers.push(SavedRuns { name, runs });
    }
    check_pairs(&servers)?;
    check_comparable(&servers)?;
    Ok(comparison(&servers, reference))
}

/// A notice for each file of these arguments that was converted from another encoding.
pub(crate) fn decoded_files(arguments: &[String]) -> Vec<String> {
    let files = arguments
        .iter()
        .flat_map(|argument| match Path::new(argument) {
            path if path.exists() => vec![path.to_owned()],
            _ => name_and_files(argument).map_or_else(|_| Vec::new(), |(_, files)| files),
        });
    let sentence = |path: PathBuf| {
        let encoding = encoding_of(&path).ok()??;
        Some(wording::files::encoding(
            &path.display().to_string(),
            encoding,
        ))
    };
    files.filter_map(sentence).collect()
}

fn read_one(path: &Path, reference: Option<&str>) -> Result<Comparison, SavedRunsError> {
    let mut comparison = read_comparison(path).map_err(|error| unreadable(&error))?;
    if let Some(reference) = reference {
        let mut servers = comparison.servers.iter();
        let asked = servers.find(|server| server.name == reference);
        if let Some(why) = asked.and_then(|server| server.excluded.as_ref()) {
            return Err(SavedRunsError::Refused(format!(
                "`{reference}` was left out of that comparison, so nothing can be compared with it: {why}"
            )));
        }
        reference.clone_into(&mut comparison.plan.reference);
        set_slice_ratios(&mut comparison.rounds, reference);
    }
    comparison.schema = SCHEMA;
    Ok(comparison)
}

fn read_summary(path: &Path) -> Result<Summary, SavedRunsError> {
    if is_comparison(path).map_err(|error| unreadable(&error))? {
        return Err(SavedRunsError::Refused(format!(
            "{} is a comparison, not a run: give a saved comparison alone, without a name",
            path.display()
        )));
    }
    let run = read_run(path, &[RunPart::Summary]).map_err(|error| unreadable(&error))?;
    run.summary.ok_or_else(|| {
        SavedRunsError::Refused(format!(
            "{} holds no summary of a run: give its .json or .xlsx",
            path.display()
        ))
    })
}

fn name_and_files(argument: &str) -> Result<(String, Vec<PathBuf>), String> {
    // A file name that contains `=` needs a name before it: `a=x=y.json`.
    let (name, files) = if argument.contains('=') {
        let (name, files) =
            split_name(argument, "a=first.json,second.json").map_err(|e| e.to_string())?;
        (name.to_owned(), files)
    } else {
        let first = argument.split(',').next().unwrap_or_default();
        let stem = Path::new(first).file_stem().unwrap_or_default();
        (as_name(&stem.to_string_lossy()), argument)
    };
    let files = files.split(',').filter(|file| !file.is_empty());
    let files: Vec<PathBuf> = files.map(PathBuf::from).collect();
    if files.is_empty() {
        return Err(format!("`{argument}` names no file"));
    }
    Ok((name, files))
}

/// Converts a file name to a name that is valid in conditions.
fn as_name(stem: &str) -> String {
    let name = stem.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("run_{name}")
    }
}

fn check_pairs(servers: &[SavedRuns]) -> Result<(), String> {
    let count = |server: &SavedRuns| server.runs.len();
    let first = count(&servers[0]);
    if servers.iter().all(|server| count(server) == first) {
        return Ok(());
    }
    let counts = servers
        .iter()
        .map(|server| format!("{} of {}", count(server), server.name));
    Err(format!(
        "runs are paired in their order, so every server needs as many files: there are {}",
        counts.collect::<Vec<_>>().join(", ")
    ))
}

/// Checks that all runs have the same load and were measured in the same way.
fn check_comparable(servers: &[SavedRuns]) -> Result<(), String> {
    let runs = servers.iter().flat_map(|server| &server.runs);
    let (paths, summaries): (Vec<_>, Vec<_>) = runs
        .map(|(path, summary)| (path.display(), summary))
        .unzip();
    let schema = summaries[0].schema;
    if let Some(other) = summaries.iter().position(|s| s.schema != schema) {
        return Err(format!(
            "{} has the schema {schema} and {} the schema {}: measure both with the same ws-bench",
            paths[0], paths[other], summaries[other].schema
        ));
    }
    let differences = differences(&summaries);
    let refused = differences
        .iter()
        .find(|d| d.impact != Impact::Subject || MUST_AGREE.contains(&d.what));
    let Some(difference) = refused else {
        return servers.iter().try_for_each(check_policy);
    };
    let values = &difference.values;
    let other = values.iter().position(|value| *value != values[0]);
    let other = other.unwrap_or(0);
    Err(format!(
        "{} and {} cannot be compared: {} is {} in the first and {} in the second",
        paths[0], paths[other], difference.what, values[0], values[other]
    ))
}

/// Checks that the runs of one server have the same policy of the clients. Those of two servers may differ in it.
fn check_policy(server: &SavedRuns) -> Result<(), String> {
    let summaries: Vec<_> = server.runs.iter().map(|(_, summary)| summary).collect();
    let differences = differences(&summaries);
    let mut policies = differences.iter();
    match policies.find(|d| POLICIES.contains(&d.what)) {
        None => Ok(()),
        Some(difference) => Err(format!(
            "the runs of {} differ in `{}`: give each policy a name of its own",
            server.name, difference.what
        )),
    }
}

/// The policies in which the servers differ, one text for each server: `reconnect now`; all are `None` without a difference.
fn policies(servers: &[SavedRuns]) -> Vec<Option<String>> {
    let firsts: Vec<_> = servers.iter().map(|server| &server.runs[0].1).collect();
    let mut differences = differences(&firsts);
    differences.retain(|d| POLICIES.contains(&d.what));
    let policy = |index: usize| {
        let parts = differences.iter();
        let parts: Vec<_> = parts
            .map(|d| format!("{} {}", d.what, d.values[index]))
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    };
    (0..servers.len()).map(policy).collect()
}

/// The plan without the law of reconnects and the method of the drop, which are those of each server.
fn without_policy(plan: &PlanSummary) -> PlanSummary {
    let mut plan = plan.clone();
    if let Some(rules) = &mut plan.connections {
        rules.reconnect = None;
        rules.drop = rules.drop.map(|drop| DropSummary {
            method: DropMethod::Reset,
            ..drop
        });
    }
    plan
}

fn comparison(servers: &[SavedRuns], reference: Option<&str>) -> Comparison {
    let rounds_each = servers[0].runs.len();
    let rows = (0..rounds_each).flat_map(|index| {
        servers
            .iter()
            .map(move |server| round_row(&server.name, index, &server.runs[index]))
    });
    let policies = policies(servers);
    let load = &servers[0].runs[0].1.plan;
    let load = match policies[0] {
        Some(_) => without_policy(load),
        None => load.clone(),
    };
    let candidate = |(server, policy): (&SavedRuns, Option<String>)| {
        let files = server
            .runs
            .iter()
            .map(|(path, _)| path.display().to_string());
        CandidateRow {
            name: server.name.clone(),
            url: wording::plan::server_urls(&server.runs[0].1.plan),
            files: files.collect(),
            policy,
            ..CandidateRow::default()
        }
    };
    let (_, first) = &servers[0].runs[0];
    let rounds = u32::try_from(rounds_each).unwrap_or(u32::MAX);
    let plan = ComparisonPlan {
        load,
        // The rate of a search is that of its last step.
        rate_per_s: first
            .offered_rate_per_s
            .filter(|_| first.capacity.is_none()),
        rate_was_found: false,
        rounds,
        until_sure_percent: None,
        max_rounds: rounds,
        seed: first.plan.seed,
        confidence: CONFIDENCE,
        figures: figures_of(first).to_vec(),
        reference: reference.unwrap_or(&servers[0].name).to_owned(),
        server_cores: Vec::new(),
        generator_cores: first.plan.pinned_to.clone(),
        gate: None,
        slice_s: None,
        budget_s: None,
    };
    let candidates = servers.iter().zip(policies).map(candidate).collect();
    let (host, started_at) = (first.host.clone(), first.started_at.clone());
    let runs = servers.iter().flat_map(|server| &server.runs);
    Comparison {
        elapsed_s: runs.map(|(_, summary)| measured_s(summary)).sum(),
        scenario: first.scenario.clone(),
        ..new_comparison(host, started_at, plan, candidates, rows.collect())
    }
}

/// The time of a run. That of a search is more than the step whose figures the summary has.
fn measured_s(summary: &Summary) -> f64 {
    let search = summary.capacity.as_ref().map(|own| own.took_s);
    search.unwrap_or(summary.elapsed_s)
}

/// The figures of runs like this one.
fn figures_of(summary: &Summary) -> Vec<ComparedFigure> {
    if summary.capacity.is_some() {
        return ComparedFigure::OF_SEARCHES.to_vec();
    }
    let of_messages = match (&summary.fan_out, &summary.push) {
        (Some(_), Some(_)) => ComparedFigure::OF_ROOMS_AND_FEEDS,
        (Some(_), None) => ComparedFigure::OF_ROOMS,
        (None, Some(_)) if summary.messages.sent == 0 => ComparedFigure::OF_FEEDS,
        (None, Some(_)) => ComparedFigure::OF_ROOMS_AND_FEEDS,
        (None, None) => ComparedFigure::OF_MESSAGES,
    };
    let replaces = summary.plan.connections.as_ref();
    let replaces = replaces.is_some_and(ConnectionPlanSummary::replaces);
    let of_connections = replaces.then_some(ComparedFigure::OF_CONNECTIONS);
    [of_messages, of_connections.unwrap_or_default()].concat()
}

/// A run as the round of a server: its throughput if in closed loop, its latency if in open loop, its capacity if searched. A run with faults is a
/// failed round, as in a live comparison.
fn round_row(server: &str, index: usize, (path, summary): &(PathBuf, Summary)) -> RoundRow {
    let round = u32::try_from(index + 1).unwrap_or(u32::MAX);
    let mut row = empty_row(server, round, 1, summary.plan.seed);
    if let Some(faults) = describe_faults(summary) {
        let name = server.to_owned();
        let failure = ServerFailure::UnderLoad {
            name,
            faults,
            ends_early: false,
            turns: TurnTaking::Alone,
        };
        row.failure = Some(format!("{failure}; saved in {}", path.display()));
        return row;
    }
    if let Some(search) = search_row(summary) {
        row.capacity_under_slo = Some(search);
        return row;
    }
    let run = Some(whole_row(summary));
    if summary.offered_rate_per_s.is_some() {
        row.latency = run;
    } else {
        row.throughput = run;
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_names_that_can_stand_in_conditions() {
        assert_eq!(as_name("before"), "before");
        assert_eq!(as_name("2026 run.1"), "run_2026_run_1");
        let both = name_and_files("a=x.json,y.json").unwrap();
        assert_eq!((both.0.as_str(), both.1.len()), ("a", 2));
        assert_eq!(name_and_files("runs/after.json").unwrap().0, "after");
        assert!(name_and_files("a=").is_err());
        assert!(name_and_files("1=x.json").is_err());
    }
}
