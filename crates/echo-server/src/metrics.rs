//! What a server counts, and how it reads in Prometheus text.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use crate::close;

/// Threads beyond this many share a shard: still right, only slower.
const SHARDS: usize = 32;

/// The figures of one server.
///
/// Messages are counted in a shard of the counting thread, a batch at a time,
/// so that threads do not fight over a cache line; a scrape adds the shards up.
#[derive(Debug, Default)]
pub struct Metrics {
    opened: AtomicU64,
    refused: AtomicU64,
    closes: Mutex<BTreeMap<u16, u64>>,
    shards: [Shard; SHARDS],
}

/// One thread's counts, alone on its cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// Messages and their payload bytes, counted by a connection before it tells
/// the [`Metrics`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Metrics {
    /// Counts an open WebSocket until the guard is dropped.
    pub(crate) fn open(&self) -> Open<'_> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Open {
            metrics: self,
            code: close::ABNORMAL,
        }
    }

    /// Counts a connection that was turned away for want of room.
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts messages that came in.
    pub(crate) fn came_in(&self, tally: Tally) {
        let shard = self.shard();
        shard
            .messages_in
            .fetch_add(tally.messages, Ordering::Relaxed);
        shard.bytes_in.fetch_add(tally.bytes, Ordering::Relaxed);
    }

    /// Counts messages that were handed to the system to be sent.
    pub(crate) fn went_out(&self, tally: Tally) {
        let shard = self.shard();
        shard
            .messages_out
            .fetch_add(tally.messages, Ordering::Relaxed);
        shard.bytes_out.fetch_add(tally.bytes, Ordering::Relaxed);
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

    /// The figures in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        // Closes before opens: a connection that closes in between may then
        // show as open for one scrape, but never makes the gauge negative.
        let closes = self
            .closes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let opened = self.opened.load(Ordering::Relaxed);
        let open = opened.saturating_sub(closes.values().sum());
        let refused = self.refused.load(Ordering::Relaxed);
        let messages_in = self.sum(|shard| &shard.messages_in);
        let messages_out = self.sum(|shard| &shard.messages_out);
        let bytes_in = self.sum(|shard| &shard.bytes_in);
        let bytes_out = self.sum(|shard| &shard.bytes_out);

        let mut text = String::new();
        for (name, kind, help, value) in [
            ("connections_open", "gauge", "WebSockets open now", open),
            (
                "connections_total",
                "counter",
                "WebSockets ever opened",
                opened,
            ),
            (
                "connections_refused_total",
                "counter",
                "Connections answered 503 because there was no room",
                refused,
            ),
            (
                "messages_in_total",
                "counter",
                "Messages received",
                messages_in,
            ),
            (
                "messages_out_total",
                "counter",
                "Messages echoed",
                messages_out,
            ),
            (
                "bytes_in_total",
                "counter",
                "Payload bytes received",
                bytes_in,
            ),
            (
                "bytes_out_total",
                "counter",
                "Payload bytes echoed",
                bytes_out,
            ),
        ] {
            describe(&mut text, name, kind, help);
            line(&mut text, name, "", value);
        }
        describe(
            &mut text,
            "closes_total",
            "counter",
            "WebSockets closed, by close code",
        );
        for (code, count) in closes {
            line(
                &mut text,
                "closes_total",
                &format!("{{code=\"{code}\"}}"),
                count,
            );
        }
        text
    }
}

fn describe(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a `String` cannot fail.
    let _ = write!(
        text,
        "# HELP websocket_{name} {help}\n# TYPE websocket_{name} {kind}\n"
    );
}

fn line(text: &mut String, name: &str, labels: &str, value: u64) {
    let _ = writeln!(text, "websocket_{name}{labels} {value}");
}

/// An open WebSocket; counted as closed with its code when dropped, however
/// that comes about.
#[derive(Debug)]
pub(crate) struct Open<'a> {
    metrics: &'a Metrics,
    code: u16,
}

impl Open<'_> {
    /// Sets the code this connection counts under. Until then: 1006, dropped.
    pub(crate) fn closed_with(&mut self, code: u16) {
        self.code = code;
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut closes = self
            .metrics
            .closes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *closes.entry(self.code).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_many_threads_add_up() {
        let metrics = Metrics::default();
        let tally = Tally {
            messages: 3,
            bytes: 100,
        };
        std::thread::scope(|scope| {
            for _ in 0..SHARDS + 5 {
                scope.spawn(|| {
                    metrics.came_in(tally);
                    metrics.went_out(tally);
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
        let metrics = Metrics::default();
        let mut one = metrics.open();
        let two = metrics.open();
        metrics.refuse();
        assert!(metrics.render().contains("websocket_connections_open 2\n"));
        one.closed_with(1000);
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
        let metrics = Metrics::default();
        drop(metrics.open());
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
