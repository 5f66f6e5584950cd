//! Overflows of the queues in which connections wait until a server accepts them (Linux).

use std::net::IpAddr;

/// Overflows of all listen queues of this machine since boot (`ListenOverflows` of `/proc/net/netstat`). The counter
/// belongs to the network namespace of this process.
///
/// The kernel counts each packet of a handshake that a full queue makes it drop, so a connection that tries again counts
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenOverflows(u64);

impl ListenOverflows {
    /// Reads the counter; `None` where the system does not have it.
    pub fn now() -> Option<Self> {
        parse(&std::fs::read_to_string("/proc/net/netstat").ok()?).map(Self)
    }

    /// Number of overflows since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Parses the counter in a `/proc/net/netstat`. Each group has a line of names and, below it, a line of values.
fn parse(netstat: &str) -> Option<u64> {
    let mut group = netstat
        .lines()
        .filter_map(|line| line.strip_prefix("TcpExt:"));
    let (names, values) = (group.next()?, group.next()?);
    let mut fields = names.split_whitespace().zip(values.split_whitespace());
    let (_, value) = fields.find(|(name, _)| *name == "ListenOverflows")?;
    value.parse().ok()
}

/// Returns true for a loopback address and for an address of one of this machine's interfaces. Systems other than Unix
/// recognize loopback addresses only.
pub fn is_own_address(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || interface_addresses().contains(&address)
}

/// Addresses of all interfaces. A socket bound to an address does not prove that the address is one of them, because
/// `net.ipv4.ip_nonlocal_bind` allows any.
#[cfg(unix)]
fn interface_addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
    });
    addresses.collect()
}

#[cfg(not(unix))]
fn interface_addresses() -> Vec<IpAddr> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETSTAT: &str = "\
TcpExt: SyncookiesSent SyncookiesRecv ListenOverflows ListenDrops TCPHPHits
TcpExt: 1 2 5631 5702 99
IpExt: InNoRoutes ListenOverflows
IpExt: 7 8
";

    #[test]
    fn the_counter_is_found_by_its_name() {
        assert_eq!(parse(NETSTAT), Some(5631));
        let last = NETSTAT.replace(" TCPHPHits", "").replace(" 99", "");
        assert_eq!(parse(&last), Some(5631));
    }

    #[test]
    fn a_counter_of_another_group_is_not_that_of_tcp() {
        let other = NETSTAT.replace("TcpExt:", "MPTcpExt:");
        assert_eq!(parse(&other), None);
    }

    #[test]
    fn a_file_without_the_counter_has_no_reading() {
        for damaged in [
            String::new(),
            NETSTAT.replacen("ListenOverflows", "Other", 1),
            NETSTAT.replace("5631", "many"),
            NETSTAT.replace("TcpExt: 1 2 5631 5702 99\n", ""),
            NETSTAT.replace(" 2 5631 5702 99", ""),
        ] {
            assert_eq!(parse(&damaged), None, "{damaged}");
        }
    }

    #[test]
    fn two_readings_have_a_difference() {
        assert_eq!(ListenOverflows(12).since(ListenOverflows(5)), 7);
        // The counter has been reset, for example by a new namespace.
        assert_eq!(ListenOverflows(3).since(ListenOverflows(5)), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_system_has_the_counter() {
        let before = ListenOverflows::now().unwrap();
        assert!(ListenOverflows::now().unwrap().0 >= before.0);
    }

    /// The handshake of a connection on loopback is over, or dropped, when `connect` returns.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_queue_is_counted() {
        use nix::errno::Errno;
        use nix::sys::socket::{
            AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, connect, listen, socket,
        };
        use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
        use std::os::fd::AsRawFd;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            panic!("an address of version 4 was bound")
        };
        let address: SocketAddrV4 = address;
        let before = ListenOverflows::now().unwrap();
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let flags = SockFlag::SOCK_NONBLOCK;
                let client = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
                let begun = connect(client.as_raw_fd(), &SockaddrIn::from(address));
                assert!(
                    matches!(begun, Ok(()) | Err(Errno::EINPROGRESS)),
                    "{begun:?}"
                );
                client
            })
            .collect();
        let overflows = ListenOverflows::now().unwrap().since(before);
        assert!(
            overflows >= 6,
            "{overflows} of {} connections",
            clients.len()
        );
    }

    #[test]
    fn loopback_is_this_machine_and_documentation_addresses_are_not() {
        let is_own = |text: &str| is_own_address(text.parse().unwrap());
        for own in ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"] {
            assert!(is_own(own), "{own}");
        }
        // RFC 5737 and RFC 3849.
        for other in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn addresses_of_interfaces_are_this_machine() {
        let all = interface_addresses();
        assert!(all.iter().any(IpAddr::is_loopback), "{all:?}");
        assert!(all.into_iter().all(is_own_address));
    }
}
