//! Encoder for frames from a client: masked, and resumable at any byte.

use std::ops::Range;

use crate::masking::{copy_masked, mask};
use crate::opcode::{MAX_CONTROL_PAYLOAD, Opcode};

/// Longest frame header of a client, which includes the mask key.
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
    /// Header of a frame from a client, with this mask key.
    #[inline]
    pub fn masked(opcode: Opcode, payload_len: u64, key: [u8; 4]) -> Self {
        let mut header = Self::new(opcode, payload_len, MASKED);
        let end = usize::from(header.len);
        header.bytes[end..end + 4].copy_from_slice(&key);
        header.len += 4;
        header
    }

    /// Header of a frame from a server, in its shortest form.
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

    /// The encoded header.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// A write buffer of fixed capacity that masks payload as it is appended.
#[derive(Debug)]
pub struct WriteBuffer {
    bytes: Box<[u8]>,
    len: usize,
}

impl WriteBuffer {
    /// An empty buffer with this capacity, in bytes.
    pub fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            len: 0,
        }
    }

    /// The bytes in the buffer.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Empties the buffer.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends bytes unchanged.
    ///
    /// # Panics
    /// When the capacity is exceeded.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Appends a piece of a payload, masked. `offset` is its position within the payload.
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

/// Appends a complete masked control frame. Payload beyond 125 bytes is cut off.
pub fn append_control_frame(buffer: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    let payload = &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)];
    buffer.extend_from_slice(FrameHeader::masked(opcode, payload.len() as u64, key).as_bytes());
    let start = buffer.len();
    buffer.extend_from_slice(payload);
    mask(&mut buffer[start..], key, 0);
}

/// Ranges of the header and payload bytes to write next, after `from` bytes of the frame were written, with room for
/// `room` more.
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
