//! HdrHistogram's percentile distribution, as `.hgrm` files and wrk2 have it.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::encoding::TextFile;
use super::fortio::TimeBucket;
use super::remark::Remark;
use super::time_unit::TimeUnit;
use crate::error::{ColumnProblem, Place, Result, ResultsError};

/// Largest file that is read, in bytes; a distribution has a few hundred lines.
const MOST_BYTES: u64 = 16 << 20;

/// Values, each with its number of occurrences.
pub(super) struct CountedTimes {
    pub(super) path: PathBuf,
    pub(super) encoding: Option<&'static str>,
    /// Unit of the values: wrk2 writes milliseconds; the unit of other files is not known.
    pub(super) unit: Option<TimeUnit>,
    /// Ascending values in the file's unit, and the number of times that each stands for.
    pub(super) values: Vec<(f64, u64)>,
    /// Remark on values that are the ends of wide buckets.
    pub(super) resolution: Option<Remark>,
}

/// Returns `true` for a text with the header of such a distribution.
pub(super) fn is_one(head: &str) -> bool {
    head.lines().any(is_header)
}

fn is_header(line: &str) -> bool {
    let mut words = words(line);
    ["Value", "Percentile", "TotalCount"]
        .iter()
        .all(|wanted| words.next() == Some(*wanted))
}

/// The fields of a line, which blanks or commas separate.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| c.is_whitespace() || c == ',' || c == '"';
    line.split(is_between).filter(|word| !word.is_empty())
}

impl CountedTimes {
    pub(super) fn read(path: &Path, text: TextFile) -> Result<Self> {
        let mut bytes = Vec::new();
        let mut limited = text.file.take(MOST_BYTES);
        limited
            .read_to_end(&mut bytes)
            .map_err(|source| ResultsError::read(path, source))?;
        let content = String::from_utf8_lossy(&bytes);
        let is_wrk2 = content.contains("Detailed Percentile spectrum");
        let mut table = Self {
            path: path.to_owned(),
            encoding: text.encoding,
            unit: is_wrk2.then_some(TimeUnit::Milliseconds),
            values: Vec::new(),
            resolution: None,
        };
        table.read_rows(&content)?;
        Ok(table)
    }

    /// A table of buckets, each of which stands at its end.
    pub(super) fn of_buckets(
        path: &Path,
        encoding: Option<&'static str>,
        mut buckets: Vec<TimeBucket>,
    ) -> Self {
        buckets.retain(|bucket| bucket.count > 0);
        let share = |bucket: &&TimeBucket| (bucket.end - bucket.start) / bucket.end;
        let widest = buckets
            .iter()
            .max_by(|one, other| share(one).total_cmp(&share(other)));
        let to_ms = |seconds| TimeUnit::Seconds.to_ms(seconds);
        Self {
            path: path.to_owned(),
            encoding,
            unit: Some(TimeUnit::Seconds),
            resolution: widest.map(|widest| Remark::Buckets {
                count: buckets.len() as u64,
                widest_ms: (to_ms(widest.start), to_ms(widest.end)),
            }),
            values: buckets
                .iter()
                .map(|bucket| (bucket.end, bucket.count))
                .collect(),
        }
    }

    /// The rows below the header; whatever else a tool printed around them is left out.
    fn read_rows(&mut self, content: &str) -> Result<()> {
        let lines = (1..).zip(content.lines());
        let mut rows = lines.skip_while(|(_, line)| !is_header(line)).skip(1);
        let rows = rows.by_ref().filter(|(_, line)| !line.trim().is_empty());
        let mut before = 0;
        for (number, line) in rows.take_while(|(_, line)| !line.starts_with('#')) {
            let mut fields = words(line);
            let mut next = || fields.next()?.parse::<f64>().ok();
            let (Some(value), Some(_), Some(total)) = (next(), next(), next()) else {
                break;
            };
            let defect = |what: &str| {
                let defect = format!("line {number} {what}");
                ResultsError::DamagedRow(self.path.clone(), defect, None)
            };
            if !value.is_finite() || value < 0.0 {
                return Err(defect("holds no time"));
            }
            // Counts of messages, which are exact up to 2^53.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let total = total as u64;
            let is_ascending = self.values.last().is_none_or(|(last, _)| *last <= value);
            if total < before || !is_ascending {
                return Err(defect("has less than the line above it"));
            }
            if total > before {
                self.values.push((value, total - before));
            }
            before = total;
        }
        if self.values.is_empty() {
            let place = Place::file(&self.path);
            return Err(ResultsError::NoColumn(place, ColumnProblem::NoRows));
        }
        Ok(())
    }
}
