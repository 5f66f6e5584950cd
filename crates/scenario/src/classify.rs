//! Records of a connection: the meaning of each, and the message that it belongs to.
//!
//! The order is fixed: error, reply and part of own messages (per kind, in the order of the file), then
//! deliveries, pushes, `[[on]]`, and at last `unexpected`. During setup: `expect`, `refuse`, `[[on]]`,
//! skipped.

use crate::captures::Captures;
use crate::client::ClientState;
use crate::element::{GlobContext, KnownMessage, PadLen, ReadNumbers};
use crate::exact_reply::ExactReply;
use crate::padding::Padding;
use crate::parts::{MessageType, has_role};
use crate::pattern::{PatternAlternative, PatternList, RecognisedBy, RecordView, Scratch};
use crate::record_class::{
    FoundBy, MessageKey, ReceivedRecord, RecordClass, ReplyRole, SentMessage, SentMessages,
    SentState, SetupClass,
};
use crate::scenario::Scenario;
use crate::template::{MessageValues, pad_len};

impl Scenario {
    /// Classifies a record that came while a client did this step of its setup.
    pub fn classify_setup(
        &self,
        step: usize,
        record: ReceivedRecord,
        client: &mut ClientState,
        scratch: &mut Scratch,
    ) -> SetupClass {
        scratch.begin();
        let view = self.setup_view(record);
        if let Some(step) = self.setup.get(step) {
            if matches_for(step.expect.as_ref(), &view, client, scratch) {
                for (slot, text) in scratch.captures.for_slots() {
                    client.capture(slot, text);
                }
                return SetupClass::Expected;
            }
            if matches_for(step.refuse.as_ref(), &view, client, scratch) {
                return SetupClass::Refused;
            }
        }
        let rules = self.on.iter().zip(&self.setup_on).enumerate();
        for (index, (rule, matched)) in rules {
            if has_role(rule.roles, client.role())
                && matches_for(Some(matched), &view, client, scratch)
            {
                return SetupClass::On(index);
            }
        }
        SetupClass::Skipped
    }

    /// Classifies a record that came after the client's goodbye: true when it is the awaited one.
    pub fn classify_goodbye(
        &self,
        record: ReceivedRecord,
        client: &ClientState,
        scratch: &mut Scratch,
    ) -> bool {
        scratch.begin();
        matches_for(
            self.close.expect.as_ref(),
            &self.load_view(record),
            client,
            scratch,
        )
    }

    pub(crate) fn setup_view<'a>(&'a self, record: ReceivedRecord<'a>) -> RecordView<'a> {
        RecordView {
            pointers: &self.setup_pointers,
            ..self.load_view(record)
        }
    }

    pub(crate) fn load_view<'a>(&'a self, record: ReceivedRecord<'a>) -> RecordView<'a> {
        let (bytes, is_binary) = (record.bytes, record.is_binary);
        RecordView {
            bytes,
            is_binary,
            pointers: &self.load_pointers,
            end: self.records.end(),
        }
    }

    /// The reply to messages of a kind whose bytes are all expected: because the scenario says so, or because the server
    /// has written the replies so far like this.
    #[inline]
    fn exact_reply<'a>(&'a self, kind: usize, scratch: &'a Scratch) -> Option<&'a ExactReply> {
        let known = self.messages.get(kind)?.exact_reply.as_ref();
        known.or_else(|| scratch.learned.of_kind(kind))
    }

    /// Returns true when [`Scenario::is_exact_reply`] can be true for messages of this kind.
    #[inline]
    pub fn has_exact_reply(&self, kind: usize, scratch: &Scratch) -> bool {
        self.exact_reply(kind, scratch).is_some()
    }

    /// Returns true when the record is the reply to this message of the client, byte by byte as it is expected. Then
    /// [`Scenario::classify`] would come to the same result, but takes longer.
    #[inline]
    pub fn is_exact_reply(
        &self,
        record: ReceivedRecord,
        kind: usize,
        values: &MessageValues,
        scratch: &mut Scratch,
    ) -> bool {
        let reply = self.exact_reply(kind, scratch);
        let is_it = reply.is_some_and(|reply| reply.is(record.bytes, record.is_binary, values));
        if is_it {
            scratch.learned.note_hit(kind);
        }
        is_it
    }

    /// Classifies a record that came during the load.
    #[inline]
    pub fn classify(
        &self,
        record: ReceivedRecord,
        client: &ClientState,
        sent: &impl SentMessages,
        padding: &Padding,
        scratch: &mut Scratch,
    ) -> RecordClass {
        scratch.begin();
        let view = self.load_view(record);
        let session = Session { client, padding };
        let weak = match self.own(&view, &session, sent, scratch) {
            OwnMatch::Sure(class) => return class,
            OwnMatch::Weak(class) => Some(class),
            OwnMatch::None => None,
        };
        scratch.captures.clear();
        let receives = self
            .roles
            .get(client.role())
            .is_some_and(|role| role.receives);
        if receives && let Some(class) = self.delivery(&view, &session, scratch) {
            return class;
        }
        let cx = GlobContext {
            slots: client,
            known: None,
        };
        if let Some(push) = &self.push
            && push.matched.matches(&view, &cx, scratch)
        {
            let numbers = &scratch.numbers;
            return RecordClass::Push {
                seq: numbers.seq,
                stamp_ns: numbers.stamp_ns,
            };
        }
        for (index, rule) in self.on.iter().enumerate() {
            if has_role(rule.roles, client.role()) && rule.matched.matches(&view, &cx, scratch) {
                return RecordClass::On(index);
            }
        }
        if let Some(class) = weak {
            return class;
        }
        // Told apart from other records, because the server has sent it to a client that should not get it.
        let misdirected = if receives {
            None
        } else {
            self.delivery(&view, &session, scratch)
        };
        misdirected.unwrap_or(RecordClass::Unexpected)
    }

    #[inline]
    fn own(
        &self,
        view: &RecordView,
        session: &Session,
        sent: &impl SentMessages,
        scratch: &mut Scratch,
    ) -> OwnMatch {
        let cx = GlobContext {
            slots: session.client,
            known: None,
        };
        let mut best = OwnMatch::None;
        for (kind, message_type) in self.messages.iter().enumerate() {
            for (role, list) in message_type.own_patterns() {
                for one in list.map_or(&[][..], |list| &list.alternatives) {
                    if !one.recognise(view, &cx, scratch) {
                        continue;
                    }
                    let Some(key) = key(one, &scratch.numbers, kind, session.client) else {
                        continue;
                    };
                    let class = match sent.find(key) {
                        SentState::Unknown => continue,
                        SentState::Over => {
                            OwnMatch::Weak(RecordClass::Duplicate { kind, role, key })
                        }
                        SentState::Waiting(message) if message.kind != kind => continue,
                        SentState::Waiting(message) => {
                            let values = session.own(message);
                            let known = own_message(message_type, &values);
                            let agrees = one.verify(view, &known, scratch);
                            let by = found_by(one.recognised_by);
                            let class = RecordClass::Own {
                                message,
                                role,
                                agrees,
                                by,
                            };
                            if agrees {
                                if role == ReplyRole::Reply {
                                    self.learn_reply(kind, one, view, &values, scratch);
                                }
                                return OwnMatch::Sure(class);
                            }
                            OwnMatch::Weak(class)
                        }
                    };
                    best = best.or(class);
                }
            }
        }
        best.settle()
    }

    fn delivery(
        &self,
        view: &RecordView,
        session: &Session,
        scratch: &mut Scratch,
    ) -> Option<RecordClass> {
        let cx = GlobContext {
            slots: session.client,
            known: None,
        };
        let mut corrupted = None;
        for (kind, message_type) in self.messages.iter().enumerate() {
            let Some(list) = &message_type.deliver else {
                continue;
            };
            for one in &list.alternatives {
                scratch.captures.clear();
                if !one.recognise(view, &cx, scratch) {
                    continue;
                }
                let Some((client, number)) = scratch.numbers.uid else {
                    continue;
                };
                let values = session.values(client, number, 0);
                let known = foreign_message(message_type, &values);
                let agrees = one.verify(view, &known, scratch);
                let class = RecordClass::Delivery {
                    kind,
                    client,
                    number,
                    agrees,
                };
                if agrees {
                    return Some(class);
                }
                corrupted = corrupted.or(Some((class, one)));
            }
        }
        scratch.captures.clear();
        let (class, one) = corrupted?;
        // Reads the captures again, because the delivery is answered all the same.
        one.recognise(view, &cx, scratch);
        Some(class)
    }
}

/// The best that own messages have to do with a record.
#[derive(Clone, Copy)]
enum OwnMatch {
    None,
    /// Counts unless the record is something else.
    Weak(RecordClass),
    Sure(RecordClass),
}

impl OwnMatch {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, other) => other,
            // A message that waits is nearer than one that is over.
            (Self::Weak(RecordClass::Duplicate { .. }), Self::Weak(RecordClass::Own { .. })) => {
                other
            }
            (first, _) => first,
        }
    }

    /// A record with the uid or id of an own message is this message's, whatever else it holds. Order
    /// alone proves nothing.
    fn settle(self) -> Self {
        match self {
            Self::Weak(class)
                if !matches!(
                    class,
                    RecordClass::Own {
                        by: FoundBy::Order,
                        ..
                    }
                ) =>
            {
                Self::Sure(class)
            }
            other => other,
        }
    }
}

impl MessageType {
    pub(crate) fn own_patterns(&self) -> [(ReplyRole, Option<&PatternList>); 3] {
        [
            (ReplyRole::Error, self.error.as_ref()),
            (ReplyRole::Reply, self.reply.as_ref()),
            (ReplyRole::Part, self.part.as_ref()),
        ]
    }
}

fn found_by(by: RecognisedBy) -> FoundBy {
    match by {
        RecognisedBy::Uid => FoundBy::Content,
        RecognisedBy::Id => FoundBy::Id,
        RecognisedBy::Order => FoundBy::Order,
    }
}

/// The key in a record; `None` when it names a message of another client, or none.
#[inline]
pub(crate) fn key(
    one: &PatternAlternative,
    numbers: &ReadNumbers,
    kind: usize,
    client: &ClientState,
) -> Option<MessageKey> {
    match one.recognised_by {
        RecognisedBy::Uid => {
            let (sender, number) = numbers.uid?;
            (sender == client.client()).then_some(MessageKey::Content(number))
        }
        RecognisedBy::Id => {
            let (number, format) = numbers.id?;
            format.id_from(number, client.last_id()).map(MessageKey::Id)
        }
        RecognisedBy::Order => Some(MessageKey::Order(kind)),
    }
}

/// A client and the random parts of all messages.
pub(crate) struct Session<'a> {
    pub(crate) client: &'a ClientState,
    pub(crate) padding: &'a Padding,
}

impl<'a> Session<'a> {
    #[inline]
    pub(crate) fn own(&self, message: SentMessage) -> MessageValues<'a> {
        self.values(self.client.client(), message.number, message.id)
    }

    #[inline]
    fn values(&self, sender: u32, number: u64, id: u64) -> MessageValues<'a> {
        MessageValues {
            client: self.client,
            sender,
            number,
            id,
            wall_ns: 0,
            captures: Captures::none(),
            padding: self.padding,
        }
    }
}

/// The bytes of an own message.
#[inline]
pub(crate) fn own_message<'a>(
    kind: &MessageType,
    values: &'a MessageValues<'a>,
) -> KnownMessage<'a> {
    let pad = PadLen::Exact(pad_len(kind.send.sized(), values));
    KnownMessage { values, pad }
}

/// The bytes of a message of any client, whose id and slots are not known here.
fn foreign_message<'a>(kind: &MessageType, values: &'a MessageValues<'a>) -> KnownMessage<'a> {
    let pad = match kind.send.sized() {
        Some(sized) if sized.is_fixed() => PadLen::Exact(pad_len(Some(sized), values)),
        Some(_) => {
            let size = values.padding.size(values.sender, values.number);
            PadLen::AtMost(size.unwrap_or(0))
        }
        None => PadLen::Exact(0),
    };
    KnownMessage { values, pad }
}

/// Tries a pattern on a record that belongs to no message. An id in it is that of the last message that
/// the client has sent.
fn matches_for(
    list: Option<&PatternList>,
    view: &RecordView,
    client: &ClientState,
    scratch: &mut Scratch,
) -> bool {
    let cx = GlobContext {
        slots: client,
        known: None,
    };
    let alternatives = list.map_or(&[][..], |list| &list.alternatives);
    alternatives.iter().any(|one| {
        scratch.captures.clear();
        one.recognise(view, &cx, scratch) && has_last_id(client, scratch)
    })
}

/// Returns true when the id that was read, if any, is the last one that the client has sent.
pub(crate) fn has_last_id(client: &ClientState, scratch: &Scratch) -> bool {
    match scratch.numbers.id {
        Some((id, format)) => format.id_from(id, client.last_id()) == Some(client.last_id()),
        None => true,
    }
}
