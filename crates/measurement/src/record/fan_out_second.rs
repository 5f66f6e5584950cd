//! Deliveries of each second of the measured phase.

use serde::{Deserialize, Serialize};

use super::delivery::CompleteMessage;
use super::row_seconds::{
    RowRule, RowSeconds, RowSpan, TableRow, common_length, widen_all, widen_counts, widen_next,
};
use super::{LazyHistogram, SecondTimes};

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Deliveries of one second. Times are HDR histograms of nanoseconds; `None` when there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FanOutSecond {
    /// Start of the second, in seconds since T0.
    pub second: u64,
    /// Length in seconds, which is 1 unless the run is long.
    #[serde(default, skip_serializing_if = "RowSeconds::is_one")]
    pub seconds: RowSeconds,
    /// Messages published in this second.
    pub published: u64,
    /// Deliveries expected of these messages.
    pub expected: u64,
    /// Deliveries that arrived in this second.
    pub delivered: u64,
    /// Times of these deliveries.
    pub delivery: Option<SecondTimes>,
    /// Times of the first receivers of the messages that became complete in this second.
    pub first: Option<SecondTimes>,
    /// Times of the median receivers of these messages.
    pub median: Option<SecondTimes>,
    /// Times of the last receivers of these messages.
    pub last: Option<SecondTimes>,
}

impl FanOutSecond {
    /// Checks the histograms of a second that was read from a file.
    ///
    /// # Errors
    /// A text, when one is damaged.
    pub(crate) fn check(&self) -> Result<(), String> {
        let times = [&self.delivery, &self.first, &self.median, &self.last];
        let mut times = times.into_iter().flatten();
        times.try_for_each(|times| times.check().map(|_| ()))
    }

    /// Adds the seconds of another thread or process, both ascending.
    pub(super) fn merge_into(all: &mut Vec<Self>, other: &[Self]) {
        let length = common_length(all.iter().chain(other));
        let mut other = other.to_vec();
        widen_all(all, length);
        widen_all(&mut other, length);
        for one in other {
            match all.binary_search_by_key(&one.second, |second| second.second) {
                Ok(place) => all[place].add(&one),
                Err(place) => all.insert(place, one),
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.published += other.published;
        self.expected += other.expected;
        self.delivered += other.delivered;
        for (all, one) in [
            (&mut self.delivery, &other.delivery),
            (&mut self.first, &other.first),
            (&mut self.median, &other.median),
            (&mut self.last, &other.last),
        ] {
            SecondTimes::add_optional(all, one.as_ref());
        }
    }
}

impl TableRow for FanOutSecond {
    fn span(&self) -> RowSpan {
        RowSpan {
            second: self.second,
            seconds: self.seconds,
        }
    }

    fn sum(rows: &[Self], span: RowSpan) -> Self {
        let mut sum = Self {
            second: span.second,
            seconds: span.seconds,
            ..Self::default()
        };
        rows.iter().for_each(|row| sum.add(row));
        let times = [
            &mut sum.delivery,
            &mut sum.first,
            &mut sum.median,
            &mut sum.last,
        ];
        times.into_iter().flatten().for_each(SecondTimes::complete);
        sum
    }
}

/// The seconds of one thread: the running one, and those that are complete. In a long run they are longer; see
/// [`RowRule`].
#[derive(Debug, Default)]
pub(super) struct SecondsOfFanOut {
    rule: RowRule,
    closed: Vec<FanOutSecond>,
    /// Number of closed ones that are as long as the running one, from the first on.
    widened: usize,
    current: RowSpan,
    delivery: LazyHistogram,
    first: LazyHistogram,
    median: LazyHistogram,
    last: LazyHistogram,
    /// Times of the deliveries of all complete seconds.
    before: LazyHistogram,
    /// Messages, and deliveries expected of them, in rows of this length.
    published: Vec<(u64, u64)>,
    counted: RowSeconds,
    delivered: u64,
}

impl SecondsOfFanOut {
    /// Sets the rule for the lengths of rows, before the first message.
    pub(super) fn set_rows(&mut self, rule: RowRule) {
        self.rule = rule;
        self.current = rule.span_at(0);
        self.counted = self.current.seconds;
    }

    /// Counts a message that was sent at this time after T0 to this many receivers.
    pub(super) fn published(&mut self, sent_ns: u64, expected: u64) {
        self.widen_published(self.rule.span_at(sent_ns / SECOND_NS).seconds);
        let row = self.row_of(sent_ns);
        if row >= self.published.len() {
            self.published.resize(row + 1, (0, 0));
        }
        self.published[row].0 += 1;
        self.published[row].1 += expected;
    }

    /// Takes back deliveries that were expected of a message sent at this time.
    pub(super) fn not_awaited(&mut self, sent_ns: u64, missing: u64) {
        let row = self.row_of(sent_ns);
        if let Some((_, expected)) = self.published.get_mut(row) {
            *expected = expected.saturating_sub(missing);
        }
    }

    fn row_of(&self, sent_ns: u64) -> usize {
        usize::try_from(sent_ns / self.counted.ns()).unwrap_or(usize::MAX)
    }

    fn widen_published(&mut self, to: RowSeconds) {
        if to > self.counted {
            let factor = to.get() / self.counted.get();
            widen_counts(&mut self.published, factor, |one, next| {
                (one.0 + next.0, one.1 + next.1)
            });
            self.counted = to;
        }
    }

    /// Counts a delivery that arrived at this time after T0.
    #[inline]
    pub(super) fn delivered(&mut self, received_ns: u64, delivery_ns: u64) {
        self.advance(received_ns);
        self.delivered += 1;
        self.delivery.record(delivery_ns);
    }

    /// Counts a message that has just reached its last receiver.
    pub(super) fn complete(&mut self, message: &CompleteMessage) {
        self.advance(message.sent_ns.saturating_add(message.last_ns));
        self.first.record(message.first_ns);
        self.median.record(message.median_ns);
        self.last.record(message.last_ns);
    }

    #[inline]
    fn advance(&mut self, now_ns: u64) {
        if now_ns / SECOND_NS >= self.current.end() {
            self.close();
            let next = self.rule.span_at(now_ns / SECOND_NS);
            if next.seconds > self.current.seconds {
                self.widened = 0;
            }
            self.current = next;
        }
    }

    /// Completes the running second. Messages published in it may still be added by [`finish`](Self::finish).
    #[cold]
    fn close(&mut self) {
        let encoded = |times: &mut LazyHistogram| {
            let encoded = times.get().map(SecondTimes::from);
            times.clear();
            encoded
        };
        if let Some(times) = self.delivery.get() {
            self.before.add(times);
        }
        if self.delivered > 0 || self.first.count() > 0 {
            self.closed.push(FanOutSecond {
                second: self.current.second,
                seconds: self.current.seconds,
                delivered: std::mem::take(&mut self.delivered),
                delivery: encoded(&mut self.delivery),
                first: encoded(&mut self.first),
                median: encoded(&mut self.median),
                last: encoded(&mut self.last),
                ..FanOutSecond::default()
            });
            self.widened = widen_next(&mut self.closed, self.widened, self.current.seconds);
        }
    }

    /// Times of all deliveries so far.
    pub(super) fn delivery(&self) -> LazyHistogram {
        let mut all = self.before.clone();
        if let Some(times) = self.delivery.get() {
            all.add(times);
        }
        all
    }

    /// Times of the deliveries of all seconds, after [`finish`](Self::finish).
    pub(super) fn into_delivery(self) -> LazyHistogram {
        self.before
    }

    /// The last complete second.
    pub(super) fn last(&self) -> Option<&FanOutSecond> {
        self.closed.last()
    }

    /// All seconds, with what was published in them.
    pub(super) fn finish(&mut self) -> Vec<FanOutSecond> {
        self.close();
        let mut all = std::mem::take(&mut self.closed);
        let published: Vec<_> = self
            .published
            .iter()
            .zip(0..)
            .filter(|((messages, _), _)| *messages > 0)
            .map(|(&(published, expected), row)| FanOutSecond {
                second: row * self.counted.get(),
                seconds: self.counted,
                published,
                expected,
                ..FanOutSecond::default()
            })
            .collect();
        FanOutSecond::merge_into(&mut all, &published);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_deliveries_has_a_bounded_number_of_rows() {
        let mut seconds = SecondsOfFanOut::default();
        seconds.set_rows(RowRule::default());
        for second in (0..86_400).step_by(9) {
            let sent_ns = second * SECOND_NS;
            seconds.published(sent_ns, 3);
            seconds.delivered(sent_ns + 5, second + 1);
            assert!(seconds.closed.len() <= 3_601, "{}", seconds.closed.len());
        }
        let rows = seconds.finish();
        assert!(rows.iter().all(|row| row.seconds.get() == 100));
        assert!(rows.windows(2).all(|two| two[0].second < two[1].second));
        let sum = |of: fn(&FanOutSecond) -> u64| rows.iter().map(of).sum::<u64>();
        assert_eq!(
            (sum(|row| row.published), sum(|row| row.expected)),
            (9_600, 28_800)
        );
        assert_eq!(sum(|row| row.delivered), 9_600);
        let timed = |row: &FanOutSecond| row.delivery.as_ref().unwrap().check().unwrap();
        assert_eq!(rows.iter().map(timed).sum::<u64>(), 9_600);
    }
}
