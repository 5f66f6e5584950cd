//! Frames as a client sends them: masked, and begun anywhere.

use std::ops::Range;

use super::{MAX_CONTROL_PAYLOAD, Opcode};

/// Longest frame header that a client sends: with a mask key.
const MAX_CLIENT_HEADER: usize = 14;

/// Header of a masked, final frame.
#[derive(Debug, Clone, Copy)]
pub struct ClientHeader {
    bytes: [u8; MAX_CLIENT_HEADER],
    len: u8,
}

impl ClientHeader {
    /// The header of a frame with so many bytes of payload, masked with this key.
    #[inline]
    pub fn new(opcode: Opcode, payload_len: u64, mask: [u8; 4]) -> Self {
        const FIN: u8 = 0x80;
        const MASKED: u8 = 0x80;
        let mut bytes = [0; MAX_CLIENT_HEADER];
        bytes[0] = FIN | opcode as u8;
        // Each arm's pattern is what makes its cast exact.
        #[allow(clippy::cast_possible_truncation)]
        let extended = match payload_len {
            0..=125 => {
                bytes[1] = MASKED | payload_len as u8;
                2
            }
            126..=0xFFFF => {
                bytes[1] = MASKED | 126;
                bytes[2..4].copy_from_slice(&(payload_len as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = MASKED | 127;
                bytes[2..10].copy_from_slice(&payload_len.to_be_bytes());
                10
            }
        };
        bytes[extended..extended + 4].copy_from_slice(&mask);
        Self {
            bytes,
            // At most 14.
            #[allow(clippy::cast_possible_truncation)]
            len: extended as u8 + 4,
        }
    }

    /// The header as it is sent.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Masks a piece of a payload in place; `offset` is where it begins within the payload.
#[inline]
pub fn mask(piece: &mut [u8], key: [u8; 4], offset: u64) {
    let (key, wide) = turned(key, offset);
    let mut words = piece.chunks_exact_mut(8);
    for word in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
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
        let (key, wide) = turned(key, offset);
        let (from_words, from_rest) = piece.as_chunks::<8>();
        let (to_words, to_rest) = into.as_chunks_mut::<8>();
        for (to, from) in to_words.iter_mut().zip(from_words) {
            *to = (u64::from_ne_bytes(*from) ^ wide).to_ne_bytes();
        }
        for ((to, from), key) in to_rest.iter_mut().zip(from_rest).zip(key.iter().cycle()) {
            *to = from ^ key;
        }
    }
}

/// The key turned so that it begins with the byte that is for this offset; the same twice over.
#[inline]
fn turned(key: [u8; 4], offset: u64) -> ([u8; 4], u64) {
    #[allow(clippy::cast_possible_truncation)]
    let turn = (offset % 4) as usize;
    let key = [0, 1, 2, 3].map(|i| key[(i + turn) % 4]);
    let wide = u64::from(u32::from_ne_bytes(key));
    (key, (wide << 32) | wide)
}

/// Appends a whole control frame.
pub fn append_control(buffer: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    let payload = &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)];
    buffer.extend_from_slice(ClientHeader::new(opcode, payload.len() as u64, key).as_bytes());
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
