//! Recovery from an overload, and the finding on hysteresis.

use measurement::run::{CapacitySummary, StepMeaning, StepOrigin};
use units::human_rate;

/// Finding on hysteresis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HysteresisFinding {
    /// The server recovers only below its capacity.
    Found,
    /// The server recovers at its capacity, as far as the steps can say.
    NotFound,
    /// The steps do not decide it.
    NotDecided,
}

/// Capacity from above, and the finding that follows from it.
#[derive(Debug, Clone, Copy)]
struct Recovery {
    finding: HysteresisFinding,
    /// Highest rate at which the server recovered; 0 when it recovered at none.
    from_above_per_s: f64,
    /// No higher rate was tried after an overload.
    is_highest_tried: bool,
}

impl Recovery {
    /// Returns `None` when it was not measured.
    fn of(own: &CapacitySummary) -> Option<Self> {
        let from_above_per_s = own.from_above_per_s?;
        let tried = own.steps.iter().filter(|step| {
            step.from == StepOrigin::Above && step.meaning() != StepMeaning::NotCounted
        });
        let highest = tried.map(|step| step.offered_per_s).reduce(f64::max);
        let is_highest_tried =
            highest.is_some_and(|highest| from_above_per_s >= highest * (1.0 - 1e-6));
        let is_too_low = is_highest_tried && from_above_per_s < own.low_per_s;
        let finding = match own.hysteresis {
            true => HysteresisFinding::Found,
            false if from_above_per_s <= 0.0 || is_too_low => HysteresisFinding::NotDecided,
            false => HysteresisFinding::NotFound,
        };
        Some(Self {
            finding,
            from_above_per_s,
            is_highest_tried,
        })
    }

    /// `after an overload it recovered at 24,400 msg/s, the highest rate tried`.
    fn sentence(self) -> String {
        let only = self.finding == HysteresisFinding::Found;
        let place = match self.from_above_per_s {
            rate if rate <= 0.0 => "recovered at no rate that was tried".to_owned(),
            rate if only => format!("recovers only below {} msg/s", human_rate(rate)),
            rate => {
                let highest = if self.is_highest_tried {
                    ", the highest rate tried"
                } else {
                    ""
                };
                format!("recovered at {} msg/s{highest}", human_rate(rate))
            }
        };
        format!("after an overload it {place}")
    }
}

/// Recovery from an overload: `hysteresis: after an overload it recovers only below 23,000 msg/s`; `None` when it was not
/// measured.
pub(crate) fn recovery(own: &CapacitySummary) -> Option<String> {
    let recovery = Recovery::of(own)?;
    let finding = match recovery.finding {
        HysteresisFinding::Found => "hysteresis",
        HysteresisFinding::NotFound => "no hysteresis found",
        HysteresisFinding::NotDecided => "hysteresis is not decided",
    };
    Some(format!("{finding}: {}", recovery.sentence()))
}

/// The finding on hysteresis for a table: `yes`, `not found` or `not decided`; `None` when it was not measured.
pub(crate) fn hysteresis_in_table(own: &CapacitySummary) -> Option<&'static str> {
    Some(match Recovery::of(own)?.finding {
        HysteresisFinding::Found => "yes",
        HysteresisFinding::NotFound => "not found",
        HysteresisFinding::NotDecided => "not decided",
    })
}

#[cfg(test)]
mod tests {
    use measurement::run::LoadStep;
    use test_support::fixtures::found_capacity;

    use super::*;

    fn above(offered_per_s: f64, held: bool) -> LoadStep {
        LoadStep {
            offered_per_s,
            held: Some(held),
            from: StepOrigin::Above,
            ..LoadStep::default()
        }
    }

    /// A rate from above far below the capacity was read as a hysteresis that is not there.
    #[test]
    fn recovery_at_the_highest_rate_tried_does_not_decide_on_hysteresis() {
        let mut own = CapacitySummary {
            steps: Vec::new(),
            ..found_capacity()
        };
        own.from_above_per_s = None;
        assert_eq!(recovery(&own), None);
        own.from_above_per_s = Some(24_400.0);
        own.steps.push(above(24_400.0, true));
        assert_eq!(
            recovery(&own).unwrap(),
            "hysteresis is not decided: after an overload it recovered at 24,400 msg/s, the highest rate tried"
        );
        own.steps.push(above(30_000.0, false));
        assert_eq!(
            recovery(&own).unwrap(),
            "no hysteresis found: after an overload it recovered at 24,400 msg/s"
        );
        own.hysteresis = true;
        assert_eq!(
            recovery(&own).unwrap(),
            "hysteresis: after an overload it recovers only below 24,400 msg/s"
        );
        own.from_above_per_s = Some(0.0);
        assert!(
            recovery(&own)
                .unwrap()
                .ends_with("recovered at no rate that was tried")
        );
    }

    /// A report said "hysteresis is not decided" and, in its table, "not found".
    #[test]
    fn sentence_and_table_had_different_findings_on_hysteresis() {
        let finding = |from_above_per_s, steps: &[LoadStep], hysteresis| {
            let own = CapacitySummary {
                from_above_per_s,
                hysteresis,
                steps: steps.to_vec(),
                ..found_capacity()
            };
            let sentence = recovery(&own);
            let begin = sentence.as_ref().and_then(|text| text.split(':').next());
            (begin.map(str::to_owned), hysteresis_in_table(&own))
        };
        let said = |begin: &str, in_table| (Some(begin.to_owned()), Some(in_table));
        let low = [above(24_400.0, true)];
        let undecided = said("hysteresis is not decided", "not decided");
        assert_eq!(finding(Some(24_400.0), &low, false), undecided);
        assert_eq!(finding(Some(0.0), &[above(9.0, false)], false), undecided);
        let both = [above(24_400.0, true), above(30_000.0, false)];
        let none = said("no hysteresis found", "not found");
        assert_eq!(finding(Some(24_400.0), &both, false), none);
        let found = said("hysteresis", "yes");
        assert_eq!(finding(Some(24_400.0), &both, true), found);
        assert_eq!(finding(None, &[], false), (None, None));
    }
}
