//! Addresses of a server, and the choice of the one to measure (RFC 8305).

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::time::{Duration, Instant};

use measurement::record::ConnectFailure;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Delay between the start of two connection attempts (RFC 8305, 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Delay of the next attempt when all addresses were tried.
const FAR_AWAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Maximum time until a stop request is noticed.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Resolves a host to its addresses, in the order in which to try them: the system's order with alternating families
/// (RFC 8305, 4). An IPv6 address may have a zone, as in `fe80::1%eth0`.
///
/// # Errors
/// The system's error, when host or zone is unknown.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Some((address, zone)) = host.split_once('%')
        && let Ok(address) = address.parse::<Ipv6Addr>()
    {
        let scope = scope_id(zone)?;
        return Ok(vec![SocketAddrV6::new(address, port, 0, scope).into()]);
    }
    let found: Vec<_> = (host, port).to_socket_addrs()?.collect();
    Ok(in_turn(&found))
}

#[cfg(target_os = "linux")]
fn scope_id(zone: &str) -> io::Result<u32> {
    match zone.parse() {
        Ok(number) => Ok(number),
        Err(_) => Ok(nix::net::if_::if_nametoindex(zone)?),
    }
}

#[cfg(not(target_os = "linux"))]
fn scope_id(zone: &str) -> io::Result<u32> {
    let number = zone.parse();
    number.map_err(|_| io::Error::new(ErrorKind::NotFound, "a zone has to be a number here"))
}

/// Alternates the address families, starting with the first address's, and removes duplicates.
fn in_turn(found: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut seen = BTreeSet::new();
    let found = found
        .iter()
        .copied()
        .filter(|address| seen.insert(*address));
    let found: Vec<SocketAddr> = found.collect();
    let Some(first) = found.first() else {
        return found;
    };
    let family = |address: &&SocketAddr| matches!(address.ip(), IpAddr::V6(_)) == first.is_ipv6();
    let mut same = found.iter().filter(family);
    let mut other = found.iter().filter(|address| !family(address));
    let mut ordered = Vec::new();
    while ordered.len() < found.len() {
        ordered.extend(same.next());
        ordered.extend(other.next());
    }
    ordered
}

/// Connects to the address that answers first. Starts with the next address whenever an attempt fails or has not
/// succeeded within 250 ms. `None` when `is_stopped` returned true first.
///
/// # Errors
/// [`ConnectFailure::NoAddress`] without addresses, [`ConnectFailure::Timeout`] at the deadline, or the last failure
/// when every address fails.
pub fn connect_first(
    addresses: &[SocketAddr],
    deadline: Instant,
    is_stopped: impl Fn() -> bool,
) -> Result<Option<(SocketAddr, std::net::TcpStream)>, ConnectFailure> {
    let failed = |error: io::Error| ConnectFailure::Connect((&error).into());
    let mut race = AddressRace::new(addresses).map_err(failed)?;
    loop {
        let now = Instant::now();
        if is_stopped() {
            return Ok(None);
        }
        if now >= deadline {
            return Err(ConnectFailure::Timeout);
        }
        if now >= race.next_at {
            race.begin_next(now);
        }
        if let Some(failure) = race.lost() {
            return Err(failure);
        }
        let until = race.next_at.min(deadline).min(now + CHECK_INTERVAL);
        let wait = until.saturating_duration_since(Instant::now());
        if let Some((address, stream)) = race.wait(wait).map_err(failed)? {
            let stream = std::net::TcpStream::from(stream);
            stream.set_nonblocking(false).map_err(failed)?;
            return Ok(Some((address, stream)));
        }
    }
}

/// Concurrent attempts to connect to several addresses.
struct AddressRace<'a> {
    poll: Poll,
    events: Events,
    addresses: &'a [SocketAddr],
    /// Attempts, indexed like the addresses; `None` when failed.
    attempts: Vec<Option<TcpStream>>,
    /// Time of the next attempt.
    next_at: Instant,
    failure: ConnectFailure,
}

impl<'a> AddressRace<'a> {
    fn new(addresses: &'a [SocketAddr]) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(16),
            addresses,
            attempts: Vec::new(),
            next_at: Instant::now(),
            failure: ConnectFailure::NoAddress,
        })
    }

    /// Starts the next attempt, if there is a further address.
    fn begin_next(&mut self, now: Instant) {
        let number = self.attempts.len();
        let Some(address) = self.addresses.get(number) else {
            self.next_at = now + FAR_AWAY;
            return;
        };
        self.next_at = now + ATTEMPT_DELAY;
        let registry = self.poll.registry();
        let begun = TcpStream::connect(*address).and_then(|mut stream| {
            registry.register(&mut stream, Token(number), Interest::WRITABLE)?;
            Ok(stream)
        });
        match begun {
            Ok(stream) => self.attempts.push(Some(stream)),
            Err(error) => {
                self.attempts.push(None);
                self.fail(&error);
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.failure = ConnectFailure::Connect(error.into());
        self.next_at = Instant::now();
    }

    /// The last failure when every address has failed; `None` otherwise.
    fn lost(&self) -> Option<ConnectFailure> {
        let is_over = self.attempts.len() >= self.addresses.len()
            && self.attempts.iter().all(Option::is_none);
        is_over.then(|| self.failure.clone())
    }

    /// Waits for an attempt to succeed, at most for this time.
    fn wait(&mut self, at_most: Duration) -> io::Result<Option<(SocketAddr, TcpStream)>> {
        match self.poll.poll(&mut self.events, Some(at_most)) {
            Err(e) if e.kind() != ErrorKind::Interrupted => return Err(e),
            _ => {}
        }
        let ready: Vec<_> = self.events.iter().map(|event| event.token().0).collect();
        for number in ready {
            let Some(stream) = self.attempts[number].take() else {
                continue;
            };
            let error = match stream.take_error() {
                Ok(None) => match stream.peer_addr() {
                    Ok(_) => return Ok(Some((self.addresses[number], stream))),
                    Err(e) if e.kind() == ErrorKind::NotConnected => {
                        self.attempts[number] = Some(stream);
                        continue;
                    }
                    Err(e) => e,
                },
                Ok(Some(e)) | Err(e) => e,
            };
            self.fail(&error);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_nothing_is_tried_twice() {
        let found = addresses(&[
            "[::1]:1",
            "[::2]:1",
            "[::1]:1",
            "[::3]:1",
            "1.1.1.1:1",
            "2.2.2.2:1",
        ]);
        assert_eq!(
            in_turn(&found),
            addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"])
        );
        assert_eq!(in_turn(&[]), []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_may_have_a_zone_by_name_or_number() {
        for zone in ["lo", "1"] {
            let found = resolve(&format!("::1%{zone}"), 9).unwrap();
            let expected = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 9, 0, 1);
            assert_eq!(found, [expected.into()]);
        }
        assert!(resolve("::1%nowhere0", 9).is_err());
    }

    /// A loopback port without a listener.
    fn refusing() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap()
    }

    #[test]
    fn an_address_that_refuses_or_swallows_is_passed_over() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let answers = listener.local_addr().unwrap();
        let hole = SilentListener::new();
        let deadline = || Instant::now() + Duration::from_secs(20);
        for tried in [
            vec![answers, refusing()],
            vec![refusing(), answers],
            vec![hole.address, answers],
        ] {
            let (winner, _) = connect_first(&tried, deadline(), || false)
                .unwrap()
                .unwrap();
            assert_eq!(winner, answers, "{tried:?}");
        }
        let stopped = connect_first(&[hole.address], deadline(), || true);
        assert!(matches!(stopped, Ok(None)));
        let silent = connect_first(&[hole.address], Instant::now() + CHECK_INTERVAL, || false);
        assert!(matches!(silent, Err(ConnectFailure::Timeout)), "{silent:?}");
        let refused = connect_first(&[refusing(), refusing()], deadline(), || false).unwrap_err();
        assert!(matches!(refused, ConnectFailure::Connect(_)), "{refused}");
        let none = connect_first(&[], deadline(), || false).unwrap_err();
        assert_eq!(none, ConnectFailure::NoAddress);
    }

    /// A listener with a full queue, which therefore answers no connection.
    struct SilentListener {
        address: SocketAddr,
        _held: (socket2::Socket, Vec<TcpStream>),
    }

    impl SilentListener {
        fn new() -> Self {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let socket = socket.unwrap();
            socket
                .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
                .unwrap();
            socket.listen(0).unwrap();
            let address = socket.local_addr().unwrap().as_socket().unwrap();
            let fill = (0..8).map(|_| TcpStream::connect(address).unwrap());
            Self {
                address,
                _held: (socket, fill.collect()),
            }
        }
    }
}
