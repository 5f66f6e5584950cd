//! An HdrHistogram interval log, V2 compressed: two histograms a second, tagged `service` and
//! `response`, as HdrHistogram's own tools read them.
//!
//! Values are nanoseconds. The column of the largest value is in milliseconds, as HdrHistogram's
//! logs have it by convention; readers take values from the histograms.

use std::io::{self, BufWriter, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use measurement::record::{HIGHEST_TRACKABLE_NS, SIGNIFICANT_DIGITS};

use super::RunView;
use crate::histogram;

const NS_PER_MS: f64 = 1e6;

pub(super) fn write(run: &RunView<'_>, file: impl Write) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    // A summary of ours has a time; without one the log begins at the epoch.
    let started =
        humantime::parse_rfc3339(&run.summary.started_at).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(&format!(
            "[Logged with {} {}]",
            run.summary.tool.name, run.summary.tool.version
        ))
        .add_comment("[Histogram log format version 1.3]")
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(NS_PER_MS)
        .begin_log_with(&mut file, &mut serializer)?;
    let empty = Histogram::<u64>::new_with_bounds(1, HIGHEST_TRACKABLE_NS, SIGNIFICANT_DIGITS)
        .map_err(io::Error::other)?;
    for (index, row) in run.timeline.iter().enumerate() {
        const SECOND: Duration = Duration::from_secs(1);
        let start = Duration::from_secs(row.second);
        // The last second is as long as it was, unless echoes came behind the end: those are in it, or
        // in a later one, and time has no holes.
        let left = Duration::from_secs_f64(run.summary.elapsed_s).saturating_sub(start);
        let is_last = index + 1 == run.timeline.len();
        let length = match left {
            left if is_last && left > Duration::ZERO => left.min(SECOND),
            _ => SECOND,
        };
        let service = row.histograms.as_ref().map(|h| &h.service);
        let response = row
            .histograms
            .as_ref()
            .map(|h| h.response.as_ref().unwrap_or(&h.service));
        for (tag, bytes) in [("service", service), ("response", response)] {
            // A second without an echo has its place, too.
            let decoded = bytes
                .map(|bytes| histogram::from_plain(bytes))
                .transpose()?;
            log.write_histogram(
                decoded.as_ref().unwrap_or(&empty),
                start,
                length,
                Tag::new(tag),
            )
            .map_err(|e| io::Error::other(format!("{e:?}")))?;
        }
    }
    file.flush()
}
