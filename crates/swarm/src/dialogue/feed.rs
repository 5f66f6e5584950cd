//! Messages that the server sends on its own, at one client.

use measurement::plan::Plan;
use measurement::record::{FeedOrigin, PushRecorder, PushSample};
use scenario::Scenario;

use super::lateness::{FeedLateness, offset_ns};
use super::sequence::{SequenceArrival, SequenceWindow};
use crate::clock::nanoseconds;

/// Offsets that all clients of the process keep together until they are recorded.
const ALL_KEPT_OFFSETS: usize = 1 << 20;

/// Offsets that each client keeps, however many there are.
const LEAST_KEPT_OFFSETS: usize = 16;

/// The part of a feed that is the same for all clients.
#[derive(Debug)]
pub(crate) struct FeedRules {
    /// Time between two messages in nanoseconds; `None` when the scenario names none.
    interval_ns: Option<u64>,
    /// Offsets that a client keeps.
    kept_offsets: usize,
    /// Nothing is sent.
    pub(crate) is_only: bool,
}

impl FeedRules {
    /// The rules of a scenario; `None` when it has no feed.
    pub(crate) fn new(scenario: &Scenario, plan: &Plan) -> Option<Self> {
        let feed = scenario.push.as_ref()?;
        let clients = (plan.own_clients() as usize).max(1);
        Some(Self {
            interval_ns: feed.interval.map(nanoseconds),
            kept_offsets: (ALL_KEPT_OFFSETS / clients).max(LEAST_KEPT_OFFSETS),
            is_only: scenario.is_push_only(),
        })
    }
}

/// One message of a feed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PushedMessage {
    /// Number of the message; `None` when it has none.
    pub(crate) seq: Option<u64>,
    /// Arrival since T0, in nanoseconds.
    pub(crate) received_ns: u64,
    /// Arrival minus the server's stamp, in nanoseconds; `None` without a stamp.
    pub(crate) delay_ns: Option<i64>,
}

/// The feed of one client.
#[derive(Debug, Default)]
pub(crate) struct ClientFeed {
    sequence: SequenceWindow,
    lateness: FeedLateness,
    /// T0 of the measured phase that the fields below belong to, on the thread's clock.
    t0_ns: Option<u64>,
    /// Messages received in the measured phase.
    received: u64,
    last_ns: u64,
    /// Beginning of the lateness: arrival since T0, and number of the message, its own or its place.
    timed_from: Option<(u64, u64)>,
    /// Times by number; otherwise by place.
    is_numbered: bool,
    /// The server's numbering has begun again.
    has_restarted: bool,
    /// T0 of the measured phase in which the client was counted over an earlier connection.
    counted_t0_ns: Option<u64>,
    /// Highest number that came over an earlier connection.
    before: Option<u64>,
}

impl ClientFeed {
    /// The feed of the client's next connection. What is sent until it begins is not missing. A server that numbers each
    /// connection's messages anew has no common numbers.
    pub(crate) fn next_connection(&self) -> Self {
        Self {
            counted_t0_ns: self.t0_ns.or(self.counted_t0_ns),
            before: self.sequence.highest().max(self.before),
            has_restarted: self.has_restarted,
            ..Self::default()
        }
    }

    /// Takes a message that came before T0, or between two slices of a sliced run.
    pub(crate) fn came_before(&mut self, seq: Option<u64>, recorder: &mut PushRecorder) {
        if let Some(seq) = seq {
            self.sequence.push(seq, false);
            recorder.record.came_before(seq);
        }
    }

    /// Takes a message of the measured phase that began at `t0_ns` on the thread's clock, and records it. Returns its
    /// sample.
    pub(crate) fn push(
        &mut self,
        client: u32,
        message: PushedMessage,
        t0_ns: u64,
        rules: &FeedRules,
        recorder: &mut PushRecorder,
    ) -> PushSample {
        if self.t0_ns != Some(t0_ns) {
            self.finish(client, recorder);
            self.begin_phase(t0_ns, message, recorder);
        }
        let PushedMessage {
            seq,
            received_ns,
            delay_ns,
        } = message;
        let place = self.received;
        let record = &mut recorder.record;
        record.is_numbered = seq.is_some() && (record.is_numbered || record.received == 0);
        record.received += 1;
        self.received += 1;
        let gap_ns = (place > 0).then(|| received_ns.saturating_sub(self.last_ns));
        self.last_ns = received_ns;
        if let Some(gap_ns) = gap_ns {
            record.gap.record(gap_ns);
        }
        match delay_ns.map(u64::try_from) {
            Some(Ok(delay_ns)) => record.delay.record(delay_ns),
            Some(Err(_)) => {
                record.negative_delays += 1;
                let ahead_ns = delay_ns.map_or(0, i64::unsigned_abs);
                record.most_negative_delay_ns = record.most_negative_delay_ns.max(ahead_ns);
            }
            None => {}
        }
        let is_timed = seq.is_none_or(|seq| self.number(client, seq, received_ns, recorder));
        if is_timed && self.is_numbered == seq.is_some() {
            self.time(seq.unwrap_or(place), received_ns, rules, recorder);
        }
        PushSample {
            client,
            seq: seq.unwrap_or(place),
            received_ns,
            gap_ns,
            late_ns: None,
            delay_ns,
        }
    }

    fn begin_phase(&mut self, t0_ns: u64, first: PushedMessage, recorder: &mut PushRecorder) {
        let is_counted = self.counted_t0_ns == Some(t0_ns);
        recorder.record.clients += u64::from(!is_counted);
        self.has_restarted |= first.seq.is_some() && first.seq <= self.before;
        self.sequence.begin_phase();
        self.lateness = FeedLateness::default();
        self.t0_ns = Some(t0_ns);
        self.received = 0;
        self.timed_from = None;
        self.is_numbered = first.seq.is_some();
    }

    /// Records the number of a message. Returns true when its lateness is defined.
    fn number(
        &mut self,
        client: u32,
        seq: u64,
        received_ns: u64,
        recorder: &mut PushRecorder,
    ) -> bool {
        let step = self.sequence.push(seq, true);
        let record = &mut recorder.record;
        record.missing = record.missing.saturating_add_signed(step.missing);
        match step.arrival {
            SequenceArrival::Next => {}
            SequenceArrival::Reordered => record.reordered += 1,
            SequenceArrival::Stray => {
                record.reordered += 1;
                return false;
            }
            SequenceArrival::Duplicated => {
                record.duplicated += 1;
                return false;
            }
            SequenceArrival::RestartedAt { was_measured, .. } => {
                record.reordered -= u64::from(was_measured);
                self.restart(client, recorder);
            }
            SequenceArrival::Restarted => self.restart(client, recorder),
        }
        if !self.has_restarted {
            recorder.record.arrived(seq, received_ns);
        }
        true
    }

    /// Begins the lateness of a new numbering.
    fn restart(&mut self, client: u32, recorder: &mut PushRecorder) {
        self.finish(client, recorder);
        self.has_restarted = true;
        self.lateness = FeedLateness::default();
        self.timed_from = None;
    }

    /// Records the lateness of a message.
    fn time(
        &mut self,
        number: u64,
        received_ns: u64,
        rules: &FeedRules,
        recorder: &mut PushRecorder,
    ) {
        let Some(interval_ns) = rules.interval_ns else {
            return;
        };
        let (_, first) = *self.timed_from.get_or_insert((received_ns, number));
        let steps = i128::from(number) - i128::from(first);
        let offset_ns = offset_ns(received_ns, steps, interval_ns);
        let record = &mut recorder.record;
        self.lateness
            .push(offset_ns, rules.kept_offsets, &mut record.lateness);
        record.lateness_error_ns = record.lateness_error_ns.max(self.lateness.error_ns());
    }

    /// Records the lateness of the messages that are kept, and the due times.
    pub(crate) fn finish(&mut self, client: u32, recorder: &mut PushRecorder) {
        self.lateness.flush(&mut recorder.record.lateness);
        if let (Some((from_ns, seq)), Some(due_ns)) = (self.timed_from, self.lateness.origin_ns()) {
            recorder.set_origin(
                client,
                FeedOrigin {
                    from_ns,
                    seq,
                    due_ns,
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::{BottomK, LatencyHistogram, PushRecord};

    const RULES: FeedRules = FeedRules {
        interval_ns: Some(100),
        kept_offsets: 16,
        is_only: true,
    };

    fn message(seq: Option<u64>, received_ns: u64) -> PushedMessage {
        PushedMessage {
            seq,
            received_ns,
            delay_ns: None,
        }
    }

    /// The record of one client that receives these messages.
    fn recorded(messages: &[PushedMessage]) -> PushRecord {
        let budget = BottomK::new(100, 1);
        let mut recorder = PushRecorder::new(RULES.interval_ns);
        let mut feed = ClientFeed::default();
        for message in messages {
            let sample = feed.push(3, *message, 7, &RULES, &mut recorder);
            recorder.keep(&budget, sample);
        }
        feed.finish(3, &mut recorder);
        PushRecorder::merge(vec![recorder], &budget)
    }

    #[test]
    fn a_stall_makes_messages_late_by_their_number() {
        let arrivals = [(4, 1_000), (5, 1_090), (7, 1_800), (8, 1_800), (9, 1_801)];
        let record = recorded(&arrivals.map(|(seq, ns)| message(Some(seq), ns)));
        let late: Vec<_> = record.samples.iter().map(|s| s.late_ns.unwrap()).collect();
        // Number 5 is the earliest: due at 1090.
        assert_eq!(late, [10, 0, 510, 410, 311]);
        let times = record.lateness.get().unwrap();
        assert_eq!((times.count(), times.max()), (5, Some(510)));
        assert_eq!((record.missing, record.received, record.clients), (1, 5, 1));
        assert!(record.is_numbered);
        let gaps: Vec<_> = record.samples.iter().map(|s| s.gap_ns).collect();
        assert_eq!(gaps, [None, Some(90), Some(710), Some(0), Some(1)]);
    }

    #[test]
    fn without_numbers_messages_are_late_by_their_place() {
        let record = recorded(&[20, 100, 260].map(|ns| message(None, ns)));
        assert!(!record.is_numbered);
        let late: Vec<_> = record.samples.iter().map(|s| (s.seq, s.late_ns)).collect();
        assert_eq!(late, [(0, Some(20)), (1, Some(0)), (2, Some(60))]);
        assert_eq!((record.missing, record.arrivals.len()), (0, 0));
    }

    #[test]
    fn duplicates_have_neither_lateness_nor_skew() {
        let record = recorded(
            &[(1, 0), (2, 100), (2, 150), (1, 160)].map(|(seq, ns)| message(Some(seq), ns)),
        );
        assert_eq!((record.duplicated, record.lateness.count()), (2, 2));
        assert_eq!(record.arrivals[&2].last_ns, 100);
        assert_eq!(record.gap.count(), 3);
    }

    #[test]
    fn a_server_that_begins_again_is_not_late_by_the_numbers_between() {
        let before = (5_000..5_010).map(|n| message(Some(n), (n - 5_000) * 100));
        let after = (0..10).map(|n| message(Some(n), 2_000 + n * 100));
        let record = recorded(&before.chain(after).collect::<Vec<_>>());
        assert_eq!(
            (record.missing, record.reordered, record.received),
            (0, 0, 20)
        );
        let times = record.lateness.get().unwrap();
        // The first number of the new numbering is not known as such when it comes.
        assert_eq!((times.count(), times.max()), (19, Some(0)));
        assert_eq!(record.arrivals.len(), 10);
    }

    #[test]
    fn delays_keep_their_sign() {
        let delayed = [5, -3, -9, 7].map(|delay_ns| PushedMessage {
            delay_ns: Some(delay_ns),
            ..message(None, 0)
        });
        let record = recorded(&delayed);
        let times = record.delay.get().unwrap();
        assert_eq!(
            (times.min(), times.max(), times.count()),
            (Some(5), Some(7), 2)
        );
        assert_eq!(
            (record.negative_delays, record.most_negative_delay_ns),
            (2, 9)
        );
        assert_eq!(record.samples[2].delay_ns, Some(-9));
    }

    #[test]
    fn what_came_before_t0_is_neither_counted_nor_missing() {
        let mut recorder = PushRecorder::new(None);
        let mut feed = ClientFeed::default();
        for seq in [1, 2, 4] {
            feed.came_before(Some(seq), &mut recorder);
        }
        for (seq, at_ns) in [(3, 10), (5, 20)] {
            feed.push(0, message(Some(seq), at_ns), 7, &RULES, &mut recorder);
        }
        let record = recorder.record;
        assert_eq!(
            (record.received, record.missing, record.reordered),
            (2, 0, 1)
        );
        assert_eq!(record.gap.get().and_then(LatencyHistogram::max), Some(10));
        assert_eq!(record.before_t0, Some(4));
    }

    /// The record of one client that receives these messages over several connections.
    fn recorded_over(connections: &[&[PushedMessage]]) -> PushRecord {
        let budget = BottomK::new(100, 1);
        let mut recorder = PushRecorder::new(RULES.interval_ns);
        let mut feed = ClientFeed::default();
        for messages in connections {
            for message in *messages {
                let sample = feed.push(3, *message, 7, &RULES, &mut recorder);
                recorder.keep(&budget, sample);
            }
            // Each end may record it twice.
            feed.finish(3, &mut recorder);
            feed.finish(3, &mut recorder);
            feed = feed.next_connection();
        }
        PushRecorder::merge(vec![recorder], &budget)
    }

    #[test]
    fn what_came_while_the_client_was_away_is_neither_missing_nor_a_gap() {
        let before = [(4, 400), (5, 500)].map(|(seq, ns)| message(Some(seq), ns));
        let after = [(9, 950), (10, 1_000)].map(|(seq, ns)| message(Some(seq), ns));
        let record = recorded_over(&[&before, &[], &after]);
        assert_eq!((record.received, record.missing, record.clients), (4, 0, 1));
        assert_eq!((record.reordered, record.duplicated), (0, 0));
        assert_eq!(record.gap.get().and_then(LatencyHistogram::max), Some(100));
        assert_eq!((record.arrivals.len(), record.lateness.count()), (4, 4));
        let late: Vec<_> = record.samples.iter().map(|s| s.late_ns).collect();
        assert_eq!(late, [Some(0), Some(0), Some(50), Some(0)]);
    }

    #[test]
    fn numbers_that_begin_anew_with_a_connection_are_not_common_to_all_clients() {
        let first = [(0, 0), (1, 100), (2, 200)].map(|(seq, ns)| message(Some(seq), ns));
        let again = [(0, 1_000), (1, 1_100)].map(|(seq, ns)| message(Some(seq), ns));
        let record = recorded_over(&[&first, &again]);
        assert_eq!((record.received, record.missing, record.clients), (5, 0, 1));
        assert_eq!((record.reordered, record.duplicated), (0, 0));
        let last = record.arrivals.values().map(|one| one.last_ns).max();
        assert_eq!((record.arrivals.len(), last), (3, Some(200)));
    }
}
