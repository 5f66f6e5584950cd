//! One generator thread: opens its connections, runs its event loop, reports its results.
//!
//! | module | content |
//! |---|---|
//! | `slices` | the thread of a sliced run |
//! | `reopening` | connections opened again between two steps |
//! | `steps` | slices with a load of their own |

mod reopening;
mod slices;
mod steps;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use host::cores::pin_thread;
use host::thread_usage::ThreadUsage;
use measurement::plan::Plan;
use measurement::record::{ConnectFailure, Recorder, ThreadSecond};
use measurement::run::ClientRow;
use mio::{Poll, Waker};

use crate::client_stats::IdleCounts;
use crate::clock::nanoseconds;
use crate::connect::connect_stats::ConnectStats;
use crate::connect::connector::Connector;
use crate::connect_queue::ConnectQueue;
use crate::event_loop::{COMMAND, EventLoop};
use crate::handle::{RunHandle, lock};
use crate::load_order::LoadOrder;
use crate::progress::ThreadProgress;
use crate::rules::{Command, RunTimes};
use crate::run_content::RunContent;
use crate::thread_state::ThreadState;
pub(crate) use slices::ThreadSlice;

/// Interval of a thread's progress reports, when the run is watched.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);

/// Maximum wait of a thread between the start of the messages and the end of its clients' work.
const MEASURING_WAIT: Duration = Duration::from_millis(10);

/// Maximum time, while connections are opened, until open connections are served and a stop is noticed.
const OPENING_INTERVAL: Duration = Duration::from_millis(10);

/// Maximum wait for the server's close frames after an interrupt, in nanoseconds.
const CLOSE_SOON_NS: u64 = 500_000_000;

/// The latest command to a thread.
#[derive(Debug)]
pub(crate) struct CommandInbox {
    command: Mutex<Command>,
    waker: Waker,
}

impl CommandInbox {
    /// The inbox of the thread that waits with this poll.
    pub(crate) fn new(poll: &Poll) -> io::Result<Self> {
        Ok(Self {
            command: Mutex::default(),
            waker: Waker::new(poll.registry(), COMMAND)?,
        })
    }

    /// Changes the command and wakes the thread.
    pub(crate) fn send(&self, change: impl FnOnce(&mut Command)) {
        change(&mut lock(&self.command));
        // A thread that cannot be woken checks its inbox periodically.
        let _ = self.waker.wake();
    }

    fn command(&self) -> Command {
        *lock(&self.command)
    }
}

/// A thread's report to the coordinator.
#[derive(Debug)]
pub(crate) enum WorkerReport {
    /// All connections have opened or failed. Holds the number that opened.
    Connected(u64),
    /// Messages arrived during a whole timeout, but none with an identity that was sent.
    RecognizedNothing,
    /// Receivers of the thread that no message of the warm-up has reached, at T0.
    Unreached(Vec<u32>),
    /// All clients have completed the plan.
    Done,
    /// The thread is ready for a step.
    Ready,
    /// Connections have been opened again before a step, or have failed. Holds the number of clients with one.
    Reopened(u64),
    /// All clients of the thread have completed a slice.
    SliceOver(Box<ThreadSlice>),
    /// A thread's next second; `None` when no further one follows. Only of a logged run.
    Second(usize, Option<Box<ThreadSecond>>),
    /// All connections are closed. The thread ends.
    Closed(Box<ThreadResult>),
    /// The system refused a resource that the thread needs. The thread ends.
    Failed(usize, io::Error),
}

/// Results of one thread.
#[derive(Debug)]
pub(crate) struct ThreadResult {
    pub(crate) recorder: Recorder,
    pub(crate) connects: ConnectStats,
    /// One row per client.
    pub(crate) clients: Vec<ClientRow>,
    /// Number of ended connections for each close code.
    pub(crate) close_codes: BTreeMap<u16, u64>,
    pub(crate) idle: IdleCounts,
    /// The last progress, with counts and usage of the whole run.
    pub(crate) progress: Arc<ThreadProgress>,
    /// Time after T0 at which the thread noticed it, in nanoseconds; `None` when it did not get that far.
    pub(crate) first_wake_ns: Option<u64>,
}

/// A thread's share of the run.
#[derive(Debug, Clone)]
pub(crate) struct WorkerJob {
    pub(crate) thread: usize,
    pub(crate) plan: Plan,
    pub(crate) content: RunContent,
    /// The content with the seed that follows from T0, set before the start if it differs.
    pub(crate) reseeded: Arc<OnceLock<RunContent>>,
    pub(crate) connector: Arc<Connector>,
    pub(crate) handle: RunHandle,
    /// Maximum time without running that does not count as a stop, in nanoseconds.
    pub(crate) allowed_stop_ns: u64,
    /// Due time of the first connection, for the connect rate.
    pub(crate) opens_from: Instant,
    /// The order of the latest step of a sliced run.
    pub(crate) order: Arc<Mutex<Option<Arc<LoadOrder>>>>,
    /// True for a sliced run: a command starts each slice.
    pub(crate) is_sliced: bool,
    /// True when each second is reported as soon as it is complete.
    pub(crate) is_logged: bool,
}

/// Executes a thread's share of the plan and reports. Returns when all its connections are closed, or the system
/// refuses a resource that the thread needs.
pub(crate) fn run_worker(
    job: WorkerJob,
    poll: Poll,
    inbox: &CommandInbox,
    reports: &Sender<WorkerReport>,
) -> io::Result<()> {
    if let Some(cores) = NonZeroUsize::new(job.plan.pin.len()) {
        let core = job.plan.pin[job.thread % cores];
        pin_thread(core).map_err(|e| {
            io::Error::new(e.kind(), format!("it cannot be kept on core {core}: {e}"))
        })?;
    }
    let mut thread = ThreadState::new(
        &job.plan,
        job.thread,
        &job.content,
        job.allowed_stop_ns,
        job.opens_from,
    );
    thread.keeps_lost = job.is_sliced;
    let queue = ConnectQueue::new(&job.plan, job.thread, thread.opens_from_ns);
    let connector = Arc::clone(&job.connector);
    let (handle, spins) = (job.handle.clone(), job.plan.busy_poll);
    let event_loop = EventLoop::new(poll, thread, queue, connector, handle, spins)?;
    let mut worker = Worker {
        job,
        event_loop,
        inbox,
        report_at: Instant::now(),
        first_wake_ns: None,
    };
    worker.open_connections()?;
    let opened = worker.event_loop.thread.connects.borrow().opened();
    // The coordinator normally outlives its threads. Without it, the reports are not needed.
    let _ = reports.send(WorkerReport::Connected(opened));
    let usage = if worker.job.is_sliced {
        worker.run_slices(reports)?;
        None
    } else {
        worker.run_loop(reports)?
    };
    let first_wake_ns = worker.first_wake_ns;
    let thread = worker.event_loop.thread;
    let progress = Arc::new(thread.progress(usage));
    if worker.job.handle.is_watched() {
        let last = Arc::clone(&progress);
        worker.job.handle.publish(worker.job.thread, last);
    }
    let stats = thread.clients.into_inner();
    let _ = reports.send(WorkerReport::Closed(Box::new(ThreadResult {
        recorder: thread.recorder.into_inner(),
        connects: thread.connects.into_inner(),
        clients: stats.rows,
        close_codes: stats.close_codes,
        idle: stats.idle,
        progress,
        first_wake_ns,
    })));
    Ok(())
}

/// A thread's counters at T0.
#[derive(Debug, Clone, Copy)]
struct UsageBaseline {
    at: Instant,
    usage: ThreadUsage,
    idle_ns: u64,
}

/// A running generator thread.
struct Worker<'a> {
    job: WorkerJob,
    event_loop: EventLoop,
    inbox: &'a CommandInbox,
    /// Time of the next progress report.
    report_at: Instant,
    /// Time after T0 at which the thread noticed it, in nanoseconds.
    first_wake_ns: Option<u64>,
}

impl Worker<'_> {
    /// Opens all connections. Without a connect rate, the number of concurrent handshakes is limited, which limits memory.
    /// Open connections are served in the meantime. Returns when the setup of a scenario is complete too, or the load
    /// begins.
    fn open_connections(&mut self) -> io::Result<()> {
        let mut command = self.inbox.command();
        while self.event_loop.is_opening() && !command.close && command.start.is_none() {
            self.event_loop.run_once(OPENING_INTERVAL)?;
            self.publish_progress(|_| None);
            command = self.inbox.command();
        }
        // The load began, the run ended, or its coordinator is gone.
        let failure = ConnectFailure::NotOpenAtStart;
        self.event_loop
            .abandon_first(command.start.map(|_| &failure));
        Ok(())
    }

    /// Runs the event loop with the coordinator's commands until all connections have ended. Returns the usage of the
    /// measured phase.
    fn run_loop(
        &mut self,
        reports: &Sender<WorkerReport>,
    ) -> io::Result<Option<(ThreadUsage, f64)>> {
        let mut baseline: Option<UsageBaseline> = None;
        let mut usage = None;
        let mut is_done = false;
        let mut is_unrecognized = false;
        while !(self.event_loop.thread.command.close && self.event_loop.alive == 0) {
            let now = Instant::now();
            let thread = &self.event_loop.thread;
            let t0 = thread.run.map(|run| thread.clock.instant_at(run.t0_ns));
            if baseline.is_none() && t0.is_some_and(|t0| now >= t0) {
                self.first_wake_ns = t0.map(|t0| nanoseconds(now - t0));
                baseline = Some(UsageBaseline {
                    at: now,
                    usage: ThreadUsage::now(),
                    idle_ns: self.event_loop.idle_ns,
                });
                let unreached = self.event_loop.unreached();
                let _ = reports.send(WorkerReport::Unreached(unreached));
            }
            if !thread.orphans.borrow().is_empty() {
                thread.close_orphans();
            }
            if !is_done && !thread.is_busy() {
                is_done = true;
                let _ = reports.send(WorkerReport::Done);
            }
            // Listening clients answer the clients of other threads until the end of the load.
            if is_done && usage.is_none() && !self.event_loop.thread.clients.borrow().is_at_work() {
                usage = baseline.map(|baseline| self.usage_since(baseline));
            }
            if !is_unrecognized && self.event_loop.recognized_nothing() {
                is_unrecognized = true;
                let _ = reports.send(WorkerReport::RecognizedNothing);
            }
            self.finish_away();
            self.complete_seconds(now, reports);
            self.publish_progress(|worker| usage.or_else(|| Some(worker.usage_since(baseline?))));
            let command = self.inbox.command();
            if command != self.event_loop.thread.command {
                self.apply_command(command);
            }
            // Meets T0 as closely as the system allows. For everything else, commands wake the thread.
            let until_t0 = t0.filter(|_| baseline.is_none());
            // A short wait, so that longer times are recognized as the thread's own.
            let longest = if t0.is_some() && !is_done {
                MEASURING_WAIT
            } else {
                REPORT_INTERVAL
            };
            let at_most = until_t0.map_or(longest, |t0| t0.saturating_duration_since(now));
            self.event_loop.run_once(at_most.min(longest))?;
        }
        self.event_loop.thread.record_unfinished();
        self.report_last_seconds(reports);
        Ok(usage)
    }

    /// Ends the part of clients that are away when the measured phase is over.
    fn finish_away(&mut self) {
        let thread = &self.event_loop.thread;
        if thread.life.is_some() && thread.is_ending(thread.clock.now_ns()) {
            self.event_loop.finish_away();
        }
    }

    /// Completes the seconds that have ended, also those without echoes, and reports them if the run is logged.
    fn complete_seconds(&self, now: Instant, reports: &Sender<WorkerReport>) {
        let thread = &self.event_loop.thread;
        if let Some(run) = thread.run {
            let after_t0_ns = thread.clock.ns_of(now).saturating_sub(run.t0_ns);
            thread.recorder.borrow_mut().advance(after_t0_ns);
            self.report_seconds(reports);
        }
    }

    /// Reports the seconds that are complete and not reported yet, if the run is logged.
    fn report_seconds(&self, reports: &Sender<WorkerReport>) {
        if !self.job.is_logged {
            return;
        }
        let thread = &self.event_loop.thread;
        let opened = thread.connects.borrow().opened();
        let mut recorder = thread.recorder.borrow_mut();
        while let Some(second) = recorder.next_second(opened) {
            // The coordinator normally outlives its threads. Without it, the reports are not needed.
            let _ = reports.send(WorkerReport::Second(
                self.job.thread,
                Some(Box::new(second)),
            ));
        }
    }

    /// Reports the remaining seconds of a thread whose connections have ended, if the run is logged.
    fn report_last_seconds(&self, reports: &Sender<WorkerReport>) {
        if !self.job.is_logged {
            return;
        }
        let thread = &self.event_loop.thread;
        if thread.run.is_some() {
            thread.recorder.borrow_mut().finish_timeline();
            self.report_seconds(reports);
        }
        let _ = reports.send(WorkerReport::Second(self.job.thread, None));
    }

    fn apply_command(&mut self, command: Command) {
        let thread = &mut self.event_loop.thread;
        let plan = &self.job.plan;
        if let (None, Some(start)) = (thread.run, command.start) {
            if let Some(content) = self.job.reseeded.get() {
                thread.adopt(content);
            }
            let t0_ns = thread.clock.ns_of(start + plan.warmup);
            let end_ns = plan
                .measured_time()
                .map_or(u64::MAX, |time| t0_ns + nanoseconds(time));
            thread.recorder.borrow_mut().measure_until(end_ns - t0_ns);
            let drop = plan.connections.drop;
            let drop_ns = drop.map_or(u64::MAX, |drop| t0_ns + nanoseconds(drop.after));
            thread.begin_run(RunTimes {
                start_ns: thread.clock.ns_of(start),
                t0_ns,
                end_ns,
                slice: None,
            });
            self.event_loop.drop_ns = drop_ns;
        }
        let is_stopped = command.stop && !thread.command.stop;
        if let Some(run) = thread.run.filter(|_| is_stopped) {
            let now_ns = thread.clock.now_ns();
            let measured_ns = now_ns.saturating_sub(run.t0_ns);
            thread.recorder.borrow_mut().measure_until(measured_ns);
            if !command.plan_stays_due {
                thread.stopped_ns = now_ns;
            }
        }
        if command.close_soon && !thread.command.close_soon {
            thread.close_until_ns = thread.clock.now_ns().saturating_add(CLOSE_SOON_NS);
        }
        thread.command = command;
        self.event_loop.wake_all();
    }

    /// Reports the thread's progress if the run is watched and the interval has passed.
    fn publish_progress(&mut self, usage: impl FnOnce(&Self) -> Option<(ThreadUsage, f64)>) {
        let now = Instant::now();
        if self.job.handle.is_watched() && now >= self.report_at {
            self.report_at = now + REPORT_INTERVAL;
            let progress = self.event_loop.thread.progress(usage(self));
            self.job.handle.publish(self.job.thread, Arc::new(progress));
        }
    }

    /// The thread's usage since the baseline, and the duration in seconds.
    fn usage_since(&self, baseline: UsageBaseline) -> (ThreadUsage, f64) {
        let over_s = baseline.at.elapsed().as_secs_f64();
        let mut usage = ThreadUsage::now().since(baseline.usage);
        let idle = Duration::from_nanos(self.event_loop.idle_ns - baseline.idle_ns);
        let busy_s = over_s - idle.as_secs_f64();
        usage.busy_s = self.job.plan.busy_poll.then_some(busy_s);
        (usage, over_s)
    }
}
