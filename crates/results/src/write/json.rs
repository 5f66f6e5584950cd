//! The summary as JSON, and behind it the data of pictures.

use std::io::{self, Write};

use measurement::record::TimelineRow;
use measurement::run::{PercentileRow, Summary};
use serde::Serialize;

use super::Run;
use crate::histogram::{EncodedHistograms, RunHistograms};

/// The document: the summary's keys, and others behind them.
#[derive(Serialize)]
struct JsonDocument<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    percentiles: &'a [PercentileRow],
    timeline: &'a [TimelineRow],
    /// `None` where the timeline does not hold all times that the summary counts.
    histograms: Option<EncodedHistograms>,
}

/// The run as one JSON document for a person or a program, ending in a line break: the summary, the
/// percentile table, the timeline and the histograms of the whole run.
///
/// # Errors
/// None that a run of ours can cause; those of HdrHistogram and serde_json otherwise.
pub fn to_json(run: &Run<'_>) -> io::Result<String> {
    let counted = run.summary.service_time_ns.count;
    let document = JsonDocument {
        summary: run.summary,
        percentiles: run.percentiles,
        timeline: run.timeline,
        histograms: RunHistograms::of(run.timeline)?
            .filter(|all| all.service.len() == counted)
            .map(|all| all.encode())
            .transpose()?,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

pub(super) fn write(run: &Run<'_>, mut file: impl Write) -> io::Result<()> {
    file.write_all(to_json(run)?.as_bytes())
}
