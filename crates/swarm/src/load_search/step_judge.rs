//! Judgement of a step by the conditions of a search.

use std::time::Duration;

use measurement::load_search::{CapacityCondition, ConditionJudge};
use measurement::plan::Plan;
use measurement::record::{CellRules, LoadCells};
use measurement::run::{Connections, LATE_START_NS, RunContext, Summary};
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
    NoneFailed,
    WholeStep,
}

impl DecidingCounts {
    /// Largest share of the messages beyond the limit; `None` for a condition that the whole step breaks or not.
    fn allowed(self) -> Option<f64> {
        match self {
            Self::Response { allowed, .. }
            | Self::Service { allowed, .. }
            | Self::Failed { allowed } => Some(allowed),
            Self::NoneFailed | Self::WholeStep => None,
        }
    }

    /// Messages of a cell beyond the limit; 0 for a condition that the whole step breaks or not.
    fn beyond(self, cells: &LoadCells, cell: usize) -> u32 {
        match self {
            Self::Response { limit, .. } => cells.response_beyond(cell, limit),
            Self::Service { limit, .. } => cells.service_beyond(cell, limit),
            Self::Failed { .. } => cells.not_answered(cell),
            Self::NoneFailed | Self::WholeStep => 0,
        }
    }

    /// Messages of the step beyond the limit that the generator's lateness and stops do not explain.
    fn unexplained(self, cells: &LoadCells) -> u64 {
        match self {
            Self::Response { limit, .. } => cells.punctual_beyond(limit),
            Self::Service { limit, .. } => cells.unstopped_service_beyond(limit),
            Self::Failed { .. } | Self::NoneFailed => not_answered(cells),
            Self::WholeStep => 0,
        }
    }
}

/// Messages of the step that were not answered correctly and in time.
fn not_answered(cells: &LoadCells) -> u64 {
    cells.total_failed() + cells.total_unsent()
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
            ConditionJudge::Failed { allowed } if allowed > 0.0 => {
                DecidingCounts::Failed { allowed }
            }
            ConditionJudge::Failed { .. } => DecidingCounts::NoneFailed,
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
        let is_whole = |measure: &DecidingCounts| matches!(measure, DecidingCounts::WholeStep);
        let has_whole = self.conditions.iter().any(|(_, m)| is_whole(m));
        let summary = has_whole.then(|| self.summary(rate, judged, record));
        let summary = summary.as_ref();
        let holds =
            |condition: &CapacityCondition| summary.is_some_and(|step| condition.holds(step));
        let counts = |condition: &CapacityCondition, measure: DecidingCounts| -> Vec<StepCell> {
            let is_broken = match measure {
                DecidingCounts::WholeStep => !holds(condition),
                DecidingCounts::NoneFailed => not_answered(cells) > 0,
                _ => false,
            };
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
                || self.is_explained(&conditions, summary, judged, record),
            medians_s: cells.medians_s(),
            tail: cells
                .above_quantile(TAIL)
                .into_iter()
                .map(|(due, beyond)| StepCell { due, beyond })
                .collect(),
            conditions,
        }
    }

    /// Returns true when conditions are broken, and each of them would hold without the generator's own lateness and stops,
    /// or with responses that are shorter by the time that it waited for a core.
    fn is_explained(
        &self,
        conditions: &[Vec<StepCell>],
        summary: Option<&Summary>,
        judged: Duration,
        record: &OrderRecord,
    ) -> bool {
        let Some(cells) = &record.cells else {
            return false;
        };
        let due = cells.total_due() as f64;
        let waited_ns = waited_ns(record, judged);
        let stopped_ns = record.client.stops.map_or(0, |stops| stops.longest_ns);
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
                    let excess_ns = summary.and_then(|step| condition.excess_ns(step));
                    let longest_ns = waited_ns.unwrap_or(0).max(stopped_ns);
                    excess_ns.is_some_and(|excess_ns| excess_ns <= longest_ns as f64)
                }
                _ => {
                    let without_wait =
                        waited_ns.and_then(|ns| self.beyond_wait(*measure, record, ns));
                    let unexplained = measure.unexplained(cells);
                    let unexplained = without_wait.map_or(unexplained, |own| own.min(unexplained));
                    unexplained as f64 <= allowed
                }
            };
            if !is_explained {
                return false;
            }
        }
        is_any_broken
    }

    /// Messages of the step that would be beyond the limit if each response were shorter by this time; `None` for a
    /// condition without a limit of time.
    fn beyond_wait(
        &self,
        measure: DecidingCounts,
        record: &OrderRecord,
        waited_ns: u64,
    ) -> Option<u64> {
        let (times, limit_ns) = match measure {
            DecidingCounts::Response { limit, .. } => {
                (record.record.response(), self.response_limits_ns[limit])
            }
            DecidingCounts::Service { limit, .. } => {
                (&record.record.service, self.service_limits_ns[limit])
            }
            _ => return None,
        };
        let within = times.counts_up_to(&[limit_ns.saturating_add(waited_ns)]);
        let beyond = times.count() - within.iter().sum::<u64>();
        Some(beyond + record.cells.as_ref().map_or(0, not_answered))
    }

    /// Summary of a step.
    fn summary(&self, rate: Rate, judged: Duration, record: &OrderRecord) -> Summary {
        let context = RunContext {
            // Connections that were closed in other steps are open again.
            connections: Connections {
                closed_early: record.closed,
                ..record.connections.clone()
            },
            client: record.client.clone(),
            elapsed_s: judged.as_secs_f64(),
            ..RunContext::default()
        };
        let plan = self.plan.clone().offering(rate, judged);
        Summary::new(&plan, &record.record, context)
    }
}

/// Time in nanoseconds for which the busiest generator thread waited for a core in the judged part: the longest time by
/// which it can have delayed a response. `None` unless it waited too long and had no idle time left.
fn waited_ns(record: &OrderRecord, judged: Duration) -> Option<u64> {
    let client = &record.client;
    let waited = client.run_queue_wait_share.unwrap_or(0.0);
    let worked = client.busy_share.or(client.cpu_per_core).unwrap_or(0.0);
    let is_starved = waited > MOST_WAITED && worked + waited >= NO_IDLE_TIME;
    is_starved.then(|| nanoseconds(judged.mul_f64(waited.min(1.0))))
}

/// Returns true when the generator did not send enough messages in time although window and socket had room. If it sends
/// at a lower rate than planned, its own lateness grows to the missing share of the step. A wait for room is not part of it.
pub(super) fn is_behind(record: &OrderRecord, cells: &LoadCells, judged: Duration) -> bool {
    const QUANTILE: f64 = 0.9;
    let Some(open) = &record.record.open_loop else {
        return false;
    };
    // Missing answers are the server's, however late the rest was sent.
    if 2 * cells.total_failed() > cells.total_due() {
        return false;
    }
    /// Part of the missing messages that the lateness has to explain at least.
    const EXPLAINED: f64 = 0.5;
    let missing = 1.0 - open.sent_in_time as f64 / cells.total_due().max(1) as f64;
    let late_s = open.lateness.quantile(QUANTILE).unwrap_or(0) as f64 / 1e9;
    missing > 1.0 - LEAST_SENT && late_s >= QUANTILE * EXPLAINED * missing * judged.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use measurement::plan::{Arrivals, Length, Load, LoadDraft, RateProfile};
    use measurement::record::{BottomK, Outcome, Recorder, Sample};
    use measurement::verdict::{GeneratorUsage, Stops};

    use super::*;
    use crate::tests::plan;

    const MS: u64 = 1_000_000;

    /// Messages due in the judged part of a second, one each millisecond.
    const DUE: u64 = 1_000;

    /// A step with these response times in milliseconds, by message; `None` is lost. A generator thread waited for a core
    /// for this share of the time, and worked in the rest.
    fn step(
        judge: &StepJudge,
        waited: f64,
        response_ms: impl Fn(u64) -> Option<u64>,
    ) -> OrderRecord {
        let judged = Duration::from_secs(1);
        let budget = BottomK::new(0, 1);
        let mut recorder = Recorder::new(true, 0);
        recorder.add_cells(&judge.cells(judged));
        recorder.measure_until(nanoseconds(judged));
        for n in 0..DUE {
            let due = n * MS;
            recorder.sent(due, due);
            recorder.late(0);
            let sample = match response_ms(n) {
                None => Sample::lost(0, n, due, due),
                Some(ms) => {
                    let sample = Sample::echoed(0, n, due, due, due + ms * MS, Outcome::Ok);
                    recorder.punctual_response(ms * MS, &sample);
                    sample
                }
            };
            recorder.ended(&budget, sample, 125);
        }
        let cells = recorder.take_cells();
        OrderRecord {
            record: Recorder::merge(vec![recorder], &budget),
            cells,
            alive: 4,
            client: GeneratorUsage {
                cpu_per_core: Some(1.0 - waited),
                run_queue_wait_share: Some(waited),
                ..GeneratorUsage::default()
            },
            ..OrderRecord::default()
        }
    }

    fn judge(condition: &str) -> StepJudge {
        let open_loop = |draft: &mut LoadDraft| {
            draft.length = Length::Duration(Duration::from_secs(1));
            draft.load = Load::Open {
                profile: RateProfile::constant(Rate::new(1_000.0).unwrap()),
                arrivals: Arrivals::Constant,
                window: None,
            };
        };
        StepJudge::new(&plan(open_loop), &[condition.parse().unwrap()])
    }

    fn result(judge: &StepJudge, record: &OrderRecord) -> StepResult {
        let rate = Rate::new(1_000.0).unwrap();
        judge.judge(rate, Duration::from_secs(1), record)
    }

    fn is_limited(condition: &str, waited: f64, response_ms: impl Fn(u64) -> Option<u64>) -> bool {
        let judge = judge(condition);
        let record = step(&judge, waited, response_ms);
        result(&judge, &record).generator_limited
    }

    /// A generator that waited for 30 % of a second for a core explained responses of any length.
    #[test]
    fn a_starved_generator_explains_no_more_than_it_waited() {
        for condition in ["p99<10ms", "service.p99<10ms", "mean<10ms"] {
            let within = |_: u64| Some(300);
            let beyond = |_: u64| Some(320);
            assert!(is_limited(condition, 0.3, within), "{condition}");
            assert!(!is_limited(condition, 0.3, beyond), "{condition}");
            // A thread that waits seldom has the time to catch up.
            assert!(!is_limited(condition, 0.05, within), "{condition}");
        }
        // The condition allows ten messages beyond the limit.
        let some = |slow: u64| move |n: u64| Some(if n < slow { 900 } else { 200 });
        assert!(is_limited("p99<10ms", 0.3, some(10)));
        assert!(!is_limited("p99<10ms", 0.3, some(11)));
    }

    /// At `closed_early==0`, no step behind the first closed connection held.
    #[test]
    fn connections_closed_in_earlier_steps_are_not_closed_in_this_one() {
        let judge = judge("closed_early==0");
        let mut record = step(&judge, 0.0, |_| Some(1));
        record.connections.closed_early = 4;
        let rate = Rate::new(1_000.0).unwrap();
        let closed = |record: &OrderRecord| {
            let summary = judge.summary(rate, Duration::from_secs(1), record);
            summary.connections.closed_early
        };
        assert_eq!(closed(&record), 0);
        record.closed = 1;
        assert_eq!(closed(&record), 1);
    }

    #[test]
    fn a_starved_generator_explains_no_lost_message() {
        let lost = |n: u64| (n >= 20).then_some(200);
        for condition in ["p99<10ms", "error_rate<1%", "error_rate==0", "mean<10ms"] {
            assert!(!is_limited(condition, 0.3, lost), "{condition}");
        }
    }

    /// Any stop explained a figure of the whole step.
    #[test]
    fn a_stop_explains_a_mean_only_by_its_length() {
        let judge = judge("mean<10ms");
        let limited = |stop_ms: u64| {
            let mut record = step(&judge, 0.0, |_| Some(50));
            record.client.stops = Some(Stops {
                count: 1,
                longest_ns: stop_ms * MS,
                ..Stops::default()
            });
            result(&judge, &record).generator_limited
        };
        assert!(limited(41) && !limited(39));
    }

    #[test]
    fn a_single_failed_message_breaks_a_condition_without_failures() {
        let judge = judge("error_rate==0");
        let beyond = |lost: u64| {
            let record = step(&judge, 0.0, |n| (n >= lost).then_some(1));
            let result = result(&judge, &record);
            let cells = result.conditions[0].iter();
            cells.map(|cell| u64::from(cell.beyond)).sum::<u64>()
        };
        assert_eq!((beyond(0), beyond(1)), (0, DUE));
        assert_eq!(judge.search_conditions(), [SearchCondition::WholeStep]);
    }
}
