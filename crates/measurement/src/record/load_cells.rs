//! Counts of one step of a load, by the due times of its messages.
//!
//! The judged part of a step is divided into short cells of time. Each message due in it is counted exactly once, in the
//! cell of its due time: by its response time when it was answered in time, else as failed or as unsent.
//!
//! | module | contents |
//! |---|---|
//! | `buckets` | buckets of times |
//! | `blocks` | shares of dependent messages |
//! | `stored_cells` | the form in which cells are stored |

mod blocks;
mod buckets;
mod stored_cells;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Outcome, Sample};
use blocks::{Block, interval_of_share};
use buckets::Buckets;
use stored_cells::StoredCells;

/// Default length of a cell in nanoseconds.
const CELL_NS: u64 = 10_000_000;

/// Largest number of cells of a step. Those of a longer step are longer.
const MOST_CELLS: u64 = 2_000;

/// Smallest number of messages on either side of a quantile that has an interval.
const LEAST_BESIDE: f64 = 10.0;

/// Division of a step into cells, and the limits that its counts distinguish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellRules {
    /// Length of the judged part in nanoseconds.
    pub length_ns: u64,
    /// Length of a cell in nanoseconds.
    pub cell_ns: u64,
    /// For each condition on the response time, the shortest time that is too long, in nanoseconds.
    pub response_limits_ns: Vec<u64>,
    /// The same for service times.
    pub service_limits_ns: Vec<u64>,
}

impl CellRules {
    /// Rules for a judged part of this length: cells of 10 ms, longer where there would be more than 2,000.
    pub fn new(length_ns: u64, response_limits_ns: Vec<u64>, service_limits_ns: Vec<u64>) -> Self {
        Self {
            length_ns,
            cell_ns: CELL_NS.max(length_ns.div_ceil(MOST_CELLS)),
            response_limits_ns,
            service_limits_ns,
        }
    }

    /// Number of cells.
    fn cells(&self) -> usize {
        let cells = self.length_ns.div_ceil(self.cell_ns.max(1));
        // A damaged file may ask for any number.
        usize::try_from(cells.clamp(1, 2 * MOST_CELLS)).unwrap_or(1)
    }
}

/// Counts of one step by the due times of its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredCells", into = "StoredCells")]
pub struct LoadCells {
    rules: CellRules,
    cells: usize,
    /// 2^64 divided by the length of a cell, rounded up.
    reciprocal: u64,
    buckets: Buckets,
    /// Messages answered in time, by cell, then by bucket of their response time.
    answered: Vec<u32>,
    /// Messages that were lost, late or corrupted, or got an error reply, by cell.
    failed: Vec<u32>,
    /// Messages that were never sent, by cell.
    unsent: Vec<u32>,
    /// Answers that arrived, by the cell of their arrival. Those to messages before the judged part count too.
    arrived: Vec<u32>,
    /// Messages answered in time whose service time is too long, by cell, then by limit.
    slow_service: Vec<u32>,
    /// Messages answered in time whose response time less the generator's own lateness and stops is too long, for each
    /// response limit.
    slow_punctual: Vec<u64>,
    /// Messages answered in time whose service time less the generator's stops is too long, for each service limit.
    slow_unstopped: Vec<u64>,
}

impl LoadCells {
    /// Empty cells of a step.
    pub fn new(rules: &CellRules) -> Self {
        let cells = rules.cells();
        let buckets = Buckets::new(&rules.response_limits_ns);
        Self {
            cells,
            reciprocal: (u64::MAX / rules.cell_ns.max(1)).saturating_add(1),
            answered: vec![0; cells * buckets.len()],
            failed: vec![0; cells],
            unsent: vec![0; cells],
            arrived: vec![0; cells],
            slow_service: vec![0; cells * rules.service_limits_ns.len()],
            slow_punctual: vec![0; rules.response_limits_ns.len()],
            slow_unstopped: vec![0; rules.service_limits_ns.len()],
            buckets,
            rules: rules.clone(),
        }
    }

    /// The cell of a due time after the beginning of the judged part.
    #[inline]
    fn cell(&self, due_ns: u64) -> usize {
        let place = (u128::from(due_ns) * u128::from(self.reciprocal)) >> 64;
        // The product of two numbers of 64 bits, shifted by 64.
        #[allow(clippy::cast_possible_truncation)]
        let place = place as usize;
        place.min(self.cells - 1)
    }

    /// Counts a message whose end is known, and that was in flight for this time while the generator stood still.
    #[inline]
    pub(super) fn ended(&mut self, sample: &Sample, stopped_ns: u64) {
        let cell = self.cell(sample.intended_ns);
        let times = sample.response_time_ns().zip(sample.service_time_ns());
        let Some((response_ns, service_ns)) = times.filter(|_| !sample.outcome.is_failure()) else {
            self.failed[cell] += 1;
            return;
        };
        let bucket = self.buckets.of(response_ns);
        self.answered[cell * self.buckets.len() + bucket] += 1;
        let limits = &self.rules.service_limits_ns;
        let slow = &mut self.slow_service[cell * limits.len()..];
        let unstopped = &mut self.slow_unstopped;
        for ((limit, slow), unstopped) in limits.iter().zip(slow).zip(unstopped) {
            *slow += u32::from(service_ns >= *limit);
            *unstopped += u64::from(service_ns.saturating_sub(stopped_ns) >= *limit);
        }
    }

    /// Counts an answer that arrived at this time.
    #[inline]
    pub(super) fn arrived(&mut self, at_ns: u64) {
        if at_ns < self.rules.length_ns {
            let cell = self.cell(at_ns);
            self.arrived[cell] += 1;
        }
    }

    /// Counts a message that was due at this time and never sent.
    #[inline]
    pub(super) fn unsent(&mut self, due_ns: u64) {
        let cell = self.cell(due_ns);
        self.unsent[cell] += 1;
    }

    /// Counts the response time of an answered message, less the generator's own lateness and stops.
    #[inline]
    pub(super) fn punctual(&mut self, response_ns: u64, outcome: Outcome) {
        if outcome.is_failure() {
            return;
        }
        let limits = self.rules.response_limits_ns.iter();
        for (limit, slow) in limits.zip(&mut self.slow_punctual) {
            *slow += u64::from(response_ns >= *limit);
        }
    }

    /// Adds the counts of another thread or process.
    ///
    /// # Errors
    /// A text, when the other cells follow other rules. Nothing is added then.
    pub fn add(&mut self, other: &Self) -> Result<(), String> {
        fn sum<T: Copy + std::ops::AddAssign>(all: &mut [T], other: &[T]) {
            all.iter_mut()
                .zip(other)
                .for_each(|(one, more)| *one += *more);
        }
        if self.rules != other.rules {
            return Err("the cells of two processes follow different rules".to_owned());
        }
        sum(&mut self.answered, &other.answered);
        sum(&mut self.failed, &other.failed);
        sum(&mut self.unsent, &other.unsent);
        sum(&mut self.arrived, &other.arrived);
        sum(&mut self.slow_service, &other.slow_service);
        sum(&mut self.slow_punctual, &other.slow_punctual);
        sum(&mut self.slow_unstopped, &other.slow_unstopped);
        Ok(())
    }

    /// The division into cells, and the limits.
    pub fn rules(&self) -> &CellRules {
        &self.rules
    }

    /// Number of cells.
    #[allow(clippy::len_without_is_empty)] // There is at least one.
    pub fn len(&self) -> usize {
        self.cells
    }

    /// Length of a cell in seconds.
    pub fn cell_s(&self) -> f64 {
        self.rules.cell_ns as f64 / 1e9
    }

    /// Messages due in a cell.
    pub fn due(&self, cell: usize) -> u32 {
        self.row(cell).iter().sum::<u32>() + self.not_answered(cell)
    }

    /// Messages due in a cell that were not answered in time: failed or never sent.
    pub fn not_answered(&self, cell: usize) -> u32 {
        self.failed[cell] + self.unsent[cell]
    }

    /// Messages due in a cell that are not within a response limit, by its index. Those that were not answered in time are
    /// beyond every limit.
    pub fn response_beyond(&self, cell: usize, limit: usize) -> u32 {
        let from = self.buckets.beyond(self.rules.response_limits_ns[limit]);
        self.row(cell)[from..].iter().sum::<u32>() + self.not_answered(cell)
    }

    /// Messages due in a cell that are not within a service limit, by its index.
    pub fn service_beyond(&self, cell: usize, limit: usize) -> u32 {
        let limits = self.rules.service_limits_ns.len();
        self.slow_service[cell * limits + limit] + self.not_answered(cell)
    }

    /// Messages of the step that are beyond a response limit, by its index, and would be without the generator's own
    /// lateness and stops.
    pub fn punctual_beyond(&self, limit: usize) -> u64 {
        self.slow_punctual[limit] + self.total_failed() + self.total_unsent()
    }

    /// Messages of the step that are beyond a service limit, by its index, and would be without stops of the generator.
    pub fn unstopped_service_beyond(&self, limit: usize) -> u64 {
        self.slow_unstopped[limit] + self.total_failed() + self.total_unsent()
    }

    /// Longest time in which no answer arrived while messages were due, in seconds: from the first cell in which one was due
    /// behind the last answer to the next answer, or to the end of the step.
    pub fn longest_silence_s(&self) -> f64 {
        let mut longest = 0;
        let mut since: Option<usize> = None;
        for cell in 0..self.cells {
            if self.arrived[cell] > 0 {
                since = None;
            } else if since.is_some() || self.due(cell) > 0 {
                longest = longest.max(cell + 1 - *since.get_or_insert(cell));
            }
        }
        longest as f64 * self.cell_s()
    }

    /// Messages due in the step.
    pub fn total_due(&self) -> u64 {
        sum(&self.answered) + self.total_failed() + self.total_unsent()
    }

    /// Messages of the step that were lost, late or corrupted, or got an error reply.
    pub fn total_failed(&self) -> u64 {
        sum(&self.failed)
    }

    /// Messages of the step that were never sent.
    pub fn total_unsent(&self) -> u64 {
        sum(&self.unsent)
    }

    fn row(&self, cell: usize) -> &[u32] {
        let buckets = self.buckets.len();
        &self.answered[cell * buckets..][..buckets]
    }

    /// Messages answered in time that were due in these cells, by bucket.
    fn answered_in(&self, cells: Range<usize>) -> Vec<u64> {
        let mut sums = vec![0; self.buckets.len()];
        for cell in cells {
            for (sum, count) in sums.iter_mut().zip(self.row(cell)) {
                *sum += u64::from(*count);
            }
        }
        sums
    }

    /// Median response time of each of this number of equal parts of the step, in seconds. Messages that were not answered in
    /// time are slower than all others, so it is infinite when they are the half. It is not a number when none was due.
    pub fn medians_s<const PARTS: usize>(&self) -> [f64; PARTS] {
        std::array::from_fn(|part| {
            let cells = self.cells * part / PARTS..self.cells * (part + 1) / PARTS;
            let missing = cells.clone().map(|cell| u64::from(self.not_answered(cell)));
            let missing: u64 = missing.sum();
            let counts = self.answered_in(cells);
            let due = counts.iter().sum::<u64>() + missing;
            match self.time_below(&counts, due as f64 / 2.0) {
                _ if due == 0 => f64::NAN,
                Some(ns) => ns as f64 / 1e9,
                None => f64::INFINITY,
            }
        })
    }

    /// For each cell, the messages due, and those above a quantile of the step's response times, as closely as buckets allow.
    /// Messages that were not answered in time are slower than all others.
    pub fn above_quantile(&self, q: f64) -> Vec<(u32, u32)> {
        let counts = self.answered_in(0..self.cells);
        let wanted = (1.0 - q) * self.total_due() as f64;
        let mut beyond = (self.total_failed() + self.total_unsent()) as f64;
        let mut from = counts.len();
        // The bucket in which the quantile lies belongs to the side on which most of it is.
        while let Some(count) = from.checked_sub(1).map(|bucket| counts[bucket] as f64)
            && (beyond == 0.0 || beyond + count / 2.0 <= wanted)
        {
            beyond += count;
            from -= 1;
        }
        let of_cell = |cell| {
            let above = self.row(cell)[from..].iter().sum::<u32>();
            (self.due(cell), above + self.not_answered(cell))
        };
        (0..self.cells).map(of_cell).collect()
    }

    /// The time below which this number of messages is, by counts of buckets; `None` when there are fewer.
    fn time_below(&self, counts: &[u64], messages: f64) -> Option<u64> {
        let mut before = 0.0;
        for (bucket, count) in counts.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && before + count >= messages {
                return Some(self.buckets.time_at(bucket, (messages - before) / count));
            }
            before += count;
        }
        None
    }

    /// Interval of 95 % of a quantile of the response times of all due messages, in nanoseconds. Messages that were not
    /// answered in time are slower than all others. The unit of inference is a block of cells, long enough that neighbouring
    /// blocks do not correlate. `None` when there are too few blocks or messages, and when the interval has no upper end.
    pub fn quantile_interval(&self, q: f64) -> Option<(u64, u64)> {
        let counts = self.answered_in(0..self.cells);
        let due = self.total_due() as f64;
        if due * q.min(1.0 - q) < LEAST_BESIDE {
            return None;
        }
        let estimate = self.time_below(&counts, q * due)?;
        let from = self.buckets.of(estimate);
        let of_cell = |cell| -> Block {
            let beyond = self.row(cell)[from..].iter().sum::<u32>();
            let beyond = beyond + self.not_answered(cell);
            (f64::from(self.due(cell)), f64::from(beyond))
        };
        let error = interval_of_share((0..self.cells).map(of_cell).collect())?;
        let low = self.time_below(&counts, (q - error).max(0.0) * due)?;
        let high = self.time_below(&counts, (q + error) * due)?;
        Some((low.min(estimate), high.max(estimate)))
    }
}

fn sum(counts: &[u32]) -> u64 {
    counts.iter().map(|count| u64::from(*count)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn rules(length_ms: u64, limits: &[u64]) -> CellRules {
        CellRules::new(length_ms * MS, limits.to_vec(), vec![3 * MS])
    }

    fn answered(due_ns: u64, response_ns: u64) -> Sample {
        Sample::echoed(0, 0, due_ns, due_ns, due_ns + response_ns, Outcome::Ok)
    }

    #[test]
    fn a_long_step_has_longer_cells() {
        let cells = |seconds: u64| {
            let cells = LoadCells::new(&rules(seconds * 1_000, &[]));
            (cells.len(), cells.cell_s())
        };
        assert_eq!(cells(1), (100, 0.01));
        assert_eq!(cells(20), (2_000, 0.01));
        assert_eq!(cells(200), (2_000, 0.1));
        // A part of a cell is a cell.
        let cells = LoadCells::new(&CellRules::new(25 * MS, vec![], vec![]));
        assert_eq!(cells.len(), 3);
    }

    #[test]
    fn a_message_counts_in_the_cell_of_its_due_time() {
        let mut cells = LoadCells::new(&rules(40, &[5 * MS]));
        cells.ended(&answered(0, MS), 0);
        // An answer of 100 ms comes behind the end of the step.
        cells.ended(&answered(10 * MS - 1, 100 * MS), 0);
        cells.ended(&answered(10 * MS, 5 * MS), 0);
        cells.ended(&answered(20 * MS, 5 * MS - 1), 0);
        cells.ended(&Sample::lost(0, 0, 30 * MS, 39 * MS), 0);
        cells.unsent(39 * MS);
        let of = |count: &dyn Fn(usize) -> u32| (0..4).map(count).collect::<Vec<_>>();
        assert_eq!(of(&|cell| cells.due(cell)), [2, 1, 1, 2]);
        assert_eq!(of(&|cell| cells.response_beyond(cell, 0)), [1, 1, 0, 2]);
        assert_eq!(of(&|cell| cells.service_beyond(cell, 0)), [1, 1, 1, 2]);
        assert_eq!((cells.total_failed(), cells.total_unsent()), (1, 1));
    }

    #[test]
    fn messages_without_a_correct_answer_in_time_are_beyond_every_limit() {
        let hour = 3_600_000_000_000;
        let mut cells = LoadCells::new(&rules(10, &[2 * hour, MS]));
        for outcome in Outcome::ALL {
            let sample = Sample::echoed(0, 0, 0, 0, 1_000, outcome);
            cells.ended(&sample, 0);
            cells.punctual(1_000, outcome);
        }
        // All but `ok` and `reordered`.
        for limit in 0..2 {
            assert_eq!(cells.response_beyond(0, limit), 5);
            assert_eq!(cells.punctual_beyond(limit), 5);
        }
        assert_eq!((cells.total_due(), cells.service_beyond(0, 0)), (7, 5));
    }

    /// A stop of the server looked like any other overload, because its answers count in the cells of their due times.
    #[test]
    fn a_stop_of_the_server_is_a_silence_and_a_low_rate_is_none() {
        let answer = |cells: &mut LoadCells, due_ms: u64, end_ms: u64| {
            cells.ended(&answered(due_ms * MS, (end_ms - due_ms) * MS), 0);
            cells.arrived(end_ms * MS);
        };
        let mut stopped = LoadCells::new(&rules(2_000, &[]));
        for due_ms in (0..2_000).step_by(5) {
            // Stopped from 400 ms to 1,300 ms.
            let is_stopped = (400..1_300).contains(&due_ms);
            answer(
                &mut stopped,
                due_ms,
                if is_stopped { 1_300 } else { due_ms },
            );
        }
        assert!((stopped.longest_silence_s() - 0.9).abs() < 1e-9);
        let mut slow = LoadCells::new(&rules(2_000, &[]));
        for due_ms in [0, 900, 1_800] {
            answer(&mut slow, due_ms, due_ms + 8);
        }
        assert!(slow.longest_silence_s() <= 0.01);
        // Nothing more is answered, and answers behind the end of the step count nowhere.
        let mut dead = LoadCells::new(&rules(2_000, &[]));
        answer(&mut dead, 0, 0);
        answer(&mut dead, 500, 2_000);
        assert!((dead.longest_silence_s() - 1.5).abs() < 1e-9);
        // The server still answers messages that were due before the judged part.
        (0..200).for_each(|cell| dead.arrived(cell * 10 * MS));
        assert_eq!(dead.longest_silence_s(), 0.0);
    }

    #[test]
    fn what_the_generator_explains_is_not_punctual() {
        let mut cells = LoadCells::new(&rules(10, &[5 * MS]));
        for response_ns in [4 * MS, 5 * MS, 0] {
            cells.ended(&answered(0, 9 * MS), 0);
            cells.punctual(response_ns, Outcome::Ok);
        }
        assert_eq!(cells.response_beyond(0, 0), 3);
        assert_eq!(cells.punctual_beyond(0), 1);
    }

    #[test]
    fn a_stop_of_the_generator_does_not_make_the_service_slow() {
        let mut cells = LoadCells::new(&rules(10, &[]));
        for stopped_ns in [0, 6 * MS, 7 * MS, 20 * MS] {
            cells.ended(&answered(0, 9 * MS), stopped_ns);
        }
        assert_eq!(cells.service_beyond(0, 0), 4);
        assert_eq!(cells.unstopped_service_beyond(0), 2);
    }

    #[test]
    fn medians_are_those_of_the_thirds() {
        let mut cells = LoadCells::new(&rules(300, &[]));
        for at in 0..100 {
            cells.ended(&answered(at * MS, 10 * MS), 0);
            cells.ended(&answered((100 + at) * MS, 20 * MS), 0);
            cells.unsent((200 + at) * MS);
        }
        let [first, second, third] = cells.medians_s();
        assert!((0.009..0.0115).contains(&first), "{first}");
        assert!((0.018..0.0225).contains(&second), "{second}");
        assert!(third.is_infinite());
        assert!(LoadCells::new(&rules(300, &[])).medians_s::<3>()[0].is_nan());
    }

    #[test]
    fn messages_above_a_quantile_are_about_its_share() {
        let mut cells = LoadCells::new(&rules(100, &[]));
        for n in 0..1_000 {
            cells.ended(&answered(n * 100_000, MS + n * 20_000), 0);
        }
        let above = |cells: &LoadCells| -> (u32, u32) {
            let all = cells.above_quantile(0.9);
            all.iter()
                .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
        };
        let (due, beyond) = above(&cells);
        assert!(due == 1_000 && (60..150).contains(&beyond), "{beyond}");
        // Failures are the slowest.
        (0..500).for_each(|n| cells.unsent(n * 100_000));
        assert_eq!(above(&cells), (1_500, 500));
        // Times that are all equal are all above.
        let mut equal = LoadCells::new(&rules(100, &[]));
        (0..10).for_each(|n| equal.ended(&answered(n * MS, MS), 0));
        assert_eq!(above(&equal), (10, 10));
        assert_eq!(above(&LoadCells::new(&rules(100, &[]))), (0, 0));
    }

    #[test]
    fn an_interval_covers_the_quantile_of_independent_times() {
        // Times that are uniform between 0 and 10 ms, from a generator of fixed seed.
        let mut covered = 0;
        for seed in 0..200 {
            let mut cells = LoadCells::new(&rules(1_000, &[]));
            for n in 0..5_000_u32 {
                let share = crate::record::unit_interval(seed, n, 1);
                cells.ended(&answered(u64::from(n) * 200_000, (share * 1e7) as u64), 0);
            }
            let (low, high) = cells.quantile_interval(0.9).unwrap();
            covered += u64::from((low..=high).contains(&(9 * MS)));
            assert!(high - low < MS, "{low} to {high}");
        }
        assert!(covered >= 180, "{covered} of 200");
    }

    #[test]
    fn times_that_correlate_have_a_wider_interval() {
        let width = |run: u32| {
            let mut cells = LoadCells::new(&rules(2_000, &[]));
            for n in 0..10_000_u32 {
                // So many messages in a row have the same time.
                let share = crate::record::unit_interval(5, n / run, 1);
                cells.ended(&answered(u64::from(n) * 200_000, (share * 1e7) as u64), 0);
            }
            let (low, high) = cells.quantile_interval(0.5).unwrap();
            high - low
        };
        assert!(width(400) > 5 * width(1), "{} and {}", width(400), width(1));
    }

    /// The interval was that of the answered messages alone.
    #[test]
    fn an_interval_is_that_of_all_due_messages() {
        let cells = |unanswered: u64| {
            let mut cells = LoadCells::new(&rules(1_000, &[]));
            for n in 0..5_000 {
                let due_ns = n * 200_000;
                // Times of 1 to 2 ms, one after the other.
                match n % 100 < unanswered {
                    true => cells.unsent(due_ns),
                    false => cells.ended(&answered(due_ns, MS + n % 100 * 10_000), 0),
                }
            }
            cells
        };
        let none = cells(0).quantile_interval(0.8).unwrap();
        for end in [none.0, none.1] {
            assert!(end.abs_diff(1_795_000) < 150_000, "{none:?}");
        }
        // Of 100 messages, the 30 that would be the fastest are not answered. The median is the 50th of the other 70.
        let some = cells(30).quantile_interval(0.5).unwrap();
        assert!(some.0 <= 1_800_000 && 1_790_000 <= some.1, "{some:?}");
        assert_eq!(cells(30).quantile_interval(0.8), None);
    }

    #[test]
    fn too_few_messages_have_no_interval() {
        let mut cells = LoadCells::new(&rules(1_000, &[]));
        assert_eq!(cells.quantile_interval(0.5), None);
        cells.ended(&answered(0, MS), 0);
        assert_eq!(cells.quantile_interval(0.999), None);
    }

    proptest! {
        #[test]
        fn a_bucket_has_the_times_between_its_bounds(ns: u64, limits in prop::collection::vec(1..u64::MAX, 0..5)) {
            let buckets = Buckets::new(&limits);
            prop_assert!(buckets.bounds.is_sorted());
            for ns in [ns, ns >> 20, ns >> 40] {
                let bucket = buckets.of(ns);
                prop_assert!(buckets.bounds[bucket] <= ns);
                prop_assert!(buckets.bounds.get(bucket + 1).is_none_or(|next| ns < *next));
                for limit in &limits {
                    prop_assert_eq!(bucket >= buckets.beyond(*limit), ns >= *limit);
                }
            }
        }

        #[test]
        fn every_due_time_of_the_step_has_a_cell(length_ms in 1..400_000_u64, part in 0.0..1.0_f64) {
            let rules = rules(length_ms, &[]);
            let cells = LoadCells::new(&rules);
            let due_ns = (part * rules.length_ns as f64) as u64;
            let cell = cells.cell(due_ns) as u64;
            // A message on the bound of a long cell may count in the one before.
            prop_assert!(cell.abs_diff(due_ns / rules.cell_ns) <= 1);
            prop_assert!(cells.len() <= 2_000);
        }

        #[test]
        fn stored_cells_are_the_same_and_add_up(
            messages in prop::collection::vec((0..60 * MS, 0..20 * MS, 0..9_usize), 0..60),
        ) {
            let mut parts = [0, 1].map(|_| LoadCells::new(&rules(60, &[2 * MS, 7 * MS])));
            let mut whole = parts[0].clone();
            for (n, (due_ns, response_ns, outcome)) in messages.iter().enumerate() {
                for cells in [&mut parts[n % 2], &mut whole] {
                    match Outcome::ALL.get(*outcome) {
                        Some(outcome) => {
                            let mut sample = answered(*due_ns, *response_ns);
                            sample.outcome = *outcome;
                            cells.ended(&sample, 0);
                            cells.arrived(due_ns + response_ns);
                            cells.punctual(response_ns / 2, *outcome);
                        }
                        None => cells.unsent(*due_ns),
                    }
                }
            }
            let [mut one, other] = parts;
            one.add(&other).unwrap();
            prop_assert_eq!(&one, &whole);
            prop_assert_eq!(one.total_due(), messages.len() as u64);
            let text = serde_json::to_string(&one).unwrap();
            prop_assert_eq!(serde_json::from_str::<LoadCells>(&text).unwrap(), one);
        }

        #[test]
        fn damaged_cells_are_refused(stored in prop::collection::vec(any::<u64>(), 1..6)) {
            let mut json = serde_json::to_value(LoadCells::new(&rules(20, &[]))).unwrap();
            // Two cells have no place for more.
            let far: Vec<u64> = stored.iter().map(|n| n.saturating_add(1_000)).collect();
            json["failed"] = serde_json::json!(far);
            prop_assert!(serde_json::from_value::<LoadCells>(json).is_err());
        }
    }

    #[test]
    fn cells_of_other_rules_are_not_added() {
        let mut cells = LoadCells::new(&rules(20, &[]));
        assert!(cells.add(&LoadCells::new(&rules(30, &[]))).is_err());
    }
}
