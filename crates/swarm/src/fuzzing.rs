//! The check of the fuzz target `payload`, which the tests run on its committed corpus as well.
//!
//! Built only for fuzzing (`cfg(fuzzing)`, which cargo-fuzz sets) and for tests.

// A check that fails panics: that is what the fuzzer looks for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use measurement::plan::{Length, Load, Plan, PlanDraft, ServerUrl, Verify};
use units::SizeRange;

use crate::echo::{Context, Echo, Incoming};
use crate::flight::Flight;
use crate::payload::{Identity, MessageNumber, Payloads};
use websocket_wire::MessageKind;

/// Messages that come back to a client with a few messages under way: as they were sent, changed, or
/// made up. Whatever comes, what is right was sent, and every message is answered at most once.
///
/// # Panics
/// When that does not hold.
pub fn payload(data: &[u8]) {
    const CLIENT: u32 = 3;
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next();
    let (Some(size), Some(mode), Some(n)) = (next(), next(), next()) else {
        return;
    };
    let (min, max) = (
        u64::from(size % 48) + 1,
        u64::from(size % 48) + 1 + u64::from(mode >> 6),
    );
    let verify = [Verify::Off, Verify::Length, Verify::Full][usize::from(mode % 3)];
    let payloads = Payloads::new(&plan(min, max, verify));
    let mut flight = Flight::default();
    let sent = u64::from(n % 9);
    let whole = |number: MessageNumber| {
        let of = Identity {
            client: CLIENT,
            number,
        };
        let shape = payloads.shape(of);
        let mut bytes = Vec::new();
        payloads.append(&mut bytes, of, shape, 0..shape.size);
        bytes
    };
    let mut under_way: Vec<MessageNumber> = (0..sent).map(MessageNumber::measured).collect();
    for number in &under_way {
        let of = Identity {
            client: CLIENT,
            number: *number,
        };
        flight.push(*number, payloads.shape(of), 0, number.index());
    }
    if n & 0x80 != 0 {
        // Some are late.
        flight.expire(sent / 2);
    }
    let context = Context {
        client: CLIENT,
        clients: 10,
        verify,
        kind: MessageKind::Text,
        payloads: &payloads,
        sent,
        warmed: 0,
    };
    let mut incoming = Incoming::default();
    while let (Some(op), Some(which), Some(place), Some(cut)) = (next(), next(), next(), next()) {
        let mut message = whole(MessageNumber::measured(u64::from(which % 9)));
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
        for part in message.chunks(usize::from(cut).max(1)) {
            incoming.part(&context, part);
        }
        let echo = incoming.finish(&context, kind, &mut flight);
        let sent_so = under_way.iter().any(|number| whole(*number) == message);
        match echo {
            Echo::Answer { landed, right } => {
                let number = landed.message.number;
                let place = under_way.iter().position(|n| *n == number);
                under_way.remove(place.expect("an answer to a message under way"));
                let equal = whole(number) == message && kind == MessageKind::Text;
                let long = whole(number).len() == message.len() && kind == MessageKind::Text;
                let expected = match verify {
                    Verify::Off => true,
                    Verify::Length => long,
                    Verify::Full => equal,
                };
                assert_eq!(right, expected, "{message:?} for {number:?}");
                if sent_so && kind == MessageKind::Text {
                    assert!(right && whole(number) == message, "another was under way");
                }
            }
            Echo::Duplicate(number) => {
                assert!(number.index() < sent && !under_way.contains(&number));
                assert!(verify != Verify::Full || whole(number) == message);
            }
            Echo::Unexpected => assert!(!sent_so, "{message:?} was under way"),
            Echo::TooLate => panic!("nothing was given up"),
        }
        assert_eq!(flight.is_empty(), under_way.is_empty());
    }
    let (late, active) = flight.abandon();
    assert_eq!(late.len() + active.len(), under_way.len());
}

fn plan(min: u64, max: u64, verify: Verify) -> Plan {
    Plan::new(PlanDraft {
        server_url: ServerUrl::parse("ws://127.0.0.1:1/").unwrap(),
        certificate_policy: Default::default(),
        embedded: None,
        clients: NonZeroU32::new(10).unwrap(),
        length: Length::MessagesPerClient(NonZeroU64::MIN),
        payload: SizeRange { min, max },
        text: true,
        load: Load::PING_PONG,
        connect_rate: None,
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        warmup: Duration::ZERO,
        verify,
        threads: NonZeroUsize::MIN,
        pin: Vec::new(),
        busy_poll: false,
        headers: Default::default(),
        seed: 1,
        max_samples: 0,
    })
    .unwrap()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_corpus_of_the_payload_matcher_holds() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/payload");
        let mut files = 0;
        for entry in std::fs::read_dir(&corpus).unwrap() {
            super::payload(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 10, "{files} files in {}", corpus.display());
    }
}
