//! Values by slices of time in bounded memory.

/// Largest number of values of a log, each with its slice and count: 96 MiB.
pub(super) const MOST_SLICED: usize = 1 << 22;

/// Values by slices of time, which become longer when there are too many values.
#[derive(Default)]
pub(super) struct TimeSlices {
    /// Start of the slice in seconds, value, count.
    pub(super) entries: Vec<(f64, u64, u64)>,
    pub(super) length_s: f64,
    limit: usize,
}

impl TimeSlices {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Makes slices at least as long as an interval.
    pub(super) fn lengthen(&mut self, length_s: f64) {
        if length_s.is_finite() {
            self.length_s = self.length_s.max(length_s);
        }
    }

    pub(super) fn push(&mut self, at_s: f64, value: u64, count: u64) {
        // Once they are longer than an interval, intervals share them.
        while self.entries.len() >= self.limit {
            let before = self.entries.len();
            self.length_s = (self.length_s * 2.0).max(1e-3);
            let length_s = self.length_s;
            for entry in &mut self.entries {
                entry.0 = (entry.0 / length_s).floor() * length_s;
            }
            self.join();
            // All lie in one slice already: these are the buckets of a histogram, and they end.
            if self.entries.len() == before
                && self.entries.first().map(|e| e.0) == self.entries.last().map(|e| e.0)
            {
                self.limit *= 2;
            }
        }
        self.entries.push((at_s, value, count));
    }

    /// Joins entries of the same slice and value.
    fn join(&mut self) {
        self.entries
            .sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.entries.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0 && next.1 == kept.1;
            if is_same {
                kept.2 += next.2;
            }
            is_same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_until_there_is_room_and_lose_nothing() {
        let mut sliced = TimeSlices::new(100);
        sliced.lengthen(1.0);
        for second in 0..1_000_u32 {
            for value in 0..5 {
                sliced.push(f64::from(second), value, 3);
            }
            assert!(sliced.entries.len() <= 100);
        }
        assert_eq!(sliced.entries.iter().map(|e| e.2).sum::<u64>(), 15_000);
        assert!(sliced.length_s >= 64.0, "{}", sliced.length_s);
        let mut one = TimeSlices::new(4);
        (0..9).for_each(|value| one.push(0.0, value, 1));
        assert_eq!(one.entries.len(), 9, "what is in one slice is kept apart");
    }
}
