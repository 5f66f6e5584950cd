//! Deliveries of each second of the measured phase.

use serde::{Deserialize, Serialize};

use super::delivery::CompleteMessage;
use super::{LazyHistogram, SecondTimes};

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Deliveries of one second. Times are HDR histograms of nanoseconds; `None` when there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FanOutSecond {
    /// Start of the second, in seconds since T0.
    pub second: u64,
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
        for one in other {
            match all.binary_search_by_key(&one.second, |second| second.second) {
                Ok(place) => all[place].add(one),
                Err(place) => all.insert(place, one.clone()),
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

/// The seconds of one thread: the running one, and those that are complete.
#[derive(Debug, Default)]
pub(super) struct SecondsOfFanOut {
    closed: Vec<FanOutSecond>,
    current: u64,
    delivery: LazyHistogram,
    first: LazyHistogram,
    median: LazyHistogram,
    last: LazyHistogram,
    /// Times of the deliveries of all complete seconds.
    before: LazyHistogram,
    published: Vec<(u64, u64)>,
    delivered: u64,
}

impl SecondsOfFanOut {
    /// Counts a message that was sent at this time after T0 to this many receivers.
    pub(super) fn published(&mut self, sent_ns: u64, expected: u64) {
        let second = usize::try_from(sent_ns / SECOND_NS).unwrap_or(usize::MAX);
        if second >= self.published.len() {
            self.published.resize(second + 1, (0, 0));
        }
        self.published[second].0 += 1;
        self.published[second].1 += expected;
    }

    /// Takes back deliveries that were expected of a message sent at this time.
    pub(super) fn not_awaited(&mut self, sent_ns: u64, missing: u64) {
        let second = usize::try_from(sent_ns / SECOND_NS).unwrap_or(usize::MAX);
        if let Some((_, expected)) = self.published.get_mut(second) {
            *expected = expected.saturating_sub(missing);
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
        let second = now_ns / SECOND_NS;
        if second > self.current {
            self.close();
            self.current = second;
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
                second: self.current,
                delivered: std::mem::take(&mut self.delivered),
                delivery: encoded(&mut self.delivery),
                first: encoded(&mut self.first),
                median: encoded(&mut self.median),
                last: encoded(&mut self.last),
                ..FanOutSecond::default()
            });
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
            .map(|(&(published, expected), second)| FanOutSecond {
                second,
                published,
                expected,
                ..FanOutSecond::default()
            })
            .collect();
        FanOutSecond::merge_into(&mut all, &published);
        all
    }
}
