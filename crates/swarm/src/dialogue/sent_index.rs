//! Ids and parts of the messages in flight, for the classification of records.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use scenario::{ClientState, MessageKey, SentMessage, SentMessages, SentState};

use super::Dialogue;
use crate::message::in_flight::{InFlightMessage, InFlightQueue};
use crate::message::payload::MessageNumber;

/// Maximum number of ids kept of messages that belong to no request, the newest ones.
const MAX_OTHER_IDS: usize = 4096;

/// Number of entries that are over, above which they are removed if they are most of all.
const MAX_OVER: usize = 1024;

/// A message of the load that was sent.
#[derive(Debug, Clone, Copy)]
struct SentEntry {
    number: MessageNumber,
    /// The id; without one, that of the message before.
    id: u64,
    has_id: bool,
    /// Time from sent to the first part of the reply, in nanoseconds.
    first_part_ns: Option<NonZeroU64>,
    is_over: bool,
}

/// The messages of one client from the oldest that waits, in the order in which they were sent. Ids are ascending.
#[derive(Debug, Default)]
pub(crate) struct SentIndex {
    entries: VecDeque<SentEntry>,
    /// Entries that are over.
    over: usize,
    /// Messages registered so far.
    warmed: u64,
    measured: u64,
    /// First id of a measured message, once there is one.
    first_measured_id: Option<u64>,
    /// Ids of messages that belong to no request.
    other_ids: VecDeque<u64>,
}

impl SentIndex {
    /// Registers the messages that were sent since the last call: `warmed` and `sent` are their numbers so far. Must be
    /// called before the client takes another id. `register` is called with the kind of each measured one.
    pub(crate) fn update(
        &mut self,
        state: &mut ClientState,
        dialogue: &Dialogue,
        (warmed, sent): (u64, u64),
        mut register: impl FnMut(usize),
    ) {
        for index in std::mem::replace(&mut self.warmed, warmed)..warmed {
            self.add(state, dialogue, MessageNumber::warmup(index));
        }
        for index in std::mem::replace(&mut self.measured, sent)..sent {
            register(self.add(state, dialogue, MessageNumber::measured(index)));
        }
    }

    /// Adds a message and returns its kind.
    fn add(
        &mut self,
        state: &mut ClientState,
        dialogue: &Dialogue,
        number: MessageNumber,
    ) -> usize {
        let scenario = &dialogue.scenario;
        let kind = scenario.message_type(&dialogue.padding, state.client(), number.bits());
        let has_id = scenario.messages[kind].send.holds_id();
        let id = if has_id {
            state.take_id()
        } else {
            state.last_id()
        };
        if has_id && !number.is_warmup() {
            self.first_measured_id.get_or_insert(id);
        }
        self.entries.push_back(SentEntry {
            number,
            id,
            has_id,
            first_part_ns: None,
            is_over: false,
        });
        kind
    }

    pub(crate) fn add_other_id(&mut self, id: u64) {
        if self.other_ids.len() == MAX_OTHER_IDS {
            self.other_ids.pop_front();
        }
        self.other_ids.push_back(id);
    }

    fn place(&self, number: MessageNumber) -> Option<usize> {
        match self.entries.front() {
            Some(first) if first.number == number => Some(0),
            _ => self
                .entries
                .binary_search_by_key(&number.order(), |entry| entry.number.order())
                .ok(),
        }
    }

    /// Id of a message; 0 without one.
    pub(crate) fn id_of(&self, number: MessageNumber) -> u64 {
        let entry = self.place(number).map(|place| &self.entries[place]);
        entry
            .filter(|entry| entry.has_id)
            .map_or(0, |entry| entry.id)
    }

    /// Notes that a part of the reply has arrived, this many nanoseconds after the message was sent. Returns true for the
    /// first one.
    pub(crate) fn note_part(&mut self, number: MessageNumber, after_ns: u64) -> bool {
        let Some(place) = self.place(number) else {
            return false;
        };
        let first = &mut self.entries[place].first_part_ns;
        let is_first = first.is_none();
        if is_first {
            *first = Some(NonZeroU64::new(after_ns).unwrap_or(NonZeroU64::MIN));
        }
        is_first
    }

    /// Time from sent to the first part of the reply to a message, in nanoseconds; `None` without one.
    pub(crate) fn first_part_ns(&self, number: MessageNumber) -> Option<NonZeroU64> {
        self.entries[self.place(number)?].first_part_ns
    }

    /// Notes that a message was answered. Returns the time to the first part of the reply, in nanoseconds; `None` without
    /// parts.
    pub(crate) fn end(&mut self, number: MessageNumber) -> Option<NonZeroU64> {
        let mut first_part_ns = None;
        if let Some(place) = self.place(number) {
            let entry = &mut self.entries[place];
            first_part_ns = entry.first_part_ns;
            self.over += usize::from(!std::mem::replace(&mut entry.is_over, true));
        }
        while self.entries.front().is_some_and(|entry| entry.is_over) {
            self.entries.pop_front();
            self.over -= 1;
        }
        // Behind a message that is never answered.
        if self.over > MAX_OVER && self.over * 2 > self.entries.len() {
            self.entries.retain(|entry| !entry.is_over);
            self.over = 0;
        }
        first_part_ns
    }

    #[inline]
    fn entry_with_id(&self, id: u64) -> Option<&SentEntry> {
        let is_it = |entry: &&SentEntry| entry.id == id && entry.has_id;
        // Nearly all replies come in turn.
        if let Some(first) = self.entries.front().filter(is_it) {
            return Some(first);
        }
        let place = self.entries.partition_point(|entry| entry.id < id);
        self.entries.get(place).filter(is_it)
    }

    /// Returns true when a message of the load had this id.
    fn had_id(&self, id: u64, state: &ClientState) -> bool {
        (1..=state.last_id()).contains(&id) && self.other_ids.binary_search(&id).is_err()
    }

    /// The number of the message with this key, which is over; `None` where only its phase is known.
    pub(crate) fn ended_number(&self, key: MessageKey) -> Option<MessageNumber> {
        match key {
            MessageKey::Content(number) => Some(MessageNumber::from_bits(number)),
            MessageKey::Id(id) => self.entry_with_id(id).map(|entry| entry.number),
            MessageKey::Order(_) => None,
        }
    }

    /// Returns true when the message with this key, which is over, belongs to the warm-up.
    pub(crate) fn was_warmup(&self, key: MessageKey) -> bool {
        match key {
            MessageKey::Content(number) => MessageNumber::from_bits(number).is_warmup(),
            MessageKey::Id(id) => self.first_measured_id.is_none_or(|first| id < first),
            MessageKey::Order(_) => false,
        }
    }
}

/// The messages of one client, as the classification sees them.
pub(crate) struct SentView<'a> {
    pub(crate) in_flight: &'a InFlightQueue,
    pub(crate) index: &'a SentIndex,
    pub(crate) state: &'a ClientState,
    /// Messages sent so far in the warm-up and in the measured phase.
    pub(crate) counts: (u64, u64),
}

impl SentView<'_> {
    /// Returns true when more than one message of this kind waits.
    pub(crate) fn waits_for_several(&self, kind: usize) -> bool {
        self.in_flight.of_kind(kind).nth(1).is_some()
    }

    #[inline]
    fn waiting(&self, message: &InFlightMessage) -> SentMessage {
        SentMessage {
            kind: message.shape.kind(),
            number: message.number.bits(),
            id: self.index.id_of(message.number),
        }
    }
}

impl SentMessages for SentView<'_> {
    #[inline]
    fn find(&self, key: MessageKey) -> SentState {
        match key {
            MessageKey::Content(bits) => {
                let number = MessageNumber::from_bits(bits);
                if let Some(message) = self.in_flight.find(number) {
                    return SentState::Waiting(self.waiting(message));
                }
                let (warmed, sent) = self.counts;
                let sent = if number.is_warmup() { warmed } else { sent };
                if number.index() < sent {
                    SentState::Over
                } else {
                    SentState::Unknown
                }
            }
            MessageKey::Id(id) => match self.index.entry_with_id(id) {
                Some(entry) => match self.in_flight.find(entry.number) {
                    Some(message) => SentState::Waiting(self.waiting(message)),
                    None => SentState::Over,
                },
                None if self.index.had_id(id, self.state) => SentState::Over,
                None => SentState::Unknown,
            },
            MessageKey::Order(kind) => {
                let oldest = self.in_flight.of_kind(kind).next();
                oldest.map_or(SentState::Unknown, |message| {
                    SentState::Waiting(self.waiting(message))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scenario::{Scenario, ScenarioOptions, ScenarioSource};

    use super::*;
    use crate::message::payload::PayloadShape;
    use crate::tests::plan;

    const MIX: &str = "[[message]]\nsend = 'get ${id}'\nreply = '${id}'\n\
        [[message]]\nsend = 'put ${uid}'\nreply = '${uid}'\n";

    /// A client and the messages that it has sent.
    struct Sender {
        dialogue: Dialogue,
        state: ClientState,
        index: SentIndex,
        in_flight: InFlightQueue,
        counts: (u64, u64),
    }

    impl Sender {
        fn new() -> Self {
            let source = ScenarioSource::File {
                name: "mix.toml",
                text: MIX,
            };
            let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
            let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files);
            let scenario = Some(Arc::new(scenario.unwrap()));
            let dialogue = Dialogue::new(&plan(|draft| draft.scenario = scenario)).unwrap();
            Self {
                state: dialogue.client_state(3),
                dialogue,
                index: SentIndex::default(),
                in_flight: InFlightQueue::default(),
                counts: (0, 0),
            }
        }

        fn send(&mut self, number: MessageNumber) {
            let scenario = &self.dialogue.scenario;
            let kind = scenario.message_type(&self.dialogue.padding, 3, number.bits());
            self.in_flight.push(InFlightMessage {
                number,
                shape: PayloadShape::of_kind(kind, 5),
                intended_ns: 0,
                ready_ns: 0,
                sent_ns: 0,
            });
            match number.is_warmup() {
                true => self.counts.0 += 1,
                false => self.counts.1 += 1,
            }
        }

        fn update(&mut self) -> u64 {
            let mut measured = 0;
            let (state, index) = (&mut self.state, &mut self.index);
            index.update(state, &self.dialogue, self.counts, |_| measured += 1);
            measured
        }

        fn find(&self, key: MessageKey) -> SentState {
            let view = SentView {
                in_flight: &self.in_flight,
                index: &self.index,
                state: &self.state,
                counts: self.counts,
            };
            view.find(key)
        }

        fn end(&mut self, number: MessageNumber) {
            self.in_flight.take(number).unwrap();
            self.index.end(number);
        }
    }

    fn waiting(state: SentState) -> Option<SentMessage> {
        match state {
            SentState::Waiting(message) => Some(message),
            _ => None,
        }
    }

    #[test]
    fn every_message_is_found_by_its_own_id_until_it_is_over() {
        let mut sender = Sender::new();
        for n in 0..20 {
            sender.send(MessageNumber::warmup(n));
        }
        assert_eq!(sender.update(), 0);
        for n in 0..40 {
            sender.send(MessageNumber::measured(n));
        }
        assert_eq!(sender.update(), 40);
        let last = sender.state.last_id();
        let mut found = Vec::new();
        for id in 1..=last {
            let message = waiting(sender.find(MessageKey::Id(id))).unwrap();
            assert_eq!((message.kind, message.id), (0, id));
            found.push(message.number);
        }
        assert_eq!(sender.find(MessageKey::Id(last + 1)), SentState::Unknown);
        assert_eq!(sender.find(MessageKey::Id(0)), SentState::Unknown);
        for (place, number) in found.iter().enumerate().filter(|(place, _)| place % 2 == 1) {
            sender.end(MessageNumber::from_bits(*number));
            let id = place as u64 + 1;
            assert_eq!(sender.find(MessageKey::Id(id)), SentState::Over);
        }
        let first = waiting(sender.find(MessageKey::Id(1))).unwrap();
        assert_eq!(first.number, found[0]);
    }

    #[test]
    fn a_message_that_is_never_answered_keeps_no_others() {
        let mut sender = Sender::new();
        for n in 0..10_000 {
            sender.send(MessageNumber::measured(n));
            sender.update();
            if n > 0 {
                sender.end(MessageNumber::measured(n));
            }
        }
        assert!(sender.index.entries.len() <= 2 * MAX_OVER + 2);
        let first = waiting(sender.find(MessageKey::Content(0)));
        assert_eq!(first.map(|message| message.number), Some(0));
        assert_eq!(sender.find(MessageKey::Content(9_999)), SentState::Over);
    }

    #[test]
    fn duplicates_of_the_warm_up_are_told_from_measured_ones() {
        let mut sender = Sender::new();
        for n in 0..20 {
            sender.send(MessageNumber::warmup(n));
        }
        sender.update();
        let before = sender.state.last_id();
        for n in 0..20 {
            sender.send(MessageNumber::measured(n));
        }
        sender.update();
        assert!(sender.index.was_warmup(MessageKey::Id(before)));
        assert!(!sender.index.was_warmup(MessageKey::Id(before + 1)));
    }

    #[test]
    fn ids_of_steps_and_heartbeats_are_no_messages() {
        let mut sender = Sender::new();
        let aside = sender.state.take_id();
        sender.index.add_other_id(aside);
        for n in 0..20 {
            sender.send(MessageNumber::measured(n));
        }
        sender.update();
        assert_eq!(sender.find(MessageKey::Id(aside)), SentState::Unknown);
        assert!(waiting(sender.find(MessageKey::Id(aside + 1))).is_some());
        assert_eq!(sender.find(MessageKey::Content(99)), SentState::Unknown);
    }

    #[test]
    fn only_the_first_part_is_the_first() {
        let mut sender = Sender::new();
        let number = MessageNumber::measured(0);
        sender.send(number);
        sender.update();
        assert!(sender.index.note_part(number, 70));
        assert!(!sender.index.note_part(number, 90));
        assert!(!sender.index.note_part(MessageNumber::measured(7), 95));
        assert_eq!(sender.index.first_part_ns(number), NonZeroU64::new(70));
        assert_eq!(sender.index.end(number), NonZeroU64::new(70));
        assert_eq!(sender.index.end(number), None);
    }
}
