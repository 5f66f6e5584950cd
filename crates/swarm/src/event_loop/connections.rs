//! Connections of the event loop: begun when they are due, opened, dropped by plan, and given up.

use measurement::record::ConnectFailure;

use super::{EventLoop, Slot};
use crate::client::{Client, Next};
use crate::clock::nanoseconds;
use crate::connect::connect_stats::OpeningTimes;
use crate::connect::opening::OpenedConnection;
use crate::connect::pending_connections::OpeningResult;
use crate::connect_queue::CONCURRENT_HANDSHAKES;
use crate::reconnecting::record_reconnect;
use crate::returning_client::ConnectRequest;

/// Maximum number of connections begun between two polls, so that a storm of them does not delay messages.
const BEGUN_PER_POLL: usize = 32;

/// Maximum number of connections dropped between two polls, for the same reason.
const DROPPED_PER_POLL: usize = 32;

impl EventLoop {
    /// Begins the connections that are due, and those that clients have asked for. Returns true when more are due.
    pub(super) fn begin_connections(&mut self) -> bool {
        self.free.append(&mut self.freed);
        for request in self.thread.leaving.take() {
            self.queue.add(request);
        }
        for _ in 0..BEGUN_PER_POLL {
            let now_ns = self.thread.clock.now_ns();
            let Some(request) = self.queue.take_due(now_ns, self.pending.len()) else {
                return false;
            };
            self.open(request);
        }
        true
    }

    fn open(&mut self, mut request: ConnectRequest) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            // The number of connections fits into `u32`.
            #[allow(clippy::cast_possible_truncation)]
            let slot = (self.slots.len() - 1) as u32;
            slot
        });
        let now_ns = self.thread.clock.now_ns();
        request.begun_ns = now_ns;
        let connection = request.connection;
        let lateness_ns = request.lateness_ns();
        if request.loss().is_some() {
            let after_t0_ns = self.thread.after_t0(now_ns);
            record_reconnect(&self.thread, |record| {
                record.attempt(after_t0_ns, lateness_ns);
            });
        } else {
            let at_ns = now_ns.saturating_sub(self.thread.opens_from_ns);
            self.thread.connects.borrow_mut().begin(at_ns, lateness_ns);
        }
        self.slots[slot as usize] = Slot::Opening(request);
        if let Some(result) = self.pending.begin(connection, slot, now_ns) {
            self.add_client(slot, result);
        }
    }

    /// Retries connections for which the server's backlog was full.
    pub(super) fn retry_openings(&mut self) {
        for (slot, result) in self.pending.retry() {
            self.add_client(slot, result);
        }
    }

    /// Makes a slot free for another client.
    pub(super) fn free(&mut self, slot: u32) {
        self.slots[slot as usize] = Slot::Free;
        self.freed.push(slot);
    }

    /// Records the result of an opening, and adds the client of an open connection.
    #[cold]
    pub(super) fn add_client(&mut self, slot: u32, (connection, result): OpeningResult) {
        let result = match (&self.thread.dialogue, result) {
            (Some(dialogue), Err(failure)) => Err(dialogue.masked_failure(connection, failure)),
            (_, result) => result,
        };
        let Slot::Opening(request) = std::mem::replace(&mut self.slots[slot as usize], Slot::Free)
        else {
            return;
        };
        self.record_opening(&request, &result);
        let opened = match result {
            Ok(opened) => opened,
            Err(failure) => {
                self.free(slot);
                return self.opening_failed(request, &failure);
            }
        };
        let readable = opened.reader.readiness.readable;
        match Client::new(request, slot, opened, &self.thread) {
            Some(client) => {
                self.slots[slot as usize] = Slot::Open(client);
                self.alive += 1;
                self.handle.connection_opened();
                // A client with a lifetime registers its end when it is woken.
                let has_timer = self.thread.life.is_some() || self.thread.dialogue.is_some();
                if readable || has_timer {
                    self.wake_queue.push_back(slot);
                }
            }
            None => self.free(slot),
        }
    }

    fn record_opening(
        &self,
        request: &ConnectRequest,
        result: &Result<OpenedConnection, ConnectFailure>,
    ) {
        let thread = &self.thread;
        let waited_ns = request
            .begun_ns
            .saturating_sub(request.intended_or_begun_ns());
        if request.loss().is_some() {
            if let Ok(opened) = result {
                let connect_ns = nanoseconds(opened.timings.total());
                record_reconnect(thread, |record| {
                    record.opened(connect_ns, connect_ns.saturating_add(waited_ns));
                });
            }
            return;
        }
        let at_ns = thread.clock.now_ns().saturating_sub(thread.opens_from_ns);
        let mut connects = thread.connects.borrow_mut();
        let times = OpeningTimes {
            at_ns,
            waited_ns,
            lateness_ns: request.lateness_ns(),
        };
        connects.record(request.connection, result, times);
    }

    /// Goes on after an opening that failed.
    fn opening_failed(&mut self, request: ConnectRequest, failure: &ConnectFailure) {
        let thread = &self.thread;
        let connection = request.connection;
        match request.returning {
            Some(returning) if returning.is_lost() => thread.attempt_failed(returning, failure),
            Some(returning) => thread.replacement_failed(returning),
            None => {
                let pacing = thread.unstarted(connection);
                let is_idle = thread.is_idle(connection);
                let mut stats = thread.clients.borrow_mut();
                stats.add_failed(connection, is_idle, pacing);
            }
        }
    }

    /// Gives up the first connections that are not open. `failure`: recorded for each; `None` = not recorded.
    pub(crate) fn abandon_first(&mut self, failure: Option<&ConnectFailure>) {
        let mut abandoned: Vec<u32> = self.queue.abandon_first().collect();
        for slot in 0..self.slots.len() {
            if let Slot::Opening(request) = &self.slots[slot]
                && request.returning.is_none()
            {
                abandoned.push(request.connection);
                self.abandon_slot(slot);
            }
        }
        for connection in abandoned {
            if let Some(failure) = failure {
                let mut connects = self.thread.connects.borrow_mut();
                connects.record_failure(connection, failure.clone());
            }
            let pacing = self.thread.unstarted(connection);
            let is_idle = self.thread.is_idle(connection);
            let mut stats = self.thread.clients.borrow_mut();
            stats.add_failed(connection, is_idle, pacing);
        }
    }

    /// Ends the part of clients that are away, when the measured phase is over, or the run is stopped or closes.
    pub(crate) fn finish_away(&mut self) {
        let command = self.thread.command;
        let is_over = command.stop || command.close;
        let ends = |request: &ConnectRequest| {
            request.loss().is_some() || is_over && request.returning.is_some()
        };
        for request in self.thread.leaving.take() {
            self.queue.add(request);
        }
        if self.thread.dialogue.is_some() {
            self.end_setups(is_over);
        }
        if self.queue.has_no_further() && self.pending.len() == 0 {
            return;
        }
        let mut requests = self.queue.abandon_further(ends);
        for slot in 0..self.slots.len() {
            if matches!(&self.slots[slot], Slot::Opening(request) if ends(request)) {
                requests.extend(self.abandon_slot(slot));
            }
        }
        for returning in requests.into_iter().filter_map(|request| request.returning) {
            self.thread.give_up(returning);
        }
    }

    /// Number of clients whose connection must be opened again before the next step.
    pub(crate) fn stale_clients(&self) -> u64 {
        let stale = self
            .clients()
            .filter(|client| client.is_stale(&self.thread));
        stale.count() as u64
    }

    /// Ends connections that must be opened again before the next step.
    pub(crate) fn end_stale(&mut self) {
        // Slots fit into `u32`.
        #[allow(clippy::cast_possible_truncation)]
        for slot in 0..self.slots.len() as u32 {
            if let Slot::Open(client) = &mut self.slots[slot as usize]
                && client.is_stale(&self.thread)
            {
                client.end_stale(&self.thread);
                self.after_wake(slot, Next::Never);
            }
        }
    }

    /// Begins as many of these connections as may be opened at the same time.
    pub(crate) fn begin_reopening(&mut self, waiting: &mut Vec<ConnectRequest>) {
        let begun = self.pending.len() + self.queue.further();
        let room = CONCURRENT_HANDSHAKES.saturating_sub(begun);
        let from = waiting.len().saturating_sub(room);
        for request in waiting.drain(from..) {
            self.queue.add(request);
        }
    }

    /// Gives up connections that were not opened again in time.
    pub(crate) fn abandon_reopening(&mut self, waiting: Vec<ConnectRequest>) {
        let is_between = |request: &ConnectRequest| {
            let returning = request.returning.as_ref();
            returning.is_some_and(|returning| returning.is_between_steps)
        };
        if self.thread.dialogue.is_some() {
            self.end_setups(false);
        }
        let mut requests = waiting;
        requests.extend(self.queue.abandon_further(is_between));
        for slot in 0..self.slots.len() {
            if matches!(&self.slots[slot], Slot::Opening(request) if is_between(request)) {
                requests.extend(self.abandon_slot(slot));
            }
        }
        for returning in requests.into_iter().filter_map(|request| request.returning) {
            self.thread.give_up(returning);
        }
    }

    /// Ends the part of clients that repeat their setup.
    fn end_setups(&mut self, is_over: bool) {
        // Slots fit into `u32`.
        #[allow(clippy::cast_possible_truncation)]
        for slot in 0..self.slots.len() as u32 {
            if let Slot::Open(client) = &mut self.slots[slot as usize]
                && let Some(next) = client.end_return(is_over, &self.thread)
            {
                self.after_wake(slot, next);
            }
        }
    }

    fn abandon_slot(&mut self, slot: usize) -> Option<ConnectRequest> {
        let entry = std::mem::replace(&mut self.slots[slot], Slot::Free);
        // Slots fit into `u32`.
        #[allow(clippy::cast_possible_truncation)]
        let slot = slot as u32;
        self.pending.abandon(slot);
        self.freed.push(slot);
        match entry {
            Slot::Opening(request) => Some(request),
            Slot::Free | Slot::Open(_) => None,
        }
    }

    /// Drops chosen connections, if their time has come. A part of them, so that messages of the others are not delayed.
    pub(super) fn drop_connections(&mut self) {
        let at_ns = self.drop_ns;
        if at_ns > self.thread.clock.now_ns() {
            return;
        }
        let is_stopped = self.thread.command.stop || self.thread.command.close;
        let rules = self
            .thread
            .life
            .and_then(|life| Some((life.connections.drop?, life.dropped?)))
            .filter(|_| !is_stopped);
        let mut dropped = 0;
        while let Some((drop, chosen)) = rules
            && dropped < DROPPED_PER_POLL
            && self.drop_next < self.slots.len()
        {
            // Slots fit into `u32`.
            #[allow(clippy::cast_possible_truncation)]
            let slot = self.drop_next as u32;
            self.drop_next += 1;
            if let Slot::Open(client) = &mut self.slots[slot as usize]
                && chosen.contains(client.id())
            {
                dropped += 1;
                let next = client.drop_by_plan(at_ns, drop.method, &self.thread);
                self.after_wake(slot, next);
            }
        }
        if dropped < DROPPED_PER_POLL {
            self.drop_ns = u64::MAX;
        }
    }
}
