//! axum's interface to the message loop.

use axum::extract::ws::{CloseFrame, Message};
use echo_server::{CloseReason, Incoming, WebSocketLibrary};
use tungstenite::error::ProtocolError;

/// The library axum.
pub(crate) enum Axum {}

impl WebSocketLibrary for Axum {
    type Message = Message;
    type Error = axum::Error;

    fn classify(message: &Message) -> Incoming {
        match message {
            Message::Text(text) => Incoming::Data(text.len()),
            Message::Binary(bytes) => Incoming::Data(bytes.len()),
            Message::Ping(_) => Incoming::Ping,
            Message::Pong(_) => Incoming::Pong,
            Message::Close(frame) => Incoming::Close(frame.as_ref().map(|frame| frame.code)),
        }
    }

    fn close(reason: CloseReason) -> Message {
        Message::Close(Some(CloseFrame {
            code: reason.code(),
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

    /// Extracts the tungstenite error from axum's. This crate must depend on the same version of tungstenite as axum.
    /// Otherwise its tests fail.
    fn fault(error: &axum::Error) -> Option<CloseReason> {
        let error = std::error::Error::source(error)?.downcast_ref()?;
        match error {
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            tungstenite::Error::Protocol(_) => Some(CloseReason::Protocol),
            tungstenite::Error::Utf8(_) => Some(CloseReason::NotUtf8),
            tungstenite::Error::Capacity(_) => Some(CloseReason::TooLarge),
            _ => None,
        }
    }
}
