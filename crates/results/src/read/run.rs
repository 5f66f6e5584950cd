//! A saved run.

use std::path::Path;

use measurement::record::TimelineRow;
use measurement::run::{Run, RunHistograms, RunTimeline, Samples, Summary};

use super::cells::CellSource;
use super::hlog::IntervalLog;
use super::json::JsonRun;
use super::open::{self, OpenedFile};
use super::{
    ColumnRequest, Metric, csv_timeline, hlog_timeline, message_rows, own_sheets, summary_sheet,
};
use crate::content::Content;
use crate::error::{DocumentKind, ResultsError};
use crate::schema::latencies_sheet;

/// Parts of a [`Run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPart {
    /// Tool, plan, host, figures and verdict.
    Summary,
    /// The percentile table.
    Percentiles,
    /// One row a second.
    Timeline,
    /// Histograms of the whole run.
    Histograms,
    /// Records of single messages.
    Samples,
    /// One row a client.
    Clients,
}

impl RunPart {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Summary,
        Self::Percentiles,
        Self::Timeline,
        Self::Histograms,
        Self::Samples,
        Self::Clients,
    ];
}

/// Reads these parts of a run that ws-bench saved. A part that the file does not hold stays `None`.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or is not that of a run; [`ResultsError::ChosenRows`] when the
/// rows of a `.csv` are a sample, so that its seconds cannot be counted.
pub fn read_run(path: &Path, parts: &[RunPart]) -> Result<Run, ResultsError> {
    let lacks = || ResultsError::lacks(path, Content::Run);
    match open::open(path)? {
        OpenedFile::Cells(mut source) if source.has_sheets() => {
            let summary = summary_sheet::read(source.as_mut())?.ok_or_else(lacks)?;
            let summary =
                serde_json::from_value(summary).map_err(|source| ResultsError::NotOurs {
                    path: path.to_owned(),
                    document: DocumentKind::Summary,
                    source,
                })?;
            of_workbook(path, source.as_mut(), parts, Some(summary))
        }
        OpenedFile::Cells(mut source) => of_csv(path, source.as_mut(), parts)?.ok_or_else(lacks),
        OpenedFile::Json(file) => of_json(path, JsonRun::read(path, file)?, parts),
        OpenedFile::Log(file) => {
            let log = IntervalLog::open(path, file)?;
            if !log.is_ours() {
                return Err(lacks());
            }
            of_log(path, log, &ColumnRequest::default(), parts)
        }
    }
}

/// Reads the timeline of a run, and its summary where the file has one. Of a `.csv` the rows are counted; of a
/// log, where the request matters only for tags that are not ours, the echoes, from which `max_ns` is no closer
/// than a bucket.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or does not hold the seconds of a run.
pub fn read_timeline(path: &Path, request: &ColumnRequest) -> Result<Run, ResultsError> {
    let parts = [RunPart::Summary, RunPart::Timeline];
    let run = match open::open(path)? {
        OpenedFile::Cells(mut source) if source.has_sheets() => {
            // A summary that is not whole takes no picture away.
            let sheet = summary_sheet::read(source.as_mut())?;
            let summary = sheet.and_then(|sheet| serde_json::from_value(sheet).ok());
            of_workbook(path, source.as_mut(), &parts, summary)?
        }
        OpenedFile::Cells(mut source) => of_csv(path, source.as_mut(), &parts)?.unwrap_or_default(),
        OpenedFile::Json(file) => of_json(path, JsonRun::read(path, file)?, &parts)?,
        OpenedFile::Log(file) => of_log(path, IntervalLog::open(path, file)?, request, &parts)?,
    };
    match run.timeline {
        Some(_) => Ok(run),
        None => Err(ResultsError::lacks(path, Content::Timeline)),
    }
}

fn of_workbook(
    path: &Path,
    source: &mut dyn CellSource,
    parts: &[RunPart],
    summary: Option<Summary>,
) -> Result<Run, ResultsError> {
    let mut run = Run::default();
    if parts.contains(&RunPart::Percentiles) {
        run.percentiles = own_sheets::percentiles(path, source)?;
    }
    if parts.contains(&RunPart::Timeline) {
        run.timeline = own_sheets::timeline(path, source)?.map(with_sent);
    }
    if parts.contains(&RunPart::Clients) {
        run.clients = own_sheets::connections(path, source)?;
    }
    if parts.contains(&RunPart::Samples) {
        let sheets = source.sheets();
        let names = (0..).map(latencies_sheet);
        for name in names.take_while(|name| sheets.contains(name)) {
            read_samples(path, source, &name, &mut run.samples)?;
        }
        if let (Some(samples), Some(summary)) = (&mut run.samples, &summary) {
            let sent = summary.messages.sent;
            samples.chosen_from = ((samples.rows.len() as u64) < sent).then_some(sent);
        }
    }
    run.summary = summary.filter(|_| parts.contains(&RunPart::Summary));
    Ok(run)
}

fn with_sent(rows: Vec<TimelineRow>) -> RunTimeline {
    RunTimeline {
        rows,
        knows_sent: true,
        ..RunTimeline::default()
    }
}

/// Adds the rows of a sheet whose columns are ours.
fn read_samples(
    path: &Path,
    source: &mut dyn CellSource,
    sheet: &str,
    samples: &mut Option<Samples>,
) -> Result<(), ResultsError> {
    let mut rows = samples.take().unwrap_or_default().rows;
    if message_rows::visit(path, source, sheet, &mut |_, sample| {
        rows.push(sample);
        Ok(())
    })? {
        *samples = Some(Samples {
            rows,
            chosen_from: None,
        });
    }
    Ok(())
}

/// `None` when the columns are not ours.
fn of_csv(
    path: &Path,
    source: &mut dyn CellSource,
    parts: &[RunPart],
) -> Result<Option<Run>, ResultsError> {
    let sheets = source.sheets();
    let only = sheets.first().map_or("", String::as_str);
    if !message_rows::are_in(source, only)? {
        return Ok(None);
    }
    let mut run = Run::default();
    if parts.contains(&RunPart::Samples) {
        read_samples(path, source, only, &mut run.samples)?;
    }
    if parts.contains(&RunPart::Timeline) {
        run.timeline = Some(csv_timeline::count(path, source, only)?);
    }
    Ok(Some(run))
}

fn of_json(path: &Path, document: JsonRun, parts: &[RunPart]) -> Result<Run, ResultsError> {
    let histograms = if parts.contains(&RunPart::Histograms) {
        document.histograms(path)?
    } else {
        None
    };
    let wants = |part| parts.contains(&part);
    let details = document.details;
    Ok(Run {
        summary: Some(document.summary).filter(|_| wants(RunPart::Summary)),
        percentiles: details.percentiles.filter(|_| wants(RunPart::Percentiles)),
        timeline: details
            .timeline
            .filter(|_| wants(RunPart::Timeline))
            .map(with_sent),
        histograms,
        ..Run::default()
    })
}

fn of_log(
    path: &Path,
    mut log: IntervalLog,
    request: &ColumnRequest,
    parts: &[RunPart],
) -> Result<Run, ResultsError> {
    let mut run = Run::default();
    if parts.contains(&RunPart::Timeline) {
        run.timeline = Some(hlog_timeline::read(path, &mut log, request)?);
    }
    if parts.contains(&RunPart::Histograms) {
        let mut whole = |metric| log.whole(&log.select(request, metric)?);
        let service = whole(Metric::ServiceTime)?;
        let response = whole(Metric::ResponseTime)?;
        run.histograms = Some(RunHistograms {
            response: (response != service).then_some(response),
            service,
        });
    }
    Ok(run)
}
