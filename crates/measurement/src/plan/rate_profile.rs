//! The offered rate over time.
//!
//! A [`RateProfile`] gives the number of messages due by a time t after T0, Λ(t), the integral of the
//! rate, and its inverse.

use std::str::FromStr;
use std::time::Duration;

use units::{Rate, UnitError, parse_duration};

/// A time during which the offered rate is constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Length of the stage.
    pub time: Duration,
    /// Messages per second over all clients.
    pub rate: Rate,
}

impl FromStr for Stage {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Stage(text.to_owned());
        let (time, rate) = text.split_once(':').ok_or_else(wrong)?;
        let stage = Self {
            time: parse_duration(time.trim())?,
            rate: rate.trim().parse()?,
        };
        if stage.time.is_zero() {
            return Err(wrong());
        }
        Ok(stage)
    }
}

/// The offered rate over all clients as a function of the time since T0.
#[derive(Debug, Clone, PartialEq)]
pub struct RateProfile {
    /// Segments in order of time. The last one has no end.
    pub(super) segments: Vec<Segment>,
    /// End of the profile in seconds; infinite without stages.
    pub(super) end_s: f64,
}

/// A time during which the rate changes linearly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Segment {
    start_s: f64,
    /// Messages due before the segment.
    before: f64,
    /// Messages per second at the start of the segment.
    rate: f64,
    /// Change of the rate in messages per second, per second.
    slope: f64,
}

impl Segment {
    /// A segment of constant rate.
    fn level(start_s: f64, before: f64, rate: Rate) -> Self {
        Self {
            start_s,
            before,
            rate: rate.per_second(),
            slope: 0.0,
        }
    }

    fn count(&self, at_s: f64) -> f64 {
        let x = at_s - self.start_s;
        self.before + x * (self.rate + x * self.slope / 2.0)
    }

    /// The time at which a number of messages is due. This form of the quadratic formula avoids cancellation, and is
    /// valid for slope 0.
    pub(super) fn time_s(&self, count: f64) -> f64 {
        let n = count - self.before;
        if n <= 0.0 {
            return self.start_s;
        }
        let root = (self.rate * self.rate + 2.0 * self.slope * n).sqrt();
        self.start_s + 2.0 * n / (self.rate + root)
    }
}

impl RateProfile {
    /// The same rate without end.
    pub fn constant(rate: Rate) -> Self {
        Self {
            segments: vec![Segment::level(0.0, 0.0, rate)],
            end_s: f64::INFINITY,
        }
    }

    /// Linear rise from 0 to `rate` during `ramp`, then `rate` without end.
    pub fn ramp(rate: Rate, ramp: Duration) -> Self {
        let (to, over_s) = (rate.per_second(), ramp.as_secs_f64());
        if over_s == 0.0 {
            return Self::constant(rate);
        }
        let rise = Segment {
            start_s: 0.0,
            before: 0.0,
            rate: 0.0,
            slope: to / over_s,
        };
        let level = Segment::level(over_s, to * over_s / 2.0, rate);
        Self {
            segments: vec![rise, level],
            end_s: f64::INFINITY,
        }
    }

    /// Stages one after the other; `None` when `stages` is empty.
    pub fn stages(stages: &[Stage]) -> Option<Self> {
        let mut segments: Vec<Segment> = Vec::with_capacity(stages.len());
        let mut end_s = 0.0;
        for stage in stages {
            let before = segments.last().map_or(0.0, |p| p.count(end_s));
            segments.push(Segment::level(end_s, before, stage.rate));
            end_s += stage.time.as_secs_f64();
        }
        (!segments.is_empty()).then_some(Self { segments, end_s })
    }

    /// Total length of the stages; `None` for a profile without end.
    pub fn length(&self) -> Option<Duration> {
        self.end_s
            .is_finite()
            .then(|| Duration::from_secs_f64(self.end_s))
    }

    /// Messages due in the first `seconds`, Λ(t). With random arrivals, their expected number.
    pub(crate) fn count_in(&self, seconds: f64) -> f64 {
        let at_s = seconds.clamp(0.0, self.end_s);
        let segment = self.segments.iter().rev().find(|p| p.start_s <= at_s);
        segment.map_or(0.0, |p| p.count(at_s))
    }

    /// The rate at a time in seconds, in messages per second; 0 after the last stage.
    pub fn rate_at(&self, seconds: f64) -> f64 {
        let segment = self.segments.iter().rev().find(|p| p.start_s <= seconds);
        let rate = |p: &Segment| p.rate + (seconds - p.start_s) * p.slope;
        segment.filter(|_| seconds < self.end_s).map_or(0.0, rate)
    }

    /// Seconds after which a number of messages is due, Λ⁻¹(n); infinite after the last stage.
    pub(crate) fn seconds_for(&self, count: f64) -> f64 {
        let place = self.segment_at(count, 0);
        self.segments.get(place).map_or(f64::INFINITY, |p| {
            let at_s = p.time_s(count);
            if at_s < self.end_s {
                at_s
            } else {
                f64::INFINITY
            }
        })
    }

    /// The rate at T0 if it is above 0: the rate of the warm-up.
    pub fn initial_rate(&self) -> Option<Rate> {
        self.segments.first().and_then(|p| Rate::new(p.rate))
    }

    /// Length of the ramp; `None` without a ramp.
    pub(crate) fn ramp_time(&self) -> Option<Duration> {
        let rises = self.segments.first().is_some_and(|p| p.slope > 0.0);
        let level = self.segments.get(1).filter(|_| rises)?;
        Some(Duration::from_secs_f64(level.start_s))
    }

    /// The stages that the profile was made of; empty for a profile without end.
    pub(crate) fn as_stages(&self) -> Vec<Stage> {
        if self.end_s.is_infinite() {
            return Vec::new();
        }
        let starts = self.segments.iter().map(|p| p.start_s);
        let ends = starts.skip(1).chain([self.end_s]);
        let segments = self.segments.iter().zip(ends);
        segments
            .filter_map(|(segment, end_s)| {
                Some(Stage {
                    time: Duration::from_secs_f64(end_s - segment.start_s),
                    rate: Rate::new(segment.rate)?,
                })
            })
            .collect()
    }

    /// The highest rate, in messages per second.
    pub fn peak(&self) -> f64 {
        self.segments.iter().map(|p| p.rate).fold(0.0, f64::max)
    }

    /// Index of the segment in which this message is due, searched from index `from`.
    #[inline]
    pub(super) fn segment_at(&self, count: f64, from: usize) -> usize {
        let mut place = from;
        while self
            .segments
            .get(place + 1)
            .is_some_and(|next| next.before <= count)
        {
            place += 1;
        }
        place
    }
}
