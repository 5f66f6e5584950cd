//! Messages that reach a client of a trial: those of other clients, and those of the server's own.

use std::time::{Duration, Instant};

use swarm::RunHandle;

use crate::conversation::TrialRecord;
use crate::outcome::{MessageEnd, TrialMeaning};
use crate::trial::{RunningTrial, TURN_CHECK};
use crate::trial_room::Arrival;

/// Number of messages of the server's own after which a client of a feed has seen enough.
const ENOUGH_PUSHES: u64 = 3;

/// Time in which the messages of the server's own must come.
const PUSH_TIME: Duration = Duration::from_secs(5);

impl RunningTrial<'_> {
    /// Returns true when the client's role receives.
    fn receives(&self) -> bool {
        let role = self.trial.scenario.roles.get(self.talk.state.role());
        role.is_some_and(|role| role.receives)
    }

    /// Enters the room, if the client's role receives and its setup is complete.
    pub(crate) fn join(&self) {
        if self.goes_on() && self.receives() {
            self.trial.room.join(self.talk.state.client());
        }
    }

    /// Returns true when a client of a feed has seen enough messages. Further ones are neither shown nor counted.
    pub(crate) fn has_enough_pushes(&self) -> bool {
        self.trial.scenario.is_push_only() && self.outcome.pushes >= ENOUGH_PUSHES
    }

    /// Senders of the messages that should have reached this client, but did not. Its own messages report that
    /// themselves, and a corrupted delivery is reported as such.
    pub(crate) fn undelivered(&self) -> Vec<u32> {
        if self.outcome.corrupted_deliveries > 0 {
            return Vec::new();
        }
        self.trial.room.undelivered_to(self.talk.state.client())
    }

    /// Waits for some messages of the server's own.
    pub(crate) fn await_pushes(&mut self, control: &RunHandle) {
        let deadline = Instant::now() + PUSH_TIME;
        let lacks = |running: &Self| running.receives() && running.outcome.pushes < ENOUGH_PUSHES;
        while lacks(self) && self.goes_on() && !control.is_stopped() && Instant::now() < deadline {
            self.listen(deadline.min(Instant::now() + TURN_CHECK));
        }
        let is_silent = self.receives() && self.outcome.pushes == 0 && self.goes_on();
        self.outcome.no_push_within = is_silent.then_some(PUSH_TIME);
    }

    /// Waits until a message has reached its receivers; `None` when it has.
    pub(crate) fn await_deliveries(
        &mut self,
        number: u64,
        deadline: Instant,
        control: &RunHandle,
    ) -> Option<MessageEnd> {
        let sender = self.talk.state.client();
        loop {
            let reach = self.trial.room.reach(sender, number);
            if reach.reached >= reach.wanted {
                return None;
            }
            let now = Instant::now();
            if now >= deadline || !self.goes_on() || control.is_stopped() {
                return Some(MessageEnd::Undelivered {
                    missing: reach.missing,
                    wanted: reach.wanted,
                    within: self.trial.timeout,
                });
            }
            self.listen(deadline.min(now + TURN_CHECK));
        }
    }

    /// Takes a message of a client that has reached this one, and answers it.
    pub(crate) fn delivered(
        &mut self,
        kind: usize,
        message: (u32, u64),
        agrees: bool,
        record: &TrialRecord,
    ) {
        let (sender, number) = message;
        let client = self.talk.state.client();
        let meaning = if agrees {
            match self.trial.room.deliver(message, client, record.at) {
                Arrival::First(after) => {
                    self.outcome.deliveries += 1;
                    TrialMeaning::Delivery {
                        sender,
                        number,
                        after,
                    }
                }
                Arrival::Again => {
                    self.outcome.duplicates += 1;
                    TrialMeaning::RepeatedDelivery { sender, number }
                }
                Arrival::Stray => {
                    self.outcome.stray_deliveries += 1;
                    TrialMeaning::StrayDelivery { sender, number }
                }
            }
        } else {
            self.outcome.corrupted_deliveries += 1;
            TrialMeaning::CorruptedDelivery { sender, number }
        };
        self.talk.show_record(record, meaning);
        let kind = self.trial.scenario.messages.get(kind);
        if let Some(answer) = kind.and_then(|kind| kind.answer.as_ref())
            && let Err(error) = self.talk.send_control(answer, TrialMeaning::DeliveryAnswer)
        {
            self.ended(error);
        }
    }
}
