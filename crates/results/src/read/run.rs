//! A saved run.

use std::path::Path;

use measurement::record::TimelineRow;
use measurement::run::{Run, RunHistograms, RunTimeline, Samples, Summary};

use super::cells::CellSource;
use super::comparison;
use super::hlog::IntervalLog;
use super::json::JsonRun;
use super::open::{self, OpenedFile};
use super::{
    ColumnRequest, Metric, csv_timeline, delivery_sheets, event_sheets, hlog_timeline,
    load_curve_sheets, message_rows, own_sheets, shards_sheet, summary_sheet,
};
use crate::content::Content;
use crate::error::{Result, ResultsError};
use crate::schema::{CONNECTS_SHEET, RECONNECTS_SHEET, latencies_sheet};

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
    /// Records of single deliveries, and of messages that the server sent on its own.
    Deliveries,
}

/// Reads these parts of a run that ws-bench saved. A part that the file does not hold stays `None`.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or is not that of a run; [`ResultsError::ChosenRows`] when the
/// rows of a `.csv` are a sample, so that its seconds cannot be counted.
pub fn read_run(path: &Path, parts: &[RunPart]) -> Result<Run> {
    read_parts(path, &ColumnRequest::default(), parts, true)?
        .ok_or_else(|| ResultsError::Lacks(path.to_owned(), Content::Run))
}

/// Reads the timeline of a run, and its summary if the file has one. The rows of a `.csv` are counted, and so are the
/// echoes of a log, whose `max_ns` is as precise as a bucket. The request is used only for unknown tags of a log.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or does not hold the seconds of a run.
pub fn read_timeline(path: &Path, request: &ColumnRequest) -> Result<Run> {
    let parts = [RunPart::Summary, RunPart::Timeline];
    read_parts(path, request, &parts, false)?
        .filter(|run| run.timeline.is_some())
        .ok_or_else(|| ResultsError::Lacks(path.to_owned(), Content::Timeline))
}

/// Reads the summary of a run with deliveries.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or holds no deliveries.
pub fn read_deliveries(path: &Path) -> Result<Summary> {
    let run = read_parts(path, &ColumnRequest::default(), &[RunPart::Summary], true)?;
    run.and_then(|run| run.summary)
        .filter(|summary| summary.fan_out.is_some())
        .ok_or_else(|| ResultsError::Lacks(path.to_owned(), Content::Deliveries))
}

/// Reads the summary of a run with `--drop` or `--reconnect`, from its `.xlsx` or `.json`.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or is not that of such a run.
pub fn read_reconnects(path: &Path) -> Result<Summary> {
    let run = read_parts(path, &ColumnRequest::default(), &[RunPart::Summary], true)?;
    run.and_then(|run| run.summary)
        .filter(|summary| summary.reconnect.is_some())
        .ok_or_else(|| ResultsError::Lacks(path.to_owned(), Content::Reconnects))
}

/// Reads the summary of a run with `--sweep` or `--find-capacity`, from its `.xlsx` or `.json`.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or is not that of such a run.
pub fn read_load_curve(path: &Path) -> Result<Summary> {
    let run = read_parts(path, &ColumnRequest::default(), &[RunPart::Summary], true)?;
    run.and_then(|run| run.summary)
        .filter(|summary| summary.load_steps().is_some())
        .ok_or_else(|| ResultsError::Lacks(path.to_owned(), Content::LoadCurve))
}

/// Reads the parts; `None` when the file is not that of a run. Unless `must_be_ours`, a log with other tags is read, and
/// a workbook with a missing or incomplete summary.
fn read_parts(
    path: &Path,
    request: &ColumnRequest,
    parts: &[RunPart],
    must_be_ours: bool,
) -> Result<Option<Run>> {
    match open::open(path)? {
        OpenedFile::Cells(mut source) if source.has_sheets() => {
            if must_be_ours {
                comparison::refuse_workbook(source.as_ref())?;
            }
            let sheet = summary_sheet::read(source.as_mut())?;
            let summary = match sheet.map(serde_json::from_value).transpose() {
                Err(source) if must_be_ours => {
                    return Err(ResultsError::NotASummary(path.to_owned(), source));
                }
                Ok(None) if must_be_ours => return Ok(None),
                summary => summary.unwrap_or_default(),
            };
            of_workbook(source.as_mut(), parts, summary).map(Some)
        }
        OpenedFile::Cells(mut source) => of_csv(source.as_mut(), parts),
        OpenedFile::Json(text) => of_json(path, JsonRun::read(path, text)?, parts).map(Some),
        OpenedFile::Percentiles(_) => Ok(None),
        OpenedFile::Log(text) => {
            let log = IntervalLog::open(path, text.file)?;
            if must_be_ours && !log.is_ours() {
                return Ok(None);
            }
            of_log(log, request, parts).map(Some)
        }
    }
}

fn of_workbook(
    source: &mut dyn CellSource,
    parts: &[RunPart],
    mut summary: Option<Summary>,
) -> Result<Run> {
    let mut run = Run::default();
    if let Some(shards) = summary.as_mut().and_then(|s| s.shards.as_mut()) {
        shards.rows = shards_sheet::read(source)?;
    }
    if let Some(fan_out) = summary.as_mut().and_then(|s| s.fan_out.as_mut()) {
        fan_out.timeline = delivery_sheets::seconds(source)?;
        fan_out.percentiles = own_sheets::fan_out_percentiles(source)?;
    }
    if let Some(summary) = &mut summary {
        if let Some(reconnect) = &mut summary.reconnect {
            reconnect.timeline = event_sheets::read(source, RECONNECTS_SHEET)?;
        }
        summary.connect_timeline = event_sheets::read(source, CONNECTS_SHEET)?;
        let steps = load_curve_sheets::read(source)?;
        match &mut summary.capacity {
            Some(capacity) => capacity.steps = steps.unwrap_or_default(),
            None => summary.load_curve = steps,
        }
    }
    if parts.contains(&RunPart::Deliveries) {
        read_single_deliveries(source, &mut run)?;
    }
    if parts.contains(&RunPart::Percentiles) {
        run.percentiles = own_sheets::percentiles(source)?;
    }
    if parts.contains(&RunPart::Timeline) {
        run.timeline = own_sheets::timeline(source)?.map(with_sent);
    }
    if parts.contains(&RunPart::Clients) {
        run.clients = own_sheets::connections(source)?;
    }
    if parts.contains(&RunPart::Samples) {
        for name in latencies_sheets(source) {
            read_samples(source, &name, &mut run.samples)?;
        }
        if let (Some(samples), Some(summary)) = (&mut run.samples, &summary) {
            let sent = summary.messages.sent;
            samples.chosen_from = ((samples.rows.len() as u64) < sent).then_some(sent);
        }
    }
    run.summary = summary.filter(|_| parts.contains(&RunPart::Summary));
    Ok(run)
}

/// The sheets of latencies that exist.
fn latencies_sheets(source: &mut dyn CellSource) -> Vec<String> {
    let sheets = source.sheets();
    let names = (0..).map(latencies_sheet);
    names.take_while(|name| sheets.contains(name)).collect()
}

fn read_single_deliveries(source: &mut dyn CellSource, run: &mut Run) -> Result<()> {
    for name in latencies_sheets(source) {
        delivery_sheets::read_publications(source, &name, &mut run.publications)?;
    }
    run.deliveries = delivery_sheets::deliveries(source)?;
    run.pushes = delivery_sheets::pushes(source)?;
    Ok(())
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
    source: &mut dyn CellSource,
    sheet: &str,
    samples: &mut Option<Samples>,
) -> Result<()> {
    let mut read = samples.take().unwrap_or_default();
    let is_ours = message_rows::visit(source, sheet, &mut |_, sample| {
        read.rows.push(sample);
        Ok(())
    })?;
    *samples = is_ours.then_some(read);
    Ok(())
}

/// `None` when the columns are not ours.
fn of_csv(source: &mut dyn CellSource, parts: &[RunPart]) -> Result<Option<Run>> {
    let sheets = source.sheets();
    let only = sheets.first().map_or("", String::as_str);
    if !message_rows::are_in(source, only)? {
        return Ok(None);
    }
    let mut run = Run::default();
    if parts.contains(&RunPart::Samples) {
        read_samples(source, only, &mut run.samples)?;
    }
    if parts.contains(&RunPart::Deliveries) {
        delivery_sheets::read_publications(source, only, &mut run.publications)?;
    }
    if parts.contains(&RunPart::Timeline) {
        run.timeline = Some(csv_timeline::count(source, only)?);
    }
    Ok(Some(run))
}

fn of_json(path: &Path, document: JsonRun, parts: &[RunPart]) -> Result<Run> {
    let mut run = Run::default();
    if parts.contains(&RunPart::Histograms) {
        run.histograms = document.histograms(path)?;
    }
    let wants = |part| parts.contains(&part);
    let details = document.details;
    run.summary = Some(document.summary).filter(|_| wants(RunPart::Summary));
    run.percentiles = details.percentiles.filter(|_| wants(RunPart::Percentiles));
    let timeline = details.timeline.filter(|_| wants(RunPart::Timeline));
    run.timeline = timeline.map(with_sent);
    Ok(run)
}

fn of_log(mut log: IntervalLog, request: &ColumnRequest, parts: &[RunPart]) -> Result<Run> {
    let mut run = Run::default();
    if parts.contains(&RunPart::Timeline) {
        run.timeline = Some(hlog_timeline::read(&mut log, request)?);
    }
    if parts.contains(&RunPart::Histograms) {
        let mut whole = |metric| log.whole(&log.select(request, metric)?.0);
        let service = whole(Metric::ServiceTime)?;
        let response = whole(Metric::ResponseTime)?;
        run.histograms = Some(RunHistograms {
            response: (response != service).then_some(response),
            service,
        });
    }
    Ok(run)
}
