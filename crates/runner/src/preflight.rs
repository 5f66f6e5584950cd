//! What must be there before the load starts: open files and ports. What is short is said with the
//! command that mends it.

use std::fmt;

use measurement::plan::ServerUrl;
use units::grouped;

/// Open files that a run needs beside its connections: outputs, runtimes, the terminal.
const RESERVED_FILES: u64 = 64;

/// The limit on open files of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// In force now.
    pub limit: u64,
    /// In force when the program started, if the program has raised it since.
    pub raised_from: Option<u64>,
}

/// Raises the soft limit on open files to the hard one; `None` where there is no such limit.
pub fn raise_open_files() -> Option<OpenFiles> {
    #[cfg(unix)]
    {
        let (before, _) = rlimit::Resource::NOFILE.get().ok()?;
        let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(before);
        Some(OpenFiles {
            limit,
            raised_from: (limit > before).then_some(before),
        })
    }
    #[cfg(not(unix))]
    None
}

/// Something is short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortage {
    /// More connections than open files.
    Files {
        /// Connections asked for.
        clients: u64,
        /// Connections that there is room for.
        fit: u64,
        /// The limit on open files.
        limit: u64,
        /// The limit that would be enough.
        needed: u64,
        /// The server shares the limit.
        embedded: bool,
    },
    /// More connections than ports to connect from.
    Ports {
        /// Connections asked for.
        clients: u64,
        /// Ports there are.
        ports: u64,
    },
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files {
                clients,
                fit,
                limit,
                needed,
                embedded,
            } => {
                let because = if *embedded {
                    ", because the embedded server shares the limit"
                } else {
                    ""
                };
                write!(
                    f,
                    "{} clients need {} open files{because}, but the limit is {}: {} clients fit; \
                     raise it (`ulimit -n {needed}` as root) or use `-c {fit}`",
                    grouped(*clients),
                    grouped(*needed),
                    grouped(*limit),
                    grouped(*fit),
                )?;
                if *embedded {
                    write!(f, ", or start the server in a terminal of its own")?;
                }
                Ok(())
            }
            Self::Ports { clients, ports } => write!(
                f,
                "{} clients need as many ports, but {} are set aside for outgoing connections: \
                 widen the range (`sysctl -w net.ipv4.ip_local_port_range='1024 65535'` as root) \
                 or use `-c {ports}`",
                grouped(*clients),
                grouped(*ports),
            ),
        }
    }
}

impl std::error::Error for Shortage {}

/// Whether so many clients fit into the limits.
///
/// # Errors
/// [`Shortage`] naming what is short.
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

/// Ports that the kernel gives to outgoing connections; `None` where it does not tell, and for a Unix
/// socket, which needs none.
pub fn outgoing_ports(target: &ServerUrl) -> Option<u64> {
    if target.is_unix() {
        return None;
    }
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    ports_in(&range)
}

fn ports_in(range: &str) -> Option<u64> {
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
        let error = check(469, true, Some(1_000), None).unwrap_err().to_string();
        assert!(
            error.contains("469 clients need 1,002 open files, because the embedded server shares"),
            "{error}"
        );
        assert!(error.contains("468 clients fit") && error.contains("ulimit -n 1002"));
        let error = check(937, false, Some(1_000), None).unwrap_err();
        assert!(!error.to_string().contains("embedded"));
    }

    #[test]
    fn ports_are_counted_with_both_ends() {
        assert_eq!(ports_in("32768\t60999\n"), Some(28_232));
        assert_eq!(ports_in("nonsense"), None);
        assert_eq!(check(28_232, false, None, Some(28_232)), Ok(()));
        let error = check(28_233, false, None, Some(28_232)).unwrap_err();
        assert!(error.to_string().contains("ip_local_port_range"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_unix_socket_needs_no_ports() {
        let ports = |url: &str| outgoing_ports(&ServerUrl::parse(url).unwrap());
        assert!(ports("ws://a/").is_some() && ports("wss://a/").is_some());
        assert_eq!(ports("ws+unix:a.sock"), None);
    }

    #[test]
    fn without_limits_everything_fits() {
        assert_eq!(check(u64::from(u32::MAX), true, None, None), Ok(()));
    }
}
