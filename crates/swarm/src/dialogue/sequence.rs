//! Numbers of a feed at one client: missing, duplicated and reordered ones.
//!
//! A bitmap holds which of the last 1,024 numbers have come. A number further back than that is only reordered, unless a
//! second one follows it: then the server has begun its numbering again, and the numbers between are not missing. The
//! same holds for a number that is more than 2^28 ahead.

/// Numbers up to the highest one for which it is known whether they have come.
const WINDOW: u64 = 64 * WORDS as u64;

/// Words of the bitmap.
const WORDS: usize = 16;

/// Longest run of missing numbers within one numbering.
const LONGEST_GAP: u64 = 1 << 28;

/// Meaning of a number for the client that received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SequenceArrival {
    /// Higher than all before, or the first.
    Next,
    /// New, but lower than one before.
    Reordered,
    /// Too far back to know more than that it is reordered, or the first of a new numbering.
    Stray,
    /// A number that had come before.
    Duplicated,
    /// The second number of a new numbering, whose first one was a stray.
    RestartedAt {
        first: u64,
        /// The stray was measured.
        was_measured: bool,
    },
    /// The first number of a new numbering.
    Restarted,
}

/// A number and its consequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequenceStep {
    pub(crate) arrival: SequenceArrival,
    /// Change of the number of missing messages: numbers between the lowest and the highest measured one that have not
    /// come.
    pub(crate) missing: i64,
}

/// The numbers that one client has received.
#[derive(Debug, Default)]
pub(crate) struct SequenceWindow {
    /// Bit n modulo [`WINDOW`] is set when number n has come, for the last numbers up to `highest`.
    seen: [u64; WORDS],
    highest: Option<u64>,
    /// Lowest and highest new number of the measured phase.
    measured: Option<(u64, u64)>,
    /// A number too far back, and true when it was measured. The numbering may have begun again with it.
    stray: Option<(u64, bool)>,
}

impl SequenceWindow {
    /// Begins a measured phase. Numbers that have come so far are not missing in it.
    pub(crate) fn begin_phase(&mut self) {
        self.measured = None;
    }

    /// The highest number that has come.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Takes the next number.
    pub(crate) fn push(&mut self, seq: u64, is_measured: bool) -> SequenceStep {
        let stray = self.stray.take();
        let highest = match self.highest {
            Some(highest) if seq <= highest || seq - highest <= LONGEST_GAP => highest,
            before => {
                self.begin(seq, is_measured);
                let arrival = match before {
                    None => SequenceArrival::Next,
                    Some(_) => SequenceArrival::Restarted,
                };
                return SequenceStep {
                    arrival,
                    missing: 0,
                };
            }
        };
        if seq > highest {
            let missing = self.extend(seq, is_measured);
            self.raise(highest, seq);
            return SequenceStep {
                arrival: SequenceArrival::Next,
                missing,
            };
        }
        if highest - seq < WINDOW {
            return self.fill(seq, is_measured);
        }
        if let Some((first, was_measured)) = stray
            && seq > first
            && seq - first < WINDOW
        {
            self.begin(first, was_measured);
            let SequenceStep { missing, .. } = self.push(seq, is_measured);
            return SequenceStep {
                arrival: SequenceArrival::RestartedAt {
                    first,
                    was_measured,
                },
                missing,
            };
        }
        self.stray = Some((seq, is_measured));
        SequenceStep {
            arrival: SequenceArrival::Stray,
            missing: 0,
        }
    }

    /// Begins a numbering.
    fn begin(&mut self, seq: u64, is_measured: bool) {
        *self = Self {
            highest: Some(seq),
            measured: is_measured.then_some((seq, seq)),
            ..Self::default()
        };
        self.set(seq);
    }

    /// Takes a number that is not the highest, but within the window.
    fn fill(&mut self, seq: u64, is_measured: bool) -> SequenceStep {
        if self.has(seq) {
            return SequenceStep {
                arrival: SequenceArrival::Duplicated,
                missing: 0,
            };
        }
        let missing = self.extend(seq, is_measured);
        self.set(seq);
        SequenceStep {
            arrival: SequenceArrival::Reordered,
            missing,
        }
    }

    /// Extends the measured range to a new number. Returns the change of the number of missing ones.
    fn extend(&mut self, seq: u64, is_measured: bool) -> i64 {
        let Some((low, high)) = self.measured else {
            self.measured = is_measured.then_some((seq, seq));
            return 0;
        };
        self.measured = Some((low.min(seq), high.max(seq)));
        if seq > high {
            self.unseen(high, seq)
        } else if seq < low {
            self.unseen(seq, low)
        } else {
            -1
        }
    }

    /// Numbers between these two that have not come. The lower one is within the window.
    fn unseen(&self, low: u64, high: u64) -> i64 {
        let highest = self.highest.unwrap_or(low).max(low);
        let known = (low + 1..high.min(highest.saturating_add(1))).filter(|seq| !self.has(*seq));
        let beyond = high.saturating_sub(highest.saturating_add(1));
        // At most `LONGEST_GAP` and `WINDOW`.
        i64::try_from(known.count() as u64 + beyond).unwrap_or(i64::MAX)
    }

    /// Moves the window up to a new highest number.
    fn raise(&mut self, highest: u64, seq: u64) {
        if seq - highest >= WINDOW {
            self.seen = Default::default();
        } else {
            for skipped in highest + 1..seq {
                let (word, bit) = place(skipped);
                self.seen[word] &= !bit;
            }
        }
        self.highest = Some(seq);
        self.set(seq);
    }

    fn set(&mut self, seq: u64) {
        let (word, bit) = place(seq);
        self.seen[word] |= bit;
    }

    fn has(&self, seq: u64) -> bool {
        let (word, bit) = place(seq);
        self.seen[word] & bit != 0
    }
}

/// Word of the bitmap that holds a number, and its bit.
fn place(seq: u64) -> (usize, u64) {
    // Below `WINDOW`.
    #[allow(clippy::cast_possible_truncation)]
    let bit = (seq % WINDOW) as usize;
    (bit / 64, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    /// Counts of missing, duplicated and reordered numbers.
    fn counts(numbers: &[(u64, bool)]) -> (i64, u64, u64) {
        let mut window = SequenceWindow::default();
        let (mut missing, mut duplicated, mut reordered) = (0, 0, 0);
        for (seq, is_measured) in numbers {
            let step = window.push(*seq, *is_measured);
            missing += step.missing;
            let counts = u64::from(*is_measured);
            match step.arrival {
                SequenceArrival::Duplicated => duplicated += counts,
                SequenceArrival::Reordered | SequenceArrival::Stray => reordered += counts,
                SequenceArrival::RestartedAt { was_measured, .. } => {
                    reordered -= u64::from(was_measured);
                }
                SequenceArrival::Next | SequenceArrival::Restarted => {}
            }
        }
        (missing, duplicated, reordered)
    }

    fn measured(numbers: impl IntoIterator<Item = u64>) -> (i64, u64, u64) {
        counts(&numbers.into_iter().map(|n| (n, true)).collect::<Vec<_>>())
    }

    /// The same by the definitions, for numbers of one numbering.
    fn naive(numbers: &[(u64, bool)]) -> (i64, u64, u64) {
        let (mut seen, mut range) = (BTreeSet::new(), BTreeSet::new());
        let (mut duplicated, mut reordered) = (0, 0);
        for (seq, is_measured) in numbers {
            let is_late = seen.last().is_some_and(|highest| highest > seq);
            let is_new = seen.insert(*seq);
            if *is_measured {
                duplicated += u64::from(!is_new);
                reordered += u64::from(is_new && is_late);
                range.extend(is_new.then_some(*seq));
            }
        }
        let missing = match (range.first(), range.last()) {
            (Some(low), Some(high)) => (*low..=*high).filter(|n| !seen.contains(n)).count(),
            _ => 0,
        };
        (i64::try_from(missing).unwrap(), duplicated, reordered)
    }

    #[test]
    fn one_in_ten_left_out_is_missing_but_not_at_the_ends() {
        let numbers = (14..=104).filter(|n| n % 10 != 4);
        assert_eq!(measured(numbers), (8, 0, 0));
    }

    #[test]
    fn a_number_that_comes_late_is_reordered_and_not_missing() {
        assert_eq!(measured([1, 2, 5, 4, 3, 6]), (0, 0, 2));
        assert_eq!(measured([5, 3]), (1, 0, 1));
        assert_eq!(measured([5, 3, 4, 4]), (0, 1, 2));
    }

    #[test]
    fn a_number_from_before_the_measured_phase_is_not_missing_in_it() {
        let before = |n| (n, false);
        let after = |n| (n, true);
        assert_eq!(
            counts(&[before(1), before(3), after(2), after(4)]),
            (0, 0, 1)
        );
        assert_eq!(counts(&[before(1), before(9), after(12)]), (0, 0, 0));
        assert_eq!(counts(&[before(7), after(7), after(8)]), (0, 1, 0));
    }

    #[test]
    fn a_server_that_numbers_from_the_start_again_has_lost_nothing() {
        let twice = (5_000..5_010).chain(0..10).chain(12..14);
        assert_eq!(measured(twice), (2, 0, 0));
        assert_eq!(measured([3, u64::MAX, u64::MAX - 1]), (0, 0, 1));
        assert_eq!(measured([u64::MAX, 0, 1, 2]), (0, 0, 0));
    }

    #[test]
    fn one_very_old_number_is_no_new_numbering() {
        assert_eq!(
            measured([5_000, 1, 5_001, 2, 5_002, 2, 1, 5_004]),
            (1, 0, 4)
        );
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_definitions(
            steps in prop::collection::vec((0..6_u64, 0..40_u64, 0..10_u8), 0..300),
            from in prop::sample::select(vec![0, 1000, u64::MAX / 2]),
            measured_from in 0..50_usize,
        ) {
            // Numbers rise, and some come up to 40 too low.
            let mut next = from + 100;
            let numbers: Vec<_> = steps.iter().enumerate().map(|(place, (step, back, is_back))| {
                next += step;
                let seq = if *is_back < 3 { next - back } else { next };
                (seq, place >= measured_from)
            }).collect();
            prop_assert_eq!(counts(&numbers), naive(&numbers));
        }

        #[test]
        fn any_numbers_are_taken(numbers in prop::collection::vec((any::<u64>(), any::<bool>()), 0..100)) {
            let (missing, _, _) = counts(&numbers);
            prop_assert!(missing >= 0);
            let (missing, _, _) = measured(numbers.iter().map(|(n, _)| n % 3000));
            prop_assert!(missing >= 0);
        }
    }
}
