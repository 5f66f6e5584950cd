//! Records that belong to no message, kept until it is known whether they came in the measured phase.

use std::collections::VecDeque;

use measurement::record::{BottomK, DeliveryOutcome, DeliverySample, Recorder};

/// Maximum number of records kept of one thread, the newest ones. The start of the load is known to a thread within
/// milliseconds.
const MAX_EARLY: usize = 1 << 16;

/// A record that belongs to no message that its client should get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OtherRecord {
    /// Arrival, on the thread's clock.
    pub(crate) received_ns: u64,
    pub(crate) kind: OtherKind,
}

/// Kinds of such records.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OtherKind {
    /// An `[[on]]` rule took it.
    Rule { index: usize, is_answered: bool },
    /// Nothing of the scenario.
    Unmatched,
    /// A delivery to a client that should not get the message.
    Misdirected {
        publisher: u32,
        /// Number of the message among the measured ones of its publisher.
        message: u64,
        subscriber: u32,
    },
}

impl OtherRecord {
    /// Counts the record of a run with this T0 on the thread's clock.
    pub(crate) fn count(self, t0_ns: u64, budget: &BottomK, recorder: &mut Recorder) {
        match self.kind {
            OtherKind::Rule { index, is_answered } => {
                if let Some(figures) = &mut recorder.scenario {
                    figures.rules[index] += 1;
                    figures.rule_answers[index] += u64::from(is_answered);
                }
            }
            OtherKind::Unmatched => recorder.counts.unexpected += 1,
            OtherKind::Misdirected {
                publisher,
                message,
                subscriber,
            } => {
                let Some(fan_out) = &mut recorder.fan_out else {
                    return;
                };
                fan_out.record.counts.unexpected += 1;
                // The message is not known here.
                let received_ns = self.received_ns - t0_ns;
                let sample = DeliverySample {
                    publisher,
                    message,
                    subscriber,
                    outcome: DeliveryOutcome::Unexpected,
                    intended_ns: received_ns,
                    sent_ns: received_ns,
                    received_ns,
                };
                fan_out.keep_delivery(budget, sample);
            }
        }
    }
}

/// Records that arrived before the thread knew when the load begins, oldest first.
#[derive(Debug, Default)]
pub(crate) struct EarlyRecords(VecDeque<OtherRecord>);

impl EarlyRecords {
    pub(crate) fn push(&mut self, record: OtherRecord) {
        if self.0.len() == MAX_EARLY {
            self.0.pop_front();
        }
        self.0.push_back(record);
    }

    /// Counts those that came at or after this time, and forgets all.
    pub(crate) fn count_from(&mut self, t0_ns: u64, budget: &BottomK, recorder: &mut Recorder) {
        for record in self.0.drain(..) {
            if record.received_ns >= t0_ns {
                record.count(t0_ns, budget, recorder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_records_of_the_measured_phase_are_counted() {
        let mut early = EarlyRecords::default();
        for n in 0..MAX_EARLY as u64 + 10 {
            early.push(OtherRecord {
                received_ns: n,
                kind: OtherKind::Unmatched,
            });
        }
        let mut recorder = Recorder::new(false, 0);
        let budget = BottomK::new(0, 1);
        early.count_from(MAX_EARLY as u64, &budget, &mut recorder);
        assert_eq!(recorder.counts.unexpected, 10);
        early.count_from(0, &budget, &mut recorder);
        assert_eq!(recorder.counts.unexpected, 10);
    }
}
