//! State of one client: its numbers, the texts of its slots, its captures, the counter of its ids.

use crate::holes::NumberFormat;

/// Numbers, ids and captured texts of one client. Every connection of the run has one.
#[derive(Debug, Clone)]
pub struct ClientState {
    client: u32,
    role: u16,
    last_id: u64,
    bytes: Vec<u8>,
    spans: Box<[SlotSpan]>,
    /// Number of slots that are captures; the others are fixed.
    captures: usize,
    /// Bytes of the fixed slots, which come first.
    fixed_bytes: usize,
}

/// A range of the bytes.
#[derive(Debug, Clone, Copy, Default)]
struct SlotSpan {
    start: u32,
    len: u32,
}

impl ClientState {
    /// A client with empty captures, and fixed slots behind them that hold these texts.
    pub(crate) fn new(client: u32, role: u16, captures: usize, fixed: &[Vec<u8>]) -> Self {
        let mut spans = vec![SlotSpan::default(); captures + fixed.len()].into_boxed_slice();
        let mut bytes = Vec::with_capacity(fixed.iter().map(Vec::len).sum());
        for (span, text) in spans[captures..].iter_mut().zip(fixed) {
            *span = span_of(bytes.len(), text.len());
            bytes.extend_from_slice(text);
        }
        let fixed_bytes = bytes.len();
        Self {
            client,
            role,
            last_id: 0,
            bytes,
            spans,
            captures,
            fixed_bytes,
        }
    }

    /// Number of the client, from 0.
    pub fn client(&self) -> u32 {
        self.client
    }

    /// Index of its role in [`Scenario::roles`](crate::Scenario::roles).
    pub fn role(&self) -> usize {
        self.role.into()
    }

    /// The id last taken; 0 when none was.
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The next id of this connection, from 1.
    #[inline]
    pub fn take_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Forgets captures and ids, as a new connection must.
    pub fn reset(&mut self) {
        self.last_id = 0;
        self.bytes.truncate(self.fixed_bytes);
        self.spans[..self.captures].fill(SlotSpan::default());
    }

    /// Text of a slot.
    #[inline]
    pub(crate) fn slot(&self, slot: u16) -> &[u8] {
        let Some(span) = self.spans.get(usize::from(slot)) else {
            return &[];
        };
        let start = span.start as usize;
        self.bytes
            .get(start..start + span.len as usize)
            .unwrap_or_default()
    }

    /// Replaces the text of a capture. Repeated captures reuse their room or rebuild the whole text.
    pub(crate) fn capture(&mut self, slot: u16, text: &[u8]) {
        let index = usize::from(slot);
        let Some(old) = self.spans[..self.captures].get(index).copied() else {
            return;
        };
        if text.len() <= old.len as usize {
            let start = old.start as usize;
            self.bytes[start..start + text.len()].copy_from_slice(text);
            self.spans[index] = span_of(start, text.len());
            return;
        }
        self.spans[index] = SlotSpan::default();
        self.compact();
        self.spans[index] = span_of(self.bytes.len(), text.len());
        self.bytes.extend_from_slice(text);
    }

    /// Drops the bytes of captures that no slot holds any more.
    fn compact(&mut self) {
        let mut bytes = self.bytes[..self.fixed_bytes].to_vec();
        for span in &mut self.spans[..self.captures] {
            let start = span.start as usize;
            let text = &self.bytes[start..start + span.len as usize];
            *span = span_of(bytes.len(), text.len());
            bytes.extend_from_slice(text);
        }
        self.bytes = bytes;
    }
}

/// Records, and so captures, are far shorter than 4 GiB.
fn span_of(start: usize, len: usize) -> SlotSpan {
    let narrow = |n| u32::try_from(n).unwrap_or(u32::MAX);
    SlotSpan {
        start: narrow(start),
        len: narrow(len),
    }
}

impl NumberFormat {
    /// The number that is written for an id: binary forms skip 0 and wrap.
    #[inline]
    pub(crate) fn of_id(self, id: u64) -> u64 {
        match self {
            Self::Decimal => id,
            _ => match self.max() {
                max if id <= max => id,
                max => (id - 1) % max + 1,
            },
        }
    }

    /// The newest id, `last` at most, that is written as this number; `None` when there is none.
    #[inline]
    pub(crate) fn id_from(self, number: u64, last: u64) -> Option<u64> {
        if number == 0 || number > self.max() {
            return None;
        }
        match self {
            Self::Decimal => Some(number),
            _ if number > last => None,
            _ => Some(number + (last - number) / self.max() * self.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_ids_skip_zero_and_wrap() {
        let format = NumberFormat::U16;
        assert_eq!(format.of_id(1), 1);
        assert_eq!(format.of_id(0xFFFF), 0xFFFF);
        assert_eq!(format.of_id(0x1_0000), 1);
        assert_eq!(format.of_id(0x2_FFFD), 0xFFFF);
        for id in [1, 2, 0xFFFE, 0xFFFF, 0x1_0000, 0x1_FFFF, 0x12_3456] {
            for later in [0, 1, 1000] {
                assert_eq!(
                    format.id_from(format.of_id(id), id + later),
                    Some(id),
                    "{id} {later}"
                );
            }
        }
        assert_eq!(format.id_from(0, 10), None);
        assert_eq!(format.id_from(11, 10), None);
    }

    #[test]
    fn captures_are_replaced_and_forgotten() {
        let mut state = ClientState::new(3, 0, 2, &[b"three".to_vec(), b"r1".to_vec()]);
        state.capture(0, b"first");
        state.capture(1, b"x");
        state.capture(0, b"much longer than before");
        state.capture(1, b"");
        state.capture(0, b"short");
        assert_eq!(state.slot(2), b"three");
        assert_eq!(state.slot(3), b"r1");
        assert_eq!(state.slot(0), b"short");
        assert_eq!(state.slot(1), b"");
        for n in 0..1000 {
            state.capture(0, &vec![b'x'; n % 7 * 10]);
        }
        assert!(state.bytes.len() < 200, "{}", state.bytes.len());
        assert_eq!(state.take_id(), 1);
        state.reset();
        assert_eq!((state.slot(0), state.slot(2)), (&b""[..], &b"three"[..]));
        assert_eq!(state.take_id(), 1);
    }
}
