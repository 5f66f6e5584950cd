//! Drawing of a view on a screen of any size.

use std::f64::consts::LOG10_2;
use std::io::stderr;

use anstream::{AutoStream, ColorChoice};
use ratatui::Frame;
use ratatui::layout::Constraint::{Fill, Length, Ratio};
use ratatui::layout::{Alignment, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, BorderType, Chart, Dataset, GraphType, Paragraph, Wrap};
use units::{human_rate, human_time};
use wording::Tone;
use wording::capacity_view::interval_ends;
use wording::summary_view::LabelledRow;

use super::histogram::HistogramBars;
use super::view_model::{LoadCurve, PhaseState, ViewModel};

/// Minimum size for panels. Smaller screens show only lines.
const SMALLEST: (u16, u16) = (72, 20);
/// Minimum width to show errors next to the load.
const WIDE: u16 = 120;
/// Minimum height for a heading of two rows.
const ROOMY: u16 = 30;
/// Minimum height of a load curve with a label in the middle of its axis of times.
const TALL: u16 = 8;
/// Width of the panel of percentiles with one column. A second column adds [`FIGURE`].
const TIMES_WIDTH: u16 = 22;
/// Width of a figure in this panel.
const FIGURE: u16 = 10;
/// Width of the labels.
const LABEL: usize = 12;
/// Rows of the axis below bars.
const AXIS: u16 = 2;
/// Minimum rows of the charts. The last figures of the load give way to them.
const CHARTS: u16 = 5;

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const QUIET: Style = Style::new().add_modifier(Modifier::DIM);

/// Colours, or none (`NO_COLOR`). Without colours, curves differ by their markers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Palette {
    pub(crate) colours: bool,
}

impl Palette {
    /// The palette for standard error in this environment.
    pub(crate) fn from_environment() -> Self {
        Self {
            colours: AutoStream::choice(&stderr()) != ColorChoice::Never,
        }
    }

    fn colour(self, colour: Color) -> Style {
        if self.colours {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Neutral => Style::new(),
            Tone::Good => self.colour(Color::Green),
            Tone::Warning => self.colour(Color::Yellow).add_modifier(Modifier::BOLD),
            Tone::Bad => self.colour(Color::Red).add_modifier(Modifier::BOLD),
        }
    }

    /// The style of a curve by its index. Cyan, yellow and magenta are distinguishable for colour-blind readers.
    fn curve(self, number: usize) -> (Style, Marker, &'static str) {
        let colour = [Color::Cyan, Color::Yellow, Color::Magenta][number.min(2)];
        let (marker, sign) = match (self.colours, number) {
            (true, _) | (false, 0) => (Marker::Braille, "⠤"),
            (false, 1) => (Marker::Dot, "•"),
            (false, _) => (Marker::Custom('×'), "×"),
        };
        (self.colour(colour), marker, sign)
    }

    fn bars(self) -> Style {
        self.colour(Color::Cyan)
    }
}

/// Number of columns of a histogram on a screen of this size.
pub(crate) fn histogram_columns(area: Rect) -> usize {
    usize::from((area.width / 2).saturating_sub(2))
}

/// Draws as much of the view as fits.
pub(crate) fn draw(frame: &mut Frame<'_>, view: &ViewModel, palette: Palette) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return lines(frame, view, palette, area);
    }
    let is_wide = area.width >= WIDE;
    let below = (area.height / 6).clamp(5, 10);
    let rules = u16::from(!view.rules.is_empty());
    let headings = heading_rows(view, usize::from(area.width), area.height >= ROOMY);
    let heading_height = if headings.len() > 1 { 2 } else { 1 };
    let room = area
        .height
        .saturating_sub(2 + heading_height + rules + below + CHARTS);
    let panel = panel_rows(view, room);
    let [heading, rules, phases, above, charts, below, keys] = Layout::vertical([
        Length(heading_height),
        Length(rules),
        Length(1),
        Length(panel),
        Fill(1),
        Length(below),
        Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(headings).style(BOLD), heading);
    frame.render_widget(Paragraph::new(view.rules.as_str()), rules);
    frame.render_widget(progress(view, palette, usize::from(phases.width)), phases);

    let columns = u16::try_from(view.times.columns.len()).unwrap_or(1);
    let times_width = TIMES_WIDTH + columns.saturating_sub(1) * FIGURE;
    // Errors are above if the screen is wide enough, otherwise next to the verdict.
    let (load, times, errors, verdict) = if is_wide {
        let [load, times, errors] =
            Layout::horizontal([Ratio(2, 5), Length(times_width), Fill(1)]).areas(above);
        (load, times, errors, below)
    } else {
        let [load, times] = Layout::horizontal([Fill(1), Length(times_width)]).areas(above);
        let [errors, verdict] = Layout::horizontal([Ratio(2, 5), Ratio(3, 5)]).areas(below);
        (load, times, errors, verdict)
    };
    let load_rows = Paragraph::new(rows(&view.load, palette));
    frame.render_widget(load_rows.block(block("load")), load);
    frame.render_widget(percentiles(view).block(block("percentiles")), times);
    let [left, right] = Layout::horizontal([Ratio(1, 2), Ratio(1, 2)]).areas(charts);
    histograms(frame, view, palette, left);
    match &view.load_curve {
        Some(curve) => load_curve(frame, curve, palette, right),
        None => curves(frame, view, palette, right),
    }
    frame.render_widget(errors_panel(view, palette), errors);
    frame.render_widget(verdict_panel(view, palette), verdict);
    frame.render_widget(Paragraph::new(view.keys).style(QUIET), keys);
}

/// The heading, in two rows if it is that of a search and does not fit into one: it names the conditions.
fn heading_rows(view: &ViewModel, columns: usize, has_room: bool) -> Vec<Line<'_>> {
    let heading = view.heading.as_str();
    let one = vec![Line::raw(heading)];
    if !view.has_several_rates || heading.chars().count() <= columns || !has_room {
        return one;
    }
    let ends = heading.match_indices(" · ");
    let fits = |at: &usize| heading[..*at].chars().count() <= columns;
    let Some(at) = ends.map(|(at, _)| at).filter(fits).last() else {
        return one;
    };
    let rest = heading[at..].trim_start_matches(" · ");
    vec![Line::raw(&heading[..at]), Line::raw(rest)]
}

/// Height of the panels of load and percentiles, with their borders: that of the load as far as there is room, but all
/// of the percentiles.
fn panel_rows(view: &ViewModel, room: u16) -> u16 {
    const BORDERS: u16 = 2;
    let rows = |n: usize| u16::try_from(n).unwrap_or(u16::MAX - BORDERS) + BORDERS;
    let load = rows(view.load.len()).min(room);
    load.max(rows(1 + view.times.rows.len()))
}

/// The most important lines, for a screen too small for panels.
fn lines(frame: &mut Frame<'_>, view: &ViewModel, palette: Palette, area: Rect) {
    let mut lines = vec![progress(view, palette, usize::from(area.width))];
    for (column, label) in view.times.columns.iter().enumerate() {
        let figures = view.times.rows.iter();
        let figures = figures.filter(|(name, _)| matches!(*name, "p50" | "p99" | "max"));
        let figures: Vec<_> = figures
            .filter_map(|(name, values)| Some(format!("{name} {}", values.get(column)?)))
            .collect();
        let row = LabelledRow {
            label,
            text: figures.join(" · "),
            ..LabelledRow::default()
        };
        lines.extend(rows(&[row], palette));
    }
    lines.extend(rows(&view.errors, palette));
    let reason = view.reasons.first().map_or("", String::as_str);
    lines.push(Line::from(vec![
        Span::styled(view.verdict, verdict_style(view, palette)),
        Span::raw(format!(" {reason}")),
    ]));
    lines.extend(rows(&view.load, palette));
    lines.push(Line::styled(view.keys, QUIET));
    // The keys are shown as long as possible.
    let room = usize::from(area.height);
    if lines.len() > room && room > 1 {
        let keys = lines.pop();
        lines.truncate(room - 1);
        lines.extend(keys);
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn block(title: &str) -> Block<'static> {
    titled(Line::styled(format!(" {title} "), BOLD))
}

fn titled(title: Line<'static>) -> Block<'static> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(QUIET)
        .title(title)
}

/// The phases with the current one marked, and its progress.
fn progress(view: &ViewModel, palette: Palette, columns: usize) -> Line<'static> {
    let mut spans = Vec::new();
    for (name, step) in &view.phases {
        let (sign, style) = match step {
            PhaseState::Done => ("✓", palette.tone(Tone::Good)),
            PhaseState::Now => ("▶", Style::new().add_modifier(Modifier::REVERSED)),
            PhaseState::Ahead => ("·", QUIET),
        };
        spans.push(Span::styled(format!(" {sign} {name} "), style));
    }
    let left = view.time_left.clone().unwrap_or_default();
    let used: usize = spans.iter().map(Span::width).sum();
    // One column between phases, bar and remaining time.
    let room = columns.saturating_sub(used + left.chars().count() + 4);
    if room < 5 {
        if used + left.chars().count() + 1 > columns {
            let mut phases = view.phases.iter();
            let now = phases.find(|(_, step)| *step == PhaseState::Now);
            let name = now.map_or("", |(name, _)| *name);
            return Line::raw(format!("▶ {name} · {left}"));
        }
        spans.push(Span::raw(format!(" {left}")));
        return Line::from(spans);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let filled = ((view.share * room as f64).round() as usize).min(room);
    spans.push(Span::raw(" "));
    spans.push(Span::styled("━".repeat(filled), palette.bars()));
    let rest = "─".repeat(room - filled);
    spans.push(Span::styled(rest, QUIET));
    spans.push(Span::raw(format!(" {left}")));
    Line::from(spans)
}

fn rows(rows: &[LabelledRow], palette: Palette) -> Vec<Line<'static>> {
    let line = |row: &LabelledRow| {
        Line::from(vec![
            // A longer label still ends with a blank.
            Span::styled(format!("{:<width$} ", row.label, width = LABEL - 1), QUIET),
            Span::styled(row.text.clone(), palette.tone(row.tone)),
        ])
    };
    rows.iter().map(line).collect()
}

fn percentiles(view: &ViewModel) -> Paragraph<'static> {
    let width = usize::from(FIGURE);
    let row = |name: &str, values: &mut dyn Iterator<Item = &str>| {
        let values: String = values.map(|value| format!("{value:>width$}")).collect();
        format!("{name:<8}{values}")
    };
    let header = row("", &mut view.times.columns.iter().copied());
    let mut lines = vec![Line::styled(header, QUIET)];
    for (name, values) in &view.times.rows {
        lines.push(Line::raw(row(name, &mut values.iter().map(String::as_str))));
    }
    Paragraph::new(lines)
}

fn errors_panel(view: &ViewModel, palette: Palette) -> Paragraph<'static> {
    let list = if view.errors.is_empty() {
        vec![Line::styled("none", palette.tone(Tone::Good))]
    } else {
        rows(&view.errors, palette)
    };
    let wrap = Wrap { trim: true };
    Paragraph::new(list).wrap(wrap).block(block("errors"))
}

fn verdict_panel(view: &ViewModel, palette: Palette) -> Paragraph<'static> {
    let title = Line::from(vec![
        Span::styled(" verdict so far: ", BOLD),
        Span::styled(format!("{} ", view.verdict), verdict_style(view, palette)),
    ]);
    let reasons = view.reasons.iter();
    let reasons: Vec<_> = reasons.map(|r| Line::raw(format!("– {r}"))).collect();
    let wrap = Wrap { trim: true };
    Paragraph::new(reasons).wrap(wrap).block(titled(title))
}

fn verdict_style(view: &ViewModel, palette: Palette) -> Style {
    match view.verdict_tone {
        Tone::Neutral => QUIET.patch(BOLD),
        tone => palette.tone(tone).patch(BOLD),
    }
}

/// One histogram, or two above each other if they fit.
fn histograms(frame: &mut Frame<'_>, view: &ViewModel, palette: Palette, area: Rect) {
    const ROOM_FOR_TWO: u16 = 18;
    let most = if area.height >= ROOM_FOR_TWO { 2 } else { 1 };
    let shown: Vec<_> = view.histograms.iter().take(most).collect();
    if shown.is_empty() {
        let nothing = Paragraph::new("nothing measured yet").style(QUIET);
        return frame.render_widget(nothing.block(block("histogram")), area);
    }
    let areas = Layout::vertical(vec![Fill(1); shown.len()]).split(area);
    for (bars, area) in shown.into_iter().zip(areas.iter()) {
        histogram(frame, bars, palette, *area);
    }
}

fn histogram(frame: &mut Frame<'_>, bars: &HistogramBars, palette: Palette, area: Rect) {
    let title = format!("{}, messages per log bin", bars.name);
    let block = block(&title);
    let inner = block.inner(area);
    let [above, below] = Layout::vertical([Fill(1), Length(AXIS)]).areas(inner);
    let rows = bars.rows(usize::from(above.height));
    let rows: Vec<_> = rows.into_iter().map(Line::raw).collect();
    let axis: Vec<_> = bars.axis().into_iter().map(Line::raw).collect();
    frame.render_widget(&block, area);
    frame.render_widget(Paragraph::new(rows).style(palette.bars()), above);
    frame.render_widget(Paragraph::new(axis), below);
}

/// Latencies over time, on a logarithmic axis.
fn curves(frame: &mut Frame<'_>, view: &ViewModel, palette: Palette, area: Rect) {
    let block = titled(Line::from(legend(view, palette)));
    let points = || view.curves.iter().flat_map(|curve| &curve.points);
    let Some((xs, ys)) = ends(points().map(|p| p.0)).zip(ends(points().map(|p| p.1))) else {
        let nothing = Paragraph::new("nothing measured yet").style(QUIET);
        return frame.render_widget(nothing.block(block), area);
    };
    let ys = [round_below(ys[0]), round_above(ys[1])];
    let xs = [xs[0], xs[1].max(xs[0] + 1.0)];
    let seconds = |x: f64| Line::raw(format!("{x:.0} s"));
    let time = |y: f64| Line::raw(human_time(10_f64.powf(y)));
    let datasets = view.curves.iter().enumerate().map(|(number, curve)| {
        let (style, marker, _) = palette.curve(number);
        Dataset::default()
            .graph_type(GraphType::Line)
            .marker(marker)
            .style(style)
            .data(&curve.points)
    });
    let middle = (ys[0] + ys[1]) / 2.0;
    let chart = Chart::new(datasets.collect())
        .block(block)
        .legend_position(None)
        .x_axis(axis(xs, xs.map(seconds).to_vec()))
        .y_axis(axis(ys, [ys[0], middle, ys[1]].map(time).to_vec()));
    frame.render_widget(chart, area);
}

/// Mark and name of the points of a load curve.
fn load_mark(tone: Tone) -> (char, &'static str) {
    match tone {
        Tone::Good => ('o', "held"),
        Tone::Bad => ('×', "failed"),
        Tone::Warning | Tone::Neutral => ('?', "undecided"),
    }
}

/// p99 over the offered rate, whose unit is in the labels. Both axes are logarithmic.
fn load_curve(frame: &mut Frame<'_>, curve: &LoadCurve, palette: Palette, area: Rect) {
    let mut title = vec![Span::styled(" p99: ", BOLD)];
    title.extend(curve.points.iter().map(|(tone, _)| {
        let (mark, name) = load_mark(*tone);
        Span::styled(format!("{mark} {name} "), palette.tone(*tone))
    }));
    let limit = Span::styled("─ limit ", QUIET);
    let width: usize = title.iter().chain([&limit]).map(Span::width).sum();
    let has_room = width + 2 <= usize::from(area.width);
    title.extend(curve.limit.filter(|_| has_room).map(|_| limit));
    let block = titled(Line::from(title));
    let points = || curve.points.iter().flat_map(|(_, points)| points);
    let times = points().map(|p| p.1).chain(curve.limit);
    let Some((xs, ys)) = ends(points().map(|p| p.0)).zip(ends(times)) else {
        return frame.render_widget(block, area);
    };
    let round = |ends: [f64; 2]| [round_below(ends[0]), round_above(ends[1])];
    let (xs, ys) = (round(xs), round(ys));
    let rate = |x: f64| {
        let [rate, _] = interval_ends(10_f64.powf(x), f64::INFINITY);
        Line::raw(format!("{}/s", human_rate(rate)))
    };
    let time = |y: f64| Line::raw(human_time(10_f64.powf(y)));
    let limit = curve.limit.map(|limit| xs.map(|x| (x, limit)));
    let limit = limit.iter().map(|ends| {
        Dataset::default()
            .graph_type(GraphType::Line)
            .marker(Marker::Custom('─'))
            .style(QUIET)
            .data(ends)
    });
    let points = curve.points.iter().map(|(tone, points)| {
        Dataset::default()
            .graph_type(GraphType::Scatter)
            .marker(Marker::Custom(load_mark(*tone).0))
            .style(palette.tone(*tone))
            .data(points)
    });
    let with_middle = |ends: [f64; 2]| [ends[0], (ends[0] + ends[1]) / 2.0, ends[1]];
    let chart = Chart::new(limit.chain(points).collect())
        .block(block)
        .legend_position(None)
        .x_axis(axis(xs, with_middle(xs).map(rate).to_vec()))
        .y_axis(axis(
            ys,
            match area.height < TALL {
                true => ys.map(time).to_vec(),
                false => with_middle(ys).map(time).to_vec(),
            },
        ));
    frame.render_widget(chart, area);
}

/// An axis with labels at equal distances.
fn axis(bounds: [f64; 2], labels: Vec<Line<'static>>) -> Axis<'static> {
    let axis = Axis::default().bounds(bounds).style(QUIET);
    axis.labels_alignment(Alignment::Right).labels(labels)
}

/// The legend of the curves, each with its mark: `service ⠤ p50 ⠤ p99  response ⠤ p99`.
fn legend(view: &ViewModel, palette: Palette) -> Vec<Span<'static>> {
    let mut spans = vec![Span::raw(" ")];
    let mut last = "";
    for (number, curve) in view.curves.iter().enumerate() {
        let (style, _, sign) = palette.curve(number);
        if curve.time != last {
            spans.push(Span::styled(format!("{} ", curve.time), BOLD));
            last = curve.time;
        }
        spans.push(Span::styled(format!("{sign} {} ", curve.figure), style));
    }
    spans
}

/// Decimal logarithms of the numbers with which the ends of the time axis may begin: 1, 2, 5 and 10.
const ROUND: [f64; 4] = [0.0, LOG10_2, 1.0 - LOG10_2, 1.0];

/// The next lower round number. Numbers are decimal logarithms.
fn round_below(y: f64) -> f64 {
    let below = ROUND.iter().rev().find(|step| y.floor() + *step < y);
    y.floor() + below.copied().unwrap_or(ROUND[2] - 1.0)
}

/// The next higher round number. Numbers are decimal logarithms.
fn round_above(y: f64) -> f64 {
    let above = ROUND.iter().find(|step| y.floor() + *step > y);
    y.floor() + above.copied().unwrap_or(1.0)
}

fn ends(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    values.fold(None, |ends, value| match ends {
        None => Some([value, value]),
        Some([low, high]) => Some([low.min(value), high.max(value)]),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;
    use measurement::plan::{ConnectionRules, ReconnectLaw};
    use measurement::record::{ConnectFailure, ReconnectRecord, Record};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use swarm::{Phase, RunProgress};

    use super::*;
    use crate::args::BenchArgs;
    use crate::search_progress::tests::searching;
    use crate::tests::{history, measuring, plan, plan_with, view};
    use crate::tui::history::History;
    use crate::tui::view_model::LiveState;

    const PLAIN: Palette = Palette { colours: false };
    const COLOURED: Palette = Palette { colours: true };

    fn drawn(view: &ViewModel, palette: Palette, (width, height): (u16, u16)) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, view, palette)).unwrap();
        terminal.backend().buffer().clone()
    }

    fn lines_of(buffer: &Buffer) -> Vec<String> {
        let width = usize::from(buffer.area.width).max(1);
        let rows = buffer.content.chunks(width);
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>())
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    fn open(size: (u16, u16)) -> ViewModel {
        let columns = histogram_columns(Rect::new(0, 0, size.0, size.1));
        let plan = plan("-d 20s -r 80_000 -c 100");
        let mut progress = measuring(200_000, true);
        progress.record.counts.lost = 3;
        progress.connections.failed = 1;
        progress
            .connections
            .failures
            .insert("connection refused".to_owned(), 1);
        view(&plan, &progress, columns)
    }

    /// The screen of a storm two fifths of whose connections are back.
    fn storm() -> ViewModel {
        let rules = ConnectionRules {
            reconnect: Some(ReconnectLaw::Now),
            idle: 900,
            ..ConnectionRules::default()
        };
        let plan = plan_with("-d 20s -r 80_000 -c 100", rules);
        let mut progress = measuring(400_000, true);
        progress.connections.opened = 1_000;
        let mut lost = ReconnectRecord::default();
        (0..1_000).for_each(|_| lost.lost(4_000_000_000, false));
        (0..1_400).for_each(|_| lost.attempt(4_100_000_000, 0));
        (0..900).for_each(|_| lost.failed(4_100_000_000, &ConnectFailure::Timeout));
        (0..400).for_each(|_| lost.back(4_200_000_000, 200_000_000));
        lost.missed = 120;
        progress.record.reconnect = Some(Box::new(lost));
        view(&plan, &progress, 38)
    }

    /// The rules of connections were cut off behind a long heading.
    #[test]
    fn the_rules_of_a_storm_are_not_cut_off() {
        let rules = lines_of(&drawn(&storm(), PLAIN, (80, 24)))[1].clone();
        assert_eq!(rules, "reconnect now · 900 idle");
    }

    #[test]
    fn times_of_return_and_missed_messages_are_shown_where_there_is_room() {
        let shown = |size| lines_of(&drawn(&storm(), PLAIN, size)).join("\n");
        let large = shown((100, 40));
        assert!(large.contains("back after  50 % "), "{large}");
        assert!(large.contains("missed      120 messages"), "{large}");
        assert!(!shown((80, 24)).contains("back after"));
    }

    #[test]
    fn a_storm_on_a_usual_terminal() {
        let size = (80, 24);
        assert_looks_like(
            &drawn(&storm(), PLAIN, size),
            include_str!("screens/storm-80x24.txt"),
        );
    }

    /// Compares a screen with its expected picture, and prints it if they differ.
    fn assert_looks_like(found: &Buffer, picture: &str) {
        let found = lines_of(found).join("\n");
        assert!(
            found.trim_end() == picture.trim_end(),
            "the screen looks different now:\n{found}\n"
        );
    }

    #[test]
    fn an_open_loop_on_a_usual_terminal() {
        let size = (80, 24);
        assert_looks_like(
            &drawn(&open(size), PLAIN, size),
            include_str!("screens/open-80x24.txt"),
        );
    }

    #[test]
    fn a_search_shows_its_load_curve() {
        let args = "ws-bench --find-capacity p99<10ms -c 100".split_whitespace();
        let args = BenchArgs::try_parse_from(args).unwrap();
        let (plan, rates) = (
            plan("--find-capacity p99<10ms -c 100"),
            args.several_rates(),
        );
        let (progress, search) = (measuring(200_000, true), searching());
        let state = LiveState {
            plan: &plan,
            progress: &progress,
            history: &history(&progress),
            calibration: None,
            rates: rates.as_ref(),
            search: Some(&search),
            is_interrupted: false,
        };
        let view = ViewModel::new(&state, 38);
        assert_looks_like(
            &drawn(&view, PLAIN, (80, 24)),
            include_str!("screens/search-80x24.txt"),
        );
        // The header with the conditions is not cut where there is room for a second row.
        let large = lines_of(&drawn(&view, PLAIN, (90, 40))).join("\n");
        for part in ["100 clients × 125 B", "─ limit", "──────"] {
            assert!(large.contains(part), "{part}: {large}");
        }
        // A step begins without answers, which is not a fault.
        let mut progress = progress.clone();
        progress.record = Record::default();
        let state = LiveState {
            progress: &progress,
            ..state
        };
        let view = ViewModel::new(&state, 38);
        assert_eq!(
            (view.verdict, view.reasons.len()),
            ("nothing measured yet", 0)
        );
    }

    #[test]
    fn an_open_loop_on_a_large_terminal() {
        let size = (160, 48);
        assert_looks_like(
            &drawn(&open(size), PLAIN, size),
            include_str!("screens/open-160x48.txt"),
        );
    }

    #[test]
    fn a_closed_loop_on_a_usual_terminal() {
        let size = (80, 24);
        let view = view(&plan("-d 20s"), &measuring(200_000, false), 38);
        assert_looks_like(
            &drawn(&view, COLOURED, size),
            include_str!("screens/closed-80x24.txt"),
        );
    }

    #[test]
    fn a_small_terminal_has_the_most_important_lines() {
        let size = (50, 9);
        assert_looks_like(
            &drawn(&open(size), PLAIN, size),
            include_str!("screens/open-50x9.txt"),
        );
    }

    #[test]
    fn no_size_is_too_small_and_none_too_large() {
        let waiting = RunProgress::default();
        let plan = plan("-r 100 -d 5s");
        let look = LiveState {
            plan: &plan,
            progress: &waiting,
            history: &History::default(),
            calibration: None,
            rates: None,
            search: None,
            is_interrupted: false,
        };
        for size in [
            (0, 0),
            (1, 1),
            (2, 40),
            (300, 1),
            (20, 5),
            (72, 20),
            (71, 19),
            (200, 60),
            (500, 200),
        ] {
            for view in [ViewModel::new(&look, 10), open(size)] {
                let area = drawn(&view, COLOURED, size).area;
                assert_eq!((area.width, area.height), size);
            }
        }
    }

    #[test]
    fn without_colour_nothing_is_coloured_and_curves_differ_by_their_marks() {
        let size = (100, 30);
        let plain = drawn(&open(size), PLAIN, size);
        assert!(
            plain
                .content
                .iter()
                .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset)
        );
        let text = lines_of(&plain).join("\n");
        assert!(text.contains("• p99") && text.contains("× p99"), "{text}");
        let coloured = drawn(&open(size), COLOURED, size);
        let has = |colour| coloured.content.iter().any(|cell| cell.fg == colour);
        assert!(has(Color::Cyan) && has(Color::Magenta) && has(Color::Red));
    }

    #[test]
    fn the_phase_that_runs_stands_out() {
        let size = (80, 24);
        let buffer = drawn(&open(size), PLAIN, size);
        let reversed: String = buffer
            .content
            .iter()
            .filter(|cell| cell.modifier.contains(Modifier::REVERSED))
            .map(|cell| cell.symbol())
            .collect();
        assert_eq!(reversed.trim(), format!("▶ {}", Phase::Measure.name()));
    }

    #[test]
    fn ends_of_the_axis_are_round() {
        let round = |ns: f64| {
            [round_below(ns.log10()), round_above(ns.log10())].map(|y| 10_f64.powf(y).round())
        };
        assert_eq!(round(70_900.0), [50_000.0, 100_000.0]);
        assert_eq!(round(1_500.0), [1_000.0, 2_000.0]);
        assert_eq!(round(3_000.0), [2_000.0, 5_000.0]);
        // A flat line at a round number has room on both sides.
        assert_eq!(round(1_000.0), [500.0, 2_000.0]);
    }
}
