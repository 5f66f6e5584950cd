//! Recovery from an overload, and the finding on hysteresis.

use measurement::run::{CapacitySummary, StepMeaning, StepOrigin};
use statistics::capacity_search::WELL_ABOVE;
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
    /// Highest rate at which the server recovered more often than not; `None` when there is none.
    from_above_per_s: Option<f64>,
    /// True when the server recovered in a single step at least.
    has_recovered: bool,
    /// Lowest higher rate at which it did not; `None` without one.
    failed_per_s: Option<f64>,
    /// No higher rate was tried after an overload.
    is_highest_tried: bool,
}

impl Recovery {
    /// Returns `None` when it was not measured.
    fn of(own: &CapacitySummary) -> Option<Self> {
        let above = own
            .steps
            .iter()
            .filter(|step| step.from == StepOrigin::Above);
        let counted = above.filter(|step| step.meaning() != StepMeaning::NotCounted);
        let counted: Vec<_> = counted.collect();
        let not_held = counted
            .iter()
            .filter(|step| step.meaning() == StepMeaning::NotHeld);
        if own.from_above_per_s.is_none() && counted.is_empty() {
            return None;
        }
        let from_above_per_s = own.from_above_per_s.filter(|rate| *rate > 0.0);
        let highest = from_above_per_s.unwrap_or(0.0);
        let is_higher = |rate: &f64| *rate > highest * (1.0 + 1e-6);
        let failed = not_held.map(|step| step.offered_per_s).filter(is_higher);
        let failed_per_s = failed.reduce(f64::min);
        let has_recovered = counted
            .iter()
            .any(|step| step.meaning() == StepMeaning::Held);
        let is_highest_tried = !counted.iter().any(|step| is_higher(&step.offered_per_s));
        let finding = match own.hysteresis {
            true => HysteresisFinding::Found,
            false if is_near_capacity(own, highest) => HysteresisFinding::NotFound,
            false => HysteresisFinding::NotDecided,
        };
        Some(Self {
            finding,
            from_above_per_s,
            has_recovered,
            failed_per_s,
            is_highest_tried,
        })
    }

    /// `after an overload it recovered at 24,400 msg/s, not at 30,000 msg/s`.
    fn sentence(self) -> String {
        let failed = self.failed_per_s.map(human_rate);
        let did = match (self.from_above_per_s.map(human_rate), failed) {
            (None, None) => "no step showed whether it recovers".to_owned(),
            (None, Some(lowest)) if self.has_recovered => {
                format!(
                    "it recovered in single steps, but at no rate more often than not, down to {lowest} msg/s"
                )
            }
            (None, Some(lowest)) => {
                format!("it recovered at no rate that was tried, down to {lowest} msg/s")
            }
            (Some(rate), failed) => {
                let place = match self.finding {
                    HysteresisFinding::Found => "only up to",
                    _ => "at",
                };
                let more = match failed {
                    Some(failed) => format!(", not at {failed} msg/s"),
                    None if self.is_highest_tried => ", the highest rate tried".to_owned(),
                    None => String::new(),
                };
                format!("it recovered {place} {rate} msg/s{more}")
            }
        };
        format!("after an overload {did}")
    }
}

/// Returns true when a server that recovers at this rate recovers at its capacity, as far as the steps can say. A wide interval
/// alone does not show it.
fn is_near_capacity(own: &CapacitySummary, from_above_per_s: f64) -> bool {
    let rate = own.rate_per_s.unwrap_or(0.0);
    from_above_per_s > 0.0
        && from_above_per_s >= own.low_per_s
        && from_above_per_s * WELL_ABOVE >= rate
}

/// Recovery from an overload: `hysteresis: after an overload it recovered only up to 23,000 msg/s`; `None` when it was not
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
            "hysteresis is not decided: after an overload it recovered at 24,400 msg/s, not at 30,000 msg/s"
        );
        own.hysteresis = true;
        assert_eq!(
            recovery(&own).unwrap(),
            "hysteresis: after an overload it recovered only up to 24,400 msg/s, not at 30,000 msg/s"
        );
        own.from_above_per_s = None;
        own.steps = vec![above(24_400.0, false), above(13_400.0, false)];
        assert_eq!(
            recovery(&own).unwrap(),
            "hysteresis: after an overload it recovered at no rate that was tried, down to 13,400 msg/s"
        );
        own.hysteresis = false;
        own.steps.truncate(1);
        own.steps[0].held = None;
        assert_eq!(
            recovery(&own).unwrap(),
            "hysteresis is not decided: after an overload no step showed whether it recovers"
        );
    }

    /// One recovery of two at a rate was "at no rate that was tried".
    #[test]
    fn a_recovery_in_a_single_step_is_not_denied() {
        let own = CapacitySummary {
            from_above_per_s: None,
            steps: vec![above(34_000.0, true), above(34_000.0, false)],
            ..found_capacity()
        };
        assert_eq!(
            recovery(&own).unwrap(),
            "hysteresis is not decided: after an overload it recovered in single steps, but at no rate more often than not, down to 34,000 msg/s"
        );
    }

    /// An interval from 0 on held every rate, so that a recovery far below the capacity was "no hysteresis found".
    #[test]
    fn a_wide_interval_does_not_exclude_hysteresis() {
        let own = CapacitySummary {
            low_per_s: 0.0,
            from_above_per_s: Some(5_000.0),
            steps: vec![above(5_000.0, true), above(27_000.0, false)],
            ..found_capacity()
        };
        assert_eq!(hysteresis_in_table(&own), Some("not decided"));
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
        assert_eq!(finding(None, &[above(9.0, false)], false), undecided);
        let both = [above(24_400.0, true), above(30_000.0, false)];
        // A failure below the capacity was "not found" while its repetition had no time.
        assert_eq!(finding(Some(24_400.0), &both, false), undecided);
        let high = [above(40_500.0, true), above(50_000.0, false)];
        let none = said("no hysteresis found", "not found");
        assert_eq!(finding(Some(40_500.0), &high, false), none);
        let found = said("hysteresis", "yes");
        assert_eq!(finding(Some(24_400.0), &both, true), found);
        assert_eq!(finding(None, &[], false), (None, None));
    }
}
