//! `ws-truth`: parse, certify, exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{CommandFactory, Parser};
use cli::ExitStatus;
use host::open_files;
use ws_truth::cases::{self, Case};
use ws_truth::finding::{CaseVerdict, Totals};
#[cfg(target_os = "linux")]
use ws_truth::generator_process;

/// Checks ws-bench against a server with known faults and prints a table of reported and true figures
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  ws-truth                          all cases, in about 13 minutes
  ws-truth stall-open stall-closed  two of its cases
  ws-truth --skip sweep             all but one

Exit codes:
  0  all cases are right
  1  a case is wrong or could not run
  2  wrong usage
  5  no case is wrong, but one was too noisy to judge: repeat on an idle machine

Each case has the reported figures beside the true ones, which follow from the server's faults and its log.
Counts must be exact. Times have a tolerance.

A case that this system does not support is reported as skipped. A case is reported as noisy, neither right
nor wrong, when the generator sent late or waited for a core, or when the server could not keep its
schedule. Wrong figures that such noise does not explain are reported as FAILED.")]
struct TruthArgs {
    /// Cases to run [default: all] (example: stall-open)
    #[arg(value_name = "CASE", value_parser = known_cases())]
    cases: Vec<String>,
    /// Case to leave out of all, may be repeated (example: capacity)
    #[arg(long, value_name = "CASE", value_parser = known_cases(), hide_possible_values = true,
        conflicts_with = "cases")]
    skip: Vec<String>,
}

fn known_cases() -> PossibleValuesParser {
    let cases = cases::all();
    let values = cases
        .iter()
        .map(|case| PossibleValue::new(case.name).help(case.truth));
    PossibleValuesParser::new(values)
}

fn main() -> ExitCode {
    cli::run(TruthArgs::command(), |args: TruthArgs| {
        #[cfg(target_os = "linux")]
        if let Ok(url) = std::env::var(generator_process::URL_VARIABLE) {
            let report = generator_process::generate(&url, io::stdin())?;
            writeln!(io::stdout(), "{report}")?;
            return Ok(ExitStatus::Success);
        }
        // Server and clients of a storm are in this process. Cases that need more files are skipped.
        let _ = open_files::raise_limit();
        Ok(match certify(&args)?.verdict() {
            CaseVerdict::True | CaseVerdict::Skipped => ExitStatus::Success,
            CaseVerdict::Failed => ExitStatus::Failed,
            CaseVerdict::Noisy => ExitStatus::Invalid,
        })
    })
}

/// Runs the chosen cases, and prints the table row by row and the totals.
fn certify(args: &TruthArgs) -> anyhow::Result<Totals> {
    let mut out = io::stdout().lock();
    let all = cases::all();
    let is_among = |names: &[String], case: &Case| names.iter().any(|name| name == case.name);
    let chosen = all
        .iter()
        .filter(|case| args.cases.is_empty() || is_among(&args.cases, case))
        .filter(|case| !is_among(&args.skip, case));
    let mut print = |line: String| writeln!(out, "{line}").context("cannot print the certificate");
    print("| case | figure | truth | reported | tolerance | verdict |".to_owned())?;
    print("|---|---|---|---|---|---|".to_owned())?;
    let mut totals = Totals::default();
    for case in chosen {
        let findings = case.run()?;
        totals.add(findings.verdict());
        print(format!("| **{}** | {} | | | | |", case.name, case.truth))?;
        for finding in &findings.all {
            print(format!("| | {finding} |"))?;
        }
        if let Some(why) = &findings.skipped {
            print(format!("| | skipped: {why} | | | | skipped |"))?;
        }
        if let Some(noise) = &findings.noise {
            print(format!("| | too noisy to judge: {noise} | | | | noisy |"))?;
        }
    }
    print(format!("\n{totals}"))?;
    Ok(totals)
}
