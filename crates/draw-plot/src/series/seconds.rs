//! The values of each second, or of each row of several, as steps along the time axis.

use measurement::record::RowSpan;

use super::Point;

/// A value that holds from one moment to another, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeStep {
    /// Begin of the step.
    pub from_s: f64,
    /// End of the step.
    pub to_s: f64,
    /// The value; `None` if it is not known.
    pub value: Option<f64>,
}

/// The values of ascending rows. The row in which the measured phase ends is as long as was measured.
pub(crate) fn steps(
    values: impl IntoIterator<Item = (RowSpan, Option<f64>)>,
    elapsed_s: Option<f64>,
) -> Vec<TimeStep> {
    let step = |(span, value): (RowSpan, Option<f64>)| {
        let (from_s, whole_s) = (span.second as f64, span.end() as f64);
        let to_s = match elapsed_s {
            Some(end) if end > from_s && end < whole_s => end,
            _ => whole_s,
        };
        TimeStep {
            from_s,
            to_s,
            value,
        }
    };
    values.into_iter().map(step).collect()
}

/// Shortest part of a row with a rate of its own: an echo in the last 10 µs of a run would be 100,000 per second.
const SLIVER: f64 = 0.5;

/// The counts of rows as rates per second. A row of which less than half was measured is averaged with the one before.
pub fn rates(
    counts: impl IntoIterator<Item = (RowSpan, u64)>,
    elapsed_s: Option<f64>,
) -> Vec<TimeStep> {
    let (spans, counts): (Vec<_>, Vec<_>) = counts.into_iter().unzip();
    let known = spans.iter().zip(&counts);
    let known = known.map(|(span, count)| (*span, Some(*count as f64)));
    let mut steps = steps(known, elapsed_s);
    let mut before: Option<(RowSpan, u64)> = None;
    for (step, (span, count)) in steps.iter_mut().zip(spans.into_iter().zip(counts)) {
        let (row_s, length_s) = (span.seconds.get() as f64, step.to_s - step.from_s);
        let rate = if length_s < SLIVER * row_s && step.from_s >= row_s {
            // A row that is not listed had none.
            let listed = before.filter(|(before, _)| before.end() == span.second);
            let of_before = listed.map_or(0, |(_, count)| count);
            (of_before + count) as f64 / (row_s + length_s)
        } else {
            count as f64 / length_s
        };
        step.value = Some(rate);
        before = Some((span, count));
    }
    steps
}

/// The lines along the steps: one for each stretch in which all values are known.
pub(crate) fn lines(steps: &[TimeStep]) -> Vec<Vec<Point>> {
    let is_one = |a: &TimeStep, b: &TimeStep| {
        a.value.is_some() == b.value.is_some() && (a.to_s - b.from_s).abs() < 1e-9
    };
    let ends = |step: &TimeStep| {
        let value = step.value?;
        Some([(step.from_s, value), (step.to_s, value)])
    };
    let lines = steps.chunk_by(is_one);
    let lines = lines.map(|part| part.iter().filter_map(ends).flatten().collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Start, end and number of the failures of successive rows, whose middles are closer than `room_s`.
pub(crate) fn failures(
    counts: impl IntoIterator<Item = (RowSpan, u64)>,
    room_s: f64,
) -> Vec<(f64, f64, u64)> {
    let mut groups: Vec<(f64, f64, u64)> = Vec::new();
    for (span, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        let (from, to) = (span.second as f64, span.end() as f64);
        match groups.last_mut() {
            Some((begin, end, total))
                if from <= *end
                    || f64::midpoint(from, to) - f64::midpoint(*begin, *end) < room_s =>
            {
                *end = to.max(*end);
                *total += count;
            }
            _ => groups.push((from, to, count)),
        }
    }
    groups
}

/// The unit in which times up to this are written, and its length in seconds.
pub(crate) fn time_unit(longest_s: f64) -> (&'static str, f64) {
    match longest_s {
        10_800.0.. => ("h", 3_600.0),
        600.0.. => ("min", 60.0),
        0.5.. => ("s", 1.0),
        _ => ("ms", 1e-3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::RowSeconds;

    /// Rows of a second each.
    fn seconds<V>(
        values: impl IntoIterator<Item = (u64, V)>,
    ) -> impl Iterator<Item = (RowSpan, V)> {
        let values = values.into_iter();
        values.map(|(second, value)| (RowSpan::with(second, RowSeconds::ONE), value))
    }

    #[test]
    fn rows_of_a_long_run_are_rates_per_second() {
        let fifty = RowSeconds::try_from(50).unwrap();
        let rows = |counts: &[u64]| {
            let spans = (0..).map(|row| RowSpan::with(row * 50, fifty));
            spans.zip(counts.iter().copied()).collect::<Vec<_>>()
        };
        let values = |counts: &[u64], end_s| {
            let rates = rates(rows(counts), Some(end_s));
            let values = rates.iter().map(|step| step.value.unwrap());
            values.collect::<Vec<_>>()
        };
        assert_eq!(
            values(&[5_000, 10_000, 4_000], 140.0),
            [100.0, 200.0, 100.0]
        );
        // Less than half of a row is averaged with the row before.
        assert_eq!(values(&[5_000, 1_000], 60.0), [100.0, 100.0]);
    }

    #[test]
    fn a_second_that_is_not_whole_counts_as_long_as_it_was() {
        let rates = rates(seconds([(0, 1_000), (1, 1_000), (2, 750)]), Some(2.75));
        let values: Vec<_> = rates.iter().map(|step| step.value.unwrap()).collect();
        assert_eq!(values, [1_000.0, 1_000.0, 1_000.0]);
        assert_eq!((rates[2].from_s, rates[2].to_s), (2.0, 2.75));
        // Later seconds are not part of it.
        let late = steps(seconds([(3, Some(7.0))]), Some(2.25));
        assert_eq!((late[0].from_s, late[0].to_s), (3.0, 4.0));
    }

    #[test]
    fn a_last_moment_is_no_rate_of_its_own() {
        let values = |counts: &[(u64, u64)], end_s| {
            let rates = rates(seconds(counts.iter().copied()), Some(end_s));
            rates
                .iter()
                .map(|step| step.value.unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            values(&[(0, 900), (1, 1_000), (2, 500)], 2.25),
            [900.0, 1_000.0, 1_200.0]
        );
        // What is known of a whole second stays what it is: it may be an outage.
        assert_eq!(values(&[(0, 500), (1, 8), (2, 592)], 2.2)[1], 8.0);
        // The second before had none.
        assert_eq!(values(&[(0, 1_000), (7, 5)], 7.25), [1_000.0, 4.0]);
        // A run that was no longer has nothing else.
        assert_eq!(values(&[(0, 500)], 0.25), [2_000.0]);
    }

    #[test]
    fn a_line_is_broken_where_nothing_is_known() {
        let steps = steps(
            seconds([(0, Some(1.0)), (1, Some(3.0)), (2, None), (3, Some(2.0))]),
            None,
        );
        assert_eq!(
            lines(&steps),
            [
                vec![(0.0, 1.0), (1.0, 1.0), (1.0, 3.0), (2.0, 3.0)],
                vec![(3.0, 2.0), (4.0, 2.0)]
            ]
        );
    }

    #[test]
    fn failures_close_to_each_other_are_one_group() {
        let counts = [(0, 0), (3, 2), (4, 5), (7, 1), (30, 4)];
        assert_eq!(
            failures(seconds(counts), 1.0),
            [(3.0, 5.0, 7), (7.0, 8.0, 1), (30.0, 31.0, 4)]
        );
        assert_eq!(
            failures(seconds(counts), 10.0),
            [(3.0, 8.0, 8), (30.0, 31.0, 4)]
        );
    }

    #[test]
    fn hours_are_not_written_in_seconds() {
        let units = [0.006, 9.0, 900.0, 20_000.0].map(|longest| time_unit(longest).0);
        assert_eq!(units, ["ms", "s", "min", "h"]);
    }
}
