//! Our own servers with rooms, and a feed without end.

use std::time::Duration;

use futures_util::SinkExt;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;

/// A running server. It ends when dropped.
pub(crate) struct BroadcastServer {
    /// Address without path: `ws://127.0.0.1:1234`.
    pub(crate) url: String,
    _runtime: tokio::runtime::Runtime,
}

impl BroadcastServer {
    /// `axum-ws --broadcast`.
    pub(crate) fn axum() -> Self {
        Self::start(|listener, config| async move {
            axum_ws::serve(listener, config, std::future::pending()).await
        })
    }

    /// `tungstenite-ws --broadcast`.
    pub(crate) fn tungstenite() -> Self {
        Self::start(|listener, config| async move {
            tungstenite_ws::serve(listener, config, std::future::pending()).await
        })
    }

    fn start<F>(serve: impl FnOnce(axum_ws::Listener, axum_ws::Config) -> F) -> Self
    where
        F: Future<Output = Result<(), axum_ws::ServerError>> + Send + 'static,
    {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(axum_ws::bind("127.0.0.1:0", 1024));
        let listener = listener.unwrap();
        let url = format!("ws://{}", listener.tcp_address().unwrap());
        let config = axum_ws::Config {
            broadcast: true,
            ..axum_ws::Config::default()
        };
        runtime.spawn(serve(listener, config));
        Self {
            url,
            _runtime: runtime,
        }
    }

    /// A server that sends `0`, `1`, `2`, … to every connection, one number every 10 ms, without those that end with 4.
    pub(crate) fn feed() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(send_numbers(stream));
            }
        });
        Self {
            url,
            _runtime: runtime,
        }
    }
}

async fn send_numbers(stream: tokio::net::TcpStream) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let mut ticks = interval(Duration::from_millis(10));
    // No burst after a stop of the machine.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for seq in 0_u64.. {
        ticks.tick().await;
        if seq % 10 != 4 && socket.send(Message::text(seq.to_string())).await.is_err() {
            return;
        }
    }
}
