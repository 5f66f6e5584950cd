//! The lines of a picture of lost connections, and their figures.

use measurement::run::{ReconnectRow, ReconnectSummary, Summary};
use plotters::style::RGBColor;
use units::{counted, grouped, human_time};

use super::common::check_each;
use crate::data::Labelled;
use crate::error::DrawError;
use crate::series::Point;

/// Lost connections of one run, and the attempts to open them again.
pub(crate) struct StormLine<'a> {
    pub(crate) label: &'a str,
    pub(crate) of_run: &'a ReconnectSummary,
    /// Intervals with an event, in the order of time.
    pub(crate) rows: Vec<ReconnectRow>,
    /// Seconds after T0, and the share of the connections that are up from then on, in percent.
    pub(crate) up: Vec<Point>,
    /// Planned number of connections.
    planned: f64,
    /// Number of planned connections that were open before the first loss.
    opened: u64,
    /// Seconds from T0 to the begin of the axis.
    start_s: f64,
    /// Time of the first loss, in seconds on the axis.
    pub(crate) lost_s: f64,
    /// End of the last interval, or of the run if clients stay away, in seconds on the axis.
    pub(crate) end_s: f64,
    /// End of the run, in seconds on the axis.
    pub(crate) run_s: f64,
    pub(crate) colour: RGBColor,
}

/// A kind of event.
pub(crate) struct StormEvent {
    pub(crate) name: &'static str,
    /// Index of its colour in a picture of one run; `None` for that of secondary text.
    pub(crate) colour: Option<usize>,
    pub(crate) count: fn(&ReconnectRow) -> u64,
}

/// Attempts begun.
pub(crate) const ATTEMPTS: StormEvent = event("attempts", None, |row| row.attempts);

/// Ends of attempts, from the lowest part of a bar to the highest. The most frequent ones have the colours that differ most.
pub(crate) const OUTCOMES: [StormEvent; 6] = [
    event("refused", Some(1), |row| row.refused),
    event("timed out", Some(6), |row| row.timed_out),
    event("failed handshakes", Some(3), |row| row.handshake_failed),
    event("failed setups", Some(5), |row| row.setup_failed),
    event("without a port or file of this machine", Some(4), |row| {
        row.own_failed
    }),
    event("back", Some(2), |row| row.back),
];

const fn event(
    name: &'static str,
    colour: Option<usize>,
    count: fn(&ReconnectRow) -> u64,
) -> StormEvent {
    StormEvent {
        name,
        colour,
        count,
    }
}

/// Attempts of an interval that ended.
pub(crate) fn ended(row: &ReconnectRow) -> u64 {
    OUTCOMES.iter().map(|event| (event.count)(row)).sum()
}

/// Failed attempts of an interval.
pub(crate) fn failed(row: &ReconnectRow) -> u64 {
    row.refused + row.timed_out + row.handshake_failed + row.setup_failed + row.own_failed
}

impl<'a> StormLine<'a> {
    /// The line of a run. `is_alone`: its axis begins at T0; otherwise at the interval of the first loss, so that storms
    /// that began at different times can be compared.
    pub(crate) fn new(
        run: &'a Labelled<Summary>,
        of_run: &'a ReconnectSummary,
        colour: RGBColor,
        is_alone: bool,
    ) -> Result<Self, DrawError> {
        let mut rows = checked_rows(&run.label, &of_run.timeline)?;
        let nothing = || DrawError::NothingLost(run.label.clone());
        let first = rows.iter().find(|row| row.lost > 0).ok_or_else(nothing)?;
        let last = rows.last().ok_or_else(nothing)?;
        let is_in_first = |at_s: &f64| (first.from_s..first.to_s).contains(at_s);
        let lost_s = of_run.drop_at_s.filter(is_in_first);
        let lost_s = lost_s.unwrap_or(first.from_s);
        let end_s = match of_run.law {
            Some(_) => last.to_s,
            None => last.to_s.max(run.elapsed_s),
        };
        let start_s = if is_alone { 0.0 } else { first.from_s };
        let (lost_s, end_s) = (lost_s - start_s, end_s - start_s);
        for row in &mut rows {
            row.from_s -= start_s;
            row.to_s -= start_s;
        }
        let planned = run.plan.connections_at_once().max(1);
        let opened = first_opened(run.connections.opened, planned, &rows);
        let mut line = Self {
            label: &run.label,
            of_run,
            up: up_over_time(&rows, (opened, planned), lost_s),
            planned: planned as f64,
            opened,
            rows,
            start_s,
            lost_s,
            end_s,
            run_s: run.elapsed_s - start_s,
            colour,
        };
        line.refine();
        Ok(line)
    }

    /// Adds the marks to the line, which are more precise than its intervals.
    fn refine(&mut self) {
        let marks: Vec<_> = self.marks().collect();
        for (_, (at_s, up)) in marks {
            let after = self.up.partition_point(|(from_s, _)| *from_s <= at_s);
            let before = after.checked_sub(1).map(|before| self.up[before].1);
            let ends = before.zip(self.up.get(after).map(|(_, up)| *up));
            if ends.is_some_and(|(low, high)| (low..=high).contains(&up)) {
                self.up.insert(after, (at_s, up));
            }
        }
    }

    /// Length of the longest interval, in seconds.
    pub(crate) fn interval_s(&self) -> f64 {
        let lengths = self.rows.iter().map(|row| row.to_s - row.from_s);
        lengths.fold(0.0, f64::max)
    }

    /// The share of the connections that are up at a time, in percent.
    pub(crate) fn up_at(&self, at_s: f64) -> f64 {
        let after = self.up.partition_point(|(from_s, _)| *from_s <= at_s);
        let before = after.checked_sub(1);
        before.map_or(self.up_at_first(), |before| self.up[before].1)
    }

    /// The share of the connections that are up before the first loss, in percent.
    pub(crate) fn up_at_first(&self) -> f64 {
        100.0 * self.opened as f64 / self.planned
    }

    /// Shares of the lost connections in percent, and the times until they were back in nanoseconds.
    pub(crate) fn shares_back(&self) -> impl Iterator<Item = (u32, u64)> {
        let of_run = self.of_run;
        let times = [
            (50, of_run.back_50_ns),
            (90, of_run.back_90_ns),
            (99, of_run.back_99_ns),
            (100, of_run.back_100_ns),
        ];
        times
            .into_iter()
            .filter_map(|(share, ns)| Some((share, ns?)))
    }

    /// The places of the marks on the line: where the line reaches a share, if losses a little apart put the mark elsewhere.
    pub(crate) fn marks_on_line(&self) -> impl Iterator<Item = (u32, Point)> {
        /// More than the rounding of a share in percent.
        const ROUNDING: f64 = 1e-6;
        let by_share = |(_, a): &(usize, &Point), (_, b): &(usize, &Point)| a.1.total_cmp(&b.1);
        let lowest = self.up.iter().enumerate().min_by(by_share);
        let lowest = lowest.map_or(0, |(at, _)| at);
        self.marks().filter_map(move |(share, (at_s, up))| {
            if (self.up_at(at_s) - up).abs() < ROUNDING {
                return Some((share, (at_s, up)));
            }
            let mut returns = self.up[lowest..].iter();
            let reached = returns.find(|(_, above)| *above >= up - ROUNDING)?;
            Some((share, (reached.0, up)))
        })
    }

    /// The places of [`shares_back`](Self::shares_back). Times until clients are back count from the loss of
    /// each, so there are none unless all were lost at about the same time.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (u32, Point)> {
        /// Largest time between the first and the last loss, as a share of the time until a share was back.
        const APART: f64 = 0.05;
        let mut losses = self.rows.iter().rev().filter(|row| row.lost > 0);
        let last_s = losses.next().map_or(self.lost_s, |row| row.from_s);
        let apart_s = (last_s - self.lost_s).max(0.0);
        self.shares_back()
            .map(|(share, ns)| (share, ns as f64 / 1e9))
            .filter(move |(_, back_s)| apart_s <= APART * back_s)
            .map(|(share, back_s)| {
                let dropped = self.of_run.dropped as f64;
                let away = dropped - (f64::from(share) / 100.0 * dropped).ceil();
                let up = 100.0 * (self.opened as f64 - away) / self.planned;
                (share, (self.lost_s + back_s, up.clamp(0.0, 100.0)))
            })
    }

    /// `dropped at 10.00 s`, or the time of the first loss.
    pub(crate) fn first_loss(&self) -> String {
        let verb = match self.of_run.drop_at_s {
            Some(_) => "dropped",
            None => "first lost",
        };
        format!(
            "{verb} at {}",
            human_time((self.start_s + self.lost_s) * 1e9)
        )
    }

    /// `backoff:100ms..30s`, or a statement that clients stay away.
    pub(crate) fn law(&self) -> String {
        match &self.of_run.law {
            Some(law) => format!("reconnect {law}"),
            None => "no reconnects".to_owned(),
        }
    }

    /// `120 connections lost · 2 not back`
    pub(crate) fn losses(&self) -> Vec<String> {
        let of_run = self.of_run;
        let away = of_run.dropped.saturating_sub(of_run.back);
        let mut parts = vec![format!("{} lost", counted(of_run.dropped, "connection"))];
        if away > 0 {
            parts.push(format!("{} not back", grouped(away)));
        }
        parts
    }
}

/// `50 % back after 1.23 s, 90 to 100 % after 2.03 s`: shares with the same printed time stand together.
pub(crate) fn back_after(shares: impl Iterator<Item = (u32, u64)>) -> String {
    let timed: Vec<_> = shares
        .map(|(share, ns)| (share, human_time(ns as f64)))
        .collect();
    let parts = timed.chunk_by(|(_, a), (_, b)| a == b).map(|alike| {
        let shares: Vec<_> = alike.iter().map(|(share, _)| *share).collect();
        (share_names(&shares), &alike[0].1)
    });
    let parts = parts.enumerate().map(|(at, (shares, time))| match at {
        0 => format!("{shares} back after {time}"),
        _ => format!("{shares} after {time}"),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// `50 %`, `99 and 100 %`, `50 to 100 %`
pub(crate) fn share_names(shares: &[u32]) -> String {
    match shares {
        [first, last] => format!("{first} and {last} %"),
        [first, .., last] => format!("{first} to {last} %"),
        [only] => format!("{only} %"),
        [] => String::new(),
    }
}

/// Connections that were open before the first loss. Those opened include replacements, and are unknown in old files.
fn first_opened(opened: u64, planned: u64, rows: &[ReconnectRow]) -> u64 {
    let away = rows.iter().map(|row| row.away.max(row.lost)).max();
    opened.max(away.unwrap_or(0)).min(planned)
}

/// The rows in the order of time, whose times are those of a run.
fn checked_rows(label: &str, rows: &[ReconnectRow]) -> Result<Vec<ReconnectRow>, DrawError> {
    /// 30 years, far beyond any run.
    const LONGEST_S: f64 = 1e9;
    let starts = rows.iter().map(|row| row.from_s);
    let is_time = |at_s: f64| (0.0..=LONGEST_S).contains(&at_s);
    check_each(label, starts, is_time, DrawError::NotATime)?;
    let lengths = rows.iter().map(|row| row.to_s - row.from_s);
    let is_length = |length_s: f64| length_s > 0.0 && length_s <= LONGEST_S;
    check_each(label, lengths, is_length, DrawError::NotATime)?;
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
    Ok(rows)
}

/// The share of the connections that are up, in percent, with the time from which it holds. Losses count from the start
/// of their interval, returns from its end, so that a loss is visible although all are back within the interval.
fn up_over_time(rows: &[ReconnectRow], (opened, planned): (u64, u64), lost_s: f64) -> Vec<Point> {
    let share = |away: u64| 100.0 * opened.saturating_sub(away) as f64 / planned as f64;
    let mut points = Vec::with_capacity(2 * rows.len());
    let mut away = 0_u64;
    for row in rows {
        if row.lost > 0 {
            away = away.saturating_add(row.lost);
            points.push((row.from_s.max(lost_s), share(away)));
        }
        if row.away != away {
            away = row.away;
            points.push((row.to_s, share(away)));
        }
    }
    points
}
