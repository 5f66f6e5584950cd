//! A WebSocket echo server on axum.
//!
//! [`serve`] is the server; its accept loop, limits, pages and echo loop are
//! `echo-server`'s. hyper speaks HTTP, axum's router and its upgrade make a
//! WebSocket of it, here; `dialect` tells the echo loop what axum calls things.
//! `axum::serve` is not used: it has no limits, and a shutdown of it waits for
//! upgraded connections without telling them.
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

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod dialect;

use std::{future::Future, sync::Arc};

use axum::{
    Extension, Router,
    extract::{
        Request, State,
        ws::{WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
};
use dialect::Axum;
use echo_server::{
    Buffers, Connection, Decision, Host, Lent, MAX_HEAD, MAX_HEADERS, Program, accept, echo,
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tower_service::Service;

/// What a caller of [`serve`] needs.
pub use echo_server::{Config, Error, Listener, bind};

/// Which server this is.
pub const PROGRAM: Program = Program {
    name: "axum-ws",
    version: env!("CARGO_PKG_VERSION"),
    about: env!("CARGO_PKG_DESCRIPTION"),
    bind: "127.0.0.1:8000",
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
    // All routes are one: `Host::decide` routes, for both servers alike.
    let router = Router::new().fallback(answer).with_state(Arc::clone(&host));
    let converse = move |connection| converse(connection, router.clone());
    accept(listener, host, converse, shutdown).await;
    Ok(())
}

/// Where the socket of an upgraded connection goes: to the task that has the
/// connection. axum gives it to a task of its own, which nobody can end.
type Upgraded = mpsc::Sender<WebSocket>;

/// One connection from its first byte to its last.
async fn converse(connection: Connection, router: Router) {
    let Connection { stream, mut peer } = connection;
    let (upgraded, mut sockets) = mpsc::channel(1);
    let host = Arc::clone(peer.host());
    let mut http = Box::pin(speak_http(stream, host, router, upgraded));
    if peer.handshake(http.as_mut()).await.is_none() {
        return;
    }
    drop(http);
    // Not part of the handshake: a stop now has to close what has been upgraded.
    // None once hyper has dropped the service and no upgrade is on its way.
    let socket = sockets.recv().await;
    // A channel has room for 32, which is eight kilobytes.
    drop(sockets);
    if let Some(mut socket) = socket {
        echo::<Axum, _>(&mut socket, &mut peer).await;
    }
}

/// Reads requests and answers them, until one of them is an upgrade.
async fn speak_http(stream: Lent, host: Arc<Host>, router: Router, upgraded: Upgraded) {
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        host.tidy(&mut request);
        request
            .extensions_mut()
            .insert::<Upgraded>(upgraded.clone());
        router.clone().call(request)
    });
    let http = http1::Builder::new()
        // Who sends a request and closes its half still wants the answer.
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
async fn answer(
    State(host): State<Arc<Host>>,
    Extension(upgraded): Extension<Upgraded>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    match host.decide(&request) {
        Decision::Answer(answer) => answer.into_response(),
        Decision::Echo => match upgrade {
            Ok(upgrade) => sized(upgrade, &host).on_upgrade(async move |socket| {
                // Nobody is there to take it once the server has stopped.
                let _ = upgraded.send(socket).await;
            }),
            Err(rejection) => rejection.into_response(),
        },
    }
}

fn sized(upgrade: WebSocketUpgrade, host: &Host) -> WebSocketUpgrade {
    let Buffers {
        read,
        write,
        max_write,
    } = host.config().buffers();
    let max_message_size = host.config().max_message_size;
    upgrade
        .read_buffer_size(read)
        .write_buffer_size(write)
        .max_write_buffer_size(max_write)
        .max_message_size(max_message_size)
        .max_frame_size(max_message_size)
}
