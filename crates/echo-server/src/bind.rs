//! From an address in words to a listener and the line that says so.

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use tokio::net::{TcpListener, TcpSocket};

use crate::{Config, Error};

/// Connections the system holds for us until they are accepted; it may cap
/// this. Ten thousand connecting at once must not wait for a second SYN.
const BACKLOG: u32 = 4096;

/// Listens on `address`: an IP address or a host name, and a port; port 0 picks
/// a free one. Of a name's addresses the first that can be bound is taken.
///
/// # Errors
/// [`Error::Bind`] if the name does not resolve or none of its addresses can
/// be bound.
pub async fn bind(address: &str) -> Result<TcpListener, Error> {
    let failed = |source| Error::Bind {
        address: address.to_owned(),
        source,
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for resolved in tokio::net::lookup_host(address).await.map_err(failed)? {
        match listen(resolved) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart must not wait for old connections to time out. On Windows the
    // option means something else: to share a port that is in use.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Writes the one line that says the server is ready, and flushes it:
/// `listening on ws://127.0.0.1:8000/ws`, with the port that was bound.
///
/// # Errors
/// [`Error::Announce`] if `out` does not take it. That nobody reads it any more
/// is no error.
pub fn announce(
    out: &mut impl Write,
    listener: &TcpListener,
    config: &Config,
) -> Result<(), Error> {
    let written = listener.local_addr().and_then(|address| {
        writeln!(out, "listening on ws://{address}{}", config.path)?;
        out.flush()
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Announce(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_both_families_are_bound() {
        for address in ["127.0.0.1:0", "localhost:0"] {
            let listener = bind(address).await.unwrap();
            assert_ne!(listener.local_addr().unwrap().port(), 0);
        }
    }

    #[tokio::test]
    async fn an_ipv6_address_is_announced_in_brackets() {
        // Not every machine has IPv6.
        let Ok(listener) = bind("[::1]:0").await else {
            return;
        };
        let mut line = Vec::new();
        announce(&mut line, &listener, &Config::default()).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            format!("listening on ws://[::1]:{port}/ws\n")
        );
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let taken = bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = bind(&address).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot bind {address}"));
    }

    #[tokio::test]
    async fn an_address_without_a_port_is_an_error() {
        assert!(bind("127.0.0.1").await.is_err());
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_closed_stdout_stops_no_server() {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let config = Config::default();
        assert!(announce(&mut Broken(io::ErrorKind::BrokenPipe), &listener, &config).is_ok());
        assert!(announce(&mut Broken(io::ErrorKind::StorageFull), &listener, &config).is_err());
    }
}
