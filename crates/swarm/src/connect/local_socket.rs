//! TCP sockets with a source address and a local port of their own.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use measurement::plan::LocalPorts;
use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Returns true when the local port of a connection can be chosen without a search: on Linux since 6.3.
pub fn can_choose_ports() -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP));
    socket.is_ok_and(|socket| options::limit_ports(&socket, 0..=0).is_ok())
}

/// Starts to connect to this address, from a source address and from a port of this client. Tries other ports when its
/// own is in use. `receive_buffer`: bytes of the kernel's receive buffer. The system chooses where nothing is given.
pub(crate) fn connect(
    to: SocketAddr,
    source: Option<IpAddr>,
    ports: Option<(&LocalPorts, u32)>,
    receive_buffer: Option<u64>,
) -> io::Result<TcpStream> {
    if source.is_none() && ports.is_none() && receive_buffer.is_none() {
        return TcpStream::connect(to);
    }
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(bytes) = receive_buffer {
        // The handshake offers the window that follows from it.
        socket.set_recv_buffer_size(usize::try_from(bytes).unwrap_or(usize::MAX))?;
    }
    if let Some(source) = source {
        // Where the system lacks the option, `bind` chooses a port that no other connection has.
        let _ = options::choose_port_late(&socket);
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    match ports {
        Some((ports, client)) => connect_from_port(&socket, to, ports, client)?,
        None => begin(&socket, &to.into())?,
    }
    Ok(TcpStream::from_std(socket.into()))
}

fn connect_from_port(
    socket: &Socket,
    to: SocketAddr,
    ports: &LocalPorts,
    client: u32,
) -> io::Result<()> {
    let address = SockAddr::from(to);
    for port in (0..).map_while(|attempt| ports.port(client, attempt)) {
        // A connection to the server's own port could be one of the socket to itself.
        if port == to.port() {
            continue;
        }
        if options::limit_ports(socket, port..=port).is_err() {
            // Linux before 6.3, or another system.
            return begin(socket, &address);
        }
        match begin(socket, &address) {
            Err(e) if e.kind() == ErrorKind::AddrNotAvailable => {}
            ended => return ended,
        }
    }
    // The system searches in all ports.
    let _ = options::limit_ports(socket, 0..=0);
    begin(socket, &address)
}

/// Starts to connect. The end is reported by the poll.
fn begin(socket: &Socket, to: &SockAddr) -> io::Result<()> {
    match socket.connect(to) {
        Err(e) if is_in_progress(&e) => Ok(()),
        ended => ended,
    }
}

#[cfg(unix)]
fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(nix::libc::EINPROGRESS)
}

#[cfg(not(unix))]
fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

#[cfg(target_os = "linux")]
mod options {
    use std::io;
    use std::ops::RangeInclusive;

    use nix::libc;
    use nix::sys::socket::SetSockOpt;
    use nix::sys::socket::sockopt::IpBindAddressNoPort;
    use socket2::Socket;

    /// `IP_LOCAL_PORT_RANGE`, since Linux 6.3. The value has the lowest port in its lower half and the highest in its
    /// upper one. It holds for IPv6 too.
    #[derive(Debug, Clone, Copy)]
    struct LocalPortRange;

    const IP_LOCAL_PORT_RANGE: libc::c_int = 51;

    nix::setsockopt_impl!(
        LocalPortRange,
        libc::IPPROTO_IP,
        IP_LOCAL_PORT_RANGE,
        u32,
        nix::sys::socket::sockopt::SetStruct<u32>
    );

    /// Makes `bind` with port 0 leave the choice of the port to `connect`, which knows the server. Connections to
    /// different servers can then have the same port.
    pub(super) fn choose_port_late(socket: &Socket) -> io::Result<()> {
        Ok(IpBindAddressNoPort.set(socket, &true)?)
    }

    /// Limits the ports from which `connect` chooses. From 0 to 0 removes the limit.
    pub(super) fn limit_ports(socket: &Socket, ports: RangeInclusive<u16>) -> io::Result<()> {
        let value = u32::from(*ports.end()) << 16 | u32::from(*ports.start());
        Ok(LocalPortRange.set(socket, &value)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod options {
    use std::io;
    use std::ops::RangeInclusive;

    use socket2::Socket;

    pub(super) fn choose_port_late(_: &Socket) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn limit_ports(_: &Socket, _: RangeInclusive<u16>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Choice for these clients from every port of the system, or `None` before Linux 6.3.
    fn ports(clients: u32) -> Option<LocalPorts> {
        if !can_choose_ports() {
            return None;
        }
        let ports = host::preflight::outgoing_ports()?;
        LocalPorts::new(ports, clients, rand::random(), &[()], 0)
    }

    fn tried(ports: &LocalPorts, client: u32) -> Vec<u16> {
        (0..)
            .map_while(|attempt| ports.port(client, attempt))
            .collect()
    }

    #[test]
    fn a_connection_has_the_source_address_and_a_port_that_was_chosen() {
        let Some(ports) = ports(10_000) else {
            return;
        };
        for (server, source) in [("127.0.0.1:0", "127.0.0.3"), ("[::1]:0", "::1")] {
            // A machine may be without IPv6.
            let Ok(listener) = TcpListener::bind(server) else {
                continue;
            };
            let to = listener.local_addr().unwrap();
            for source in [None, Some(source.parse().unwrap())] {
                for client in [0, 9_999] {
                    let stream = connect(to, source, Some((&ports, client)), None).unwrap();
                    let local = stream.local_addr().unwrap();
                    assert!(tried(&ports, client).contains(&local.port()), "{local}");
                    assert!(source.is_none_or(|source| source == local.ip()), "{local}");
                }
            }
        }
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let Some(ports) = ports(10_000) else {
            return;
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let mut seen = Vec::new();
        // One more than the ports that a client tries, so the last one is the system's choice.
        let streams: Vec<_> = (0..=tried(&ports, 5).len())
            .map(|_| connect(to, None, Some((&ports, 5)), None).unwrap())
            .collect();
        for stream in &streams {
            let port = stream.local_addr().unwrap().port();
            assert!(!seen.contains(&port), "{port}");
            seen.push(port);
        }
        assert!(tried(&ports, 5).contains(&seen[0]));
    }

    #[test]
    fn addresses_of_other_machines_are_refused() {
        let to = "127.0.0.1:9".parse().unwrap();
        let source = Some("192.0.2.1".parse().unwrap());
        let error = connect(to, source, None, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    }
}
