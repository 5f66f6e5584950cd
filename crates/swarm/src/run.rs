//! The threads put together: Connect → Warm-up → Measure → Drain → Close.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use measurement::plan::{Length, Plan};
use measurement::recorder::{Record, Recorder};
use measurement::sample::SampleBudget;
use measurement::summary::{ClientRow, ClientUsage, ConnectTimes, Connections, Latency};
use tokio::sync::watch;

use crate::SwarmError;
use crate::connect::Connector;
use crate::control::{Control, Phase};
use crate::payload::Payloads;
use crate::usage::{ThreadUsage, max_rss_bytes};
use crate::worker::{self, Command, Connects, Job, Report, ThreadResult};

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
    pub usage: ClientUsage,
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
    let budget = Arc::new(SampleBudget::new(plan.max_samples, plan.seed));
    let connector = Arc::new(Connector::new(plan)?);
    let payloads = Arc::new(Payloads::new(plan));
    let threads = plan.threads.get();
    control.set_threads(threads);
    enter(Phase::Connect);
    let begun = Instant::now();
    let (reporter, reports) = mpsc::channel();
    let (commander, _) = watch::channel(Command::default());
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
        let (commands, reporter) = (commander.subscribe(), reporter.clone());
        // A thread whose coordinator is gone ends by itself, so none needs to be joined.
        thread::Builder::new()
            .name(format!("swarm-{thread}"))
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                // Without a runtime the report is missed, which is told as this thread's end.
                if let Ok(runtime) = runtime {
                    runtime.block_on(worker::work(job, commands, reporter));
                }
            })
            .map_err(|source| SwarmError::Thread { thread, source })?;
    }
    drop(reporter);
    let mut coordinator = Coordinator {
        threads,
        reports,
        control,
    };
    let conducted = coordinator.conduct(plan, &commander, &mut enter)?;
    let Some(t0) = conducted.t0 else {
        return Err(nothing_connected(plan, &conducted.results));
    };
    Ok(merge(
        plan,
        conducted.results,
        &budget,
        t0,
        control.is_stopped(),
    ))
}

/// Wall clock and steady clock at T0.
type T0 = (SystemTime, Instant);

struct Conducted {
    results: Vec<ThreadResult>,
    /// `None` when no connection opened, or the user ended the run before any message.
    t0: Option<T0>,
}

struct Coordinator<'a> {
    threads: usize,
    reports: Receiver<Report>,
    control: &'a Control,
}

impl Coordinator<'_> {
    fn conduct(
        &mut self,
        plan: &Plan,
        commander: &watch::Sender<Command>,
        enter: &mut impl FnMut(Phase),
    ) -> Result<Conducted, SwarmError> {
        let mut opened = 0;
        let mut connected = 0;
        while connected < self.threads && !self.control.is_stopped() {
            if let Some(Report::Connected(n)) = self.next(LOOK_EVERY)? {
                connected += 1;
                opened += n;
            }
        }
        let mut t0 = None;
        if opened > 0 && !self.control.is_stopped() {
            let start = Instant::now();
            commander.send_modify(|command| command.start = Some(start));
            t0 = Some((SystemTime::now() + plan.warmup, start + plan.warmup));
            self.measure(plan, start + plan.warmup, commander, enter)?;
        }
        enter(Phase::Close);
        commander.send_modify(|command| {
            command.stop |= self.control.is_stopped();
            command.close = true;
        });
        let mut results = Vec::with_capacity(self.threads);
        while results.len() < self.threads {
            if let Some(Report::Closed(result)) = self.next(LOOK_EVERY)? {
                results.push(*result);
            }
        }
        Ok(Conducted { results, t0 })
    }

    /// From the first message to the last echo.
    fn measure(
        &mut self,
        plan: &Plan,
        t0: Instant,
        commander: &watch::Sender<Command>,
        enter: &mut impl FnMut(Phase),
    ) -> Result<(), SwarmError> {
        let drain_at = plan.measured_time().map(|time| t0 + time);
        let mut phase = Phase::WarmUp;
        enter(phase);
        let mut done = 0;
        while done < self.threads {
            let now = Instant::now();
            let reached = match phase {
                Phase::WarmUp if now >= t0 => Phase::Measure,
                Phase::Measure if drain_at.is_some_and(|at| now >= at) => Phase::Drain,
                same => same,
            };
            if reached != phase {
                phase = reached;
                enter(phase);
                continue;
            }
            let stopped = self.control.is_stopped();
            commander.send_if_modified(|command| {
                !std::mem::replace(&mut command.stop, stopped) && stopped
            });
            // T0 and the end of a planned time are met as closely as the system allows.
            let next_phase = if phase == Phase::WarmUp {
                Some(t0)
            } else {
                drain_at
            };
            let until_then = next_phase.map_or(LOOK_EVERY, |at| at.saturating_duration_since(now));
            let wait = if phase == Phase::Drain {
                LOOK_EVERY
            } else {
                until_then.min(LOOK_EVERY)
            };
            if let Some(Report::Done) = self.next(wait)? {
                done += 1;
            }
        }
        Ok(())
    }

    /// The next report, if one comes soon.
    fn next(&mut self, wait: Duration) -> Result<Option<Report>, SwarmError> {
        match self.reports.recv_timeout(wait) {
            Ok(report) => Ok(Some(report)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(SwarmError::ThreadEnded),
        }
    }
}

fn nothing_connected(plan: &Plan, results: &[ThreadResult]) -> SwarmError {
    let failures = add_up(results.iter().map(|r| &r.connects.failures));
    let attempted = failures.values().sum();
    match failures.into_iter().max_by_key(|(_, n)| *n) {
        Some((reason, _)) => SwarmError::NothingConnected {
            url: plan.target.url().to_owned(),
            attempted,
            reason,
        },
        None => SwarmError::Interrupted,
    }
}

fn add_up<'a>(counts: impl Iterator<Item = &'a BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (reason, n) in counts.flatten() {
        *sums.entry(reason.clone()).or_default() += n;
    }
    sums
}

fn merge(
    plan: &Plan,
    results: Vec<ThreadResult>,
    budget: &SampleBudget,
    (started_at, _): T0,
    interrupted: bool,
) -> Finished {
    let usage = usage(&results);
    let connect_ns = connect_times(results.iter().map(|r| &r.connects));
    let failures = add_up(results.iter().map(|r| &r.connects.failures));
    let early_ends = add_up(results.iter().map(|r| &r.early_ends));
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
    let record = Recorder::merge(recorders, budget);
    let elapsed_ns = match plan.length {
        // A time that is planned ends when it ends, also when echoes are still under way.
        Length::Duration(_) => sending_until_ns,
        Length::MessagesPerClient(_) if interrupted => sending_until_ns,
        Length::MessagesPerClient(_) => sending_until_ns.max(record.last_received_ns),
    };
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
        all.upgrade.merge(&thread.upgrade);
        all.total.merge(&thread.total);
    }
    ConnectTimes {
        tcp: Latency::from(&all.tcp),
        tls: None,
        upgrade: Latency::from(&all.upgrade),
        total: Latency::from(&all.total),
    }
}

/// What the threads used, added up; the busiest one and the longest wait decide the shares.
fn usage(results: &[ThreadResult]) -> ClientUsage {
    let used: Vec<(ThreadUsage, f64)> = results.iter().filter_map(|r| r.usage).collect();
    let sum = |of: fn(&ThreadUsage) -> Option<f64>| used.iter().map(|(u, _)| of(u)).sum();
    let share = |of: fn(&ThreadUsage) -> Option<f64>| {
        used.iter()
            .filter(|(_, over_s)| *over_s > 0.0)
            .filter_map(|(u, over_s)| Some(of(u)? / over_s))
            .max_by(f64::total_cmp)
    };
    ClientUsage {
        cpu_s: sum(|u| u.cpu_s),
        user_cpu_s: sum(|u| u.user_s),
        cpu_per_core: share(|u| u.cpu_s),
        max_rss_bytes: max_rss_bytes(),
        run_queue_wait_s: sum(|u| u.run_queue_wait_s),
        run_queue_wait_share: share(|u| u.run_queue_wait_s),
    }
}
