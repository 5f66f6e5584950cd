//! A run cut into intervals, to see from when on it was steady, and its figures from then on.

use measurement::record::Sample;

/// Intervals that a run is cut into: enough to see a warm-up of a fiftieth of it.
pub const BINS: usize = 50;

/// Fewest timed messages per interval, on average, that say anything of it.
const FEWEST_IN_BIN: usize = 10;

/// What is looked at to see whether a run is steady.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Closed loop: right echoes of each interval. The server decides how many there are.
    Echoes,
    /// Open loop: the median response time of each interval. How many echoes there are is decided by
    /// the schedule.
    ResponseTime,
}

/// The series of a run over its measured phase, one value an interval; `None` when there are too few
/// messages to tell. An interval in which nothing came has the value of the one before it as its
/// response time (the first ones that of the first in which something came), and 0 as its echoes.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn series(samples: &[Sample], elapsed_s: f64, watched: Watched) -> Option<Vec<f64>> {
    let timed: Vec<_> = timed(samples).collect();
    if timed.len() < BINS * FEWEST_IN_BIN || elapsed_s <= 0.0 {
        return None;
    }
    let width_ns = elapsed_s * 1e9 / BINS as f64;
    let mut bins: Vec<Vec<u64>> = vec![Vec::new(); BINS];
    for (received_ns, sample) in timed {
        // Never negative; what came in the drain belongs to no interval.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bin = (received_ns as f64 / width_ns) as usize;
        if let Some(bin) = bins.get_mut(bin) {
            bin.push(sample.response_time_ns().unwrap_or_default());
        }
    }
    Some(match watched {
        Watched::Echoes => bins.iter().map(|bin| bin.len() as f64).collect(),
        Watched::ResponseTime => {
            let median = |bin: &mut Vec<u64>| {
                let middle = bin.len() / 2;
                (!bin.is_empty()).then(|| *bin.select_nth_unstable(middle).1 as f64)
            };
            let medians: Vec<Option<f64>> = bins.iter_mut().map(median).collect();
            let mut last = medians.iter().copied().flatten().next()?;
            let filled = medians.into_iter().map(|median| {
                last = median.unwrap_or(last);
                last
            });
            filled.collect()
        }
    })
}

fn timed(samples: &[Sample]) -> impl Iterator<Item = (u64, &Sample)> {
    samples
        .iter()
        .filter(|s| s.outcome.is_timed())
        .filter_map(|s| Some((s.received_ns()?, s)))
}

/// Figures of the part of a run that is steady.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steady {
    /// Right echoes per second.
    pub messages_per_s: f64,
    /// Median, 99th and 99.9th percentile of the time looked at, in nanoseconds.
    pub quantiles_ns: [f64; 3],
}

/// The figures of what came back after `cut_s`; `share` of all echoes are among the samples, a uniform
/// choice. `None` when nothing is left.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn after(
    samples: &[Sample],
    cut_s: f64,
    elapsed_s: f64,
    share: f64,
    watched: Watched,
) -> Option<Steady> {
    let (cut_ns, end_ns) = (cut_s * 1e9, elapsed_s * 1e9);
    let mut times = Vec::new();
    let mut echoes = 0_u64;
    for (received_ns, sample) in timed(samples) {
        if (received_ns as f64) < cut_ns {
            continue;
        }
        echoes += u64::from(received_ns as f64 <= end_ns);
        times.extend(match watched {
            Watched::Echoes => sample.service_time_ns(),
            Watched::ResponseTime => sample.response_time_ns(),
        });
    }
    if times.is_empty() || elapsed_s <= cut_s || share <= 0.0 {
        return None;
    }
    times.sort_unstable();
    // The smallest value that so many lie at or below, as HdrHistogram has it.
    let quantile = |q: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = (q * times.len() as f64).ceil() as usize;
        times[rank.clamp(1, times.len()) - 1] as f64
    };
    Some(Steady {
        messages_per_s: echoes as f64 / share / (elapsed_s - cut_s),
        quantiles_ns: [0.5, 0.99, 0.999].map(quantile),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::Outcome;

    /// A thousand messages in two seconds: those of the first half second take ten times as long.
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
        let echoes = series(&samples(), 2.0, Watched::Echoes).unwrap();
        assert_eq!(echoes.len(), BINS);
        assert_eq!(echoes.iter().sum::<f64>(), 1_000.0);
        assert!(echoes.iter().all(|n| (19.0..=21.0).contains(n)));
        let times = series(&samples(), 2.0, Watched::ResponseTime).unwrap();
        assert_eq!((times[0], times[49]), (1e6, 1e5));
        assert_eq!(times.iter().position(|t| *t == 1e5), Some(13));
        assert_eq!(series(&samples()[..400], 2.0, Watched::Echoes), None);
    }

    #[test]
    fn what_was_cut_off_is_in_no_figure() {
        let all = after(&samples(), 0.0, 2.0, 1.0, Watched::Echoes).unwrap();
        assert!((all.messages_per_s - 500.0).abs() < 1e-9);
        assert_eq!(all.quantiles_ns, [1e5, 1e6, 1e6]);
        let steady = after(&samples(), 0.52, 2.0, 0.5, Watched::ResponseTime).unwrap();
        assert!((steady.messages_per_s - 1_000.0).abs() < 2.0);
        assert_eq!(steady.quantiles_ns, [1e5, 1e5, 1e5]);
        assert_eq!(after(&samples(), 3.0, 2.0, 1.0, Watched::Echoes), None);
    }
}
