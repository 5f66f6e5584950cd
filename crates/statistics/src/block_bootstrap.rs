//! Interval for the ratio of a quantile of two times of one run, by a bootstrap over blocks.
//!
//! Neighbouring values of a run depend on each other, so whole blocks, such as seconds, are drawn with replacement
//! (Künsch, "The jackknife and the bootstrap for general stationary observations", 1989). Both times are drawn
//! independently. The interval is expanded for few blocks as in [`bootstrap`](super::bootstrap).

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::bootstrap::Bootstrap;
use super::ratio::Ratio;

/// Least number of blocks of each time for an interval.
pub const MIN_BLOCKS: usize = 5;

/// Values of a block with their counts, in any order.
pub type BlockValues = Vec<(u64, u64)>;

/// The ratios of these quantiles, `after` over `before`; `None` with fewer than [`MIN_BLOCKS`] blocks of either. Empty
/// blocks do not count.
pub fn quantile_ratios(
    before: &[BlockValues],
    after: &[BlockValues],
    quantiles: &[f64],
    bootstrap: &Bootstrap,
) -> Option<Vec<Ratio>> {
    let (before, after) = (BlockSeries::new(before)?, BlockSeries::new(after)?);
    let log_ratios = |counts: (&[u64], &[u64])| -> Vec<f64> {
        let of = |series: &BlockSeries, counts| series.quantiles(counts, quantiles);
        let (before, after) = (of(&before, counts.0), of(&after, counts.1));
        let pairs = before.into_iter().zip(after);
        pairs.map(|(before, after)| (after / before).ln()).collect()
    };
    let (mut one, mut other) = (Vec::new(), Vec::new());
    before.sum(0..before.blocks.len(), &mut one);
    after.sum(0..after.blocks.len(), &mut other);
    let estimates = log_ratios((&one, &other));
    let mut random = Xoshiro256PlusPlus::seed_from_u64(bootstrap.seed);
    let mut resampled = vec![Vec::with_capacity(bootstrap.resamples); quantiles.len()];
    for _ in 0..bootstrap.resamples.max(1) {
        before.draw(&mut random, &mut one);
        after.draw(&mut random, &mut other);
        for (all, ratio) in resampled.iter_mut().zip(log_ratios((&one, &other))) {
            all.push(ratio);
        }
    }
    let rounds = before.blocks.len().min(after.blocks.len());
    let ratios = resampled.into_iter().zip(estimates);
    let ratios = ratios.map(|(mut all, estimate)| {
        all.sort_unstable_by(f64::total_cmp);
        let (low, high) = bootstrap.expanded(&all, rounds);
        Ratio {
            estimate: estimate.exp(),
            low: low.min(estimate).exp(),
            high: high.max(estimate).exp(),
            level: bootstrap.level,
            rounds,
        }
    });
    Some(ratios.collect())
}

/// The blocks of one time.
struct BlockSeries {
    /// All values, ascending.
    values: Vec<u64>,
    /// Index of each value of a block, and its count.
    blocks: Vec<Vec<(usize, u64)>>,
}

impl BlockSeries {
    fn new(blocks: &[BlockValues]) -> Option<Self> {
        let all = blocks.iter().flatten().filter(|(_, count)| *count > 0);
        let mut values: Vec<u64> = all.map(|(value, _)| *value).collect();
        values.sort_unstable();
        values.dedup();
        let place = |value: &u64| values.binary_search(value).ok();
        let indexed = |block: &BlockValues| -> Vec<(usize, u64)> {
            let counts = block.iter().filter(|(_, count)| *count > 0);
            counts
                .filter_map(|(value, count)| Some((place(value)?, *count)))
                .collect()
        };
        let blocks: Vec<_> = blocks.iter().map(indexed).collect();
        let blocks: Vec<_> = blocks.into_iter().filter(|b| !b.is_empty()).collect();
        (blocks.len() >= MIN_BLOCKS).then_some(Self { values, blocks })
    }

    /// Counts of all values in these blocks.
    fn sum(&self, blocks: impl Iterator<Item = usize>, counts: &mut Vec<u64>) {
        counts.clear();
        counts.resize(self.values.len(), 0);
        for block in blocks {
            for (place, count) in &self.blocks[block] {
                counts[*place] += count;
            }
        }
    }

    /// Counts of all values in as many blocks, drawn with replacement.
    fn draw(&self, random: &mut Xoshiro256PlusPlus, counts: &mut Vec<u64>) {
        let blocks = self.blocks.len();
        let drawn = (0..blocks).map(|_| random.random_range(0..blocks));
        self.sum(drawn, counts);
    }

    /// The smallest value with at least this share of all at or below it, for each share, and at least 1.
    fn quantiles(&self, counts: &[u64], quantiles: &[f64]) -> Vec<f64> {
        let total: u64 = counts.iter().sum();
        let at = |quantile: &f64| {
            let rank = (quantile * total as f64).ceil().max(1.0);
            let mut below = 0;
            let mut values = self.values.iter().zip(counts);
            let found = values.find(|(_, count)| {
                below += **count;
                below as f64 >= rank
            });
            let value = found.map_or(self.values.last(), |(value, _)| Some(value));
            value.map_or(1.0, |value| (*value).max(1) as f64)
        };
        quantiles.iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quick(seed: u64) -> Bootstrap {
        Bootstrap {
            seed,
            resamples: 199,
            ..Bootstrap::default()
        }
    }

    fn constant(value: u64, blocks: usize) -> Vec<BlockValues> {
        vec![vec![(value, 7)]; blocks]
    }

    #[test]
    fn few_blocks_have_no_interval() {
        let (four, five) = (constant(10, 4), constant(10, 5));
        let of = |before, after| quantile_ratios(before, after, &[0.5], &quick(1));
        assert!(of(&four, &five).is_none() && of(&five, &four).is_none());
        let mut empty = five.clone();
        empty[2] = vec![(9, 0)];
        assert!(of(&five, &empty).is_none());
        assert!(of(&five, &five).is_some());
    }

    #[test]
    fn blocks_that_agree_leave_no_doubt() {
        let ratios = quantile_ratios(&constant(10, 6), &constant(30, 9), &[0.5, 0.99], &quick(1));
        for ratio in ratios.unwrap() {
            for found in [ratio.low, ratio.estimate, ratio.high] {
                assert!((found - 3.0).abs() < 1e-12, "{ratio:?}");
            }
            assert_eq!(ratio.rounds, 6);
        }
    }

    #[test]
    fn one_bad_second_widens_the_tail_and_not_the_median() {
        let before = constant(100, 20);
        let mut after = before.clone();
        after[3] = vec![(100, 5), (900, 2)];
        let ratios = quantile_ratios(&before, &after, &[0.5, 0.99], &quick(1)).unwrap();
        assert_eq!((ratios[0].low, ratios[0].high), (1.0, 1.0));
        assert!(ratios[1].low < 1.01 && ratios[1].high > 8.9, "{ratios:?}");
    }

    #[test]
    fn equal_times_are_told_apart_as_rarely_as_the_level_allows() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
        let mut series = || -> Vec<BlockValues> {
            let mut block = || -> BlockValues {
                // Values of a second have its offset in common.
                let offset = random.random_range(0..200_u64);
                (0..30)
                    .map(|_| (1_000 + offset + random.random_range(0..300), 1))
                    .collect()
            };
            (0..20).map(|_| block()).collect()
        };
        let wrong = (0..200).filter(|seed| {
            let (before, after) = (series(), series());
            let ratio = quantile_ratios(&before, &after, &[0.5], &quick(*seed)).unwrap()[0];
            ratio.low > 1.0 || ratio.high < 1.0
        });
        // The expected number is 10 (5 %). 22 is four standard deviations above it.
        let wrong = wrong.count();
        assert!(wrong <= 22, "{wrong} of 200");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn an_interval_holds_its_estimate_and_the_unit_changes_nothing(
            before in prop::collection::vec(prop::collection::vec((1..1000_u64, 1..9_u64), 1..5), 5..9),
            after in prop::collection::vec(prop::collection::vec((1..1000_u64, 1..9_u64), 1..5), 5..9),
            seed: u64,
        ) {
            let of = |factor: u64| {
                let scaled = |all: &[BlockValues]| -> Vec<BlockValues> {
                    let block = |block: &BlockValues| block.iter().map(|(v, n)| (v * factor, *n)).collect();
                    all.iter().map(block).collect()
                };
                quantile_ratios(&scaled(&before), &scaled(&after), &[0.5, 0.99], &quick(seed)).unwrap()
            };
            for (one, scaled) in of(1).into_iter().zip(of(1000)) {
                prop_assert!(one.low <= one.estimate && one.estimate <= one.high);
                prop_assert!((one.estimate / scaled.estimate - 1.0).abs() < 1e-9);
                prop_assert!((one.low / scaled.low - 1.0).abs() < 1e-9);
            }
        }
    }
}
