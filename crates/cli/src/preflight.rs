//! Check of the limits for the connections of a run. Errors contain the command that raises the limit.

use anyhow::anyhow;
use host::preflight::Shortage;
use host::{open_files, preflight};
use measurement::plan::ServerUrl;
use units::grouped;

/// Checks that the limits of this machine allow a number of clients. An embedded server (`None`) shares them.
///
/// # Errors
/// When open files or ports are insufficient.
pub fn check_room(clients: u32, server: Option<&ServerUrl>) -> anyhow::Result<()> {
    preflight::check(
        u64::from(clients),
        server.is_none(),
        open_files::limit(),
        ports_for(server),
    )
    .map_err(|shortage| anyhow!(shortage_text(&shortage)))
}

/// Number of local ports for connections to the server; `None` for a Unix socket, which needs none.
fn ports_for(server: Option<&ServerUrl>) -> Option<u64> {
    if server.is_some_and(ServerUrl::is_unix) {
        return None;
    }
    preflight::outgoing_ports()
}

fn shortage_text(shortage: &Shortage) -> String {
    match *shortage {
        Shortage::Files {
            clients,
            fit,
            limit,
            needed,
            embedded,
        } => {
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
        Shortage::Ports { clients, ports } => format!(
            "{} clients need as many ports, but {} are available for outgoing connections: \
             widen the range (`sysctl -w net.ipv4.ip_local_port_range='1024 65535'` as root) \
             or use `-c {ports}`",
            grouped(clients),
            grouped(ports),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_named_with_what_mends_it() {
        let files = |clients, embedded| {
            let short = preflight::check(clients, embedded, Some(1_000), None);
            shortage_text(&short.unwrap_err())
        };
        let text = files(469, true);
        assert!(
            text.contains("469 clients need 1,002 open files, because the embedded server shares"),
            "{text}"
        );
        assert!(text.contains("468 clients fit") && text.contains("ulimit -n 1002"));
        assert!(!files(937, false).contains("embedded"));
        let short = preflight::check(28_233, false, None, Some(28_232)).unwrap_err();
        assert!(shortage_text(&short).contains("ip_local_port_range"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_unix_socket_needs_no_ports() {
        let ports = |url: &str| ports_for(Some(&ServerUrl::parse(url).unwrap()));
        assert!(ports("ws://a/").is_some() && ports("wss://a/").is_some());
        assert_eq!(ports("ws+unix:a.sock"), None);
    }
}
