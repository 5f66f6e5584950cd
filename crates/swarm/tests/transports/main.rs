//! TLS and Unix sockets: runs have the same properties as over TCP.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;
mod tls;
#[cfg(unix)]
mod unix;

use swarm::Recording;
use units::SizeRange;

fn assert_flawless(recording: &Recording, sent: u64) {
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (sent, sent, 0));
    assert!(!counts.any_failed() && counts.unexpected == 0, "{counts:?}");
    assert_eq!(recording.context.connections.failed, 0);
    assert_eq!(recording.context.connections.closed_early, 0);
    let clean = recording.clients.len() as u64;
    assert_eq!(
        recording.context.connections.close_codes,
        [(1000, clean)].into()
    );
}

/// Sizes that fit into one record, into several, and into no buffer.
const SIZES: [(SizeRange, u32); 5] = [
    (SizeRange { min: 1, max: 1 }, 1),
    (SizeRange { min: 125, max: 125 }, 8),
    (
        SizeRange {
            min: 1,
            max: 70_000,
        },
        8,
    ),
    (
        SizeRange {
            min: 200_000,
            max: 200_000,
        },
        2,
    ),
    (
        SizeRange {
            min: 1 << 20,
            max: 1 << 20,
        },
        8,
    ),
];
