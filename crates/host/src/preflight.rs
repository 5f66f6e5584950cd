//! Check of open files and ports for a number of connections.

/// Open files that a run needs in addition to its connections: outputs, runtimes, the terminal.
const RESERVED_FILES: u64 = 64;

/// A resource that is insufficient for a number of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// More connections than open files.
    Files {
        /// Number of connections requested.
        clients: u64,
        /// Number of connections that are possible.
        fit: u64,
        /// The limit on open files.
        limit: u64,
        /// Limit that would be sufficient.
        needed: u64,
        /// True when an embedded server shares the limit.
        embedded: bool,
    },
    /// More connections than local ports.
    Ports {
        /// Number of connections requested.
        clients: u64,
        /// Number of ports available for outgoing connections.
        ports: u64,
    },
}

/// Checks that the limits allow a number of clients. A limit of `None` is unknown or does not exist.
///
/// # Errors
/// The first resource that is insufficient.
pub fn check(
    clients: u64,
    embedded: bool,
    files: Option<u64>,
    ports: Option<u64>,
) -> Result<(), Shortage> {
    let per_client = if embedded { 2 } else { 1 };
    if let Some(limit) = files {
        let fit = limit.saturating_sub(RESERVED_FILES) / per_client;
        if clients > fit {
            return Err(Shortage::Files {
                clients,
                fit,
                limit,
                needed: clients * per_client + RESERVED_FILES,
                embedded,
            });
        }
    }
    match ports {
        Some(ports) if clients > ports => Err(Shortage::Ports { clients, ports }),
        _ => Ok(()),
    }
}

/// Number of local ports for outgoing connections; `None` where the kernel does not report it.
pub fn outgoing_ports() -> Option<u64> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    count_ports(&range)
}

fn count_ports(range: &str) -> Option<u64> {
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    (last + 1).checked_sub(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedded_server_halves_what_fits() {
        assert_eq!(check(936, false, Some(1_000), None), Ok(()));
        assert_eq!(check(468, true, Some(1_000), None), Ok(()));
        let short = Shortage::Files {
            clients: 469,
            fit: 468,
            limit: 1_000,
            needed: 1_002,
            embedded: true,
        };
        assert_eq!(check(469, true, Some(1_000), None), Err(short));
        assert!(check(937, false, Some(1_000), None).is_err());
    }

    #[test]
    fn ports_are_counted_with_both_ends() {
        assert_eq!(count_ports("32768\t60999\n"), Some(28_232));
        assert_eq!(count_ports("nonsense"), None);
        assert_eq!(check(28_232, false, None, Some(28_232)), Ok(()));
        assert!(matches!(
            check(28_233, false, None, Some(28_232)),
            Err(Shortage::Ports { .. })
        ));
    }

    #[test]
    fn without_limits_everything_fits() {
        assert_eq!(check(u64::from(u32::MAX), true, None, None), Ok(()));
    }
}
