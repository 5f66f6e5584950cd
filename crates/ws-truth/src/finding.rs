//! Truth and report of one figure, and the tolerance between them.

use std::fmt;

use units::counted;

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FigureUnit {
    /// Messages or connections, counted exactly.
    Count,
    /// Number of times beyond a limit, which is printed as a count but depends on the clock.
    CountOfTimes,
    Ms,
    Percent,
    PerSecond,
    /// A number without a unit.
    Number,
}

impl FigureUnit {
    /// Returns `true` for a figure that is read from the clock, so that a delayed generator changes it.
    fn is_of_the_clock(self) -> bool {
        matches!(
            self,
            Self::CountOfTimes | Self::Ms | Self::Percent | Self::PerSecond
        )
    }
}

/// The verdict on a figure, a case or the certificate, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaseVerdict {
    /// The system does not support the case.
    Skipped,
    /// The report is correct.
    True,
    /// The machine was too noisy to judge.
    Noisy,
    /// The report is wrong.
    Failed,
}

/// One figure of a case: truth, report and tolerance.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    figure: String,
    truth: f64,
    reported: f64,
    tolerance: f64,
    unit: FigureUnit,
    /// True if the figure was read from the clock while the machine delayed the generator or the server.
    held_up: bool,
}

impl Finding {
    /// The verdict. Noise does not excuse a missing figure.
    pub fn verdict(&self) -> CaseVerdict {
        if (self.truth - self.reported).abs() <= self.tolerance {
            CaseVerdict::True
        } else if self.held_up && self.truth.is_finite() && self.reported.is_finite() {
            CaseVerdict::Noisy
        } else {
            CaseVerdict::Failed
        }
    }

    fn print(&self, value: f64) -> String {
        match self.unit {
            FigureUnit::Count | FigureUnit::CountOfTimes => format!("{value:.0}"),
            FigureUnit::Ms => format!("{value:.2} ms"),
            FigureUnit::Percent => format!("{value:.2} %"),
            FigureUnit::PerSecond => format!("{value:.1}/s"),
            FigureUnit::Number => format!("{value:.3}"),
        }
    }
}

/// A row of the certificate: figure, truth, reported, tolerance, verdict.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tolerance = match self.tolerance {
            0.0 => "exact".to_owned(),
            t => format!("± {}", self.print(t)),
        };
        write!(
            f,
            "{} | {} | {} | {tolerance} | {}",
            self.figure,
            self.print(self.truth),
            self.print(self.reported),
            match self.verdict() {
                CaseVerdict::True | CaseVerdict::Skipped => "ok",
                CaseVerdict::Noisy => "noisy",
                CaseVerdict::Failed => "**FAILED**",
            }
        )
    }
}

/// The figures of one run of a case.
#[derive(Debug, Default)]
pub struct Findings {
    /// All figures, in the order of the certificate.
    pub all: Vec<Finding>,
    /// The noise that makes figures incomparable.
    pub noise: Option<String>,
    /// The reason why this system does not support the case.
    pub skipped: Option<String>,
    /// True if the machine delayed the generator or the server while the next figures were measured.
    held_up: bool,
}

impl Findings {
    /// Notes the delays of the generator or the server while the figures that are added next were measured; `None` without
    /// any. Noise of earlier figures stays.
    pub(crate) fn note_delays(&mut self, delays: Option<String>) {
        self.held_up = delays.is_some();
        self.noise = delays.or(self.noise.take());
    }

    /// Returns `true` if delays were noted for the figures that are added next.
    pub(crate) fn held_up(&self) -> bool {
        self.held_up
    }

    /// Adds a count that must be exact.
    pub(crate) fn count(&mut self, figure: &str, truth: u64, reported: u64) {
        let (truth, reported) = (truth as f64, reported as f64);
        self.near(figure, FigureUnit::Count, truth, reported, 0.0);
    }

    /// Adds the number of times beyond a limit.
    pub(crate) fn count_of_times(&mut self, figure: &str, truth: u64, reported: u64) {
        let (truth, reported) = (truth as f64, reported as f64);
        self.near(figure, FigureUnit::CountOfTimes, truth, reported, 0.0);
    }

    /// Adds a time and its tolerance, in milliseconds.
    pub(crate) fn ms(
        &mut self,
        figure: impl Into<String>,
        truth: f64,
        reported: f64,
        tolerance: f64,
    ) {
        self.near(figure, FigureUnit::Ms, truth, reported, tolerance);
    }

    /// Adds a figure and its tolerance.
    pub(crate) fn near(
        &mut self,
        figure: impl Into<String>,
        unit: FigureUnit,
        truth: f64,
        reported: f64,
        tolerance: f64,
    ) {
        self.all.push(Finding {
            figure: figure.into(),
            truth,
            reported,
            tolerance,
            unit,
            held_up: self.held_up && unit.is_of_the_clock(),
        });
    }

    /// The verdict on the case. Noise does not excuse a figure that is not read from the clock.
    pub fn verdict(&self) -> CaseVerdict {
        if self.skipped.is_some() {
            return CaseVerdict::Skipped;
        }
        let worst = self.all.iter().map(Finding::verdict).max();
        // A case without figures certifies nothing.
        match worst.unwrap_or(CaseVerdict::Failed) {
            CaseVerdict::True if self.noise.is_some() => CaseVerdict::Noisy,
            worst => worst,
        }
    }

    /// Returns `true` if no figure is read from the clock.
    pub(crate) fn only_counts(&self) -> bool {
        !self.all.iter().any(|found| found.unit.is_of_the_clock())
    }

    /// Returns `true` if a repetition can help: a figure is noisy or wrong, and no exact count is wrong.
    pub(crate) fn may_be_measured_again(&self) -> bool {
        let is_wrong_count = |finding: &Finding| {
            finding.verdict() == CaseVerdict::Failed && !finding.unit.is_of_the_clock()
        };
        self.verdict() > CaseVerdict::True && !self.all.iter().any(is_wrong_count)
    }
}

/// The verdicts on all cases of a certificate.
#[derive(Debug, Clone, Default)]
pub struct Totals(Vec<CaseVerdict>);

impl Totals {
    /// Adds the verdict on one case.
    pub fn add(&mut self, verdict: CaseVerdict) {
        self.0.push(verdict);
    }

    /// The verdict on the certificate: the worst of its cases.
    pub fn verdict(&self) -> CaseVerdict {
        let worst = self.0.iter().max();
        worst.copied().unwrap_or(CaseVerdict::True)
    }
}

/// The last line of the certificate, with advice.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = [
            (CaseVerdict::True, "true"),
            (CaseVerdict::Skipped, "skipped"),
            (CaseVerdict::Failed, "not true: see FAILED"),
            (
                CaseVerdict::Noisy,
                "too noisy to judge: run again on an idle machine",
            ),
        ];
        let parts = texts.into_iter().filter_map(|(verdict, text)| {
            let n = self.0.iter().filter(|found| **found == verdict).count();
            let verb = if n == 1 { "was" } else { "were" };
            let cases = counted(self.0.len() as u64, "case");
            (n > 0).then(|| format!("{n} of {cases} {verb} {text}"))
        });
        let parts: Vec<_> = parts.collect();
        f.write_str(&parts.join(" · "))
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
            CaseVerdict::Failed,
            "nothing looked at is nothing certified"
        );
        findings.count("lost", 10, 10);
        findings.near("p99", FigureUnit::Ms, 450.0, 452.0, 3.0);
        assert_eq!(findings.verdict(), CaseVerdict::True);
        findings.count("lost", 10, 9);
        assert_eq!(findings.verdict(), CaseVerdict::Failed);
        assert!(
            findings.all[2]
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
        assert_eq!(findings.verdict(), CaseVerdict::Noisy, "though all agrees");
        findings.near("p99.9", FigureUnit::Ms, 8.99, 14.08, 0.28);
        assert_eq!(findings.verdict(), CaseVerdict::Noisy);
        assert_eq!(
            findings.all[1].to_string(),
            "p99.9 | 8.99 ms | 14.08 ms | ± 0.28 ms | noisy"
        );
    }

    #[test]
    fn noise_excuses_no_figure_that_it_does_not_explain() {
        // A count.
        let mut findings = held_up();
        findings.count("lost", 1, 0);
        assert_eq!(findings.verdict(), CaseVerdict::Failed);
        assert!(!findings.may_be_measured_again());
        // A time that was not reported.
        let mut findings = held_up();
        findings.near("p99", FigureUnit::Ms, 9.0, f64::NAN, 1.0);
        assert_eq!(findings.verdict(), CaseVerdict::Failed);
        // A time beside noise that is not the generator's own.
        let mut findings = held_up();
        findings.held_up = false;
        findings.near("p99", FigureUnit::Ms, 9.0, 14.0, 1.0);
        assert_eq!(findings.verdict(), CaseVerdict::Failed);
    }

    #[test]
    fn a_skipped_case_is_neither_judged_nor_repeated() {
        let findings = Findings {
            skipped: Some("no cgroup".to_owned()),
            ..Findings::default()
        };
        assert_eq!(findings.verdict(), CaseVerdict::Skipped);
        assert!(!findings.may_be_measured_again());
    }

    #[test]
    fn only_figures_of_the_clock_are_measured_again() {
        let mut findings = Findings::default();
        findings.count("lost", 1, 1);
        assert!(!findings.may_be_measured_again(), "all is true");
        assert!(findings.only_counts());
        findings.near("p99", FigureUnit::Ms, 9.0, 14.0, 1.0);
        findings.near("slow ones", FigureUnit::CountOfTimes, 10.0, 11.0, 0.0);
        assert!(findings.may_be_measured_again());
        assert!(!findings.only_counts());
        findings.count("sent", 10, 9);
        assert!(!findings.may_be_measured_again());
        let mut findings = Findings::default();
        findings.near("variation", FigureUnit::Number, 0.0, 1.0, 0.1);
        assert!(!findings.may_be_measured_again());
    }

    #[test]
    fn the_last_line_says_what_to_do() {
        let totals = |verdicts: &[CaseVerdict]| {
            let mut totals = Totals::default();
            verdicts.iter().for_each(|verdict| totals.add(*verdict));
            (totals.verdict(), totals.to_string())
        };
        use CaseVerdict::{Failed, Noisy, Skipped, True};
        assert_eq!(
            totals(&[True, True]),
            (True, "2 of 2 cases were true".to_owned())
        );
        assert_eq!(
            totals(&[True, Noisy, True]),
            (
                Noisy,
                "2 of 3 cases were true · 1 of 3 cases was too noisy to judge: run again on an idle machine"
                    .to_owned()
            )
        );
        assert_eq!(
            totals(&[True, Skipped]),
            (
                True,
                "1 of 2 cases was true · 1 of 2 cases was skipped".to_owned()
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
