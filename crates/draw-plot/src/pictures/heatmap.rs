//! The number of messages by their times, over the time at which they were sent or due. Each file has a panel.

use plotters::style::RGBColor;
use results::read::{Latencies, TimedLatencies, TimestampOf};
use units::{counted, grouped};

use super::common::{check_count, check_each, check_times};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::data::Labelled;
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::phrases::{join, messages, prefix, range, untimed, zeros_not_shown};
use crate::plot::{Hover, Plot, PlotContext};
use crate::scale::AxisScale;
use crate::series::{Cells, CountSteps, moment, rows_for, slice_for, span, time_unit};
use crate::theme::HEAT_STEPS;

pub(crate) struct HeatmapPlot<'a> {
    context: PlotContext<'a>,
    all: &'a [Labelled<TimedLatencies>],
    cells: Vec<Cells>,
    slice_s: f64,
    /// Edges of the rows, in milliseconds.
    edges: Vec<f64>,
    steps: CountSteps,
}

impl<'a> HeatmapPlot<'a> {
    pub(crate) fn new(
        context: PlotContext<'a>,
        all: &'a [Labelled<TimedLatencies>],
    ) -> Result<Self, DrawError> {
        check_count(all.len())?;
        all.iter().try_for_each(check)?;
        let times = all.iter().flat_map(|one| &one.column.times.values_ms);
        let positive = times.copied().filter(|ms| *ms > 0.0);
        let (low, high) = span(positive).ok_or(DrawError::NothingAboveZero)?;
        let moments = all.iter().flat_map(|one| one.at_s.iter().copied());
        let (_, longest_s) = span(moments).unwrap_or((0.0, 0.0));
        let exact_to_s = all.iter().filter_map(|one| one.slice_s).fold(0.0, f64::max);
        let slice_s = slice_for(longest_s, exact_to_s);
        let edges = rows_for(low, high).edges();
        let cells = |one: &Labelled<TimedLatencies>| {
            let times = &one.column.times;
            Cells::of(&one.at_s, &times.values_ms, &times.counts, slice_s, &edges)
        };
        let cells: Vec<_> = all.iter().map(cells).collect();
        let most = cells.iter().map(Cells::most).max().unwrap_or(1);
        Ok(Self {
            context,
            all,
            cells,
            slice_s,
            edges,
            steps: CountSteps::new(most, HEAT_STEPS),
        })
    }

    fn times(&self) -> impl Iterator<Item = &Latencies> {
        self.all.iter().map(|one| &one.column.times)
    }

    fn columns(&self) -> usize {
        let columns = self.cells.iter().map(|cells| cells.columns().count());
        columns.max().unwrap_or(1).max(1)
    }

    /// The colour of a step. The fewer the steps, the more their colours differ.
    fn colour(&self, step: usize) -> RGBColor {
        let last = (self.steps.count() - 1).max(1);
        self.context.colours.heat[step * (HEAT_STEPS - 1) / last]
    }

    fn subtitle(&self) -> String {
        let all: u64 = self.times().map(Latencies::count).sum();
        let label = match self.all {
            [one] => one.label.clone(),
            _ => String::new(),
        };
        // A panel of a narrow picture has no room to say that its messages were chosen.
        let is_chosen = self.times().any(|times| times.chosen_from.is_some());
        let from = |times: &Latencies| times.chosen_from.unwrap_or(times.count());
        let count = messages(all, is_chosen.then(|| self.times().map(from).sum()));
        let shown: u64 = self.cells.iter().flat_map(Cells::columns).flatten().sum();
        let zeros = zeros_not_shown(all.saturating_sub(shown));
        let skipped = self.times().map(|times| times.skipped).sum();
        join([label, count, zeros, untimed(skipped, "message")])
    }

    /// The length of a column, as it is printed.
    fn slice(&self) -> String {
        let (unit, unit_s) = time_unit(self.slice_s);
        format!("{} {unit}", short(self.slice_s / unit_s))
    }

    /// True if the moments of the files belong to different events.
    fn is_mixed(&self) -> bool {
        let mut events = self.all.iter().map(|one| one.timestamp_of);
        events.any(|event| event != self.all[0].timestamp_of)
    }

    fn x_label(&self, unit: &str) -> String {
        let what = match self.is_mixed() {
            true => "time",
            false => describe(self.all[0].timestamp_of),
        };
        format!("{what}, since the start of measuring ({unit})")
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let lowest = |step: usize| self.steps.lowest(step);
        // Some steps have no whole number.
        let used = (0..self.steps.count()).filter(|step| lowest(*step) < lowest(step + 1));
        let used: Vec<usize> = used.collect();
        let mut edges: Vec<u64> = used.iter().map(|step| lowest(*step)).collect();
        let last = lowest(self.steps.count()) - 1;
        if edges.last().is_some_and(|edge| *edge < last) {
            edges.push(last);
        }
        let swatch = Swatch::Steps {
            colours: used.iter().map(|step| self.colour(*step)).collect(),
            edges: edges.into_iter().map(grouped).collect(),
        };
        let slice = format!("messages in a cell of {}", self.slice());
        vec![LegendEntry::new(swatch, self.context.colours.text, slice)]
    }

    fn panels(&self) -> Vec<Panel<'_>> {
        let (low, high) = (self.edges[0], self.edges[self.edges.len() - 1]);
        // Equal times are a line, not a ground.
        let air = if high / low < 1.5 { 1.3 } else { 1.0 };
        let y = AxisScale::log_between(low / air, high * air);
        let heading = self.context.heading("ms");
        if self.all.len() == 1 {
            // A single file is described by the subtitle.
            return vec![Panel::new(heading, y)];
        }
        let panel = |one: &Labelled<TimedLatencies>| {
            let times = &one.column.times;
            let is_chosen = times.chosen_from.is_some();
            let count = is_chosen.then(|| messages(times.count(), times.chosen_from));
            let event = describe(one.timestamp_of).to_owned();
            let event = self.is_mixed().then_some(event);
            let parts = [Some(one.label.clone()), count, Some(heading.clone()), event];
            Panel::new(join(parts.into_iter().flatten()), y)
        };
        self.all.iter().map(panel).collect()
    }

    /// Draws the cells of one step; those above each other as one.
    fn draw_step(&self, axes: &PanelAxes<'_>, cells: &Cells, (step, per_s): (usize, f64)) {
        let step_of = |count: u64| (count > 0).then(|| self.steps.of(count));
        let colour = self.colour(step);
        let x = |column: usize| axes.x.pixel(moment(column, self.slice_s) / per_s);
        for (number, column) in cells.columns().enumerate() {
            let mut row = 0;
            for run in column.chunk_by(|a, b| step_of(*a) == step_of(*b)) {
                let (low, high) = (self.edges[row], self.edges[row + run.len()]);
                row += run.len();
                if step_of(run[0]) == Some(step) {
                    let upper_left = (x(number), axes.y.pixel(high));
                    let lower_right = (x(number + 1), axes.y.pixel(low));
                    axes.canvas.rectangle(upper_left, lower_right, colour);
                }
            }
        }
    }

    fn hovers(&self, axes: &PanelAxes<'_>, (unit, per_s): (&str, f64)) -> Vec<Hover> {
        let hover = |number: usize| {
            let [from, to] = [number, number + 1].map(|n| moment(n, self.slice_s) / per_s);
            let mut text = vec![format!("{} to {} {unit}", short(from), short(to))];
            for (one, cells) in self.all.iter().zip(&self.cells) {
                let Some(column) = cells.columns().nth(number) else {
                    continue;
                };
                let name = prefix(&one.label, self.all.len());
                text.push(format!("{name}{}", counted(column.iter().sum(), "message")));
                let fullest = (0..column.len()).max_by_key(|row| column[*row]);
                if let Some(row) = fullest.filter(|row| column[*row] > 0) {
                    let most = counted(column[row], "message");
                    let range = range((self.edges[row], self.edges[row + 1]));
                    text.push(format!("{name}most of them {range}: {most}"));
                }
            }
            Hover::column(axes.x.pixel((from + to) / 2.0), text)
        };
        (0..self.columns()).map(hover).collect()
    }
}

impl Plot for HeatmapPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let end_s = moment(self.columns(), self.slice_s);
        let (unit, per_s) = time_unit(end_s);
        let (x, x_label) = (AxisScale::linear(0.0, end_s / per_s), self.x_label(unit));
        let (subtitle, legend, panels) = (self.subtitle(), self.legend(), self.panels());
        let (context, x) = (&self.context, (x, &*x_label));
        let axes = context.draw_panels(canvas, &subtitle, &legend, x, &panels)?;
        for step in 0..self.steps.count() {
            for (axes, cells) in axes.iter().zip(&self.cells) {
                self.draw_step(axes, cells, (step, per_s));
            }
        }
        Ok(self.hovers(&axes[0], (unit, per_s)))
    }

    fn alt(&self) -> String {
        let quantity = self.context.quantity();
        let fullest = grouped(self.steps.lowest(self.steps.count()) - 1);
        let mut sentences = format!(
            "{quantity} over the run as a heatmap; the fullest cell of {} holds {fullest} messages.",
            self.slice()
        );
        for (one, cells) in self.all.iter().zip(&self.cells) {
            let times = &one.column.times;
            let shown = messages(cells.columns().flatten().sum(), times.chosen_from);
            let range = range(span(times.values_ms.iter().copied()).unwrap_or((0.0, 0.0)));
            sentences += &format!(" {}: {shown}, {range}.", one.label);
        }
        sentences
    }
}

fn describe(event: TimestampOf) -> &'static str {
    match event {
        TimestampOf::Sent => "when messages were sent",
        TimestampOf::Due => "when messages were due",
        TimestampOf::Echoed => "when echoes came",
    }
}

/// A number with the digits that it needs, six decimals at most.
fn short(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Requires times, a moment within any run for each of them, and a count if there are counts.
fn check(one: &Labelled<TimedLatencies>) -> Result<(), DrawError> {
    /// Three hundred years, far beyond any run.
    const LONGEST_S: f64 = 1e10;
    let (times, moments) = (&one.column.times, &one.at_s);
    check_times(&one.label, &times.values_ms)?;
    let (count, counts) = (times.values_ms.len(), &times.counts);
    if moments.len() != count || !(counts.is_empty() || counts.len() == count) {
        return Err(DrawError::Uneven(one.label.clone()));
    }
    let is_near = |at_s: f64| (0.0..=LONGEST_S).contains(&at_s);
    let moments = moments.iter().copied();
    check_each(&one.label, moments, is_near, DrawError::TooFar)
}
