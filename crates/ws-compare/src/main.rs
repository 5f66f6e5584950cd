//! `ws-compare`: compares WebSocket servers statistically.
//!
//! Every server is restarted in every round and measured in random order. Servers are compared by confidence intervals
//! of ratios.
//!
//! | module | contents |
//! |---|---|
//! | `args` | command line |
//! | `capacity_flags` | flags of a comparison by capacity |
//! | `run` | one comparison, from the checks to the exit code |
//! | `experiment`, `round` | the measurements: pilot and rounds; one server's turn in a round |
//! | `server` | servers to compare: command line, processes |
//! | `gate` | checks of a server before it is measured |
//! | `cpu_split` | cores of the servers and of the generator |
//! | `load_template` | plans of the runs: closed loop, open loop, and the pilot that determines the rate |
//! | `measure`, `steady_state` | one run, and its steady part |
//! | `search` | one search for a capacity |
//! | `round_lines` | lines printed while rounds are measured |
//! | `round_values` | values of the rounds, for the next two modules |
//! | `verdicts`, `fail_if` | figures, intervals and verdicts of all rounds; `--fail-if` |
//! | `capacity_verdicts` | verdicts on capacities |
//! | `saved_runs` | saved runs and saved comparisons instead of measured ones |
//! | `sentences`, `text`, `page`, `forest` | sentences common to the reports; the reports; the forest plot |
//! | `outputs` | files |
//! | `progress`, `interrupt` | progress display; Ctrl-C |

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

mod args;
mod capacity_flags;
mod capacity_verdicts;
mod cpu_split;
mod experiment;
mod fail_if;
mod forest;
mod gate;
mod interleaved;
mod interrupt;
mod load_template;
mod measure;
mod outputs;
mod page;
mod process_figures;
mod progress;
mod round;
mod round_lines;
mod round_values;
mod run;
mod saved_runs;
mod search;
mod sentences;
mod server;
mod steady_state;
mod text;
mod validity;
mod verdicts;

use std::process::ExitCode;

use anyhow::Context;
use args::CompareArgs;
use clap::CommandFactory;

fn main() -> ExitCode {
    if let Some(error) = args::bench_flag_refusal(std::env::args_os()) {
        cli::print_error(&error);
        return cli::ExitStatus::Usage.into();
    }
    cli::run(CompareArgs::command(), |mut args: CompareArgs| {
        if args.json_schema {
            cli::print_text(results::write::COMPARISON_SCHEMA)
                .context("cannot print the schema")?;
            return Ok(cli::ExitStatus::Success);
        }
        args.load_scenario()?;
        interrupt::until_second(move |stop| run::run(&args, stop))
    })
}
