//! Sums of the seconds of several processes.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::histogram::decode_buckets;
use super::row_seconds::{common_length, widen_all};
use super::stored::base64_bytes;
use super::timeline::ServiceAndResponse;
use super::{LatencyHistogram, RowSeconds, RowSpan, SpannedRow, TimelineRow};

/// One second of a process as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecond {
    /// Start of the second, in seconds since T0.
    pub second: u64,
    /// Length in seconds, which is 1 unless the run is long.
    #[serde(default, skip_serializing_if = "RowSeconds::is_one")]
    pub seconds: RowSeconds,
    /// Messages sent in this second.
    pub sent: u64,
    /// Echoes that arrived in this second.
    pub received: u64,
    /// Messages sent in this second that were lost, corrupted or timed out.
    pub failed: u64,
    /// Maximum response time in nanoseconds; `None` without timed echoes.
    pub max_ns: Option<u64>,
    /// Service times in HdrHistogram's V2 encoding; `None` without timed echoes.
    pub service: Option<EncodedTimes>,
    /// Response times; `None` in closed loop.
    pub response: Option<EncodedTimes>,
}

/// The timeline of a run by the seconds of its parts, each of which begins with second 0 and has no gap.
///
/// # Errors
/// A text, when a histogram is damaged.
pub fn sum_seconds(parts: &[Vec<StoredSecond>]) -> Result<Vec<TimelineRow>, String> {
    let mut sums: Vec<SecondSum> = Vec::new();
    for part in parts {
        let rows = part.iter().map(SecondSum::decode);
        SecondSum::add_rows(&mut sums, rows.collect::<Result<_, _>>()?);
    }
    Ok(sums.iter().map(SecondSum::to_row).collect())
}

/// A histogram of nanoseconds in HdrHistogram's V2 encoding, stored in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EncodedTimes(#[serde(with = "base64_bytes")] pub Vec<u8>);

impl EncodedTimes {
    /// Values and counts of the buckets that are not empty. A damaged histogram counts as empty; those of files are checked
    /// when they are read.
    pub(crate) fn buckets(&self) -> Vec<(u64, u64)> {
        BucketCounts::decode(&self.0)
            .unwrap_or_default()
            .into_pairs()
    }
}

impl From<&TimelineRow> for StoredSecond {
    fn from(row: &TimelineRow) -> Self {
        let times = row.histograms.as_ref();
        Self {
            second: row.second,
            seconds: row.seconds,
            sent: row.sent,
            received: row.received,
            failed: row.failed,
            max_ns: row.max_ns,
            service: times.map(|times| EncodedTimes(times.service.clone())),
            response: times.and_then(|times| times.response.clone().map(EncodedTimes)),
        }
    }
}

/// The sum of one second over several processes.
#[derive(Debug, Clone, Default)]
pub(crate) struct SecondSum {
    span: RowSpan,
    sent: u64,
    received: u64,
    failed: u64,
    max_ns: Option<u64>,
    service: BucketCounts,
    response: Option<BucketCounts>,
}

impl SpannedRow for SecondSum {
    fn span(&self) -> RowSpan {
        self.span
    }

    fn sum(rows: &[Self], span: RowSpan) -> Self {
        let mut sum = Self::empty(span);
        rows.iter().for_each(|row| sum.add(row));
        sum
    }
}

/// The buckets of a histogram that are not empty, as value and count, ascending. A second of one process fills a few
/// hundred of 33,000.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BucketCounts(Vec<(u64, u64)>);

impl BucketCounts {
    /// The buckets of an encoded histogram.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let times = decode_buckets(bytes)
            .map_err(|error| format!("a second has a damaged histogram: {error}"))?;
        let buckets = times.iter_recorded();
        let counts = buckets.map(|b| (b.value_iterated_to(), b.count_at_value()));
        Ok(Self(counts.collect()))
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let (mut one, mut two) = (&self.0[..], &other.0[..]);
        let mut sum = Vec::with_capacity(one.len().max(two.len()));
        while let ([a, rest_of_one @ ..], [b, rest_of_two @ ..]) = (one, two) {
            sum.push(match a.0.cmp(&b.0) {
                Ordering::Less => *a,
                Ordering::Equal => (a.0, a.1 + b.1),
                Ordering::Greater => *b,
            });
            if a.0 <= b.0 {
                one = rest_of_one;
            }
            if b.0 <= a.0 {
                two = rest_of_two;
            }
        }
        sum.extend_from_slice(one);
        sum.extend_from_slice(two);
        self.0 = sum;
    }

    /// Number of values.
    pub(super) fn count(&self) -> u64 {
        let counts = self.0.iter().map(|(_, count)| *count);
        counts.fold(0, u64::saturating_add)
    }

    /// The quantile in [0, 1], the highest value of its bucket; `None` when empty.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A share of a count.
    pub(crate) fn quantile(&self, q: f64) -> Option<u64> {
        let rank = ((q * self.count() as f64).ceil() as u64).max(1);
        let mut so_far = 0_u64;
        let mut buckets = self.0.iter();
        let found = buckets.find(|(_, count)| {
            so_far = so_far.saturating_add(*count);
            so_far >= rank
        });
        found.or(self.0.last()).map(|(value, _)| *value)
    }

    /// Values and counts, ascending.
    pub(crate) fn into_pairs(self) -> Vec<(u64, u64)> {
        self.0
    }

    /// The histogram of these buckets.
    pub(crate) fn to_histogram(&self) -> LatencyHistogram {
        LatencyHistogram::from_buckets(self.0.iter().copied())
    }
}

impl From<&LatencyHistogram> for BucketCounts {
    fn from(times: &LatencyHistogram) -> Self {
        Self(times.bucket_counts().collect())
    }
}

impl SecondSum {
    /// A second without messages.
    pub(crate) fn empty(span: RowSpan) -> Self {
        Self {
            span,
            ..Self::default()
        }
    }

    /// A stored second of one process.
    pub(crate) fn decode(second: &StoredSecond) -> Result<Self, String> {
        let times = |encoded: &Option<EncodedTimes>| {
            let encoded = encoded.as_ref().map(|EncodedTimes(bytes)| bytes);
            encoded.map(|bytes| BucketCounts::decode(bytes)).transpose()
        };
        Ok(Self {
            span: RowSpan {
                second: second.second,
                seconds: second.seconds,
            },
            sent: second.sent,
            received: second.received,
            failed: second.failed,
            max_ns: second.max_ns,
            service: times(&second.service)?.unwrap_or_default(),
            response: times(&second.response)?,
        })
    }

    /// Adds the same second of another process, or a part of this one.
    pub(crate) fn add(&mut self, second: &Self) {
        self.sent += second.sent;
        self.received += second.received;
        self.failed += second.failed;
        self.max_ns = self.max_ns.max(second.max_ns);
        self.service.add(&second.service);
        if let Some(response) = &second.response {
            self.response.get_or_insert_default().add(response);
        }
    }

    /// Adds the seconds of a process to those of others. All begin with second 0 and are without gaps. The seconds of the
    /// sum are of equal length.
    pub(crate) fn add_rows(all: &mut Vec<Self>, mut rows: Vec<Self>) {
        let length = common_length(all.iter().chain(&rows));
        widen_all(all, length);
        widen_all(&mut rows, length);
        let new = rows.get(all.len()..).unwrap_or_default();
        let new: Vec<_> = new.iter().map(|row| Self::empty(row.span())).collect();
        all.extend(new);
        for (sum, second) in all.iter_mut().zip(&rows) {
            sum.add(second);
        }
    }

    /// Echoes counted in this second.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Service times, and response times where they differ.
    pub(crate) fn times(&self) -> (&BucketCounts, &BucketCounts) {
        (
            &self.service,
            self.response.as_ref().unwrap_or(&self.service),
        )
    }

    /// The row of a timeline, with its histograms.
    pub(crate) fn to_row(&self) -> TimelineRow {
        let service = self.service.to_histogram();
        let response = self.response.as_ref().map(BucketCounts::to_histogram);
        let quantile = |times: &LatencyHistogram, q| {
            let max = self.max_ns?;
            Some(times.bucket_quantile(q).min(max))
        };
        TimelineRow {
            second: self.span.second,
            seconds: self.span.seconds,
            sent: self.sent,
            received: self.received,
            failed: self.failed,
            service_p50_ns: quantile(&service, 0.5),
            service_p99_ns: quantile(&service, 0.99),
            response_p99_ns: quantile(response.as_ref().unwrap_or(&service), 0.99),
            max_ns: self.max_ns,
            histograms: self.max_ns.map(|_| ServiceAndResponse {
                service: service.encode(),
                response: response.as_ref().map(LatencyHistogram::encode),
            }),
        }
    }
}
