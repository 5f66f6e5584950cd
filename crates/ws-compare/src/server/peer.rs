//! One WebSocket client with a deadline: what looks whether a server is there and right, never what
//! times it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use measurement::plan::{CertificatePolicy, Endpoint, ServerUrl};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::HandshakeError;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, client::client_with_config};
use units::human_time;

/// Where a server is, and how to shake hands with it.
#[derive(Debug, Clone)]
pub struct Address {
    /// Its URL, read.
    pub target: ServerUrl,
    /// Whom to trust about its certificate.
    pub trust: CertificatePolicy,
    /// Further headers of the handshake.
    pub headers: HeaderMap,
}

/// Why there was no conversation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// Nobody listens there.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// TLS cannot be had.
    #[error("cannot set up TLS")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The upgrade failed.
    #[error("the handshake failed")]
    Handshake(#[source] Box<tungstenite::Error>),
    /// The connection failed.
    #[error("the connection failed")]
    Talk(#[source] Box<tungstenite::Error>),
    /// Nothing came in time.
    #[error("nothing came within {}", human_time(.0.as_secs_f64() * 1e9))]
    Silent(Duration),
}

/// A connection that is given so long for all that is said on it.
#[derive(Debug)]
pub struct Peer {
    socket: WebSocket<Timed>,
    timeout: Duration,
}

impl Peer {
    /// Opens a connection; it, and whatever is said on it, has to be done within `timeout`.
    ///
    /// # Errors
    /// [`PeerError`] when it does not open in time.
    pub fn open(address: &Address, timeout: Duration) -> Result<Self, PeerError> {
        let deadline = Instant::now() + timeout;
        let stream = Timed {
            stream: connect(address, deadline)?,
            deadline,
        };
        let target = &address.target;
        let url = format!("ws://{}{}", target.authority(), target.resource());
        let failed = |e: tungstenite::Error| PeerError::Handshake(Box::new(e));
        let mut request = url.into_client_request().map_err(failed)?;
        for (name, value) in &address.headers {
            request.headers_mut().append(name, value.clone());
        }
        let opened = client_with_config(request, stream, None).map_err(|error| match error {
            HandshakeError::Failure(error) => late(error, timeout, PeerError::Handshake),
            // A stream that waits is never interrupted.
            HandshakeError::Interrupted(_) => PeerError::Silent(timeout),
        });
        let (socket, _) = opened?;
        Ok(Self { socket, timeout })
    }

    /// Sends a message, or a frame of one.
    ///
    /// # Errors
    /// [`PeerError`] when it does not go out in time.
    pub fn send(&mut self, message: Message) -> Result<(), PeerError> {
        let sent = self.socket.send(message);
        sent.map_err(|error| late(error, self.timeout, PeerError::Talk))
    }

    /// The next message, control frames among them.
    ///
    /// # Errors
    /// [`PeerError`] when none comes in time.
    pub fn receive(&mut self) -> Result<Message, PeerError> {
        let message = self.socket.read();
        message.map_err(|error| late(error, self.timeout, PeerError::Talk))
    }

    /// The next message that carries something.
    ///
    /// # Errors
    /// As [`receive`](Self::receive); also when the server closes.
    pub fn receive_data(&mut self) -> Result<Message, PeerError> {
        loop {
            let message = self.receive()?;
            if message.is_text() || message.is_binary() {
                return Ok(message);
            }
        }
    }
}

/// A passed deadline is told as such.
fn late(
    error: tungstenite::Error,
    timeout: Duration,
    otherwise: impl FnOnce(Box<tungstenite::Error>) -> PeerError,
) -> PeerError {
    match error {
        tungstenite::Error::Io(e) if e.kind() == ErrorKind::TimedOut => PeerError::Silent(timeout),
        error => otherwise(Box::new(error)),
    }
}

fn connect(address: &Address, deadline: Instant) -> Result<Stream, PeerError> {
    match address.target.endpoint() {
        Endpoint::Tcp { host, port, tls } => {
            let socket = tcp(host, *port, deadline).map_err(PeerError::Connect)?;
            if !tls {
                return Ok(Stream::Tcp(socket));
            }
            let config = swarm::tls::client_config(&address.trust)
                .map_err(|e| PeerError::Tls(Box::new(e)))?;
            let name =
                ServerName::try_from(host.clone()).map_err(|e| PeerError::Tls(Box::new(e)))?;
            let session = ClientConnection::new(Arc::clone(&config), name)
                .map_err(|e| PeerError::Tls(Box::new(e)))?;
            Ok(Stream::Tls(Box::new(StreamOwned::new(session, socket))))
        }
        Endpoint::Unix { socket } => unix(socket).map_err(PeerError::Connect),
    }
}

/// The first of the host's addresses that answers.
fn tcp(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(unix)]
fn unix(socket: &str) -> io::Result<Stream> {
    std::os::unix::net::UnixStream::connect(socket).map(Stream::Unix)
}

#[cfg(not(unix))]
fn unix(_: &str) -> io::Result<Stream> {
    Err(ErrorKind::Unsupported.into())
}

/// A time to wait, which must not be nothing.
fn left(deadline: Instant) -> Duration {
    deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1))
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

/// A stream that waits until its deadline and no longer.
#[derive(Debug)]
struct Timed {
    stream: Stream,
    deadline: Instant,
}

impl Timed {
    fn arm(&self) -> io::Result<()> {
        if Instant::now() >= self.deadline {
            return Err(ErrorKind::TimedOut.into());
        }
        let wait = Some(left(self.deadline));
        match &self.stream {
            Stream::Tcp(s) => s
                .set_read_timeout(wait)
                .and_then(|()| s.set_write_timeout(wait)),
            Stream::Tls(s) => s
                .sock
                .set_read_timeout(wait)
                .and_then(|()| s.sock.set_write_timeout(wait)),
            #[cfg(unix)]
            Stream::Unix(s) => s
                .set_read_timeout(wait)
                .and_then(|()| s.set_write_timeout(wait)),
        }
    }
}

/// What a timeout of a socket is called differs between systems.
fn timed<T>(result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    })
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.arm()?;
        timed(match &mut self.stream {
            Stream::Tcp(s) => s.read(buffer),
            Stream::Tls(s) => s.read(buffer),
            #[cfg(unix)]
            Stream::Unix(s) => s.read(buffer),
        })
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.arm()?;
        timed(match &mut self.stream {
            Stream::Tcp(s) => s.write(buffer),
            Stream::Tls(s) => s.write(buffer),
            #[cfg(unix)]
            Stream::Unix(s) => s.write(buffer),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.arm()?;
        timed(match &mut self.stream {
            Stream::Tcp(s) => s.flush(),
            Stream::Tls(s) => s.flush(),
            #[cfg(unix)]
            Stream::Unix(s) => s.flush(),
        })
    }
}
