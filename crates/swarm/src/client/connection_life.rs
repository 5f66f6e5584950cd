//! Life of a connection in a run whose connections can end before the run, and the beginning of its client's part on it.

use std::mem;

use super::Client;
use super::stages::ClientStage;
use crate::clock::nanoseconds;
use crate::dialogue::ClientDialogue;
use crate::reconnecting::record_reconnect;
use crate::returning_client::{ClientPart, ConnectRequest, ReturningClient};
use crate::rules::RunTimes;
use crate::thread_state::ThreadState;

/// Life of a connection in a run whose connections can end before the run. Times are on the thread's clock.
#[derive(Debug, Default)]
pub(super) struct ConnectionLife {
    /// State of the client before this connection, until the client is ready.
    pub(super) returning: Option<Box<ReturningClient>>,
    /// End of the connection's lifetime; `u64::MAX` without a limit.
    pub(super) ends_ns: u64,
    /// Time at which the connection was begun.
    pub(super) begun_ns: u64,
    /// The client has had a turn to send on this connection. Without one, a connection is not replaced, even if it opened
    /// behind the end of its lifetime: a server that cannot keep up would otherwise get connections without messages.
    pub(super) had_turn: bool,
    /// Messages sent on this connection.
    pub(super) messages: u64,
    /// Connections of the client before this one.
    pub(super) earlier: u64,
    /// Lost connections of the client before this one.
    pub(super) losses: u32,
    /// Time from which the client works on this connection.
    pub(super) active_from_ns: u64,
    /// Messages that are due before this time are skipped when the load begins for the client.
    pub(super) skips_until_ns: u64,
    /// Figures of the client's first connection.
    pub(super) first_connect_ns: Option<u64>,
    pub(super) first_ready_ns: Option<u64>,
    /// The client goes on without this connection, which is only closed.
    pub(super) is_detached: bool,
}

impl ConnectionLife {
    /// The life of a connection that has opened; `None` for the first one of a client in a run whose connections stay.
    pub(super) fn new(request: ConnectRequest, thread: &ThreadState) -> Option<Box<Self>> {
        let rules = thread.life.as_ref();
        if rules.is_none() && request.returning.is_none() {
            return None;
        }
        let returning = request.returning.as_ref();
        let earlier = returning.map_or(0, |returning| returning.connections);
        let intended_ns = request.intended_or_begun_ns();
        let lifetime = rules.and_then(|rules| {
            let lifetime = rules.connections.lifetime?;
            Some(lifetime.of(rules.seed, request.connection, earlier))
        });
        Some(Box::new(Self {
            ends_ns: lifetime.map_or(u64::MAX, |time| {
                intended_ns.saturating_add(nanoseconds(time))
            }),
            begun_ns: request.begun_ns,
            earlier,
            losses: returning.map_or(0, |returning| returning.losses),
            returning: request.returning,
            ..Self::default()
        }))
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
        let life = self.life.as_ref();
        let returning = life.and_then(|life| life.returning.as_ref());
        returning.is_some_and(|own| own.is_lost())
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
        let returning = self.life.as_mut().and_then(|life| {
            life.active_from_ns = now_ns;
            life.returning.take()
        });
        self.register_life(thread);
        match returning {
            Some(returning) => self.resume(&returning, now_ns, thread),
            None => {
                let mut stats = thread.clients.borrow_mut();
                stats.opening -= 1;
                stats.idle.opened += u64::from(thread.is_idle(self.id));
            }
        }
    }

    /// Registers the end of the connection's lifetime among the due times. The poll's timeout, which wakes the client for
    /// a deadline, has a resolution of 1 ms, by which the next connection would be late.
    fn register_life(&self, thread: &ThreadState) {
        if let Some(life) = &self.life
            && life.ends_ns != u64::MAX
        {
            let mut timers = thread.timers.borrow_mut();
            timers.due.add(life.ends_ns, self.slot);
        }
    }

    /// Takes over the state of the client's connection before.
    #[cold]
    fn resume(&mut self, returning: &ReturningClient, now_ns: u64, thread: &ThreadState) {
        self.pacing = returning.pacing;
        self.sent = returning.sent;
        self.warmed = returning.warmed;
        self.failed = returning.failed;
        // Messages that are due have waited for the connection, not for the generator.
        self.room_since_ns = now_ns;
        if let Some(life) = &mut self.life {
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
        if returning.is_between_steps {
            let mut stats = thread.clients.borrow_mut();
            stats.reopening -= 1;
            stats.busy += 1;
            return;
        }
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

    /// Continues the dialogue of the connection before on this one.
    pub(super) fn carry_over(&self, own: &mut ClientDialogue) {
        let life = self.life.as_ref();
        let Some(returning) = life.and_then(|life| life.returning.as_ref()) else {
            return;
        };
        own.carried_rooms = returning.rooms;
        if let Some(feed) = &returning.feed {
            own.feed = Some(Box::new(feed.next_connection()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use measurement::plan::Lifetime;

    use super::*;
    use crate::run_content::RunContent;
    use crate::tests::{opened_connection, plan};

    #[test]
    fn a_lifetime_ends_by_the_exact_timer() {
        let plan = plan(|draft| {
            draft.connections.lifetime = Some(Lifetime::Fixed(Duration::from_secs(5)));
        });
        let content = RunContent::new(plan.clone());
        let thread = ThreadState::new(&plan, 0, &content, u64::MAX, Instant::now());
        let (opened, _listener) = opened_connection();
        let request = ConnectRequest::first(0, Some(7));
        let client = Client::new(request, 3, opened, &thread).unwrap();
        assert_eq!(client.stage, ClientStage::Waiting);
        let mut timers = thread.timers.borrow_mut();
        assert_eq!(timers.due.pop(u64::MAX), Some((5_000_000_007, 3)));
    }
}
