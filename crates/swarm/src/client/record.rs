//! Recording of message results in the thread's recorder.

use measurement::record::{Outcome, Sample};

use super::Client;
use super::slow_reading::record_slow;
use crate::message::difference::difference;
use crate::message::echo_verifier::{EchoVerdict, Received};
use crate::message::held_back::HeldMessage;
use crate::message::in_flight::{InFlightMessage, MatchedEcho};
use crate::message::received::ReceivedMessage;
use crate::rules::RunTimes;
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
            EchoVerdict::Answer { echo, correct } => {
                let MatchedEcho {
                    message,
                    timed_out,
                    reordered,
                    by_order,
                } = echo;
                if message.number.is_warmup() {
                    if let Some(received_ns) = now_ns.checked_sub(run.t0_ns) {
                        recorder.warmup_echo(received_ns);
                        recorder.lead_in_ns += received_ns;
                    }
                    return;
                }
                if by_order {
                    recorder.counts.matched_by_order += 1;
                }
                let outcome = match (correct, timed_out, reordered) {
                    (false, ..) => Outcome::Corrupted,
                    (true, true, _) => Outcome::TimedOut,
                    (true, false, true) => Outcome::Reordered,
                    (true, false, false) => Outcome::Ok,
                };
                self.failed += u64::from(outcome != Outcome::Ok);
                let in_flight_ns = now_ns - message.sent_ns;
                recorder.in_flight_ns += in_flight_ns.min(thread.rules.timeout_ns);
                let mut sample = Sample::echoed(
                    self.id,
                    message.number.index(),
                    message.intended_ns - run.t0_ns,
                    message.sent_ns - run.t0_ns,
                    now_ns - run.t0_ns,
                    outcome,
                );
                sample.over_stop = message.sent_ns < thread.last_stop_end_ns.get();
                if correct && thread.rules.open_loop.is_some() {
                    let punctual_ns = now_ns - message.intended_ns - message.lateness_ns();
                    recorder.punctual_response(punctual_ns, &sample);
                }
                recorder.ended(&thread.budget, sample, message.shape.size());
            }
            EchoVerdict::Duplicate(number) if !number.is_warmup() => {
                recorder.counts.duplicated += 1;
            }
            EchoVerdict::Unexpected if now_ns >= run.t0_ns => {
                recorder.counts.unexpected += 1;
            }
            EchoVerdict::Duplicate(_)
            | EchoVerdict::Unexpected
            | EchoVerdict::GivenUp
            | EchoVerdict::Unidentified { .. } => {}
        }
    }

    /// Records a message from the server that is not known to be an exact echo.
    pub(super) fn record_received(
        &mut self,
        received: Received,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let Received {
            verdict,
            message,
            differs_at,
        } = received;
        match verdict {
            EchoVerdict::Answer {
                echo,
                correct: false,
            } => self.record_difference(&echo.message, &message, differs_at, thread),
            EchoVerdict::Unidentified { ambiguous } => {
                let held = HeldMessage {
                    message,
                    received_ns: now_ns,
                    ambiguous,
                };
                return self.hold_back(held, thread);
            }
            _ => {}
        }
        self.record_echo(verdict, now_ns, thread);
    }

    /// Records the difference between a wrong echo and its measured message.
    #[cold]
    fn record_difference(
        &self,
        sent: &InFlightMessage,
        message: &ReceivedMessage,
        differs_at: Option<u64>,
        thread: &ThreadState,
    ) {
        if !sent.number.is_warmup() {
            let (kind, payloads) = (thread.rules.kind, &thread.payloads);
            let mut found = difference(sent, self.id, kind, payloads, message, differs_at);
            // The server may have sent a secret in place of the echo, of which only the beginning is there.
            let masked = thread.masked(&format!("{}…", found.begins));
            found.begins = masked.trim_end_matches('…').to_owned();
            thread.recorder.borrow_mut().counts.add_difference(found);
        }
    }

    /// Holds back a message without an identity until its meaning is known.
    #[cold]
    fn hold_back(&mut self, held: HeldMessage, thread: &ThreadState) {
        if self.in_flight.is_empty() && self.in_flight.has_given_up() {
            // Ignored, because it may be the echo of a message that is already counted as lost.
            return;
        }
        let released = self.held_back.push(held, &self.in_flight);
        record_unexpected(&released, thread);
    }

    /// Times out the messages sent until this time. If a message was held back in the meantime, it is the echo. For the
    /// other messages, a late echo still counts.
    #[cold]
    pub(super) fn expire(&mut self, sent_until_ns: u64, thread: &ThreadState) {
        while let Some(message) = self.in_flight.take_expired(sent_until_ns) {
            if thread.ends_by_delivery(&message) {
                self.forget_own_copy(&message, thread);
                continue;
            }
            match self.take_held_answer(&message, thread) {
                Some(held) => {
                    if !self.has_recognized() {
                        thread.recognized_nothing.set(true);
                    }
                    self.record_held_answer(&message, &held, thread);
                }
                None => self.in_flight.add_timed_out(message),
            }
        }
    }

    /// Takes the held-back message that must be the echo of `sent`.
    fn take_held_answer(
        &mut self,
        sent: &InFlightMessage,
        thread: &ThreadState,
    ) -> Option<HeldMessage> {
        let recognized = self.has_recognized();
        self.held_back
            .take_answer(sent.sent_ns, |m| may_be_echo(m, recognized, thread))
    }

    fn record_held_answer(
        &mut self,
        sent: &InFlightMessage,
        held: &HeldMessage,
        thread: &ThreadState,
    ) {
        self.record_difference(sent, &held.message, None, thread);
        count_warmup(sent, thread);
        if let Some(run) = thread.run
            && !sent.number.is_warmup()
        {
            self.failed += 1;
            let mut sample = Sample::echoed(
                self.id,
                sent.number.index(),
                sent.intended_ns - run.t0_ns,
                sent.sent_ns - run.t0_ns,
                held.received_ns - run.t0_ns,
                Outcome::Corrupted,
            );
            sample.over_stop = sent.sent_ns < thread.last_stop_end_ns.get();
            let mut recorder = thread.recorder.borrow_mut();
            let in_flight_ns = thread.clock.now_ns() - sent.sent_ns;
            recorder.in_flight_ns += in_flight_ns.min(thread.rules.timeout_ns);
            recorder.ended(&thread.budget, sample, sent.shape.size());
        }
    }

    /// Gives up the messages in flight, records them, and marks the client's part of the plan as complete.
    pub(super) fn finalize_in_flight(&mut self, thread: &ThreadState) {
        self.finish_feed(thread);
        if let Some(run) = thread.run
            && !self.is_slow()
        {
            let now_ns = thread.clock.now_ns();
            let from_ns = self.active_from_ns(run);
            thread.recorder.borrow_mut().active_ns += now_ns.saturating_sub(from_ns);
        }
        self.give_up_in_flight(false, thread);
        self.leave(thread);
    }

    /// Gives up the messages in flight, and records them. Those that could still be answered are not lost when the user
    /// interrupts the run, or the connection is `dropped` by plan.
    pub(super) fn give_up_in_flight(&mut self, dropped: bool, thread: &ThreadState) {
        if let (Some(dialogue), Some(mut own)) = (&thread.dialogue, self.dialogue.take()) {
            self.register_sent(&mut own, dialogue, thread);
            self.dialogue = Some(own);
        }
        let (timed_out, mut active) = self.in_flight.give_up();
        active.retain(|message| {
            let ends_by_delivery = thread.ends_by_delivery(message);
            if ends_by_delivery {
                self.forget_own_copy(message, thread);
            }
            !ends_by_delivery
        });
        if let Some(run) = thread.run {
            let now_ns = thread.clock.now_ns();
            let mut undecided_from_ns = u64::MAX;
            // When the user interrupts the run, missing echoes are not the server's fault.
            if thread.command.stop || dropped {
                for message in active.drain(..) {
                    undecided_from_ns = undecided_from_ns.min(message.sent_ns);
                    if !message.number.is_warmup() && !self.is_slow() {
                        let mut recorder = thread.recorder.borrow_mut();
                        recorder.counts.abandoned += 1;
                        if dropped && let Some(reconnect) = &mut recorder.reconnect {
                            reconnect.in_flight += 1;
                        }
                        let in_flight_ns = now_ns - message.sent_ns;
                        recorder.in_flight_ns += in_flight_ns.min(thread.rules.timeout_ns);
                    }
                }
            }
            for message in timed_out.iter().chain(&active) {
                match self.take_held_answer(message, thread) {
                    Some(held) => self.record_held_answer(message, &held, thread),
                    None => self.record_lost(message, run, thread),
                }
            }
            let released = self.held_back.release_before(undecided_from_ns);
            record_unexpected(&released, thread);
            self.record_undecided(run, thread);
        }
    }

    /// Counts the messages still held back as undecided: the run ended before an echo could decide about them.
    fn record_undecided(&mut self, run: RunTimes, thread: &ThreadState) {
        let rest = self.held_back.release_before(u64::MAX);
        let recognized = self.has_recognized();
        let (undecided, own): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|held| may_be_echo(&held.message, recognized, thread));
        record_unexpected(&own, thread);
        let measured = undecided
            .iter()
            .filter(|held| held.received_ns >= run.t0_ns);
        thread.recorder.borrow_mut().counts.undecided += measured.count() as u64;
    }

    fn record_lost(&mut self, message: &InFlightMessage, run: RunTimes, thread: &ThreadState) {
        count_warmup(message, thread);
        if !message.number.is_warmup() {
            self.failed += 1;
            let mut sample = Sample::lost(
                self.id,
                message.number.index(),
                message.intended_ns - run.t0_ns,
                message.sent_ns - run.t0_ns,
            );
            sample.over_stop = message.sent_ns < thread.last_stop_end_ns.get();
            let mut recorder = thread.recorder.borrow_mut();
            if self.is_slow() {
                let is_open_loop = thread.rules.open_loop.is_some();
                return record_slow(&mut recorder, |slow| {
                    slow.messages.ended(&sample, is_open_loop);
                });
            }
            if let Some(figures) = &mut recorder.scenario {
                sample.kind = message.shape.kind_number();
                let own = self.dialogue.as_ref();
                sample.first_part_ns = own.and_then(|own| own.sent.first_part_ns(message.number));
                let is_open_loop = thread.rules.open_loop.is_some();
                figures.ended(&sample, thread.role(self.id), is_open_loop);
            }
            let in_flight_ns = thread.clock.now_ns() - message.sent_ns;
            recorder.in_flight_ns += in_flight_ns.min(thread.rules.timeout_ns);
            recorder.ended(&thread.budget, sample, message.shape.size());
        }
    }
}

/// Counts a message without a correct echo in time that is not measured.
fn count_warmup(message: &InFlightMessage, thread: &ThreadState) {
    if message.number.is_warmup() {
        thread.unanswered_warmups.update(|n| n + 1);
    }
}

/// Returns false for a message of a type that was never sent, if other echoes carry identities (`recognized`). The
/// server then sends it for reasons of its own.
fn may_be_echo(message: &ReceivedMessage, recognized: bool, thread: &ThreadState) -> bool {
    message.kind == thread.rules.kind || !recognized
}

/// Counts messages of the server's own that arrived in the measured phase.
fn record_unexpected(messages: &[HeldMessage], thread: &ThreadState) {
    if let Some(run) = thread.run {
        let mut recorder = thread.recorder.borrow_mut();
        let measured = messages.iter().filter(|m| m.received_ns >= run.t0_ns);
        measured.for_each(|held| {
            recorder.counts.unexpected += 1;
            recorder.counts.ambiguous += u64::from(held.ambiguous);
        });
    }
}
