//! What systemd, or who does as it does, passes on and wants to be told: a
//! listening socket (`LISTEN_FDS`) and how the server stands (`NOTIFY_SOCKET`).

#[cfg(unix)]
use std::io;

use crate::{Error, Listener};

/// How the server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It accepts connections.
    Ready,
    /// It has been told to stop.
    Stopping,
}

/// The first socket that was passed on, if any was; `address` is what would
/// have been bound without it. Needs a tokio runtime.
#[cfg(unix)]
pub(crate) fn listener(address: &str) -> Result<Option<Listener>, Error> {
    let failed = |source: io::Error| Error::Bind {
        address: format!("the socket passed on in place of {address}"),
        source,
    };
    let mut passed_on = listenfd::ListenFd::from_env();
    match passed_on.len() {
        0 => return Ok(None),
        1 => {}
        n => tracing::warn!("{n} sockets were passed on: only the first is served"),
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

/// Nobody passes sockets on here.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn listener(_: &str) -> Result<Option<Listener>, Error> {
    Ok(None)
}

/// Tells who wants to know; that it cannot be told is no reason to end.
pub(crate) fn tell(state: State) {
    #[cfg(target_os = "linux")]
    {
        let state = match state {
            State::Ready => sd_notify::NotifyState::Ready,
            State::Stopping => sd_notify::NotifyState::Stopping,
        };
        if let Err(error) = sd_notify::notify(&[state]) {
            tracing::warn!("cannot tell the supervisor: {error}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = state;
}
