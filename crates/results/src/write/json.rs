//! The summary as JSON, and behind it what pictures are drawn from.

use std::io::{self, Write};

use measurement::record::TimelineRow;
use measurement::run::{PercentileRow, Summary};
use serde::Serialize;

use super::Run;
use crate::histogram::{self, OfRun};

/// The document: the summary's keys, and others behind them.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    percentiles: &'a [PercentileRow],
    timeline: &'a [TimelineRow],
    histograms: Option<Histograms>,
}

/// The times of the whole run in nanoseconds, as base64 of HdrHistogram's V2 encoding, deflated.
#[derive(Serialize)]
struct Histograms {
    service: String,
    /// `None` in closed loop, where they are the service times.
    response: Option<String>,
}

impl Histograms {
    /// `None` where the timeline does not hold all times that the summary counts.
    fn of(run: &Run<'_>) -> io::Result<Option<Self>> {
        let counted = run.summary.service_time_ns.count;
        OfRun::of(run.timeline)?
            .filter(|all| all.service.len() == counted)
            .map(|OfRun { service, response }| {
                Ok(Self {
                    service: histogram::encode(&service)?,
                    response: response.as_ref().map(histogram::encode).transpose()?,
                })
            })
            .transpose()
    }
}

/// The run as one JSON document for a person or a program, ending in a line break: the summary, the
/// percentile table, the timeline and the histograms of the whole run.
///
/// # Errors
/// None that a run of ours can cause; those of HdrHistogram and serde_json otherwise.
pub fn to_json(run: &Run<'_>) -> io::Result<String> {
    let document = Document {
        summary: run.summary,
        percentiles: run.percentiles,
        timeline: run.timeline,
        histograms: Histograms::of(run)?,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

pub(super) fn write(run: &Run<'_>, mut file: impl Write) -> io::Result<()> {
    file.write_all(to_json(run)?.as_bytes())
}
