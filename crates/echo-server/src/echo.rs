//! The echo itself, over any socket that is a stream and a sink of messages.

use std::{
    future::poll_fn,
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::Instant;

use crate::{
    Peer,
    close::{Fault, NO_STATUS},
    idle::{Due, Idle},
    metrics::Tally,
};

/// Messages moved before the write buffer is flushed and the stop is looked at,
/// although more are ready.
const BATCH: u64 = 4096;

/// How long a peer at fault may take to make room for its close frame.
const FAULT_GRACE: Duration = Duration::from_secs(5);

/// What a WebSocket library calls its things.
///
/// A type of the server's own stands for the library, because neither the
/// library's types nor this trait are the server's.
pub trait Dialect {
    /// A message, incoming or outgoing.
    type Message;
    /// What ends a stream of them.
    type Error;

    /// What the message means to an echo.
    fn look(message: &Self::Message) -> Seen;

    /// A close message.
    fn close(fault: Fault) -> Self::Message;

    /// A ping without payload.
    fn ping() -> Self::Message;

    /// The peer's fault, or `None` if the connection is simply gone.
    fn fault(error: &Self::Error) -> Option<Fault>;
}

/// What an incoming message means to an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Text or binary of so many bytes, to be sent back.
    Data(usize),
    /// A ping; the library has its pong ready and sends it with the next flush.
    Ping,
    /// A pong nobody asked for.
    Pong,
    /// A close, with its code if it has one; the library has the answer ready.
    Close(Option<u16>),
}

/// Echoes until the peer closes, fails, falls silent, or the server stops.
///
/// All messages that are ready are echoed with one flush. While a flush is
/// blocked nothing is read, so what is held for a peer that does not read is
/// bounded by one batch of the library's buffers.
///
/// When this returns, the socket may be dropped: whatever close frame was due
/// has been written, or cannot be.
///
/// There is no permessage-deflate (RFC 7692) here: neither library has it, and
/// it is never negotiated. Its place would be between library and echo: offered
/// in [`Host::decide`](crate::Host::decide), and spoken by a socket that is a
/// stream and a sink of the same messages, given to this in place of the plain
/// one.
pub async fn echo<D, S>(socket: &mut S, peer: &mut Peer)
where
    D: Dialect,
    S: Stream<Item = Result<D::Message, D::Error>> + Sink<D::Message, Error = D::Error> + Unpin,
{
    let host = Arc::clone(&peer.host);
    let mut open = host.metrics().open();
    let mut exchange = exchange::<D, S>(socket, peer);
    match poll_fn(|cx| exchange.poll(cx)).await {
        Ending::Gone => {}
        Ending::Peer(code) => open.closed_with(code.unwrap_or(NO_STATUS)),
        Ending::Fault(fault) => {
            let closing = socket.send(D::close(fault));
            if let Ok(Ok(())) = tokio::time::timeout(FAULT_GRACE, closing).await {
                open.closed_with(fault.code());
            }
        }
        Ending::Stopped => {
            if socket.send(D::close(Fault::GoingAway)).await.is_ok() {
                open.closed_with(Fault::GoingAway.code());
                // The peer may have sent more before it saw the close; the
                // stream ends with its answer. Whoever waits sets the limit.
                while let Some(Ok(_)) = socket.next().await {}
            }
        }
    }
}

fn exchange<'a, D: Dialect, S>(socket: &'a mut S, peer: &'a mut Peer) -> Exchange<'a, D, S> {
    Exchange {
        socket,
        idle: Idle::new(peer.host.config().idle_timeout),
        peer,
        stopping: None,
        ping_due: false,
        held: None,
        moved: 0,
        unsent: Tally::default(),
        flushing: None,
    }
}

/// How an echo came to its end, all echoes being flushed.
enum Ending {
    Peer(Option<u16>),
    Fault(Fault),
    Stopped,
    Gone,
}

/// Why messages ceased to move, for now or for good.
enum Pause {
    Idle,
    Busy,
    Ended(Ending),
}

struct Exchange<'a, D: Dialect, S> {
    socket: &'a mut S,
    peer: &'a mut Peer,
    idle: Option<Idle>,
    /// A ping is to be sent.
    ping_due: bool,
    /// When the stop was seen.
    stopping: Option<Instant>,
    /// Read, but without room to be written yet.
    held: Option<D::Message>,
    /// Messages of any kind in this batch.
    moved: u64,
    /// Echoes since the last flush.
    unsent: Tally,
    /// A batch is over, and why; its flush is not.
    flushing: Option<Pause>,
}

impl<D, S> Exchange<'_, D, S>
where
    D: Dialect,
    S: Stream<Item = Result<D::Message, D::Error>> + Sink<D::Message, Error = D::Error> + Unpin,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            let was_blocked = self.flushing.is_some();
            let moved = self.poll_messages(cx);
            let Some(idle) = self.idle.as_mut().filter(|_| moved.is_pending()) else {
                return moved;
            };
            if self.peer.home.was_heard(was_blocked) {
                idle.heard();
            }
            match ready!(idle.poll(cx)) {
                Due::Close => return Poll::Ready(Ending::Fault(Fault::Silent)),
                // A peer that lets us wait for room would not get it.
                Due::Ping => self.ping_due = self.flushing.is_none(),
            }
        }
    }

    /// Pending when nothing is left to be done, or there is no room to do it.
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            let (pause, is_fresh) = match self.flushing.take() {
                Some(pause) => (pause, false),
                None => (ready!(self.poll_batch(cx)), true),
            };
            let flushed = match self.socket.poll_flush_unpin(cx) {
                Poll::Ready(flushed) => flushed,
                Poll::Pending => {
                    self.flushing = Some(pause);
                    return Poll::Pending;
                }
            };
            self.count(flushed.is_ok());
            self.moved = 0;
            match pause {
                Pause::Ended(ending) => return Poll::Ready(ending),
                _ if flushed.is_err() => return Poll::Ready(Ending::Gone),
                _ if self.is_done(is_fresh && matches!(pause, Pause::Idle)) => {
                    return Poll::Ready(Ending::Stopped);
                }
                _ if self.stopping.is_none() && self.peer.stop.poll(cx).is_ready() => {
                    self.stopping = Some(Instant::now());
                    self.peer.home.watch();
                }
                Pause::Idle if is_fresh => return Poll::Pending,
                // A wake-up may have been meant for the reading and was spent
                // on the flush: only a new look tells.
                Pause::Idle | Pause::Busy => {}
            }
        }
    }

    /// Whether a stopping server has echoed all that had come in, or has no more
    /// time for a peer that never ceases: the rest is for the close.
    fn is_done(&self, is_idle: bool) -> bool {
        self.stopping.is_some_and(|since| {
            let limit = self.peer.host.config().drain_timeout / 2;
            is_idle && !self.peer.home.has_unread() || since.elapsed() >= limit
        })
    }

    /// Moves messages until none is ready. Pending only while there is no room
    /// to write.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Pause> {
        if self.ping_due {
            let room = ready!(self.socket.poll_ready_unpin(cx));
            self.ping_due = false;
            if room
                .and_then(|()| self.socket.start_send_unpin(D::ping()))
                .is_err()
            {
                return Poll::Ready(Pause::Ended(Ending::Gone));
            }
        }
        loop {
            if self.held.is_some() {
                let room = ready!(self.socket.poll_ready_unpin(cx));
                if let Some(message) = self.held.take()
                    && room
                        .and_then(|()| self.socket.start_send_unpin(message))
                        .is_err()
                {
                    return Poll::Ready(Pause::Ended(Ending::Gone));
                }
            }
            if self.moved >= BATCH {
                return Poll::Ready(Pause::Busy);
            }
            let message = match self.socket.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Ready(Pause::Idle),
                Poll::Ready(None) => return Poll::Ready(Pause::Ended(Ending::Gone)),
                Poll::Ready(Some(Err(error))) => {
                    let ending = D::fault(&error).map_or(Ending::Gone, Ending::Fault);
                    return Poll::Ready(Pause::Ended(ending));
                }
                Poll::Ready(Some(Ok(message))) => message,
            };
            self.moved += 1;
            match D::look(&message) {
                Seen::Data(bytes) => {
                    self.unsent.messages += 1;
                    // usize is at most 64 bits wide.
                    self.unsent.bytes += bytes as u64;
                    self.held = Some(message);
                }
                // Flushed before anything else is read: pongs the peer does not
                // read must not pile up.
                Seen::Ping => return Poll::Ready(Pause::Busy),
                Seen::Pong => {}
                Seen::Close(code) => return Poll::Ready(Pause::Ended(Ending::Peer(code))),
            }
        }
    }

    /// Tells the metrics once a flush: many connections share them.
    fn count(&mut self, sent: bool) {
        if self.unsent.messages == 0 {
            return;
        }
        let tally = mem::take(&mut self.unsent);
        let metrics = self.peer.host.metrics();
        metrics.came_in(tally);
        if sent {
            metrics.went_out(tally);
        }
    }
}

#[cfg(test)]
mod tests;
