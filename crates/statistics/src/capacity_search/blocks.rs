//! The number of independent messages among dependent ones.
//!
//! Neighbouring messages wait in the same queue, so their times depend on each other. The counts of blocks of time do not,
//! if the blocks are long enough. Their spread says how many messages count as one.

use super::StepCell;

/// Largest correlation of neighbouring blocks that is taken for none, if it is not clearer than that.
const NO_CORRELATION: f64 = 0.1;

/// Least number of blocks in the longest step.
const LEAST_BLOCKS: usize = 8;

/// Events by which the dispersion of few events is drawn towards the largest possible one.
const PRIOR_EVENTS: f64 = 2.0;

/// Standard deviations of a correlation by chance, from which on the steps are too short.
const CLEARLY_CORRELATED: f64 = 1.5;

/// Least number of steps whose spread is compared with that within them, and the number of standard deviations that make it
/// clearly larger.
const LEAST_STEPS: f64 = 6.0;
const CLEARLY: f64 = 1.645;

/// Cells of one step, with the share that is expected there.
#[derive(Debug, Clone)]
pub(super) struct StepCells<'a> {
    pub(super) cells: &'a [StepCell],
    /// Expected share of messages beyond the limit, from 0 to 1.
    pub(super) expected: f64,
    /// The same cells with the messages above the step's own 90th percentile.
    pub(super) tail: &'a [StepCell],
}

/// The dependence of messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dependence {
    /// Cells of a block.
    pub(super) block_cells: usize,
    /// Messages that count as one independent message, at least 1.
    pub(super) dispersion: f64,
    /// True when neighbouring blocks still correlate, because the steps are too short for longer ones.
    pub(super) needs_longer_steps: bool,
}

impl Dependence {
    /// The dependence of independent messages.
    pub(super) const NONE: Self = Self {
        block_cells: 1,
        dispersion: 1.0,
        needs_longer_steps: false,
    };
}

/// Counts of a block: due and beyond.
type Block = (f64, f64);

/// A series of counts of a step, and its expected share.
type Series<'a> = (&'a [StepCell], f64);

/// Finds the shortest blocks whose neighbours do not correlate, doubling their length where they do, and the dispersion of
/// the messages in them.
///
/// `contradicting`: steps below the capacity in which far too many messages were beyond the limit.
pub(super) fn dependence<'a>(
    steps: &[StepCells<'a>],
    contradicting: &[StepCells<'a>],
) -> Dependence {
    let longest = steps.iter().map(|step| step.cells.len()).max();
    let most_cells = longest.unwrap_or(0) / LEAST_BLOCKS;
    let series = |step: &StepCells<'a>| (step.cells, step.expected);
    let counts: Vec<Series> = steps.iter().map(series).collect();
    let tails = steps
        .iter()
        .map(|step| (step.tail, StepCell::share_beyond(step.tail).unwrap_or(0.0)));
    let tails: Vec<Series> = tails.collect();
    let mut block_cells = 1;
    loop {
        let of_counts = neighbour_correlation(&counts, block_cells);
        let found = [of_counts, neighbour_correlation(&tails, block_cells)];
        let exceeds = |deviations: f64| {
            found.iter().any(|(correlation, pairs)| {
                let by_chance = deviations / (*pairs as f64).max(1.0).sqrt();
                *correlation > NO_CORRELATION.max(by_chance)
            })
        };
        let correlates = exceeds(1.0);
        if !correlates || 2 * block_cells > most_cells {
            let contradicting = contradicting.iter().map(series);
            let all: Vec<Series> = counts.iter().copied().chain(contradicting).collect();
            let in_steps = dispersion(&counts, block_cells, of_counts.0);
            return Dependence {
                block_cells,
                dispersion: in_steps.max(between_steps(&all, in_steps)),
                needs_longer_steps: exceeds(CLEARLY_CORRELATED),
            };
        }
        block_cells *= 2;
    }
}

fn blocks(cells: &[StepCell], block_cells: usize) -> impl Iterator<Item = Block> {
    cells.chunks_exact(block_cells).map(StepCell::total)
}

/// Correlation of the residuals of neighbouring blocks, and number of pairs of steps with a message beyond the limit.
fn neighbour_correlation(steps: &[Series], block_cells: usize) -> (f64, usize) {
    let (mut products, mut squares, mut pairs) = (0.0, 0.0, 0);
    for (cells, expected) in steps {
        if cells.iter().all(|cell| cell.beyond == 0) {
            continue;
        }
        let residual = |(due, beyond): Block| beyond - due * expected;
        let residuals: Vec<f64> = blocks(cells, block_cells).map(residual).collect();
        products += residuals.windows(2).map(|w| w[0] * w[1]).sum::<f64>();
        squares += residuals.iter().map(|r| r * r).sum::<f64>();
        pairs += residuals.len().saturating_sub(1);
    }
    let correlation = if squares > 0.0 {
        products / squares
    } else {
        0.0
    };
    (correlation, pairs)
}

/// Variance of the counts of blocks, as a multiple of that of independent messages. A block whose messages all have the
/// same result is one independent message, so its length is the upper bound, and the value without any event.
fn dispersion(steps: &[Series], block_cells: usize, correlation: f64) -> f64 {
    let (mut squares, mut independent, mut events) = (0.0, 0.0, 0.0);
    let (mut messages, mut count) = (0.0, 0.0);
    for (cells, expected) in steps {
        let mut was_beyond = false;
        let variance = expected * (1.0 - expected);
        // Far above the edge messages depend on each other for longer. Without weights, those steps would decide.
        let weight = 1.0 / expected.max(1e-9).sqrt();
        for (due, beyond) in blocks(cells, block_cells) {
            messages += due;
            count += 1.0;
            squares += weight * (beyond - due * expected).powi(2);
            independent += weight * due * variance;
            events += f64::from(u8::from(beyond > 0.0 && !was_beyond));
            was_beyond = beyond > 0.0;
        }
    }
    let largest = (messages / f64::max(count, 1.0)).max(1.0);
    if independent <= 0.0 {
        return largest;
    }
    // Correlation that longer blocks would still have falls off as that of a first-order autoregression.
    let correlation = correlation.clamp(0.0, 0.9);
    let longer = (1.0 + correlation) / (1.0 - correlation);
    let largest = largest * longer;
    let found = (squares / independent * longer).min(largest);
    ((events * found + PRIOR_EVENTS * largest) / (events + PRIOR_EVENTS)).max(1.0)
}

/// The dispersion of whole steps where it is clearly larger than that within them, because the speed of the server changes from
/// step to step; else 1.
fn between_steps(steps: &[Series], in_steps: f64) -> f64 {
    let (mut squares, mut independent, mut messages, mut count) = (0.0, 0.0, 0.0, 0.0);
    for (cells, expected) in steps {
        let (due, beyond) = StepCell::total(cells);
        messages += due;
        let variance = due * expected * (1.0 - expected);
        if variance > 0.0 {
            let weight = 1.0 / expected.sqrt();
            squares += weight * (beyond - due * expected).powi(2);
            independent += weight * variance;
            count += 1.0;
        }
    }
    if count < LEAST_STEPS {
        return 1.0;
    }
    // A whole step is at least one message.
    let found = (squares / independent).min(messages / steps.len() as f64);
    // The law of chi squared, in the approximation of Wilson and Hilferty, 1931.
    let spread = 2.0 / (9.0 * count);
    let by_chance = (1.0 - spread + CLEARLY * spread.sqrt()).powi(3);
    if found > by_chance * in_steps {
        found
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    /// Cells with ten messages each, which are beyond the limit in bursts of this many cells.
    fn bursts(cells: usize, burst: usize, share: f64, seed: u64) -> Vec<StepCell> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut found = Vec::with_capacity(cells + burst);
        while found.len() < cells {
            let is_beyond = random.random::<f64>() < share;
            let beyond = if is_beyond { 10 } else { 0 };
            found.extend(std::iter::repeat_n(StepCell { due: 10, beyond }, burst));
        }
        found.truncate(cells);
        found
    }

    fn of(cells: &[StepCell], expected: f64) -> Dependence {
        let step = StepCells {
            cells,
            expected,
            tail: &[],
        };
        dependence(&[step], &[])
    }

    #[test]
    fn blocks_grow_until_bursts_fit_into_them() {
        let independent = of(&bursts(40_000, 1, 0.05, 1), 0.05);
        assert_eq!(independent.block_cells, 1);
        assert!((independent.dispersion / 10.0 - 1.0).abs() < 0.1);
        let dependent = of(&bursts(40_000, 8, 0.05, 2), 0.05);
        assert!(dependent.block_cells >= 8, "{dependent:?}");
        // A burst has 80 messages.
        assert!(
            (dependent.dispersion / 80.0 - 1.0).abs() < 0.25,
            "{dependent:?}"
        );
    }

    #[test]
    fn without_an_event_a_cell_counts_as_one_message() {
        let quiet = of(&[StepCell { due: 20, beyond: 0 }; 400], 0.0);
        assert_eq!((quiet.block_cells, quiet.dispersion), (1, 20.0));
        assert_eq!(dependence(&[], &[]).dispersion, 1.0);
    }
}
