//! A blocking WebSocket client with a deadline. It checks servers and never measures them.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::ControlFlow;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use measurement::plan::{
    ClientHandshake, Endpoint, HandshakeFault, Plan, TargetServer, mask_header_values, mask_url,
};
use measurement::record::ConnectFailure;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use scenario::{ClientState, Scenario};
use swarm::RunHandle;
use swarm::address::{connect_first, resolve};
use swarm::tls::{ClientTls, TrustError};
use swarm::upgrade::{UpgradeReader, UpgradeRequest};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};
use units::human_time;

use crate::deadline_stream::{DeadlineStream, TimedSocket};

/// Maximum wait for the rest of a failure's text when its cause is known.
const TEXT_TIMEOUT: Duration = Duration::from_millis(250);

/// Bytes per read during the handshake.
const PIECE: usize = 4096;

/// A server, and the data for a handshake with it.
#[derive(Debug, Clone)]
pub struct HandshakeTarget {
    /// Server, with its certificate policy.
    pub server: TargetServer,
    /// Additional headers of the handshake.
    pub headers: HeaderMap,
}

impl HandshakeTarget {
    /// The server of a plan, with URL and headers of this client.
    ///
    /// # Errors
    /// A header or a path of the scenario that cannot be sent.
    pub fn of(plan: &Plan, client: &ClientState) -> Result<Self, HandshakeFault> {
        let ClientHandshake { url, headers } = plan.client_handshake(client)?;
        let server = TargetServer {
            url,
            ..plan.server_of(client.client()).clone()
        };
        Ok(Self { server, headers })
    }
}

/// Reason why a message could not be exchanged with the server.
#[derive(Debug, thiserror::Error)]
pub enum WsClientError {
    /// The host name has no address.
    #[error("cannot find the address of `{0}`")]
    Lookup(String, #[source] io::Error),
    /// No certificate can be trusted.
    #[error("cannot set up TLS: {0}{advice}", advice = trust_advice(.0))]
    Trust(TrustError),
    /// The connection did not open. Holds the failure, and advice on it.
    #[error("{failure}{}", advice.as_ref().map_or_else(String::new, |a| format!(" · {a}")))]
    Open {
        /// The failure.
        failure: ConnectFailure,
        /// Advice on it, where there is any.
        advice: Option<String>,
        /// URL of the server, without secrets.
        url: String,
    },
    /// The connection failed after it had opened.
    #[error("the connection failed")]
    Talk(#[source] Box<tungstenite::Error>),
    /// Nothing came within this time.
    #[error("nothing came within {}", human_time(.0.as_secs_f64() * 1e9))]
    Silent(Duration),
}

fn trust_advice(error: &TrustError) -> String {
    if error.has_no_roots() {
        format!(" · {}", wording::NO_ROOTS_ADVICE)
    } else {
        String::new()
    }
}

impl WsClientError {
    /// The failure to open a connection to this URL, with advice.
    pub fn open(failure: ConnectFailure, url: &str) -> Self {
        let advice = wording::connect_advice(&failure, url, None);
        let url = mask_url(url);
        Self::Open {
            failure,
            advice,
            url,
        }
    }

    /// The error of a client of a scenario: with advice that fits it, and without the client's secrets that the server may
    /// have repeated.
    #[must_use]
    pub fn in_scenario(self, scenario: &Scenario, client: &ClientState) -> Self {
        let shown = |text: &str| scenario.masked_text(client, text);
        match self {
            Self::Open { failure, url, .. } => Self::Open {
                advice: wording::connect_advice(&failure, &url, Some(scenario))
                    .map(|advice| shown(&advice)),
                failure: failure.map_answer(&shown),
                url,
            },
            other => other,
        }
    }

    /// Returns true when the server did not answer in time.
    pub fn is_timeout(&self) -> bool {
        let failure = match self {
            Self::Silent(_) => return true,
            Self::Open { failure, .. } => failure,
            _ => return false,
        };
        matches!(failure, ConnectFailure::Timeout)
    }
}

/// A connection with one deadline for its opening and all messages.
pub struct WsClient {
    socket: WebSocket<DeadlineStream>,
    timeout: Duration,
}

impl WsClient {
    /// Opens a connection with a deadline in `timeout` from now. An interrupt moves the deadline to now.
    ///
    /// # Errors
    /// The failure of the opening, or the end of the time.
    pub fn open(
        address: &HandshakeTarget,
        timeout: Duration,
        control: &RunHandle,
    ) -> Result<Self, WsClientError> {
        Self::open_with(address, timeout, control, WebSocketConfig::default())
    }

    /// Opens a connection like [`open`](Self::open), on which messages of up to `longest` bytes can be received, in one
    /// frame or in several. The limit is never below 64 MiB.
    ///
    /// # Errors
    /// The failure of the opening, or the end of the time.
    pub fn open_for_messages(
        address: &HandshakeTarget,
        timeout: Duration,
        control: &RunHandle,
        longest: usize,
    ) -> Result<Self, WsClientError> {
        let config = WebSocketConfig::default();
        let limit = config.max_message_size.map(|limit| limit.max(longest));
        let config = config.max_message_size(limit).max_frame_size(limit);
        Self::open_with(address, timeout, control, config)
    }

    fn open_with(
        address: &HandshakeTarget,
        timeout: Duration,
        control: &RunHandle,
        config: WebSocketConfig,
    ) -> Result<Self, WsClientError> {
        let deadline = Instant::now() + timeout;
        let url = address.server.url.as_str();
        let opening = ClientOpening {
            address,
            deadline,
            control,
            config,
        };
        opening
            .run()
            .map_err(|error| match error {
                ClientOpeningError::Failed(ConnectFailure::Timeout) => {
                    WsClientError::Silent(timeout)
                }
                ClientOpeningError::Failed(failure) => {
                    // The server may repeat a secret.
                    let masked = |text: &str| mask_header_values(&address.headers, text);
                    WsClientError::open(failure.map_answer(&masked), url)
                }
                ClientOpeningError::Other(error) => error,
            })
            .map(|socket| Self { socket, timeout })
    }

    /// Sends a message, or a single frame of one.
    ///
    /// # Errors
    /// A failed connection, or the end of the time.
    pub fn send(&mut self, message: Message) -> Result<(), WsClientError> {
        let sent = self.socket.send(message);
        sent.map_err(|error| silent_or(error, self.timeout, WsClientError::Talk))
    }

    /// Returns the next message, including control frames.
    ///
    /// # Errors
    /// A failed connection, or the end of the time.
    pub fn receive(&mut self) -> Result<Message, WsClientError> {
        let message = self.socket.read();
        message.map_err(|error| silent_or(error, self.timeout, WsClientError::Talk))
    }

    /// Replaces the deadline.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.socket.get_mut().deadline = deadline;
    }
}

impl std::fmt::Debug for WsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WsClient").finish_non_exhaustive()
    }
}

impl From<WsClientError> for String {
    /// The error and its causes in one line.
    fn from(error: WsClientError) -> Self {
        let mut line = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            let text = error.to_string();
            if !line.contains(&text) {
                line = format!("{line}: {text}");
            }
            cause = error.source();
        }
        line
    }
}

/// Replaces the error by [`WsClientError::Silent`] when the deadline has passed.
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

/// Reason why a connection did not open.
enum ClientOpeningError {
    Failed(ConnectFailure),
    Other(WsClientError),
}

impl From<ConnectFailure> for ClientOpeningError {
    fn from(failure: ConnectFailure) -> Self {
        Self::Failed(failure)
    }
}

/// A connection being opened.
struct ClientOpening<'a> {
    address: &'a HandshakeTarget,
    deadline: Instant,
    control: &'a RunHandle,
    config: WebSocketConfig,
}

impl ClientOpening<'_> {
    /// Connects and upgrades.
    fn run(&self) -> Result<WebSocket<DeadlineStream>, ClientOpeningError> {
        let tls = self.address.server.url.is_tls();
        let tls = tls
            .then(|| ClientTls::new(&self.address.server))
            .transpose();
        let tls = tls.map_err(|error| ClientOpeningError::Other(WsClientError::Trust(error)))?;
        let mut stream = DeadlineStream {
            socket: self.connect(tls.as_ref())?,
            deadline: self.deadline,
            control: self.control.clone(),
        };
        let request = UpgradeRequest::new(&self.address.server.url, &self.address.headers);
        let (request, mut reader) = request.begin();
        let behind = upgrade(&mut stream, &request, &mut reader).map_err(|failure| match &tls {
            Some(tls) => tls.explain(failure),
            None => failure,
        })?;
        Ok(WebSocket::from_partially_read(
            stream,
            behind,
            Role::Client,
            Some(self.config),
        ))
    }

    fn connect(&self, tls: Option<&ClientTls>) -> Result<Box<dyn TimedSocket>, ClientOpeningError> {
        let failed = |error: io::Error| ConnectFailure::Connect((&error).into());
        let (host, port) = match self.address.server.url.endpoint() {
            Endpoint::Tcp { host, port, .. } => (host, *port),
            Endpoint::Unix { socket } => return Ok(unix(socket).map_err(failed)?),
        };
        let addresses = resolve(host, port).map_err(|error| {
            ClientOpeningError::Other(WsClientError::Lookup(host.clone(), error))
        })?;
        let connected = connect_first(&addresses, self.deadline, || self.control.is_stopped())?;
        let (_, socket) = connected.ok_or(ConnectFailure::Timeout)?;
        socket.set_nodelay(true).map_err(failed)?;
        let Some(tls) = tls else {
            return Ok(Box::new(socket));
        };
        let name = self
            .address
            .server
            .url
            .certificate_host()
            .unwrap_or_default();
        let no_name = |_| ConnectFailure::CertificateHost(format!("`{name}` is not a host name"));
        let name = ServerName::try_from(name.to_owned()).map_err(no_name)?;
        let session = ClientConnection::new(Arc::clone(tls.config()), name)
            .map_err(|error| swarm::tls::failure(&error))?;
        Ok(Box::new(StreamOwned::new(session, socket)))
    }
}

/// Sends a request and reads the answer. Returns the bytes after the answer.
fn upgrade(
    stream: &mut DeadlineStream,
    request: &[u8],
    reader: &mut UpgradeReader,
) -> Result<Vec<u8>, ConnectFailure> {
    let sent = stream.write_all(request).and_then(|()| stream.flush());
    // The answer may have arrived already, because some servers refuse early and close.
    sent.or_else(|error| {
        if is_closed(&error) {
            Ok(())
        } else {
            Err(error)
        }
    })
    .map_err(|error| failure(&error, reader))?;
    let mut piece = [0; PIECE];
    loop {
        let came = match stream.read(&mut piece) {
            Ok(0) => return Err(reader.at_end()),
            Ok(came) => came,
            Err(error) => return Err(failure(&error, reader)),
        };
        if let ControlFlow::Break(result) = reader.receive(&piece[..came]) {
            return result;
        }
        if reader.has_failed() {
            stream.deadline = stream.deadline.min(Instant::now() + TEXT_TIMEOUT);
        }
    }
}

/// The failure of an upgrade whose socket failed.
fn failure(error: &io::Error, reader: &UpgradeReader) -> ConnectFailure {
    match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(cause) => swarm::tls::failure(cause),
        None if error.kind() == ErrorKind::TimedOut => reader.at_timeout(),
        None if is_closed(error) => reader.at_end(),
        None => ConnectFailure::Handshake(error.to_string()),
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}

#[cfg(unix)]
fn unix(path: &str) -> io::Result<Box<dyn TimedSocket>> {
    Ok(Box::new(UnixStream::connect(path)?))
}

#[cfg(not(unix))]
fn unix(_: &str) -> io::Result<Box<dyn TimedSocket>> {
    Err(ErrorKind::Unsupported.into())
}
