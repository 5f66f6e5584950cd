//! The check of the fuzz target `payload`. The tests also run it on the committed corpus.
//!
//! Built only for fuzzing (`cfg(fuzzing)`, which cargo-fuzz sets) and for tests.

// A failed check panics, which the fuzzer detects.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use measurement::plan::Verify;
use websocket_wire::MessageKind;

use crate::message::echo_verifier::{EchoVerdict, EchoVerifier, VerifyContext};
use crate::message::in_flight::{InFlightMessage, InFlightQueue};
use crate::message::payload::{Identity, MessageNumber, Payloads};
use crate::rules::SendRules;
use crate::tests::{plan, whole_payload};

const CLIENT: u32 = 3;

/// A client with a few messages in flight, and the messages that are in flight according to the check.
struct Session {
    rules: SendRules,
    payloads: Payloads,
    sent: u64,
    verifier: EchoVerifier,
    queue: InFlightQueue,
    in_flight: Vec<MessageNumber>,
}

/// Sends messages to a client with a few messages in flight: echoes, altered echoes, or invented messages. Only exact
/// echoes may be judged correct, and every message is answered at most once.
///
/// # Panics
/// When the client violates this.
pub fn payload(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next();
    let (Some(size), Some(mode), Some(n)) = (next(), next(), next()) else {
        return;
    };
    let mut session = Session::new(size, mode, n);
    while let (Some(op), Some(which), Some(place), Some(cut)) = (next(), next(), next(), next()) {
        let mut message = session.whole(MessageNumber::measured(u64::from(which % 9)));
        let at = usize::from(place) % message.len();
        match op % 4 {
            0 => {}
            1 => message[at] ^= op | 1,
            2 => message.truncate(at),
            _ => message = (0..place).map(|_| next().unwrap_or(which)).collect(),
        }
        let kind = match op & 0x40 {
            0 => MessageKind::Text,
            _ => MessageKind::Binary,
        };
        let verdict = session.receive(kind, &message, usize::from(cut).max(1));
        session.check(kind, &message, verdict);
    }
    let (timed_out, active) = session.queue.give_up();
    assert_eq!(timed_out.len() + active.len(), session.in_flight.len());
}

impl Session {
    fn new(size: u8, mode: u8, n: u8) -> Self {
        let min = u64::from(size % 48) + 1;
        let max = min + u64::from(mode >> 6);
        let verify = [Verify::Off, Verify::Length, Verify::Full][usize::from(mode % 3)];
        let plan = plan(|draft| {
            (draft.payload.min, draft.payload.max) = (min, max);
            draft.clients = 10.try_into().unwrap();
            draft.verify = verify;
        });
        let payloads = Payloads::new(&plan);
        let sent = u64::from(n % 9);
        let in_flight: Vec<_> = (0..sent).map(MessageNumber::measured).collect();
        let mut queue = InFlightQueue::default();
        for number in &in_flight {
            let shape = payloads.shape(identity(*number));
            queue.push(InFlightMessage {
                number: *number,
                shape,
                intended_ns: 0,
                ready_ns: 0,
                sent_ns: number.index(),
            });
        }
        if n & 0x80 != 0 {
            // Some messages have timed out.
            queue.expire(sent / 2);
        }
        Self {
            rules: SendRules::new(&plan),
            payloads,
            sent,
            verifier: EchoVerifier::default(),
            queue,
            in_flight,
        }
    }

    fn whole(&self, number: MessageNumber) -> Vec<u8> {
        whole_payload(&self.payloads, identity(number))
    }

    fn receive(&mut self, kind: MessageKind, message: &[u8], cut: usize) -> EchoVerdict {
        let context = VerifyContext {
            client: CLIENT,
            rules: &self.rules,
            payloads: &self.payloads,
            sent: self.sent,
            warmed: 0,
        };
        for part in message.chunks(cut) {
            self.verifier.push(&context, part);
        }
        self.verifier
            .finish(&context, kind, &mut self.queue)
            .verdict
    }

    fn check(&mut self, kind: MessageKind, message: &[u8], verdict: EchoVerdict) {
        let is_text = kind == MessageKind::Text;
        let was_in_flight = self.in_flight.iter().any(|n| self.whole(*n) == message);
        match verdict {
            EchoVerdict::Answer { echo, correct } => {
                let number = echo.message.number;
                let place = self.in_flight.iter().position(|n| *n == number);
                self.in_flight
                    .remove(place.expect("an answer to a message in flight"));
                let whole = self.whole(number);
                let expected = match self.rules.verify {
                    Verify::Off => true,
                    Verify::Length => whole.len() == message.len() && is_text,
                    Verify::Full => whole == message && is_text,
                };
                assert_eq!(correct, expected, "{message:?} for {number:?}");
                if was_in_flight && is_text && self.rules.verify != Verify::Off {
                    assert!(correct && whole == message, "another was in flight");
                }
            }
            EchoVerdict::Duplicate(number) => {
                assert!(number.index() < self.sent && !self.in_flight.contains(&number));
                assert!(self.rules.verify != Verify::Full || self.whole(number) == message);
            }
            EchoVerdict::Unidentified { .. } | EchoVerdict::Unexpected => {
                assert!(!was_in_flight, "{message:?} was in flight");
            }
            EchoVerdict::GivenUp => panic!("nothing was given up"),
        }
        assert_eq!(self.queue.is_empty(), self.in_flight.is_empty());
    }
}

fn identity(number: MessageNumber) -> Identity {
    let client = CLIENT;
    Identity { client, number }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_corpus_of_the_echo_verifier_holds() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/payload");
        let mut files = 0;
        for entry in std::fs::read_dir(&corpus).unwrap() {
            super::payload(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 10, "{files} files in {}", corpus.display());
    }
}
