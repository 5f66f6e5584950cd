//! The protocol of systemd and compatible supervisors: an inherited listening socket (`LISTEN_FDS`) and state
//! notifications (`NOTIFY_SOCKET`).

#[cfg(unix)]
use std::io;

use crate::{error::ServerError, listener::Listener};

/// A server state to notify the supervisor of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceState {
    /// The server accepts connections.
    Ready,
    /// The server has received a signal to stop.
    Stopping,
}

/// The first inherited socket, if there is one. `address` is the one that would be bound otherwise, for the error.
/// Needs a tokio runtime.
#[cfg(unix)]
pub(crate) fn inherited_listener(address: &str) -> Result<Option<Listener>, ServerError> {
    let failed = |source: io::Error| {
        let passed_on = format!("the inherited socket in place of {address}");
        ServerError::Bind(passed_on, source)
    };
    let mut passed_on = listenfd::ListenFd::from_env();
    match passed_on.len() {
        0 => return Ok(None),
        1 => {}
        n => tracing::warn!("the supervisor passed {n} sockets, and only the first is served"),
    }
    if let Ok(Some(listener)) = passed_on.take_tcp_listener(0) {
        return listener
            .set_nonblocking(true)
            .and_then(|()| tokio::net::TcpListener::from_std(listener))
            .map(|listener| Some(listener.into()))
            .map_err(failed);
    }
    let listener = passed_on.take_unix_listener(0).map_err(failed)?;
    listener
        .map(|listener| {
            listener.set_nonblocking(true)?;
            Ok(tokio::net::UnixListener::from_std(listener)?.into())
        })
        .transpose()
        .map_err(failed)
}

/// Returns `None`, because sockets are not inherited on this system.
#[cfg(not(unix))]
pub(crate) fn inherited_listener(_: &str) -> Result<Option<Listener>, ServerError> {
    Ok(None)
}

/// Notifies the supervisor, if there is one. A failure is only logged.
pub(crate) fn notify(state: ServiceState) {
    #[cfg(target_os = "linux")]
    {
        let state = match state {
            ServiceState::Ready => sd_notify::NotifyState::Ready,
            ServiceState::Stopping => sd_notify::NotifyState::Stopping,
        };
        if let Err(error) = sd_notify::notify(&[state]) {
            tracing::warn!("cannot notify the supervisor: {error}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = state;
}
