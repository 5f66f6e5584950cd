//! A truth beside a report, and how far they may differ.

use std::fmt;

use units::counted;

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Messages, connections.
    Count,
    /// Milliseconds.
    Ms,
    /// A share in percent.
    Percent,
    /// A number without a unit.
    Number,
}

impl Unit {
    /// Read from the clock, so that a generator that is held up reads something else.
    #[must_use]
    pub fn is_of_the_clock(self) -> bool {
        matches!(self, Self::Ms | Self::Percent)
    }
}

/// What is to be said of a figure, or of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The report is true.
    True,
    /// The machine was too noisy to tell.
    Noisy,
    /// The report is not true.
    Failed,
}

/// One figure of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Which figure.
    pub what: String,
    /// What it must be.
    pub truth: f64,
    /// What the instrument says.
    pub reported: f64,
    /// How far they may differ.
    pub tolerance: f64,
    /// What all three are counted in.
    pub unit: Unit,
    /// It was read from the clock while the generator, by its own account, was held up.
    pub held_up: bool,
}

impl Check {
    /// Whether the report is true. Only a figure that there is can be wrong for noise.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if (self.truth - self.reported).abs() <= self.tolerance {
            Verdict::True
        } else if self.held_up && self.truth.is_finite() && self.reported.is_finite() {
            Verdict::Noisy
        } else {
            Verdict::Failed
        }
    }

    fn print(&self, value: f64) -> String {
        match self.unit {
            Unit::Count => format!("{value:.0}"),
            Unit::Ms => format!("{value:.2} ms"),
            Unit::Percent => format!("{value:.2} %"),
            Unit::Number => format!("{value:.3}"),
        }
    }
}

/// A row of the certificate: figure, truth, reported, tolerance, verdict.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tolerance = match self.tolerance {
            0.0 => "exact".to_owned(),
            t => format!("± {}", self.print(t)),
        };
        write!(
            f,
            "{} | {} | {} | {tolerance} | {}",
            self.what,
            self.print(self.truth),
            self.print(self.reported),
            match self.verdict() {
                Verdict::True => "ok",
                Verdict::Noisy => "noisy",
                Verdict::Failed => "**FAILED**",
            }
        )
    }
}

/// What one run of a case found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Its figures.
    pub checks: Vec<Check>,
    /// Why not all of them can be compared: the machine was too noisy.
    pub noise: Option<String>,
    /// Whether the generator, by its own account, was held up in what is looked at now.
    pub(crate) held_up: bool,
}

impl Findings {
    /// A count that must be exact.
    pub fn count(&mut self, what: &str, truth: u64, reported: u64) {
        self.near(what, Unit::Count, truth as f64, reported as f64, 0.0);
    }

    /// A figure that may differ by so much.
    pub fn near(&mut self, what: &str, unit: Unit, truth: f64, reported: f64, tolerance: f64) {
        self.checks.push(Check {
            what: what.to_owned(),
            truth,
            reported,
            tolerance,
            unit,
            held_up: self.held_up && unit.is_of_the_clock(),
        });
    }

    /// What is to be said of all of it. Noise is no excuse for a figure that does not come from it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let any = |verdict| self.checks.iter().any(|check| check.verdict() == verdict);
        // Nothing looked at is nothing certified.
        if any(Verdict::Failed) || self.checks.is_empty() {
            Verdict::Failed
        } else if any(Verdict::Noisy) || self.noise.is_some() {
            Verdict::Noisy
        } else {
            Verdict::True
        }
    }
}

/// The verdicts on all cases of a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    cases: usize,
    noisy: usize,
    failed: usize,
}

impl Totals {
    /// Counts one case more.
    pub fn add(&mut self, verdict: Verdict) {
        self.cases += 1;
        match verdict {
            Verdict::True => {}
            Verdict::Noisy => self.noisy += 1,
            Verdict::Failed => self.failed += 1,
        }
    }

    /// What is to be said of the certificate: the worst of its cases.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (self.failed, self.noisy) {
            (0, 0) => Verdict::True,
            (0, _) => Verdict::Noisy,
            _ => Verdict::Failed,
        }
    }
}

/// The last line of the certificate, with what to do.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |n: usize| {
            let verb = if n == 1 { "was" } else { "were" };
            format!("{n} of {} {verb}", counted(self.cases as u64, "case"))
        };
        let mut said = Vec::new();
        let all_true = self.cases - self.noisy - self.failed;
        if all_true > 0 {
            said.push(format!("{} true", of(all_true)));
        }
        if self.failed > 0 {
            said.push(format!("{} not true: see FAILED", of(self.failed)));
        }
        if self.noisy > 0 {
            said.push(format!(
                "{} too noisy to judge: run again on a quiet machine",
                of(self.noisy)
            ));
        }
        f.write_str(&said.join(" · "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_true_within_its_tolerance_only() {
        let mut findings = Findings::default();
        assert_eq!(
            findings.verdict(),
            Verdict::Failed,
            "nothing looked at is nothing certified"
        );
        findings.count("lost", 10, 10);
        findings.near("p99", Unit::Ms, 450.0, 452.0, 3.0);
        assert_eq!(findings.verdict(), Verdict::True);
        findings.count("lost", 10, 9);
        assert_eq!(findings.verdict(), Verdict::Failed);
        assert!(
            findings.checks[2]
                .to_string()
                .ends_with("| exact | **FAILED**")
        );
    }

    /// A case in which the generator was held up.
    fn held_up() -> Findings {
        Findings {
            noise: Some("a neighbour".to_owned()),
            held_up: true,
            ..Findings::default()
        }
    }

    #[test]
    fn noise_is_neither_true_nor_false() {
        let mut findings = held_up();
        findings.count("lost", 1, 1);
        assert_eq!(findings.verdict(), Verdict::Noisy, "though all agrees");
        findings.near("p99.9", Unit::Ms, 8.99, 14.08, 0.28);
        assert_eq!(findings.verdict(), Verdict::Noisy);
        assert_eq!(
            findings.checks[1].to_string(),
            "p99.9 | 8.99 ms | 14.08 ms | ± 0.28 ms | noisy"
        );
    }

    #[test]
    fn noise_excuses_no_figure_that_it_does_not_explain() {
        // A count.
        let mut findings = held_up();
        findings.count("lost", 1, 0);
        assert_eq!(findings.verdict(), Verdict::Failed);
        // A time that was not reported.
        let mut findings = held_up();
        findings.near("p99", Unit::Ms, 9.0, f64::NAN, 1.0);
        assert_eq!(findings.verdict(), Verdict::Failed);
        // A time beside noise that is not the generator's own.
        let mut findings = held_up();
        findings.held_up = false;
        findings.near("p99", Unit::Ms, 9.0, 14.0, 1.0);
        assert_eq!(findings.verdict(), Verdict::Failed);
    }

    #[test]
    fn the_last_line_says_what_to_do() {
        let totals = |verdicts: &[Verdict]| {
            let mut totals = Totals::default();
            verdicts.iter().for_each(|verdict| totals.add(*verdict));
            (totals.verdict(), totals.to_string())
        };
        use Verdict::{Failed, Noisy, True};
        assert_eq!(
            totals(&[True, True]),
            (True, "2 of 2 cases were true".to_owned())
        );
        assert_eq!(
            totals(&[True, Noisy, True]),
            (
                Noisy,
                "2 of 3 cases were true · 1 of 3 cases was too noisy to judge: run again on a quiet machine"
                    .to_owned()
            )
        );
        let (verdict, text) = totals(&[Failed, Noisy]);
        assert_eq!(verdict, Failed);
        assert!(
            text.contains("1 of 2 cases was not true: see FAILED"),
            "{text}"
        );
    }
}
