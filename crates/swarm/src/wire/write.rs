//! Frames as a client sends them: masked, and begun anywhere.

use std::ops::Range;

use super::{MAX_CONTROL_PAYLOAD, Opcode};

/// Longest frame header that a client sends: with a mask key.
const MAX_CLIENT_HEADER: usize = 14;

/// Set in the second byte of a masked frame.
const MASKED: u8 = 0x80;

/// Header of a final frame.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    bytes: [u8; MAX_CLIENT_HEADER],
    len: u8,
}

impl Header {
    /// The header of a client's frame with so many bytes of payload, masked with this key.
    #[inline]
    #[must_use]
    pub fn of_client(opcode: Opcode, payload_len: u64, mask: [u8; 4]) -> Self {
        let mut header = Self::new(opcode, payload_len, MASKED);
        let at = usize::from(header.len);
        header.bytes[at..at + 4].copy_from_slice(&mask);
        header.len += 4;
        header
    }

    /// Length of the header of a client's frame with so many bytes of payload: 6, 8 or 14.
    #[inline]
    #[must_use]
    pub fn client_len(payload_len: u64) -> u8 {
        match payload_len {
            0..=125 => 6,
            126..=0xFFFF => 8,
            _ => 14,
        }
    }

    /// The shortest header of a server's frame with so many bytes of payload.
    #[inline]
    #[must_use]
    pub fn of_server(opcode: Opcode, payload_len: u64) -> Self {
        Self::new(opcode, payload_len, 0)
    }

    #[inline]
    fn new(opcode: Opcode, payload_len: u64, masked: u8) -> Self {
        const FIN: u8 = 0x80;
        let mut bytes = [0; MAX_CLIENT_HEADER];
        bytes[0] = FIN | opcode as u8;
        // Each arm's pattern is what makes its cast exact.
        #[allow(clippy::cast_possible_truncation)]
        let extended = match payload_len {
            0..=125 => {
                bytes[1] = masked | payload_len as u8;
                2
            }
            126..=0xFFFF => {
                bytes[1] = masked | 126;
                bytes[2..4].copy_from_slice(&(payload_len as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = masked | 127;
                bytes[2..10].copy_from_slice(&payload_len.to_be_bytes());
                10
            }
        };
        Self {
            bytes,
            len: extended,
        }
    }

    /// The header as it is sent.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Masks a piece of a payload in place; `offset` is where it begins within the payload.
#[inline]
pub fn mask(piece: &mut [u8], key: [u8; 4], offset: u64) {
    let key = turned(key, offset);
    let word = u32::from_ne_bytes(key);
    let (words, rest) = piece.as_chunks_mut::<4>();
    for bytes in words {
        *bytes = (u32::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Bytes to be written, of a size that never grows: what is put in is masked on the way.
#[derive(Debug)]
pub struct WriteBuffer {
    bytes: Box<[u8]>,
    len: usize,
}

impl WriteBuffer {
    /// An empty buffer with room for so many bytes.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self {
            bytes: vec![0; room].into_boxed_slice(),
            len: 0,
        }
    }

    /// What was put in.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Forgets what was put in.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Puts bytes in as they are.
    ///
    /// # Panics
    /// When there is no room for them.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Puts a piece of a payload in, masked; `offset` is where it begins within the payload.
    ///
    /// # Panics
    /// When there is no room for it.
    #[inline]
    pub fn put_masked(&mut self, piece: &[u8], key: [u8; 4], offset: u64) {
        let into = &mut self.bytes[self.len..self.len + piece.len()];
        self.len += piece.len();
        let key = turned(key, offset);
        // Sixteen at a time is what the compiler makes one instruction of, everywhere.
        let wide: [u8; 16] = std::array::from_fn(|i| key[i % 4]);
        let (from_wide, from) = piece.as_chunks::<16>();
        let (to_wide, to) = into.as_chunks_mut::<16>();
        for (to, from) in to_wide.iter_mut().zip(from_wide) {
            *to = std::array::from_fn(|i| from[i] ^ wide[i]);
        }
        let word = u32::from_ne_bytes(key);
        let (from_words, from) = from.as_chunks::<4>();
        let (to_words, to) = to.as_chunks_mut::<4>();
        for (to, from) in to_words.iter_mut().zip(from_words) {
            *to = (u32::from_ne_bytes(*from) ^ word).to_ne_bytes();
        }
        for ((to, from), key) in to.iter_mut().zip(from).zip(key) {
            *to = from ^ key;
        }
    }
}

/// The key turned so that it begins with the byte that is for this offset.
#[inline]
fn turned(key: [u8; 4], offset: u64) -> [u8; 4] {
    #[allow(clippy::cast_possible_truncation)]
    let turn = (offset % 4) as u32;
    u32::from_le_bytes(key).rotate_right(8 * turn).to_le_bytes()
}

/// Appends a whole control frame.
pub fn append_control(buffer: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    let payload = &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)];
    buffer.extend_from_slice(Header::of_client(opcode, payload.len() as u64, key).as_bytes());
    let start = buffer.len();
    buffer.extend_from_slice(payload);
    mask(&mut buffer[start..], key, 0);
}

/// The piece of a frame that is still to be sent, cut to what there is room for: which of its
/// header bytes and which of its payload bytes.
pub fn pieces(
    header_len: usize,
    payload_len: u64,
    from: u64,
    room: usize,
) -> (Range<usize>, Range<u64>) {
    let header_from = usize::try_from(from).unwrap_or(usize::MAX).min(header_len);
    let header_to = header_len.min(header_from.saturating_add(room));
    let room = (room - (header_to - header_from)) as u64;
    let payload_from = from.saturating_sub(header_len as u64).min(payload_len);
    let payload_to = payload_len.min(payload_from.saturating_add(room));
    (header_from..header_to, payload_from..payload_to)
}
