//! What the fuzz targets in `fuzz/` check, and the tests again on every file of their corpus.
//!
//! Built only for them (`cfg(fuzzing)`, which cargo-fuzz sets) and for tests.

// A check that fails panics: that is what the fuzzer looks for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{self, Cursor, Read, Write};
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use measurement::plan::{Length, Load, Plan, PlanDraft, ServerUrl, Verify};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};
use units::SizeRange;

use crate::echo::{Context, Echo, Incoming};
use crate::flight::Flight;
use crate::payload::{Identity, MessageNumber, Payloads};
use crate::wire::{Decoder, Event, MessageKind, ProtocolError};

/// What a decoder made of a stream, whatever the reads.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Message(MessageKind, Vec<u8>),
    Unfinished(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    Error(ProtocolError),
}

fn decode(stream: &[u8], reads: &[u8]) -> Vec<Seen> {
    let mut decoder = Decoder::default();
    let mut seen = Vec::new();
    let mut message = Vec::new();
    let mut sizes = reads.iter().map(|n| usize::from(*n).max(1)).cycle();
    let mut rest = stream;
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(usize::MAX).min(rest.len());
        let (mut input, later) = rest.split_at(size);
        rest = later;
        loop {
            match decoder.next(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Data { kind, part, last })) => {
                    message.extend_from_slice(part);
                    if last {
                        seen.push(Seen::Message(kind, std::mem::take(&mut message)));
                    }
                }
                Ok(Some(Event::Ping(payload))) => seen.push(Seen::Ping(payload.to_vec())),
                Ok(Some(Event::Pong)) => seen.push(Seen::Pong),
                Ok(Some(Event::Close(code))) => seen.push(Seen::Close(code)),
                Err(error) => {
                    seen.push(Seen::Error(error));
                    return seen;
                }
            }
        }
        assert!(input.is_empty(), "the decoder left bytes behind");
    }
    if !message.is_empty() {
        seen.push(Seen::Unfinished(message));
    }
    seen
}

/// A pipe that gives what it holds and swallows what it is given.
struct Pipe<'a>(Cursor<&'a [u8]>);

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Frames from a server: the first byte says how many of the next ones are sizes of reads, the rest is
/// the stream. The decoder must see the same however it is cut, and what tungstenite sees.
///
/// # Panics
/// When it does not.
pub fn decoder(data: &[u8]) {
    let Some((reads, data)) = data.split_first() else {
        return;
    };
    let (reads, stream) = data.split_at(usize::from(reads % 8).min(data.len()));
    let whole = decode(stream, &[]);
    assert_eq!(whole, decode(stream, reads), "cut into reads of {reads:?}");
    // Without a limit it would make room for whatever length a header names.
    let config = WebSocketConfig::default()
        .max_message_size(Some(1 << 20))
        .max_frame_size(Some(1 << 20));
    let pipe = Pipe(Cursor::new(stream));
    let mut oracle = WebSocket::from_raw_socket(pipe, Role::Client, Some(config));
    for seen in &whole {
        let read = oracle.read();
        match (seen, read) {
            (Seen::Message(MessageKind::Text, bytes), Ok(Message::Text(text))) => {
                assert_eq!(bytes, text.as_bytes());
            }
            (Seen::Message(MessageKind::Binary, bytes), Ok(Message::Binary(payload))) => {
                assert_eq!(bytes, &payload);
            }
            (Seen::Ping(ours), Ok(Message::Ping(theirs))) => assert_eq!(ours, &theirs),
            (Seen::Pong, Ok(Message::Pong(_))) => {}
            // Behind a close nothing counts; tungstenite replaces codes that it does not like.
            (Seen::Close(_) | Seen::Error(ProtocolError::Close), _) => return,
            // Text that is no UTF-8 ends it for tungstenite; here that is for verification to tell.
            (_, Err(Error::Utf8(_) | Error::Capacity(_))) => return,
            // A frame that is wrong from its first byte need not be waited for.
            (Seen::Error(_) | Seen::Unfinished(_), Err(_)) => return,
            (seen, read) => panic!("{seen:?}, but tungstenite has {read:?}"),
        }
    }
    match oracle.read() {
        Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => {}
        // It looks into text that has not ended, and refuses lengths before they are there.
        Err(Error::Utf8(_) | Error::Capacity(_)) => {}
        read => panic!("nothing more, but tungstenite has {read:?}"),
    }
}

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

    fn replay(target: &str, check: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        let mut files = 0;
        for entry in std::fs::read_dir(&corpus).unwrap() {
            check(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 10, "{files} files in {}", corpus.display());
    }

    #[test]
    fn the_corpus_of_the_decoder_holds() {
        replay("decoder", super::decoder);
    }

    #[test]
    fn the_corpus_of_the_payload_matcher_holds() {
        replay("payload", super::payload);
    }
}
