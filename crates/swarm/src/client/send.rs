//! Writing: new messages within the quota, the rest of a partly sent frame, and control frames.

use std::io::{self, Write};

use measurement::record::Recorder;
use rand::RngExt;
use websocket_wire::{Opcode, append_control_frame};

use super::slow_reading::record_slow;
use super::stages::ClientStage;
use super::{Client, TURN_NS};
use crate::buffers::{BUFFER_LEN, CONTROL_LEN, MAX_CONTROL_BACKLOG, OutgoingFrame, WriteBuffers};
use crate::message::in_flight::InFlightMessage;
use crate::message::pacing::SendQuota;
use crate::message::payload::{Identity, MessageNumber};
use crate::thread_state::ThreadState;

impl Client {
    /// Writes everything that is due until the socket is full. Returns true when a large message has used up the turn
    /// that began at `now_ns`, and more of it can be written.
    pub(super) fn write(&mut self, now_ns: u64, thread: &ThreadState) -> io::Result<bool> {
        if self.ready.writable && self.stream.has_unsent() {
            self.send_unsent(thread)?;
        }
        if !self.ready.writable {
            return Ok(false);
        }
        let mut buffers = thread.buffers.borrow_mut();
        while self.write_once(&mut buffers, thread)? {
            // `last_written_ns` is only updated by writes that leave something partly sent.
            if self.is_half_sent() && self.last_written_ns > now_ns + TURN_NS {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Fills the buffer and writes it. Returns true when another call may write more.
    #[inline]
    fn write_once(&mut self, buffers: &mut WriteBuffers, thread: &ThreadState) -> io::Result<bool> {
        let (resumed, quota) = self.fill(buffers, thread);
        let bytes = buffers.bytes.as_bytes();
        if bytes.is_empty() {
            return Ok(false);
        }
        let written = match self.stream.write(bytes) {
            Ok(written) => written,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.retract_unsent(thread);
                self.note_blocked(thread);
                return Ok(false);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                self.retract_unsent(thread);
                return Ok(true);
            }
            Err(e) => return Err(e),
        };
        self.account(written, resumed, quota, &buffers.frames, thread);
        if self.is_half_sent() {
            self.last_written_ns = thread.clock.now_ns();
        }
        if self.stream.has_unsent() {
            // Bytes accepted by TLS are sent before any others.
            self.note_blocked(thread);
            return Ok(false);
        }
        // A full buffer may have left out messages. After a short write, the next attempt writes more or finds the
        // socket full.
        Ok(written < bytes.len() || written >= BUFFER_LEN)
    }

    /// Fills the buffer with the rest of a partly sent frame, control frames, then new frames. Returns the length of
    /// the rest, and the quota that the new frames were taken from.
    #[inline]
    fn fill(
        &mut self,
        buffers: &mut WriteBuffers,
        thread: &ThreadState,
    ) -> (usize, Option<SendQuota>) {
        buffers.bytes.clear();
        buffers.frames.clear();
        let mut resumed = 0;
        if let Some(partial) = &self.partial {
            let mut frame = OutgoingFrame::clone(partial);
            match &thread.dialogue {
                Some(dialogue) => {
                    self.continue_template_frame(dialogue, &mut frame, buffers, thread);
                }
                None => frame.append(&mut buffers.bytes, self.id, &thread.payloads),
            }
            resumed = buffers.bytes.as_bytes().len();
            // The next frame must wait until this one is complete.
            if frame.written < frame.len() {
                return (resumed, None);
            }
        }
        // Control frames always fit, but answers of a scenario may not. A full buffer is followed by another write.
        let room = BUFFER_LEN + CONTROL_LEN - buffers.bytes.as_bytes().len();
        if self.control.len() > room {
            buffers.bytes.put(&self.control[..room]);
            return (resumed, None);
        }
        buffers.bytes.put(&self.control);
        // Read just before the write, as the actual send time of all its new messages.
        let now = thread.clock.now_ns();
        let mut quota = self.quota(now, thread);
        if let Some(quota) = &mut quota {
            match &thread.dialogue {
                Some(dialogue) => self.begin_template_frames(dialogue, quota, buffers, thread),
                None => self.begin_frames(quota, buffers, thread),
            }
        }
        (resumed, quota)
    }

    /// Returns the messages that may be sent now; `None` outside of the sending stage.
    #[inline]
    fn quota(&mut self, now_ns: u64, thread: &ThreadState) -> Option<SendQuota> {
        let run = thread.run.filter(|_| self.stage == ClientStage::Running)?;
        let in_flight = self.in_flight.active();
        let quota = self
            .pacing
            .quota(now_ns, in_flight, self.sent, &thread.rules, run);
        let limit = self.room_on_connection(thread);
        quota.map(|quota| quota.at_most(limit))
    }

    /// Returns true when window and socket have room for a message.
    #[inline]
    pub(super) fn has_room(&self, thread: &ThreadState) -> bool {
        self.ready.writable && self.in_flight.active() < thread.rules.window
    }

    /// Due time of the next message; `None` when a full window or socket delays it.
    #[inline]
    pub(super) fn next_due(&mut self, thread: &ThreadState) -> Option<u64> {
        let open = thread.rules.open_loop.as_ref()?;
        let run = thread.run?;
        if self.stage != ClientStage::Running
            || !self.has_room(thread)
            || self.room_on_connection(thread) == 0
        {
            return None;
        }
        self.pacing.next_due_ns(open, run)
    }

    /// Sends bytes that TLS has encrypted but the socket has not yet accepted.
    #[cold]
    fn send_unsent(&mut self, thread: &ThreadState) -> io::Result<()> {
        // The socket has room again, or this is the first attempt.
        self.last_written_ns = thread.clock.now_ns();
        match self.stream.flush() {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.note_blocked(thread);
                Ok(())
            }
            sent => sent,
        }
    }

    /// Counts a write that found the socket full. The poll reports when it has room again.
    #[cold]
    fn note_blocked(&mut self, thread: &ThreadState) {
        self.ready.writable = false;
        if !self.is_slow() {
            thread.clients.borrow_mut().blocked_writes += 1;
        }
    }

    /// Appends as many new frames as the quota and the buffer allow.
    #[inline]
    fn begin_frames(
        &self,
        quota: &mut SendQuota,
        buffers: &mut WriteBuffers,
        thread: &ThreadState,
    ) {
        let client = self.id;
        let mut index = if quota.measured {
            self.sent
        } else {
            self.warmed
        };
        while buffers.bytes.as_bytes().len() < BUFFER_LEN
            && let Some(intended_ns) = quota.take(&thread.rules)
        {
            let number = if quota.measured {
                MessageNumber::measured(index)
            } else {
                MessageNumber::warmup(index)
            };
            index += 1;
            let message = InFlightMessage {
                number,
                shape: thread.payloads.shape(Identity { client, number }),
                intended_ns,
                ready_ns: intended_ns.max(self.room_since_ns).min(quota.now_ns),
                sent_ns: quota.now_ns,
            };
            let mask = buffers.masks.random::<u32>().to_ne_bytes();
            let mut frame = OutgoingFrame::new(message, thread.rules.kind, mask);
            frame.append(&mut buffers.bytes, client, &thread.payloads);
            buffers.frames.push(frame);
        }
    }

    /// Updates the state for the first `written` bytes of the buffer, which the socket accepted.
    #[inline]
    fn account(
        &mut self,
        written: usize,
        resumed: usize,
        quota: Option<SendQuota>,
        frames: &[OutgoingFrame],
        thread: &ThreadState,
    ) {
        if let Some(partial) = &mut self.partial {
            partial.written += written.min(resumed) as u64;
            if partial.written == partial.len() {
                self.partial = None;
            }
        }
        let mut rest = written.saturating_sub(resumed);
        if !self.control.is_empty() {
            let control = rest.min(self.control.len());
            self.control.drain(..control);
            rest -= control;
        }
        let (Some(quota), Some(run)) = (quota, thread.run) else {
            return;
        };
        let now = quota.now_ns;
        let mut rest = rest as u64;
        let mut sent = 0;
        let mut recorder = thread.recorder.borrow_mut();
        for frame in frames {
            if rest == 0 {
                // No byte of this frame was sent, so it will be started again with a later send time.
                break;
            }
            let taken = rest.min(frame.written);
            rest -= taken;
            if taken < frame.len() {
                let mut partial = *frame;
                partial.written = taken;
                self.partial = Some(Box::new(partial));
            }
            sent += 1;
            self.await_end(frame, &mut recorder, thread);
            self.last_sent_ns = now;
            self.count_on_connection();
            if quota.measured {
                self.sent += 1;
                if self.is_slow() {
                    record_slow(&mut recorder, |slow| slow.messages.counts.sent += 1);
                    continue;
                }
                recorder.sent(frame.message.intended_ns - run.t0_ns, now - run.t0_ns);
                recorder.late(frame.message.lateness_ns());
            } else {
                self.warmed += 1;
            }
        }
        drop(recorder);
        if sent < frames.len() {
            self.retract_unsent(thread);
        }
        self.pacing
            .commit_sent(&quota, frames.len(), sent, &thread.rules);
    }

    /// Registers a message that was sent with whatever ends it.
    #[inline]
    fn await_end(&mut self, frame: &OutgoingFrame, recorder: &mut Recorder, thread: &ThreadState) {
        let Some(dialogue) = &thread.dialogue else {
            return self.in_flight.push(frame.message);
        };
        let kind = frame.message.shape.kind();
        if dialogue.scenario.messages[kind].has_deliveries() {
            self.record_published(frame, recorder, dialogue, thread);
        }
        let is_windowed = thread.rules.window != usize::MAX;
        if dialogue.waits_in_window(kind, thread.role(self.id), is_windowed) {
            self.in_flight.push(frame.message);
        }
    }

    /// Queues a control frame. Pongs are left out when too many bytes are unsent.
    pub(super) fn queue_control(&mut self, opcode: Opcode, payload: &[u8], thread: &ThreadState) {
        if self.control.len() < MAX_CONTROL_BACKLOG || opcode == Opcode::Close {
            let mask = thread.buffers.borrow_mut().masks.random::<u32>();
            append_control_frame(&mut self.control, opcode, payload, mask.to_ne_bytes());
        }
    }

    /// Sends the queued control frames immediately or never, because the connection is ending.
    pub(super) fn flush_control(&mut self) {
        if self.partial.is_none() {
            // Their arrival does not affect the measurement.
            let _ = self.stream.write(&self.control);
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::rules::RunTimes;
    use crate::run_content::RunContent;
    use crate::tests::{opened_connection, plan};

    #[test]
    fn a_large_message_leaves_other_clients_their_turn() {
        let size = 64 << 20;
        let plan = plan(|draft| {
            draft.payload = units::SizeRange {
                min: size,
                max: size,
            };
        });
        let content = RunContent::new(plan.clone());
        let mut thread = ThreadState::new(&plan, 0, &content, u64::MAX, std::time::Instant::now());
        thread.run = Some(RunTimes {
            start_ns: 0,
            t0_ns: 0,
            end_ns: u64::MAX,
            slice: None,
        });
        let (opened, _listener) = opened_connection();
        let request = crate::returning_client::ConnectRequest::first(0, None);
        let mut client = Client::new(request, 0, opened, &thread).unwrap();
        // After this loop, a turn that began at 0 has ended.
        while thread.clock.now_ns() <= TURN_NS {
            std::hint::spin_loop();
        }
        client.step(thread.clock.now_ns(), &thread).unwrap();
        let written = |client: &Client| client.partial.as_ref().unwrap().written;
        assert!(client.write(0, &thread).unwrap());
        assert!((1..=BUFFER_LEN as u64).contains(&written(&client)));
        // A turn without end lasts until the socket is full, because the peer does not read.
        assert!(!client.write(u64::MAX - TURN_NS, &thread).unwrap());
        assert!(!client.ready.writable && written(&client) > BUFFER_LEN as u64);
    }
}
