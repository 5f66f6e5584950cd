//! Saved runs of ws-bench as the rounds of a comparison, and saved comparisons read back.

use std::path::{Path, PathBuf};

use cli::in_one_line;
use measurement::run::Summary;
use measurement::run::comparison::{
    CandidateRow, ComparedFigure, ComparisonPlan, RoundRow, RunRow, Steadiness,
};
use wording::run_differences::{Impact, differences};

use crate::judge::{self, Measured};
use crate::measure::tool;
use crate::server::spec::named;

/// Facts in which runs of different servers may differ, though other instruments measured them: what
/// is looked at is the server, and the figures are of it.
const MAY_DIFFER: [&str; 0] = [];

/// Facts that ws-bench's report may take lightly, but by which figures cannot be paired.
const MUST_AGREE: [&str; 3] = ["length", "warm-up", "timeout"];

/// The runs of one server.
#[derive(Debug)]
struct Side {
    name: String,
    files: Vec<PathBuf>,
}

/// Reads the files, one argument a server: `FILE`, or `NAME=FILE,FILE,…`. A single file is a comparison
/// that was saved.
///
/// # Errors
/// When a file cannot be read, or the runs cannot be compared, naming the difference.
pub fn read(arguments: &[String], reference: Option<&str>) -> Result<Measured, String> {
    if let [only] = arguments
        && let path = Path::new(only)
        && results::read::is_comparison(path).map_err(|e| in_one_line(&e))?
    {
        let c = results::read::read_comparison(path).map_err(|e| in_one_line(&e))?;
        let asked = c
            .servers
            .iter()
            .find(|s| Some(s.name.as_str()) == reference);
        if let Some(why) = asked.and_then(|s| s.excluded.as_ref()) {
            return Err(format!(
                "`{}` was left out of that comparison, so nothing can be compared with it: {why}",
                reference.unwrap_or_default()
            ));
        }
        let mut plan = c.plan;
        if let Some(reference) = reference {
            reference.clone_into(&mut plan.reference);
        }
        return Ok(Measured {
            tool: c.tool,
            host: c.host,
            started_at: c.started_at,
            elapsed_s: c.elapsed_s,
            plan,
            servers: c.servers,
            rounds: c.rounds,
            interrupted: c.interrupted,
        });
    }
    let sides = arguments
        .iter()
        .map(|a| side(a))
        .collect::<Result<Vec<_>, _>>()?;
    let mut runs: Vec<(usize, &Path, Summary)> = Vec::new();
    for (number, side) in sides.iter().enumerate() {
        for path in &side.files {
            if results::read::is_comparison(path).map_err(|e| in_one_line(&e))? {
                return Err(format!(
                    "{} is a comparison, not a run: one that was saved is read alone, without a name",
                    path.display()
                ));
            }
            let run = results::read::read_run(path).map_err(|e| in_one_line(&e))?;
            let summary = run.summary.ok_or_else(|| {
                format!(
                    "{} holds no summary of a run: give its .json or .xlsx",
                    path.display()
                )
            })?;
            runs.push((number, path, summary));
        }
    }
    let counts: Vec<usize> = sides.iter().map(|side| side.files.len()).collect();
    if counts.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(format!(
            "the runs are paired in their order, so every server needs as many: there are {}",
            sides
                .iter()
                .map(|side| format!("{} of {}", side.files.len(), side.name))
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    comparable(&runs)?;
    measured(&sides, &runs, reference)
}

fn side(argument: &str) -> Result<Side, String> {
    // A name of a file may have a `=`; whoever has such files can name them `a=x=y.json`.
    let (name, files) = if argument.contains('=') {
        let (name, files) =
            named(argument, "a=first.json,second.json").map_err(|e| e.to_string())?;
        (name.to_owned(), files)
    } else {
        let first = argument.split(',').next().unwrap_or_default();
        let stem = Path::new(first).file_stem().unwrap_or_default();
        (as_name(&stem.to_string_lossy()), argument)
    };
    let files: Vec<PathBuf> = files
        .split(',')
        .filter(|file| !file.is_empty())
        .map(PathBuf::from)
        .collect();
    if files.is_empty() {
        return Err(format!("`{argument}` names no file"));
    }
    Ok(Side { name, files })
}

/// A name that may stand in a condition.
fn as_name(stem: &str) -> String {
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let name: String = stem.chars().map(allowed).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("run_{name}")
    }
}

/// Whether the runs answer the same question, asked by the same means.
fn comparable(runs: &[(usize, &Path, Summary)]) -> Result<(), String> {
    let summaries: Vec<&Summary> = runs.iter().map(|(.., s)| s).collect();
    if let Some((_, path, s)) = runs.iter().find(|(.., s)| s.schema != summaries[0].schema) {
        return Err(format!(
            "{} has the schema {} and {} the schema {}: measure both with the same ws-bench",
            runs[0].1.display(),
            summaries[0].schema,
            path.display(),
            s.schema
        ));
    }
    let differences = differences(&summaries);
    let refused = differences.iter().find(|d| {
        let bears = d.impact != Impact::Subject || MUST_AGREE.contains(&d.what);
        bears && !MAY_DIFFER.contains(&d.what)
    });
    let Some(difference) = refused else {
        return Ok(());
    };
    let first = &difference.values[0];
    let other = difference
        .values
        .iter()
        .position(|v| v != first)
        .unwrap_or(0);
    Err(format!(
        "{} and {} cannot be compared: {} is {first} in the one and {} in the other",
        runs[0].1.display(),
        runs[other].1.display(),
        difference.what,
        difference.values[other]
    ))
}

fn measured(
    sides: &[Side],
    runs: &[(usize, &Path, Summary)],
    reference: Option<&str>,
) -> Result<Measured, String> {
    let mut rounds = Vec::new();
    let mut counts = vec![0_u32; sides.len()];
    for (side, _, summary) in runs {
        counts[*side] += 1;
        rounds.push(row(&sides[*side].name, counts[*side], summary));
    }
    rounds.sort_by_key(|row: &RoundRow| row.round);
    let first = &runs[0].2;
    let server = |side: &Side| {
        let of_it = runs
            .iter()
            .find(|(number, ..)| sides[*number].name == side.name);
        CandidateRow {
            name: side.name.clone(),
            command: None,
            url: of_it.map(|(.., s)| s.plan.url.clone()).unwrap_or_default(),
            files: side.files.iter().map(|f| f.display().to_string()).collect(),
            pilot_messages_per_s: None,
            excluded: None,
        }
    };
    let rounds_each = counts.first().copied().unwrap_or(0);
    Ok(Measured {
        tool: tool(),
        host: first.host.clone(),
        started_at: first.started_at.clone(),
        elapsed_s: runs.iter().map(|(.., s)| s.elapsed_s).sum(),
        plan: ComparisonPlan {
            load: first.plan.clone(),
            rate_per_s: first.offered_rate_per_s,
            rate_was_found: false,
            rounds: rounds_each,
            until_sure_percent: None,
            max_rounds: rounds_each,
            seed: first.plan.seed,
            confidence: judge::CONFIDENCE,
            figures: ComparedFigure::ALL.to_vec(),
            reference: reference.unwrap_or(&sides[0].name).to_owned(),
            server_cores: Vec::new(),
            generator_cores: first.plan.pinned_to.clone(),
        },
        servers: sides.iter().map(server).collect(),
        rounds,
        interrupted: false,
    })
}

/// A run as a server's round: of a closed loop its capacity, of an open one its latency.
fn row(server: &str, round: u32, summary: &Summary) -> RoundRow {
    let run = Some(run_row(summary));
    let is_open = summary.offered_rate_per_s.is_some();
    let (capacity, latency) = if is_open { (None, run) } else { (run, None) };
    RoundRow {
        round,
        server: server.to_owned(),
        turn: 1,
        seed: summary.plan.seed,
        ready_s: None,
        failure: None,
        capacity,
        latency,
        memory_per_connection_bytes: None,
    }
}

#[allow(clippy::cast_precision_loss)]
fn run_row(s: &Summary) -> RunRow {
    let m = &s.messages;
    let times = &s.response_time_ns;
    let exact = |ns: Option<u64>| ns.map(|ns| ns as f64);
    RunRow {
        verdict: s.validity.verdict,
        reasons: s.validity.reasons.clone(),
        timed_messages: times.count,
        failed_messages: m.lost + m.corrupted + m.timed_out + m.unsent,
        elapsed_s: s.elapsed_s,
        steadiness: Steadiness::Unknown,
        cut_s: None,
        messages_per_s: s.throughput.messages_per_s,
        p50_ns: exact(times.p50),
        p99_ns: exact(times.p99),
        p99_9_ns: exact(times.p99_9),
        server_cpu_s: s.server.as_ref().map(|server| server.cpu_s),
        messages_per_cpu_s: s
            .server
            .as_ref()
            .and_then(|server| server.messages_per_cpu_s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_names_that_can_stand_in_conditions() {
        assert_eq!(as_name("before"), "before");
        assert_eq!(as_name("2026 run.1"), "run_2026_run_1");
        let both = side("a=x.json,y.json").unwrap();
        assert_eq!((both.name.as_str(), both.files.len()), ("a", 2));
        assert_eq!(side("runs/after.json").unwrap().name, "after");
        assert!(side("a=").is_err());
        assert!(side("1=x.json").is_err());
    }
}
