//! From the bytes of a message that came in to what they mean: whose echo it is, and whether it
//! is the right one. Bytes are judged as they come; nothing but the identity is kept.

use measurement::plan::Verify;

use crate::flight::{Flight, Landed};
use crate::payload::{IDENTITY_LEN, Identity, MessageNumber, Payloads, Shape};
use websocket_wire::{FrameHeader, MessageKind};

/// What a message from the server turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// The echo of a message under way; `right` unless verification rejects it.
    Answer { landed: Landed, right: bool },
    /// Another echo of a message that had one.
    Duplicate(MessageNumber),
    /// The echo of a message that was given up: counted as lost already.
    TooLate,
    /// No echo of this client's messages.
    Unexpected,
}

/// What a client knows when a message comes in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) client: u32,
    pub(crate) clients: u32,
    pub(crate) verify: Verify,
    pub(crate) kind: MessageKind,
    pub(crate) payloads: &'a Payloads,
    /// Measured messages sent so far.
    pub(crate) sent: u64,
    /// Warm-up messages sent so far.
    pub(crate) warmed: u64,
}

impl Context<'_> {
    fn was_sent(&self, number: MessageNumber) -> bool {
        let sent = if number.is_warmup() {
            self.warmed
        } else {
            self.sent
        };
        number.index() < sent
    }
}

/// The message that is coming in.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    length: u64,
    head: [u8; IDENTITY_LEN],
    claim: Option<Claim>,
}

/// Which message the bytes so far claim to echo.
#[derive(Debug, Clone, Copy)]
struct Claim {
    identity: Identity,
    shape: Shape,
    /// Everything behind the identity is as it was sent, so far.
    agrees: bool,
}

impl Incoming {
    /// Takes the next part of the message.
    #[inline]
    pub(crate) fn part(&mut self, context: &Context<'_>, mut part: &[u8]) {
        const HEAD: u64 = IDENTITY_LEN as u64;
        if self.length < HEAD {
            // Below 16.
            #[allow(clippy::cast_possible_truncation)]
            let have = self.length as usize;
            let (taken, rest) = part.split_at(part.len().min(IDENTITY_LEN - have));
            self.head[have..have + taken.len()].copy_from_slice(taken);
            self.length += taken.len() as u64;
            part = rest;
            if self.length < HEAD {
                return;
            }
            self.claim = Identity::parse(&self.head).map(|identity| Claim {
                identity,
                shape: context.payloads.shape(identity),
                agrees: true,
            });
        }
        if context.verify == Verify::Full
            && !part.is_empty()
            && let Some(claim) = self.claim.as_mut().filter(|claim| claim.agrees)
        {
            claim.agrees = context.payloads.agrees(claim.shape, self.length, part);
        }
        self.length += part.len() as u64;
    }

    /// The message is complete: tells what it was, and is ready for the next one.
    #[inline]
    pub(crate) fn finish(
        &mut self,
        context: &Context<'_>,
        kind: MessageKind,
        flight: &mut Flight,
    ) -> Echo {
        let (length, claim) = (self.length, self.claim.take());
        self.length = 0;
        let checks_length = context.verify != Verify::Off;
        let right_kind = !checks_length || kind == context.kind;
        if let Some(claim) = claim {
            let right =
                right_kind && claim.agrees && (!checks_length || length == claim.shape.size);
            if let Some(echo) = claimed(context, &claim, right, flight) {
                return echo;
            }
        } else if length < IDENTITY_LEN as u64 {
            // Below 16.
            #[allow(clippy::cast_possible_truncation)]
            let payload = &self.head[..length as usize];
            if let Some(landed) = flight.take_short(context.client, payload) {
                return Echo::Answer {
                    landed,
                    right: right_kind,
                };
            }
        }
        // It says nothing that fits: by order it is the echo of the oldest message.
        match flight.take_oldest() {
            Some(landed) => Echo::Answer {
                landed,
                right: !checks_length
                    || context.verify == Verify::Length
                        && right_kind
                        && length == landed.message.shape.size,
            },
            None if flight.gave_up(None) => Echo::TooLate,
            None => Echo::Unexpected,
        }
    }
}

/// What lies behind the echo of this message, if `input` begins with it in one frame, whole and right in
/// every byte.
#[inline]
pub(crate) fn strip_flawless<'i>(
    input: &'i [u8],
    kind: MessageKind,
    of: Identity,
    shape: Shape,
    payloads: &Payloads,
) -> Option<&'i [u8]> {
    let header = FrameHeader::unmasked(kind.into(), shape.size);
    let payload = input.strip_prefix(header.as_bytes())?;
    let (payload, rest) = payload.split_at_checked(usize::try_from(shape.size).ok()?)?;
    let body = payload.strip_prefix(&of.to_bytes())?;
    payloads
        .agrees(shape, IDENTITY_LEN as u64, body)
        .then_some(rest)
}

/// What a message is that names its origin; `None` when the name itself cannot be believed.
fn claimed(context: &Context<'_>, claim: &Claim, right: bool, flight: &mut Flight) -> Option<Echo> {
    let Identity { client, number } = claim.identity;
    if client == context.client {
        if let Some(landed) = flight.take(number) {
            return Some(Echo::Answer { landed, right });
        }
        if flight.gave_up(Some(number)) {
            return Some(Echo::TooLate);
        }
        // Only a flawless copy is believed to be a second echo: a damaged number may look like one.
        return (right && context.was_sent(number)).then_some(Echo::Duplicate(number));
    }
    // A server that sends everything to everyone.
    (right && client < context.clients).then_some(Echo::Unexpected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_plan;
    use proptest::prelude::*;

    const TEXT: MessageKind = MessageKind::Text;

    /// A client with `n` messages of `size` bytes under way.
    struct Fixture {
        payloads: Payloads,
        flight: Flight,
        incoming: Incoming,
        verify: Verify,
        sent: u64,
    }

    impl Fixture {
        fn new(size: u64, n: u64, verify: Verify) -> Self {
            let payloads = Payloads::new(&test_plan(|draft| {
                draft.payload = units::SizeRange {
                    min: size,
                    max: size,
                };
            }));
            let mut flight = Flight::default();
            for index in 0..n {
                let number = MessageNumber::measured(index);
                let shape = payloads.shape(Identity { client: 3, number });
                flight.push(number, shape, 0, 0);
            }
            Self {
                payloads,
                flight,
                incoming: Incoming::default(),
                verify,
                sent: n,
            }
        }

        fn payload(&self, client: u32, index: u64) -> Vec<u8> {
            let of = Identity {
                client,
                number: MessageNumber::measured(index),
            };
            let shape = self.payloads.shape(of);
            let mut bytes = Vec::new();
            self.payloads.append(&mut bytes, of, shape, 0..shape.size);
            bytes
        }

        fn receive(&mut self, kind: MessageKind, bytes: &[u8], cut: usize) -> Echo {
            let context = Context {
                client: 3,
                clients: 10,
                verify: self.verify,
                kind: TEXT,
                payloads: &self.payloads,
                sent: self.sent,
                warmed: 0,
            };
            for part in bytes.chunks(cut.max(1)) {
                self.incoming.part(&context, part);
            }
            self.incoming.finish(&context, kind, &mut self.flight)
        }

        /// `(number, right)` of the message that was answered.
        fn answer(&mut self, kind: MessageKind, bytes: &[u8]) -> Option<(u64, bool)> {
            match self.receive(kind, bytes, 7) {
                Echo::Answer { landed, right } => Some((landed.message.number.index(), right)),
                _ => None,
            }
        }
    }

    proptest! {
        #[test]
        fn a_true_echo_is_right_however_it_is_cut(size in 1..400_u64, cut in 1..400_usize) {
            let mut f = Fixture::new(size, 3, Verify::Full);
            let bytes = f.payload(3, 1);
            let echo = f.receive(TEXT, &bytes, cut);
            let is_right = matches!(echo, Echo::Answer { landed, right: true } if landed.message.number.index() == 1);
            prop_assert!(is_right, "{:?}", echo);
        }

        #[test]
        fn one_wrong_byte_anywhere_is_one_corrupted_message(size in 1..200_u64, place in 0..200_usize, flip in 1..=255_u8) {
            let mut f = Fixture::new(size, 1, Verify::Full);
            let mut bytes = f.payload(3, 0);
            let place = place % bytes.len();
            bytes[place] ^= flip;
            prop_assert_eq!(f.answer(TEXT, &bytes), Some((0, false)));
        }

        #[test]
        fn only_a_flawless_frame_is_taken_without_a_closer_look(
            size in 16..70_000_u64,
            place: prop::sample::Index,
            flip in 1..=255_u8,
            kept: prop::sample::Index,
        ) {
            let f = Fixture::new(size, 1, Verify::Full);
            let message = f.flight.next_expected().unwrap();
            let of = Identity { client: 3, number: message.number };
            let taken = |bytes: &[u8]| {
                strip_flawless(bytes, TEXT, of, message.shape, &f.payloads).map(<[u8]>::len)
            };
            // As a server writes it, which is what the decoder takes it for.
            let mut bytes = FrameHeader::unmasked(websocket_wire::Opcode::Text, size).as_bytes().to_vec();
            bytes.extend(f.payload(3, 0));
            let mut rest = &bytes[..];
            let mut decoder = websocket_wire::Decoder::default();
            let event = decoder.next_event(&mut rest).unwrap().unwrap();
            let (kind, part, last) = match event {
                websocket_wire::Event::Data { kind, part, last } => (kind, part, last),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!((kind, part.len() as u64, last), (TEXT, size, true));
            prop_assert_eq!(part, &f.payload(3, 0)[..]);

            prop_assert_eq!(taken(&bytes), Some(0));
            prop_assert_eq!(taken(&bytes[..kept.index(bytes.len())]), None);
            prop_assert_eq!(taken(&[&bytes[..], b"more"].concat()), Some(4));
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            prop_assert_eq!(taken(&bytes), None, "byte {} is wrong", place);
        }

        #[test]
        fn a_wrong_length_is_one_corrupted_message(size in 20..200_usize, length in 0..300_usize) {
            prop_assume!(size != length);
            for verify in [Verify::Full, Verify::Length] {
                let mut f = Fixture::new(size as u64, 1, verify);
                let mut bytes = f.payload(3, 0);
                bytes.resize(length, b'x');
                prop_assert_eq!(f.answer(TEXT, &bytes), Some((0, false)));
            }
        }
    }

    #[test]
    fn a_wrong_type_is_corrupted() {
        let mut f = Fixture::new(50, 1, Verify::Full);
        let bytes = f.payload(3, 0);
        assert_eq!(f.answer(MessageKind::Binary, &bytes), Some((0, false)));
    }

    #[test]
    fn a_second_echo_is_a_duplicate() {
        let mut f = Fixture::new(50, 2, Verify::Full);
        let bytes = f.payload(3, 0);
        assert_eq!(f.answer(TEXT, &bytes), Some((0, true)));
        let number = MessageNumber::measured(0);
        assert_eq!(f.receive(TEXT, &bytes, 99), Echo::Duplicate(number));
        assert_eq!(f.flight.active(), 1, "the other message still waits");
    }

    #[test]
    fn the_echo_of_a_message_given_up_counts_no_more() {
        for size in [8, 50] {
            let mut f = Fixture::new(size, 1, Verify::Full);
            f.flight.abandon();
            let bytes = f.payload(3, 0);
            assert_eq!(f.receive(TEXT, &bytes, 99), Echo::TooLate, "{size} bytes");
        }
    }

    #[test]
    fn the_number_of_a_message_never_sent_is_damage() {
        let mut f = Fixture::new(50, 1, Verify::Full);
        let bytes = f.payload(3, 9);
        assert_eq!(f.answer(TEXT, &bytes), Some((0, false)));
    }

    #[test]
    fn other_clients_messages_are_unexpected() {
        let mut f = Fixture::new(50, 1, Verify::Full);
        let bytes = f.payload(4, 0);
        assert_eq!(f.receive(TEXT, &bytes, 99), Echo::Unexpected);
        assert_eq!(f.flight.active(), 1);
    }

    #[test]
    fn a_greeting_with_nothing_under_way_is_unexpected() {
        let mut f = Fixture::new(50, 0, Verify::Full);
        assert_eq!(f.receive(TEXT, b"welcome", 99), Echo::Unexpected);
    }

    #[test]
    fn unverified_echoes_are_matched_by_order() {
        let mut f = Fixture::new(50, 2, Verify::Off);
        assert_eq!(f.answer(MessageKind::Binary, b"ack"), Some((0, true)));
        let mut f = Fixture::new(50, 2, Verify::Length);
        assert_eq!(f.answer(TEXT, &[b'!'; 50]), Some((0, true)));
    }

    #[test]
    fn one_message_does_not_colour_the_next() {
        let mut f = Fixture::new(50, 2, Verify::Full);
        assert_eq!(f.answer(TEXT, b"nonsense"), Some((0, false)));
        let bytes = f.payload(3, 1);
        assert_eq!(f.answer(TEXT, &bytes), Some((1, true)));
    }
}
