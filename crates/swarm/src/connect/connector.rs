//! Data shared by all connections of a run: address, TLS configuration, upgrade request.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use http::HeaderMap;
use measurement::plan::{Endpoint, Plan, ServerUrl, mask_header_values, mask_url};
use measurement::record::ConnectFailure;
use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use scenario::RoleAssignment;

use super::address::{connect_first, resolve};
use super::tls::{self, ClientTls};
use super::transport::Transport;
use super::upgrade::UpgradeRequest;
use super::upgrade_exchange::UpgradeExchange;
use crate::SwarmError;

/// Opens connections to the server of a run.
#[derive(Debug)]
pub(crate) struct Connector {
    address: ResolvedAddress,
    /// TLS configuration, and the name that the certificate must be valid for; `None` without TLS.
    pub(crate) tls: Option<(ClientTls, ServerName<'static>)>,
    request: UpgradeRequest,
    /// Additional headers of the requests of all clients.
    headers: HeaderMap,
    /// Plan and roles of a scenario, which gives each client a request of its own.
    handshakes: Option<(Plan, RoleAssignment)>,
    /// Maximum time for opening a connection.
    pub(crate) timeout: Duration,
}

/// Address of the server's socket.
#[derive(Debug)]
enum ResolvedAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Connector {
    /// Resolves the host name, loads the certificates and prepares the upgrade request. If the host has several
    /// addresses, all clients use the one that answers first. `is_stopped` ends the wait for it.
    pub(crate) fn new(plan: &Plan, is_stopped: impl Fn() -> bool) -> Result<Self, SwarmError> {
        let mut secured = None;
        let address = match plan.server_url().endpoint() {
            Endpoint::Unix { socket } => ResolvedAddress::Unix(socket.into()),
            Endpoint::Tcp { host, port, tls } => {
                let addresses = resolve(host, *port)
                    .map_err(|source| SwarmError::Lookup(host.clone(), source))?;
                if *tls {
                    secured = Some((
                        ClientTls::new(plan.server())?,
                        server_name(plan.server_url())?,
                    ));
                }
                let address = choose(plan, &addresses, is_stopped);
                ResolvedAddress::Tcp(address.map_err(|cause| SwarmError::NothingConnected {
                    url: mask_url(plan.server_url().as_str()),
                    attempted: plan.clients.get().into(),
                    cause,
                    others: Box::default(),
                    scenario: plan.scenario().cloned(),
                })?)
            }
        };
        Ok(Self {
            address,
            tls: secured,
            request: UpgradeRequest::new(plan.server_url(), &plan.headers),
            headers: plan.headers.clone(),
            handshakes: plan.roles().map(|roles| (plan.clone(), roles)),
            timeout: plan.connect_timeout,
        })
    }

    /// The address that all clients connect to; `None` for a Unix socket.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match &self.address {
            ResolvedAddress::Tcp(address) => Some(*address),
            ResolvedAddress::Unix(_) => None,
        }
    }

    /// Starts to connect.
    pub(crate) fn connect(&self) -> io::Result<Transport> {
        match &self.address {
            ResolvedAddress::Tcp(address) => TcpStream::connect(*address).map(Transport::Tcp),
            ResolvedAddress::Unix(socket) => Transport::unix(socket),
        }
    }

    /// Adds TLS to a connected stream, if the URL is `wss`.
    pub(crate) fn secure(&self, stream: Transport) -> Result<Transport, ConnectFailure> {
        match &self.tls {
            Some((tls, name)) => stream
                .secure(tls.config(), name)
                .map_err(|e| tls::failure(&e)),
            None => Ok(stream),
        }
    }

    /// Starts the upgrade of a client's connection.
    pub(crate) fn upgrade(
        &self,
        stream: Transport,
        client: u32,
    ) -> Result<UpgradeExchange, ConnectFailure> {
        let own = self.handshakes.as_ref();
        let state = own.and_then(|(plan, roles)| Some((plan, plan.client_state(roles, client)?)));
        let Some((plan, state)) = state else {
            return Ok(UpgradeExchange::new(stream, &self.request));
        };
        let handshake = plan.client_handshake(&state);
        let handshake = handshake.map_err(|e| ConnectFailure::Handshake(e.to_string()))?;
        let request = UpgradeRequest::new(&handshake.url, &handshake.headers);
        Ok(UpgradeExchange::new(stream, &request))
    }

    /// Adds what is known about the server to the failure of a connection, and masks secret headers that the server
    /// repeated.
    pub(crate) fn explain(&self, failure: ConnectFailure) -> ConnectFailure {
        let failure = failure.map_answer(&|text| mask_header_values(&self.headers, text));
        match &self.tls {
            Some((tls, _)) => tls.explain(failure),
            None => failure,
        }
    }
}

/// The name that the server's certificate must be valid for.
fn server_name(url: &ServerUrl) -> Result<ServerName<'static>, SwarmError> {
    let host = url.certificate_host().unwrap_or_default();
    ServerName::try_from(host.to_owned()).map_err(|_| SwarmError::ServerName(host.to_owned()))
}

/// The only address, or the one that answers first.
fn choose(
    plan: &Plan,
    addresses: &[SocketAddr],
    is_stopped: impl Fn() -> bool,
) -> Result<SocketAddr, ConnectFailure> {
    let first = *addresses.first().ok_or(ConnectFailure::NoAddress)?;
    if addresses.len() == 1 {
        return Ok(first);
    }
    let deadline = Instant::now() + plan.connect_timeout;
    let winner = connect_first(addresses, deadline, is_stopped)?;
    Ok(winner.map_or(first, |(address, _)| address))
}
