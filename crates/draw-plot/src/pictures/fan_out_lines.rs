//! The lines of a picture of deliveries, and their figures.

use measurement::record::RowSpan;
use measurement::run::{FanOutRow, FanOutSummary, Summary};
use measurement::verdict::Latency;
use plotters::style::RGBColor;
use units::human_time;

use crate::data::Labelled;
use crate::phrases::join;

/// The deliveries of one run.
pub(crate) struct FanOutLine<'a> {
    pub(crate) label: &'a str,
    pub(crate) of_run: &'a FanOutSummary,
    /// Seconds of the measured phase.
    pub(crate) rows: &'a [FanOutRow],
    pub(crate) elapsed_s: Option<f64>,
    /// Delivery time in milliseconds, and the share of receivers that have the message by then, in percent.
    pub(crate) reached: Vec<(f64, f64)>,
    pub(crate) colour: RGBColor,
}

/// A receiver of each message.
pub(crate) struct Receiver {
    pub(crate) name: &'static str,
    /// Index of its colour in a picture of one run.
    pub(crate) colour: usize,
    /// Width of its line in a picture of several runs; `None` for dashes.
    pub(crate) width: Option<f64>,
    pub(crate) p50_ns: fn(&FanOutRow) -> Option<u64>,
    pub(crate) times: fn(&FanOutSummary) -> &Latency,
}

/// From the lowest line to the highest.
pub(crate) const RECEIVERS: [Receiver; 3] = [
    Receiver {
        name: "first receiver",
        colour: 2,
        width: Some(1.0),
        p50_ns: |row| row.first_p50_ns,
        times: |run| &run.first_ns,
    },
    Receiver {
        name: "median receiver",
        colour: 0,
        width: None,
        p50_ns: |row| row.median_p50_ns,
        times: |run| &run.median_ns,
    },
    Receiver {
        name: "last receiver",
        colour: 1,
        width: Some(2.5),
        p50_ns: |row| row.last_p50_ns,
        times: |run| &run.last_ns,
    },
];

pub(crate) fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// `p50 442 µs · p99 2.00 ms`, or a statement that there are none.
pub(crate) fn figures(times: &Latency) -> String {
    let named = [("p50", times.p50), ("p99", times.p99)];
    let known = named.into_iter();
    let text =
        join(known.filter_map(|(name, ns)| Some(format!("{name} {}", human_time(ns? as f64)))));
    match text.as_str() {
        "" => "no message reached all".to_owned(),
        _ => text,
    }
}

impl<'a> FanOutLine<'a> {
    pub(crate) fn new(
        run: &'a Labelled<Summary>,
        of_run: &'a FanOutSummary,
        colour: RGBColor,
    ) -> Self {
        let rows = &of_run.timeline;
        let elapsed_s = Some(run.elapsed_s).filter(|elapsed_s| *elapsed_s > 0.0);
        let end_s = elapsed_s.unwrap_or(f64::INFINITY);
        // Later seconds are those of the drain, of which the last may have been a millisecond long.
        let measured = rows.partition_point(|row| (row.second as f64) < end_s);
        let reach = of_run.reach.unwrap_or(1.0);
        let percentiles = of_run.percentiles.iter();
        Self {
            label: &run.label,
            of_run,
            rows: &rows[..measured],
            elapsed_s,
            reached: percentiles
                .filter_map(|row| Some((ms(row.delivery_time_ns?), row.percentile * reach)))
                .collect(),
            colour,
        }
    }

    pub(crate) fn end_s(&self) -> f64 {
        let last_s = self.rows.last().map_or(0.0, |row| row.span().end() as f64);
        self.elapsed_s.unwrap_or(last_s)
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = RowSpan> {
        self.rows.iter().map(FanOutRow::span)
    }

    /// The share of receivers that have the message by this time, in percent, interpolated between percentiles.
    pub(crate) fn share_by(&self, time_ms: f64) -> f64 {
        let after = self.reached.partition_point(|(ms, _)| *ms <= time_ms);
        let Some((before_ms, before)) = after.checked_sub(1).map(|at| self.reached[at]) else {
            return 0.0;
        };
        match self.reached.get(after) {
            Some((ms, share)) => {
                before + (share - before) * (time_ms - before_ms) / (ms - before_ms)
            }
            None => before,
        }
    }
}
