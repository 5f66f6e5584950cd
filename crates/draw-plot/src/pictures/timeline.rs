//! What happened in each second: throughput above, times below.

use measurement::record::TimelineRow;
use plotters::style::RGBColor;
use results::read::Metric;

use super::common::{Task, check_count, counted, joined};
use super::time_axis::{TimeAxis, drain_of};
use crate::axis::{fixed, milliseconds};
use crate::curve::span;
use crate::data::Course;
use crate::error::DrawError;
use crate::legend::{Entry, Swatch};
use crate::series::{Step, rates, steps};
use crate::theme::Colours;

/// A picture that can be drawn.
pub(crate) struct Timeline<'a> {
    pub(crate) task: Task<'a>,
    pub(crate) all: &'a [Course],
    pub(crate) throughput: Vec<Track>,
    pub(crate) times: Vec<Track>,
    pub(crate) time: TimeAxis,
    pub(crate) colours: Colours,
}

/// A line of the picture.
pub(crate) struct Track {
    pub(crate) label: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) colour: RGBColor,
    /// At 1280x720.
    pub(crate) width: f64,
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(task: Task<'a>, all: &'a [Course]) -> Result<Self, DrawError> {
        check_count(all.len())?;
        if let Some(empty) = all.iter().find(|course| course.rows.is_empty()) {
            return Err(DrawError::NoValues {
                label: empty.label.clone(),
            });
        }
        let colours = task.colours();
        let (throughput, times) = match all {
            [only] => single(only, &colours),
            all => several(all, &colours),
        };
        Ok(Self {
            task,
            all,
            throughput,
            times,
            time: TimeAxis::of(all),
            colours,
        })
    }

    pub(crate) fn subtitle(&self) -> String {
        let failed: u64 = failures(self.all).map(|(_, count)| count).sum();
        let failed = match failed {
            0 => String::new(),
            n => format!("{} failed", counted(n, "message")),
        };
        let mut parts = match self.all {
            [only] => {
                let received = only.rows.iter().map(|row| row.received).sum();
                vec![
                    only.label.clone(),
                    counted(received, "echo").replace("echos", "echoes"),
                ]
            }
            all => vec![format!("{} files", all.len())],
        };
        if let Some((shortest, longest)) = span(self.all.iter().filter_map(|one| one.elapsed_s)) {
            let (shortest, longest) = (duration(shortest), duration(longest));
            parts.push(if shortest == longest {
                format!("measured {longest}")
            } else {
                format!(
                    "measured {} to {longest}",
                    without_unit(&shortest, &longest)
                )
            });
        }
        parts.push(failed);
        joined(parts)
    }

    pub(crate) fn legend(&self) -> Vec<Entry> {
        let several = self.all.len() > 1;
        let tracks = self.throughput.iter().chain(self.times.iter().rev());
        let mut entries: Vec<_> = tracks
            // Of several files, both panels have the same colours.
            .filter(|track| !several || !track.label.is_empty())
            .map(|track| {
                let swatch = Swatch::Stroke(track.width);
                Entry::new(swatch, track.colour, track.label.clone())
            })
            .collect();
        let area =
            |colour, strength, text: String| Entry::new(Swatch::Area(strength), colour, text);
        if self.time.from_s < 0.0
            && let Some(warmup_s) = self
                .all
                .iter()
                .filter_map(|one| one.warmup_s)
                .reduce(f64::max)
        {
            let text = format!("warm-up of {}, not recorded", duration(warmup_s));
            entries.push(area(self.colours.grid, ZONE, text));
        }
        if let Some(drain) = self.time.drain {
            let scale = if drain.is_to_scale {
                ""
            } else {
                " (not to scale)"
            };
            let text = format!("drain: late echoes, nothing sent{scale}");
            entries.push(area(self.colours.grid, ZONE, text));
        }
        if failures(self.all).next().is_some() {
            let text = "seconds with messages that were lost, corrupted or late".to_owned();
            entries.push(area(self.colours.text, 1.0, text));
        }
        entries
    }

    /// Whether the axis of times is logarithmic: asked for, or because on a linear one the usual times
    /// would lie on the ground.
    pub(crate) fn is_log(&self) -> bool {
        /// So many times the median of all that is drawn.
        const FAR: f64 = 20.0;
        let all = self.times.iter().flat_map(|track| values(&track.steps));
        let mut positive: Vec<f64> = all.filter(|ms| *ms > 0.0).collect();
        positive.sort_by(f64::total_cmp);
        let usual = positive.get(positive.len() / 2).copied();
        self.task.options.log || usual.is_some_and(|ms| highest(&self.times) > FAR * ms)
    }

    /// What the lower panel shows.
    pub(crate) fn heading(&self) -> String {
        let what = match self.all {
            [_] => "times of the echoes of each second".to_owned(),
            all => format!("p99 {} of each second", metric_of(&all[0]).name()),
        };
        let log = if self.is_log() { ", logarithmic" } else { "" };
        format!("{what} (ms{log})")
    }

    /// At this second, what is to be said of it.
    pub(crate) fn said(&self, second: u64) -> Vec<String> {
        let mut text = vec![format!("{second} s to {} s", second + 1)];
        for course in self.all {
            let Ok(at) = course.rows.binary_search_by_key(&second, |row| row.second) else {
                continue;
            };
            let row = &course.rows[at];
            let name = match self.all {
                [_] => String::new(),
                _ => format!("{}: ", course.label),
            };
            let sent = course
                .knows_sent
                .then(|| format!("{} sent", counted(row.sent, "message")));
            let received = Some(format!("{} received", fixed(row.received as f64, 0)));
            let failed =
                (row.failed > 0).then(|| format!("{} failed", fixed(row.failed as f64, 0)));
            let counts: Vec<_> = [sent, received, failed].into_iter().flatten().collect();
            text.push(format!("{name}{}", counts.join(", ")));
            let times = [
                ("service p50", row.service_p50_ns),
                ("service p99", row.service_p99_ns),
                (
                    "response p99",
                    row.response_p99_ns.filter(|_| course.is_open_loop),
                ),
                ("largest", row.max_ns),
            ];
            let times = times.into_iter().filter_map(|(what, ns)| {
                Some(format!("{what} {}", milliseconds(ns? as f64 / 1e6)))
            });
            let times: Vec<_> = times.collect();
            if !times.is_empty() {
                text.push(format!("{name}{}", times.join(", ")));
            }
        }
        text
    }
}

pub(crate) fn values(steps: &[Step]) -> impl Iterator<Item = f64> {
    steps.iter().filter_map(|step| step.value)
}

pub(crate) fn highest<'t>(tracks: impl IntoIterator<Item = &'t Track>) -> f64 {
    let steps = tracks.into_iter().flat_map(|track| values(&track.steps));
    steps.fold(0.0, f64::max)
}

/// How strongly what is not measured is drawn.
pub(crate) const ZONE: f64 = 0.8;

/// Messages that failed in each second, over all files.
pub(crate) fn failures(all: &[Course]) -> impl Iterator<Item = (u64, u64)> {
    let mut failed = std::collections::BTreeMap::new();
    for row in all.iter().filter(|c| c.knows_sent).flat_map(|c| &c.rows) {
        if row.failed > 0 {
            *failed.entry(row.second).or_insert(0) += row.failed;
        }
    }
    failed.into_iter()
}

/// `2.00` of `2.00 s`, where the other has the same unit.
fn without_unit<'t>(one: &'t str, other: &str) -> &'t str {
    match (one.split_once(' '), other.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => number,
        _ => one,
    }
}

/// `9.87 s`; what is less than a second in milliseconds.
fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        milliseconds(1e3 * seconds)
    } else {
        format!("{} s", fixed(seconds, 2))
    }
}

fn metric_of(course: &Course) -> Metric {
    course.only.unwrap_or_default()
}

fn times_of(course: &Course, ns: impl Fn(&TimelineRow) -> Option<u64>) -> Vec<Step> {
    let rows = course.rows.iter();
    let ms = rows.map(|row| (row.second, ns(row).map(|ns| ns as f64 / 1e6)));
    steps(ms, course.elapsed_s)
}

fn rates_of(course: &Course, count: impl Fn(&TimelineRow) -> u64) -> Vec<Step> {
    let rows = course.rows.iter();
    rates(rows.map(|row| (row.second, count(row))), course.elapsed_s)
}

fn track(label: &str, steps: Vec<Step>, colour: RGBColor, width: f64) -> Track {
    Track {
        label: label.to_owned(),
        steps,
        colour,
        width,
    }
}

/// The tracks of the two panels: all that is known of one run.
fn single(course: &Course, colours: &Colours) -> (Vec<Track>, Vec<Track>) {
    let mut throughput = Vec::new();
    if course.knows_sent {
        let sent = rates_of(course, |row| row.sent);
        throughput.push(track("sent per second", sent, colours.faint_text, 5.5));
    }
    let received = rates_of(course, |row| row.received);
    throughput.push(track(
        "received per second",
        received,
        colours.series[0],
        2.0,
    ));

    let largest = times_of(course, |row| row.max_ns);
    let mut times = vec![track("largest time", largest, colours.faint_text, 1.3)];
    let [p50, p99] = colours.percentiles;
    let is_response = course.only == Some(Metric::ResponseTime);
    if is_response || (course.is_open_loop && course.only.is_none()) {
        let response = times_of(course, |row| row.response_p99_ns);
        times.push(track("p99 response time", response, colours.series[3], 2.0));
    }
    if !is_response {
        let service = times_of(course, |row| row.service_p99_ns);
        times.push(track("p99 service time", service, p99, 2.0));
        let median = times_of(course, |row| row.service_p50_ns);
        times.push(track("p50 service time", median, p50, 2.0));
    }
    (throughput, times)
}

/// The same of several: what can be compared. Seconds of a drain, which nothing marks as such, would
/// look like seconds of the run.
fn several(all: &[Course], colours: &Colours) -> (Vec<Track>, Vec<Track>) {
    let tracks = all.iter().zip(colours.series).map(|(course, colour)| {
        let mut measured = course.clone();
        if let Some(drain) = drain_of(course) {
            measured
                .rows
                .retain(|row| (row.second as f64) < drain.from_s);
        }
        let course = &measured;
        let received = rates_of(course, |row| row.received);
        let times = match metric_of(course) {
            Metric::ServiceTime => times_of(course, |row| row.service_p99_ns),
            Metric::ResponseTime => times_of(course, |row| row.response_p99_ns),
        };
        (
            track(&course.label, received, colour, 2.0),
            track("", times, colour, 2.0),
        )
    });
    tracks.unzip()
}
