//! The buckets of times in the JSON of fortio and related tools.

use serde::Deserialize;
use serde_json::Value as Json;

/// A bucket of times above its start, up to its end, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TimeBucket {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) count: u64,
}

/// The buckets of a document; `None` without any.
pub(super) fn buckets(document: &Json) -> Option<Vec<TimeBucket>> {
    let data = document.get("DurationHistogram")?.get("Data")?;
    let buckets = Vec::<TimeBucket>::deserialize(data).ok()?;
    let mut ends = buckets.iter().map(|bucket| bucket.end);
    let is_bucket = |bucket: &TimeBucket| 0.0 <= bucket.start && bucket.start <= bucket.end;
    let are_whole = buckets.iter().all(is_bucket) && ends.by_ref().is_sorted();
    (are_whole && buckets.iter().any(|bucket| bucket.count > 0)).then_some(buckets)
}
