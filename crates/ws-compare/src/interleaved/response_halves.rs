//! Response times in both halves of slices. The queue of a server that cannot hold the rate grows from one to the other.

use statistics::order_statistics::median;
use swarm::SliceRecord;

/// Minimum number of messages of a half.
const FEWEST: usize = 30;

/// Response times by the half of the counted part in which the messages were due, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct ResponseHalves([Vec<f64>; 2]);

impl ResponseHalves {
    /// Adds the samples of a slice, if it has any.
    pub(super) fn add(&mut self, slice: &SliceRecord) {
        let half_ns = slice.counted.as_nanos() as f64 / 2.0;
        for sample in &slice.record.samples {
            if let Some(response_ns) = sample.response_time_ns() {
                let is_second = sample.intended_ns as f64 >= half_ns;
                self.0[usize::from(is_second)].push(response_ns as f64);
            }
        }
    }

    /// The medians of both halves; `None` with few messages.
    pub(super) fn medians(&self) -> Option<[f64; 2]> {
        let [first, second] = &self.0;
        if first.len().min(second.len()) < FEWEST {
            return None;
        }
        Some([median(first)?, median(second)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_messages_have_no_medians() {
        assert_eq!(
            ResponseHalves([vec![1e6; 29], vec![9e6; 60]]).medians(),
            None
        );
        let enough = ResponseHalves([vec![1e6; 30], vec![9e6; 60]]);
        assert_eq!(enough.medians(), Some([1e6, 9e6]));
    }
}
