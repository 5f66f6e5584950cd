//! The share of connections that are up during a reconnect storm, and below it the attempts, their failures and the
//! clients that are back per second.

use measurement::run::{ReconnectRow, Summary};
use plotters::style::{Color, RGBColor};
use units::{grouped, human_percent, human_time};

use super::common::{check_count, hover_places, scale_from_zero};
use super::storm_bins::StormBins;
use super::storm_lines::{EVENTS, StormEvent, StormLine, back_after, failed};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::{Align, Canvas};
use crate::data::Labelled;
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::number_format::fixed_decimals;
use crate::phrases::{join, prefix, text_if, unless_none};
use crate::plot::{Hover, Plot, PlotContext};
use crate::scale::AxisScale;

pub(crate) struct StormPlot<'a> {
    context: PlotContext<'a>,
    all: Vec<StormLine<'a>>,
    /// Start and end of the axis, in seconds.
    span: (f64, f64),
    bins: StormBins,
}

/// Room before the first loss and behind the last event, as a share of the time between them.
const AIR: f64 = 0.04;

/// Multiple of the usual rate from which rates are drawn on a logarithmic axis.
const FAR: f64 = 50.0;

/// Strength of the area below the attempts.
const ATTEMPTS: f64 = 0.22;

/// Radius of a mark.
const MARK: f64 = 4.0;

impl<'a> StormPlot<'a> {
    pub(crate) fn new(
        context: PlotContext<'a>,
        runs: &'a [Labelled<Summary>],
    ) -> Result<Self, DrawError> {
        check_count(runs.len())?;
        let colours = &context.colours.series;
        let is_alone = runs.len() == 1;
        let line = |(run, colour): (&'a Labelled<Summary>, &RGBColor)| {
            let of_run = run.reconnect.as_ref();
            let of_run = of_run.ok_or_else(|| DrawError::NothingLost(run.label.clone()))?;
            StormLine::new(run, of_run, *colour, is_alone)
        };
        let all: Result<Vec<_>, DrawError> = runs.iter().zip(colours).map(line).collect();
        let all = all?;
        let first_s = all.iter().map(|line| line.lost_s).fold(f64::MAX, f64::min);
        let last_s = all.iter().map(|line| line.end_s).fold(0.0, f64::max);
        let interval_s = all.iter().map(StormLine::interval_s).fold(0.0, f64::max);
        // Several intervals at least, so that a single one does not look like a state.
        let air_s = (AIR * (last_s - first_s)).max(interval_s);
        let span = ((first_s - air_s).max(0.0), last_s + air_s);
        Ok(Self {
            context,
            all,
            span,
            bins: StormBins::over(span, interval_s),
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
        let drop = LegendEntry::new(
            Swatch::Dashes,
            self.context.colours.faint_text,
            self.first_loss(),
        );
        if let [only] = self.all.as_slice() {
            let up = LegendEntry::new(Swatch::Line, only.colour, "connections up");
            let mark = |back| LegendEntry::new(Swatch::Dot, only.colour, back_after(back));
            let marks = only.shares_back().map(mark);
            let [attempts, others @ ..] = &EVENTS;
            let events = [attempts].into_iter().chain(others.iter().rev());
            let events = events.filter(|event| self.has_any(event)).map(|event| {
                let swatch = match event.colour {
                    Some(_) => Swatch::Line,
                    None => Swatch::Range(ATTEMPTS),
                };
                LegendEntry::new(swatch, self.event_colour(event), event.name)
            });
            return [up, drop].into_iter().chain(marks).chain(events).collect();
        }
        let of_file = |line: &StormLine<'_>| {
            let mut parts = vec![line.label.to_owned(), line.law()];
            parts.extend(line.losses());
            parts.extend(line.shares_back().map(back_after));
            LegendEntry::new(Swatch::Curve, line.colour, join(parts))
        };
        let text = self.context.colours.text;
        let attempts = LegendEntry::new(Swatch::Stroke(1.0), text, "attempts");
        let failed = LegendEntry::new(Swatch::Dashes, text, "failed attempts");
        let mut entries: Vec<_> = self.all.iter().map(of_file).chain([drop]).collect();
        if self.has_attempts() {
            entries.extend([attempts, failed]);
        }
        entries
    }

    /// `dropped at 10.00 s`, or the time of the first loss.
    fn first_loss(&self) -> String {
        let [only] = self.all.as_slice() else {
            return "first loss of each file".to_owned();
        };
        let verb = match only.of_run.drop_at_s {
            Some(_) => "dropped",
            None => "first lost",
        };
        format!("{verb} at {}", human_time(only.lost_s * 1e9))
    }

    fn has_attempts(&self) -> bool {
        self.has_any(&EVENTS[0])
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

    /// The upper axis: from 0 %, or from below the lowest share where most connections stay up.
    fn shares(&self) -> AxisScale {
        let shares = self.all.iter().flat_map(|line| &line.up);
        let lowest = shares.map(|(_, share)| *share).fold(100.0, f64::min);
        let low = 100.0 - 1.2 * (100.0 - lowest);
        let low = if lowest > 50.0 { low.max(0.0) } else { 0.0 };
        AxisScale::linear(low, 100.0 + 0.04 * (100.0 - low))
    }

    /// The rates of all lines of the lower panel, per second.
    fn rates(&self) -> Vec<f64> {
        let counts = self.all.iter().flat_map(|line| {
            let counts = match self.all.len() {
                1 => EVENTS.iter().map(|event| event.count).collect(),
                _ => vec![EVENTS[0].count, failed as fn(&ReconnectRow) -> u64],
            };
            let counts = counts.into_iter();
            counts.flat_map(|count| self.bins.counts(&line.rows, count))
        });
        let counts = counts.filter(|count| *count > 0);
        let mut rates: Vec<f64> = counts.map(|count| self.bins.rate(count)).collect();
        rates.sort_by(f64::total_cmp);
        rates
    }

    /// The lower axis, and `true` for a logarithmic one.
    fn rate_scale(&self) -> (AxisScale, bool) {
        let rates = self.rates();
        let high = rates.last().copied().unwrap_or(0.0);
        let usual = rates.get(rates.len() / 2).copied().unwrap_or(high);
        let is_log = high > 0.0 && (self.context.options.log || high > FAR * usual);
        match is_log {
            // A single event of an interval stands above the lower edge.
            true => (
                AxisScale::log_between(0.5 * self.bins.rate(1), 1.2 * high),
                true,
            ),
            false => (scale_from_zero(high), false),
        }
    }

    fn draw_up(&self, axes: &PanelAxes<'_>) {
        for line in self.all.iter().rev() {
            let mut points = vec![(self.span.0, 100.0)];
            for (at_s, share) in &line.up {
                let before = points.last().map_or(100.0, |(_, share)| *share);
                points.extend([(*at_s, before), (*at_s, *share)]);
            }
            let last = points.last().map_or(100.0, |(_, share)| *share);
            points.push((self.span.1, last));
            let pixels = points.into_iter().map(|point| axes.at(point));
            axes.canvas.line(pixels, line.colour, 2.0);
            for (_, at) in line.marks_on_line() {
                axes.canvas.point(axes.at(at), MARK, line.colour);
            }
        }
        if let [only] = self.all.as_slice() {
            self.name_marks(axes, only);
        }
    }

    /// Writes the share beside each mark that has room for it.
    fn name_marks(&self, axes: &PanelAxes<'_>, line: &StormLine<'_>) {
        let (canvas, font, k) = (axes.canvas, axes.font.faint, axes.font.scale);
        let mut taken: Option<(f64, f64)> = None;
        for (share, at) in line.marks_on_line() {
            let text = format!("{share} %");
            let (x, y) = axes.at(at);
            // Below the line and to its right, where nothing else is drawn.
            let place = (x + 8.0 * k, y + 0.9 * font.size);
            let end = place.0 + canvas.text_width(&text, font);
            let is_free = taken.is_none_or(|(right, lower)| {
                place.0 > right || (place.1 - lower).abs() > 1.2 * font.size
            });
            if is_free && end <= axes.right && place.1 + font.size <= axes.bottom {
                canvas.text(&text, font, Align::Left, place);
                taken = Some((end + 6.0 * k, place.1));
            }
        }
    }

    fn draw_losses(&self, axes: &PanelAxes<'_>) {
        for line in &self.all {
            let x = axes.x.pixel(line.lost_s.max(self.span.0));
            let colour = self.context.colours.faint_text;
            let path = [(x, axes.bottom), (x, axes.top)];
            axes.canvas.dashed(&path, colour, 1.3);
        }
    }

    fn draw_events(&self, axes: &PanelAxes<'_>) {
        if let [only] = self.all.as_slice() {
            for event in &EVENTS {
                let colour = self.event_colour(event);
                for outline in self.outlines(axes, &only.rows, event.count) {
                    let Some(_) = event.colour else {
                        axes.canvas.polygon(&outline, colour.mix(ATTEMPTS));
                        axes.canvas.line(outline, colour, 1.3);
                        continue;
                    };
                    axes.canvas.line(outline, colour, 2.0);
                }
            }
            return;
        }
        for line in self.all.iter().rev() {
            for outline in self.outlines(axes, &line.rows, EVENTS[0].count) {
                axes.canvas.line(outline, line.colour, 1.0);
            }
            for outline in self.outlines(axes, &line.rows, failed) {
                axes.canvas.dashed(&outline, line.colour, 1.8);
            }
        }
    }

    /// The outlines of the bars of events, in pixels: one for each stretch without an empty bin.
    fn outlines(
        &self,
        axes: &PanelAxes<'_>,
        rows: &[ReconnectRow],
        count: fn(&ReconnectRow) -> u64,
    ) -> Vec<Vec<(f64, f64)>> {
        let counts = self.bins.counts(rows, count);
        let numbered: Vec<_> = (0..).zip(counts).collect();
        let stretches = numbered.chunk_by(|(_, a), (_, b)| (*a > 0) == (*b > 0));
        let full = stretches.filter(|stretch| stretch.iter().any(|(_, count)| *count > 0));
        let outline = |stretch: &[(u64, u64)]| {
            let tops = stretch.iter().flat_map(|(at, count)| {
                let (from_s, to_s) = self.bins.ends(*at);
                let rate = self.bins.rate(*count);
                [axes.at((from_s, rate)), axes.at((to_s, rate))]
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
                let events = EVENTS.iter().filter_map(|event| {
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

/// `50 ms`, `2 s`, `2.56 s`
fn interval(length_s: f64) -> String {
    if length_s < 1.0 {
        return format!("{} ms", fixed_decimals((1e3 * length_s).round(), 0));
    }
    let decimals = if length_s.fract() < 1e-9 { 0 } else { 2 };
    format!("{} s", fixed_decimals(length_s, decimals))
}

impl Plot for StormPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let x = AxisScale::linear(self.span.0, self.span.1);
        let x_label = match self.all.as_slice() {
            [_] => "time since the start of measuring (s)",
            _ => "time since the first loss of each file (s)",
        };
        let up = Panel {
            share: 1.2,
            ..Panel::new("connections that are up (%)".to_owned(), self.shares())
        };
        let (rates, is_log) = self.rate_scale();
        let events = Panel::new(
            format!(
                "events per second, in intervals of {}{}",
                interval(self.bins.length_s),
                text_if(is_log, ", logarithmic")
            ),
            rates,
        );
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let mut panels = vec![up];
        if self.has_attempts() {
            panels.push(events);
        }
        let context = &self.context;
        let axes = context.draw_panels(canvas, &subtitle, &legend, (x, x_label), &panels)?;
        axes.iter().for_each(|axes| self.draw_losses(axes));
        // As many axes as panels, of which there is at least one.
        let upper = &axes[0];
        self.draw_up(upper);
        if let Some(lower) = axes.get(1) {
            self.draw_events(lower);
        }
        Ok(self.hovers(upper))
    }

    fn alt(&self) -> String {
        let mut sentences = "Share of the connections that are up over time, and attempts to \
                             reconnect and their failures per second."
            .to_owned();
        for line in &self.all {
            let mut parts = line.losses();
            parts.extend(line.shares_back().map(back_after));
            parts.push(format!("{} attempts", grouped(line.of_run.attempts)));
            parts.push(format!("{} failed", grouped(line.of_run.failed())));
            sentences += &format!(" {}: {}.", line.label, parts.join(", "));
        }
        sentences
    }
}
