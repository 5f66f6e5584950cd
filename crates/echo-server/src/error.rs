//! The error type of this crate.

use std::io;

/// An error that prevents a server from starting.
///
/// These errors do not occur in a running server. There, an error of one connection ends that connection, and errors of
/// `accept` are waited out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address does not resolve, is in use, or is not permitted.
    #[error("cannot bind {0}")]
    Bind(String, #[source] io::Error),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] crate::TlsError),
    /// TLS on a Unix socket. There is no URL for it and no need, because only programs on this machine can access the
    /// socket.
    #[error("TLS is served over TCP, not over a Unix socket")]
    TlsOverUnix,
    /// The ready line could not be written to standard output.
    #[error("cannot write the ready line to stdout")]
    Announce(#[source] io::Error),
    /// The runtime's threads could not be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// The handlers of SIGINT and SIGTERM could not be installed.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
}
