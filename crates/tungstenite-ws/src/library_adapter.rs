//! tokio-tungstenite's interface to the message loop.

use echo_server::{CloseReason, Incoming, WebSocketLibrary};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::ProtocolError,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// The library tokio-tungstenite.
pub(crate) enum Tungstenite {}

impl WebSocketLibrary for Tungstenite {
    type Message = Message;
    type Error = Error;

    fn classify(message: &Message) -> Incoming {
        match message {
            Message::Text(_) | Message::Binary(_) => Incoming::Data(message.len()),
            Message::Ping(_) => Incoming::Ping,
            // A raw frame is only written, never read.
            Message::Pong(_) | Message::Frame(_) => Incoming::Pong,
            Message::Close(frame) => {
                Incoming::Close(frame.as_ref().map(|frame| u16::from(frame.code)))
            }
        }
    }

    fn close(reason: CloseReason) -> Message {
        Message::Close(Some(CloseFrame {
            code: CloseCode::from(reason.code()),
            reason: reason.text().into(),
        }))
    }

    fn ping() -> Message {
        Message::Ping(Default::default())
    }

    fn copy(message: &Message) -> Message {
        match message {
            Message::Text(text) => Message::text(text.as_str()),
            Message::Binary(bytes) => Message::binary(bytes.to_vec()),
            other => other.clone(),
        }
    }

    fn fault(error: &Error) -> Option<CloseReason> {
        match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            Error::Protocol(_) => Some(CloseReason::Protocol),
            Error::Utf8(_) => Some(CloseReason::NotUtf8),
            Error::Capacity(_) => Some(CloseReason::TooLarge),
            _ => None,
        }
    }
}
