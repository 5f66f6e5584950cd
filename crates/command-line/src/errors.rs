//! An error as the line that a user reads.

use std::error::Error;
use std::io::{self, Write};

/// Prints `error: top: cause` on stderr.
pub fn report(error: &anyhow::Error) {
    // Without a stderr there is nobody to tell.
    let _ = writeln!(
        io::stderr().lock(),
        "error: {}",
        in_one_line(error.as_ref())
    );
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
