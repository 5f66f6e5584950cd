//! What tungstenite calls what the echo loop deals in.

use echo_server::{Dialect, Fault, Seen};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::ProtocolError,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Stands for tokio-tungstenite.
pub(crate) enum Tungstenite {}

impl Dialect for Tungstenite {
    type Message = Message;
    type Error = Error;

    fn look(message: &Message) -> Seen {
        match message {
            Message::Text(_) | Message::Binary(_) => Seen::Data(message.len()),
            Message::Ping(_) => Seen::Ping,
            // A raw frame is never read, only written.
            Message::Pong(_) | Message::Frame(_) => Seen::Pong,
            Message::Close(frame) => Seen::Close(frame.as_ref().map(|frame| u16::from(frame.code))),
        }
    }

    fn close(fault: Fault) -> Message {
        Message::Close(Some(CloseFrame {
            code: CloseCode::from(fault.code()),
            reason: fault.reason().into(),
        }))
    }

    fn ping() -> Message {
        Message::Ping(Default::default())
    }

    fn fault(error: &Error) -> Option<Fault> {
        match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            Error::Protocol(_) => Some(Fault::Protocol),
            Error::Utf8(_) => Some(Fault::NotUtf8),
            Error::Capacity(_) => Some(Fault::TooLarge),
            _ => None,
        }
    }
}
