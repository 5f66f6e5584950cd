//! Results of messages, passed to the thread's recorder.

use measurement::record::{Outcome, Sample};

use super::Client;
use crate::message::echo_verifier::EchoVerdict;
use crate::message::in_flight::InFlightMessage;
use crate::thread_state::ThreadState;

impl Client {
    /// Records a message from the server.
    #[inline]
    pub(super) fn record_echo(&mut self, verdict: EchoVerdict, now_ns: u64, thread: &ThreadState) {
        let Some(run) = thread.run else {
            return;
        };
        let mut recorder = thread.recorder.borrow_mut();
        match verdict {
            EchoVerdict::Answer { echo, correct } if !echo.message.number.is_warmup() => {
                let message = echo.message;
                let outcome = match (correct, echo.timed_out, echo.reordered) {
                    (false, ..) => Outcome::Corrupted,
                    (true, true, _) => Outcome::TimedOut,
                    (true, false, true) => Outcome::Reordered,
                    (true, false, false) => Outcome::Ok,
                };
                self.failed += u64::from(outcome != Outcome::Ok);
                let sample = Sample::echoed(
                    self.id,
                    message.number.index(),
                    message.intended_ns - run.t0_ns,
                    message.sent_ns - run.t0_ns,
                    now_ns - run.t0_ns,
                    outcome,
                );
                recorder.ended(&thread.budget, sample, message.shape.size);
            }
            EchoVerdict::Duplicate(number) if !number.is_warmup() => {
                recorder.counts.duplicated += 1;
            }
            EchoVerdict::Unexpected if now_ns >= run.t0_ns => {
                recorder.counts.unexpected += 1;
            }
            _ => {}
        }
    }

    /// Gives up the messages in flight, records them, and completes the client's part of the plan.
    pub(super) fn finalize_in_flight(&mut self, thread: &ThreadState) {
        let (timed_out, active) = self.in_flight.give_up();
        let mut recorder = thread.recorder.borrow_mut();
        if let Some(run) = thread.run {
            let measured = |m: &&InFlightMessage| !m.number.is_warmup();
            // When the user ends the run, the echo may still be under way: not the server's fault.
            let abandoned = if thread.command.stop { active.len() } else { 0 };
            for message in active.iter().take(abandoned).filter(measured) {
                debug_assert!(message.sent_ns >= run.t0_ns);
                recorder.counts.abandoned += 1;
            }
            let lost = timed_out.iter().chain(active.iter().skip(abandoned));
            for message in lost.filter(measured) {
                self.failed += 1;
                let sample = Sample::lost(
                    self.id,
                    message.number.index(),
                    message.intended_ns - run.t0_ns,
                    message.sent_ns - run.t0_ns,
                );
                recorder.ended(&thread.budget, sample, message.shape.size);
            }
        }
        thread.clients.borrow_mut().busy -= 1;
    }
}
