//! Response time over offered rate, with capacities and their limits, and below it the CPU of the server.

use std::ops::Range;

use measurement::run::Summary;
use plotters::style::RGBColor;
use units::{counted, grouped, human_rate};

use super::common::{check_count, hover_places, scale_of_times};
use super::load_curve_lines::{
    LoadLine, LoadPercentile, LoadPoint, PERCENTILES, PointEvidence, TimeLimit, is_lower_bound,
    leading, rates,
};
use super::load_curve_marks::{BAND, draw_bands, draw_limits, name_capacities, room_for_names};
use super::load_curve_unanswered::UnansweredRows;
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::data::Labelled;
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::markers::{Marker, RADIUS, draw_ring};
use crate::number_format::milliseconds;
use crate::phrases::{join, prefix, text_if};
use crate::plot::{Hover, Plot, PlotContext};
use crate::scale::AxisScale;
use crate::series::{Point, latency_unit, pad_range, span};

pub(crate) struct LoadCurvePlot<'a> {
    context: PlotContext<'a>,
    all: Vec<LoadLine<'a>>,
    /// Index in [`PERCENTILES`] of the one that stands out.
    leading: usize,
    /// Marks of the percentiles without a time.
    unanswered: UnansweredRows,
    x: AxisScale,
    is_x_log: bool,
    y: AxisScale,
    is_y_log: bool,
    y_unit: &'static str,
    per_ms: f64,
}

/// Ratio of rates from which their axis is logarithmic.
const DECADE: f64 = 10.0;

/// Multiple of the usual time from which times are drawn on a logarithmic axis.
const FAR: f64 = 15.0;

/// Index of the colour of the lower line in a picture of one run.
const CPU_COLOUR: usize = 3;

/// Meaning of a percentile that falls among messages without an answer.
const NOT_ANSWERED: &str = "not answered";
/// Meaning of a rate that the generator could not offer in time.
const LIMITED: &str = "limited by the generator";
/// Meaning of a rate at which the generator was late, although it offered the rate.
const TIMES: &str = "times mostly of the generator";

impl<'a> LoadCurvePlot<'a> {
    pub(crate) fn new(
        context: PlotContext<'a>,
        runs: &'a [Labelled<Summary>],
    ) -> Result<Self, DrawError> {
        check_count(runs.len())?;
        let colours = context.colours.series;
        let lines = runs
            .iter()
            .zip(colours)
            .map(|(run, colour)| LoadLine::new(run, colour));
        let all = lines.collect::<Result<Vec<_>, _>>()?;
        let (x, is_x_log) = scale_of_rates(&all);
        let leading = leading(&all);
        let mut times: Vec<f64> = drawn_times(&all).collect();
        times.sort_by(f64::total_cmp);
        let usual = times.get(times.len() / 3).copied().unwrap_or(0.0);
        let largest = times.last().copied().unwrap_or(0.0);
        let is_y_log = context.options.log || (usual > 0.0 && largest > FAR * usual);
        let (y_unit, per_ms) = latency_unit(largest);
        let ends: Vec<f64> = drawn_ends(&all, leading).chain(times).collect();
        let highest = ends.iter().copied().fold(0.0, f64::max) * per_ms;
        let in_unit = ends.iter().map(|ms| ms * per_ms);
        let marked = marked_percentiles(all.len(), leading);
        let unanswered = UnansweredRows::new(&all, marked, leading);
        let room = room_for_names(&all) + unanswered.room();
        Ok(Self {
            context,
            leading,
            x,
            is_x_log,
            y: with_room_above(scale_of_times(is_y_log, in_unit, highest)?, is_y_log, room),
            unanswered,
            is_y_log,
            y_unit,
            per_ms,
            all,
        })
    }

    fn is_alone(&self) -> bool {
        self.all.len() == 1
    }

    /// The colour of a percentile of a line.
    fn colour(&self, line: &LoadLine<'_>, percentile: usize) -> RGBColor {
        match self.is_alone() {
            true => self.context.colours.series[PERCENTILES[percentile].colour],
            false => line.colour,
        }
    }

    /// The limits of all lines, each once.
    fn limits(&self) -> Vec<TimeLimit> {
        let mut limits: Vec<TimeLimit> = Vec::new();
        for limit in self.all.iter().flat_map(|line| &line.limits) {
            if !limits.contains(limit) {
                limits.push(limit.clone());
            }
        }
        limits
    }

    fn subtitle(&self) -> String {
        match self.all.as_slice() {
            [only] => join([only.label.to_owned(), only.count(), only.result()]),
            all => format!("{} files", all.len()),
        }
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let text = self.context.colours.text;
        let mut entries = Vec::new();
        if let [only] = self.all.as_slice() {
            let names = PERCENTILES.iter().enumerate().rev();
            let entry = |(at, percentile): (usize, &LoadPercentile)| {
                let swatch = if at == self.leading {
                    Swatch::Curve
                } else {
                    Swatch::Line
                };
                LegendEntry::new(swatch, self.colour(only, at), percentile.name)
            };
            entries.extend(names.map(entry));
        } else {
            let entry = |line: &LoadLine<'_>| {
                let text = join([line.label.to_owned(), line.result()]);
                LegendEntry::new(Swatch::Curve, line.colour, text)
            };
            entries.extend(self.all.iter().map(entry));
            let percentiles = PERCENTILES.iter().enumerate().rev();
            entries.extend(percentiles.map(|(at, percentile)| {
                let swatch = match at {
                    _ if at == self.leading => Swatch::Stroke(2.5),
                    _ if at > self.leading => Swatch::Dashes,
                    _ => Swatch::Stroke(1.0),
                };
                LegendEntry::new(swatch, text, percentile.name)
            }));
        }
        entries.extend(self.legend_of_marks());
        entries
    }

    /// Entries for the marks that occur.
    fn legend_of_marks(&self) -> impl Iterator<Item = LegendEntry> {
        use PointEvidence::{GeneratorLimited, GeneratorTimes, Undecided};
        let text = self.context.colours.text;
        let points = || self.all.iter().flat_map(LoadLine::points);
        let decided = || points().filter(|point| point.is_decided());
        let has_interval = decided().any(|point| point.intervals_ms.iter().any(Option::is_some));
        // Marks from above have one shape.
        let below = || decided().filter(|point| !point.is_from_above);
        let has_failed = below().any(|p| !p.keeps_up && p.times_ms[self.leading].is_some());
        let has = |evidence| points().any(|point| point.evidence == evidence);
        let has_above = self.all.iter().any(|line| !line.above.is_empty());
        let has_band = |at_least: bool| {
            let mut all = self.all.iter().filter_map(|line| line.capacity);
            all.any(|own| own.rate_per_s > Some(0.0) && is_lower_bound(own) == at_least)
        };
        let band = match (has_band(true), has_band(false)) {
            (true, false) => "lower bound of the capacity",
            (true, true) => "capacity and its interval, or lower bound",
            (false, _) => "capacity and its interval",
        };
        let hollow: Vec<_> = [
            (GeneratorLimited, LIMITED),
            (GeneratorTimes, TIMES),
            (Undecided, "undecided"),
        ]
        .into_iter()
        .filter(|(evidence, _)| has(*evidence))
        .map(|(_, text)| text)
        .collect();
        let failed = "messages failed, or less than 95 % of the rate was answered".to_owned();
        let entries = [
            (has_interval, Swatch::Interval, "95 % interval".to_owned()),
            (
                has_band(true) || has_band(false),
                Swatch::Range(BAND),
                band.to_owned(),
            ),
            (has_failed, Swatch::Mark(Marker::Cross), failed),
            (
                !hollow.is_empty(),
                Swatch::Mark(Marker::Ring),
                hollow.join(", or "),
            ),
            (
                self.has_unanswered(),
                Swatch::Mark(Marker::OpenTriangle),
                NOT_ANSWERED.to_owned(),
            ),
            (
                has_above,
                Swatch::Mark(Marker::Triangle),
                format!(
                    "{} after an overload without a pause",
                    PERCENTILES[self.leading].name
                ),
            ),
        ];
        let present = entries.into_iter().filter(|(is_present, ..)| *is_present);
        present.map(move |(_, swatch, name)| LegendEntry::new(swatch, text, name))
    }

    /// The percentiles whose points have marks and intervals.
    fn marked(&self) -> Range<usize> {
        marked_percentiles(self.all.len(), self.leading)
    }

    fn draw_intervals(&self, axes: &PanelAxes<'_>, line: &LoadLine<'_>) {
        let k = axes.font.scale;
        for percentile in self.marked() {
            let colour = self.colour(line, percentile);
            // A shorter one would look like another mark.
            let least = k * if percentile == self.leading {
                2.0 * RADIUS
            } else {
                5.0
            };
            for point in line.below.iter().filter(|point| point.is_decided()) {
                let Some((low, high)) = point.intervals_ms[percentile] else {
                    continue;
                };
                let x = axes.x.pixel(point.offered_per_s);
                let [bottom, top] = [low, high].map(|ms| axes.y.pixel(ms * self.per_ms));
                if bottom - top < least {
                    continue;
                }
                let cap = 4.0 * k;
                axes.canvas.line([(x, bottom), (x, top)], colour, 1.2);
                for y in [bottom, top] {
                    axes.canvas.line([(x - cap, y), (x + cap, y)], colour, 1.2);
                }
            }
        }
    }

    /// Draws a percentile as a line through its decided points. Only a picture of one run has marks on all percentiles.
    fn draw_percentile(&self, axes: &PanelAxes<'_>, line: &LoadLine<'_>, percentile: usize) {
        let colour = self.colour(line, percentile);
        let decided = line.below.iter().filter(|point| point.is_decided());
        let places = decided.map(|point| self.place(axes, point, percentile));
        let places: Vec<Option<Point>> = places.collect();
        for stretch in places.split(Option::is_none) {
            let pixels: Vec<Point> = stretch.iter().copied().flatten().collect();
            match percentile {
                _ if percentile == self.leading => axes.canvas.line(pixels, colour, 2.5),
                _ if self.is_alone() => axes.canvas.line(pixels, colour, 1.5),
                higher if higher > self.leading => axes.canvas.dashed(&pixels, colour, 1.2),
                _ => axes.canvas.line(pixels, colour, 1.0),
            }
        }
        if percentile == self.leading || !self.is_alone() {
            return;
        }
        for point in &line.below {
            if let Some(at) = self.place(axes, point, percentile) {
                self.draw_small(axes, at, point, colour);
            }
        }
    }

    /// The place of a percentile; `None` without its time.
    fn place(&self, axes: &PanelAxes<'_>, point: &LoadPoint, percentile: usize) -> Option<Point> {
        let ms = point.times_ms[percentile]?;
        Some(axes.at((point.offered_per_s, ms * self.per_ms)))
    }

    /// Draws a small dot, or a small ring for a point that is not decided.
    fn draw_small(&self, axes: &PanelAxes<'_>, at: Point, point: &LoadPoint, colour: RGBColor) {
        const SMALL: f64 = 3.0;
        match point.is_decided() {
            true => axes.canvas.point(at, SMALL, colour),
            false => draw_ring(
                axes.canvas,
                at,
                SMALL,
                colour,
                Some(self.context.colours.ground),
            ),
        }
    }

    /// Draws the marks of the leading percentile where it has a time.
    fn draw_marks(&self, axes: &PanelAxes<'_>, line: &LoadLine<'_>) {
        let (colour, ground) = (self.colour(line, self.leading), self.context.colours.ground);
        for point in line.points() {
            let Some(at) = self.place(axes, point, self.leading) else {
                continue;
            };
            let (marker, ground) = match point {
                _ if !point.is_decided() => (Marker::Ring, Some(ground)),
                _ if point.is_from_above => (Marker::Triangle, None),
                _ if !point.keeps_up => (Marker::Cross, Some(ground)),
                _ => (Marker::Dot, Some(ground)),
            };
            marker.draw(axes.canvas, at, colour, ground);
        }
    }

    /// Returns true when the server left a percentile that has a mark without an answer.
    fn has_unanswered(&self) -> bool {
        let mut points = self.all.iter().flat_map(LoadLine::points);
        points.any(|point| {
            let marked = match point.is_from_above {
                true => self.leading..self.leading + 1,
                false => self.marked(),
            };
            point.is_decided() && point.times_ms[marked].iter().any(Option::is_none)
        })
    }

    fn draw_times(&self, axes: &PanelAxes<'_>) {
        draw_bands(axes, &self.all);
        draw_limits(axes, &self.limits(), self.per_ms, &self.context.colours);
        for line in self.all.iter().rev() {
            for percentile in (0..PERCENTILES.len()).filter(|at| *at != self.leading) {
                self.draw_percentile(axes, line, percentile);
            }
        }
        for line in self.all.iter().rev() {
            self.draw_intervals(axes, line);
            self.draw_percentile(axes, line, self.leading);
            self.draw_marks(axes, line);
            let colour = |percentile| self.colour(line, percentile);
            let ground = self.context.colours.ground;
            self.unanswered
                .draw(axes, line, self.leading, colour, ground);
        }
        let begin = axes.top + self.unanswered.height(axes);
        name_capacities(axes, &self.all, begin, self.context.colours.ground);
    }

    fn draw_cpu(&self, axes: &PanelAxes<'_>) {
        for line in self.all.iter().rev() {
            let colour = match self.is_alone() {
                true => self.context.colours.series[CPU_COLOUR],
                false => line.colour,
            };
            let places = line.below.iter().filter_map(|point| {
                let at = axes.at((point.offered_per_s, point.server_cpu?));
                Some((point, at))
            });
            let places: Vec<_> = places.collect();
            let decided = places.iter().filter(|(point, _)| point.is_decided());
            axes.canvas.line(decided.map(|(_, at)| *at), colour, 2.0);
            for (point, at) in places {
                self.draw_small(axes, at, point, colour);
            }
        }
    }

    /// The panel of the CPU; `None` without its figures.
    fn cpu_panel(&self) -> Option<Panel<'static>> {
        let points = self.all.iter().flat_map(|line| &line.below);
        let (_, highest) = span(points.filter_map(|point| point.server_cpu))?;
        Some(Panel {
            share: 0.38,
            ..Panel::new(
                "CPU of the server (cores)".to_owned(),
                scale_of_cpu(highest),
            )
        })
    }

    fn hovers(&self, axes: &PanelAxes<'_>) -> Vec<Hover> {
        let mut hovers = Vec::new();
        for line in &self.all {
            let points: Vec<_> = line.points().collect();
            hovers.extend(hover_places(points.len()).map(|at| {
                let point = points[at];
                let beyond = || self.unanswered.y(axes, self.leading);
                let y = point.times_ms[self.leading].map(|ms| axes.y.pixel(ms * self.per_ms));
                Hover {
                    x: axes.x.pixel(point.offered_per_s),
                    y: Some(y.unwrap_or_else(beyond)),
                    text: self.hover_text(line, point),
                }
            }));
        }
        hovers.sort_by(|a, b| a.x.total_cmp(&b.x));
        hovers
    }

    fn hover_text(&self, line: &LoadLine<'_>, point: &LoadPoint) -> Vec<String> {
        let (offered, achieved) = (point.offered_per_s, point.achieved_per_s);
        let name = prefix(line.label, self.all.len());
        let mut text = vec![format!("{name}{} msg/s offered", human_rate(offered))];
        if achieved < 0.995 * offered {
            text.push(format!("{} msg/s sent", human_rate(achieved)));
        }
        let times = PERCENTILES.iter().zip(point.times_ms);
        let times = times.map(|(one, ms)| {
            let time = ms.map_or_else(|| NOT_ANSWERED.to_owned(), milliseconds);
            format!("{} {time}", one.name)
        });
        text.push(times.collect::<Vec<_>>().join(", "));
        text.extend(
            (point.failed > 0).then(|| format!("{} failed", counted(point.failed, "message"))),
        );
        text.extend((point.unsent > 0).then(|| format!("{} not sent", grouped(point.unsent))));
        text.extend(
            point
                .server_cpu
                .map(|cores| format!("CPU of the server {cores:.2} cores")),
        );
        text.extend(match point.held {
            _ if point.evidence == PointEvidence::GeneratorLimited => Some(LIMITED.to_owned()),
            _ if point.evidence == PointEvidence::GeneratorTimes => Some(TIMES.to_owned()),
            _ if point.evidence == PointEvidence::Undecided => Some("undecided".to_owned()),
            [0, 0] => None,
            [_, 0] => Some("conditions hold".to_owned()),
            [0, _] => Some("a condition does not hold".to_owned()),
            [yes, no] => Some(format!(
                "conditions hold in {yes} of {}",
                counted(yes + no, "step")
            )),
        });
        text.retain(|row| !row.is_empty());
        text
    }
}

/// The axis of rates, and `true` for a logarithmic one. It is linear for searches whose capacities are close to each other,
/// because most of their steps are at the edge.
fn scale_of_rates(all: &[LoadLine<'_>]) -> (AxisScale, bool) {
    let (low, high) = rates(all);
    let is_sweep = |line: &LoadLine<'_>| line.capacity.is_none();
    let capacities = all.iter().filter_map(|line| {
        let rate = line.capacity?.rate_per_s?;
        (rate > 0.0).then_some(rate)
    });
    let compared = match all.iter().any(is_sweep) {
        true => Some((low, high)),
        false => span(capacities),
    };
    if compared.is_some_and(|(low, high)| high / low >= DECADE) {
        return (AxisScale::log(low, high), true);
    }
    match low > 0.5 * high && high > low {
        true => {
            let (low, high) = pad_range((low, high));
            (AxisScale::linear(low, high), false)
        }
        false => (AxisScale::linear_to_tick(0.0, 1.01 * high, 8.0), false),
    }
}

/// The axis of the CPU, from zero.
fn scale_of_cpu(highest: f64) -> AxisScale {
    // All zeros still need an axis.
    let highest = if highest > 0.0 { highest } else { 1.0 };
    AxisScale::linear_to_tick(0.0, 1.05 * highest, 3.0)
}

/// The scale with free room at its upper end, as a share of the longer scale.
fn with_room_above(scale: AxisScale, is_log: bool, room: f64) -> AxisScale {
    let AxisScale { low, high, .. } = scale;
    match is_log {
        true => AxisScale::log_between(low, low * (high / low).powf(1.0 / (1.0 - room))),
        false => AxisScale::linear_to_tick(low, low + (high - low) / (1.0 - room), 6.0),
    }
}

/// The percentiles whose points have marks and intervals in a picture of this number of runs.
fn marked_percentiles(runs: usize, leading: usize) -> Range<usize> {
    match runs {
        1 => 0..PERCENTILES.len(),
        _ => leading..leading + 1,
    }
}

/// The ends of all intervals that are drawn, in milliseconds.
fn drawn_ends(all: &[LoadLine<'_>], leading: usize) -> impl Iterator<Item = f64> {
    let points = all.iter().flat_map(|line| &line.below);
    let decided = points.filter(|point| point.is_decided());
    let drawn = marked_percentiles(all.len(), leading);
    let intervals = decided.flat_map(move |point| &point.intervals_ms[drawn.clone()]);
    intervals.flatten().flat_map(|(low, high)| [*low, *high])
}

/// All times that the axis must show, in milliseconds.
fn drawn_times(all: &[LoadLine<'_>]) -> impl Iterator<Item = f64> {
    let points = all.iter().flat_map(LoadLine::points);
    let times = points.flat_map(|point| point.times_ms.into_iter().flatten());
    let limits = all.iter().flat_map(|line| &line.limits);
    times.chain(limits.map(|limit| limit.ms))
}

impl Plot for LoadCurvePlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let logarithmic = |is_log| text_if(is_log, ", logarithmic");
        let (y_unit, is_y_log) = (self.y_unit, logarithmic(self.is_y_log));
        let of_last = text_if(
            self.all.iter().all(|line| line.has_receivers),
            " of the last receiver",
        );
        let times = Panel::new(
            format!("response time{of_last} ({y_unit}{is_y_log})"),
            self.y,
        );
        let x_label = format!("offered rate (msg/s{})", logarithmic(self.is_x_log));
        let panels: Vec<_> = [Some(times), self.cpu_panel()]
            .into_iter()
            .flatten()
            .collect();
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let (context, x) = (&self.context, (self.x, &*x_label));
        let axes = context.draw_panels(canvas, &subtitle, &legend, x, &panels)?;
        // As many axes as panels, of which there is at least one.
        let upper = &axes[0];
        self.draw_times(upper);
        if let Some(lower) = axes.get(1) {
            draw_bands(lower, &self.all);
            self.draw_cpu(lower);
        }
        Ok(self.hovers(upper))
    }

    fn alt(&self) -> String {
        let leading = PERCENTILES[self.leading].name;
        let mut sentences = "Response time over offered rate.".to_owned();
        for line in &self.all {
            let known = line.below.iter().filter_map(|point| {
                let ms = point.times_ms[self.leading]?;
                Some(format!(
                    "{} at {} msg/s",
                    milliseconds(ms),
                    human_rate(point.offered_per_s)
                ))
            });
            let known: Vec<_> = known.collect();
            let ends = match known.as_slice() {
                [] => String::new(),
                [only] => format!(", {leading} {only}"),
                [first, .., last] => format!(", {leading} from {first} to {last}"),
            };
            let unanswered = match line.below.len() - known.len() {
                0 => String::new(),
                n => format!(", {NOT_ANSWERED} at {}", counted(n as u64, "rate")),
            };
            sentences += &format!(" {}: {}{ends}{unanswered}.", line.label, line.result());
        }
        sentences
    }
}
