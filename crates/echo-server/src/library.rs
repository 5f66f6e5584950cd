//! Interface between a WebSocket library and the message loop.

use crate::close_code::CloseReason;

/// A WebSocket library, as used by the message loop.
///
/// Each server implements it for a type of its own, because neither the library's types nor this trait belong to the
/// server.
pub trait WebSocketLibrary {
    /// A message, incoming or outgoing.
    type Message: Clone;
    /// An error that ends a stream of messages.
    type Error;

    /// Returns the meaning of an incoming message for the message loop.
    fn classify(message: &Self::Message) -> Incoming;

    /// Returns a close message.
    fn close(reason: CloseReason) -> Self::Message;

    /// Returns a ping without payload.
    fn ping() -> Self::Message;

    /// Returns a copy of a text or binary message, whose body is an allocation of its own that clones share.
    fn copy(message: &Self::Message) -> Self::Message;

    /// Returns the peer's fault; `None` when the connection is simply gone.
    fn fault(error: &Self::Error) -> Option<CloseReason>;
}

/// Meaning of an incoming message for the message loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// Text or binary with its length in bytes, to be relayed.
    Data(usize),
    /// A ping. The library has queued its pong and sends it with the next flush.
    Ping,
    /// An unsolicited pong.
    Pong,
    /// A close with its code, if any. The library has queued the answer.
    Close(Option<u16>),
}
