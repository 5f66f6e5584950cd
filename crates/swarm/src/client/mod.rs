//! One client: sends on schedule, matches echoes, records them, and closes the connection.
//!
//! A client acts when its socket is ready, a message is due, a deadline has passed or the thread's command has changed.
//! Its thread then wakes it. On each wake-up, it reads the available bytes, changes its stage if necessary, writes what
//! can be sent, and registers its next wake-up.
//!
//! | module | contents |
//! |---|---|
//! | `stages` | the stages from opened to closed |
//! | `send` | writing |
//! | `receive` | reading |
//! | `record` | the results of messages, passed to the recorder |
//! | `setup` | scenarios: steps before the load, heartbeats, goodbye |
//! | `template_send` | scenarios: messages filled from templates |
//! | `fan_out` | scenarios: messages to several receivers, from before they are sent until they are complete or closed |
//! | `membership` | scenarios: clients that join their rooms, and leave them |
//! | `arrivals` | scenarios: deliveries that arrive |
//! | `delivery_record` | scenarios: deliveries, and messages that are complete or not, passed to the recorder |
//! | `records` | scenarios: records cut from messages, classified, recorded |
//! | `connection_life` | connections that can end before the run |
//! | `departure` | ends of such connections, whose clients go on |
//! | `pushes` | scenarios: messages of the server's own |
//! | `slow_reading` | slow readers |

mod arrivals;
mod connection_life;
mod delivery_record;
mod departure;
mod fan_out;
mod membership;
mod pushes;
mod receive;
mod record;
mod records;
mod send;
mod setup;
mod slow_reading;
mod stages;
mod template_send;

use measurement::run::ClientRow;
use websocket_wire::Decoder;

use crate::buffers::OutgoingFrame;
use crate::clock::nanoseconds;
use crate::connect::opening::OpenedConnection;
use crate::connect::transport::{Readiness, Transport};
use crate::connection_end::{ConnectionEnd, ServerClose};
use crate::dialogue::ClientDialogue;
use crate::message::echo_verifier::EchoVerifier;
use crate::message::held_back::HeldBack;
use crate::message::in_flight::InFlightQueue;
use crate::message::pacing::Pacing;
use crate::returning_client::ConnectRequest;
use crate::thread_state::ThreadState;
use connection_life::ConnectionLife;
use slow_reading::SlowReading;
use stages::ClientStage;

/// Number of reads per wake-up, after which other clients get their turn.
const READS_PER_WAKE: usize = 16;

/// Duration of a turn in nanoseconds, after which other clients get theirs.
pub(super) const TURN_NS: u64 = 1_000_000;

/// The event that a client waits for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The socket or a timer of the client.
    Event,
    /// The client's next turn: more bytes can be read or written.
    Turn,
    /// Nothing: the connection has ended.
    Never,
}

/// One connected client. The fields used for every message come first.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Client {
    stream: Transport,
    id: u32,
    /// Index of the client within its thread.
    slot: u32,
    stage: ClientStage,
    ready: Readiness,
    /// Measured messages sent.
    sent: u64,
    /// Registered deadline, on the thread's clock.
    deadline_ns: u64,
    /// Registered due time, on the thread's clock.
    due_ns: u64,
    last_sent_ns: u64,
    /// Time at which window and socket last had room again, or the connection was ready to replace one, in open loop.
    room_since_ns: u64,
    in_flight: InFlightQueue,
    decoder: Decoder,
    /// The server's close frame, once it has arrived. Checked on every read.
    closed: Option<Box<ServerClose>>,
    /// Unsent control frames.
    control: Vec<u8>,
    /// A partly sent data frame.
    partial: Option<Box<OutgoingFrame>>,
    pacing: Pacing,
    /// Warm-up messages sent.
    warmed: u64,
    /// Measured messages without a correct echo in time and in order.
    failed: u64,
    /// Time of the last write that left a frame or TLS record partly sent.
    last_written_ns: u64,
    connect_ns: u64,
    /// Not used for exact echoes.
    verifier: EchoVerifier,
    /// Received messages that identify no message of this client.
    held_back: HeldBack,
    /// State of the client in its scenario; `None` when it expects an echo.
    dialogue: Option<Box<ClientDialogue>>,
    /// Life of the connection; `None` in a run whose connections stay.
    life: Option<Box<ConnectionLife>>,
    /// State of a slow reader; `None` for a client that reads at full speed.
    slow: Option<Box<SlowReading>>,
}

impl Client {
    /// Creates the client of an open connection. Processes the bytes that arrived together with the end of the
    /// handshake; `None` when they end the connection.
    pub(crate) fn new(
        request: ConnectRequest,
        slot: u32,
        opened: OpenedConnection,
        thread: &ThreadState,
    ) -> Option<Self> {
        let id = request.connection;
        let mut client = Self {
            connect_ns: nanoseconds(opened.timings.total()),
            stream: opened.reader.stream,
            id,
            slot,
            stage: ClientStage::Waiting,
            ready: Readiness {
                writable: true,
                ..opened.reader.readiness
            },
            sent: 0,
            deadline_ns: u64::MAX,
            due_ns: u64::MAX,
            last_sent_ns: 0,
            room_since_ns: 0,
            verifier: EchoVerifier::default(),
            in_flight: InFlightQueue::default(),
            decoder: Decoder::default(),
            control: Vec::new(),
            partial: None,
            pacing: Pacing::default(),
            warmed: 0,
            failed: 0,
            last_written_ns: 0,
            closed: None,
            held_back: HeldBack::default(),
            dialogue: None,
            life: ConnectionLife::new(request, thread),
            slow: thread
                .read_limit_of(id)
                .map(|plan| Box::new(SlowReading::new(plan))),
        };
        let now_ns = thread.clock.now_ns();
        match &thread.dialogue {
            Some(dialogue) => client.begin_dialogue(dialogue, now_ns, thread),
            None => client.become_ready(now_ns, thread),
        }
        match client.take_in(&opened.reader.buffer, now_ns, thread) {
            Ok(()) => Some(client),
            Err(end) => {
                client.end(end, thread);
                None
            }
        }
    }

    /// Does all work that is possible now. `reported` is the poll's report on the socket, if there is one.
    #[inline]
    pub(crate) fn wake(&mut self, reported: Option<Readiness>, thread: &ThreadState) -> Next {
        match self.advance(reported, thread) {
            Ok(next) => next,
            Err(end) => {
                self.end(end, thread);
                Next::Never
            }
        }
    }

    fn advance(
        &mut self,
        reported: Option<Readiness>,
        thread: &ThreadState,
    ) -> Result<Next, ConnectionEnd> {
        // In closed loop, messages are due when there is room.
        let is_open_loop = thread.rules.open_loop.is_some();
        let mut had_room = !is_open_loop || self.has_room(thread);
        if let Some(reported) = reported {
            self.ready.add(reported);
            if self.ready.at_end && self.is_slow() {
                self.release_slow(thread);
            }
        }
        let mut reads = 0;
        let mut now_ns = 0;
        let mut begun_ns = u64::MAX;
        let next = loop {
            let limit = self.read_limit(thread);
            let received_ns = if self.ready.readable && limit > 0 {
                self.read(limit, thread)?
            } else {
                None
            };
            reads += 1;
            // Without new bytes, only the first pass can have work to do.
            if received_ns.is_some() || reads == 1 {
                now_ns = received_ns.unwrap_or_else(|| thread.clock.now_ns());
                begun_ns = begun_ns.min(now_ns);
                if !had_room && self.has_room(thread) {
                    self.room_since_ns = now_ns;
                }
                self.step(now_ns, thread)?;
                let has_more = self.write(now_ns, thread);
                if has_more.map_err(|e| ConnectionEnd::from(&e))? {
                    break Next::Turn;
                }
                had_room = !is_open_loop || self.has_room(thread);
            }
            // A slow reader may have been released in the meantime.
            if !self.ready.readable || limit == 0 && self.read_limit(thread) == 0 {
                if self.must_be_replaced(thread) {
                    break Next::Turn;
                }
                break Next::Event;
            }
            if reads == READS_PER_WAKE || now_ns - begun_ns > TURN_NS {
                break Next::Turn;
            }
        };
        self.register_timers(now_ns, thread);
        Ok(next)
    }

    /// Ends the connection and records its remaining messages.
    #[cold]
    fn end(&mut self, end: ConnectionEnd, thread: &ThreadState) {
        self.stream.close();
        if let Some(code) = end.close_code() {
            let mut stats = thread.clients.borrow_mut();
            *stats.close_codes.entry(code).or_default() += 1;
        }
        if let ClientStage::Setup { .. } = self.stage {
            return self.record_failed_setup(&end, thread);
        }
        if self.is_detached() {
            return;
        }
        let is_closing = matches!(
            self.stage,
            ClientStage::CatchingUp { .. }
                | ClientStage::Closing { .. }
                | ClientStage::Goodbye { .. }
        );
        // A client that is done with a slice is not done with the run.
        let is_done = self.stage == ClientStage::Done;
        let has_more = thread.run.is_some_and(|run| run.slice.is_some());
        if !is_closing && self.survive(&end, thread) {
            return;
        }
        self.finish_feed(thread);
        let was_slow = self.is_slow() && self.end_slow(&end, thread);
        let early = !is_closing && (!is_done || has_more);
        if early && !is_done {
            self.end_part(thread);
        } else if early {
            self.leave_further_steps(thread);
        }
        let rooms = self.leave_rooms(thread);
        let is_idle = thread.is_idle(self.id);
        if early && !was_slow && !is_idle && thread.keeps_lost {
            self.keep_lost(&end, rooms, thread);
        }
        let by_server = !is_closing || was_slow;
        let (connect_ns, ready_ns) = self.first_times();
        let row = ClientRow {
            client: self.id,
            connect_ns: Some(connect_ns),
            messages: self.sent,
            failed: self.failed,
            close_code: end.close_code(),
            ready_ns,
            reconnects: self.reconnects(),
            ..ClientRow::default()
        };
        let mut stats = thread.clients.borrow_mut();
        stats.recognized |= self.has_recognized();
        stats.add_ended(
            (!is_idle).then_some(row),
            end,
            early && !was_slow,
            by_server,
        );
    }

    /// Ends the part of a client that has not completed its plan.
    fn end_part(&mut self, thread: &ThreadState) {
        match self.stage {
            ClientStage::Running | ClientStage::Retiring { .. } if !self.is_slow() => {
                thread.end_sending(thread.clock.now_ns());
                self.leave_unfinished(thread);
            }
            ClientStage::Waiting => self.leave_unfinished(thread),
            ClientStage::Draining { .. } => self.leave_further_steps(thread),
            _ => {}
        }
        match self.stage {
            ClientStage::Listening => self.leave(thread),
            ClientStage::Receiving => self.end_receiving(thread.clock.now_ns(), thread),
            _ => self.finalize_in_flight(thread),
        }
    }

    /// Registers the rest of the client's schedule as unfinished.
    fn leave_unfinished(&self, thread: &ThreadState) {
        if self.is_slow() {
            return;
        }
        let pacing = match self.stage {
            ClientStage::Setup { .. } | ClientStage::Waiting => thread.unstarted(self.id),
            _ => Some(self.pacing),
        };
        let mut stats = thread.clients.borrow_mut();
        stats
            .unfinished
            .extend(pacing.map(|pacing| (pacing, self.sent)));
    }

    /// Registers the schedules of the steps that follow as unfinished, for a client that has completed its part of this one.
    fn leave_further_steps(&self, thread: &ThreadState) {
        if thread.run.is_some_and(|run| run.is_step()) && !self.is_slow() {
            let mut stats = thread.clients.borrow_mut();
            let pacing = thread.sender(self.id).map(Pacing::unstarted);
            stats
                .unfinished
                .extend(pacing.map(|pacing| (pacing, self.sent)));
        }
    }

    /// Number of measured messages in flight; 0 for a slow reader, whose messages are not those of the run.
    pub(crate) fn measured_in_flight(&self) -> u64 {
        if self.is_slow() {
            return 0;
        }
        self.in_flight.measured()
    }

    /// Returns true when an echo has identified a message of this client.
    pub(crate) fn has_recognized(&self) -> bool {
        self.in_flight.has_answered()
    }

    /// Returns true when a frame or its TLS record is partly sent.
    #[inline]
    fn is_half_sent(&self) -> bool {
        self.partial.is_some() || self.stream.has_unsent()
    }

    /// Registers the next due time and the next deadline with the thread.
    #[inline]
    fn register_timers(&mut self, now_ns: u64, thread: &ThreadState) {
        let deadline = self.next_deadline(now_ns, thread);
        // One early wake-up per timeout costs less than a registration per message.
        if deadline < self.deadline_ns {
            self.deadline_ns = deadline;
            thread
                .timers
                .borrow_mut()
                .deadlines
                .add(deadline, self.slot);
        }
        if let Some(due) = self.next_due(thread).filter(|due| *due != self.due_ns) {
            self.due_ns = due;
            thread.timers.borrow_mut().due.add(due, self.slot);
        }
    }

    /// Clears a deadline that has passed, and queues heartbeats. Returns false when there is nothing to do, because it was
    /// replaced by another.
    pub(crate) fn on_deadline(&mut self, at_ns: u64, thread: &ThreadState) -> bool {
        let is_current = self.deadline_ns == at_ns;
        if is_current {
            self.deadline_ns = u64::MAX;
        }
        is_current | (self.dialogue.is_some() && self.beat(at_ns, thread))
    }

    pub(crate) fn on_due(&mut self, at_ns: u64) {
        if self.due_ns == at_ns {
            self.due_ns = u64::MAX;
        }
    }
}
