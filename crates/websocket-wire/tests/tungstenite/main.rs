//! Comparison with tungstenite: each side decodes the frames that the other encoded.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod corpus;
mod decoder_check;
#[path = "../../examples/autobahn/utf8.rs"]
mod utf8;

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use decoder_check::Pipe;
use utf8::Utf8Validator;
use websocket_wire::{
    Decoder, Event, FrameHeader, MessageKind, Opcode, ProtocolError, append_control_frame, mask,
    next_piece,
};

/// Bytes that tungstenite's server writes for these messages.
fn server_bytes(messages: &[Message]) -> Vec<u8> {
    let mut server = WebSocket::from_raw_socket(Pipe::default(), Role::Server, None);
    for message in messages {
        server.send(message.clone()).unwrap();
    }
    server.get_ref().written.clone()
}

/// Decodes bytes that arrive in reads of these sizes, and combines the parts of each message.
fn decode(bytes: &[u8], reads: &[usize]) -> Result<Vec<Message>, ProtocolError> {
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    let mut collected = Vec::new();
    let mut sizes = reads.iter().copied().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (mut input, later) = rest.split_at(sizes.next().unwrap().clamp(1, rest.len()));
        rest = later;
        while let Some(event) = decoder.next_event(&mut input)? {
            match event {
                Event::Data { kind, part, last } => {
                    collected.extend_from_slice(part);
                    if last {
                        let payload = std::mem::take(&mut collected);
                        messages.push(match kind {
                            MessageKind::Text => Message::text(String::from_utf8(payload).unwrap()),
                            MessageKind::Binary => Message::binary(payload),
                        });
                    }
                }
                Event::Ping(payload) => messages.push(Message::Ping(payload.to_vec().into())),
                Event::Pong => messages.push(Message::Pong(Default::default())),
                Event::Close { code, reason } => {
                    messages.push(Message::Close(code.map(|code| CloseFrame {
                        code: CloseCode::from(code),
                        reason: reason.into(),
                    })));
                }
            }
        }
        assert!(input.is_empty(), "the decoder left bytes behind");
    }
    Ok(messages)
}

fn message() -> impl Strategy<Value = Message> {
    let size = prop_oneof![
        Just(0_usize),
        Just(125),
        Just(126),
        Just(65_535),
        Just(65_536),
        0..400_usize
    ];
    prop_oneof![
        size.clone().prop_map(|n| Message::text("é".repeat(n / 2))),
        (size, any::<u8>()).prop_map(|(n, byte)| Message::binary(vec![byte; n])),
        prop::collection::vec(any::<u8>(), 0..126).prop_map(|p| Message::Ping(p.into())),
        Just(Message::Pong(Default::default())),
    ]
}

proptest! {
    #[test]
    fn whatever_tungstenite_writes_is_read_however_it_is_cut(
        messages in prop::collection::vec(message(), 1..12),
        reads in prop::collection::vec(1..300_usize, 1..8),
        code in prop::option::of(3000..5000_u16),
    ) {
        let close = Message::Close(code.map(|code| CloseFrame { code: code.into(), reason: "".into() }));
        let all = [messages, vec![close]].concat();
        prop_assert_eq!(decode(&server_bytes(&all), &reads).unwrap(), all);
    }

    #[test]
    fn whatever_we_write_is_read_by_tungstenite(
        payload in prop::collection::vec(any::<u8>(), 0..70_000),
        cut in 1..70_000_usize,
        key: [u8; 4],
    ) {
        // Written in pieces of `cut` bytes, as a socket may accept them.
        let header = FrameHeader::masked(Opcode::Binary, payload.len() as u64, key);
        let total = header.as_bytes().len() + payload.len();
        let mut bytes = Vec::new();
        while bytes.len() < total {
            let (head, body) = next_piece(header.as_bytes().len(), payload.len() as u64, bytes.len() as u64, cut);
            bytes.extend_from_slice(&header.as_bytes()[head]);
            let start = bytes.len();
            bytes.extend_from_slice(&payload[body.start as usize..body.end as usize]);
            mask(&mut bytes[start..], key, body.start);
        }
        append_control_frame(&mut bytes, Opcode::Pong, b"hello", key);
        let pipe = Pipe::holding(bytes);
        let mut server = WebSocket::from_raw_socket(pipe, Role::Server, None);
        prop_assert_eq!(server.read().unwrap(), Message::binary(payload));
        prop_assert_eq!(server.read().unwrap(), Message::Pong(b"hello".to_vec().into()));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, reads in prop::collection::vec(1..9_usize, 1..4)) {
        let mut decoder = Decoder::default();
        let mut rest = &bytes[..];
        let mut sizes = reads.iter().copied().cycle();
        'all: while !rest.is_empty() {
            let (mut input, later) = rest.split_at(sizes.next().unwrap().clamp(1, rest.len()));
            rest = later;
            loop {
                match decoder.next_event(&mut input) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => break 'all,
                }
            }
        }
    }
}

#[test]
fn fragments_with_a_ping_between_are_one_message() {
    let bytes = [
        b"\x01\x03abc".as_slice(),
        b"\x89\x02hi",
        b"\x00\x00",
        b"\x80\x02de",
    ]
    .concat();
    for read in 1..bytes.len() {
        let messages = decode(&bytes, &[read]).unwrap();
        assert_eq!(
            messages,
            [Message::Ping(b"hi".to_vec().into()), Message::text("abcde")]
        );
    }
}

#[test]
fn protocol_violations_are_named() {
    for (bytes, error) in [
        (b"\xC1\x00".as_slice(), ProtocolError::ReservedBits),
        (b"\x83\x00", ProtocolError::UnknownOpcode(3)),
        (b"\x81\x80", ProtocolError::Masked),
        (b"\x09\x00", ProtocolError::ControlFrame),
        (b"\x89\x7E\x00\x80", ProtocolError::ControlFrame),
        (b"\x80\x00", ProtocolError::Fragmentation),
        (b"\x01\x00\x01\x00", ProtocolError::Fragmentation),
        (
            b"\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
            ProtocolError::Length,
        ),
        (b"\x88\x01\x03", ProtocolError::Close),
        (b"\x88\x02\x03\xED", ProtocolError::Close),
        (b"\x88\x03\x03\xE8\xFF", ProtocolError::Close),
    ] {
        assert_eq!(decode(bytes, &[64]), Err(error), "{bytes:x?}");
        assert_eq!(decode(bytes, &[1]), Err(error), "{bytes:x?} byte by byte");
    }
}

proptest! {
    #[test]
    fn text_is_checked_as_the_whole_would_be(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..24),
            ".{0,12}".prop_map(String::into_bytes),
            (".{0,6}", any::<u8>(), ".{0,6}").prop_map(|(a, b, c)| [a.as_bytes(), &[b], c.as_bytes()].concat()),
        ],
        cut in 1..7_usize,
    ) {
        let mut text = Utf8Validator::default();
        let parts = bytes.chunks(cut).try_for_each(|part| text.push(part)).and_then(|()| text.finish());
        prop_assert_eq!(parts.is_ok(), std::str::from_utf8(&bytes).is_ok());
    }
}
