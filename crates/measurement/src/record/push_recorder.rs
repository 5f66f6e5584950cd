//! The feed of one generator thread.

use std::collections::BTreeMap;

use super::{BottomK, PushRecord, PushSample, ThreadSamples};

/// Beginnings of numbering that are kept for a client. Samples of further ones have no lateness.
const MAX_ORIGINS: usize = 16;

/// Due times of the messages of a client, from one beginning of the server's numbering to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedOrigin {
    /// Arrival of the first message with this numbering, in nanoseconds since T0.
    pub from_ns: u64,
    /// Number of the message that is due at `due_ns`.
    pub seq: u64,
    /// Due time in nanoseconds since T0, which may lie before it.
    pub due_ns: i64,
}

/// The feed of one generator thread.
#[derive(Debug, Default)]
pub struct PushRecorder {
    /// Figures so far, which the caller adds. Samples are added at the end.
    pub record: PushRecord,
    samples: ThreadSamples<PushSample>,
    /// Due times of each client, ascending.
    origins: BTreeMap<u32, Vec<FeedOrigin>>,
    interval_ns: Option<u64>,
}

impl PushRecorder {
    /// An empty record of a feed with this interval in nanoseconds; `None` when the scenario names none.
    pub fn new(interval_ns: Option<u64>) -> Self {
        Self {
            interval_ns,
            ..Self::default()
        }
    }

    /// Keeps the sample of a message, if it is one of those chosen. Its lateness is computed at the end.
    #[inline]
    pub fn keep(&mut self, budget: &BottomK, sample: PushSample) {
        self.samples.push(budget, sample);
    }

    /// Sets the due times of a client. Replaces those of the same beginning.
    pub fn set_origin(&mut self, client: u32, origin: FeedOrigin) {
        let own = self.origins.entry(client).or_default();
        own.retain(|one| one.from_ns != origin.from_ns);
        if own.len() < MAX_ORIGINS {
            own.push(origin);
        }
    }

    /// Figures so far, without arrivals and samples.
    pub fn so_far(&self) -> PushRecord {
        self.record.so_far()
    }

    /// Everything that all threads have recorded.
    pub fn merge(threads: Vec<Self>, budget: &BottomK) -> PushRecord {
        let mut all = PushRecord::default();
        let mut samples = Vec::new();
        let mut origins = BTreeMap::new();
        let mut interval_ns = None;
        for thread in threads {
            all.merge(&thread.record);
            samples.push(thread.samples);
            origins.extend(thread.origins);
            interval_ns = interval_ns.or(thread.interval_ns);
        }
        all.samples = ThreadSamples::merge(samples, budget);
        if let Some(interval_ns) = interval_ns {
            for sample in &mut all.samples {
                let own = origins.get(&sample.client).map_or(&[][..], Vec::as_slice);
                sample.late_ns = late_ns(sample, own, interval_ns);
            }
        }
        all
    }
}

/// Lateness of a message against the due times of its client; `None` when they are unknown.
fn late_ns(sample: &PushSample, origins: &[FeedOrigin], interval_ns: u64) -> Option<u64> {
    let begun = origins.partition_point(|origin| origin.from_ns <= sample.received_ns);
    if begun == origins.len() && begun == MAX_ORIGINS {
        return None;
    }
    let origin = origins.get(begun.checked_sub(1)?)?;
    let steps = i128::from(sample.seq) - i128::from(origin.seq);
    let due_ns = i128::from(origin.due_ns) + steps * i128::from(interval_ns);
    u64::try_from(i128::from(sample.received_ns) - due_ns).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(client: u32, seq: u64, received_ns: u64) -> PushSample {
        PushSample {
            client,
            seq,
            received_ns,
            gap_ns: None,
            late_ns: None,
            delay_ns: None,
        }
    }

    #[test]
    fn samples_are_late_against_the_origin_known_at_the_end() {
        let budget = BottomK::new(100, 1);
        let mut threads = [PushRecorder::new(Some(100)), PushRecorder::new(Some(100))];
        for (seq, at_ns) in [(5, 30), (6, 110), (9, 400)] {
            threads[0].keep(&budget, sample(1, seq, at_ns));
        }
        // Then the server begins again.
        threads[0].keep(&budget, sample(1, 0, 500));
        threads[0].keep(&budget, sample(2, 0, 7));
        let origin = |from_ns, seq, due_ns| FeedOrigin {
            from_ns,
            seq,
            due_ns,
        };
        threads[0].set_origin(1, origin(30, 5, 30));
        threads[0].set_origin(1, origin(30, 5, 0));
        threads[0].set_origin(1, origin(500, 0, 499));
        let record = PushRecorder::merge(Vec::from(threads), &budget);
        let late: Vec<_> = record.samples.iter().map(|s| (s.seq, s.late_ns)).collect();
        assert_eq!(
            late,
            [
                (0, None),
                (5, Some(30)),
                (6, Some(10)),
                (9, Some(0)),
                (0, Some(1))
            ]
        );
    }
}
