//! Results of `--fail-if`, the same in every front end.

use measurement::run::ConditionResult;

/// Result of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionStatus {
    /// The condition held, so the program fails.
    Held,
    /// The condition did not hold.
    NotHeld,
    /// Too little is known for one or the other, as the text says; the program does not fail.
    Inconclusive,
}

/// The line about a condition of a run: `FAILED --fail-if, held: p99>1us (p99 is 3.20 ms)`.
pub fn condition(result: &ConditionResult) -> String {
    let outcome = if result.held {
        ConditionStatus::Held
    } else {
        ConditionStatus::NotHeld
    };
    let of_figure = |c: char| !matches!(c, '<' | '>' | '=' | '!');
    let figure: String = result
        .expression
        .chars()
        .take_while(|c| of_figure(*c))
        .collect();
    let found = match result.value {
        Some(_) => format!("{figure} is {}", result.value_text),
        // Not measured, or never reached.
        None => format!(
            "{figure} was {}, so the condition counts as held",
            result.value_text
        ),
    };
    condition_line(outcome, &format!("{} ({found})", result.expression))
}

/// The line about a condition: the outcome, then the condition and what was found.
pub fn condition_line(outcome: ConditionStatus, condition: &str) -> String {
    let begins = match outcome {
        ConditionStatus::Held => "FAILED --fail-if, held",
        ConditionStatus::NotHeld => "passed --fail-if, did not hold",
        ConditionStatus::Inconclusive => "inconclusive --fail-if",
    };
    format!("{begins}: {condition}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_held_is_not_read_as_passed() {
        let line = |value: Option<f64>, held| {
            condition(&ConditionResult {
                expression: "service.p99>=1us".to_owned(),
                value,
                value_text: value.map_or("not measured", |_| "3.20 ms").to_owned(),
                held,
            })
        };
        assert_eq!(
            line(Some(3.2e6), true),
            "FAILED --fail-if, held: service.p99>=1us (service.p99 is 3.20 ms)"
        );
        assert_eq!(
            line(Some(3.2e6), false),
            "passed --fail-if, did not hold: service.p99>=1us (service.p99 is 3.20 ms)"
        );
        assert_eq!(
            line(None, true),
            "FAILED --fail-if, held: service.p99>=1us (service.p99 was not measured, so the condition counts as held)"
        );
    }
}
