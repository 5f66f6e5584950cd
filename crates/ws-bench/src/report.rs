//! The summary as text: the verdict first, then the figures.

use anstyle::{AnsiColor, Style};
use cli::{dim, paint};
use measurement::run::{
    ConditionResult, FanOutSummary, PushSummary, ReconnectSummary, SlowSummary, Summary,
};
use measurement::verdict::Latency;
use units::human_time;
use wording::capacity_view::{self, LoadRow, LoadTable};
use wording::deliveries_view::{self, DeliveryTimeRow};
use wording::summary_view::{LabelledRow, SummaryView, UNKNOWN};
use wording::{Tone, reconnect_view, summary};

/// Width of the labels.
const LABEL: usize = 13;
/// Width of a figure in the table of times.
const CELL: usize = 9;
/// Width of the labels in the table of the others before and after.
const NEIGHBOUR_LABEL: usize = 18;
/// Maximum width of lines with reasons.
const WIDTH: usize = 100;

/// The complete report. Unless verbose, it contains only the first reasons. The printer removes colours where they are
/// not supported.
pub(crate) fn text(summary: &Summary, verbose: bool) -> String {
    let heading = paint(Style::new().bold(), &heading(summary));
    let mut lines = vec![heading, String::new()];
    lines.extend(verdict(summary, verbose));
    lines.extend(several_rates(summary));
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

/// The heading in two parts: all but the rules of connections, and those rules; the second is empty without any.
pub(crate) fn heading_and_rules(s: &Summary) -> (String, String) {
    let rules = wording::plan::connection_parts(&s.plan).join(" · ");
    let all = heading(s);
    let first = all.strip_suffix(&format!(" · {rules}")).map(str::to_owned);
    (first.unwrap_or(all), rules)
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

/// Most rows of the table of rates. The files have all.
const MOST_RATES: usize = 20;

/// The result of a search or a sweep, and the rates that were offered; empty for any other run.
fn several_rates(s: &Summary) -> Vec<String> {
    let mut lines: Vec<_> = capacity_view::rows(s).iter().flat_map(row).collect();
    if let Some(table) = capacity_view::table(s, MOST_RATES) {
        lines.push(String::new());
        lines.extend(load_table(&table));
    }
    if let Some(origin) = capacity_view::origin_of_figures(s) {
        lines.extend([String::new(), dim(&origin)]);
    }
    lines
}

/// A table of rates, each column as wide as its longest text.
fn load_table(table: &LoadTable) -> Vec<String> {
    let width = |column: usize| {
        let cells = table.rows.iter().map(|row| row.cells[column].as_str());
        let all = cells.chain(std::iter::once(table.columns[column]));
        all.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..table.columns.len()).map(width).collect();
    let padded = |column: usize, text: &str| {
        let width = widths[column];
        format!("{text:>width$}")
    };
    let titles = table.columns.iter().enumerate();
    let titles: Vec<_> = titles.map(|(column, text)| padded(column, text)).collect();
    let row = |row: &LoadRow| {
        let cells = row.cells.iter().enumerate();
        let cells = cells.map(|(column, text)| {
            let text = padded(column, text);
            match table.columns[column] {
                capacity_view::HELD => paint(style(row.tone), &text),
                _ => text,
            }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    let rows = table.rows.iter().map(row);
    let notes = table.notes.iter().map(|note| dim(note));
    let titles = dim(&titles.join("  "));
    std::iter::once(titles).chain(rows).chain(notes).collect()
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
    let tables = [
        message_times(s),
        s.fan_out.as_ref().map(delivery_times).unwrap_or_default(),
        s.push.as_ref().map(feed_times).unwrap_or_default(),
        s.slow.as_ref().map(neighbours).unwrap_or_default(),
        opening_times(
            reconnect_view::OPENING,
            &reconnect_view::connect_time_rows(s),
        ),
        s.reconnect
            .as_ref()
            .map(times_of_return)
            .unwrap_or_default(),
    ];
    let tables = tables.into_iter().filter(|lines| !lines.is_empty());
    let tables: Vec<_> = tables.map(|lines| lines.join("\n")).collect();
    tables.join("\n\n").lines().map(str::to_owned).collect()
}

/// The titles of the table of times.
fn titles() -> String {
    dim(&line(
        "",
        &cells(Latency::default().shown().map(|(name, _)| name.to_owned())),
    ))
}

fn cells(cells: [String; 7]) -> String {
    cells.map(|cell| format!("{cell:>CELL$}")).concat()
}

fn figures(times: &Latency) -> String {
    let cell = |ns: Option<f64>| ns.map_or_else(|| UNKNOWN.to_owned(), human_time);
    cells(times.shown().map(|(_, ns)| cell(ns)))
}

fn aside(text: &str) -> String {
    line("", &format!("  {text}"))
}

/// Times of messages and their replies.
fn message_times(s: &Summary) -> Vec<String> {
    let service = &s.service_time_ns;
    if service.count == 0 && s.error_time_ns.is_none() {
        let has_others = s.fan_out.is_some() || s.push.is_some();
        let nothing = (!has_others).then(|| line("service time", "nothing measured"));
        return nothing.into_iter().collect();
    }
    let omission = summary::omission(s);
    let response = match omission {
        None => format!("  {}", summary::RESPONSE_IS_SERVICE),
        Some(_) => figures(&s.response_time_ns),
    };
    let mut lines = vec![
        titles(),
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

/// Times of all deliveries, and of the first, median and last receiver of each message.
fn delivery_times(deliveries: &FanOutSummary) -> Vec<String> {
    if deliveries.delivery_time_ns.count == 0 {
        return vec![line("delivery", "nothing delivered")];
    }
    let rows = deliveries_view::time_rows(deliveries);
    // No message has a time of its last receiver when none reached all.
    let rows: Vec<_> = rows.into_iter().filter(|row| row.time.count > 0).collect();
    let title = |text: &str| format!("{text} (delivery: all; first, median, last: per message)");
    let mut lines = vec![dim(&title(deliveries_view::FROM_SEND_TIME)), titles()];
    lines.extend(rows.iter().map(|row| line(row.label, &figures(&row.time))));
    let differs = |row: &DeliveryTimeRow| row.response.is_some_and(|own| own != row.time);
    if rows.iter().any(differs) {
        lines.push(dim(deliveries_view::FROM_INTENDED_TIME));
        let responses = rows
            .iter()
            .filter_map(|row| Some((row.label, row.response?)));
        lines.extend(responses.map(|(label, times)| line(label, &figures(&times))));
    }
    lines
}

/// Times of a feed.
fn feed_times(feed: &PushSummary) -> Vec<String> {
    let rows = deliveries_view::feed_time_rows(feed);
    let rows = rows.iter().filter(|(_, times)| times.count > 0);
    let rows: Vec<_> = rows
        .map(|(label, times)| line(label, &figures(times)))
        .collect();
    if rows.is_empty() {
        return vec![line("gap", "nothing measured")];
    }
    [vec![titles()], rows].concat()
}

/// Times of opening lost connections again.
fn times_of_return(own: &ReconnectSummary) -> Vec<String> {
    opening_times(
        reconnect_view::OPENING_AGAIN,
        &reconnect_view::reconnect_time_rows(own),
    )
}

/// A table of times of opening connections; empty without rows.
fn opening_times(title: &str, rows: &[(&str, Latency)]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let rows = rows
        .iter()
        .map(|(label, times)| line(label, &figures(times)));
    [dim(title), titles()].into_iter().chain(rows).collect()
}

/// The other receivers before and after some turned slow.
fn neighbours(slow: &SlowSummary) -> Vec<String> {
    let rows = deliveries_view::before_and_after(slow);
    if rows.is_empty() {
        return Vec::new();
    }
    let row = |label: &str, before: &str, after: &str, ratio: &str| {
        format!("{label:<NEIGHBOUR_LABEL$}{before:>12}{after:>12}   {ratio}")
            .trim_end()
            .to_owned()
    };
    let title = row("the others", "before", "after", "after / before (95 %)");
    let unknown = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
    let rows = rows.into_iter().map(|own| {
        let (before, after) = (unknown(own.before), unknown(own.after));
        row(own.label, &before, &after, &own.ratio.unwrap_or_default())
    });
    std::iter::once(dim(&title)).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use measurement::run::{
        CapacityPlanSummary, ConnectionPlanSummary, NeighbourRatio, NeighbourSummary, Run,
        SweepPlanSummary,
    };
    use test_support::fixtures::{closed_loop_summary, search_run, sweep_run};
    use test_support::golden;

    use super::*;

    fn times(ms: u64) -> Latency {
        let ns = ms * 1_000_000;
        Latency {
            count: 100_000,
            min: Some(ns / 2),
            mean: Some(ns as f64),
            p50: Some(ns),
            p90: Some(ns),
            p99: Some(2 * ns),
            p99_9: Some(2 * ns),
            max: Some(3 * ns),
            ..Latency::default()
        }
    }

    fn plain(lines: &[String]) -> Vec<String> {
        let strip = |line: &String| console::strip_ansi_codes(line).into_owned();
        lines.iter().map(strip).collect()
    }

    fn row_of<'l>(lines: &'l [String], label: &str) -> Option<&'l String> {
        lines.iter().find(|line| line.starts_with(label))
    }

    #[test]
    fn the_table_has_a_row_for_each_time_of_deliveries() {
        let mut own = FanOutSummary {
            delivery_time_ns: times(4),
            delivery_response_ns: times(4),
            first_ns: times(1),
            first_response_ns: times(1),
            median_ns: times(4),
            median_response_ns: times(4),
            last_ns: times(8),
            last_response_ns: times(8),
            spread_ns: times(7),
            ..FanOutSummary::default()
        };
        let lines = plain(&delivery_times(&own));
        assert!(lines[0].starts_with("From the send time"), "{lines:?}");
        for (label, p50) in [
            ("delivery  ", "4.00 ms"),
            ("first", "1.00 ms"),
            ("last", "8.00 ms"),
            ("spread", "7.00 ms"),
        ] {
            assert!(row_of(&lines, label).unwrap().contains(p50), "{lines:?}");
        }
        assert_eq!(row_of(&lines, "From the intended send time"), None);
        own.last_response_ns = times(9);
        let lines = plain(&delivery_times(&own));
        assert!(row_of(&lines, "From the intended send time").is_some());
        assert!(lines.last().unwrap().contains("9.00 ms"), "{lines:?}");
    }

    #[test]
    fn a_run_without_deliveries_has_no_rows_of_dashes_and_one_blank_line() {
        let mut s = closed_loop_summary(0);
        s.fan_out = Some(FanOutSummary::default());
        assert_eq!(plain(&super::times(&s)), ["delivery     nothing delivered"]);
        s.fan_out = Some(FanOutSummary {
            delivery_time_ns: times(4),
            delivery_response_ns: times(4),
            ..FanOutSummary::default()
        });
        let lines = plain(&super::times(&s));
        assert!(lines[0].starts_with("From the send time"), "{lines:?}");
        assert_eq!(lines.len(), 3, "{lines:?}");
    }

    #[test]
    fn openings_from_their_intended_time_have_a_table_of_their_own() {
        let mut s = closed_loop_summary(0);
        s.plan.connections = Some(ConnectionPlanSummary {
            rate_per_s: Some(200.0),
            ..ConnectionPlanSummary::default()
        });
        (s.connect_ns.total, s.connect_response_ns) = (times(1), times(4));
        s.reconnect = Some(ReconnectSummary {
            connect_ns: times(2),
            connect_response_ns: times(9),
            ..ReconnectSummary::default()
        });
        let lines = plain(&super::times(&s));
        let rows: Vec<_> = lines
            .iter()
            .filter(|line| line.starts_with("connect ") || line.starts_with("response "))
            .collect();
        assert_eq!(rows.len(), 4, "{lines:?}");
        for (row, p50) in rows
            .iter()
            .zip(["1.00 ms", "4.00 ms", "2.00 ms", "9.00 ms"])
        {
            assert!(row.contains(p50), "{lines:?}");
        }
        assert!(row_of(&lines, "Opening of lost connections").is_some());
        (s.plan.connections, s.reconnect) = (None, None);
        assert_eq!(row_of(&plain(&super::times(&s)), "connect"), None);
    }

    #[test]
    fn a_feed_has_no_service_time() {
        let mut s = closed_loop_summary(0);
        s.push = Some(PushSummary {
            gap_ns: times(10),
            skew_ns: Some(times(1)),
            ..PushSummary::default()
        });
        let lines = plain(&super::times(&s));
        assert_eq!(row_of(&lines, "service time"), None);
        assert!(row_of(&lines, "gap").unwrap().contains("10.0 ms"));
        assert!(row_of(&lines, "skew").is_some());
        assert_eq!(row_of(&lines, "lateness"), None);
    }

    /// The texts of a search and a sweep, against files in `tests/golden`.
    #[test]
    fn a_search_and_a_sweep_have_their_rates_before_the_figures() {
        const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
        let plain = |run: Run| {
            let text = text(&run.summary.unwrap(), false);
            console::strip_ansi_codes(&text).into_owned()
        };
        let search = search_run(40_000.0, |s| {
            s.plan.find_capacity = Some(CapacityPlanSummary {
                conditions: vec!["p99<5ms".to_owned()],
                precision: 0.03,
                budget_s: 120.0,
            });
        });
        let rates = [1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0];
        let sweep = sweep_run(40_000.0, &rates, |s| {
            s.offered_rate_per_s = Some(30_000.0);
            s.plan.sweep = Some(SweepPlanSummary {
                rates: rates.to_vec(),
                point_s: 10.0,
            });
        });
        golden::check(
            FOLDER,
            &[("search.txt", plain(search)), ("sweep.txt", plain(sweep))],
        );
    }

    #[test]
    fn neighbours_of_slow_readers_stand_before_and_after() {
        let phase = |ms| NeighbourSummary {
            last_ns: times(ms),
            ..NeighbourSummary::default()
        };
        let slow = SlowSummary {
            before: phase(1),
            after: phase(2),
            ratios: vec![NeighbourRatio {
                figure: "last.p50".to_owned(),
                ratio: 2.0,
                low: Some(1.8),
                high: Some(2.2),
            }],
            ..SlowSummary::default()
        };
        let lines = plain(&neighbours(&slow));
        let last = row_of(&lines, "last p50").unwrap();
        assert!(
            last.contains("1.00 ms     2.00 ms   2.00 × (1.80–2.20)"),
            "{last}"
        );
        assert_eq!(neighbours(&SlowSummary::default()), Vec::<String>::new());
    }
}
