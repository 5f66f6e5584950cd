//! The throughput and the times of each second of a run.

use measurement::record::{RowSpan, TimelineRow};
use measurement::run::Run;
use plotters::style::Color;
use results::read::Metric;
use units::{counted, grouped};

use super::common::{check_count, hover_places, scale_from_zero, scale_of_times};
use super::run_seconds::{ReceivedEvent, RunSeconds, row_name};
use super::time_axis::TimeAxis;
use super::timeline_tracks::{LARGEST, Track, failures, highest, tracks_of_one, tracks_of_several};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::{Align, Canvas};
use crate::data::Labelled;
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::number_format::{fixed_decimals, milliseconds};
use crate::phrases::{join, prefix, text_if, unless_none, zeros_at_edge};
use crate::plot::{Hover, Plot, PlotContext};
use crate::scale::AxisScale;
use crate::series::{self, lines, span, thin_out};
use crate::theme::{Colours, ZONE_STRENGTH};

/// Height of an axis in relation to the highest value, if labels stand above the values.
const HEADROOM: f64 = 1.25;

pub(crate) struct TimelinePlot<'a> {
    context: PlotContext<'a>,
    all: Vec<RunSeconds<'a>>,
    metric: Metric,
    throughput: Vec<Track>,
    times: Vec<Track>,
    time: TimeAxis,
}

impl<'a> TimelinePlot<'a> {
    pub(crate) fn new(
        context: PlotContext<'a>,
        runs: &'a [Labelled<Run>],
        only: Option<Metric>,
    ) -> Result<Self, DrawError> {
        check_count(runs.len())?;
        let all: Vec<_> = runs.iter().map(RunSeconds::of).collect();
        if let Some(empty) = all.iter().find(|run| run.rows.is_empty()) {
            return Err(DrawError::NoValues(empty.label.to_owned()));
        }
        let metric = only.unwrap_or_default();
        let (throughput, times) = match all.as_slice() {
            [run] => tracks_of_one(run, only, &context.colours),
            all => tracks_of_several(all, metric, &context.colours),
        };
        Ok(Self {
            context,
            time: TimeAxis::of(&all),
            all,
            metric,
            throughput,
            times,
        })
    }

    fn row_name(&self) -> String {
        let rows = self.all.iter().flat_map(|run| run.rows);
        row_name(rows.map(|row| row.seconds))
    }

    fn subtitle(&self) -> String {
        let mut parts = match self.all.as_slice() {
            [only] => {
                let received = only.rows.iter().map(|row| row.received).sum();
                let events = match only.received {
                    ReceivedEvent::Echo => counted(received, "echo"),
                    ReceivedEvent::LastDelivery => {
                        format!("{} delivered to all", counted(received, "message"))
                    }
                    ReceivedEvent::Push => {
                        let missing = unless_none(only.missing_pushes, "push", "missing");
                        join([counted(received, "push"), missing])
                    }
                };
                vec![only.label.to_owned(), events]
            }
            all => vec![format!("{} files", all.len())],
        };
        if let Some((shortest, longest)) = span(self.all.iter().filter_map(|one| one.elapsed_s)) {
            let (shortest, longest) = (duration(shortest), duration(longest));
            parts.push(if shortest == longest {
                format!("measured {longest}")
            } else {
                let shortest = without_unit(&shortest, &longest);
                format!("measured {shortest} to {longest}")
            });
        }
        let failed = failures(&self.all).map(|(_, count)| count).sum();
        parts.push(unless_none(failed, "message", "failed"));
        let zeros = self.times.iter().flat_map(Track::values);
        let zeros = zeros.filter(|ms| self.is_log() && *ms <= 0.0).count() as u64;
        parts.push(zeros_at_edge(zeros, "figure"));
        join(parts)
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let tracks = self.throughput.iter().chain(self.times.iter().rev());
        let tracks = tracks.filter(|track| !track.label.is_empty());
        let line = |track: &Track| {
            LegendEntry::new(Swatch::Stroke(track.width), track.colour, &*track.label)
        };
        let mut entries: Vec<_> = tracks.map(line).collect();
        let Colours { grid, text, .. } = self.context.colours;
        let zone = |text: String| LegendEntry::new(Swatch::Area(ZONE_STRENGTH), grid, text);
        let warmups = self.all.iter().filter_map(|one| one.warmup_s);
        if let Some(warmup_s) = warmups.reduce(f64::max).filter(|_| self.time.from_s < 0.0) {
            let warmup = duration(warmup_s);
            entries.push(zone(format!("warm-up of {warmup}, not recorded")));
        }
        if let Some(drain) = self.time.drain {
            let scale = text_if(!drain.is_to_scale, " (not to scale)");
            let sends = text_if(drain.has_sends, "sends and ");
            let events = self.late_events();
            entries.push(zone(format!("drain: late {sends}{events}{scale}")));
        }
        if failures(&self.all).next().is_some() {
            let failed = match self.received() {
                ReceivedEvent::LastDelivery => "seconds with messages that did not reach all",
                _ => "seconds with messages that were lost, corrupted or late",
            };
            entries.push(LegendEntry::new(Swatch::Area(1.0), text, failed));
        }
        entries
    }

    /// The event that all runs count; echoes where they differ.
    fn received(&self) -> ReceivedEvent {
        let first = self.all.first().map(|run| run.received);
        let is_same = self.all.iter().all(|run| Some(run.received) == first);
        first.filter(|_| is_same).unwrap_or(ReceivedEvent::Echo)
    }

    fn late_events(&self) -> &'static str {
        match self.received() {
            ReceivedEvent::Echo => "echoes",
            ReceivedEvent::LastDelivery => "deliveries",
            ReceivedEvent::Push => "pushes",
        }
    }

    /// False for feeds alone, which have no service time.
    fn has_times(&self) -> bool {
        self.received() != ReceivedEvent::Push
    }

    /// True if the options ask for a logarithmic axis, or if the usual times would touch the lower edge of a linear one.
    fn is_log(&self) -> bool {
        /// Multiple of the median of all that is drawn.
        const FAR: f64 = 20.0;
        let all = self.times.iter().flat_map(Track::values);
        let mut positive: Vec<f64> = all.filter(|ms| *ms > 0.0).collect();
        positive.sort_by(f64::total_cmp);
        let usual = positive.get(positive.len() / 2).copied();
        self.context.options.log || usual.is_some_and(|ms| highest(&self.times) > FAR * ms)
    }

    fn panels(&self) -> Result<Vec<Panel<'_>>, DrawError> {
        let has_labels = self.stage_starts().next().is_some();
        let headroom = if has_labels { HEADROOM } else { 1.0 };
        let rates = scale_from_zero(highest(&self.throughput) * headroom);
        let rates = match self.received() {
            ReceivedEvent::Push => {
                return Ok(vec![Panel::new("pushes per second".to_owned(), rates)]);
            }
            ReceivedEvent::LastDelivery | ReceivedEvent::Echo => {
                Panel::new("messages per second".to_owned(), rates)
            }
        };
        let row = self.row_name();
        let what = match self.all.as_slice() {
            [only] if only.received == ReceivedEvent::LastDelivery => {
                format!("times to the last receiver of each {row}")
            }
            [_] => format!("times of the echoes of each {row}"),
            _ => format!("p99 {} of each {row}", self.metric.name()),
        };
        let log = text_if(self.is_log(), ", logarithmic");
        let values = self.times.iter().flat_map(Track::values);
        let times = scale_of_times(self.is_log(), values, highest(&self.times))?;
        let times = Panel {
            share: 1.4,
            ..Panel::new(format!("{what} (ms{log})"), times)
        };
        Ok(vec![rates, times])
    }

    fn x(&self, axes: &PanelAxes<'_>, at_s: f64) -> f64 {
        axes.x.pixel(at_s / self.time.unit_s)
    }

    fn draw_zones(&self, axes: &PanelAxes<'_>) {
        let (canvas, top, bottom) = (axes.canvas, axes.top, axes.bottom);
        let zone = |from_s: f64, to_s: f64| {
            let (left, right) = (self.x(axes, from_s), self.x(axes, to_s));
            let colour = self.context.colours.grid.mix(ZONE_STRENGTH);
            canvas.rectangle((left, top), (right.max(left + 1.0), bottom), colour);
            (left, right)
        };
        if self.time.from_s < 0.0 {
            let (left, right) = zone(self.time.from_s, 0.0);
            let font = axes.font.faint;
            let texts = ["warm-up,", "not recorded"];
            if canvas.widest(texts.iter(), font) + 8.0 * axes.font.scale <= right - left {
                let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
                for (text, down) in texts.iter().zip([-0.7, 0.7]) {
                    canvas.text(text, font, Align::Centre, (x, y + down * font.size));
                }
            }
        }
        if let Some(drain) = self.time.drain {
            zone(drain.from_s, self.time.to_s);
        }
    }

    /// Start, end and rate of each stage of a single run.
    fn stage_starts(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let stages = match self.all.as_slice() {
            [only] => only.stages,
            _ => &[],
        };
        stages.iter().scan(0.0, |start_s, stage| {
            let from_s = *start_s;
            *start_s += stage.duration_s;
            Some((from_s, *start_s, stage.rate_per_s))
        })
    }

    fn draw_stages(&self, axes: &PanelAxes<'_>) {
        let (canvas, font, k) = (axes.canvas, axes.font.faint, axes.font.scale);
        let (top, bottom) = (axes.top, axes.bottom);
        let end_s = self.time.to_s;
        for (from_s, to_s, rate) in self.stage_starts().filter(|(from_s, ..)| *from_s < end_s) {
            let (left, right) = (self.x(axes, from_s), self.x(axes, to_s.min(end_s)));
            if from_s > 0.0 {
                canvas.dashed(&[(left, bottom), (left, top)], font.colour, 1.3);
            }
            let rate = fixed_decimals(rate.round(), 0);
            let fits = |text: &&String| canvas.text_width(text, font) + 8.0 * k <= right - left;
            let texts = [format!("offered {rate}/s"), format!("{rate}/s")];
            if let Some(text) = texts.iter().find(fits) {
                let at = (left + 5.0 * k, top + 0.8 * font.size);
                canvas.text(text, font, Align::Left, at);
            }
        }
    }

    fn draw_tracks(&self, axes: &PanelAxes<'_>, tracks: &[Track]) {
        for track in tracks {
            for line in lines(&track.steps) {
                let points = line.into_iter();
                let pixels = points.map(|(at_s, value)| axes.at((at_s / self.time.unit_s, value)));
                let pixels = thin_out(&pixels.collect::<Vec<_>>());
                axes.canvas.line(pixels, track.colour, track.width);
            }
        }
    }

    /// Draws seconds with failures along the lower edge, and above them the number of failures.
    fn draw_failures(&self, axes: &PanelAxes<'_>) {
        let (canvas, font, k) = (axes.canvas, axes.font.text, axes.font.scale);
        let bottom = axes.bottom;
        for (span, _) in failures(&self.all) {
            let from_s = span.second as f64;
            // A row must be visible, however narrow it is.
            let left = self.x(axes, from_s).min(axes.right - 2.0 * k);
            let right = self.x(axes, (span.end() as f64).min(self.time.to_s));
            let lower_right = (right.max(left + 2.0 * k), bottom);
            canvas.rectangle((left, bottom - 6.0 * k), lower_right, font.colour);
        }
        let pixels_a_second = self.x(axes, 1.0) - self.x(axes, 0.0);
        let widest = canvas.text_width("9,999 failed ", font);
        let groups = series::failures(failures(&self.all), widest / pixels_a_second);
        for (from_s, to_s, count) in groups {
            let text = format!("{} failed", grouped(count));
            let half = canvas.text_width(&text, font) / 2.0;
            let middle = (self.x(axes, from_s) + self.x(axes, to_s)) / 2.0;
            let (left, right) = (axes.left + half, axes.right - half);
            let y = bottom - 8.0 * k - 0.7 * font.size;
            canvas.text(&text, font, Align::Centre, (middle.min(right).max(left), y));
        }
    }

    fn hovers(&self, axes: &PanelAxes<'_>) -> Vec<Hover> {
        let rows = self.all.iter().flat_map(|run| run.rows);
        let mut spans: Vec<_> = rows.map(TimelineRow::span).collect();
        spans.retain(|span| (span.second as f64) < self.time.to_s);
        spans.sort_unstable_by_key(|span| (span.second, span.seconds));
        spans.dedup_by_key(|span| span.second);
        let hover = |place: usize| {
            let span = spans[place];
            let to_s = (span.end() as f64).min(self.time.to_s);
            let x = self.x(axes, f64::midpoint(span.second as f64, to_s));
            Hover::column(x, self.describe(span))
        };
        hover_places(spans.len()).map(hover).collect()
    }

    fn describe(&self, span: RowSpan) -> Vec<String> {
        let mut text = vec![format!("{} s to {} s", span.second, span.end())];
        for run in &self.all {
            // Rows of another run may be longer.
            let behind = run.rows.partition_point(|row| row.second <= span.second);
            let before = behind.checked_sub(1).map(|at| &run.rows[at]);
            let Some(row) = before.filter(|row| span.second < row.span().end()) else {
                continue;
            };
            let name = prefix(run.label, self.all.len());
            let mut counts = format!("{} received", grouped(row.received));
            if run.knows_sent {
                counts = format!("{} sent, {counts}", counted(row.sent, "message"));
            }
            if row.failed > 0 {
                counts += &format!(", {} failed", grouped(row.failed));
            }
            text.push(format!("{name}{counts}"));
            let response = row.response_p99_ns.filter(|_| run.is_open_loop);
            let times = [
                ("service p50", row.service_p50_ns),
                ("service p99", row.service_p99_ns),
                ("response p99", response),
                ("largest", row.max_ns),
            ];
            let known = times.into_iter().filter_map(|(what, ns)| {
                Some(format!("{what} {}", milliseconds(ns? as f64 / 1e6)))
            });
            let known: Vec<_> = known.collect();
            if !known.is_empty() {
                text.push(format!("{name}{}", known.join(", ")));
            }
        }
        text
    }
}

impl Plot for TimelinePlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let (unit, unit_s) = (self.time.unit, self.time.unit_s);
        let x = AxisScale::linear(self.time.from_s / unit_s, self.time.to_s / unit_s);
        let x_label = format!("time since the start of measuring ({unit})");
        let (context, x) = (&self.context, (x, &*x_label));
        let (subtitle, legend, panels) = (self.subtitle(), self.legend(), self.panels()?);
        let axes = context.draw_panels(canvas, &subtitle, &legend, x, &panels)?;
        axes.iter().for_each(|axes| self.draw_zones(axes));
        // As many axes as panels, of which there is at least one.
        let upper = &axes[0];
        self.draw_stages(upper);
        self.draw_tracks(upper, &self.throughput);
        if let Some(lower) = axes.get(1) {
            self.draw_tracks(lower, &self.times);
        }
        self.draw_failures(upper);
        Ok(self.hovers(upper))
    }

    fn alt(&self) -> String {
        let subtitle = self.subtitle().replace(" · ", ", ");
        let rates = fixed_decimals(highest(&self.throughput).round(), 0);
        let what = match self.has_times() {
            true => ["Throughput and times", "messages"],
            false => ["Pushes", "pushes"],
        };
        let [title, noun] = what;
        let row = self.row_name();
        let mut sentences =
            format!("{title} of each {row}. {subtitle}. Up to {rates} {noun} per second.");
        let times = self.times.iter().rev();
        for track in times.filter(|track| !track.label.is_empty()) {
            let highest = milliseconds(highest([track]));
            sentences += &match track.label.as_str() {
                LARGEST => format!(" Largest time: {highest}."),
                label => format!(" Highest {label}: {highest}."),
            };
        }
        sentences
    }
}

/// `2.00` of `2.00 s`, where the other has the same unit.
fn without_unit<'t>(one: &'t str, other: &str) -> &'t str {
    match (one.split_once(' '), other.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => number,
        _ => one,
    }
}

/// `9.87 s`; less than a second in milliseconds.
fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        milliseconds(1e3 * seconds)
    } else {
        format!("{} s", fixed_decimals(seconds, 2))
    }
}
