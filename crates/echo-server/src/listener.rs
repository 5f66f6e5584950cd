//! Listening on a TCP address or a Unix socket, and the ready line.

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use tokio::net::{TcpListener, TcpSocket};

use crate::{byte_stream::SocketStream, config::Config, error::ServerError, workers::Workers};

/// A bound socket that accepts connections.
#[derive(Debug)]
pub struct Listener {
    socket: BoundSocket,
    /// The threads that serve connections; `None` to serve them on the accept loop's runtime.
    pub(crate) workers: Option<Workers>,
}

#[derive(Debug)]
enum BoundSocket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(unix::UnixSocketListener),
}

impl From<BoundSocket> for Listener {
    fn from(socket: BoundSocket) -> Self {
        Self {
            socket,
            workers: None,
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        BoundSocket::Tcp(listener).into()
    }
}

impl Listener {
    /// The bound IP address and port; `None` for a Unix socket.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match &self.socket {
            BoundSocket::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            BoundSocket::Unix(_) => None,
        }
    }

    /// The URL of the echo: `ws://127.0.0.1:8000/ws`, `wss://127.0.0.1:8000/ws` or
    /// `ws+unix:/run/echo.sock:/ws`.
    ///
    /// # Errors
    /// When the system does not return the address.
    pub fn url(&self, config: &Config) -> io::Result<String> {
        let s = if config.tls.is_some() { "s" } else { "" };
        let path = &config.path;
        Ok(match &self.socket {
            BoundSocket::Tcp(listener) => format!("ws{s}://{}{path}", listener.local_addr()?),
            #[cfg(unix)]
            BoundSocket::Unix(listener) => format!("ws+unix:{}:{path}", listener.path()?.display()),
        })
    }

    pub(crate) async fn accept_socket(&self) -> io::Result<SocketStream> {
        match &self.socket {
            BoundSocket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                tracing::debug!("{peer} connected");
                // Every echo is written in one piece, so waiting for more data would only delay it.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!("{peer}: {error}");
                }
                Ok(SocketStream::Tcp(stream))
            }
            #[cfg(unix)]
            BoundSocket::Unix(listener) => {
                let stream = listener.accept().await?;
                tracing::debug!("a local peer connected");
                Ok(SocketStream::Unix(stream))
            }
        }
    }
}

/// Listens on `address`: an IP address or host name and a port, where 0 chooses a free one, or `unix:PATH`. If a name
/// has several addresses, the first that can be bound is used. Up to `backlog` connections wait in the system until
/// they are accepted. The system may reduce this number.
///
/// # Errors
/// [`ServerError::Bind`] when the name does not resolve, none of its addresses can be bound, or the socket's path is in
/// use.
pub async fn bind(address: &str, backlog: u32) -> Result<Listener, ServerError> {
    let failed = |source| ServerError::Bind(address.to_owned(), source);
    #[cfg(unix)]
    if let Some(path) = address.strip_prefix("unix:") {
        let listener = unix::UnixSocketListener::bind(path.as_ref(), backlog).map_err(failed)?;
        return Ok(BoundSocket::Unix(listener).into());
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
    // A restart must not wait until old connections time out. On Windows, the option would instead allow sharing a port
    // in use.
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

    use super::BoundSocket;

    impl From<UnixListener> for super::Listener {
        /// Wraps a socket whose file was created by another process, which also removes it.
        fn from(listener: UnixListener) -> Self {
            let created = None;
            BoundSocket::Unix(UnixSocketListener { listener, created }).into()
        }
    }

    /// Device and inode of a file.
    type FileId = (u64, u64);

    fn file_id(path: &Path) -> Option<FileId> {
        let metadata = std::fs::symlink_metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }

    /// A Unix socket. Its file is removed when it is dropped.
    #[derive(Debug)]
    pub(super) struct UnixSocketListener {
        listener: UnixListener,
        /// The file created for the socket; `None` when there is none to remove.
        created: Option<(PathBuf, FileId)>,
    }

    impl UnixSocketListener {
        pub(super) fn bind(path: &Path, backlog: u32) -> io::Result<Self> {
            if path.as_os_str().is_empty() {
                let error = "a Unix socket needs a path: unix:PATH";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
            }
            let bound = match bind(path) {
                Err(e) if e.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
                    std::fs::remove_file(path)?;
                    bind(path)?
                }
                bound => bound?,
            };
            let created = file_id(path).map(|id| (path.to_owned(), id));
            Ok(Self {
                listener: bound.listen(backlog)?,
                created,
            })
        }

        /// The path, or `@` and the name of a socket without a file (Linux).
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

    impl Drop for UnixSocketListener {
        fn drop(&mut self) {
            // Another server may have replaced the file by its own.
            if let Some((path, created)) = &self.created
                && file_id(path) == Some(*created)
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

    /// Returns true for a socket file without a listener, left by a server that ended without removing it.
    fn is_abandoned(path: &Path) -> bool {
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
        let connected = std::os::unix::net::UnixStream::connect(path);
        is_socket && connected.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    }
}

/// Writes the ready line with the bound port, and flushes it: `listening on ws://127.0.0.1:8000/ws`. A closed pipe is
/// not an error.
pub(crate) fn announce(
    out: &mut impl Write,
    listener: &Listener,
    config: &Config,
) -> Result<(), ServerError> {
    let written = listener.url(config).and_then(|url| {
        writeln!(out, "listening on {url}")?;
        out.flush()
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(ServerError::Announce(error))
        }
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
        // Some machines have no IPv6.
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
        // A file left by a killed server.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = bind(&address, 16).await.unwrap();
        let url = listener.url(&Config::default()).unwrap();
        assert_eq!(url, format!("ws+unix:{}:/ws", path.display()));
        let error = bind(&address, 16).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot bind {address}"));
        // The file is removed too early, and another server takes its place.
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
