//! Replies in JSON as a server has written them so far, from which the bytes of the next ones are known.
//!
//! Almost every server writes all replies to one kind of message alike: only the values of the message differ. Once a
//! reply was classified, the next one is expected to have the same bytes with the next message's values. One that has
//! them would be classified in the same way, so that nothing of it needs to be parsed. Any other reply is classified
//! as before.

use std::ops::Range;

use crate::exact_reply::ExactReply;
use crate::holes::NumberFormat;
use crate::json::{JsonKind, JsonValue};
use crate::parts::MessageType;
use crate::pattern::{PatternAlternative, PatternForm, RecognisedBy, RecordView, Scratch};
use crate::scenario::Scenario;
use crate::template::{Measure, MessageValues, Template, TemplateSegment};

impl Scenario {
    /// Learns from a reply that this pattern of a kind has recognised and verified.
    #[inline]
    pub(crate) fn learn_reply(
        &self,
        kind: usize,
        one: &PatternAlternative,
        view: &RecordView,
        values: &MessageValues,
        scratch: &mut Scratch,
    ) {
        let is_json = matches!(one.form, PatternForm::Json(_));
        if is_json
            && one.recognised_by != RecognisedBy::Order
            && scratch.learned.note_classified(kind)
        {
            let reply = self.next_reply(kind, one, view, values, scratch);
            scratch.learned.learn(kind, reply);
        }
    }

    #[cold]
    fn next_reply(
        &self,
        kind: usize,
        one: &PatternAlternative,
        view: &RecordView,
        values: &MessageValues,
        scratch: &Scratch,
    ) -> Option<ExactReply> {
        let found = scratch.json_values()?;
        let lists = self.messages.iter().flat_map(MessageType::own_patterns);
        let all = lists.flat_map(|(_, list)| list.map_or(&[][..], |list| &list.alternatives));
        // A pattern before this one could match the next reply, because its values differ.
        all.take_while(|other| !std::ptr::eq(*other, one))
            .all(|other| other.lacks_a_value(view, found))
            .then(|| next_reply(one, view, found, values, self.messages[kind].send.sized()))?
    }
}

/// The reply to the next message, if this one, which `one` has recognised and verified, tells it. `values` are the values
/// of this reply's message, whose sized part is `sized`; `found` is what the record's pointers led to.
fn next_reply(
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
}
