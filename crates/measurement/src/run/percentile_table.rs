//! The percentile table: quantiles of a distribution, denser towards the tail.

use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::verdict::messages_beyond;

/// A point of the percentile table. Field names are the JSON keys of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct PercentileRow {
    /// Percentile in 0..=100.
    pub percentile: f64,
    /// Service time at this percentile, in nanoseconds.
    pub service_time_ns: u64,
    /// Response time at this percentile, in nanoseconds.
    pub response_time_ns: u64,
}

/// The percentiles of the table for this number of messages: denser towards the tail, and none beyond which no message
/// lies, except the last.
pub(super) fn percentiles_of(messages: u64) -> impl Iterator<Item = f64> {
    const PERCENTILES: [f64; 27] = [
        0.0, 1.0, 5.0, 10.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0,
        92.5, 95.0, 97.5, 98.0, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999, 99.9999, 100.0,
    ];
    let is_known = move |p: &f64| *p == 100.0 || messages_beyond(messages, p / 100.0) >= 1;
    PERCENTILES.into_iter().filter(is_known)
}

/// The percentile table of a record. It is denser towards the tail, and ends where no messages lie beyond.
pub fn percentile_table(record: &Record) -> Vec<PercentileRow> {
    let (service, response) = (&record.service, record.response());
    percentiles_of(service.count())
        .filter_map(|percentile| {
            Some(PercentileRow {
                percentile,
                service_time_ns: service.quantile(percentile / 100.0)?,
                response_time_ns: response.quantile(percentile / 100.0)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BottomK, Outcome, Recorder, Sample};

    #[test]
    fn the_table_goes_no_further_than_messages_lie_beyond() {
        let budget = BottomK::new(0, 1);
        let mut recorder = Recorder::new(false, 0);
        for n in 0..1_000 {
            recorder.ended(&budget, Sample::echoed(0, n, 0, 0, n, Outcome::Ok), 1);
        }
        let table = percentile_table(&Recorder::merge(vec![recorder], &budget));
        let last: Vec<_> = table.iter().rev().take(2).map(|r| r.percentile).collect();
        assert_eq!(last, [100.0, 99.9]);
        assert!(table.is_sorted_by_key(|r| r.service_time_ns));
    }
}
