//! Figures of the other receivers after slow readers turned slow, as multiples of those before.

use statistics::block_bootstrap::{BlockValues, quantile_ratios};
use statistics::bootstrap::Bootstrap;

use super::slow_summary::NeighbourRatio;
use crate::record::{
    EncodedTimes, FanOutSecond, LazyHistogram, NeighbourRecord, Record, RowSpan, SecondTimes,
    TableRow,
};

/// Maximum number of blocks before and after. Seconds of a longer run are put together.
const MAX_BLOCKS: usize = 100;

/// Resamples of the bootstrap.
const RESAMPLES: usize = 1_999;

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Quantiles that are compared, with their names.
const QUANTILES: [(f64, &str); 2] = [(0.5, "p50"), (0.99, "p99")];

/// Times of a second, or of a row of several, with its time since T0.
type SecondValues = (RowSpan, BlockValues);

/// The ratios of a run whose measured phase took this long. Their intervals come from whole seconds. The second after the
/// change is left out.
pub(super) fn neighbour_ratios(record: &Record, elapsed_s: f64) -> Vec<NeighbourRatio> {
    let Some(slow) = &record.slow else {
        return Vec::new();
    };
    let fan_out = record.fan_out.as_deref();
    let deliveries = |times: fn(&FanOutSecond) -> Option<&SecondTimes>| -> Vec<SecondValues> {
        let seconds = fan_out.map_or(&[][..], |own| &own.seconds);
        let times = seconds.iter().map(|one| (one.span(), times(one)));
        times
            .filter_map(|(span, times)| Some((span, times?.counts().into_pairs())))
            .collect()
    };
    let rows = record.timeline.iter();
    let service = rows.filter_map(|row| {
        let times = row.histograms.as_ref()?.service.clone();
        Some((row.span(), EncodedTimes(times).buckets()))
    });
    let compare = |name, times: fn(&NeighbourRecord) -> &LazyHistogram, seconds: &[_]| {
        let (before, after) = split(seconds, slow.after_ns, elapsed_s);
        ratios_of(
            name,
            [times(&slow.before), times(&slow.after)],
            &before,
            &after,
        )
    };
    [
        compare(
            "last",
            |one| &one.last,
            &deliveries(|one| one.last.as_ref()),
        ),
        compare(
            "delivery",
            |one| &one.delivery,
            &deliveries(|one| one.delivery.as_ref()),
        ),
        compare("service", |one| &one.service, &service.collect::<Vec<_>>()),
    ]
    .concat()
}

/// The ratios of one figure: all times before and after, and the blocks for the interval.
fn ratios_of(
    name: &str,
    times: [&LazyHistogram; 2],
    before: &[BlockValues],
    after: &[BlockValues],
) -> Vec<NeighbourRatio> {
    let quantiles = QUANTILES.map(|(quantile, _)| quantile);
    let bootstrap = Bootstrap {
        resamples: RESAMPLES,
        ..Bootstrap::default()
    };
    let intervals = quantile_ratios(before, after, &quantiles, &bootstrap);
    let ratio = |(place, (quantile, label)): (usize, (f64, &str))| {
        let value = |times: &LazyHistogram| times.get().and_then(|all| all.quantile(quantile));
        let ratio = value(times[1])? as f64 / value(times[0])?.max(1) as f64;
        let interval = intervals.as_ref().and_then(|all| all.get(place));
        Some(NeighbourRatio {
            figure: format!("{name}.{label}"),
            ratio,
            low: interval.map(|one| one.low.min(ratio)),
            high: interval.map(|one| one.high.max(ratio)),
        })
    };
    QUANTILES
        .into_iter()
        .enumerate()
        .filter_map(ratio)
        .collect()
}

/// Blocks of the whole seconds before the change, and of those from a second after it on.
fn split(
    seconds: &[SecondValues],
    after_ns: u64,
    elapsed_s: f64,
) -> (Vec<BlockValues>, Vec<BlockValues>) {
    let whole = |span: RowSpan| span.end() as f64 <= elapsed_s;
    let ns = |second: u64| second.saturating_mul(SECOND_NS);
    let of = |is_in: &dyn Fn(RowSpan) -> bool| {
        let seconds = seconds.iter().filter(|(span, _)| is_in(*span));
        blocks(&seconds.map(|(_, values)| values).collect::<Vec<_>>())
    };
    let before = of(&|span| ns(span.end()) <= after_ns && whole(span));
    let after = of(&|span| ns(span.second) >= after_ns + SECOND_NS && whole(span));
    (before, after)
}

/// At most [`MAX_BLOCKS`] blocks of consecutive seconds.
fn blocks(seconds: &[&BlockValues]) -> Vec<BlockValues> {
    let length = seconds.len().div_ceil(MAX_BLOCKS).max(1);
    let chunks = seconds.chunks(length);
    let all = chunks.map(|chunk| {
        let mut block: BlockValues = chunk.iter().copied().flatten().copied().collect();
        block.sort_unstable();
        block.dedup_by(|next, one| {
            let is_same = next.0 == one.0;
            one.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        block
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{LatencyHistogram, RowSeconds, SecondHistograms, SlowRecord, TimelineRow};

    fn histogram(value: u64) -> LatencyHistogram {
        let mut times = LatencyHistogram::new();
        (0..10).for_each(|n| times.record(value + n));
        times
    }

    /// A run of this many seconds, in which times are longer by a factor from second 10 on.
    fn record(seconds: u64, factor: u64) -> Record {
        let mut slow = SlowRecord::new(10 * SECOND_NS);
        let mut record = Record::default();
        for second in 0..seconds {
            let times = histogram(if second < 10 {
                100_000
            } else {
                100_000 * factor
            });
            slow.neighbours(second * SECOND_NS).service.add(&times);
            record.timeline.push(TimelineRow {
                second,
                histograms: Some(SecondHistograms {
                    service: times.encode(),
                    response: None,
                }),
                ..TimelineRow::default()
            });
        }
        record.slow = Some(Box::new(slow));
        record
    }

    #[test]
    fn times_after_are_a_multiple_of_those_before() {
        let ratios = neighbour_ratios(&record(20, 3), 20.0);
        let names: Vec<_> = ratios.iter().map(|one| &one.figure[..]).collect();
        assert_eq!(names, ["service.p50", "service.p99"]);
        for one in &ratios {
            assert!((one.ratio - 3.0).abs() < 0.01, "{one:?}");
            let (low, high) = (one.low.unwrap(), one.high.unwrap());
            assert!(
                low <= one.ratio && one.ratio <= high && high - low < 0.02,
                "{one:?}"
            );
        }
    }

    #[test]
    fn fewer_than_five_whole_seconds_have_no_interval() {
        // Seconds 11 to 14 count, and 15 is not whole.
        let of = |elapsed_s| neighbour_ratios(&record(16, 2), elapsed_s)[0].low;
        assert_eq!(of(15.9), None);
        assert!(of(16.0).is_some());
    }

    #[test]
    fn seconds_of_a_long_run_are_put_together() {
        let second: BlockValues = vec![(5, 1), (7, 2)];
        let seconds = vec![&second; 250];
        let all = blocks(&seconds);
        assert_eq!(all.len(), 84);
        assert_eq!(all[0], [(5, 3), (7, 6)]);
        assert_eq!(blocks(&seconds[..100]).len(), 100);
    }

    #[test]
    fn a_change_within_a_second_leaves_out_both_seconds_that_it_touches() {
        let seconds: Vec<SecondValues> = (0..9)
            .map(|second| (RowSpan::with(second, RowSeconds::ONE), vec![(second, 1)]))
            .collect();
        let (before, after) = split(&seconds, 2_300_000_000, 8.5);
        let of = |blocks: Vec<BlockValues>| blocks.into_iter().map(|b| b[0].0).collect::<Vec<_>>();
        assert_eq!((of(before), of(after)), (vec![0, 1], vec![4, 5, 6, 7]));
    }
}
