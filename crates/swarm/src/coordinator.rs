//! The coordinator of the generator threads: starts them, takes them through the phases, collects their
//! results.

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
use crate::worker::{CommandInbox, ThreadResult, ThreadSlice, WorkerJob, WorkerReport, run_worker};

/// Maximum time until a stop is noticed.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// The threads of a run and their reports. A thread reports when it is ready, whatever the coordinator
/// waits for. Dropped, it ends them.
pub(crate) struct Coordinator {
    inboxes: Vec<Arc<CommandInbox>>,
    handles: Vec<JoinHandle<()>>,
    reports: Receiver<WorkerReport>,
    run: RunHandle,
    /// Threads whose connections have all opened or failed.
    connected: usize,
    /// Connections that opened.
    pub(crate) opened: u64,
    /// Threads with an open connection that have recognized an echo, or may yet.
    recognizing: usize,
    /// Duration of the opening.
    pub(crate) opening: Duration,
    /// Threads whose clients have completed the plan.
    done: usize,
    /// The run ended early: the user stopped it.
    pub(crate) interrupted: bool,
    /// The run ended early: messages came, and none carried an identity that was sent.
    pub(crate) recognized_nothing: bool,
    pub(crate) results: Vec<ThreadResult>,
    /// The threads' parts of the present slice.
    slices: Vec<ThreadSlice>,
}

impl Coordinator {
    /// Starts the threads, each with its copy of this job.
    pub(crate) fn start(job: &WorkerJob) -> Result<Self, SwarmError> {
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
            // A thread without a coordinator ends by itself, so none needs to be joined.
            let handle = thread::Builder::new()
                .name(format!("swarm-{thread}"))
                .spawn(move || {
                    if let Err(source) = run_worker(job, poll, &inbox, &sender) {
                        // Without a coordinator nobody needs the report.
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

    /// Takes the threads through all phases. Returns the wall-clock time of T0, or `None` when no
    /// connection opened or the user ended the run before any message.
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
            started_at = Some(SystemTime::now() + plan.warmup);
            self.measure(plan, start + plan.warmup, enter)?;
        }
        self.run.finish_record(self.interrupted);
        enter(Phase::Close);
        self.close()?;
        Ok(started_at)
    }

    /// Waits until all connections have opened or failed, or the user ends the run; `begun` is when the opening began.
    pub(crate) fn wait_for_connections(&mut self, begun: Instant) -> Result<(), SwarmError> {
        while self.connected < self.handles.len() && !self.run.is_stopped() {
            self.receive_report(CHECK_INTERVAL)?;
        }
        self.opening = begun.elapsed();
        self.interrupted = self.run.is_stopped();
        Ok(())
    }

    /// Runs one slice of a sliced run, and returns each thread's part of it. It ends early when the user ends the
    /// run.
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

    /// Waits from the first message to the last echo.
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
            // T0 and the end of a planned time are met as closely as the system allows.
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
            WorkerReport::Closed(result) => self.results.push(*result),
            WorkerReport::Failed(thread, source) => return Err(SwarmError::Thread(thread, source)),
        }
        Ok(())
    }

    /// Fails when a thread ended without its last report: it has panicked.
    fn detect_dead_threads(&mut self) -> Result<(), SwarmError> {
        let ended = self.handles.iter().filter(|h| h.is_finished()).count();
        if ended <= self.results.len() {
            return Ok(());
        }
        // Reports that it sent before it ended have arrived by now.
        match self.reports.try_recv() {
            Ok(report) => self.take(report),
            Err(_) => Err(SwarmError::ThreadEnded),
        }
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.send(|command| {
            (command.stop, command.close, command.close_soon) = (true, true, true);
        });
    }
}
