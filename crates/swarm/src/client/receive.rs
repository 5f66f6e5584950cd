//! Reading: matches and times echoes, answers control frames.

use std::io::ErrorKind;

use measurement::record::escape;
use websocket_wire::{Event, Opcode};

use super::Client;
use super::stages::ClientStage;
use crate::connection_end::{ConnectionEnd, ServerClose, close_code};
use crate::message::echo_verifier::{EchoVerdict, VerifyContext, strip_exact_echo};
use crate::message::payload::Identity;
use crate::thread_state::ThreadState;

impl Client {
    /// Reads at most `limit` bytes once and processes them. Returns the time of the read; `None` when there were no bytes.
    #[inline]
    pub(super) fn read(
        &mut self,
        limit: usize,
        thread: &ThreadState,
    ) -> Result<Option<u64>, ConnectionEnd> {
        let mut buffer = thread.read_buffer.borrow_mut();
        let limit = limit.min(buffer.len());
        match self
            .stream
            .read_ready(&mut buffer[..limit], &mut self.ready)
        {
            Ok(0) => Err(self.end_of_stream(ConnectionEnd::NoCloseFrame)),
            Ok(n) => {
                let now = thread.clock.now_ns();
                self.note_read(n, now, thread);
                self.take_in(&buffer[..n], now, thread).map(|()| Some(now))
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Ok(None)
            }
            Err(e) => Err(self.end_of_stream((&e).into())),
        }
    }

    /// The connection's end. Replaced by the server's close frame if that arrived before.
    pub(super) fn end_of_stream(&self, end: ConnectionEnd) -> ConnectionEnd {
        match &self.closed {
            Some(close) => ConnectionEnd::ClosedByServer(ServerClose::clone(close)),
            None => end,
        }
    }

    /// Processes bytes that arrived at `now_ns`.
    pub(super) fn take_in(
        &mut self,
        bytes: &[u8],
        now_ns: u64,
        thread: &ThreadState,
    ) -> Result<(), ConnectionEnd> {
        let mut input = bytes;
        self.take_exact_echoes(&mut input, now_ns, thread);
        if input.is_empty() {
            return Ok(());
        }
        if let Some(dialogue) = &thread.dialogue {
            self.take_whole_records(&mut input, dialogue, now_ns, thread)?;
        }
        // Moved out of `self`, because events borrow from the decoder while they are processed.
        let mut decoder = std::mem::take(&mut self.decoder);
        let result = loop {
            if self.closed.is_some() {
                // Bytes after a close frame are ignored.
                break Ok(());
            }
            match decoder.next_event(&mut input) {
                Ok(Some(event)) => {
                    if let Err(end) = self.handle_event(event, now_ns, thread) {
                        break Err(end);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => {
                    let code = close_code::PROTOCOL_ERROR.to_be_bytes();
                    self.queue_control(Opcode::Close, &code, thread);
                    self.flush_control();
                    break Err(ConnectionEnd::ProtocolViolation(error));
                }
            }
        };
        self.decoder = decoder;
        if self.closed.is_some() && !matches!(self.stage, ClientStage::Closing { .. }) {
            self.flush_control();
            return Err(self.end_of_stream(ConnectionEnd::NoCloseFrame));
        }
        result
    }

    /// Removes echoes from the front of `input` while each is exactly the expected next one, as almost all are. Decoder
    /// and verifier would come to the same result. They process the rest.
    #[inline]
    fn take_exact_echoes(&mut self, input: &mut &[u8], now_ns: u64, thread: &ThreadState) {
        let rules = &thread.rules;
        if !rules.exact_echo || !self.decoder.is_between_messages() || self.closed.is_some() {
            return;
        }
        while let Some(message) = self.in_flight.oldest() {
            let identity = Identity {
                client: self.id,
                number: message.number,
            };
            let payloads = &thread.payloads;
            let Some(rest) = strip_exact_echo(input, rules.kind, identity, message.shape, payloads)
            else {
                return;
            };
            *input = rest;
            if let Some(echo) = self.in_flight.take(message.number) {
                let correct = true;
                self.record_echo(EchoVerdict::Answer { echo, correct }, now_ns, thread);
            }
        }
    }

    #[inline]
    fn handle_event(
        &mut self,
        event: Event<'_>,
        now_ns: u64,
        thread: &ThreadState,
    ) -> Result<(), ConnectionEnd> {
        match event {
            Event::Data { .. } if self.dialogue.is_none() && self.reads_for_close() => {}
            Event::Data { last, .. } if thread.dialogue.is_none() && thread.is_idle(self.id) => {
                thread.count_idle_message(last);
            }
            Event::Data { kind, part, last } if thread.dialogue.is_some() => {
                return self.take_part(kind, part, last, now_ns, thread);
            }
            Event::Data { kind, part, last } => {
                let context = VerifyContext {
                    client: self.id,
                    rules: &thread.rules,
                    payloads: &thread.payloads,
                    sent: self.sent,
                    warmed: self.warmed,
                };
                self.verifier.push(&context, part);
                if last {
                    let received = self.verifier.finish(&context, kind, &mut self.in_flight);
                    self.record_received(received, now_ns, thread);
                }
            }
            Event::Ping(payload) => self.queue_control(Opcode::Pong, payload, thread),
            Event::Pong => {}
            Event::Close { code, reason } => {
                // If the client has sent its close frame, the server's is the answer and needs none.
                if !matches!(self.stage, ClientStage::Closing { .. }) {
                    let answer = code.unwrap_or(close_code::NORMAL).to_be_bytes();
                    self.queue_control(Opcode::Close, &answer, thread);
                }
                // The server may repeat a secret.
                let reason = match (&thread.dialogue, &self.dialogue) {
                    (Some(dialogue), Some(own)) => {
                        escape(&dialogue.scenario.masked(&own.state, reason.as_bytes()))
                    }
                    _ => escape(thread.masked(reason).as_bytes()),
                };
                self.closed = Some(Box::new(ServerClose { code, reason }));
            }
        }
        Ok(())
    }
}
