//! The worker threads that serve connections.

use std::{io, num::NonZeroUsize, sync::Arc};

use tokio::{
    runtime::{Builder, Handle},
    sync::watch,
};

/// Threads, each with its own runtime. They end when this is dropped.
///
/// Every connection is served by one thread, and connections are assigned to threads in turn.
///
/// Measured with axum-ws on two cores shared with the generator (`cargo bench -p ws-bench --bench runtimes`; medians of
/// five noisy rounds): compared with one runtime for all threads, a runtime and a listener (`SO_REUSEPORT`) per thread
/// opened 5,000 connections in 0.87 of the time and echoed 1.05 to 1.19 times as much. Separate listeners are not used
/// nevertheless: a hash distributes connections among them, and three connections on one thread and none on the other
/// do not make a reproducible server. With a single thread, both variants are equal within noise.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    handles: Arc<[Handle]>,
    /// Dropped with the last clone, which ends the threads.
    _end: watch::Sender<()>,
}

impl Workers {
    /// Starts this number of threads, by default one per CPU.
    pub(crate) fn start(threads: Option<NonZeroUsize>) -> io::Result<Self> {
        let threads = thread_count(threads);
        let (end, ended) = watch::channel(());
        let handles = (0..threads.get())
            .map(|number| {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                let handle = runtime.handle().clone();
                let mut ended = ended.clone();
                std::thread::Builder::new()
                    .name(format!("echo-{number}"))
                    // Waits until the sender is dropped, which is reported as an error.
                    .spawn(move || runtime.block_on(async { drop(ended.changed().await) }))?;
                Ok(handle)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { handles, _end: end })
    }

    /// The runtime that serves the connection with this number.
    pub(crate) fn runtime_of(&self, connection: usize) -> &Handle {
        &self.handles[connection % self.handles.len()]
    }
}

/// The requested number of threads, by default one per CPU.
pub(crate) fn thread_count(requested: Option<NonZeroUsize>) -> NonZeroUsize {
    let cpus = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    requested.unwrap_or_else(cpus)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[tokio::test]
    async fn connections_are_spread_evenly() {
        let workers = Workers::start(NonZeroUsize::new(3)).unwrap();
        let mut threads = Vec::new();
        for connection in 0..6 {
            let name = workers
                .runtime_of(connection)
                .spawn(async { std::thread::current().name().map(str::to_owned) });
            threads.push(name.await.unwrap().unwrap());
        }
        assert_eq!(threads[..3], threads[3..]);
        assert_eq!(threads.iter().collect::<BTreeSet<_>>().len(), 3);
    }
}
