//! The threads put together: Connect → Warm-up → Measure → Drain → Close.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use measurement::plan::{Length, Plan};
use measurement::record;
use measurement::record::{BottomK, Record, Recorder};
use measurement::run::{ClientRow, Connections};
use measurement::verdict::{ConnectTimes, GeneratorUsage, Latency};
use mio::Poll;

use crate::SwarmError;
use crate::connect::Connector;
use crate::control::{Control, Phase};
use crate::payload::Payloads;
use crate::told::{client_usage, sum_by_reason};
use crate::worker::{self, Command, Connects, Inbox, Job, Report, ThreadResult};

/// How soon a wish to stop is noticed, and the end of a phase is shown.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is left of a run that took place.
#[derive(Debug)]
pub struct Finished {
    /// Counts, histograms, timeline and samples.
    pub record: Record,
    /// One row a client, by number.
    pub clients: Vec<ClientRow>,
    /// How the connections fared.
    pub connections: Connections,
    /// How long they took to open.
    pub connect_ns: ConnectTimes,
    /// What the generator threads used during the measured phase.
    pub usage: GeneratorUsage,
    /// Wall-clock time of T0.
    pub started_at: SystemTime,
    /// Length of the measured phase in seconds: the planned time, or until the last message was
    /// sent or echoed.
    pub elapsed_s: f64,
    /// The run was ended through its [`Control`].
    pub interrupted: bool,
}

/// Carries a plan out. Blocks until all connections are closed.
///
/// # Errors
/// [`SwarmError`] when the run cannot take place: the host is unknown, not one connection opens, or
/// a thread cannot be had. Whatever fails after that is counted.
pub fn run(plan: &Plan, control: &Control) -> Result<Finished, SwarmError> {
    run_observed(plan, control, |_| {})
}

/// Like [`run`]; `observe` is called as each phase is entered, from the calling thread.
///
/// # Errors
/// As [`run`].
pub fn run_observed(
    plan: &Plan,
    control: &Control,
    mut observe: impl FnMut(Phase),
) -> Result<Finished, SwarmError> {
    let mut enter = |phase| {
        control.enter(phase);
        observe(phase);
    };
    let budget = Arc::new(BottomK::new(plan.max_samples, plan.seed));
    let connector = Arc::new(Connector::new(plan)?);
    let payloads = Arc::new(Payloads::new(plan));
    let threads = plan.threads.get();
    control.set_threads(threads);
    enter(Phase::Connect);
    let begun = Instant::now();
    let (reporter, reports) = mpsc::channel();
    let mut commander = Commander(Vec::with_capacity(threads));
    let mut handles = Vec::with_capacity(threads);
    for thread in 0..threads {
        let job = Job {
            thread,
            plan: plan.clone(),
            payloads: Arc::clone(&payloads),
            budget: Arc::clone(&budget),
            connector: Arc::clone(&connector),
            control: control.clone(),
            begun,
        };
        let refused = |source| SwarmError::Thread { thread, source };
        let poll = Poll::new().map_err(refused)?;
        let inbox = Arc::new(Inbox::new(&poll).map_err(refused)?);
        commander.0.push(Arc::clone(&inbox));
        let reporter = reporter.clone();
        // A thread whose coordinator is gone ends by itself, so none needs to be joined.
        let handle = thread::Builder::new()
            .name(format!("swarm-{thread}"))
            .spawn(move || {
                if let Err(source) = worker::work(&job, poll, &inbox, &reporter) {
                    // If nobody listens any more, nobody is left to be told.
                    let _ = reporter.send(Report::Failed(thread, source));
                }
            })
            .map_err(refused)?;
        handles.push(handle);
    }
    drop(reporter);
    let mut coordinator = Coordinator {
        threads,
        handles,
        reports,
        control,
        connected: 0,
        opened: 0,
        opening: Duration::ZERO,
        done: 0,
        results: Vec::with_capacity(threads),
    };
    let t0 = coordinator.conduct(plan, begun, &commander, &mut enter)?;
    let (results, opening) = (coordinator.results, coordinator.opening);
    let stopped = control.is_stopped();
    let mut finished = match t0 {
        Some(t0) => merge(plan, results, &budget, t0, stopped),
        // Ended before T0 by the user: there is nothing but connections to tell of.
        None if stopped => merge(plan, results, &budget, SystemTime::now(), true),
        None => return Err(nothing_connected(plan, &results)),
    };
    finished.connections.opening_s = opening.as_secs_f64();
    Ok(finished)
}

/// Sends commands to all threads; gone, it ends them.
struct Commander(Vec<Arc<Inbox>>);

impl Commander {
    fn send(&self, change: impl Fn(&mut Command)) {
        for inbox in &self.0 {
            inbox.send(&change);
        }
    }
}

impl Drop for Commander {
    fn drop(&mut self) {
        self.send(|command| (command.stop, command.close) = (true, true));
    }
}

/// Conducts the threads, and keeps what they have reported. A thread reports when it is ready,
/// which need not be when it is waited for.
struct Coordinator<'a> {
    threads: usize,
    handles: Vec<JoinHandle<()>>,
    reports: Receiver<Report>,
    control: &'a Control,
    /// Threads whose connections have all opened or failed.
    connected: usize,
    /// Connections that opened.
    opened: u64,
    /// How long the opening took.
    opening: Duration,
    /// Threads whose clients have done what was planned.
    done: usize,
    results: Vec<ThreadResult>,
}

impl Coordinator<'_> {
    /// Takes the threads through all phases; the wall-clock time of T0, or `None` when no connection
    /// opened or the user ended the run before any message.
    fn conduct(
        &mut self,
        plan: &Plan,
        begun: Instant,
        commander: &Commander,
        enter: &mut impl FnMut(Phase),
    ) -> Result<Option<SystemTime>, SwarmError> {
        while self.connected < self.threads && !self.control.is_stopped() {
            self.listen(LOOK_EVERY)?;
        }
        self.opening = begun.elapsed();
        let mut started_at = None;
        if self.opened > 0 && !self.control.is_stopped() {
            let start = Instant::now();
            commander.send(|command| command.start = Some(start));
            started_at = Some(SystemTime::now() + plan.warmup);
            self.measure(plan, start + plan.warmup, commander, enter)?;
        }
        enter(Phase::Close);
        let stopped = self.control.is_stopped();
        commander.send(|command| {
            command.stop |= stopped;
            command.close = true;
        });
        while self.results.len() < self.threads {
            self.listen(LOOK_EVERY)?;
        }
        Ok(started_at)
    }

    /// From the first message to the last echo.
    fn measure(
        &mut self,
        plan: &Plan,
        t0: Instant,
        commander: &Commander,
        enter: &mut impl FnMut(Phase),
    ) -> Result<(), SwarmError> {
        let drain_at = plan.measured_time().map(|time| t0 + time);
        let mut phase = Phase::WarmUp;
        let mut stopping = false;
        enter(phase);
        while self.done < self.threads {
            let now = Instant::now();
            let (next, at) = match phase {
                Phase::WarmUp => (Phase::Measure, Some(t0)),
                Phase::Measure => (Phase::Drain, drain_at),
                other => (other, None),
            };
            if at.is_some_and(|at| now >= at) {
                phase = next;
                enter(phase);
                continue;
            }
            if !stopping && self.control.is_stopped() {
                stopping = true;
                commander.send(|command| command.stop = true);
            }
            // T0 and the end of a planned time are met as closely as the system allows.
            let until_then = at.map_or(LOOK_EVERY, |at| at.saturating_duration_since(now));
            self.listen(until_then.min(LOOK_EVERY))?;
        }
        Ok(())
    }

    fn take(&mut self, report: Report) -> Result<(), SwarmError> {
        match report {
            Report::Connected(opened) => {
                self.connected += 1;
                self.opened += opened;
            }
            Report::Done => self.done += 1,
            Report::Closed(result) => self.results.push(*result),
            Report::Failed(thread, source) => return Err(SwarmError::Thread { thread, source }),
        }
        Ok(())
    }

    /// A thread that has ended without its last report has panicked; nothing is to be waited for.
    fn miss_nobody(&mut self) -> Result<(), SwarmError> {
        let ended = self.handles.iter().filter(|h| h.is_finished()).count();
        if ended <= self.results.len() {
            return Ok(());
        }
        // What it sent before it ended has arrived by now.
        match self.reports.try_recv() {
            Ok(report) => self.take(report)?,
            Err(_) => return Err(SwarmError::ThreadEnded),
        }
        Ok(())
    }

    /// Takes the next report, if one comes in time.
    fn listen(&mut self, wait: Duration) -> Result<(), SwarmError> {
        match self.reports.recv_timeout(wait) {
            Ok(report) => self.take(report)?,
            Err(RecvTimeoutError::Timeout) => return self.miss_nobody(),
            Err(RecvTimeoutError::Disconnected) => return Err(SwarmError::ThreadEnded),
        }
        Ok(())
    }
}

fn nothing_connected(plan: &Plan, results: &[ThreadResult]) -> SwarmError {
    let failures = sum_by_reason(results.iter().map(|r| &r.connects.failures));
    let attempted = failures.values().sum();
    match failures.into_iter().max_by_key(|(_, n)| *n) {
        Some((reason, _)) => SwarmError::NothingConnected {
            url: plan.server_url.as_str().to_owned(),
            attempted,
            reason,
        },
        None => SwarmError::ThreadEnded,
    }
}

fn merge(
    plan: &Plan,
    results: Vec<ThreadResult>,
    budget: &BottomK,
    started_at: SystemTime,
    interrupted: bool,
) -> Finished {
    let usage = client_usage(results.iter().map(|r| r.used));
    let connect_ns = connect_times(results.iter().map(|r| &r.connects));
    let failures = sum_by_reason(results.iter().map(|r| &r.connects.failures));
    let early_ends = sum_by_reason(results.iter().map(|r| &r.early_ends));
    let closed_early = results.iter().map(|r| r.closed_early).sum();
    let sending_until_ns = results
        .iter()
        .map(|r| r.sending_until_ns)
        .max()
        .unwrap_or(0);
    let mut clients = Vec::new();
    let mut recorders = Vec::new();
    for result in results {
        clients.extend(result.clients);
        recorders.push(result.recorder);
    }
    clients.sort_unstable_by_key(|row| row.client);
    let mut record = Recorder::merge(recorders, budget);
    let elapsed_ns = match plan.length {
        // A time that is planned ends when it ends, also when echoes are still under way.
        Length::Duration(_) => sending_until_ns,
        Length::MessagesPerClient(_) if interrupted => sending_until_ns,
        Length::MessagesPerClient(_) => sending_until_ns.max(record.last_received_ns),
    };
    record::fill_timeline(&mut record.timeline, elapsed_ns);
    let mut close_codes = BTreeMap::new();
    for code in clients.iter().filter_map(|row| row.close_code) {
        *close_codes.entry(code).or_default() += 1;
    }
    let opened = connect_ns.total.count;
    let failed = failures.values().sum();
    Finished {
        connections: Connections {
            attempted: opened + failed,
            opened,
            failed,
            closed_early,
            close_codes,
            // Known to who conducted the run.
            opening_s: 0.0,
            failures,
            early_ends,
        },
        record,
        clients,
        connect_ns,
        usage,
        started_at,
        elapsed_s: Duration::from_nanos(elapsed_ns).as_secs_f64(),
        interrupted,
    }
}

fn connect_times<'a>(threads: impl Iterator<Item = &'a Connects>) -> ConnectTimes {
    let mut all = Connects::default();
    for thread in threads {
        all.tcp.merge(&thread.tcp);
        all.tls.merge(&thread.tls);
        all.upgrade.merge(&thread.upgrade);
        all.total.merge(&thread.total);
    }
    ConnectTimes {
        tcp: Latency::from(&all.tcp),
        tls: (all.tls.count() > 0).then(|| Latency::from(&all.tls)),
        upgrade: Latency::from(&all.upgrade),
        total: Latency::from(&all.total),
    }
}
