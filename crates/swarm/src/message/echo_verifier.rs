//! Matching of received messages with messages in flight, and their verification.
//!
//! A message that contains the identity of a message in flight is its echo, wherever the identity is and whatever the
//! type. Bytes are verified as they arrive, and only the beginning is stored.

use measurement::plan::Verify;
use measurement::record::messages_identified_by;
use websocket_wire::{FrameHeader, MessageKind};

use super::in_flight::{InFlightQueue, MatchedEcho};
use super::payload::{
    IDENTITY_LEN, Identity, MAX_INDEX, MessageNumber, PayloadShape, Payloads, parse_digits,
};
use super::received::{BEGINNING_LEN, ReceivedMessage};
use crate::rules::SendRules;

/// Verdict on a message from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EchoVerdict {
    /// The echo of a message in flight. `correct` is false when verification rejects it.
    Answer { echo: MatchedEcho, correct: bool },
    /// A further echo of a message that was already echoed.
    Duplicate(MessageNumber),
    /// The echo of a message that was already counted as lost.
    GivenUp,
    /// A message of another client.
    Unexpected,
    /// A message that identifies no message in flight. `ambiguous` when it may be a further echo of an echoed message,
    /// but has too few digits to decide.
    Unidentified { ambiguous: bool },
}

/// A message from the server, with its verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) verdict: EchoVerdict,
    pub(crate) message: ReceivedMessage,
    /// Index of the first wrong byte, if known.
    pub(crate) differs_at: Option<u64>,
}

/// State of the receiving client that the verdict depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VerifyContext<'a> {
    pub(crate) client: u32,
    pub(crate) rules: &'a SendRules,
    pub(crate) payloads: &'a Payloads,
    /// Measured messages sent so far.
    pub(crate) sent: u64,
    /// Warm-up messages sent so far.
    pub(crate) warmed: u64,
}

impl VerifyContext<'_> {
    fn was_sent(&self, number: MessageNumber) -> bool {
        let sent = if number.is_warmup() {
            self.warmed
        } else {
            self.sent
        };
        number.index() < sent
    }

    /// Returns true when this number of digits distinguishes all messages sent so far in each phase.
    fn tells_apart(&self, digits: usize) -> bool {
        self.sent.max(self.warmed) <= messages_identified_by(digits as u64)
    }

    /// The first sent message whose identity ends with these digits.
    fn named_by(&self, digits: &[u8]) -> Option<MessageNumber> {
        let tail = parse_digits(digits)?;
        let client = self.client;
        let index = tail & MAX_INDEX;
        [MessageNumber::measured(index), MessageNumber::warmup(index)]
            .into_iter()
            .find(|number| {
                let number = *number;
                let identity = Identity { client, number };
                self.was_sent(number) && identity.to_bytes().ends_with(digits)
            })
    }

    /// Returns true for an identity that may have been sent. For this client, it must have been.
    fn may_be(&self, identity: Identity) -> bool {
        if identity.client == self.client {
            self.was_sent(identity.number)
        } else {
            identity.client < self.rules.clients
        }
    }
}

/// Verifier of the message being received.
#[derive(Debug, Default)]
pub(crate) struct EchoVerifier {
    length: u64,
    beginning: [u8; BEGINNING_LEN],
    claim: Option<Claim>,
    /// Search for an identity after the beginning, when the message does not start with one.
    search: IdentitySearch,
}

/// The message that the received bytes claim to echo.
#[derive(Debug, Clone, Copy)]
struct Claim {
    identity: Identity,
    shape: PayloadShape,
    /// Index of the first wrong byte.
    differs_at: Option<u64>,
}

/// Search for an identity anywhere in a message.
#[derive(Debug, Default)]
struct IdentitySearch {
    /// The last 16 hexadecimal digits.
    digits: u64,
    /// Number of consecutive digits, at most 16.
    in_a_row: usize,
    found: Option<Identity>,
}

impl IdentitySearch {
    #[cold]
    fn push(&mut self, context: &VerifyContext<'_>, part: &[u8]) {
        for byte in part {
            if self.found.is_some() {
                return;
            }
            let Some(digit) = char::from(*byte).to_digit(16) else {
                self.in_a_row = 0;
                continue;
            };
            self.digits = (self.digits << 4) | u64::from(digit);
            self.in_a_row = (self.in_a_row + 1).min(IDENTITY_LEN);
            if self.in_a_row == IDENTITY_LEN {
                let identity = Identity::from_bits(self.digits);
                let is_ours = identity.client == context.client && context.may_be(identity);
                self.found = is_ours.then_some(identity);
            }
        }
    }
}

impl EchoVerifier {
    /// Processes the next part of the message.
    #[inline]
    pub(crate) fn push(&mut self, context: &VerifyContext<'_>, mut part: &[u8]) {
        const HEAD: u64 = IDENTITY_LEN as u64;
        self.keep_beginning(part);
        if context.rules.verify == Verify::Off {
            // The content is not examined.
            self.length += part.len() as u64;
            return;
        }
        if self.length < HEAD {
            // Below 16.
            #[allow(clippy::cast_possible_truncation)]
            let have = self.length as usize;
            let (taken, rest) = part.split_at(part.len().min(IDENTITY_LEN - have));
            self.length += taken.len() as u64;
            part = rest;
            if self.length < HEAD {
                return;
            }
            let head = self.beginning.first_chunk().and_then(Identity::parse);
            self.claim = head
                .filter(|identity| context.may_be(*identity))
                .map(|identity| Claim {
                    identity,
                    shape: context.payloads.shape(identity),
                    differs_at: None,
                });
            if self.claim.is_none() {
                self.search = IdentitySearch::default();
                self.search.push(context, &self.beginning[..IDENTITY_LEN]);
            }
        }
        match &mut self.claim {
            Some(claim) if context.rules.verify == Verify::Full && claim.differs_at.is_none() => {
                claim.differs_at = context.payloads.differs_at(claim.shape, self.length, part);
            }
            Some(_) => {}
            None => self.search.push(context, part),
        }
        self.length += part.len() as u64;
    }

    /// Stores the first bytes of the message. `part` is its next part.
    #[inline]
    fn keep_beginning(&mut self, part: &[u8]) {
        if let Some(room) = usize::try_from(self.length)
            .ok()
            .and_then(|length| self.beginning.get_mut(length..))
        {
            let kept = part.len().min(room.len());
            room[..kept].copy_from_slice(&part[..kept]);
        }
    }

    /// Completes the message, and resets the verifier for the next one.
    #[inline]
    pub(crate) fn finish(
        &mut self,
        context: &VerifyContext<'_>,
        kind: MessageKind,
        in_flight: &mut InFlightQueue,
    ) -> Received {
        let length = std::mem::take(&mut self.length);
        let message = ReceivedMessage::new(kind, length, self.beginning);
        let claim = self.claim.take();
        let differs_at = claim.and_then(|claim| claim.differs_at);
        let verdict = self.judge(context, &message, claim, in_flight);
        Received {
            verdict,
            message,
            differs_at,
        }
    }

    fn judge(
        &mut self,
        context: &VerifyContext<'_>,
        message: &ReceivedMessage,
        claim: Option<Claim>,
        in_flight: &mut InFlightQueue,
    ) -> EchoVerdict {
        if context.rules.verify == Verify::Off {
            return judge_by_order(in_flight);
        }
        let correct_as =
            |length: u64| message.kind == context.rules.kind && message.length == length;
        if let Some(claim) = claim {
            let correct = claim.differs_at.is_none() && correct_as(claim.shape.size());
            if let Some(verdict) = judge_claim(context, &claim, correct, in_flight) {
                return verdict;
            }
        } else if message.length < IDENTITY_LEN as u64 {
            return judge_short(context, message, in_flight);
        } else if let Some(identity) = self.search.found.take()
            && let Some(echo) = in_flight.take(identity.number)
        {
            // The identity is not at the beginning, so the bytes differ.
            let correct =
                context.rules.verify != Verify::Full && correct_as(echo.message.shape.size());
            return EchoVerdict::Answer { echo, correct };
        }
        EchoVerdict::Unidentified { ambiguous: false }
    }
}

/// Judges a message without examining its content.
fn judge_by_order(in_flight: &mut InFlightQueue) -> EchoVerdict {
    match in_flight.take_oldest() {
        Some(echo) => EchoVerdict::Answer {
            echo,
            correct: true,
        },
        // Each given-up message can still be echoed once.
        None if in_flight.take_given_up() => EchoVerdict::GivenUp,
        None => EchoVerdict::Unidentified { ambiguous: true },
    }
}

/// Judges a message that is shorter than an identity.
fn judge_short(
    context: &VerifyContext<'_>,
    message: &ReceivedMessage,
    in_flight: &mut InFlightQueue,
) -> EchoVerdict {
    let digits = message.beginning();
    let tells_apart = context.tells_apart(digits.len());
    if let Some(echo) = in_flight.take_short(context.client, digits, tells_apart) {
        let correct = message.kind == context.rules.kind;
        return EchoVerdict::Answer { echo, correct };
    }
    let is_like_ours =
        message.kind == context.rules.kind && context.payloads.may_have_size(message.length);
    let named = context.named_by(digits).filter(|_| is_like_ours);
    let Some(number) = named else {
        return EchoVerdict::Unidentified { ambiguous: false };
    };
    let client = context.client;
    let size = context.payloads.shape(Identity { client, number }).size();
    if in_flight.is_given_up(number) {
        return EchoVerdict::GivenUp;
    }
    // A single digit proves nothing.
    if !tells_apart || digits.len() < 2 {
        return EchoVerdict::Unidentified { ambiguous: true };
    }
    if size == message.length {
        EchoVerdict::Duplicate(number)
    } else {
        EchoVerdict::Unidentified { ambiguous: false }
    }
}

/// Removes the echo of this message from the front of `input`, if it is a single complete frame with exactly the
/// expected bytes.
#[inline]
pub(crate) fn strip_exact_echo<'i>(
    input: &'i [u8],
    kind: MessageKind,
    identity: Identity,
    shape: PayloadShape,
    payloads: &Payloads,
) -> Option<&'i [u8]> {
    let header = FrameHeader::unmasked(kind.into(), shape.size());
    let payload = input.strip_prefix(header.as_bytes())?;
    let (payload, rest) = payload.split_at_checked(usize::try_from(shape.size()).ok()?)?;
    let body = payload.strip_prefix(&identity.to_bytes())?;
    payloads
        .matches(shape, IDENTITY_LEN as u64, body)
        .then_some(rest)
}

/// Judges a message with an identity; `None` when the identity is not credible.
fn judge_claim(
    context: &VerifyContext<'_>,
    claim: &Claim,
    correct: bool,
    in_flight: &mut InFlightQueue,
) -> Option<EchoVerdict> {
    let Identity { client, number } = claim.identity;
    if client == context.client {
        if let Some(echo) = in_flight.take(number) {
            return Some(EchoVerdict::Answer { echo, correct });
        }
        if in_flight.is_given_up(number) {
            return Some(EchoVerdict::GivenUp);
        }
        // Only an exact copy counts as a duplicate, because a damaged number may look like one.
        return correct.then_some(EchoVerdict::Duplicate(number));
    }
    // A message of another client, from a server that broadcasts.
    correct.then_some(EchoVerdict::Unexpected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::in_flight::InFlightMessage;
    use crate::tests::{plan, whole_payload};
    use proptest::prelude::*;

    const TEXT: MessageKind = MessageKind::Text;

    /// A client with `n` messages of `size` bytes in flight.
    struct Fixture {
        rules: SendRules,
        payloads: Payloads,
        in_flight: InFlightQueue,
        verifier: EchoVerifier,
        sent: u64,
    }

    impl Fixture {
        fn new(size: u64, n: u64, verify: Verify) -> Self {
            let plan = plan(|draft| {
                (draft.payload.min, draft.payload.max) = (size, size);
                draft.clients = 10.try_into().unwrap();
                draft.verify = verify;
            });
            let payloads = Payloads::new(&plan);
            let mut in_flight = InFlightQueue::default();
            for index in 0..n {
                let number = MessageNumber::measured(index);
                let shape = payloads.shape(Identity { client: 3, number });
                in_flight.push(InFlightMessage {
                    number,
                    shape,
                    intended_ns: 0,
                    ready_ns: 0,
                    sent_ns: 0,
                });
            }
            Self {
                rules: SendRules::new(&plan),
                payloads,
                in_flight,
                verifier: EchoVerifier::default(),
                sent: n,
            }
        }

        fn payload(&self, client: u32, index: u64) -> Vec<u8> {
            let identity = Identity {
                client,
                number: MessageNumber::measured(index),
            };
            whole_payload(&self.payloads, identity)
        }

        fn receive(&mut self, kind: MessageKind, bytes: &[u8], cut: usize) -> EchoVerdict {
            let context = VerifyContext {
                client: 3,
                rules: &self.rules,
                payloads: &self.payloads,
                sent: self.sent,
                warmed: 0,
            };
            for part in bytes.chunks(cut.max(1)) {
                self.verifier.push(&context, part);
            }
            self.verifier
                .finish(&context, kind, &mut self.in_flight)
                .verdict
        }

        /// Number and correctness of the message that was answered.
        fn answer(&mut self, kind: MessageKind, bytes: &[u8]) -> Option<(u64, bool)> {
            match self.receive(kind, bytes, 7) {
                EchoVerdict::Answer { echo, correct } => {
                    Some((echo.message.number.index(), correct))
                }
                _ => None,
            }
        }
    }

    proptest! {
        #[test]
        fn a_true_echo_is_correct_in_any_cut(size in 1..400_u64, cut in 1..400_usize) {
            let mut f = Fixture::new(size, 3, Verify::Full);
            let bytes = f.payload(3, 1);
            let verdict = f.receive(TEXT, &bytes, cut);
            let is_correct = matches!(verdict, EchoVerdict::Answer { echo, correct: true } if echo.message.number.index() == 1);
            prop_assert!(is_correct, "{:?}", verdict);
        }

        #[test]
        fn one_wrong_byte_anywhere_is_one_corrupted_message(size in 1..200_u64, place in 0..200_usize, flip in 1..=255_u8) {
            let mut f = Fixture::new(size, 1, Verify::Full);
            let mut bytes = f.payload(3, 0);
            let place = place % bytes.len();
            bytes[place] ^= flip;
            // Without further bytes, nothing contradicts an identity of another client.
            let is_others = bytes.as_array().and_then(Identity::parse).is_some_and(|i| i.client < 10 && i.client != 3);
            prop_assume!(!is_others);
            let verdict = f.receive(TEXT, &bytes, 7);
            if place < 16 {
                // The identity is destroyed, so only later messages can decide about it.
                prop_assert_eq!(verdict, EchoVerdict::Unidentified { ambiguous: false });
            } else {
                let is_wrong = matches!(verdict, EchoVerdict::Answer { correct: false, .. });
                prop_assert!(is_wrong, "{:?}", verdict);
            }
        }

        #[test]
        fn an_echo_is_recognized_wherever_its_identity_stands(
            size in 16..200_u64,
            before in "[^0-9a-fA-F]{1,40}",
            after in ".{0,40}",
            cut in 1..60_usize,
            upper: bool,
        ) {
            let mut f = Fixture::new(size, 3, Verify::Full);
            let mut echo = String::from_utf8(f.payload(3, 2)).unwrap();
            if upper {
                echo.make_ascii_uppercase();
            }
            let verdict = f.receive(TEXT, format!("{before}{echo}{after}").as_bytes(), cut);
            let is_wrong = matches!(verdict, EchoVerdict::Answer { echo, correct: false } if echo.message.number.index() == 2);
            prop_assert!(is_wrong, "{:?}", verdict);
        }

        #[test]
        fn only_an_exact_frame_is_stripped(
            size in 16..70_000_u64,
            place: prop::sample::Index,
            flip in 1..=255_u8,
            kept: prop::sample::Index,
        ) {
            let f = Fixture::new(size, 1, Verify::Full);
            let message = f.in_flight.oldest().unwrap();
            let identity = Identity { client: 3, number: message.number };
            let taken = |bytes: &[u8]| {
                strip_exact_echo(bytes, TEXT, identity, message.shape, &f.payloads).map(<[u8]>::len)
            };
            // The frame as written by a server, checked against the decoder.
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
                if length < 16 {
                    prop_assert_eq!(f.receive(TEXT, &bytes, 7), EchoVerdict::Unidentified { ambiguous: false });
                } else {
                    prop_assert_eq!(f.answer(TEXT, &bytes), Some((0, false)));
                }
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
        assert_eq!(f.receive(TEXT, &bytes, 99), EchoVerdict::Duplicate(number));
        assert_eq!(f.in_flight.active(), 1, "the other message still waits");
    }

    #[test]
    fn the_echo_of_a_given_up_message_no_longer_counts() {
        let mut f = Fixture::new(50, 1, Verify::Full);
        f.in_flight.give_up();
        let bytes = f.payload(3, 0);
        assert_eq!(f.receive(TEXT, &bytes, 99), EchoVerdict::GivenUp);
    }

    #[test]
    fn the_number_of_a_message_never_sent_identifies_nothing() {
        let mut f = Fixture::new(50, 1, Verify::Full);
        let bytes = f.payload(3, 9);
        assert_eq!(
            f.receive(TEXT, &bytes, 99),
            EchoVerdict::Unidentified { ambiguous: false }
        );
        assert_eq!(f.in_flight.active(), 1);
    }

    #[test]
    fn other_clients_messages_are_unexpected() {
        let mut f = Fixture::new(50, 1, Verify::Full);
        let bytes = f.payload(4, 0);
        assert_eq!(f.receive(TEXT, &bytes, 99), EchoVerdict::Unexpected);
        assert_eq!(f.in_flight.active(), 1);
    }

    #[test]
    fn a_bare_identity_of_another_client_is_unexpected() {
        let mut f = Fixture::new(16, 1, Verify::Full);
        let mut bytes = f.payload(3, 0);
        bytes[5] = b'2';
        assert_eq!(f.receive(TEXT, &bytes, 99), EchoVerdict::Unexpected);
        assert_eq!(f.in_flight.active(), 1);
    }

    #[test]
    fn a_push_takes_no_place_in_flight() {
        for verify in [Verify::Full, Verify::Length] {
            let mut f = Fixture::new(50, 1, verify);
            assert_eq!(
                f.receive(TEXT, b"tick", 99),
                EchoVerdict::Unidentified { ambiguous: false }
            );
            assert_eq!(f.in_flight.active(), 1);
        }
    }

    #[test]
    fn unverified_echoes_are_matched_by_order() {
        let mut f = Fixture::new(50, 2, Verify::Off);
        assert_eq!(f.answer(MessageKind::Binary, b"ack"), Some((0, true)));
        let other = f.payload(3, 1);
        assert_eq!(f.answer(TEXT, &other), Some((1, true)), "by order alone");
        let nothing_awaited = EchoVerdict::Unidentified { ambiguous: true };
        assert_eq!(f.receive(TEXT, &other, 9), nothing_awaited);
    }

    #[test]
    fn unverified_messages_after_the_end_are_late_echoes_only_as_often_as_echoes_are_missing() {
        let mut f = Fixture::new(50, 1, Verify::Off);
        f.in_flight.give_up();
        assert_eq!(f.receive(TEXT, b"ack", 9), EchoVerdict::GivenUp);
        let unexpected = EchoVerdict::Unidentified { ambiguous: true };
        assert_eq!(f.receive(TEXT, b"ack", 9), unexpected);
    }

    #[test]
    fn a_message_of_the_right_length_by_accident_is_no_echo() {
        let mut f = Fixture::new(50, 2, Verify::Length);
        let unknown = EchoVerdict::Unidentified { ambiguous: false };
        assert_eq!(f.receive(TEXT, &[b'!'; 50], 9), unknown);
        let mut damaged = f.payload(3, 1);
        damaged[20] ^= 1;
        assert_eq!(f.answer(TEXT, &damaged), Some((1, true)));
    }

    #[test]
    fn a_second_echo_of_few_digits_is_a_duplicate() {
        for size in 2..16 {
            let mut f = Fixture::new(size, 3, Verify::Full);
            let bytes = f.payload(3, 1);
            assert_eq!(f.answer(TEXT, &bytes), Some((1, true)), "{size}");
            let second = EchoVerdict::Duplicate(MessageNumber::measured(1));
            assert_eq!(f.receive(TEXT, &bytes, 9), second, "{size}");
            assert_eq!(f.in_flight.active(), 2);
        }
    }

    #[test]
    fn one_digit_does_not_tell_a_second_echo_from_a_message_of_the_servers_own() {
        let mut f = Fixture::new(1, 3, Verify::Full);
        assert_eq!(f.answer(TEXT, b"1"), Some((1, true)));
        let either = EchoVerdict::Unidentified { ambiguous: true };
        assert_eq!(f.receive(TEXT, b"1", 9), either);
        let own = EchoVerdict::Unidentified { ambiguous: false };
        assert_eq!(f.receive(TEXT, b"!", 9), own);
        assert_eq!(f.receive(TEXT, b"7", 9), own, "never sent");
    }

    #[test]
    fn a_truncated_echo_is_no_second_echo_of_another_message() {
        let mut f = Fixture::new(12, 3, Verify::Full);
        assert!(f.answer(TEXT, &f.payload(3, 0)).is_some());
        let own = EchoVerdict::Unidentified { ambiguous: false };
        assert_eq!(f.receive(TEXT, b"000", 9), own);
    }

    #[test]
    fn one_message_does_not_affect_the_next() {
        let mut f = Fixture::new(50, 2, Verify::Full);
        assert_eq!(
            f.receive(TEXT, b"nonsense", 3),
            EchoVerdict::Unidentified { ambiguous: false }
        );
        let bytes = f.payload(3, 1);
        assert_eq!(f.answer(TEXT, &bytes), Some((1, true)));
    }
}
