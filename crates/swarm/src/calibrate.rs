//! Calibration: the generator's own limits on this host, which no server can beat.
//!
//! Treadmill (ISCA'16) and Lancet (ATC'19) found that a client's own limits show up as its server's
//! tail. The run's own clients therefore measure a [`ReferenceServer`] first.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use measurement::plan::{Length, Load, LoadDraft, LoadSpec, Plan, ServerUrl};
use measurement::verdict::Calibration;

use crate::handle::RunHandle;
use crate::reference_server::ReferenceServer;
use crate::{Recording, SwarmError, record};

/// Duration with one client, for the minimum of the service time.
const FLOOR: Duration = Duration::from_millis(120);
/// Duration with many clients, for the maximum of the throughput.
const CEILING: Duration = Duration::from_millis(130);
/// Warm-up before either.
const WARM_UP: Duration = Duration::from_millis(20);

/// Clients that are enough to keep a thread busy.
const CLIENTS_PER_THREAD: u32 = 64;

/// Maximum payload: one message of a gigabyte would take longer than the whole calibration.
const LARGEST_PAYLOAD: u64 = 1 << 20;

/// Measures the floor of the service time and the ceiling of the throughput for a plan like this, within
/// about 300 ms.
///
/// The ceiling is the number of echoes per second of the generator's CPU time, times its threads: the
/// throughput with cores for itself. It does not depend on the speed of the reference server, or on a core
/// that both share. For that the generator sleeps when there is nothing to do, even where the run will
/// busy-poll: spinning is not work, but takes the same CPU time.
///
/// `None` over TLS and Unix sockets, which the reference server does not support.
///
/// # Errors
/// [`SwarmError`] as of a run, and [`SwarmError::Reference`] when the reference server cannot be started.
pub fn calibrate(plan: &Plan) -> Result<Option<Calibration>, SwarmError> {
    if plan.server_url().is_tls() || plan.server_url().is_unix() {
        return Ok(None);
    }
    let begun = Instant::now();
    let server = ReferenceServer::start(|| ()).map_err(SwarmError::Reference)?;
    let alone = measure(floor_draft(plan), &server)?;
    let crowd = measure(ceiling_draft(plan), &server)?;
    let (messages, threads) = (crowd.record.counts.sent as f64, plan.threads.get() as f64);
    let busy_s = crowd.context.client.cpu_s;
    Ok(alone
        .record
        .service
        .quantile(0.5)
        .zip(busy_s.filter(|s| *s > 0.0))
        .map(|(floor_service_p50_ns, busy_s)| Calibration {
            floor_service_p50_ns,
            ceiling_messages_per_s: messages / busy_s * threads,
            took_s: begun.elapsed().as_secs_f64(),
            longest_stop_ns: alone.longest_still_ns.max(crowd.longest_still_ns),
        }))
}

fn measure(draft: LoadDraft, server: &ReferenceServer) -> Result<Recording, SwarmError> {
    let url = ServerUrl::parse(&server.url()).map_err(SwarmError::Plan)?;
    let plan = LoadSpec::new(draft).and_then(|load| load.against(url));
    record(&plan.map_err(SwarmError::Plan)?, &RunHandle::new())
}

fn floor_draft(plan: &Plan) -> LoadDraft {
    draft(plan, NonZeroU32::MIN, FLOOR)
}

fn ceiling_draft(plan: &Plan) -> LoadDraft {
    // Threads are limited to the processors, or to 4,096 by hand.
    #[allow(clippy::cast_possible_truncation)]
    let enough = CLIENTS_PER_THREAD * plan.threads.get() as u32;
    let clients = NonZeroU32::new(plan.clients.get().min(enough)).unwrap_or(NonZeroU32::MIN);
    LoadDraft {
        busy_poll: false,
        ..draft(plan, clients, CEILING)
    }
}

fn draft(plan: &Plan, clients: NonZeroU32, time: Duration) -> LoadDraft {
    let mut payload = plan.payload;
    payload.min = payload.min.min(LARGEST_PAYLOAD);
    payload.max = payload.max.min(LARGEST_PAYLOAD);
    let window = plan.load.window().filter(|_| clients.get() > 1);
    LoadDraft {
        clients,
        payload,
        load: Load::Closed {
            window: window.unwrap_or(NonZeroU32::MIN),
        },
        length: Length::Duration(time),
        warmup: WARM_UP,
        connect_rate: None,
        threads: plan
            .threads
            .min(clients.try_into().unwrap_or(NonZeroUsize::MAX)),
        headers: Default::default(),
        max_samples: 0,
        ..LoadDraft::clone(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a core shared with the server, a spinning generator takes the server's time. Measured, the
    /// ceiling was then a third of the real throughput.
    #[test]
    fn the_ceiling_is_measured_without_busy_polling() {
        let spins = crate::tests::plan(|plan| plan.busy_poll = true);
        assert!(!ceiling_draft(&spins).busy_poll);
        // A single client waits as it will wait in the run.
        assert!(floor_draft(&spins).busy_poll);
    }
}
