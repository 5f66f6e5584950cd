//! The messages of a room, until every member has taken them.

use std::collections::VecDeque;

/// Maximum length of a member's queue, in messages.
pub(crate) const MAX_QUEUED_MESSAGES: usize = 1_000;

/// Maximum length of a member's queue, in payload bytes. One message alone may be longer.
pub(crate) const MAX_QUEUED_BYTES: usize = 1 << 20;

/// The messages that at least one member has not taken, in the order for all members.
///
/// A member's queue is the part of the log from its position to the end. The log holds each message once, and is never
/// longer than the longest allowed queue.
#[derive(Debug)]
pub(super) struct MessageLog<M> {
    entries: VecDeque<LogEntry<M>>,
    /// Position of the first entry.
    first: u64,
    /// Payload bytes of all entries.
    bytes: usize,
}

#[derive(Debug)]
struct LogEntry<M> {
    message: M,
    bytes: usize,
    /// Number of members that have not taken the message.
    readers: usize,
}

impl<M> Default for MessageLog<M> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            bytes: 0,
        }
    }
}

impl<M: Clone> MessageLog<M> {
    /// Position of the oldest message.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Position of the next message.
    pub(super) fn end(&self) -> u64 {
        // usize is at most 64 bits wide.
        self.first + self.entries.len() as u64
    }

    /// Appends a message for this number of readers. Drops the oldest messages that exceed the limits, and returns true
    /// if there were any. Members at an earlier position than [`Self::first`] have then lost messages.
    pub(super) fn push(&mut self, message: M, bytes: usize, readers: usize) -> bool {
        self.entries.push_back(LogEntry {
            message,
            bytes,
            readers,
        });
        self.bytes += bytes;
        let before = self.first;
        while self.entries.len() > MAX_QUEUED_MESSAGES
            || self.bytes > MAX_QUEUED_BYTES && self.entries.len() > 1
        {
            self.drop_first();
        }
        self.first > before
    }

    /// Takes the message at this position, with its payload bytes, for one reader. `None` at the end.
    pub(super) fn take(&mut self, position: u64) -> Option<(M, usize)> {
        let index = self.index(position);
        let entry = self.entries.get_mut(index)?;
        entry.readers -= 1;
        let taken = (entry.message.clone(), entry.bytes);
        self.drop_read();
        Some(taken)
    }

    /// Removes a reader at this position from all messages that it has not taken.
    pub(super) fn forget(&mut self, position: u64) {
        let index = self.index(position);
        for entry in self.entries.range_mut(index..) {
            entry.readers -= 1;
        }
        self.drop_read();
    }

    /// Index of the entry at this position, or of the oldest if that one is gone.
    fn index(&self, position: u64) -> usize {
        // The log is short, so the difference fits. A position is never beyond the end.
        usize::try_from(position.saturating_sub(self.first)).unwrap_or(self.entries.len())
    }

    /// Drops the messages that every member has taken. They are the oldest ones, because members take in order.
    fn drop_read(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.readers == 0) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.first += 1;
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_dropped_when_the_last_reader_has_taken_it() {
        let mut log = MessageLog::default();
        assert!(!log.push('a', 1, 2));
        assert!(!log.push('b', 1, 2));
        assert_eq!(log.take(0), Some(('a', 1)));
        assert_eq!((log.first(), log.bytes), (0, 2));
        assert_eq!(log.take(0), Some(('a', 1)));
        assert_eq!((log.first(), log.bytes), (1, 1));
        assert_eq!(log.take(1), Some(('b', 1)));
        assert_eq!(log.take(2), None);
        log.forget(1);
        assert_eq!((log.first(), log.end(), log.bytes), (2, 2, 0));
    }

    #[test]
    fn the_oldest_messages_make_room_for_the_newest() {
        let mut log = MessageLog::default();
        for _ in 0..MAX_QUEUED_MESSAGES {
            assert!(!log.push((), 0, 1));
        }
        assert!(log.push((), 0, 1));
        assert_eq!(log.first(), 1);

        let mut log = MessageLog::default();
        assert!(!log.push((), MAX_QUEUED_BYTES, 1));
        assert!(log.push((), 1, 1));
        assert_eq!((log.first(), log.bytes), (1, 1));
    }

    #[test]
    fn one_message_may_be_longer_than_the_limit() {
        let mut log = MessageLog::default();
        assert!(!log.push((), 16 * MAX_QUEUED_BYTES, 1));
        assert!(log.push((), 0, 1));
        assert_eq!(log.take(1), Some(((), 0)));
        assert_eq!(log.bytes, 0);
    }
}
