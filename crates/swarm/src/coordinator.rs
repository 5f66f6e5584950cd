//! Coordinator of the generator threads: starts them, leads them through the phases, collects their results.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use measurement::plan::Plan;
use mio::Poll;

use crate::SwarmError;
use crate::handle::RunHandle;
use crate::progress::Phase;
use crate::rules::{Command, SliceCommand};
use crate::second_observer::SecondObserver;
use crate::worker::{CommandInbox, ThreadResult, ThreadSlice, WorkerJob, WorkerReport, run_worker};

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
    /// Threads whose clients have completed the plan.
    done: usize,
    /// True when the user interrupted the run.
    pub(crate) interrupted: bool,
    /// True when the run ended early because messages arrived, but none with an identity that was sent.
    pub(crate) recognized_nothing: bool,
    pub(crate) results: Vec<ThreadResult>,
    /// The threads' parts of the current slice.
    slices: Vec<ThreadSlice>,
    seconds: SecondObserver<'a>,
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
            done: 0,
            interrupted: false,
            recognized_nothing: false,
            results: Vec::new(),
            slices: Vec::new(),
            seconds,
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
    /// the user interrupted the run before its first message.
    pub(crate) fn run_phases(
        &mut self,
        plan: &Plan,
        begun: Instant,
        enter: &mut impl FnMut(Phase),
    ) -> Result<Option<SystemTime>, SwarmError> {
        self.wait_for_connections(begun)?;
        let mut started_at = None;
        if self.opened > 0 && !self.interrupted {
            let start = Instant::now();
            self.send(|command| command.start = Some(start));
            let t0 = SystemTime::now() + plan.warmup;
            started_at = Some(t0);
            self.seconds.start_at(t0);
            self.measure(plan, start + plan.warmup, enter)?;
        }
        self.run.finish_record(self.interrupted);
        self.seconds.end_measured();
        enter(Phase::Close);
        self.close()?;
        Ok(started_at)
    }

    /// Waits until all connections have opened or failed, or the user interrupts the run; `begun` is the start of the
    /// opening.
    pub(crate) fn wait_for_connections(&mut self, begun: Instant) -> Result<(), SwarmError> {
        while self.connected < self.handles.len() && !self.run.is_stopped() {
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
            if !self.interrupted && !self.recognized_nothing {
                self.interrupted = self.run.is_stopped();
                self.recognized_nothing = self.recognizing == 0;
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
            WorkerReport::Done => self.done += 1,
            WorkerReport::SliceOver(slice) => self.slices.push(*slice),
            WorkerReport::Second(thread, second) => self.seconds.add(thread, second.map(|s| *s)),
            WorkerReport::Closed(result) => self.results.push(*result),
            WorkerReport::Failed(thread, source) => return Err(SwarmError::Thread(thread, source)),
        }
        Ok(())
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
