//! Search for the highest offered rate at which conditions hold (the capacity).
//!
//! The search chooses rates one after the other. The caller offers each of them and returns how many messages were due, and
//! how many of them were beyond the limit, in short cells of time. Time is a number that the caller passes, so that the
//! same search runs against a server and against a simulated queue.
//!
//! | module | contents |
//! |---|---|
//! | `taken_step` | a step and the results of its conditions |
//! | `beginning` | the part of a step in which the server is not yet steady |
//! | `blocks` | the number of independent messages among dependent ones |
//! | `edge_model` | the share of messages beyond the limit over the offered rate |
//! | `confidence_sequence` | limits that hold however often they are looked at |
//! | `edge` | the capacity under each condition, and its interval |
//! | `above` | the capacity after an overload |
//! | `planner` | the next rate |
//! | `recovery_rates` | the next rate behind an overload |

mod above;
mod beginning;
mod blocks;
mod confidence_sequence;
mod edge;
mod edge_model;
#[cfg(test)]
mod overload_simulation;
mod planner;
mod recovery_rates;
#[cfg(test)]
mod simulation;
mod taken_step;

use above::FromAbove;
use beginning::unsteady_parts;
use edge::Edge;
use planner::Planner;
use taken_step::{TakenStep, has_both_sides, lowest_contradiction, mark_disturbed};
pub use taken_step::{WELL_ABOVE, far_beyond};

/// Number of parts of a step, each of which has a median, and can be left out at its beginning.
pub const PARTS_OF_STEP: usize = 8;

/// Counts of one cell of a step, for one condition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepCell {
    /// Messages due in the cell.
    pub due: u32,
    /// Messages beyond the limit. Messages without a correct and timely answer are beyond every limit.
    pub beyond: u32,
}

impl StepCell {
    /// Messages due in these cells, and messages beyond the limit.
    fn total(cells: &[Self]) -> (f64, f64) {
        let due: f64 = cells.iter().map(|cell| f64::from(cell.due)).sum();
        let beyond: f64 = cells.iter().map(|cell| f64::from(cell.beyond)).sum();
        (due, beyond)
    }

    /// Share of the messages beyond the limit; `None` without messages.
    fn share_beyond(cells: &[Self]) -> Option<f64> {
        let (due, beyond) = Self::total(cells);
        (due > 0.0).then(|| beyond / due)
    }
}

/// One condition of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SearchCondition {
    /// At most this share of the messages is beyond the limit, from 0 to 1: 0.01 for a p99.
    Share(f64),
    /// A figure of the whole step, which holds or not. All cells of a step have the same result: `beyond` is 0 or `due`.
    WholeStep,
}

/// The subject of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRules {
    /// The conditions, all of which must hold.
    pub conditions: Vec<SearchCondition>,
    /// Target half-width of the interval as a share of the capacity, above 0.
    pub precision: f64,
    /// Time for the whole search in seconds, with everything before the first step.
    pub budget_s: f64,
    /// A rate of the right order of magnitude, in messages per second.
    pub pilot_per_s: f64,
    /// Time limit of an answer in seconds: the longest time that a drain takes.
    pub timeout_s: f64,
    /// Limit of the response time in seconds, which a growing queue will reach; infinite when no condition has one.
    pub limit_s: f64,
    /// Seed of the random order of rates.
    pub seed: u64,
}

/// The reason for which a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepPurpose {
    /// A geometric step towards the first rate at which a condition does not hold.
    Climb,
    /// A rate near the edge.
    Edge,
    /// A rate that follows an overload without a pause.
    FromAbove,
    /// The reported rate, for the figures of the run.
    Final,
}

/// The overload before a step from above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLead {
    /// Messages per second.
    pub rate_per_s: f64,
    /// Length in seconds.
    pub seconds: f64,
}

/// The next rate to offer: lead, settle part and judged part follow each other without a pause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchStep {
    /// The reason for the step.
    pub purpose: StepPurpose,
    /// Offered rate in messages per second, a number of three significant digits.
    pub rate_per_s: f64,
    /// The overload before it; `None` = the server is drained and has no load.
    pub lead: Option<StepLead>,
    /// Load at this rate that is not counted, in seconds.
    pub settle_s: f64,
    /// Load at this rate that is counted, in seconds.
    pub judged_s: f64,
}

/// Results of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepResult {
    /// Length of a cell in seconds.
    pub cell_s: f64,
    /// Cells of the judged part in order of their due times, for each condition.
    pub conditions: Vec<Vec<StepCell>>,
    /// The same cells, with the messages above the 90th percentile of the step's response times as those beyond the limit.
    /// They show how long messages depend on each other, also where none is beyond the limit of a condition.
    pub tail: Vec<StepCell>,
    /// Median response time of each eighth of the judged part, in seconds; infinite without answers.
    pub medians_s: [f64; PARTS_OF_STEP],
    /// True when the generator could not offer the rate, or its own lateness explains why a condition did not hold.
    pub generator_limited: bool,
}

/// The capacity, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CapacityEstimate {
    /// Capacity from below in messages per second; `None` when it is unknown.
    pub rate_per_s: Option<f64>,
    /// Lower limit of the interval.
    pub low_per_s: f64,
    /// Upper limit of the interval; infinite when no rate is known at which a condition does not hold.
    pub high_per_s: f64,
    /// True when no rate is known at which a condition does not hold: the generator set the highest rate, or time was over.
    pub at_least: bool,
    /// True when the generator, not the server, ended the rates that can be offered.
    pub has_generator_limit: bool,
    /// Index of the condition with the lowest capacity; `None` when none is known not to hold.
    pub deciding: Option<usize>,
    /// Highest rate tried at which the server recovered from an overload, more often than not; `None` when it was not measured,
    /// or the server recovered at no rate.
    pub from_above_per_s: Option<f64>,
    /// True when the capacity from above is lower than that from below, with 99.9 % confidence.
    pub hysteresis: bool,
    /// True when the half-width of the interval is at most the target precision.
    pub is_precise: bool,
    /// Length of a block in seconds; `None` without an edge.
    pub block_s: Option<f64>,
    /// Share of the judged part of each step from below that was left out at its beginning, because the server was not yet
    /// steady: 0, 1/8 or 2/8.
    pub unsteady_share: f64,
}

impl CapacityEstimate {
    /// Nothing is known: any rate may be the capacity.
    pub const UNKNOWN: Self = Self {
        rate_per_s: None,
        low_per_s: 0.0,
        high_per_s: f64::INFINITY,
        at_least: false,
        has_generator_limit: false,
        deciding: None,
        from_above_per_s: None,
        hysteresis: false,
        is_precise: false,
        block_s: None,
        unsteady_share: 0.0,
    };

    /// True when the half-width of the interval is at most this share of the capacity.
    fn is_narrow(&self, precision: f64) -> bool {
        let half = (self.high_per_s - self.low_per_s) / 2.0;
        self.rate_per_s.is_some_and(|rate| half <= precision * rate)
    }
}

/// A search that goes on.
#[derive(Debug, Clone)]
pub struct CapacitySearch {
    rules: SearchRules,
    planner: Planner,
    steps: Vec<TakenStep>,
    /// Eighths of each step that are left out.
    unsteady_parts: usize,
    edge: Edge,
    from_above: FromAbove,
}

impl CapacitySearch {
    /// A search without steps.
    pub fn new(rules: SearchRules) -> Self {
        Self {
            planner: Planner::new(&rules),
            rules,
            steps: Vec::new(),
            unsteady_parts: 0,
            edge: Edge::default(),
            from_above: FromAbove::default(),
        }
    }

    /// The next step, at this time since the beginning of the search in seconds; `None` when the search has ended.
    pub fn next_step(&mut self, spent_s: f64) -> Option<SearchStep> {
        let estimate = self.estimate();
        self.planner.next_step(
            &self.steps,
            &estimate,
            &self.edge,
            &self.from_above,
            spent_s,
        )
    }

    /// Adds the results of a step. Returns true if the share of messages beyond the limit was within the allowed one for
    /// every condition, in a step from above at its end; `None` if the step says nothing about the server.
    pub fn record(&mut self, step: SearchStep, result: StepResult) -> Option<bool> {
        let taken = TakenStep::new(step, result, &self.rules, self.unsteady_parts);
        self.steps.push(taken);
        mark_disturbed(&mut self.steps);
        self.leave_out_beginnings();
        self.edge = Edge::find(&self.steps, &self.rules);
        self.from_above = FromAbove::find(&self.steps, &self.rules.conditions, &self.edge);
        self.held(self.steps.len() - 1)
    }

    /// Judges all steps anew when another part at their beginning turns out to be unsteady.
    fn leave_out_beginnings(&mut self) {
        let parts = unsteady_parts(&self.steps);
        if parts == self.unsteady_parts {
            return;
        }
        self.unsteady_parts = parts;
        let steps = std::mem::take(&mut self.steps).into_iter();
        let judge = |taken: TakenStep| TakenStep::new(taken.step, taken.result, &self.rules, parts);
        self.steps = steps.map(judge).collect();
        mark_disturbed(&mut self.steps);
    }

    /// The result of a step by its number, as [`record`](Self::record) returns it; `None` also when later steps at higher
    /// rates show that it was disturbed.
    pub fn held(&self, step: usize) -> Option<bool> {
        let taken = self.steps.get(step)?;
        match taken.is_from_above() {
            true => taken.has_recovered(),
            false => taken.held(),
        }
    }

    /// The capacity by the steps so far.
    pub fn estimate(&self) -> CapacityEstimate {
        let reported = self.steps.iter().rev().find(|taken| taken.is_final());
        let reported = reported.map(|taken| taken.step.rate_per_s);
        let has_end = self.planner.has_generator_limit(&self.steps);
        let mut found = CapacityEstimate {
            has_generator_limit: has_end,
            from_above_per_s: self.from_above.recovered_per_s,
            hysteresis: self.from_above.is_lower,
            unsteady_share: self.unsteady_parts as f64 / PARTS_OF_STEP as f64,
            ..self.edge.estimate(reported)
        };
        // Lower rates were to be tried.
        let is_open = self.edge.highest_held_per_s().is_none() && !self.planner.has_ended();
        found.rate_per_s = found.rate_per_s.filter(|_| !is_open);
        let rate = found.rate_per_s.unwrap_or(0.0);
        let is_narrow = found.is_narrow(self.rules.precision);
        let has_evidence = match found.at_least {
            true => has_end,
            false => has_both_sides(&self.steps, rate),
        };
        let contradiction = lowest_contradiction(&self.steps, found.at_least);
        if let Some(rate) = contradiction {
            // How much lower a bound is at which conditions held and failed, no higher rate tells.
            let known = if found.at_least { 0.0 } else { rate };
            found.low_per_s = found.low_per_s.min(known);
        }
        found.is_precise =
            is_narrow && self.edge.has_events() && has_evidence && contradiction.is_none();
        found.deciding = self.deciding().filter(|_| !found.at_least);
        found
    }

    /// The condition with the lowest capacity; if none has an edge, the first that did not hold at the lowest rate at which
    /// one did not.
    fn deciding(&self) -> Option<usize> {
        let failed = self
            .steps
            .iter()
            .filter(|taken| !taken.is_from_above() && taken.held() == Some(false));
        let rate = |taken: &&TakenStep| taken.step.rate_per_s;
        let lowest = failed.min_by(|a, b| rate(a).total_cmp(&rate(b)))?;
        let binding = self.edge.binding().map(|edge| edge.condition);
        binding.or_else(|| lowest.broken_condition(&self.rules.conditions))
    }
}
