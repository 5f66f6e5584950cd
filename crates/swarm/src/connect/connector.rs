//! Common part of all connections of a run: the address, the TLS configuration, the upgrade request.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, header};
use measurement::plan::{Endpoint, Plan};
use measurement::record::ConnectFailure;
use mio::net::TcpStream;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::MidHandshake;
use tokio_tungstenite::tungstenite::handshake::client::{ClientHandshake, generate_key};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::response_head::HeadReader;
use super::tls;
use super::transport::Transport;
use crate::SwarmError;

/// An upgrade that is waiting for the server.
pub(crate) type Upgrade = MidHandshake<ClientHandshake<HeadReader>>;

/// Opener of connections to the server of a run.
#[derive(Debug)]
pub(crate) struct Connector {
    address: ResolvedAddress,
    /// The configuration, and the name that the certificate has to be for.
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The request without its key, which differs from connection to connection.
    request: Request<()>,
    /// Maximum time for opening a connection.
    pub(crate) timeout: Duration,
}

/// Address of the server's socket.
#[derive(Debug)]
enum ResolvedAddress {
    /// The first of these that answers.
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
}

impl Connector {
    /// Resolves the host name, reads the certificates to trust and prepares the upgrade request.
    pub(crate) fn new(plan: &Plan) -> Result<Self, SwarmError> {
        let mut secured = None;
        let address = match plan.server_url().endpoint() {
            Endpoint::Unix { socket } => ResolvedAddress::Unix(socket.into()),
            Endpoint::Tcp { host, port, tls } => {
                let addresses = (host.as_str(), *port)
                    .to_socket_addrs()
                    .map_err(|source| SwarmError::Lookup(host.clone(), source))?;
                if *tls {
                    let name = ServerName::try_from(host.clone())
                        .map_err(|_| SwarmError::ServerName(host.clone()))?;
                    let policy = &plan.server().certificate_policy;
                    secured = Some((tls::client_config(policy)?, name));
                }
                ResolvedAddress::Tcp(addresses.collect())
            }
        };
        let url = plan.server_url().as_str();
        Ok(Self {
            address,
            tls: secured,
            request: upgrade_request(plan)
                .map_err(|source| SwarmError::Request(url.to_owned(), source))?,
            timeout: plan.connect_timeout,
        })
    }

    /// Begins to connect to the address of this number; `None` when there are no more.
    pub(crate) fn connect(&self, address: usize) -> Option<io::Result<Transport>> {
        match &self.address {
            ResolvedAddress::Tcp(addresses) => {
                let to = addresses.get(address)?;
                Some(TcpStream::connect(*to).map(Transport::Tcp))
            }
            ResolvedAddress::Unix(socket) => (address == 0).then(|| Transport::unix(socket)),
        }
    }

    /// Puts TLS on top of a connected stream, if the URL asks for it.
    pub(crate) fn secure(&self, stream: Transport) -> Result<Transport, ConnectFailure> {
        match &self.tls {
            Some((config, name)) => stream.secure(config, name).map_err(|e| tls::failure(&e)),
            None => Ok(stream),
        }
    }

    pub(crate) fn upgrade(&self, stream: Transport) -> Result<Upgrade, ConnectFailure> {
        let mut request = self.request.clone();
        let key = generate_key();
        request.headers_mut().insert(
            header::SEC_WEBSOCKET_KEY,
            key.try_into()
                .map_err(|_| ConnectFailure::Handshake("no key".to_owned()))?,
        );
        // The handshake's own WebSocket is dropped, so it gets only small buffers.
        let config = WebSocketConfig::default().read_buffer_size(64);
        ClientHandshake::start(HeadReader::new(stream), request, Some(config))
            .map_err(upgrade_failure)
    }
}

fn upgrade_request(plan: &Plan) -> Result<Request<()>, http::Error> {
    let target = plan.server_url();
    // Only the parts of the URL that HTTP carries matter here.
    let uri = format!("ws://{}{}", target.authority(), target.resource());
    let mut request = Request::builder()
        .uri(uri)
        .header(header::HOST, target.authority())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .body(())?;
    // A `Host` of the user replaces ours.
    request.headers_mut().extend(plan.headers.clone());
    Ok(request)
}

pub(crate) fn upgrade_failure(error: tungstenite::Error) -> ConnectFailure {
    match error {
        tungstenite::Error::Http(response) => ConnectFailure::Http(response.status().as_u16()),
        tungstenite::Error::Io(e) => ConnectFailure::Handshake(e.to_string()),
        tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol | SubProtocolError::InvalidSubProtocol,
        )) => ConnectFailure::Subprotocol,
        tungstenite::Error::Protocol(ProtocolError::HttparseError(_)) => {
            ConnectFailure::NotHttp(error.to_string())
        }
        other => ConnectFailure::Handshake(other.to_string()),
    }
}
