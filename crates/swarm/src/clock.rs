//! The clock of a generator thread.

use std::time::{Duration, Instant};

use crate::worker::nanoseconds;

/// Nanoseconds since the thread began, on the clock of [`Instant`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
    /// The same moment, as [`raw_ns`] tells it.
    origin_ns: u64,
}

impl Clock {
    /// A clock that begins now.
    pub(crate) fn start() -> Self {
        let origin = Instant::now();
        Self {
            origin,
            origin_ns: raw_ns(origin),
        }
    }

    #[inline]
    pub(crate) fn now_ns(self) -> u64 {
        raw_ns(self.origin) - self.origin_ns
    }

    pub(crate) fn at(self, instant: Instant) -> u64 {
        nanoseconds(instant.saturating_duration_since(self.origin))
    }

    pub(crate) fn instant(self, ns: u64) -> Instant {
        self.origin + Duration::from_nanos(ns)
    }
}

/// What the system's monotonic clock says. Read twice a message, so it goes without the hundred
/// instructions that `Instant` takes to subtract seconds and nanoseconds apart.
#[cfg(target_os = "linux")]
#[inline]
#[allow(clippy::cast_sign_loss)]
fn raw_ns(origin: Instant) -> u64 {
    match nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC) {
        // Neither is ever negative on this clock.
        Ok(time) => time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64,
        // Never: every Linux has this clock.
        Err(_) => nanoseconds(origin.elapsed()),
    }
}

#[cfg(not(target_os = "linux"))]
#[inline]
fn raw_ns(origin: Instant) -> u64 {
    nanoseconds(origin.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_instant() {
        // The origins are read one after the other; a pause between the two would set them apart, so the
        // best of some clocks is looked at.
        let apart = |_| {
            let clock = Clock::start();
            let (before, now) = (clock.at(Instant::now()), clock.now_ns());
            let after = clock.at(Instant::now());
            before.saturating_sub(now) + now.saturating_sub(after)
        };
        let best_ns = (0..1000).map(apart).min();
        assert!(best_ns < Some(100_000), "{best_ns:?}");
    }

    #[test]
    fn instants_come_back() {
        let clock = Clock::start();
        assert_eq!(clock.at(clock.instant(12_345)), 12_345);
    }
}
