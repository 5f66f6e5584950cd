//! One generator thread: its clients, and what they share because it is theirs alone.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use host::cores;
use host::thread_usage::ThreadUsage;
use measurement::plan::Plan;
use measurement::record::{BottomK, LatencyHistogram, Recorder};
use measurement::run::ClientRow;
use mio::{Poll, Waker};

use crate::connect::Connector;
use crate::control::Control;
use crate::fleet::{COMMAND, Fleet};
use crate::payload::Payloads;
use crate::shared::{Run, Shared, Signal};
use crate::told::Used;

/// Handshakes of one thread under way at a time: enough to keep a server busy, few enough for its
/// backlog and for our memory.
const HANDSHAKES_AT_ONCE: usize = 128;

/// How often a thread tells how it stands, when somebody looks on.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// How soon, while connections are opened, the open ones are looked after and a wish to end is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How soon a Unix socket is tried again whose server had no room for one more.
const RETRY_EVERY: Duration = Duration::from_millis(1);

/// What the coordinator wants of a thread; a later state includes the earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) start: Option<Instant>,
    /// The user ended the run.
    pub(crate) stop: bool,
    pub(crate) close: bool,
}

/// Where a thread finds its commands.
#[derive(Debug)]
pub(crate) struct Inbox {
    command: Mutex<Command>,
    waker: Waker,
}

impl Inbox {
    /// The inbox of the thread that waits with this poll.
    pub(crate) fn new(poll: &Poll) -> io::Result<Self> {
        Ok(Self {
            command: Mutex::default(),
            waker: Waker::new(poll.registry(), COMMAND)?,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Command> {
        self.command.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the command and wakes the thread.
    pub(crate) fn send(&self, change: impl FnOnce(&mut Command)) {
        change(&mut self.lock());
        // A thread that cannot be woken looks by itself now and then.
        let _ = self.waker.wake();
    }

    fn command(&self) -> Command {
        *self.lock()
    }
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
    /// The system refused what this thread cannot do without; the thread ends.
    Failed(usize, io::Error),
}

/// What one thread found.
#[derive(Debug)]
pub(crate) struct ThreadResult {
    pub(crate) recorder: Recorder,
    pub(crate) clients: Vec<ClientRow>,
    pub(crate) connects: Connects,
    pub(crate) closed_early: u64,
    pub(crate) early_ends: BTreeMap<String, u64>,
    /// What it used between T0 and the end of its last client.
    pub(crate) used: Used,
    /// When its last client stopped sending, in nanoseconds since T0.
    pub(crate) sending_until_ns: u64,
}

/// How the connections of a thread opened.
#[derive(Debug, Default)]
pub(crate) struct Connects {
    pub(crate) tcp: LatencyHistogram,
    /// Empty without TLS.
    pub(crate) tls: LatencyHistogram,
    pub(crate) upgrade: LatencyHistogram,
    pub(crate) total: LatencyHistogram,
    pub(crate) failures: BTreeMap<String, u64>,
}

/// What the run has in common, handed to every thread.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) thread: usize,
    pub(crate) plan: Plan,
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) budget: Arc<BottomK>,
    pub(crate) connector: Arc<Connector>,
    pub(crate) control: Control,
    /// When opening began, for the connect rate.
    pub(crate) begun: Instant,
}

/// Runs a thread's share of the plan and reports; returns when all its connections are closed.
///
/// # Errors
/// When the system refuses what the thread cannot do without.
pub(crate) fn work(
    job: &Job,
    poll: Poll,
    inbox: &Inbox,
    reports: &Sender<Report>,
) -> io::Result<()> {
    if let Some(cores) = std::num::NonZeroUsize::new(job.plan.pin.len()) {
        let core = job.plan.pin[job.thread % cores];
        cores::pin_thread(core).map_err(|e| {
            io::Error::new(e.kind(), format!("it cannot be kept on core {core}: {e}"))
        })?;
    }
    let clients = job.plan.clients_of(job.thread).len();
    let shared = Shared::new(job, clients);
    let mut fleet = Fleet::new(
        poll,
        shared,
        Arc::clone(&job.connector),
        clients,
        job.plan.busy_poll,
    )?;
    open_all(job, &mut fleet, inbox)?;
    // The coordinator outlives its threads; if it does not, nobody listens.
    let _ = reports.send(Report::Connected(fleet.shared.opened()));
    let usage = conduct(job, &mut fleet, inbox, reports)?;
    let used = fleet.shared.used(usage);
    if job.control.is_watched() {
        // What is found in the end is what was told last.
        job.control.tell(job.thread, fleet.shared.told(usage));
    }
    let (recorder, connects, ended) = fleet.shared.into_parts();
    let _ = reports.send(Report::Closed(Box::new(ThreadResult {
        recorder,
        clients: ended.clients,
        connects,
        closed_early: ended.closed_early,
        early_ends: ended.early_ends,
        used,
        sending_until_ns: ended.sending_until_ns,
    })));
    Ok(())
}

/// Opens the connections of a thread, each when its turn has come, so that the memory of handshakes is
/// that of the ones under way. Those that are open are looked after meanwhile.
fn open_all(job: &Job, fleet: &mut Fleet, inbox: &Inbox) -> io::Result<()> {
    let mut clients = job.plan.clients_of(job.thread).peekable();
    let mut tell_at = Instant::now();
    while (clients.peek().is_some() || fleet.opening() > 0) && !inbox.command().close {
        let mut wait = LOOK_EVERY;
        while let Some(client) = clients.peek()
            && fleet.opening() < HANDSHAKES_AT_ONCE
        {
            if let Some(rate) = job.plan.connect_rate {
                let due =
                    job.begun + Duration::from_secs_f64(f64::from(*client) / rate.per_second());
                let until_due = due.saturating_duration_since(Instant::now());
                if !until_due.is_zero() {
                    wait = wait.min(until_due);
                    break;
                }
            }
            fleet.open(*client);
            clients.next();
        }
        if fleet.retry_openings() {
            wait = wait.min(RETRY_EVERY);
        }
        fleet.turn(wait)?;
        tell(job, fleet, &mut tell_at, || None);
    }
    // The run ended, or nobody conducts it any more.
    fleet.abandon_openings();
    for client in clients {
        fleet.shared.never_opened(client);
    }
    Ok(())
}

/// Tells how the thread stands, if somebody looks on and it is time.
fn tell(
    job: &Job,
    fleet: &Fleet,
    at: &mut Instant,
    usage: impl FnOnce() -> Option<(ThreadUsage, f64)>,
) {
    let now = Instant::now();
    if job.control.is_watched() && now >= *at {
        *at = now + TELL_EVERY;
        job.control.tell(job.thread, fleet.shared.told(usage()));
    }
}

/// Where a thread's counters stood at T0.
#[derive(Debug, Clone, Copy)]
struct AtT0 {
    at: Instant,
    usage: ThreadUsage,
    idle_ns: u64,
}

impl AtT0 {
    fn now(fleet: &Fleet) -> Self {
        Self {
            at: Instant::now(),
            usage: ThreadUsage::now(),
            idle_ns: fleet.idle_ns(),
        }
    }

    /// What the thread has used since, and how long that was in seconds.
    fn used(self, job: &Job, fleet: &Fleet) -> (ThreadUsage, f64) {
        let over_s = self.at.elapsed().as_secs_f64();
        let mut used = ThreadUsage::now().since(self.usage);
        let idle = Duration::from_nanos(fleet.idle_ns() - self.idle_ns);
        used.busy_s = job.plan.busy_poll.then_some(over_s - idle.as_secs_f64());
        (used, over_s)
    }
}

/// Passes the coordinator's commands on to the clients, and their progress back to it, until all
/// connections are over.
fn conduct(
    job: &Job,
    fleet: &mut Fleet,
    inbox: &Inbox,
    reports: &Sender<Report>,
) -> io::Result<Option<(ThreadUsage, f64)>> {
    let mut command = Command::default();
    let mut begun: Option<AtT0> = None;
    let mut used = None;
    let mut is_done = false;
    let mut tell_at = Instant::now();
    while !(command.close && fleet.alive() == 0) {
        let now = Instant::now();
        let t0 = fleet
            .shared
            .signal()
            .run
            .map(|run| fleet.shared.clock.instant(run.t0_ns));
        if begun.is_none() && t0.is_some_and(|t0| now >= t0) {
            begun = Some(AtT0::now(fleet));
        }
        if !is_done && fleet.shared.busy() == 0 {
            is_done = true;
            used = begun.map(|begun| begun.used(job, fleet));
            let _ = reports.send(Report::Done);
        }
        tell(job, fleet, &mut tell_at, || {
            used.or_else(|| Some(begun?.used(job, fleet)))
        });
        let wanted = inbox.command();
        if wanted != command {
            command = wanted;
            obey(&job.plan, fleet, command);
        }
        // T0 is met as closely as the system allows; otherwise commands wake the thread.
        let until_t0 = t0.filter(|_| begun.is_none());
        let at_most = until_t0.map_or(TELL_EVERY, |t0| t0.saturating_duration_since(now));
        fleet.turn(at_most.min(TELL_EVERY))?;
    }
    fleet.shared.count_orphans();
    Ok(used)
}

fn obey(plan: &Plan, fleet: &mut Fleet, command: Command) {
    let shared = &fleet.shared;
    let run = shared.signal().run.or_else(|| {
        command.start.map(|start| {
            let start_ns = shared.clock.at(start);
            let t0_ns = shared.clock.at(start + plan.warmup);
            let end_ns = plan
                .measured_time()
                .map_or(u64::MAX, |time| t0_ns + nanoseconds(time));
            shared.measure_until(end_ns - t0_ns);
            Run {
                start_ns,
                t0_ns,
                end_ns,
            }
        })
    });
    if let Some(run) = run.filter(|_| command.stop && !shared.signal().stop) {
        let now_ns = shared.clock.now_ns();
        shared.measure_until(now_ns.saturating_sub(run.t0_ns));
        shared.stopped_at(now_ns);
    }
    fleet.signal(Signal {
        run,
        stop: command.stop,
        close: command.close,
    });
}

/// Saturates after 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
