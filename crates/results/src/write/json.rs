//! The summary as JSON, followed by the data of pictures.

use std::io;

use measurement::record::TimelineRow;
use measurement::run::{PercentileRow, Run, Summary};
use serde::Serialize;

use super::RunView;
use crate::histogram::EncodedHistograms;

/// The document: the keys of the summary, followed by the others.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct JsonDocument<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    percentiles: &'a [PercentileRow],
    timeline: &'a [TimelineRow],
    histograms: Option<EncodedHistograms>,
}

/// Returns the run as one JSON document for a person or a program, ending in a line break: the summary, the
/// percentile table, the timeline and the histograms of the whole run.
///
/// # Errors
/// Errors of HdrHistogram and serde_json, and a run without a summary.
pub fn to_json(run: &Run) -> io::Result<String> {
    text_of(&RunView::of(run)?)
}

pub(super) fn text_of(run: &RunView<'_>) -> io::Result<String> {
    let counted = run.summary.service_time_ns.count;
    let document = JsonDocument {
        summary: run.summary,
        percentiles: run.percentiles,
        timeline: run.timeline,
        histograms: run
            .histograms
            .filter(|times| !times.service.is_empty() && times.service.len() == counted)
            .map(EncodedHistograms::encode)
            .transpose()?,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
