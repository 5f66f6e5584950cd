//! An echo server of ours inside the process, on a runtime and threads of its own.

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::args::Embedded;

/// Connections beyond the clients' that the server takes: it never refuses one of ours.
const SPARE_CONNECTIONS: usize = 16;

/// All clients may connect at once.
const BACKLOG: u32 = 4096;

/// A running server; dropped, it closes what is open and ends.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) url: String,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server that takes so many clients, on a free port of the loopback.
    ///
    /// # Errors
    /// When the runtime cannot be had or no port is free.
    pub(crate) fn start(which: Embedded, clients: u32) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("echo-server")
            .enable_all()
            .build()
            .context("cannot start the embedded server")?;
        let max_connections = usize::try_from(clients)
            .unwrap_or(usize::MAX)
            .saturating_add(SPARE_CONNECTIONS);
        let (stop, stopped) = oneshot::channel::<()>();
        let until = async {
            // Told to stop, or left behind: both end it.
            let _ = stopped.await;
        };
        let (url, serving) = runtime.block_on(async {
            let listener = axum_ws::bind("127.0.0.1:0", BACKLOG)
                .await
                .context("cannot start the embedded server")?;
            let config = axum_ws::Config {
                max_connections,
                ..axum_ws::Config::default()
            };
            let url = listener
                .url(&config)
                .context("cannot start the embedded server")?;
            let serving = tokio::spawn(async move {
                let served = match which {
                    Embedded::Axum => axum_ws::serve(listener, config, until).await,
                    Embedded::Tungstenite => tungstenite_ws::serve(listener, config, until).await,
                };
                if let Err(error) = served {
                    cli::say(&format!("the embedded server ended: {error}"));
                }
            });
            anyhow::Ok((url, serving))
        })?;
        Ok(Self {
            url,
            runtime,
            stop: Some(stop),
            serving: Some(serving),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            // Every connection is closed by now, so this ends at once.
            let _ = self.runtime.block_on(serving);
        }
    }
}
