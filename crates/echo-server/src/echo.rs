//! The echo loop, for any socket that is a stream and a sink of messages.

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
    close_code::{CloseReason, NO_STATUS},
    connection::ConnectionContext,
    idle::{IdleAction, IdleTimer},
    library::{Incoming, WebSocketLibrary},
    metrics::Tally,
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
    let server = Arc::clone(&connection.server);
    let mut open = server.metrics.count_open();
    let mut echo_loop = EchoLoop::<L, S>::new(socket, connection);
    match poll_fn(|cx| echo_loop.poll(cx)).await {
        EchoEnd::Gone => {}
        EchoEnd::Peer(code) => open.set_close_code(code.unwrap_or(NO_STATUS)),
        EchoEnd::Fault(reason) => {
            let closing = socket.send(L::close(reason));
            if let Ok(Ok(())) = tokio::time::timeout(FAULT_GRACE, closing).await {
                open.set_close_code(reason.code());
            }
        }
        EchoEnd::Shutdown => {
            if socket.send(L::close(CloseReason::GoingAway)).await.is_ok() {
                open.set_close_code(CloseReason::GoingAway.code());
                // The peer may have sent more messages before it received the close frame. The stream ends with its
                // answer. The drain timeout limits the wait.
                while let Some(Ok(_)) = socket.next().await {}
            }
        }
    }
}

/// Reason for the end of an echo loop, after all echoes were flushed.
enum EchoEnd {
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
    Ended(EchoEnd),
}

struct EchoLoop<'a, L: WebSocketLibrary, S> {
    socket: &'a mut S,
    connection: &'a mut ConnectionContext,
    idle: Option<IdleTimer>,
    ping_due: bool,
    /// Time at which the shutdown signal was noticed.
    stopping: Option<Instant>,
    /// A message that was read but cannot be written yet.
    held: Option<L::Message>,
    /// Number of messages of any kind in this batch.
    moved: u64,
    /// Echoes since the last flush.
    unsent: Tally,
    /// The end of the last batch, while its flush is blocked.
    flushing: Option<BatchEnd>,
}

impl<'a, L, S> EchoLoop<'a, L, S>
where
    L: WebSocketLibrary,
    S: Stream<Item = Result<L::Message, L::Error>> + Sink<L::Message, Error = L::Error> + Unpin,
{
    fn new(socket: &'a mut S, connection: &'a mut ConnectionContext) -> Self {
        Self {
            socket,
            idle: IdleTimer::new(connection.server.config.idle_timeout),
            connection,
            stopping: None,
            ping_due: false,
            held: None,
            moved: 0,
            unsent: Tally::default(),
            flushing: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<EchoEnd> {
        loop {
            let was_blocked = self.flushing.is_some();
            let moved = self.poll_messages(cx);
            let Some(idle) = self.idle.as_mut().filter(|_| moved.is_pending()) else {
                return moved;
            };
            if self.connection.slot.take_activity(was_blocked) {
                idle.note_activity();
            }
            match ready!(idle.poll(cx)) {
                IdleAction::Close => {
                    return Poll::Ready(EchoEnd::Fault(CloseReason::Silent));
                }
                // While a write is blocked, a ping cannot be sent either.
                IdleAction::Ping => self.ping_due = self.flushing.is_none(),
            }
        }
    }

    /// Moves and flushes messages. Pending when none is available, or none can be written.
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> Poll<EchoEnd> {
        loop {
            let (batch_end, is_fresh) = match self.flushing.take() {
                Some(batch_end) => (batch_end, false),
                None => (ready!(self.poll_batch(cx)), true),
            };
            let flushed = match self.socket.poll_flush_unpin(cx) {
                Poll::Ready(flushed) => flushed,
                Poll::Pending => {
                    self.flushing = Some(batch_end);
                    return Poll::Pending;
                }
            };
            self.count(flushed.is_ok());
            self.moved = 0;
            match batch_end {
                BatchEnd::Ended(ending) => return Poll::Ready(ending),
                _ if flushed.is_err() => return Poll::Ready(EchoEnd::Gone),
                _ if self.is_done(is_fresh && matches!(batch_end, BatchEnd::Idle)) => {
                    return Poll::Ready(EchoEnd::Shutdown);
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

    /// Returns true when a stopping server has echoed everything that had arrived, or gives up on a peer that keeps
    /// sending. The rest of the drain timeout is for the close.
    fn is_done(&self, is_idle: bool) -> bool {
        self.stopping.is_some_and(|since| {
            let limit = self.connection.server.config.drain_timeout / 2;
            is_idle && !self.connection.slot.has_unread() || since.elapsed() >= limit
        })
    }

    /// Moves messages until none is available. Pending only while none can be written.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<BatchEnd> {
        if self.ping_due {
            let room = ready!(self.socket.poll_ready_unpin(cx));
            self.ping_due = false;
            if room
                .and_then(|()| self.socket.start_send_unpin(L::ping()))
                .is_err()
            {
                return Poll::Ready(BatchEnd::Ended(EchoEnd::Gone));
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
                    return Poll::Ready(BatchEnd::Ended(EchoEnd::Gone));
                }
            }
            if self.moved >= BATCH {
                return Poll::Ready(BatchEnd::Busy);
            }
            let message = match self.socket.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Ready(BatchEnd::Idle),
                Poll::Ready(None) => return Poll::Ready(BatchEnd::Ended(EchoEnd::Gone)),
                Poll::Ready(Some(Err(error))) => {
                    let ending = L::fault(&error).map_or(EchoEnd::Gone, EchoEnd::Fault);
                    return Poll::Ready(BatchEnd::Ended(ending));
                }
                Poll::Ready(Some(Ok(message))) => message,
            };
            self.moved += 1;
            match L::classify(&message) {
                Incoming::Data(bytes) => {
                    self.unsent.messages += 1;
                    // usize is at most 64 bits wide.
                    self.unsent.bytes += bytes as u64;
                    self.held = Some(message);
                }
                // Flushed before the next read, so that pongs do not pile up for a peer that does not read them.
                Incoming::Ping => return Poll::Ready(BatchEnd::Busy),
                Incoming::Pong => {}
                Incoming::Close(code) => return Poll::Ready(BatchEnd::Ended(EchoEnd::Peer(code))),
            }
        }
    }

    /// Updates the metrics. Called once per flush, because many connections share them.
    fn count(&mut self, sent: bool) {
        if self.unsent.messages == 0 {
            return;
        }
        let tally = mem::take(&mut self.unsent);
        let metrics = &self.connection.server.metrics;
        metrics.count_received(tally);
        if sent {
            metrics.count_sent(tally);
        }
    }
}

#[cfg(test)]
mod tests;
