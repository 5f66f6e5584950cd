//! Opening one connection: TCP, TLS where the URL asks for it, then the HTTP upgrade, each timed.
//!
//! On the very socket that will be measured on, registered once with the thread's poll, and continued
//! when that says it is ready.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, header};
use measurement::plan::{Endpoint, Plan};
use mio::{Registry, Token};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::handshake::client::{ClientHandshake, Response, generate_key};
use tokio_tungstenite::tungstenite::handshake::{HandshakeError, MidHandshake};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{
    self, WebSocket, error::ProtocolError, error::SubProtocolError,
};

use crate::head::{HeadReader, Readiness};
use crate::transport::Transport;
use crate::{SwarmError, tls};

/// A connection that has finished its handshake.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Registered with the thread's poll.
    pub(crate) stream: Transport,
    /// What the server sent right behind its handshake.
    pub(crate) leftover: Vec<u8>,
    /// What the poll has told of the stream and was not yet used up.
    pub(crate) readiness: Readiness,
    pub(crate) took: Took,
}

/// How long the parts of an opening took; of a Unix socket `tcp` is connecting to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) tcp: Duration,
    /// `None` without TLS.
    pub(crate) tls: Option<Duration>,
    pub(crate) upgrade: Duration,
}

impl Took {
    pub(crate) fn total(&self) -> Duration {
        self.tcp + self.tls.unwrap_or_default() + self.upgrade
    }
}

/// Why a connection did not open, in words that many connections share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Connect(String),
    #[error("{0}")]
    Tls(String),
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
    place: Place,
    /// How TLS is done, and the name that the certificate has to be for.
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    request: Request<()>,
    timeout: Duration,
}

/// What is connected to.
#[derive(Debug)]
enum Place {
    /// The first of these that answers.
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
}

impl Place {
    /// Begins to connect to the address of this number; `None` when there are no more.
    fn connect(&self, address: usize) -> Option<io::Result<Transport>> {
        match self {
            Self::Tcp(addresses) => addresses.get(address).map(|to| Transport::tcp(*to)),
            Self::Unix(socket) => (address == 0).then(|| Transport::unix(socket)),
        }
    }
}

impl Connector {
    /// Looks the host up, reads the certificates to be trusted and prepares the handshake's request.
    pub(crate) fn new(plan: &Plan) -> Result<Self, SwarmError> {
        let target = &plan.server_url;
        let place = match target.endpoint() {
            Endpoint::Unix { socket } => Place::Unix(socket.into()),
            Endpoint::Tcp { host, port, .. } => Place::Tcp(
                (host.as_str(), *port)
                    .to_socket_addrs()
                    .map_err(|source| SwarmError::Lookup {
                        host: host.clone(),
                        source,
                    })?
                    .collect(),
            ),
        };
        let tls = match target.endpoint() {
            Endpoint::Tcp {
                host, tls: true, ..
            } => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| SwarmError::ServerName { host: host.clone() })?;
                Some((tls::client_config(&plan.certificate_policy)?, name))
            }
            _ => None,
        };
        // Of the URL only what is said inside HTTP matters here.
        let uri = format!("ws://{}{}", target.authority(), target.resource());
        let mut request =
            Request::builder()
                .uri(uri)
                .body(())
                .map_err(|source| SwarmError::Request {
                    url: target.as_str().to_owned(),
                    source,
                })?;
        let headers = request.headers_mut();
        let fixed = [
            (header::HOST, target.authority().to_owned()),
            (header::CONNECTION, "Upgrade".to_owned()),
            (header::UPGRADE, "websocket".to_owned()),
            (header::SEC_WEBSOCKET_VERSION, "13".to_owned()),
        ];
        for (name, value) in fixed {
            let value = value
                .try_into()
                .map_err(
                    |source: http::header::InvalidHeaderValue| SwarmError::Request {
                        url: target.as_str().to_owned(),
                        source: source.into(),
                    },
                )?;
            headers.insert(name, value);
        }
        // A `Host` of the user's own replaces ours.
        headers.extend(plan.headers.clone());
        Ok(Self {
            place,
            tls,
            request,
            timeout: plan.connect_timeout,
        })
    }

    /// For how long a connection may take to open.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connected stream with TLS on top, if there is to be TLS.
    fn secure(&self, stream: Transport) -> Result<Transport, ConnectError> {
        match &self.tls {
            Some((config, name)) => stream
                .secure(config, name)
                .map_err(|e| ConnectError::Tls(tls::reason(&e))),
            None => Ok(stream),
        }
    }

    /// The upgrade of a connected stream, not yet begun.
    fn upgrade(&self, stream: Transport) -> Result<Upgrade, ConnectError> {
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
    /// What the poll has told of the socket so far.
    told: Readiness,
    stage: Stage,
}

// There are a hundred of them at most, and a box for each would be one more allocation.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum Stage {
    /// The server has as many waiting as its Unix socket takes; no event will tell when not.
    Queueing,
    /// To the first of the addresses that answers; this one is tried now.
    Connecting { address: usize, stream: Transport },
    /// TLS, where there is any. The TCP connection took so long.
    Securing { tcp: Duration, stream: Transport },
    /// The connection and TLS took so long.
    Upgrading {
        tcp: Duration,
        tls: Option<Duration>,
        upgrade: Upgrade,
    },
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
        let nowhere = ConnectError::Connect("the host has no address".to_owned());
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
        let pending = |stage| {
            Progress::Pending(Self {
                begun,
                told: Readiness::default(),
                stage,
            })
        };
        for address in from.. {
            let Some(connecting) = connector.place.connect(address) else {
                break;
            };
            let connecting = connecting.and_then(|mut stream| {
                stream.register(registry, token)?;
                Ok(stream)
            });
            match connecting {
                Ok(stream) => return pending(Stage::Connecting { address, stream }),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return pending(Stage::Queueing),
                Err(e) => refused = ConnectError::Connect(e.to_string()),
            }
        }
        Progress::Over(Err(refused))
    }

    /// Whether it has to be [tried again](Self::retry), because no event will tell when to.
    pub(crate) fn is_queueing(&self) -> bool {
        matches!(self.stage, Stage::Queueing)
    }

    /// Tries again to connect; the time is counted from the first attempt.
    pub(crate) fn retry(self, connector: &Connector, registered: (&Registry, Token)) -> Progress {
        let nowhere = ConnectError::Connect("the host has no address".to_owned());
        Self::connect(self.begun, connector, 0, nowhere, registered)
    }

    /// Goes on: the poll has told this of the socket.
    pub(crate) fn go_on(
        mut self,
        told: Readiness,
        connector: &Connector,
        registered: (&Registry, Token),
    ) -> Progress {
        let begun = self.begun;
        self.told.add(told);
        loop {
            let next = match self.stage {
                Stage::Queueing => return Progress::Pending(self),
                Stage::Connecting { address, stream } => {
                    if let Err(e) = stream.connected(told.at_end) {
                        let refused = ConnectError::Connect(e.to_string());
                        return Self::connect(begun, connector, address + 1, refused, registered);
                    }
                    let tcp = begun.elapsed();
                    let stream = connector.secure(stream);
                    stream.map(|stream| Stage::Securing { tcp, stream })
                }
                Stage::Securing { tcp, mut stream } => match stream.handshake() {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {
                        self.stage = Stage::Securing { tcp, stream };
                        return Progress::Pending(self);
                    }
                    Err(e) => Err(insecure(&e)),
                    Ok(()) => {
                        let tls = connector.tls.is_some().then(|| begun.elapsed() - tcp);
                        let upgrade = connector.upgrade(stream);
                        upgrade.map(|upgrade| Stage::Upgrading { tcp, tls, upgrade })
                    }
                },
                Stage::Upgrading {
                    tcp,
                    tls,
                    mut upgrade,
                } => {
                    upgrade.get_mut().get_mut().readiness.add(self.told);
                    self.told = Readiness::default();
                    match upgrade.handshake() {
                        Err(HandshakeError::Interrupted(upgrade)) => {
                            self.stage = Stage::Upgrading { tcp, tls, upgrade };
                            return Progress::Pending(self);
                        }
                        Err(HandshakeError::Failure(e)) => Err(refused(e)),
                        Ok(done) => {
                            let before = tcp + tls.unwrap_or_default();
                            let upgrade = begun.elapsed().saturating_sub(before);
                            return Progress::Over(opened(done, Took { tcp, tls, upgrade }));
                        }
                    }
                }
            };
            match next {
                Ok(stage) => self.stage = stage,
                Err(error) => return Progress::Over(Err(error)),
            }
        }
    }
}

/// What is left of a handshake that has succeeded.
fn opened(
    (socket, response): (WebSocket<HeadReader>, Response),
    took: Took,
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
        took,
    })
}

fn insecure(error: &io::Error) -> ConnectError {
    let cause = error.get_ref().and_then(|e| e.downcast_ref());
    ConnectError::Tls(match cause {
        Some(cause) => tls::reason(cause),
        None if error.kind() == ErrorKind::UnexpectedEof => {
            "TLS: the server closed the connection in the handshake".to_owned()
        }
        None => format!("TLS: {error}"),
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
