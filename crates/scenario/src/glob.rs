//! Matchers for bytes: groups of literals and typed holes with wildcards between them.
//!
//! A group is searched from left to right behind the one before it, and the first place counts. When a
//! typed hole fails, the search goes on at the next place. Nothing else is tried again, so at most
//! (bytes + 1) × groups places are looked at.

use memchr::memchr;
use memchr::memmem::Finder;

use crate::captures::CaptureTarget;
use crate::element::{Element, GlobContext, GlobResults, PadLen, match_elements};
use crate::holes::{ClockUnit, NumberFormat};
use crate::padding::to_usize;
use crate::template::{TemplateSegment, UID_LEN};

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

    /// The segments of the only text that matches; `None` with wildcards or with numbers that are read.
    pub(crate) fn known_segments(&self) -> Option<Vec<TemplateSegment>> {
        let [
            Group {
                before: None,
                elements,
                ..
            },
        ] = &self.groups[..]
        else {
            return None;
        };
        let known = |element: &Element| match element {
            Element::Literal(bytes) => Some(TemplateSegment::Literal(bytes.clone())),
            Element::Slot(slot) => Some(TemplateSegment::Slot(*slot)),
            Element::Known(segment) => Some(segment.clone()),
            _ => None,
        };
        let all = elements.iter().map(known).collect::<Option<_>>()?;
        self.tail.is_none().then_some(all)
    }

    /// Returns true when what matches depends on the message or on its client.
    pub(crate) fn depends_on_message(&self) -> bool {
        let mut elements = self.groups.iter().flat_map(|group| &group.elements);
        elements.any(|element| !matches!(element, Element::Literal(_)))
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
        let (numbers, mark) = (*results.numbers, results.captures.mark());
        while from <= record.len() {
            let start = self.next_start(record, from, cx)?;
            if let Some(end) = self.matches_at(record, start, to_end, cx, results) {
                return Some((start, end));
            }
            *results.numbers = numbers;
            results.captures.drop_from(mark);
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
                (_, Some(known)) => to_usize(segment.len(known.values, known.pad.longest())),
                _ => 0,
            },
        });
        lens.fold(0, usize::saturating_add)
    }

    /// End of the group when it matches at this place. Else what it has read is left in the results.
    #[inline]
    fn matches_at(
        &self,
        record: &[u8],
        start: usize,
        to_end: bool,
        cx: &GlobContext,
        results: &mut GlobResults,
    ) -> Option<usize> {
        *results.tries += 1;
        match_elements(&self.elements, record, start, to_end, cx, results)
    }
}
