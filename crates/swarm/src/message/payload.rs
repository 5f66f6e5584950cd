//! Payload of a message: its identity, followed by bytes derived from the identity and the seed.
//!
//! A payload is a pure function of seed, client and message number. Partly sent messages can therefore be continued,
//! and echoes verified piece by piece, without a copy.
//!
//! The first 16 bytes are the identity in hexadecimal digits, six for the client and ten for the message. The rest is a
//! section of one pool of random bytes, at a place derived from the message. A payload shorter than 16 bytes is the end
//! of the identity, the last digits of the number.

use std::ops::Range;

use measurement::plan::{MAX_PAYLOAD_BYTES, Plan};
use measurement::record::message_hash;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use websocket_wire::WriteBuffer;

/// Length of an identity in bytes.
pub(crate) const IDENTITY_LEN: usize = 16;

/// Hexadecimal digits of the client's number. The others are the message number.
const CLIENT_DIGITS: usize = 6;

/// The two hexadecimal digits of every byte.
static DIGITS: [[u8; 2]; 256] = {
    const DIGIT: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        digits[byte] = [DIGIT[byte >> 4], DIGIT[byte & 0xF]];
        byte += 1;
    }
    digits
};

/// Number of places in the pool where a message's bytes can start.
const PLACES: u64 = 4096;

/// Bit set in the numbers of warm-up messages, whose echoes are not measured.
const WARMUP_BIT: u64 = 1 << 39;

/// The highest index of a message within its phase.
pub(crate) const MAX_INDEX: u64 = WARMUP_BIT - 1;

/// Number of a message within its client. Warm-up messages are numbered separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageNumber(u64);

impl MessageNumber {
    pub(crate) fn measured(index: u64) -> Self {
        Self(index & !WARMUP_BIT)
    }

    pub(crate) fn warmup(index: u64) -> Self {
        Self(index | WARMUP_BIT)
    }

    /// The number as it is sent, at most 40 bits.
    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// The number with these bits.
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << 40) - 1))
    }

    pub(crate) fn is_warmup(self) -> bool {
        self.0 & WARMUP_BIT != 0
    }

    /// Value that increases from message to message. All warm-up messages come before the measured ones.
    #[inline]
    pub(crate) fn order(self) -> u64 {
        self.0 ^ WARMUP_BIT
    }

    /// Index among the messages of its phase, from 0.
    pub(crate) fn index(self) -> u64 {
        self.0 & !WARMUP_BIT
    }
}

/// Parses at most 16 lower-case hexadecimal digits; `None` for other bytes.
#[inline]
pub(crate) fn parse_digits(bytes: &[u8]) -> Option<u64> {
    let mut bits = 0_u64;
    for byte in bytes {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        bits = (bits << 4) | u64::from(digit);
    }
    Some(bits)
}

/// Identification of a message among all messages of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) client: u32,
    pub(crate) number: MessageNumber,
}

impl Identity {
    #[inline]
    pub(crate) fn to_bytes(self) -> [u8; IDENTITY_LEN] {
        let bits = (u64::from(self.client) << 40) | self.number.0;
        let mut bytes = [0; IDENTITY_LEN];
        for (digits, byte) in bytes.as_chunks_mut().0.iter_mut().zip(bits.to_be_bytes()) {
            *digits = DIGITS[usize::from(byte)];
        }
        bytes
    }

    /// Parses the output of [`to_bytes`](Self::to_bytes); `None` for other bytes.
    #[inline]
    pub(crate) fn parse(bytes: &[u8; IDENTITY_LEN]) -> Option<Self> {
        parse_digits(bytes).map(Self::from_bits)
    }

    /// The identity with the value of these 16 hexadecimal digits.
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        const { assert!(CLIENT_DIGITS * 4 == 24) };
        // 24 bits remain.
        #[allow(clippy::cast_possible_truncation)]
        let client = (bits >> 40) as u32;
        Self {
            client,
            number: MessageNumber(bits & ((1 << 40) - 1)),
        }
    }
}

/// The payloads of a run, immutable and shared by all threads.
#[derive(Debug)]
pub(crate) struct Payloads {
    seed: u64,
    min: u64,
    max: u64,
    pool: Vec<u8>,
}

/// Size of a message, and place of its bytes in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PayloadShape {
    /// Payload bytes, as 32 bits, because every message in flight stores one.
    size: u32,
    /// Place of the bytes in the pool; in a scenario, index of the message's kind.
    place: u16,
}

impl PayloadShape {
    /// A message of a scenario, of this kind. Sizes and kinds are far below their limits.
    #[inline]
    pub(crate) fn of_kind(kind: usize, size: u64) -> Self {
        Self {
            size: u32::try_from(size).unwrap_or(u32::MAX),
            place: u16::try_from(kind).unwrap_or(u16::MAX),
        }
    }

    /// Index of the kind of a scenario's message, as samples store it.
    #[inline]
    pub(crate) fn kind_number(self) -> u16 {
        self.place
    }

    /// Index of the kind of a scenario's message.
    #[inline]
    pub(crate) fn kind(self) -> usize {
        self.place.into()
    }

    /// Payload bytes.
    #[inline]
    pub(crate) fn size(self) -> u64 {
        self.size.into()
    }
}

impl Payloads {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(plan.seed);
        let mut pool = vec![0; usize::try_from(plan.payload.max + PLACES).unwrap_or(usize::MAX)];
        rng.fill(&mut pool[..]);
        if plan.text {
            // 64 characters, so that every byte of a text is one character.
            for byte in &mut pool {
                *byte = b'0' + (*byte & 0x3F);
            }
        }
        Self {
            seed: plan.seed,
            min: plan.payload.min,
            max: plan.payload.max,
            pool,
        }
    }

    /// The size and place of a message's payload.
    #[inline]
    pub(crate) fn shape(&self, identity: Identity) -> PayloadShape {
        let hash = message_hash(self.seed, identity.client, identity.number.0);
        let spread = u128::from(self.max - self.min + 1);
        // The upper 64 bits of hash × spread are uniform in 0..spread (Lemire, 2019).
        let above_min = ((u128::from(hash) * spread) >> 64) as u64;
        // At most the maximum payload size, which is below 2³².
        const { assert!(MAX_PAYLOAD_BYTES <= u32::MAX as u64) };
        #[allow(clippy::cast_possible_truncation)]
        PayloadShape {
            size: (self.min + above_min) as u32,
            // Below 4096.
            place: (hash % PLACES) as u16,
        }
    }

    /// Returns true when this number of payload bytes is within the range.
    pub(crate) fn may_have_size(&self, size: u64) -> bool {
        (self.min..=self.max).contains(&size)
    }

    /// The bytes after the identity in this range of the payload. The range must start at [`IDENTITY_LEN`] or later,
    /// and end within the maximum payload.
    #[inline]
    fn body(&self, shape: PayloadShape, range: Range<u64>) -> &[u8] {
        let start = u64::from(shape.place) + range.start - IDENTITY_LEN as u64;
        let len = range.end - range.start;
        // Both are within the pool, which is a Vec.
        #[allow(clippy::cast_possible_truncation)]
        &self.pool[start as usize..(start + len) as usize]
    }

    /// Appends a range of a message's payload to the buffer, masked.
    #[inline]
    pub(crate) fn put_masked(
        &self,
        buffer: &mut WriteBuffer,
        identity: Identity,
        shape: PayloadShape,
        range: Range<u64>,
        mask: [u8; 4],
    ) {
        let identity_len = (IDENTITY_LEN as u64).min(shape.size());
        if range.start < identity_len {
            let identity = identity.to_bytes();
            let tail = &identity[IDENTITY_LEN - at(identity_len)..];
            let piece = &tail[at(range.start)..at(range.end.min(identity_len))];
            buffer.put_masked(piece, mask, range.start);
        }
        if range.end > identity_len {
            let from = range.start.max(identity_len);
            buffer.put_masked(self.body(shape, from..range.end), mask, from);
        }
    }

    /// Returns true when the message has these bytes at `offset` (at least [`IDENTITY_LEN`]). False when they extend
    /// beyond its end.
    #[inline]
    pub(crate) fn matches(&self, shape: PayloadShape, offset: u64, bytes: &[u8]) -> bool {
        let end = offset + bytes.len() as u64;
        end <= shape.size() && self.body(shape, offset..end) == bytes
    }

    /// Position in the message of the first of these bytes that is wrong. They start at `offset` (at least
    /// [`IDENTITY_LEN`]); `None` when all are correct.
    #[inline]
    pub(crate) fn differs_at(&self, shape: PayloadShape, offset: u64, bytes: &[u8]) -> Option<u64> {
        if self.matches(shape, offset, bytes) {
            return None;
        }
        (offset..)
            .zip(bytes)
            .find(|(at, byte)| !self.matches(shape, *at, std::slice::from_ref(byte)))
            .map(|(at, _)| at)
    }
}

/// Converts a position within an identity, at most 16.
#[allow(clippy::cast_possible_truncation)]
fn at(place: u64) -> usize {
    place as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{plan, whole_payload as whole};
    use proptest::prelude::*;

    fn payloads(min: u64, max: u64, text: bool) -> Payloads {
        Payloads::new(&plan(|draft| {
            draft.payload = units::SizeRange { min, max };
            draft.text = text;
        }))
    }

    fn identity(client: u32, index: u64) -> Identity {
        Identity {
            client,
            number: MessageNumber::measured(index),
        }
    }

    #[test]
    fn a_payload_begins_with_client_and_number() {
        let bytes = whole(&payloads(40, 40, true), identity(0xAB, 0x1F));
        assert_eq!(bytes.len(), 40);
        assert_eq!(&bytes[..16], b"0000ab000000001f");
        assert!(bytes.iter().all(u8::is_ascii_graphic));
    }

    #[test]
    fn a_short_payload_ends_the_identity() {
        assert_eq!(whole(&payloads(3, 3, true), identity(1, 0xFED)), b"fed");
        assert_eq!(whole(&payloads(1, 1, true), identity(1, 0x1A)), b"a");
    }

    #[test]
    fn messages_differ_beyond_their_identity() {
        let p = payloads(200, 200, false);
        let (a, b) = (whole(&p, identity(1, 1)), whole(&p, identity(1, 2)));
        assert_ne!(a[16..], b[16..]);
        assert!(a.iter().any(|byte| *byte > 0x7F), "binary uses all bytes");
    }

    #[test]
    fn sizes_fill_their_range_and_follow_the_seed() {
        let p = payloads(10, 12, true);
        let sizes: Vec<_> = (0..300).map(|n| p.shape(identity(0, n)).size()).collect();
        for size in 10..=12 {
            let share = sizes.iter().filter(|s| **s == size).count();
            assert!((60..140).contains(&share), "{share} of 300 are {size}");
        }
        let again = payloads(10, 12, true);
        assert!((0..300).all(|n| again.shape(identity(0, n)).size() == sizes[n as usize]));
    }

    proptest! {
        #[test]
        fn identities_are_read_back(client in 0..=measurement::plan::MAX_CLIENTS, index in 0..WARMUP_BIT, warmup: bool) {
            let number = if warmup { MessageNumber::warmup(index) } else { MessageNumber::measured(index) };
            let of = Identity { client, number };
            prop_assert_eq!(Identity::parse(&of.to_bytes()), Some(of));
            prop_assert_eq!((number.index(), number.is_warmup()), (index, warmup));
        }

        #[test]
        fn pieces_make_the_whole_and_agree_with_it(size in 1..300_u64, cut in 0..300_u64, client: u16, index in 0..1000_u64) {
            let p = payloads(size, size, false);
            let (of, cut) = (identity(client.into(), index), cut.min(size));
            let shape = p.shape(of);
            let bytes = whole(&p, of);
            let mut plain = WriteBuffer::new(300);
            p.put_masked(&mut plain, of, shape, 0..cut, [0; 4]);
            p.put_masked(&mut plain, of, shape, cut..size, [0; 4]);
            prop_assert_eq!(plain.as_bytes(), &bytes);
            let mut buffer = WriteBuffer::new(300);
            p.put_masked(&mut buffer, of, shape, 0..cut, *b"mask");
            p.put_masked(&mut buffer, of, shape, cut..size, *b"mask");
            let mut masked = bytes.clone();
            websocket_wire::mask(&mut masked, *b"mask", 0);
            prop_assert_eq!(buffer.as_bytes(), &masked);
            if size > 16 {
                let from = cut.max(16);
                prop_assert!(p.matches(shape, from, &bytes[from as usize..]));
                let mut wrong = bytes[16..].to_vec();
                *wrong.last_mut().unwrap() ^= 1;
                prop_assert!(!p.matches(shape, 16, &wrong));
                prop_assert!(!p.matches(shape, size, b"x"));
            }
        }
    }
}
