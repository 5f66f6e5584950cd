//! One row per second, or per several in a long run.

use measurement::record::TimelineRow;
use rust_xlsxwriter::Worksheet;

use super::chart::{self, LineStyle, SheetAxis, SheetChart, SheetLine, SheetScale, whole_axis};
use super::style::{BLUE, GREEN, ORANGE, PURPLE, VERMILION, mark_unless, write_table};
use super::{RunView, XlsxResult, count, has_response_times, ms, row, row_name};
use crate::schema::{SheetColumn, TIMELINE_SHEET, TimelineColumn as Column};

pub(super) fn write(sheet: &mut Worksheet, run: &RunView<'_>) -> XlsxResult {
    let content = |t: &TimelineRow, column| match column {
        Column::Second => count(t.second).into(),
        Column::Sent => count(t.sent).into(),
        Column::Received => count(t.received).into(),
        Column::ServiceP50 => t.service_p50_ns.map(ms).into(),
        Column::ServiceP99 => t.service_p99_ns.map(ms).into(),
        Column::ResponseP99 => t.response_p99_ns.map(ms).into(),
        Column::Max => t.max_ns.map(ms).into(),
        Column::Failed => count(t.failed).into(),
        Column::Seconds => count(t.seconds.get()).into(),
    };
    write_table(sheet, TIMELINE_SHEET, run.timeline, content)?;
    mark_unless(sheet, Column::Failed, run.timeline.len(), 0)?;
    let drawn = whole_seconds(run);
    if drawn.is_empty() {
        return Ok(());
    }
    messages(drawn).insert(sheet, 1)?;
    times(drawn, has_response_times(run)).insert(sheet, 1 + chart::ROWS)
}

/// All seconds without those that the end of the run cut short, which would look like a decrease.
fn whole_seconds<'r>(run: &RunView<'r>) -> &'r [TimelineRow] {
    let is_whole = |t: &&TimelineRow| t.span().end() as f64 <= run.summary.elapsed_s;
    match run.timeline.iter().take_while(is_whole).count() {
        0 => run.timeline,
        whole => &run.timeline[..whole],
    }
}

fn chart_of(
    drawn: &[TimelineRow],
    title: &str,
    y: SheetAxis<'static>,
    lines: Vec<SheetLine<'static>>,
) -> SheetChart<'static> {
    let last = count(drawn.len() as u64 - 1);
    SheetChart {
        sheet: TIMELINE_SHEET,
        columns: Column::ALL.len(),
        last_row: row(drawn.len()),
        title: title.to_owned(),
        x: whole_axis("seconds since T0", drawn.len() > 1, last),
        x_column: Column::Second.at(),
        y,
        are_names_in_header: false,
        lines,
    }
}

fn messages(drawn: &[TimelineRow]) -> SheetChart<'static> {
    let solid = LineStyle::Line(1.75);
    // Dots on the line: the two mostly agree.
    let mut lines = vec![
        ("sent", Column::Sent.at(), BLUE, solid),
        ("received", Column::Received.at(), ORANGE, LineStyle::Dots),
    ];
    if drawn.iter().any(|t| t.failed > 0) {
        lines.push(("failed", Column::Failed.at(), VERMILION, solid));
    }
    let title = format!("Messages in each {}", row_name(drawn[0].seconds));
    let y = whole_axis("messages", false, 0.0);
    chart_of(drawn, &title, y, lines)
}

fn times(drawn: &[TimelineRow], has_response_times: bool) -> SheetChart<'static> {
    let medians = || drawn.iter().filter_map(|t| t.service_p50_ns);
    let scale = SheetScale::of_times(
        medians().min().unwrap_or(0),
        medians().max().unwrap_or(0),
        drawn.iter().filter_map(|t| t.max_ns).max().unwrap_or(0),
    );
    let [p50, p99] = [Column::ServiceP50, Column::ServiceP99].map(SheetColumn::at);
    let [thin, medium, thick] = [1.25, 1.75, 2.25].map(LineStyle::Line);
    let mut lines = vec![
        ("largest", Column::Max.at(), ORANGE, thin),
        ("service time p99", p99, VERMILION, medium),
        ("service time p50", p50, GREEN, thick),
    ];
    let mut times = "Service time";
    if has_response_times {
        times = "Service and response time";
        let p99 = Column::ResponseP99.at();
        lines.insert(1, ("response time p99", p99, PURPLE, LineStyle::Dots));
    }
    let title = format!("{times} in each {}", row_name(drawn[0].seconds));
    chart_of(drawn, &title, SheetAxis::of_times(scale), lines)
}
