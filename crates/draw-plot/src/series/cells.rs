//! Cells of a heatmap: messages by moment and by time.

use super::log_bins::LogBins;
use super::{round_step, whole};

const MOST_COLUMNS: f64 = 120.0;

const FINEST_S: f64 = 1e-4;

const MOST_ROWS: f64 = 60.0;

/// The round length of a column, in seconds, for a run of `span_s` whose moments are known to `at_least_s`.
pub fn slice_for(span_s: f64, at_least_s: f64) -> f64 {
    let wanted = (span_s / MOST_COLUMNS).max(at_least_s).max(FINEST_S);
    let (factor, power) = round_step(wanted);
    factor * 10_f64.powf(power)
}

/// The rows of a heatmap of times from `low`, which is above zero, to `high`.
pub fn rows_for(low: f64, high: f64) -> LogBins {
    let decades = (high / low).log10();
    let mut steps = [50, 20, 10, 5, 2, 1].into_iter();
    let per_decade = steps.find(|step| decades * f64::from(*step) <= MOST_ROWS);
    LogBins::covering(low, high, per_decade.unwrap_or(1))
}

/// The number of messages in each cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    rows: usize,
    /// Column by column, each from the shortest times on.
    cells: Vec<u64>,
}

impl Cells {
    /// Counts each time at its moment, `counts` times or, if it is empty, once. A row holds its lower edge. Times outside
    /// the edges are left out.
    pub fn of(at_s: &[f64], values: &[f64], counts: &[u64], slice_s: f64, edges: &[f64]) -> Self {
        let rows = edges.len().saturating_sub(1);
        let mut cells = Vec::new();
        for (index, (at, value)) in at_s.iter().zip(values).enumerate() {
            let above = edges.partition_point(|edge| edge <= value);
            let Some(row) = above.checked_sub(1).filter(|row| *row < rows) else {
                continue;
            };
            let slot = column_of(*at, slice_s) * rows + row;
            if slot >= cells.len() {
                cells.resize((slot / rows + 1) * rows, 0);
            }
            cells[slot] += counts.get(index).copied().unwrap_or(1);
        }
        Self { rows, cells }
    }

    /// The columns from the first moment on, each the counts of its rows.
    pub fn columns(&self) -> impl Iterator<Item = &[u64]> {
        self.cells.chunks_exact(self.rows.max(1))
    }

    pub(crate) fn most(&self) -> u64 {
        self.cells.iter().copied().max().unwrap_or(0)
    }
}

/// Start of a column, in seconds.
pub fn moment(column: usize, slice_s: f64) -> f64 {
    if slice_s < 1.0 {
        // Three tenths, not three times what a tenth is to a computer.
        column as f64 / (1.0 / slice_s).round()
    } else {
        column as f64 * slice_s
    }
}

fn column_of(at_s: f64, slice_s: f64) -> usize {
    // A quotient is off by a hair where the moment is an edge.
    let start = whole(at_s / slice_s).saturating_sub(1);
    let mut columns = start..start + 2;
    let column = columns.find(|column| moment(column + 1, slice_s) > at_s);
    column.unwrap_or(start + 2)
}

/// The scale of counts: steps of equal factor from one message to the fullest cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CountSteps {
    most: u64,
    count: usize,
}

impl CountSteps {
    /// At most `count` steps up to `most`.
    pub(crate) fn new(most: u64, count: usize) -> Self {
        let most = most.max(1);
        let whole = usize::try_from(most).unwrap_or(count);
        let count = count.min(whole).max(1);
        Self { most, count }
    }

    pub(crate) fn count(self) -> usize {
        self.count
    }

    /// The smallest count of a step, from 0. The step behind the last one begins above the largest count.
    pub(crate) fn lowest(self, step: usize) -> u64 {
        if step >= self.count {
            return self.most + 1;
        }
        let share = step as f64 / self.count as f64;
        whole((self.most as f64).powf(share).ceil()) as u64
    }

    /// The step of a count of at least 1.
    pub(crate) fn of(self, count: u64) -> usize {
        let mut steps = (0..self.count).rev();
        let step = steps.find(|step| self.lowest(*step) <= count);
        step.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slices_are_round() {
        for (span, least, slice) in [
            (10.0, 0.0, 0.1),
            (12.1, 0.0, 0.2),
            (3_600.0, 0.0, 50.0),
            (10.0, 1.0, 1.0),
            (0.0, 0.0, 1e-4),
        ] {
            let found = slice_for(span, least);
            assert!((found / slice - 1.0).abs() < 1e-9, "{found} for {span}");
        }
    }

    #[test]
    fn each_message_is_in_its_cell() {
        let at_s = [0.0, 0.1, 0.3, 0.3, 0.95];
        let values = [1.0, 9.0, 10.0, 0.5, 99.0];
        let cells = Cells::of(&at_s, &values, &[], 0.1, &[1.0, 10.0, 100.0]);
        let columns: Vec<_> = cells.columns().collect();
        assert_eq!(columns.len(), 10);
        assert_eq!((columns[0], columns[1]), (&[1, 0][..], &[1, 0][..]));
        assert_eq!((columns[3], columns[9]), (&[0, 1][..], &[0, 1][..]));
        assert_eq!(cells.columns().flatten().sum::<u64>(), 4);
        let counted = Cells::of(&[2.0], &[5.0], &[70], 1.0, &[1.0, 10.0]);
        assert_eq!(counted.columns().nth(2), Some(&[70][..]));
        assert_eq!(counted.most(), 70);
    }

    #[test]
    fn steps_grow_by_the_same_factor() {
        let steps = CountSteps::new(1_000, 3);
        let lowest: Vec<_> = (0..4).map(|step| steps.lowest(step)).collect();
        assert_eq!(lowest, [1, 10, 100, 1_001]);
        assert_eq!(
            [1, 9, 10, 99, 100, 1_000].map(|n| steps.of(n)),
            [0, 0, 1, 1, 2, 2]
        );
        assert_eq!(CountSteps::new(1, 9).count(), 1);
        assert_eq!(CountSteps::new(2, 9).count(), 2);
    }

    proptest! {
        #[test]
        fn cells_hold_all_that_lies_between_the_edges(
            points in prop::collection::vec((0.0..100.0_f64, 1e-3..1e4_f64), 1..300),
        ) {
            let (at_s, values): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
            let slice_s = slice_for(100.0, 0.0);
            let edges = rows_for(1e-3, 1e4).edges();
            let cells = Cells::of(&at_s, &values, &[], slice_s, &edges);
            let columns: Vec<_> = cells.columns().collect();
            let mut expected = vec![vec![0; edges.len() - 1]; columns.len()];
            for (at, value) in points {
                let column = (0..).take_while(|column| moment(*column, slice_s) <= at).count() - 1;
                let row = edges.iter().take_while(|edge| **edge <= value).count() - 1;
                expected[column][row] += 1;
            }
            prop_assert_eq!(columns, expected);
        }

        #[test]
        fn every_count_has_the_step_that_its_legend_says(most in 1_u64..10_000_000, share in 0.0..1.0_f64) {
            let steps = CountSteps::new(most, 9);
            let count = 1 + (share * (most - 1) as f64) as u64;
            let step = steps.of(count);
            prop_assert!(steps.lowest(step) <= count && count < steps.lowest(step + 1));
        }
    }
}
