//! Judgement of a step by the conditions of a search.

use std::time::Duration;

use measurement::load_search::{CapacityCondition, ConditionJudge};
use measurement::plan::Plan;
use measurement::record::{CellRules, LoadCells};
use measurement::run::{LATE_START_NS, RunContext, Summary};
use statistics::capacity_search::{SearchCondition, StepCell, StepResult};
use units::Rate;

use crate::clock::nanoseconds;
use crate::load_order::OrderRecord;

/// Latest start of a process among several. Those of the others have offered less than the rate until then.
const MOST_LATE: Duration = Duration::from_nanos(LATE_START_NS);

/// Share of the due messages that a generator has to send in time.
const LEAST_SENT: f64 = 0.99;

/// Share of the time for which a generator thread may wait for a core in a step that fails, twice that of a valid run. A
/// thread that waits reads echoes late, which looks like a slow server.
const MOST_WAITED: f64 = 0.1;

/// Share of the time, spent on a core or waiting for one, from which on a thread has no idle time left. An idle thread
/// catches up with its waits, and the times of single messages show them.
const NO_IDLE_TIME: f64 = 0.9;

/// Quantile of the response times above which messages show how long they depend on each other.
const TAIL: f64 = 0.9;

/// The conditions of a search, and how the counts of a step decide about them.
#[derive(Debug)]
pub(super) struct StepJudge {
    plan: Plan,
    conditions: Vec<(CapacityCondition, DecidingCounts)>,
    response_limits_ns: Vec<u64>,
    service_limits_ns: Vec<u64>,
}

/// The counts of a step that decide about a condition. Limits are indices.
#[derive(Debug, Clone, Copy)]
enum DecidingCounts {
    Response { limit: usize, allowed: f64 },
    Service { limit: usize, allowed: f64 },
    Failed { allowed: f64 },
    WholeStep,
}

impl DecidingCounts {
    /// Largest share of the messages beyond the limit; `None` for a figure of the whole step.
    fn allowed(self) -> Option<f64> {
        match self {
            Self::Response { allowed, .. }
            | Self::Service { allowed, .. }
            | Self::Failed { allowed } => Some(allowed),
            Self::WholeStep => None,
        }
    }

    /// Messages of a cell beyond the limit; 0 for a figure of the whole step.
    fn beyond(self, cells: &LoadCells, cell: usize) -> u32 {
        match self {
            Self::Response { limit, .. } => cells.response_beyond(cell, limit),
            Self::Service { limit, .. } => cells.service_beyond(cell, limit),
            Self::Failed { .. } => cells.not_answered(cell),
            Self::WholeStep => 0,
        }
    }

    /// Messages of the step beyond the limit that the generator does not explain.
    fn unexplained(self, cells: &LoadCells) -> u64 {
        match self {
            Self::Response { limit, .. } => cells.punctual_beyond(limit),
            Self::Service { limit, .. } => cells.unstopped_service_beyond(limit),
            Self::Failed { .. } => cells.total_failed() + cells.total_unsent(),
            Self::WholeStep => 0,
        }
    }
}

impl StepJudge {
    pub(super) fn new(plan: &Plan, conditions: &[CapacityCondition]) -> Self {
        let mut judge = Self {
            plan: plan.clone(),
            conditions: Vec::with_capacity(conditions.len()),
            response_limits_ns: Vec::new(),
            service_limits_ns: Vec::new(),
        };
        for condition in conditions {
            let measure = judge.measure(condition.judged_by());
            judge.conditions.push((condition.clone(), measure));
        }
        judge
    }

    fn measure(&mut self, judged_by: ConditionJudge) -> DecidingCounts {
        let add = |limits: &mut Vec<u64>, limit_ns| {
            limits.push(limit_ns);
            limits.len() - 1
        };
        match judged_by {
            ConditionJudge::ResponseBeyond { limit_ns, allowed } => DecidingCounts::Response {
                limit: add(&mut self.response_limits_ns, limit_ns),
                allowed,
            },
            ConditionJudge::ServiceBeyond { limit_ns, allowed } => DecidingCounts::Service {
                limit: add(&mut self.service_limits_ns, limit_ns),
                allowed,
            },
            ConditionJudge::Failed { allowed } => DecidingCounts::Failed { allowed },
            ConditionJudge::WholeStep => DecidingCounts::WholeStep,
        }
    }

    /// The conditions as the search knows them.
    pub(super) fn search_conditions(&self) -> Vec<SearchCondition> {
        let measures = self.conditions.iter().map(|(_, measure)| measure);
        measures
            .map(|measure| match measure.allowed() {
                Some(allowed) => SearchCondition::Share(allowed),
                None => SearchCondition::WholeStep,
            })
            .collect()
    }

    /// Cells for a judged part of this length.
    pub(super) fn cells(&self, judged: Duration) -> CellRules {
        CellRules::new(
            nanoseconds(judged),
            self.response_limits_ns.clone(),
            self.service_limits_ns.clone(),
        )
    }

    /// The longest limit of a time; zero without one.
    pub(super) fn longest_limit(&self) -> Duration {
        let limits = self
            .response_limits_ns
            .iter()
            .chain(&self.service_limits_ns);
        Duration::from_nanos(limits.copied().max().unwrap_or(0))
    }

    /// The result of a step at this rate.
    pub(super) fn judge(&self, rate: Rate, judged: Duration, record: &OrderRecord) -> StepResult {
        let Some(cells) = &record.cells else {
            return StepResult::default();
        };
        let has_whole = self.conditions.iter().any(|(_, m)| m.allowed().is_none());
        let summary = has_whole.then(|| self.summary(rate, judged, record));
        let summary = summary.as_ref();
        let holds =
            |condition: &CapacityCondition| summary.is_some_and(|step| condition.holds(step));
        let counts = |condition: &CapacityCondition, measure: DecidingCounts| -> Vec<StepCell> {
            let is_broken = measure.allowed().is_none() && !holds(condition);
            let count = |cell| {
                let due = cells.due(cell);
                let beyond = measure.beyond(cells, cell);
                StepCell {
                    due,
                    beyond: if is_broken { due } else { beyond },
                }
            };
            (0..cells.len()).map(count).collect()
        };
        let conditions: Vec<Vec<StepCell>> = self
            .conditions
            .iter()
            .map(|(condition, measure)| counts(condition, *measure))
            .collect();
        StepResult {
            cell_s: cells.cell_s(),
            generator_limited: record.late > MOST_LATE
                || is_behind(record, cells, judged)
                || self.is_explained(&conditions, summary, cells, record),
            medians_s: cells.medians_s(),
            tail: cells
                .above_quantile(TAIL)
                .into_iter()
                .map(|(due, beyond)| StepCell { due, beyond })
                .collect(),
            conditions,
        }
    }

    /// Returns true when conditions are broken, and each of them would hold without the generator's own lateness and stops, or
    /// the generator had too little of a core.
    fn is_explained(
        &self,
        conditions: &[Vec<StepCell>],
        summary: Option<&Summary>,
        cells: &LoadCells,
        record: &OrderRecord,
    ) -> bool {
        let due = cells.total_due() as f64;
        let is_starved = is_starved(record);
        let has_stopped = record.client.stops.is_some_and(|stops| stops.count > 0);
        let mut is_any_broken = false;
        for ((condition, measure), counts) in self.conditions.iter().zip(conditions) {
            let beyond: u64 = counts.iter().map(|count| u64::from(count.beyond)).sum();
            let allowed = measure.allowed().unwrap_or(0.0) * due;
            if beyond as f64 <= allowed {
                continue;
            }
            is_any_broken = true;
            let is_explained = match measure {
                DecidingCounts::WholeStep => {
                    (has_stopped || is_starved)
                        && summary.is_some_and(|step| condition.is_broken_by_time(step))
                }
                DecidingCounts::Failed { .. } => measure.unexplained(cells) as f64 <= allowed,
                _ => is_starved || measure.unexplained(cells) as f64 <= allowed,
            };
            if !is_explained {
                return false;
            }
        }
        is_any_broken
    }

    /// Summary of a step.
    fn summary(&self, rate: Rate, judged: Duration, record: &OrderRecord) -> Summary {
        let context = RunContext {
            connections: record.connections.clone(),
            client: record.client.clone(),
            elapsed_s: judged.as_secs_f64(),
            ..RunContext::default()
        };
        let plan = self.plan.clone().offering(rate, judged);
        Summary::new(&plan, &record.record, context)
    }
}

/// Returns true when the busiest generator thread waited too long for a core and had no idle time left.
fn is_starved(record: &OrderRecord) -> bool {
    let client = &record.client;
    let waited = client.run_queue_wait_share.unwrap_or(0.0);
    let worked = client.busy_share.or(client.cpu_per_core).unwrap_or(0.0);
    waited > MOST_WAITED && worked + waited >= NO_IDLE_TIME
}

/// Returns true when the generator did not send enough messages in time although window and socket had room. If it sends
/// at a lower rate than planned, its own lateness grows to the missing share of the step. A wait for room is not part of it.
pub(super) fn is_behind(record: &OrderRecord, cells: &LoadCells, judged: Duration) -> bool {
    const QUANTILE: f64 = 0.9;
    let Some(open) = &record.record.open_loop else {
        return false;
    };
    /// Part of the missing messages that the lateness has to explain at least.
    const EXPLAINED: f64 = 0.5;
    let missing = 1.0 - open.sent_in_time as f64 / cells.total_due().max(1) as f64;
    let late_s = open.lateness.quantile(QUANTILE).unwrap_or(0) as f64 / 1e9;
    missing > 1.0 - LEAST_SENT && late_s >= QUANTILE * EXPLAINED * missing * judged.as_secs_f64()
}
