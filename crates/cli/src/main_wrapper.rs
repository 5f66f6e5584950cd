//! The body of a `main`: parses, calls the program, prints an error, returns the exit code.

use std::io;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command, FromArgMatches};
use clap_complete::Shell;

use crate::exit_status::ExitStatus;
use crate::help::{COMPLETIONS, MAN_PAGE, with_common_flags};
use crate::man_page::man_page;
use crate::print::{print_error, print_text};

/// Runs a program. `command` has its flags, name and version, and `C` is the type of its parsed arguments.
///
/// The exit code is that of `program`; 1 after its error, which is printed as `error: top: cause`; 2 after a usage
/// error, either clap's own or one that `program` returns as [`clap::Error`]; 0 after `--help`, `--version`,
/// `--completions` and `--man-page`, which need no other argument, even if their reader closes the pipe early.
///
/// The text after the flags in `--help` is clap's `after_help`: paragraphs separated by empty lines. A paragraph whose
/// first line ends with a colon is a section of the manual page and keeps its line breaks. All others are prose.
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
///         Ok(cli::ExitStatus::Success)
///     })
/// }
/// ```
pub fn run<C: FromArgMatches, S: Into<ExitCode>>(
    command: Command,
    program: impl FnOnce(C) -> anyhow::Result<S>,
) -> ExitCode {
    let mut command = with_common_flags(command);
    let matches = match command.try_get_matches_from_mut(std::env::args_os()) {
        Ok(matches) => matches,
        Err(usage) => return print_usage(&with_tip(usage)),
    };
    if let Some(text) = requested_text(&command, &matches) {
        return exit_after(print_text(&text));
    }
    let arguments = C::from_arg_matches(&matches).map_err(|e| e.format(&mut command).into());
    match arguments.and_then(program) {
        Ok(status) => status.into(),
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(usage) => print_usage(&usage),
            Err(error) => {
                print_error(&error);
                ExitStatus::Failed.into()
            }
        },
    }
}

/// The completion script or manual page, if requested.
fn requested_text(command: &Command, matches: &ArgMatches) -> Option<String> {
    if let Some(shell) = matches.get_one::<Shell>(COMPLETIONS) {
        let mut script = Vec::new();
        let name = command.get_name();
        clap_complete::generate(*shell, &mut command.clone(), name, &mut script);
        return Some(String::from_utf8_lossy(&script).into_owned());
    }
    matches.get_flag(MAN_PAGE).then(|| man_page(command))
}

/// The usage error, with what to do about two flags that exclude each other.
fn with_tip(mut usage: clap::Error) -> clap::Error {
    if usage.kind() == ErrorKind::ArgumentConflict {
        let tip = vec!["leave one of them out".into()];
        usage.insert(ContextKind::Suggested, ContextValue::StyledStrs(tip));
    }
    usage
}

/// Prints a usage error, help or version, and returns its exit code.
fn print_usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if error.use_stderr() {
        // The exit code is returned even if the message cannot be printed.
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    } else {
        exit_after(printed.and_then(|()| print_text("")))
    }
}

/// The exit code after printing a text. A closed pipe is not a failure.
fn exit_after(printed: io::Result<()>) -> ExitCode {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            print_error(&anyhow::Error::new(error).context("cannot print"));
            ExitStatus::Failed.into()
        }
        _ => ExitStatus::Success.into(),
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::help::fixtures::command;

    fn requested(line: &[&str]) -> Option<String> {
        let mut command = with_common_flags(command());
        let matches = command.try_get_matches_from_mut(line).unwrap();
        requested_text(&command, &matches)
    }

    #[test]
    fn flags_that_exclude_each_other_had_no_advice() {
        let mut command = with_common_flags(command());
        let line = ["tried", "a.csv", "--man-page"];
        let error = with_tip(command.try_get_matches_from_mut(line).unwrap_err());
        let text = error.to_string();
        assert!(text.contains("tip: leave one of them out"), "{text}");
        let missing = with_tip(command.try_get_matches_from_mut(["tried"]).unwrap_err());
        assert!(!missing.to_string().contains("tip:"), "{missing}");
    }

    #[test]
    fn texts_need_no_other_argument_and_stand_alone() {
        for shell in Shell::value_variants() {
            let script = requested(&["tried", "--completions", &shell.to_string()]).unwrap();
            assert!(script.contains("window"), "{shell}: {script}");
        }
        assert!(requested(&["tried", "--man-page"]).is_some());
        assert_eq!(requested(&["tried", "a.csv"]), None);
        for wrong in [
            vec!["tried"],
            vec!["tried", "a.csv", "--man-page"],
            vec!["tried", "--completions", "bash", "--man-page"],
            vec!["tried", "--completions", "nonsense"],
        ] {
            let result = with_common_flags(command()).try_get_matches_from(&wrong);
            assert_eq!(result.unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }
}
