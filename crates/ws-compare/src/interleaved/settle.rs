//! Beginning of a slice that is not counted, found by measurement.

use std::time::Duration;

use measurement::record::Sample;
use measurement::run::comparison::Steadiness;
use statistics::order_statistics::median;

use crate::steady_state::{SteadyFigure, steady_from};

/// Uncounted part of a slice if too few messages show when the rate is steady.
const UNKNOWN_SETTLE: f64 = 0.1;

/// Largest and smallest uncounted part of a slice.
const LARGEST_SETTLE: f64 = 0.5;
const SMALLEST_SETTLE: f64 = 0.02;

/// Minimum number of consecutive messages of one client in a slice.
const MESSAGES_PER_SLICE: u32 = 25;

/// Length of the slices of a run, the same for all servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SliceLength {
    /// The whole slice.
    pub(super) slice: Duration,
    /// The uncounted beginning.
    pub(super) settle: Duration,
}

impl SliceLength {
    pub(super) fn counted(self) -> Duration {
        self.slice - self.settle
    }

    /// Finds the settle part from slices that were recorded from their first message on. `servers` has the samples of
    /// each slice of each server, with times relative to the beginning of the slice. The median of a server's slices
    /// counts, because a disturbance of the machine prolongs only some, and the slowest server decides. A slice is
    /// lengthened if a message takes too long for several in a row, at most to `longest`.
    pub(super) fn find(
        servers: &[Vec<Vec<Sample>>],
        slice: Duration,
        longest: Duration,
        by: SteadyFigure,
    ) -> Self {
        let slice_s = slice.as_secs_f64();
        let settle_of_slice = |samples: &Vec<Sample>| match steady_from(samples, slice_s, by) {
            (Steadiness::Never, _) => Some(LARGEST_SETTLE),
            (_, cut_s) => cut_s.map(|cut_s| cut_s / slice_s),
        };
        let settle_of = |slices: &Vec<Vec<Sample>>| {
            let found: Vec<f64> = slices.iter().filter_map(settle_of_slice).collect();
            // Slices with few messages show something only together.
            median(&found)
                .or_else(|| settle_of_slice(&slices.concat()))
                .unwrap_or(UNKNOWN_SETTLE)
        };
        let settle = servers.iter().map(settle_of).fold(0.0, f64::max);
        let slowest = servers
            .iter()
            .filter_map(|s| usual_service(&s.concat()))
            .max();
        let wanted = slowest.unwrap_or_default() * MESSAGES_PER_SLICE;
        let slice = wanted.clamp(slice, longest.max(slice));
        Self {
            slice,
            settle: slice.mul_f64(settle.clamp(SMALLEST_SETTLE, LARGEST_SETTLE)),
        }
    }
}

/// Lower quartile of the service times, which disturbances of the machine hardly affect.
fn usual_service(samples: &[Sample]) -> Option<Duration> {
    let mut times: Vec<u64> = samples.iter().filter_map(Sample::service_time_ns).collect();
    let place = times.len() / 4;
    (!times.is_empty()).then(|| Duration::from_nanos(*times.select_nth_unstable(place).1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::Outcome;

    const SLICE: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(2);

    /// Echoes of a slice: `per_ms` a millisecond, but a tenth of that in its first `slow_ms`.
    fn samples(slow_ms: u64, per_ms: u64, service_ns: u64) -> Vec<Sample> {
        let in_ms = |ms: u64| {
            let count = if ms < slow_ms { per_ms / 10 } else { per_ms };
            (0..count).map(move |n| {
                // Neighbouring milliseconds differ a little.
                let at_ns = ms * 1_000_000 + n * (900_000 + ms % 7 * 10_000) / count;
                let sent_ns = at_ns.saturating_sub(service_ns);
                Sample::echoed(0, ms * per_ms + n, sent_ns, sent_ns, at_ns, Outcome::Ok)
            })
        };
        (0..50).flat_map(in_ms).collect()
    }

    #[test]
    fn the_slowest_server_decides_when_a_slice_is_steady() {
        let (fast, slow) = (samples(2, 100, 10_000), samples(10, 100, 10_000));
        let settle = |all: &[&[&Vec<Sample>]]| {
            let slices = |slices: &&[&Vec<Sample>]| slices.iter().map(|s| (*s).clone()).collect();
            let servers: Vec<Vec<Vec<Sample>>> = all.iter().map(slices).collect();
            let found = SliceLength::find(&servers, SLICE, LONGEST, SteadyFigure::Echoes);
            assert_eq!(found.slice, SLICE);
            found.settle.as_millis()
        };
        assert_eq!(settle(&[&[&fast]]), 2);
        assert_eq!(settle(&[&[&fast], &[&slow]]), 10);
        let disturbed = samples(40, 100, 10_000);
        assert_eq!(settle(&[&[&fast, &disturbed, &fast]]), 2);
    }

    #[test]
    fn few_messages_say_nothing_and_a_tenth_is_left_out() {
        let found = SliceLength::find(
            &[vec![samples(0, 2, 10_000)]],
            SLICE,
            LONGEST,
            SteadyFigure::Echoes,
        );
        assert_eq!(found.settle, SLICE / 10);
        let none = SliceLength::find(&[], SLICE, LONGEST, SteadyFigure::Echoes);
        assert_eq!((none.slice, none.settle), (SLICE, SLICE / 50));
    }

    #[test]
    fn slow_answers_make_slices_longer() {
        let slow = [vec![samples(0, 20, 9_000_000)]];
        let find = |longest| SliceLength::find(&slow, SLICE, longest, SteadyFigure::Echoes);
        // Those of the first nine milliseconds seem to take less.
        assert_eq!(find(LONGEST).slice, Duration::from_millis(225));
        // A run is not longer than planned.
        assert_eq!(find(SLICE * 3).slice, SLICE * 3);
        assert_eq!(find(SLICE / 2).slice, SLICE);
    }
}
