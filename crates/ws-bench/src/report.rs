//! The summary as text: the verdict first, then the figures.

use anstyle::{AnsiColor, Style};
use cli::{dim, paint};
use measurement::run::{ConditionResult, Summary};
use measurement::verdict::Latency;
use units::human_time;
use wording::summary_view::{LabelledRow, SummaryView, UNKNOWN};
use wording::{Tone, summary};

/// Width of the labels.
const LABEL: usize = 13;
/// Width of a figure in the table of times.
const CELL: usize = 9;
/// Maximum width of lines with reasons.
const WIDTH: usize = 100;

/// The complete report. Unless verbose, it contains only the first reasons. The printer removes colours where they are
/// not supported.
pub(crate) fn text(summary: &Summary, verbose: bool) -> String {
    let heading = paint(Style::new().bold(), &heading(summary));
    let mut lines = vec![heading, String::new()];
    lines.extend(verdict(summary, verbose));
    lines.extend(SummaryView::new(summary).rows.iter().flat_map(row));
    lines.push(String::new());
    lines.extend(times(summary));
    lines.extend(conditions(summary));
    lines.join("\n") + "\n"
}

fn line(label: &str, text: &str) -> String {
    format!("{label:<LABEL$}{text}")
}

fn row(row: &LabelledRow) -> Vec<String> {
    let text = match row.tone {
        Tone::Neutral => row.text.clone(),
        tone => paint(style(tone), &row.text),
    };
    let mut lines = vec![line(row.label, &text)];
    lines.extend(points(&row.points));
    lines
}

/// Formats the points of a list next to a label. Long ones are wrapped.
fn points(points: &[String]) -> impl Iterator<Item = String> {
    let lines = points
        .iter()
        .flat_map(|text| cli::bullet_point(text, WIDTH - LABEL));
    lines.map(|text| line("", &text))
}

fn style(tone: Tone) -> Style {
    let colour = match tone {
        Tone::Good => AnsiColor::Green,
        Tone::Warning => AnsiColor::Yellow,
        Tone::Bad => AnsiColor::Red,
        Tone::Neutral => return Style::new(),
    };
    Style::new().fg_color(Some(colour.into()))
}

/// Program, server and load in one line.
pub(crate) fn heading(s: &Summary) -> String {
    let tool = format!("{} {}", s.tool.name, s.tool.version);
    let mut parts = vec![tool, wording::plan::server_urls(&s.plan)];
    parts.extend(wording::plan::parts_of(s));
    parts.join(" · ")
}

fn verdict(s: &Summary, verbose: bool) -> Vec<String> {
    let verdict = s.validity.verdict;
    // Padded manually, because escape codes have no width.
    let label = format!(
        "{}{}",
        paint(style(verdict.into()).bold(), verdict.name()),
        " ".repeat(LABEL - verdict.name().len())
    );
    let parts = summary::circumstances(s, "this process");
    let mut lines = vec![format!("{label}{}", parts.join(" · "))];
    let reasons = wording::shortened(
        &s.validity.reasons,
        wording::shown_points(verbose),
        "reason",
        "`ws-report` shows them",
    );
    lines.extend(points(&reasons));
    lines
}

/// The conditions of `--fail-if`. Those that held come first.
fn conditions(s: &Summary) -> Vec<String> {
    let (held, others): (Vec<_>, Vec<_>) = s.conditions.iter().partition(|c| c.held);
    let red = |c: &ConditionResult| paint(style(Tone::Bad).bold(), &wording::condition(c));
    let mut lines: Vec<_> = held.into_iter().map(red).collect();
    lines.extend(others.into_iter().map(wording::condition));
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

fn times(s: &Summary) -> Vec<String> {
    let service = &s.service_time_ns;
    if service.count == 0 && s.error_time_ns.is_none() {
        return vec![line("service time", "nothing measured")];
    }
    let row = |cells: [String; 7]| cells.map(|cell| format!("{cell:>CELL$}")).concat();
    let titles = row(service.shown().map(|(name, _)| name.to_owned()));
    let cell = |ns: Option<f64>| ns.map_or_else(|| UNKNOWN.to_owned(), human_time);
    let figures = |times: &Latency| row(times.shown().map(|(_, ns)| cell(ns)));
    let aside = |text: &str| line("", &format!("  {text}"));
    let omission = summary::omission(s);
    let response = match omission {
        None => format!("  {}", summary::RESPONSE_IS_SERVICE),
        Some(_) => figures(&s.response_time_ns),
    };
    let mut lines = vec![
        dim(&line("", &titles)),
        line("service time", &figures(service)),
        line("response time", &response),
    ];
    let further = [
        ("first part", &s.first_part_ns),
        ("error reply", &s.error_time_ns),
    ];
    lines.extend(
        further
            .into_iter()
            .filter_map(|(label, times)| Some(line(label, &figures(times.as_ref()?)))),
    );
    lines.extend(omission.map(|omission| aside(&omission)));
    let remarks = summary::remarks_on_times(s);
    lines.extend(remarks.iter().map(|remark| dim(&aside(remark))));
    lines
}
