//! Buffers that all clients of a thread write with, and the frames in them.

use measurement::plan::Plan;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use websocket_wire::{FrameHeader, MessageKind, WriteBuffer, next_piece};

use crate::message::in_flight::InFlightMessage;
use crate::message::payload::{Identity, Payloads};

/// Maximum of bytes in one read from a socket, and in one write.
pub(crate) const BUFFER_LEN: usize = 64 * 1024;

/// Unsent control frames of a client, in bytes, beyond which a ping goes unanswered: the server does not
/// read its pongs.
pub(crate) const MAX_CONTROL_BACKLOG: usize = 4096;

/// Room for control frames beyond [`BUFFER_LEN`]: a client's backlog, and one more frame.
const CONTROL_LEN: usize = 2 * MAX_CONTROL_BACKLOG;

/// The write side, empty between two calls.
#[derive(Debug)]
pub(crate) struct WriteBuffers {
    pub(crate) bytes: WriteBuffer,
    /// The frames begun in `bytes`.
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

/// A data frame that is being written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutgoingFrame {
    /// The message as it is in flight once a byte of it got out.
    pub(crate) message: InFlightMessage,
    header: FrameHeader,
    mask: [u8; 4],
    /// Bytes of the frame that lie in the write buffer or were written.
    pub(crate) written: u64,
}

impl OutgoingFrame {
    /// A frame of which nothing is written yet.
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

    /// Appends as much of the frame as there is room for.
    #[inline]
    pub(crate) fn append(&mut self, buffer: &mut WriteBuffer, client: u32, payloads: &Payloads) {
        let InFlightMessage { number, shape, .. } = self.message;
        let room = BUFFER_LEN.saturating_sub(buffer.as_bytes().len());
        let header = self.header.as_bytes();
        let (head, body) = if self.written == 0 && self.len() <= room as u64 {
            (0..header.len(), 0..shape.size())
        } else {
            next_piece(header.len(), shape.size(), self.written, room)
        };
        self.written += head.len() as u64 + (body.end - body.start);
        buffer.put(&header[head]);
        let identity = Identity { client, number };
        payloads.put_masked(buffer, identity, shape, body, self.mask);
    }
}
