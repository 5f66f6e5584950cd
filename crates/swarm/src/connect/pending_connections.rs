//! All connections of one thread being opened.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measurement::record::ConnectFailure;
use mio::{Registry, Token};

use super::connector::Connector;
use super::opening::{OpenedConnection, Opening, OpeningProgress};
use super::transport::Readiness;
use crate::clock::nanoseconds;

/// Maximum wait for the text of a failure whose cause is known, because some servers never end their refusals.
const TEXT_TIMEOUT: Duration = Duration::from_millis(250);

/// A client, with its open connection or its failure.
pub(crate) type OpeningResult = (u32, Result<OpenedConnection, ConnectFailure>);

/// A connection being opened. Times are on the thread's clock.
#[derive(Debug)]
struct PendingOpening {
    client: u32,
    opening: Opening,
    deadline_ns: u64,
    /// Deadline of a failure whose text is being read; `u64::MAX` without one.
    text_deadline_ns: u64,
}

impl PendingOpening {
    /// Returns true when this is one of its deadlines. Otherwise the deadline belongs to an earlier opening in its slot.
    fn has_deadline(&self, deadline_ns: u64) -> bool {
        self.deadline_ns == deadline_ns || self.text_deadline_ns == deadline_ns
    }
}

/// The openings of a thread, by slot. A slot may be used again.
#[derive(Debug)]
pub(crate) struct PendingConnections {
    connector: Arc<Connector>,
    registry: Registry,
    openings: BTreeMap<u32, PendingOpening>,
    /// Connect deadlines on the thread's clock, with their slots. All openings have the same timeout, so the deadlines
    /// are ascending.
    deadlines: VecDeque<(u64, u32)>,
    /// Deadlines of failures whose text is being read, ascending.
    text_deadlines: VecDeque<(u64, u32)>,
    /// The same moment as `Instant` and on the thread's clock.
    clock: (Instant, u64),
    /// Slots to retry, the oldest first.
    queueing: VecDeque<u32>,
}

impl PendingConnections {
    pub(crate) fn new(connector: Arc<Connector>, registry: Registry) -> Self {
        Self {
            connector,
            registry,
            openings: BTreeMap::new(),
            deadlines: VecDeque::new(),
            text_deadlines: VecDeque::new(),
            clock: (Instant::now(), 0),
            queueing: VecDeque::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.openings.len()
    }

    /// Starts to open a client's connection in this slot, with the slot as token.
    pub(crate) fn begin(&mut self, client: u32, slot: u32, now_ns: u64) -> Option<OpeningResult> {
        let deadline_ns = now_ns.saturating_add(nanoseconds(self.connector.timeout));
        self.deadlines.push_back((deadline_ns, slot));
        let registered = (&self.registry, Token(slot as usize));
        let now = Instant::now();
        self.clock = (now, now_ns);
        let progress = Opening::begin(client, now, &self.connector, registered);
        self.keep(client, slot, (deadline_ns, u64::MAX), progress)
    }

    pub(crate) fn ready(&mut self, slot: u32, reported: Readiness) -> Option<OpeningResult> {
        let PendingOpening {
            client,
            opening,
            deadline_ns,
            mut text_deadline_ns,
        } = self.openings.remove(&slot)?;
        let had_failed = opening.has_failed();
        let progress = opening.resume(reported, &self.connector);
        if let ControlFlow::Continue(opening) = &progress
            && opening.has_failed()
            && !had_failed
        {
            let (then, then_ns) = self.clock;
            text_deadline_ns = then_ns.saturating_add(nanoseconds(then.elapsed() + TEXT_TIMEOUT));
            self.text_deadlines.push_back((text_deadline_ns, slot));
        }
        self.keep(client, slot, (deadline_ns, text_deadline_ns), progress)
    }

    /// Keeps a pending opening. Returns the result of a completed one.
    fn keep(
        &mut self,
        client: u32,
        slot: u32,
        (deadline_ns, text_deadline_ns): (u64, u64),
        progress: OpeningProgress,
    ) -> Option<OpeningResult> {
        match progress {
            ControlFlow::Continue(opening) => {
                if opening.is_queueing() {
                    self.queueing.push_back(slot);
                }
                let pending = PendingOpening {
                    client,
                    opening,
                    deadline_ns,
                    text_deadline_ns,
                };
                self.openings.insert(slot, pending);
                None
            }
            ControlFlow::Break(result) => Some((
                client,
                result.map_err(|e| self.connector.explain(client, e)),
            )),
        }
    }

    /// Returns true when some openings must be [retried](Self::retry), because no event will continue them.
    pub(crate) fn has_queueing(&self) -> bool {
        !self.queueing.is_empty()
    }

    /// Retries the queued openings until the server's backlog is full again. Returns slots and results of those that
    /// completed.
    pub(crate) fn retry(&mut self) -> Vec<(u32, OpeningResult)> {
        let mut ended = Vec::new();
        for _ in 0..self.queueing.len() {
            let Some(slot) = self.queueing.pop_front() else {
                break;
            };
            let is_queueing = |pending: &PendingOpening| pending.opening.is_queueing();
            if !self.openings.get(&slot).is_some_and(is_queueing) {
                // Expired in the meantime.
                continue;
            }
            let Some(pending) = self.openings.remove(&slot) else {
                continue;
            };
            let PendingOpening {
                client,
                opening,
                deadline_ns,
                ..
            } = pending;
            let waiting = self.queueing.len();
            let registered = (&self.registry, Token(slot as usize));
            let progress = Opening::begin(client, opening.begun, &self.connector, registered);
            let result = self.keep(client, slot, (deadline_ns, u64::MAX), progress);
            ended.extend(result.map(|result| (slot, result)));
            if self.queueing.len() > waiting {
                // Moves the opening back to the front of the queue.
                self.queueing.rotate_right(1);
                break;
            }
        }
        ended
    }

    /// Next deadline of an opening, on the thread's clock; `u64::MAX` when there is none.
    pub(crate) fn next_deadline_ns(&mut self) -> u64 {
        let Self {
            openings,
            deadlines,
            text_deadlines,
            ..
        } = self;
        let next = |queue: &mut VecDeque<(u64, u32)>| {
            while let Some((deadline_ns, slot)) = queue.front() {
                let pending = openings.get(slot);
                if pending.is_some_and(|pending| pending.has_deadline(*deadline_ns)) {
                    return *deadline_ns;
                }
                queue.pop_front();
            }
            u64::MAX
        };
        next(deadlines).min(next(text_deadlines))
    }

    /// Gives up the next opening whose deadline has passed.
    pub(crate) fn expire(&mut self, now_ns: u64) -> Option<(u32, OpeningResult)> {
        if self.next_deadline_ns() > now_ns {
            return None;
        }
        // The first entry of each queue belongs to a pending opening, because outdated entries were removed above.
        let is_due = |queue: &VecDeque<(u64, u32)>| queue.front().is_some_and(|d| d.0 <= now_ns);
        let queue = if is_due(&self.deadlines) {
            &mut self.deadlines
        } else {
            &mut self.text_deadlines
        };
        let (_, slot) = queue.pop_front()?;
        let pending = self.openings.remove(&slot)?;
        let client = pending.client;
        let failure = self.connector.explain(client, pending.opening.at_timeout());
        Some((slot, (client, Err(failure))))
    }

    /// Ends the opening in this slot, if there is one.
    pub(crate) fn abandon(&mut self, slot: u32) {
        self.openings.remove(&slot);
    }
}
