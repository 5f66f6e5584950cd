//! The search for the highest offered rate at which conditions hold.

use std::num::NonZeroU32;
use std::time::Duration;

use measurement::load_search::CapacityRules;
use measurement::plan::Plan;
use measurement::record::CellRules;
use measurement::run::{
    CapacityPlanSummary, CapacitySummary, LoadStep, Run, SearchEnd, StepOrigin,
};
use statistics::capacity_search::{
    CapacityEstimate, CapacitySearch, SearchRules, SearchStep, StepPurpose,
};
use units::three_digits;

use super::runner::{LocalRunner, OrderRunner};
use super::step_judge::StepJudge;
use super::step_log::{OfferedStep, StepLog};
use crate::SwarmError;
use crate::handle::RunHandle;
use crate::load_order::{DrainLimits, LoadOrder, OrderLead, OrderLoad};
use crate::run::RunSetup;
use crate::search_progress::{OrderPurpose, SearchProgress};

/// Length of a pilot.
const PILOT: Duration = Duration::from_millis(500);

/// Largest part of the budget for a pilot.
const PILOT_PART: u32 = 20;

/// Longest time without an echo in the drain of a pilot, whose rate is all that counts.
const PILOT_QUIET: Duration = Duration::from_millis(200);

/// Messages in flight over all clients with which the pilot is not bound by wake-ups.
const PILOT_IN_FLIGHT: u32 = 64;

/// Part of the budget after which no echo is awaited any more, if none has come.
const QUIET_PART: u32 = 60;

/// Limits of that time.
const QUIET: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The shortest such time in the step whose figures are reported.
const FINAL_QUIET: Duration = Duration::from_secs(3);

/// Shortest such time when the budget is over.
const LEAST_FINAL_DRAIN: Duration = Duration::from_millis(200);

/// Shortest time for which delayed messages are sent behind a step.
const LATE_SENDS: Duration = Duration::from_millis(500);

/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// Finds the highest offered rate at which conditions hold. The load of the plan gives arrivals and window. Blocks until all
/// connections are closed. The figures of the run are those of the step at the reported rate.
///
/// # Errors
/// Those of [`run`](crate::run).
pub fn find_capacity(
    plan: &Plan,
    rules: &CapacityRules,
    handle: &RunHandle,
    mut setup: RunSetup<'_>,
) -> Result<Run, SwarmError> {
    let runner = LocalRunner::open(plan, handle, &mut setup)?;
    find_capacity_with(Box::new(runner), plan, rules, handle, setup)
}

/// Does the same with a runner whose connections are open. The budget begins now. The calibration counts too.
///
/// # Errors
/// Those of the runner.
pub fn find_capacity_with<'a>(
    runner: Box<dyn OrderRunner + 'a>,
    plan: &'a Plan,
    rules: &'a CapacityRules,
    handle: &'a RunHandle,
    setup: RunSetup<'_>,
) -> Result<Run, SwarmError> {
    let progress = SearchProgress {
        budget_s: rules.budget.as_secs_f64(),
        ..SearchProgress::default()
    };
    let spent_s = setup.calibration.map_or(0.0, |c| c.took_s);
    let mut search = Search {
        judge: StepJudge::new(plan, &rules.conditions),
        plan,
        rules,
        log: StepLog::new(runner, plan, handle, spent_s, progress),
        reported: None,
        has_ended_in_step: false,
    };
    let mut steps = None;
    if let Some(pilot_per_s) = search.pilot()? {
        let mut own = search.begin(pilot_per_s);
        search.take_steps(&mut own)?;
        steps = Some(own);
    }
    search.finish(steps.as_ref(), setup)
}

/// A search that goes on.
struct Search<'a> {
    judge: StepJudge,
    plan: &'a Plan,
    rules: &'a CapacityRules,
    log: StepLog<'a>,
    /// Rank and rate of the step whose figures are reported so far.
    reported: Option<(ReportRank, f64)>,
    /// All connections ended for good in the latest step.
    has_ended_in_step: bool,
}

/// Suitability of a step to be the reported one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ReportRank {
    /// The conditions did not hold.
    Broken,
    /// The conditions held.
    Held,
    /// The step at the reported rate.
    Final,
}

impl Search<'_> {
    /// The steps behind a pilot of this rate.
    fn begin(&self, pilot_per_s: f64) -> CapacitySearch {
        CapacitySearch::new(SearchRules {
            conditions: self.judge.search_conditions(),
            precision: self.rules.precision,
            budget_s: self.rules.budget.as_secs_f64(),
            pilot_per_s,
            timeout_s: self.plan.timeout.as_secs_f64(),
            limit_s: match self.judge.longest_limit() {
                Duration::ZERO => f64::INFINITY,
                limit => limit.as_secs_f64(),
            },
            seed: self.plan.seed,
        })
    }

    /// Limits of the drain of a step of this length. Messages that are beyond all limits of time need not be waited for, nor
    /// those that are not answered when the budget is over.
    fn drain(&self, length: Duration, is_final: bool) -> DrainLimits {
        let limit = self.judge.longest_limit();
        let [shortest, longest] = QUIET;
        let (quiet, late_sends, least) = match is_final {
            true => (FINAL_QUIET, self.plan.timeout, LEAST_FINAL_DRAIN),
            false => {
                let part = self.rules.budget / QUIET_PART;
                let quiet = part.clamp(shortest, longest);
                (quiet, limit.max(LATE_SENDS), longest)
            }
        };
        let quiet = (2 * limit).max(quiet);
        let left_s = self.rules.budget.as_secs_f64() - self.log.spent_s();
        let left = Duration::try_from_secs_f64(left_s).unwrap_or_default();
        let left = left.saturating_sub(length).max(least).max(limit);
        DrainLimits::until_quiet(quiet, late_sends, self.plan.timeout).at_most(left)
    }

    /// Messages per second of a closed loop, 0 from a server that answers nothing; `None` when the user interrupts the run, and when all
    /// connections end.
    fn pilot(&mut self) -> Result<Option<f64>, SwarmError> {
        let budget = self.rules.budget;
        let judged = PILOT.min(budget / PILOT_PART);
        let drain = DrainLimits::until_quiet(PILOT_QUIET, PILOT_QUIET, self.plan.timeout);
        let mut window = NonZeroU32::MIN;
        // As a longer pilot, a longer warm-up would leave no time for steps.
        let mut settle = self.plan.warmup.min(budget / PILOT_PART);
        let mut best_per_s = 0.0_f64;
        loop {
            let order = LoadOrder {
                lead: None,
                load: OrderLoad::Closed { window },
                settle,
                judged,
                cells: CellRules::new(0, Vec::new(), Vec::new()),
                keeps_samples: false,
                seed: 0,
                drain,
                start: None,
            };
            let Some(step) = self.log.take(OrderPurpose::Pilot, order)? else {
                return Ok(None);
            };
            if self.log.end().is_some() {
                return Ok(None);
            }
            // Echoes that arrive after the end count too, as many as were in flight at its beginning.
            let per_s = step.record.record.in_time.messages as f64 / judged.as_secs_f64();
            best_per_s = best_per_s.max(per_s);
            let clients = self.plan.senders().max(1);
            let wider = NonZeroU32::new(PILOT_IN_FLIGHT.div_ceil(clients));
            let limit = self.plan.load.window().unwrap_or(NonZeroU32::MAX);
            match wider.map(|wider| wider.min(limit)) {
                Some(wider) if wider > window && per_s > 0.0 => window = wider,
                _ => return Ok(Some(best_per_s)),
            }
            settle = judged / 5;
        }
    }

    fn take_steps(&mut self, search: &mut CapacitySearch) -> Result<(), SwarmError> {
        while let Some(step) = search.next_step(self.log.spent_s()) {
            let order = self.order(&step);
            let Some(taken) = self.log.take(OrderPurpose::Step(step.purpose), order)? else {
                return Ok(());
            };
            let Some(rate) = taken.rate() else {
                return Ok(());
            };
            let judged = taken.order.judged;
            let is_over = self.log.end().is_some();
            self.has_ended_in_step = is_over;
            let mut result = self.judge.judge(rate, judged, &taken.record);
            result.generator_limited |= taken.has_offered_nothing(self.plan);
            // A server that has closed all connections is not the generator's fault.
            result.generator_limited &= taken.record.alive > 0;
            let generator_limited = result.generator_limited;
            let held = search.record(step, result);
            let row = taken.row(self.plan);
            // Connections may also have ended behind the last answer.
            let held = if is_over && row.failed + row.unsent > 0 {
                Some(false)
            } else {
                held
            };
            let row = LoadStep {
                held,
                generator_limited,
                ..row
            };
            self.log.add(row, Some(search.estimate()));
            self.report_if_best(&step, held, taken);
            if is_over {
                return Ok(());
            }
        }
        Ok(())
    }

    fn order(&self, step: &SearchStep) -> LoadOrder {
        let seconds = |s: f64| Duration::try_from_secs_f64(s).unwrap_or_default();
        let is_final = step.purpose == StepPurpose::Final;
        let judged = seconds(step.judged_s).max(Duration::from_millis(1));
        let settle = seconds(step.settle_s);
        let lead = step.lead.map(|lead| OrderLead {
            rate_per_s: lead.rate_per_s,
            length: seconds(lead.seconds),
        });
        let length = lead.map_or(Duration::ZERO, |lead| lead.length) + settle + judged;
        LoadOrder {
            lead,
            load: OrderLoad::Open {
                rate_per_s: step.rate_per_s,
            },
            settle,
            judged,
            cells: self.judge.cells(judged),
            // A search that ends early reports any of them.
            keeps_samples: true,
            seed: 0,
            drain: self.drain(length, is_final),
            start: None,
        }
    }

    /// Reports the final step. Without one, the highest rate at which the conditions held, or else the lowest rate.
    fn report_if_best(&mut self, step: &SearchStep, held: Option<bool>, taken: OfferedStep) {
        let rank = match (step.purpose, held) {
            (StepPurpose::Final, _) => ReportRank::Final,
            (_, Some(true)) => ReportRank::Held,
            _ => ReportRank::Broken,
        };
        let rate = step.rate_per_s;
        let is_better = self.reported.is_none_or(|(best, best_rate)| {
            rank > best
                || rank == best
                    && match rank {
                        ReportRank::Broken => rate < best_rate,
                        // Later steps are longer.
                        ReportRank::Held => rate >= best_rate,
                        ReportRank::Final => true,
                    }
        });
        if is_better {
            self.reported = Some((rank, rate));
            self.log.report(taken);
        }
    }

    /// Closes the connections, and returns the run with the capacity.
    fn finish(
        self,
        steps: Option<&CapacitySearch>,
        setup: RunSetup<'_>,
    ) -> Result<Run, SwarmError> {
        let Self {
            rules,
            log,
            has_ended_in_step,
            ..
        } = self;
        let estimate = steps.map(CapacitySearch::estimate);
        let took_s = log.spent_s();
        let ended_by = match (log.end(), &estimate) {
            (Some(end), _) => end.into(),
            (None, Some(found)) if found.is_precise => SearchEnd::Precision,
            (None, _) => SearchEnd::Budget,
        };
        log.finish(setup, |summary, mut rows| {
            // Later steps may have shown that an earlier one was disturbed.
            if let Some(steps) = steps {
                for (n, row) in rows.iter_mut().enumerate() {
                    row.held = steps.held(n);
                }
            }
            if let Some(last) = rows.last_mut().filter(|_| has_ended_in_step)
                && last.failed + last.unsent > 0
            {
                last.held = Some(false);
            }
            let capacity = summarize(rules, estimate, rows, ended_by, took_s);
            summary.capacity = Some(Box::new(capacity));
            summary.plan.find_capacity = Some(CapacityPlanSummary::from(rules));
        })
    }
}

/// The capacity, with three digits as the rates of all steps. Without a final step, it is that of a curve.
fn rounded_rate(estimate: &CapacityEstimate) -> Option<f64> {
    let rate = estimate.rate_per_s?;
    let rounded = three_digits(rate);
    let is_inside = (estimate.low_per_s..=estimate.high_per_s).contains(&rounded);
    Some(if is_inside { rounded } else { rate })
}

fn summarize(
    rules: &CapacityRules,
    estimate: Option<CapacityEstimate>,
    steps: Vec<LoadStep>,
    ended_by: SearchEnd,
    took_s: f64,
) -> CapacitySummary {
    let known = |of: fn(&CapacityEstimate) -> f64| estimate.as_ref().map_or(0.0, of);
    let rate_per_s = estimate.as_ref().and_then(rounded_rate);
    let has_failed = estimate.is_some_and(|e| e.high_per_s.is_finite() && !e.at_least);
    // A server that went away before any step held has no capacity.
    let is_dead = has_failed && ended_by == SearchEnd::ConnectionsLost;
    let rate_per_s = rate_per_s.or(is_dead.then_some(0.0));
    let low_per_s = known(|e| e.low_per_s);
    // Without a rate at which a condition did not hold, nothing bounds the capacity from above.
    let high_per_s = Some(known(|e| e.high_per_s)).filter(|high| high.is_finite());
    let has_above = steps.iter().any(|step| step.from == StepOrigin::Above);
    CapacitySummary {
        conditions: rules.conditions.iter().map(ToString::to_string).collect(),
        rate_per_s,
        low_per_s,
        high_per_s: high_per_s.unwrap_or_else(|| rate_per_s.unwrap_or(low_per_s)),
        confidence: CONFIDENCE,
        at_least: estimate.is_some_and(|e| e.at_least),
        from_above_per_s: estimate
            .and_then(|e| e.from_above_per_s)
            .filter(|_| has_above),
        hysteresis: estimate.is_some_and(|e| e.hysteresis),
        ended_by,
        precision: rules.precision,
        budget_s: rules.budget.as_secs_f64(),
        took_s,
        block_s: estimate.and_then(|e| e.block_s),
        generator_limited_steps: steps.iter().filter(|step| step.generator_limited).count() as u64,
        generator_limit: estimate.is_some_and(|e| e.has_generator_limit),
        limited_by: estimate
            .and_then(|e| rules.conditions.get(e.deciding?))
            .map(ToString::to_string),
        unsteady_share: estimate.map_or(0.0, |e| e.unsteady_share),
        steps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search that ended with its connections had a capacity of 92,377 msg/s, where all other rates have three digits.
    #[test]
    fn a_capacity_without_a_final_step_was_not_rounded() {
        let mut estimate = CapacityEstimate {
            rate_per_s: Some(92_377.4),
            low_per_s: 54_250.0,
            high_per_s: 97_151.0,
            ..CapacityEstimate::UNKNOWN
        };
        assert_eq!(rounded_rate(&estimate), Some(92_400.0));
        // It stays within its interval.
        estimate.high_per_s = 92_390.0;
        assert_eq!(rounded_rate(&estimate), Some(92_377.4));
        estimate.rate_per_s = None;
        assert_eq!(rounded_rate(&estimate), None);
    }
}
