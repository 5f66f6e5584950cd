//! The worker threads that connections are spread over.

use std::{io, num::NonZeroUsize, sync::Arc};

use tokio::{
    runtime::{Builder, Handle},
    sync::watch,
};

/// Threads with a runtime each. They end when this is dropped.
///
/// Every connection belongs to one of them from its first byte to its last, the next one to the next thread.
/// Measured with axum-ws on two cores that the generator shares (`cargo bench -p ws-bench --bench runtimes`):
/// beside one runtime of all threads, a runtime and a listener (`SO_REUSEPORT`) for each opened 5,000
/// connections in 0.87 of the time and echoed 1.05 to 1.19 times as much, medians of five noisy rounds. The
/// listeners are left out all the same: a hash decides where connections go, and three of them on one thread
/// and none on the other is not a server to measure. With a single thread the two differ by what the machine
/// varies by.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    handles: Arc<[Handle]>,
    /// Dropped with the last clone, which the threads wait for.
    _end: watch::Sender<()>,
}

impl Workers {
    /// Starts this number of threads, by default one for each CPU.
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
                    // An error means that the sender was dropped, which is what the thread waits for.
                    .spawn(move || runtime.block_on(async { drop(ended.changed().await) }))?;
                Ok(handle)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { handles, _end: end })
    }

    /// The runtime that serves the connection of this number.
    pub(crate) fn runtime_of(&self, connection: usize) -> &Handle {
        &self.handles[connection % self.handles.len()]
    }
}

/// The requested number of threads, or one for each CPU.
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
