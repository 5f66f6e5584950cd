//! The accept loop: what comes in, who is let in, and the end of it all.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{JoinError, JoinSet},
    time::Instant,
};

use crate::{
    Lent, Listener, Peer, Stop,
    answer::encode,
    host::{Host, MAX_HEAD, no_room},
    lent::Home,
    stop::Stopper,
    stream::{Socket, Stream},
};

/// Connections told at once that there is no room. They take from the files
/// kept in reserve; while there are this many, the next waits in the backlog.
const REFUSALS: usize = 32;

/// How long a connection without room has to say what it wants.
const REFUSAL_GRACE: Duration = Duration::from_secs(1);

/// Pauses after `accept` failed for want of something: first and longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// One accepted connection, as a server gets it.
#[derive(Debug)]
pub struct Connection {
    /// The stream. To be dropped as soon as all is said.
    pub stream: Lent,
    /// Its place in the server.
    pub peer: Peer,
}

/// Accepts connections and gives each to `handle`, until `shutdown` is ready.
/// Then nothing more is accepted, every connection hears of it through its
/// [`Stop`], and those that have not ended within the drain timeout are
/// dropped.
///
/// No error ends the loop: one that concerns a single connection is passed
/// over, one that tells of a shortage is waited out.
pub async fn accept<H, F>(
    listener: Listener,
    host: Arc<Host>,
    handle: H,
    shutdown: impl Future<Output = ()>,
) where
    H: Fn(Connection) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (max_connections, drain_timeout) = {
        let config = host.config();
        (config.max_connections, config.drain_timeout)
    };
    let stopper = Stopper::default();
    // Not the listener's: connections outlive it.
    let workers = listener.workers().cloned();
    let mut accepted = 0_usize;
    let mut door = Door::new(listener);
    let mut connections = JoinSet::new();
    let mut refusals = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => { report(ended); continue }
            Some(ended) = refusals.join_next() => { report(ended); continue }
            stream = door.next(), if connections.len() < max_connections
                || refusals.len() < REFUSALS => stream,
        };
        if connections.len() < max_connections {
            let arrival = Arrival {
                socket: stream,
                host: Arc::clone(&host),
                stop: stopper.subscribe(),
                moves: workers.is_some(),
            };
            let conversation = arrival.converse(handle.clone());
            match &workers {
                Some(workers) => connections.spawn_on(conversation, workers.of(accepted)),
                None => connections.spawn(conversation),
            };
            accepted = accepted.wrapping_add(1);
        } else {
            host.metrics().refuse();
            refusals.spawn(refuse(stream, Arc::clone(&host)));
        }
    }
    drop(door);
    refusals.abort_all();
    stopper.stop();
    let drained = tokio::time::timeout(drain_timeout, async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(
            "{} connections did not close within {drain_timeout:?} and were dropped",
            connections.len()
        );
        connections.shutdown().await;
    }
}

/// A connection that panicked is a fault of ours, but only its own end.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection ended in a panic: {error}");
    }
}

/// A connection that has just been accepted.
struct Arrival {
    socket: Socket,
    host: Arc<Host>,
    stop: Stop,
    /// It is served on another runtime than that of the accept loop.
    moves: bool,
}

impl Arrival {
    async fn converse<H, F>(self, handle: H)
    where
        H: Fn(Connection) -> F,
        F: Future<Output = ()>,
    {
        let timeout = self.host.config().handshake_timeout;
        let deadline = Some(timeout)
            .filter(|timeout| !timeout.is_zero())
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let socket = if self.moves {
            match self.socket.moved_here() {
                Ok(socket) => socket,
                Err(error) => {
                    tracing::warn!("a connection cannot be served: {error}");
                    return;
                }
            }
        } else {
            self.socket
        };
        let home = Home::default();
        let mut peer = Peer {
            host: self.host,
            stop: self.stop,
            home: home.clone(),
            deadline,
        };
        let Some(stream) = secure(socket, &mut peer).await else {
            return;
        };
        handle(Connection {
            stream: home.lend(stream),
            peer,
        })
        .await;
        home.end().await;
    }
}

/// Shakes hands for TLS, where that is served; `None` if that fails, lasts too
/// long, or the server stops.
async fn secure(socket: Socket, peer: &mut Peer) -> Option<Stream> {
    let Some(tls) = &peer.host().config().tls else {
        return Some(Stream::Plain(socket));
    };
    let mut accepting = Box::pin(tls.acceptor().accept(socket));
    match peer.handshake(accepting.as_mut()).await? {
        Ok(stream) => Some(Stream::Tls(Box::new(stream))),
        Err(error) => {
            tracing::debug!("a TLS handshake failed: {error}");
            None
        }
    }
}

/// Hears the request out, so that the answer is not mistaken for noise, then
/// answers 503.
async fn refuse(socket: Socket, host: Arc<Host>) {
    let home = Home::default();
    let request = async {
        let stream = match &host.config().tls {
            None => Stream::Plain(socket),
            Some(tls) => Stream::Tls(Box::new(tls.acceptor().accept(socket).await?)),
        };
        let mut lent = home.lend(stream);
        let mut head = Vec::new();
        let hear = async {
            while head.len() < MAX_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
                if lent.read_buf(&mut head).await? == 0 {
                    break;
                }
            }
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(REFUSAL_GRACE, hear).await;
        // It fits in any socket's buffer, so this does not block.
        lent.write_all(&encode(&no_room(), true)).await
    };
    // A TLS handshake gets as long as a request.
    if let Ok(Ok(())) = tokio::time::timeout(2 * REFUSAL_GRACE, request).await {
        home.end().await;
    }
}

/// Something that connections come from.
trait Accept {
    async fn accept(&mut self) -> io::Result<Socket>;
}

impl Accept for Listener {
    async fn accept(&mut self) -> io::Result<Socket> {
        self.accept_socket().await
    }
}

/// A listener that has only connections to give, no errors.
struct Door<A> {
    listener: A,
    pause: Duration,
    closed_until: Option<Instant>,
}

impl<A: Accept> Door<A> {
    fn new(listener: A) -> Self {
        Self {
            listener,
            pause: BACKOFF.0,
            closed_until: None,
        }
    }

    /// The next connection. May be dropped while it waits.
    async fn next(&mut self) -> Socket {
        loop {
            if let Some(until) = self.closed_until {
                tokio::time::sleep_until(until).await;
                self.closed_until = None;
            }
            match self.listener.accept().await {
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
                    self.closed_until = Some(Instant::now() + self.pause);
                    self.pause = (self.pause * 2).min(BACKOFF.1);
                }
            }
        }
    }
}

/// Whether the connection failed before it was accepted, and the next may be
/// had at once. All else, such as too many open files, lasts a while.
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

    /// Fails as told, then never again.
    struct Failing {
        errors: Vec<io::ErrorKind>,
        asked: usize,
        listener: Listener,
    }

    impl Accept for &mut Failing {
        async fn accept(&mut self) -> io::Result<Socket> {
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
            listener: crate::bind("127.0.0.1:0", 16).await.unwrap(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_shortage_is_waited_out_without_spinning() {
        let mut failing = failing(io::ErrorKind::Other, usize::from(u16::MAX)).await;
        let mut door = Door::new(&mut failing);
        let waited = tokio::time::timeout(Duration::from_secs(100), door.next()).await;
        assert!(waited.is_err());
        assert!((100..120).contains(&failing.asked), "{}", failing.asked);
    }

    #[tokio::test]
    async fn a_shortage_ends() {
        let mut failing = failing(io::ErrorKind::Other, 3).await;
        let address = failing.listener.tcp_address().unwrap();
        let _peer = TcpStream::connect(address).await.unwrap();
        let mut door = Door::new(&mut failing);
        let Socket::Tcp(stream) = door.next().await else {
            panic!("a Unix socket");
        };
        assert!(stream.nodelay().unwrap());
        assert_eq!(door.pause, BACKOFF.0);
        assert_eq!(failing.asked, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn an_aborted_connection_delays_nobody() {
        let mut failing = failing(io::ErrorKind::ConnectionAborted, 1000).await;
        let address = failing.listener.tcp_address().unwrap();
        let _peer = TcpStream::connect(address).await.unwrap();
        let started = Instant::now();
        Door::new(&mut failing).next().await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(failing.asked, 1001);
    }
}
