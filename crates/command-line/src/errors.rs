//! An error as the line that a user reads.

use std::io::{self, Write};

/// Prints `error: top: cause` on stderr.
pub fn report(error: &anyhow::Error) {
    // Without a stderr there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "error: {}", in_one_line(error));
}

/// An error and its causes; those that repeat their causes in their own words say it once.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
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
        assert_eq!(in_one_line(&error), "cannot read a.csv: no such file");
        let error = error.context("no picture");
        assert_eq!(
            in_one_line(&error),
            "no picture: cannot read a.csv: no such file"
        );
    }
}
