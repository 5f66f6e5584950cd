//! From an address in words to a listener and the line that says so.

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use tokio::net::{TcpListener, TcpSocket};

use crate::{Config, Error, stream::Socket, workers::Workers};

/// Something that connections come to.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    /// The threads that they are spread over; `None` leaves them where the accept loop is.
    workers: Option<Workers>,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(unix::Listener),
}

impl From<Kind> for Listener {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            workers: None,
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Kind::Tcp(listener).into()
    }
}

impl Listener {
    /// The IP address and the port that were bound; `None` for a Unix socket.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }

    /// Where a client finds the echo: `ws://127.0.0.1:8000/ws`,
    /// `wss://127.0.0.1:8000/ws` or `ws+unix:/run/echo.sock:/ws`.
    ///
    /// # Errors
    /// When the system does not tell the address.
    pub fn url(&self, config: &Config) -> io::Result<String> {
        let s = if config.tls.is_some() { "s" } else { "" };
        let path = &config.path;
        Ok(match &self.kind {
            Kind::Tcp(listener) => format!("ws{s}://{}{path}", listener.local_addr()?),
            #[cfg(unix)]
            Kind::Unix(listener) => format!("ws+unix:{}:{path}", listener.path()?.display()),
        })
    }

    /// Spreads the connections that come over these threads.
    pub(crate) fn spread_over(self, workers: Workers) -> Self {
        Self {
            workers: Some(workers),
            ..self
        }
    }

    pub(crate) fn workers(&self) -> Option<&Workers> {
        self.workers.as_ref()
    }

    pub(crate) async fn accept_socket(&self) -> io::Result<Socket> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                tracing::debug!("{peer} connected");
                // Every echo is written whole: waiting for more to send with it
                // would only delay it.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!("{peer}: {error}");
                }
                Ok(Socket::Tcp(stream))
            }
            #[cfg(unix)]
            Kind::Unix(listener) => {
                let stream = listener.accept().await?;
                tracing::debug!("a local peer connected");
                Ok(Socket::Unix(stream))
            }
        }
    }
}

/// Listens on `address`: an IP address or a host name, and a port, of which 0
/// picks a free one; or `unix:PATH`. Of a name's addresses the first that can be
/// bound is taken. `backlog` connections wait in the system until they are
/// accepted; it may cap that.
///
/// # Errors
/// [`Error::Bind`] if the name does not resolve, none of its addresses can be
/// bound, or the socket's path is in use.
pub async fn bind(address: &str, backlog: u32) -> Result<Listener, Error> {
    let failed = |source| Error::Bind {
        address: address.to_owned(),
        source,
    };
    #[cfg(unix)]
    if let Some(path) = address.strip_prefix("unix:") {
        let listener = unix::Listener::bind(path.as_ref(), backlog).map_err(failed)?;
        return Ok(Kind::Unix(listener).into());
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for resolved in tokio::net::lookup_host(address).await.map_err(failed)? {
        match listen(resolved, backlog) {
            Ok(listener) => return Ok(listener.into()),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart must not wait for old connections to time out. On Windows the
    // option means something else: to share a port that is in use.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

#[cfg(unix)]
mod unix {
    use std::{
        io,
        os::unix::fs::{FileTypeExt, MetadataExt},
        path::{Path, PathBuf},
    };

    use tokio::net::{UnixListener, UnixSocket, UnixStream};

    use super::Kind;

    impl From<UnixListener> for super::Listener {
        /// A socket that somebody else has bound, and will remove.
        fn from(listener: UnixListener) -> Self {
            let made = None;
            Kind::Unix(Listener { listener, made }).into()
        }
    }

    /// Device and inode.
    type FileId = (u64, u64);

    fn id(path: &Path) -> Option<FileId> {
        let metadata = std::fs::symlink_metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }

    /// A Unix socket; its file goes when it does.
    #[derive(Debug)]
    pub(super) struct Listener {
        listener: UnixListener,
        /// The file that was made for it, and which one that is.
        made: Option<(PathBuf, FileId)>,
    }

    impl Listener {
        pub(super) fn bind(path: &Path, backlog: u32) -> io::Result<Self> {
            if path.as_os_str().is_empty() {
                let error = "a Unix socket needs a path: unix:PATH";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
            }
            let bound = match bind(path) {
                Err(e) if e.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
                    std::fs::remove_file(path)?;
                    bind(path)
                }
                bound => bound,
            };
            let bound = bound?;
            let made = id(path).map(|id| (path.to_owned(), id));
            Ok(Self {
                listener: bound.listen(backlog)?,
                made,
            })
        }

        /// Its path, or `@` and its name if it has no file (Linux).
        pub(super) fn path(&self) -> io::Result<PathBuf> {
            let address = self.listener.local_addr()?;
            if let Some(path) = address.as_pathname() {
                return Ok(path.to_owned());
            }
            #[cfg(target_os = "linux")]
            let name = address.as_abstract_name().map(String::from_utf8_lossy);
            #[cfg(not(target_os = "linux"))]
            let name = None::<String>;
            name.map(|name| PathBuf::from(format!("@{name}")))
                .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "it has no name"))
        }

        pub(super) async fn accept(&self) -> io::Result<UnixStream> {
            Ok(self.listener.accept().await?.0)
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            // Another server may have its socket there by now.
            if let Some((path, made)) = &self.made
                && id(path) == Some(*made)
            {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    fn bind(path: &Path) -> io::Result<UnixSocket> {
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        Ok(socket)
    }

    /// Whether this is the socket of a server that ended without removing it:
    /// nobody listens there.
    fn is_left_behind(path: &Path) -> bool {
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
        let connected = std::os::unix::net::UnixStream::connect(path);
        is_socket && connected.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    }
}

/// Writes the one line that says the server is ready, and flushes it:
/// `listening on ws://127.0.0.1:8000/ws`, with the port that was bound.
///
/// # Errors
/// [`Error::Announce`] if `out` does not take it. That nobody reads it any more
/// is no error.
pub fn announce(out: &mut impl Write, listener: &Listener, config: &Config) -> Result<(), Error> {
    let written = listener.url(config).and_then(|url| {
        writeln!(out, "listening on {url}")?;
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
            let listener = bind(address, 16).await.unwrap();
            assert_ne!(listener.tcp_address().unwrap().port(), 0);
        }
    }

    #[tokio::test]
    async fn an_ipv6_address_is_announced_in_brackets() {
        // Not every machine has IPv6.
        let Ok(listener) = bind("[::1]:0", 16).await else {
            return;
        };
        let mut line = Vec::new();
        announce(&mut line, &listener, &Config::default()).unwrap();
        let port = listener.tcp_address().unwrap().port();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            format!("listening on ws://[::1]:{port}/ws\n")
        );
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let taken = bind("127.0.0.1:0", 16).await.unwrap();
        let address = taken.tcp_address().unwrap().to_string();
        let error = bind(&address, 16).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot bind {address}"));
    }

    #[tokio::test]
    async fn an_address_without_a_port_is_an_error() {
        assert!(bind("127.0.0.1", 16).await.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_taken_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("echo.sock");
        let address = format!("unix:{}", path.display());
        // As a server that was killed leaves it.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = bind(&address, 16).await.unwrap();
        let url = listener.url(&Config::default()).unwrap();
        assert_eq!(url, format!("ws+unix:{}:/ws", path.display()));
        let error = bind(&address, 16).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot bind {address}"));
        // Somebody cleans up too early, and another server takes the place.
        std::fs::remove_file(&path).unwrap();
        let other = bind(&address, 16).await.unwrap();
        drop(listener);
        assert!(path.exists(), "what is another's is left alone");
        drop(other);
        assert!(!path.exists(), "it cleans up");
        assert!(bind("unix:", 16).await.is_err());
        std::fs::write(&path, "no socket").unwrap();
        assert!(bind(&address, 16).await.is_err());
        assert!(path.exists(), "a file of somebody's is left alone");
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
        let listener = bind("127.0.0.1:0", 16).await.unwrap();
        let config = Config::default();
        assert!(announce(&mut Broken(io::ErrorKind::BrokenPipe), &listener, &config).is_ok());
        assert!(announce(&mut Broken(io::ErrorKind::StorageFull), &listener, &config).is_err());
    }
}
