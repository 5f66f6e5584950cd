//! What a client writes: new messages as the window allows, the rest of a half-written one, and
//! control frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rand::RngExt;
use tokio::io::AsyncWrite;

use super::{Client, Stage};
use crate::payload::{Identity, MessageNumber, Shape};
use crate::shared::{BUFFER_LEN, Buffers, Shared};
use crate::wire::{self, ClientHeader, Opcode};

/// Control frames to be sent, in bytes, beyond which a ping goes unanswered: the server does not
/// read its pongs.
const MAX_CONTROL_BACKLOG: usize = 4096;

/// A data frame on its way out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing {
    number: MessageNumber,
    shape: Shape,
    header: ClientHeader,
    mask: [u8; 4],
    /// Bytes of the frame that lie in the write buffer or were written.
    written: u64,
}

impl Outgoing {
    fn len(&self) -> u64 {
        self.header.as_bytes().len() as u64 + self.shape.size
    }

    /// Appends as much of the frame as there is room for.
    #[inline]
    fn append(&mut self, buffer: &mut Vec<u8>, client: u32, shared: &Shared) {
        let room = BUFFER_LEN.saturating_sub(buffer.len());
        let header = self.header.as_bytes();
        let (head, body) = wire::pieces(header.len(), self.shape.size, self.written, room);
        self.written += head.len() as u64 + (body.end - body.start);
        buffer.extend_from_slice(&header[head]);
        let start = buffer.len();
        let offset = body.start;
        let number = self.number;
        shared
            .payloads
            .append(buffer, Identity { client, number }, self.shape, body);
        wire::mask(&mut buffer[start..], self.mask, offset);
    }
}

impl Client {
    /// How many messages may go out now, beside those that are in flight.
    #[inline]
    fn allowance(&self, now_ns: u64, shared: &Shared) -> Option<(bool, u64)> {
        let run = shared
            .signal()
            .run
            .filter(|_| self.stage == Stage::Running)?;
        let room = shared.rules.window.saturating_sub(self.flight.active()) as u64;
        let measured = now_ns >= run.t0_ns;
        let left = if measured {
            shared.rules.messages - self.sent
        } else {
            u64::MAX
        };
        (now_ns < run.end_ns).then_some((measured, room.min(left)))
    }

    /// Writes what is due until the socket takes no more.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, shared: &Shared) -> io::Result<()> {
        let mut buffers = shared.buffers.borrow_mut();
        let Buffers {
            write: buffer,
            frames,
            masks,
            ..
        } = &mut *buffers;
        loop {
            buffer.clear();
            frames.clear();
            // The bytes in the buffer: the rest of a frame, control frames, then new frames.
            if let Some(mut partial) = self.partial {
                partial.append(buffer, self.id, shared);
            }
            let old = buffer.len();
            let mut due = None;
            // Only a whole frame may be followed by another.
            if self
                .partial
                .is_none_or(|p| p.len() - p.written == old as u64)
            {
                buffer.extend_from_slice(&self.control);
                // Read just before the write: the actual send time of all that is new in it.
                let now = shared.clock.now_ns();
                if let Some((measured, room)) = self.allowance(now, shared) {
                    due = Some((measured, now));
                    self.begin_frames(measured, room, buffer, frames, masks, shared);
                }
            }
            if buffer.is_empty() {
                return Ok(());
            }
            let written = match Pin::new(&mut self.stream).poll_write(cx, buffer) {
                Poll::Ready(result) => result?,
                Poll::Pending => return Ok(()),
            };
            self.account(written, old, due, frames, shared);
            if self.partial.is_some() {
                self.last_written_ns = shared.clock.now_ns();
            }
            if written == buffer.len() && written < BUFFER_LEN {
                // All that was due was in the buffer. Otherwise the next attempt writes more, or
                // finds the socket full and registers the wake-up.
                return Ok(());
            }
        }
    }

    /// Appends as many new frames as may go out and fit.
    #[inline]
    fn begin_frames(
        &self,
        measured: bool,
        room: u64,
        buffer: &mut Vec<u8>,
        frames: &mut Vec<Outgoing>,
        masks: &mut impl rand::Rng,
        shared: &Shared,
    ) {
        let first = if measured { self.sent } else { self.warmed };
        for index in first..first.saturating_add(room) {
            if buffer.len() >= BUFFER_LEN {
                break;
            }
            let number = if measured {
                MessageNumber::measured(index)
            } else {
                MessageNumber::warmup(index)
            };
            let client = self.id;
            let shape = shared.payloads.shape(Identity { client, number });
            let mask = masks.random::<u32>().to_ne_bytes();
            let mut frame = Outgoing {
                number,
                shape,
                header: ClientHeader::new(shared.rules.kind.into(), shape.size, mask),
                mask,
                written: 0,
            };
            frame.append(buffer, client, shared);
            frames.push(frame);
        }
    }

    /// The socket took the first `written` bytes of the buffer: what was sent by that?
    #[inline]
    fn account(
        &mut self,
        written: usize,
        old: usize,
        due: Option<(bool, u64)>,
        frames: &[Outgoing],
        shared: &Shared,
    ) {
        if let Some(partial) = &mut self.partial {
            partial.written += written.min(old) as u64;
            if partial.written == partial.len() {
                self.partial = None;
            }
        }
        let mut rest = written.saturating_sub(old);
        let control = rest.min(self.control.len());
        self.control.drain(..control);
        rest -= control;
        let (Some((measured, now)), Some(run)) = (due, shared.signal().run) else {
            return;
        };
        let mut rest = rest as u64;
        for frame in frames {
            if rest == 0 {
                // Not a byte of it got out: it is begun anew, at a later time.
                break;
            }
            let taken = rest.min(frame.written);
            rest -= taken;
            if taken < frame.len() {
                self.partial = Some(Outgoing {
                    written: taken,
                    ..*frame
                });
            }
            self.flight.push(frame.number, frame.shape, now, now);
            self.last_sent_ns = now;
            if measured {
                self.sent += 1;
                shared.recorder.borrow_mut().sent(now - run.t0_ns);
            } else {
                self.warmed += 1;
            }
        }
    }

    pub(super) fn queue_control(&mut self, opcode: Opcode, payload: &[u8], shared: &Shared) {
        if self.control.len() < MAX_CONTROL_BACKLOG {
            let mask = shared.buffers.borrow_mut().masks.random::<u32>();
            wire::append_control(&mut self.control, opcode, payload, mask.to_ne_bytes());
        }
    }

    /// Sends the control frames at once, or not at all: the connection is over.
    pub(super) fn say_goodbye(&mut self) {
        if self.partial.is_none() {
            // Whether it gets out makes no difference to the measurement.
            let _ = self.stream.try_write(&self.control);
        }
    }
}
