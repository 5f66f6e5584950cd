//! What the generator can do at its best on this host: the figures that no server can beat.
//!
//! Treadmill (ISCA'16) and Lancet (ATC'19) found that a client's own limits show up as its server's
//! tail. So the run's own clients are turned on a [`Reference`] echo first.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use measurement::plan::{CertificatePolicy, Length, Load, Plan, PlanDraft, ServerUrl};
use measurement::verdict::Calibration;

use crate::control::Control;
use crate::reference::Reference;
use crate::{Finished, SwarmError, run};

/// One client alone, for the least service time.
const FLOOR: Duration = Duration::from_millis(120);
/// Many clients, for the most messages.
const CEILING: Duration = Duration::from_millis(130);
/// Before either, unrecorded.
const WARM_UP: Duration = Duration::from_millis(20);

/// Clients that are enough to keep a thread busy.
const CLIENTS_PER_THREAD: u32 = 64;

/// Largest payload that is tried: one message of a gigabyte would take longer than all of this.
const LARGEST_PAYLOAD: u64 = 1 << 20;

/// Finds the floor of the service time and the ceiling of the throughput for a plan like this, within
/// about 300 ms.
///
/// The ceiling is the echoes for each second of CPU time that the generator used, times its threads:
/// what it would reach if it had its cores for itself. It does not depend on how fast the reference
/// echo is, or on whether both share a core. For that it sleeps when there is nothing to do, also
/// where the run will not: spinning is no work, but the same CPU time.
///
/// `None` when nothing can be said: over TLS and Unix sockets, which the reference echo does not speak, so
/// that its figures would be those of something else.
///
/// # Errors
/// [`SwarmError`] as of a run, and [`SwarmError::Reference`] when the echo cannot be started.
pub fn calibrate(plan: &Plan) -> Result<Option<Calibration>, SwarmError> {
    if plan.server_url.is_tls() || plan.server_url.is_unix() {
        return Ok(None);
    }
    let begun = Instant::now();
    let echo = Reference::start(|| ()).map_err(SwarmError::Reference)?;
    let alone = measure(floor_draft(plan), &echo)?;
    let crowd = measure(ceiling_draft(plan), &echo)?;
    #[allow(clippy::cast_precision_loss)]
    let (messages, threads) = (crowd.record.counts.sent as f64, plan.threads.get() as f64);
    let busy_s = crowd.usage.cpu_s;
    Ok(alone
        .record
        .service
        .quantile(0.5)
        .zip(busy_s.filter(|s| *s > 0.0))
        .map(|(floor_service_p50_ns, busy_s)| Calibration {
            floor_service_p50_ns,
            ceiling_messages_per_s: messages / busy_s * threads,
            took_s: begun.elapsed().as_secs_f64(),
        }))
}

fn measure(draft: PlanDraft, echo: &Reference) -> Result<Finished, SwarmError> {
    let plan = Plan::new(PlanDraft {
        server_url: ServerUrl::parse(&echo.url()).map_err(SwarmError::Plan)?,
        ..draft
    });
    run(&plan.map_err(SwarmError::Plan)?, &Control::new())
}

fn floor_draft(plan: &Plan) -> PlanDraft {
    draft(plan, NonZeroU32::MIN, FLOOR)
}

fn ceiling_draft(plan: &Plan) -> PlanDraft {
    // Threads are limited to the processors, or to 4,096 by hand.
    #[allow(clippy::cast_possible_truncation)]
    let enough = CLIENTS_PER_THREAD * plan.threads.get() as u32;
    let clients = NonZeroU32::new(plan.clients.get().min(enough)).unwrap_or(NonZeroU32::MIN);
    PlanDraft {
        busy_poll: false,
        ..draft(plan, clients, CEILING)
    }
}

fn draft(plan: &Plan, clients: NonZeroU32, time: Duration) -> PlanDraft {
    let mut payload = plan.payload;
    payload.min = payload.min.min(LARGEST_PAYLOAD);
    payload.max = payload.max.min(LARGEST_PAYLOAD);
    let window = plan.load.window().filter(|_| clients.get() > 1);
    PlanDraft {
        certificate_policy: CertificatePolicy::System,
        embedded: None,
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
            .min(NonZeroUsize::MIN.saturating_add(clients.get() as usize - 1)),
        headers: Default::default(),
        max_samples: 0,
        ..PlanDraft::clone(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a core shared with the echo, a spinning generator would be asked to do its work in the
    /// time that it kept from the echo: measured, a third of what it then did.
    #[test]
    fn spinning_is_no_part_of_the_ceiling() {
        let spins = crate::test_plan(|plan| plan.busy_poll = true);
        assert!(!ceiling_draft(&spins).busy_poll);
        // What one client alone waits is what it will wait in the run.
        assert!(floor_draft(&spins).busy_poll);
    }
}
