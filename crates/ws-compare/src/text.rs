//! The comparison as text on a terminal: validity, then the figures with their verdicts.

use anstyle::{AnsiColor, Style};
use cli::{bullet_point, dim, paint};
use measurement::run::comparison::{AgainstReference, Comparison, ComparisonVerdict, FigureRow};
use measurement::verdict::Verdict;

use wording::{shortened, shown_points};

use crate::sentences;

/// Width of the first column.
const LABEL: usize = 24;
/// Minimum width of a server's column.
const CELL: usize = 12;
/// The files that hold every reason and remark.
const REPORTS: &str = "the `.html` and `.md` of `-o` contain all";
/// Maximum line length.
const WIDTH: usize = 110;

/// Formats the report. The printer removes colours where they are not supported. Unless verbose, the report contains
/// only the first reasons and remarks.
pub(crate) fn text(c: &Comparison, verbose: bool) -> String {
    let limit = shown_points(verbose);
    let mut lines = vec![heading(c), String::new()];
    lines.extend(verdict(c, limit));
    let names: Vec<&str> = c.compared().map(|s| s.name.as_str()).collect();
    for (title, figures) in sentences::groups(c) {
        let rows = c.figures.iter().filter(|row| figures.contains(&row.figure));
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            continue;
        }
        lines.push(String::new());
        lines.push(header(&title, &names));
        lines.extend(rows.iter().flat_map(|row| figure(c, row, &names)));
    }
    let mut remarks = sentences::remarks_on_servers(c);
    let limit = limit.saturating_sub(c.validity.reasons.len()).max(1);
    remarks.extend(shortened(
        &sentences::remarks_on_rounds(c),
        limit,
        "remark",
        REPORTS,
    ));
    if !remarks.is_empty() {
        lines.push(String::new());
        lines.extend(points(&remarks));
    }
    lines.extend(conditions(c));
    lines.push(String::new());
    lines.extend(sentences::method(c).iter().map(|line| dim(line)));
    lines.join("\n") + "\n"
}

fn bold(colour: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(colour.into()))
}

fn heading(c: &Comparison) -> String {
    let text = format!(
        "{} {} · {} · {} · {}",
        c.tool.name,
        c.tool.version,
        sentences::names(c),
        sentences::rounds(c),
        sentences::load(c)
    );
    paint(Style::new().bold(), &text)
}

fn verdict(c: &Comparison, limit: usize) -> Vec<String> {
    let verdict = c.validity.verdict;
    let style = bold(match verdict {
        Verdict::Valid => AnsiColor::Green,
        Verdict::Suspect => AnsiColor::Yellow,
        Verdict::Invalid => AnsiColor::Red,
    });
    let about = if c.interrupted {
        "ended early by the user".to_owned()
    } else if c.compared().count() < 2 {
        String::new()
    } else {
        format!(
            "columns: medians over all valid runs · ratios: relative to {}, over {}",
            c.plan.reference,
            sentences::paired(c)
        )
    };
    let pad = " ".repeat(LABEL.saturating_sub(verdict.name().len()));
    let line = format!("{}{pad}{about}", paint(style, verdict.name()));
    let mut lines = vec![line.trim_end().to_owned()];
    lines.extend(points(&shortened(
        &c.validity.reasons,
        limit,
        "reason",
        REPORTS,
    )));
    lines
}

fn points(texts: &[String]) -> impl Iterator<Item = String> {
    texts.iter().flat_map(|text| bullet_point(text, WIDTH))
}

fn width(name: &str) -> usize {
    name.chars().count().max(CELL) + 2
}

fn header(title: &str, names: &[&str]) -> String {
    let cells: Vec<_> = names
        .iter()
        .map(|name| format!("{name:>width$}", width = width(name)))
        .collect();
    format!(
        "{}\n{}",
        paint(Style::new().bold(), title),
        dim(&format!("{:<LABEL$}{}", "", cells.concat()))
    )
}

/// Formats the medians in one line, followed by a single verdict, or by several below.
fn figure(c: &Comparison, row: &FigureRow, names: &[&str]) -> Vec<String> {
    let cells: Vec<_> = names
        .iter()
        .map(|name| {
            let value = sentences::median_of(c, row, name);
            format!("{value:>width$}", width = width(name))
        })
        .collect();
    let line = format!("{:<LABEL$}{}", row.figure.name(), cells.concat());
    match row.against.as_slice() {
        [one] => vec![format!("{line}   {}", coloured(one))],
        many => std::iter::once(line)
            .chain(many.iter().map(|against| {
                let named = if against.verdict == ComparisonVerdict::CannotTell {
                    format!("{}: ", against.server)
                } else {
                    String::new()
                };
                format!("{:<LABEL$}  {named}{}", "", coloured(against))
            }))
            .collect(),
    }
}

fn coloured(against: &AgainstReference) -> String {
    let style = match against.verdict {
        ComparisonVerdict::Better => bold(AnsiColor::Green),
        ComparisonVerdict::Worse => bold(AnsiColor::Red),
        ComparisonVerdict::CannotTell => Style::new().dimmed(),
    };
    paint(style, &against.text)
}

fn conditions(c: &Comparison) -> Vec<String> {
    let mut lines: Vec<_> = c
        .conditions
        .iter()
        .map(|condition| {
            let line = sentences::condition_line(condition);
            if condition.held {
                paint(bold(AnsiColor::Red), &line)
            } else {
                line
            }
        })
        .collect();
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}
