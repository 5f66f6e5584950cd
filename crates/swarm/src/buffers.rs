//! Write buffers shared by all clients of a thread, and the frames in them.

use std::ops::Range;

use measurement::plan::Plan;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use scenario::FilledTemplate;
use websocket_wire::{FrameHeader, MessageKind, WriteBuffer, next_piece};

use crate::dialogue::template_frame;
use crate::message::in_flight::InFlightMessage;
use crate::message::payload::{Identity, Payloads};

/// Maximum number of bytes of one read or write on a socket.
pub(crate) const BUFFER_LEN: usize = 64 * 1024;

/// Maximum number of unsent control bytes of a client. Beyond it, pings are not answered, because the server does not
/// read the pongs.
pub(crate) const MAX_CONTROL_BACKLOG: usize = 4096;

/// Room for control frames in addition to [`BUFFER_LEN`]: a client's backlog and one more frame. Answers of a scenario
/// may need more and are then written piece by piece.
pub(crate) const CONTROL_LEN: usize = 2 * MAX_CONTROL_BACKLOG;

/// Buffers for writing. They are empty between two calls.
#[derive(Debug)]
pub(crate) struct WriteBuffers {
    pub(crate) bytes: WriteBuffer,
    /// Frames started in `bytes`.
    pub(crate) frames: Vec<OutgoingFrame>,
    pub(crate) masks: Xoshiro256PlusPlus,
}

impl WriteBuffers {
    pub(crate) fn new(plan: &Plan, thread: usize) -> Self {
        Self {
            bytes: WriteBuffer::new(BUFFER_LEN + CONTROL_LEN),
            frames: Vec::new(),
            masks: Xoshiro256PlusPlus::seed_from_u64(plan.seed ^ ((thread as u64) << 48)),
        }
    }
}

/// A data frame being written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutgoingFrame {
    /// The message, as recorded once its first byte is sent.
    pub(crate) message: InFlightMessage,
    header: FrameHeader,
    mask: [u8; 4],
    /// Bytes of the frame that are in the write buffer or already sent.
    pub(crate) written: u64,
}

impl OutgoingFrame {
    /// A frame of which no byte is written yet.
    #[inline]
    pub(crate) fn new(message: InFlightMessage, kind: MessageKind, mask: [u8; 4]) -> Self {
        Self {
            message,
            header: FrameHeader::masked(kind.into(), message.shape.size(), mask),
            mask,
            written: 0,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> u64 {
        self.header.as_bytes().len() as u64 + self.message.shape.size()
    }

    /// Appends as much of the frame as fits into the buffer.
    #[inline]
    pub(crate) fn append(&mut self, buffer: &mut WriteBuffer, client: u32, payloads: &Payloads) {
        let InFlightMessage { number, shape, .. } = self.message;
        let body = self.append_header(buffer);
        let identity = Identity { client, number };
        payloads.put_masked(buffer, identity, shape, body, self.mask);
    }

    /// Appends as much of the frame of a scenario's message as fits into the buffer.
    #[inline]
    pub(crate) fn append_template(
        &mut self,
        buffer: &mut WriteBuffer,
        message: &FilledTemplate<'_>,
    ) {
        let body = self.append_header(buffer);
        template_frame::put_masked(buffer, message, body, self.mask);
    }

    /// Appends the header's part of the bytes that fit into the buffer, and returns the range of the payload that must
    /// follow.
    #[inline]
    fn append_header(&mut self, buffer: &mut WriteBuffer) -> Range<u64> {
        let size = self.message.shape.size();
        let room = BUFFER_LEN.saturating_sub(buffer.as_bytes().len());
        let header = self.header.as_bytes();
        let (head, body) = if self.written == 0 && self.len() <= room as u64 {
            (0..header.len(), 0..size)
        } else {
            next_piece(header.len(), size, self.written, room)
        };
        self.written += head.len() as u64 + (body.end - body.start);
        buffer.put(&header[head]);
        body
    }
}
