//! Calibration: the generator's own limits on this host, which no server can beat.
//!
//! Treadmill (ISCA'16) and Lancet (ATC'19) found that a client's own limits appear as the tail latency of its server.
//! The run's own clients therefore measure a [`ReferenceServer`] first.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::{Duration, Instant};

use measurement::plan::{
    ConnectionRules, Length, Load, LoadDraft, LoadSpec, Plan, ServerUrl, Share,
};
use measurement::verdict::Calibration;
use scenario::{Scenario, ScenarioOptions, ScenarioSource};

use crate::handle::RunHandle;
use crate::message::payload::IDENTITY_LEN;
use crate::reference_server::ReferenceServer;
use crate::{Recording, SwarmError, record};

/// Duration with one client, to measure the floor of the service time.
const FLOOR: Duration = Duration::from_millis(120);
/// Duration with many clients, to measure the ceiling of the throughput.
const CEILING: Duration = Duration::from_millis(130);
/// Warm-up before each measurement.
const WARM_UP: Duration = Duration::from_millis(20);

/// Number of clients that keeps a thread busy.
const CLIENTS_PER_THREAD: u32 = 64;

/// Maximum payload. A single message of 1 GiB would take longer than the whole calibration.
const LARGEST_PAYLOAD: u64 = 1 << 20;

/// Measures the floor of the service time and the ceiling of the throughput for a plan like this, within about 300 ms.
///
/// The ceiling is the number of echoes per second of the generator's CPU time, times the number of threads. It is the
/// throughput with a dedicated core per thread, and does not depend on the speed of the reference server or on a core
/// shared by both. The generator therefore sleeps when idle, even if the run will use busy polling, because polling
/// uses CPU time without doing work.
///
/// Returns `None` for TLS and Unix sockets, which the reference server does not support.
///
/// # Errors
/// [`SwarmError`] as for a run, and [`SwarmError::Reference`] when the reference server cannot be started.
pub fn calibrate(plan: &Plan) -> Result<Option<Calibration>, SwarmError> {
    if !can_calibrate(plan) {
        return Ok(None);
    }
    let begun = Instant::now();
    let server = ReferenceServer::start(|| ()).map_err(SwarmError::Reference)?;
    let alone = measure(floor_draft(plan), &server)?;
    let crowd = measure(ceiling_draft(plan), &server)?;
    let (messages, threads) = (crowd.record.counts.sent as f64, plan.threads.get() as f64);
    let busy_s = crowd.context.client.cpu_s;
    let ceiling_deliveries_per_s = if plan.scenario().is_some_and(|s| s.has_deliveries()) {
        delivery_ceiling(plan)?
    } else {
        None
    };
    Ok(alone
        .record
        .service
        .quantile(0.5)
        .zip(busy_s.filter(|s| *s > 0.0))
        .map(|(floor_service_p50_ns, busy_s)| Calibration {
            floor_service_p50_ns,
            ceiling_messages_per_s: messages / busy_s * threads,
            ceiling_deliveries_per_s,
            took_s: begun.elapsed().as_secs_f64(),
            longest_stop_ns: alone.longest_still_ns.max(crowd.longest_still_ns),
        }))
}

/// A room in which every client gets every message.
const ROOM: &str = "[[message]]\nsend = '${uid}${pad}'\ndeliver = '${uid}${pad}'\n\
    [roles.publisher]\ncount = 1\n[roles.subscriber]\nsends = false\n";

/// Messages of the publisher in flight, enough to keep the receivers busy.
const ROOM_WINDOW: NonZeroU32 = NonZeroU32::MIN.saturating_add(63);

/// Deliveries per second at which the generator's threads would use all of their cores, measured like the ceiling of the
/// throughput.
fn delivery_ceiling(plan: &Plan) -> Result<Option<f64>, SwarmError> {
    let server = ReferenceServer::start_fan_out(|| ()).map_err(SwarmError::Reference)?;
    let source = ScenarioSource::File {
        name: "calibration.toml",
        text: ROOM,
    };
    let no_files = |name: &str, _: Option<&str>| Err(name.to_owned());
    let room = Scenario::parse(source, &ScenarioOptions::default(), &no_files);
    let room = room.map_err(|fault| SwarmError::Plan(fault.into()))?;
    let mut draft = ceiling_draft(plan);
    draft.clients = draft.clients.max(NonZeroU32::MIN.saturating_add(1));
    draft.payload.min = draft.payload.min.max(IDENTITY_LEN as u64);
    draft.payload.max = draft.payload.max.max(draft.payload.min);
    draft.scenario = Some(Arc::new(room));
    draft.load = Load::Closed {
        window: ROOM_WINDOW,
    };
    let crowd = measure(draft, &server)?;
    let delivered = crowd.record.fan_out.map_or(0, |own| own.counts.delivered);
    let busy_s = crowd.context.client.cpu_s;
    Ok(per_busy_second(delivered, busy_s).map(|rate| rate * plan.threads.get() as f64))
}

/// Deliveries per second of CPU; `None` when nothing arrived in the short time, which says nothing about the limit.
fn per_busy_second(delivered: u64, busy_s: Option<f64>) -> Option<f64> {
    let busy_s = busy_s.filter(|s| *s > 0.0 && delivered > 0)?;
    Some(delivered as f64 / busy_s)
}

/// Returns true when all servers of a plan have a transport that the reference server supports.
pub fn can_calibrate(plan: &Plan) -> bool {
    let mut urls = plan.servers().iter().map(|server| &server.url);
    urls.all(|url| !url.is_tls() && !url.is_unix())
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
    // The number of threads is limited to the number of processors, or to 4,096 if set by hand.
    #[allow(clippy::cast_possible_truncation)]
    let enough = CLIENTS_PER_THREAD * plan.threads.get() as u32;
    let clients = NonZeroU32::new(plan.own_clients().min(enough)).unwrap_or(NonZeroU32::MIN);
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
        source_addresses: Vec::new(),
        share: Share::WHOLE,
        rooms: NonZeroU32::MIN,
        slow: None,
        // The limits are those of connections that stay.
        connections: ConnectionRules::default(),
        // Every echo is compared with its message, whatever the scenario's server answers.
        scenario: None,
        max_samples: 0,
        ..LoadDraft::clone(plan)
    }
}

#[cfg(test)]
mod tests {
    use measurement::plan::{ConnectionDrop, DropMethod};

    use super::*;

    /// A busy-polling generator on a core shared with the server takes the server's CPU time. The measured ceiling was
    /// then a third of the real throughput.
    #[test]
    fn the_ceiling_is_measured_without_busy_polling() {
        let spins = crate::tests::plan(|plan| plan.busy_poll = true);
        assert!(!ceiling_draft(&spins).busy_poll);
        // A single client waits in the same way as in the run.
        assert!(floor_draft(&spins).busy_poll);
    }

    /// A drop behind the end of the short calibration was refused, and idle connections were opened for it.
    #[test]
    fn a_calibration_has_connections_that_stay_and_none_that_are_idle() {
        let stormy = crate::tests::plan(|plan| {
            let rules = &mut plan.connections;
            rules.drop = Some(ConnectionDrop {
                after: Duration::from_secs(3),
                share: 1.0,
                method: DropMethod::Reset,
            });
            rules.idle = 5;
            plan.length = Length::Duration(Duration::from_secs(10));
        });
        assert_eq!(
            ceiling_draft(&stormy).connections,
            ConnectionRules::default()
        );
        assert!(calibrate(&stormy).unwrap().is_some());
    }

    /// The verdict compared deliveries with a limit of 0 per second.
    #[test]
    fn a_calibration_without_a_delivery_knows_no_limit() {
        assert_eq!(per_busy_second(0, Some(0.25)), None);
        assert_eq!(per_busy_second(50, None), None);
        assert_eq!(per_busy_second(50, Some(0.25)), Some(200.0));
    }
}
