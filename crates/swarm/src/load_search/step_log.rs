//! The steps of a search or a sweep so far, their progress, and the run that they become.

use std::time::{Duration, Instant};

use measurement::plan::Plan;
use measurement::run::{
    LoadStep, PlanFacts, Run, RunContext, SearchEnd, StepOrigin, Summary, TimeInterval,
    answered_rank, is_p99_of_generator,
};
use statistics::capacity_search::CapacityEstimate;
use units::Rate;

use super::runner::{ClosedRun, OrderRunner};
use super::step_judge::is_behind;
use crate::SwarmError;
use crate::handle::RunHandle;
use crate::load_order::{LoadOrder, OrderLoad, OrderRecord};
use crate::progress::Phase;
use crate::run::{RunSetup, assign_places, describe_host};
use crate::search_progress::{OrderPurpose, SearchProgress};

/// The steps of a search or a sweep so far.
pub(super) struct StepLog<'a> {
    runner: Box<dyn OrderRunner + 'a>,
    plan: &'a Plan,
    handle: &'a RunHandle,
    begun: Instant,
    /// Time before `begun` that counts, in seconds.
    spent_before_s: f64,
    orders: u64,
    progress: SearchProgress,
    /// The step whose figures are those of the run.
    reported: Option<ReportedStep>,
    /// The step that the user interrupted.
    interrupted: Option<ReportedStep>,
    end: Option<EarlyEnd>,
    /// Clients of the latest step whose connection has ended, and those whose connection must not be used again.
    lost: u64,
    stale: u64,
}

/// The reason why no step follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EarlyEnd {
    /// The user interrupts the run.
    Interrupted,
    /// No client has a connection any more, and none could be opened again.
    ConnectionsLost,
    /// A process of the generator has died.
    ProcessLost,
}

impl From<EarlyEnd> for SearchEnd {
    fn from(end: EarlyEnd) -> Self {
        match end {
            EarlyEnd::Interrupted => Self::Interrupted,
            EarlyEnd::ConnectionsLost => Self::ConnectionsLost,
            EarlyEnd::ProcessLost => Self::ShardLost,
        }
    }
}

/// A step whose figures can be those of the run.
pub(super) struct ReportedStep {
    /// Messages per second; `None` in closed loop.
    rate: Option<Rate>,
    judged: Duration,
    record: OrderRecord,
}

/// A step that is over.
pub(super) struct OfferedStep {
    pub(super) order: LoadOrder,
    pub(super) record: OrderRecord,
    /// Start in seconds since the beginning.
    pub(super) start_s: f64,
}

impl<'a> StepLog<'a> {
    pub(super) fn new(
        runner: Box<dyn OrderRunner + 'a>,
        plan: &'a Plan,
        handle: &'a RunHandle,
        spent_before_s: f64,
        progress: SearchProgress,
    ) -> Self {
        Self {
            runner,
            plan,
            handle,
            begun: Instant::now(),
            spent_before_s,
            orders: 0,
            progress,
            reported: None,
            interrupted: None,
            end: None,
            lost: 0,
            stale: 0,
        }
    }

    /// Time since the beginning in seconds.
    pub(super) fn spent_s(&self) -> f64 {
        self.spent_before_s + self.begun.elapsed().as_secs_f64()
    }

    /// The reason why no step follows; `None` while one can.
    pub(super) fn end(&self) -> Option<EarlyEnd> {
        self.end
    }

    /// Opens connections again, if the latest step makes it necessary and `is_due`. Returns false when no step can follow.
    fn reopen(&mut self, is_due: bool) -> Result<bool, SwarmError> {
        if !is_due {
            return Ok(true);
        }
        let open = self.runner.reopen()?;
        (self.lost, self.stale) = (0, 0);
        self.end = if self.handle.is_stopped() {
            Some(EarlyEnd::Interrupted)
        } else if self.runner.has_lost_process() {
            Some(EarlyEnd::ProcessLost)
        } else if open == 0 {
            Some(EarlyEnd::ConnectionsLost)
        } else {
            None
        };
        Ok(self.end.is_none())
    }

    /// Takes a step. `None` when the user interrupts the run, and when all connections had ended before the judged part. It begins
    /// with connections that are opened again where they have ended, also when it begins with an overload: steps from above
    /// follow each other, and would lose more connections with each.
    pub(super) fn take(
        &mut self,
        purpose: OrderPurpose,
        mut order: LoadOrder,
    ) -> Result<Option<OfferedStep>, SwarmError> {
        /// 2^64 divided by the golden ratio: multiples of it are far apart.
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        if self.handle.is_stopped() {
            self.end = Some(EarlyEnd::Interrupted);
            return Ok(None);
        }
        if !self.reopen(self.stale + self.lost > 0)? {
            return Ok(None);
        }
        self.handle.enter(match purpose {
            OrderPurpose::Pilot => Phase::WarmUp,
            _ => Phase::Measure,
        });
        self.orders += 1;
        order.seed = self
            .plan
            .seed
            .wrapping_add(GOLDEN.wrapping_mul(self.orders));
        let start_s = self.spent_s();
        self.progress.step += u32::from(purpose != OrderPurpose::Pilot);
        self.progress.purpose = Some(purpose);
        self.progress.offered_per_s = match order.load {
            OrderLoad::Open { rate_per_s } => Some(rate_per_s),
            OrderLoad::Closed { .. } => None,
        };
        self.publish();
        let record = self.runner.run(&order)?;
        let step = OfferedStep {
            order,
            record,
            start_s,
        };
        if step.record.interrupted {
            self.end = Some(match self.runner.has_lost_process() {
                true => EarlyEnd::ProcessLost,
                false => EarlyEnd::Interrupted,
            });
            self.interrupted = Some(step.into_reported());
            return Ok(None);
        }
        (self.lost, self.stale) = (step.record.lost, step.record.stale);
        // Without a connection, it is known at once whether the server is gone.
        let is_over = !self.reopen(step.record.alive == 0)?;
        let is_measured = !is_over || step.has_sent();
        Ok(Some(step).filter(|_| is_measured))
    }

    /// Adds the row of a step, and the capacity by the steps so far.
    pub(super) fn add(&mut self, row: LoadStep, estimate: Option<CapacityEstimate>) {
        self.progress.steps.push(row);
        self.progress.estimate = estimate;
        self.publish();
    }

    /// Makes the figures of a step those of the run.
    pub(super) fn report(&mut self, step: OfferedStep) {
        self.runner.report_latest();
        self.reported = Some(step.into_reported());
    }

    fn publish(&self) {
        let progress = SearchProgress {
            spent_s: self.spent_s(),
            ..self.progress.clone()
        };
        self.handle.set_search(progress);
    }

    /// Closes the connections. Returns the run whose figures are those of the reported step, with a summary changed by
    /// `change`.
    pub(super) fn finish(
        self,
        setup: RunSetup<'_>,
        change: impl FnOnce(&mut Summary, Vec<LoadStep>),
    ) -> Result<Run, SwarmError> {
        let is_interrupted = self.end == Some(EarlyEnd::Interrupted);
        self.handle.finish_record(is_interrupted);
        self.handle.enter(Phase::Close);
        let ClosedRun {
            mut clients,
            context,
            ..
        } = self.runner.close()?;
        let reported = self.reported.or(self.interrupted);
        let connected_in_step = reported.as_ref().map(|step| step.record.alive);
        let (rate, judged, order) = match reported {
            Some(step) => (step.rate, step.judged, step.record),
            None => (None, Duration::ZERO, OrderRecord::default()),
        };
        let plan = match rate {
            Some(rate) => self.plan.clone().offering(rate, judged),
            None => self.plan.clone(),
        };
        let context = RunContext {
            tool: setup.tool,
            command_line: setup.command_line,
            calibration: setup.calibration,
            host: describe_host(setup.open_file_limit),
            elapsed_s: judged.min(order.took).as_secs_f64(),
            client: order.client,
            server: order.server,
            interrupted: is_interrupted,
            connected_in_step,
            ..context
        };
        let facts = PlanFacts::from(&plan);
        let mut summary = Summary::from_facts(facts, &order.record, context, None);
        change(&mut summary, self.progress.steps);
        summary.judge_search();
        for row in &mut clients {
            let counts = &order.clients;
            let place = counts.binary_search_by_key(&row.client, |counts| counts.client);
            let own = place.map(|place| counts[place]);
            (row.messages, row.failed) = own.map_or((0, 0), |own| (own.messages, own.failed));
        }
        assign_places(&plan, &mut clients);
        Ok(Run::with_summary(summary, order.record, clients))
    }
}

impl OfferedStep {
    fn into_reported(self) -> ReportedStep {
        ReportedStep {
            rate: self.rate(),
            judged: self.order.judged,
            record: self.record,
        }
    }

    /// Returns true when a message of the judged part was sent.
    fn has_sent(&self) -> bool {
        self.record.record.counts.sent > 0
    }

    /// Messages per second; `None` in closed loop.
    pub(super) fn rate(&self) -> Option<Rate> {
        match self.order.load {
            OrderLoad::Open { rate_per_s } => Rate::new(rate_per_s),
            OrderLoad::Closed { .. } => None,
        }
    }

    /// Returns true when the generator has sent no message of the judged part, although the server answered those before it
    /// and no window delayed them.
    pub(super) fn has_offered_nothing(&self, plan: &Plan) -> bool {
        let record = &self.record;
        let counts = &record.record.counts;
        let has_answers = counts.received + counts.warmup_echoes > 0;
        let has_window = plan.load.window().is_some();
        counts.unsent > 0 && !self.has_sent() && record.alive > 0 && has_answers && !has_window
    }

    /// Returns true when the generator did not send enough messages in time.
    fn is_late(&self) -> bool {
        let record = &self.record;
        let cells = record.cells.as_ref();
        record.alive > 0 && cells.is_some_and(|cells| is_behind(record, cells, self.order.judged))
    }

    /// Returns true when the response times are more the generator's than the server's.
    fn is_time_of_generator(&self) -> bool {
        self.record.alive > 0 && is_p99_of_generator(&self.record.record)
    }

    /// Longest time of the judged part in which the server answered nothing although messages were due, in seconds; `None` for
    /// short ones, and where the generator is the reason.
    fn longest_silence_s(&self) -> Option<f64> {
        /// Shortest time that is reported.
        const LEAST_S: f64 = 0.25;
        let record = &self.record;
        let silence_s = record.cells.as_ref()?.longest_silence_s();
        let stops = record.client.stops.as_ref();
        let stopped_s = stops.map_or(0.0, |stops| stops.longest_ns as f64 / 1e9);
        let is_of_server = record.alive > 0 && silence_s - stopped_s >= LEAST_S;
        is_of_server.then_some(silence_s)
    }

    /// The row of the step, without judgement.
    pub(super) fn row(&self, plan: &Plan) -> LoadStep {
        let Self { order, record, .. } = self;
        let seconds = order.judged.as_secs_f64();
        let response = record.record.response();
        let counts = &record.record.counts;
        let sent_in_time = record
            .record
            .open_loop
            .as_ref()
            .map(|open| open.sent_in_time);
        let cells = record.cells.as_ref();
        let interval = |q, estimate_ns: Option<u64>| {
            let (low_ns, high_ns) = cells?.quantile_interval(q)?;
            let estimate_ns = estimate_ns?;
            Some(TimeInterval {
                low_ns: low_ns.min(estimate_ns),
                high_ns: high_ns.max(estimate_ns),
            })
        };
        let due = cells.map_or(0, |cells| cells.total_due());
        let answered = due - cells.map_or(0, |cells| cells.total_failed() + cells.total_unsent());
        let [p50, p99, p99_9] = [0.5, 0.99, 0.999].map(|q| {
            // Late messages have times, too. They are slower than those in time.
            let rank = answered_rank(q, due, answered);
            let estimate_ns =
                rank.and_then(|rank| response.quantile(rank / response.count().max(1) as f64));
            (estimate_ns, interval(q, estimate_ns))
        });
        let generator_limited = self.is_late() || self.has_offered_nothing(plan);
        LoadStep {
            offered_per_s: self.rate().map_or(0.0, Rate::per_second),
            achieved_per_s: sent_in_time.unwrap_or(counts.sent) as f64 / seconds,
            from: match order.lead {
                Some(_) => StepOrigin::Above,
                None => StepOrigin::Below,
            },
            held: None,
            seconds,
            response_p50_ns: p50.0,
            response_p99_ns: p99.0,
            response_p99_9_ns: p99_9.0,
            failed: cells.map_or(0, |cells| cells.total_failed()),
            unsent: counts.unsent,
            server_cpu_share: record.server.as_ref().map(|server| server.cpu_s / seconds),
            due,
            start_s: self.start_s,
            settle_s: order.unrecorded().as_secs_f64(),
            lead_per_s: order.lead.map(|lead| lead.rate_per_s),
            response_p50_interval: p50.1,
            response_p99_interval: p99.1,
            response_p99_9_interval: p99_9.1,
            client_cpu_share: record.client.busy_share.or(record.client.cpu_per_core),
            generator_limited,
            generator_times: self.is_time_of_generator(),
            answered_per_s: record.record.in_time.messages as f64 / seconds,
            closed: record.closed,
            longest_silence_s: self.longest_silence_s().filter(|_| !generator_limited),
        }
    }
}
