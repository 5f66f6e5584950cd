//! A WebSocket echo server on tokio-tungstenite.
//!
//! [`serve`] is the server; its accept loop, limits, pages and echo loop are
//! `echo-server`'s. What is its own: `head` reads a request, because
//! tungstenite's handshake can answer nothing but an upgrade, and keeps what was
//! read beyond it, because a first message may come in the same packet;
//! `dialect` tells the echo loop what tungstenite calls things.
//!
//! ```
//! # tokio::runtime::Runtime::new().expect("starts").block_on(async {
//! use echo_server::{Config, bind};
//!
//! let listener = bind("127.0.0.1:0", 128).await?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let server = tokio::spawn(tungstenite_ws::serve(listener, Config::default(), async {
//!     let _ = stopped.await;
//! }));
//! // … connect to it …
//! drop(stop);
//! server.await.expect("does not panic")
//! # }).expect("serves");
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod dialect;
mod head;

use std::{future::Future, io, sync::Arc};

use dialect::Tungstenite;
use echo_server::{Buffers, Connection, Decision, Host, Lent, Program, accept, echo, encode};
use head::{Head, read_head};
use http::{Method, Request};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::server::{create_response, write_response},
        protocol::{Role, WebSocketConfig},
    },
};

/// What a caller of [`serve`] needs.
pub use echo_server::{Config, Error, Listener, bind};

/// Which server this is.
pub const PROGRAM: Program = Program {
    name: "tungstenite-ws",
    version: env!("CARGO_PKG_VERSION"),
    about: env!("CARGO_PKG_DESCRIPTION"),
    bind: "127.0.0.1:8888",
};

/// Serves on `listener` until `shutdown` is ready, then closes every connection
/// with 1001 and waits for them, at most for the configured drain timeout.
///
/// Listener, runtime and signal are the caller's. Dropping the future drops
/// every connection.
///
/// # Errors
/// None so far: whatever fails once the listener is there is one connection's.
pub async fn serve(
    listener: Listener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let host = Arc::new(Host::new(PROGRAM, config));
    accept(listener, host, converse, shutdown).await;
    Ok(())
}

/// One connection from its first byte to its last.
async fn converse(connection: Connection) {
    let Connection { stream, mut peer } = connection;
    let host = Arc::clone(peer.host());
    let mut opening = Box::pin(open(stream, &host));
    let opened = peer.handshake(opening.as_mut()).await;
    drop(opening);
    match opened {
        Some(Ok(Some(mut socket))) => echo::<Tungstenite, _>(&mut socket, &mut peer).await,
        Some(Err(error)) => tracing::debug!("a connection failed: {error}"),
        Some(Ok(None)) | None => {}
    }
}

/// Reads a request and answers it; the WebSocket, if that is what came of it.
async fn open(mut stream: Lent, host: &Host) -> io::Result<Option<WebSocketStream<Lent>>> {
    let (mut request, rest) = match read_head(&mut stream).await? {
        Head::Request(request, rest) => (request, rest),
        Head::Unusable(answer) => {
            stream.write_all(&encode(&answer, true)).await?;
            return Ok(None);
        }
        Head::None => return Ok(None),
    };
    host.tidy(&mut request);
    let response = match host.decide(&request) {
        Decision::Answer(answer) => {
            let with_body = request.method() != Method::HEAD;
            stream.write_all(&encode(&answer, with_body)).await?;
            return Ok(None);
        }
        Decision::Echo => upgrade(&request)?,
    };
    stream.write_all(&response).await?;
    // Over TLS, what was written may still lie in a buffer.
    stream.flush().await?;
    let config = Some(websocket_config(host));
    Ok(Some(
        WebSocketStream::from_partially_read(stream, rest, Role::Server, config).await,
    ))
}

/// The bytes that answer a request that has been found to be a valid upgrade.
fn upgrade(request: &Request<()>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    create_response(request)
        .and_then(|response| write_response(&mut bytes, &response))
        .map_err(io::Error::other)?;
    Ok(bytes)
}

fn websocket_config(host: &Host) -> WebSocketConfig {
    let Buffers {
        read,
        write,
        max_write,
    } = host.config().buffers();
    let max_message_size = Some(host.config().max_message_size);
    WebSocketConfig::default()
        .read_buffer_size(read)
        .write_buffer_size(write)
        .max_write_buffer_size(max_write)
        .max_message_size(max_message_size)
        .max_frame_size(max_message_size)
}
