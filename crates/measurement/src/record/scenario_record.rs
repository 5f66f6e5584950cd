//! Figures of a scenario, besides those of every load: error replies, partial replies, rules, kinds of messages.

use scenario::Scenario;
use serde::{Deserialize, Serialize};

use super::counts::is_zero;
use super::{LatencyHistogram, Outcome, Sample};

/// Figures of a scenario. Kinds and rules are in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRecord {
    /// Figures of each kind of message.
    pub kinds: Vec<KindRecord>,
    /// Figures of the messages of each role; none for the only role, whose figures are those of the run.
    pub roles: Vec<KindRecord>,
    /// Records that each `[[on]]` rule took between T0 and the end of the drain.
    pub rules: Vec<u64>,
    /// Answers to these records.
    pub rule_answers: Vec<u64>,
}

/// Figures of one kind of message, or of the messages of one role. Memory for times is allocated with the first one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KindRecord {
    /// Counts of its messages. Of the only kind of a scenario, those that the run has as well are not counted.
    pub counts: KindCounts,
    /// Service and response times of its messages with a correct reply, in nanoseconds. Empty for the only kind of a
    /// scenario, whose times are those of the run.
    pub service: LazyHistogram,
    /// Response times; empty in closed loop.
    pub response: LazyHistogram,
    /// Times from sent to the first part of the reply.
    pub first_part: LazyHistogram,
    /// Times from sent to the error reply.
    pub error_time: LazyHistogram,
}

impl KindRecord {
    /// Records the end of a measured message.
    pub fn ended(&mut self, sample: &Sample, is_open_loop: bool) {
        let counts = &mut self.counts;
        counts.received += u64::from(sample.received_ns().is_some());
        match sample.outcome {
            Outcome::Ok => {}
            Outcome::Reordered => counts.reordered += 1,
            Outcome::TimedOut => counts.timed_out += 1,
            Outcome::Corrupted => counts.corrupted += 1,
            Outcome::ErrorReply => counts.error_reply += 1,
            Outcome::Lost => counts.lost += 1,
            Outcome::Incomplete => counts.incomplete += 1,
        }
        let Some(service_ns) = sample.service_time_ns() else {
            return;
        };
        if sample.outcome == Outcome::ErrorReply {
            self.error_time.record(service_ns);
        } else if sample.outcome.is_timed() {
            self.service.record(service_ns);
            if let Some(response_ns) = sample.response_time_ns().filter(|_| is_open_loop) {
                self.response.record(response_ns);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.service.merge(&other.service);
        self.response.merge(&other.response);
        self.first_part.merge(&other.first_part);
        self.error_time.merge(&other.error_time);
    }
}

/// Counts of the measured messages of one kind or role, as in [`MessageCounts`](super::MessageCounts).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct KindCounts {
    /// Messages sent.
    pub sent: u64,
    /// Messages with a reply or an error reply.
    pub received: u64,
    /// Messages without either by the end of the drain or of their connection.
    pub lost: u64,
    /// Messages whose reply holds their identity, but something known does not agree.
    pub corrupted: u64,
    /// Replies of a message after its first.
    pub duplicated: u64,
    /// Messages whose reply arrived after that of a later message.
    pub reordered: u64,
    /// Messages whose reply arrived after the timeout.
    pub timed_out: u64,
    /// Messages that the server refused.
    pub error_reply: u64,
    /// Records that belong to a message but do not end it.
    pub parts: u64,
    /// Messages without a reply that did not reach all of their receivers within the timeout.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub incomplete: u64,
}

impl KindCounts {
    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.lost += other.lost;
        self.corrupted += other.corrupted;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.timed_out += other.timed_out;
        self.error_reply += other.error_reply;
        self.parts += other.parts;
        self.incomplete += other.incomplete;
    }
}

/// A histogram that takes no memory until its first value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LazyHistogram(Option<Box<LatencyHistogram>>);

impl LazyHistogram {
    /// Adds one value.
    pub fn record(&mut self, nanoseconds: u64) {
        self.0.get_or_insert_default().record(nanoseconds);
    }

    /// Adds all values of a histogram.
    pub fn add(&mut self, other: &LatencyHistogram) {
        match &mut self.0 {
            Some(all) => all.merge(other),
            none => *none = Some(Box::new(other.clone())),
        }
    }

    /// Removes all values and keeps the memory.
    pub fn clear(&mut self) {
        if let Some(all) = &mut self.0 {
            all.clear();
        }
    }

    /// The histogram; `None` without values.
    pub fn get(&self) -> Option<&LatencyHistogram> {
        self.0.as_deref().filter(|times| times.count() > 0)
    }

    /// Number of recorded values.
    pub fn count(&self) -> u64 {
        self.get().map_or(0, LatencyHistogram::count)
    }

    /// Adds everything that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        if let Some(other) = other.get() {
            self.add(other);
        }
    }
}

impl ScenarioRecord {
    /// An empty record of a scenario.
    pub fn new(scenario: &Scenario) -> Self {
        let roles = match scenario.roles.len() {
            1 => 0,
            several => several,
        };
        Self::with_sizes(scenario.messages.len(), roles, scenario.on.len())
    }

    /// An empty record for this many kinds of messages, roles with figures of their own, and rules.
    fn with_sizes(kinds: usize, roles: usize, rules: usize) -> Self {
        Self {
            kinds: vec![KindRecord::default(); kinds],
            roles: vec![KindRecord::default(); roles],
            rules: vec![0; rules],
            rule_answers: vec![0; rules],
        }
    }

    /// The record of a kind, and that of a role if it has one.
    fn of(&mut self, kind: usize, role: usize) -> impl Iterator<Item = &mut KindRecord> {
        self.kinds
            .get_mut(kind)
            .into_iter()
            .chain(self.roles.get_mut(role))
    }

    /// Records that a client of this role has sent a measured message of this kind.
    #[inline]
    pub fn sent(&mut self, kind: usize, role: usize) {
        self.of(kind, role).for_each(|one| one.counts.sent += 1);
    }

    /// Records a part of a reply. `first_after_ns`: time since the message was sent, when it is the first part.
    pub fn part(&mut self, kind: usize, role: usize, first_after_ns: Option<u64>) {
        for one in self.of(kind, role) {
            one.counts.parts += 1;
            if let Some(after_ns) = first_after_ns {
                one.first_part.record(after_ns);
            }
        }
    }

    /// Records a further record of a message that is over: a part of its reply, or a whole one.
    pub fn further(&mut self, kind: usize, role: usize, is_part: bool) {
        for one in self.of(kind, role) {
            // The end of a message is not the end of its parts.
            one.counts.parts += u64::from(is_part);
            one.counts.duplicated += u64::from(!is_part);
        }
    }

    /// Records the end of a measured message of a client of this role: a reply, an error reply, or the end of the wait.
    #[inline]
    pub fn ended(&mut self, sample: &Sample, role: usize, is_open_loop: bool) {
        let is_only = self.kinds.len() == 1;
        if !is_only || sample.outcome == Outcome::ErrorReply {
            let kind = self.kinds.get_mut(usize::from(sample.kind));
            kind.into_iter()
                .for_each(|kind| kind.ended(sample, is_open_loop));
        }
        let role = self.roles.get_mut(role);
        role.into_iter()
            .for_each(|role| role.ended(sample, is_open_loop));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.kinds, &other.kinds),
            (&mut self.roles, &other.roles),
        ];
        for (all, other) in pairs {
            all.iter_mut()
                .zip(other)
                .for_each(|(all, one)| all.merge(one));
        }
        let add = |all: &mut [u64], other: &[u64]| {
            all.iter_mut().zip(other).for_each(|(all, n)| *all += n);
        };
        add(&mut self.rules, &other.rules);
        add(&mut self.rule_answers, &other.rule_answers);
    }

    /// Sum of the counts of all kinds.
    pub fn counts(&self) -> KindCounts {
        let mut counts = KindCounts::default();
        self.kinds.iter().for_each(|kind| counts.add(&kind.counts));
        counts
    }

    /// Times from sent to the first part, over all kinds; empty without parts.
    pub fn first_part(&self) -> LazyHistogram {
        merged(self.kinds.iter().map(|kind| &kind.first_part))
    }

    /// Times from sent to the error reply, over all kinds; empty without error replies.
    pub fn error_time(&self) -> LazyHistogram {
        merged(self.kinds.iter().map(|kind| &kind.error_time))
    }
}

fn merged<'a>(all: impl Iterator<Item = &'a LazyHistogram>) -> LazyHistogram {
    let mut sum = LazyHistogram::default();
    all.for_each(|one| sum.merge(one));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: u16, received_ns: u64, outcome: Outcome) -> Sample {
        let mut sample = Sample::echoed(0, 0, 10, 20, received_ns, outcome);
        sample.kind = kind;
        sample
    }

    #[test]
    fn an_error_reply_is_timed_apart() {
        let mut record = ScenarioRecord::with_sizes(2, 0, 0);
        record.ended(&sample(0, 120, Outcome::Ok), 0, true);
        record.ended(&sample(0, 25, Outcome::ErrorReply), 0, true);
        record.ended(&sample(1, 320, Outcome::Corrupted), 0, true);
        let mut lost = Sample::lost(0, 1, 10, 20);
        lost.kind = 1;
        record.ended(&lost, 0, true);
        let max = |times: &LazyHistogram| times.get().and_then(LatencyHistogram::max);
        let [first, second] = &record.kinds[..] else {
            panic!("two kinds");
        };
        assert_eq!(max(&first.service), Some(100));
        assert_eq!(max(&first.response), Some(110));
        assert_eq!(max(&first.error_time), Some(5));
        assert_eq!((first.counts.received, first.counts.error_reply), (2, 1));
        assert_eq!((second.counts.received, second.counts.lost), (1, 1));
        assert_eq!(second.service, LazyHistogram::default());
        assert_eq!(record.counts().received, 3);
    }

    #[test]
    fn records_of_threads_are_added_by_kind_role_and_rule() {
        let mut all = ScenarioRecord::with_sizes(2, 2, 2);
        let mut other = ScenarioRecord::with_sizes(2, 2, 2);
        all.ended(&sample(1, 120, Outcome::Ok), 0, false);
        other.ended(&sample(1, 220, Outcome::Ok), 0, false);
        other.kinds[1].first_part.record(7);
        other.ended(&sample(0, 320, Outcome::Lost), 1, false);
        other.sent(0, 1);
        other.further(0, 1, false);
        other.part(0, 1, Some(9));
        other.rules[1] = 3;
        all.merge(&other);
        assert_eq!(all.kinds[1].service.get().unwrap().count(), 2);
        assert_eq!(all.kinds[1].response.get(), None, "closed loop");
        assert_eq!(all.first_part().get().unwrap().count(), 2);
        assert_eq!(all.rules, [0, 3]);
        assert_eq!(all.roles[0].service.get().unwrap().count(), 2);
        let second = &all.roles[1];
        assert_eq!((second.counts.sent, second.counts.lost), (1, 1));
        assert_eq!((second.counts.duplicated, second.counts.parts), (1, 1));
        assert_eq!(second.first_part.get().unwrap().max(), Some(9));
    }

    #[test]
    fn the_only_kind_has_the_times_of_the_run() {
        let mut record = ScenarioRecord::with_sizes(1, 0, 0);
        record.ended(&sample(0, 120, Outcome::Ok), 0, false);
        assert_eq!(record.kinds[0], KindRecord::default());
        record.ended(&sample(0, 120, Outcome::ErrorReply), 0, false);
        assert_eq!(record.counts().error_reply, 1);
    }
}
