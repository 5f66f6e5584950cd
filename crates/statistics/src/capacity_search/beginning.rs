//! The part at the beginning of the steps in which the server is not yet steady.
//!
//! Whether a part is left out is decided by all steps together, and it is the same part of each. If every step decided for
//! itself, those that happened to begin slowly would lose their slow messages.

use super::StepCell;
use super::taken_step::{TakenStep, behind, mean_and_error};
use crate::normal::student_quantile;

/// Parts of a step that may be left out at its beginning. The part behind it, of this length, is compared with the rest.
const PARTS: [usize; 3] = [0, 1, 2];

/// Least number of steps that are compared.
const LEAST_STEPS: usize = 3;

/// Probability of a difference by chance alone. Every new step is one more look at all.
const CHANCE: f64 = 0.001;

/// Least mean difference between the shares of messages above the 90th percentile of the step: a fifth of that tenth.
const LEAST_DIFFERENCE: f64 = 0.02;

/// Finds the number of eighths that are left out at the beginning of each step from below: the smallest one behind which an
/// eighth has as many slow messages as the rest. A step without load behind it may begin with a short queue, and a server
/// that has to warm up with a long one.
pub(super) fn unsteady_parts(steps: &[TakenStep]) -> usize {
    let steady = steps
        .iter()
        .filter(|taken| !taken.is_from_above() && taken.held().is_some() && !taken.is_overloaded());
    let tails: Vec<&[StepCell]> = steady.map(|taken| &taken.result.tail[..]).collect();
    let is_steady = |parts: &usize| !is_unlike_the_rest(&tails, *parts);
    PARTS
        .into_iter()
        .find(is_steady)
        .unwrap_or(PARTS[PARTS.len() - 1])
}

/// Returns true when the eighth behind this number of eighths clearly differs from the rest of its step, by a paired test
/// over all steps.
fn is_unlike_the_rest(tails: &[&[StepCell]], parts: usize) -> bool {
    let difference = |cells: &&[StepCell]| {
        let first = behind(cells, parts);
        let rest = behind(cells, parts + 1);
        let first = &first[..first.len() - rest.len()];
        Some(StepCell::share_beyond(first)? - StepCell::share_beyond(rest)?)
    };
    let differences: Vec<f64> = tails.iter().filter_map(difference).collect();
    if differences.len() < LEAST_STEPS {
        return false;
    }
    let (mean, error) = mean_and_error(&differences);
    let clear = student_quantile(1.0 - CHANCE / 2.0, differences.len() as f64 - 1.0);
    mean.abs() > LEAST_DIFFERENCE && mean.abs() > clear * error
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tails of steps of 80 cells, whose first cells have this many of ten messages above the percentile.
    fn steps(count: u32, first_cells: usize, beyond: u32) -> Vec<Vec<StepCell>> {
        let cell = |n: usize, step: u32| StepCell {
            due: 10,
            beyond: match n < first_cells {
                true => beyond,
                false => u32::from(!(n as u32 + step).is_multiple_of(5)),
            },
        };
        (0..count)
            .map(|step| (0..80).map(|n| cell(n, step)).collect())
            .collect()
    }

    fn is_unlike(tails: &[Vec<StepCell>], parts: usize) -> bool {
        let tails: Vec<_> = tails.iter().map(|cells| &cells[..]).collect();
        is_unlike_the_rest(&tails, parts)
    }

    #[test]
    fn a_slow_or_an_empty_beginning_is_unlike_the_rest() {
        assert!(!is_unlike(&steps(8, 0, 0), 0));
        for beyond in [0, 5] {
            let tails = steps(8, 10, beyond);
            assert!(is_unlike(&tails, 0));
            assert!(!is_unlike(&tails, 1));
            assert!(is_unlike(&steps(8, 20, beyond), 1));
        }
    }

    #[test]
    fn few_steps_say_nothing() {
        assert!(!is_unlike(&steps(2, 10, 9), 0));
        assert!(!is_unlike(&[], 0));
        let empty = vec![vec![StepCell::default(); 80]; 8];
        assert!(!is_unlike(&empty, 0));
    }
}
