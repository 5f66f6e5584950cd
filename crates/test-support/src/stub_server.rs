//! A WebSocket server on the loopback that imitates the behaviour of other servers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::loopback::serve_loopback;

/// Code and reason of a close frame; `None` for a frame without either.
pub type StubClose = Option<(u16, &'static str)>;

/// Behaviour of a server. The default is an echo.
#[derive(Debug, Clone, Copy, Default)]
pub struct StubBehaviour {
    /// Text sent when the first message of a connection arrives, before its answer.
    pub greeting: Option<&'static str>,
    /// Message of the server's own, sent when a message arrives. Its argument is the message's index on the connection.
    pub push: Option<fn(usize) -> Message>,
    /// Delay of each answer. The next message is read after it.
    pub hold: Duration,
    /// Answer to a message in place of its echo.
    pub answer: Option<fn(Message) -> Message>,
    /// True to send each answer twice, in one write.
    pub twice: bool,
    /// Number of connections to accept. Others are refused with HTTP 503.
    pub admit: Option<u64>,
    /// Number of connections, from the first, to close immediately, and their close frame.
    pub close_first: Option<(u64, StubClose)>,
    /// Index of the message of a connection to answer with a close frame.
    pub close_at: Option<(usize, StubClose)>,
}

/// Counts of the server's actions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StubCounts {
    /// Connections accepted.
    pub admitted: u64,
    /// Connections refused.
    pub refused: u64,
    /// Data messages received.
    pub messages: u64,
    /// Messages of the server's own, greetings included.
    pub pushed: u64,
    /// Connections closed by the server.
    pub closed: u64,
}

/// A running server. It ends when dropped.
#[derive(Debug)]
pub struct StubServer {
    address: SocketAddr,
    counts: Arc<Mutex<StubCounts>>,
    _runtime: Runtime,
}

impl StubServer {
    /// Starts a server on a free loopback port.
    ///
    /// # Panics
    /// When the system refuses a socket or a thread.
    #[must_use]
    pub fn start(behaviour: StubBehaviour) -> Self {
        let counts = Arc::new(Mutex::new(StubCounts::default()));
        let shared = Arc::clone(&counts);
        let (address, runtime) = serve_loopback(move |stream| {
            let peer = StubPeer {
                behaviour,
                counts: Arc::clone(&shared),
            };
            async move { peer.serve(stream).await }
        });
        Self {
            address,
            counts,
            _runtime: runtime,
        }
    }

    /// The server's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Counts so far.
    #[must_use]
    pub fn counts(&self) -> StubCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server's side of one connection.
struct StubPeer {
    behaviour: StubBehaviour,
    counts: Arc<Mutex<StubCounts>>,
}

impl StubPeer {
    fn count(&self, change: impl FnOnce(&mut StubCounts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Number of this connection, from 0; `None` when it must be refused.
    fn admit(&self) -> Option<u64> {
        let mut number = None;
        self.count(|counts| {
            if self
                .behaviour
                .admit
                .is_some_and(|most| counts.admitted >= most)
            {
                counts.refused += 1;
            } else {
                number = Some(counts.admitted);
                counts.admitted += 1;
            }
        });
        number
    }

    async fn serve(&self, stream: TcpStream) -> Result<(), Error> {
        stream.set_nodelay(true)?;
        let number = self.admit();
        // The size of the error type is defined by the library.
        #[allow(clippy::result_large_err)]
        let answer = |_: &Request, response: Response| match number {
            Some(_) => Ok(response),
            None => Err(refusal()),
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, answer).await?;
        if let Some((first, close)) = self.behaviour.close_first
            && number.is_some_and(|number| number < first)
        {
            self.close(&mut socket, close).await?;
        }
        self.answer_all(&mut socket).await
    }

    async fn answer_all(&self, socket: &mut WebSocketStream<TcpStream>) -> Result<(), Error> {
        let mut number = 0;
        while let Some(message) = socket.next().await {
            let message = message?;
            if !message.is_text() && !message.is_binary() {
                continue;
            }
            self.count(|counts| counts.messages += 1);
            if let Some((at, close)) = self.behaviour.close_at
                && at == number
            {
                self.close(socket, close).await?;
                continue;
            }
            let greeting = self.behaviour.greeting.filter(|_| number == 0);
            let push = self.behaviour.push.map(|push| push(number));
            for own in greeting.map(Message::text).into_iter().chain(push) {
                self.count(|counts| counts.pushed += 1);
                socket.send(own).await?;
            }
            if !self.behaviour.hold.is_zero() {
                tokio::time::sleep(self.behaviour.hold).await;
            }
            let answer = self.behaviour.answer.unwrap_or(|message| message);
            let answer = answer(message);
            if self.behaviour.twice {
                socket.feed(answer.clone()).await?;
            }
            socket.send(answer).await?;
            number += 1;
        }
        Ok(())
    }

    async fn close(
        &self,
        socket: &mut WebSocketStream<TcpStream>,
        close: StubClose,
    ) -> Result<(), Error> {
        self.count(|counts| counts.closed += 1);
        let frame = close.map(|(code, reason)| CloseFrame {
            code: code.into(),
            reason: reason.into(),
        });
        socket.close(frame).await
    }
}

/// The answer to a connection above the limit, like that of a load balancer.
fn refusal() -> ErrorResponse {
    let mut refusal = ErrorResponse::new(Some("full".to_owned()));
    *refusal.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = refusal.headers_mut();
    headers.insert("Retry-After", "1".parse().expect("a valid header"));
    refusal
}
