//! Check of open files for a number of connections; local ports and source addresses.

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::ops::RangeInclusive;

/// Open files that a run needs in addition to its connections: outputs, runtimes, the terminal.
const RESERVED_FILES: u64 = 64;

/// More connections than the limit on open files allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// Number of connections requested.
    pub clients: u64,
    /// Number of connections that are possible.
    pub fit: u64,
    /// The limit on open files.
    pub limit: u64,
    /// Limit that would be sufficient.
    pub needed: u64,
    /// True when an embedded server shares the limit.
    pub embedded: bool,
}

/// Checks that the limit on open files allows a number of clients. A limit of `None` is unknown or does not exist.
///
/// # Errors
/// The shortage of open files.
pub fn check(clients: u64, embedded: bool, files: Option<u64>) -> Result<(), Shortage> {
    let per_client = if embedded { 2 } else { 1 };
    let Some(limit) = files else {
        return Ok(());
    };
    let fit = limit.saturating_sub(RESERVED_FILES) / per_client;
    if clients <= fit {
        return Ok(());
    }
    Err(Shortage {
        clients,
        fit,
        limit,
        needed: clients * per_client + RESERVED_FILES,
        embedded,
    })
}

/// Local ports for outgoing connections, ascending, without those that the administrator has reserved; `None` where the
/// kernel does not report them.
pub fn outgoing_ports() -> Option<Vec<u16>> {
    let read = |name| std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
    let range = read("ip_local_port_range").ok()?;
    let reserved = read("ip_local_reserved_ports").unwrap_or_default();
    usable_ports(&range, &reserved)
}

fn usable_ports(range: &str, reserved: &str) -> Option<Vec<u16>> {
    let mut ends = range.split_whitespace().map(str::parse::<u16>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    let reserved: Vec<_> = reserved.trim().split(',').filter_map(port_range).collect();
    let is_free = |port: &u16| !reserved.iter().any(|range| range.contains(port));
    Some((first..=last).filter(is_free).collect())
}

/// A port or a range of ports, such as `8080-8090`.
fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// The first address that connections cannot be made from, and the system's reason.
pub fn unusable_address(addresses: &[IpAddr]) -> Option<(IpAddr, io::Error)> {
    addresses.iter().find_map(|address| {
        let error = UdpSocket::bind((*address, 0)).err()?;
        Some((*address, error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedded_server_halves_what_fits() {
        assert_eq!(check(936, false, Some(1_000)), Ok(()));
        assert_eq!(check(468, true, Some(1_000)), Ok(()));
        let short = Shortage {
            clients: 469,
            fit: 468,
            limit: 1_000,
            needed: 1_002,
            embedded: true,
        };
        assert_eq!(check(469, true, Some(1_000)), Err(short));
        assert!(check(937, false, Some(1_000)).is_err());
    }

    #[test]
    fn ports_are_counted_with_both_ends() {
        let count = |range, reserved| usable_ports(range, reserved).map(|ports| ports.len());
        assert_eq!(count("32768\t60999\n", "\n"), Some(28_232));
        assert_eq!(
            count("32768\t60999\n", "80,40000,50000-50009\n"),
            Some(28_221)
        );
        assert_eq!(count("nonsense", ""), None);
    }

    #[test]
    fn an_address_of_another_machine_is_unusable() {
        let own = IpAddr::from([127, 0, 0, 1]);
        // Reserved for documentation (RFC 5737).
        let other = IpAddr::from([192, 0, 2, 1]);
        assert!(unusable_address(&[own]).is_none());
        assert_eq!(unusable_address(&[own, other]).unwrap().0, other);
    }

    #[test]
    fn without_limits_everything_fits() {
        assert_eq!(check(u64::from(u32::MAX), true, None), Ok(()));
    }
}
