//! A run: Connect → Warm-up → Measure → Drain → Close.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use measurement::plan::{Length, Plan};
use measurement::record;
use measurement::record::{BottomK, Record, Recorder};
use measurement::run::{ClientRow, Connections};
use measurement::verdict::{ConnectTimes, GeneratorUsage};

use crate::SwarmError;
use crate::client_stats::ClientStats;
use crate::connect::connect_stats::ConnectStats;
use crate::connect::connector::Connector;
use crate::coordinator::Coordinator;
use crate::handle::RunHandle;
use crate::message::payload::Payloads;
use crate::progress::{Phase, ThreadLoad, generator_usage, sum_by_reason};
use crate::worker::{ThreadResult, WorkerJob};

/// Result of a run that took place.
#[derive(Debug)]
pub struct Finished {
    /// Counts, histograms, timeline and samples.
    pub record: Record,
    /// One row per client, by number.
    pub clients: Vec<ClientRow>,
    /// Results of the connections.
    pub connections: Connections,
    /// Connect times.
    pub connect_ns: ConnectTimes,
    /// Usage of the generator threads during the measured phase.
    pub usage: GeneratorUsage,
    /// Wall-clock time of T0.
    pub started_at: SystemTime,
    /// Length of the measured phase in seconds: the planned time, or until the last message was
    /// sent or echoed.
    pub elapsed_s: f64,
    /// The run was ended through its [`RunHandle`].
    pub interrupted: bool,
}

/// Executes a plan. Blocks until all connections are closed.
///
/// # Errors
/// [`SwarmError`] when the run cannot take place: the host is unknown, no connection opens, or
/// the system refuses a thread. Every later failure is counted.
pub fn run(plan: &Plan, handle: &RunHandle) -> Result<Finished, SwarmError> {
    run_observed(plan, handle, |_| {})
}

/// Executes a plan as [`run`] does, and calls `observe` as each phase begins, from the calling thread.
///
/// # Errors
/// Those of [`run`].
pub fn run_observed(
    plan: &Plan,
    handle: &RunHandle,
    mut observe: impl FnMut(Phase),
) -> Result<Finished, SwarmError> {
    let mut enter = |phase| {
        handle.enter(phase);
        observe(phase);
    };
    let budget = Arc::new(BottomK::new(plan.max_samples, plan.seed));
    let connector = Arc::new(Connector::new(plan)?);
    let payloads = Arc::new(Payloads::new(plan));
    handle.set_threads(plan.threads.get());
    enter(Phase::Connect);
    let begun = Instant::now();
    let mut coordinator = Coordinator::start(&WorkerJob {
        thread: 0,
        plan: plan.clone(),
        payloads,
        budget: Arc::clone(&budget),
        connector,
        handle: handle.clone(),
        begun,
    })?;
    let t0 = coordinator.run_phases(plan, begun, &mut enter)?;
    let stopped = handle.is_stopped();
    let started_at = match t0 {
        Some(t0) => t0,
        // Ended by the user before T0: only the connections have results.
        None if stopped => SystemTime::now(),
        None => return Err(nothing_connected(plan, &coordinator.results)),
    };
    let results = std::mem::take(&mut coordinator.results);
    let mut finished = merge(plan, results, &budget, started_at, stopped);
    finished.connections.opening_s = coordinator.opening.as_secs_f64();
    Ok(finished)
}

fn nothing_connected(plan: &Plan, results: &[ThreadResult]) -> SwarmError {
    let mut connects = ConnectStats::default();
    results.iter().for_each(|r| connects.add(&r.connects));
    let failures = connects.failures();
    let most_frequent = failures
        .iter()
        .max_by_key(|(failure, n)| (**n, failure.to_string()));
    match most_frequent {
        Some((cause, _)) => SwarmError::NothingConnected {
            url: plan.server_url.as_str().to_owned(),
            attempted: failures.values().sum(),
            cause: cause.clone(),
        },
        None => SwarmError::ThreadEnded,
    }
}

/// Merges the results of all threads.
fn merge(
    plan: &Plan,
    results: Vec<ThreadResult>,
    budget: &BottomK,
    started_at: SystemTime,
    interrupted: bool,
) -> Finished {
    let usage = generator_usage(results.iter().map(|r| ThreadLoad {
        usage: r.usage,
        blocked_writes: r.clients.blocked_writes,
    }));
    let mut connects = ConnectStats::default();
    let mut clients = ClientStats::new(0);
    let mut recorders = Vec::new();
    for result in results {
        connects.add(&result.connects);
        clients.add(result.clients);
        recorders.push(result.recorder);
    }
    clients.rows.sort_unstable_by_key(|row| row.client);
    let mut record = Recorder::merge(recorders, budget);
    let elapsed_ns = match plan.length {
        // A planned time ends as planned, even if echoes are still under way.
        Length::Duration(_) => clients.sending_until_ns,
        Length::MessagesPerClient(_) if interrupted => clients.sending_until_ns,
        Length::MessagesPerClient(_) => clients.sending_until_ns.max(record.last_received_ns),
    };
    record::fill_timeline(&mut record.timeline, elapsed_ns);
    Finished {
        connections: connections(&connects, &clients),
        record,
        clients: clients.rows,
        connect_ns: connects.times(),
        usage,
        started_at,
        elapsed_s: Duration::from_nanos(elapsed_ns).as_secs_f64(),
        interrupted,
    }
}

/// Results of the connections; the duration of the opening is added by the caller.
fn connections(connects: &ConnectStats, clients: &ClientStats) -> Connections {
    let mut close_codes = BTreeMap::new();
    for code in clients.rows.iter().filter_map(|row| row.close_code) {
        *close_codes.entry(code).or_default() += 1;
    }
    let opened = connects.opened();
    let failures = sum_by_reason([connects.failures()].into_iter());
    let failed = failures.values().sum();
    Connections {
        attempted: opened + failed,
        opened,
        failed,
        failures,
        closed_early: clients.closed_early,
        early_ends: sum_by_reason([&clients.early_ends].into_iter()),
        close_codes,
        opening_s: 0.0,
    }
}
