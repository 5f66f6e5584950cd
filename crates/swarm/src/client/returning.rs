//! Clients between two connections: replaced by plan, or lost and to be opened again.

use std::mem;

use measurement::plan::DropMethod;
use measurement::record::{ConnectFailure, ReconnectRecord};
use measurement::run::ClientRow;
use websocket_wire::Opcode;

use super::stages::ClientStage;
use super::{Client, Next};
use crate::clock::nanoseconds;
use crate::connection_end::{ConnectionEnd, close_code};
use crate::message::pacing::Pacing;
use crate::rules::RunTimes;
use crate::thread_state::ThreadState;

/// Time after which a client that is away gives up, where no duration is planned, in nanoseconds.
const GIVE_UP_NS: u64 = 60_000_000_000;

/// A connection that is to be opened. Times are on the thread's clock.
#[derive(Debug)]
pub(crate) struct ConnectRequest {
    /// Number of the connection: that of its client, or of an idle connection.
    pub(crate) connection: u32,
    /// Time at which it is due; `None` = when it is begun.
    pub(crate) intended_ns: Option<u64>,
    /// Time at which it was begun.
    pub(crate) begun_ns: u64,
    /// State of a client that had a connection before.
    pub(crate) returning: Option<Box<ReturningClient>>,
}

impl ConnectRequest {
    /// Request of the first connection of this number.
    pub(crate) fn first(connection: u32, intended_ns: Option<u64>) -> Self {
        Self {
            connection,
            intended_ns,
            begun_ns: 0,
            returning: None,
        }
    }

    /// Request of the next connection of a client, due when it is begun.
    fn of(returning: Box<ReturningClient>) -> Self {
        let mut request = Self::first(returning.id, None);
        request.returning = Some(returning);
        request
    }

    /// Due time; 0 = at once.
    pub(crate) fn due_ns(&self) -> u64 {
        self.intended_ns.unwrap_or(0)
    }

    /// Intended time of a connection that was begun.
    pub(crate) fn intended_or_begun_ns(&self) -> u64 {
        self.intended_ns.unwrap_or(self.begun_ns)
    }

    /// The loss that the connection makes up for; `None` for a first connection and for a replacement.
    pub(crate) fn loss(&self) -> Option<Loss> {
        self.returning.as_ref()?.loss
    }
}

/// Loss of a connection that is to be opened again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss {
    /// Time of the loss, on the thread's clock.
    pub(crate) at_ns: u64,
    /// Attempts that have failed since.
    failed: u32,
}

/// State of a client between two connections.
#[derive(Debug)]
pub(crate) struct ReturningClient {
    id: u32,
    part: ClientPart,
    pacing: Pacing,
    sent: u64,
    warmed: u64,
    failed: u64,
    connect_ns: u64,
    ready_ns: Option<u64>,
    close_code: Option<u16>,
    /// Connections so far.
    connections: u64,
    /// Lost connections so far.
    losses: u32,
    loss: Option<Loss>,
}

impl ReturningClient {
    /// Returns true when its connection was lost; otherwise it is replaced by plan.
    pub(crate) fn is_lost(&self) -> bool {
        self.loss.is_some()
    }
}

/// Part of a client in the run while it has no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientPart {
    /// The load has not begun for it.
    Waiting,
    Sending,
    Listening,
    Receiving,
    /// It has completed its plan.
    Done,
}

/// Life of a connection in a run whose connections can end before the run. Times are on the thread's clock.
#[derive(Debug, Default)]
pub(super) struct ConnectionLife {
    /// State of the client before this connection, until the client is ready.
    returning: Option<Box<ReturningClient>>,
    /// End of the connection's lifetime; `u64::MAX` without a limit.
    ends_ns: u64,
    /// Messages sent on this connection.
    messages: u64,
    /// Connections of the client before this one.
    earlier: u64,
    /// Lost connections of the client before this one.
    losses: u32,
    /// Time from which the client works on this connection.
    active_from_ns: u64,
    /// Messages that are due before this time are skipped when the load begins for the client.
    skips_until_ns: u64,
    /// Figures of the client's first connection.
    first_connect_ns: Option<u64>,
    first_ready_ns: Option<u64>,
    /// The client goes on without this connection, which is only closed.
    is_detached: bool,
}

impl ConnectionLife {
    /// The life of a connection that has opened; `None` in a run whose connections stay.
    pub(super) fn new(request: ConnectRequest, thread: &ThreadState) -> Option<Box<Self>> {
        let rules = thread.life.as_ref()?;
        let returning = request.returning.as_ref();
        let earlier = returning.map_or(0, |returning| returning.connections);
        let intended_ns = request.intended_or_begun_ns();
        let lifetime = rules.connections.lifetime;
        let lifetime =
            lifetime.map(|lifetime| lifetime.of(rules.seed, request.connection, earlier));
        Some(Box::new(Self {
            ends_ns: lifetime.map_or(u64::MAX, |time| {
                intended_ns.saturating_add(nanoseconds(time))
            }),
            earlier,
            losses: returning.map_or(0, |returning| returning.losses),
            returning: request.returning,
            ..Self::default()
        }))
    }

    /// Returns true when the connection is opened again after a loss, and its client is not ready.
    pub(super) fn is_reconnecting(&self) -> bool {
        self.returning
            .as_ref()
            .is_some_and(|own| own.loss.is_some())
    }
}

impl Client {
    /// Number of the client, or of the idle connection.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Returns true when the client goes on without this connection.
    #[inline]
    pub(super) fn is_detached(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.is_detached)
    }

    /// Returns true when the connection is opened again after a loss, and the client is not ready.
    pub(super) fn is_reconnecting(&self) -> bool {
        self.life
            .as_ref()
            .is_some_and(|life| life.is_reconnecting())
    }

    /// Number of connections of the client after its first one.
    pub(super) fn reconnects(&self) -> u64 {
        self.life.as_ref().map_or(0, |life| life.earlier)
    }

    /// Time to open the client's first connection, and until it was ready, in nanoseconds.
    pub(super) fn first_times(&self) -> (u64, Option<u64>) {
        let ready_ns = self.dialogue.as_ref().and_then(|own| own.ready_ns);
        match self.life.as_deref() {
            Some(ConnectionLife {
                first_connect_ns: Some(connect_ns),
                first_ready_ns,
                ..
            }) => (*connect_ns, *first_ready_ns),
            _ => (self.connect_ns, ready_ns),
        }
    }

    /// Messages that may be sent on this connection.
    #[inline]
    pub(super) fn room_on_connection(&self, thread: &ThreadState) -> u64 {
        let Some(life) = &self.life else {
            return u64::MAX;
        };
        let limit = thread
            .life
            .as_ref()
            .and_then(|rules| rules.connections.messages_per_connection);
        limit.map_or(u64::MAX, |limit| limit.get().saturating_sub(life.messages))
    }

    /// Returns true when the messages of the connection are over, and its client has not noticed.
    #[inline]
    pub(super) fn must_be_replaced(&self, thread: &ThreadState) -> bool {
        self.life.is_some()
            && self.stage == ClientStage::Running
            && self.room_on_connection(thread) == 0
    }

    /// Counts a message that was sent on this connection.
    #[inline]
    pub(super) fn count_on_connection(&mut self) {
        if let Some(life) = &mut self.life {
            life.messages += 1;
        }
    }

    /// Begins the client's part on a connection that is ready.
    pub(super) fn become_ready(&mut self, now_ns: u64, thread: &ThreadState) {
        self.stage = ClientStage::Waiting;
        let returning = self.life.as_mut().and_then(|life| life.returning.take());
        match returning {
            Some(returning) => self.resume(&returning, now_ns, thread),
            None => {
                let mut stats = thread.clients.borrow_mut();
                stats.opening -= 1;
                stats.idle.opened += u64::from(thread.is_idle(self.id));
            }
        }
    }

    /// Takes over the state of the client's connection before.
    #[cold]
    fn resume(&mut self, returning: &ReturningClient, now_ns: u64, thread: &ThreadState) {
        self.pacing = returning.pacing;
        self.sent = returning.sent;
        self.warmed = returning.warmed;
        self.failed = returning.failed;
        if let Some(life) = &mut self.life {
            life.active_from_ns = now_ns;
            life.first_connect_ns = Some(returning.connect_ns);
            life.first_ready_ns = returning.ready_ns;
        }
        self.stage = match returning.part {
            ClientPart::Waiting => ClientStage::Waiting,
            ClientPart::Sending => ClientStage::Running,
            ClientPart::Listening => ClientStage::Listening,
            ClientPart::Receiving => ClientStage::Receiving,
            ClientPart::Done => ClientStage::Done,
        };
        let Some(loss) = returning.loss else {
            return;
        };
        record_reconnect(thread, |record| {
            record.back(thread.after_t0(now_ns), now_ns.saturating_sub(loss.at_ns));
        });
        if returning.part == ClientPart::Waiting {
            if let Some(life) = &mut self.life {
                life.skips_until_ns = now_ns;
            }
        } else if returning.part == ClientPart::Sending
            && let Some(run) = thread.run
        {
            self.skip_missed(now_ns, run, thread);
        }
    }

    /// Skips what became due before the load began for a client that was away.
    pub(super) fn skip_before_start(&mut self, run: RunTimes, thread: &ThreadState) {
        if let Some(life) = &mut self.life
            && life.skips_until_ns > 0
        {
            let until_ns = mem::take(&mut life.skips_until_ns);
            if self.stage == ClientStage::Running {
                self.skip_missed(until_ns, run, thread);
            }
        }
    }

    fn skip_missed(&mut self, until_ns: u64, run: RunTimes, thread: &ThreadState) {
        if let Some(open) = &thread.rules.open_loop {
            let missed = self.pacing.skip_until(until_ns, open, run);
            record_reconnect(thread, |record| record.missed += missed);
        }
    }

    /// Lets a client whose connection was about to be replaced finish on it, because the run is interrupted.
    #[inline]
    pub(super) fn stay_until_stop(&mut self, thread: &ThreadState) {
        if matches!(self.stage, ClientStage::Retiring { .. }) && thread.command.stop {
            self.stage = ClientStage::Running;
        }
    }

    /// Replaces a connection whose lifetime or whose messages are over.
    #[cold]
    pub(super) fn step_life(&mut self, now_ns: u64, thread: &ThreadState) {
        let Some(life) = &self.life else {
            return;
        };
        let is_ending = thread.command.close || thread.command.stop;
        if life.is_detached || life.returning.is_some() {
            return;
        }
        if let ClientStage::Retiring { until_ns } = self.stage {
            let is_drained = self.in_flight.is_empty() && self.partial.is_none();
            if is_drained || now_ns >= until_ns {
                self.replace(now_ns, thread);
            }
            return;
        }
        let end_ns = thread.run.map_or(u64::MAX, |run| run.end_ns);
        let is_used_up = self.room_on_connection(thread) == 0;
        let is_over = life.ends_ns <= now_ns && now_ns < end_ns;
        if is_ending || !(is_over || is_used_up) {
            return;
        }
        match self.stage {
            ClientStage::Running => {
                let until_ns = now_ns.saturating_add(thread.rules.timeout_ns);
                self.stage = ClientStage::Retiring { until_ns };
                self.step_life(now_ns, thread);
            }
            ClientStage::Waiting | ClientStage::Listening | ClientStage::Receiving => {
                self.replace(now_ns, thread);
            }
            _ => {}
        }
    }

    /// End of the connection's lifetime, on the thread's clock; `u64::MAX` when it does not matter.
    #[inline]
    pub(super) fn next_replacement(&self) -> u64 {
        match (&self.life, self.stage) {
            (
                Some(life),
                ClientStage::Waiting
                | ClientStage::Running
                | ClientStage::Listening
                | ClientStage::Receiving,
            ) => life.ends_ns,
            _ => u64::MAX,
        }
    }

    /// Closes the connection. The client goes on with the next one.
    fn replace(&mut self, now_ns: u64, thread: &ThreadState) {
        self.give_up_in_flight(false, thread);
        let ends_ns = self.life.as_ref().map_or(now_ns, |life| life.ends_ns);
        self.leave_connection(true, thread);
        let returning = self.take_returning(now_ns, None, thread);
        thread.clients.borrow_mut().replaced += 1;
        thread.leaving.borrow_mut().push(ConnectRequest {
            intended_ns: Some(ends_ns.min(now_ns)),
            ..ConnectRequest::of(returning)
        });
        self.say_farewell(now_ns, thread);
    }

    /// Ends the client's work on this connection. `is_planned`: the client itself ends it.
    fn leave_connection(&mut self, is_planned: bool, thread: &ThreadState) {
        self.finish_feed(thread);
        if is_planned {
            self.leave_rooms_as_planned(thread);
        } else {
            self.leave_rooms(thread);
        }
    }

    /// Moves the state of the client out of its connection.
    fn take_returning(
        &mut self,
        now_ns: u64,
        loss: Option<u64>,
        thread: &ThreadState,
    ) -> Box<ReturningClient> {
        let part = match self.stage {
            ClientStage::Running | ClientStage::Retiring { .. } => ClientPart::Sending,
            ClientStage::Listening => ClientPart::Listening,
            ClientStage::Receiving => ClientPart::Receiving,
            ClientStage::Draining { .. } | ClientStage::Done => ClientPart::Done,
            _ => ClientPart::Waiting,
        };
        let is_draining = matches!(self.stage, ClientStage::Draining { .. });
        if let Some(run) = thread.run
            && (is_draining || part == ClientPart::Sending)
        {
            let from_ns = self.active_from_ns(run);
            thread.recorder.borrow_mut().active_ns += now_ns.saturating_sub(from_ns);
        }
        let (connect_ns, ready_ns) = self.first_times();
        let mut stats = thread.clients.borrow_mut();
        stats.recognized |= self.has_recognized();
        let (earlier, losses) = self.life.as_mut().map_or((0, 0), |life| {
            life.is_detached = true;
            (life.earlier, life.losses)
        });
        Box::new(ReturningClient {
            id: self.id,
            part,
            pacing: self.pacing,
            sent: self.sent,
            warmed: self.warmed,
            failed: self.failed,
            connect_ns,
            ready_ns,
            close_code: None,
            connections: earlier + 1,
            losses: losses + u32::from(loss.is_some()),
            loss: loss.map(|at_ns| Loss { at_ns, failed: 0 }),
        })
    }

    /// Time from which the client has worked on this connection in the measured phase.
    pub(super) fn active_from_ns(&self, run: RunTimes) -> u64 {
        let from_ns = self.life.as_ref().map_or(0, |life| life.active_from_ns);
        from_ns.max(run.t0_ns)
    }

    /// Ends the connection by plan, at this intended time. Returns what the connection waits for next.
    #[cold]
    pub(crate) fn drop_by_plan(
        &mut self,
        at_ns: u64,
        method: DropMethod,
        thread: &ThreadState,
    ) -> Next {
        let is_up = !matches!(
            self.stage,
            ClientStage::Setup { .. }
                | ClientStage::CatchingUp { .. }
                | ClientStage::Goodbye { .. }
                | ClientStage::Closing { .. }
        );
        if !is_up || self.is_detached() {
            return Next::Event;
        }
        let now_ns = thread.clock.now_ns();
        self.give_up_in_flight(true, thread);
        if let ClientStage::Draining { .. } = self.stage {
            self.leave(thread);
        }
        self.leave_connection(true, thread);
        record_reconnect(thread, |record| record.lost(thread.after_t0(at_ns), false));
        let returning = self.take_returning(now_ns, Some(at_ns), thread);
        thread.reopen(returning, at_ns);
        match method {
            DropMethod::Reset => {
                self.stream.reset();
                Next::Never
            }
            DropMethod::Close => {
                let code = close_code::GOING_AWAY;
                self.close_with(code, now_ns, thread);
                self.wake(None, thread)
            }
        }
    }

    /// Lets a client go on whose connection the server has ended. Returns false when it does not.
    #[cold]
    pub(super) fn survive(&mut self, end: &ConnectionEnd, thread: &ThreadState) -> bool {
        let now_ns = thread.clock.now_ns();
        if self.life.is_none() || !thread.may_reopen(now_ns) {
            return false;
        }
        let is_done = self.stage == ClientStage::Done;
        if !is_done {
            self.give_up_in_flight(false, thread);
        }
        if let ClientStage::Draining { .. } = self.stage {
            thread.end_sending(now_ns);
            self.leave(thread);
        }
        self.leave_connection(false, thread);
        record_reconnect(thread, |record| record.lost(thread.after_t0(now_ns), true));
        let mut returning = self.take_returning(now_ns, Some(now_ns), thread);
        returning.close_code = end.close_code();
        thread.reopen(returning, now_ns);
        thread
            .clients
            .borrow_mut()
            .add_lost(thread.is_idle(self.id), end.clone(), !is_done);
        true
    }

    /// Takes back the request of a connection that was opened again, but whose setup has failed.
    #[cold]
    pub(super) fn take_failed_reconnect(&mut self) -> Option<Box<ReturningClient>> {
        let life = self.life.as_mut()?;
        life.is_detached = true;
        life.returning.take()
    }

    /// Ends the client's part in its rooms, because the client itself ends the connection.
    fn leave_rooms_as_planned(&mut self, thread: &ThreadState) {
        self.leave_rooms(thread);
    }

    /// Closes with this code.
    fn close_with(&mut self, code: u16, now_ns: u64, thread: &ThreadState) {
        self.queue_control(Opcode::Close, &code.to_be_bytes(), thread);
        self.await_close(now_ns, thread);
    }
}

impl ThreadState {
    /// Time after T0 of a time on the thread's clock, in nanoseconds; 0 before.
    pub(crate) fn after_t0(&self, now_ns: u64) -> u64 {
        self.run.map_or(0, |run| now_ns.saturating_sub(run.t0_ns))
    }

    /// Returns true when a connection that is lost at this time is opened again.
    pub(crate) fn may_reopen(&self, now_ns: u64) -> bool {
        let law = self
            .life
            .as_ref()
            .and_then(|life| life.connections.reconnect);
        law.is_some() && !self.is_ending(now_ns)
    }

    /// Returns true when the measured phase is over, or the run is stopped or closes.
    pub(crate) fn is_ending(&self, now_ns: u64) -> bool {
        let end_ns = self.run.map_or(u64::MAX, |run| run.end_ns);
        self.command.close || self.command.stop || now_ns >= end_ns
    }

    /// Plans the next attempt to open a lost connection. The delay counts from `from_ns`. Without a law, the client stays
    /// away.
    pub(crate) fn reopen(&self, returning: Box<ReturningClient>, from_ns: u64) {
        let life = self.life.as_ref();
        let law = life.and_then(|life| Some((life.connections.reconnect?, life.seed)));
        let (Some((law, seed)), Some(loss)) = (law, returning.loss) else {
            return self.stay_away(&returning);
        };
        let delay = law.delay(seed, returning.id, returning.losses - 1, loss.failed);
        self.leaving.borrow_mut().push(ConnectRequest {
            intended_ns: Some(from_ns.saturating_add(nanoseconds(delay))),
            ..ConnectRequest::of(returning)
        });
    }

    /// Records a failed attempt to open a lost connection, and plans the next one.
    pub(crate) fn attempt_failed(
        &self,
        mut returning: Box<ReturningClient>,
        failure: &ConnectFailure,
    ) {
        let now_ns = self.clock.now_ns();
        record_reconnect(self, |record| record.failed(self.after_t0(now_ns), failure));
        let is_endless = self.run.is_none_or(|run| run.end_ns == u64::MAX);
        if let Some(loss) = &mut returning.loss {
            loss.failed = loss.failed.saturating_add(1);
            let gives_up = is_endless && now_ns >= loss.at_ns.saturating_add(GIVE_UP_NS);
            if gives_up || !self.may_reopen(now_ns) {
                return self.stay_away(&returning);
            }
        }
        self.reopen(returning, now_ns);
    }

    /// Goes on after a replacement that could not be opened: by the law, or without the client.
    pub(crate) fn replacement_failed(&self, mut returning: Box<ReturningClient>) {
        let now_ns = self.clock.now_ns();
        if !self.may_reopen(now_ns) {
            return self.end_unconnected(&returning, false);
        }
        record_reconnect(self, |record| record.lost(self.after_t0(now_ns), true));
        returning.losses += 1;
        returning.loss = Some(Loss {
            at_ns: now_ns,
            failed: 0,
        });
        self.reopen(returning, now_ns);
    }

    /// Ends the part of a client whose lost connection is not opened again. What it does not send is missed.
    pub(crate) fn stay_away(&self, returning: &ReturningClient) {
        if let Some(loss) = returning.loss {
            let away_until_ns = self.clock.now_ns();
            let end_ns = self.run.map_or(u64::MAX, |run| run.end_ns);
            let law = self
                .life
                .as_ref()
                .and_then(|life| life.connections.reconnect);
            // Without a law the client stays away until the end, which is added when the run is over.
            if law.is_some() {
                let away_ns = away_until_ns.min(end_ns).saturating_sub(loss.at_ns);
                record_reconnect(self, |record| record.away_ns += away_ns);
            } else {
                self.clients.borrow_mut().away_from_ns.push(loss.at_ns);
            }
        }
        self.end_unconnected(returning, true);
    }

    /// Ends the part of a client without a connection. `is_missed`: what it does not send is missed, else it is unsent.
    pub(crate) fn end_unconnected(&self, returning: &ReturningClient, is_missed: bool) {
        let is_idle = self.is_idle(returning.id);
        let mut stats = self.clients.borrow_mut();
        let pacing = match returning.part {
            ClientPart::Sending => Some(returning.pacing),
            ClientPart::Waiting if !is_idle => self.unstarted(returning.id),
            _ => None,
        };
        if let Some(pacing) = pacing {
            let list = if is_missed {
                &mut stats.missed
            } else {
                &mut stats.unfinished
            };
            list.push((pacing, returning.sent));
        }
        match returning.part {
            ClientPart::Sending | ClientPart::Receiving => stats.busy -= 1,
            ClientPart::Waiting if !is_idle => stats.busy -= 1,
            ClientPart::Listening => stats.listening -= 1,
            ClientPart::Waiting | ClientPart::Done => {}
        }
        if !is_idle {
            stats.rows.push(ClientRow {
                client: returning.id,
                connect_ns: Some(returning.connect_ns),
                messages: returning.sent,
                failed: returning.failed,
                close_code: returning.close_code,
                ready_ns: returning.ready_ns,
                reconnects: returning.connections - 1,
                ..ClientRow::default()
            });
        }
        drop(stats);
        if returning.part == ClientPart::Receiving || returning.part == ClientPart::Sending {
            let end_ns = self.run.map_or(u64::MAX, |run| run.end_ns);
            self.end_sending(self.clock.now_ns().min(end_ns));
        }
    }
}

/// Changes the figures of lost connections.
pub(crate) fn record_reconnect(thread: &ThreadState, change: impl FnOnce(&mut ReconnectRecord)) {
    if let Some(record) = thread.recorder.borrow_mut().reconnect.as_deref_mut() {
        change(record);
    }
}
