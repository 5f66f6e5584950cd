//! Data shared by all connections of a run: addresses, TLS configurations, upgrade requests.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use host::preflight::outgoing_ports;
use measurement::plan::{
    Endpoint, LocalPorts, Plan, PlanError, ServerUrl, TargetServer, mask_header_values,
};
use measurement::record::ConnectFailure;
use rustls::pki_types::ServerName;
use scenario::RoleAssignment;

use super::address::{connect_first, resolve};
use super::local_socket;
use super::tls::{self, ClientTls};
use super::transport::Transport;
use super::upgrade::UpgradeRequest;
use super::upgrade_exchange::UpgradeExchange;
use crate::{SwarmError, UnreachedServer};

/// Opens connections to the servers of a run.
#[derive(Debug)]
pub(crate) struct Connector {
    plan: Plan,
    targets: Vec<ConnectTarget>,
    /// Local ports of the connections; `None` when the system chooses.
    ports: Option<LocalPorts>,
    /// Roles of a scenario, which gives each client a request of its own.
    roles: Option<RoleAssignment>,
    /// Maximum time for opening a connection.
    pub(crate) timeout: Duration,
}

/// One server of a run.
#[derive(Debug)]
struct ConnectTarget {
    address: ResolvedAddress,
    /// TLS configuration, and the name that the certificate must be valid for; `None` without TLS.
    tls: Option<(ClientTls, ServerName<'static>)>,
    request: UpgradeRequest,
}

/// Address of a server's socket.
#[derive(Debug, Clone, PartialEq)]
enum ResolvedAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Connector {
    /// Resolves the host names, loads the certificates and prepares the upgrade requests. If a host has several
    /// addresses, all its clients use the one that answers first. `is_stopped` ends the wait for it.
    pub(crate) fn new(plan: &Plan, is_stopped: impl Fn() -> bool) -> Result<Self, SwarmError> {
        let mut targets: Vec<ConnectTarget> = Vec::new();
        for server in plan.servers() {
            let address = match server.url.endpoint() {
                Endpoint::Unix { socket } => ResolvedAddress::Unix(socket.into()),
                Endpoint::Tcp { host, port, .. } => {
                    ResolvedAddress::Tcp(find_address(plan, server, (host, *port), &is_stopped)?)
                }
            };
            // Not shared between servers, because it remembers what its server asked for.
            let tls = if server.url.is_tls() {
                Some((ClientTls::new(server)?, server_name(&server.url)?))
            } else {
                None
            };
            targets.push(ConnectTarget {
                address,
                tls,
                request: UpgradeRequest::new(&server.url, &plan.headers),
            });
        }
        Ok(Self {
            ports: local_ports(plan, &targets),
            targets,
            roles: plan.roles(),
            timeout: plan.connect_timeout,
            plan: plan.clone(),
        })
    }

    /// The address of each server; `None` for a Unix socket.
    pub(crate) fn addresses(&self) -> Vec<Option<SocketAddr>> {
        let address = |target: &ConnectTarget| match &target.address {
            ResolvedAddress::Tcp(address) => Some(*address),
            ResolvedAddress::Unix(_) => None,
        };
        self.targets.iter().map(address).collect()
    }

    fn target_of(&self, client: u32) -> &ConnectTarget {
        &self.targets[self.plan.spread().server(client)]
    }

    /// Returns true when a client's connection has TLS.
    pub(crate) fn is_tls(&self, client: u32) -> bool {
        self.target_of(client).tls.is_some()
    }

    /// Starts to connect a client.
    pub(crate) fn connect(&self, client: u32) -> io::Result<Transport> {
        match &self.target_of(client).address {
            ResolvedAddress::Tcp(address) => {
                let source = self.plan.source_of(client);
                let ports = self.ports.as_ref().map(|ports| (ports, client));
                let buffer = self
                    .plan
                    .read_limit_of(client)
                    .map(|read| read.buffer_bytes);
                local_socket::connect(*address, source, ports, buffer).map(Transport::Tcp)
            }
            ResolvedAddress::Unix(socket) => Transport::unix(socket),
        }
    }

    /// Adds TLS to a client's connected stream, if its URL is `wss`.
    pub(crate) fn secure(
        &self,
        stream: Transport,
        client: u32,
    ) -> Result<Transport, ConnectFailure> {
        match &self.target_of(client).tls {
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
        let roles = self.roles.as_ref();
        let Some(state) = roles.and_then(|roles| self.plan.client_state(roles, client)) else {
            return Ok(UpgradeExchange::new(
                stream,
                &self.target_of(client).request,
            ));
        };
        let handshake = self.plan.client_handshake(&state);
        let handshake = handshake.map_err(|e| ConnectFailure::Handshake(e.to_string()))?;
        let request = UpgradeRequest::new(&handshake.url, &handshake.headers);
        Ok(UpgradeExchange::new(stream, &request))
    }

    /// Adds what is known about the server to the failure of a connection, and masks secret headers that the server
    /// repeated.
    pub(crate) fn explain(&self, client: u32, failure: ConnectFailure) -> ConnectFailure {
        let headers = &self.plan.headers;
        let failure = failure.map_answer(&|text| mask_header_values(headers, text));
        match &self.target_of(client).tls {
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

/// Local ports of the clients of this plan; `None` when the system chooses them.
fn local_ports(plan: &Plan, targets: &[ConnectTarget]) -> Option<LocalPorts> {
    let addresses: Vec<_> = targets.iter().map(|target| &target.address).collect();
    let sources = plan.source_addresses.len();
    let ports = outgoing_ports()?;
    LocalPorts::new(ports, plan.connections(), plan.seed, &addresses, sources)
}

/// The address of a server that its clients connect to.
fn find_address(
    plan: &Plan,
    server: &TargetServer,
    (host, port): (&str, u16),
    is_stopped: impl Fn() -> bool,
) -> Result<SocketAddr, SwarmError> {
    let lookup = |source| SwarmError::Lookup(host.to_owned(), source);
    let mut addresses = resolve(host, port).map_err(lookup)?;
    let source = plan.source_addresses.first();
    if let Some(source) = source {
        addresses.retain(|address| address.is_ipv4() == source.is_ipv4());
        if addresses.is_empty() {
            return Err(SwarmError::Unreachable(PlanError::SourceFamily {
                source_address: *source,
                url: server.url.masked(),
            }));
        }
    }
    choose(plan, &addresses, is_stopped).map_err(|cause| SwarmError::NothingConnected {
        attempted: plan.connections().into(),
        servers: Box::new([UnreachedServer {
            url: server.url.masked(),
            failed: plan.connections().into(),
            cause: cause.clone(),
        }]),
        cause,
        others: Box::default(),
        scenario: plan.scenario().cloned(),
    })
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
