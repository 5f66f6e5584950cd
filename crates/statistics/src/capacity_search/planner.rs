//! The next rate to offer.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::above::{FromAbove, LEAST_CONTROLS};
use super::edge::Edge;
use super::recovery_rates::{SECOND_RATE, has_results, is_exhausted, last_undecided, next_rate};
use super::taken_step::{TakenStep, rates_from_below, rates_of_generator};
use super::{CapacityEstimate, SearchRules, SearchStep, StepLead, StepPurpose};

/// The first rate as a share of that of the pilot.
const FIRST_RATE: f64 = 0.3;

/// The first rate without a pilot, in messages per second.
const BLIND_RATE: f64 = 100.0;

/// Ratio of a rate that failed to one that held from which on rates are chosen at random.
const CLOSE: f64 = 1.25;

/// Distance of the rates around the edge, in the log odds of the share.
const ODDS_AROUND_EDGE: f64 = 1.1;

/// Largest distance of rates around the edge, as a share of the capacity.
const WIDEST: f64 = 0.1;

/// Slope of the log odds from which on an edge is sharp: within 1 % of the rate the share grows by half an order of
/// magnitude.
const SHARP: f64 = 120.0;

/// Share of the budget after which steps from above are taken, however wide the interval is.
const TIME_FOR_ABOVE: f64 = 0.5;

/// Length of a step near the edge in seconds.
const EDGE_STEP_S: f64 = 3.5;

/// Largest part of the budget for a step near the edge that is longer than others, because messages depend on each other for
/// long, or are few.
const LONGEST_PART: f64 = 1.0 / 12.0;

/// Budget in seconds with which the steps have their full length.
const FULL_BUDGET_S: f64 = 60.0;

/// The first rate from above, as a share of the lower limit of the capacity.
const FIRST_FROM_ABOVE: f64 = 0.95;

/// Least first rate from above, as a share of the capacity, however wide the interval is.
const LOWEST_FIRST: f64 = 0.85;

/// Most rates that are too high for a first step from above, because the server would drain for too long at them.
const MOST_FIRST: i32 = 8;

/// Most of the time that is left for a first step from above.
const PART_FOR_FIRST: f64 = 0.4;

/// Most final steps, of which only the last says something about the server.
const MOST_FINAL: usize = 3;

/// Most steps at a rate that is to confirm a failure.
const MOST_TRIED: usize = 4;

/// Time before the judged part of a step from above, as a multiple of the time in which a server of this capacity drains.
const PATIENCE: f64 = 1.5;

/// Failures at one rate from which on steps from below at that rate are taken, and the number of these: few at first.
const FAILURES_BEFORE_FEW: usize = 2;
const FAILURES_BEFORE_CONTROLS: usize = 5;
const CONTROLS: usize = 12;

/// Overload before a step from above, as a multiple of the capacity.
const OVERLOAD: f64 = 1.5;

/// Length of the overload in seconds.
const LEAD_S: f64 = 0.4;

/// Least number of steps that the generator could not offer for a limit of the generator.
const GENERATOR_LIMITED: usize = 2;

/// The same at rates that the generator has offered in the pilot, which another program is likelier to have disturbed.
const GENERATOR_LIMITED_LOW: usize = 4;

/// Largest share of the rate of the pilot that counts as such a rate.
const LOW: f64 = 0.5;

/// Steps at the highest rate of the generator, of which one is a rate that it could not offer before.
const STEPS_PER_RETRY: usize = 4;

/// Choice of rates.
#[derive(Debug, Clone)]
pub(super) struct Planner {
    budget_s: f64,
    precision: f64,
    pilot_per_s: f64,
    timeout_s: f64,
    limit_s: f64,
    /// Messages that a step needs for one of them to be allowed beyond the limit, a few times.
    least_messages: f64,
    random: Xoshiro256PlusPlus,
    ends: bool,
    /// Time since the beginning at which the step before should have ended, and the excess of the last two.
    planned_end_s: f64,
    excess_s: [f64; 2],
}

impl Planner {
    pub(super) fn new(rules: &SearchRules) -> Self {
        let allowed = rules.conditions.iter().map(|rule| rule.allowed());
        let allowed = allowed.fold(0.5, f64::min).max(1e-6);
        Self {
            budget_s: rules.budget_s,
            precision: rules.precision,
            pilot_per_s: rules.pilot_per_s,
            timeout_s: rules.timeout_s,
            limit_s: rules.limit_s,
            least_messages: 3.0 / allowed,
            random: Xoshiro256PlusPlus::seed_from_u64(rules.seed),
            ends: false,
            planned_end_s: f64::INFINITY,
            excess_s: [0.0; 2],
        }
    }

    /// The next step; `None` behind the last one.
    pub(super) fn next_step(
        &mut self,
        steps: &[TakenStep],
        estimate: &CapacityEstimate,
        edge: &Edge,
        from_above: &FromAbove,
        spent_s: f64,
    ) -> Option<SearchStep> {
        self.excess_s = [(spent_s - self.planned_end_s).max(0.0), self.excess_s[0]];
        let left_s = self.budget_s - spent_s;
        self.ends &= !only_final_held(steps);
        if self.ends && !self.repeats_final(steps) || left_s <= 0.0 {
            return None;
        }
        let next = self.choose(steps, estimate, edge, from_above, spent_s)?;
        self.planned_end_s = spent_s + self.planned_s(&next);
        Some(next)
    }

    /// Returns true when the final step says nothing about the server, and there were not many of them.
    fn repeats_final(&self, steps: &[TakenStep]) -> bool {
        let last = steps
            .last()
            .is_some_and(|t| t.is_final() && t.held().is_none());
        last && steps.iter().filter(|taken| taken.is_final()).count() < MOST_FINAL
    }

    fn choose(
        &mut self,
        steps: &[TakenStep],
        estimate: &CapacityEstimate,
        edge: &Edge,
        from_above: &FromAbove,
        spent_s: f64,
    ) -> Option<SearchStep> {
        let left_s = self.budget_s - spent_s;
        let last = self.final_step(steps, estimate, edge);
        if self.ends {
            return last.filter(|step| self.length_s(step) <= left_s);
        }
        let final_s = last.map_or(0.0, |step| self.length_s(&step));
        let search_s = left_s - final_s;
        let fits = |planner: &Self, step: &SearchStep| planner.length_s(step) <= search_s;
        let mut next = self.climb(steps, search_s).filter(|step| fits(self, step));
        let has_edge = estimate.rate_per_s.is_some_and(|rate| rate > 0.0);
        let has_overload = has_edge && !estimate.at_least;
        let is_time_for_above =
            estimate.is_narrow(self.precision) || spent_s > TIME_FOR_ABOVE * self.budget_s;
        if next.is_none() && has_overload && is_time_for_above {
            let control = self.control_step(steps, from_above);
            next = control
                .filter(|step| fits(self, step))
                .or_else(|| self.step_from_above(steps, estimate, edge, from_above, search_s));
        }
        // At the lowest rate, more steps show whether a condition holds there.
        let holds_rarely = !has_edge && edge.highest_held_per_s().is_some();
        if next.is_none() && (has_edge || holds_rarely) && !estimate.is_precise {
            let step = self.around_edge(steps, estimate, edge);
            next = Some(step).filter(|step| fits(self, step));
        }
        if next.is_none() {
            self.ends = true;
            next = last.filter(|step| self.planned_s(step) <= left_s);
        }
        next
    }

    /// Returns true when no lower or higher rate is tried any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ends
    }

    /// Returns true when the generator, not the server, ends the rates that can be offered.
    pub(super) fn has_generator_limit(&self, steps: &[TakenStep]) -> bool {
        let offered = steps.iter().filter(|taken| taken.held().is_some());
        let highest = offered.map(|t| t.step.rate_per_s).fold(0.0, f64::max);
        let above = rates_of_generator(steps).filter(|rate| *rate > highest);
        let lowest = above.clone().reduce(f64::min);
        lowest.is_some_and(|lowest| above.count() >= self.needed_for_limit(lowest))
    }

    /// Number of steps that the generator could not offer from which on this rate is a limit of the generator.
    fn needed_for_limit(&self, rate: f64) -> usize {
        match rate < LOW * self.pilot_per_s {
            true => GENERATOR_LIMITED_LOW,
            false => GENERATOR_LIMITED,
        }
    }

    /// Length of a step with its drain in seconds, longer if the last steps were longer than planned.
    fn length_s(&self, step: &SearchStep) -> f64 {
        let excess_s = self.excess_s[0].min(self.excess_s[1]);
        // Echoes of the final step are waited for longer.
        let times = if step.purpose == StepPurpose::Final {
            3.0
        } else {
            1.0
        };
        self.planned_s(step) + times * excess_s
    }

    fn planned_s(&self, step: &SearchStep) -> f64 {
        let lead_s = step.lead.map_or(0.0, |lead| lead.seconds);
        let drain_s = match step.purpose {
            StepPurpose::Climb => (step.settle_s + step.judged_s).min(self.timeout_s),
            // A server that does not recover answers for half as long again.
            StepPurpose::FromAbove => ((step.settle_s + step.judged_s) / 2.0).min(self.timeout_s),
            // An overload of a tenth leaves as much to answer, but little more than the limit.
            StepPurpose::Edge | StepPurpose::Final => ((step.settle_s + step.judged_s) / 10.0)
                .min(self.limit_s)
                .max(0.1),
        };
        lead_s + step.settle_s + step.judged_s + drain_s
    }

    /// Factor of all lengths for a small budget.
    fn scale(&self) -> f64 {
        (self.budget_s / FULL_BUDGET_S).clamp(0.1, 1.0)
    }

    /// A length of at least this many seconds that has enough messages, but no large share of the budget.
    fn judged_s(&self, seconds: f64, rate_per_s: f64) -> f64 {
        let for_messages = self.least_messages / rate_per_s;
        let scaled = seconds * self.scale();
        scaled.max(for_messages.min(LONGEST_PART * self.budget_s))
    }

    /// The unjudged beginning of a step: a block, behind which a queue is steady.
    fn settle_s(&self, edge: &Edge) -> f64 {
        let blocks_s = edge.block_s().unwrap_or(0.0);
        (0.3 * self.scale()).max(blocks_s.min(self.budget_s / 40.0))
    }

    /// A step with enough blocks.
    fn edge_step(&self, purpose: StepPurpose, rate: f64, edge: &Edge, judged_s: f64) -> SearchStep {
        let wanted_s = edge.wanted_step_s().min(LONGEST_PART * self.budget_s);
        // A small budget makes all lengths smaller.
        let judged_s = judged_s.max(wanted_s / self.scale());
        self.step(purpose, rate, self.settle_s(edge), judged_s)
    }

    fn step(&self, purpose: StepPurpose, rate: f64, settle_s: f64, judged_s: f64) -> SearchStep {
        let rate_per_s = three_digits(rate);
        SearchStep {
            purpose,
            rate_per_s,
            lead: None,
            settle_s,
            judged_s: self.judged_s(judged_s, rate_per_s),
        }
    }

    /// The next step towards a rate that holds and a close one that fails; `None` when both are known, or cannot be.
    fn climb(&self, steps: &[TakenStep], room_s: f64) -> Option<SearchStep> {
        let below = || steps.iter().filter(|taken| !taken.is_from_above());
        let rates = |held| rates_from_below(steps, held);
        let limited: Vec<_> = below()
            .filter(|taken| taken.result.generator_limited)
            .map(|taken| taken.step.rate_per_s)
            .collect();
        let climb = |rate| self.step(StepPurpose::Climb, rate, 0.3 * self.scale(), 1.0);
        let first = match self.pilot_per_s > 0.0 {
            true => FIRST_RATE * self.pilot_per_s,
            false => BLIND_RATE,
        };
        let held = rates(true).reduce(f64::max);
        // A rate that failed and held, or was exceeded by one that held, bounds nothing.
        let failed = rates(false).filter(|rate| held.is_none_or(|held| *rate > held));
        match (held, failed.reduce(f64::min)) {
            (None, None) => match limited.iter().copied().reduce(f64::min) {
                None => Some(climb(first)),
                Some(lowest) => (limited.len() < 6).then(|| climb(lowest / 4.0)),
            },
            // One failure may be chance.
            (None, Some(failed)) if rates(false).count() == 1 => Some(climb(failed)),
            (None, Some(failed)) => {
                // A rate too low for any message beyond the limit says nothing more.
                let next = failed / 4.0;
                let needed_s = self.least_messages / next;
                let has_messages = needed_s <= room_s / 2.0;
                let is_blind = self.pilot_per_s <= 0.0 && rates(false).count() >= 2;
                let step = climb(next);
                (has_messages && !is_blind).then_some(SearchStep {
                    judged_s: step.judged_s.max(needed_s),
                    ..step
                })
            }
            (Some(held), None) => {
                let cap = limited.iter().copied().filter(|rate| *rate > held);
                let attempts = cap.clone().count();
                match cap.reduce(f64::min) {
                    None => Some(climb(2.0 * held)),
                    // One step that another program disturbed bounds nothing.
                    Some(cap) if attempts < self.needed_for_limit(cap) => Some(climb(cap)),
                    Some(cap) => (cap > held * (1.0 + 2.0 * self.precision) && attempts < 6)
                        .then(|| climb((held * cap).sqrt())),
                }
            }
            (Some(held), Some(failed)) if failed > held * CLOSE => {
                let next = climb((held * failed).sqrt());
                let same = limited.iter().filter(|rate| **rate == next.rate_per_s);
                (same.count() < MOST_TRIED).then_some(next)
            }
            // The edge is known, unless a single failure is all that bounds it.
            (Some(_), Some(failed)) => {
                let near = rates(false).filter(|rate| (failed..=failed * CLOSE).contains(rate));
                let tried = below().filter(|taken| taken.step.rate_per_s == failed);
                (near.count() == 1 && tried.count() < MOST_TRIED).then(|| climb(failed))
            }
        }
    }

    /// A random rate on the side of the edge that is less well known.
    fn around_edge(
        &mut self,
        steps: &[TakenStep],
        estimate: &CapacityEstimate,
        edge: &Edge,
    ) -> SearchStep {
        let capacity = estimate.rate_per_s.unwrap_or(0.0);
        if capacity == 0.0 {
            let lowest = lowest_rate(steps).unwrap_or(BLIND_RATE);
            return self.edge_step(StepPurpose::Edge, lowest, edge, EDGE_STEP_S);
        }
        if estimate.at_least {
            // More messages at the highest rate of the generator raise the lower limit, and a step beyond it shows whether
            // the generator is still the limit.
            let limited = rates_of_generator(steps).filter(|rate| *rate > capacity);
            let limit = limited.reduce(f64::min);
            let is_for_limit = steps.len().is_multiple_of(STEPS_PER_RETRY);
            let rate = limit.filter(|_| is_for_limit).unwrap_or(capacity);
            return self.edge_step(StepPurpose::Edge, rate, edge, EDGE_STEP_S);
        }
        let slope = edge.binding().map_or(1.0, |binding| binding.slope);
        let distance =
            (ODDS_AROUND_EDGE / slope.max(1e-9)).clamp((self.precision / 2.0).min(WIDEST), WIDEST);
        let distance = distance.max(half_gap(steps, capacity));
        let below = (capacity / estimate.low_per_s).ln().clamp(0.0, 1.0);
        let above = (estimate.high_per_s / capacity).ln().clamp(0.0, 1.0);
        // A side without a limit needs steps on both.
        let share_below = if below < 1.0 {
            below / (below + above)
        } else {
            0.5
        };
        let is_below = self.random.random::<f64>() < share_below;
        let offset = distance * self.random.random::<f64>();
        let rate = capacity * (if is_below { -offset } else { offset }).exp();
        self.edge_step(StepPurpose::Edge, rate, edge, EDGE_STEP_S)
    }

    /// A step from below at the rate at which the server did not recover, to be compared with those from above; `None` when
    /// there are enough, or hysteresis is settled.
    fn control_step(&self, steps: &[TakenStep], from_above: &FromAbove) -> Option<SearchStep> {
        let last = steps.iter().rev().find(|taken| taken.is_from_above())?;
        let rate = last.step.rate_per_s;
        let same = || steps.iter().filter(|taken| taken.step.rate_per_s == rate);
        let failed = same().filter(|t| t.is_from_above() && t.has_recovered() == Some(false));
        let controls = same().filter(|taken| !taken.is_from_above());
        let most = match failed.count() {
            ..FAILURES_BEFORE_FEW => 0,
            FAILURES_BEFORE_FEW..FAILURES_BEFORE_CONTROLS => LEAST_CONTROLS,
            _ => CONTROLS,
        };
        (controls.count() < most && !from_above.is_settled)
            .then(|| self.step(StepPurpose::Edge, rate, 0.3 * self.scale(), 1.0))
    }

    /// A step behind an overload that takes at most `room_s`; `None` when none does, or the recovery is known.
    fn step_from_above(
        &self,
        steps: &[TakenStep],
        estimate: &CapacityEstimate,
        edge: &Edge,
        from_above: &FromAbove,
        room_s: f64,
    ) -> Option<SearchStep> {
        let capacity = estimate.rate_per_s?;
        if is_exhausted(steps) {
            return None;
        }
        if !has_results(steps) {
            // A rate close to the capacity may need a long time to drain.
            let first = FIRST_FROM_ABOVE * estimate.low_per_s.max(LOWEST_FIRST * capacity);
            let rates = (0..MOST_FIRST).map(|n| first * SECOND_RATE.powi(n));
            let mut steps = rates.map(|rate| self.behind_overload(rate, capacity, edge));
            return steps.find(|step| self.length_s(step) <= PART_FOR_FIRST * room_s);
        }
        // A queue that was getting shorter gets the time that it needs.
        let again = last_undecided(steps).map(|(rate, settle_s)| {
            let step = self.behind_overload(rate, capacity, edge);
            SearchStep {
                settle_s: step.settle_s.max(settle_s),
                ..step
            }
        });
        let longest_s = LONGEST_PART * self.budget_s;
        let again = again.filter(|step| step.settle_s <= longest_s);
        let next = next_rate(steps, from_above.is_settled);
        let next = next.map(|rate| self.behind_overload(rate, capacity, edge));
        let mut all = again.into_iter().chain(next);
        all.find(|step| self.length_s(step) <= room_s)
    }

    /// A step at this rate behind an overload.
    fn behind_overload(&self, rate: f64, capacity: f64, edge: &Edge) -> SearchStep {
        // Long enough for the limit to be exceeded.
        let to_limit_s = if self.limit_s.is_finite() {
            1.2 * self.limit_s / (OVERLOAD - 1.0)
        } else {
            0.0
        };
        let lead_s = to_limit_s.max(LEAD_S * self.scale());
        // The queue that the overload leaves shrinks by the rest of the capacity.
        let backlog_s = (OVERLOAD - 1.0) * lead_s;
        let rest = (1.0 - rate / capacity).max(0.03);
        let settle_s = PATIENCE * backlog_s / rest + self.settle_s(edge);
        SearchStep {
            lead: Some(StepLead {
                rate_per_s: three_digits(OVERLOAD * capacity),
                seconds: lead_s,
            }),
            ..self.step(StepPurpose::FromAbove, rate, settle_s, 1.5)
        }
    }

    /// The step at the reported rate: the capacity, or the lowest rate when the conditions held at none.
    fn final_step(
        &self,
        steps: &[TakenStep],
        estimate: &CapacityEstimate,
        edge: &Edge,
    ) -> Option<SearchStep> {
        let lowest = lowest_rate(steps)?;
        let rate = estimate.rate_per_s.filter(|rate| *rate > 0.0);
        // At a sharp edge the middle of the interval may already fail.
        let slope = edge.binding().map_or(0.0, |binding| binding.slope);
        let held = edge.highest_held_per_s().filter(|_| slope > SHARP);
        let rate = rate.map(|rate| held.map_or(rate, |held| rate.min(held)));
        let settle_s = self.settle_s(edge);
        Some(self.step(StepPurpose::Final, rate.unwrap_or(lowest), settle_s, 3.0))
    }
}

/// Returns true when the conditions held in the last step, a final one, and in no step before it.
fn only_final_held(steps: &[TakenStep]) -> bool {
    steps.split_last().is_some_and(|(last, before)| {
        let holds = |taken: &TakenStep| taken.held() == Some(true);
        last.is_final() && holds(last) && !before.iter().any(holds)
    })
}

fn lowest_rate(steps: &[TakenStep]) -> Option<f64> {
    let rates = steps.iter().map(|taken| taken.step.rate_per_s);
    rates.reduce(f64::min)
}

/// Half of the distance, in logarithms, between the rates around the capacity that held and that failed.
fn half_gap(steps: &[TakenStep], capacity: f64) -> f64 {
    let held = rates_from_below(steps, true).filter(|rate| *rate <= capacity);
    let failed = rates_from_below(steps, false).filter(|rate| *rate >= capacity);
    match (held.reduce(f64::max), failed.reduce(f64::min)) {
        (Some(held), Some(failed)) => (failed / held).ln() / 2.0,
        _ => 0.0,
    }
}

/// The nearest number of three significant digits.
fn three_digits(rate: f64) -> f64 {
    // The text of a number has exactly the digits asked for, which a product with a power of ten has not.
    format!("{rate:.2e}").parse().unwrap_or(rate)
}
