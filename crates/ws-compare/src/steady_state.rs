//! Steady part of a run, found by cutting the run into intervals.

use measurement::record::Sample;
use measurement::run::comparison::Steadiness;
use statistics::steady_state::{SteadyState, find_steady_state};

/// Number of intervals of a run, enough to detect a warm-up of a fiftieth of it.
const INTERVALS: usize = 50;

/// Minimum number of timed messages per interval, on average.
const FEWEST_PER_INTERVAL: usize = 10;

/// Figure whose steadiness is examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SteadyFigure {
    /// Closed loop: correct echoes per interval, whose number depends on the server.
    Echoes,
    /// Open loop: median response time of each interval, because the number of echoes depends on the schedule.
    ResponseTime,
}

/// Returns the steadiness of a run, and the seconds to cut at its beginning; `None` when nothing is cut.
pub(crate) fn steady_from(
    samples: &[Sample],
    elapsed_s: f64,
    by: SteadyFigure,
) -> (Steadiness, Option<f64>) {
    let series = series(samples, elapsed_s, by);
    let Some(found) = series.and_then(|series| find_steady_state(&series).ok()) else {
        return (Steadiness::Unknown, None);
    };
    let cut_s = found.cut as f64 / found.intervals as f64 * elapsed_s;
    match found.state {
        SteadyState::Steady => (Steadiness::Steady, Some(cut_s)),
        SteadyState::Drifting => (Steadiness::Drifting, Some(cut_s)),
        // No part of the run is better than another.
        SteadyState::CutTooLate => (Steadiness::Never, None),
    }
}

/// One value per interval of the measured phase; `None` when there are too few messages. An interval without echoes
/// counts 0 echoes, or gets the response time of the previous interval (at the beginning, that of the first interval
/// with echoes).
fn series(samples: &[Sample], elapsed_s: f64, by: SteadyFigure) -> Option<Vec<f64>> {
    let timed: Vec<_> = timed(samples).collect();
    if timed.len() < INTERVALS * FEWEST_PER_INTERVAL || elapsed_s <= 0.0 {
        return None;
    }
    let width_ns = elapsed_s * 1e9 / INTERVALS as f64;
    let mut intervals: Vec<Vec<u64>> = vec![Vec::new(); INTERVALS];
    for (received_ns, sample) in timed {
        // Never negative. Echoes of the drain are in no interval.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let index = (received_ns as f64 / width_ns) as usize;
        if let Some(interval) = intervals.get_mut(index) {
            interval.push(sample.response_time_ns().unwrap_or_default());
        }
    }
    if by == SteadyFigure::Echoes {
        return Some(intervals.iter().map(|times| times.len() as f64).collect());
    }
    let median = |times: &mut Vec<u64>| {
        let middle = times.len() / 2;
        (!times.is_empty()).then(|| *times.select_nth_unstable(middle).1 as f64)
    };
    let medians: Vec<Option<f64>> = intervals.iter_mut().map(median).collect();
    let mut last = medians.iter().copied().flatten().next()?;
    let filled = medians.into_iter().map(|median| {
        last = median.unwrap_or(last);
        last
    });
    Some(filled.collect())
}

fn timed(samples: &[Sample]) -> impl Iterator<Item = (u64, &Sample)> {
    samples
        .iter()
        .filter(|s| s.outcome.is_timed())
        .filter_map(|s| Some((s.received_ns()?, s)))
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SteadyPart {
    pub(crate) messages_per_s: f64,
    /// Median, 99th and 99.9th percentile in nanoseconds: of the service time in closed loop, of the response time in
    /// open loop.
    pub(crate) quantiles_ns: [f64; 3],
}

/// Figures of the echoes after `cut_s`. `samples` is a uniform sample of the `timed_messages` timed messages. `None`
/// when no echo is left.
pub(crate) fn figures_after(
    cut_s: f64,
    samples: &[Sample],
    timed_messages: u64,
    elapsed_s: f64,
    by: SteadyFigure,
) -> Option<SteadyPart> {
    let (cut_ns, end_ns) = (cut_s * 1e9, elapsed_s * 1e9);
    let mut times = Vec::new();
    let (mut kept, mut echoes) = (0_u64, 0_u64);
    for (received_ns, sample) in timed(samples) {
        kept += 1;
        if (received_ns as f64) < cut_ns {
            continue;
        }
        echoes += u64::from(received_ns as f64 <= end_ns);
        times.extend(match by {
            SteadyFigure::Echoes => sample.service_time_ns(),
            SteadyFigure::ResponseTime => sample.response_time_ns(),
        });
    }
    if times.is_empty() || elapsed_s <= cut_s {
        return None;
    }
    let share = kept as f64 / timed_messages.max(1) as f64;
    times.sort_unstable();
    // The smallest value with at least this share of values at or below it, as in HdrHistogram.
    let quantile = |q: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = (q * times.len() as f64).ceil() as usize;
        times[rank.clamp(1, times.len()) - 1] as f64
    };
    Some(SteadyPart {
        messages_per_s: echoes as f64 / share / (elapsed_s - cut_s),
        quantiles_ns: [0.5, 0.99, 0.999].map(quantile),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::Outcome;

    /// A thousand messages in two seconds. Those of the first half second take ten times as long.
    fn samples() -> Vec<Sample> {
        let sample = |n: u64| {
            let sent = n * 2_000_000;
            let took = if n < 250 { 1_000_000 } else { 100_000 };
            Sample::echoed(0, n, sent, sent, sent + took, Outcome::Ok)
        };
        (0..1_000).map(sample).collect()
    }

    #[test]
    fn intervals_count_what_came_in_them() {
        let echoes = series(&samples(), 2.0, SteadyFigure::Echoes).unwrap();
        assert_eq!(echoes.len(), INTERVALS);
        assert_eq!(echoes.iter().sum::<f64>(), 1_000.0);
        assert!(echoes.iter().all(|n| (19.0..=21.0).contains(n)));
        let times = series(&samples(), 2.0, SteadyFigure::ResponseTime).unwrap();
        assert_eq!((times[0], times[49]), (1e6, 1e5));
        assert_eq!(times.iter().position(|t| *t == 1e5), Some(13));
        assert_eq!(series(&samples()[..400], 2.0, SteadyFigure::Echoes), None);
    }

    #[test]
    fn what_was_cut_off_is_in_no_figure() {
        let all = figures_after(0.0, &samples(), 1_000, 2.0, SteadyFigure::Echoes).unwrap();
        assert!((all.messages_per_s - 500.0).abs() < 1e-9);
        assert_eq!(all.quantiles_ns, [1e5, 1e6, 1e6]);
        let steady =
            figures_after(0.52, &samples(), 2_000, 2.0, SteadyFigure::ResponseTime).unwrap();
        assert!((steady.messages_per_s - 1_000.0).abs() < 2.0);
        assert_eq!(steady.quantiles_ns, [1e5, 1e5, 1e5]);
        assert_eq!(
            figures_after(3.0, &samples(), 1_000, 2.0, SteadyFigure::Echoes),
            None
        );
    }
}
