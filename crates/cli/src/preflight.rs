//! Check of the limits for the connections of a run. Errors contain the command that raises the limit.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, anyhow};
use host::preflight::Shortage;
use host::{open_files, preflight};
use measurement::plan::{
    ClientSpread, Endpoint, LoadDraft, MAX_CLIENTS, MAX_SOURCE_ADDRESSES, TargetServer,
};
use units::{counted, grouped};

/// Connections of a run or of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionCount {
    /// Connections of clients.
    pub clients: u64,
    /// Connections besides these, which stay silent.
    pub idle: u64,
}

impl ConnectionCount {
    /// All connections of a load.
    pub fn of(load: &LoadDraft) -> Self {
        Self {
            clients: load.clients.get().into(),
            idle: load.connections.idle.into(),
        }
    }

    /// The connections of the process that has this share of a load.
    pub fn of_share(load: &LoadDraft) -> Self {
        Self {
            clients: load.own_clients().into(),
            idle: load.own_idle().into(),
        }
    }

    fn all(self) -> u64 {
        self.clients + self.idle
    }

    /// Number of all connections. A run has at most `MAX_CLIENTS`.
    fn in_range(self) -> u32 {
        u32::try_from(self.all()).unwrap_or(u32::MAX)
    }

    /// Text with its noun: `4,000 clients`, `4,000 connections (100 clients, 3,900 idle)`.
    fn text(self) -> String {
        if self.idle == 0 {
            return counted(self.clients, "client");
        }
        format!(
            "{} ({}, {} idle)",
            counted(self.all(), "connection"),
            counted(self.clients, "client"),
            grouped(self.idle),
        )
    }

    /// A number of connections with the noun of these.
    fn counted(self, number: u64) -> String {
        counted(
            number,
            if self.idle == 0 {
                "client"
            } else {
                "connection"
            },
        )
    }

    /// The flag that makes these connections as few as `fit`.
    fn reducing_flag(self, fit: u64) -> String {
        match fit.checked_sub(self.clients) {
            Some(idle) if self.idle > 0 && idle > 0 => format!("`--idle {idle}`"),
            _ if self.idle > 0 => format!("`-c {fit}` without `--idle`"),
            _ => format!("`-c {fit}`"),
        }
    }
}

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
    let count = ConnectionCount {
        clients: clients.into(),
        idle: 0,
    };
    check_files(count, servers.is_empty())?;
    check_ports(count, servers, sources)
}

/// Checks that the connections of each of `processes` that share these fit the limit on open files of a process. `most`
/// of the connections are in one process.
///
/// # Errors
/// When they do not fit; the error says how many fit, and how many processes would have room.
pub fn check_files_of_shards(
    count: ConnectionCount,
    processes: u32,
    most: u32,
) -> anyhow::Result<()> {
    check_shards(count, processes, most, open_files::limit())
}

fn check_shards(
    count: ConnectionCount,
    processes: u32,
    most: u32,
    open_file_limit: Option<u64>,
) -> anyhow::Result<()> {
    let Err(shortage) = preflight::check(most.into(), false, open_file_limit) else {
        return Ok(());
    };
    if processes == 1 {
        return Err(anyhow!(
            "{}, or `--shards {}`",
            shortage_text(count, &shortage),
            count.all().div_ceil(shortage.fit.max(1))
        ));
    }
    let shards = match shortage.fit {
        0 => String::new(),
        fit => format!(", or `--shards {}`", count.all().div_ceil(fit)),
    };
    Err(anyhow!(
        "each of {} processes needs {} open files for {}, but the limit is {}; raise the limit (`ulimit -n {}` as root) or use \
         {}{shards}",
        grouped(processes.into()),
        grouped(shortage.needed),
        count.counted(most.into()),
        grouped(shortage.limit),
        shortage.needed,
        count.reducing_flag(shortage.fit * u64::from(processes)),
    ))
}

/// Checks that a number of connections fits the limit on open files of a process. An embedded server shares it.
///
/// # Errors
/// When they do not fit; the error says what to do.
pub fn check_files(count: ConnectionCount, embedded: bool) -> anyhow::Result<()> {
    preflight::check(count.all(), embedded, open_files::limit())
        .map_err(|shortage| anyhow!(shortage_text(count, &shortage)))
}

/// Warns that connections may find no file while those before them are being closed; `None` when there are enough. A
/// process has all of these connections. An embedded server shares its limit.
pub fn short_of_files_for_next(count: ConnectionCount, embedded: bool) -> Option<String> {
    next_shortage(count, embedded, open_files::limit())
}

fn next_shortage(
    count: ConnectionCount,
    embedded: bool,
    open_file_limit: Option<u64>,
) -> Option<String> {
    let shortage = preflight::check(count.all() * 2, embedded, open_file_limit).err()?;
    let Shortage { needed, limit, .. } = shortage;
    Some(format!(
        "connections open while those before them are being closed, so {} may need {} open files, but the limit is {}: those \
         without a file fail; raise the limit (`ulimit -n {needed}` as root) or use {}",
        count.text(),
        grouped(needed),
        grouped(limit),
        count.reducing_flag(shortage.fit / 2),
    ))
}

/// Checks that there are local ports for a number of connections, spread over servers and source addresses. Without
/// servers, an embedded one is measured.
///
/// # Errors
/// When they do not fit; the error says how many fit and what to add.
pub fn check_ports(
    count: ConnectionCount,
    servers: &[TargetServer],
    sources: &[IpAddr],
) -> anyhow::Result<()> {
    match preflight::outgoing_ports() {
        Some(ports) => PortRoom::new(servers, sources.len(), &ports).check(count),
        None => Ok(()),
    }
}

/// Warns that opening becomes slow because more than half of the ports are needed; `None` when they are not. Holds for
/// systems that search for a free port at each connect.
pub fn slow_ports(
    count: ConnectionCount,
    servers: &[TargetServer],
    sources: &[IpAddr],
) -> Option<String> {
    let ports = preflight::outgoing_ports()?;
    let half = PortRoom::new(servers, sources.len(), &ports[..ports.len() / 2]);
    half.slow_opening(count)
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

    fn check(&self, count: ConnectionCount) -> anyhow::Result<()> {
        let connections = count.in_range();
        if self.fits(connections, self.sources) {
            return Ok(());
        }
        let fit = largest(MAX_CLIENTS, |n| self.fits(n, self.sources));
        let needed = self.needed_sources(connections);
        let ports = self.servers.iter().flatten().map(|server| server.ports);
        Err(anyhow!(
            "{} do not fit: one source address has {} for connections to one server, so {} fit; {} or a \
             further URL, widen the range (`sysctl -w net.ipv4.ip_local_port_range='1024 65535'` as root), or use {}",
            count.text(),
            counted(ports.min().unwrap_or(0).into(), "port"),
            count.counted(fit.into()),
            self.advice(needed),
            count.reducing_flag(fit.into()),
        ))
    }

    fn slow_opening(&self, count: ConnectionCount) -> Option<String> {
        let connections = count.in_range();
        if self.fits(connections, self.sources) {
            return None;
        }
        let quick = largest(MAX_CLIENTS, |n| self.fits(n, self.sources));
        Some(format!(
            "beyond {}, opening slows down because this system (Linux before 6.3, or another one) searches for \
             a free port at each connect; {}",
            count.counted(quick.into()),
            self.advice(self.needed_sources(connections)),
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

fn shortage_text(count: ConnectionCount, shortage: &Shortage) -> String {
    let Shortage {
        clients,
        fit,
        limit,
        needed,
        embedded,
    } = *shortage;
    // In a run of several processes, an embedded server has a process of its own.
    let fits_alone = preflight::check(clients, false, Some(limit)).is_ok();
    let (because, instead) = match (embedded, fits_alone) {
        (true, true) => (
            ", because the embedded server shares the limit",
            ", `--shards 2`, or start the server in another terminal",
        ),
        (true, false) => (
            ", because the embedded server shares the limit",
            ", or start the server in another terminal",
        ),
        (false, _) => ("", ""),
    };
    format!(
        "{} need {} open files{because}, but the limit is {}: {} fit; \
         raise the limit (`ulimit -n {needed}` as root) or use {}{instead}",
        count.text(),
        grouped(needed),
        grouped(limit),
        count.counted(fit),
        count.reducing_flag(fit),
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
            shortage_text(busy(clients), &short.unwrap_err())
        };
        let text = files(469, true);
        assert!(
            text.contains("469 clients need 1,002 open files, because the embedded server shares"),
            "{text}"
        );
        assert!(text.contains("468 clients fit") && text.contains("ulimit -n 1002"));
        assert!(
            text.ends_with("use `-c 468`, `--shards 2`, or start the server in another terminal")
        );
        let text = files(937, true);
        assert!(text.ends_with("use `-c 468`, or start the server in another terminal"));
        assert!(!files(937, false).contains("embedded"));
    }

    fn busy(clients: u64) -> ConnectionCount {
        ConnectionCount { clients, idle: 0 }
    }

    #[test]
    fn idle_connections_need_files_and_shards_too() {
        let refused = |clients, idle, processes, most| {
            let count = ConnectionCount { clients, idle };
            let checked = check_shards(count, processes, most, Some(1_064));
            checked.map_or_else(|e| e.to_string(), |()| String::new())
        };
        assert_eq!(refused(100, 900, 1, 1_000), "");
        assert_eq!(
            refused(100, 50_000, 1, 50_100),
            "50,100 connections (100 clients, 50,000 idle) need 50,164 open files, but the limit is 1,064: 1,000 connections \
             fit; raise the limit (`ulimit -n 50164` as root) or use `--idle 900`, or `--shards 51`"
        );
        let text = refused(2_000, 500, 1, 2_500);
        assert!(
            text.ends_with("use `-c 1000` without `--idle`, or `--shards 3`"),
            "{text}"
        );
        assert_eq!(
            refused(100, 5_000, 2, 2_550),
            "each of 2 processes needs 2,614 open files for 2,550 connections, but the limit is 1,064; raise the limit \
             (`ulimit -n 2614` as root) or use `--idle 1900`, or `--shards 6`"
        );
    }

    #[test]
    fn connections_that_are_being_closed_need_files_beside_the_next_ones() {
        let warning = |clients| next_shortage(busy(clients), false, Some(270));
        assert_eq!(warning(103), None);
        assert_eq!(
            warning(200).unwrap(),
            "connections open while those before them are being closed, so 200 clients may need 464 open files, but the limit \
             is 270: those without a file fail; raise the limit (`ulimit -n 464` as root) or use `-c 103`"
        );
    }

    #[test]
    fn idle_connections_need_ports_too() {
        let count = ConnectionCount {
            clients: 10,
            idle: 1_000,
        };
        let ports = room(&["ws://127.0.0.1:80/"], 0, 1_000);
        let text = ports.check(count).unwrap_err().to_string();
        assert!(
            text.starts_with("1,010 connections (10 clients, 1,000 idle) do not fit: one source address has 1,000 ports"),
            "{text}"
        );
        assert!(
            text.contains("so 1,000 connections fit; add `--source-address 127.0.0.2-127.0.0.3`")
        );
        assert!(text.ends_with("or use `--idle 990`"), "{text}");
        let text = ports.slow_opening(count).unwrap();
        assert!(
            text.starts_with("beyond 1,000 connections, opening slows down"),
            "{text}"
        );
    }

    fn room(urls: &[&str], sources: usize, ports: u16) -> PortRoom {
        let servers = urls.iter().map(|url| ServerUrl::parse(url).unwrap().into());
        let ports: Vec<u16> = (40_000..40_000 + ports).collect();
        PortRoom::new(&servers.collect::<Vec<_>>(), sources, &ports)
    }

    fn refusal(urls: &[&str], sources: usize, clients: u64) -> String {
        let refused = room(urls, sources, 1_000).check(busy(clients));
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
        assert_eq!(half.slow_opening(busy(500)), None);
        let text = half.slow_opening(busy(501)).unwrap();
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
