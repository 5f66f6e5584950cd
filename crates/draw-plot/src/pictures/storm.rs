//! The share of connections that are up during a reconnect storm, and below it the attempts, their failures and the
//! clients that are back in each interval.

use measurement::run::{ReconnectRow, Summary};
use plotters::style::{Color, RGBColor};
use units::{grouped, human_percent, human_time};

use super::common::{check_count, hover_places, scale_from_zero};
use super::storm_bins::StormBins;
use super::storm_lines::{ATTEMPTS, OUTCOMES, StormEvent, StormLine, back_after, ended, failed};
use super::storm_marks::{name_marks, time_label};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::data::Labelled;
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::phrases::{join, prefix, text_if, unless_none};
use crate::plot::{Hover, Plot, PlotContext};
use crate::scale::AxisScale;
use crate::series::whole;

pub(crate) struct StormPlot<'a> {
    context: PlotContext<'a>,
    all: Vec<StormLine<'a>>,
    /// Start and end of the axis, in seconds after T0.
    span: (f64, f64),
    bins: StormBins,
}

/// Room before the first loss, as a share of the time to the last event.
const AIR_BEFORE: f64 = 0.04;

/// Room behind the last event, in which the name of a mark fits. The end of the run ends it.
const AIR_BEHIND: f64 = 0.12;

/// Multiple of the usual count from which counts are drawn on a logarithmic axis.
const FAR: f64 = 50.0;

/// Strength of the area below the attempts of one run.
const FAINT: f64 = 0.22;

/// Strength of the area of failed attempts of one of several runs.
const FAILED: f64 = 0.45;

/// Radius of a mark.
const MARK: f64 = 4.0;

impl<'a> StormPlot<'a> {
    pub(crate) fn new(
        context: PlotContext<'a>,
        runs: &'a [Labelled<Summary>],
    ) -> Result<Self, DrawError> {
        check_count(runs.len())?;
        let colours = &context.colours.series;
        let line = |(run, colour): (&'a Labelled<Summary>, &RGBColor)| {
            let of_run = run.reconnect.as_ref();
            let of_run = of_run.ok_or_else(|| DrawError::NothingLost(run.label.clone()))?;
            StormLine::new(run, of_run, *colour, runs.len() == 1)
        };
        let all: Result<Vec<_>, DrawError> = runs.iter().zip(colours).map(line).collect();
        let all = all?;
        let first_s = all.iter().map(|line| line.lost_s).fold(f64::MAX, f64::min);
        let last_s = all.iter().map(|line| line.end_s).fold(0.0, f64::max);
        let interval_s = all.iter().map(StormLine::interval_s).fold(0.0, f64::max);
        let run_s = all.iter().map(|line| line.run_s).fold(0.0, f64::max);
        // Several intervals at least, so that a single one does not look like a state.
        let air_s = |share: f64| (share * (last_s - first_s)).max(interval_s);
        let end_s = (last_s + air_s(AIR_BEHIND)).min(run_s);
        // A file can hold losses behind the end of its run.
        let end_s = if end_s > first_s { end_s } else { last_s };
        let span = ((first_s - air_s(AIR_BEFORE)).max(0.0), end_s);
        let width = context.options.size.width;
        Ok(Self {
            context,
            all,
            span,
            bins: StormBins::over(span, interval_s, width),
        })
    }

    fn subtitle(&self) -> String {
        match self.all.as_slice() {
            [only] => {
                let of_run = only.of_run;
                let failed = unless_none(of_run.failed(), "attempt", "failed");
                let missed = unless_none(of_run.missed, "message", "missed");
                let mut parts = vec![only.label.to_owned(), only.law()];
                parts.extend(only.losses());
                let overflows = of_run.listen_overflows.unwrap_or(0);
                let overflows = unless_none(overflows, "overflow", "of listen queues");
                parts.extend([failed, missed, overflows]);
                join(parts)
            }
            all => format!("{} files", all.len()),
        }
    }

    fn legend(&self) -> Vec<LegendEntry> {
        match self.all.as_slice() {
            [only] => self.legend_of_one(only),
            all => self.legend_of_several(all),
        }
    }

    fn legend_of_one(&self, line: &StormLine<'_>) -> Vec<LegendEntry> {
        let faint = self.context.colours.faint_text;
        let back = back_after(line.shares_back());
        let mut entries = vec![
            LegendEntry::new(Swatch::Line, line.colour, "connections up"),
            LegendEntry::new(Swatch::Dashes, faint, line.first_loss()),
        ];
        if !back.is_empty() {
            let text = format!("of the lost, {back}");
            entries.push(LegendEntry::new(Swatch::Dot, line.colour, text));
        }
        if self.has_any(&ATTEMPTS) {
            entries.push(LegendEntry::new(Swatch::Range(FAINT), faint, ATTEMPTS.name));
        }
        let events = OUTCOMES.iter().filter(|event| self.has_any(event));
        let entry =
            |event| LegendEntry::new(Swatch::Area(1.0), self.event_colour(event), event.name);
        entries.extend(events.map(entry));
        entries
    }

    /// An entry for each file, with the time of its first loss.
    fn legend_of_several(&self, all: &[StormLine<'_>]) -> Vec<LegendEntry> {
        let of_file = |line: &StormLine<'_>| {
            let mut parts = vec![line.label.to_owned(), line.law()];
            parts.extend(line.losses());
            parts.push(line.first_loss());
            parts.push(back_after(line.shares_back().last().into_iter()));
            LegendEntry::new(Swatch::Curve, line.colour, join(parts))
        };
        let text = self.context.colours.text;
        let loss = LegendEntry::new(Swatch::Dashes, text, "first loss");
        let mut entries: Vec<_> = all.iter().map(of_file).chain([loss]).collect();
        if self.has_any(&ATTEMPTS) {
            entries.push(LegendEntry::new(Swatch::Stroke(1.0), text, "attempts"));
        }
        if all
            .iter()
            .any(|line| line.rows.iter().any(|row| failed(row) > 0))
        {
            entries.push(LegendEntry::new(
                Swatch::Area(FAILED),
                text,
                "failed attempts",
            ));
        }
        entries
    }

    fn has_any(&self, event: &StormEvent) -> bool {
        let mut rows = self.all.iter().flat_map(|line| &line.rows);
        rows.any(|row| (event.count)(row) > 0)
    }

    fn event_colour(&self, event: &StormEvent) -> RGBColor {
        let colours = &self.context.colours;
        event
            .colour
            .map_or(colours.faint_text, |at| colours.series[at])
    }

    /// The upper axis, with room for the name of a mark at the top.
    fn shares(&self) -> AxisScale {
        let has_names = self.all.len() == 1 && self.all[0].marks_on_line().next().is_some();
        AxisScale::linear(0.0, if has_names { 108.0 } else { 104.0 })
    }

    /// Heights of the lower panel, ascending.
    fn heights(&self) -> Vec<f64> {
        let second = match self.all.len() {
            1 => ended,
            _ => failed as fn(&ReconnectRow) -> u64,
        };
        let counts = self.all.iter().flat_map(|line| {
            let counts = [ATTEMPTS.count, second].into_iter();
            counts.flat_map(|count| self.bins.counts(&line.rows, count))
        });
        let counts = counts.filter(|count| *count > 0);
        let mut heights: Vec<f64> = counts.map(|count| count as f64).collect();
        heights.sort_by(f64::total_cmp);
        heights
    }

    /// The lower axis, and `true` for a logarithmic one.
    fn count_scale(&self) -> (AxisScale, bool) {
        let heights = self.heights();
        let high = heights.last().copied().unwrap_or(0.0);
        let usual = heights.get(heights.len() / 2).copied().unwrap_or(high);
        let is_log = high > 0.0 && (self.context.options.log || high > FAR * usual);
        match is_log {
            // A single event of an interval stands above the lower edge.
            true => (AxisScale::log_between(0.5, 1.2 * high), true),
            false => (scale_from_zero(high), false),
        }
    }

    fn draw_up(&self, axes: &PanelAxes<'_>) {
        for line in self.all.iter().rev() {
            let first = line.up_at_first();
            let mut points = vec![(self.span.0, first)];
            for (at_s, share) in &line.up {
                let before = points.last().map_or(first, |(_, share)| *share);
                points.extend([(*at_s, before), (*at_s, *share)]);
            }
            let last = points.last().map_or(first, |(_, share)| *share);
            points.push((self.span.1.min(line.run_s.max(line.end_s)), last));
            let pixels = points.into_iter().map(|point| axes.at(point));
            axes.canvas.line(pixels, line.colour, 2.0);
            for (_, at) in line.marks_on_line() {
                axes.canvas.point(axes.at(at), MARK, line.colour);
            }
        }
        if let [only] = self.all.as_slice() {
            name_marks(axes, only);
        }
    }

    fn draw_losses(&self, axes: &PanelAxes<'_>) {
        for line in &self.all {
            let x = axes.x.pixel(line.lost_s.max(self.span.0));
            let colour = match self.all.len() {
                1 => self.context.colours.faint_text,
                _ => line.colour,
            };
            let path = [(x, axes.bottom), (x, axes.top)];
            axes.canvas.dashed(&path, colour, 1.3);
        }
    }

    fn draw_events(&self, axes: &PanelAxes<'_>, is_log: bool) {
        let [only] = self.all.as_slice() else {
            for line in self.all.iter().rev() {
                for outline in self.outlines(axes, line, failed) {
                    axes.canvas.polygon(&outline, line.colour.mix(FAILED));
                }
                for outline in self.outlines(axes, line, ATTEMPTS.count) {
                    axes.canvas.line(outline, line.colour, 1.0);
                }
            }
            return;
        };
        let faint = self.context.colours.faint_text;
        let attempts = self.outlines(axes, only, ATTEMPTS.count);
        for outline in &attempts {
            axes.canvas.polygon(outline, faint.mix(FAINT));
        }
        if !is_log {
            self.draw_parts(axes, only);
        }
        for outline in attempts {
            axes.canvas.line(outline, faint, 1.3);
        }
        if is_log {
            // The heights of parts of a bar have no meaning on such an axis.
            for event in OUTCOMES.iter().rev() {
                for outline in self.outlines(axes, only, event.count) {
                    axes.canvas.line(outline, self.event_colour(event), 2.0);
                }
            }
        }
    }

    /// Draws a bar for each interval, with a part for each outcome. A small part is high enough to be seen.
    fn draw_parts(&self, axes: &PanelAxes<'_>, line: &StormLine<'_>) {
        let lowest = 2.0 * axes.font.scale;
        let counts = OUTCOMES.map(|event| self.bins.counts(&line.rows, event.count));
        for at in 0..self.bins.count {
            let (from_s, to_s) = self.ends_after_loss(line, at);
            let (left, right) = (axes.x.pixel(from_s), axes.x.pixel(to_s));
            let mut bottom = axes.bottom;
            for (event, counts) in OUTCOMES.iter().zip(&counts) {
                // As many counts as bins.
                let count = counts[whole(at as f64)];
                if count > 0 {
                    let height = axes.bottom - axes.y.pixel(count as f64);
                    let top = bottom - height.max(lowest);
                    let colour = self.event_colour(event);
                    axes.canvas.rectangle((left, top), (right, bottom), colour);
                    bottom = top;
                }
            }
        }
    }

    /// Start and end of an interval. The one of the first loss begins with it.
    fn ends_after_loss(&self, line: &StormLine<'_>, at: u64) -> (f64, f64) {
        let (from_s, to_s) = self.bins.ends(at);
        let holds_loss = (from_s..to_s).contains(&line.lost_s);
        (if holds_loss { line.lost_s } else { from_s }, to_s)
    }

    /// The outlines of the bars of events, in pixels: one for each stretch without an empty bin.
    fn outlines(
        &self,
        axes: &PanelAxes<'_>,
        line: &StormLine<'_>,
        count: fn(&ReconnectRow) -> u64,
    ) -> Vec<Vec<(f64, f64)>> {
        let counts = self.bins.counts(&line.rows, count);
        let numbered: Vec<_> = (0..).zip(counts).collect();
        let stretches = numbered.chunk_by(|(_, a), (_, b)| (*a > 0) == (*b > 0));
        let full = stretches.filter(|stretch| stretch.iter().any(|(_, count)| *count > 0));
        let outline = |stretch: &[(u64, u64)]| {
            let tops = stretch.iter().flat_map(|(at, count)| {
                let (from_s, to_s) = self.ends_after_loss(line, *at);
                let height = *count as f64;
                [axes.at((from_s, height)), axes.at((to_s, height))]
            });
            let mut points: Vec<_> = tops.collect();
            let ends = [points.first(), points.last()].map(|end| end.map_or(0.0, |(x, _)| *x));
            points.insert(0, (ends[0], axes.bottom));
            points.push((ends[1], axes.bottom));
            points
        };
        full.map(outline).collect()
    }

    fn hovers(&self, axes: &PanelAxes<'_>) -> Vec<Hover> {
        let bins = usize::try_from(self.bins.count).unwrap_or(usize::MAX);
        let hover = |at: usize| {
            let (from_s, to_s) = self.bins.ends(at as u64);
            let visible = (from_s.max(self.span.0), to_s.min(self.span.1));
            let mut text = vec![format!(
                "{} to {}",
                human_time(from_s * 1e9),
                human_time(to_s * 1e9)
            )];
            for line in &self.all {
                let name = prefix(line.label, self.all.len());
                let up = human_percent(line.up_at(visible.1) / 100.0);
                let events = [ATTEMPTS].iter().chain(&OUTCOMES).filter_map(|event| {
                    let count = self.bins.counts(&line.rows, event.count)[at];
                    (count > 0).then(|| format!("{} {}", grouped(count), event.name))
                });
                let parts: Vec<_> = [format!("{up} up")].into_iter().chain(events).collect();
                text.push(format!("{name}{}", parts.join(", ")));
            }
            Hover::column(axes.x.pixel(f64::midpoint(visible.0, visible.1)), text)
        };
        hover_places(bins).map(hover).collect()
    }
}

impl Plot for StormPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let x = AxisScale::linear(self.span.0, self.span.1);
        let x_label = time_label(self.all.len());
        let up = Panel {
            share: 1.2,
            ..Panel::new("connections that are up (%)".to_owned(), self.shares())
        };
        let (counts, is_log) = self.count_scale();
        let counted = match self.all.len() {
            1 => "attempts and their outcomes",
            _ => "attempts",
        };
        let events = Panel::new(
            format!(
                "{counted} per {}{}",
                self.bins.length(),
                text_if(is_log, ", logarithmic")
            ),
            counts,
        );
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let mut panels = vec![up];
        if self.has_any(&ATTEMPTS) {
            panels.push(events);
        }
        let context = &self.context;
        let axes = context.draw_panels(canvas, &subtitle, &legend, (x, x_label), &panels)?;
        axes.iter().for_each(|axes| self.draw_losses(axes));
        // As many axes as panels, of which there is at least one.
        let upper = &axes[0];
        self.draw_up(upper);
        if let Some(lower) = axes.get(1) {
            self.draw_events(lower, is_log);
        }
        Ok(self.hovers(upper))
    }

    fn alt(&self) -> String {
        let mut sentences = "Share of the connections that are up over time, and attempts to \
                             reconnect and their failures in each interval."
            .to_owned();
        for line in &self.all {
            let mut parts = line.losses();
            parts.push(back_after(line.shares_back()));
            parts.retain(|part| !part.is_empty());
            parts.push(format!("{} attempts", grouped(line.of_run.attempts)));
            parts.push(format!("{} failed", grouped(line.of_run.failed())));
            sentences += &format!(" {}: {}.", line.label, parts.join(", "));
        }
        sentences
    }
}
