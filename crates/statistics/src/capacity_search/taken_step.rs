//! A step and the results of its conditions.

use super::{
    PARTS_OF_STEP, SearchCondition, SearchRules, SearchStep, StepCell, StepPurpose, StepResult,
};
use crate::normal::student_quantile;

/// Share of messages beyond the limit in a whole step, as a multiple of the allowed one, from which on the load is too high
/// for good.
const FAR_BEYOND: f64 = 10.0;

/// Ratio of a rate that held to a lower one that was overloaded, from which on both contradict each other.
pub const WELL_ABOVE: f64 = 1.1;

/// The same ratio in a search that has many of these pairs: more than that of rounded rates.
const CLEARLY_ABOVE: f64 = 1.005;

/// Largest ratio of a rate near the capacity to it, and least number of such rates that hold, and that do not.
const NEAR_CAPACITY: f64 = 1.25;
const LEAST_ON_EACH_SIDE: usize = 6;

/// Number of steps of which one may be disturbed.
const STEPS_PER_DISTURBED: usize = 20;

/// Parts of a step at its beginning and at its end that show whether a queue gets shorter.
const PARTS_AT_END: usize = 3;

/// Growth of the response time, in seconds per second, from which on a queue does not stop growing: the share of the load that
/// the server leaves. Within the step it need not be more than this share of the limit, but never less than the smallest growth.
const CLEAR_GROWTH: f64 = 0.003;
const GROWTH_OF_LIMIT: f64 = 0.2;
const SMALLEST_GROWTH: f64 = 0.002;

/// Probability that the medians of a queue that only fluctuates grow as evenly.
const CHANCE_OF_GROWTH: f64 = 0.01;

/// The share of messages that a step with a growing queue stands for.
const SHARE_OF_GROWTH: f64 = 0.2;

/// The result of one condition in a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ConditionShare {
    pub(super) due: f64,
    /// Share of the messages beyond the limit; 1 without messages.
    pub(super) share: f64,
    /// The same in the last third of the step.
    pub(super) share_at_end: f64,
    /// True when the queue grew, or much more than allowed was beyond the limit. The messages then depend on each other.
    pub(super) is_overloaded: bool,
    /// Share of messages beyond the limit that an overloaded step stands for, above 0: that of its end if it is larger.
    pub(super) overload: f64,
}

impl ConditionShare {
    /// True when the load was too high for good. A figure of the whole step has no other overload than its failure.
    pub(super) fn is_failure(&self) -> bool {
        self.is_overloaded || self.share >= 1.0 || self.share_at_end >= 1.0
    }

    fn holds(&self, rule: SearchCondition) -> bool {
        !self.is_overloaded && self.share <= rule.allowed()
    }
}

/// A step and its results.
#[derive(Debug, Clone)]
pub(super) struct TakenStep {
    pub(super) step: SearchStep,
    pub(super) result: StepResult,
    pub(super) conditions: Vec<ConditionShare>,
    /// Eighths at the beginning of the judged part that do not count, because the server was not yet steady.
    unsteady_parts: usize,
    held: bool,
    /// True when the conditions held at the end of the step, whatever its beginning was like.
    recovered: bool,
    /// True when the step contradicts steps at higher rates; see [`mark_disturbed`].
    is_disturbed: bool,
}

impl TakenStep {
    /// A step of which the eighths at its beginning do not count. A step from above is judged by its end anyway.
    pub(super) fn new(
        step: SearchStep,
        result: StepResult,
        search: &SearchRules,
        unsteady_parts: usize,
    ) -> Self {
        let rules = &search.conditions;
        let of_limit = GROWTH_OF_LIMIT * search.limit_s / step.judged_s;
        let least_growth = of_limit.clamp(SMALLEST_GROWTH, CLEAR_GROWTH);
        let is_growing = is_growing(&result.medians_s, step.judged_s, least_growth);
        let unsteady_parts = match step.purpose {
            StepPurpose::FromAbove => 0,
            _ => unsteady_parts,
        };
        let judge = |(cells, rule): (&Vec<StepCell>, &SearchCondition)| {
            condition_share(behind(cells, unsteady_parts), *rule, is_growing)
        };
        let conditions: Vec<_> = result.conditions.iter().zip(rules).map(judge).collect();
        let held = conditions
            .iter()
            .zip(rules)
            .all(|(found, rule)| found.holds(*rule));
        let recovered = conditions
            .iter()
            .zip(rules)
            .all(|(found, rule)| found.share_at_end <= rule.allowed() && !is_growing);
        Self {
            held: held && conditions.len() == rules.len(),
            recovered: recovered && conditions.len() == rules.len(),
            is_disturbed: false,
            unsteady_parts,
            step,
            result,
            conditions,
        }
    }

    /// The counted cells of a condition.
    pub(super) fn cells(&self, condition: usize) -> Option<&[StepCell]> {
        let cells = self.result.conditions.get(condition)?;
        Some(behind(cells, self.unsteady_parts))
    }

    /// The same cells with the messages above the step's own 90th percentile.
    pub(super) fn tail(&self) -> &[StepCell] {
        behind(&self.result.tail, self.unsteady_parts)
    }

    /// Growth of the response time in seconds per second; not a finite number where nothing was answered.
    pub(super) fn growth(&self) -> f64 {
        let medians = &self.result.medians_s;
        let parts = PARTS_OF_STEP as f64;
        (medians[PARTS_OF_STEP - 1] - medians[0]) / (self.step.judged_s * (parts - 1.0) / parts)
    }

    /// The first condition that did not hold.
    pub(super) fn broken_condition(&self, rules: &[SearchCondition]) -> Option<usize> {
        let mut results = self.conditions.iter().zip(rules);
        results.position(|(found, rule)| !found.holds(*rule))
    }

    /// True for a step from below in which the generator was not the limit, disturbed or not.
    fn is_of_server_from_below(&self) -> bool {
        !self.is_from_above() && !self.result.generator_limited
    }

    /// True when all conditions held; `None` when the step says nothing about the server.
    pub(super) fn held(&self) -> Option<bool> {
        let is_of_server = !self.result.generator_limited && !self.is_disturbed;
        is_of_server.then_some(self.held)
    }

    pub(super) fn is_overloaded(&self) -> bool {
        self.conditions.iter().any(|found| found.is_overloaded)
    }

    pub(super) fn is_final(&self) -> bool {
        self.step.purpose == StepPurpose::Final
    }

    pub(super) fn is_from_above(&self) -> bool {
        self.step.purpose == StepPurpose::FromAbove
    }

    /// Time in seconds, from the end of the overload, in which a queue that gets shorter at this rate is empty, with a quarter
    /// to spare; the length of the step when the queue does not.
    pub(super) fn time_to_drain_s(&self) -> f64 {
        if !self.is_draining() {
            return self.step.settle_s + self.step.judged_s;
        }
        let (first, last) = self.medians_at_ends();
        let part_s = self.step.judged_s / PARTS_OF_STEP as f64;
        let shrinks_per_s = (first - last) / ((PARTS_OF_STEP - PARTS_AT_END) as f64 * part_s);
        let middle_of_end = (PARTS_OF_STEP as f64 - PARTS_AT_END as f64 / 2.0) * part_s;
        1.25 * (self.step.settle_s + middle_of_end + last / shrinks_per_s)
    }

    /// Mean of the first medians and of the last ones.
    fn medians_at_ends(&self) -> (f64, f64) {
        let medians = &self.result.medians_s;
        let mean = |medians: &[f64]| medians.iter().sum::<f64>() / medians.len() as f64;
        let end = PARTS_OF_STEP - PARTS_AT_END;
        (mean(&medians[..PARTS_AT_END]), mean(&medians[end..]))
    }

    /// True when the queue was still getting shorter: by a tenth, or evenly.
    fn is_draining(&self) -> bool {
        let (first, last) = self.medians_at_ends();
        let mut backwards = self.result.medians_s;
        backwards.reverse();
        last < 0.9 * first || is_growing(&backwards, self.step.judged_s, CLEAR_GROWTH)
    }

    /// True when the server recovered from the overload before the step, false when it did not; `None` when its queue was
    /// still getting shorter, or its share of slow messages was not clear.
    pub(super) fn has_recovered(&self) -> Option<bool> {
        let recovered = self.held().map(|_| self.recovered)?;
        let has_failed = self.conditions.iter().any(ConditionShare::is_failure);
        (recovered || has_failed && !self.is_draining()).then_some(recovered)
    }
}

/// Rates of the steps from below in which all conditions held, or one did not.
pub(super) fn rates_from_below(
    steps: &[TakenStep],
    held: bool,
) -> impl Iterator<Item = f64> + Clone {
    let below = steps.iter().filter(|taken| !taken.is_from_above());
    let decided = below.filter(move |taken| taken.held() == Some(held));
    decided.map(|taken| taken.step.rate_per_s)
}

/// Number of steps that something else than the load may disturb, among this many.
fn most_disturbed(steps: usize) -> usize {
    (steps / STEPS_PER_DISTURBED).max(1)
}

/// The lowest rate of the steps that were overloaded although a higher rate held; `None` while they are so few that something
/// else than the load may have disturbed them. For a lower bound, the highest rate that held is high enough: the conditions
/// failed there too.
pub(super) fn lowest_contradiction(steps: &[TakenStep], is_lower_bound: bool) -> Option<f64> {
    let margin = if is_lower_bound { 1.0 } else { CLEARLY_ABOVE };
    let decided = || steps.iter().filter(|taken| taken.is_of_server_from_below());
    let held = decided()
        .filter(|taken| taken.held)
        .map(|taken| taken.step.rate_per_s);
    let highest = held.reduce(f64::max)?;
    let contradicts =
        |taken: &&TakenStep| taken.is_overloaded() && taken.step.rate_per_s * margin <= highest;
    let rates: Vec<f64> = decided()
        .filter(contradicts)
        .map(|t| t.step.rate_per_s)
        .collect();
    let are_few = rates.len() <= most_disturbed(decided().count());
    rates.into_iter().reduce(f64::min).filter(|_| !are_few)
}

/// Returns true when enough steps near the capacity held, and enough did not, for the edge between them to be more than
/// chance.
pub(super) fn has_both_sides(steps: &[TakenStep], capacity: f64) -> bool {
    let near = capacity / NEAR_CAPACITY..=capacity * NEAR_CAPACITY;
    [true, false].into_iter().all(|held| {
        let rates = rates_from_below(steps, held);
        rates.filter(|rate| near.contains(rate)).count() >= LEAST_ON_EACH_SIDE
    })
}

/// Rates of the steps in which the generator was the limit.
pub(super) fn rates_of_generator(steps: &[TakenStep]) -> impl Iterator<Item = f64> + Clone {
    let limited = steps.iter().filter(|taken| taken.result.generator_limited);
    limited.map(|taken| taken.step.rate_per_s)
}

/// Marks the steps from below that were overloaded at a rate well below rates that held at least twice, and more often than
/// rates up to this one were overloaded. Something else than the load disturbed them: another program, or a pause of the
/// machine. More than a few of them are the server's own, which stops now and then at any rate, so none is marked then.
pub(super) fn mark_disturbed(steps: &mut [TakenStep]) {
    let decided = || steps.iter().filter(|taken| taken.is_of_server_from_below());
    let rates = |wanted: fn(&TakenStep) -> bool| -> Vec<f64> {
        let chosen = decided().filter(|taken| wanted(taken));
        chosen.map(|taken| taken.step.rate_per_s).collect()
    };
    let held = rates(|taken| taken.held);
    let overloaded = rates(TakenStep::is_overloaded);
    let most = most_disturbed(decided().count());
    let contradicts = |taken: &TakenStep| {
        let rate = taken.step.rate_per_s;
        let above = held.iter().filter(|other| **other >= rate * WELL_ABOVE);
        let failed = overloaded.iter().filter(|other| **other <= rate);
        let (above, failed) = (above.count(), failed.count());
        taken.is_of_server_from_below() && taken.is_overloaded() && above >= 2 && above > failed
    };
    let found: Vec<bool> = steps.iter().map(contradicts).collect();
    let are_few = found.iter().filter(|is_one| **is_one).count() <= most;
    for (taken, is_one) in steps.iter_mut().zip(found) {
        taken.is_disturbed = is_one && are_few;
    }
}

impl SearchCondition {
    /// The allowed share of messages beyond the limit. A whole step that fails as often as it holds is at the edge.
    pub(super) fn allowed(self) -> f64 {
        match self {
            Self::Share(share) => share,
            Self::WholeStep => 0.5,
        }
    }
}

/// True when the medians of the parts grow by at least this many seconds per second, and more evenly than those of a queue
/// that only fluctuates (a test of Student on their differences).
fn is_growing(medians_s: &[f64; PARTS_OF_STEP], judged_s: f64, least: f64) -> bool {
    let steps: Vec<f64> = medians_s.windows(2).map(|w| w[1] - w[0]).collect();
    let (mean, error) = mean_and_error(&steps);
    let clear = student_quantile(1.0 - CHANCE_OF_GROWTH, steps.len() as f64 - 1.0);
    // Not a number without answers.
    mean > clear * error && mean * PARTS_OF_STEP as f64 / judged_s >= least
}

/// The mean of at least two values, and its standard error.
pub(super) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

/// Share of messages beyond the limit in a whole step, from 0 to 1, from which on the load is too high for good, where this
/// share is allowed: ten times as many, or half of the others where that would be more.
pub fn far_beyond(allowed: f64) -> f64 {
    (FAR_BEYOND * allowed).min(f64::midpoint(1.0, allowed))
}

fn condition_share(cells: &[StepCell], rule: SearchCondition, is_growing: bool) -> ConditionShare {
    let (due, _) = StepCell::total(cells);
    let share = |cells| StepCell::share_beyond(cells).unwrap_or(1.0);
    let at_end = share(&cells[cells.len() - cells.len() / 3..]);
    let share = share(cells);
    let allowed = rule.allowed();
    // At the end of the step it is the half of the messages, or more where many are allowed.
    let limit = f64::midpoint(1.0, allowed);
    let far = far_beyond(allowed);
    let is_share = matches!(rule, SearchCondition::Share(_));
    let growth = if is_growing { SHARE_OF_GROWTH } else { 0.0 };
    ConditionShare {
        due,
        share: match rule {
            SearchCondition::WholeStep if is_growing => 1.0,
            _ => share,
        },
        share_at_end: at_end,
        is_overloaded: is_share && (at_end >= limit || share >= far || is_growing),
        overload: share.max(at_end).max(growth),
    }
}

/// The cells behind this number of eighths.
pub(super) fn behind(cells: &[StepCell], parts: usize) -> &[StepCell] {
    &cells[cells.len() * parts / PARTS_OF_STEP..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_step_without_a_gap() {
        let cells = vec![StepCell::default(); 83];
        assert_eq!(behind(&cells, 0).len(), 83);
        assert_eq!(behind(&cells, 1).len(), 73);
        assert_eq!(behind(&cells, 8).len(), 0);
        assert!(behind(&[], 2).is_empty());
    }

    #[test]
    fn even_growth_is_that_of_a_queue_without_end() {
        let grows =
            |medians_ms: [f64; 8], least| is_growing(&medians_ms.map(|ms| ms / 1e3), 1.0, least);
        let even = [10.0, 20.0, 31.0, 40.0, 51.0, 60.0, 70.0, 81.0];
        // 80 ms in a second.
        assert!(grows(even, 0.08) && !grows(even, 0.09));
        assert!(!grows(
            [10.0, 60.0, 20.0, 70.0, 30.0, 90.0, 40.0, 100.0],
            0.01
        ));
        assert!(!grows([5.0; 8], 0.0));
        let unanswered = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, f64::INFINITY];
        assert!(!grows(unanswered, 0.001));
        assert!(!grows([f64::NAN; 8], 0.001));
    }
}
