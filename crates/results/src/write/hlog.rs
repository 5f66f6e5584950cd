//! An HdrHistogram interval log, V2 compressed, with two histograms per second, tagged `service` and
//! `response`. In a run of more than an hour, intervals are longer. A run with a scenario has further histograms of the whole run, with tags of their own. HdrHistogram's own
//! tools read it.
//!
//! Values are nanoseconds. The column of the largest value is in milliseconds, as HdrHistogram's
//! logs have it by convention; readers take values from the histograms.

use std::io::{self, BufWriter, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, Tag};
use measurement::record::{
    HIGHEST_TRACKABLE_NS, LoggedSecond, SIGNIFICANT_DIGITS, SecondHistograms,
};
use measurement::run::{TaggedHistogram, Tool};

use super::RunView;
use crate::counts_comment::counts_comment;
use crate::histogram;

/// Type of the writer of a log into `W`.
type LogWriter<'w, 's, W> = IntervalLogWriter<'w, 's, W, V2DeflateSerializer>;

pub(super) fn write(run: &RunView<'_>, file: impl Write) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    // A summary of ws-bench has a time; without one the log begins at the epoch.
    let started =
        humantime::parse_rfc3339(&run.summary.started_at).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut serializer = V2DeflateSerializer::new();
    let mut log =
        header_of(&run.summary.tool, started).begin_log_with(&mut file, &mut serializer)?;
    for (index, row) in run.timeline.iter().enumerate() {
        let start = Duration::from_secs(row.second);
        // The last interval is as long as it was, unless echoes came behind the end: those are in it, or
        // in a later one, and time has no holes.
        let left = Duration::from_secs_f64(run.summary.elapsed_s).saturating_sub(start);
        let is_last = index + 1 == run.timeline.len();
        let is_cut = is_last && left > Duration::ZERO;
        let whole = Duration::from_secs(row.seconds.get());
        let length = if is_cut { left.min(whole) } else { whole };
        write_second(&mut log, start, length, row.histograms.as_ref())?;
        // They begin with the run, and stand behind the tags that every log has.
        if index == 0 {
            for TaggedHistogram { tag, histogram } in run.tagged {
                let length = Duration::from_secs_f64(run.summary.elapsed_s.max(0.0));
                let tag = tag_of(tag);
                log.write_histogram(histogram, start, length, Tag::new(&tag))
                    .map_err(|e| io::Error::other(format!("{e:?}")))?;
            }
        }
    }
    file.flush()
}

/// The lines before the first interval.
pub(super) fn header(tool: &Tool, started: SystemTime) -> io::Result<Vec<u8>> {
    let (mut lines, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    header_of(tool, started).begin_log_with(&mut lines, &mut serializer)?;
    Ok(lines)
}

/// The lines of a second of a log that grows: its counts as a comment, and its intervals.
pub(super) fn growing_lines(second: &LoggedSecond) -> io::Result<Vec<u8>> {
    let (mut lines, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let builder = || {
        let mut builder = IntervalLogWriterBuilder::new();
        builder.with_max_value_divisor(MAX_VALUE_DIVISOR);
        builder
    };
    let mut beginning = Vec::new();
    builder().begin_log_with(&mut beginning, &mut serializer)?;
    let mut log = builder().begin_log_with(&mut lines, &mut serializer)?;
    log.write_comment(&counts_comment(&second.counts))?;
    let start = Duration::from_secs(second.span.second);
    let length = Duration::from_secs(second.span.seconds.get());
    write_second(&mut log, start, length, second.histograms.as_ref())?;
    // The file has its header already.
    Ok(lines.split_off(beginning.len()))
}

/// Nanoseconds in the unit of the column of the largest value.
const MAX_VALUE_DIVISOR: f64 = 1e6;

fn header_of(tool: &Tool, started: SystemTime) -> IntervalLogWriterBuilder {
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment(&format!("[Logged with {} {}]", tool.name, tool.version))
        .add_comment("[Histogram log format version 1.3]")
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(MAX_VALUE_DIVISOR);
    builder
}

/// Writes the two intervals of a second. One without an echo has its place, too.
fn write_second<W: Write>(
    log: &mut LogWriter<'_, '_, W>,
    start: Duration,
    length: Duration,
    histograms: Option<&SecondHistograms>,
) -> io::Result<()> {
    let service = histograms.map(|h| &h.service);
    let response = histograms.map(|h| h.response.as_ref().unwrap_or(&h.service));
    for (tag, bytes) in [("service", service), ("response", response)] {
        let histogram = match bytes {
            Some(bytes) => histogram::from_plain(bytes)?,
            None => Histogram::new_with_bounds(1, HIGHEST_TRACKABLE_NS, SIGNIFICANT_DIGITS)
                .map_err(io::Error::other)?,
        };
        log.write_histogram(&histogram, start, length, Tag::new(tag))
            .map_err(|e| io::Error::other(format!("{e:?}")))?;
    }
    Ok(())
}

/// A tag without the characters that end one in a log.
fn tag_of(name: &str) -> String {
    name.replace([' ', ',', '\t', '\r', '\n'], "_")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use measurement::record::{Outcome, Sample};

    use crate::write::tests::written;

    #[test]
    fn an_interval_log_holds_every_message_under_both_tags() {
        use hdrhistogram::Histogram;
        use hdrhistogram::serialization::Deserializer;
        use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

        // Seconds 0 and 2 have echoes, second 1 has none.
        let mut samples: Vec<_> = (0..500)
            .map(|n| Sample::echoed(0, n, n, n, n + 1_000 * (n + 1), Outcome::Ok))
            .collect();
        let late = 2_500_000_000;
        samples.push(Sample::echoed(
            0,
            500,
            late,
            late,
            late + 77_000,
            Outcome::Ok,
        ));
        written("run.hlog", &samples, |path| {
            let bytes = fs::read(path).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(
                text.contains("#[StartTime: 1795435200.000 (seconds since epoch)]"),
                "{text}"
            );
            let mut found = Vec::new();
            for entry in IntervalLogIterator::new(&bytes) {
                let LogEntry::Interval(interval) = entry.unwrap() else {
                    continue;
                };
                let raw = base64(interval.encoded_histogram());
                let histogram: Histogram<u64> = Deserializer::new()
                    .deserialize(&mut std::io::Cursor::new(raw))
                    .unwrap();
                let tag = interval.tag().unwrap().as_str().to_owned();
                found.push((interval.start_timestamp().as_secs(), tag, histogram));
            }
            let told: Vec<_> = found
                .iter()
                .map(|(s, tag, h)| (*s, &**tag, h.len()))
                .collect();
            let expected = [500, 0, 1].into_iter().zip(0..);
            let expected: Vec<_> = expected
                .flat_map(|(n, second)| [(second, "service", n), (second, "response", n)])
                .collect();
            assert_eq!(told, expected);
            // Echoes came after the end that the summary names, so no interval is cut short of the next.
            let ends: Vec<_> = IntervalLogIterator::new(&bytes)
                .filter_map(|entry| match entry.unwrap() {
                    LogEntry::Interval(i) => Some((i.start_timestamp(), i.duration())),
                    _ => None,
                })
                .collect();
            assert!(
                ends.windows(2)
                    .all(|w| w[0].0 == w[1].0 || w[0].0 + w[0].1 == w[1].0)
            );
            let first = &found[0].2;
            assert!(first.equivalent(first.value_at_quantile(0.5), 250_000));
            assert!(first.equivalent(first.max(), 500_000));
        });
    }

    /// Decodes base64 by hand, for want of a crate that a test is worth.
    fn base64(text: &str) -> Vec<u8> {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digit = |c: u8| DIGITS.iter().position(|d| *d == c).unwrap() as u32;
        let mut bytes = Vec::new();
        for chunk in text.trim_end_matches('=').as_bytes().chunks(4) {
            let bits =
                chunk.iter().fold(0, |bits, c| bits << 6 | digit(*c)) << (6 * (4 - chunk.len()));
            bytes.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
        }
        bytes
    }
}
