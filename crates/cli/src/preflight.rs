//! Check of the limits for the connections of a run. Errors contain the command that raises the limit.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, anyhow};
use host::preflight::Shortage;
use host::{open_files, preflight};
use measurement::plan::{ClientSpread, Endpoint, MAX_CLIENTS, MAX_SOURCE_ADDRESSES, TargetServer};
use units::{counted, grouped};

/// Checks that the limits of this machine allow a number of clients, spread over servers and source addresses. Without
/// servers, an embedded one shares the limits.
///
/// # Errors
/// When open files or ports are insufficient.
pub fn check_room(
    clients: u32,
    servers: &[TargetServer],
    sources: &[IpAddr],
) -> anyhow::Result<()> {
    check_files(u64::from(clients), servers.is_empty())?;
    check_ports(clients, servers, sources)
}

/// Checks that the connections of each of `processes` that share `clients` fit the limit on open files of a process.
/// `most` of the clients are in one process.
///
/// # Errors
/// When they do not fit; the error says how many clients fit, and how many processes would have room.
pub fn check_files_of_shards(clients: u32, processes: u32, most: u32) -> anyhow::Result<()> {
    let each = u64::from(most);
    let Err(shortage) = preflight::check(each, false, open_files::limit()) else {
        return Ok(());
    };
    if processes == 1 {
        return Err(anyhow!(
            "{}, or `--shards {}`",
            shortage_text(&shortage),
            u64::from(clients).div_ceil(shortage.fit.max(1))
        ));
    }
    let shards = match shortage.fit {
        0 => String::new(),
        fit => format!(", or `--shards {}`", u64::from(clients).div_ceil(fit)),
    };
    Err(anyhow!(
        "each of {} processes needs {} open files for {}, but the limit is {}; raise the limit (`ulimit -n {}` as root) or use \
         `-c {}`{shards}",
        grouped(processes.into()),
        grouped(shortage.needed),
        counted(each, "client"),
        grouped(shortage.limit),
        shortage.needed,
        shortage.fit * u64::from(processes),
    ))
}

/// Checks that a number of connections fits the limit on open files of a process. An embedded server shares it.
///
/// # Errors
/// When they do not fit; the error says what to do.
pub fn check_files(connections: u64, embedded: bool) -> anyhow::Result<()> {
    check(connections, embedded, open_files::limit())
}

/// Checks that there are local ports for a number of clients, spread over servers and source addresses. Without servers,
/// an embedded one is measured.
///
/// # Errors
/// When they do not fit; the error says how many fit and what to add.
pub fn check_ports(
    clients: u32,
    servers: &[TargetServer],
    sources: &[IpAddr],
) -> anyhow::Result<()> {
    match preflight::outgoing_ports() {
        Some(ports) => PortRoom::new(servers, sources.len(), &ports).check(clients),
        None => Ok(()),
    }
}

/// Warns that opening becomes slow because more than half of the ports are needed; `None` when they are not. Holds for
/// systems that search for a free port at each connect.
pub fn slow_ports(clients: u32, servers: &[TargetServer], sources: &[IpAddr]) -> Option<String> {
    let ports = preflight::outgoing_ports()?;
    let half = PortRoom::new(servers, sources.len(), &ports[..ports.len() / 2]);
    half.slow_opening(clients)
}

/// Checks that connections can be made from these addresses.
///
/// # Errors
/// The first address that does not belong to this machine.
pub fn check_source_addresses(sources: &[IpAddr]) -> anyhow::Result<()> {
    match preflight::unusable_address(sources) {
        None => Ok(()),
        Some((address, error)) => {
            Err(error).with_context(|| format!("cannot connect from the source address {address}"))
        }
    }
}

fn check(connections: u64, embedded: bool, open_file_limit: Option<u64>) -> anyhow::Result<()> {
    preflight::check(connections, embedded, open_file_limit)
        .map_err(|shortage| anyhow!(shortage_text(&shortage)))
}

/// Local ports for the connections to the servers of a run.
#[derive(Debug)]
struct PortRoom {
    /// For each server: the number of ports from one source address, and the first server with the same host and port;
    /// `None` for a Unix socket, which needs no ports.
    servers: Vec<Option<ServerPorts>>,
    sources: usize,
    is_loopback: bool,
}

#[derive(Debug, Clone, Copy)]
struct ServerPorts {
    first: usize,
    ports: u32,
}

impl PortRoom {
    fn new(servers: &[TargetServer], sources: usize, ports: &[u16]) -> Self {
        let endpoint = |server: &TargetServer| match server.url.endpoint() {
            Endpoint::Tcp { host, port, .. } => Some((host.clone(), *port)),
            Endpoint::Unix { .. } => None,
        };
        let mut endpoints: Vec<_> = servers.iter().map(endpoint).collect();
        if servers.is_empty() {
            // An embedded server, whose port is not known yet.
            endpoints.push(Some((Ipv4Addr::LOCALHOST.to_string(), 0)));
        }
        let hosts = endpoints.iter().flatten().map(|(host, _)| host);
        let is_loopback = hosts.into_iter().all(|host| is_ipv4_loopback(host));
        let of = |endpoint: &Option<(String, u16)>| {
            let (host, port) = endpoint.as_ref()?;
            // The server listens on one of the ports itself.
            let own = is_ipv4_loopback(host) && ports.contains(port);
            let count = ports.len() - usize::from(own);
            Some(ServerPorts {
                first: endpoints.iter().position(|one| one == endpoint)?,
                ports: u32::try_from(count).unwrap_or(u32::MAX),
            })
        };
        Self {
            servers: endpoints.iter().map(of).collect(),
            sources,
            is_loopback,
        }
    }

    /// Returns true when this number of clients has enough ports, from this number of source addresses.
    fn fits(&self, clients: u32, sources: usize) -> bool {
        let share = ClientSpread::new(self.servers.len(), sources).largest_share(clients);
        self.servers.iter().flatten().all(|server| {
            let same = self.servers.iter().flatten();
            let same = same.filter(|one| one.first == server.first).count();
            u64::from(share) * same as u64 <= u64::from(server.ports)
        })
    }

    fn check(&self, clients: u32) -> anyhow::Result<()> {
        if self.fits(clients, self.sources) {
            return Ok(());
        }
        let fit = largest(MAX_CLIENTS, |n| self.fits(n, self.sources));
        let needed = self.needed_sources(clients);
        let ports = self.servers.iter().flatten().map(|server| server.ports);
        Err(anyhow!(
            "{} do not fit: one source address has {} for connections to one server, so {} fit; {} or a \
             further URL, widen the range (`sysctl -w net.ipv4.ip_local_port_range='1024 65535'` as root), or use `-c {fit}`",
            counted(clients.into(), "client"),
            counted(ports.min().unwrap_or(0).into(), "port"),
            counted(fit.into(), "client"),
            self.advice(needed),
        ))
    }

    fn slow_opening(&self, clients: u32) -> Option<String> {
        if self.fits(clients, self.sources) {
            return None;
        }
        let quick = largest(MAX_CLIENTS, |n| self.fits(n, self.sources));
        Some(format!(
            "beyond {}, opening slows down because this system (Linux before 6.3, or another one) searches for \
             a free port at each connect; {}",
            counted(quick.into(), "client"),
            self.advice(self.needed_sources(clients)),
        ))
    }

    /// Smallest larger number of source addresses with which this number of clients fits.
    fn needed_sources(&self, clients: u32) -> Option<usize> {
        let mut more = self.sources.max(1) + 1..=MAX_SOURCE_ADDRESSES;
        more.find(|sources| self.fits(clients, *sources))
    }

    /// Advice to use this number of source addresses.
    fn advice(&self, needed: Option<usize>) -> String {
        let Some(needed) = needed else {
            return "add source addresses of this machine (--source-address)".to_owned();
        };
        if self.is_loopback {
            let first = Ipv4Addr::new(127, 0, 0, 2);
            let more = u32::try_from(needed - 1).unwrap_or(u32::MAX);
            let last = Ipv4Addr::from(u32::from(first).saturating_add(more));
            return format!("add `--source-address {first}-{last}`");
        }
        format!(
            "use {} source addresses of this machine (`--source-address A,B,…`)",
            grouped(needed as u64),
        )
    }
}

fn is_ipv4_loopback(host: &str) -> bool {
    let address = host.parse::<Ipv4Addr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The largest number up to `most` that a condition holds for, if it holds for all smaller ones.
fn largest(most: u32, holds: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if holds(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

fn shortage_text(shortage: &Shortage) -> String {
    let Shortage {
        clients,
        fit,
        limit,
        needed,
        embedded,
    } = *shortage;
    let (because, instead) = if embedded {
        (
            ", because the embedded server shares the limit",
            ", or start the server in another terminal",
        )
    } else {
        ("", "")
    };
    format!(
        "{} clients need {} open files{because}, but the limit is {}: {} clients fit; \
         raise the limit (`ulimit -n {needed}` as root) or use `-c {fit}`{instead}",
        grouped(clients),
        grouped(needed),
        grouped(limit),
        grouped(fit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::plan::ServerUrl;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_shortage_is_named_with_what_mends_it() {
        let files = |clients, embedded| {
            let short = preflight::check(clients, embedded, Some(1_000));
            shortage_text(&short.unwrap_err())
        };
        let text = files(469, true);
        assert!(
            text.contains("469 clients need 1,002 open files, because the embedded server shares"),
            "{text}"
        );
        assert!(text.contains("468 clients fit") && text.contains("ulimit -n 1002"));
        assert!(!files(937, false).contains("embedded"));
    }

    fn room(urls: &[&str], sources: usize, ports: u16) -> PortRoom {
        let servers = urls.iter().map(|url| ServerUrl::parse(url).unwrap().into());
        let ports: Vec<u16> = (40_000..40_000 + ports).collect();
        PortRoom::new(&servers.collect::<Vec<_>>(), sources, &ports)
    }

    fn refusal(urls: &[&str], sources: usize, clients: u32) -> String {
        let refused = room(urls, sources, 1_000).check(clients);
        refused.map_or_else(|e| e.to_string(), |()| String::new())
    }

    #[test]
    fn too_few_ports_are_named_with_the_addresses_to_add() {
        let text = refusal(&["ws://127.0.0.1:80/"], 0, 4_000);
        let expected = "4,000 clients do not fit: one source address has 1,000 ports for connections to one \
                        server, so 1,000 clients fit; add `--source-address 127.0.0.2-127.0.0.5` or a further URL";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("ip_local_port_range") && text.ends_with("`-c 1000`"));
        let text = refusal(&["ws://a:80/"], 1, 2_001);
        assert!(
            text.contains("use 3 source addresses of this machine"),
            "{text}"
        );
        // The server's own port is one of the ports.
        let text = refusal(&["ws://127.0.0.1:40500/"], 0, 1_000);
        assert!(text.contains("so 999 clients fit"), "{text}");
    }

    #[test]
    fn slow_opening_is_announced_with_the_addresses_that_prevent_it() {
        let half = room(&["ws://127.0.0.1:80/"], 0, 500);
        assert_eq!(half.slow_opening(500), None);
        let text = half.slow_opening(501).unwrap();
        assert!(
            text.starts_with("beyond 500 clients, opening slows down"),
            "{text}"
        );
        assert!(
            text.ends_with("add `--source-address 127.0.0.2-127.0.0.3`"),
            "{text}"
        );
    }

    #[test]
    fn every_address_and_server_adds_its_ports() {
        let two = ["ws://127.0.0.1:80/", "ws://127.0.0.1:81/"];
        assert_eq!(refusal(&two, 0, 2_000), "");
        assert!(refusal(&two, 0, 2_001).contains("2,000 clients fit"));
        assert_eq!(refusal(&two, 3, 6_000), "");
        // Two paths of one server share its ports.
        let paths = ["ws://127.0.0.1:80/a", "ws://127.0.0.1:80/b"];
        assert!(refusal(&paths, 0, 1_001).contains("1,000 clients fit"));
        assert_eq!(refusal(&[], 0, 1_000), "");
        assert!(refusal(&[], 0, 1_001).contains("127.0.0.2-127.0.0.3"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_unix_socket_needs_no_ports() {
        assert_eq!(refusal(&["ws+unix:a.sock"], 0, 1_000_000), "");
        let both = ["ws+unix:a.sock", "ws://a/"];
        assert!(refusal(&both, 0, 2_001).contains("2,000 clients fit"));
    }

    proptest! {
        #[test]
        fn exactly_those_fit_that_have_ports(
            clients in 1..60_u32, hosts in prop::collection::vec(0..3_u8, 1..4), sources in 0..4_usize, ports in 1..30_u16,
        ) {
            let urls: Vec<_> = hosts.iter().map(|host| format!("ws://h{host}/")).collect();
            let urls: Vec<_> = urls.iter().map(String::as_str).collect();
            let fits = room(&urls, sources, ports).fits(clients, sources);
            let spread = ClientSpread::new(hosts.len(), sources);
            let mut used = BTreeMap::<_, u64>::new();
            for client in 0..clients {
                *used.entry((hosts[spread.server(client)], spread.address(client))).or_default() += 1;
            }
            let most = used.into_values().max().unwrap();
            // Servers with one address get their last clients one after the other.
            let slack = hosts.len() as u64;
            prop_assert!(!fits || most <= u64::from(ports));
            prop_assert!(fits || most + slack > u64::from(ports));
        }
    }
}
