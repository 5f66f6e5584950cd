//! Ends of connections whose clients go on: replaced by plan, dropped by plan, or ended by the server.

use measurement::plan::DropMethod;
use websocket_wire::Opcode;

use super::stages::ClientStage;
use super::{Client, Next};
use crate::connection_end::{ConnectionEnd, close_code};
use crate::dialogue::client_rooms::CarriedRooms;
use crate::reconnecting::record_reconnect;
use crate::returning_client::{ClientPart, ConnectRequest, Loss, ReturningClient};
use crate::rules::RunTimes;
use crate::thread_state::ThreadState;

impl Client {
    /// Lets a client whose connection was about to be replaced finish on it: the run is interrupted, or a closed loop has
    /// nothing more to send.
    #[inline]
    pub(super) fn stay_at_end(&mut self, now_ns: u64, run: RunTimes, thread: &ThreadState) {
        let has_no_more = thread.rules.open_loop.is_none() && now_ns >= run.end_ns;
        if matches!(self.stage, ClientStage::Retiring { .. })
            && (thread.command.stop || has_no_more)
        {
            self.stage = ClientStage::Running;
        }
    }

    /// Replaces a connection whose lifetime or whose messages are over.
    #[cold]
    pub(super) fn step_life(&mut self, now_ns: u64, thread: &ThreadState) {
        let Some(life) = &mut self.life else {
            return;
        };
        let is_ending = thread.command.close || thread.command.stop;
        if life.is_detached || life.returning.is_some() {
            return;
        }
        if let ClientStage::Retiring { until_ns } = self.stage {
            let is_drained =
                self.in_flight.is_empty() && self.partial.is_none() && self.is_all_delivered();
            if is_drained || now_ns >= until_ns {
                // The client began to retire just now, so it did not wait for its echoes.
                let is_at_once = until_ns == now_ns.saturating_add(thread.rules.timeout_ns);
                self.replace(now_ns, is_at_once, thread);
            }
            return;
        }
        let end_ns = thread.run_end_ns();
        let is_running = self.stage == ClientStage::Running;
        let had_turn = std::mem::replace(&mut life.had_turn, is_running) || !is_running;
        let is_over = life.ends_ns <= now_ns && now_ns < end_ns && had_turn;
        let is_used_up = self.room_on_connection(thread) == 0;
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
                self.replace(now_ns, true, thread);
            }
            _ => {}
        }
    }

    /// End of the connection's lifetime, on the thread's clock; `u64::MAX` when it does not matter.
    #[inline]
    pub(super) fn next_replacement(&self, now_ns: u64, thread: &ThreadState) -> u64 {
        match (&self.life, self.stage) {
            // Nothing is replaced any more. A deadline that has passed would come again at once, forever.
            (Some(_), _) if thread.is_ending(now_ns) => u64::MAX,
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

    /// Closes the connection. The client goes on with the next one. `is_at_once`: it did not wait for its echoes, so a
    /// time since the end of the lifetime is the generator's own lateness.
    fn replace(&mut self, now_ns: u64, is_at_once: bool, thread: &ThreadState) {
        self.give_up_in_flight(false, thread);
        let (ends_ns, from_ns) = self.life.as_ref().map_or((now_ns, 0), |life| {
            (life.ends_ns.min(now_ns), life.active_from_ns)
        });
        self.finalize_publications(thread);
        let rooms = self.leave_connection(true, thread);
        let returning = self.take_returning(now_ns, None, rooms, thread);
        thread.clients.borrow_mut().replaced += 1;
        thread.leaving.borrow_mut().push(ConnectRequest {
            intended_ns: Some(ends_ns),
            ready_ns: if is_at_once {
                ends_ns.max(from_ns)
            } else {
                now_ns
            },
            ..ConnectRequest::of(returning)
        });
        self.say_farewell(now_ns, thread);
    }

    /// Ends the client's work on this connection. `is_planned`: the client itself ends it. Returns its state in its rooms.
    fn leave_connection(&mut self, is_planned: bool, thread: &ThreadState) -> CarriedRooms {
        self.finish_feed(thread);
        self.leave_rooms_for_now(is_planned, thread)
    }

    /// Moves the state of the client out of its connection.
    fn take_returning(
        &mut self,
        now_ns: u64,
        loss: Option<u64>,
        rooms: CarriedRooms,
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
        thread.clients.borrow_mut().recognized |= self.has_recognized();
        if let Some(life) = &mut self.life {
            life.is_detached = true;
        }
        self.next_state(part, loss, rooms)
    }

    /// State of the client for its next connection.
    fn next_state(
        &mut self,
        part: ClientPart,
        loss: Option<u64>,
        rooms: CarriedRooms,
    ) -> Box<ReturningClient> {
        let (connect_ns, ready_ns) = self.first_times();
        let life = self.life.as_ref();
        let (earlier, losses) = life.map_or((0, 0), |life| (life.earlier, life.losses));
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
            is_between_steps: false,
            rooms,
            feed: self.dialogue.as_mut().and_then(|own| own.feed.take()),
        })
    }

    /// Keeps the state of a client whose connection has ended, because the connection can be opened again before the next
    /// step.
    #[cold]
    pub(super) fn keep_lost(
        &mut self,
        end: &ConnectionEnd,
        rooms: CarriedRooms,
        thread: &ThreadState,
    ) {
        let now_ns = thread.clock.now_ns();
        let mut returning = self.next_state(ClientPart::Waiting, Some(now_ns), rooms);
        returning.close_code = end.close_code();
        returning.is_between_steps = true;
        let request = ConnectRequest::of(returning);
        thread.clients.borrow_mut().lost.push(request);
    }

    /// Returns true between two steps when late echoes could be taken for those of the next one, or the server has not
    /// answered all messages.
    pub(crate) fn is_stale(&self, thread: &ThreadState) -> bool {
        self.stage == ClientStage::Waiting
            && !thread.is_idle(self.id)
            && !self.is_detached()
            && self.in_flight.has_unanswered()
    }

    /// Ends a stale connection. Its client goes on with another one.
    #[cold]
    pub(crate) fn end_stale(&mut self, thread: &ThreadState) {
        let rooms = self.leave_connection(true, thread);
        self.leave(thread);
        let now_ns = thread.clock.now_ns();
        let mut returning = self.next_state(ClientPart::Waiting, Some(now_ns), rooms);
        returning.is_between_steps = true;
        let mut stats = thread.clients.borrow_mut();
        stats.recognized |= self.has_recognized();
        stats.lost.push(ConnectRequest::of(returning));
        drop(stats);
        let code = close_code::NORMAL.to_be_bytes();
        self.queue_control(Opcode::Close, &code, thread);
        self.flush_control();
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
        // One that was begun behind the drop is not among those that it ends.
        let is_later = self
            .life
            .as_ref()
            .is_some_and(|life| life.begun_ns >= at_ns);
        if !is_up || is_later || self.is_detached() {
            return Next::Event;
        }
        let now_ns = thread.clock.now_ns();
        self.give_up_in_flight(true, thread);
        if let ClientStage::Draining { .. } = self.stage {
            self.leave(thread);
        }
        let rooms = self.leave_connection(true, thread);
        record_reconnect(thread, |record| record.lost(thread.after_t0(at_ns), false));
        let returning = self.take_returning(now_ns, Some(at_ns), rooms, thread);
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
        let rooms = self.leave_connection(false, thread);
        record_reconnect(thread, |record| record.lost(thread.after_t0(now_ns), true));
        let mut returning = self.take_returning(now_ns, Some(now_ns), rooms, thread);
        returning.close_code = end.close_code();
        thread.reopen(returning, now_ns);
        thread
            .clients
            .borrow_mut()
            .add_lost(thread.is_idle(self.id), end.clone(), !is_done);
        true
    }

    /// Ends the part of a client that is not ready again, because the run is over. Returns false for any other client.
    #[cold]
    pub(super) fn give_up_return(&mut self, thread: &ThreadState) -> bool {
        if !matches!(self.stage, ClientStage::Setup { .. }) {
            return false;
        }
        let returning = self.take_unready();
        let is_returning = returning.is_some();
        if let Some(returning) = returning {
            thread.give_up(returning);
        }
        is_returning
    }

    /// Closes the connection of a client that is not ready again when the measured phase is over. `is_over`: the run is
    /// stopped or closes, which ends replacements too. Returns what the connection waits for next; `None` for any other
    /// client.
    pub(crate) fn end_return(&mut self, is_over: bool, thread: &ThreadState) -> Option<Next> {
        let returning = self.life.as_ref()?.returning.as_ref()?;
        if !(is_over || returning.is_lost()) || !self.give_up_return(thread) {
            return None;
        }
        self.close_with(thread.close_code(), thread.clock.now_ns(), thread);
        Some(self.wake(None, thread))
    }

    /// Takes back the state of a client that is not ready on its next connection, and leaves the connection.
    #[cold]
    pub(super) fn take_unready(&mut self) -> Option<Box<ReturningClient>> {
        let life = self.life.as_mut()?;
        let returning = life.returning.take()?;
        life.is_detached = true;
        Some(returning)
    }

    /// Closes with this code.
    fn close_with(&mut self, code: u16, now_ns: u64, thread: &ThreadState) {
        self.queue_control(Opcode::Close, &code.to_be_bytes(), thread);
        self.await_close(now_ns, thread);
    }
}
