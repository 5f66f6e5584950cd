//! One accepted connection and its context in the server.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::time::Instant;

use crate::{
    graceful_stream::{GracefulStream, ReturnSlot},
    routing::ServerContext,
    shutdown::ShutdownSignal,
};

/// One accepted connection, as passed to a server's handler.
#[derive(Debug)]
pub struct Connection {
    /// The byte stream. The handler drops it as soon as everything is sent.
    pub stream: GracefulStream,
    /// The connection's context in the server.
    pub context: ConnectionContext,
}

/// Context of a connection in its server: limits, metrics, shutdown.
#[derive(Debug)]
pub struct ConnectionContext {
    /// The server of the connection.
    pub server: Arc<ServerContext>,
    pub(crate) shutdown: ShutdownSignal,
    pub(crate) slot: ReturnSlot,
    /// Deadline of the handshake; `None` without a limit.
    pub(crate) deadline: Option<Instant>,
}

impl ConnectionContext {
    /// Waits for a handshake, from its first byte to its last, including responses. `None` when its time is over or the
    /// server stops. The connection must then be dropped.
    ///
    /// The caller boxes the future, because a library needs several kilobytes for a handshake, which an upgraded
    /// connection should not hold.
    pub async fn handshake<T>(
        &mut self,
        handshake: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let timeout = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.shutdown.wait() => None,
            done = handshake => Some(done),
            () = timeout => {
                tracing::debug!("a handshake was not finished in time");
                None
            }
        }
    }
}
