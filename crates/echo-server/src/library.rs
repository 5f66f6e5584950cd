//! The interface of a WebSocket library to the echo loop.

use crate::close_code::CloseReason;

/// A WebSocket library, seen by the echo loop.
///
/// A type of the server's own stands for the library, because neither the library's types nor this trait
/// belong to the server.
pub trait WebSocketLibrary {
    /// A message, incoming or outgoing.
    type Message;
    /// An error that ends a stream of messages.
    type Error;

    /// Returns what an incoming message means to the echo loop.
    fn classify(message: &Self::Message) -> Incoming;

    /// Returns a close message.
    fn close(reason: CloseReason) -> Self::Message;

    /// Returns a ping without payload.
    fn ping() -> Self::Message;

    /// Returns the peer's fault, or `None` if the connection is simply gone.
    fn fault(error: &Self::Error) -> Option<CloseReason>;
}

/// An incoming message, as far as the echo loop is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// Text or binary with its length in bytes, to be sent back.
    Data(usize),
    /// A ping. The library has its pong ready and sends it with the next flush.
    Ping,
    /// An unsolicited pong.
    Pong,
    /// A close with its code, if it has one. The library has the answer ready.
    Close(Option<u16>),
}
