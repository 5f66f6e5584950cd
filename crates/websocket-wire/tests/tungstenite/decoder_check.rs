//! The check of the fuzz target `decoder`, which includes this file. The test `corpus` runs it on the committed corpus.

use std::io::{self, Read, Write};

use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};
use websocket_wire::{Decoder, Event, MessageKind, ProtocolError};

/// A stream in memory: reads come from `given`, writes go to `written`.
#[derive(Default)]
pub(crate) struct Pipe {
    given: io::Cursor<Vec<u8>>,
    pub(crate) written: Vec<u8>,
}

impl Pipe {
    /// A stream from which these bytes can be read.
    pub(crate) fn holding(bytes: Vec<u8>) -> Self {
        Self {
            given: io::Cursor::new(bytes),
            written: Vec::new(),
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.given.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Event of a stream, with the parts of each message combined.
#[derive(Debug, PartialEq, Eq)]
enum DecodedItem {
    Message(MessageKind, Vec<u8>),
    Unfinished(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    Error(ProtocolError),
}

fn decode(stream: &[u8], reads: &[u8]) -> Vec<DecodedItem> {
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
            match decoder.next_event(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Data { kind, part, last })) => {
                    message.extend_from_slice(part);
                    if last {
                        seen.push(DecodedItem::Message(kind, std::mem::take(&mut message)));
                    }
                }
                Ok(Some(Event::Ping(payload))) => seen.push(DecodedItem::Ping(payload.to_vec())),
                Ok(Some(Event::Pong)) => seen.push(DecodedItem::Pong),
                Ok(Some(Event::Close { code, .. })) => seen.push(DecodedItem::Close(code)),
                Err(error) => {
                    seen.push(DecodedItem::Error(error));
                    return seen;
                }
            }
        }
        assert!(input.is_empty(), "the decoder left bytes behind");
    }
    if !message.is_empty() {
        seen.push(DecodedItem::Unfinished(message));
    }
    seen
}

/// Decodes frames from a server. The first byte of `data` gives the number of following bytes that are sizes of reads,
/// and the rest is the stream. The events must not depend on the sizes of reads, and must equal those of tungstenite.
///
/// # Panics
/// When the events differ.
pub(crate) fn decoder(data: &[u8]) {
    let Some((reads, data)) = data.split_first() else {
        return;
    };
    let (reads, stream) = data.split_at(usize::from(reads % 8).min(data.len()));
    let whole = decode(stream, &[]);
    assert_eq!(whole, decode(stream, reads), "cut into reads of {reads:?}");
    // Without limits, tungstenite would allocate any length that a header claims.
    let config = WebSocketConfig::default()
        .max_message_size(Some(1 << 20))
        .max_frame_size(Some(1 << 20));
    let pipe = Pipe::holding(stream.to_vec());
    let mut oracle = WebSocket::from_raw_socket(pipe, Role::Client, Some(config));
    for seen in &whole {
        let read = oracle.read();
        match (seen, read) {
            (DecodedItem::Message(MessageKind::Text, bytes), Ok(Message::Text(text))) => {
                assert_eq!(bytes, text.as_bytes());
            }
            (DecodedItem::Message(MessageKind::Binary, bytes), Ok(Message::Binary(payload))) => {
                assert_eq!(bytes, &payload);
            }
            (DecodedItem::Ping(ours), Ok(Message::Ping(theirs))) => assert_eq!(ours, &theirs),
            (DecodedItem::Pong, Ok(Message::Pong(_))) => {}
            // Frames after a close are ignored. tungstenite replaces close codes that it considers invalid.
            (DecodedItem::Close(_) | DecodedItem::Error(ProtocolError::Close), _) => return,
            // Invalid UTF-8 is an error for tungstenite. Here, verification reports it.
            (_, Err(Error::Utf8(_) | Error::Capacity(_))) => return,
            // tungstenite may reject an invalid frame before it is complete.
            (DecodedItem::Error(_) | DecodedItem::Unfinished(_), Err(_)) => return,
            (seen, read) => panic!("{seen:?}, but tungstenite has {read:?}"),
        }
    }
    match oracle.read() {
        Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => {}
        // tungstenite validates incomplete text, and rejects lengths before the payload arrives.
        Err(Error::Utf8(_) | Error::Capacity(_)) => {}
        read => panic!("nothing more, but tungstenite has {read:?}"),
    }
}
