//! What axum calls what the echo loop deals in.

use axum::extract::ws::{CloseFrame, Message};
use echo_server::{Dialect, Fault, Seen};
use tungstenite::error::ProtocolError;

/// Stands for axum.
pub(crate) enum Axum {}

impl Dialect for Axum {
    type Message = Message;
    type Error = axum::Error;

    fn look(message: &Message) -> Seen {
        match message {
            Message::Text(text) => Seen::Data(text.len()),
            Message::Binary(bytes) => Seen::Data(bytes.len()),
            Message::Ping(_) => Seen::Ping,
            Message::Pong(_) => Seen::Pong,
            Message::Close(frame) => Seen::Close(frame.as_ref().map(|frame| frame.code)),
        }
    }

    fn close(fault: Fault) -> Message {
        Message::Close(Some(CloseFrame {
            code: fault.code(),
            reason: fault.reason().into(),
        }))
    }

    fn ping() -> Message {
        Message::Ping(Default::default())
    }

    /// axum hides which tungstenite it has; its error still is that one's. The
    /// tests of this crate fail when the two part ways.
    fn fault(error: &axum::Error) -> Option<Fault> {
        let error = std::error::Error::source(error)?.downcast_ref()?;
        match error {
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            tungstenite::Error::Protocol(_) => Some(Fault::Protocol),
            tungstenite::Error::Utf8(_) => Some(Fault::NotUtf8),
            tungstenite::Error::Capacity(_) => Some(Fault::TooLarge),
            _ => None,
        }
    }
}
