//! The message loop of a connection, for any socket that is a stream and a sink of messages.

use std::{
    future::poll_fn,
    marker::PhantomData,
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::Instant;

use crate::{
    close_code::{CloseReason, NO_STATUS},
    connection::ConnectionContext,
    idle::{IdleAction, IdleTimer},
    library::{Incoming, WebSocketLibrary},
    metrics::{OpenWebSocket, Tally},
    relay::{EchoRelay, Relay},
    rooms::RoomMember,
};

/// Maximum number of messages between two flushes and checks of the shutdown signal.
const BATCH: u64 = 4096;

/// Maximum time for a peer at fault to accept its close frame.
const FAULT_GRACE: Duration = Duration::from_secs(5);

/// Echoes until the peer closes, fails or falls silent, or the server stops.
///
/// All available messages are echoed with one flush. Nothing is read while a flush is blocked, so the memory held for a
/// peer that does not read is bounded by one batch of the library's buffers.
///
/// When this returns, the socket may be dropped: its close frame is written, or cannot be.
///
/// permessage-deflate (RFC 7692) is not supported: neither library implements it, and it is never negotiated. To
/// support it, offer it in [`ServerContext::route`](crate::ServerContext::route), and pass a socket that compresses the
/// messages to this function.
pub async fn echo<L, S>(socket: &mut S, connection: &mut ConnectionContext)
where
    L: WebSocketLibrary,
    S: Stream<Item = Result<L::Message, L::Error>> + Sink<L::Message, Error = L::Error> + Unpin,
{
    run::<L, S, _>(socket, connection, EchoRelay::default()).await;
}

/// Publishes every message of the peer in its room, and sends it those of all members, until it closes, fails, falls
/// silent or reads too slowly, or the server stops.
///
/// Otherwise like [`echo()`]: what is available is sent with one flush, and nothing is read while a flush is blocked.
pub async fn broadcast<L, S>(
    socket: &mut S,
    connection: &mut ConnectionContext,
    member: RoomMember<L>,
) where
    L: WebSocketLibrary,
    S: Stream<Item = Result<L::Message, L::Error>> + Sink<L::Message, Error = L::Error> + Unpin,
{
    run::<L, S, _>(socket, connection, member).await;
}

async fn run<L, S, R>(socket: &mut S, connection: &mut ConnectionContext, relay: R)
where
    L: WebSocketLibrary,
    S: Stream<Item = Result<L::Message, L::Error>> + Sink<L::Message, Error = L::Error> + Unpin,
    R: Relay<L>,
{
    let server = Arc::clone(&connection.server);
    let mut open = server.metrics.count_open();
    let mut message_loop = MessageLoop::<L, S, R>::new(socket, connection, relay);
    let end = poll_fn(|cx| message_loop.poll(cx)).await;
    // Leaves a room before the close, which may take long.
    drop(message_loop);
    if matches!(end, LoopEnd::Fault(CloseReason::TooSlow)) {
        server.metrics.count_overflow();
    }
    close::<L, S>(socket, end, &mut open).await;
}

/// Sends the close frame that this end requires, and counts the close code.
async fn close<L, S>(socket: &mut S, end: LoopEnd, open: &mut OpenWebSocket<'_>)
where
    L: WebSocketLibrary,
    S: Stream<Item = Result<L::Message, L::Error>> + Sink<L::Message, Error = L::Error> + Unpin,
{
    match end {
        LoopEnd::Gone => {}
        LoopEnd::Peer(code) => open.set_close_code(code.unwrap_or(NO_STATUS)),
        LoopEnd::Fault(reason) => {
            let closing = socket.send(L::close(reason));
            if let Ok(Ok(())) = tokio::time::timeout(FAULT_GRACE, closing).await {
                open.set_close_code(reason.code());
            }
        }
        LoopEnd::Shutdown => {
            if socket.send(L::close(CloseReason::GoingAway)).await.is_ok() {
                open.set_close_code(CloseReason::GoingAway.code());
                // The peer may have sent more messages before it received the close frame. The stream ends with its
                // answer. The drain timeout limits the wait.
                while let Some(Ok(_)) = socket.next().await {}
            }
        }
    }
}

/// Reason for the end of a message loop, after everything was flushed.
enum LoopEnd {
    Peer(Option<u16>),
    Fault(CloseReason),
    Shutdown,
    Gone,
}

/// Reason for the end of a batch of messages.
enum BatchEnd {
    /// No message is available.
    Idle,
    /// More messages may be available.
    Busy,
    /// No further messages will come.
    Ended(LoopEnd),
}

struct MessageLoop<'a, L: WebSocketLibrary, S, R> {
    socket: &'a mut S,
    connection: &'a mut ConnectionContext,
    relay: R,
    library: PhantomData<L>,
    idle: Option<IdleTimer>,
    ping_due: bool,
    /// Time at which the shutdown signal was noticed.
    stopping: Option<Instant>,
    /// Number of received messages of any kind in this batch.
    moved: u64,
    /// Messages received and not counted yet.
    received: Tally,
    /// Messages sent since the last flush.
    unsent: Tally,
    /// True while a write is blocked.
    is_blocked: bool,
    /// The end of the last batch, while its flush is blocked.
    flushing: Option<BatchEnd>,
}

impl<'a, L, S, R> MessageLoop<'a, L, S, R>
where
    L: WebSocketLibrary,
    S: Stream<Item = Result<L::Message, L::Error>> + Sink<L::Message, Error = L::Error> + Unpin,
    R: Relay<L>,
{
    fn new(socket: &'a mut S, connection: &'a mut ConnectionContext, relay: R) -> Self {
        Self {
            socket,
            idle: IdleTimer::new(connection.server.config.idle_timeout),
            connection,
            relay,
            library: PhantomData,
            stopping: None,
            ping_due: false,
            moved: 0,
            received: Tally::default(),
            unsent: Tally::default(),
            is_blocked: false,
            flushing: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LoopEnd> {
        if let Some(reason) = self.relay.begin_poll() {
            self.count(false);
            return Poll::Ready(LoopEnd::Fault(reason));
        }
        let polled = self.poll_with_timeout(cx);
        if polled.is_pending() {
            self.relay.end_poll(cx);
        }
        polled
    }

    /// Moves messages, and notices silence.
    fn poll_with_timeout(&mut self, cx: &mut Context<'_>) -> Poll<LoopEnd> {
        loop {
            let was_blocked = self.is_blocked;
            let moved = self.poll_messages(cx);
            let Some(idle) = self.idle.as_mut().filter(|_| moved.is_pending()) else {
                return moved;
            };
            if self.connection.slot.take_activity(was_blocked) {
                idle.note_activity();
            }
            match ready!(idle.poll(cx)) {
                IdleAction::Close => {
                    return Poll::Ready(LoopEnd::Fault(CloseReason::Silent));
                }
                // While a write is blocked, a ping cannot be sent either.
                IdleAction::Ping => self.ping_due = !self.is_blocked,
            }
        }
    }

    /// Moves and flushes messages. Pending when none is available, or none can be written.
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> Poll<LoopEnd> {
        loop {
            let (batch_end, is_fresh) = match self.flushing.take() {
                Some(batch_end) => (batch_end, false),
                None => (ready!(self.poll_batch(cx)), true),
            };
            let flushed = match self.socket.poll_flush_unpin(cx) {
                Poll::Ready(flushed) => flushed,
                Poll::Pending => {
                    self.is_blocked = true;
                    self.flushing = Some(batch_end);
                    return Poll::Pending;
                }
            };
            self.is_blocked = false;
            self.count(flushed.is_ok());
            self.moved = 0;
            match batch_end {
                BatchEnd::Ended(ending) => return Poll::Ready(ending),
                _ if flushed.is_err() => return Poll::Ready(LoopEnd::Gone),
                _ if self.is_done(is_fresh && matches!(batch_end, BatchEnd::Idle)) => {
                    return Poll::Ready(LoopEnd::Shutdown);
                }
                _ if self.stopping.is_none() && self.connection.shutdown.poll(cx).is_ready() => {
                    self.stopping = Some(Instant::now());
                    self.connection.slot.track_unread();
                }
                BatchEnd::Idle if is_fresh => return Poll::Pending,
                // The last wake-up may have been for reading but was used for the flush, so another read is needed.
                BatchEnd::Idle | BatchEnd::Busy => {}
            }
        }
    }

    /// Returns true when a stopping server has relayed everything that had arrived, or gives up on a peer that keeps
    /// sending. The rest of the drain timeout is for the close.
    fn is_done(&self, is_idle: bool) -> bool {
        self.stopping.is_some_and(|since| {
            let limit = self.connection.server.config.drain_timeout / 2;
            let is_relayed = is_idle && !self.relay.is_holding();
            is_relayed && !self.connection.slot.has_unread() || since.elapsed() >= limit
        })
    }

    /// Moves messages until none is available. Pending only while none can be written.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<BatchEnd> {
        if self.ping_due {
            let room = ready!(self.poll_room(cx));
            self.ping_due = false;
            if room
                .and_then(|()| self.socket.start_send_unpin(L::ping()))
                .is_err()
            {
                return Poll::Ready(BatchEnd::Ended(LoopEnd::Gone));
            }
        }
        loop {
            if ready!(self.poll_send(cx)).is_err() {
                return Poll::Ready(BatchEnd::Ended(LoopEnd::Gone));
            }
            if self.relay.is_holding() {
                return Poll::Ready(BatchEnd::Idle);
            }
            if self.moved >= BATCH {
                return Poll::Ready(BatchEnd::Busy);
            }
            let message = match self.socket.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Ready(BatchEnd::Idle),
                Poll::Ready(None) => return Poll::Ready(BatchEnd::Ended(LoopEnd::Gone)),
                Poll::Ready(Some(Err(error))) => {
                    let ending = L::fault(&error).map_or(LoopEnd::Gone, LoopEnd::Fault);
                    return Poll::Ready(BatchEnd::Ended(ending));
                }
                Poll::Ready(Some(Ok(message))) => message,
            };
            self.moved += 1;
            match L::classify(&message) {
                Incoming::Data(bytes) => {
                    self.received.add(bytes);
                    self.relay.receive(message, bytes);
                }
                // Flushed before the next read, so that pongs do not pile up for a peer that does not read them.
                Incoming::Ping => return Poll::Ready(BatchEnd::Busy),
                Incoming::Pong => {}
                Incoming::Close(code) => return Poll::Ready(BatchEnd::Ended(LoopEnd::Peer(code))),
            }
        }
    }

    /// Hands the relay's messages to the socket. Pending while it has no room.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), L::Error>> {
        while self.relay.may_send() {
            ready!(self.poll_room(cx))?;
            let Some((message, bytes)) = self.relay.next(cx) else {
                break;
            };
            self.socket.start_send_unpin(message)?;
            self.unsent.add(bytes);
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until the socket has room for a message.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), L::Error>> {
        let room = self.socket.poll_ready_unpin(cx);
        let was_blocked = mem::replace(&mut self.is_blocked, room.is_pending());
        if was_blocked && matches!(room, Poll::Ready(Ok(()))) {
            // A blocked library has room when everything is written.
            self.count(true);
        }
        room
    }

    /// Updates the metrics. Called once per flush, because many connections share them.
    fn count(&mut self, sent: bool) {
        let metrics = &self.connection.server.metrics;
        if let Some(received) = self.received.take() {
            metrics.count_received(received);
        }
        if let Some(tally) = self.unsent.take()
            && sent
        {
            metrics.count_sent(tally);
        }
    }
}

#[cfg(test)]
mod tests;
