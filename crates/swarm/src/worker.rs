//! One generator thread: its clients, and what they share because it is theirs alone.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use measurement::distribution::Distribution;
use measurement::plan::Plan;
use measurement::recorder::Recorder;
use measurement::sample::SampleBudget;
use measurement::summary::ClientRow;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::LocalSet;

use crate::connect::{ConnectError, Connector, Opened};
use crate::connection::Client;
use crate::control::Control;
use crate::payload::Payloads;
use crate::shared::{Run, Shared, Signal};
use crate::usage::ThreadUsage;

/// Handshakes of one thread under way at a time: enough to keep a server busy, few enough for its
/// backlog and for our memory.
const HANDSHAKES_AT_ONCE: usize = 128;

/// How often a thread tells how it stands, when somebody looks on.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// What the coordinator wants of the threads; a later state includes the earlier ones.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Command {
    pub(crate) start: Option<Instant>,
    /// The user ended the run.
    pub(crate) stop: bool,
    pub(crate) close: bool,
}

/// What a thread reports to the coordinator.
#[derive(Debug)]
pub(crate) enum Report {
    /// All its connections have opened or failed; so many opened.
    Connected(u64),
    /// All its clients have done what was planned.
    Done,
    /// All its connections are closed; the thread ends.
    Closed(Box<ThreadResult>),
}

/// What one thread found.
#[derive(Debug)]
pub(crate) struct ThreadResult {
    pub(crate) recorder: Recorder,
    pub(crate) clients: Vec<ClientRow>,
    pub(crate) connects: Connects,
    pub(crate) closed_early: u64,
    pub(crate) early_ends: BTreeMap<String, u64>,
    /// What it used between T0 and the end of its last client, and how long that was in seconds;
    /// `None` when there was no measured phase.
    pub(crate) usage: Option<(ThreadUsage, f64)>,
    /// When its last client stopped sending, in nanoseconds since T0.
    pub(crate) sending_until_ns: u64,
}

/// How the connections of a thread opened.
#[derive(Debug, Default)]
pub(crate) struct Connects {
    pub(crate) tcp: Distribution,
    pub(crate) upgrade: Distribution,
    pub(crate) total: Distribution,
    pub(crate) failures: BTreeMap<String, u64>,
}

/// What the run has in common, handed to every thread.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) thread: usize,
    pub(crate) plan: Plan,
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) budget: Arc<SampleBudget>,
    pub(crate) connector: Arc<Connector>,
    pub(crate) control: Control,
    /// When opening began, for the connect rate.
    pub(crate) begun: Instant,
}

/// Runs a thread's share of the plan and reports; returns when all its connections are closed.
pub(crate) async fn work(
    job: Job,
    mut commands: watch::Receiver<Command>,
    reports: Sender<Report>,
) {
    let job = Rc::new(job);
    let clients = job.plan.clients_of(job.thread).len();
    let shared = Rc::new(Shared::new(&job, clients));
    let tasks = LocalSet::new();
    tasks.spawn_local(dial(Rc::clone(&job), Rc::clone(&shared), commands.clone()));
    if job.control.is_watched() {
        tasks.spawn_local(tell(Rc::clone(&job), Rc::clone(&shared)));
    }
    let usage = tasks
        .run_until(conduct(&job, &shared, &mut commands, &reports))
        .await;
    // The tasks hold the shared state; all of them are over.
    tasks.await;
    let Some(shared) = Rc::into_inner(shared) else {
        return;
    };
    let (recorder, connects, ended) = shared.into_parts();
    // The coordinator outlives its threads; if it does not, nobody listens.
    let _ = reports.send(Report::Closed(Box::new(ThreadResult {
        recorder,
        clients: ended.clients,
        connects,
        closed_early: ended.closed_early,
        early_ends: ended.early_ends,
        usage,
        sending_until_ns: ended.sending_until_ns,
    })));
}

/// Passes the coordinator's commands on to the clients, and their progress back to it.
async fn conduct(
    job: &Job,
    shared: &Rc<Shared>,
    commands: &mut watch::Receiver<Command>,
    reports: &Sender<Report>,
) -> Option<(ThreadUsage, f64)> {
    let mut at_t0 = None;
    let mut used = None;
    let mut told = (false, false);
    loop {
        if !told.0 && shared.connecting() == 0 {
            told.0 = true;
            let _ = reports.send(Report::Connected(shared.opened()));
        }
        if !told.1 && shared.busy() == 0 {
            told.1 = true;
            used = at_t0.map(|(begun, before): (Instant, ThreadUsage)| {
                let over_s = begun.elapsed().as_secs_f64();
                (ThreadUsage::now().since(before), over_s)
            });
            let _ = reports.send(Report::Done);
        }
        let run = shared.signal().run;
        let t0 = run
            .filter(|_| at_t0.is_none())
            .map(|run| shared.clock.instant(run.t0_ns));
        tokio::select! {
            () = shared.changed() => {}
            () = sleep_until(t0), if t0.is_some() => {
                at_t0 = Some((Instant::now(), ThreadUsage::now()));
            }
            changed = commands.changed() => {
                let mut command = *commands.borrow_and_update();
                if changed.is_err() {
                    // Nobody conducts the run any more.
                    (command.stop, command.close) = (true, true);
                }
                obey(&job.plan, shared, command);
                if command.close {
                    return used;
                }
            }
        }
    }
}

async fn sleep_until(instant: Option<Instant>) {
    if let Some(instant) = instant {
        tokio::time::sleep_until(instant.into()).await;
    }
}

fn obey(plan: &Plan, shared: &Shared, command: Command) {
    let run = shared.signal().run.or_else(|| {
        command.start.map(|start| {
            let t0_ns = shared.clock.at(start + plan.warmup);
            let end_ns = plan
                .measured_time()
                .map_or(u64::MAX, |time| t0_ns + nanoseconds(time));
            shared.measure_until(end_ns - t0_ns);
            Run { t0_ns, end_ns }
        })
    });
    if let Some(run) = run.filter(|_| command.stop && !shared.signal().stop) {
        shared.measure_until(shared.clock.now_ns().saturating_sub(run.t0_ns));
    }
    shared.send_signal(Signal {
        run,
        stop: command.stop,
        close: command.close,
    });
}

/// Tells now and then how the thread stands.
async fn tell(job: Rc<Job>, shared: Rc<Shared>) {
    let mut ticks = tokio::time::interval(TELL_EVERY);
    while !shared.signal().close {
        ticks.tick().await;
        job.control.tell(job.thread, shared.progress());
    }
}

/// Gives each client a task when its turn to open has come, so that the memory of handshakes is
/// that of the ones under way.
async fn dial(job: Rc<Job>, shared: Rc<Shared>, mut commands: watch::Receiver<Command>) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_AT_ONCE));
    for client in job.plan.clients_of(job.thread) {
        let turn = async {
            if let Some(rate) = job.plan.connect_rate {
                let due = Duration::from_secs_f64(f64::from(client) / rate.per_second());
                tokio::time::sleep_until((job.begun + due).into()).await;
            }
            Arc::clone(&handshakes).acquire_owned().await
        };
        let clients_commands = commands.clone();
        tokio::select! {
            turn = turn => {
                let (job, shared) = (Rc::clone(&job), Rc::clone(&shared));
                tokio::task::spawn_local(live(client, job, shared, turn.ok(), clients_commands));
            }
            // The run ended, or nobody conducts it any more.
            _ = commands.wait_for(|command| command.close) => shared.never_opened(client),
        }
    }
}

/// One client from opening to close; its turn is over when it has opened.
async fn live(
    client: u32,
    job: Rc<Job>,
    shared: Rc<Shared>,
    turn: Option<OwnedSemaphorePermit>,
    commands: watch::Receiver<Command>,
) {
    // Boxed, so that the memory of a handshake is given back when it is over.
    let opened = Box::pin(connect(&job, &shared, commands)).await;
    drop((turn, job));
    match opened {
        Some(opened) => {
            shared.opened_one();
            Box::pin(Client::new(client, opened, &shared).live(&shared)).await;
        }
        None => shared.never_opened(client),
    }
}

/// Opens a client's connection; `None` when it fails or the run ends.
async fn connect(
    job: &Job,
    shared: &Shared,
    mut commands: watch::Receiver<Command>,
) -> Option<Opened> {
    let opened: Result<Opened, ConnectError> = tokio::select! {
        opened = job.connector.open() => opened,
        // The run ended, or nobody conducts it any more.
        _ = commands.wait_for(|command| command.close) => return None,
    };
    shared.count_connect(&opened);
    opened.ok()
}

/// Saturates after 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
