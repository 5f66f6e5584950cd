//! The thread of a run in steps: slices with a load of their own.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use host::thread_usage::ThreadUsage;
use measurement::record::BottomK;

use super::{MEASURING_WAIT, ThreadSlice, UsageBaseline, Worker, WorkerReport};
use crate::clock::nanoseconds;
use crate::handle::lock;
use crate::load_order::{ClientCounts, LoadOrder, OrderLoad};
use crate::rules::{Command, RunTimes, SendRules, SliceCommand};

impl Worker<'_> {
    /// Runs a step until its last echo has arrived or is not awaited any more, on all threads. Deliveries of a message may be
    /// recorded by any of them.
    pub(super) fn run_step(
        &mut self,
        step: &SliceCommand,
        reports: &Sender<WorkerReport>,
    ) -> io::Result<ThreadSlice> {
        let order = lock(&self.job.order).clone().ok_or_else(|| {
            let what = "a step has no order";
            io::Error::new(io::ErrorKind::InvalidInput, what)
        })?;
        let rules = SendRules::of_step(&self.job.plan, &order).ok_or_else(|| {
            let what = "the load of a step cannot be offered";
            io::Error::new(io::ErrorKind::InvalidInput, what)
        })?;
        self.prepare_step(rules, &order);
        let _ = reports.send(WorkerReport::Ready);
        let start = self.await_start(step, &order)?;
        let counts = |worker: &Self| match order.keeps_samples {
            true => worker.event_loop.client_counts(),
            false => Vec::new(),
        };
        let counts_before = counts(self);
        self.begin_step(step, start);
        let mut baseline = None;
        let mut echoes = EchoWatch::default();
        while self.is_at_work(&order) {
            self.note_baseline(&mut baseline);
            self.take_command();
            self.end_quiet_drain(&order, &mut echoes);
            self.publish_progress(|worker| Some(worker.usage_since(baseline?)));
            self.event_loop.run_once(MEASURING_WAIT)?;
        }
        self.note_baseline(&mut baseline);
        let usage = baseline.map(|baseline| self.usage_since(baseline));
        self.event_loop.thread.close_remaining_orphans();
        self.note_answers(&order, &mut echoes);
        let _ = reports.send(WorkerReport::Done);
        while self.event_loop.thread.command.completed_step < step.number
            && !self.event_loop.thread.command.close
        {
            self.take_command();
            self.last_answer_ns(&mut echoes);
            self.event_loop.run_once(MEASURING_WAIT)?;
        }
        let thread = &self.event_loop.thread;
        thread.record_unconnected();
        let progress = Arc::new(thread.progress_without_record(usage));
        let recorder = thread.take_recorder();
        Ok(ThreadSlice {
            recorder,
            progress,
            all_sent: 0,
            unanswered_warmups: 0,
            clients: ClientCounts::since(counts(self), &counts_before),
            alive: 0,
            lost: 0,
            stale: 0,
        })
    }

    /// Replaces everything that the load of the step changes. A message of another thread may arrive as soon as it begins.
    fn prepare_step(&mut self, rules: SendRules, order: &LoadOrder) {
        let plan = &self.job.plan;
        let samples = if order.keeps_samples {
            plan.max_samples
        } else {
            0
        };
        let thread = &mut self.event_loop.thread;
        thread.budget = Arc::new(BottomK::new(samples, plan.seed));
        thread.adopt_step(rules, order);
    }

    /// Serves the connections until all threads are ready. Returns the start of the step. In closed loop, returns when it has
    /// come; the due times of an open loop begin there by themselves.
    fn await_start(&mut self, step: &SliceCommand, order: &LoadOrder) -> io::Result<Instant> {
        let is_closed = matches!(order.load, OrderLoad::Closed { .. });
        loop {
            self.take_command();
            let command = self.event_loop.thread.command;
            let start = command
                .step_start
                .filter(|(number, _)| *number == step.number);
            let wait = match start {
                Some((_, start)) => {
                    let wait = start.saturating_duration_since(Instant::now());
                    if !is_closed || wait.is_zero() || command.stop {
                        return Ok(start);
                    }
                    wait
                }
                None if command.close => return Ok(step.start),
                None => MEASURING_WAIT,
            };
            self.event_loop.run_once(wait.min(MEASURING_WAIT))?;
        }
    }

    fn begin_step(&mut self, step: &SliceCommand, start: Instant) {
        let thread = &mut self.event_loop.thread;
        let run = RunTimes::of_slice(thread.clock.ns_of(start), step);
        thread.begin_run(run);
        thread.step_t0_ns = run.t0_ns;
        thread.start_unconnected(run);
        self.event_loop.begin_slice(self.job.plan.busy_poll);
    }

    /// Applies the latest command, and returns it.
    pub(super) fn take_command(&mut self) -> Command {
        let command = self.inbox.command();
        if command != self.event_loop.thread.command {
            self.apply_command(command);
        }
        command
    }

    /// Reads the counters when the judged part has begun.
    fn note_baseline(&self, baseline: &mut Option<UsageBaseline>) {
        let thread = &self.event_loop.thread;
        let has_begun = thread
            .run
            .is_some_and(|run| thread.clock.now_ns() >= run.t0_ns);
        if baseline.is_none() && has_begun {
            *baseline = Some(UsageBaseline {
                at: Instant::now(),
                usage: ThreadUsage::now(),
                idle_ns: self.event_loop.idle_ns,
            });
        }
    }

    /// Returns true while a client has not completed the step, or messages of one whose connection has ended are on their
    /// way.
    fn is_at_work(&self, order: &LoadOrder) -> bool {
        let thread = &self.event_loop.thread;
        if thread.clients.borrow().busy > 0 {
            return true;
        }
        if thread.orphans.borrow().is_empty() {
            return false;
        }
        thread.close_orphans();
        let until_ns = thread.run_end_ns().saturating_add(thread.rules.drain_ns);
        let quiet_ns = thread
            .run_end_ns()
            .saturating_add(nanoseconds(order.drain.quiet));
        !thread.orphans.borrow().is_empty() && thread.clock.now_ns() < until_ns.min(quiet_ns)
    }

    /// Ends the drain when no echo has come for a while, of the judged part or the load before it. A server that still
    /// answers is not drained, unless it was offered so much that most of the load was never sent.
    fn end_quiet_drain(&mut self, order: &LoadOrder, echoes: &mut EchoWatch) {
        let last_ns = self.last_answer_ns(echoes);
        let thread = &mut self.event_loop.thread;
        let Some(run) = thread.run.filter(|_| thread.drained_ns == u64::MAX) else {
            return;
        };
        let now_ns = thread.clock.now_ns();
        let is_mostly_unsent = {
            let counts = &thread.recorder.borrow().counts;
            counts.unsent > counts.sent
        };
        let active_ns = match is_mostly_unsent {
            true => run.end_ns.saturating_add(thread.rules.late_sends_ns),
            false => last_ns.max(run.end_ns),
        };
        if now_ns >= active_ns.saturating_add(nanoseconds(order.drain.quiet)) {
            thread.drained_ns = now_ns;
            self.event_loop.wake_all();
        }
    }

    /// Time of the last answer of the step, on the thread's clock. A room is one: its messages are delivered to clients of all
    /// threads.
    fn last_answer_ns(&self, echoes: &mut EchoWatch) -> u64 {
        let thread = &self.event_loop.thread;
        let arrivals = thread.recorder.borrow().arrivals();
        let own_ns = echoes.last_ns(arrivals, thread.clock.now_ns());
        let Some(board) = &thread.board else {
            return own_ns;
        };
        let on_board_ns = match own_ns {
            0 => 0,
            ns => thread.on_board(ns),
        };
        let last_ns = board.note_arrival(on_board_ns);
        last_ns.saturating_sub(thread.board_offset_ns)
    }

    /// Notes whether the server still answers at the end of the drain. Then it has not answered what is in flight.
    fn note_answers(&mut self, order: &LoadOrder, echoes: &mut EchoWatch) {
        let last_ns = self.last_answer_ns(echoes);
        let thread = &mut self.event_loop.thread;
        let since_ns = thread.clock.now_ns().saturating_sub(last_ns);
        thread.still_answers = since_ns < nanoseconds(order.drain.quiet.min(STILL_ANSWERS));
    }
}

/// Time between two looks at the number of echoes from which on the thread itself stood still, in nanoseconds.
const LONGEST_LOOK_NS: u64 = 100_000_000;

/// Longest time since the last answer of a server that still answers.
const STILL_ANSWERS: Duration = Duration::from_millis(100);

/// The time of the last echo, as closely as the number of echoes is looked at.
#[derive(Debug, Default)]
struct EchoWatch {
    echoes: u64,
    changed_ns: u64,
    looked_ns: u64,
}

impl EchoWatch {
    /// The last time at which the number had changed. The time between two looks that are far apart does not count.
    fn last_ns(&mut self, echoes: u64, now_ns: u64) -> u64 {
        let unseen_ns = now_ns.saturating_sub(self.looked_ns);
        self.looked_ns = now_ns;
        if self.changed_ns > 0 && unseen_ns > LONGEST_LOOK_NS {
            self.changed_ns = self.changed_ns.saturating_add(unseen_ns);
        }
        if echoes != self.echoes {
            (self.echoes, self.changed_ns) = (echoes, now_ns);
        }
        self.changed_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generator thread that stood still took the server for silent.
    #[test]
    fn a_stop_of_the_generator_is_no_time_without_an_echo() {
        const MS: u64 = 1_000_000;
        let mut watch = EchoWatch::default();
        assert_eq!(watch.last_ns(3, 500 * MS), 500 * MS);
        for at_ms in (510..=600).step_by(10) {
            assert_eq!(watch.last_ns(3, at_ms * MS), 500 * MS);
        }
        // Nobody looked for two seconds.
        assert_eq!(watch.last_ns(3, 2_600 * MS), 2_500 * MS);
        assert_eq!(watch.last_ns(4, 2_610 * MS), 2_610 * MS);
    }
}
