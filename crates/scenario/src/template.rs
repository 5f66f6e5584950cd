//! Templates: texts to send, compiled to segments.

use std::ops::Range;

use crate::captures::Captures;
use crate::client::ClientState;
use crate::digits::{Digits, uid};
use crate::holes::{ClockUnit, NumberFormat};
use crate::padding::{Padding, to_usize};

/// Receiver of a message's bytes, piece by piece.
pub trait ByteSink {
    /// Takes the next bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl ByteSink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateSegment {
    Literal(Box<[u8]>),
    /// Text that the client's state holds.
    Slot(u16),
    /// Text captured from the record that is being answered.
    Local(u16),
    Uid,
    Id(NumberFormat),
    Pad,
    Int {
        low: u64,
        spread: u64,
        salt: u32,
    },
    Pick {
        options: Box<[Box<[u8]>]>,
        salt: u32,
    },
    Now(ClockUnit),
    Len {
        of: Measure,
        format: NumberFormat,
    },
}

/// Bytes of `${uid}`.
pub(crate) const UID_LEN: usize = 17;

/// The values of one message. Passed by reference on the path of a message: copying it takes longer than the work.
#[derive(Clone, Copy)]
pub struct MessageValues<'a> {
    /// State of the client, which holds the texts of its slots.
    pub client: &'a ClientState,
    /// Number of the client that sends the message: that of `client`, unless the message is another's.
    pub sender: u32,
    /// Number of the message within its sender, at most 40 bits.
    pub number: u64,
    /// Id from [`ClientState::take_id`], when the template holds one.
    pub id: u64,
    /// Wall clock in nanoseconds since 1970, when the template shows the time.
    pub wall_ns: u64,
    /// Captures of the record that is answered; [`Captures::none`] for all other messages.
    pub captures: &'a Captures,
    /// Random parts of all messages.
    pub padding: &'a Padding,
}

/// Length of segments: what is known beforehand, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Bytes that are the same in every message.
    pub(crate) fixed: u64,
    /// Number of decimal ids.
    pub(crate) ids: u64,
    /// Number of `${pad}`.
    pub(crate) pads: u64,
    /// Segments of other lengths.
    pub(crate) others: Box<[TemplateSegment]>,
}

impl Measure {
    pub(crate) fn of(segments: &[TemplateSegment]) -> Self {
        use TemplateSegment::{Id, Int, Len, Literal, Local, Now, Pad, Pick, Slot, Uid};
        let mut measure = Self::default();
        let mut others = Vec::new();
        for segment in segments {
            match segment {
                Literal(bytes) => measure.fixed += bytes.len() as u64,
                Uid => measure.fixed += UID_LEN as u64,
                Id(NumberFormat::Decimal) => measure.ids += 1,
                Id(NumberFormat::U16) => measure.fixed += 2,
                Id(_) => measure.fixed += 4,
                Pad => measure.pads += 1,
                Len {
                    format: NumberFormat::U8,
                    ..
                } => measure.fixed += 1,
                Len {
                    format: NumberFormat::U16,
                    ..
                } => measure.fixed += 2,
                Len {
                    format: NumberFormat::U32,
                    ..
                } => measure.fixed += 4,
                Slot(_) | Local(_) | Int { .. } | Pick { .. } | Now(_) | Len { .. } => {
                    others.push(segment.clone());
                }
            }
        }
        measure.others = others.into();
        measure
    }

    /// Returns true when the length is the same for every client and id.
    pub(crate) fn is_fixed(&self) -> bool {
        use TemplateSegment::{Int, Pick};
        let is_shared = |segment: &TemplateSegment| match segment {
            Int { .. } | Pick { .. } => true,
            TemplateSegment::Len { of, .. } => of.is_fixed(),
            _ => false,
        };
        self.ids == 0 && self.others.iter().all(is_shared)
    }

    /// Returns true when the length depends on `${pad}`, also where only a length is written.
    pub(crate) fn depends_on_pad(&self) -> bool {
        let depends = |segment: &TemplateSegment| match segment {
            TemplateSegment::Len { of, .. } => of.depends_on_pad(),
            _ => false,
        };
        self.pads > 0 || self.others.iter().any(depends)
    }

    #[inline]
    fn bytes(&self, values: &MessageValues, pad: u64) -> u64 {
        let mut bytes = self.fixed + self.pads * pad;
        if self.ids > 0 {
            bytes += self.ids * Digits::of(values.id).len() as u64;
        }
        for segment in &self.others {
            bytes += segment.len(values, pad);
        }
        bytes
    }
}

impl TemplateSegment {
    /// Bytes of the segment, with a pad of this length.
    pub(crate) fn len(&self, values: &MessageValues, pad: u64) -> u64 {
        match self {
            Self::Pad => pad,
            _ => {
                let mut counter = ByteCounter(0);
                self.write(values, pad, &mut counter);
                counter.0
            }
        }
    }

    #[inline]
    pub(crate) fn write(&self, values: &MessageValues, pad: u64, sink: &mut impl ByteSink) {
        let sender = values.sender;
        match self {
            Self::Literal(bytes) => sink.put(bytes),
            Self::Slot(slot) => sink.put(values.client.slot(*slot)),
            Self::Local(local) => sink.put(values.captures.local(*local)),
            Self::Uid => sink.put(&uid(sender, values.number)),
            Self::Id(format) => sink.put(&Digits::formatted(format.of_id(values.id), *format)),
            Self::Pad => sink.put(values.padding.letters(sender, values.number, pad)),
            Self::Int { low, spread, salt } => {
                let above = values.padding.random(sender, values.number, *salt, *spread);
                sink.put(&Digits::of(low + above));
            }
            Self::Pick { options, salt } => {
                let last = options.len().saturating_sub(1) as u64;
                let at = values.padding.random(sender, values.number, *salt, last);
                if let Some(option) = options.get(to_usize(at)) {
                    sink.put(option);
                }
            }
            Self::Now(unit) => sink.put(&Digits::of(values.wall_ns / unit.in_ns())),
            Self::Len { of, format } => {
                sink.put(&Digits::formatted(of.bytes(values, pad), *format));
            }
        }
    }
}

struct ByteCounter(u64);

impl ByteSink for ByteCounter {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len() as u64;
    }
}

/// A text to send, compiled to segments.
#[derive(Debug, Clone, Default)]
pub struct Template {
    segments: Box<[TemplateSegment]>,
    length: Measure,
    /// Length that `--size` counts: of the var that holds `${pad}`, else of the message.
    sized: Option<Measure>,
    holds_id: bool,
    shows_time: bool,
}

impl Template {
    pub(crate) fn new(segments: Vec<TemplateSegment>, sized: Option<Measure>) -> Self {
        let holds =
            |wanted: fn(&TemplateSegment) -> bool| segments.iter().any(|s| holds(s, wanted));
        Self {
            length: Measure::of(&segments),
            sized,
            holds_id: holds(|segment| matches!(segment, TemplateSegment::Id(_))),
            shows_time: holds(|segment| matches!(segment, TemplateSegment::Now(_))),
            segments: segments.into(),
        }
    }

    /// Returns true when the message needs an id of its own.
    pub fn holds_id(&self) -> bool {
        self.holds_id
    }

    /// Returns true when the message needs the wall clock.
    pub fn shows_time(&self) -> bool {
        self.shows_time
    }

    /// Returns true when `${pad}` fills the message up to a wanted size.
    pub fn holds_pad(&self) -> bool {
        self.sized.is_some()
    }

    /// The texts in the message that are the same for every client and message.
    pub fn literals(&self) -> impl Iterator<Item = &[u8]> {
        self.segments.iter().filter_map(|segment| match segment {
            TemplateSegment::Literal(bytes) => Some(&**bytes),
            _ => None,
        })
    }

    /// The whole text, when it is the same for every client and message.
    pub fn fixed_text(&self) -> Option<Vec<u8>> {
        let is_fixed = self.literals().count() == self.segments.len();
        is_fixed.then(|| self.literals().collect::<Vec<_>>().concat())
    }

    pub(crate) fn segments(&self) -> &[TemplateSegment] {
        &self.segments
    }

    /// The length that a wanted size counts.
    pub(crate) fn sized(&self) -> Option<&Measure> {
        self.sized.as_ref()
    }

    /// The message with these values: its length is known before a byte is written.
    #[inline]
    pub fn fill<'a>(&'a self, values: &'a MessageValues<'a>) -> FilledTemplate<'a> {
        let pad = pad_len(self.sized.as_ref(), values);
        FilledTemplate {
            template: self,
            len: self.length.bytes(values, pad),
            pad,
            values,
        }
    }

    /// Bytes of the message without `${pad}`, and those that a wanted size counts.
    pub(crate) fn least_size(&self, values: &MessageValues) -> Option<u64> {
        self.sized.as_ref().map(|sized| sized.bytes(values, 0))
    }

    /// The lengths in the message that do not fit their format: bytes and format of the first.
    pub(crate) fn unfit_length(&self, values: &MessageValues) -> Option<(u64, NumberFormat)> {
        let pad = pad_len(self.sized.as_ref(), values);
        self.segments.iter().find_map(|segment| match segment {
            TemplateSegment::Len { of, format } => {
                let bytes = of.bytes(values, pad);
                (bytes > format.max()).then_some((bytes, *format))
            }
            _ => None,
        })
    }
}

fn holds(segment: &TemplateSegment, wanted: fn(&TemplateSegment) -> bool) -> bool {
    wanted(segment)
        || match segment {
            TemplateSegment::Len { of, .. } => {
                of.others.iter().any(|s| holds(s, wanted))
                    || of.ids > 0 && wanted(&TemplateSegment::Id(NumberFormat::Decimal))
            }
            _ => false,
        }
}

/// Letters that fill the sized part of a message up to its wanted size.
#[inline]
pub(crate) fn pad_len(sized: Option<&Measure>, values: &MessageValues) -> u64 {
    let Some(sized) = sized else {
        return 0;
    };
    match values.padding.size(values.sender, values.number) {
        Some(size) => size.saturating_sub(sized.bytes(values, 0)),
        None => 0,
    }
}

/// A message, ready to be written.
#[derive(Clone, Copy)]
pub struct FilledTemplate<'a> {
    template: &'a Template,
    values: &'a MessageValues<'a>,
    len: u64,
    pad: u64,
}

impl FilledTemplate<'_> {
    /// Bytes of the message.
    #[inline]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns true for a message without bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes the whole message.
    #[inline]
    pub fn write(&self, sink: &mut impl ByteSink) {
        for segment in &self.template.segments {
            segment.write(self.values, self.pad, sink);
        }
    }

    /// Returns true when these are the bytes of the message.
    #[inline]
    pub(crate) fn equals(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.len && {
            let mut expected = ExpectedBytes::new(bytes);
            self.write(&mut expected);
            expected.agrees
        }
    }

    /// Writes these bytes of the message, to continue one that was written in part.
    pub fn write_range(&self, range: Range<u64>, sink: &mut impl ByteSink) {
        let mut clipped = ClippedSink { at: 0, range, sink };
        self.write(&mut clipped);
    }
}

/// Passes on the bytes of a range.
struct ClippedSink<'a, S> {
    at: u64,
    range: Range<u64>,
    sink: &'a mut S,
}

impl<S: ByteSink> ByteSink for ClippedSink<'_, S> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len() as u64;
        let from = self.range.start.clamp(self.at, end) - self.at;
        let to = self.range.end.clamp(self.at, end) - self.at;
        if from < to {
            self.sink.put(&bytes[to_usize(from)..to_usize(to)]);
        }
        self.at = end;
    }
}

/// Compares what is written with bytes that are there.
pub(crate) struct ExpectedBytes<'a> {
    rest: &'a [u8],
    /// Bytes written so far.
    pub(crate) len: usize,
    pub(crate) agrees: bool,
}

impl<'a> ExpectedBytes<'a> {
    #[inline]
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self {
            rest,
            len: 0,
            agrees: true,
        }
    }
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
