//! Steps of one rate and one result, put together for tables and pictures.

use std::cmp::Ordering;

use super::capacity_summary::{CapacitySummary, LoadStep, StepOrigin};

/// Meaning of a step for the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepMeaning {
    /// All conditions held.
    Held,
    /// A condition did not hold.
    NotHeld,
    /// Neither is certain, or there are no conditions, as in a sweep.
    Undecided,
    /// The generator was late, so the step is not counted.
    NotCounted,
}

/// Steps of one rate, one side and one meaning. There is at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct StepGroup<'a> {
    /// Offered rate in messages per second.
    pub offered_per_s: f64,
    /// State of the server at the beginning of the steps.
    pub from: StepOrigin,
    /// Meaning of each of the steps.
    pub meaning: StepMeaning,
    /// The steps, in the order in which they were run.
    pub steps: Vec<&'a LoadStep>,
}

impl CapacitySummary {
    /// Rates in messages per second of the steps from below with this result.
    pub fn rates_from_below(&self, meaning: StepMeaning) -> impl Iterator<Item = f64> {
        let below = self.steps.iter();
        below
            .filter(move |step| step.from == StepOrigin::Below && step.meaning() == meaning)
            .map(|step| step.offered_per_s)
    }
}

impl LoadStep {
    /// The meaning of the step for the capacity.
    pub fn meaning(&self) -> StepMeaning {
        match self.held {
            _ if self.generator_limited => StepMeaning::NotCounted,
            Some(true) => StepMeaning::Held,
            Some(false) => StepMeaning::NotHeld,
            None => StepMeaning::Undecided,
        }
    }
}

impl<'a> StepGroup<'a> {
    /// The groups of these steps, ascending by rate, side and meaning.
    pub fn all(steps: &'a [LoadStep]) -> Vec<Self> {
        let mut sorted: Vec<&LoadStep> = steps.iter().collect();
        sorted.sort_by(|a, b| order(a, b));
        let groups = sorted.chunk_by(|a, b| order(a, b).is_eq());
        let group = |steps: &[&'a LoadStep]| {
            let first = steps.first()?;
            Some(Self {
                offered_per_s: first.offered_per_s,
                from: first.from,
                meaning: first.meaning(),
                steps: steps.to_vec(),
            })
        };
        groups.filter_map(group).collect()
    }

    /// The step with the median p99, the lower one of two. A step without it, in which too little was answered, is slower
    /// than any other. All figures of a row are those of one step, so that they agree with each other. `None` without steps.
    pub fn middle(&self) -> Option<&'a LoadStep> {
        let mut steps = self.steps.clone();
        steps.sort_by_key(|step| step.response_p99_ns.unwrap_or(u64::MAX));
        steps.get(steps.len().checked_sub(1)? / 2).copied()
    }

    /// Sum of a count over the steps.
    pub fn sum(&self, count: impl Fn(&LoadStep) -> u64) -> u64 {
        let counts = self.steps.iter().map(|step| count(step));
        counts.fold(0, u64::saturating_add)
    }
}

fn order(a: &LoadStep, b: &LoadStep) -> Ordering {
    let side = |step: &LoadStep| step.from == StepOrigin::Above;
    let by_rate = a.offered_per_s.total_cmp(&b.offered_per_s);
    by_rate
        .then(side(a).cmp(&side(b)))
        .then(a.meaning().cmp(&b.meaning()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(offered_per_s: f64, held: Option<bool>, p99_ns: Option<u64>) -> LoadStep {
        LoadStep {
            offered_per_s,
            held,
            response_p99_ns: p99_ns,
            failed: 2,
            ..LoadStep::default()
        }
    }

    /// A median over steps in which the conditions held and steps in which the generator was late contradicted both.
    #[test]
    fn steps_that_are_not_counted_are_a_group_of_their_own() {
        let late = |p99_ns| LoadStep {
            generator_limited: true,
            ..step(5_110.0, None, Some(p99_ns))
        };
        let steps = [
            late(700),
            step(5_110.0, Some(true), Some(9)),
            late(600),
            step(4_000.0, Some(false), None),
            step(5_110.0, Some(false), Some(30)),
        ];
        let groups = StepGroup::all(&steps);
        let shown = |group: &StepGroup<'_>| {
            let p99 = group.middle().and_then(|step| step.response_p99_ns);
            (group.offered_per_s, group.meaning, group.steps.len(), p99)
        };
        let shown: Vec<_> = groups.iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                (4_000.0, StepMeaning::NotHeld, 1, None),
                (5_110.0, StepMeaning::Held, 1, Some(9)),
                (5_110.0, StepMeaning::NotHeld, 1, Some(30)),
                (5_110.0, StepMeaning::NotCounted, 2, Some(600)),
            ]
        );
        assert_eq!(groups[3].sum(|step| step.failed), 4);
        assert!(groups[3].middle().unwrap().server_cpu_share.is_none());
    }

    /// A row had the p99 of one step beside the rate of another.
    #[test]
    fn the_figures_of_a_row_are_those_of_one_step() {
        let fast = step(1_000.0, Some(false), Some(20));
        let slow = LoadStep {
            answered_per_s: 54.0,
            ..step(1_000.0, Some(false), Some(180))
        };
        let dead = step(1_000.0, Some(false), None);
        let steps = [dead, slow.clone(), fast];
        assert_eq!(StepGroup::all(&steps)[0].middle(), Some(&slow));
    }

    #[test]
    fn sides_of_a_rate_are_groups_of_their_own() {
        let below = step(1_000.0, Some(true), None);
        let above = LoadStep {
            from: StepOrigin::Above,
            ..below.clone()
        };
        let steps = [above, below];
        let sides = StepGroup::all(&steps).into_iter().map(|group| group.from);
        let sides: Vec<_> = sides.collect();
        assert_eq!(sides, [StepOrigin::Below, StepOrigin::Above]);
    }
}
