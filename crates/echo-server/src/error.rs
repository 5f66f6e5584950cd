//! The one error type of this crate.

use std::io;

/// Why a server could not start.
///
/// Nothing here ends a running server: errors of one connection end that
/// connection, and errors of `accept` are waited out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address does not resolve, is in use, or is not ours to bind.
    #[error("cannot bind {address}")]
    Bind {
        /// The address as it was given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] crate::TlsError),
    /// There is no URL for it, and no need: who can reach the socket is on this
    /// machine.
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
