//! What the command lines of all programs share.
//!
//! [`run`] is the whole of a `main`: it parses, calls, prints an error and gives the exit code. To every
//! program's flags it adds those that are the same everywhere: `--help`, `--version`, `--completions`
//! and `--man-page`, the last two made from the same [`Command`] that parses.
//!
//! | module | what lives there |
//! |---|---|
//! | `documents` | the flags that print a text about the program, and those texts |
//! | `sections` | examples and exit codes: one text for `--help` and the manual page |
//! | `errors` | an error, or a notice, as the line that a user reads |
//! | `preflight` | room for the connections of a run |
//!
//! Only programs use this, never code that others call; so errors are `anyhow`'s, as in theirs.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod documents;
mod errors;
mod preflight;
mod sections;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Command, FromArgMatches};

pub use errors::{in_one_line, report, say};
pub use preflight::check_room;

/// Runs a program whose flags, name and version are `command` and whose arguments, parsed, are a `C`.
///
/// The exit code is what `program` gives; 1 after its error, which is printed as `error: top: cause`; 2 after
/// a usage error, clap's own or one that `program` returns as [`clap::Error`]; 0 after `--help`,
/// `--version`, `--completions` and `--man-page`, which need no other argument, and also when nobody reads
/// to their end.
///
/// What stands behind the flags in `--help` is clap's `after_help`: paragraphs with an empty line between
/// them. One whose first line ends in a colon is a section of the manual page, its lines as they stand;
/// any other one is prose.
///
/// ```
/// use std::process::ExitCode;
/// use clap::{CommandFactory, Parser};
///
/// /// Greets
/// #[derive(Parser)]
/// #[command(version, after_help = "Examples:\n  greet world   an easy one")]
/// struct Args {
///     name: Option<String>,
/// }
///
/// fn main() -> ExitCode {
///     cli::run(Args::command(), |args: Args| {
///         eprintln!("hello {}", args.name.as_deref().unwrap_or("you"));
///         Ok(ExitCode::SUCCESS)
///     })
/// }
/// ```
pub fn run<C: FromArgMatches>(
    command: Command,
    program: impl FnOnce(C) -> anyhow::Result<ExitCode>,
) -> ExitCode {
    match parse(command, std::env::args_os()) {
        Ok(Asked::Run(arguments)) => match program(arguments) {
            Ok(code) => code,
            Err(error) => match error.downcast::<clap::Error>() {
                Ok(usage) => told(&usage),
                Err(error) => {
                    report(&error);
                    ExitCode::FAILURE
                }
            },
        },
        Ok(Asked::Text(text)) => printed(io::stdout().lock().write_all(text.as_bytes())),
        Err(usage) => told(&usage),
    }
}

/// What somebody wants who typed this.
enum Asked<C> {
    /// The program to do its work.
    Run(C),
    /// A text about it, on stdout.
    Text(String),
}

/// # Errors
/// A usage error, or the text of `--help` or `--version`.
fn parse<C: FromArgMatches>(
    command: Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Asked<C>, clap::Error> {
    let mut command = documents::with_flags(command);
    let matches = command.try_get_matches_from_mut(arguments)?;
    if let Some(text) = documents::asked_for(&command, &matches) {
        return Ok(Asked::Text(text));
    }
    match C::from_arg_matches(&matches) {
        Ok(arguments) => Ok(Asked::Run(arguments)),
        Err(error) => Err(error.format(&mut command)),
    }
}

/// The exit code after a usage error, or after help or version, has been printed.
fn told(error: &clap::Error) -> ExitCode {
    let result = error.print();
    if error.use_stderr() {
        // Who cannot read what is wrong still gets the code.
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    } else {
        printed(result)
    }
}

/// The exit code after a text was printed; a reader that has seen enough is no failure.
fn printed(result: io::Result<()>) -> ExitCode {
    match result.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            report(&anyhow::Error::new(error).context("cannot print"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
