//! Patterns: texts, JSON pointers with texts, and lists of both, compiled to matchers.

use crate::captures::Captures;
use crate::element::{GlobContext, GlobResults, KnownMessage, ReadNumbers};
use crate::exact_reply::LearnedReplies;
use crate::glob::{Glob, PatternPiece};
use crate::json::{JsonKind, JsonValue, PointerSet};
use crate::json_text::{compact, unescape};
use crate::template::TemplateSegment;

/// Working memory of one thread for one scenario, reused from record to record.
#[derive(Debug, Default)]
pub struct Scratch {
    values: Vec<Option<JsonValue>>,
    text: Vec<u8>,
    is_json: Option<bool>,
    /// Texts that the pattern of the last record has read.
    pub captures: Captures,
    /// Numbers that the last pattern has read. Of no meaning when it did not match.
    pub(crate) numbers: ReadNumbers,
    /// Replies to expect, which outlast the record.
    pub(crate) learned: LearnedReplies,
    tries: u64,
}

impl Scratch {
    /// Places of the last record at which its patterns were tried: a measure of work, bounded by bytes ×
    /// groups of literals.
    pub fn tries(&self) -> u64 {
        self.tries
    }

    /// Values that the pointers of the last record led to, if it is JSON.
    pub(crate) fn json_values(&self) -> Option<&[Option<JsonValue>]> {
        self.is_json?.then_some(&self.values[..])
    }

    /// Forgets the last record.
    pub(crate) fn begin(&mut self) {
        self.is_json = None;
        self.captures.clear();
        self.tries = 0;
    }
}

/// A record and the pointers of all patterns that are tried on it.
#[derive(Clone, Copy)]
pub(crate) struct RecordView<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) is_binary: bool,
    pub(crate) pointers: &'a PointerSet,
    /// End of every record, which belongs to no JSON; may be empty.
    pub(crate) end: &'a [u8],
}

impl RecordView<'_> {
    fn read_json(&self, values: &mut Vec<Option<JsonValue>>) -> bool {
        let json = self.bytes.strip_suffix(self.end).unwrap_or(self.bytes);
        self.pointers.read(json, values)
    }
}

/// Part of a message by which a record is assigned to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecognisedBy {
    Uid,
    Id,
    Order,
}

/// A text pattern, to recognise a record and to verify it once its message is known.
#[derive(Debug, Clone)]
pub(crate) struct TextPattern {
    recognise: Glob,
    verify: Glob,
    /// Some of it is known only when the message is, so that recognition does not look at it.
    holds_known: bool,
    /// Something in it must be compared once the message is known.
    needs_verification: bool,
}

impl TextPattern {
    pub(crate) fn new(pieces: &[PatternPiece], knows_id: bool) -> Self {
        let holds = |wanted: fn(&PatternPiece) -> bool| pieces.iter().any(wanted);
        Self {
            recognise: Glob::recognising(pieces),
            verify: Glob::verifying(pieces, knows_id),
            holds_known: holds(|piece| matches!(piece, PatternPiece::Known(_))),
            needs_verification: true,
        }
    }

    /// The bytes of the record, when all are known with the message.
    pub(crate) fn known_segments(&self) -> Option<Vec<TemplateSegment>> {
        self.verify.known_segments()
    }

    /// Returns true when the bytes that match depend on the message or on its client.
    pub(crate) fn depends_on_message(&self) -> bool {
        self.verify.depends_on_message()
    }

    /// Notes that no other part of the pattern holds an identity: the message was found by the one in here.
    pub(crate) fn set_only_identity(&mut self) {
        self.needs_verification = self.holds_known;
    }

    fn glob(&self, cx: &GlobContext) -> &Glob {
        match cx.known {
            Some(_) => &self.verify,
            None => &self.recognise,
        }
    }
}

/// The form of a pattern.
#[derive(Debug, Clone)]
pub(crate) enum PatternForm {
    Text(TextPattern),
    /// Positions in the pointer set, and the pattern of each value.
    Json(Vec<(usize, TextPattern)>),
}

/// One of the patterns of a list.
#[derive(Debug, Clone)]
pub(crate) struct PatternAlternative {
    pub(crate) form: PatternForm,
    pub(crate) recognised_by: RecognisedBy,
    /// Something in the record is known only when its message is.
    pub(crate) needs_verification: bool,
    /// Text or binary counts, as in `${message}`: true for binary.
    pub(crate) is_binary: Option<bool>,
    /// Pointers and patterns of JSON values as they are written, for explanations.
    pub(crate) written: Box<[(String, String)]>,
}

/// A value of a JSON pattern, compared with a record.
pub(crate) struct MemberValue {
    /// Position in the pattern, from 0.
    pub(crate) index: usize,
    /// The value in the record; `None` when its pointer leads to nothing.
    pub(crate) found: Option<Vec<u8>>,
}

/// A JSON pattern compared with a record, value by value.
pub(crate) struct MemberComparison {
    /// Number of values that match.
    pub(crate) matching: usize,
    /// The first one that does not match.
    pub(crate) wrong: Option<MemberValue>,
    /// The value that names the message, if it matches.
    pub(crate) identity: Option<MemberValue>,
}

/// A pattern, or a list of which any may match.
#[derive(Debug, Clone)]
pub(crate) struct PatternList {
    pub(crate) alternatives: Vec<PatternAlternative>,
}

impl PatternAlternative {
    /// Reads the record's numbers and captures. Returns false when it does not match.
    #[inline]
    pub(crate) fn recognise(
        &self,
        record: &RecordView,
        cx: &GlobContext,
        scratch: &mut Scratch,
    ) -> bool {
        self.run(record, cx, scratch)
    }

    /// Returns true for a pattern that no record matches in which the same pointers lead to nothing.
    pub(crate) fn lacks_a_value(&self, record: &RecordView, found: &[Option<JsonValue>]) -> bool {
        match &self.form {
            PatternForm::Text(_) => false,
            PatternForm::Json(members) => members
                .iter()
                .any(|(pointer, _)| record.pointers.value(found, *pointer).is_none()),
        }
    }

    /// Compares all values of a JSON pattern with a record, for explanations; `None` for a text pattern, and for a record
    /// that is not JSON. The numbers of the record are then in the scratch memory.
    pub(crate) fn compare_members(
        &self,
        record: &RecordView,
        cx: &GlobContext,
        scratch: &mut Scratch,
    ) -> Option<MemberComparison> {
        let PatternForm::Json(members) = &self.form else {
            return None;
        };
        let mut compared = MemberComparison {
            matching: 0,
            wrong: None,
            identity: None,
        };
        let mut numbers = ReadNumbers::default();
        for (index, (pointer, _)) in members.iter().enumerate() {
            scratch.numbers = ReadNumbers::default();
            let matches = run_json(&members[index..=index], record, cx, scratch);
            let read = scratch.numbers;
            let value = record.pointers.value(scratch.json_values()?, *pointer);
            let found = value.and_then(|value| {
                let raw = &record.bytes[value.start..value.end];
                json_text(raw, value.kind, &mut scratch.text).map(<[u8]>::to_vec)
            });
            let member = MemberValue { index, found };
            if !matches {
                compared.wrong = compared.wrong.or(Some(member));
                continue;
            }
            compared.matching += 1;
            numbers.uid = numbers.uid.or(read.uid);
            numbers.id = numbers.id.or(read.id);
            let names_message = match self.recognised_by {
                RecognisedBy::Uid => read.uid.is_some(),
                RecognisedBy::Id => read.id.is_some(),
                RecognisedBy::Order => false,
            };
            if names_message {
                compared.identity = compared.identity.or(Some(member));
            }
        }
        scratch.numbers = numbers;
        Some(compared)
    }

    /// Returns true when the record is what its message demands.
    #[inline]
    pub(crate) fn verify(
        &self,
        record: &RecordView,
        known: &KnownMessage,
        scratch: &mut Scratch,
    ) -> bool {
        let cx = GlobContext {
            slots: known.values.client,
            known: Some(known),
        };
        self.is_binary
            .is_none_or(|binary| binary == record.is_binary)
            && (!self.needs_verification || self.run(record, &cx, scratch))
    }

    #[inline]
    fn run(&self, record: &RecordView, cx: &GlobContext, scratch: &mut Scratch) -> bool {
        scratch.numbers = ReadNumbers::default();
        match &self.form {
            PatternForm::Text(text) => {
                let mut results = GlobResults {
                    numbers: &mut scratch.numbers,
                    captures: &mut scratch.captures,
                    tries: &mut scratch.tries,
                };
                text.glob(cx).matches(record.bytes, cx, &mut results)
            }
            PatternForm::Json(members) => run_json(members, record, cx, scratch),
        }
    }
}

fn run_json(
    members: &[(usize, TextPattern)],
    record: &RecordView,
    cx: &GlobContext,
    scratch: &mut Scratch,
) -> bool {
    let Scratch {
        values,
        text,
        is_json,
        captures,
        numbers,
        tries,
        learned: _,
    } = scratch;
    let is_json = *is_json.get_or_insert_with(|| record.read_json(values));
    let value = |pointer: usize| record.pointers.value(values, pointer);
    if !is_json || members.iter().any(|(pointer, _)| value(*pointer).is_none()) {
        return false;
    }
    let mark = captures.mark();
    let mut results = GlobResults {
        numbers,
        captures,
        tries,
    };
    let matched = members.iter().all(|(pointer, pattern)| {
        // The other members were compared when the record was recognised.
        if cx.known.is_some() && !pattern.needs_verification {
            return true;
        }
        let Some(value) = value(*pointer) else {
            return false;
        };
        let glob = pattern.glob(cx);
        if glob.matches_all() {
            return true;
        }
        let raw = &record.bytes[value.start..value.end];
        if let Some(target) = glob.whole_capture() {
            results.captures.take(target, raw);
            return true;
        }
        json_text(raw, value.kind, text).is_some_and(|text| glob.matches(text, cx, &mut results))
    });
    if !matched {
        captures.drop_from(mark);
    }
    matched
}

/// The text that stands for a value: strings without escapes, composites without blanks. `buffer` is working memory.
#[inline]
fn json_text<'a>(raw: &'a [u8], kind: JsonKind, buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    buffer.clear();
    match kind {
        JsonKind::PlainString | JsonKind::Scalar => return Some(raw),
        JsonKind::EscapedString => unescape(raw, buffer)?,
        JsonKind::Composite => compact(raw, buffer),
    }
    Some(buffer)
}

impl PatternList {
    /// Tries a record that belongs to no message; true when one of the patterns matches.
    pub(crate) fn matches(
        &self,
        record: &RecordView,
        cx: &GlobContext,
        scratch: &mut Scratch,
    ) -> bool {
        self.alternatives
            .iter()
            .any(|one| one.recognise(record, cx, scratch))
    }
}
