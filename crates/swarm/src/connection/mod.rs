//! One client: sends on schedule, matches echoes, times them, and says goodbye.
//!
//! A client is one future that is polled when its socket, its timer or the thread's signal wakes
//! it. Each poll writes what is due, reads what is there, and goes back to sleep. There is one
//! timer a client, set to the next limit that could pass, never one a message.

mod receive;
mod send;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use measurement::sample::Sample;
use measurement::summary::ClientRow;
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::Sleep;

use crate::connect::Opened;
use crate::echo::Incoming;
use crate::flight::{Flight, InFlight};
use crate::shared::Shared;
use crate::wire::{Decoder, Opcode};
use crate::worker::nanoseconds;

pub(crate) use send::Outgoing;

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

/// One connected client.
#[derive(Debug)]
pub(crate) struct Client {
    id: u32,
    stage: Stage,
    stream: TcpStream,
    connect_ns: u64,
    decoder: Decoder,
    incoming: Incoming,
    flight: Flight,
    /// The data frame that is half written.
    partial: Option<Outgoing>,
    /// Control frames to be sent.
    control: Vec<u8>,
    /// Measured messages sent.
    sent: u64,
    /// Warm-up messages sent.
    warmed: u64,
    /// Measured messages that did not come back as they should.
    failed: u64,
    last_sent_ns: u64,
    /// When the socket last took bytes and left a frame half written.
    last_written_ns: u64,
    timer: Option<Pin<Box<Sleep>>>,
    /// What the timer is set to, on the thread's clock.
    timer_ns: u64,
    /// The server has sent its close frame, with this code.
    closed: Option<u16>,
    /// What the server sent right behind its handshake.
    leftover: Vec<u8>,
}

impl Client {
    pub(crate) fn new(id: u32, opened: Opened, shared: &Shared) -> Self {
        Self {
            id,
            stage: Stage::Waiting,
            connect_ns: nanoseconds(opened.total()),
            stream: opened.stream,
            decoder: Decoder::default(),
            incoming: Incoming::default(),
            flight: Flight::new(shared.rules.window),
            partial: None,
            control: Vec::new(),
            sent: 0,
            warmed: 0,
            failed: 0,
            last_sent_ns: 0,
            last_written_ns: 0,
            timer: None,
            timer_ns: u64::MAX,
            closed: None,
            leftover: opened.leftover,
        }
    }

    /// Takes part in the run until the connection is closed.
    pub(crate) async fn live(mut self, shared: &Rc<Shared>) {
        poll_fn(|cx| {
            shared.wake_on_signal(cx.waker());
            Poll::Ready(())
        })
        .await;
        // tokio's own budget would also cut short the setting of the timer, which must not be.
        let end = unconstrained(poll_fn(|cx| self.poll(cx, shared))).await;
        let early = !matches!(self.stage, Stage::Done | Stage::Closing { .. });
        if early {
            if self.stage == Stage::Running {
                shared.sending_ended(shared.clock.now_ns());
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
        shared.ended(row, early.then_some(end.reason));
    }

    fn poll(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<End> {
        match self.advance(cx, shared) {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    /// Does all that can be done now and sees to it that the task is woken when there is more;
    /// `Err` when the connection is over.
    fn advance(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Result<(), End> {
        if !self.leftover.is_empty() {
            let leftover = std::mem::take(&mut self.leftover);
            self.take_in(&leftover, shared.clock.now_ns(), shared)?;
        }
        for look in 0..LOOKS_AT_ONCE {
            let more = self.read(cx, shared)?;
            // When nothing came, only the first look can find something to do.
            if more || look == 0 {
                self.step(shared)?;
                self.write(cx, shared).map_err(|e| End::because(&e))?;
            }
            if !more {
                break;
            }
            if look + 1 == LOOKS_AT_ONCE {
                cx.waker().wake_by_ref();
            }
        }
        self.set_timer(cx, shared);
        Ok(())
    }

    /// Moves on to the next stage where it is time to.
    #[inline]
    fn step(&mut self, shared: &Shared) -> Result<(), End> {
        let now = shared.clock.now_ns();
        let signal = shared.signal();
        let timeout = shared.rules.timeout_ns;
        if self
            .flight
            .oldest_sent_ns()
            .is_some_and(|sent| sent + timeout <= now)
        {
            self.flight.expire(now - timeout);
        }
        if self.stage == Stage::Waiting && signal.run.is_some() {
            self.stage = Stage::Running;
        }
        if let (Stage::Running, Some(run)) = (self.stage, signal.run) {
            let all_sent = self.sent >= shared.rules.messages || now >= run.end_ns;
            if signal.stop {
                shared.sending_ended(now);
                let until_ns = now + timeout.min(STOP_DRAIN_NS);
                self.stage = Stage::Draining { until_ns };
            } else if all_sent {
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
        // Half a frame is out, so nothing else can be said, and the server does not read on.
        if self.partial.is_some() && now >= self.last_written_ns + timeout {
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

    /// Sees to it that the client is polled when the next limit passes.
    fn set_timer(&mut self, cx: &mut Context<'_>, shared: &Shared) {
        let stage_end = match self.stage {
            Stage::Running => shared.signal().run.map_or(u64::MAX, |run| run.end_ns),
            Stage::Draining { until_ns } | Stage::Closing { until_ns } => until_ns,
            Stage::Waiting | Stage::Done => u64::MAX,
        };
        let next_timeout = self.flight.oldest_sent_ns().map_or(u64::MAX, |sent| {
            sent.saturating_add(shared.rules.timeout_ns)
        });
        let stuck = match self.partial {
            Some(_) => self.last_written_ns.saturating_add(shared.rules.timeout_ns),
            None => u64::MAX,
        };
        let next = stage_end.min(next_timeout).min(stuck);
        // A timer that is set too early wakes for nothing once in a timeout, which costs less
        // than setting it anew for every message.
        let now = shared.clock.now_ns();
        if next == u64::MAX || self.timer_ns <= next && now < self.timer_ns {
            return;
        }
        self.timer_ns = next;
        let at = shared.clock.instant(next).into();
        let timer = match &mut self.timer {
            Some(timer) => {
                timer.as_mut().reset(at);
                timer
            }
            none => none.insert(Box::pin(tokio::time::sleep_until(at))),
        };
        // Registers the task's waker; a limit that has just passed wakes it at once.
        if timer.as_mut().poll(cx).is_ready() {
            self.timer_ns = 0;
            cx.waker().wake_by_ref();
        }
    }
}
