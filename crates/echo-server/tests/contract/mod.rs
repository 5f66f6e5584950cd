//! What both servers promise, as tests against a real one on a free port.
//!
//! Not a test of this crate: each server's `tests/contract.rs` includes it and
//! says which server is meant, through `serve`, `PROGRAM` and `BINARY`.

mod client;
mod closing;
mod echoing;
#[cfg(unix)]
mod ending;
mod floods;
mod handshakes;
mod limits;
mod pages;
mod program;
mod running;
mod secure;
mod shutdown;
mod silence;
#[cfg(unix)]
mod sockets;
#[cfg(target_os = "linux")]
mod supervisor;

use std::{future::Future, net::SocketAddr, time::Duration};

use echo_server::{Config, ServerError, bind};
use tokio::{sync::oneshot, task::JoinHandle};

/// What hangs fails, but not because a machine is slow.
const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks at something that will come to pass.
const POLL: Duration = Duration::from_millis(5);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("comes to an end before the deadline")
}

/// A server in this process.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServerError>>,
}

impl Server {
    async fn start(config: Config) -> Self {
        let listener = bind("127.0.0.1:0", 1024).await.unwrap();
        let address = listener.tcp_address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(super::serve(listener, config, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop,
            task,
        }
    }

    /// Asks it to stop, and returns what tells when it has.
    fn stop(self) -> JoinHandle<Result<(), ServerError>> {
        self.stop.send(()).unwrap();
        self.task
    }

    /// The value of one line of its metrics.
    async fn metric(&self, name: &str) -> Option<u64> {
        let page = client::get(self.address, "/metrics").await;
        page.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// Waits until a line of its metrics has this value.
    async fn metric_becomes(&self, name: &str, value: u64) {
        within(async {
            while self.metric(name).await != Some(value) {
                tokio::time::sleep(POLL).await;
            }
        })
        .await;
    }
}
