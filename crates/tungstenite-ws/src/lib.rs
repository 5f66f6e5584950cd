//! A WebSocket echo server on tokio-tungstenite.
//!
//! [`serve`] is the server. Its accept loop, limits, pages and message loop are from `echo-server`. `request_head` reads a
//! request, because tungstenite's handshake can answer nothing but an upgrade. It keeps the bytes after the head,
//! because a first message may arrive in the same packet. `library_adapter` is tungstenite's interface to the message
//! loop.
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

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod library_adapter;
mod request_head;

use std::{future::Future, io, sync::Arc};

use echo_server::{
    Connection, GracefulStream, Program, READ_BUFFER, RoomMember, Rooms, Route, ServerContext,
    WRITE_BUFFER, accept, broadcast, echo, encode_response, normalize_upgrade_headers,
};
use http::{Method, Request};
use library_adapter::Tungstenite;
use request_head::{RequestHead, read_head};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::server::{create_response, write_response},
        protocol::{Role, WebSocketConfig},
    },
};

/// Types and functions that a caller of [`serve`] needs.
pub use echo_server::{Config, Listener, ServerError, bind};

/// The identity of this server.
pub const PROGRAM: Program = Program {
    name: "tungstenite-ws",
    version: env!("CARGO_PKG_VERSION"),
    about: env!("CARGO_PKG_DESCRIPTION"),
    bind: "127.0.0.1:8888",
};

/// Serves on `listener` until `shutdown` is ready, then closes every connection with 1001 and waits for them to close,
/// at most for the configured drain timeout.
///
/// Listener, runtime and signal belong to the caller. Dropping the future drops every connection.
///
/// # Errors
/// Currently none: after binding, errors affect only single connections.
pub async fn serve(
    listener: Listener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    let server = Arc::new(ServerContext::new(PROGRAM, config));
    let rooms = Rooms::new(Arc::clone(&server));
    let handle = move |connection| serve_connection(connection, Arc::clone(&rooms));
    accept(listener, server, handle, shutdown).await;
    Ok(())
}

/// Serves one connection from its first byte to its last.
async fn serve_connection(connection: Connection, rooms: Arc<Rooms<Tungstenite>>) {
    let Connection {
        stream,
        mut context,
    } = connection;
    let server = Arc::clone(&context.server);
    let mut opening = Box::pin(open(stream, &server, &rooms));
    let opened = context.handshake(opening.as_mut()).await;
    drop(opening);
    match opened {
        Some(Ok(Some((mut socket, None)))) => {
            echo::<Tungstenite, _>(&mut socket, &mut context).await;
        }
        Some(Ok(Some((mut socket, Some(member))))) => {
            broadcast(&mut socket, &mut context, member).await;
        }
        Some(Err(error)) => tracing::debug!("a connection failed: {error}"),
        Some(Ok(None)) | None => {}
    }
}

/// An open WebSocket, with its membership if it is in a room.
type Upgraded = (
    WebSocketStream<GracefulStream>,
    Option<RoomMember<Tungstenite>>,
);

/// Reads a request and answers it. Returns the WebSocket after an upgrade.
async fn open(
    mut stream: GracefulStream,
    server: &ServerContext,
    rooms: &Arc<Rooms<Tungstenite>>,
) -> io::Result<Option<Upgraded>> {
    let (mut request, rest) = match read_head(&mut stream).await? {
        RequestHead::Request(request, rest) => (request, rest),
        RequestHead::Invalid(response) => {
            stream.write_all(&encode_response(&response, true)).await?;
            return Ok(None);
        }
        RequestHead::Incomplete => return Ok(None),
    };
    normalize_upgrade_headers(&mut request);
    let room = match server.route(&request) {
        Route::Respond(response) => {
            let with_body = request.method() != Method::HEAD;
            let bytes = encode_response(&response, with_body);
            stream.write_all(&bytes).await?;
            return Ok(None);
        }
        Route::Echo => None,
        Route::Room(name) => Some(name),
    };
    let response = upgrade_response(&request)?;
    // Before the response, so that the client misses nothing after it.
    let member = room.map(|name| rooms.join(name));
    stream.write_all(&response).await?;
    // With TLS, written bytes may still be buffered.
    stream.flush().await?;
    let config = Some(websocket_config(&server.config));
    let socket = WebSocketStream::from_partially_read(stream, rest, Role::Server, config).await;
    Ok(Some((socket, member)))
}

/// Encodes the response to a valid upgrade request.
fn upgrade_response(request: &Request<()>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    create_response(request)
        .and_then(|response| write_response(&mut bytes, &response))
        .map_err(io::Error::other)?;
    Ok(bytes)
}

fn websocket_config(config: &Config) -> WebSocketConfig {
    let max_message_size = Some(config.max_message_size);
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(config.max_write_buffer())
        .max_message_size(max_message_size)
        .max_frame_size(max_message_size)
}
