//! The thread of a sliced run. Between two slices, its clients wait and the thread sleeps.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use host::thread_usage::ThreadUsage;
use measurement::record::{BottomK, Recorder};

use super::{MEASURING_WAIT, REPORT_INTERVAL, UsageBaseline, Worker, WorkerReport};
use crate::load_order::ClientCounts;
use crate::progress::ThreadProgress;
use crate::rules::{RunTimes, SliceCommand};

/// A thread's part of one slice.
#[derive(Debug)]
pub(crate) struct ThreadSlice {
    pub(crate) recorder: Recorder,
    /// Connections since the beginning of the run, and usage and stops in the slice. Without the record.
    pub(crate) progress: Arc<ThreadProgress>,
    /// Messages sent in the slice, measured or not.
    pub(crate) all_sent: u64,
    /// Unmeasured messages without a correct echo in time.
    pub(crate) unanswered_warmups: u64,
    /// Messages of each client; empty unless a step keeps samples.
    pub(crate) clients: Vec<ClientCounts>,
    /// Clients with an open connection at the end.
    pub(crate) alive: u64,
    /// Clients whose connection has ended and can be opened again.
    pub(crate) lost: u64,
    /// Clients whose connection must be opened again before the next step.
    pub(crate) stale: u64,
}

impl Worker<'_> {
    /// Runs slices as the coordinator commands, until all connections are closed.
    pub(super) fn run_slices(&mut self, reports: &Sender<WorkerReport>) -> io::Result<()> {
        let no_samples = Arc::clone(&self.event_loop.thread.budget);
        let all_samples = Arc::new(BottomK::new(u64::MAX, self.job.plan.seed));
        if let Some(open) = &mut self.event_loop.thread.rules.open_loop {
            // All parts of all slices share one schedule.
            open.warm_up = None;
        }
        let mut sent = self.event_loop.end_slice();
        let mut last = None;
        let mut reopened = 0;
        while !(self.event_loop.thread.command.close && self.event_loop.alive == 0) {
            let command = self.inbox.command();
            if command.slice != last
                && let Some(slice) = command.slice
            {
                last = command.slice;
                self.event_loop.thread.command = command;
                let slice = if slice.is_step {
                    let step = self.run_step(&slice, reports)?;
                    self.count_sent(step, &mut sent)
                } else {
                    self.event_loop.thread.budget = Arc::clone(if slice.keeps_samples {
                        &all_samples
                    } else {
                        &no_samples
                    });
                    let slice = self.run_slice(&slice)?;
                    self.count_sent(slice, &mut sent)
                };
                // The coordinator normally outlives its threads. Without it, the reports are not needed.
                let _ = reports.send(WorkerReport::SliceOver(Box::new(slice)));
            } else if command.reopening != reopened {
                reopened = command.reopening;
                self.event_loop.thread.command = command;
                self.reopen_connections()?;
                let open = self.event_loop.connected_clients();
                let _ = reports.send(WorkerReport::Reopened(open));
            } else if command != self.event_loop.thread.command {
                self.apply_command(command);
            }
            self.event_loop.run_once(REPORT_INTERVAL)?;
        }
        Ok(())
    }

    /// Ends a slice, and counts the messages sent in it. `sent` is the number of messages that all clients have sent before
    /// it.
    fn count_sent(&mut self, slice: ThreadSlice, sent: &mut u64) -> ThreadSlice {
        let before = std::mem::replace(sent, self.event_loop.end_slice());
        ThreadSlice {
            // Messages of clients whose connections ended are no longer counted.
            all_sent: sent.saturating_sub(before),
            unanswered_warmups: self.event_loop.thread.unanswered_warmups.take(),
            alive: self.event_loop.connected_clients(),
            lost: self.event_loop.thread.clients.borrow().lost.len() as u64,
            stale: self.event_loop.stale_clients(),
            ..slice
        }
    }

    /// Runs a slice until its last echo has arrived or has timed out.
    fn run_slice(&mut self, slice: &SliceCommand) -> io::Result<ThreadSlice> {
        let baseline = UsageBaseline {
            at: Instant::now(),
            usage: ThreadUsage::now(),
            idle_ns: self.event_loop.idle_ns,
        };
        let thread = &mut self.event_loop.thread;
        let start_ns = thread.clock.ns_of(slice.start);
        thread.begin_run(RunTimes::of_slice(start_ns, slice));
        self.event_loop.begin_slice(self.job.plan.busy_poll);
        while self.event_loop.thread.clients.borrow().busy > 0 {
            let command = self.inbox.command();
            if command != self.event_loop.thread.command {
                self.apply_command(command);
            }
            self.event_loop.run_once(MEASURING_WAIT)?;
        }
        let usage = self.usage_since(baseline);
        let thread = &self.event_loop.thread;
        let progress = Arc::new(thread.progress_without_record(Some(usage)));
        thread.stillness.borrow_mut().clear();
        let recorder = thread.take_recorder();
        Ok(ThreadSlice {
            recorder,
            progress,
            all_sent: 0,
            unanswered_warmups: 0,
            clients: Vec::new(),
            alive: 0,
            lost: 0,
            stale: 0,
        })
    }
}
