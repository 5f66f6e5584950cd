//! The room of a trial: its receivers, and the messages that reached them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use scenario::{DeliverTo, MessageType};

/// The room that all clients of a trial are in.
#[derive(Debug, Default)]
pub struct TrialRoom {
    state: Mutex<TrialRoomState>,
}

#[derive(Debug, Default)]
struct TrialRoomState {
    /// Clients that receive, and whose setup is complete.
    receivers: BTreeSet<u32>,
    /// Messages by sender and number.
    messages: BTreeMap<(u32, u64), TriedMessage>,
}

/// A message and the receivers that it reached.
#[derive(Debug)]
struct TriedMessage {
    sent_at: Instant,
    /// Receivers that may get it.
    receivers: BTreeSet<u32>,
    /// Number of receivers that must get it.
    wanted: usize,
    reached: BTreeSet<u32>,
}

/// A record that reached a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first copy for this receiver, with the time since the message was sent.
    First(Duration),
    /// A further copy for this receiver, or one too many of a message for one receiver.
    Again,
    /// A message that this client should not get, or that nobody sent.
    Stray,
}

/// Receivers of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Number of receivers that must get it.
    pub(crate) wanted: usize,
    /// Number of receivers that have got it.
    pub(crate) reached: usize,
    /// Receivers that have not got it.
    pub(crate) missing: Vec<u32>,
}

impl TrialRoom {
    /// Adds a receiver.
    pub(crate) fn join(&self, client: u32) {
        self.lock().receivers.insert(client);
    }

    /// Removes a receiver whose connection has ended. What it has not got yet stays missing.
    pub(crate) fn leave(&self, client: u32) {
        self.lock().receivers.remove(&client);
    }

    /// Adds a message that is about to be sent to the receivers of this moment.
    pub(crate) fn publish(&self, (sender, number): (u32, u64), kind: &MessageType) {
        let mut state = self.lock();
        let mut receivers = state.receivers.clone();
        if !kind.to_sender {
            receivers.remove(&sender);
        }
        let wanted = match kind.to {
            DeliverTo::One => receivers.len().min(1),
            DeliverTo::Room | DeliverTo::All => receivers.len(),
        };
        let message = TriedMessage {
            sent_at: Instant::now(),
            receivers,
            wanted,
            reached: BTreeSet::new(),
        };
        state.messages.insert((sender, number), message);
    }

    /// Adds a copy of a message that a client got at this moment.
    pub(crate) fn deliver(
        &self,
        (sender, number): (u32, u64),
        client: u32,
        at: Instant,
    ) -> Arrival {
        let mut state = self.lock();
        let Some(message) = state.messages.get_mut(&(sender, number)) else {
            return Arrival::Stray;
        };
        if !message.receivers.contains(&client) {
            return Arrival::Stray;
        }
        let is_complete = message.reached.len() == message.wanted;
        if is_complete || !message.reached.insert(client) {
            return Arrival::Again;
        }
        Arrival::First(at.saturating_duration_since(message.sent_at))
    }

    /// The receivers of a message.
    pub(crate) fn reach(&self, sender: u32, number: u64) -> Reach {
        let state = self.lock();
        let Some(message) = state.messages.get(&(sender, number)) else {
            return Reach {
                wanted: 0,
                reached: 0,
                missing: Vec::new(),
            };
        };
        let missing = message.receivers.difference(&message.reached).copied();
        Reach {
            wanted: message.wanted,
            reached: message.reached.len(),
            missing: missing.collect(),
        }
    }

    /// Senders of the messages of others that every receiver must get, but that this one has not got.
    pub(crate) fn undelivered_to(&self, client: u32) -> Vec<u32> {
        let state = self.lock();
        let lacks = |message: &TriedMessage| {
            message.wanted == message.receivers.len()
                && message.receivers.contains(&client)
                && !message.reached.contains(&client)
        };
        let messages = state.messages.iter();
        messages
            .filter(|((sender, _), message)| *sender != client && lacks(message))
            .map(|((sender, _), _)| *sender)
            .collect()
    }

    /// The state, also after a client of the trial has panicked: its trial is reported as failed.
    fn lock(&self) -> MutexGuard<'_, TrialRoomState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::{Scenario, ScenarioOptions, ScenarioSource};

    fn kind(keys: &str) -> MessageType {
        let text = format!("[[message]]\nsend = '${{uid}}'\ndeliver = '${{uid}}'\n{keys}");
        let source = ScenarioSource::File {
            name: "t.toml",
            text: &text,
        };
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files);
        scenario.unwrap().messages.remove(0)
    }

    fn room() -> TrialRoom {
        let room = TrialRoom::default();
        (0..3).for_each(|client| room.join(client));
        room
    }

    #[test]
    fn a_message_reaches_every_receiver_once() {
        let room = room();
        room.leave(1);
        room.publish((0, 0), &kind(""));
        let deliver = |message, client| room.deliver(message, client, Instant::now());
        assert!(matches!(deliver((0, 0), 0), Arrival::First(_)));
        assert_eq!(deliver((0, 0), 0), Arrival::Again);
        assert_eq!(deliver((0, 0), 1), Arrival::Stray);
        assert_eq!(deliver((0, 1), 0), Arrival::Stray);
        assert_eq!(deliver((7, 0), 0), Arrival::Stray);
        let reach = room.reach(0, 0);
        assert_eq!((reach.wanted, reach.reached), (2, 1));
        assert_eq!(reach.missing, [2]);
        assert_eq!(room.undelivered_to(2), [0]);
        assert!(room.undelivered_to(0).is_empty() && room.undelivered_to(1).is_empty());
    }

    #[test]
    fn a_sender_may_be_left_out() {
        let room = room();
        room.publish((0, 0), &kind("to_sender = false\n"));
        assert_eq!(room.reach(0, 0).wanted, 2);
        assert_eq!(room.deliver((0, 0), 0, Instant::now()), Arrival::Stray);
    }

    #[test]
    fn a_queue_gives_a_message_to_one_receiver() {
        let room = room();
        room.publish((0, 0), &kind("to = 'one'\n"));
        assert_eq!(room.reach(0, 0).wanted, 1);
        assert!(matches!(
            room.deliver((0, 0), 2, Instant::now()),
            Arrival::First(_)
        ));
        assert_eq!(room.deliver((0, 0), 1, Instant::now()), Arrival::Again);
    }
}
