//! Prints the certificate.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{CommandFactory, Parser};
use ws_truth::cases;

/// Certifies that ws-bench reports the truth: a server does wrong on purpose and logs it, arithmetic
/// says what must come out, and a table shows both.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  ws-truth                          the whole certificate, in about 100 s
  ws-truth stall-open stall-closed  two of its cases

Exit codes:
  0  all reports are true
  1  one is not, or a case could not run
  2  usage")]
struct Args {
    /// Cases to try [default: all] (example: stall-open)
    #[arg(value_name = "CASE", value_parser = known_cases())]
    cases: Vec<String>,
}

fn known_cases() -> PossibleValuesParser {
    let cases = cases::all();
    let values = cases
        .iter()
        .map(|case| PossibleValue::new(case.name).help(case.truth));
    PossibleValuesParser::new(values)
}

fn main() -> ExitCode {
    command_line::run(Args::command(), |args: Args| {
        Ok(match certify(&args)? {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    })
}

/// Prints the table, row by row; whether all of it is true.
fn certify(args: &Args) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    let all = cases::all();
    let chosen = all
        .iter()
        .filter(|case| args.cases.is_empty() || args.cases.iter().any(|name| name == case.name));
    let mut print = |line: String| writeln!(out, "{line}").context("cannot print the certificate");
    print("| case | figure | truth | reported | tolerance | verdict |".to_owned())?;
    print("|---|---|---|---|---|---|".to_owned())?;
    let mut all_true = true;
    for case in chosen {
        let findings = case.run()?;
        all_true &= findings.all_hold();
        print(format!("| **{}** | {} | | | | |", case.name, case.truth))?;
        for check in &findings.checks {
            print(format!("| | {check} |"))?;
        }
        if let Some(noise) = &findings.noise {
            print(format!(
                "| | too noisy to compare: {noise} | | | | **FAILED** |"
            ))?;
        }
    }
    Ok(all_true)
}
