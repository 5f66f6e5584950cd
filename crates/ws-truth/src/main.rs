//! Prints the certificate.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use ws_truth::cases::{self, Case};

/// Certifies that ws-bench reports the truth: a server does wrong on purpose and logs it, arithmetic
/// says what must come out, and a table shows both.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 all reports are true · 1 one is not, or a case could not run"
)]
struct Args {
    /// Cases to try [default: all] (example: stall-open)
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
}

fn main() -> ExitCode {
    match certify(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table, row by row; whether all of it is true.
fn certify(args: &Args) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    let chosen = chosen(&args.cases)?;
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

fn chosen(names: &[String]) -> anyhow::Result<Vec<Case>> {
    let all = cases::all();
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| {
        let known = || all.iter().map(|c| c.name).collect::<Vec<_>>().join(", ");
        let case = all.iter().find(|c| c.name == name.as_str()).copied();
        case.with_context(|| format!("there is no case `{name}`; known are {}", known()))
    };
    names.iter().map(find).collect()
}
