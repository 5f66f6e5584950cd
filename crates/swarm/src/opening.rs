//! The connections of one thread that are being opened.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use mio::{Registry, Token};

use crate::connect::{ConnectError, Connector, Opened, Opening, Progress};
use crate::head::Readiness;
use crate::worker::nanoseconds;

/// Whose opening has ended, and how.
pub(crate) type Outcome = (u32, Result<Opened, ConnectError>);

/// Those under way, by slot.
#[derive(Debug)]
pub(crate) struct Openings {
    connector: Arc<Connector>,
    registry: Registry,
    /// The client of each, and how far it has come.
    under_way: BTreeMap<u32, (u32, Opening)>,
    /// When each has to be open, on the thread's clock, and its slot. All have the same time, so the
    /// first to begin is the first to be late.
    deadlines: VecDeque<(u64, u32)>,
    /// Slots that are to be tried again, the first to begin first.
    queueing: VecDeque<u32>,
}

impl Openings {
    pub(crate) fn new(connector: Arc<Connector>, registry: Registry) -> Self {
        Self {
            connector,
            registry,
            under_way: BTreeMap::new(),
            deadlines: VecDeque::new(),
            queueing: VecDeque::new(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Begins to open a client's connection in a slot, under the token of the same number.
    pub(crate) fn begin(&mut self, client: u32, slot: u32, now_ns: u64) -> Option<Outcome> {
        let deadline_ns = now_ns.saturating_add(nanoseconds(self.connector.timeout()));
        self.deadlines.push_back((deadline_ns, slot));
        let progress = Opening::begin(&self.connector, &self.registry, Token(slot as usize));
        self.note(client, slot, progress)
    }

    /// The socket of a slot is ready.
    pub(crate) fn ready(&mut self, slot: u32, told: Readiness) -> Option<Outcome> {
        let (client, opening) = self.under_way.remove(&slot)?;
        let registered = (&self.registry, Token(slot as usize));
        let progress = opening.go_on(told, &self.connector, registered);
        self.note(client, slot, progress)
    }

    fn note(&mut self, client: u32, slot: u32, progress: Progress) -> Option<Outcome> {
        match progress {
            Progress::Pending(opening) => {
                if opening.is_queueing() {
                    self.queueing.push_back(slot);
                }
                self.under_way.insert(slot, (client, opening));
                None
            }
            Progress::Over(outcome) => Some((client, outcome)),
        }
    }

    /// Whether some have to be [tried again](Self::retry) because no event will tell when to.
    pub(crate) fn are_queueing(&self) -> bool {
        !self.queueing.is_empty()
    }

    /// Tries those again that the server had no room for, until it has none again; slots and outcomes
    /// of those that ended by that.
    pub(crate) fn retry(&mut self) -> Vec<(u32, Outcome)> {
        let mut ended = Vec::new();
        for _ in 0..self.queueing.len() {
            let Some(slot) = self.queueing.pop_front() else {
                break;
            };
            let Some((client, opening)) = self.under_way.remove(&slot) else {
                // Given up meanwhile.
                continue;
            };
            let waiting = self.queueing.len();
            let registered = (&self.registry, Token(slot as usize));
            let progress = opening.retry(&self.connector, registered);
            ended.extend(self.note(client, slot, progress).map(|o| (slot, o)));
            if self.queueing.len() > waiting {
                // Back to the front, where it came from.
                self.queueing.rotate_right(1);
                break;
            }
        }
        ended
    }

    /// When the next of them has to be open; `u64::MAX` when there is none.
    pub(crate) fn next_deadline_ns(&mut self) -> u64 {
        while let Some((deadline_ns, slot)) = self.deadlines.front() {
            if self.under_way.contains_key(slot) {
                return *deadline_ns;
            }
            self.deadlines.pop_front();
        }
        u64::MAX
    }

    /// Gives up the next one that should be open by now.
    pub(crate) fn expire(&mut self, now_ns: u64) -> Option<(u32, Outcome)> {
        if self.next_deadline_ns() > now_ns {
            return None;
        }
        let (_, slot) = self.deadlines.pop_front()?;
        let (client, _) = self.under_way.remove(&slot)?;
        Some((slot, (client, Err(ConnectError::Timeout))))
    }

    /// Gives up all of them; whose they were.
    pub(crate) fn abandon(&mut self) -> impl Iterator<Item = u32> + use<> {
        let under_way = std::mem::take(&mut self.under_way);
        under_way.into_values().map(|(client, _)| client)
    }
}
