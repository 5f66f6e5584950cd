//! Times on the clocks of servers and watches.

use std::time::Duration;

/// Nanoseconds of a time, saturating after 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
