//! Decoder for frames from a server: bytes to events.

use crate::opcode::{MAX_CONTROL_PAYLOAD, MessageKind};

/// Longest frame header that a server may send.
const MAX_SERVER_HEADER: usize = 10;

/// Violation of the protocol. The connection is failed with close code 1002.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ProtocolError {
    /// A reserved bit, although no extension was negotiated.
    #[error("a reserved bit is set")]
    ReservedBits,
    /// An opcode that RFC 6455 does not define.
    #[error("unknown opcode {0:#x}")]
    UnknownOpcode(u8),
    /// A masked frame. Servers must not mask.
    #[error("a frame from the server is masked")]
    Masked,
    /// A control frame that is fragmented or longer than 125 bytes.
    #[error("a control frame is fragmented or longer than 125 bytes")]
    ControlFrame,
    /// A continuation without a message, or a new message within a fragmented one.
    #[error("a continuation without a message, or a message inside a message")]
    Fragmentation,
    /// A payload length with its highest bit set.
    #[error("a payload length above 2^63")]
    Length,
    /// A close frame with an invalid payload.
    #[error("a close frame with an impossible code or reason")]
    Close,
}

/// Next event of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Part of a data message, in order; `last` ends the message.
    Data {
        /// Type of the message.
        kind: MessageKind,
        /// The next bytes of the message.
        part: &'a [u8],
        /// True when the message is complete.
        last: bool,
    },
    /// A ping with its payload. The caller must answer it.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// A close frame.
    Close {
        /// Close code; `None` for a frame without one.
        code: Option<u16>,
        /// Close reason, often empty.
        reason: &'a str,
    },
}

/// Decoder of the frames of one connection.
#[derive(Debug, Default)]
pub struct Decoder {
    header: [u8; MAX_SERVER_HEADER],
    header_len: u8,
    /// The frame whose payload is being decoded.
    frame: Option<FrameProgress>,
    /// The message whose final frame has not arrived yet.
    message: Option<MessageKind>,
    /// Payload of a control frame that arrives in several reads, which is rare.
    control: Vec<u8>,
}

/// The frame being decoded.
#[derive(Debug, Clone, Copy)]
struct FrameProgress {
    kind: FrameKind,
    remaining: u64,
}

#[derive(Debug, Clone, Copy)]
enum FrameKind {
    Data { kind: MessageKind, fin: bool },
    Close,
    Ping,
    Pong,
}

impl Decoder {
    /// Returns true when every message and every control frame so far is complete.
    #[inline]
    pub fn is_between_messages(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Decodes the next event and removes its bytes from `input`; `None` when more input is needed.
    ///
    /// # Errors
    /// [`ProtocolError`] for a frame that a server must not send.
    #[inline]
    pub fn next_event<'e, 'i: 'e>(
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
        self.frame = (remaining > 0).then_some(FrameProgress { remaining, ..frame });
        match frame.kind {
            FrameKind::Data { kind, fin } => {
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
        control: FrameKind,
        part: &'a [u8],
        whole: bool,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        // Only a frame that arrives in several reads is copied.
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
            FrameKind::Ping => Event::Ping(payload),
            FrameKind::Close => {
                let (code, reason) = close_payload(payload)?;
                Event::Close { code, reason }
            }
            FrameKind::Pong | FrameKind::Data { .. } => Event::Pong,
        }))
    }

    /// Decodes a frame header, without a copy when the input contains all of it.
    #[inline]
    fn next_header(&mut self, input: &mut &[u8]) -> Result<Option<FrameProgress>, ProtocolError> {
        if self.header_len == 0
            && let Some(len) = header_len(input).filter(|len| *len <= input.len())
        {
            let (header, rest) = input.split_at(len);
            *input = rest;
            return self.parse_header(header).map(Some);
        }
        // The header is split between two reads, so it is collected byte by byte.
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

    #[inline]
    fn parse_header(&mut self, header: &[u8]) -> Result<FrameProgress, ProtocolError> {
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
        let frame = match first & 0x0F {
            0x0 => {
                let kind = self.message.ok_or(ProtocolError::Fragmentation)?;
                FrameKind::Data { kind, fin }
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
                FrameKind::Data { kind, fin }
            }
            opcode @ 0x8..=0xA => {
                if !fin || remaining > MAX_CONTROL_PAYLOAD as u64 {
                    return Err(ProtocolError::ControlFrame);
                }
                self.control.clear();
                match opcode {
                    0x8 => FrameKind::Close,
                    0x9 => FrameKind::Ping,
                    _ => FrameKind::Pong,
                }
            }
            opcode => return Err(ProtocolError::UnknownOpcode(opcode)),
        };
        Ok(FrameProgress {
            kind: frame,
            remaining,
        })
    }
}

/// Removes a message from the front of `input`, if it is complete and has a single frame. `None` for all other bytes,
/// which a [`Decoder`] reads. The decoder must be [between messages](Decoder::is_between_messages).
#[inline]
pub fn strip_message<'i>(input: &mut &'i [u8]) -> Option<(MessageKind, &'i [u8])> {
    let (kind, second) = match **input {
        [0x81, second, ..] => (MessageKind::Text, second),
        [0x82, second, ..] => (MessageKind::Binary, second),
        _ => return None,
    };
    let (header_len, length) = match second {
        0..=125 => (2, u64::from(second)),
        126 => (
            4,
            u64::from(u16::from_be_bytes(*input.get(2..)?.first_chunk()?)),
        ),
        127 => (10, u64::from_be_bytes(*input.get(2..)?.first_chunk()?)),
        _ => return None,
    };
    let behind = input.get(header_len..)?;
    let (payload, rest) = behind.split_at_checked(usize::try_from(length).ok()?)?;
    *input = rest;
    Some((kind, payload))
}

/// Length of the header of an unmasked frame that begins with these bytes; `None` when more bytes are needed.
#[inline]
fn header_len(bytes: &[u8]) -> Option<usize> {
    // A masked frame is rejected as soon as its second byte is known.
    Some(match *bytes.get(1)? {
        126 => 4,
        127 => 10,
        _ => 2,
    })
}

/// Parses code and reason in the payload of a close frame (RFC 6455, 7.4).
fn close_payload(payload: &[u8]) -> Result<(Option<u16>, &str), ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        let is_empty = payload.is_empty();
        return is_empty.then_some((None, "")).ok_or(ProtocolError::Close);
    };
    let reason = std::str::from_utf8(reason).map_err(|_| ProtocolError::Close)?;
    match u16::from_be_bytes(*code) {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok((Some(code), reason)),
        _ => Err(ProtocolError::Close),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame from a server with this first byte.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match u8::try_from(length) {
            Ok(short @ ..=125) => frame.push(short),
            _ => {
                frame.push(126);
                frame.extend(u16::try_from(length).unwrap_or(0).to_be_bytes());
            }
        }
        frame.extend((0..length).map(|n| n.to_le_bytes()[0]));
        frame
    }

    proptest! {
        #[test]
        fn a_stripped_message_is_what_the_decoder_makes_of_it(
            frames in prop::collection::vec((prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x89, 0xC1]), 0..300_usize), 1..4),
            cut in 0..1_000_usize,
        ) {
            let mut bytes: Vec<u8> = frames.iter().flat_map(|(first, length)| frame(*first, *length)).collect();
            bytes.truncate(cut);
            let mut rest = &bytes[..];
            while let Some((kind, payload)) = strip_message(&mut rest) {
                let mut input = &bytes[..];
                let mut decoder = Decoder::default();
                let event = decoder.next_event(&mut input);
                prop_assert_eq!(event, Ok(Some(Event::Data { kind, part: payload, last: true })));
                prop_assert!(decoder.is_between_messages());
                prop_assert_eq!(input, rest);
                bytes = rest.to_vec();
                rest = &bytes;
            }
        }
    }

    #[test]
    fn only_a_whole_message_in_one_frame_is_stripped() {
        for length in [0, 1, 125, 126, 65_535] {
            let bytes = frame(0x82, length);
            let mut rest = &bytes[..];
            let (kind, payload) = strip_message(&mut rest).unwrap_or((MessageKind::Text, b"none"));
            assert_eq!(
                (kind, payload.len(), rest.len()),
                (MessageKind::Binary, length, 0)
            );
            let mut short = &bytes[..bytes.len() - 1];
            assert_eq!(strip_message(&mut short), None);
        }
        for first in [0x00, 0x01, 0x80, 0x88, 0x89, 0xC1] {
            let bytes = frame(first, 3);
            assert_eq!(strip_message(&mut &bytes[..]), None);
        }
        assert_eq!(
            strip_message(&mut &[0x81, 0x83, 0, 0, 0, 0, 1, 2, 3][..]),
            None,
            "masked"
        );
        let endless = [0x81, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(strip_message(&mut &endless[..]), None);
    }
}
