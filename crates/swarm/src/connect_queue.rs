//! Connections of one thread that are not begun yet.

use std::collections::BinaryHeap;
use std::fmt;
use std::iter::Peekable;
use std::time::Duration;

use measurement::plan::{ConnectSchedule, Plan};

use crate::clock::nanoseconds;
use crate::returning_client::ConnectRequest;

/// Maximum number of concurrent handshakes of one thread while connections are opened without a rate: enough to keep a
/// server busy, few enough for its backlog and the generator's memory.
pub(crate) const CONCURRENT_HANDSHAKES: usize = 128;

/// The connections of a thread that are to be begun. Times are on the thread's clock.
pub(crate) struct ConnectQueue {
    /// First connections, in the order of their numbers.
    first: Peekable<Box<dyn Iterator<Item = u32> + Send>>,
    /// Due times of the first connections; `None` without a rate.
    schedule: Option<ConnectSchedule>,
    /// Due time of the first connection of the run.
    from_ns: u64,
    /// Due time of the next first connection, once it is known.
    next_first_ns: Option<u64>,
    /// Further connections of clients, earliest first.
    further: BinaryHeap<DueLast>,
}

impl fmt::Debug for ConnectQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectQueue")
            .field("further", &self.further.len())
            .finish_non_exhaustive()
    }
}

/// A request ordered by its due time, the latest first.
struct DueLast(ConnectRequest);

impl Ord for DueLast {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for DueLast {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DueLast {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for DueLast {}

impl DueLast {
    fn key(&self) -> (u64, u32) {
        (self.0.due_ns(), self.0.connection)
    }
}

impl ConnectQueue {
    /// The first connections of a thread. The first one of the run is due at `from_ns`.
    pub(crate) fn new(plan: &Plan, thread: usize, from_ns: u64) -> Self {
        let first = plan.clients_of(thread).chain(plan.idle_of(thread));
        let first: Box<dyn Iterator<Item = u32> + Send> = Box::new(first);
        Self {
            first: first.peekable(),
            schedule: plan.connect_rate.map(|rate| {
                ConnectSchedule::new(rate.per_second(), plan.connections.arrivals, plan.seed)
            }),
            from_ns,
            next_first_ns: None,
            further: BinaryHeap::new(),
        }
    }

    /// Adds a further connection of a client.
    pub(crate) fn add(&mut self, request: ConnectRequest) {
        self.further.push(DueLast(request));
    }

    /// Due time of the next connection; `u64::MAX` when there is none, or a handshake must end first. `pending`: number of
    /// handshakes.
    pub(crate) fn next_ns(&mut self, pending: usize) -> u64 {
        let further_ns = self.further.peek().map_or(u64::MAX, |next| next.0.due_ns());
        further_ns.min(self.next_first_ns(pending))
    }

    fn next_first_ns(&mut self, pending: usize) -> u64 {
        let Some(next) = self.first.peek() else {
            return u64::MAX;
        };
        let Some(schedule) = &mut self.schedule else {
            return if pending < CONCURRENT_HANDSHAKES {
                0
            } else {
                u64::MAX
            };
        };
        let from_ns = self.from_ns;
        *self.next_first_ns.get_or_insert_with(|| {
            let after: Duration = schedule.due(*next);
            from_ns.saturating_add(nanoseconds(after))
        })
    }

    /// Takes the next connection, if it is due.
    pub(crate) fn take_due(&mut self, now_ns: u64, pending: usize) -> Option<ConnectRequest> {
        let first_ns = self.next_first_ns(pending);
        let further_ns = self.further.peek().map_or(u64::MAX, |next| next.0.due_ns());
        if first_ns.min(further_ns) > now_ns {
            return None;
        }
        if further_ns <= first_ns {
            return self.further.pop().map(|next| next.0);
        }
        self.next_first_ns = None;
        let intended_ns = self.schedule.as_ref().map(|_| first_ns);
        self.first
            .next()
            .map(|number| ConnectRequest::first(number, intended_ns))
    }

    /// Removes the first connections that are not begun.
    pub(crate) fn abandon_first(&mut self) -> impl Iterator<Item = u32> + use<> {
        let none: Box<dyn Iterator<Item = u32> + Send> = Box::new(std::iter::empty());
        std::mem::replace(&mut self.first, none.peekable())
    }

    /// Removes the further connections for which this holds.
    pub(crate) fn abandon_further(
        &mut self,
        is_abandoned: impl Fn(&ConnectRequest) -> bool,
    ) -> Vec<ConnectRequest> {
        let (abandoned, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.further)
            .into_iter()
            .partition(|next| is_abandoned(&next.0));
        self.further = rest.into();
        abandoned.into_iter().map(|next| next.0).collect()
    }

    /// Returns true when no further connection of a client waits.
    pub(crate) fn has_no_further(&self) -> bool {
        self.further.is_empty()
    }

    /// Number of further connections of clients that wait.
    pub(crate) fn further(&self) -> usize {
        self.further.len()
    }
}
