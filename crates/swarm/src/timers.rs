//! Timers of the clients of one thread.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Times at which clients must be woken, in addition to events of their sockets.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Due times of messages and ends of lifetimes, at most a few per client.
    pub(crate) due: TimerQueue,
    /// Timeouts and ends of stages.
    pub(crate) deadlines: TimerQueue,
}

/// Times on the thread's clock, each with a client's slot, earliest first.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue(BinaryHeap<Reverse<(u64, u32)>>);

impl TimerQueue {
    #[inline]
    pub(crate) fn add(&mut self, at_ns: u64, slot: u32) {
        self.0.push(Reverse((at_ns, slot)));
    }

    /// The earliest time; `u64::MAX` when the queue is empty.
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        self.0.peek().map_or(u64::MAX, |Reverse((at_ns, _))| *at_ns)
    }

    /// Removes the earliest entry if its time has come.
    #[inline]
    pub(crate) fn pop(&mut self, now_ns: u64) -> Option<(u64, u32)> {
        if self.next_ns() > now_ns {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}
