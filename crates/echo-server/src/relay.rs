//! The messages that a connection sends for those that it receives.

use std::task::Context;

use crate::{close_code::CloseReason, library::WebSocketLibrary};

/// Source of a connection's outgoing messages, and destination of its incoming ones.
pub(crate) trait Relay<L: WebSocketLibrary> {
    /// Begins a poll of the connection. Returns a reason to close it.
    fn begin_poll(&mut self) -> Option<CloseReason>;

    /// Receives a message with its payload bytes. Not called while one is held.
    fn receive(&mut self, message: L::Message, bytes: usize);

    /// Returns true while a received message is not relayed. Nothing is read then.
    fn is_holding(&self) -> bool;

    /// Returns false when there is certainly nothing to send.
    fn may_send(&self) -> bool;

    /// Returns the next message to send, with its payload bytes. Without one, the task is woken for the next one.
    fn next(&mut self, cx: &mut Context<'_>) -> Option<(L::Message, usize)>;

    /// Ends a poll in which nothing more could be done.
    fn end_poll(&mut self, cx: &mut Context<'_>);
}

/// The relay of an echo: sends every message back.
#[derive(Debug)]
pub(crate) struct EchoRelay<M>(Option<(M, usize)>);

impl<M> Default for EchoRelay<M> {
    fn default() -> Self {
        Self(None)
    }
}

impl<L: WebSocketLibrary> Relay<L> for EchoRelay<L::Message> {
    fn begin_poll(&mut self) -> Option<CloseReason> {
        None
    }

    fn receive(&mut self, message: L::Message, bytes: usize) {
        self.0 = Some((message, bytes));
    }

    fn is_holding(&self) -> bool {
        self.0.is_some()
    }

    fn may_send(&self) -> bool {
        self.0.is_some()
    }

    fn next(&mut self, _: &mut Context<'_>) -> Option<(L::Message, usize)> {
        self.0.take()
    }

    fn end_poll(&mut self, _: &mut Context<'_>) {}
}
