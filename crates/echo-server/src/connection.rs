//! One accepted connection and its place in the server.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::time::Instant;

use crate::{
    graceful_stream::{GracefulStream, ReturnSlot},
    routing::ServerContext,
    shutdown::ShutdownSignal,
};

/// One accepted connection, as a server's handler gets it.
#[derive(Debug)]
pub struct Connection {
    /// The stream, to be dropped as soon as everything is sent.
    pub stream: GracefulStream,
    /// The connection's place in the server.
    pub context: ConnectionContext,
}

/// A connection's place in its server: limits, metrics, shutdown.
#[derive(Debug)]
pub struct ConnectionContext {
    /// The server of this connection.
    pub server: Arc<ServerContext>,
    pub(crate) shutdown: ShutdownSignal,
    pub(crate) slot: ReturnSlot,
    /// End of the time for the handshake.
    pub(crate) deadline: Option<Instant>,
}

impl ConnectionContext {
    /// Waits for a handshake, from the first byte to the last, responses included. `None` when its time is
    /// over or the server stops: then the connection is to be dropped.
    ///
    /// The caller boxes the future: a library needs several kilobytes for a handshake, which an upgraded
    /// connection must not carry along.
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
