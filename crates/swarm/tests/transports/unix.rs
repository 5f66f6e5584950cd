//! `ws+unix:`: the socket and its backlog.

use futures_util::{SinkExt, StreamExt};
use measurement::plan::{CertificatePolicy, LoadDraft};
use std::num::NonZeroU32;
use swarm::RunHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::Request;

use crate::common::{accept, closed, messages, plan, run};
use crate::{SIZES, assert_flawless};
use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// A server on a socket in its own folder.
struct UnixServer {
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl UnixServer {
    /// Starts a server with this backlog. Each connection is given to `serve`, and the next one is accepted when
    /// `serve` returns.
    fn start<F>(backlog: u32, serve: fn(UnixStream) -> F) -> Self
    where
        F: Future<Output = WebSocketStream<UnixStream>> + Send + 'static,
    {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener: UnixListener = runtime.block_on(async {
            let socket = UnixSocket::new_stream().unwrap();
            socket.bind(folder.path().join("echo:1.sock")).unwrap();
            socket.listen(backlog).unwrap()
        });
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut socket = serve(stream).await;
                tokio::spawn(async move {
                    while let Some(Ok(message)) = socket.next().await {
                        if message.is_text() || message.is_binary() {
                            socket.send(message).await.unwrap();
                        }
                    }
                });
            }
        });
        Self {
            folder,
            _runtime: runtime,
        }
    }

    fn plan(&self, change: impl FnOnce(&mut LoadDraft)) -> measurement::plan::Plan {
        let socket = self.folder.path().join("echo:1.sock");
        let url = format!("ws+unix:{}:/ws?x=1", socket.display());
        plan(&url, CertificatePolicy::System, change)
    }
}

#[test]
fn over_a_unix_socket_every_message_comes_back_whole() {
    let server = UnixServer::start(16, |stream| async move {
        #[allow(clippy::result_large_err)]
        tokio_tungstenite::accept_hdr_async(stream, |request: &Request, response| {
            assert_eq!(request.uri(), "/ws?x=1");
            assert_eq!(request.headers()["host"], "localhost");
            Ok(response)
        })
        .await
        .unwrap()
    });
    for (payload, window) in SIZES {
        let recording = run(&server.plan(|plan| {
            plan.payload = payload;
            plan.load = closed(window);
            plan.length = messages(16);
        }));
        assert_flawless(&recording, 64);
        assert_eq!(recording.context.connect_ns.tls, None);
    }
}

#[test]
fn clients_that_the_server_has_no_room_for_yet_queue() {
    // Connections are accepted one at a time with hardly any backlog, so most attempts find it full.
    let server = UnixServer::start(1, accept);
    let recording = run(&server.plan(|plan| plan.clients = NonZeroU32::new(100).unwrap()));
    assert_eq!(
        (
            recording.context.connections.opened,
            recording.context.connections.failed
        ),
        (100, 0)
    );
    assert_flawless(&recording, 1000);
}

#[test]
fn a_missing_socket_is_reported() {
    let plan = plan(
        "ws+unix:/nowhere/echo.sock:/",
        CertificatePolicy::System,
        |_| {},
    );
    let error = swarm::record(&plan, &RunHandle::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("0 of 4 connections to ws+unix:/nowhere/echo.sock:/ opened: No such"),
        "{error}"
    );
}
