//! How many messages took how long, over the time at which they were sent, or due: a panel for each
//! file.

use plotters::style::{Color, RGBColor};
use results::read::TimestampOf;
use units::grouped;

use super::common::{Task, check_count, check_times, counted, joined, messages, without_a_time};
use super::distributions::range;
use crate::axis::Scale;
use crate::canvas::Canvas;
use crate::curve::span;
use crate::data::Moments;
use crate::encode::Picture;
use crate::error::DrawError;
use crate::frame::{Frame, Panel};
use crate::legend::{Entry, Swatch};
use crate::page::Hover;
use crate::series::{Cells, Steps, moment, rows_for, slice_for, time_unit};
use crate::theme::{Colours, HEAT_STEPS};

/// A picture that can be drawn.
pub(crate) struct Heatmap<'a> {
    task: Task<'a>,
    all: &'a [Moments<'a>],
    /// Of each file.
    cells: Vec<Cells>,
    slice_s: f64,
    /// Of the rows, in milliseconds.
    edges: Vec<f64>,
    steps: Steps,
    colours: Colours,
}

impl<'a> Heatmap<'a> {
    pub(crate) fn new(task: Task<'a>, all: &'a [Moments<'a>]) -> Result<Self, DrawError> {
        check_count(all.len())?;
        for one in all {
            check_times(&one.label, one.values_ms.iter().copied())?;
            check_moments(one)?;
        }
        let times = all.iter().flat_map(|one| one.values_ms.iter().copied());
        let (low, high) = span(times.filter(|ms| *ms > 0.0)).ok_or(DrawError::NothingAboveZero)?;
        let moments = all.iter().flat_map(|one| one.at_s.iter().copied());
        let (_, longest_s) = span(moments).unwrap_or((0.0, 0.0));
        let exact_to_s = all.iter().filter_map(|one| one.slice_s).fold(0.0, f64::max);
        let slice_s = slice_for(longest_s, exact_to_s);
        let edges = rows_for(low, high).edges();
        let cells: Vec<_> = all
            .iter()
            .map(|one| Cells::of(&one.at_s, &one.values_ms, &one.counts, slice_s, &edges))
            .collect();
        let most = cells.iter().map(Cells::most).max().unwrap_or(1);
        Ok(Self {
            task,
            all,
            cells,
            slice_s,
            edges,
            steps: Steps::new(most, HEAT_STEPS),
            colours: task.colours(),
        })
    }

    fn columns(&self) -> usize {
        let columns = self.cells.iter().map(|cells| cells.columns().count());
        columns.max().unwrap_or(1).max(1)
    }

    /// Few steps lie far apart.
    fn colour(&self, step: usize) -> RGBColor {
        let last = (self.steps.count() - 1).max(1);
        self.colours.heat[step * (HEAT_STEPS - 1) / last]
    }

    fn subtitle(&self) -> String {
        let mut parts = match self.all {
            [one] => vec![one.label.clone(), messages(count(one), one.chosen_from)],
            // A panel of a narrow picture has no room to say that its messages were chosen.
            all => {
                let chosen = all.iter().any(|one| one.chosen_from.is_some());
                let of = all.iter().map(|one| one.chosen_from.unwrap_or(count(one)));
                let of = chosen.then(|| of.sum());
                vec![messages(all.iter().map(count).sum(), of)]
            }
        };
        let shown: u64 = self.cells.iter().flat_map(Cells::columns).flatten().sum();
        let all: u64 = self.all.iter().map(count).sum();
        if all > shown {
            parts.push(format!(
                "{} of 0 ms not shown",
                counted(all - shown, "message")
            ));
        }
        parts.push(without_a_time(self.all.iter().map(|one| one.skipped).sum()));
        joined(parts)
    }

    /// How long a column is.
    fn slice(&self) -> String {
        let (unit, unit_s) = time_unit(self.slice_s);
        format!("{} {unit}", short(self.slice_s / unit_s))
    }

    /// Whether the moments of the files are those of different things.
    fn is_mixed(&self) -> bool {
        self.all.iter().any(|one| one.when != self.all[0].when)
    }

    /// What the axis of time shows.
    fn x_label(&self, unit: &str) -> String {
        let what = if self.is_mixed() {
            "time"
        } else {
            begun(self.all[0].when)
        };
        format!("{what}, since the start of measuring ({unit})")
    }

    fn legend(&self) -> Vec<Entry> {
        // Some steps have no whole number.
        let used = (0..self.steps.count())
            .filter(|step| self.steps.lowest(*step) < self.steps.lowest(step + 1));
        let used: Vec<usize> = used.collect();
        let mut edges: Vec<_> = used
            .iter()
            .map(|step| grouped(self.steps.lowest(*step)))
            .collect();
        let last = self.steps.lowest(self.steps.count()) - 1;
        if used
            .last()
            .is_some_and(|step| self.steps.lowest(*step) < last)
        {
            edges.push(grouped(last));
        }
        let swatch = Swatch::Steps {
            colours: used.iter().map(|step| self.colour(*step)).collect(),
            edges,
        };
        let slice = format!("messages in a cell of {}", self.slice());
        vec![Entry::new(swatch, self.colours.text, slice)]
    }

    fn panels(&self) -> Vec<Panel> {
        let (low, high) = (self.edges[0], self.edges[self.edges.len() - 1]);
        // Equal times are a line, not a ground.
        let air = if high / low < 1.5 { 1.3 } else { 1.0 };
        let y = Scale::log_between(low / air, high * air);
        let heading = self.task.subject.heading("ms");
        let of = |one: &Moments<'_>| {
            let chosen = one
                .chosen_from
                .map(|_| messages(count(one), one.chosen_from));
            let when = if self.is_mixed() { begun(one.when) } else { "" };
            joined([
                one.label.clone(),
                chosen.unwrap_or_default(),
                heading.clone(),
                when.to_owned(),
            ])
        };
        match self.all {
            // A single one is described by the subtitle.
            [_] => vec![Panel::new(heading, y)],
            all => all.iter().map(|one| Panel::new(of(one), y)).collect(),
        }
    }

    /// The cells of one step: those above each other as one.
    fn step(
        &self,
        canvas: &Canvas<'_>,
        (frame, cells): (&Frame, &Cells),
        (step, per_s): (usize, f64),
    ) -> Result<(), DrawError> {
        let of = |count: u64| (count > 0).then(|| self.steps.of(count));
        for (number, column) in cells.columns().enumerate() {
            let left = frame.x.pixel(moment(number, self.slice_s) / per_s);
            let right = frame.x.pixel(moment(number + 1, self.slice_s) / per_s);
            let mut row = 0;
            for run in column.chunk_by(|a, b| of(*a) == of(*b)) {
                let (low, high) = (self.edges[row], self.edges[row + run.len()]);
                row += run.len();
                if of(run[0]) == Some(step) {
                    let (top, bottom) = (frame.y.pixel(high), frame.y.pixel(low));
                    let colour = self.colour(step).to_rgba();
                    canvas.rectangle((left, top), (right, bottom), colour)?;
                }
            }
        }
        Ok(())
    }

    fn hovers(&self, frame: &Frame, (unit, per_s): (&str, f64)) -> Vec<Hover> {
        let hover = |number: usize| {
            let [from, to] = [number, number + 1].map(|n| moment(n, self.slice_s) / per_s);
            let mut text = vec![format!("{} to {} {unit}", short(from), short(to))];
            for (one, cells) in self.all.iter().zip(&self.cells) {
                let Some(column) = cells.columns().nth(number) else {
                    continue;
                };
                let name = match self.all {
                    [_] => String::new(),
                    _ => format!("{}: ", one.label),
                };
                text.push(format!("{name}{}", counted(column.iter().sum(), "message")));
                let fullest = (0..column.len()).max_by_key(|row| column[*row]);
                if let Some(row) = fullest.filter(|row| column[*row] > 0) {
                    let most = counted(column[row], "message");
                    let range = range(self.edges[row], self.edges[row + 1]);
                    text.push(format!("{name}most of them {range}: {most}"));
                }
            }
            Hover {
                x: frame.x.pixel((from + to) / 2.0),
                y: None,
                text,
            }
        };
        (0..self.columns()).map(hover).collect()
    }
}

impl Picture for Heatmap<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let end_s = moment(self.columns(), self.slice_s);
        let (unit, per_s) = time_unit(end_s);
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let x_label = self.x_label(unit);
        let x = (Scale::linear(0.0, end_s / per_s), x_label.as_str());
        let around = self.task.surroundings(&self.colours, &subtitle, &legend, x);
        let frames = around.draw(canvas, &self.panels())?;
        for step in 0..self.steps.count() {
            for panel in frames.iter().zip(&self.cells) {
                self.step(canvas, panel, (step, per_s))?;
            }
        }
        Ok(self.hovers(&frames[0], (unit, per_s)))
    }

    fn alt(&self) -> String {
        let quantity = self.task.quantity();
        let fullest = grouped(self.steps.lowest(self.steps.count()) - 1);
        let mut sentences = format!(
            "{quantity} over the run as a heatmap; the fullest cell of {} holds {fullest} messages.",
            self.slice()
        );
        for (one, cells) in self.all.iter().zip(&self.cells) {
            let shown = messages(cells.columns().flatten().sum(), one.chosen_from);
            let times = span(one.values_ms.iter().copied()).unwrap_or((0.0, 0.0));
            sentences.push_str(&format!(
                " {}: {shown}, {}.",
                one.label,
                range(times.0, times.1)
            ));
        }
        sentences
    }
}

/// What moments are those of, in words.
fn begun(when: TimestampOf) -> &'static str {
    match when {
        TimestampOf::Sent => "when messages were sent",
        TimestampOf::Due => "when messages were due",
        TimestampOf::Echoed => "when echoes came",
    }
}

/// How many messages there are.
fn count(one: &Moments<'_>) -> u64 {
    match one.counts.as_ref() {
        [] => one.values_ms.len() as u64,
        counts => counts.iter().sum(),
    }
}

/// As few digits as tell it.
fn short(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A moment for each time, within any run, and a count if there are counts.
fn check_moments(one: &Moments<'_>) -> Result<(), DrawError> {
    /// Three hundred years; a column for each would still be few.
    const LONGEST_S: f64 = 1e10;
    let times = one.values_ms.len();
    let is_whole = one.at_s.len() == times && (one.counts.is_empty() || one.counts.len() == times);
    let wrong = one
        .at_s
        .iter()
        .position(|at| !(0.0..=LONGEST_S).contains(at));
    match wrong {
        _ if !is_whole => Err(DrawError::Uneven {
            label: one.label.clone(),
        }),
        Some(at) => Err(DrawError::TooFar {
            label: one.label.clone(),
            number: at + 1,
            value: one.at_s[at],
        }),
        None => Ok(()),
    }
}
