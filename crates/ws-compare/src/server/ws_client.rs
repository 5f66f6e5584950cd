//! A blocking WebSocket client with a deadline. It checks a server and never times it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use measurement::plan::{Endpoint, TargetServer};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::HandshakeError;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, client::client_with_config};
use units::human_time;

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// A server, and the means of a handshake with it.
#[derive(Debug, Clone)]
pub(crate) struct HandshakeTarget {
    pub(crate) server: TargetServer,
    /// Further headers of the handshake.
    pub(crate) headers: HeaderMap,
}

/// A conversation that did not take place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WsClientError {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("cannot set up TLS")]
    Tls(#[source] BoxedError),
    #[error("the handshake failed")]
    Handshake(#[source] Box<tungstenite::Error>),
    #[error("the connection failed")]
    Talk(#[source] Box<tungstenite::Error>),
    #[error("nothing came within {}", human_time(.0.as_secs_f64() * 1e9))]
    Silent(Duration),
}

/// A connection that has one deadline for its opening and everything sent and received on it.
pub(crate) struct WsClient {
    socket: WebSocket<DeadlineStream>,
    timeout: Duration,
}

impl WsClient {
    /// Opens a connection whose deadline is `timeout` from now.
    pub(crate) fn open(
        address: &HandshakeTarget,
        timeout: Duration,
    ) -> Result<Self, WsClientError> {
        let deadline = Instant::now() + timeout;
        let stream = DeadlineStream {
            socket: connect(address, deadline)?,
            deadline,
        };
        let target = &address.server.url;
        let url = format!("ws://{}{}", target.authority(), target.resource());
        let failed = |e: tungstenite::Error| WsClientError::Handshake(Box::new(e));
        let mut request = url.into_client_request().map_err(failed)?;
        for (name, value) in &address.headers {
            request.headers_mut().append(name, value.clone());
        }
        let opened = client_with_config(request, stream, None).map_err(|error| match error {
            HandshakeError::Failure(error) => silent_or(error, timeout, WsClientError::Handshake),
            // A stream that waits is never interrupted.
            HandshakeError::Interrupted(_) => WsClientError::Silent(timeout),
        });
        let (socket, _) = opened?;
        Ok(Self { socket, timeout })
    }

    /// Sends a message, or a frame of one.
    pub(crate) fn send(&mut self, message: Message) -> Result<(), WsClientError> {
        let sent = self.socket.send(message);
        sent.map_err(|error| silent_or(error, self.timeout, WsClientError::Talk))
    }

    /// Returns the next message, control frames among them.
    pub(crate) fn receive(&mut self) -> Result<Message, WsClientError> {
        let message = self.socket.read();
        message.map_err(|error| silent_or(error, self.timeout, WsClientError::Talk))
    }
}

/// Returns [`WsClientError::Silent`] for a passed deadline.
fn silent_or(
    error: tungstenite::Error,
    timeout: Duration,
    otherwise: impl FnOnce(Box<tungstenite::Error>) -> WsClientError,
) -> WsClientError {
    match error {
        tungstenite::Error::Io(e) if e.kind() == ErrorKind::TimedOut => {
            WsClientError::Silent(timeout)
        }
        error => otherwise(Box::new(error)),
    }
}

fn connect(
    address: &HandshakeTarget,
    deadline: Instant,
) -> Result<Box<dyn TimedSocket>, WsClientError> {
    match address.server.url.endpoint() {
        Endpoint::Tcp { host, port, tls } => {
            let socket = tcp(host, *port, deadline).map_err(WsClientError::Connect)?;
            if !tls {
                return Ok(Box::new(socket));
            }
            let session = tls_session(address, host).map_err(WsClientError::Tls)?;
            Ok(Box::new(StreamOwned::new(session, socket)))
        }
        Endpoint::Unix { socket } => unix(socket).map_err(WsClientError::Connect),
    }
}

fn tls_session(address: &HandshakeTarget, host: &str) -> Result<ClientConnection, BoxedError> {
    let config = swarm::tls::client_config(&address.server.certificate_policy)?;
    let name = ServerName::try_from(host.to_owned())?;
    Ok(ClientConnection::new(Arc::clone(&config), name)?)
}

/// Connects to the first of the host's addresses that answers.
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
fn unix(path: &str) -> io::Result<Box<dyn TimedSocket>> {
    Ok(Box::new(UnixStream::connect(path)?))
}

#[cfg(not(unix))]
fn unix(_: &str) -> io::Result<Box<dyn TimedSocket>> {
    Err(ErrorKind::Unsupported.into())
}

/// Time to wait, which must not be zero.
fn left(deadline: Instant) -> Duration {
    deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1))
}

/// A blocking stream whose reads and writes can be limited.
trait TimedSocket: Read + Write {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()>;
}

impl TimedSocket for TcpStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

#[cfg(unix)]
impl TimedSocket for UnixStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

impl TimedSocket for StreamOwned<ClientConnection, TcpStream> {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.sock.set_timeout(timeout)
    }
}

/// A stream that waits until its deadline and no longer.
struct DeadlineStream {
    socket: Box<dyn TimedSocket>,
    deadline: Instant,
}

impl DeadlineStream {
    fn within_deadline<T>(
        &mut self,
        transfer: impl FnOnce(&mut dyn TimedSocket) -> io::Result<T>,
    ) -> io::Result<T> {
        if Instant::now() >= self.deadline {
            return Err(ErrorKind::TimedOut.into());
        }
        self.socket.set_timeout(left(self.deadline))?;
        // Systems differ in the name of a socket's timeout.
        transfer(&mut *self.socket).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
            _ => error,
        })
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.within_deadline(|socket| socket.read(buffer))
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.within_deadline(|socket| socket.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.within_deadline(|socket| socket.flush())
    }
}
