//! Output: lines on standard error, and texts on standard output.

use std::error::Error;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{panic, thread};

/// True when lines to standard error are dropped.
static DROPS_NOTICES: AtomicBool = AtomicBool::new(false);

/// Prints `error: top: cause` on standard error.
pub fn print_error(error: &anyhow::Error) {
    print_notice(&format!("error: {}", in_one_line(error.as_ref())));
}

/// Prints all errors except the last, which is returned. Used to report every file that could not be written.
///
/// # Errors
/// The last error.
pub fn print_all_but_last(errors: impl IntoIterator<Item = anyhow::Error>) -> anyhow::Result<()> {
    let mut errors = errors.into_iter().peekable();
    while let Some(error) = errors.next() {
        if errors.peek().is_none() {
            return Err(error);
        }
        print_error(&error);
    }
    Ok(())
}

/// Prints a line on standard error. A line that cannot be written is dropped, because a closed terminal must not lose
/// the measurement.
pub fn print_notice(text: &str) {
    if !DROPS_NOTICES.load(Ordering::Relaxed) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Drops all further lines to standard error, because writing one would block forever.
pub(crate) fn drop_notices() {
    DROPS_NOTICES.store(true, Ordering::Relaxed);
}

/// Prints a text as [`print_text`] does, while running `work`, so that a slow reader does not delay it. Returns when
/// both are done.
///
/// # Errors
/// The errors of [`print_text`], next to the result of `work`.
pub fn print_text_while<T>(text: &str, work: impl FnOnce() -> T) -> (io::Result<()>, T) {
    thread::scope(|scope| {
        let printing = thread::Builder::new().spawn_scoped(scope, || print_text(text));
        let result = work();
        let printed = match printing {
            Ok(printing) => printing
                .join()
                .unwrap_or_else(|panic| panic::resume_unwind(panic)),
            Err(_) => print_text(text),
        };
        (printed, result)
    })
}

/// Prints a text on standard output, in colour only where supported. A closed pipe or terminal is not an error, because
/// the reader has seen what it needs.
///
/// # Errors
/// When writing to standard output fails for another reason.
pub fn print_text(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if !is_reader_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Returns true when standard output has no reader any more: a closed pipe or terminal.
fn is_reader_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe || is_terminal_gone(error)
}

/// Returns true for the error of a closed terminal. A failing disk gives the same error, but is not a character device.
#[cfg(unix)]
fn is_terminal_gone(error: &io::Error) -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;

    const EIO: i32 = 5;
    let is_device = || {
        let output = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
        io::Result::Ok(output.metadata()?.file_type().is_char_device())
    };
    error.raw_os_error() == Some(EIO) && is_device().unwrap_or(false)
}

#[cfg(not(unix))]
fn is_terminal_gone(_error: &io::Error) -> bool {
    false
}

/// An error and its causes in one line, `top: cause`. Causes whose text is already contained in the line are omitted.
pub fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    for cause in anyhow::Chain::new(error).skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// The error and its causes in one line, with advice behind them where there is any.
pub fn with_advice(error: &(dyn Error + 'static), advice: Option<&str>) -> anyhow::Error {
    let line = in_one_line(error);
    match advice {
        Some(advice) => anyhow::anyhow!("{line} · {advice}"),
        None => anyhow::anyhow!(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_stands_behind_the_causes() {
        let error = anyhow::anyhow!("in use").context("cannot bind a");
        let line = |advice| with_advice(error.as_ref(), advice).to_string();
        assert_eq!(line(Some("try b")), "cannot bind a: in use · try b");
        assert_eq!(line(None), "cannot bind a: in use");
    }

    #[test]
    fn the_last_error_is_left_to_the_caller() {
        let errors = ["a", "b"].map(anyhow::Error::msg);
        assert_eq!(print_all_but_last(errors).unwrap_err().to_string(), "b");
        assert!(print_all_but_last([]).is_ok());
    }

    #[test]
    fn every_cause_is_said_once() {
        let cause = anyhow::anyhow!("no such file");
        let error = cause.context("cannot read a.csv: no such file");
        assert_eq!(
            in_one_line(error.as_ref()),
            "cannot read a.csv: no such file"
        );
        let error = error.context("no picture");
        assert_eq!(
            in_one_line(error.as_ref()),
            "no picture: cannot read a.csv: no such file"
        );
    }
}
