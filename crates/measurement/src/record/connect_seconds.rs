//! Openings of connections of each second.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SecondTimes;
use super::row_seconds::{RowRule, RowSeconds, RowSpan};

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Openings of each second since the first connection was due. The reconnects after a loss are not in it.
///
/// A second in which connections open takes 540 KB while it runs, and about a kilobyte afterwards. Events of a thread come
/// in ascending order of time. One of an earlier second counts all the same. In a long run they are longer; see [`RowRule`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectSeconds {
    seconds: BTreeMap<u64, ConnectSecond>,
    /// The second of the latest event. Earlier ones are complete.
    #[serde(skip)]
    running: Option<RowSpan>,
    #[serde(skip)]
    rule: RowRule,
}

/// Openings of one second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectSecond {
    /// Length in seconds, which is 1 unless the run is long.
    #[serde(default, skip_serializing_if = "RowSeconds::is_one")]
    pub seconds: RowSeconds,
    /// Openings begun in this second.
    pub attempts: u64,
    /// Connections opened in this second.
    pub opened: u64,
    /// Openings that failed in this second.
    pub failed: u64,
    /// Longest time of an opening that ended in this second, in nanoseconds.
    pub longest_ns: u64,
    /// The same from its intended time.
    pub longest_response_ns: u64,
    /// Times of the connections opened in this second; `None` without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<SecondTimes>,
    /// The same from their intended times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<SecondTimes>,
}

impl ConnectSeconds {
    /// Sets the rule for the lengths of rows, before the first event.
    pub fn set_rows(&mut self, rule: RowRule) {
        self.rule = rule;
    }

    /// Counts an opening that begins at this time, in nanoseconds since the first connection was due.
    pub fn attempt(&mut self, at_ns: u64) {
        self.at(at_ns).attempts += 1;
    }

    /// Counts a connection that opened at this time. Durations are in nanoseconds.
    pub fn opened(&mut self, at_ns: u64, connect_ns: u64, response_ns: u64) {
        let second = self.at(at_ns);
        second.opened += 1;
        second.longest_ns = second.longest_ns.max(connect_ns);
        second.longest_response_ns = second.longest_response_ns.max(response_ns);
        second.connect.get_or_insert_default().record(connect_ns);
        second.response.get_or_insert_default().record(response_ns);
    }

    /// Counts an opening that failed at this time.
    pub fn failed(&mut self, at_ns: u64) {
        self.at(at_ns).failed += 1;
    }

    fn at(&mut self, at_ns: u64) -> &mut ConnectSecond {
        let span = self.rule.span_at(at_ns / SECOND_NS);
        if self
            .running
            .is_none_or(|running| running.end() <= span.second)
        {
            let before = self.running.replace(span);
            if let Some(before) = before.and_then(|before| self.seconds.get_mut(&before.second)) {
                before.complete();
            }
            self.widen_first(span.seconds);
        }
        let row = self.seconds.entry(span.second).or_default();
        row.seconds = row.seconds.max(span.seconds);
        row
    }

    /// Puts together the first group of rows that are shorter than this. One group for each new row, because all at once
    /// would take too long.
    fn widen_first(&mut self, to: RowSeconds) {
        let shorter = |(second, row): (&u64, &ConnectSecond)| (row.seconds < to).then_some(*second);
        if let Some(second) = self.seconds.iter().find_map(shorter) {
            self.put_together(RowSpan::with(second, to));
        }
    }

    /// Puts the rows within this time together.
    fn put_together(&mut self, span: RowSpan) {
        let within = self.seconds.range(span.second..span.end());
        let within: Vec<_> = within.map(|(second, _)| *second).collect();
        let mut sum = ConnectSecond::default();
        for second in within {
            if let Some(row) = self.seconds.remove(&second) {
                sum.add(&row);
            }
        }
        sum.complete();
        sum.seconds = span.seconds;
        self.seconds.insert(span.second, sum);
    }

    /// The length that all rows can have.
    fn common_length(&self) -> RowSeconds {
        let lengths = self.seconds.values().map(|row| row.seconds);
        lengths.fold(RowSeconds::ONE, RowSeconds::common)
    }

    fn widen(&mut self, to: RowSeconds) {
        while let Some((second, _)) = self.seconds.iter().find(|(_, row)| row.seconds < to) {
            self.put_together(RowSpan::with(*second, to));
        }
    }

    /// The same openings in rows of equal length.
    #[must_use]
    pub fn in_equal_rows(mut self) -> Self {
        self.widen(self.common_length());
        self
    }

    /// The rows with an event, ascending: start in seconds since the first connection was due, and events.
    pub fn rows(&self) -> impl Iterator<Item = (u64, &ConnectSecond)> {
        self.seconds
            .iter()
            .map(|(second, events)| (*second, events))
    }

    /// Adds the openings of another thread or process.
    pub fn merge(&mut self, other: &Self) {
        let length = self.common_length().common(other.common_length());
        self.widen(length);
        for (second, events) in other.rows() {
            let span = RowSpan::with(second, length);
            let row = self.seconds.entry(span.second).or_default();
            row.add(events);
            row.seconds = length;
        }
    }

    /// Checks seconds that were read from a file: numbers of at most `last_second`, counts of at most `largest`, and times of
    /// all connections that opened.
    ///
    /// # Errors
    /// A text, when one is out of range, or a histogram is damaged.
    pub(crate) fn check(&self, last_second: f64, largest: u64) -> Result<(), String> {
        for (second, events) in self.rows() {
            if second as f64 > last_second {
                return Err(format!("second {second} of the openings is too late"));
            }
            let counts = [events.attempts, events.opened, events.failed];
            if let Some(count) = counts.into_iter().find(|count| *count > largest) {
                return Err(format!("a count of {count} is too large"));
            }
            events.check_times()?;
        }
        Ok(())
    }
}

impl PartialEq for ConnectSeconds {
    fn eq(&self, other: &Self) -> bool {
        self.seconds == other.seconds
    }
}

impl ConnectSecond {
    /// Quantile of the connect times, within 0.1 %; `None` when no connection opened.
    pub fn connect_quantile_ns(&self, q: f64) -> Option<u64> {
        quantile_ns(self.connect.as_ref(), self.longest_ns, q)
    }

    /// The same from the intended times.
    pub fn response_quantile_ns(&self, q: f64) -> Option<u64> {
        quantile_ns(self.response.as_ref(), self.longest_response_ns, q)
    }

    fn complete(&mut self) {
        let times = [&mut self.connect, &mut self.response];
        times.into_iter().flatten().for_each(SecondTimes::complete);
    }

    fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.opened += other.opened;
        self.failed += other.failed;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
        self.longest_response_ns = self.longest_response_ns.max(other.longest_response_ns);
        SecondTimes::add_optional(&mut self.connect, other.connect.as_ref());
        SecondTimes::add_optional(&mut self.response, other.response.as_ref());
    }

    fn check_times(&self) -> Result<(), String> {
        for times in [&self.connect, &self.response] {
            let timed = times.as_ref().map_or(Ok(0), SecondTimes::check)?;
            if timed != self.opened {
                let opened = self.opened;
                return Err(format!("{timed} times of {opened} connections in a second"));
            }
        }
        Ok(())
    }
}

fn quantile_ns(times: Option<&SecondTimes>, longest_ns: u64, q: f64) -> Option<u64> {
    Some(times?.counts().quantile(q)?.min(longest_ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LatencyHistogram;
    use proptest::prelude::*;

    /// Kind, time in milliseconds, duration in nanoseconds.
    type Event = (u8, u64, u64);

    fn events() -> impl Strategy<Value = Vec<Event>> {
        prop::collection::vec((0..3_u8, 0..4_000_u64, 0..9_000_000_000_u64), 0..80)
    }

    fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> ConnectSeconds {
        let mut seconds = ConnectSeconds::default();
        for (kind, at_ms, took_ns) in events {
            let at_ns = at_ms * 1_000_000;
            match kind {
                0 => seconds.attempt(at_ns),
                1 => seconds.opened(at_ns, *took_ns, took_ns * 2),
                _ => seconds.failed(at_ns),
            }
        }
        seconds
    }

    fn stored(seconds: &ConnectSeconds) -> ConnectSeconds {
        serde_json::from_str(&serde_json::to_string(seconds).unwrap()).unwrap()
    }

    fn check(seconds: &ConnectSeconds) -> Result<(), String> {
        seconds.check(3_600.0, 1 << 40)
    }

    proptest! {
        // Each second of each thread has two histograms.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_split_over_threads_adds_up_in_any_order(events in events(), threads in 1..5_usize) {
            // The order within a thread is random too, so events of earlier seconds are late.
            let whole = of(&events);
            let mut sum = ConnectSeconds::default();
            for thread in (0..threads).rev() {
                let own = events.iter().enumerate().filter(|(n, _)| n % threads == thread);
                sum.merge(&stored(&of(own.map(|(_, event)| event))));
            }
            prop_assert_eq!(&sum, &whole);
            prop_assert_eq!(&stored(&sum), &whole);
            prop_assert_eq!(check(&stored(&sum)), Ok(()));
        }

        #[test]
        fn quantiles_are_those_of_the_second(events in events(), q in 0.0..=1.0_f64) {
            for (second, row) in of(&events).rows() {
                let mut times = LatencyHistogram::new();
                for (kind, at_ms, took_ns) in &events {
                    if *kind == 1 && at_ms / 1000 == second {
                        times.record(*took_ns);
                    }
                }
                let near = |found: Option<u64>, wanted: Option<u64>| match (found, wanted) {
                    (Some(found), Some(wanted)) => found.abs_diff(wanted) <= wanted / 1000,
                    (found, wanted) => found == wanted,
                };
                prop_assert!(near(row.connect_quantile_ns(q), times.quantile(q)));
                prop_assert_eq!(row.connect_quantile_ns(1.0), times.max());
                prop_assert_eq!(row.response_quantile_ns(1.0), times.max().map(|ns| ns * 2));
            }
        }
    }

    #[test]
    fn only_the_running_second_is_decoded() {
        let mut seconds = ConnectSeconds::default();
        for n in 0..200_u64 {
            seconds.opened(n * 500_000_000, 1_000_000 + n, 2_000_000 + n);
        }
        seconds.attempt(200 * 500_000_000);
        let bytes = serde_json::to_string(&seconds).unwrap().len();
        assert!(bytes < 100 * 1_000, "{bytes} bytes");
        let recording = format!("{seconds:?}").matches("Recording").count();
        assert_eq!(recording, 0);
    }

    #[test]
    fn an_opening_of_an_earlier_second_is_not_lost() {
        let seconds = of(&[(1, 100, 5_000), (1, 5_000, 7_000), (1, 200, 9_000)]);
        let (_, first) = seconds.rows().next().unwrap();
        assert_eq!((first.opened, first.longest_ns), (2, 9_000));
        assert_eq!(first.connect_quantile_ns(0.5), Some(5_003));
        assert_eq!(first.connect_quantile_ns(0.99), Some(9_000));
    }

    #[test]
    fn a_day_of_openings_has_a_bounded_number_of_rows() {
        let mut seconds = ConnectSeconds::default();
        let mut first_hours = ConnectSeconds::default();
        for second in (0..86_400).step_by(11) {
            seconds.opened(second * SECOND_NS, second + 1, second + 2);
            if second < 4_000 {
                first_hours.opened(second * SECOND_NS, second + 1, second + 2);
            }
            assert!(seconds.seconds.len() <= 3_601, "{}", seconds.seconds.len());
        }
        seconds.merge(&first_hours);
        let rows: Vec<_> = seconds.rows().collect();
        assert!(
            rows.iter()
                .all(|(second, row)| row.seconds.get() == 100 && second % 100 == 0)
        );
        let opened: u64 = rows.iter().map(|(_, row)| row.opened).sum();
        assert_eq!(opened, 86_400_u64.div_ceil(11) + 4_000_u64.div_ceil(11));
        assert_eq!(seconds.check(86_400.0, 1 << 40), Ok(()));
    }

    #[test]
    fn damaged_seconds_are_refused() {
        let whole = of(&[(0, 100, 0), (1, 200, 5_000), (1, 300, 6_000)]);
        let with = |change: fn(&mut ConnectSecond)| {
            let mut changed = whole.clone();
            changed.seconds.values_mut().for_each(change);
            check(&stored(&changed)).unwrap_err()
        };
        assert!(with(|second| second.connect = None).contains("0 times of 2"));
        assert!(with(|second| second.opened = 3).contains("2 times of 3"));
        assert!(with(|second| second.failed = u64::MAX).contains("too large"));
        let text = serde_json::to_string(&whole).unwrap();
        let place = text.find("\"connect\":\"").unwrap() + 11;
        let broken = format!("{}AAAA{}", &text[..place], &text[place + 4..]);
        let broken: ConnectSeconds = serde_json::from_str(&broken).unwrap();
        assert!(check(&broken).unwrap_err().contains("damaged"));
        let late = of(&[(2, 3_700_000, 0)]);
        assert!(check(&late).unwrap_err().contains("second 3700"));
    }
}
