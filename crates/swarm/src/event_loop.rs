//! The event loop of one generator thread: wakes its clients for sockets, due messages and deadlines.
//!
//! One epoll instance (mio) and one timer per thread, without a task or waker per client. In addition to the system
//! calls, an event costs one access to its client.
//!
//! | module | contents |
//! |---|---|
//! | `connections` | connections begun when they are due, opened, dropped by plan, and given up |

mod connections;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use measurement::verdict::Stop;
use mio::{Events, Poll, Token};

use crate::client::{Client, Next};
use crate::connect::connector::Connector;
use crate::connect::pending_connections::PendingConnections;
use crate::connect::transport::Readiness;
use crate::connect_queue::ConnectQueue;
use crate::handle::RunHandle;
use crate::load_order::ClientCounts;
use crate::pacing_timer::PacingTimer;
use crate::returning_client::ConnectRequest;
use crate::stillness::OwnTime;
use crate::thread_state::ThreadState;

/// Token of the coordinator's commands.
pub(crate) const COMMAND: Token = Token(usize::MAX);
/// Token of the pacing timer.
const TIMER: Token = Token(usize::MAX - 1);

/// Maximum number of events per poll.
const EVENTS_PER_POLL: usize = 1024;

/// Interval between attempts to connect to a Unix socket with a full backlog.
const RETRY_INTERVAL: Duration = Duration::from_millis(1);

/// Maximum number of queued clients woken between two polls, so that many clients starting together do not delay the
/// first echoes.
const QUEUED_WAKES_PER_POLL: usize = 32;

/// Place of a client of a thread.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // Nearly all places have a client.
enum Slot {
    Free,
    /// The connection is being opened.
    Opening(ConnectRequest),
    Open(Client),
}

impl Slot {
    fn client(&self) -> Option<&Client> {
        match self {
            Self::Open(client) => Some(client),
            Self::Free | Self::Opening(_) => None,
        }
    }

    fn client_mut(&mut self) -> Option<&mut Client> {
        match self {
            Self::Open(client) => Some(client),
            Self::Free | Self::Opening(_) => None,
        }
    }
}

/// The clients of a thread, and the sources of their wake-ups.
#[derive(Debug)]
pub(crate) struct EventLoop {
    pub(crate) thread: ThreadState,
    poll: Poll,
    events: Events,
    timer: PacingTimer,
    /// Expiry of the timer, on the thread's clock.
    timer_ns: u64,
    slots: Vec<Slot>,
    /// Free slots. The last ones became free only after the last poll, whose events may still name them.
    free: Vec<u32>,
    freed: Vec<u32>,
    /// Connections that are not begun yet.
    pub(crate) queue: ConnectQueue,
    /// Time of the planned drop, on the thread's clock; `u64::MAX` without one, and behind it.
    pub(crate) drop_ns: u64,
    /// First slot that the drop has not reached.
    drop_next: usize,
    pub(crate) pending: PendingConnections,
    /// Number of connections that have not ended.
    pub(crate) alive: usize,
    /// Counts the open connections of the process.
    handle: RunHandle,
    /// Slots to wake without an event.
    wake_queue: VecDeque<u32>,
    busy_poll: bool,
    /// With busy polling: time without work in nanoseconds, and last reading of the clock.
    pub(crate) idle_ns: u64,
    read_ns: u64,
    own_time: OwnTime,
}

impl EventLoop {
    /// An event loop with capacity for the clients of this thread.
    pub(crate) fn new(
        poll: Poll,
        thread: ThreadState,
        queue: ConnectQueue,
        connector: Arc<Connector>,
        handle: RunHandle,
        busy_poll: bool,
    ) -> io::Result<Self> {
        let connections = thread.clients.borrow().opening;
        Ok(Self {
            pending: PendingConnections::new(connector, poll.registry().try_clone()?),
            timer: PacingTimer::new(poll.registry(), TIMER)?,
            timer_ns: u64::MAX,
            poll,
            events: Events::with_capacity(EVENTS_PER_POLL),
            thread,
            slots: Vec::with_capacity(connections),
            free: Vec::new(),
            freed: Vec::new(),
            queue,
            drop_ns: u64::MAX,
            drop_next: 0,
            alive: 0,
            handle,
            wake_queue: VecDeque::new(),
            busy_poll,
            idle_ns: 0,
            read_ns: 0,
            own_time: OwnTime::default(),
        })
    }

    /// Returns true when a first connection is to be opened, or its client is not ready for the load.
    pub(crate) fn is_opening(&self) -> bool {
        self.thread.clients.borrow().opening > 0
    }

    /// The clients with a connection.
    fn clients(&self) -> impl Iterator<Item = &Client> {
        self.slots.iter().filter_map(Slot::client)
    }

    /// Returns true when a client waited for a whole timeout while messages arrived, and no client of the thread has
    /// recognized an echo.
    pub(crate) fn recognized_nothing(&self) -> bool {
        self.thread.recognized_nothing.take()
            && !self.thread.clients.borrow().recognized
            && !self.clients().any(Client::has_recognized)
    }

    /// Begins a slice. The pause before it counts neither as a stop nor as idle time.
    pub(crate) fn begin_slice(&mut self, spins: bool) {
        self.busy_poll = spins;
        self.read_ns = self.thread.clock.now_ns();
        self.own_time.look(self.read_ns, Duration::MAX);
        self.wake_all();
    }

    /// Ends a slice: the clients wait for the next one, and the thread sleeps. Returns the number of messages sent so
    /// far.
    pub(crate) fn end_slice(&mut self) -> u64 {
        self.busy_poll = false;
        let mut resting = 0;
        let mut sent = 0;
        for client in self.slots.iter_mut().filter_map(Slot::client_mut) {
            resting += usize::from(client.rest(&self.thread));
            sent += client.all_sent();
        }
        self.thread.run = None;
        let mut stats = self.thread.clients.borrow_mut();
        stats.busy = resting;
        for (pacing, _) in &mut stats.unfinished {
            *pacing = pacing.restarted();
        }
        sent
    }

    /// Number of clients with an open connection, without idle connections.
    pub(crate) fn connected_clients(&self) -> u64 {
        let counts = self
            .clients()
            .filter_map(|client| client.counts(&self.thread));
        counts.count() as u64
    }

    /// Messages of each client so far, ordered by number.
    pub(crate) fn client_counts(&self) -> Vec<ClientCounts> {
        let rows = &self.thread.clients.borrow().rows;
        let ended = rows.iter().map(|row| ClientCounts {
            client: row.client,
            messages: row.messages,
            failed: row.failed,
        });
        let mut counts: Vec<_> = self
            .clients()
            .filter_map(|client| client.counts(&self.thread))
            .collect();
        counts.extend(ended);
        counts.sort_unstable_by_key(|counts| counts.client);
        counts
    }

    /// Receivers that no message of the warm-up has reached.
    pub(crate) fn unreached(&self) -> Vec<u32> {
        self.clients()
            .filter_map(|client| client.unreached(&self.thread))
            .collect()
    }

    /// Queues a wake-up of all clients.
    pub(crate) fn wake_all(&mut self) {
        // Client numbers fit into `u32`.
        #[allow(clippy::cast_possible_truncation)]
        self.wake_queue.extend(0..self.slots.len() as u32);
    }

    /// Waits for an event, at most for this time, and wakes the clients that have work.
    pub(crate) fn run_once(&mut self, at_most: Duration) -> io::Result<()> {
        let more_are_due = self.begin_connections();
        let wait = self.set_timer(at_most, more_are_due)?;
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
            _ => {}
        }
        let now_ns = self.thread.clock.now_ns();
        self.watch(now_ns, wait);
        self.drop_connections();
        if self.pending.has_queueing() {
            self.retry_openings();
        }
        let mut any = self.wake_due() | self.wake_expired(now_ns);
        // Moved out of `self`, so that clients can be woken.
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let slot = event.token();
            if slot == COMMAND || slot == TIMER {
                continue;
            }
            any = true;
            let reported = Readiness {
                readable: event.is_readable(),
                writable: event.is_writable(),
                at_end: event.is_read_closed() || event.is_error(),
            };
            // Slots fit into `u32`.
            #[allow(clippy::cast_possible_truncation)]
            self.wake(slot.0 as u32, Some(reported));
            // A long batch of echoes must not delay due messages.
            self.wake_due();
        }
        self.events = events;
        for _ in 0..QUEUED_WAKES_PER_POLL.min(self.wake_queue.len()) {
            let Some(slot) = self.wake_queue.pop_front() else {
                break;
            };
            any = true;
            let waiting = self.wake_queue.len();
            self.wake(slot, None);
            if self.wake_queue.len() > waiting {
                // The client used up its turn, and events may have arrived in the meantime.
                break;
            }
        }
        if self.busy_poll {
            let now_ns = self.thread.clock.now_ns();
            if !any {
                self.idle_ns += now_ns - self.read_ns;
            }
            self.read_ns = now_ns;
        }
        Ok(())
    }

    /// Watches for stops at this reading of the clock, after a requested wait.
    #[inline]
    fn watch(&mut self, now_ns: u64, wait: Duration) {
        if let Some(own_ns) = self.own_time.look(now_ns, wait) {
            self.note_own_time(now_ns, own_ns);
        }
    }

    /// Keeps the longest own time in the measured phase. Records it as a stop when it exceeds the allowed time, with
    /// the messages in flight.
    #[cold]
    fn note_own_time(&mut self, now_ns: u64, own_ns: u64) {
        let thread = &self.thread;
        let Some(run) = thread.run.filter(|run| now_ns > run.t0_ns) else {
            return;
        };
        if !thread.clients.borrow().is_at_work() {
            return;
        }
        let length_ns = own_ns.min(now_ns - run.t0_ns);
        let mut stillness = thread.stillness.borrow_mut();
        stillness.longest_ns = stillness.longest_ns.max(length_ns);
        self.own_time.examined_above_ns = stillness.longest_ns.min(stillness.allowed_ns);
        if length_ns > stillness.allowed_ns {
            thread.last_stop_end_ns.set(now_ns);
            let in_flight = self.slots.iter().filter_map(Slot::client);
            let in_flight = in_flight.map(Client::measured_in_flight);
            let start_ns = now_ns - length_ns - run.t0_ns;
            thread.recorder.borrow_mut().stopped(start_ns, length_ns);
            stillness.add(Stop {
                start_ns,
                length_ns,
                messages: in_flight.sum(),
            });
        }
    }

    /// Sets the timer for the next due message. Returns the maximum wait for other events.
    fn set_timer(&mut self, at_most: Duration, more_are_due: bool) -> io::Result<Duration> {
        if self.busy_poll || more_are_due || !self.wake_queue.is_empty() {
            return Ok(Duration::ZERO);
        }
        let at_most = if self.pending.has_queueing() {
            at_most.min(RETRY_INTERVAL)
        } else {
            at_most
        };
        let connect_deadline_ns = self.pending.next_deadline_ns();
        let connect_ns = self.queue.next_ns(self.pending.len()).min(self.drop_ns);
        let timers = self.thread.timers.borrow();
        let due_ns = timers.due.next_ns().min(connect_ns);
        let deadline_ns = timers.deadlines.next_ns().min(connect_deadline_ns);
        if due_ns == u64::MAX && deadline_ns == u64::MAX {
            return Ok(at_most);
        }
        let now_ns = self.thread.clock.now_ns();
        let until = |at_ns: u64| Duration::from_nanos(at_ns.saturating_sub(now_ns));
        let mut wait = at_most.min(until(deadline_ns));
        if due_ns <= now_ns {
            return Ok(Duration::ZERO);
        }
        if due_ns != u64::MAX && due_ns != self.timer_ns {
            self.timer_ns = due_ns;
            if let Some(rest) = self.timer.set(until(due_ns))? {
                // The timer cannot wake the thread here, so the poll's timeout must.
                self.timer_ns = u64::MAX;
                wait = wait.min(rest);
            }
        }
        Ok(wait)
    }

    /// Wakes the clients whose messages or lifetimes are due.
    #[inline]
    fn wake_due(&mut self) -> bool {
        let next_ns = self.thread.timers.borrow().due.next_ns();
        // In closed loop without lifetimes, nothing is ever due, and the clock is not read.
        if next_ns == u64::MAX {
            return false;
        }
        let now_ns = self.thread.clock.now_ns();
        // Between two polls, a busy thread may send for a long time. It has not stopped then.
        self.watch(now_ns, Duration::ZERO);
        if next_ns > now_ns {
            return false;
        }
        loop {
            let entry = self.thread.timers.borrow_mut().due.pop(now_ns);
            let Some((at_ns, slot)) = entry else {
                return true;
            };
            if let Some(Slot::Open(client)) = self.slots.get_mut(slot as usize) {
                client.on_due(at_ns);
                self.wake(slot, None);
            }
        }
    }

    /// Wakes the clients whose deadline has passed, and expires pending connections.
    fn wake_expired(&mut self, now_ns: u64) -> bool {
        let mut any = false;
        loop {
            let entry = self.thread.timers.borrow_mut().deadlines.pop(now_ns);
            let Some((at_ns, slot)) = entry else {
                break;
            };
            if let Some(Slot::Open(client)) = self.slots.get_mut(slot as usize)
                && client.on_deadline(at_ns, &self.thread)
            {
                any = true;
                self.wake(slot, None);
            }
        }
        while let Some((slot, result)) = self.pending.expire(now_ns) {
            any = true;
            self.add_client(slot, result);
        }
        any
    }

    /// Wakes the client in this slot, with the poll's report on its socket if there is one.
    #[inline]
    fn wake(&mut self, slot: u32, reported: Option<Readiness>) {
        match self.slots.get_mut(slot as usize) {
            Some(Slot::Open(client)) => {
                let next = client.wake(reported, &self.thread);
                self.after_wake(slot, next);
            }
            Some(Slot::Opening(_)) => self.wake_pending(slot, reported),
            Some(Slot::Free) | None => {}
        }
    }

    #[inline]
    fn after_wake(&mut self, slot: u32, next: Next) {
        match next {
            Next::Event => {}
            Next::Turn => self.wake_queue.push_back(slot),
            Next::Never => {
                // Dropping the client closes its socket, which removes it from the poll.
                self.free(slot);
                self.alive -= 1;
                self.handle.connection_closed();
            }
        }
    }

    /// Continues a connection being opened whose socket is ready.
    #[cold]
    fn wake_pending(&mut self, slot: u32, reported: Option<Readiness>) {
        if let Some(reported) = reported
            && let Some(result) = self.pending.ready(slot, reported)
        {
            self.add_client(slot, result);
        }
    }
}
