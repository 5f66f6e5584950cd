//! The error type of this crate.

use std::io;

/// An error that keeps a server from starting.
///
/// None of these ends a running server: errors of one connection end that connection, and errors of `accept`
/// are waited out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address does not resolve, is in use, or is not ours to bind.
    #[error("cannot bind {0}")]
    Bind(String, #[source] io::Error),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] crate::TlsError),
    /// TLS on a Unix socket, for which there is no URL and no need: only programs on this machine can reach
    /// the socket.
    #[error("TLS is served over TCP, not over a Unix socket")]
    TlsOverUnix,
    /// The ready line could not be written to stdout.
    #[error("cannot write the ready line to stdout")]
    Announce(#[source] io::Error),
    /// The runtime's threads could not be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// The handlers of SIGINT and SIGTERM could not be installed.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
}
