//! WebSocket frames (RFC 6455) over buffers that belong to the worker, not to the connection.
//!
//! The decoder is a state machine over whatever bytes a read brought: payload is handed on in
//! parts as it lies in the read buffer, never copied or collected, so that a connection's state
//! stays below 200 bytes whatever the server sends. The encoder appends to the write buffer and
//! can begin anywhere inside a frame, so that a half-written frame needs no copy either.
//!
//! What a message holds is not looked at here. The swarm's clients compare it with what they sent, so
//! that a wrong byte is one corrupted message and not the end of its connection; who has nothing to
//! compare with checks text with [`Utf8`].

use std::ops::Range;

/// Longest payload of a ping, pong or close frame.
const MAX_CONTROL_PAYLOAD: usize = 125;

/// Longest frame header that a server may send.
const MAX_SERVER_HEADER: usize = 10;

/// Longest frame header that a client sends: with a mask key.
const MAX_CLIENT_HEADER: usize = 14;

/// Type of a data message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// Type of a frame that this client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A whole text message.
    Text = 0x1,
    /// A whole binary message.
    Binary = 0x2,
    /// The end.
    Close = 0x8,
    /// The answer to a ping.
    Pong = 0xA,
}

impl From<MessageKind> for Opcode {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

/// A frame that breaks the protocol; the connection is failed with 1002.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A bit that no extension was agreed on for.
    #[error("a reserved bit is set")]
    ReservedBits,
    /// An opcode that RFC 6455 does not define.
    #[error("unknown opcode {0:#x}")]
    UnknownOpcode(u8),
    /// Servers do not mask.
    #[error("a frame from the server is masked")]
    Masked,
    /// Control frames are whole and short.
    #[error("a control frame is fragmented or longer than 125 bytes")]
    ControlFrame,
    /// Fragments of one message come in a row.
    #[error("a continuation without a message, or a message inside a message")]
    Fragmentation,
    /// The highest bit of a length is 0.
    #[error("a payload length above 2^63")]
    Length,
    /// A close frame without sense.
    #[error("a close frame with an impossible code or reason")]
    Close,
}

/// What the next bytes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Part of a data message, in order; `last` ends the message.
    Data {
        /// Type of the message.
        kind: MessageKind,
        /// The next bytes of it.
        part: &'a [u8],
        /// They are the last.
        last: bool,
    },
    /// A ping with its payload, to be answered.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// A close frame and its code, if it has one.
    Close(Option<u16>),
}

/// Takes frames from a server apart.
#[derive(Debug, Default)]
pub struct Decoder {
    header: [u8; MAX_SERVER_HEADER],
    header_len: u8,
    /// The frame whose payload is being read.
    frame: Option<Frame>,
    /// The message whose final frame has not come yet.
    message: Option<MessageKind>,
    /// Payload of a control frame that came in pieces; most connections never need it.
    control: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    payload: Payload,
    remaining: u64,
}

#[derive(Debug, Clone, Copy)]
enum Payload {
    Data { kind: MessageKind, fin: bool },
    Close,
    Ping,
    Pong,
}

impl Decoder {
    /// Takes the next event from the front of `input`; `None` when all of it is used up.
    #[inline]
    pub fn next<'e, 'i: 'e>(
        &'e mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'e>>, ProtocolError> {
        let frame = match self.frame {
            Some(frame) => frame,
            None => match self.next_header(input)? {
                Some(frame) => frame,
                None => return Ok(None),
            },
        };
        let available = usize::try_from(frame.remaining)
            .unwrap_or(usize::MAX)
            .min(input.len());
        if available == 0 && frame.remaining > 0 {
            self.frame = Some(frame);
            return Ok(None);
        }
        let (part, rest) = input.split_at(available);
        *input = rest;
        let remaining = frame.remaining - available as u64;
        self.frame = (remaining > 0).then_some(Frame { remaining, ..frame });
        match frame.payload {
            Payload::Data { kind, fin } => {
                let last = fin && remaining == 0;
                if last {
                    self.message = None;
                }
                Ok(Some(Event::Data { kind, part, last }))
            }
            control => self.control_part(control, part, remaining == 0),
        }
    }

    fn control_part<'a>(
        &'a mut self,
        control: Payload,
        part: &'a [u8],
        whole: bool,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        // Only a frame that came in pieces is collected.
        let payload = if whole && self.control.is_empty() {
            part
        } else {
            self.control.extend_from_slice(part);
            &self.control
        };
        if !whole {
            return Ok(None);
        }
        Ok(Some(match control {
            Payload::Ping => Event::Ping(payload),
            Payload::Close => Event::Close(close_code(payload)?),
            Payload::Pong | Payload::Data { .. } => Event::Pong,
        }))
    }

    /// Reads a frame header, from the input alone where it is whole there.
    #[inline]
    fn next_header(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, ProtocolError> {
        if self.header_len == 0
            && let Some(len) = header_len(input).filter(|len| *len <= input.len())
        {
            let (header, rest) = input.split_at(len);
            *input = rest;
            return self.parse_header(header).map(Some);
        }
        // The header is cut in two by the end of a read: gather it byte by byte.
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            let mut gathered = self.header;
            let len = usize::from(self.header_len);
            gathered[len] = *byte;
            self.header = gathered;
            self.header_len += 1;
            if header_len(&gathered[..=len]) == Some(len + 1) {
                self.header_len = 0;
                return self.parse_header(&gathered[..=len]).map(Some);
            }
        }
        Ok(None)
    }

    fn parse_header(&mut self, header: &[u8]) -> Result<Frame, ProtocolError> {
        let (first, second) = (header[0], header[1]);
        if first & 0x70 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        if second & 0x80 != 0 {
            return Err(ProtocolError::Masked);
        }
        let fin = first & 0x80 != 0;
        let remaining = header[2..]
            .iter()
            .fold(0_u64, |length, byte| (length << 8) | u64::from(*byte));
        let remaining = match second {
            126 | 127 => remaining,
            short => u64::from(short),
        };
        if remaining > i64::MAX.unsigned_abs() {
            return Err(ProtocolError::Length);
        }
        let payload = match first & 0x0F {
            0x0 => {
                let kind = self.message.ok_or(ProtocolError::Fragmentation)?;
                Payload::Data { kind, fin }
            }
            opcode @ (0x1 | 0x2) => {
                if self.message.is_some() {
                    return Err(ProtocolError::Fragmentation);
                }
                let kind = match opcode {
                    0x1 => MessageKind::Text,
                    _ => MessageKind::Binary,
                };
                self.message = Some(kind);
                Payload::Data { kind, fin }
            }
            opcode @ 0x8..=0xA => {
                if !fin || remaining > MAX_CONTROL_PAYLOAD as u64 {
                    return Err(ProtocolError::ControlFrame);
                }
                self.control.clear();
                match opcode {
                    0x8 => Payload::Close,
                    0x9 => Payload::Ping,
                    _ => Payload::Pong,
                }
            }
            opcode => return Err(ProtocolError::UnknownOpcode(opcode)),
        };
        Ok(Frame { payload, remaining })
    }
}

/// Length of the header of an unmasked frame that begins with these bytes; `None` when they are
/// too few to tell.
#[inline]
fn header_len(bytes: &[u8]) -> Option<usize> {
    // A masked frame is refused as soon as its second byte is seen.
    Some(match *bytes.get(1)? {
        126 => 4,
        127 => 10,
        _ => 2,
    })
}

/// The code of a close frame's payload (RFC 6455, 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, ProtocolError> {
    match payload {
        [] => Ok(None),
        [high, low, reason @ ..] => match u16::from_be_bytes([*high, *low]) {
            code @ (1000..=1003 | 1007..=1014 | 3000..=4999)
                if std::str::from_utf8(reason).is_ok() =>
            {
                Ok(Some(code))
            }
            _ => Err(ProtocolError::Close),
        },
        [_] => Err(ProtocolError::Close),
    }
}

/// Header of a masked, final frame.
#[derive(Debug, Clone, Copy)]
pub struct ClientHeader {
    bytes: [u8; MAX_CLIENT_HEADER],
    len: u8,
}

impl ClientHeader {
    /// The header of a frame with so many bytes of payload, masked with this key.
    #[inline]
    pub fn new(opcode: Opcode, payload_len: u64, mask: [u8; 4]) -> Self {
        const FIN: u8 = 0x80;
        const MASKED: u8 = 0x80;
        let mut bytes = [0; MAX_CLIENT_HEADER];
        bytes[0] = FIN | opcode as u8;
        // Each arm's pattern is what makes its cast exact.
        #[allow(clippy::cast_possible_truncation)]
        let extended = match payload_len {
            0..=125 => {
                bytes[1] = MASKED | payload_len as u8;
                2
            }
            126..=0xFFFF => {
                bytes[1] = MASKED | 126;
                bytes[2..4].copy_from_slice(&(payload_len as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = MASKED | 127;
                bytes[2..10].copy_from_slice(&payload_len.to_be_bytes());
                10
            }
        };
        bytes[extended..extended + 4].copy_from_slice(&mask);
        Self {
            bytes,
            // At most 14.
            #[allow(clippy::cast_possible_truncation)]
            len: extended as u8 + 4,
        }
    }

    /// The header as it is sent.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Masks a piece of a payload in place; `offset` is where it begins within the payload.
#[inline]
pub fn mask(piece: &mut [u8], key: [u8; 4], offset: u64) {
    let (key, wide) = turned(key, offset);
    let mut words = piece.chunks_exact_mut(8);
    for word in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Bytes to be written, of a size that never grows: what is put in is masked on the way.
#[derive(Debug)]
pub struct WriteBuffer {
    bytes: Box<[u8]>,
    len: usize,
}

impl WriteBuffer {
    /// An empty buffer with room for so many bytes.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self {
            bytes: vec![0; room].into_boxed_slice(),
            len: 0,
        }
    }

    /// What was put in.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Forgets what was put in.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Puts bytes in as they are.
    ///
    /// # Panics
    /// When there is no room for them.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Puts a piece of a payload in, masked; `offset` is where it begins within the payload.
    ///
    /// # Panics
    /// When there is no room for it.
    #[inline]
    pub fn put_masked(&mut self, piece: &[u8], key: [u8; 4], offset: u64) {
        let into = &mut self.bytes[self.len..self.len + piece.len()];
        self.len += piece.len();
        let (key, wide) = turned(key, offset);
        let (from_words, from_rest) = piece.as_chunks::<8>();
        let (to_words, to_rest) = into.as_chunks_mut::<8>();
        for (to, from) in to_words.iter_mut().zip(from_words) {
            *to = (u64::from_ne_bytes(*from) ^ wide).to_ne_bytes();
        }
        for ((to, from), key) in to_rest.iter_mut().zip(from_rest).zip(key.iter().cycle()) {
            *to = from ^ key;
        }
    }
}

/// The key turned so that it begins with the byte that is for this offset; the same twice over.
#[inline]
fn turned(key: [u8; 4], offset: u64) -> ([u8; 4], u64) {
    #[allow(clippy::cast_possible_truncation)]
    let turn = (offset % 4) as usize;
    let key = [0, 1, 2, 3].map(|i| key[(i + turn) % 4]);
    let wide = u64::from(u32::from_ne_bytes(key));
    (key, (wide << 32) | wide)
}

/// Appends a whole control frame.
pub fn append_control(buffer: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    let payload = &payload[..payload.len().min(MAX_CONTROL_PAYLOAD)];
    buffer.extend_from_slice(ClientHeader::new(opcode, payload.len() as u64, key).as_bytes());
    let start = buffer.len();
    buffer.extend_from_slice(payload);
    mask(&mut buffer[start..], key, 0);
}

/// Text that is no UTF-8; the connection is failed with 1007.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text message is not UTF-8")]
pub struct NotUtf8;

/// Checks a text that comes in parts, and fails at the first byte that is wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8 {
    /// The beginning of a character whose other bytes have not come yet.
    begun: [u8; 4],
    len: usize,
}

impl Utf8 {
    /// Looks at the next part.
    ///
    /// # Errors
    /// [`NotUtf8`] as soon as no text can go on like this.
    pub fn part(&mut self, mut part: &[u8]) -> Result<(), NotUtf8> {
        while self.len > 0 {
            let Some((byte, rest)) = part.split_first() else {
                return Ok(());
            };
            part = rest;
            // A character has four bytes at most, and is then whole or wrong.
            self.begun[self.len] = *byte;
            self.len += 1;
            match std::str::from_utf8(&self.begun[..self.len]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_some() => return Err(NotUtf8),
                Err(_) => {}
            }
        }
        let Err(error) = std::str::from_utf8(part) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(NotUtf8);
        }
        let begun = &part[error.valid_up_to()..];
        self.len = begun.len();
        self.begun[..self.len].copy_from_slice(begun);
        Ok(())
    }

    /// The text is over; ready for the next one.
    ///
    /// # Errors
    /// [`NotUtf8`] when it ends in the middle of a character.
    pub fn end(&mut self) -> Result<(), NotUtf8> {
        match std::mem::take(&mut self.len) {
            0 => Ok(()),
            _ => Err(NotUtf8),
        }
    }
}

/// The piece of a frame that is still to be sent, cut to what there is room for: which of its
/// header bytes and which of its payload bytes.
pub fn pieces(
    header_len: usize,
    payload_len: u64,
    from: u64,
    room: usize,
) -> (Range<usize>, Range<u64>) {
    let header_from = usize::try_from(from).unwrap_or(usize::MAX).min(header_len);
    let header_to = header_len.min(header_from.saturating_add(room));
    let room = (room - (header_to - header_from)) as u64;
    let payload_from = from.saturating_sub(header_len as u64).min(payload_len);
    let payload_to = payload_len.min(payload_from.saturating_add(room));
    (header_from..header_to, payload_from..payload_to)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
