//! What a connection knows of its server, and its server of it.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::time::Instant;

use crate::{Host, Stop, lent::Home};

/// One connection's place in its server: limits, metrics, the stop of it all.
#[derive(Debug)]
pub struct Peer {
    pub(crate) host: Arc<Host>,
    pub(crate) stop: Stop,
    pub(crate) home: Home,
    /// When the handshake has to be over.
    pub(crate) deadline: Option<Instant>,
}

impl Peer {
    /// The server it came to.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Waits for a handshake, from the first byte to the last, answers and all.
    /// `None` when it took longer than it may or the server stops: then the
    /// connection is to be dropped.
    ///
    /// It lies in a box of the caller's: what a library needs for it is several
    /// kilobytes, which an upgraded connection must not carry along.
    pub async fn handshake<T>(&mut self, opening: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let late = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.wait() => None,
            done = opening => Some(done),
            () = late => {
                tracing::debug!("a handshake was not finished in time");
                None
            }
        }
    }
}
