//! What a client writes: new messages as the window allows, the rest of a half-written one, and
//! control frames.

use std::io::{self, Write};

use rand::RngExt;

use super::Client;
use super::pace::Allowance;
use crate::payload::{Identity, MessageNumber, Shape};
use crate::shared::{BUFFER_LEN, Buffers, Shared};
use websocket_wire::{FrameHeader, Opcode, WriteBuffer};

/// Control frames to be sent, in bytes, beyond which a ping goes unanswered: the server does not
/// read its pongs.
pub(crate) const MAX_CONTROL_BACKLOG: usize = 4096;

/// A data frame on its way out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing {
    number: MessageNumber,
    shape: Shape,
    header_len: u8,
    mask: [u8; 4],
    /// When the plan says it is due, on the thread's clock.
    intended_ns: u64,
    /// Bytes of the frame that lie in the write buffer or were written.
    written: u64,
}

impl Outgoing {
    #[inline]
    fn len(&self) -> u64 {
        u64::from(self.header_len) + self.shape.size
    }

    /// Appends as much of the frame as there is room for.
    #[inline]
    fn append(&mut self, buffer: &mut WriteBuffer, client: u32, shared: &Shared) {
        let room = BUFFER_LEN.saturating_sub(buffer.as_bytes().len());
        let header = FrameHeader::masked(shared.rules.kind.into(), self.shape.size, self.mask);
        let header = header.as_bytes();
        let (head, body) = if self.written == 0 && self.len() <= room as u64 {
            (0..header.len(), 0..self.shape.size)
        } else {
            websocket_wire::next_piece(header.len(), self.shape.size, self.written, room)
        };
        self.written += head.len() as u64 + (body.end - body.start);
        buffer.put(&header[head]);
        let number = self.number;
        let of = Identity { client, number };
        shared
            .payloads
            .put_masked(buffer, of, self.shape, body, self.mask);
    }
}

impl Client {
    /// Writes what is due until the socket takes no more.
    pub(super) fn write(&mut self, shared: &Shared) -> io::Result<()> {
        if self.blocked {
            return Ok(());
        }
        if self.stream.has_unsent() {
            self.send_unsent(shared)?;
            if self.blocked {
                return Ok(());
            }
        }
        let mut buffers = shared.buffers.borrow_mut();
        let Buffers {
            write: buffer,
            frames,
            masks,
        } = &mut *buffers;
        loop {
            buffer.clear();
            frames.clear();
            // The bytes in the buffer: the rest of a frame, control frames, then new frames.
            if let Some(partial) = &self.partial {
                Outgoing::clone(partial).append(buffer, self.id, shared);
            }
            let old = buffer.as_bytes().len();
            let mut allowed = None;
            // Only a whole frame may be followed by another.
            if self
                .partial
                .as_ref()
                .is_none_or(|p| p.len() - p.written == old as u64)
            {
                buffer.put(&self.control);
                // Read just before the write: the actual send time of all that is new in it.
                let now = shared.clock.now_ns();
                allowed = self.allowance(now, shared);
                if let Some(allowed) = &mut allowed {
                    self.begin_frames(allowed, buffer, frames, masks, shared);
                }
            }
            if buffer.as_bytes().is_empty() {
                return Ok(());
            }
            let written = match self.stream.write(buffer.as_bytes()) {
                Ok(written) => written,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    shared.blocked_one();
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            self.account(written, old, allowed, frames, shared);
            if self.is_half_sent() {
                self.last_written_ns = shared.clock.now_ns();
            }
            if self.stream.has_unsent() {
                // What TLS took goes out before anything else does.
                self.blocked = true;
                shared.blocked_one();
                return Ok(());
            }
            if written == buffer.as_bytes().len() && written < BUFFER_LEN {
                // All that was due was in the buffer. Otherwise the next attempt writes more, or
                // finds the socket full.
                return Ok(());
            }
        }
    }

    /// Goes on sending what TLS has taken and the socket has not.
    #[cold]
    fn send_unsent(&mut self, shared: &Shared) -> io::Result<()> {
        // The socket has room again, or this is the first attempt.
        self.last_written_ns = shared.clock.now_ns();
        match self.stream.flush() {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.blocked = true;
                shared.blocked_one();
                Ok(())
            }
            sent => sent,
        }
    }

    /// Appends as many new frames as may go out and fit.
    #[inline]
    fn begin_frames(
        &self,
        allowed: &mut Allowance,
        buffer: &mut WriteBuffer,
        frames: &mut Vec<Outgoing>,
        masks: &mut impl rand::Rng,
        shared: &Shared,
    ) {
        let first = if allowed.measured {
            self.sent
        } else {
            self.warmed
        };
        for index in first.. {
            if buffer.as_bytes().len() >= BUFFER_LEN {
                break;
            }
            let Some(intended_ns) = allowed.next(&shared.rules) else {
                break;
            };
            let number = if allowed.measured {
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
                header_len: FrameHeader::masked_len(shape.size),
                mask,
                intended_ns,
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
        allowed: Option<Allowance>,
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
        if !self.control.is_empty() {
            let control = rest.min(self.control.len());
            self.control.drain(..control);
            rest -= control;
        }
        let (Some(allowed), Some(run)) = (allowed, shared.signal().run) else {
            return;
        };
        let now = allowed.now_ns;
        let mut rest = rest as u64;
        let mut sent = 0;
        let mut recorder = shared.recorder.borrow_mut();
        for frame in frames {
            if rest == 0 {
                // Not a byte of it got out: it is begun anew, at a later time.
                break;
            }
            let taken = rest.min(frame.written);
            rest -= taken;
            if taken < frame.len() {
                self.partial = Some(Box::new(Outgoing {
                    written: taken,
                    ..*frame
                }));
            }
            sent += 1;
            self.flight
                .push(frame.number, frame.shape, frame.intended_ns, now);
            self.last_sent_ns = now;
            if allowed.measured {
                self.sent += 1;
                recorder.sent(frame.intended_ns - run.t0_ns, now - run.t0_ns);
            } else {
                self.warmed += 1;
            }
        }
        self.paid(&allowed, frames.len(), sent, &shared.rules);
    }

    pub(super) fn queue_control(&mut self, opcode: Opcode, payload: &[u8], shared: &Shared) {
        if self.control.len() < MAX_CONTROL_BACKLOG {
            let mask = shared.buffers.borrow_mut().masks.random::<u32>();
            websocket_wire::append_control_frame(
                &mut self.control,
                opcode,
                payload,
                mask.to_ne_bytes(),
            );
        }
    }

    /// Sends the control frames at once, or not at all: the connection is over.
    pub(super) fn say_goodbye(&mut self) {
        if self.partial.is_none() {
            // Whether it gets out makes no difference to the measurement.
            let _ = self.stream.write(&self.control);
        }
    }
}
