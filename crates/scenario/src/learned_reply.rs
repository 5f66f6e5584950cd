//! Replies in JSON as a server has written them so far, to compare the next ones byte by byte.
//!
//! Almost every server writes all replies to one kind of message alike: only the values of the message differ. Once a
//! reply was classified, the next one is expected to have the same bytes with the next message's values. One that has
//! them would be classified in the same way, so that nothing of it needs to be parsed. Any other reply is classified
//! as before.

use std::ops::Range;

use crate::holes::NumberFormat;
use crate::json::{JsonKind, JsonValue};
use crate::parts::ExactReply;
use crate::pattern::{PatternAlternative, PatternForm, RecordView};
use crate::template::{Measure, MessageValues, Template, TemplateSegment};

/// Classified replies in a row after which a learned reply is given up: the server writes each in another way.
const MAX_MISSES: u32 = 16;

/// Classified replies between two attempts to learn, once there were as many.
const LEARN_EVERY: u64 = 1024;

/// What one thread has learned of the replies to each kind of message.
#[derive(Debug, Default)]
pub(crate) struct LearnedReplies {
    kinds: Vec<LearnedReply>,
}

#[derive(Debug, Default)]
struct LearnedReply {
    reply: Option<ExactReply>,
    /// Replies that had to be classified: all, and those since the last that did not.
    classified: u64,
    misses: u32,
}

impl LearnedReplies {
    #[inline]
    pub(crate) fn of_kind(&self, kind: usize) -> Option<&ExactReply> {
        self.kinds.get(kind)?.reply.as_ref()
    }

    /// Notes that a learned reply was the one that came.
    #[inline]
    pub(crate) fn note_hit(&mut self, kind: usize) {
        if let Some(learned) = self.kinds.get_mut(kind) {
            learned.misses = 0;
        }
    }

    /// Notes that a reply was classified. Returns true when it is time to learn from it.
    #[inline]
    pub(crate) fn note_classified(&mut self, kind: usize) -> bool {
        if self.kinds.len() <= kind {
            self.kinds.resize_with(kind + 1, LearnedReply::default);
        }
        let learned = &mut self.kinds[kind];
        learned.classified += 1;
        learned.misses += 1;
        if learned.misses > MAX_MISSES {
            learned.reply = None;
        }
        match learned.classified {
            few if few < LEARN_EVERY => few.is_power_of_two(),
            many => many % LEARN_EVERY == 0,
        }
    }

    /// Replaces what is known of the replies to a kind, which has been noted before.
    pub(crate) fn learn(&mut self, kind: usize, reply: Option<ExactReply>) {
        if let Some(learned) = self.kinds.get_mut(kind) {
            learned.reply = reply;
            learned.misses = 0;
        }
    }
}

/// The reply to the next message, if this one, which `one` has recognised and verified, tells it. `values` are the values
/// of this reply's message, whose sized part is `sized`; `found` is what the record's pointers led to.
pub(crate) fn next_reply(
    one: &PatternAlternative,
    record: &RecordView,
    found: &[Option<JsonValue>],
    values: &MessageValues,
    sized: Option<&Measure>,
) -> Option<ExactReply> {
    let PatternForm::Json(members) = &one.form else {
        return None;
    };
    let mut known: Vec<(Range<usize>, Vec<TemplateSegment>)> = Vec::new();
    for (pointer, pattern) in members {
        if !pattern.depends_on_message() {
            // Other bytes in the next reply are compared as they are.
            continue;
        }
        let value = record.pointers.value(found, *pointer)?;
        let segments = pattern.known_segments()?;
        let stays = keeps_structure(&segments, value.kind)
            && !(value.kind == JsonKind::Composite && record.pointers.leads_into(*pointer));
        if !stays {
            return None;
        }
        known.push((value.start..value.end, segments));
    }
    known.sort_by_key(|(range, _)| range.start);
    let mut segments = Vec::new();
    let mut at = 0;
    for (range, value) in known {
        // Two patterns for one value, or for a value within another.
        let before = record.bytes.get(at..range.start)?;
        segments.push(TemplateSegment::Literal(before.into()));
        segments.extend(value);
        at = range.end;
    }
    segments.push(TemplateSegment::Literal(record.bytes[at..].into()));
    let template = Template::new(segments, sized.cloned());
    let reply = ExactReply {
        template,
        is_binary: one.is_binary,
    };
    // Otherwise the server writes a value in a way of its own, with escapes or blanks.
    reply
        .is(record.bytes, record.is_binary, values)
        .then_some(reply)
}

/// Returns true when a JSON value of this kind that holds these segments remains one of its kind, whatever the message:
/// only decimal ids stand outside strings, and nothing that could end a string stands in one.
fn keeps_structure(segments: &[TemplateSegment], kind: JsonKind) -> bool {
    let mut in_string = match kind {
        JsonKind::PlainString => true,
        JsonKind::Scalar | JsonKind::Composite => false,
        JsonKind::EscapedString => return false,
    };
    let mut is_escaped = false;
    segments.iter().all(|segment| match segment {
        TemplateSegment::Literal(bytes) => {
            for byte in bytes {
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' => is_escaped = in_string,
                    b'"' => in_string = !in_string,
                    _ => {}
                }
            }
            true
        }
        TemplateSegment::Id(NumberFormat::Decimal) => !is_escaped,
        TemplateSegment::Uid | TemplateSegment::Pad => in_string && !is_escaped,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> TemplateSegment {
        TemplateSegment::Literal(text.as_bytes().into())
    }

    #[test]
    fn letters_outside_strings_could_change_the_structure() {
        use TemplateSegment::{Pad, Uid};
        let id = || TemplateSegment::Id(NumberFormat::Decimal);
        let keeps = |segments: &[TemplateSegment], kind| keeps_structure(segments, kind);
        assert!(keeps(&[id()], JsonKind::Scalar));
        assert!(keeps(&[id(), Uid, Pad], JsonKind::PlainString));
        assert!(!keeps(&[Pad], JsonKind::Scalar));
        let composite = [
            literal(r#"{"a":""#),
            Uid,
            Pad,
            literal(r#"","n":"#),
            id(),
            literal("}"),
        ];
        assert!(keeps(&composite, JsonKind::Composite));
        assert!(!keeps(
            &[literal("["), Pad, literal("]")],
            JsonKind::Composite
        ));
        let escaped = [literal(r#"{"a":"\"#), Pad, literal(r#""}"#)];
        assert!(!keeps(&escaped, JsonKind::Composite));
        let behind_an_escape = [
            literal(r#"{"a":"\"#),
            literal(r#"""#),
            Pad,
            literal(r#""}"#),
        ];
        assert!(keeps(&behind_an_escape, JsonKind::Composite));
        assert!(!keeps(&[TemplateSegment::Slot(0)], JsonKind::PlainString));
    }

    #[test]
    fn attempts_to_learn_become_rare() {
        let mut learned = LearnedReplies::default();
        let times = (0..100_000).filter(|_| learned.note_classified(0)).count();
        assert_eq!(times, 10 + 100_000 / 1024);
        assert!(learned.of_kind(0).is_none());
    }
}
