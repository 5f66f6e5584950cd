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
        Some(_) if result.inconclusive => format!(
            "{figure} is {}: a lower bound does not decide the condition, so it counts as held",
            result.value_text
        ),
        Some(_) => format!("{figure} is {}", result.value_text),
        // Not measured, or never reached.
        None => format!(
            "{figure} was {}, so the condition counts as held",
            result.value_text
        ),
    };
    let condition = format!("{} ({found})", result.expression);
    if result.inconclusive {
        return format!("FAILED --fail-if, inconclusive: {condition}");
    }
    condition_line(outcome, &condition)
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
                inconclusive: false,
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
        let bound = ConditionResult {
            expression: "capacity<40_000".to_owned(),
            value: Some(3e4),
            value_text: "at least 30,000 msg/s".to_owned(),
            held: true,
            inconclusive: true,
        };
        assert_eq!(
            condition(&bound),
            "FAILED --fail-if, inconclusive: capacity<40_000 (capacity is at least 30,000 msg/s: a lower bound does not decide the condition, so it counts as held)"
        );
    }
}
