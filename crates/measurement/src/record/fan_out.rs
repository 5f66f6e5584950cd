//! Figures of messages that a server delivers to several receivers.

use serde::{Deserialize, Serialize};

use super::delivery::{CompleteMessage, DeliverySample, PublicationSample};
use super::fan_out_second::{FanOutSecond, SecondsOfFanOut};
use super::row_seconds::RowRule;
use super::sampling::OfMessage;
use super::{BottomK, LazyHistogram, ThreadSamples};

/// Counts of deliveries, each once per receiver.
///
/// `expected` is the sum, over all messages published, of the receivers that were ready before the message was sent and
/// whose connection had not ended by then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FanOutCounts {
    /// Messages published.
    pub published: u64,
    /// Deliveries that should have come.
    pub expected: u64,
    /// First arrivals within the timeout.
    pub delivered: u64,
    /// First arrivals after the timeout.
    pub late: u64,
    /// Arrivals after the first.
    pub duplicated: u64,
    /// Deliveries with the identity of a message, but something else that does not agree.
    pub corrupted: u64,
    /// Deliveries to a client that should not get the message.
    pub unexpected: u64,
    /// Deliveries that arrived after that of a later message of the same publisher.
    pub reordered: u64,
    /// Messages that reached all of their receivers within the timeout.
    pub complete: u64,
    /// Messages that did not.
    pub incomplete: u64,
    /// Deliveries that arrived before the measured phase ended.
    pub delivered_in_time: u64,
    /// Messages published before the measured phase ended.
    pub published_in_time: u64,
}

impl FanOutCounts {
    /// Returns true when any delivery is missing, was duplicated or reordered, or is not the one that was expected.
    pub(super) fn any_failed(&self) -> bool {
        let wrong = self.duplicated + self.reordered + self.corrupted + self.unexpected;
        self.expected > self.delivered || wrong > 0
    }

    fn add(&mut self, other: &Self) {
        self.published += other.published;
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.late += other.late;
        self.duplicated += other.duplicated;
        self.corrupted += other.corrupted;
        self.unexpected += other.unexpected;
        self.reordered += other.reordered;
        self.complete += other.complete;
        self.incomplete += other.incomplete;
        self.delivered_in_time += other.delivered_in_time;
        self.published_in_time += other.published_in_time;
    }

    /// All counts, to check those of a file.
    pub(crate) fn all(&self) -> [u64; 12] {
        [
            self.published,
            self.expected,
            self.delivered,
            self.late,
            self.duplicated,
            self.corrupted,
            self.unexpected,
            self.reordered,
            self.complete,
            self.incomplete,
            self.delivered_in_time,
            self.published_in_time,
        ]
    }
}

/// Times of deliveries and of the messages that reached all of their receivers, in nanoseconds. Memory is allocated with
/// the first value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FanOutTimes {
    /// Received minus sent time of each delivery.
    pub delivery: LazyHistogram,
    /// Received minus intended time of each delivery.
    pub delivery_response: LazyHistogram,
    /// Delivery time of the first receiver of each message.
    pub first: LazyHistogram,
    /// Delivery time of the median receiver of each message, the lower one of two.
    pub median: LazyHistogram,
    /// Delivery time of the last receiver of each message.
    pub last: LazyHistogram,
    /// Last minus first.
    pub spread: LazyHistogram,
    /// The first receiver's time from the intended send time.
    pub first_response: LazyHistogram,
    /// The median receiver's time from the intended send time.
    pub median_response: LazyHistogram,
    /// The last receiver's time from the intended send time.
    pub last_response: LazyHistogram,
}

impl FanOutTimes {
    fn complete(&mut self, message: &CompleteMessage) {
        let lag_ns = message.sent_ns.saturating_sub(message.intended_ns);
        let CompleteMessage {
            first_ns,
            median_ns,
            last_ns,
            ..
        } = *message;
        for (times, ns) in [
            (&mut self.first, first_ns),
            (&mut self.median, median_ns),
            (&mut self.last, last_ns),
            (&mut self.spread, last_ns.saturating_sub(first_ns)),
            (&mut self.first_response, first_ns.saturating_add(lag_ns)),
            (&mut self.median_response, median_ns.saturating_add(lag_ns)),
            (&mut self.last_response, last_ns.saturating_add(lag_ns)),
        ] {
            times.record(ns);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (all, one) in [
            (&mut self.delivery, &other.delivery),
            (&mut self.delivery_response, &other.delivery_response),
            (&mut self.first, &other.first),
            (&mut self.median, &other.median),
            (&mut self.last, &other.last),
            (&mut self.spread, &other.spread),
            (&mut self.first_response, &other.first_response),
            (&mut self.median_response, &other.median_response),
            (&mut self.last_response, &other.last_response),
        ] {
            all.merge(one);
        }
    }
}

/// Deliveries to the clients of one role, or to slow readers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReceiverRecord {
    /// Deliveries that should have come.
    pub expected: u64,
    /// First arrivals within the timeout.
    pub delivered: u64,
    /// Received minus sent time, in nanoseconds.
    pub delivery: LazyHistogram,
    /// Received minus intended time, in nanoseconds.
    pub delivery_response: LazyHistogram,
}

impl ReceiverRecord {
    /// Records a first arrival within the timeout.
    pub fn delivered(&mut self, delivery_ns: u64, response_ns: u64) {
        self.delivered += 1;
        self.delivery.record(delivery_ns);
        self.delivery_response.record(response_ns);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.delivery.merge(&other.delivery);
        self.delivery_response.merge(&other.delivery_response);
    }
}

/// Figures of deliveries: those of one thread, or the sum over threads and processes. Slow readers have none here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FanOutRecord {
    /// Counts.
    pub counts: FanOutCounts,
    /// Times.
    pub times: FanOutTimes,
    /// Deliveries to the clients of each role, in the order of the file; empty for a scenario with one role.
    pub roles: Vec<ReceiverRecord>,
    /// First arrivals within the timeout at the sender of the message. They are among `counts.delivered`.
    #[serde(default)]
    pub own_copies: u64,
    /// Receivers that should have got messages and got none at all, ascending. Known at the end of the run.
    pub unreached: Vec<u32>,
    /// True when more pairs of publisher and receiver exist than their order is kept for. `reordered` is then 0.
    pub order_is_unknown: bool,
    /// Complete seconds, ascending, without those in which nothing happened.
    pub seconds: Vec<FanOutSecond>,
    /// Messages of the choice that is kept, ordered by send time.
    pub publications: Vec<PublicationSample>,
    /// Deliveries of the choice that is kept, ordered by send time.
    pub deliveries: Vec<DeliverySample>,
}

impl FanOutRecord {
    /// Adds the figures of another thread or process.
    pub fn merge(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.times.merge(&other.times);
        if self.roles.len() < other.roles.len() {
            self.roles.resize_with(other.roles.len(), Default::default);
        }
        let roles = self.roles.iter_mut().zip(&other.roles);
        roles.for_each(|(all, one)| all.merge(one));
        self.own_copies += other.own_copies;
        self.unreached.extend_from_slice(&other.unreached);
        self.unreached.sort_unstable();
        self.order_is_unknown |= other.order_is_unknown;
        FanOutSecond::merge_into(&mut self.seconds, &other.seconds);
        self.publications.extend_from_slice(&other.publications);
        self.deliveries.extend_from_slice(&other.deliveries);
    }

    /// Keeps the choice of messages that fits into the budget, ordered by send time.
    pub fn choose(&mut self, budget: &BottomK) {
        budget.choose(&mut self.publications);
        let order = |one: &PublicationSample| (one.sent_ns, one.client, one.message);
        self.publications.sort_unstable_by_key(order);
        budget.choose(&mut self.deliveries);
        let order = |one: &DeliverySample| {
            let message = (one.sent_ns, one.publisher, one.message);
            (message, one.received_ns, one.place_in_message())
        };
        self.deliveries.sort_unstable_by_key(order);
    }
}

/// The deliveries of one generator thread.
#[derive(Debug)]
pub struct FanOutRecorder {
    /// Figures so far. The caller adds those without a method. Seconds and samples are added at the end.
    pub record: FanOutRecord,
    seconds: SecondsOfFanOut,
    publications: ThreadSamples<PublicationSample>,
    deliveries: ThreadSamples<DeliverySample>,
    measured_until_ns: u64,
}

impl FanOutRecorder {
    /// An empty record for this many roles with figures of their own.
    pub fn new(roles: usize) -> Self {
        Self {
            record: FanOutRecord {
                roles: vec![ReceiverRecord::default(); roles],
                ..FanOutRecord::default()
            },
            seconds: SecondsOfFanOut::default(),
            publications: ThreadSamples::new(0),
            deliveries: ThreadSamples::new(0),
            measured_until_ns: u64::MAX,
        }
    }

    /// Sets the rule for the lengths of the rows of the table of seconds, before the first message.
    pub fn set_rows(&mut self, rule: RowRule) {
        self.seconds.set_rows(rule);
    }

    /// Sets the end of the measured phase, in nanoseconds after T0. Later deliveries are excluded from rates.
    pub fn measure_until(&mut self, ns: u64) {
        self.measured_until_ns = self.measured_until_ns.min(ns);
    }

    /// Records that a measured message was sent to this many receivers.
    pub fn published(&mut self, sent_ns: u64, expected: u64) {
        let counts = &mut self.record.counts;
        counts.published += 1;
        counts.published_in_time += u64::from(sent_ns <= self.measured_until_ns);
        counts.expected += expected;
        self.seconds.published(sent_ns, expected);
    }

    /// Takes back deliveries that were expected of a message sent at this time, because an interrupt ended the wait.
    pub fn not_awaited(&mut self, sent_ns: u64, missing: u64) {
        let counts = &mut self.record.counts;
        counts.expected = counts.expected.saturating_sub(missing);
        self.seconds.not_awaited(sent_ns, missing);
    }

    /// Records the first arrival of a message at a receiver, within the timeout, of a client of this role. Times are
    /// nanoseconds since T0.
    #[inline]
    pub fn delivered(&mut self, role: usize, intended_ns: u64, sent_ns: u64, received_ns: u64) {
        let delivery_ns = received_ns.saturating_sub(sent_ns);
        let response_ns = received_ns.saturating_sub(intended_ns);
        let counts = &mut self.record.counts;
        counts.delivered += 1;
        counts.delivered_in_time += u64::from(received_ns <= self.measured_until_ns);
        self.record.times.delivery_response.record(response_ns);
        self.seconds.delivered(received_ns, delivery_ns);
        if let Some(role) = self.record.roles.get_mut(role) {
            role.delivered(delivery_ns, response_ns);
        }
    }

    /// Records a message that has reached all of its receivers.
    pub fn complete(&mut self, message: &CompleteMessage) {
        self.record.counts.complete += 1;
        self.record.times.complete(message);
        self.seconds.complete(message);
    }

    /// Keeps the sample of a message, if it is one of those chosen.
    pub fn keep_publication(&mut self, budget: &BottomK, sample: PublicationSample) {
        self.publications.push(budget, sample);
    }

    /// Keeps the sample of a delivery, if its message is one of those chosen.
    #[inline]
    pub fn keep_delivery(&mut self, budget: &BottomK, sample: DeliverySample) {
        self.deliveries.push(budget, sample);
    }

    /// Counts and times so far, without samples, and without seconds except the last complete one.
    pub fn so_far(&self) -> FanOutRecord {
        let mut record = self.record.clone();
        record.times.delivery = self.seconds.delivery();
        record.seconds = self.seconds.last().into_iter().cloned().collect();
        record
    }

    /// Everything that all threads have recorded.
    pub fn merge(threads: Vec<Self>, budget: &BottomK) -> FanOutRecord {
        let mut all = FanOutRecord::default();
        let (mut publications, mut deliveries) = (Vec::new(), Vec::new());
        for mut thread in threads {
            // Moved, because all histograms together take megabytes.
            let mut record = thread.record;
            record.seconds = thread.seconds.finish();
            record.times.delivery = thread.seconds.into_delivery();
            if publications.is_empty() {
                all = record;
            } else {
                all.merge(&record);
            }
            publications.push(thread.publications);
            deliveries.push(thread.deliveries);
        }
        all.publications = ThreadSamples::merge(publications, budget);
        all.deliveries = ThreadSamples::merge(deliveries, budget);
        all.choose(budget);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::delivery::DeliveryOutcome;
    use super::*;
    use crate::run::FanOutSummary;
    use proptest::prelude::*;

    const SEED: u64 = 7;

    /// Time after which a delivery is late, in nanoseconds.
    const TIMEOUT_NS: u64 = 1_500_000_000;

    const END_NS: u64 = 3_000_000_000;

    /// A message: publisher, send lag, send time, and the delivery time at each receiver.
    type Sent = (u32, u64, u64, Vec<Option<u64>>);

    fn messages() -> impl Strategy<Value = Vec<Sent>> {
        let times = prop::collection::vec(prop::option::weighted(0.95, 0..2_000_000_000_u64), 0..6);
        let message = (0..5_u32, 0..9_000_000_u64, 0..4_000_000_000_u64, times);
        prop::collection::vec(message, 0..60)
    }

    /// An event at one thread.
    enum Event {
        Published(u64, u64),
        Delivered(usize, [u64; 3]),
        Delivery(DeliverySample),
        Complete(CompleteMessage),
        Publication(PublicationSample),
    }

    /// The events of a message, each with its time and with the client at whose thread it happens.
    fn events(number: u64, (publisher, lag, sent_ns, times): &Sent) -> Vec<(u64, u32, Event)> {
        let (sent_ns, intended_ns) = (*sent_ns, sent_ns.saturating_sub(*lag));
        let own = *publisher;
        let expected = times.len() as u64;
        let mut all = vec![(sent_ns, own, Event::Published(sent_ns, expected))];
        let mut in_time = Vec::new();
        for (time, subscriber) in times.iter().zip(10..) {
            let received_ns = time.map_or(0, |time| sent_ns + time);
            let outcome = match time {
                None => DeliveryOutcome::Missing,
                Some(time) if *time > TIMEOUT_NS => DeliveryOutcome::Late,
                Some(_) => DeliveryOutcome::Ok,
            };
            if outcome == DeliveryOutcome::Ok {
                in_time.push((received_ns, subscriber));
                let times = [intended_ns, sent_ns, received_ns];
                let role = subscriber as usize % 2;
                all.push((received_ns, subscriber, Event::Delivered(role, times)));
            }
            let sample = DeliverySample {
                publisher: own,
                message: number,
                subscriber,
                outcome,
                intended_ns,
                sent_ns,
                received_ns,
            };
            let at = if time.is_some() { subscriber } else { own };
            all.push((received_ns.max(sent_ns), at, Event::Delivery(sample)));
        }
        in_time.sort_unstable();
        let times: Vec<_> = in_time.iter().map(|(at, _)| at - sent_ns).collect();
        let middle = times.len().saturating_sub(1) / 2;
        let of = |place: usize| times.get(place).copied();
        let complete = (in_time.len() == expected as usize)
            .then(|| in_time.last())
            .flatten();
        if let Some((last_ns, last)) = complete {
            let complete = CompleteMessage {
                intended_ns,
                sent_ns,
                first_ns: times[0],
                median_ns: times[middle],
                last_ns: last_ns - sent_ns,
            };
            all.push((*last_ns, *last, Event::Complete(complete)));
        }
        let sample = PublicationSample {
            client: own,
            message: number,
            sent_ns,
            expected: u32::try_from(expected).unwrap(),
            delivered: u32::try_from(times.len()).unwrap(),
            first_ns: of(0),
            median_ns: of(middle),
            last_ns: times.last().copied(),
        };
        let (at_ns, at) = complete.map_or((sent_ns + TIMEOUT_NS, own), |(ns, at)| (*ns, *at));
        all.push((at_ns, at, Event::Publication(sample)));
        all
    }

    /// The figures of one process whose threads serve the clients that `place` gives to them.
    fn process(
        messages: &[Sent],
        limit: u64,
        threads: usize,
        place: impl Fn(u32) -> Option<usize>,
    ) -> FanOutRecord {
        let budget = BottomK::new(limit, SEED);
        let recorder = || {
            let mut recorder = FanOutRecorder::new(2);
            recorder.measure_until(END_NS);
            recorder
        };
        let mut recorders: Vec<_> = (0..threads).map(|_| recorder()).collect();
        let numbered = messages.iter().zip(0..);
        let mut all: Vec<_> = numbered.flat_map(|(one, n)| events(n, one)).collect();
        // A thread records in order of time.
        all.sort_by_key(|(at_ns, ..)| *at_ns);
        for (_, client, event) in all {
            let Some(own) = place(client).map(|thread| &mut recorders[thread]) else {
                continue;
            };
            match event {
                Event::Published(sent_ns, expected) => own.published(sent_ns, expected),
                Event::Delivered(role, [intended, sent, received]) => {
                    own.delivered(role, intended, sent, received);
                }
                Event::Delivery(sample) => own.keep_delivery(&budget, sample),
                Event::Complete(message) => own.complete(&message),
                Event::Publication(sample) => own.keep_publication(&budget, sample),
            }
        }
        FanOutRecorder::merge(recorders, &budget)
    }

    fn stored(record: &FanOutRecord) -> FanOutRecord {
        serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
    }

    proptest! {
        // Each case has up to eight recorders with all their histograms.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_split_over_threads_and_processes_adds_up_to_the_whole(
            messages in messages(),
            limit in 0..60_u64,
            threads in 1..4_usize,
            places in prop::collection::vec(0..6_usize, 16),
        ) {
            let whole = process(&messages, limit, 1, |_| Some(0));
            let budget = BottomK::new(limit, SEED);
            let mut sum = FanOutRecord::default();
            for index in 0..6_usize.div_ceil(threads) {
                let part = process(&messages, limit, threads, |client| {
                    let place = places[client as usize];
                    (place / threads == index).then_some(place % threads)
                });
                sum.merge(&stored(&part));
            }
            sum.choose(&budget);
            prop_assert_eq!(FanOutSummary::new(&sum, 3.0), FanOutSummary::new(&whole, 3.0));
            prop_assert_eq!(sum, whole);
        }
    }
}
