//! Records that a JSON pattern nearly matches, and the value that differs. For people, not for the load.

use crate::classify::{Session, has_last_id, key, own_message};
use crate::client::ClientState;
use crate::element::GlobContext;
use crate::padding::Padding;
use crate::parts::has_role;
use crate::pattern::{
    MemberComparison, MemberValue, PatternAlternative, PatternList, RecordView, Scratch,
};
use crate::record_class::{
    ReceivedRecord, RecordClass, ReplyRole, SentMessage, SentMessages, SentState,
};
use crate::scenario::Scenario;

/// A pattern of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NearPattern {
    /// `expect` of the setup step that waits.
    Expect,
    /// `refuse` of the setup step that waits.
    Refuse,
    /// Pattern of a message.
    Own {
        /// Index of its kind.
        kind: usize,
        /// Part of the record.
        role: ReplyRole,
    },
    /// Index of an `[[on]]` rule.
    On(usize),
}

/// Reason why a value does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueFault {
    /// The pointer leads to nothing.
    Missing,
    /// The record has this value, which may hold secrets.
    Differs(Vec<u8>),
    /// This value has the form of an identity, but names no message that waits.
    NamesNoMessage(Vec<u8>),
}

/// The JSON pattern that is nearest to a record, and the first of its values that does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// The pattern.
    pub pattern: NearPattern,
    /// Pointer to the value.
    pub pointer: String,
    /// Pattern of the value as it is written in the file.
    pub expected: String,
    /// Reason.
    pub fault: ValueFault,
}

/// The nearest pattern so far.
#[derive(Default)]
struct NearestPattern {
    matching: usize,
    miss: Option<NearMiss>,
}

impl NearestPattern {
    /// Takes a pattern that has more matching values than all before. Without any, a pattern is near only if it is the
    /// awaited one and has no other value.
    fn offer(
        &mut self,
        pattern: NearPattern,
        one: &PatternAlternative,
        compared: MemberComparison,
    ) {
        let is_awaited = match pattern {
            NearPattern::Expect => true,
            NearPattern::Own { role, .. } => role == ReplyRole::Reply,
            NearPattern::Refuse | NearPattern::On(_) => false,
        };
        let is_near = compared.matching > 0 || is_awaited && one.written.len() == 1;
        if is_near
            && (self.miss.is_none() || compared.matching > self.matching)
            && let Some(miss) = near_miss(pattern, one, compared.wrong, compared.identity)
        {
            self.matching = compared.matching;
            self.miss = Some(miss);
        }
    }
}

/// The miss of a pattern with this first wrong value, or with an identity that names no message.
fn near_miss(
    pattern: NearPattern,
    one: &PatternAlternative,
    wrong: Option<MemberValue>,
    identity: Option<MemberValue>,
) -> Option<NearMiss> {
    let (member, names_nothing) = match wrong {
        Some(wrong) => (wrong, false),
        None => (identity?, true),
    };
    let (pointer, expected) = one.written.get(member.index)?.clone();
    let fault = match member.found {
        None => ValueFault::Missing,
        Some(found) if names_nothing => ValueFault::NamesNoMessage(found),
        Some(found) => ValueFault::Differs(found),
    };
    Some(NearMiss {
        pattern,
        pointer,
        expected,
        fault,
    })
}

fn alternatives(list: Option<&PatternList>) -> &[PatternAlternative] {
    list.map_or(&[], |list| &list.alternatives)
}

impl Scenario {
    /// Explains why a record that came during this step of the setup was skipped: the nearest JSON pattern, if any is
    /// near.
    pub fn setup_near_miss(
        &self,
        step: usize,
        record: ReceivedRecord,
        client: &ClientState,
        scratch: &mut Scratch,
    ) -> Option<NearMiss> {
        scratch.begin();
        let view = self.setup_view(record);
        let step = self.setup.get(step)?;
        let mut nearest = NearestPattern::default();
        let mut compare = |pattern, list| {
            for one in alternatives(list) {
                let cx = unknown(client);
                if let Some(compared) = one.compare_members(&view, &cx, scratch)
                    && (compared.wrong.is_some() || !has_last_id(client, scratch))
                {
                    nearest.offer(pattern, one, compared);
                }
            }
        };
        compare(NearPattern::Expect, step.expect.as_ref());
        compare(NearPattern::Refuse, step.refuse.as_ref());
        for (index, (rule, matched)) in self.on.iter().zip(&self.setup_on).enumerate() {
            if has_role(rule.roles, client.role()) {
                compare(NearPattern::On(index), Some(matched));
            }
        }
        nearest.miss
    }

    /// Explains the class of a record that came during the load: for a corrupted reply the value that differs, for an
    /// unexpected one the nearest JSON pattern, if any is near. Captures of other records stay in the scratch memory.
    pub fn near_miss(
        &self,
        record: ReceivedRecord,
        class: RecordClass,
        client: &ClientState,
        sent: &impl SentMessages,
        padding: &Padding,
        scratch: &mut Scratch,
    ) -> Option<NearMiss> {
        let view = self.load_view(record);
        match class {
            RecordClass::Own {
                message,
                role: ReplyRole::Reply,
                agrees: false,
                ..
            } => self.corrupted_value(&view, message, &Session { client, padding }, scratch),
            RecordClass::Unexpected => self.nearest_pattern(&view, client, sent, scratch),
            _ => None,
        }
    }

    fn corrupted_value(
        &self,
        view: &RecordView,
        message: SentMessage,
        session: &Session,
        scratch: &mut Scratch,
    ) -> Option<NearMiss> {
        scratch.begin();
        let message_type = self.messages.get(message.kind)?;
        let values = session.own(message);
        let known = own_message(message_type, &values);
        let cx = GlobContext {
            slots: session.client,
            known: Some(&known),
        };
        let pattern = NearPattern::Own {
            kind: message.kind,
            role: ReplyRole::Reply,
        };
        alternatives(message_type.reply.as_ref())
            .iter()
            .find_map(|one| {
                if !one.recognise(view, &unknown(session.client), scratch) {
                    return None;
                }
                let wrong = one.compare_members(view, &cx, scratch)?.wrong?;
                near_miss(pattern, one, Some(wrong), None)
            })
    }

    fn nearest_pattern(
        &self,
        view: &RecordView,
        client: &ClientState,
        sent: &impl SentMessages,
        scratch: &mut Scratch,
    ) -> Option<NearMiss> {
        scratch.begin();
        let cx = unknown(client);
        let mut nearest = NearestPattern::default();
        for (kind, message_type) in self.messages.iter().enumerate() {
            for (role, list) in message_type.own_patterns() {
                for one in alternatives(list) {
                    let Some(compared) = one.compare_members(view, &cx, scratch) else {
                        continue;
                    };
                    let key = key(one, &scratch.numbers, kind, client);
                    let state = key.map_or(SentState::Unknown, |key| sent.find(key));
                    let waits =
                        matches!(state, SentState::Waiting(message) if message.kind == kind);
                    if compared.wrong.is_some() || !waits {
                        nearest.offer(NearPattern::Own { kind, role }, one, compared);
                    }
                }
            }
        }
        for (index, rule) in self.on.iter().enumerate() {
            if !has_role(rule.roles, client.role()) {
                continue;
            }
            for one in alternatives(Some(&rule.matched)) {
                if let Some(compared) = one.compare_members(view, &cx, scratch) {
                    nearest.offer(NearPattern::On(index), one, compared);
                }
            }
        }
        nearest.miss
    }
}

/// The surroundings of a record whose message is not known.
fn unknown(client: &ClientState) -> GlobContext<'_> {
    GlobContext {
        slots: client,
        known: None,
    }
}
