//! Records of a scenario: cut from messages, classified, and recorded.

use std::num::NonZeroU64;

use measurement::record::{Difference, DifferenceKind, Outcome, Sample};
use scenario::{
    FoundBy, MessageKey, ReceivedRecord, RecordClass, RecordError, RecordFormat, ReplyRole,
};
use websocket_wire::{MessageKind, Opcode, strip_message};

use super::Client;
use super::delivery_record::RecognisedDelivery;
use super::setup::shown;
use super::slow_reading::record_slow;
use super::stages::ClientStage;
use crate::connection_end::ConnectionEnd;
use crate::dialogue::early_records::{OtherKind, OtherRecord};
use crate::dialogue::sent_index::SentView;
use crate::dialogue::{ClientDialogue, Dialogue};
use crate::message::in_flight::{InFlightMessage, MatchedEcho};
use crate::message::payload::MessageNumber;
use crate::thread_state::ThreadState;

/// The record that ends a message.
#[derive(Clone, Copy)]
struct ReplyEnd {
    role: ReplyRole,
    /// Everything known agrees with what was sent.
    agrees: bool,
    /// Time from sent to the first part before it, in nanoseconds.
    first_part_ns: Option<NonZeroU64>,
}

impl ReplyEnd {
    fn outcome(&self, timed_out: bool, reordered: bool) -> Outcome {
        match (self.agrees, self.role) {
            (false, _) => Outcome::Corrupted,
            (true, ReplyRole::Error) => Outcome::ErrorReply,
            (true, _) if timed_out => Outcome::TimedOut,
            (true, _) if reordered => Outcome::Reordered,
            (true, _) => Outcome::Ok,
        }
    }
}

/// An own message that a record belongs to.
#[derive(Clone, Copy)]
struct OwnRecord {
    number: MessageNumber,
    role: ReplyRole,
    /// Everything known agrees with what was sent.
    agrees: bool,
    /// The record identifies none of several messages that wait.
    by_order: bool,
}

impl Client {
    /// Removes messages from the front of `input` while each is complete, and processes them, as almost all are. Decoder
    /// and cutter would come to the same result. They process the rest.
    pub(super) fn take_whole_records(
        &mut self,
        input: &mut &[u8],
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) -> Result<(), ConnectionEnd> {
        let is_whole = dialogue.scenario.records == RecordFormat::Message;
        if !is_whole || !self.decoder.is_between_messages() || self.closed.is_some() {
            return Ok(());
        }
        // Moved out of `self`, because both are changed.
        let Some(mut own) = self.dialogue.take() else {
            return Ok(());
        };
        self.register_sent(&mut own, dialogue, thread);
        let mut result = Ok(());
        while result.is_ok() {
            self.take_exact_replies(input, &mut own, dialogue, now_ns, thread);
            let Some((kind, bytes)) = strip_message(input) else {
                break;
            };
            let limit = dialogue.max_record;
            if bytes.len() > limit {
                result = Err(self.refuse_records(RecordError::TooLong { limit }, thread));
                break;
            }
            let is_binary = kind == MessageKind::Binary;
            let record = ReceivedRecord { bytes, is_binary };
            result = self.take_record(record, &mut own, dialogue, now_ns, thread);
        }
        self.dialogue = Some(own);
        result
    }

    /// Processes the next part of a message from the server.
    pub(super) fn take_part(
        &mut self,
        kind: MessageKind,
        part: &[u8],
        last: bool,
        now_ns: u64,
        thread: &ThreadState,
    ) -> Result<(), ConnectionEnd> {
        // Moved out of `self`, because records borrow from the cutter while they are processed.
        let (Some(dialogue), Some(mut own)) = (&thread.dialogue, self.dialogue.take()) else {
            return Ok(());
        };
        self.register_sent(&mut own, dialogue, thread);
        let mut cutter = std::mem::take(&mut own.cutter);
        let is_binary = kind == MessageKind::Binary;
        let mut result = Ok(());
        let format = &dialogue.scenario.records;
        let cut = cutter.push(format, part, last, dialogue.max_record, |bytes| {
            if result.is_ok() {
                let record = ReceivedRecord { bytes, is_binary };
                result = self.take_record(record, &mut own, dialogue, now_ns, thread);
            }
        });
        own.cutter = cutter;
        self.dialogue = Some(own);
        match cut {
            Err(error) => Err(self.refuse_records(error, thread)),
            Ok(()) => result,
        }
    }

    /// Ends a connection whose records cannot be cut.
    #[cold]
    fn refuse_records(&mut self, error: RecordError, thread: &ThreadState) -> ConnectionEnd {
        let end = ConnectionEnd::Records(error);
        if let Some(code) = end.close_code() {
            self.queue_control(Opcode::Close, &code.to_be_bytes(), thread);
            self.flush_control();
        }
        end
    }

    #[inline]
    fn take_record(
        &mut self,
        record: ReceivedRecord<'_>,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) -> Result<(), ConnectionEnd> {
        match self.stage {
            ClientStage::Setup { .. } => {
                return self.take_setup_record(record, own, dialogue, now_ns, thread);
            }
            ClientStage::Goodbye { .. } => {
                let mut scratch = thread.scratch.borrow_mut();
                let scenario = &dialogue.scenario;
                own.is_goodbye_answered |=
                    scenario.classify_goodbye(record, &own.state, &mut scratch);
            }
            ClientStage::CatchingUp { .. } | ClientStage::Closing { .. } => {}
            _ => self.take_load_record(record, own, dialogue, now_ns, thread),
        }
        Ok(())
    }

    /// Processes a record that arrived when the client was ready.
    #[inline]
    fn take_load_record(
        &mut self,
        record: ReceivedRecord<'_>,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let mut scratch = thread.scratch.borrow_mut();
        let sent = SentView {
            in_flight: &self.in_flight,
            index: &own.sent,
            state: &own.state,
            counts: (self.warmed, self.sent),
        };
        let scenario = &dialogue.scenario;
        let padding = &dialogue.padding;
        let received_ns = now_ns;
        let class = scenario.classify(record, &own.state, &sent, padding, &mut scratch);
        if thread.is_idle(self.id) {
            thread.count_idle_message(true);
            if !matches!(class, RecordClass::On(_)) {
                return;
            }
        }
        match class {
            RecordClass::Own {
                message,
                role,
                agrees,
                by,
            } => {
                let number = MessageNumber::from_bits(message.number);
                let by_order = by == FoundBy::Order && sent.waits_for_several(message.kind);
                let found = OwnRecord {
                    number,
                    role,
                    agrees,
                    by_order,
                };
                self.take_own_record(found, record, own, dialogue, now_ns, thread);
            }
            RecordClass::Duplicate { kind, role, key } => {
                self.record_duplicate(kind, role, key, own, thread);
            }
            RecordClass::On(rule) => {
                let answered =
                    self.answer_rule(&scenario.on[rule], &scratch, own, dialogue, thread);
                let kind = OtherKind::Rule {
                    index: rule,
                    is_answered: answered,
                };
                thread.count_other(OtherRecord { received_ns, kind });
            }
            RecordClass::Delivery {
                kind,
                client: publisher,
                number,
                agrees,
            } => {
                // Deliveries of several kinds may look alike. The number decides.
                let sent_kind = scenario.message_type(padding, publisher, number);
                let is_delivered = scenario.messages[sent_kind].has_deliveries();
                let delivery = RecognisedDelivery {
                    kind: if is_delivered { sent_kind } else { kind },
                    publisher,
                    number: MessageNumber::from_bits(number),
                    agrees,
                    received_ns,
                };
                self.take_delivery(delivery, &scratch, own, dialogue, thread);
            }
            RecordClass::Push { seq, stamp_ns } => {
                self.take_push((seq, stamp_ns), own, dialogue, now_ns, thread);
            }
            RecordClass::Unexpected => {
                let kind = OtherKind::Unmatched;
                thread.count_other(OtherRecord { received_ns, kind });
            }
        }
    }

    /// Processes a record that belongs to an own message.
    #[inline]
    fn take_own_record(
        &mut self,
        found: OwnRecord,
        record: ReceivedRecord<'_>,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let OwnRecord {
            number,
            role,
            agrees,
            by_order,
        } = found;
        if role == ReplyRole::Part {
            return self.record_part(number, own, now_ns, thread);
        }
        let Some(echo) = self.in_flight.take(number) else {
            return;
        };
        if !agrees {
            self.record_wrong_reply(&echo.message, record, own, dialogue, thread);
        }
        let echo = MatchedEcho { by_order, ..echo };
        let end = ReplyEnd {
            role,
            agrees,
            first_part_ns: own.sent.end(number),
        };
        self.record_reply(&echo, end, now_ns, thread);
    }

    /// Removes messages from the front of `input` while each is exactly the expected reply to the oldest message, as almost
    /// all are. The classification would come to the same result. Only clients that are ready have messages in flight.
    #[inline]
    fn take_exact_replies(
        &mut self,
        input: &mut &[u8],
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let scenario = &dialogue.scenario;
        while let Some(message) = self.in_flight.oldest() {
            let (number, kind) = (message.number, message.shape.kind());
            let mut scratch = thread.scratch.borrow_mut();
            if !scenario.has_exact_reply(kind, &scratch) {
                return;
            }
            let mut rest = *input;
            let Some((message_kind, bytes)) = strip_message(&mut rest) else {
                return;
            };
            let is_binary = message_kind == MessageKind::Binary;
            let record = ReceivedRecord { bytes, is_binary };
            let values = own.values(dialogue, number.bits(), own.sent.id_of(number));
            if bytes.len() > dialogue.max_record
                || !scenario.is_exact_reply(record, kind, &values, &mut scratch)
            {
                return;
            }
            *input = rest;
            if let Some(echo) = self.in_flight.take(number) {
                let end = ReplyEnd {
                    role: ReplyRole::Reply,
                    agrees: true,
                    first_part_ns: own.sent.end(number),
                };
                self.record_reply(&echo, end, now_ns, thread);
            }
        }
    }

    /// Registers the messages that were sent since the last call.
    #[inline]
    pub(super) fn register_sent(
        &self,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        if !dialogue.is_indexed {
            return;
        }
        let ClientDialogue { state, sent, .. } = own;
        let mut recorder = thread.recorder.borrow_mut();
        let mut figures = recorder.scenario.as_mut().filter(|_| !self.is_slow());
        let role = state.role();
        sent.update(state, dialogue, (self.warmed, self.sent), |kind| {
            if let Some(figures) = &mut figures {
                figures.sent(kind, role);
            }
        });
    }

    /// Records a part of a reply.
    fn record_part(
        &mut self,
        number: MessageNumber,
        own: &mut ClientDialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let Some(message) = self.in_flight.find(number) else {
            return;
        };
        let after_ns = now_ns - message.sent_ns;
        let is_first = own.sent.note_part(number, after_ns);
        let mut recorder = thread.recorder.borrow_mut();
        if self.is_slow() && !number.is_warmup() {
            return record_slow(&mut recorder, |slow| {
                slow.messages.counts.parts += 1;
                if is_first {
                    slow.messages.first_part.record(after_ns);
                }
            });
        }
        if let Some(figures) = &mut recorder.scenario
            && !number.is_warmup()
        {
            let first_after_ns = is_first.then_some(after_ns);
            figures.part(message.shape.kind(), own.state.role(), first_after_ns);
        }
    }

    /// Records a reply or an error reply.
    #[inline]
    fn record_reply(
        &mut self,
        echo: &MatchedEcho,
        end: ReplyEnd,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let Some(run) = thread.run else {
            return;
        };
        let MatchedEcho {
            message,
            timed_out,
            reordered,
            by_order,
        } = echo;
        let mut recorder = thread.recorder.borrow_mut();
        if message.number.is_warmup() {
            if let Some(received_ns) = now_ns.checked_sub(run.t0_ns) {
                recorder.warmup_echo(received_ns);
            }
            return;
        }
        let outcome = end.outcome(*timed_out, *reordered);
        self.failed += u64::from(!matches!(outcome, Outcome::Ok | Outcome::Reordered));
        let is_open_loop = thread.rules.open_loop.is_some();
        let mut sample = Sample::echoed(
            self.id,
            message.number.index(),
            message.intended_ns - run.t0_ns,
            message.sent_ns - run.t0_ns,
            now_ns - run.t0_ns,
            outcome,
        );
        sample.over_stop = message.sent_ns < thread.last_stop_end_ns.get();
        sample.kind = message.shape.kind_number();
        sample.first_part_ns = end.first_part_ns;
        if self.is_slow() {
            return record_slow(&mut recorder, |slow| {
                slow.messages.ended(&sample, is_open_loop);
            });
        }
        recorder.counts.matched_by_order += u64::from(*by_order);
        let in_flight_ns = now_ns - message.sent_ns;
        recorder.in_flight_ns += in_flight_ns.min(thread.rules.timeout_ns);
        if outcome.is_timed() && is_open_loop {
            let punctual_ns = now_ns - message.intended_ns - message.lateness_ns();
            recorder.punctual_response(punctual_ns, &sample);
        }
        if let Some(neighbours) = recorder.neighbours(sample.sent_ns)
            && outcome.is_timed()
        {
            neighbours.service.record(in_flight_ns);
        }
        recorder.ended(&thread.budget, sample, message.shape.size());
        if let Some(figures) = &mut recorder.scenario {
            figures.ended(&sample, thread.role(self.id), is_open_loop);
        }
    }

    /// Records the beginning of a reply whose known bytes do not agree.
    #[cold]
    fn record_wrong_reply(
        &self,
        sent: &InFlightMessage,
        record: ReceivedRecord<'_>,
        own: &ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        if !sent.number.is_warmup() && !self.is_slow() {
            let kind = DifferenceKind::Bytes {
                sent: None,
                came: None,
            };
            let begins = shown(record.bytes, own, dialogue);
            let mut difference = Difference::new(kind, None, b"");
            difference.begins = begins;
            thread
                .recorder
                .borrow_mut()
                .counts
                .add_difference(difference);
        }
    }

    /// Records a further record of a message that is over.
    #[cold]
    fn record_duplicate(
        &self,
        kind: usize,
        role: ReplyRole,
        key: MessageKey,
        own: &ClientDialogue,
        thread: &ThreadState,
    ) {
        let number = own.sent.ended_number(key);
        let is_given_up = number.is_some_and(|number| self.in_flight.is_given_up(number));
        if thread.run.is_none() || own.sent.was_warmup(key) || is_given_up {
            return;
        }
        let mut recorder = thread.recorder.borrow_mut();
        let is_part = role == ReplyRole::Part;
        if self.is_slow() {
            return record_slow(&mut recorder, |slow| {
                let counts = &mut slow.messages.counts;
                counts.parts += u64::from(is_part);
                counts.duplicated += u64::from(!is_part);
            });
        }
        recorder.counts.duplicated += u64::from(!is_part);
        if let Some(figures) = &mut recorder.scenario {
            figures.further(kind, own.state.role(), is_part);
        }
    }
}
