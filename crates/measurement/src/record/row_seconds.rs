//! Length of the rows of tables over time, so that a table stays short however long the run is.
//!
//! A row is one second long in runs of up to an hour, and 2, 5, 10, 20, 50, … seconds in longer ones. A run of known
//! length has its rows from the beginning. In other runs rows grow: the rows of the first hour are a second long, later
//! ones two, then 10, 20, 100, …, each a multiple of those before. Short rows are put together two or five at a time, one
//! group for each new row, because doing all at once would stop a generator thread for a fraction of a second.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Maximum number of rows of the measured phase.
pub const MAX_ROWS: u64 = 3600;

/// Longest row, 31 years.
const LONGEST: u64 = 1_000_000_000;

/// Length of a row in seconds: 1, 2 or 5 times a power of ten. One second by default, as in files of older versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(try_from = "u64", into = "u64")]
pub struct RowSeconds(NonZeroU64);

impl Default for RowSeconds {
    fn default() -> Self {
        Self::ONE
    }
}

impl From<RowSeconds> for u64 {
    fn from(length: RowSeconds) -> Self {
        length.get()
    }
}

impl TryFrom<u64> for RowSeconds {
    type Error = String;

    fn try_from(seconds: u64) -> Result<Self, String> {
        let mut length = Self::ONE;
        while length.get() < seconds && length.get() < LONGEST {
            length = length.next();
        }
        if length.get() == seconds {
            Ok(length)
        } else {
            Err(format!(
                "a row of {seconds} s is not 1, 2 or 5 times a power of ten"
            ))
        }
    }
}

impl RowSeconds {
    /// One second.
    pub const ONE: Self = Self(NonZeroU64::MIN);

    /// The shortest length with which a measured phase has at most [`MAX_ROWS`] rows.
    pub fn for_duration(measured: Duration) -> Self {
        let mut length = Self::ONE;
        let fits = |length: Self| measured <= Duration::from_secs(length.get() * MAX_ROWS);
        while !fits(length) && length.get() < LONGEST {
            length = length.next();
        }
        length
    }

    /// Number of seconds.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The length in nanoseconds.
    pub(crate) fn ns(self) -> u64 {
        self.get() * 1_000_000_000
    }

    /// True for one second, the usual length.
    pub fn is_one(&self) -> bool {
        *self == Self::ONE
    }

    /// The next length of the series 1, 2, 5, 10, ….
    fn next(self) -> Self {
        let is_two = self.get().to_string().starts_with('2');
        let next = if is_two {
            self.get() / 2 * 5
        } else {
            self.get() * 2
        };
        NonZeroU64::new(next).map_or(self, Self)
    }

    /// The shortest longer length that is a multiple of this one: 2, 10, 20, 100, ….
    fn next_multiple(self) -> Self {
        let next = self.next();
        if next.get().is_multiple_of(self.get()) {
            next
        } else {
            next.next()
        }
    }

    /// The shortest length that is a multiple of both.
    pub fn common(self, other: Self) -> Self {
        let (short, mut long) = (self.min(other), self.max(other));
        while !long.get().is_multiple_of(short.get()) {
            long = long.next();
        }
        long
    }
}

/// The time of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowSpan {
    /// Start of the row, in seconds since the start of the table.
    pub second: u64,
    /// Length of the row.
    pub seconds: RowSeconds,
}

impl RowSpan {
    /// The row of this length with this second.
    pub fn with(second: u64, seconds: RowSeconds) -> Self {
        Self {
            second: second - second % seconds.get(),
            seconds,
        }
    }

    /// End of the row, in seconds since the start of the table.
    pub fn end(self) -> u64 {
        self.second.saturating_add(self.seconds.get())
    }
}

/// Rule for the lengths of the rows of one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowRule {
    /// Length of the first rows.
    first: RowSeconds,
    /// True when all rows have this length.
    is_fixed: bool,
}

impl RowRule {
    /// The rule for the timeline of a run that is measured for this time; `None` when it is not known ahead.
    pub fn for_timeline(measured: Option<Duration>) -> Self {
        Self {
            first: measured.map_or(RowSeconds::ONE, RowSeconds::for_duration),
            // The drain has rows behind the measured phase.
            is_fixed: measured.is_some(),
        }
    }

    /// The rule for another table of the same run, which may be longer: its rows have the same length until there are
    /// [`MAX_ROWS`].
    #[must_use]
    pub fn growing(self) -> Self {
        Self {
            is_fixed: false,
            ..self
        }
    }

    /// The row with this second.
    pub fn span_at(self, second: u64) -> RowSpan {
        let mut seconds = self.first;
        while !self.is_fixed && second >= seconds.get() * MAX_ROWS && seconds.get() < LONGEST {
            seconds = seconds.next_multiple();
        }
        RowSpan::with(second, seconds)
    }
}

/// A row of a table whose rows can be put together.
pub(crate) trait TableRow: Sized {
    /// The time of the row.
    fn span(&self) -> RowSpan;

    /// The sum of neighbouring rows, at least one, with this time.
    fn sum(rows: &[Self], span: RowSpan) -> Self;
}

/// Puts together the first rows that are shorter than this length, from this index on; returns the index behind them. Of
/// ascending rows, those before the index have this length, and so have the last ones.
pub(super) fn widen_next<R: TableRow>(rows: &mut Vec<R>, from: usize, to: RowSeconds) -> usize {
    let Some(span) = rows.get(from).map(TableRow::span) else {
        return from;
    };
    if span.seconds >= to {
        return rows.len();
    }
    let wide = RowSpan::with(span.second, to);
    let is_within = |row: &&R| row.span().end() <= wide.end();
    let count = rows[from..].iter().take_while(is_within).count().max(1);
    let sum = R::sum(&rows[from..from + count], wide);
    rows.splice(from..from + count, [sum]);
    from + 1
}

/// Puts ascending rows together until all have this length, or a longer one.
pub(super) fn widen_all<R: TableRow>(rows: &mut Vec<R>, to: RowSeconds) {
    if rows.iter().all(|row| row.span().seconds >= to) {
        return;
    }
    let wide = |row: &R| RowSpan::with(row.span().second, to.max(row.span().seconds));
    let groups = rows.chunk_by(|one, next| wide(one) == wide(next));
    *rows = groups.map(|group| R::sum(group, wide(&group[0]))).collect();
}

/// The longest length of these rows.
pub(super) fn common_length<'r, R: TableRow + 'r>(
    rows: impl IntoIterator<Item = &'r R>,
) -> RowSeconds {
    let lengths = rows.into_iter().map(|row| row.span().seconds);
    lengths.fold(RowSeconds::ONE, RowSeconds::common)
}

/// Adds up neighbouring counts, this many at a time.
pub(super) fn widen_counts<T: Copy>(counts: &mut Vec<T>, factor: u64, add: fn(T, T) -> T) {
    let factor = usize::try_from(factor).unwrap_or(usize::MAX).max(1);
    let groups = counts.chunks(factor);
    *counts = groups
        .filter_map(|group| group.iter().copied().reduce(add))
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3600;

    #[test]
    fn a_run_of_an_hour_has_seconds_and_one_of_a_day_has_fifty_of_them() {
        let of = |seconds| RowSeconds::for_duration(Duration::from_secs(seconds)).get();
        assert_eq!([1, HOUR, HOUR + 1, 2 * HOUR].map(of), [1, 1, 2, 2]);
        assert_eq!([3 * HOUR, 5 * HOUR, 6 * HOUR].map(of), [5, 5, 10]);
        assert_eq!([24 * HOUR, 360 * 24 * HOUR].map(of), [50, 10_000]);
    }

    #[test]
    fn rows_of_an_unknown_run_grow_by_multiples() {
        let rule = RowRule::for_timeline(None);
        let at = |second| {
            (
                rule.span_at(second).second,
                rule.span_at(second).seconds.get(),
            )
        };
        assert_eq!(at(3_599), (3_599, 1));
        assert_eq!(at(3_601), (3_600, 2));
        assert_eq!(at(7_211), (7_210, 10));
        assert_eq!(at(36_019), (36_000, 20));
        assert_eq!(at(86_399), (86_300, 100));
        let day = RowRule::for_timeline(Some(Duration::from_secs(86_400)));
        assert_eq!(day.span_at(86_449), RowSpan::with(86_400, day.first));
        assert_eq!(day.growing().span_at(50 * HOUR).seconds.get(), 100);
    }

    #[test]
    fn other_lengths_are_refused() {
        for seconds in [0, 3, 4, 7, 15, 25, 101, u64::MAX] {
            assert!(RowSeconds::try_from(seconds).is_err(), "{seconds}");
        }
        let two = RowSeconds::try_from(2).unwrap();
        let five = RowSeconds::try_from(5).unwrap();
        assert_eq!(two.common(five).get(), 10);
        assert_eq!(serde_json::from_str::<RowSeconds>("50").unwrap().get(), 50);
        assert!(serde_json::from_str::<RowSeconds>("0").is_err());
    }

    proptest! {
        #[test]
        fn rows_follow_each_other_without_gaps(first in 0..4_usize, second in 0..2_000_000_u64) {
            let first = RowSeconds::try_from([1, 2, 5, 50][first]).unwrap();
            let rule = RowRule { first, is_fixed: false };
            let span = rule.span_at(second);
            prop_assert!(span.second <= second && second < span.end());
            let next = rule.span_at(span.end());
            prop_assert_eq!(next.second, span.end());
            prop_assert!(next.seconds.get().is_multiple_of(span.seconds.get()));
            prop_assert!(span.second / span.seconds.get() < MAX_ROWS);
        }
    }
}
