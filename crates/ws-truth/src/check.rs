//! A truth beside a report, and how far they may differ.

use std::fmt;

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
}

impl Check {
    /// Whether the report is true.
    #[must_use]
    pub fn holds(&self) -> bool {
        (self.truth - self.reported).abs() <= self.tolerance
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
            if self.holds() { "ok" } else { "**FAILED**" }
        )
    }
}

/// What one run of a case found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Its figures.
    pub checks: Vec<Check>,
    /// Why they cannot be compared: the machine was too noisy.
    pub noise: Option<String>,
}

impl Findings {
    /// A count that must be exact.
    #[allow(clippy::cast_precision_loss)]
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
        });
    }

    /// Whether everything reported is true.
    #[must_use]
    pub fn all_hold(&self) -> bool {
        !self.checks.is_empty() && self.noise.is_none() && self.checks.iter().all(Check::holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_true_within_its_tolerance_only() {
        let mut findings = Findings::default();
        assert!(
            !findings.all_hold(),
            "nothing looked at is nothing certified"
        );
        findings.count("lost", 10, 10);
        findings.near("p99", Unit::Ms, 450.0, 452.0, 3.0);
        assert!(findings.all_hold());
        findings.count("lost", 10, 9);
        assert!(!findings.all_hold());
        assert!(
            findings.checks[2]
                .to_string()
                .ends_with("| exact | **FAILED**")
        );
    }

    #[test]
    fn noise_certifies_nothing() {
        let mut findings = Findings::default();
        findings.count("lost", 1, 1);
        findings.noise = Some("a neighbour".to_owned());
        assert!(!findings.all_hold());
    }
}
