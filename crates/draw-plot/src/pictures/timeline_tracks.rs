//! The lines of a timeline: the counts and times of each second, as steps.

use std::collections::BTreeMap;

use measurement::record::TimelineRow;
use plotters::style::RGBColor;
use results::read::Metric;

use super::time_axis::drain_of;
use crate::data::Course;
use crate::series::{TimeStep, rates, steps};
use crate::theme::Colours;

/// A line of the picture.
pub(crate) struct Track {
    pub(crate) label: String,
    pub(crate) steps: Vec<TimeStep>,
    pub(crate) colour: RGBColor,
    /// Width at 1280x720.
    pub(crate) width: f64,
}

impl Track {
    fn new(label: &str, steps: Vec<TimeStep>, colour: RGBColor, width: f64) -> Self {
        Self {
            label: label.to_owned(),
            steps,
            colour,
            width,
        }
    }

    /// The values that are known.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.steps.iter().filter_map(|step| step.value)
    }
}

/// The highest value of all tracks.
pub(crate) fn highest<'t>(tracks: impl IntoIterator<Item = &'t Track>) -> f64 {
    let values = tracks.into_iter().flat_map(Track::values);
    values.fold(0.0, f64::max)
}

/// The tracks of the two panels, throughput and times.
pub(crate) fn tracks(all: &[Course], colours: &Colours) -> (Vec<Track>, Vec<Track>) {
    match all {
        [only] => tracks_of_one(only, colours),
        all => tracks_of_several(all, colours),
    }
}

/// The tracks of a single run: all that is known of it.
fn tracks_of_one(course: &Course, colours: &Colours) -> (Vec<Track>, Vec<Track>) {
    let mut throughput = Vec::new();
    if course.knows_sent {
        let sent = rates_of(course, |row| row.sent);
        throughput.push(Track::new("sent per second", sent, colours.faint_text, 5.5));
    }
    let received = rates_of(course, |row| row.received);
    throughput.push(Track::new(
        "received per second",
        received,
        colours.series[0],
        2.0,
    ));

    let largest = times_of(course, |row| row.max_ns);
    let mut times = vec![Track::new("largest time", largest, colours.faint_text, 1.3)];
    let [p50, p99] = colours.percentiles;
    let is_response = course.only == Some(Metric::ResponseTime);
    if is_response || (course.is_open_loop && course.only.is_none()) {
        let response = times_of(course, |row| row.response_p99_ns);
        times.push(Track::new(
            "p99 response time",
            response,
            colours.series[3],
            2.0,
        ));
    }
    if !is_response {
        let service = times_of(course, |row| row.service_p99_ns);
        times.push(Track::new("p99 service time", service, p99, 2.0));
        let median = times_of(course, |row| row.service_p50_ns);
        times.push(Track::new("p50 service time", median, p50, 2.0));
    }
    (throughput, times)
}

/// The tracks that can be compared of several runs, without the drain: nothing marks its seconds, so they
/// would look like seconds of the run.
fn tracks_of_several(all: &[Course], colours: &Colours) -> (Vec<Track>, Vec<Track>) {
    let tracks = all.iter().zip(colours.series).map(|(course, colour)| {
        let mut measured = course.clone();
        if let Some(drain) = drain_of(course) {
            let is_measured = |row: &TimelineRow| (row.second as f64) < drain.from_s;
            measured.rows.retain(is_measured);
        }
        let received = rates_of(&measured, |row| row.received);
        let times = match metric_of(course) {
            Metric::ServiceTime => times_of(&measured, |row| row.service_p99_ns),
            Metric::ResponseTime => times_of(&measured, |row| row.response_p99_ns),
        };
        let throughput = Track::new(&course.label, received, colour, 2.0);
        // Both panels have the same colours.
        (throughput, Track::new("", times, colour, 2.0))
    });
    tracks.unzip()
}

/// The time that is compared.
pub(crate) fn metric_of(course: &Course) -> Metric {
    course.only.unwrap_or_default()
}

fn times_of(course: &Course, ns: impl Fn(&TimelineRow) -> Option<u64>) -> Vec<TimeStep> {
    let rows = course.rows.iter();
    let ms = rows.map(|row| (row.second, ns(row).map(|ns| ns as f64 / 1e6)));
    steps(ms, course.elapsed_s)
}

fn rates_of(course: &Course, count: impl Fn(&TimelineRow) -> u64) -> Vec<TimeStep> {
    let rows = course.rows.iter();
    rates(rows.map(|row| (row.second, count(row))), course.elapsed_s)
}

/// Messages that failed in each second, over all files.
pub(crate) fn failures(all: &[Course]) -> impl Iterator<Item = (u64, u64)> {
    let mut failed = BTreeMap::new();
    for row in all.iter().filter(|c| c.knows_sent).flat_map(|c| &c.rows) {
        if row.failed > 0 {
            *failed.entry(row.second).or_insert(0) += row.failed;
        }
    }
    failed.into_iter()
}
