//! Frames of a client: masked, and begun anywhere.

use std::ops::Range;

use crate::masking::{copy_masked, mask};
use crate::opcode::{MAX_CONTROL_PAYLOAD, Opcode};

/// Longest frame header that a client sends: with a mask key.
const MAX_CLIENT_HEADER: usize = 14;

/// Bit in the second byte of a masked frame.
const MASKED: u8 = 0x80;

/// Header of a final frame.
#[derive(Debug, Clone, Copy)]
pub struct FrameHeader {
    bytes: [u8; MAX_CLIENT_HEADER],
    len: u8,
}

impl FrameHeader {
    /// Header of a client's frame with this key.
    #[inline]
    pub fn masked(opcode: Opcode, payload_len: u64, key: [u8; 4]) -> Self {
        let mut header = Self::new(opcode, payload_len, MASKED);
        let end = usize::from(header.len);
        header.bytes[end..end + 4].copy_from_slice(&key);
        header.len += 4;
        header
    }

    /// Shortest header of a server's frame.
    #[inline]
    pub fn unmasked(opcode: Opcode, payload_len: u64) -> Self {
        Self::new(opcode, payload_len, 0)
    }

    #[inline]
    fn new(opcode: Opcode, payload_len: u64, masked: u8) -> Self {
        const FIN: u8 = 0x80;
        let mut bytes = [0; MAX_CLIENT_HEADER];
        bytes[0] = FIN | opcode as u8;
        // Each arm's pattern makes its cast exact.
        #[allow(clippy::cast_possible_truncation)]
        let len = match payload_len {
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
        Self { bytes, len }
    }

    /// The header as it is sent.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Bytes to be written, of a size that never grows; payload is masked as it is put in.
#[derive(Debug)]
pub struct WriteBuffer {
    bytes: Box<[u8]>,
    len: usize,
}

impl WriteBuffer {
    /// An empty buffer of this capacity.
    pub fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            len: 0,
        }
    }

    /// The bytes that were put in.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Empties the buffer.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Puts bytes in as they are.
    ///
    /// # Panics
    /// When the capacity is exceeded.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Puts a piece of a payload in, masked; `offset` is its position within the payload.
    ///
    /// # Panics
    /// When the capacity is exceeded.
    #[inline]
    pub fn put_masked(&mut self, piece: &[u8], key: [u8; 4], offset: u64) {
        let target = &mut self.bytes[self.len..self.len + piece.len()];
        self.len += piece.len();
        copy_masked(piece, target, key, offset);
    }
}

/// Appends a whole control frame.
pub fn append_control_frame(buffer: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    let payload = &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)];
    buffer.extend_from_slice(FrameHeader::masked(opcode, payload.len() as u64, key).as_bytes());
    let start = buffer.len();
    buffer.extend_from_slice(payload);
    mask(&mut buffer[start..], key, 0);
}

/// Returns the ranges of header and payload bytes that come next, when `from` bytes of the frame are
/// written and there is room for `room` more.
pub fn next_piece(
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
