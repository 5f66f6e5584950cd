//! The counters of a server, and their Prometheus text.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt::Write,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use crate::close_code;

/// Number of shards. More threads than this share shards, which only makes them slower.
const SHARDS: usize = 32;

/// The counters of one server.
///
/// Messages are counted in batches in a shard of the counting thread, so that threads do not compete for a cache line.
/// A scrape sums the shards.
#[derive(Debug, Default)]
pub(crate) struct ServerMetrics {
    opened: AtomicU64,
    refused: AtomicU64,
    rooms: AtomicU64,
    members: AtomicU64,
    overflows: AtomicU64,
    closes: Mutex<BTreeMap<u16, u64>>,
    shards: [Shard; SHARDS],
}

/// Counts of one thread, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// Messages and their payload bytes, counted by a connection before it updates the [`ServerMetrics`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    /// Adds one message.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        // usize is at most 64 bits wide.
        self.bytes += bytes as u64;
    }

    /// Returns the counts since the last call, if there are any.
    pub(crate) fn take(&mut self) -> Option<Self> {
        (self.messages > 0).then(|| mem::take(self))
    }
}

impl ServerMetrics {
    /// Counts an open WebSocket until the guard is dropped.
    pub(crate) fn count_open(&self) -> OpenWebSocket<'_> {
        add(&self.opened, 1);
        OpenWebSocket {
            metrics: self,
            code: close_code::ABNORMAL,
        }
    }

    pub(crate) fn count_refused(&self) {
        add(&self.refused, 1);
    }

    pub(crate) fn count_room_opened(&self) {
        add(&self.rooms, 1);
    }

    pub(crate) fn count_room_closed(&self) {
        self.rooms.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn count_member_joined(&self) {
        add(&self.members, 1);
    }

    pub(crate) fn count_member_left(&self) {
        self.members.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a member whose queue was full.
    pub(crate) fn count_overflow(&self) {
        add(&self.overflows, 1);
    }

    pub(crate) fn count_received(&self, tally: Tally) {
        let shard = self.shard();
        add(&shard.messages_in, tally.messages);
        add(&shard.bytes_in, tally.bytes);
    }

    /// Counts messages handed to the system for sending.
    pub(crate) fn count_sent(&self, tally: Tally) {
        let shard = self.shard();
        add(&shard.messages_out, tally.messages);
        add(&shard.bytes_out, tally.bytes);
    }

    fn shard(&self) -> &Shard {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static MINE: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        &self.shards[MINE.get()]
    }

    fn sum(&self, counter: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        self.shards
            .iter()
            .map(|shard| counter(shard).load(Ordering::Relaxed))
            .sum()
    }

    fn closes(&self) -> MutexGuard<'_, BTreeMap<u16, u64>> {
        self.closes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the counters in Prometheus' text format, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        // Closes are read before opens. A connection that closes in between may count as open for one scrape, but the
        // gauge never becomes negative.
        let closes = self.closes().clone();
        let opened = self.opened.load(Ordering::Relaxed);
        let open = opened.saturating_sub(closes.values().sum());
        let refused = self.refused.load(Ordering::Relaxed);
        let rooms = self.rooms.load(Ordering::Relaxed);
        let members = self.members.load(Ordering::Relaxed);
        let overflows = self.overflows.load(Ordering::Relaxed);
        let messages_in = self.sum(|shard| &shard.messages_in);
        let messages_out = self.sum(|shard| &shard.messages_out);
        let bytes_in = self.sum(|shard| &shard.bytes_in);
        let bytes_out = self.sum(|shard| &shard.bytes_out);
        let mut text = format!(
            "\
# HELP websocket_connections_open WebSockets open now
# TYPE websocket_connections_open gauge
websocket_connections_open {open}
# HELP websocket_connections_total WebSockets ever opened
# TYPE websocket_connections_total counter
websocket_connections_total {opened}
# HELP websocket_connections_refused_total Connections answered 503 because there was no room
# TYPE websocket_connections_refused_total counter
websocket_connections_refused_total {refused}
# HELP websocket_messages_in_total Messages received
# TYPE websocket_messages_in_total counter
websocket_messages_in_total {messages_in}
# HELP websocket_messages_out_total Messages echoed, and deliveries to members of rooms
# TYPE websocket_messages_out_total counter
websocket_messages_out_total {messages_out}
# HELP websocket_bytes_in_total Payload bytes received
# TYPE websocket_bytes_in_total counter
websocket_bytes_in_total {bytes_in}
# HELP websocket_bytes_out_total Payload bytes of these messages
# TYPE websocket_bytes_out_total counter
websocket_bytes_out_total {bytes_out}
# HELP websocket_rooms_open Rooms with members now
# TYPE websocket_rooms_open gauge
websocket_rooms_open {rooms}
# HELP websocket_room_members Members of all rooms now
# TYPE websocket_room_members gauge
websocket_room_members {members}
# HELP websocket_room_overflows_total Members removed because their queue exceeded 1 MiB or 1,000 messages
# TYPE websocket_room_overflows_total counter
websocket_room_overflows_total {overflows}
# HELP websocket_closes_total WebSockets closed, by close code
# TYPE websocket_closes_total counter
"
        );
        for (code, count) in closes {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "websocket_closes_total{{code=\"{code}\"}} {count}");
        }
        text
    }
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// An open WebSocket. Dropping it counts it as closed with its code.
#[derive(Debug)]
pub(crate) struct OpenWebSocket<'a> {
    metrics: &'a ServerMetrics,
    code: u16,
}

impl OpenWebSocket<'_> {
    /// Sets the code under which this connection is counted, instead of 1006.
    pub(crate) fn set_close_code(&mut self, code: u16) {
        self.code = code;
    }
}

impl Drop for OpenWebSocket<'_> {
    fn drop(&mut self) {
        *self.metrics.closes().entry(self.code).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_many_threads_add_up() {
        let metrics = ServerMetrics::default();
        let tally = Tally {
            messages: 3,
            bytes: 100,
        };
        std::thread::scope(|scope| {
            for _ in 0..SHARDS + 5 {
                scope.spawn(|| {
                    metrics.count_received(tally);
                    metrics.count_sent(tally);
                });
            }
        });
        let text = metrics.render();
        for wanted in [
            "websocket_messages_in_total 111\n",
            "websocket_messages_out_total 111\n",
            "websocket_bytes_in_total 3700\n",
            "websocket_bytes_out_total 3700\n",
        ] {
            assert!(text.contains(wanted), "{wanted} not in\n{text}");
        }
    }

    #[test]
    fn a_connection_is_open_until_it_closes_with_a_code() {
        let metrics = ServerMetrics::default();
        let mut one = metrics.count_open();
        let two = metrics.count_open();
        metrics.count_refused();
        assert!(metrics.render().contains("websocket_connections_open 2\n"));
        one.set_close_code(1000);
        drop((one, two));
        let text = metrics.render();
        for wanted in [
            "websocket_connections_open 0\n",
            "websocket_connections_total 2\n",
            "websocket_connections_refused_total 1\n",
            "websocket_closes_total{code=\"1000\"} 1\n",
            "websocket_closes_total{code=\"1006\"} 1\n",
        ] {
            assert!(text.contains(wanted), "{wanted} not in\n{text}");
        }
    }

    #[test]
    fn every_line_is_a_comment_or_a_sample() {
        let metrics = ServerMetrics::default();
        drop(metrics.count_open());
        for line in metrics.render().lines() {
            let sample = line.split_once(' ').is_some_and(|(name, value)| {
                name.starts_with("websocket_") && value.parse::<u64>().is_ok()
            });
            assert!(
                sample || line.starts_with("# HELP ") || line.starts_with("# TYPE "),
                "{line}"
            );
        }
    }
}
