//! Matchers for bytes: groups of literals and typed holes with wildcards between them.
//!
//! A group is searched from left to right behind the one before it, and the first place counts. When a
//! typed hole fails, the search goes on at the next place. Nothing else is tried again, so at most
//! (bytes + 1) × groups places are looked at.

use memchr::memchr;
use memchr::memmem::Finder;

use crate::captures::{CaptureTarget, Captures};
use crate::client::ClientState;
use crate::digits::{read_decimal, read_uid, read_varint};
use crate::holes::{ClockUnit, NumberFormat};
use crate::padding::to_usize;
use crate::template::{ByteSink, SegmentValues, TemplateSegment, UID_LEN};

/// A piece of a pattern, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PatternPiece {
    Literal(Vec<u8>),
    Slot(u16),
    Wild(Option<CaptureTarget>),
    Uid,
    Id(NumberFormat),
    Seq,
    Stamp(ClockUnit),
    Number {
        format: NumberFormat,
        target: Option<CaptureTarget>,
    },
    /// Known once the message is known.
    Known(TemplateSegment),
}

/// Numbers that a pattern has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReadNumbers {
    /// Client and number of the message.
    pub(crate) uid: Option<(u32, u64)>,
    pub(crate) id: Option<(u64, NumberFormat)>,
    pub(crate) seq: Option<u64>,
    pub(crate) stamp_ns: Option<u64>,
}

/// Length of the pad of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PadLen {
    Exact(u64),
    /// Depends on what only the sender knows.
    AtMost(u64),
}

/// A message whose bytes are known.
#[derive(Clone, Copy)]
pub(crate) struct KnownMessage<'a> {
    pub(crate) values: SegmentValues<'a>,
    pub(crate) pad: PadLen,
}

/// Surroundings of a match.
#[derive(Clone, Copy)]
pub(crate) struct GlobContext<'a> {
    pub(crate) slots: &'a ClientState,
    pub(crate) known: Option<&'a KnownMessage<'a>>,
}

/// Results of a match.
pub(crate) struct GlobResults<'a> {
    pub(crate) numbers: ReadNumbers,
    pub(crate) captures: &'a mut Captures,
    /// Places looked at.
    pub(crate) tries: u64,
}

/// A compiled pattern for bytes.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    groups: Box<[Group]>,
    /// The wildcard at the end, if there is one.
    tail: Option<Wildcard>,
}

#[derive(Debug, Clone, Copy)]
struct Wildcard(Option<CaptureTarget>);

/// Elements without a wildcard between them.
#[derive(Debug, Clone)]
struct Group {
    before: Option<Wildcard>,
    elements: Box<[Element]>,
    /// The first literal, where a search for it pays.
    finder: Option<Finder<'static>>,
}

#[derive(Debug, Clone)]
enum Element {
    Literal(Box<[u8]>),
    Slot(u16),
    Uid,
    Id(NumberFormat),
    Seq,
    Stamp(ClockUnit),
    Number {
        format: NumberFormat,
        target: Option<CaptureTarget>,
    },
    Known(TemplateSegment),
}

impl Glob {
    /// A matcher that recognises a record: what is known only later counts as a wildcard.
    pub(crate) fn recognising(pieces: &[PatternPiece]) -> Self {
        Self::compile(pieces.iter().map(|piece| match piece {
            PatternPiece::Known(_) => PatternPiece::Wild(None),
            piece => piece.clone(),
        }))
    }

    /// A matcher for the record of a known message. The sender's id is known for own messages only.
    pub(crate) fn verifying(pieces: &[PatternPiece], knows_id: bool) -> Self {
        // Comparing nothing takes longer than comparing a few bytes: it costs the processor an assist.
        let is_nothing = |piece: &PatternPiece| match piece {
            PatternPiece::Known(TemplateSegment::Literal(bytes)) => bytes.is_empty(),
            _ => false,
        };
        let pieces = pieces.iter().filter(|piece| !is_nothing(piece));
        Self::compile(pieces.map(|piece| match piece {
            PatternPiece::Uid => PatternPiece::Known(TemplateSegment::Uid),
            PatternPiece::Id(format) if knows_id => {
                PatternPiece::Known(TemplateSegment::Id(*format))
            }
            PatternPiece::Wild(_) => PatternPiece::Wild(None),
            PatternPiece::Number { format, .. } => PatternPiece::Number {
                format: *format,
                target: None,
            },
            piece => piece.clone(),
        }))
    }

    fn compile(pieces: impl Iterator<Item = PatternPiece>) -> Self {
        let mut groups = Vec::new();
        let mut before = None;
        let mut elements: Vec<Element> = Vec::new();
        for piece in pieces {
            let element = match piece {
                PatternPiece::Wild(target) => {
                    if before.is_some() || !elements.is_empty() {
                        groups.push(Group::new(before, std::mem::take(&mut elements)));
                    }
                    before = Some(Wildcard(target));
                    continue;
                }
                PatternPiece::Literal(bytes) => match elements.last_mut() {
                    Some(Element::Literal(last)) => {
                        *last = [last, &bytes[..]].concat().into();
                        continue;
                    }
                    _ => Element::Literal(bytes.into()),
                },
                PatternPiece::Slot(slot) => Element::Slot(slot),
                PatternPiece::Uid => Element::Uid,
                PatternPiece::Id(format) => Element::Id(format),
                PatternPiece::Seq => Element::Seq,
                PatternPiece::Stamp(unit) => Element::Stamp(unit),
                PatternPiece::Number { format, target } => Element::Number { format, target },
                PatternPiece::Known(segment) => Element::Known(segment),
            };
            elements.push(element);
        }
        let tail = if elements.is_empty() { before } else { None };
        if tail.is_none() {
            groups.push(Group::new(before, elements));
        }
        Self {
            groups: groups.into(),
            tail,
        }
    }

    /// Returns true when every record matches, and nothing of it is kept.
    pub(crate) fn matches_all(&self) -> bool {
        self.groups.is_empty() && matches!(self.tail, Some(Wildcard(None)))
    }

    /// The capture of the whole text, if the pattern is nothing else.
    pub(crate) fn whole_capture(&self) -> Option<CaptureTarget> {
        match self.tail {
            Some(Wildcard(target)) if self.groups.is_empty() => target,
            _ => None,
        }
    }

    /// Returns true without wildcards.
    pub(crate) fn is_exact(&self) -> bool {
        self.tail.is_none() && matches!(&self.groups[..], [group] if group.before.is_none())
    }

    /// Matches a whole record. Captures of a record that does not match are dropped.
    #[inline]
    pub(crate) fn matches(
        &self,
        record: &[u8],
        cx: &GlobContext,
        results: &mut GlobResults,
    ) -> bool {
        let mark = results.captures.mark();
        let matched = self.run(record, cx, results);
        if !matched {
            results.captures.drop_from(mark);
        }
        matched
    }

    #[inline]
    fn run(&self, record: &[u8], cx: &GlobContext, results: &mut GlobResults) -> bool {
        let mut at = 0;
        for (index, group) in self.groups.iter().enumerate() {
            let to_end = self.tail.is_none() && index + 1 == self.groups.len();
            let range = match group.before {
                None => group
                    .matches_at(record, 0, to_end, cx, results)
                    .map(|end| (0, end)),
                Some(_) => group.search(record, at, to_end, cx, results),
            };
            let Some((start, end)) = range else {
                return false;
            };
            if let Some(Wildcard(Some(target))) = group.before {
                results.captures.take(target, &record[at..start]);
            }
            at = end;
        }
        if let Some(Wildcard(Some(target))) = self.tail {
            results.captures.take(target, &record[at..]);
        }
        true
    }
}

impl Group {
    fn new(before: Option<Wildcard>, elements: Vec<Element>) -> Self {
        let finder = match (before, elements.first()) {
            (Some(_), Some(Element::Literal(bytes))) => Some(Finder::new(bytes).into_owned()),
            _ => None,
        };
        Self {
            before,
            elements: elements.into(),
            finder,
        }
    }

    /// First place at or behind `from` where the group matches, and its end.
    #[inline]
    fn search(
        &self,
        record: &[u8],
        from: usize,
        to_end: bool,
        cx: &GlobContext,
        results: &mut GlobResults,
    ) -> Option<(usize, usize)> {
        let mut from = from;
        if to_end {
            // Places from which the group cannot reach the end need no look.
            from = from.max(record.len().saturating_sub(self.max_len(cx)));
        }
        while from <= record.len() {
            let start = self.next_start(record, from, cx)?;
            if let Some(end) = self.matches_at(record, start, to_end, cx, results) {
                return Some((start, end));
            }
            from = start + 1;
        }
        None
    }

    /// First place at or behind `from` where the group can begin.
    #[inline]
    fn next_start(&self, record: &[u8], from: usize, cx: &GlobContext) -> Option<usize> {
        let rest = record.get(from..)?;
        if let Some(finder) = &self.finder {
            return finder.find(rest).map(|at| from + at);
        }
        match self.elements.first() {
            Some(Element::Uid | Element::Known(TemplateSegment::Uid)) => {
                memchr(b'~', rest).map(|at| from + at)
            }
            Some(Element::Id(NumberFormat::Decimal) | Element::Seq | Element::Stamp(_)) => {
                let is_digit = |at: usize| record[at].is_ascii_digit();
                // A number is a whole run of digits.
                (from..record.len()).find(|at| is_digit(*at) && (*at == 0 || !is_digit(at - 1)))
            }
            Some(Element::Slot(slot)) => match cx.slots.slot(*slot).first() {
                Some(first) => memchr(*first, rest).map(|at| from + at),
                None => Some(from),
            },
            _ => Some(from),
        }
    }

    /// Bytes that the group can have at most.
    fn max_len(&self, cx: &GlobContext) -> usize {
        let lens = self.elements.iter().map(|element| match element {
            Element::Literal(bytes) => bytes.len(),
            Element::Slot(slot) => cx.slots.slot(*slot).len(),
            Element::Uid => UID_LEN,
            Element::Number { format, .. } | Element::Id(format) => match format {
                NumberFormat::Decimal => 20,
                _ => 4,
            },
            Element::Seq | Element::Stamp(_) => 20,
            Element::Known(segment) => match (segment, cx.known) {
                (TemplateSegment::Pad, Some(known)) => match known.pad {
                    PadLen::Exact(len) | PadLen::AtMost(len) => to_usize(len),
                },
                (_, Some(known)) => to_usize(segment.len(&known.values, known.pad.longest())),
                _ => 0,
            },
        });
        lens.fold(0, usize::saturating_add)
    }

    /// End of the group when it matches at this place.
    #[inline]
    fn matches_at(
        &self,
        record: &[u8],
        start: usize,
        to_end: bool,
        cx: &GlobContext,
        results: &mut GlobResults,
    ) -> Option<usize> {
        results.tries += 1;
        let (numbers, mark) = (results.numbers, results.captures.mark());
        let end = match_elements(&self.elements, record, start, to_end, cx, results);
        if end.is_none() {
            results.numbers = numbers;
            results.captures.drop_from(mark);
        }
        end
    }
}

impl PadLen {
    pub(crate) fn longest(self) -> u64 {
        match self {
            Self::Exact(len) | Self::AtMost(len) => len,
        }
    }
}

/// End of these elements when they match at this place.
#[inline]
fn match_elements(
    elements: &[Element],
    record: &[u8],
    start: usize,
    to_end: bool,
    cx: &GlobContext,
    results: &mut GlobResults,
) -> Option<usize> {
    let mut at = start;
    for (index, element) in elements.iter().enumerate() {
        let rest = record.get(at..)?;
        if let (Element::Known(TemplateSegment::Pad), Some(known)) = (element, cx.known)
            && let PadLen::AtMost(most) = known.pad
        {
            let after = &elements[index + 1..];
            let longest = shared_letters(rest, known, most);
            // The letter behind the pad may be the next one of the pool by chance.
            let lens = (longest.saturating_sub(3)..=longest).rev();
            return lens
                .into_iter()
                .find_map(|len| match_elements(after, record, at + len, to_end, cx, results));
        }
        at += match_element(element, rest, cx, results)?;
    }
    (!to_end || at == record.len()).then_some(at)
}

/// Bytes at the beginning that are letters of the message's pad.
fn shared_letters(rest: &[u8], known: &KnownMessage, most: u64) -> usize {
    let values = &known.values;
    let letters = values.padding.letters(values.sender, values.number, most);
    std::iter::zip(rest, letters)
        .take_while(|(a, b)| a == b)
        .count()
}

/// Length of the element when it matches at the beginning of these bytes.
#[inline]
fn match_element(
    element: &Element,
    rest: &[u8],
    cx: &GlobContext,
    results: &mut GlobResults,
) -> Option<usize> {
    let numbers = &mut results.numbers;
    match element {
        Element::Literal(bytes) => rest.starts_with(bytes).then_some(bytes.len()),
        Element::Slot(slot) => {
            let text = cx.slots.slot(*slot);
            (text.is_empty() || rest.starts_with(text)).then_some(text.len())
        }
        Element::Uid => {
            let uid = read_uid(rest)?;
            numbers.uid = numbers.uid.or(Some(uid));
            Some(UID_LEN)
        }
        Element::Id(format) => {
            let (id, len) = read_number(rest, *format)?;
            numbers.id = numbers.id.or(Some((id, *format)));
            Some(len)
        }
        Element::Seq => {
            let (seq, len) = read_decimal(rest)?;
            numbers.seq = numbers.seq.or(Some(seq));
            Some(len)
        }
        Element::Stamp(unit) => {
            let (stamp, len) = read_decimal(rest)?;
            numbers.stamp_ns = numbers.stamp_ns.or(stamp.checked_mul(unit.in_ns()));
            Some(len)
        }
        Element::Number { format, target } => {
            let (_, len) = read_number(rest, *format)?;
            if let Some(target) = target {
                results.captures.take(*target, &rest[..len]);
            }
            Some(len)
        }
        Element::Known(segment) => {
            let known = cx.known?;
            let mut expected = ExpectedBytes {
                rest,
                len: 0,
                agrees: true,
            };
            segment.write(&known.values, known.pad.longest(), &mut expected);
            expected.agrees.then_some(expected.len)
        }
    }
}

/// A number at the beginning of these bytes, and its length.
#[inline]
fn read_number(rest: &[u8], format: NumberFormat) -> Option<(u64, usize)> {
    match format {
        NumberFormat::Decimal => read_decimal(rest),
        NumberFormat::U8 => rest.first().map(|byte| (u64::from(*byte), 1)),
        NumberFormat::U16 => rest
            .first_chunk()
            .map(|bytes| (u16::from_be_bytes(*bytes).into(), 2)),
        NumberFormat::U32 => rest
            .first_chunk()
            .map(|bytes| (u32::from_be_bytes(*bytes).into(), 4)),
        NumberFormat::Varint => read_varint(rest),
    }
}

/// Compares what is written with bytes that are there.
struct ExpectedBytes<'a> {
    rest: &'a [u8],
    len: usize,
    agrees: bool,
}

impl ByteSink for ExpectedBytes<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.agrees &= self.rest[self.len.min(self.rest.len())..].starts_with(bytes);
        self.len += bytes.len();
    }
}
