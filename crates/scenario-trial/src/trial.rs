//! The conversation of one client: setup, one message of each kind, goodbye.

use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use measurement::record::{SetupFailure, SetupFault, escape_beginning};
use scenario::{
    ClientState, NearMiss, Padding, RecordClass, ReplyRole, Scenario, SentMessage, SetupClass,
};
use swarm::RunHandle;

use crate::conversation::{Awaited, Conversation, TrialRecord};
use crate::outcome::{MessageEnd, TrialLine, TrialMeaning, TrialOutcome};
use crate::sent_log::SentLog;
use crate::trial_room::TrialRoom;
use crate::ws_client::{HandshakeTarget, WsClient, WsClientError};

/// Time after which a client that listens looks whether it is its turn.
pub(crate) const TURN_CHECK: Duration = Duration::from_millis(10);

/// Time after the last reply in which further records are still shown.
const LINGER: Duration = Duration::from_millis(100);

/// Time limit for the answer to a goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a record that the failure of a setup step shows.
const SHOWN_BYTES: usize = 200;

/// A scenario to try.
#[derive(Debug)]
pub struct Trial<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Random parts of the messages.
    pub padding: &'a Padding,
    /// Time limit of one reply.
    pub timeout: Duration,
    /// Time limit of the handshake.
    pub connect_timeout: Duration,
    /// Largest record in bytes. A longer one ends the connection.
    pub max_record: usize,
    /// The room of all clients.
    pub room: TrialRoom,
    /// Beginning of the trial, from which the times of all clients count.
    pub begun: Instant,
}

/// Signals between a client of a trial and who leads it.
#[derive(Debug)]
pub struct TrialSignals {
    /// Dropped when the client's setup has ended, well or not.
    pub ready: Sender<()>,
    /// Dropped when the client has sent its messages and they have ended, or its trial has.
    pub sent: Sender<()>,
    /// A message is the client's turn to send. Until then, and without one until it is disconnected, the client listens
    /// and answers. With deliveries it listens until it is disconnected.
    pub turn: Receiver<()>,
}

impl Trial<'_> {
    /// Connects one client and does its setup. When it is its turn, sends one message of each kind. A client of a feed
    /// waits for some messages of the server. Then it sends the goodbye of the scenario and closes. `show` gets every frame,
    /// in order.
    ///
    /// # Errors
    /// The connection did not open.
    pub fn run(
        &self,
        client: ClientState,
        signals: TrialSignals,
        target: &HandshakeTarget,
        control: &RunHandle,
        show: &mut dyn FnMut(TrialLine),
    ) -> Result<TrialOutcome, WsClientError> {
        let timeout = self.connect_timeout;
        let connection = WsClient::open_for_messages(target, timeout, control, self.max_record)
            .map_err(|error| error.in_scenario(self.scenario, &client))?;
        let opened = (connection, self.begun);
        let messages = (self.padding, self.max_record);
        let mut running = RunningTrial {
            trial: self,
            talk: Conversation::new(self.scenario, client, messages, opened, show),
            sent: SentLog::default(),
            outcome: TrialOutcome::default(),
            ends: Vec::new(),
        };
        running.setup();
        running.join();
        drop(signals.ready);
        let before_load = running.talk.received;
        if self.scenario.is_push_only() {
            running.await_pushes(control);
        }
        running.take_turn(&signals.turn, signals.sent, control);
        if running.goes_on() {
            running.listen(Instant::now() + LINGER);
            running.outcome.undelivered = running.undelivered();
            running.outcome.is_silent = running.talk.received == before_load;
            running.goodbye();
        }
        running.talk.close(self.scenario.close.code);
        Ok(running.outcome)
    }
}

/// The trial of one client while it runs.
pub(crate) struct RunningTrial<'a> {
    pub(crate) trial: &'a Trial<'a>,
    pub(crate) talk: Conversation<'a>,
    sent: SentLog,
    pub(crate) outcome: TrialOutcome,
    /// Messages that ended, and how.
    ends: Vec<(SentMessage, MessageEnd)>,
}

impl RunningTrial<'_> {
    pub(crate) fn goes_on(&self) -> bool {
        self.outcome.ended.is_none() && self.outcome.setup_failure.is_none()
    }

    pub(crate) fn ended(&mut self, how: impl Into<String>) {
        self.trial.room.leave(self.talk.state.client());
        self.outcome.ended.get_or_insert_with(|| how.into());
    }

    /// Sends the messages when it is the client's turn, and listens before. With deliveries, listens until the others have
    /// sent too.
    fn take_turn(&mut self, turn: &Receiver<()>, sent: Sender<()>, control: &RunHandle) {
        let (mut sent, listens_on) = (Some(sent), self.trial.scenario.has_deliveries());
        while self.goes_on() && !control.is_stopped() {
            match turn.try_recv() {
                Ok(()) => {
                    self.messages(control);
                    sent.take();
                    if !listens_on {
                        return;
                    }
                }
                Err(TryRecvError::Empty) => self.listen(Instant::now() + TURN_CHECK),
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }

    /// Does the steps of the client's role until one fails.
    fn setup(&mut self) {
        let scenario = self.trial.scenario;
        for (index, step) in scenario.setup.iter().enumerate() {
            if !step.is_for(self.talk.state.role()) || !self.goes_on() {
                continue;
            }
            let number = index + 1;
            if let Some(send) = &step.send {
                let meaning = TrialMeaning::SetupMessage { step: number };
                if let Err(error) = self.talk.send_control(send, meaning) {
                    self.ended(error);
                    return;
                }
            }
            if step.expects() {
                self.await_step(index, Instant::now() + step.within);
            }
            if let Some(wait) = step.wait.filter(|_| self.goes_on()) {
                self.pass(Instant::now() + wait);
            }
        }
    }

    /// Waits for the record of a step.
    fn await_step(&mut self, index: usize, deadline: Instant) {
        let number = index + 1;
        let mut skipped = None;
        let (fault, record) = loop {
            let record = match self.talk.receive(deadline) {
                Awaited::Record(record) => record,
                Awaited::Nothing => break (SetupFault::Timeout, skipped),
                Awaited::Ended(how) => break (SetupFault::Ended, Some(how)),
            };
            match self.classify_setup(index, &record) {
                SetupClass::Expected => {
                    let meaning = TrialMeaning::Expected { step: number };
                    return self.talk.show_record(&record, meaning);
                }
                SetupClass::Refused => {
                    let meaning = TrialMeaning::Refused { step: number };
                    self.talk.show_record(&record, meaning);
                    break (SetupFault::Refused, Some(self.beginning(&record)));
                }
                SetupClass::On(rule) => self.on(rule, &record),
                SetupClass::Skipped => {
                    let talk = &mut self.talk;
                    let received = record.received();
                    let near = talk.scenario.setup_near_miss(
                        index,
                        received,
                        &talk.state,
                        &mut talk.scratch,
                    );
                    talk.show_explained(&record, TrialMeaning::Skipped, near);
                    skipped = Some(self.beginning(&record));
                }
            }
        };
        if let Some(step) = self.trial.scenario.setup.get(index) {
            self.outcome.setup_failure = Some(SetupFailure {
                step: number,
                place: step.place.to_string(),
                fault,
                record,
            });
        }
    }

    /// The beginning of a record as text, without secrets.
    fn beginning(&self, record: &TrialRecord) -> String {
        escape_beginning(&self.talk.masked(&record.bytes), SHOWN_BYTES)
    }

    /// Lets a wait pass. Records of no rule are skipped.
    fn pass(&mut self, deadline: Instant) {
        loop {
            match self.talk.receive(deadline) {
                // No step has this number, so only the rules are tried.
                Awaited::Record(record) => match self.classify_setup(usize::MAX, &record) {
                    SetupClass::On(rule) => self.on(rule, &record),
                    _ => self.talk.show_record(&record, TrialMeaning::Skipped),
                },
                Awaited::Nothing => return,
                Awaited::Ended(how) => return self.ended(how),
            }
        }
    }

    fn classify_setup(&mut self, step: usize, record: &TrialRecord) -> SetupClass {
        let talk = &mut self.talk;
        let received = record.received();
        talk.scenario
            .classify_setup(step, received, &mut talk.state, &mut talk.scratch)
    }

    /// Shows a record of a rule, and answers it.
    fn on(&mut self, index: usize, record: &TrialRecord) {
        let Some(rule) = self.trial.scenario.on.get(index) else {
            return;
        };
        self.outcome.server_errors += u64::from(rule.error);
        let meaning = TrialMeaning::On {
            name: rule.name.clone(),
            is_error: rule.error,
        };
        self.talk.show_record(record, meaning);
        if let Some(answer) = &rule.send
            && let Err(error) = self.talk.send_control(answer, TrialMeaning::Answer)
        {
            self.ended(error);
        }
    }

    /// Sends one message of each kind, each after the end of the one before.
    fn messages(&mut self, control: &RunHandle) {
        let scenario = self.trial.scenario;
        for (number, (kind, message_type)) in (0..).zip(scenario.messages.iter().enumerate()) {
            let id = if message_type.send.holds_id() {
                self.talk.state.take_id()
            } else {
                0
            };
            let message = SentMessage { kind, number, id };
            self.sent.add(message);
            let meaning = TrialMeaning::Message {
                kind: message_type.name.clone(),
            };
            let sent_at = Instant::now();
            let (sender, room) = (self.talk.state.client(), &self.trial.room);
            if message_type.has_deliveries() {
                room.publish((sender, number), message_type);
            }
            if let Err(error) = self.talk.send(&message_type.send, (number, id), meaning) {
                return self.ended(error);
            }
            let deadline = sent_at + self.trial.timeout;
            let mut end = if message_type.has_reply() {
                let end = self.await_end(message, sent_at, deadline);
                end.unwrap_or(MessageEnd::Missing(self.trial.timeout))
            } else {
                self.sent.end(message);
                MessageEnd::Delivered
            };
            if message_type.has_deliveries() {
                let undelivered = self.await_deliveries(number, deadline, control);
                let is_fine = matches!(end, MessageEnd::Matched | MessageEnd::Delivered);
                end = undelivered.filter(|_| is_fine).unwrap_or(end);
            }
            self.outcome.messages.push((message_type.name.clone(), end));
            if !self.goes_on() {
                return;
            }
        }
    }

    /// Waits for the end of a message; `None` when its time or the connection ended.
    fn await_end(
        &mut self,
        message: SentMessage,
        sent_at: Instant,
        deadline: Instant,
    ) -> Option<MessageEnd> {
        while self.sent.waits(message) {
            match self.talk.receive(deadline) {
                Awaited::Record(record) => self.take(&record, sent_at),
                Awaited::Nothing => {
                    self.sent.end(message);
                    return None;
                }
                Awaited::Ended(how) => {
                    self.ended(how);
                    return None;
                }
            }
        }
        let ended = self.ends.iter().rfind(|(ended, _)| *ended == message);
        ended.map(|(_, end)| end.clone())
    }

    /// Takes records until a moment.
    pub(crate) fn listen(&mut self, deadline: Instant) {
        loop {
            match self.talk.receive(deadline) {
                Awaited::Record(record) => self.take(&record, record.at),
                Awaited::Nothing => return,
                Awaited::Ended(how) => return self.ended(how),
            }
        }
    }

    /// The meaning of a record of the load for the scenario, and the JSON pattern that it nearly matched.
    fn classify(&mut self, record: &TrialRecord) -> (RecordClass, Option<NearMiss>) {
        let talk = &mut self.talk;
        let (scenario, received) = (talk.scenario, record.received());
        let (state, padding, scratch) = (&talk.state, talk.padding, &mut talk.scratch);
        let class = scenario.classify(received, state, &self.sent, padding, scratch);
        let near = scenario.near_miss(received, class, state, &self.sent, padding, scratch);
        (class, near)
    }

    /// Takes a record of the load.
    fn take(&mut self, record: &TrialRecord, sent_at: Instant) {
        let (class, near) = self.classify(record);
        let after = record.at.saturating_duration_since(sent_at);
        let meaning = match class {
            RecordClass::Own {
                role: ReplyRole::Part,
                ..
            } => TrialMeaning::Part,
            RecordClass::Own {
                message,
                role,
                agrees,
                by,
            } => {
                let (end, meaning) = match role {
                    ReplyRole::Error => {
                        (MessageEnd::ErrorReply, TrialMeaning::ErrorReply { after })
                    }
                    _ if agrees => (
                        MessageEnd::Matched,
                        TrialMeaning::Reply { by, after, agrees },
                    ),
                    _ => (
                        MessageEnd::Corrupted,
                        TrialMeaning::Reply { by, after, agrees },
                    ),
                };
                self.sent.end(message);
                self.ends.push((message, end));
                meaning
            }
            // The end of a message is not the end of its parts.
            RecordClass::Duplicate {
                role: ReplyRole::Part,
                ..
            } => TrialMeaning::Part,
            RecordClass::Duplicate { .. } => {
                self.outcome.duplicates += 1;
                TrialMeaning::Duplicate
            }
            RecordClass::On(rule) => return self.on(rule, record),
            RecordClass::Delivery {
                kind,
                client,
                number,
                agrees,
            } => return self.delivered(kind, (client, number), agrees, record),
            RecordClass::Push { .. } if self.has_enough_pushes() => return,
            RecordClass::Push { seq, .. } => {
                self.outcome.pushes += 1;
                TrialMeaning::Push { seq }
            }
            RecordClass::Unexpected => {
                self.outcome.unexpected += 1;
                TrialMeaning::Unexpected
            }
        };
        self.talk.show_explained(record, meaning, near);
    }

    /// Says goodbye, and waits for its answer.
    fn goodbye(&mut self) {
        let close = &self.trial.scenario.close;
        if let Some(send) = &close.send
            && self.talk.send_control(send, TrialMeaning::Goodbye).is_err()
        {
            return;
        }
        if !close.expects() {
            return;
        }
        let deadline = Instant::now() + GOODBYE_TIMEOUT;
        // Some servers answer a goodbye by closing.
        while let Awaited::Record(record) = self.talk.receive(deadline) {
            let talk = &mut self.talk;
            let received = record.received();
            let is_answer =
                talk.scenario
                    .classify_goodbye(received, &talk.state, &mut talk.scratch);
            if is_answer {
                return self
                    .talk
                    .show_record(&record, TrialMeaning::GoodbyeAnswered);
            }
            if !self.has_enough_pushes() {
                self.talk.show_record(&record, TrialMeaning::Skipped);
            }
        }
    }
}
