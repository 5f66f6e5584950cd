//! The messages of one publisher, from before they are sent until they are over.

use std::collections::VecDeque;
use std::sync::Arc;

use super::publication::Publication;

/// Kept numbers of joins of a publisher, by which a second delivery is known from one to a member that joined later.
pub(super) const MAX_KEPT_JOINS: usize = 256;

/// The messages of one publisher.
#[derive(Debug, Default)]
pub(super) struct PublisherQueue {
    /// Ascending.
    pub(super) open: VecDeque<Arc<Publication>>,
    /// The newest that were closed while some arrivals were missing, ascending.
    pub(super) incomplete: VecDeque<Arc<Publication>>,
    pub(super) incomplete_bytes: usize,
    /// Order of the newest incomplete message that is not kept any more, plus one.
    pub(super) dropped_until: u64,
    /// Order of the newest message, plus one.
    pub(super) next_order: u64,
    /// Joins of the room, and of all receivers together, by the time of the first message sent after them: its order, and
    /// their number.
    pub(super) joined: [Vec<(u64, u32)>; 2],
    /// Planned exits of the board, and exits of the room and of all receivers together, after which it was checked last
    /// which deliveries are still expected.
    pub(super) excused_at: (u64, [u64; 2]),
}

impl PublisherQueue {
    pub(super) fn open_and_oldest(&self) -> (usize, u64) {
        let oldest = self.open.front();
        let oldest_ns = oldest.map_or(u64::MAX, |one| one.message.sent_ns);
        (self.open.len(), oldest_ns)
    }

    pub(super) fn keep_incomplete(&mut self, closed: Option<Arc<Publication>>, limit: usize) {
        let Some(closed) = closed else {
            return;
        };
        self.incomplete_bytes += closed.memory();
        self.incomplete.push_back(closed);
        while self.incomplete_bytes > limit && self.incomplete.len() > 1 {
            if let Some(oldest) = self.incomplete.pop_front() {
                self.incomplete_bytes -= oldest.memory();
                self.dropped_until = oldest.message.number.order() + 1;
            }
        }
    }

    /// Notes the number of joins by the time of a message of this order, of its room or of all receivers together.
    pub(super) fn note_joins(&mut self, order: u64, joins: u32, of_everybody: bool) {
        let history = &mut self.joined[usize::from(of_everybody)];
        if history.last().is_none_or(|(_, before)| *before != joins) {
            if history.len() == MAX_KEPT_JOINS {
                // The first members stay known.
                history.remove(1);
            }
            history.push((order, joins));
        }
    }

    /// Number of joins by the time of a message of this order.
    pub(super) fn joins_before(&self, order: u64, of_everybody: bool) -> u32 {
        let history = &self.joined[usize::from(of_everybody)];
        let later = history.partition_point(|(from, _)| *from <= order);
        later.checked_sub(1).map_or(0, |newest| history[newest].1)
    }

    /// Forgets the joins of messages from this order on, because they were not sent.
    pub(super) fn forget_joins_from(&mut self, order: u64) {
        for history in &mut self.joined {
            let earlier = history.partition_point(|(from, _)| *from < order);
            history.truncate(earlier);
        }
    }
}
