//! Records that belong to no message, kept until it is known whether they came in the measured phase.

use std::collections::VecDeque;

use measurement::record::Recorder;

/// Maximum number of records kept of one thread, the newest ones. The start of the load is known to a thread within
/// milliseconds.
const MAX_EARLY: usize = 1 << 16;

/// A record that belongs to no message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OtherRecord {
    /// Arrival, on the thread's clock.
    pub(crate) received_ns: u64,
    /// Index of the `[[on]]` rule that took it, and true when it was answered; `None` when nothing did.
    pub(crate) rule: Option<(usize, bool)>,
}

impl OtherRecord {
    /// Counts the record.
    pub(crate) fn count(self, recorder: &mut Recorder) {
        match (self.rule, &mut recorder.scenario) {
            (Some((rule, answered)), Some(figures)) => {
                figures.rules[rule] += 1;
                figures.rule_answers[rule] += u64::from(answered);
            }
            _ => recorder.counts.unexpected += 1,
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
    pub(crate) fn count_from(&mut self, t0_ns: u64, recorder: &mut Recorder) {
        for record in self.0.drain(..) {
            if record.received_ns >= t0_ns {
                record.count(recorder);
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
            let rule = None;
            early.push(OtherRecord {
                received_ns: n,
                rule,
            });
        }
        let mut recorder = Recorder::new(false, 0);
        early.count_from(MAX_EARLY as u64, &mut recorder);
        assert_eq!(recorder.counts.unexpected, 10);
        early.count_from(0, &mut recorder);
        assert_eq!(recorder.counts.unexpected, 10);
    }
}
