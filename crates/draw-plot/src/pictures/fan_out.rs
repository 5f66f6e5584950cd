//! Delivery times of the first, the median and the last receiver of each second, and below them the share of receivers
//! reached over delivery time.

use measurement::record::RowSpan;
use measurement::run::Summary;
use plotters::style::RGBColor;
use units::human_time;
use wording::deliveries_view;

use super::common::{check_count, hover_places, scale_of_times};
use super::fan_out_lines::{FanOutLine, RECEIVERS, Receiver, figures, ms};
use super::run_seconds::row_name;
use crate::axes::{Panel, PanelAxes};
use crate::canvas::{Align, Canvas};
use crate::data::Labelled;
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::phrases::{join, prefix, text_if};
use crate::plot::{Hover, Plot, PlotContext};
use crate::scale::AxisScale;
use crate::series::{even_places, lines, log_places, steps, time_unit};

pub(crate) struct FanOutPlot<'a> {
    context: PlotContext<'a>,
    all: Vec<FanOutLine<'a>>,
    /// End of the axis of moments, its unit, and the unit's length in seconds.
    end: (f64, &'static str, f64),
}

/// Index of the colour of the lower line in a picture of one run.
const REACHED_COLOUR: usize = 3;

/// Multiple of the usual time from which times are drawn on a logarithmic axis.
const FAR: f64 = 20.0;

impl<'a> FanOutPlot<'a> {
    pub(crate) fn new(
        context: PlotContext<'a>,
        runs: &'a [Labelled<Summary>],
    ) -> Result<Self, DrawError> {
        check_count(runs.len())?;
        let colours = &context.colours.series;
        let line = |(run, colour): (&'a Labelled<Summary>, &RGBColor)| {
            let of_run = run.fan_out.as_ref().filter(|of_run| of_run.delivered > 0);
            let of_run = of_run.ok_or_else(|| DrawError::NothingDelivered(run.label.clone()))?;
            Ok(FanOutLine::new(run, of_run, *colour))
        };
        let all: Result<Vec<_>, DrawError> = runs.iter().zip(colours).map(line).collect();
        let all = all?;
        let end_s = all.iter().map(FanOutLine::end_s).fold(0.0, f64::max);
        let (unit, unit_s) = time_unit(end_s);
        Ok(Self {
            context,
            all,
            end: (end_s, unit, unit_s),
        })
    }

    fn colour(&self, line: &FanOutLine<'_>, index: usize) -> RGBColor {
        match self.all.len() {
            1 => self.context.colours.series[index],
            _ => line.colour,
        }
    }

    fn subtitle(&self) -> String {
        match self.all.as_slice() {
            [only] => join([only.label.to_owned(), deliveries_view::counts(only.of_run)]),
            all => format!("{} files", all.len()),
        }
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let highest_first = RECEIVERS.iter().rev();
        if let [only] = self.all.as_slice() {
            let entry = |receiver: &Receiver| {
                let colour = self.colour(only, receiver.colour);
                let figures = figures((receiver.times)(only.of_run));
                let text = join([receiver.name.to_owned(), figures]);
                LegendEntry::new(Swatch::Line, colour, text)
            };
            return highest_first.map(entry).collect();
        }
        let of_file = |line: &FanOutLine<'_>| {
            let last = line.of_run.last_ns;
            let reach = line.of_run.reach.map(deliveries_view::reach);
            let reach = reach.map_or_else(String::new, |reach| format!("{reach} reached"));
            let text = join([
                line.label.to_owned(),
                reach,
                match last.count {
                    0 => figures(&last),
                    _ => format!("last receiver {}", figures(&last)),
                },
            ]);
            LegendEntry::new(Swatch::Line, line.colour, text)
        };
        let of_receiver = |receiver: &Receiver| {
            let swatch = receiver.width.map_or(Swatch::Dashes, Swatch::Stroke);
            LegendEntry::new(swatch, self.context.colours.text, receiver.name)
        };
        let files = self.all.iter().map(of_file);
        files.chain(highest_first.map(of_receiver)).collect()
    }

    /// Times of all lines of the upper panel, in milliseconds.
    fn seconds_ms(&self) -> impl Iterator<Item = f64> {
        let rows = self.all.iter().flat_map(|line| line.rows);
        rows.flat_map(|row| RECEIVERS.iter().filter_map(|one| (one.p50_ns)(row)))
            .map(ms)
    }

    /// Delivery times of all lines of the lower panel, in milliseconds.
    fn reached_ms(&self) -> impl Iterator<Item = f64> {
        let points = self.all.iter().flat_map(|line| &line.reached);
        points.map(|(ms, _)| *ms)
    }

    /// True if the options ask for a logarithmic axis, or if the usual times would touch the lower edge of a linear one.
    fn is_log(&self, times_ms: impl Iterator<Item = f64>) -> bool {
        let mut positive: Vec<f64> = times_ms.filter(|ms| *ms > 0.0).collect();
        positive.sort_by(f64::total_cmp);
        let usual = positive.get(positive.len() / 2).copied();
        let highest = positive.last().copied();
        let is_far = usual
            .zip(highest)
            .is_some_and(|(usual, high)| high > FAR * usual);
        self.context.options.log || is_far
    }

    fn draw_seconds(&self, axes: &PanelAxes<'_>) {
        let (.., unit_s) = self.end;
        for line in self.all.iter().rev() {
            for receiver in &RECEIVERS {
                let rows = line.rows.iter();
                let values = rows.map(|row| (row.span(), (receiver.p50_ns)(row).map(ms)));
                let colour = self.colour(line, receiver.colour);
                for points in lines(&steps(values, line.elapsed_s)) {
                    let points = points.into_iter();
                    let pixels: Vec<_> = points.map(|(s, ms)| axes.at((s / unit_s, ms))).collect();
                    match receiver.width {
                        _ if self.all.len() == 1 => axes.canvas.line(pixels, colour, 2.0),
                        Some(width) => axes.canvas.line(pixels, colour, width),
                        None => axes.canvas.dashed(&pixels, colour, 1.8),
                    }
                }
            }
        }
    }

    /// Draws the curves. One that does not reach all goes on as dashes at its height.
    fn draw_reached(&self, axes: &PanelAxes<'_>) {
        for line in self.all.iter().rev() {
            let colour = self.colour(line, REACHED_COLOUR);
            let pixels: Vec<_> = line.reached.iter().map(|point| axes.at(*point)).collect();
            let Some(end) = pixels.last().copied() else {
                continue;
            };
            axes.canvas.line(pixels, colour, 2.0);
            if line.of_run.missing == 0 {
                continue;
            }
            axes.canvas.point(end, 4.0, colour);
            axes.canvas.dashes((end.0, axes.right), end.1, colour);
            if self.all.len() == 1 {
                let reach = line.of_run.reach.map(deliveries_view::reach);
                let text = format!("{} reached", reach.unwrap_or_default());
                let at = (
                    axes.right - 4.0 * axes.font.scale,
                    end.1 + axes.font.text.size,
                );
                axes.canvas.text(&text, axes.font.text, Align::Right, at);
            }
        }
    }

    fn hovers(&self, upper: &PanelAxes<'_>, lower: &PanelAxes<'_>, is_log: bool) -> Vec<Hover> {
        let mut seconds: Vec<_> = self.all.iter().flat_map(FanOutLine::spans).collect();
        seconds.sort_unstable_by_key(|span| span.second);
        seconds.dedup_by_key(|span| span.second);
        let count = seconds.len();
        let places = hover_places(count).filter(|_| count > 0);
        let of_seconds = places.filter_map(|at| self.hover_second(upper, seconds[at]));
        let (low, high) = (
            lower_end(self.reached_ms()),
            self.reached_ms().fold(0.0, f64::max),
        );
        let columns = lower.columns().get();
        let times = match is_log {
            true => log_places(low, high, columns),
            false => even_places(0.0, high, columns),
        };
        let of_times = hover_places(times.len()).map(|at| self.hover_time(lower, times[at]));
        of_seconds.chain(of_times).collect()
    }

    fn row_name(&self) -> String {
        let spans = self.all.iter().flat_map(FanOutLine::spans);
        row_name(spans.map(|span| span.seconds))
    }

    fn hover_second(&self, axes: &PanelAxes<'_>, span: RowSpan) -> Option<Hover> {
        let (.., unit_s) = self.end;
        let mut text = vec![format!("{} s to {} s", span.second, span.end())];
        let mut highest = None;
        for line in &self.all {
            let row = line.rows.iter().find(|row| row.second == span.second);
            let known = RECEIVERS.iter().filter_map(|receiver| {
                let time = ms((receiver.p50_ns)(row?)?);
                highest = highest.or(Some(time)).map(|high: f64| high.max(time));
                Some(format!("{} {}", receiver.name, human_time(time * 1e6)))
            });
            let known: Vec<_> = known.collect();
            if !known.is_empty() {
                let name = prefix(line.label, self.all.len());
                text.push(format!("{name}{}", known.join(", ")));
            }
        }
        let (x, y) = axes.at((
            f64::midpoint(span.second as f64, span.end() as f64) / unit_s,
            highest?,
        ));
        Some(Hover {
            x,
            y: Some(y),
            text,
        })
    }

    fn hover_time(&self, axes: &PanelAxes<'_>, time_ms: f64) -> Hover {
        let mut text = vec![format!("within {}", human_time(time_ms * 1e6))];
        for line in &self.all {
            let name = prefix(line.label, self.all.len());
            let share = deliveries_view::reach(line.share_by(time_ms) / 100.0);
            text.push(format!("{name}{share} of receivers"));
        }
        let share = self.all.first().map_or(0.0, |line| line.share_by(time_ms));
        let (x, y) = axes.at((time_ms, share));
        Hover {
            x,
            y: Some(y),
            text,
        }
    }
}

/// The shortest time above zero, from which a logarithmic axis begins.
fn lower_end(times_ms: impl Iterator<Item = f64>) -> f64 {
    let positive = times_ms.filter(|ms| *ms > 0.0);
    positive.fold(f64::INFINITY, f64::min)
}

impl Plot for FanOutPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let (end_s, unit, unit_s) = self.end;
        let moments = AxisScale::linear(0.0, end_s / unit_s);
        let moments_label = format!("time since the start of measuring ({unit})");
        let highest = |times_ms: f64, ms: f64| times_ms.max(ms);
        let is_log = self.is_log(self.seconds_ms());
        let top = self.seconds_ms().fold(0.0, highest);
        let row = self.row_name();
        let seconds = Panel {
            x: Some((moments, &*moments_label)),
            share: 1.2,
            ..Panel::new(
                format!(
                    "p50 delivery time of each {row} (ms{})",
                    text_if(is_log, ", logarithmic")
                ),
                scale_of_times(is_log, self.seconds_ms(), top)?,
            )
        };
        let is_reached_log = self.is_log(self.reached_ms());
        let longest = self.reached_ms().fold(0.0, highest);
        let times = scale_of_times(is_reached_log, self.reached_ms(), longest)?;
        let times_label = format!(
            "delivery time (ms{})",
            text_if(is_reached_log, ", logarithmic")
        );
        let reached = Panel::new(
            "share of receivers reached (%)".to_owned(),
            AxisScale::linear(0.0, 100.0),
        );
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let panels = [seconds, reached];
        let x = (times, &*times_label);
        let context = &self.context;
        let axes = context.draw_panels(canvas, &subtitle, &legend, x, &panels)?;
        // As many axes as panels.
        let (upper, lower) = (&axes[0], &axes[1]);
        self.draw_seconds(upper);
        self.draw_reached(lower);
        Ok(self.hovers(upper, lower, is_reached_log))
    }

    fn alt(&self) -> String {
        let mut sentences = format!(
            "Delivery times of the first, the median and the last receiver of each {}, and the \
             share of receivers reached.",
            self.row_name()
        );
        for line in &self.all {
            let receivers = RECEIVERS.iter();
            let times = receivers.map(|receiver| {
                let figures = figures((receiver.times)(line.of_run)).replace(" · ", ", ");
                format!("{} {figures}", receiver.name)
            });
            let times: Vec<_> = times.collect();
            let counts = deliveries_view::counts(line.of_run).replace(" · ", ", ");
            sentences += &format!(" {}: {counts}; {}.", line.label, times.join("; "));
        }
        sentences
    }
}
