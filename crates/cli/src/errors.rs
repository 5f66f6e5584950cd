//! An error, or a notice, as the line that a user reads.

use std::error::Error;
use std::io::{self, Write};

/// Prints `error: top: cause` on stderr.
pub fn report(error: &anyhow::Error) {
    say(&format!("error: {}", in_one_line(error.as_ref())));
}

/// Prints a line on stderr. A terminal that is gone is no reason to lose what was measured, so nothing comes
/// of a line that cannot be written.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error and its causes in one line, `top: cause`; what causes repeat of each other in their own words is
/// said once.
#[must_use]
pub fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    for cause in anyhow::Chain::new(error).skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

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
