//! A step and the results of its conditions.

use super::{SearchCondition, SearchRules, SearchStep, StepCell, StepPurpose, StepResult};

/// Share of messages beyond the limit in a whole step, as a multiple of the allowed one, from which on the load is too high
/// for good.
const FAR_BEYOND: f64 = 10.0;

/// Ratio of a rate that held to a lower one that was overloaded, from which on both contradict each other.
const WELL_ABOVE: f64 = 1.1;

/// Growth of the median from the first to the last third of a step in which the queue does not stop growing.
const GROWTH: f64 = 3.0;

/// The result of one condition in a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ConditionShare {
    pub(super) due: f64,
    /// Share of the messages beyond the limit; 1 without messages.
    pub(super) share: f64,
    /// The same in the last third of the step.
    pub(super) share_at_end: f64,
    /// True when the queue grew, or nearly everything was beyond the limit. The messages then say no more than one would.
    pub(super) is_overloaded: bool,
}

impl ConditionShare {
    fn holds(&self, rule: SearchCondition) -> bool {
        !self.is_overloaded && self.share <= rule.allowed()
    }
}

/// Lengths of a step, in two thirds of it, for which growth is extrapolated.
const GROWTH_AHEAD: f64 = 10.0;

/// Number of parts of a step, each of which can be left out at its beginning.
pub(super) const PARTS_OF_STEP: usize = 8;

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
        let is_growing = is_growing(result.medians_s, search.limit_s);
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
            .all(|(found, rule)| found.share_at_end <= rule.allowed());
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

    /// The first condition that did not hold.
    pub(super) fn broken_condition(&self, rules: &[SearchCondition]) -> Option<usize> {
        let mut results = self.conditions.iter().zip(rules);
        results.position(|(found, rule)| !found.holds(*rule))
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

    /// True when the server recovered from the overload before the step, false when it did not; `None` when its queue was
    /// still getting shorter, or its share of slow messages was not clear.
    pub(super) fn has_recovered(&self) -> Option<bool> {
        let recovered = self.held().map(|_| self.recovered)?;
        let [first, _, last] = self.result.medians_s;
        let is_draining = last < 0.9 * first;
        let is_overloaded = self
            .conditions
            .iter()
            .any(|found| found.is_overloaded || found.share_at_end == 1.0);
        (recovered || is_overloaded && !is_draining).then_some(recovered)
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

/// Rates of the steps in which the generator was the limit.
pub(super) fn rates_of_generator(steps: &[TakenStep]) -> impl Iterator<Item = f64> + Clone {
    let limited = steps.iter().filter(|taken| taken.result.generator_limited);
    limited.map(|taken| taken.step.rate_per_s)
}

/// Marks the steps from below that were overloaded at a rate well below rates that held at least twice, and more often than
/// rates up to this one were overloaded. Something else than the load disturbed them: another program, or a pause of the
/// machine.
pub(super) fn mark_disturbed(steps: &mut [TakenStep]) {
    let decides = |taken: &&TakenStep| !taken.result.generator_limited && !taken.is_from_above();
    let rates = |wanted: fn(&TakenStep) -> bool| -> Vec<f64> {
        let chosen = steps.iter().filter(decides).filter(|taken| wanted(taken));
        chosen.map(|taken| taken.step.rate_per_s).collect()
    };
    let held = rates(|taken| taken.held);
    let overloaded = rates(TakenStep::is_overloaded);
    for taken in steps.iter_mut().filter(|taken| taken.is_overloaded()) {
        let rate = taken.step.rate_per_s;
        let above = held.iter().filter(|other| **other >= rate * WELL_ABOVE);
        let failed = overloaded.iter().filter(|other| **other <= rate);
        let (above, failed) = (above.count(), failed.count());
        taken.is_disturbed = !taken.is_from_above() && above >= 2 && above > failed;
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

/// True when the median of each third is well above that of the one before, the growth does not slow down, and the queue
/// would reach the limit within a few times the length of the step.
fn is_growing([first, middle, last]: [f64; 3], limit_s: f64) -> bool {
    let slows_down = last - middle < 0.6 * (middle - first);
    let reaches = last + GROWTH_AHEAD * (last - first) >= limit_s;
    let grows = last >= GROWTH * first && middle >= GROWTH.sqrt() * 0.9 * first;
    grows && reaches && !slows_down
}

fn condition_share(cells: &[StepCell], rule: SearchCondition, is_growing: bool) -> ConditionShare {
    let (due, _) = StepCell::total(cells);
    let share = |cells| StepCell::share_beyond(cells).unwrap_or(1.0);
    let at_end = share(&cells[cells.len() - cells.len() / 3..]);
    let share = share(cells);
    let allowed = rule.allowed();
    // At the end of the step it is the half of the messages, or more where many are allowed.
    let limit = f64::midpoint(1.0, allowed);
    let far = (FAR_BEYOND * allowed).min(limit);
    let is_share = matches!(rule, SearchCondition::Share(_));
    ConditionShare {
        due,
        share,
        share_at_end: at_end,
        is_overloaded: is_share && (at_end >= limit || share >= far || is_growing),
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
}
