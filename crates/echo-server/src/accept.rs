//! The accept loop: admission of connections, and their drain at the end.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{JoinError, JoinSet},
    time::Instant,
};

use crate::{
    byte_stream::{ByteStream, SocketStream},
    connection::{Connection, ConnectionContext},
    graceful_stream::ReturnSlot,
    http_response::{encode_response, no_room},
    listener::Listener,
    routing::{MAX_HEAD, ServerContext},
    shutdown::{ShutdownSignal, ShutdownTrigger},
};

/// Maximum number of concurrent refusals. They use the reserved open files. Beyond this number, connections wait in the
/// backlog.
const MAX_REFUSALS: usize = 32;

/// Maximum time for a refused connection to send its request.
const REFUSAL_GRACE: Duration = Duration::from_secs(1);

/// First and longest pause after `accept` failed for lack of resources.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Accepts connections and passes each to `handle`, until `shutdown` is ready. Then no more connections are accepted,
/// every open one is notified, and those that have not ended within the drain timeout are dropped.
///
/// Errors do not end the loop. An error of a single connection is skipped. After a lack of resources, the loop pauses.
pub async fn accept<H, F>(
    listener: Listener,
    server: Arc<ServerContext>,
    handle: H,
    shutdown: impl Future<Output = ()>,
) where
    H: Fn(Connection) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let max_connections = server.config.max_connections;
    let trigger = ShutdownTrigger::default();
    // Cloned, because connections outlive the listener.
    let workers = listener.workers.clone();
    let mut accepted = 0_usize;
    let mut acceptor = Acceptor::new(listener);
    let mut connections = JoinSet::new();
    let mut refusals = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let socket = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => { log_panic(ended); continue }
            Some(ended) = refusals.join_next() => { log_panic(ended); continue }
            socket = acceptor.next(), if connections.len() < max_connections
                || refusals.len() < MAX_REFUSALS => socket,
        };
        if connections.len() < max_connections {
            let admitted = AcceptedSocket {
                socket,
                server: Arc::clone(&server),
                shutdown: trigger.subscribe(),
                moves: workers.is_some(),
            };
            let serving = admitted.serve(handle.clone());
            match &workers {
                Some(workers) => connections.spawn_on(serving, workers.runtime_of(accepted)),
                None => connections.spawn(serving),
            };
            accepted = accepted.wrapping_add(1);
        } else {
            server.metrics.count_refused();
            refusals.spawn(refuse(socket, Arc::clone(&server)));
        }
    }
    drop(acceptor);
    refusals.abort_all();
    trigger.stop();
    drain(connections, server.config.drain_timeout).await;
}

/// Waits until all connections have ended, and drops the rest after the timeout.
async fn drain(mut connections: JoinSet<()>, timeout: Duration) {
    let drained = tokio::time::timeout(timeout, async {
        while let Some(ended) = connections.join_next().await {
            log_panic(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(
            "{} connections did not close within {timeout:?} and were dropped",
            connections.len()
        );
        connections.shutdown().await;
    }
}

/// Logs the panic of a connection's task, which ends only this connection.
fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection ended in a panic: {error}");
    }
}

/// An accepted and admitted socket.
struct AcceptedSocket {
    socket: SocketStream,
    server: Arc<ServerContext>,
    shutdown: ShutdownSignal,
    /// True when another runtime than that of the accept loop serves the connection.
    moves: bool,
}

impl AcceptedSocket {
    /// Serves the connection from its first byte to its graceful close.
    async fn serve<H, F>(self, handle: H)
    where
        H: Fn(Connection) -> F,
        F: Future<Output = ()>,
    {
        let timeout = self.server.config.handshake_timeout;
        let deadline = Some(timeout)
            .filter(|timeout| !timeout.is_zero())
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let socket = if self.moves {
            match self.socket.move_to_current_runtime() {
                Ok(socket) => socket,
                Err(error) => {
                    tracing::warn!("a connection cannot be served: {error}");
                    return;
                }
            }
        } else {
            self.socket
        };
        let slot = ReturnSlot::default();
        let mut context = ConnectionContext {
            server: self.server,
            shutdown: self.shutdown,
            slot: slot.clone(),
            deadline,
        };
        let Some(stream) = tls_handshake(socket, &mut context).await else {
            return;
        };
        handle(Connection {
            stream: slot.wrap(stream),
            context,
        })
        .await;
        slot.close_gracefully().await;
    }
}

/// Performs the TLS handshake, if TLS is configured. `None` when it fails, takes too long, or the server stops.
async fn tls_handshake(
    socket: SocketStream,
    context: &mut ConnectionContext,
) -> Option<ByteStream> {
    let Some(tls) = &context.server.config.tls else {
        return Some(ByteStream::Plain(socket));
    };
    let mut accepting = Box::pin(tls.acceptor().accept(socket));
    match context.handshake(accepting.as_mut()).await? {
        Ok(stream) => Some(ByteStream::Tls(Box::new(stream))),
        Err(error) => {
            tracing::debug!("a TLS handshake failed: {error}");
            None
        }
    }
}

/// Reads the request, so that the client accepts the response as its answer, then responds with 503.
async fn refuse(socket: SocketStream, server: Arc<ServerContext>) {
    let slot = ReturnSlot::default();
    let refusal = async {
        let stream = match &server.config.tls {
            None => ByteStream::Plain(socket),
            Some(tls) => ByteStream::Tls(Box::new(tls.acceptor().accept(socket).await?)),
        };
        let mut stream = slot.wrap(stream);
        let mut head = Vec::new();
        let read_head = async {
            while head.len() < MAX_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
                if stream.read_buf(&mut head).await? == 0 {
                    break;
                }
            }
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(REFUSAL_GRACE, read_head).await;
        // The response fits into any socket buffer, so this does not block.
        stream.write_all(&encode_response(&no_room(), true)).await
    };
    // The TLS handshake may take as long as the request.
    if let Ok(Ok(())) = tokio::time::timeout(2 * REFUSAL_GRACE, refusal).await {
        slot.close_gracefully().await;
    }
}

/// A source of accepted sockets.
trait SocketSource {
    async fn accept(&mut self) -> io::Result<SocketStream>;
}

impl SocketSource for Listener {
    async fn accept(&mut self) -> io::Result<SocketStream> {
        self.accept_socket().await
    }
}

/// A listener that returns only sockets, and handles errors itself.
struct Acceptor<S> {
    source: S,
    /// Pause after the next lack of resources.
    pause: Duration,
    paused_until: Option<Instant>,
}

impl<S: SocketSource> Acceptor<S> {
    fn new(source: S) -> Self {
        Self {
            source,
            pause: BACKOFF.0,
            paused_until: None,
        }
    }

    /// Returns the next socket. Cancel safe.
    async fn next(&mut self) -> SocketStream {
        loop {
            if let Some(until) = self.paused_until {
                tokio::time::sleep_until(until).await;
                self.paused_until = None;
            }
            match self.source.accept().await {
                Ok(socket) => {
                    self.pause = BACKOFF.0;
                    return socket;
                }
                Err(error) if concerns_one_connection(&error) => {
                    tracing::debug!("cannot accept a connection: {error}");
                }
                Err(error) => {
                    tracing::warn!(
                        "cannot accept connections, trying again in {:?}: {error}",
                        self.pause
                    );
                    self.paused_until = Some(Instant::now() + self.pause);
                    self.pause = (self.pause * 2).min(BACKOFF.1);
                }
            }
        }
    }
}

/// Returns true when a connection failed before it was accepted, so that the next one can be accepted immediately.
/// Other errors, such as too many open files, last for some time.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    /// A source that returns each of these errors once, and never another.
    struct Failing {
        errors: Vec<io::ErrorKind>,
        asked: usize,
        listener: Listener,
    }

    impl SocketSource for &mut Failing {
        async fn accept(&mut self) -> io::Result<SocketStream> {
            self.asked += 1;
            match self.errors.pop() {
                Some(kind) => Err(kind.into()),
                None => self.listener.accept_socket().await,
            }
        }
    }

    async fn failing(kind: io::ErrorKind, times: usize) -> Failing {
        Failing {
            errors: vec![kind; times],
            asked: 0,
            listener: crate::listener::bind("127.0.0.1:0", 16).await.unwrap(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_shortage_is_waited_out_without_spinning() {
        let mut failing = failing(io::ErrorKind::Other, usize::from(u16::MAX)).await;
        let mut acceptor = Acceptor::new(&mut failing);
        let waited = tokio::time::timeout(Duration::from_secs(100), acceptor.next()).await;
        assert!(waited.is_err());
        assert!((100..120).contains(&failing.asked), "{}", failing.asked);
    }

    #[tokio::test]
    async fn a_shortage_ends() {
        let mut failing = failing(io::ErrorKind::Other, 3).await;
        let address = failing.listener.tcp_address().unwrap();
        let _peer = TcpStream::connect(address).await.unwrap();
        let mut acceptor = Acceptor::new(&mut failing);
        let SocketStream::Tcp(stream) = acceptor.next().await else {
            panic!("a Unix socket");
        };
        assert!(stream.nodelay().unwrap());
        assert_eq!(acceptor.pause, BACKOFF.0);
        assert_eq!(failing.asked, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn an_aborted_connection_delays_nobody() {
        let mut failing = failing(io::ErrorKind::ConnectionAborted, 1000).await;
        let address = failing.listener.tcp_address().unwrap();
        let _peer = TcpStream::connect(address).await.unwrap();
        let started = Instant::now();
        Acceptor::new(&mut failing).next().await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(failing.asked, 1001);
    }
}
