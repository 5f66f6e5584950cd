//! The lines of a timeline: the counts and times of each row, as steps.

use std::collections::BTreeMap;

use measurement::record::{RowSpan, TimelineRow};
use plotters::style::RGBColor;
use results::read::Metric;

use super::run_seconds::{ReceivedEvent, RunSeconds};
use super::time_axis::drain_of;
use crate::series::{TimeStep, rates, steps};
use crate::theme::Colours;

/// Label of the track of the largest times.
pub(crate) const LARGEST: &str = "largest time";

pub(crate) struct Track {
    pub(crate) label: String,
    pub(crate) steps: Vec<TimeStep>,
    pub(crate) colour: RGBColor,
    /// Width at 1280x720.
    pub(crate) width: f64,
}

impl Track {
    fn new(label: &str, steps: Vec<TimeStep>, colour: RGBColor) -> Self {
        Self {
            label: label.to_owned(),
            steps,
            colour,
            width: 2.0,
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.steps.iter().filter_map(|step| step.value)
    }
}

pub(crate) fn highest<'t>(tracks: impl IntoIterator<Item = &'t Track>) -> f64 {
    let values = tracks.into_iter().flat_map(Track::values);
    values.fold(0.0, f64::max)
}

/// The tracks of the two panels, throughput and times, of a single run.
pub(crate) fn tracks_of_one(
    run: &RunSeconds<'_>,
    only: Option<Metric>,
    colours: &Colours,
) -> (Vec<Track>, Vec<Track>) {
    let mut throughput = Vec::new();
    if run.knows_sent {
        let sent = rates_of(run, |row| row.sent);
        throughput.push(Track {
            width: 5.5,
            ..Track::new("sent per second", sent, colours.faint_text)
        });
    }
    let received = rates_of(run, |row| row.received);
    let colour = colours.series[0];
    let label = match run.received {
        ReceivedEvent::LastDelivery => "delivered to all per second",
        ReceivedEvent::Echo | ReceivedEvent::Push => "received per second",
    };
    throughput.push(Track::new(label, received, colour));
    if run.received == ReceivedEvent::Push {
        return (throughput, Vec::new());
    }

    let largest = times_of(run, |row| row.max_ns);
    let mut times = vec![Track {
        width: 1.3,
        ..Track::new(LARGEST, largest, colours.faint_text)
    }];
    let [p50, p99] = colours.percentiles;
    let is_response = only == Some(Metric::ResponseTime);
    if is_response || (run.is_open_loop && only.is_none()) {
        let response = times_of(run, |row| row.response_p99_ns);
        times.push(Track::new("p99 response time", response, colours.series[3]));
    }
    if !is_response {
        let service = times_of(run, |row| row.service_p99_ns);
        times.push(Track::new("p99 service time", service, p99));
        let median = times_of(run, |row| row.service_p50_ns);
        times.push(Track::new("p50 service time", median, p50));
    }
    (throughput, times)
}

/// The tracks of several runs, without their drains, which an overlay cannot mark.
pub(crate) fn tracks_of_several(
    all: &[RunSeconds<'_>],
    metric: Metric,
    colours: &Colours,
) -> (Vec<Track>, Vec<Track>) {
    let tracks = all.iter().zip(colours.series).map(|(run, colour)| {
        let end_s = drain_of(run).map_or(f64::INFINITY, |drain| drain.from_s);
        let measured = run.rows.partition_point(|row| (row.second as f64) < end_s);
        let run = RunSeconds {
            rows: &run.rows[..measured],
            ..*run
        };
        let times = match metric {
            Metric::ServiceTime => times_of(&run, |row| row.service_p99_ns),
            Metric::ResponseTime => times_of(&run, |row| row.response_p99_ns),
        };
        let received = rates_of(&run, |row| row.received);
        let throughput = Track::new(run.label, received, colour);
        // Both panels have the same colours.
        (throughput, Track::new("", times, colour))
    });
    tracks.unzip()
}

fn times_of(run: &RunSeconds<'_>, ns: impl Fn(&TimelineRow) -> Option<u64>) -> Vec<TimeStep> {
    let rows = run.rows.iter();
    let ms = rows.map(|row| (row.span(), ns(row).map(|ns| ns as f64 / 1e6)));
    steps(ms, run.elapsed_s)
}

fn rates_of(run: &RunSeconds<'_>, count: impl Fn(&TimelineRow) -> u64) -> Vec<TimeStep> {
    let rows = run.rows.iter();
    rates(rows.map(|row| (row.span(), count(row))), run.elapsed_s)
}

/// Messages that failed in each row, over all files.
pub(crate) fn failures(all: &[RunSeconds<'_>]) -> impl Iterator<Item = (RowSpan, u64)> {
    let mut failed: BTreeMap<u64, (RowSpan, u64)> = BTreeMap::new();
    let rows = all.iter().filter(|run| run.knows_sent);
    for row in rows.flat_map(|run| run.rows).filter(|row| row.failed > 0) {
        let (span, count) = failed.entry(row.second).or_insert((row.span(), 0));
        span.seconds = span.seconds.max(row.seconds);
        *count += row.failed;
    }
    failed.into_values()
}
