//! Common part of all connections of a run: the address, the TLS configuration, the upgrade request.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use measurement::plan::{Endpoint, Plan, ServerUrl, mask_url};
use measurement::record::ConnectFailure;
use mio::net::TcpStream;
use rustls::pki_types::ServerName;

use super::address::{connect_first, resolve};
use super::tls::{self, ClientTls};
use super::transport::Transport;
use super::upgrade::UpgradeRequest;
use super::upgrade_exchange::UpgradeExchange;
use crate::SwarmError;

/// Opener of connections to the server of a run.
#[derive(Debug)]
pub(crate) struct Connector {
    address: ResolvedAddress,
    /// The configuration, and the name that the certificate has to be for.
    pub(crate) tls: Option<(ClientTls, ServerName<'static>)>,
    request: UpgradeRequest,
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
    /// Resolves the host name, reads the certificates and prepares the upgrade request. Where the host has
    /// several addresses, all clients use the one that answers first. `is_stopped` ends the wait for it.
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
                })?)
            }
        };
        Ok(Self {
            address,
            tls: secured,
            request: UpgradeRequest::new(plan.server_url(), &plan.headers),
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

    /// Begins to connect.
    pub(crate) fn connect(&self) -> io::Result<Transport> {
        match &self.address {
            ResolvedAddress::Tcp(address) => TcpStream::connect(*address).map(Transport::Tcp),
            ResolvedAddress::Unix(socket) => Transport::unix(socket),
        }
    }

    /// Puts TLS on top of a connected stream, if the URL asks for it.
    pub(crate) fn secure(&self, stream: Transport) -> Result<Transport, ConnectFailure> {
        match &self.tls {
            Some((tls, name)) => stream
                .secure(tls.config(), name)
                .map_err(|e| tls::failure(&e)),
            None => Ok(stream),
        }
    }

    pub(crate) fn upgrade(&self, stream: Transport) -> UpgradeExchange {
        UpgradeExchange::new(stream, &self.request)
    }

    /// The failure of a connection, with what is known of the server.
    pub(crate) fn explain(&self, failure: ConnectFailure) -> ConnectFailure {
        match &self.tls {
            Some((tls, _)) => tls.explain(failure),
            None => failure,
        }
    }
}

/// The name that the certificate of this server has to be for.
fn server_name(url: &ServerUrl) -> Result<ServerName<'static>, SwarmError> {
    let host = url.certificate_host().unwrap_or_default();
    ServerName::try_from(host.to_owned()).map_err(|_| SwarmError::ServerName(host.to_owned()))
}

/// The only address, or of several the first one that answers.
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
