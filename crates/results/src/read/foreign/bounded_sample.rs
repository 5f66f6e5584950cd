//! A uniform random sample of bounded size, for columns with more values than fit in memory.

use measurement::record::message_hash;

/// Largest number of values of a column in memory: 64 MiB. No picture shows more.
pub(super) const MOST_VALUES: usize = 1 << 23;

/// Constant seed, with which a file always gives the same picture.
const SEED: u64 = 0x6B65_7074;

/// Values in their order, each with its row, and with the value of the second column if there is one.
///
/// Whenever there are too many values, each is dropped with probability 1/2. Later values are kept with probability 1/2,
/// then 1/4, and so on. Every set of the same size is equally likely to be kept, as with Bernoulli sampling.
#[derive(Default)]
pub(super) struct BoundedSample {
    pub(super) values: Vec<f64>,
    pub(super) xs: Vec<f64>,
    /// Row of each value, from 0; empty while value N is that of row N.
    pub(super) rows: Vec<u32>,
    limit: usize,
    /// Number of halvings.
    halvings: u32,
    seen: u64,
}

impl BoundedSample {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, value: f64, x: Option<f64>, row: u32) {
        self.seen += 1;
        if self.halvings > 0 {
            let drawn = message_hash(SEED, 0, self.seen);
            if drawn.trailing_zeros() < self.halvings {
                return;
            }
        }
        if self.values.len() == self.limit {
            self.halve();
            // It was drawn for a wider choice than there is now.
            if message_hash(SEED, self.halvings, self.seen) & 1 == 1 {
                return;
            }
        }
        let index = self.next_index();
        if self.rows.is_empty() && row != index {
            self.rows.extend(0..index);
            self.rows.push(row);
        } else if !self.rows.is_empty() {
            self.rows.push(row);
        }
        self.values.push(value);
        self.xs.extend(x);
    }

    fn next_index(&self) -> u32 {
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    #[cold]
    fn halve(&mut self) {
        self.halvings += 1;
        if self.rows.is_empty() {
            self.rows.extend(0..self.next_index());
        }
        let round = self.halvings;
        retain_half(&mut self.values, round);
        retain_half(&mut self.xs, round);
        retain_half(&mut self.rows, round);
    }
}

/// Retains the same random half of each column.
fn retain_half<T>(column: &mut Vec<T>, round: u32) {
    let mut index = 0;
    column.retain(|_| {
        index += 1;
        message_hash(!SEED, round, index) & 1 == 0
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_the_limit_all_are_kept() {
        let mut kept = BoundedSample::new(100);
        (0..100).for_each(|n| kept.push(f64::from(n), None, n));
        let all: Vec<_> = (0..100).map(f64::from).collect();
        assert_eq!((kept.values, kept.xs), (all, Vec::new()));
        assert!(kept.rows.is_empty());
    }

    #[test]
    fn a_row_without_a_value_moved_the_later_ones() {
        let rows = |with_value: &[u32]| {
            let mut kept = BoundedSample::new(100);
            with_value.iter().for_each(|row| kept.push(1.0, None, *row));
            kept.rows
        };
        assert_eq!(rows(&[0, 1, 3, 4]), [0, 1, 3, 4]);
        assert_eq!(rows(&[1, 2]), [1, 2]);
        assert!(rows(&[0, 1, 2]).is_empty());
    }

    #[test]
    fn beyond_it_a_uniform_choice_is_kept_in_order_and_together() {
        let mut kept = BoundedSample::new(1 << 14);
        for n in 0..1_000_000_i32 {
            kept.push(f64::from(n), Some(f64::from(-n)), n.cast_unsigned());
            assert!(kept.values.len() <= 1 << 14);
        }
        assert!(kept.values.len() > 1 << 12, "{}", kept.values.len());
        assert_eq!(kept.values.capacity(), 1 << 14);
        assert!(kept.values.is_sorted());
        assert!(kept.values.iter().zip(&kept.xs).all(|(v, x)| *v == -x));
        let rows = kept.rows.iter().map(|row| f64::from(*row));
        assert!(rows.eq(kept.values.iter().copied()));
        // Chi-squared over 100 blocks, 99 degrees of freedom: above 149 once in a thousand seeds.
        let mut blocks = [0.0_f64; 100];
        for value in &kept.values {
            blocks[(*value / 10_000.0) as usize] += 1.0;
        }
        let expected = kept.values.len() as f64 / 100.0;
        let chi_squared: f64 = blocks
            .iter()
            .map(|n| (n - expected).powi(2) / expected)
            .sum();
        assert!(chi_squared < 149.0, "{chi_squared}");
    }
}
