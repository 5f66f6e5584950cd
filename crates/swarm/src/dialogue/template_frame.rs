//! Frames filled from templates.

use std::ops::Range;

use scenario::{ByteSink, FilledTemplate};
use websocket_wire::{FrameHeader, MessageKind, WriteBuffer, mask};

/// Appends a range of a message to the buffer, masked.
#[inline]
pub(crate) fn put_masked(
    buffer: &mut WriteBuffer,
    message: &FilledTemplate<'_>,
    range: Range<u64>,
    mask: [u8; 4],
) {
    let mut sink = MaskedBuffer {
        buffer,
        mask,
        at: range.start,
    };
    if range == (0..message.len()) {
        message.write(&mut sink);
    } else {
        message.write_range(range, &mut sink);
    }
}

struct MaskedBuffer<'a> {
    buffer: &'a mut WriteBuffer,
    mask: [u8; 4],
    /// Position of the next byte within the message.
    at: u64,
}

impl ByteSink for MaskedBuffer<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.buffer.put_masked(bytes, self.mask, self.at);
        self.at += bytes.len() as u64;
    }
}

/// Appends a whole masked frame.
pub(crate) fn append_frame(
    buffer: &mut Vec<u8>,
    message: &FilledTemplate<'_>,
    kind: MessageKind,
    key: [u8; 4],
) {
    let header = FrameHeader::masked(kind.into(), message.len(), key);
    buffer.extend_from_slice(header.as_bytes());
    let start = buffer.len();
    message.write(buffer);
    mask(&mut buffer[start..], key, 0);
}
