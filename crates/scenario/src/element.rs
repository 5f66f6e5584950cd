//! Elements of byte patterns: literals and typed holes, and what they read and compare.

use crate::captures::{CaptureTarget, Captures};
use crate::client::ClientState;
use crate::digits::{read_decimal, read_uid, read_varint};
use crate::holes::{ClockUnit, NumberFormat};
use crate::template::{ExpectedBytes, MessageValues, TemplateSegment, UID_LEN};

/// A piece of a group: bytes, or a hole that says where it ends.
#[derive(Debug, Clone)]
pub(crate) enum Element {
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
    pub(crate) values: &'a MessageValues<'a>,
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
    pub(crate) numbers: &'a mut ReadNumbers,
    pub(crate) captures: &'a mut Captures,
    /// Places looked at.
    pub(crate) tries: &'a mut u64,
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
pub(crate) fn match_elements(
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
    let values = known.values;
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
    let numbers = &mut *results.numbers;
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
            let mut expected = ExpectedBytes::new(rest);
            segment.write(known.values, known.pad.longest(), &mut expected);
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
