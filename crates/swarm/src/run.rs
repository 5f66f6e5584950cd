//! A run: Connect → Warm-up → Measure → Drain → Close.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use host::process_probe::{ProcessProbe, ProcessUsage};
use host::system_info::SystemInfo;
use host::withheld_cpu::WithheldCpu;
use measurement::plan::Plan;
use measurement::record::{
    BottomK, ConnectHistograms, Record, Recorder, StoredSecond, fill_timeline,
};
use measurement::run::{
    ClientRow, Connections, Host, IdleSummary, PlanFacts, ProcessRecord, Run, RunContext, Summary,
    Tool,
};
use measurement::verdict::{Calibration, GeneratorUsage, Latency, ServerUsage, Stop};

use crate::clock::nanoseconds;
use crate::common_start::{CommonStart, before, instant_of};
use crate::connect::connect_stats::ConnectStats;
use crate::connect::connector::Connector;
use crate::coordinator::{Coordinator, OnMeasuredTime, OnOpening};
use crate::handle::RunHandle;
use crate::listen_watch::ListenWatch;
use crate::progress::{Phase, context_switches, elapsed_ns, sum_progress};
use crate::run_content::RunContent;
use crate::second_observer::{OnSecond, SecondObserver};
use crate::server_watch::ServerWatch;
use crate::worker::{ThreadResult, WorkerJob};
use crate::{SwarmError, UnreachedServer};

/// Time for which a generator thread may stand still, unless its calibration saw a longer one.
pub(crate) const ALLOWED_STOP: Duration = Duration::from_millis(10);

/// Context of a run in addition to its plan. Everything is unknown by default.
#[derive(Default)]
pub struct RunSetup<'a> {
    /// The program that runs the measurement.
    pub tool: Tool,
    /// Command line of the program, secrets masked.
    pub command_line: Option<Vec<String>>,
    /// The generator's own limits, if measured.
    pub calibration: Option<Calibration>,
    /// The current limit of open files.
    pub open_file_limit: Option<u64>,
    /// Probe of the server's process during the measured phase.
    pub probe: Option<&'a mut ProcessProbe>,
    /// Common start with other generators; `None` = when the connections have opened.
    pub start: Option<CommonStart<'a>>,
    /// Observer of the measured seconds, each as soon as it is complete; `None` = threads do not report them.
    pub on_second: Option<OnSecond<'a>>,
}

/// Executes a plan. Blocks until all connections are closed. Returns a run with every part.
///
/// # Errors
/// [`SwarmError`] when the run cannot take place: the host is unknown, no connection opens, or the system refuses a
/// thread. Later failures are counted instead.
pub fn run(plan: &Plan, handle: &RunHandle, setup: RunSetup<'_>) -> Result<Run, SwarmError> {
    let recording = record_with(plan, handle, setup)?;
    let summary = Summary::new(plan, &recording.record, recording.context);
    Ok(Run::with_summary(
        summary,
        recording.record,
        recording.clients,
    ))
}

/// Executes the clients of this process of a plan that several processes execute together. Blocks until all connections
/// are closed. A process without an open connection has a part too.
///
/// # Errors
/// [`SwarmError`] when this process cannot take part: the host is unknown, the start fails, or the system refuses a
/// thread.
pub fn run_process(
    plan: &Plan,
    handle: &RunHandle,
    setup: RunSetup<'_>,
) -> Result<ProcessRecord, SwarmError> {
    let recording = record_with(plan, handle, setup)?;
    let mut record = recording.record;
    let mut facts = PlanFacts::from(plan);
    facts.plan.seed = recording.seed;
    Ok(ProcessRecord {
        facts,
        max_samples: plan.max_samples,
        seconds: record.timeline.iter().map(StoredSecond::from).collect(),
        samples: std::mem::take(&mut record.samples),
        record: Record {
            timeline: Vec::new(),
            ..record
        },
        clients: recording.clients,
        context: recording.context,
        connect: recording.connect,
        stops: recording.stops,
        first_wake_ns: recording.first_wake_ns,
    })
}

/// Records a run with the context of this setup.
fn record_with(
    plan: &Plan,
    handle: &RunHandle,
    setup: RunSetup<'_>,
) -> Result<Recording, SwarmError> {
    let slow_after = plan.slow_readers().map(|slow| slow.after());
    // With a common start, other processes open connections to the server too.
    let divides_memory = plan.connections.idle > 0 && setup.start.is_none();
    let opening = divides_memory.then(|| handle.clone());
    let watch = ServerWatch::new(setup.probe, slow_after, opening);
    let is_watched = watch.has_server();
    let watch = Rc::new(RefCell::new(watch));
    let (observer, opening_observer) = (Rc::clone(&watch), Rc::clone(&watch));
    let mut listen = ListenWatch::default();
    let allowed_ns = setup.calibration.map_or(0, |c| c.longest_stop_ns);
    let allowed_ns = allowed_ns.max(nanoseconds(ALLOWED_STOP));
    let control = RunControl {
        allowed_stop_ns: allowed_ns,
        start: setup.start,
        on_second: setup.on_second,
        on_time: is_watched.then(|| {
            Box::new(move |since_t0| observer.borrow_mut().at(since_t0)) as OnMeasuredTime<'_>
        }),
        on_opening: divides_memory
            .then(|| Box::new(move || opening_observer.borrow_mut().at_opening()) as OnOpening<'_>),
    };
    let mut recording = record_allowing(plan, handle, control, |phase| {
        listen.enter(phase);
        watch.borrow_mut().enter(phase);
    })?;
    listen.end(&mut recording.context);
    let used = watch.borrow_mut().used.take();
    let server = used.and_then(|used| server_usage(used, &recording.context.client));
    recording.context = RunContext {
        tool: setup.tool,
        command_line: setup.command_line,
        calibration: setup.calibration,
        host: describe_host(setup.open_file_limit),
        server,
        server_growth_bytes: watch.borrow().growth(),
        server_readings: watch.borrow().readings().to_vec(),
        idle: recording.context.idle.map(|idle| IdleSummary {
            memory: watch.borrow().connection_memory(),
            ..idle
        }),
        ..recording.context
    };
    assign_places(plan, &mut recording.clients);
    Ok(recording)
}

/// Sets the role of each client of a scenario, its room if there are deliveries, and which clients are slow readers.
pub(crate) fn assign_places(plan: &Plan, clients: &mut [ClientRow]) {
    if let Some(slow) = plan.slow_readers() {
        for row in &mut *clients {
            row.is_slow = slow.is_chosen_client(row.client);
        }
    }
    let (Some(scenario), Some(assigned)) = (plan.scenario(), plan.roles()) else {
        return;
    };
    let names: Vec<_> = scenario.roles.iter().map(|role| &role.name).collect();
    let mut sorted = names.clone();
    sorted.sort();
    let rooms = scenario.has_deliveries().then(|| plan.partition());
    for row in clients {
        let role = assigned
            .of(row.client)
            .and_then(|(role, _)| names.get(role));
        let place = role.and_then(|name| sorted.binary_search(name).ok());
        row.role = place.and_then(|place| u16::try_from(place).ok());
        row.room = rooms.as_ref().map(|rooms| rooms.room_of(row.client));
    }
}

/// The generator's own recording of a run, for tests of the generator; see [`run`].
#[derive(Debug)]
pub struct Recording {
    /// Counts, histograms, timeline and samples.
    pub record: Record,
    /// One row per client, ordered by number.
    pub clients: Vec<ClientRow>,
    /// Connections, usage of the generator, start and length. Tool, host and server are unknown.
    pub context: RunContext,
    /// The longest time for which a generator thread did not run, stop or not, in nanoseconds.
    pub longest_still_ns: u64,
    /// Seed of the run. It differs from that of the plan if it follows from a common start.
    pub seed: u64,
    /// Times of opening connections.
    pub connect: ConnectHistograms,
    /// Stops of the generator's threads.
    pub stops: Vec<Stop>,
    /// Time after T0 at which the last thread noticed it, in nanoseconds; `None` when none did.
    pub first_wake_ns: Option<u64>,
}

/// Executes a plan as [`run`] does, without a summary.
///
/// # Errors
/// Those of [`run`].
pub fn record(plan: &Plan, handle: &RunHandle) -> Result<Recording, SwarmError> {
    record_observed(plan, handle, |_| {})
}

/// Executes a plan as [`record`] does, and calls `observe` at the start of each phase, in the calling thread.
///
/// # Errors
/// Those of [`run`].
pub fn record_observed(
    plan: &Plan,
    handle: &RunHandle,
    observe: impl FnMut(Phase),
) -> Result<Recording, SwarmError> {
    record_allowing(plan, handle, RunControl::default(), observe)
}

/// The part of a [`RunSetup`] that is needed while the generator runs.
struct RunControl<'a> {
    /// Limit for stops, in nanoseconds.
    allowed_stop_ns: u64,
    start: Option<CommonStart<'a>>,
    on_second: Option<OnSecond<'a>>,
    on_time: Option<OnMeasuredTime<'a>>,
    on_opening: Option<OnOpening<'a>>,
}

impl Default for RunControl<'_> {
    fn default() -> Self {
        Self {
            allowed_stop_ns: nanoseconds(ALLOWED_STOP),
            start: None,
            on_second: None,
            on_time: None,
            on_opening: None,
        }
    }
}

/// Records a run.
fn record_allowing(
    plan: &Plan,
    handle: &RunHandle,
    mut control: RunControl<'_>,
    mut observe: impl FnMut(Phase),
) -> Result<Recording, SwarmError> {
    let mut withheld_before = None;
    let mut withheld = WithheldCpu::default();
    let mut enter = |phase| {
        handle.enter(phase);
        match (phase, withheld_before) {
            (Phase::Measure, _) => withheld_before = Some(WithheldCpu::now()),
            (Phase::Drain | Phase::Close, Some(before)) => {
                withheld = WithheldCpu::now().since(before);
                withheld_before = None;
            }
            _ => {}
        }
        observe(phase);
    };
    handle.set_threads(plan.threads.get());
    handle.begin_record();
    enter(Phase::Connect);
    let connector = Connector::new(plan, || handle.is_stopped()).map(Arc::new)?;
    let addresses = connector.addresses();
    let begun = Instant::now();
    let job = WorkerJob {
        thread: 0,
        plan: plan.clone(),
        content: RunContent::new(plan.clone()),
        reseeded: Arc::default(),
        connector,
        handle: handle.clone(),
        allowed_stop_ns: control.allowed_stop_ns,
        opens_from: opens_from(plan, begun, control.start.as_ref()),
        order: Arc::default(),
        is_sliced: false,
        is_logged: control.on_second.is_some(),
    };
    let seconds = SecondObserver::new(plan.threads.get(), control.on_second);
    let mut coordinator = Coordinator::start(&job, seconds)?;
    coordinator.on_time = control.on_time;
    coordinator.on_opening = control.on_opening;
    let t0 = coordinator.run_phases(plan, begun, control.start.as_mut(), &mut enter)?;
    let started_at = match t0 {
        Some(t0) => t0,
        // Ended before T0, so only the connections have results.
        None if coordinator.interrupted || coordinator.recognized_nothing => SystemTime::now(),
        None => return Err(nothing_connected(plan, &coordinator.results)),
    };
    let results = std::mem::take(&mut coordinator.results);
    let recognized = results.iter().any(|r| r.progress.recognized);
    let content = job.reseeded.get().unwrap_or(&job.content);
    let opened_to = opened_to(&addresses, &results);
    let mut recording = merge(results, &content.budget, started_at);
    recording.seed = content.plan.seed;
    let idle = u64::from(plan.connections.idle);
    recording.context.idle =
        recording
            .context
            .idle
            .filter(|_| idle > 0)
            .map(|counts| IdleSummary {
                connections: idle,
                ..counts
            });
    recording.context.connections.addresses = opened_to;
    recording.context.connections.opening_s = coordinator.opening.as_secs_f64();
    set_withheld(&mut recording.context.client, &withheld);
    set_early_end(&mut recording.context, &coordinator, recognized);
    Ok(recording)
}

/// Due time of the first connection: now, or so early that the last one is due at the start of a warm-up that is known.
fn opens_from(plan: &Plan, begun: Instant, gate: Option<&CommonStart<'_>>) -> Instant {
    match (plan.connect_rate, gate.and_then(|gate| gate.known)) {
        (Some(rate), Some(t0)) => {
            let opening_s = f64::from(plan.connections()) / rate.per_second();
            before(
                instant_of(t0),
                plan.warmup + Duration::from_secs_f64(opening_s),
            )
        }
        _ => begun,
    }
}

/// Number of connections opened to each address.
pub(crate) fn opened_to(
    addresses: &[Option<SocketAddr>],
    results: &[ThreadResult],
) -> BTreeMap<String, u64> {
    let mut opened_to = BTreeMap::new();
    for (server, connects) in results.iter().flat_map(|r| r.connects.servers()) {
        if let Some(Some(address)) = addresses.get(*server)
            && connects.opened > 0
        {
            *opened_to.entry(address.to_string()).or_default() += connects.opened;
        }
    }
    opened_to
}

/// Sets whether and why the run ended early.
fn set_early_end(context: &mut RunContext, coordinator: &Coordinator<'_>, recognized: bool) {
    context.interrupted = coordinator.interrupted;
    context.recognized_nothing = coordinator.recognized_nothing;
    context.recognized_late = coordinator.recognized_nothing && recognized;
}

pub(crate) fn set_withheld(client: &mut GeneratorUsage, withheld: &WithheldCpu) {
    client.throttled_s = withheld.throttled_s;
    client.steal_s = withheld.steal_s;
    client.cpu_pressure_s = withheld.pressure_s;
    client.suspended_s = withheld.suspended_s;
}

pub(crate) fn nothing_connected(plan: &Plan, results: &[ThreadResult]) -> SwarmError {
    let mut failures = BTreeMap::<_, u64>::new();
    for (failure, n) in results.iter().flat_map(|r| &r.progress.failures) {
        *failures.entry(failure).or_default() += n;
    }
    let attempted = failures.values().sum();
    let failures = failures
        .into_iter()
        .map(|(failure, n)| (failure.clone(), n));
    let mut failures: Vec<_> = failures.collect();
    failures.sort_by_cached_key(|(failure, n)| Reverse((*n, failure.to_string())));
    let mut failures = failures.into_iter();
    match failures.next() {
        Some((cause, _)) => SwarmError::NothingConnected {
            attempted,
            cause,
            others: failures.collect(),
            servers: unreached_servers(plan, results),
            scenario: plan.scenario().cloned(),
        },
        None => SwarmError::ThreadEnded,
    }
}

/// The failures of each server.
fn unreached_servers(plan: &Plan, results: &[ThreadResult]) -> Box<[UnreachedServer]> {
    let mut connects = ConnectStats::default();
    results.iter().for_each(|r| connects.add(&r.connects));
    let unreached = connects.servers().iter().filter_map(|(index, server)| {
        let (cause, failed) = server.main_failure()?;
        Some(UnreachedServer {
            url: plan.servers().get(*index)?.url.masked(),
            failed,
            cause: cause.clone(),
        })
    });
    unreached.collect()
}

/// Merges the results of all threads.
pub(crate) fn merge(
    results: Vec<ThreadResult>,
    budget: &BottomK,
    started_at: SystemTime,
) -> Recording {
    let has_scenario = results.iter().any(|r| r.recorder.scenario.is_some());
    let threads: Vec<_> = results.iter().map(|r| Arc::clone(&r.progress)).collect();
    let first_wake_ns = results.iter().filter_map(|r| r.first_wake_ns).max();
    let (sum, elapsed_ns) = (sum_progress(&threads), elapsed_ns(&threads));
    let mut connects = ConnectStats::default();
    let mut clients = Vec::new();
    let mut close_codes = BTreeMap::new();
    let mut idle = IdleSummary::default();
    let mut recorders = Vec::new();
    for result in results {
        connects.add(&result.connects);
        clients.extend(result.clients);
        for (code, count) in result.close_codes {
            *close_codes.entry(code).or_default() += count;
        }
        idle.opened += result.idle.opened;
        idle.closed_early += result.idle.closed_early;
        idle.received += result.idle.received;
        recorders.push(result.recorder);
    }
    clients.sort_unstable_by_key(|row| row.client);
    let mut record = Recorder::merge(recorders, budget);
    fill_timeline(&mut record.timeline, elapsed_ns);
    let mut context = RunContext {
        started_at: humantime::format_rfc3339_millis(started_at).to_string(),
        elapsed_s: Duration::from_nanos(elapsed_ns).as_secs_f64(),
        // The caller adds the duration of the opening.
        connections: Connections {
            close_codes,
            ..sum.connections
        },
        setup: has_scenario.then(|| connects.setup()),
        ready_ns: has_scenario.then(|| Latency::from_lazy(&connects.times.ready)),
        client: sum.usage,
        idle: Some(idle),
        ..RunContext::default()
    };
    context.set_connect_times(&connects.times);
    Recording {
        context,
        longest_still_ns: threads
            .iter()
            .map(|t| t.longest_still_ns)
            .max()
            .unwrap_or(0),
        record,
        clients,
        seed: 0,
        connect: connects.times,
        stops: threads.iter().flat_map(|t| t.stops.clone()).collect(),
        first_wake_ns,
    }
}

/// Describes this machine, with the current limit of open files.
pub fn describe_host(open_file_limit: Option<u64>) -> Host {
    let info = SystemInfo::read();
    Host {
        os: info.os,
        kernel: info.kernel,
        cpu: info.cpu,
        cores: info.cores,
        allowed_cores: info.allowed_cores,
        open_file_limit,
    }
}

/// The server's usage; `None` when server and generator share a process and the generator's part is unknown.
pub fn server_usage(used: ProcessUsage, generator: &GeneratorUsage) -> Option<ServerUsage> {
    let generator_cpu_s = if used.is_own { generator.cpu_s? } else { 0.0 };
    Some(ServerUsage {
        pid: used.pid,
        pids: used.pids,
        cpu_s: (used.cpu_s - generator_cpu_s).max(0.0),
        max_rss_bytes: used.max_rss_bytes,
        context_switches: used.context_switches.map(context_switches),
        messages_per_cpu_s: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_described_with_its_limit() {
        assert_eq!(describe_host(Some(7)).open_file_limit, Some(7));
    }

    #[test]
    fn the_generators_time_is_not_the_servers() {
        let used = ProcessUsage {
            pid: 1,
            pids: vec![1],
            cpu_s: 3.0,
            max_rss_bytes: None,
            context_switches: None,
            is_own: true,
        };
        let generator = |cpu_s| GeneratorUsage {
            cpu_s,
            ..GeneratorUsage::default()
        };
        let server_s = server_usage(used.clone(), &generator(Some(1.0)))
            .unwrap()
            .cpu_s;
        assert_eq!(server_s, 2.0);
        assert_eq!(server_usage(used, &generator(None)), None);
    }
}
