//! The common start of several generators that execute one plan together.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// Error of a start gate.
pub type StartError = Box<dyn Error + Send + Sync>;

/// Asks for T0. It is called at least every 20 ms from the opening of the connections on, with true from the moment
/// that all have opened or failed. `None` = not known yet.
pub type PollStart<'a> = Box<dyn FnMut(bool) -> Result<Option<SystemTime>, StartError> + 'a>;

/// Computes the seed of a run from its T0.
pub type SeedOfStart<'a> = Box<dyn Fn(SystemTime) -> u64 + 'a>;

/// The source of T0 for a run that starts together with others. Without one, a run starts when its connections have
/// opened.
pub struct CommonStart<'a> {
    /// T0, if it is known before the connections are opened. A connect rate then ends at the start of the warm-up.
    pub known: Option<SystemTime>,
    /// The source of T0.
    pub poll: PollStart<'a>,
    /// The seed that follows from T0; `None` = that of the plan.
    pub seed: Option<SeedOfStart<'a>>,
}

impl fmt::Debug for CommonStart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommonStart")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

/// The instant of a time of the wall clock, as both clocks are now. A past that the monotonic clock cannot express is
/// now.
pub(crate) fn instant_of(time: SystemTime) -> Instant {
    let now = Instant::now();
    match time.duration_since(SystemTime::now()) {
        Ok(ahead) => now.checked_add(ahead).unwrap_or(now),
        Err(past) => before(now, past.duration()),
    }
}

/// The instant this long before another one, or that one if the clock cannot express it.
pub(crate) fn before(instant: Instant, time: Duration) -> Instant {
    instant.checked_sub(time).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_wall_clock_has_its_instant() {
        let hour = Duration::from_secs(3600);
        let (earliest, now) = (Instant::now(), SystemTime::now());
        assert!(instant_of(now + hour) >= earliest + hour - Duration::from_secs(60));
        assert!(instant_of(now - hour) < earliest);
        // Before the machine's start.
        let ancient = SystemTime::UNIX_EPOCH;
        assert!(instant_of(ancient) <= Instant::now());
    }
}
