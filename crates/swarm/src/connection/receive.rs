//! What a client reads: echoes are matched and timed, control frames answered.

use std::io::{self, Read};

use measurement::plan::Verify;
use measurement::record::{Outcome, Sample};

use super::{ABNORMAL, Client, End, NO_CODE, NORMAL, PROTOCOL_ERROR, Stage};
use crate::echo::{self, Echo};
use crate::flight::Landed;
use crate::payload::Identity;
use crate::shared::Shared;
use websocket_wire::{Event, Opcode};

impl Client {
    /// Reads once and takes in what came; when that was, or `None` when there is nothing to read.
    #[inline]
    pub(super) fn read(&mut self, shared: &Shared) -> Result<Option<u64>, End> {
        let mut buffer = shared.read_buffer.borrow_mut();
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(self.over(End {
                code: ABNORMAL,
                reason: "the server closed the connection without a close frame".to_owned(),
            })),
            Ok(n) => {
                let now = shared.clock.now_ns();
                // Otherwise the next event tells of more. Only where events are edges, and only
                // while there is no end to be read.
                let may_hold_more = self.stream.may_hold_more(n, buffer.len());
                self.readable = may_hold_more || self.at_end || cfg!(windows);
                self.take_in(&buffer[..n], now, shared).map(|()| Some(now))
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(e) => Err(self.over(End::because(&e))),
        }
    }

    /// The end of the connection, if the server said goodbye before.
    fn over(&self, end: End) -> End {
        match self.closed {
            Some(code) => End {
                code,
                reason: format!("the server closed with {code}"),
            },
            None => end,
        }
    }

    /// Takes in bytes that came at `now_ns`.
    pub(super) fn take_in(
        &mut self,
        bytes: &[u8],
        now_ns: u64,
        shared: &Shared,
    ) -> Result<(), End> {
        let mut input = bytes;
        self.take_expected(&mut input, now_ns, shared);
        if input.is_empty() {
            return Ok(());
        }
        // The decoder's events borrow from it, while they are acted upon.
        let mut decoder = std::mem::take(&mut self.decoder);
        let result = loop {
            if self.closed.is_some() {
                // Nothing counts behind a close frame.
                break Ok(());
            }
            match decoder.next_event(&mut input) {
                Ok(Some(event)) => self.act(event, now_ns, shared),
                Ok(None) => break Ok(()),
                Err(error) => {
                    self.queue_control(Opcode::Close, &PROTOCOL_ERROR.to_be_bytes(), shared);
                    self.say_goodbye();
                    break Err(End {
                        code: PROTOCOL_ERROR,
                        reason: format!("the server broke the protocol: {error}"),
                    });
                }
            }
        };
        self.decoder = decoder;
        if let (Some(code), false) = (self.closed, matches!(self.stage, Stage::Closing { .. })) {
            self.say_goodbye();
            return Err(End {
                code,
                reason: format!("the server closed with {code}"),
            });
        }
        result
    }

    /// Takes echoes from the front of `input` as long as each lies there whole and flawless and is the one
    /// that is due next, as nearly all of them do. Anything else is left to the decoder and to
    /// verification, which find the same of these.
    #[inline]
    fn take_expected(&mut self, input: &mut &[u8], now_ns: u64, shared: &Shared) {
        let rules = &shared.rules;
        if rules.verify != Verify::Full
            || !self.decoder.is_between_messages()
            || self.closed.is_some()
        {
            return;
        }
        while let Some(message) = self.flight.next_expected() {
            let of = Identity {
                client: self.id,
                number: message.number,
            };
            let payloads = &shared.payloads;
            let Some(rest) = echo::strip_flawless(input, rules.kind, of, message.shape, payloads)
            else {
                return;
            };
            *input = rest;
            if let Some(landed) = self.flight.take(message.number) {
                let right = true;
                self.record(Echo::Answer { landed, right }, now_ns, shared);
            }
        }
    }

    #[inline]
    fn act(&mut self, event: Event<'_>, now_ns: u64, shared: &Shared) {
        match event {
            Event::Data { kind, part, last } => {
                let context = echo::Context {
                    client: self.id,
                    clients: shared.rules.clients,
                    verify: shared.rules.verify,
                    kind: shared.rules.kind,
                    payloads: &shared.payloads,
                    sent: self.sent,
                    warmed: self.warmed,
                };
                self.incoming.part(&context, part);
                if last {
                    let echo = self.incoming.finish(&context, kind, &mut self.flight);
                    self.record(echo, now_ns, shared);
                }
            }
            Event::Ping(payload) => self.queue_control(Opcode::Pong, payload, shared),
            Event::Pong => {}
            Event::Close(code) => {
                // Our own close frame, if it is out, is the answer.
                if !matches!(self.stage, Stage::Closing { .. }) {
                    let answer = code.unwrap_or(NORMAL).to_be_bytes();
                    self.queue_control(Opcode::Close, &answer, shared);
                }
                self.closed = Some(code.unwrap_or(NO_CODE));
            }
        }
    }

    #[inline]
    fn record(&mut self, echo: Echo, now_ns: u64, shared: &Shared) {
        let Some(run) = shared.signal().run else {
            return;
        };
        let mut recorder = shared.recorder.borrow_mut();
        match echo {
            Echo::Answer { landed, right } => {
                let Landed {
                    message,
                    late,
                    overtaken,
                } = landed;
                if message.number.is_warmup() {
                    return;
                }
                let outcome = match (right, late, overtaken) {
                    (false, ..) => Outcome::Corrupted,
                    (true, true, _) => Outcome::TimedOut,
                    (true, false, true) => Outcome::Reordered,
                    (true, false, false) => Outcome::Ok,
                };
                self.failed += u64::from(outcome != Outcome::Ok);
                let sample = Sample::echoed(
                    self.id,
                    message.number.index(),
                    message.intended_ns - run.t0_ns,
                    message.sent_ns - run.t0_ns,
                    now_ns - run.t0_ns,
                    outcome,
                );
                recorder.ended(&shared.budget, sample, message.shape.size);
            }
            Echo::Duplicate(number) if !number.is_warmup() => recorder.duplicated(),
            Echo::Unexpected if now_ns >= run.t0_ns => recorder.unexpected(),
            Echo::Duplicate(_) | Echo::Unexpected | Echo::TooLate => {}
        }
    }
}
