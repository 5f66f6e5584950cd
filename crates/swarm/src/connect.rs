//! Opening one connection: TCP, then the HTTP upgrade, each timed.
//!
//! On the very socket that will be measured on, registered once with the thread's poll, and continued
//! when that says it is ready.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::{Request, header};
use measurement::plan::Plan;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use tokio_tungstenite::tungstenite::handshake::client::{ClientHandshake, Response, generate_key};
use tokio_tungstenite::tungstenite::handshake::{HandshakeError, MidHandshake};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{
    self, WebSocket, error::ProtocolError, error::SubProtocolError,
};

use crate::SwarmError;
use crate::head::{HeadReader, Readiness};

/// A connection that has finished its handshake.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Registered with the thread's poll.
    pub(crate) stream: TcpStream,
    /// What the server sent right behind its handshake.
    pub(crate) leftover: Vec<u8>,
    /// What the poll has told of the stream and was not yet used up.
    pub(crate) readiness: Readiness,
    pub(crate) tcp: Duration,
    pub(crate) upgrade: Duration,
}

impl Opened {
    pub(crate) fn total(&self) -> Duration {
        self.tcp + self.upgrade
    }
}

/// Why a connection did not open, in words that many connections share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Tcp(String),
    #[error("no answer within the connect timeout")]
    Timeout,
    #[error("the server answered the upgrade with HTTP {0}")]
    Http(u16),
    #[error("the server accepted none of the subprotocols offered")]
    Subprotocol,
    #[error("the server uses the extension `{0}`, which was not offered")]
    Extension(String),
    #[error("the handshake failed: {0}")]
    Handshake(String),
}

/// What every connection of a run has in common.
#[derive(Debug)]
pub(crate) struct Connector {
    addresses: Vec<SocketAddr>,
    request: Request<()>,
    timeout: Duration,
}

impl Connector {
    /// Looks the host up and prepares the handshake's request.
    pub(crate) fn new(plan: &Plan) -> Result<Self, SwarmError> {
        use std::net::ToSocketAddrs;
        let target = &plan.target;
        let addresses: Vec<_> = (target.host(), target.port())
            .to_socket_addrs()
            .map_err(|source| SwarmError::Lookup {
                host: target.host().to_owned(),
                source,
            })?
            .collect();
        let mut request = Request::builder()
            .uri(target.url())
            .body(())
            .map_err(|source| SwarmError::Request {
                url: target.url().to_owned(),
                source,
            })?;
        let authority = request.uri().authority().map(|a| a.as_str().to_owned());
        let headers = request.headers_mut();
        let fixed = [
            (header::HOST, authority.unwrap_or_default()),
            (header::CONNECTION, "Upgrade".to_owned()),
            (header::UPGRADE, "websocket".to_owned()),
            (header::SEC_WEBSOCKET_VERSION, "13".to_owned()),
        ];
        for (name, value) in fixed {
            let value = value
                .try_into()
                .map_err(
                    |source: http::header::InvalidHeaderValue| SwarmError::Request {
                        url: target.url().to_owned(),
                        source: source.into(),
                    },
                )?;
            headers.insert(name, value);
        }
        // A `Host` of the user's own replaces ours.
        headers.extend(plan.headers.clone());
        Ok(Self {
            addresses,
            request,
            timeout: plan.connect_timeout,
        })
    }

    /// For how long a connection may take to open.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The upgrade of a connected stream, not yet begun.
    fn upgrade(&self, stream: TcpStream) -> Result<Upgrade, ConnectError> {
        let mut request = self.request.clone();
        let key = generate_key();
        request.headers_mut().insert(
            header::SEC_WEBSOCKET_KEY,
            key.try_into()
                .map_err(|_| ConnectError::Handshake("no key".to_owned()))?,
        );
        // The handshake's own WebSocket is thrown away, so it gets no buffers to speak of.
        let config = WebSocketConfig::default().read_buffer_size(64);
        ClientHandshake::start(HeadReader::new(stream), request, Some(config)).map_err(refused)
    }
}

type Upgrade = MidHandshake<ClientHandshake<HeadReader>>;

/// A connection that is being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    begun: Instant,
    stage: Stage,
}

// There are a hundred of them at most, and a box for each would be one more allocation.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum Stage {
    /// To the first of the addresses that answers; this one is tried now.
    Connecting { address: usize, stream: TcpStream },
    /// The TCP connection took so long.
    Upgrading { tcp: Duration, upgrade: Upgrade },
}

/// How far the opening of a connection has come.
#[derive(Debug)]
pub(crate) enum Progress {
    /// To be continued when the socket is ready.
    Pending(Opening),
    /// It is over.
    Over(Result<Opened, ConnectError>),
}

impl Opening {
    /// Begins to open a connection, whose socket is registered here under this token.
    pub(crate) fn begin(connector: &Connector, registry: &Registry, token: Token) -> Progress {
        let begun = Instant::now();
        let nowhere = ConnectError::Tcp("the host has no address".to_owned());
        Self::connect(begun, connector, 0, nowhere, (registry, token))
    }

    /// Connects to the first address from this one on for which that does not fail at once.
    fn connect(
        begun: Instant,
        connector: &Connector,
        from: usize,
        mut refused: ConnectError,
        (registry, token): (&Registry, Token),
    ) -> Progress {
        for (address, to) in connector.addresses.iter().enumerate().skip(from) {
            let connecting = TcpStream::connect(*to).and_then(|mut stream| {
                let both = Interest::READABLE | Interest::WRITABLE;
                registry.register(&mut stream, token, both)?;
                Ok(stream)
            });
            match connecting {
                Ok(stream) => {
                    let stage = Stage::Connecting { address, stream };
                    return Progress::Pending(Self { begun, stage });
                }
                Err(e) => refused = ConnectError::Tcp(e.to_string()),
            }
        }
        Progress::Over(Err(refused))
    }

    /// Goes on: the poll has told this of the socket.
    pub(crate) fn go_on(
        self,
        told: Readiness,
        connector: &Connector,
        registered: (&Registry, Token),
    ) -> Progress {
        let begun = self.begun;
        let (tcp, mut upgrade) = match self.stage {
            Stage::Connecting { address, stream } => {
                let error = if told.at_end {
                    stream.take_error()
                } else {
                    Ok(None)
                };
                let connected = match error {
                    // No packet shall wait for the answer to an earlier one.
                    Ok(None) => stream.set_nodelay(true),
                    Ok(Some(e)) | Err(e) => Err(e),
                };
                if let Err(e) = connected {
                    let refused = ConnectError::Tcp(e.to_string());
                    return Self::connect(begun, connector, address + 1, refused, registered);
                }
                match connector.upgrade(stream) {
                    Ok(upgrade) => (begun.elapsed(), upgrade),
                    Err(e) => return Progress::Over(Err(e)),
                }
            }
            Stage::Upgrading { tcp, upgrade } => (tcp, upgrade),
        };
        upgrade.get_mut().get_mut().readiness.add(told);
        match upgrade.handshake() {
            Err(HandshakeError::Interrupted(upgrade)) => {
                let stage = Stage::Upgrading { tcp, upgrade };
                Progress::Pending(Self { begun, stage })
            }
            Err(HandshakeError::Failure(e)) => Progress::Over(Err(refused(e))),
            Ok(done) => Progress::Over(opened(done, tcp, begun.elapsed())),
        }
    }
}

/// What is left of a handshake that has succeeded.
fn opened(
    (socket, response): (WebSocket<HeadReader>, Response),
    tcp: Duration,
    total: Duration,
) -> Result<Opened, ConnectError> {
    if let Some(extension) = response.headers().get(header::SEC_WEBSOCKET_EXTENSIONS) {
        let name = String::from_utf8_lossy(extension.as_bytes()).into_owned();
        return Err(ConnectError::Extension(name));
    }
    let HeadReader {
        stream,
        readiness,
        buffer,
        ..
    } = socket.into_inner();
    Ok(Opened {
        stream,
        leftover: buffer,
        readiness,
        tcp,
        upgrade: total.saturating_sub(tcp),
    })
}

fn refused(error: tungstenite::Error) -> ConnectError {
    match error {
        tungstenite::Error::Http(response) => ConnectError::Http(response.status().as_u16()),
        tungstenite::Error::Io(e) => ConnectError::Handshake(e.to_string()),
        tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol | SubProtocolError::InvalidSubProtocol,
        )) => ConnectError::Subprotocol,
        other => ConnectError::Handshake(other.to_string()),
    }
}
