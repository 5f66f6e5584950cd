//! One client: sends on schedule, matches echoes, times them, and says goodbye.
//!
//! A client is one future that is polled when its socket, its timer or the thread's signal wakes
//! it. Each poll writes what is due, reads what is there, and goes back to sleep. There is one
//! timer a client, set to the next limit that could pass, never one a message.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use measurement::sample::{Outcome, Sample};
use measurement::summary::ClientRow;
use rand::RngExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::Sleep;

use crate::connect::Opened;
use crate::echo::{self, Echo, Incoming};
use crate::flight::{Flight, InFlight, Landed};
use crate::payload::{Identity, MessageNumber, Shape};
use crate::shared::{BUFFER_LEN, Buffers, Shared};
use crate::wire::{self, ClientHeader, Decoder, Event, Opcode};
use crate::worker::nanoseconds;

/// How long the server may take to answer our close frame.
const CLOSE_TIMEOUT_NS: u64 = 3_000_000_000;

/// How long echoes are waited for when the user ends the run.
const STOP_DRAIN_NS: u64 = 1_000_000_000;

/// Control frames to be sent, in bytes, beyond which a ping goes unanswered: the server does not
/// read its pongs.
const MAX_CONTROL_BACKLOG: usize = 4096;

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

/// A data frame on its way out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing {
    number: MessageNumber,
    shape: Shape,
    header: ClientHeader,
    mask: [u8; 4],
    /// Bytes of the frame that lie in the write buffer or were written.
    written: u64,
}

impl Outgoing {
    fn len(&self) -> u64 {
        self.header.as_bytes().len() as u64 + self.shape.size
    }

    /// Appends as much of the frame as there is room for.
    #[inline]
    fn append(&mut self, buffer: &mut Vec<u8>, client: u32, shared: &Shared) {
        let room = BUFFER_LEN.saturating_sub(buffer.len());
        let header = self.header.as_bytes();
        let (head, body) = wire::pieces(header.len(), self.shape.size, self.written, room);
        self.written += head.len() as u64 + (body.end - body.start);
        buffer.extend_from_slice(&header[head]);
        let start = buffer.len();
        let offset = body.start;
        let number = self.number;
        shared
            .payloads
            .append(buffer, Identity { client, number }, self.shape, body);
        wire::mask(&mut buffer[start..], self.mask, offset);
    }
}

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
            } else if all_sent && self.partial.is_none() {
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

    /// How many messages may go out now, beside those that are in flight.
    #[inline]
    fn allowance(&self, now_ns: u64, shared: &Shared) -> Option<(bool, u64)> {
        let run = shared
            .signal()
            .run
            .filter(|_| self.stage == Stage::Running)?;
        let room = shared.rules.window.saturating_sub(self.flight.active()) as u64;
        let measured = now_ns >= run.t0_ns;
        let left = if measured {
            shared.rules.messages - self.sent
        } else {
            u64::MAX
        };
        (now_ns < run.end_ns).then_some((measured, room.min(left)))
    }

    /// Writes what is due until the socket takes no more.
    fn write(&mut self, cx: &mut Context<'_>, shared: &Shared) -> io::Result<()> {
        let mut buffers = shared.buffers.borrow_mut();
        let Buffers {
            write: buffer,
            frames,
            masks,
            ..
        } = &mut *buffers;
        loop {
            buffer.clear();
            frames.clear();
            // The bytes in the buffer: the rest of a frame, control frames, then new frames.
            if let Some(mut partial) = self.partial {
                partial.append(buffer, self.id, shared);
            }
            let old = buffer.len();
            let mut due = None;
            // Only a whole frame may be followed by another.
            if self
                .partial
                .is_none_or(|p| p.len() - p.written == old as u64)
            {
                buffer.extend_from_slice(&self.control);
                // Read just before the write: the actual send time of all that is new in it.
                let now = shared.clock.now_ns();
                if let Some((measured, room)) = self.allowance(now, shared) {
                    due = Some((measured, now));
                    self.begin_frames(measured, room, buffer, frames, masks, shared);
                }
            }
            if buffer.is_empty() {
                return Ok(());
            }
            let written = match Pin::new(&mut self.stream).poll_write(cx, buffer) {
                Poll::Ready(result) => result?,
                Poll::Pending => return Ok(()),
            };
            self.account(written, old, due, frames, shared);
            if written == buffer.len() && written < BUFFER_LEN {
                // All that was due was in the buffer. Otherwise the next attempt writes more, or
                // finds the socket full and registers the wake-up.
                return Ok(());
            }
        }
    }

    /// Appends as many new frames as may go out and fit.
    #[inline]
    fn begin_frames(
        &self,
        measured: bool,
        room: u64,
        buffer: &mut Vec<u8>,
        frames: &mut Vec<Outgoing>,
        masks: &mut impl rand::Rng,
        shared: &Shared,
    ) {
        let first = if measured { self.sent } else { self.warmed };
        for index in first..first.saturating_add(room) {
            if buffer.len() >= BUFFER_LEN {
                break;
            }
            let number = if measured {
                MessageNumber::measured(index)
            } else {
                MessageNumber::warmup(index)
            };
            let client = self.id;
            let shape = shared.payloads.shape(Identity { client, number });
            let mask = masks.random::<u32>().to_ne_bytes();
            let mut frame = Outgoing {
                number,
                shape,
                header: ClientHeader::new(shared.rules.kind.into(), shape.size, mask),
                mask,
                written: 0,
            };
            frame.append(buffer, client, shared);
            frames.push(frame);
        }
    }

    /// The socket took the first `written` bytes of the buffer: what was sent by that?
    #[inline]
    fn account(
        &mut self,
        written: usize,
        old: usize,
        due: Option<(bool, u64)>,
        frames: &[Outgoing],
        shared: &Shared,
    ) {
        if let Some(partial) = &mut self.partial {
            partial.written += written.min(old) as u64;
            if partial.written == partial.len() {
                self.partial = None;
            }
        }
        let mut rest = written.saturating_sub(old);
        let control = rest.min(self.control.len());
        self.control.drain(..control);
        rest -= control;
        let (Some((measured, now)), Some(run)) = (due, shared.signal().run) else {
            return;
        };
        let mut rest = rest as u64;
        for frame in frames {
            if rest == 0 {
                // Not a byte of it got out: it is begun anew, at a later time.
                break;
            }
            let taken = rest.min(frame.written);
            rest -= taken;
            if taken < frame.len() {
                self.partial = Some(Outgoing {
                    written: taken,
                    ..*frame
                });
            }
            self.flight.push(frame.number, frame.shape, now, now);
            self.last_sent_ns = now;
            if measured {
                self.sent += 1;
                shared.recorder.borrow_mut().sent(now - run.t0_ns);
            } else {
                self.warmed += 1;
            }
        }
    }

    /// Reads once and takes in what came; `false` when there is nothing to read.
    fn read(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Result<bool, End> {
        // Moved out, so that what is taken in may borrow the other buffers.
        let mut buffer = std::mem::take(&mut shared.buffers.borrow_mut().read);
        let mut read = ReadBuf::new(&mut buffer);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut read);
        let result = match polled {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(e)) => Err(self.over(End::because(&e))),
            Poll::Ready(Ok(())) if read.filled().is_empty() => Err(self.over(End {
                code: ABNORMAL,
                reason: "the server closed the connection without a close frame".to_owned(),
            })),
            Poll::Ready(Ok(())) => {
                let now = shared.clock.now_ns();
                self.take_in(read.filled(), now, shared).map(|()| true)
            }
        };
        shared.buffers.borrow_mut().read = buffer;
        result
    }

    /// The end of the connection, if the server said goodbye before.
    fn over(&self, end: End) -> End {
        match self.closed {
            Some(code) => End {
                code,
                reason: format!("the server closed with {code}"),
            },
            None => end,
        }
    }

    /// Takes in bytes that came at `now_ns`.
    fn take_in(&mut self, bytes: &[u8], now_ns: u64, shared: &Shared) -> Result<(), End> {
        let mut input = bytes;
        // The decoder's events borrow from it, while they are acted upon.
        let mut decoder = std::mem::take(&mut self.decoder);
        let result = loop {
            if self.closed.is_some() {
                // Nothing counts behind a close frame.
                break Ok(());
            }
            match decoder.next(&mut input) {
                Ok(Some(event)) => self.act(event, now_ns, shared),
                Ok(None) => break Ok(()),
                Err(error) => {
                    self.queue_control(Opcode::Close, &PROTOCOL_ERROR.to_be_bytes(), shared);
                    self.say_goodbye();
                    break Err(End {
                        code: PROTOCOL_ERROR,
                        reason: format!("the server broke the protocol: {error}"),
                    });
                }
            }
        };
        self.decoder = decoder;
        if let (Some(code), false) = (self.closed, matches!(self.stage, Stage::Closing { .. })) {
            self.say_goodbye();
            return Err(End {
                code,
                reason: format!("the server closed with {code}"),
            });
        }
        result
    }

    #[inline]
    fn act(&mut self, event: Event<'_>, now_ns: u64, shared: &Shared) {
        match event {
            Event::Data { kind, part, last } => {
                let context = echo::Context {
                    client: self.id,
                    clients: shared.rules.clients,
                    verify: shared.rules.verify,
                    kind: shared.rules.kind,
                    payloads: &shared.payloads,
                    sent: self.sent,
                    warmed: self.warmed,
                };
                self.incoming.part(&context, part);
                if last {
                    let echo = self.incoming.finish(&context, kind, &mut self.flight);
                    self.record(echo, now_ns, shared);
                }
            }
            Event::Ping(payload) => self.queue_control(Opcode::Pong, payload, shared),
            Event::Pong => {}
            Event::Close(code) => {
                // Our own close frame, if it is out, is the answer.
                if !matches!(self.stage, Stage::Closing { .. }) {
                    let answer = code.unwrap_or(NORMAL).to_be_bytes();
                    self.queue_control(Opcode::Close, &answer, shared);
                }
                self.closed = Some(code.unwrap_or(NO_CODE));
            }
        }
    }

    #[inline]
    fn record(&mut self, echo: Echo, now_ns: u64, shared: &Shared) {
        let Some(run) = shared.signal().run else {
            return;
        };
        let mut recorder = shared.recorder.borrow_mut();
        match echo {
            Echo::Answer { landed, right } => {
                let Landed {
                    message,
                    late,
                    overtaken,
                } = landed;
                if message.number.is_warmup() {
                    return;
                }
                let outcome = match (right, late, overtaken) {
                    (false, ..) => Outcome::Corrupted,
                    (true, true, _) => Outcome::TimedOut,
                    (true, false, true) => Outcome::Reordered,
                    (true, false, false) => Outcome::Ok,
                };
                self.failed += u64::from(outcome != Outcome::Ok);
                let sample = Sample::echoed(
                    self.id,
                    message.number.index(),
                    message.intended_ns - run.t0_ns,
                    message.sent_ns - run.t0_ns,
                    now_ns - run.t0_ns,
                    outcome,
                );
                recorder.ended(&shared.budget, sample, message.shape.size);
            }
            Echo::Duplicate(number) if !number.is_warmup() => recorder.duplicated(),
            Echo::Unexpected if now_ns >= run.t0_ns => recorder.unexpected(),
            Echo::Duplicate(_) | Echo::Unexpected => {}
        }
    }

    fn queue_control(&mut self, opcode: Opcode, payload: &[u8], shared: &Shared) {
        if self.control.len() < MAX_CONTROL_BACKLOG {
            let mask = shared.buffers.borrow_mut().masks.random::<u32>();
            wire::append_control(&mut self.control, opcode, payload, mask.to_ne_bytes());
        }
    }

    /// Sends the control frames at once, or not at all: the connection is over.
    fn say_goodbye(&mut self) {
        if self.partial.is_none() {
            // Whether it gets out makes no difference to the measurement.
            let _ = self.stream.try_write(&self.control);
        }
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
        let next = stage_end.min(next_timeout);
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
