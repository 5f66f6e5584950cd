//! The clock of a generator thread.

use std::time::{Duration, Instant};

/// Converts to nanoseconds. Saturates at 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds since the thread's start, consistent with [`Instant`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
    /// The same moment in the time of [`raw_ns`].
    origin_ns: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        // Read before `origin`. If a pause came between the two in the other order, this clock would be behind
        // `Instant`, and a message sent at the start of the run would seem to be sent before it.
        let origin_ns = match cfg!(target_os = "linux") {
            true => raw_ns(Instant::now()),
            false => 0,
        };
        Self {
            origin: Instant::now(),
            origin_ns,
        }
    }

    /// The clock with its zero at an earlier time, as far as the system's clock allows.
    pub(crate) fn from(self, earlier: Instant) -> Self {
        let by = self.origin.saturating_duration_since(earlier);
        let by_ns = nanoseconds(by);
        if cfg!(target_os = "linux") && by_ns > self.origin_ns {
            return self;
        }
        match self.origin.checked_sub(by) {
            Some(origin) => Self {
                origin,
                origin_ns: self.origin_ns.saturating_sub(by_ns),
            },
            None => self,
        }
    }

    #[inline]
    pub(crate) fn now_ns(self) -> u64 {
        raw_ns(self.origin) - self.origin_ns
    }

    pub(crate) fn ns_of(self, instant: Instant) -> u64 {
        nanoseconds(instant.saturating_duration_since(self.origin))
    }

    pub(crate) fn instant_at(self, ns: u64) -> Instant {
        self.origin + Duration::from_nanos(ns)
    }
}

/// Reads the system's monotonic clock in nanoseconds. The hot path reads it twice per message. `Instant` would need
/// about a hundred more instructions, because it subtracts seconds and nanoseconds separately.
#[cfg(target_os = "linux")]
#[inline]
#[allow(clippy::cast_sign_loss)]
fn raw_ns(origin: Instant) -> u64 {
    match nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC) {
        // Neither is negative on this clock.
        Ok(time) => time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64,
        // Unreachable: every Linux has this clock.
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
    fn the_clock_agrees_with_instant() {
        // A pause between the two readings in `Clock::start` sets the origins apart, so the best of several clocks is
        // tested.
        let apart = |_| {
            let clock = Clock::start();
            let (before, now) = (clock.ns_of(Instant::now()), clock.now_ns());
            let after = clock.ns_of(Instant::now());
            before.saturating_sub(now) + now.saturating_sub(after)
        };
        let best_ns = (0..1000).map(apart).min();
        assert!(best_ns < Some(100_000), "{best_ns:?}");
    }

    #[test]
    fn the_clock_is_never_behind_instant() {
        for _ in 0..10_000 {
            let clock = Clock::start();
            let before = Instant::now();
            assert!(clock.now_ns() >= clock.ns_of(before));
        }
    }

    #[test]
    fn instants_survive_the_conversion() {
        let clock = Clock::start();
        assert_eq!(clock.ns_of(clock.instant_at(12_345)), 12_345);
    }
}
