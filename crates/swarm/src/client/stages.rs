//! Stages of a client, from opened to closed, and its deadlines: timeout of an echo, drain, close.

use measurement::plan::Verify;
use websocket_wire::Opcode;

use super::Client;
use crate::connection_end::ConnectionEnd;
use crate::load_order::ClientCounts;
use crate::rules::RunTimes;
use crate::thread_state::ThreadState;

/// Maximum wait for the server's answer to the client's close frame, in nanoseconds.
const CLOSE_TIMEOUT_NS: u64 = 3_000_000_000;

/// Maximum wait for echoes when the user interrupts the run, in nanoseconds.
const STOP_DRAIN_NS: u64 = 1_000_000_000;

/// Time without a read after which a slow reader, reading at full speed again, has read what was left, in nanoseconds.
const CAUGHT_UP_NS: u64 = 200_000_000;

/// Maximum time for that, where a server goes on sending, in nanoseconds.
const CATCH_UP_NS: u64 = 1_000_000_000;

/// Stage of a client. Times are on the thread's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientStage {
    /// Doing the steps of a scenario before the load. The current one ends at this time.
    Setup { until_ns: u64 },
    /// Waiting for the other clients to open.
    Waiting,
    /// Sending.
    Running,
    /// Nothing more is sent on this connection, because it is to be replaced. Echoes are awaited until this time.
    Retiring { until_ns: u64 },
    /// Only listening and answering, because its role does not send.
    Listening,
    /// Only receiving the server's feed, until the end of the run.
    Receiving,
    /// All messages are sent, and echoes are awaited until this time.
    Draining { until_ns: u64 },
    /// All echoes have arrived. The connection stays open until all clients are done.
    Done,
    /// A slow reader reads at full speed what the server has sent, which may end with its close frame. Until nothing has come
    /// for a while, or at most until the second time.
    CatchingUp { quiet_until_ns: u64, until_ns: u64 },
    /// The goodbye of a scenario is sent, and its answer is awaited until this time.
    Goodbye { until_ns: u64 },
    /// The client's close frame is sent, and the server's is awaited until this time.
    Closing { until_ns: u64 },
}

impl Client {
    /// Changes to the next stage if its time has come.
    #[inline]
    pub(super) fn step(&mut self, now: u64, thread: &ThreadState) -> Result<(), ConnectionEnd> {
        let timeout = thread.rules.timeout_ns;
        let oldest = self.in_flight.oldest();
        if oldest.is_some_and(|message| message.sent_ns + timeout <= now) {
            self.expire(now - timeout, thread);
        }
        self.close_publications(now, thread);
        if let Some(run) = thread.run {
            if self.stage == ClientStage::Waiting {
                self.start(run, thread);
            }
            self.stay_at_end(now, run, thread);
            if self.is_awaited_in_vain(now, run, thread) {
                thread.end_sending(now.min(run.end_ns));
                self.release_run(thread);
            }
            match self.stage {
                ClientStage::Running => self.step_running(now, run, thread),
                ClientStage::Receiving => self.step_receiving(now, run, thread),
                _ => {}
            }
        }
        if self.life.is_some() {
            self.step_life(now, thread);
        }
        if let ClientStage::Draining { until_ns } = self.stage {
            self.step_draining(now, until_ns, thread);
        }
        if thread.command.close && self.may_close() {
            self.begin_closing(now, thread);
        }
        // A partly sent frame blocks all others, and the server has stopped reading.
        // One that stops because a slow reader does not read is what the run is about.
        if self.is_half_sent() && now >= self.last_written_ns + timeout && !self.is_slow() {
            return Err(ConnectionEnd::StoppedReading);
        }
        match self.stage {
            ClientStage::Setup { until_ns } if now >= until_ns => self.expire_step(now, thread),
            ClientStage::CatchingUp {
                quiet_until_ns,
                until_ns,
            } => {
                if now >= quiet_until_ns.min(until_ns).min(thread.close_until_ns) {
                    self.say_farewell(now, thread);
                }
                Ok(())
            }
            ClientStage::Goodbye { until_ns } => {
                self.step_goodbye(now, until_ns, thread);
                Ok(())
            }
            ClientStage::Closing { until_ns } if now >= until_ns => {
                Err(self.end_of_stream(ConnectionEnd::NoCloseAnswer))
            }
            ClientStage::Closing { .. } if now >= thread.close_until_ns => {
                Err(self.end_of_stream(ConnectionEnd::CloseNotAwaited))
            }
            _ => Ok(()),
        }
    }

    /// Returns true in the stages in which a client waits for the end of the run.
    fn may_close(&self) -> bool {
        match self.stage {
            ClientStage::Setup { .. }
            | ClientStage::Waiting
            | ClientStage::Listening
            | ClientStage::Done => true,
            // The run does not wait for slow readers.
            ClientStage::Running | ClientStage::Draining { .. } => self.is_slow(),
            ClientStage::Retiring { .. }
            | ClientStage::Receiving
            | ClientStage::CatchingUp { .. }
            | ClientStage::Goodbye { .. }
            | ClientStage::Closing { .. } => false,
        }
    }

    /// Starts to send, or to listen.
    fn start(&mut self, run: RunTimes, thread: &ThreadState) {
        let is_idle = thread.is_idle(self.id);
        match thread.sender(self.id) {
            Some(sender) => {
                self.stage = ClientStage::Running;
                self.pacing = self.pacing.start(&thread.rules, sender, run);
            }
            None if thread.is_push_only() && !self.is_slow() && !is_idle => {
                self.stage = ClientStage::Receiving;
            }
            None => self.stage = ClientStage::Listening,
        }
        if self.stage == ClientStage::Listening && !self.is_slow() {
            // The run does not wait for it.
            let mut clients = thread.clients.borrow_mut();
            clients.busy -= usize::from(!is_idle);
            clients.listening += 1;
        }
        self.begin_slow(run, thread);
        self.skip_before_start(run, thread);
    }

    /// Starts to drain when everything is sent or the user has interrupted the run.
    #[inline]
    fn step_running(&mut self, now: u64, run: RunTimes, thread: &ThreadState) {
        let timeout = thread.rules.timeout_ns;
        let (due_until_ns, sent_until_ns, until_ns) = if thread.command.stop {
            let due_until_ns = if thread.command.plan_stays_due {
                u64::MAX
            } else {
                now
            };
            (due_until_ns, now, now + timeout.min(STOP_DRAIN_NS))
        } else if self.pacing.is_over(now, self.sent, &thread.rules, run) {
            let until_ns = self.last_sent_ns + thread.rules.drain_ns;
            (u64::MAX, now.min(run.end_ns), until_ns)
        } else {
            return;
        };
        if !self.is_slow() {
            thread.record_unsent(self.pacing, self.sent, due_until_ns);
            thread.end_sending(sent_until_ns);
        }
        self.stage = ClientStage::Draining { until_ns };
    }

    /// Ends the drain when all echoes have arrived or its time is over.
    #[inline]
    fn step_draining(&mut self, now: u64, until_ns: u64, thread: &ThreadState) {
        let until_ns = if thread.command.stop {
            until_ns.min(now.saturating_add(STOP_DRAIN_NS))
        } else {
            until_ns.min(thread.drained_ns)
        };
        self.stage = ClientStage::Draining { until_ns };
        let is_drained =
            self.in_flight.is_empty() && self.partial.is_none() && self.is_all_delivered();
        if is_drained || now >= until_ns {
            self.finalize_publications(thread);
            self.finalize_in_flight(thread);
            self.stage = ClientStage::Done;
        }
    }

    /// Lets a client that is done wait for the next slice of a sliced run. Late echoes of a step count in none that follows.
    /// Returns true if the client waits.
    pub(crate) fn rest(&mut self, thread: &ThreadState) -> bool {
        let is_settled = !self.in_flight.has_unanswered()
            || thread.rules.identifies_echoes && !thread.still_answers;
        let is_step = thread.run.is_some_and(|run| run.is_step());
        // Other connections are stale.
        if is_step && is_settled && thread.rules.verify != Verify::Off {
            self.in_flight.end_step(self.warmed, self.sent);
        }
        if self.stage == ClientStage::Done {
            self.await_slow();
            self.stage = ClientStage::Waiting;
        }
        self.stage == ClientStage::Waiting
    }

    /// Measured messages so far; `None` for an idle connection, and for one that its client has left.
    pub(crate) fn counts(&self, thread: &ThreadState) -> Option<ClientCounts> {
        let is_clients = !thread.is_idle(self.id) && !self.is_detached();
        is_clients.then_some(ClientCounts {
            client: self.id,
            messages: self.sent,
            failed: self.failed,
        })
    }

    /// Number of messages sent so far, measured or not.
    pub(crate) fn all_sent(&self) -> u64 {
        self.sent + self.warmed
    }

    #[cold]
    fn begin_closing(&mut self, now: u64, thread: &ThreadState) {
        if self.stage == ClientStage::Listening {
            self.leave(thread);
        }
        if self.give_up_return(thread) {
            return self.close(now, thread);
        }
        let was_ready = !matches!(self.stage, ClientStage::Setup { .. });
        match self.stage {
            ClientStage::Setup { .. } | ClientStage::Waiting => {
                self.leave_unfinished(thread);
                self.finalize_in_flight(thread);
            }
            // Of a slow reader, whose messages nobody waits for any more.
            ClientStage::Running | ClientStage::Draining { .. } => {
                self.finalize_publications(thread);
                self.finalize_in_flight(thread);
            }
            _ => {}
        }
        let is_behind = self.is_limited(now);
        self.release_slow(thread);
        if is_behind {
            self.stage = ClientStage::CatchingUp {
                quiet_until_ns: now.saturating_add(CAUGHT_UP_NS),
                until_ns: now + thread.rules.timeout_ns.min(CATCH_UP_NS),
            };
        } else if was_ready {
            self.say_farewell(now, thread);
        } else {
            self.close(now, thread);
        }
    }

    /// Notes that a slow reader that catches up has read something at this time.
    #[inline]
    pub(super) fn go_on_catching_up(&mut self, now: u64) {
        if let ClientStage::CatchingUp { quiet_until_ns, .. } = &mut self.stage {
            *quiet_until_ns = now.saturating_add(CAUGHT_UP_NS);
        }
    }

    /// Queues the goodbye of a scenario, and the close frame unless the goodbye is answered.
    pub(super) fn say_farewell(&mut self, now: u64, thread: &ThreadState) {
        let is_answered = self.dialogue.is_some() && self.say_goodbye(thread);
        if is_answered {
            let until_ns = now + thread.rules.timeout_ns.min(CLOSE_TIMEOUT_NS);
            self.stage = ClientStage::Goodbye { until_ns };
        } else {
            self.close(now, thread);
        }
    }

    /// Queues the close frame.
    fn close(&mut self, now: u64, thread: &ThreadState) {
        let code = thread.close_code();
        self.queue_control(Opcode::Close, &code.to_be_bytes(), thread);
        self.await_close(now, thread);
    }

    /// Waits for the server's answer to the close frame.
    pub(super) fn await_close(&mut self, now: u64, thread: &ThreadState) {
        let until_ns = now + thread.rules.timeout_ns.min(CLOSE_TIMEOUT_NS);
        self.stage = ClientStage::Closing { until_ns };
    }

    /// Closes the connection when the goodbye was answered, or its time is over.
    #[cold]
    fn step_goodbye(&mut self, now: u64, until_ns: u64, thread: &ThreadState) {
        let answered = self
            .dialogue
            .as_ref()
            .is_some_and(|own| own.is_goodbye_answered);
        if answered || now >= until_ns.min(thread.close_until_ns) {
            self.close(now, thread);
        }
    }

    /// Next time, on the thread's clock, at which the stage may have to change.
    #[inline]
    pub(super) fn next_deadline(&self, now_ns: u64, thread: &ThreadState) -> u64 {
        let timeout_ns = thread.rules.timeout_ns;
        let stage_end = match self.stage {
            ClientStage::Running => sending_deadline(now_ns, thread),
            ClientStage::Receiving => thread.run_end_ns(),
            ClientStage::Draining { until_ns } | ClientStage::Retiring { until_ns } => until_ns,
            ClientStage::Setup { until_ns } => until_ns,
            ClientStage::CatchingUp {
                quiet_until_ns,
                until_ns,
            } => quiet_until_ns.min(until_ns).min(thread.close_until_ns),
            ClientStage::Goodbye { until_ns } | ClientStage::Closing { until_ns } => {
                until_ns.min(thread.close_until_ns)
            }
            ClientStage::Listening if self.is_slow() => match thread.run {
                Some(run) if now_ns < run.end_ns => run.end_ns,
                _ => u64::MAX,
            },
            ClientStage::Waiting | ClientStage::Listening | ClientStage::Done => u64::MAX,
        };
        let oldest = self.in_flight.oldest();
        let next_timeout = oldest.map_or(u64::MAX, |m| m.sent_ns.saturating_add(timeout_ns));
        let stuck = if self.is_half_sent() && !self.is_slow() {
            self.last_written_ns.saturating_add(timeout_ns)
        } else {
            u64::MAX
        };
        let is_draining = matches!(
            self.stage,
            ClientStage::Draining { .. } | ClientStage::Retiring { .. }
        );
        let closing = self.next_closing(now_ns, is_draining, thread);
        stage_end
            .min(self.next_replacement(now_ns, thread))
            .min(next_timeout)
            .min(stuck)
            .min(closing)
            .min(self.next_read_ns())
    }
}

/// Next time, on the thread's clock, at which a sending client may have finished.
#[inline]
fn sending_deadline(now_ns: u64, thread: &ThreadState) -> u64 {
    let end_ns = thread.run_end_ns();
    if now_ns < end_ns {
        return end_ns;
    }
    // After the end of an open loop, delayed messages are still sent.
    end_ns.saturating_add(thread.rules.late_sends_ns)
}
