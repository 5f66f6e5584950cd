//! Shares of dependent messages, by blocks whose neighbours do not correlate.

use statistics::normal::student_quantile;

/// Messages of a block, and those of them that are beyond a limit.
pub(super) type Block = (f64, f64);

/// Smallest number of blocks from which an interval is computed.
const LEAST_BLOCKS: usize = 10;

/// Half-width of the interval of 95 % of the share of the messages that are beyond, from short blocks of equal length, which
/// are joined while neighbours correlate. `None` when there are too few blocks.
pub(super) fn interval_of_share(mut blocks: Vec<Block>) -> Option<f64> {
    while blocks.len() >= 2 * LEAST_BLOCKS && is_correlated(&blocks) {
        blocks = paired(&blocks);
    }
    (blocks.len() >= LEAST_BLOCKS).then(|| share_error(&blocks))
}

/// Blocks of twice the length. A last one without a partner is left out.
fn paired(blocks: &[Block]) -> Vec<Block> {
    let pairs = blocks.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].0 + pair[1].0, pair[0].1 + pair[1].1))
        .collect()
}

/// Deviations of the messages beyond, of each block, from those expected by the share of all blocks.
fn deviations(blocks: &[Block]) -> Vec<f64> {
    let (all, beyond) = blocks
        .iter()
        .fold((0.0, 0.0), |sum, block| (sum.0 + block.0, sum.1 + block.1));
    let share = beyond / f64::max(all, 1.0);
    blocks
        .iter()
        .map(|block| block.1 - share * block.0)
        .collect()
}

/// Returns true when neighbouring blocks correlate, by their correlation at lag 1.
fn is_correlated(blocks: &[Block]) -> bool {
    let deviations = deviations(blocks);
    let variance: f64 = deviations.iter().map(|one| one * one).sum();
    let products: f64 = deviations.windows(2).map(|pair| pair[0] * pair[1]).sum();
    products > 1.645 / (blocks.len() as f64).sqrt() * variance
}

/// Half-width of the interval of 95 % of the share of the messages that are beyond.
fn share_error(blocks: &[Block]) -> f64 {
    let n = blocks.len() as f64;
    let all: f64 = blocks.iter().map(|block| block.0).sum();
    let squares: f64 = deviations(blocks).iter().map(|one| one * one).sum();
    let deviation = (squares * n / (n - 1.0)).sqrt() / all.max(1.0);
    student_quantile(0.975, n - 1.0) * deviation
}
