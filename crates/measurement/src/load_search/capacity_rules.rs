//! The subject of a capacity search: conditions, precision and budget.

use std::time::Duration;

use super::LoadSearchError;
use super::capacity_condition::CapacityCondition;
use crate::run::CapacityPlanSummary;

/// The subject of a capacity search.
#[derive(Debug, Clone)]
pub struct CapacityRules {
    /// The conditions, all of which must hold. Not empty.
    pub conditions: Vec<CapacityCondition>,
    /// Target half-width of the interval as a share of the capacity: 0.03 for 3 %.
    pub precision: f64,
    /// Time for the whole search: calibration, pilot, steps and drains.
    pub budget: Duration,
}

impl CapacityRules {
    /// The precision when none is given, 3 %.
    pub const DEFAULT_PRECISION: f64 = 0.03;
    /// The budget when none is given, two minutes.
    pub const DEFAULT_BUDGET: Duration = Duration::from_secs(120);

    /// A search under these conditions, with the default precision and budget. Of equal conditions the first is kept,
    /// because each one takes its part of the error of the interval.
    pub fn new(conditions: Vec<CapacityCondition>) -> Self {
        let mut distinct: Vec<CapacityCondition> = Vec::with_capacity(conditions.len());
        for condition in conditions {
            if !distinct.iter().any(|kept| kept.is_same_as(&condition)) {
                distinct.push(condition);
            }
        }
        Self {
            conditions: distinct,
            precision: Self::DEFAULT_PRECISION,
            budget: Self::DEFAULT_BUDGET,
        }
    }

    /// Checks that a budget has room for the steps that find the edge.
    ///
    /// # Errors
    /// [`LoadSearchError::Budget`] outside of 10 s to 24 h.
    pub fn check_budget(budget: Duration) -> Result<(), LoadSearchError> {
        const SHORTEST: Duration = Duration::from_secs(10);
        const LONGEST: Duration = Duration::from_secs(24 * 3_600);
        if (SHORTEST..=LONGEST).contains(&budget) {
            Ok(())
        } else {
            Err(LoadSearchError::Budget(units::human_duration(budget)))
        }
    }
}

impl From<&CapacityRules> for CapacityPlanSummary {
    fn from(rules: &CapacityRules) -> Self {
        Self {
            conditions: rules.conditions.iter().map(ToString::to_string).collect(),
            precision: rules.precision,
            budget_s: rules.budget.as_secs_f64(),
        }
    }
}

/// Parses a precision such as `3%` as a share.
///
/// # Errors
/// [`LoadSearchError::WithoutPercent`] for a number alone, [`LoadSearchError::Precision`] for any other text, and outside of
/// 0.1 % to 50 %.
pub fn parse_precision(text: &str) -> Result<f64, LoadSearchError> {
    let percent = text.strip_suffix('%').map(str::trim_end);
    let percent = percent.and_then(|number| number.parse::<f64>().ok());
    percent
        .filter(|percent| (0.1..=50.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| match text.trim().parse::<f64>() {
            Ok(number) if (0.1..=50.0).contains(&number) => LoadSearchError::WithoutPercent {
                typed: text.to_owned(),
                instead: format!("{number}%"),
            },
            _ => LoadSearchError::Precision(text.to_owned()),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_a_search_is_part_of_the_plan() {
        let mut rules = CapacityRules::new(vec!["p99 < 10ms".parse().unwrap()]);
        rules.budget = Duration::from_millis(1_500);
        let plan = CapacityPlanSummary::from(&rules);
        assert_eq!(plan.conditions, ["p99<10ms"]);
        assert_eq!((plan.precision, plan.budget_s), (0.03, 1.5));
    }

    /// A condition given twice halved the error of each, so that the interval became wider.
    #[test]
    fn a_condition_given_twice_counts_once() {
        let typed = ["p99<10ms", "lost==0", "p99<10.0ms", "p99<=10ms", "p99<20ms"];
        let rules = CapacityRules::new(typed.map(|text| text.parse().unwrap()).to_vec());
        let plan = CapacityPlanSummary::from(&rules);
        assert_eq!(plan.conditions, ["p99<10ms", "lost==0", "p99<20ms"]);
    }

    #[test]
    fn a_precision_is_a_percentage() {
        assert_eq!(parse_precision("3%"), Ok(0.03));
        assert_eq!(parse_precision("0.1 %"), Ok(0.001));
        assert_eq!(parse_precision("50%"), Ok(0.5));
        let error = parse_precision("5").unwrap_err().to_string();
        assert_eq!(error, "`5` is a precision without a unit: write `5%`");
        for wrong in ["0.03", "0%", "0.09%", "51%", "-3%", "NaN%", "%", ""] {
            let error = parse_precision(wrong).unwrap_err().to_string();
            assert!(error.contains("from 0.1% to 50%"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_budget_is_a_time_with_room_for_steps() {
        let check = |seconds| CapacityRules::check_budget(Duration::from_secs(seconds));
        assert_eq!((check(10), check(24 * 3_600)), (Ok(()), Ok(())));
        for wrong in [0, 9, 25 * 3_600] {
            let error = check(wrong).unwrap_err().to_string();
            assert!(error.contains("from 10s to 24h"), "{wrong}: {error}");
        }
    }
}
