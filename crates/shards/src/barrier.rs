//! The start that shards agree on at the barrier of their launcher.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crate::identity::ShardIdentity;
use crate::pmi::PmiClient;
use crate::start_time::StartTime;
use crate::{Result, ShardsError};

/// Time from the barrier to the warm-up, in which the start reaches all shards. A barrier takes about 20 ms.
const LEAD: Duration = Duration::from_secs(1);

/// An agreement of all shards through their launcher, in a thread of its own. Dropping it ends the thread.
#[derive(Debug)]
pub struct StartBarrier {
    stage: BarrierStage,
    is_stopped: Arc<AtomicBool>,
}

#[derive(Debug)]
enum BarrierStage {
    /// The connections of this shard are being opened.
    Opening(Agreement),
    /// The thread of the agreement.
    Waiting(JoinHandle<Result<StartTime>>),
    /// The end of a successful agreement.
    Agreed(StartTime),
    /// The end of a failed agreement, whose error is already reported.
    Failed,
}

/// The parts of an agreement.
#[derive(Debug)]
struct Agreement {
    socket: UnixStream,
    identity: ShardIdentity,
    warm_up: Duration,
    timeout: Duration,
}

impl StartBarrier {
    /// The barrier of the launcher behind this socket. The time limit begins when the connections of this shard have
    /// opened or failed.
    pub fn new(
        socket: UnixStream,
        identity: ShardIdentity,
        warm_up: Duration,
        timeout: Duration,
    ) -> Self {
        Self {
            stage: BarrierStage::Opening(Agreement {
                socket,
                identity,
                warm_up,
                timeout,
            }),
            is_stopped: Arc::default(),
        }
    }

    /// Enters the barrier with the first call. Returns the start when all shards have entered it: the warm-up and 1 s
    /// later.
    pub(crate) fn poll(&mut self) -> Result<Option<StartTime>> {
        self.stage = match std::mem::replace(&mut self.stage, BarrierStage::Failed) {
            BarrierStage::Opening(agreement) => BarrierStage::Waiting(self.enter(agreement)?),
            BarrierStage::Waiting(thread) if thread.is_finished() => match thread.join() {
                Ok(start) => BarrierStage::Agreed(start?),
                Err(panic) => std::panic::resume_unwind(panic),
            },
            BarrierStage::Failed => return Err(ShardsError::NothingPublished),
            stage => stage,
        };
        match self.stage {
            BarrierStage::Agreed(start) => Ok(Some(start)),
            _ => Ok(None),
        }
    }

    fn enter(&self, agreement: Agreement) -> Result<JoinHandle<Result<StartTime>>> {
        let is_stopped = Arc::clone(&self.is_stopped);
        std::thread::Builder::new()
            .name("start-barrier".to_owned())
            .spawn(move || agreement.reach(move || is_stopped.load(Ordering::Relaxed)))
            .map_err(ShardsError::Launcher)
    }
}

impl Drop for StartBarrier {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

impl Agreement {
    fn reach(self, is_stopped: impl Fn() -> bool + Send + 'static) -> Result<StartTime> {
        let mut client = PmiClient::connect(self.socket, self.timeout, is_stopped)?;
        let start = client.agree(self.identity, || {
            let wait = self.warm_up.saturating_add(LEAD);
            Ok(StartTime::after(SystemTime::now(), wait)?.to_string())
        })?;
        // Before the run, because a shard that ends early must not end the others.
        client.finalize()?;
        start
            .parse()
            .map_err(|fault| ShardsError::PublishedStart(Box::new(fault)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pmi::PmiServer;
    use crate::start::StartGate;

    const LONG: Duration = Duration::from_secs(60);

    fn gates(count: usize, warm_up: Duration, timeout: Duration) -> (PmiServer, Vec<StartGate>) {
        let pairs = (0..count).map(|_| UnixStream::pair().unwrap());
        let (ours, theirs): (Vec<_>, Vec<_>) = pairs.unzip();
        let gate = |(index, socket)| {
            let identity = format!("{index}/{count}").parse().unwrap();
            StartGate::Barrier(StartBarrier::new(socket, identity, warm_up, timeout))
        };
        let gates = theirs.into_iter().enumerate().map(gate).collect();
        (PmiServer::start(ours).unwrap(), gates)
    }

    fn wait(gate: &mut StartGate) -> Result<SystemTime> {
        loop {
            if let Some(start) = gate.poll(true)? {
                return Ok(start);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn all_shards_start_at_the_same_time_after_the_warm_up() {
        let warm_up = Duration::from_secs(3600);
        let (_server, mut gates) = gates(3, warm_up, LONG);
        let earliest = SystemTime::now() + warm_up;
        for gate in &mut gates {
            assert_eq!(gate.poll(true).unwrap(), None);
        }
        let starts: Vec<_> = gates.iter_mut().map(|gate| wait(gate).unwrap()).collect();
        assert!(starts.iter().all(|start| *start == starts[0]));
        assert!(starts[0] > earliest);
        assert_eq!(wait(&mut gates[0]).unwrap(), starts[0]);
    }

    #[test]
    fn a_shard_that_still_opens_does_not_enter_the_barrier() {
        let (_server, mut gates) = gates(2, Duration::ZERO, Duration::from_millis(200));
        assert_eq!(gates[1].poll(false).unwrap(), None);
        let error = wait(&mut gates[0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the other shards did not reach the start within 200ms"
        );
        // The launcher still knows the second shard, which has not said anything.
        assert_eq!(gates[1].poll(false).unwrap(), None);
    }

    #[test]
    fn a_gate_that_is_dropped_leaves_the_barrier() {
        let (server, mut gates) = gates(2, Duration::ZERO, LONG);
        assert_eq!(gates[0].poll(true).unwrap(), None);
        drop(gates.remove(0));
        // The thread ends and closes its socket.
        while server.lost_shards() != [0] {
            std::thread::yield_now();
        }
        assert!(wait(&mut gates[0]).is_ok());
    }

    #[test]
    fn a_warm_up_beyond_the_calendar_is_an_error() {
        let (_server, mut gates) = gates(1, Duration::MAX, LONG);
        let error = wait(&mut gates[0]).unwrap_err();
        assert!(matches!(error, ShardsError::StartTooLate));
    }
}
