//! A WebSocket echo server on axum.
//!
//! [`serve`] is the server. Its accept loop, limits, pages and message loop are from `echo-server`. This crate adds HTTP
//! by hyper, and the upgrade by axum's router. `library_adapter` is axum's interface to the message loop. `axum::serve` is
//! not used, because it has no limits, and its shutdown waits for upgraded connections without notifying them.
//!
//! ```
//! # tokio::runtime::Runtime::new().expect("starts").block_on(async {
//! use echo_server::{Config, bind};
//!
//! let listener = bind("127.0.0.1:0", 128).await?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let server = tokio::spawn(axum_ws::serve(listener, Config::default(), async {
//!     let _ = stopped.await;
//! }));
//! // … connect to it …
//! drop(stop);
//! server.await.expect("does not panic")
//! # }).expect("serves");
//! ```

mod library_adapter;

use std::{future::Future, sync::Arc};

use axum::{
    Extension, Router,
    extract::{
        Request, State,
        ws::{WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
};
use echo_server::{
    Connection, GracefulStream, MAX_HEAD, MAX_HEADERS, Program, READ_BUFFER, RoomMember, Rooms,
    Route, ServerContext, WRITE_BUFFER, accept, broadcast, echo, normalize_upgrade_headers,
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use library_adapter::Axum;
use tokio::sync::mpsc;
use tower_service::Service;

/// Types and functions that a caller of [`serve`] needs.
pub use echo_server::{Config, Listener, ServerError, bind};

/// The identity of this server.
pub const PROGRAM: Program = Program {
    name: "axum-ws",
    version: env!("CARGO_PKG_VERSION"),
    about: env!("CARGO_PKG_DESCRIPTION"),
    bind: "127.0.0.1:8000",
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
    // The only route. `ServerContext::route` does the routing, in the same way for both servers.
    let router = Router::new()
        .fallback(respond)
        .with_state((Arc::clone(&server), Rooms::new(Arc::clone(&server))));
    let handle = move |connection| serve_connection(connection, router.clone());
    accept(listener, server, handle, shutdown).await;
    Ok(())
}

/// The channel that returns the socket of an upgraded connection to the connection's task, with its membership if it is
/// in a room. axum passes the socket to a separate task, which cannot be ended.
type Upgraded = mpsc::Sender<(WebSocket, Option<RoomMember<Axum>>)>;

/// Serves one connection from its first byte to its last.
async fn serve_connection(connection: Connection, router: Router) {
    let Connection {
        stream,
        mut context,
    } = connection;
    let (upgraded, mut sockets) = mpsc::channel(1);
    let mut http = Box::pin(serve_http(stream, router, upgraded));
    if context.handshake(http.as_mut()).await.is_none() {
        return;
    }
    drop(http);
    // Not part of the handshake, so that a shutdown now closes the WebSocket. `None` when hyper has dropped the service
    // without an upgrade.
    let upgraded = sockets.recv().await;
    // Drops the channel, whose block of 32 slots takes eight kilobytes.
    drop(sockets);
    match upgraded {
        Some((mut socket, None)) => echo::<Axum, _>(&mut socket, &mut context).await,
        Some((mut socket, Some(member))) => broadcast(&mut socket, &mut context, member).await,
        None => {}
    }
}

/// Reads requests and answers them, until one of them is an upgrade.
async fn serve_http(stream: GracefulStream, router: Router, upgraded: Upgraded) {
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        normalize_upgrade_headers(&mut request);
        request
            .extensions_mut()
            .insert::<Upgraded>(upgraded.clone());
        router.clone().call(request)
    });
    let http = http1::Builder::new()
        // A client that stops sending after its request still gets the response.
        .half_close(true)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = http.await {
        tracing::debug!("a connection failed: {error}");
    }
}

/// Answers one request, or upgrades.
async fn respond(
    State((server, rooms)): State<(Arc<ServerContext>, Arc<Rooms<Axum>>)>,
    Extension(upgraded): Extension<Upgraded>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let room = match server.route(&request) {
        Route::Respond(response) => return response.into_response(),
        Route::Echo => None,
        Route::Room(name) => Some(name),
    };
    match upgrade {
        Ok(upgrade) => {
            // Before the response, so that the client misses nothing after it.
            let member = room.map(|name| rooms.join(name));
            with_limits(upgrade, &server.config).on_upgrade(async move |socket| {
                // Fails when the server has stopped.
                let _ = upgraded.send((socket, member)).await;
            })
        }
        Err(rejection) => rejection.into_response(),
    }
}

fn with_limits(upgrade: WebSocketUpgrade, config: &Config) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(config.max_write_buffer())
        .max_message_size(config.max_message_size)
        .max_frame_size(config.max_message_size)
}
