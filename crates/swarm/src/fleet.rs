//! The clients of one thread and what wakes them: sockets, due messages, limits.
//!
//! One epoll instance (mio), one timer, no task and no waker a client: what an event costs beyond the
//! system calls is a look at the client that it belongs to.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token};

use crate::alarm::Alarm;
use crate::connect::Connector;
use crate::connection::{Call, Client, Want};
use crate::head::Readiness;
use crate::opening::{Openings, Outcome};
use crate::shared::{Shared, Signal};

/// Wakes the thread because of a command.
pub(crate) const COMMAND: Token = Token(usize::MAX);
/// Wakes the thread because a message is due.
const ALARM: Token = Token(usize::MAX - 1);

/// Events taken at a time.
const EVENTS_AT_ONCE: usize = 1024;

/// Clients called without an event between two looks at the sockets: a crowd that starts together
/// does not keep the first echoes waiting.
const CALLS_AT_ONCE: usize = 32;

/// The clients of a thread.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) shared: Shared,
    poll: Poll,
    events: Events,
    alarm: Alarm,
    /// What the alarm is set to.
    alarm_ns: u64,
    /// By slot; `None` while the connection is being opened, and when it is over.
    clients: Vec<Option<Client>>,
    openings: Openings,
    alive: usize,
    /// Slots to be called without an event.
    again: VecDeque<(u32, Call)>,
    busy_poll: bool,
    /// With busy polling: time spent with nothing to do, and the last look at the clock.
    idle_ns: u64,
    looked_ns: u64,
}

impl Fleet {
    /// An empty fleet with room for so many clients.
    pub(crate) fn new(
        poll: Poll,
        shared: Shared,
        connector: Arc<Connector>,
        clients: usize,
        busy_poll: bool,
    ) -> io::Result<Self> {
        Ok(Self {
            openings: Openings::new(connector, poll.registry().try_clone()?),
            alarm: Alarm::new(poll.registry(), ALARM)?,
            alarm_ns: u64::MAX,
            poll,
            events: Events::with_capacity(EVENTS_AT_ONCE),
            shared,
            clients: Vec::with_capacity(clients),
            alive: 0,
            again: VecDeque::new(),
            busy_poll,
            idle_ns: 0,
            looked_ns: 0,
        })
    }

    /// Connections that are not over.
    pub(crate) fn alive(&self) -> usize {
        self.alive
    }

    /// Time spent with nothing to do, in nanoseconds; without busy polling 0.
    pub(crate) fn idle_ns(&self) -> u64 {
        self.idle_ns
    }

    /// Connections that are being opened.
    pub(crate) fn opening(&self) -> usize {
        self.openings.len()
    }

    /// Begins to open a client's connection.
    pub(crate) fn open(&mut self, client: u32) {
        // There are no more clients than `u32` holds.
        #[allow(clippy::cast_possible_truncation)]
        let slot = self.clients.len() as u32;
        self.clients.push(None);
        let now_ns = self.shared.clock.now_ns();
        if let Some(outcome) = self.openings.begin(client, slot, now_ns) {
            self.opened(slot, outcome);
        }
    }

    /// Tries those again that the server had no room for; whether there are such still.
    pub(crate) fn retry_openings(&mut self) -> bool {
        if self.openings.are_queueing() {
            for (slot, outcome) in self.openings.retry() {
                self.opened(slot, outcome);
            }
        }
        self.openings.are_queueing()
    }

    /// Gives up the connections that are being opened.
    pub(crate) fn abandon_openings(&mut self) {
        for client in self.openings.abandon() {
            self.shared.never_opened(client);
        }
    }

    /// Takes note of how the opening of a connection ended.
    #[cold]
    fn opened(&mut self, slot: u32, (client, outcome): Outcome) {
        self.shared.count_connect(&outcome);
        let Ok(opened) = outcome else {
            self.shared.never_opened(client);
            return;
        };
        self.shared.opened_one();
        let Readiness { readable, at_end } = opened.readiness;
        if let Ok(client) = Client::new(client, slot, opened, &self.shared) {
            self.clients[slot as usize] = Some(client);
            self.alive += 1;
            if readable {
                let call = Call::Ready {
                    readable,
                    writable: false,
                    closed: at_end,
                };
                self.again.push_back((slot, call));
            }
        }
    }

    /// Tells all clients what to do from now on.
    pub(crate) fn signal(&mut self, signal: Signal) {
        self.shared.set_signal(signal);
        // In the order of their numbers, each in its turn.
        #[allow(clippy::cast_possible_truncation)]
        let alive = (0..self.clients.len() as u32).map(|slot| (slot, Call::Time));
        self.again.extend(alive);
    }

    /// Waits, at most for so long, and does what there is to do.
    pub(crate) fn turn(&mut self, at_most: Duration) -> io::Result<()> {
        let wait = self.wait(at_most)?;
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
            _ => {}
        }
        let mut did = self.call_those_due() | self.call_those_past_a_limit();
        // Moved out, so that clients may be called.
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let slot = event.token();
            if slot == COMMAND || slot == ALARM {
                continue;
            }
            did = true;
            let call = Call::Ready {
                readable: event.is_readable(),
                writable: event.is_writable(),
                closed: event.is_read_closed() || event.is_error(),
            };
            // Clients are numbered with `u32`.
            #[allow(clippy::cast_possible_truncation)]
            self.call(slot.0 as u32, call);
            // A long batch of echoes must not make due messages late.
            self.call_those_due();
        }
        self.events = events;
        for _ in 0..CALLS_AT_ONCE.min(self.again.len()) {
            if let Some((slot, call)) = self.again.pop_front() {
                did = true;
                self.call(slot, call);
            }
        }
        if self.busy_poll {
            let now_ns = self.shared.clock.now_ns();
            if !did {
                self.idle_ns += now_ns - self.looked_ns;
            }
            self.looked_ns = now_ns;
        }
        Ok(())
    }

    /// How long to wait for sockets; sets the alarm for the next message that is due.
    fn wait(&mut self, at_most: Duration) -> io::Result<Duration> {
        if self.busy_poll || !self.again.is_empty() {
            return Ok(Duration::ZERO);
        }
        let deadline_ns = self.openings.next_deadline_ns();
        let agenda = self.shared.agenda.borrow();
        let due_ns = agenda.due.next_ns();
        let limit_ns = agenda.limits.next_ns().min(deadline_ns);
        if due_ns == u64::MAX && limit_ns == u64::MAX {
            return Ok(at_most);
        }
        let now_ns = self.shared.clock.now_ns();
        let until = |at_ns: u64| Duration::from_nanos(at_ns.saturating_sub(now_ns));
        let mut wait = at_most.min(until(limit_ns));
        if due_ns <= now_ns {
            return Ok(Duration::ZERO);
        }
        if due_ns != u64::MAX && due_ns != self.alarm_ns {
            self.alarm_ns = due_ns;
            if let Some(rest) = self.alarm.set(until(due_ns))? {
                // Nothing else will wake the thread for it.
                self.alarm_ns = u64::MAX;
                wait = wait.min(rest);
            }
        }
        Ok(wait)
    }

    /// Calls the clients whose messages are due.
    #[inline]
    fn call_those_due(&mut self) -> bool {
        let next_ns = self.shared.agenda.borrow().due.next_ns();
        // In closed loop nothing ever is, which costs no look at the clock.
        if next_ns == u64::MAX || next_ns > self.shared.clock.now_ns() {
            return false;
        }
        let now_ns = self.shared.clock.now_ns();
        loop {
            let entry = self.shared.agenda.borrow_mut().due.pop(now_ns);
            let Some((at_ns, slot)) = entry else {
                return true;
            };
            if let Some(Some(client)) = self.clients.get_mut(slot as usize) {
                client.came_due(at_ns);
                self.call(slot, Call::Time);
            }
        }
    }

    /// Calls the clients that have a limit behind them.
    fn call_those_past_a_limit(&mut self) -> bool {
        let now_ns = self.shared.clock.now_ns();
        let mut any = false;
        loop {
            let entry = self.shared.agenda.borrow_mut().limits.pop(now_ns);
            let Some((at_ns, slot)) = entry else {
                break;
            };
            if let Some(Some(client)) = self.clients.get_mut(slot as usize)
                && client.limit_passed(at_ns)
            {
                any = true;
                self.call(slot, Call::Time);
            }
        }
        while let Some((slot, outcome)) = self.openings.expire(now_ns) {
            any = true;
            self.opened(slot, outcome);
        }
        any
    }

    #[inline]
    fn call(&mut self, slot: u32, call: Call) {
        let Some(place) = self.clients.get_mut(slot as usize) else {
            return;
        };
        let Some(client) = place else {
            return self.call_opening(slot, call);
        };
        match client.call(call, &self.shared) {
            Want::Sleep => {}
            Want::Again => self.again.push_back((slot, Call::Again)),
            Want::Over => {
                // Closed with it, the socket leaves the poll.
                *place = None;
                self.alive -= 1;
            }
        }
    }

    /// The socket of a connection that is being opened is ready.
    #[cold]
    fn call_opening(&mut self, slot: u32, call: Call) {
        let Call::Ready {
            readable, closed, ..
        } = call
        else {
            return;
        };
        let told = Readiness {
            readable,
            at_end: closed,
        };
        if let Some(outcome) = self.openings.ready(slot, told) {
            self.opened(slot, outcome);
        }
    }
}
