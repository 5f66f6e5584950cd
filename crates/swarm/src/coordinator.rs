//! Coordinator of the generator threads: starts them, leads them through the phases, collects their results.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use measurement::plan::Plan;
use mio::Poll;

use crate::SwarmError;
use crate::common_start::{CommonStart, before, instant_of};
use crate::handle::RunHandle;
use crate::progress::Phase;
use crate::rules::{Command, SliceCommand};
use crate::run_content::RunContent;
use crate::second_observer::SecondObserver;
use crate::worker::{CommandInbox, ThreadResult, ThreadSlice, WorkerJob, WorkerReport, run_worker};

/// Observer of the time since T0, called at least every 20 ms in the measured phase.
pub(crate) type OnMeasuredTime<'a> = Box<dyn FnMut(Duration) + 'a>;

/// Observer of the opening, called at least every 20 ms while connections open.
pub(crate) type OnOpening<'a> = Box<dyn FnMut() + 'a>;

/// Maximum time until a stop request is noticed.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// The threads of a run and their reports. Threads may report at any time, independent of the phase. Dropping the
/// coordinator ends them.
pub(crate) struct Coordinator<'a> {
    inboxes: Vec<Arc<CommandInbox>>,
    handles: Vec<JoinHandle<()>>,
    reports: Receiver<WorkerReport>,
    run: RunHandle,
    /// Threads whose connections have all opened or failed.
    connected: usize,
    /// Connections that opened.
    pub(crate) opened: u64,
    /// Threads with an open connection that have recognized an echo, or still may.
    recognizing: usize,
    /// Duration of the opening.
    pub(crate) opening: Duration,
    /// Threads that have reported the receivers that nothing reached in the warm-up, and these receivers.
    unreached: (usize, Vec<u32>),
    /// Threads whose clients have completed the plan, or a step.
    done: usize,
    /// Threads that are ready for a step.
    ready: usize,
    /// Threads that have opened connections again, and their clients with one.
    reopened: (usize, u64),
    /// Number of times that connections were opened again.
    reopenings: u64,
    /// True when the user interrupted the run.
    pub(crate) interrupted: bool,
    /// True when the run ended early because messages arrived, but none with an identity that was sent.
    pub(crate) recognized_nothing: bool,
    pub(crate) results: Vec<ThreadResult>,
    /// The threads' parts of the current slice.
    slices: Vec<ThreadSlice>,
    seconds: SecondObserver<'a>,
    /// `None` when nobody observes the time.
    pub(crate) on_time: Option<OnMeasuredTime<'a>>,
    /// `None` when nobody observes the opening. Not called with a common start, where other processes open connections too.
    pub(crate) on_opening: Option<OnOpening<'a>>,
    /// The content of the run with the seed that follows from T0.
    reseeded: Arc<OnceLock<RunContent>>,
}

impl<'a> Coordinator<'a> {
    /// Starts the threads, each with a copy of this job.
    pub(crate) fn start(job: &WorkerJob, seconds: SecondObserver<'a>) -> Result<Self, SwarmError> {
        let (sender, reports) = mpsc::channel();
        let mut coordinator = Self {
            inboxes: Vec::new(),
            handles: Vec::new(),
            reports,
            run: job.handle.clone(),
            connected: 0,
            opened: 0,
            recognizing: 0,
            opening: Duration::ZERO,
            unreached: (0, Vec::new()),
            done: 0,
            ready: 0,
            reopened: (0, 0),
            reopenings: 0,
            interrupted: false,
            recognized_nothing: false,
            results: Vec::new(),
            slices: Vec::new(),
            seconds,
            on_time: None,
            on_opening: None,
            reseeded: Arc::clone(&job.reseeded),
        };
        for thread in 0..job.plan.threads.get() {
            let job = WorkerJob {
                thread,
                ..job.clone()
            };
            let refused = |source| SwarmError::Thread(thread, source);
            let poll = Poll::new().map_err(refused)?;
            let inbox = Arc::new(CommandInbox::new(&poll).map_err(refused)?);
            coordinator.inboxes.push(Arc::clone(&inbox));
            let sender = sender.clone();
            // Threads end by themselves without a coordinator, so they need not be joined.
            let handle = thread::Builder::new()
                .name(format!("swarm-{thread}"))
                .spawn(move || {
                    if let Err(source) = run_worker(job, poll, &inbox, &sender) {
                        // Fails only without a coordinator, when the report is not needed.
                        let _ = sender.send(WorkerReport::Failed(thread, source));
                    }
                })
                .map_err(refused)?;
            coordinator.handles.push(handle);
        }
        Ok(coordinator)
    }

    fn send(&self, change: impl Fn(&mut Command)) {
        for inbox in &self.inboxes {
            inbox.send(&change);
        }
    }

    /// Leads the threads through all phases. Returns the wall-clock time of T0; `None` when no connection opened, or
    /// the user interrupted the run before its first message. With a gate, the run starts at its time, with the
    /// connections that are open then.
    pub(crate) fn run_phases(
        &mut self,
        plan: &Plan,
        begun: Instant,
        gate: Option<&mut CommonStart<'_>>,
        enter: &mut impl FnMut(Phase),
    ) -> Result<Option<SystemTime>, SwarmError> {
        let started_at = match gate {
            Some(gate) => self.wait_for_start(gate, plan, begun)?,
            None => {
                self.wait_for_connections(begun)?;
                let has_clients = self.opened > 0 && !self.interrupted;
                has_clients.then(|| (Instant::now(), SystemTime::now() + plan.warmup))
            }
        };
        if let Some((start, t0)) = started_at {
            self.send(|command| command.start = Some(start));
            self.seconds.start_at(t0);
            self.measure(plan, start + plan.warmup, enter)?;
        }
        self.run.finish_record(self.interrupted);
        self.seconds.end_measured();
        enter(Phase::Close);
        self.close()?;
        Ok(started_at.map(|(_, t0)| t0))
    }

    /// Waits for the start of the warm-up that the gate gives. Returns it, and T0 on the wall clock; `None` when the user
    /// interrupts the run.
    fn wait_for_start(
        &mut self,
        gate: &mut CommonStart<'_>,
        plan: &Plan,
        begun: Instant,
    ) -> Result<Option<(Instant, SystemTime)>, SwarmError> {
        let mut start = None;
        let mut has_opened = false;
        while !self.run.is_stopped() {
            if !has_opened && self.connected == self.handles.len() {
                has_opened = true;
                self.opening = begun.elapsed();
            }
            if start.is_none() {
                let t0 = (gate.poll)(has_opened).map_err(SwarmError::Start)?;
                if let Some((t0, seed)) = t0.zip(gate.seed.as_ref()) {
                    let plan = plan.clone().with_seed(seed(t0));
                    // Set once, because T0 is known once.
                    let _ = self.reseeded.set(RunContent::new(plan));
                }
                start = t0.map(|t0| (before(instant_of(t0), plan.warmup), t0));
            }
            let wait = start.map(|(start, _)| start.saturating_duration_since(Instant::now()));
            if wait.is_some_and(|wait| wait.is_zero()) {
                if !has_opened {
                    self.opening = begun.elapsed();
                }
                return Ok(start);
            }
            self.receive_report(wait.map_or(CHECK_INTERVAL, |wait| wait.min(CHECK_INTERVAL)))?;
        }
        self.opening = begun.elapsed();
        self.interrupted = true;
        Ok(None)
    }

    /// Waits until all connections have opened or failed, or the user interrupts the run; `begun` is the start of the
    /// opening.
    pub(crate) fn wait_for_connections(&mut self, begun: Instant) -> Result<(), SwarmError> {
        while self.connected < self.handles.len() && !self.run.is_stopped() {
            if let Some(on_opening) = &mut self.on_opening {
                on_opening();
            }
            self.receive_report(CHECK_INTERVAL)?;
        }
        self.opening = begun.elapsed();
        self.interrupted = self.run.is_stopped();
        Ok(())
    }

    /// Runs one slice of a sliced run and returns each thread's part. An interrupt ends the slice early.
    pub(crate) fn run_slice(
        &mut self,
        slice: SliceCommand,
    ) -> Result<Vec<ThreadSlice>, SwarmError> {
        self.send(|command| command.slice = Some(slice));
        while self.slices.len() < self.handles.len() {
            self.receive_report(CHECK_INTERVAL)?;
            if !self.interrupted && self.run.is_stopped() {
                self.interrupted = true;
                self.send(|command| command.stop = true);
            }
        }
        Ok(std::mem::take(&mut self.slices))
    }

    /// Runs one step of a sliced run and returns its start and each thread's part, as [`run_slice`](Self::run_slice) does. The
    /// threads begin it when all of them are ready, and end it when all have completed it, because a thread records
    /// deliveries of messages of the others. `observe` is called with `Measure` and `Drain` at the start of these phases.
    pub(crate) fn run_step(
        &mut self,
        step: SliceCommand,
        observe: &mut dyn FnMut(Phase),
    ) -> Result<(Instant, Vec<ThreadSlice>), SwarmError> {
        (self.ready, self.done) = (0, 0);
        self.send(|command| command.slice = Some(step));
        while self.ready < self.handles.len() {
            self.receive_report(CHECK_INTERVAL)?;
        }
        let start = step.start.max(Instant::now());
        self.send(|command| command.step_start = Some((step.number, start)));
        let t0 = start + Duration::from_nanos(step.settle_ns);
        let end = t0 + Duration::from_nanos(step.counted_ns);
        let mut phases = [(Phase::Measure, t0), (Phase::Drain, end)]
            .into_iter()
            .peekable();
        let mut has_ended = false;
        while self.slices.len() < self.handles.len() {
            let now = Instant::now();
            if let Some((phase, _)) = phases.next_if(|(_, at)| *at <= now) {
                observe(phase);
                continue;
            }
            let wait = phases.peek().map(|(_, at)| at.duration_since(now));
            let wait = wait.map_or(CHECK_INTERVAL, |wait| wait.min(CHECK_INTERVAL));
            if !has_ended && self.done == self.handles.len() {
                has_ended = true;
                self.send(|command| command.completed_step = step.number);
            }
            self.receive_report(wait)?;
            if !self.interrupted && self.run.is_stopped() {
                self.interrupted = true;
                self.send(|command| command.stop = true);
            }
        }
        Ok((start, std::mem::take(&mut self.slices)))
    }

    /// Opens connections again between two steps. Returns the number of clients with one. An interrupt ends it early.
    pub(crate) fn reopen(&mut self) -> Result<u64, SwarmError> {
        self.reopened = (0, 0);
        self.reopenings += 1;
        let number = self.reopenings;
        self.send(|command| command.reopening = number);
        while self.reopened.0 < self.handles.len() {
            self.receive_report(CHECK_INTERVAL)?;
            if !self.interrupted && self.run.is_stopped() {
                self.interrupted = true;
                self.send(|command| command.stop = true);
            }
        }
        Ok(self.reopened.1)
    }

    /// Closes the connections, and waits for the results of all threads.
    pub(crate) fn close(&mut self) -> Result<(), SwarmError> {
        let interrupted = self.interrupted;
        let mut soon = interrupted;
        self.send(|command| {
            command.stop |= interrupted;
            command.close = true;
            command.close_soon = soon;
        });
        while self.results.len() < self.handles.len() {
            if !soon && self.run.is_stopped() {
                soon = true;
                self.send(|command| command.close_soon = true);
            }
            self.receive_report(CHECK_INTERVAL)?;
        }
        Ok(())
    }

    /// Waits from the start of the messages to the last echo.
    fn measure(
        &mut self,
        plan: &Plan,
        t0: Instant,
        enter: &mut impl FnMut(Phase),
    ) -> Result<(), SwarmError> {
        let drain_at = plan.measured_time().map(|time| t0 + time);
        let mut phase = Phase::WarmUp;
        enter(phase);
        while self.done < self.handles.len() {
            let now = Instant::now();
            let (next, at) = match phase {
                Phase::WarmUp => (Phase::Measure, Some(t0)),
                Phase::Measure => (Phase::Drain, drain_at),
                other => (other, None),
            };
            if at.is_some_and(|at| now >= at) {
                phase = next;
                enter(phase);
                continue;
            }
            if let (Phase::Measure, Some(on_time)) = (phase, &mut self.on_time) {
                on_time(now.saturating_duration_since(t0));
            }
            if !self.interrupted && !self.recognized_nothing {
                self.interrupted = self.run.is_stopped();
                self.recognized_nothing = self.opened > 0
                    && self.connected == self.handles.len()
                    && self.recognizing == 0;
                if self.interrupted || self.recognized_nothing {
                    let plan_stays_due = self.recognized_nothing;
                    self.send(|command| {
                        command.stop = true;
                        command.plan_stays_due = plan_stays_due;
                    });
                }
            }
            // Meets T0 and the end of a planned duration as closely as the system allows.
            let until_then = at.map_or(CHECK_INTERVAL, |at| at.saturating_duration_since(now));
            self.receive_report(until_then.min(CHECK_INTERVAL))?;
        }
        Ok(())
    }

    fn receive_report(&mut self, wait: Duration) -> Result<(), SwarmError> {
        match self.reports.recv_timeout(wait) {
            Ok(report) => self.take(report),
            Err(RecvTimeoutError::Timeout) => self.detect_dead_threads(),
            Err(RecvTimeoutError::Disconnected) => Err(SwarmError::ThreadEnded),
        }
    }

    fn take(&mut self, report: WorkerReport) -> Result<(), SwarmError> {
        match report {
            WorkerReport::Connected(opened) => {
                self.connected += 1;
                self.opened += opened;
                self.recognizing += usize::from(opened > 0);
            }
            WorkerReport::RecognizedNothing => self.recognizing -= 1,
            WorkerReport::Unreached(clients) => self.add_unreached(clients),
            WorkerReport::Done => self.done += 1,
            WorkerReport::Ready => self.ready += 1,
            WorkerReport::Reopened(open) => {
                self.reopened.0 += 1;
                self.reopened.1 += open;
            }
            WorkerReport::SliceOver(slice) => self.slices.push(*slice),
            WorkerReport::Second(thread, second) => self.seconds.add(thread, second.map(|s| *s)),
            WorkerReport::Closed(result) => self.results.push(*result),
            WorkerReport::Failed(thread, source) => return Err(SwarmError::Thread(thread, source)),
        }
        Ok(())
    }

    /// Adds a thread's receivers that nothing reached in the warm-up, and tells all of them behind the last thread's.
    fn add_unreached(&mut self, clients: Vec<u32>) {
        let (threads, all) = &mut self.unreached;
        *threads += 1;
        all.extend(clients);
        if *threads == self.handles.len() {
            all.sort_unstable();
            self.run.tell_unreached(all);
        }
    }

    /// Returns an error when a thread ended without its last report, because it panicked.
    fn detect_dead_threads(&mut self) -> Result<(), SwarmError> {
        let ended = self.handles.iter().filter(|h| h.is_finished()).count();
        if ended <= self.results.len() {
            return Ok(());
        }
        // Reports sent before the thread's end have arrived by now.
        match self.reports.try_recv() {
            Ok(report) => self.take(report),
            Err(_) => Err(SwarmError::ThreadEnded),
        }
    }
}

impl Drop for Coordinator<'_> {
    fn drop(&mut self) {
        self.send(|command| {
            (command.stop, command.close, command.close_soon) = (true, true, true);
        });
    }
}
