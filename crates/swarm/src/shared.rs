//! What the clients of one thread share, because it is theirs alone: no locks, no atomics.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use host::thread_usage::ThreadUsage;
use measurement::plan::{Length, Load, Plan, RateProfile, Schedule, Until, Verify};
use measurement::record::{BottomK, Recorder};
use measurement::run::ClientRow;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::clock::Clock;
use crate::connect::{ConnectError, Opened};
use crate::connection::Orphan;
use crate::payload::Payloads;
use crate::told::{Told, Used};
use crate::worker::{Connects, Job, nanoseconds};
use websocket_wire::{MessageKind, WriteBuffer};

/// Bytes read from a socket at once, and written to it at once.
pub(crate) const BUFFER_LEN: usize = 64 * 1024;

/// Room for control frames beside that: what a client keeps of them, and one more.
const CONTROL_LEN: usize = 2 * crate::connection::MAX_CONTROL_BACKLOG;

/// Samples that room is made for at once when a time is planned: more come as they are needed.
const SAMPLES_AT_FIRST: u64 = 1 << 16;

/// The shared state of a thread.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) rules: Rules,
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) budget: Arc<BottomK>,
    pub(crate) clock: Clock,
    pub(crate) read_buffer: RefCell<Box<[u8]>>,
    pub(crate) buffers: RefCell<Buffers>,
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) agenda: RefCell<Agenda>,
    signal: Signal,
    blocked_writes: Cell<u64>,
    connects: RefCell<Connects>,
    /// Clients that have not yet done what was planned.
    busy: Cell<usize>,
    opened: Cell<u64>,
    ended: RefCell<Ended>,
    /// Where the schedules of clients stood whose connections ended before them.
    orphans: RefCell<Vec<Orphan>>,
    /// When the user ended the run, on the thread's clock; `u64::MAX` while nobody has.
    stopped_ns: Cell<u64>,
}

/// The plan as the hot path needs it.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) clients: u32,
    /// Measured messages per client; `u64::MAX` when a time is planned.
    pub(crate) messages: u64,
    /// Most messages in flight per client.
    pub(crate) window: usize,
    /// When messages are due; `None` in closed loop.
    pub(crate) open_loop: Option<OpenLoop>,
    pub(crate) timeout_ns: u64,
    pub(crate) verify: Verify,
    pub(crate) kind: MessageKind,
}

/// The schedules of an open loop.
#[derive(Debug, Clone)]
pub(crate) struct OpenLoop {
    /// From the start of the warm-up; `None` when it sends nothing.
    pub(crate) warm_up: Option<Schedule>,
    /// From T0.
    pub(crate) measured: Schedule,
}

impl OpenLoop {
    fn of(plan: &Plan) -> Option<Self> {
        let Load::Open {
            profile, arrivals, ..
        } = &plan.load
        else {
            return None;
        };
        let schedule = |profile: RateProfile, seed, until| {
            Schedule::new(profile, *arrivals, plan.clients.get(), seed, until)
        };
        let until = match plan.length {
            Length::MessagesPerClient(n) => Until::MessagesPerClient(n.get()),
            Length::Duration(time) => Until::Time(time),
        };
        Some(Self {
            // A warm-up goes at the rate that the measured phase begins with.
            warm_up: profile.initial_rate().map(|rate| {
                let profile = RateProfile::constant(rate);
                schedule(profile, !plan.seed, Until::Time(plan.warmup))
            }),
            measured: schedule(profile.clone(), plan.seed, until),
        })
    }
}

/// What the clients of a thread wait for, beside their sockets.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// Messages that are due: at most a few a client.
    pub(crate) due: Times,
    /// Limits that pass: timeouts and ends of stages.
    pub(crate) limits: Times,
}

/// Times on the thread's clock, each with the slot of a client, the earliest first.
#[derive(Debug, Default)]
pub(crate) struct Times(BinaryHeap<Reverse<(u64, u32)>>);

impl Times {
    #[inline]
    pub(crate) fn add(&mut self, at_ns: u64, slot: u32) {
        self.0.push(Reverse((at_ns, slot)));
    }

    /// The earliest; `u64::MAX` when there is none.
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        self.0.peek().map_or(u64::MAX, |Reverse((at_ns, _))| *at_ns)
    }

    /// Takes the earliest if it has come.
    #[inline]
    pub(crate) fn pop(&mut self, now_ns: u64) -> Option<(u64, u32)> {
        if self.next_ns() > now_ns {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}

/// What the clients should be doing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signal {
    pub(crate) run: Option<Run>,
    /// The user ended the run.
    pub(crate) stop: bool,
    /// Connections are to be closed.
    pub(crate) close: bool,
}

/// The measured phase, on the thread's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// When the warm-up begins.
    pub(crate) start_ns: u64,
    /// T0: what is sent from here on is measured.
    pub(crate) t0_ns: u64,
    /// Nothing is sent from here on; `u64::MAX` when a number of messages is planned.
    pub(crate) end_ns: u64,
}

/// What a client writes with, empty between two calls.
#[derive(Debug)]
pub(crate) struct Buffers {
    pub(crate) write: WriteBuffer,
    /// The frames begun in the write buffer.
    pub(crate) frames: Vec<crate::connection::Outgoing>,
    pub(crate) masks: Xoshiro256PlusPlus,
}

/// What is left of clients that are over.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) clients: Vec<ClientRow>,
    pub(crate) closed_early: u64,
    pub(crate) early_ends: BTreeMap<String, u64>,
    /// When the last client stopped sending, in nanoseconds since T0.
    pub(crate) sending_until_ns: u64,
}

impl Shared {
    pub(crate) fn new(job: &Job, clients: usize) -> Self {
        let plan = &job.plan;
        Self {
            rules: Rules {
                clients: plan.clients.get(),
                messages: match plan.length {
                    Length::MessagesPerClient(n) => n.get(),
                    Length::Duration(_) => u64::MAX,
                },
                window: plan.load.window().map_or(usize::MAX, |window| {
                    usize::try_from(window.get()).unwrap_or(usize::MAX)
                }),
                open_loop: OpenLoop::of(plan),
                timeout_ns: nanoseconds(plan.timeout),
                verify: plan.verify,
                kind: if plan.text {
                    MessageKind::Text
                } else {
                    MessageKind::Binary
                },
            },
            payloads: Arc::clone(&job.payloads),
            budget: Arc::clone(&job.budget),
            clock: Clock::start(),
            read_buffer: RefCell::new(vec![0; BUFFER_LEN].into_boxed_slice()),
            buffers: RefCell::new(Buffers {
                write: WriteBuffer::new(BUFFER_LEN + CONTROL_LEN),
                frames: Vec::new(),
                // Each thread has its own masks.
                masks: Xoshiro256PlusPlus::seed_from_u64(plan.seed ^ ((job.thread as u64) << 48)),
            }),
            recorder: RefCell::new(Recorder::new(
                plan.load.profile().is_some(),
                expected_samples(plan, clients),
            )),
            agenda: RefCell::default(),
            signal: Signal::default(),
            blocked_writes: Cell::default(),
            connects: RefCell::default(),
            busy: Cell::new(clients),
            opened: Cell::new(0),
            ended: RefCell::default(),
            orphans: RefCell::default(),
            stopped_ns: Cell::new(u64::MAX),
        }
    }

    #[inline]
    pub(crate) fn signal(&self) -> &Signal {
        &self.signal
    }

    /// What all clients are to do from now on; each has to be called to see it.
    pub(crate) fn set_signal(&mut self, signal: Signal) {
        self.signal = signal;
    }

    /// A write found the socket full.
    #[cold]
    pub(crate) fn blocked_one(&self) {
        self.blocked_writes.set(self.blocked_writes.get() + 1);
    }

    pub(crate) fn busy(&self) -> usize {
        self.busy.get()
    }

    pub(crate) fn opened(&self) -> u64 {
        self.opened.get()
    }

    /// Counts how the opening of a connection went.
    pub(crate) fn count_connect(&self, opened: &Result<Opened, ConnectError>) {
        let mut connects = self.connects.borrow_mut();
        match opened {
            Ok(Opened { took, .. }) => {
                connects.tcp.record(nanoseconds(took.tcp));
                if let Some(tls) = took.tls {
                    connects.tls.record(nanoseconds(tls));
                }
                connects.upgrade.record(nanoseconds(took.upgrade));
                connects.total.record(nanoseconds(took.total()));
            }
            Err(error) => *connects.failures.entry(error.to_string()).or_default() += 1,
        }
    }

    /// A client has opened.
    pub(crate) fn opened_one(&self) {
        self.opened.set(self.opened.get() + 1);
    }

    /// Echoes that come later than this after T0 are no part of the throughput.
    pub(crate) fn measure_until(&self, ns: u64) {
        self.recorder.borrow_mut().measure_until(ns);
    }

    /// A client has sent all that it will send.
    pub(crate) fn sending_ended(&self, now_ns: u64) {
        if let Some(run) = self.signal.run {
            let mut ended = self.ended.borrow_mut();
            let after_t0 = now_ns.saturating_sub(run.t0_ns);
            ended.sending_until_ns = ended.sending_until_ns.max(after_t0);
        }
    }

    /// The user has ended the run.
    pub(crate) fn stopped_at(&self, ns: u64) {
        self.stopped_ns.set(ns);
    }

    /// A connection ended while its client still had messages to send.
    pub(crate) fn leave_behind(&self, orphan: Orphan) {
        self.orphans.borrow_mut().push(orphan);
    }

    /// Counts what clients without a connection did not send, once it is known when the run ended.
    pub(crate) fn count_orphans(&self) {
        for orphan in self.orphans.take() {
            orphan.count_unsent(self.stopped_ns.get(), self);
        }
    }

    /// A client has done what was planned, or never will.
    pub(crate) fn done(&self) {
        self.busy.set(self.busy.get() - 1);
    }

    /// A connection is over; `early` says why, if its client was not done with it.
    pub(crate) fn ended(&self, row: ClientRow, early: Option<String>) {
        let mut ended = self.ended.borrow_mut();
        ended.clients.push(row);
        if let Some(reason) = early {
            ended.closed_early += 1;
            *ended.early_ends.entry(reason).or_default() += 1;
        }
    }

    /// A client will never have a connection: it is over before it began.
    pub(crate) fn never_opened(&self, client: u32) {
        self.ended.borrow_mut().clients.push(ClientRow {
            client,
            connect_ns: None,
            messages: 0,
            failed: 0,
            close_code: None,
        });
        self.done();
    }

    /// How the thread stands, having used so much since T0.
    pub(crate) fn told(&self, usage: Option<(ThreadUsage, f64)>) -> Told {
        let ended = self.ended.borrow();
        Told {
            opened: self.opened.get(),
            failures: self.connects.borrow().failures.clone(),
            closed_early: ended.closed_early,
            early_ends: ended.early_ends.clone(),
            record: self.recorder.borrow().so_far(),
            used: self.used(usage),
            elapsed_ns: self.elapsed_ns(),
            is_busy: self.busy() > 0,
        }
    }

    /// What the thread used, having used so much since T0.
    pub(crate) fn used(&self, usage: Option<(ThreadUsage, f64)>) -> Used {
        Used {
            usage,
            blocked_writes: self.blocked_writes.get(),
        }
    }

    /// How long the measured phase has lasted for this thread, in nanoseconds.
    fn elapsed_ns(&self) -> u64 {
        let Some(run) = self.signal.run else {
            return 0;
        };
        if self.busy() > 0 {
            return self
                .clock
                .now_ns()
                .min(run.end_ns)
                .saturating_sub(run.t0_ns);
        }
        let sending_until_ns = self.ended.borrow().sending_until_ns;
        // What is not planned in time lasts until the last echo, unless the user ended it.
        if self.rules.messages == u64::MAX || self.signal.stop {
            sending_until_ns
        } else {
            sending_until_ns.max(self.recorder.borrow().last_received_ns())
        }
    }

    /// What is left when all clients are over.
    pub(crate) fn into_parts(self) -> (Recorder, Connects, Ended) {
        (
            self.recorder.into_inner(),
            self.connects.into_inner(),
            self.ended.into_inner(),
        )
    }
}

/// How many samples a thread with so many clients will probably keep.
fn expected_samples(plan: &Plan, clients: usize) -> usize {
    let messages = match plan.length {
        Length::MessagesPerClient(n) => n.get().saturating_mul(clients as u64),
        Length::Duration(_) => SAMPLES_AT_FIRST,
    };
    usize::try_from(messages.min(plan.max_samples)).unwrap_or(usize::MAX)
}
