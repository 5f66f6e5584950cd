//! One client: sends on schedule, matches echoes, times them, and says goodbye.
//!
//! A client does something when its socket is ready, a message is due, a limit has passed or the
//! thread's signal has changed; its thread calls it then. Each time it reads what is there, writes
//! what may go out, and says when it wants to be called again.

mod pace;
mod receive;
mod send;

use std::io;

use measurement::record::Sample;
use measurement::run::ClientRow;

use crate::connect::Opened;
use crate::echo::Incoming;
use crate::flight::{Flight, InFlight};
use crate::shared::Shared;
use crate::transport::Transport;
use crate::worker::nanoseconds;
use websocket_wire::{Decoder, Opcode};

pub(crate) use pace::Orphan;
use pace::{Pace, sending_limit};
pub(crate) use send::{MAX_CONTROL_BACKLOG, Outgoing};

/// How long the server may take to answer our close frame.
const CLOSE_TIMEOUT_NS: u64 = 3_000_000_000;

/// How long echoes are waited for when the user ends the run.
const STOP_DRAIN_NS: u64 = 1_000_000_000;

/// How often a client reads before others have their turn.
const LOOKS_AT_ONCE: usize = 16;

/// The connection ended without a close frame (RFC 6455, 7.1.5).
const ABNORMAL: u16 = 1006;
/// The server's close frame had no code.
const NO_CODE: u16 = 1005;
/// We ended the connection because the server broke the protocol.
const PROTOCOL_ERROR: u16 = 1002;
/// We ended the connection because the run is over.
const NORMAL: u16 = 1000;

/// What a client is doing. Times are on the thread's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waiting for the others to open.
    Waiting,
    /// Sending.
    Running,
    /// Everything is sent; echoes are waited for until then.
    Draining { until_ns: u64 },
    /// Nothing left to do but to keep the connection until all are done.
    Done,
    /// Our close frame is out; the server's is waited for until then.
    Closing { until_ns: u64 },
}

/// How a connection ended.
#[derive(Debug)]
struct End {
    code: u16,
    reason: String,
}

impl End {
    fn because(error: &io::Error) -> Self {
        Self {
            code: ABNORMAL,
            reason: error.to_string(),
        }
    }
}

/// Why a client is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// Its socket is ready.
    Ready {
        readable: bool,
        writable: bool,
        /// The server will send no more.
        closed: bool,
    },
    /// It stopped reading to let others have their turn.
    Again,
    /// A message is due, a limit has passed, or the signal has changed.
    Time,
}

/// What a client wants after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Nothing until its socket is ready or its time has come.
    Sleep,
    /// To be called again soon: there is more to read.
    Again,
    /// Nothing ever again: the connection is over.
    Over,
}

/// One connected client. What every message touches stands first.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Client {
    stream: Transport,
    id: u32,
    /// Where its thread keeps it.
    slot: u32,
    stage: Stage,
    /// The socket took no more; it says when it does.
    blocked: bool,
    /// There is, or may be, something to read.
    readable: bool,
    /// The server will send no more, so that a short read is not the last one.
    at_end: bool,
    /// Measured messages sent.
    sent: u64,
    /// What it is registered for in the thread's agenda.
    limit_ns: u64,
    due_ns: u64,
    last_sent_ns: u64,
    incoming: Incoming,
    flight: Flight,
    decoder: Decoder,
    /// Control frames to be sent.
    control: Vec<u8>,
    /// The data frame that is half written.
    partial: Option<Box<Outgoing>>,
    pace: Pace,
    /// Warm-up messages sent.
    warmed: u64,
    /// Measured messages that did not come back as they should.
    failed: u64,
    /// When the socket last took bytes and left something half sent.
    last_written_ns: u64,
    connect_ns: u64,
    /// The server has sent its close frame, with this code.
    closed: Option<u16>,
}

impl Client {
    /// The client of an open connection; what the server sent right behind its handshake is taken
    /// in at once.
    pub(crate) fn new(id: u32, slot: u32, opened: Opened, shared: &Shared) -> Result<Self, ()> {
        let connect_ns = nanoseconds(opened.took.total());
        let mut client = Self {
            stream: opened.stream,
            id,
            slot,
            stage: Stage::Waiting,
            blocked: false,
            readable: false,
            at_end: false,
            sent: 0,
            limit_ns: u64::MAX,
            due_ns: u64::MAX,
            last_sent_ns: 0,
            incoming: Incoming::default(),
            flight: Flight::default(),
            decoder: Decoder::default(),
            control: Vec::new(),
            partial: None,
            pace: Pace::default(),
            warmed: 0,
            failed: 0,
            last_written_ns: 0,
            connect_ns,
            closed: None,
        };
        match client.take_in(&opened.leftover, shared.clock.now_ns(), shared) {
            Ok(()) => Ok(client),
            Err(end) => {
                client.end(&end, shared);
                Err(())
            }
        }
    }

    /// Does all that can be done now.
    #[inline]
    pub(crate) fn call(&mut self, call: Call, shared: &Shared) -> Want {
        match self.advance(call, shared) {
            Ok(want) => want,
            Err(end) => {
                self.end(&end, shared);
                Want::Over
            }
        }
    }

    /// The connection is over: what is left to be counted.
    #[cold]
    fn end(&mut self, end: &End, shared: &Shared) {
        self.stream.close();
        let early = !matches!(self.stage, Stage::Done | Stage::Closing { .. });
        if early {
            if self.stage == Stage::Running {
                shared.sending_ended(shared.clock.now_ns());
                shared.leave_behind(Orphan::of(self.id, self.pace));
            }
            self.settle(shared);
        }
        let row = ClientRow {
            client: self.id,
            connect_ns: Some(self.connect_ns),
            messages: self.sent,
            failed: self.failed,
            close_code: Some(end.code),
        };
        shared.ended(row, early.then(|| end.reason.clone()));
    }

    fn advance(&mut self, call: Call, shared: &Shared) -> Result<Want, End> {
        if let Call::Ready {
            readable,
            writable,
            closed,
        } = call
        {
            self.readable |= readable || closed;
            self.at_end |= closed;
            self.blocked &= !writable;
        }
        let mut looks = 0;
        let mut now_ns = 0;
        let want = loop {
            let came = if self.readable {
                self.read(shared)?
            } else {
                None
            };
            looks += 1;
            // When nothing came, only the first look can find something to do.
            if came.is_some() || looks == 1 {
                now_ns = came.unwrap_or_else(|| shared.clock.now_ns());
                self.step(now_ns, shared)?;
                self.write(shared).map_err(|e| End::because(&e))?;
            }
            if !self.readable {
                break Want::Sleep;
            }
            if looks == LOOKS_AT_ONCE {
                break Want::Again;
            }
        };
        self.set_times(now_ns, shared);
        Ok(want)
    }

    /// Moves on to the next stage where it is time to.
    #[inline]
    fn step(&mut self, now: u64, shared: &Shared) -> Result<(), End> {
        let signal = shared.signal();
        let timeout = shared.rules.timeout_ns;
        if self
            .flight
            .oldest_sent_ns()
            .is_some_and(|sent| sent + timeout <= now)
        {
            self.flight.expire(now - timeout);
        }
        if let (Stage::Waiting, Some(run)) = (self.stage, signal.run) {
            self.stage = Stage::Running;
            self.pace = Pace::start(&shared.rules, self.id, run);
        }
        if let (Stage::Running, Some(run)) = (self.stage, signal.run) {
            let all_sent = self.all_sent(now, run, shared);
            if signal.stop {
                Orphan::of(self.id, self.pace).count_unsent(now, shared);
                shared.sending_ended(now);
                let until_ns = now + timeout.min(STOP_DRAIN_NS);
                self.stage = Stage::Draining { until_ns };
            } else if all_sent {
                Orphan::of(self.id, self.pace).count_unsent(u64::MAX, shared);
                shared.sending_ended(now.min(run.end_ns));
                let until_ns = self.last_sent_ns + timeout;
                self.stage = Stage::Draining { until_ns };
            }
        }
        if let Stage::Draining { until_ns } = self.stage {
            let stopped_until = if signal.stop {
                now.saturating_add(STOP_DRAIN_NS)
            } else {
                u64::MAX
            };
            let until_ns = until_ns.min(stopped_until);
            self.stage = Stage::Draining { until_ns };
            if self.flight.is_empty() && self.partial.is_none() || now >= until_ns {
                self.settle(shared);
                self.stage = Stage::Done;
            }
        }
        if signal.close && matches!(self.stage, Stage::Waiting | Stage::Done) {
            if self.stage == Stage::Waiting {
                self.settle(shared);
            }
            self.queue_control(Opcode::Close, &NORMAL.to_be_bytes(), shared);
            let until_ns = now + timeout.min(CLOSE_TIMEOUT_NS);
            self.stage = Stage::Closing { until_ns };
        }
        // Half of something is out, so nothing else can be said, and the server does not read on.
        if self.is_half_sent() && now >= self.last_written_ns + timeout {
            return Err(End {
                code: ABNORMAL,
                reason: "the server stopped reading for as long as the timeout".to_owned(),
            });
        }
        match self.stage {
            Stage::Closing { until_ns } if now >= until_ns => Err(End {
                code: self.closed.unwrap_or(ABNORMAL),
                reason: "the server did not answer the close frame".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Gives up on what is still in flight, and is done.
    fn settle(&mut self, shared: &Shared) {
        let signal = shared.signal();
        let (late, active) = self.flight.abandon();
        let mut recorder = shared.recorder.borrow_mut();
        if let Some(run) = signal.run {
            let measured = |m: &&InFlight| !m.number.is_warmup();
            // Ended by the user, it may still have come: it is not the server's fault.
            let abandoned = if signal.stop { active.len() } else { 0 };
            for message in active.iter().take(abandoned).filter(measured) {
                debug_assert!(message.sent_ns >= run.t0_ns);
                recorder.abandoned();
            }
            let lost = late.iter().chain(active.iter().skip(abandoned));
            for message in lost.filter(measured) {
                self.failed += 1;
                let sample = Sample::lost(
                    self.id,
                    message.number.index(),
                    message.intended_ns - run.t0_ns,
                    message.sent_ns - run.t0_ns,
                );
                recorder.ended(&shared.budget, sample, message.shape.size);
            }
        }
        drop(recorder);
        shared.done();
    }

    /// Whether half of a frame has been written, or half of what TLS made of it.
    #[inline]
    fn is_half_sent(&self) -> bool {
        self.partial.is_some() || self.stream.has_unsent()
    }

    /// Says when it wants to be called next.
    #[inline]
    fn set_times(&mut self, now_ns: u64, shared: &Shared) {
        let stage_end = match self.stage {
            Stage::Running => sending_limit(now_ns, shared),
            Stage::Draining { until_ns } | Stage::Closing { until_ns } => until_ns,
            Stage::Waiting | Stage::Done => u64::MAX,
        };
        let next_timeout = self.flight.oldest_sent_ns().map_or(u64::MAX, |sent| {
            sent.saturating_add(shared.rules.timeout_ns)
        });
        let stuck = if self.is_half_sent() {
            self.last_written_ns.saturating_add(shared.rules.timeout_ns)
        } else {
            u64::MAX
        };
        let limit = stage_end.min(next_timeout).min(stuck);
        // Called too early it does nothing once in a timeout, which costs less than registering
        // anew for every message.
        if limit < self.limit_ns {
            self.limit_ns = limit;
            shared.agenda.borrow_mut().limits.add(limit, self.slot);
        }
        if let Some(due) = self.next_due(shared).filter(|due| *due != self.due_ns) {
            self.due_ns = due;
            shared.agenda.borrow_mut().due.add(due, self.slot);
        }
    }

    /// The limit that it was registered for has passed.
    pub(crate) fn limit_passed(&mut self, at_ns: u64) -> bool {
        let is_it = self.limit_ns == at_ns;
        if is_it {
            self.limit_ns = u64::MAX;
        }
        is_it
    }

    /// The message that it was registered for is due.
    pub(crate) fn came_due(&mut self, at_ns: u64) {
        if self.due_ns == at_ns {
            self.due_ns = u64::MAX;
        }
    }
}
