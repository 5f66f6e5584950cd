//! An echo server inside the process, with its own runtime and threads.

use clap::ValueEnum;
use scenario::Scenario;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// An echo server that can run inside the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmbeddedKind {
    /// axum-ws
    #[default]
    Axum,
    /// tungstenite-ws
    Tungstenite,
}

impl EmbeddedKind {
    /// The name in flags and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Tungstenite => "tungstenite",
        }
    }
}

/// Connections that the server accepts beyond the number of clients, so that it never refuses a client.
const SPARE_CONNECTIONS: usize = 16;

/// Length of the accept queue. All clients may connect at the same time.
const BACKLOG: u32 = 4096;

/// A running server. Dropping it closes all connections and ends it.
#[derive(Debug)]
pub(crate) struct EmbeddedServer {
    pub(crate) url: String,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl EmbeddedServer {
    /// Starts a server for this number of connections on a free loopback port, with an echo path and with rooms.
    ///
    /// The URL ends behind the port for a scenario of rooms that has a path of its own. It names the echo path for all others.
    pub(crate) fn start(
        kind: EmbeddedKind,
        connections: u32,
        scenario: Option<&Scenario>,
    ) -> anyhow::Result<Self> {
        let has_path = scenario.is_some_and(|own| own.url.is_some() && own.has_deliveries());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("echo-server")
            .enable_all()
            .build()?;
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        let config = axum_ws::Config {
            max_connections: connections.saturating_add(SPARE_CONNECTIONS),
            broadcast: true,
            ..axum_ws::Config::default()
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let until = async {
            // A message and a dropped sender both end the server.
            let _ = stopped.await;
        };
        let (url, serving) = runtime.block_on(async {
            let listener = axum_ws::bind("127.0.0.1:0", BACKLOG).await?;
            let mut url = listener.url(&config)?;
            if has_path {
                url.truncate(url.len() - config.path.as_str().len());
            }
            let serving = tokio::spawn(async move {
                let served = match kind {
                    EmbeddedKind::Axum => axum_ws::serve(listener, config, until).await,
                    EmbeddedKind::Tungstenite => {
                        tungstenite_ws::serve(listener, config, until).await
                    }
                };
                if let Err(error) = served {
                    cli::print_notice(&format!("the embedded server ended: {error}"));
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

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            // All connections are closed by now, so this returns immediately.
            let _ = self.runtime.block_on(serving);
        }
    }
}
