//! When each message of an open loop is due: pure arithmetic over seed, client and number.
//!
//! A [`RateProfile`] says how many messages are due by a time t after T0, Λ(t), the integral of the
//! rate. With constant arrivals message j of the run is due at Λ⁻¹(j) and belongs to client j mod n:
//! clients are phase-shifted, never in step. With Poisson arrivals each client is a Poisson process of
//! its own with an n-th of the rate (time change of a unit-rate process; Çinlar, "Introduction to
//! Stochastic Processes", 1975, 4.7); together they are one of the whole rate. Every due time is
//! worked out from a position on the profile, not from the one before, so that rounding does not add
//! up: after hours it is off by less than a nanosecond.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sample::message_hash;
use units::{Rate, UnitError, parse_duration};

/// How messages are spaced in open loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Evenly.
    #[default]
    Constant,
    /// At random, independent of each other, as the requests of many users are.
    Poisson,
}

impl Arrivals {
    /// The word used in flags and files: `constant`, `poisson`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
}

/// A time during which the offered rate stays the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// How long it lasts.
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
    /// In order; the last one goes on for ever.
    pieces: Vec<Piece>,
    /// When the profile ends, in seconds; infinite unless it is made of stages.
    end_s: f64,
}

/// A time during which the rate is a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    start_s: f64,
    /// Messages due before it.
    before: f64,
    /// Messages per second at its start.
    rate: f64,
    /// Messages per second that it gains each second.
    slope: f64,
}

impl Piece {
    fn count(&self, at_s: f64) -> f64 {
        let x = at_s - self.start_s;
        self.before + x * (self.rate + x * self.slope / 2.0)
    }

    /// When so many messages are due; the form that does not cancel (slope 0 included).
    fn time_s(&self, count: f64) -> f64 {
        let n = count - self.before;
        if n <= 0.0 {
            return self.start_s;
        }
        let root = (self.rate * self.rate + 2.0 * self.slope * n).sqrt();
        self.start_s + 2.0 * n / (self.rate + root)
    }
}

impl RateProfile {
    /// The same rate for ever.
    #[must_use]
    pub fn constant(rate: Rate) -> Self {
        Self {
            pieces: vec![Piece {
                start_s: 0.0,
                before: 0.0,
                rate: rate.per_second(),
                slope: 0.0,
            }],
            end_s: f64::INFINITY,
        }
    }

    /// From 0 in a straight line to `rate` within `ramp`, then `rate` for ever.
    #[must_use]
    pub fn ramp(rate: Rate, ramp: Duration) -> Self {
        let (to, over_s) = (rate.per_second(), ramp.as_secs_f64());
        if over_s == 0.0 {
            return Self::constant(rate);
        }
        let rise = Piece {
            start_s: 0.0,
            before: 0.0,
            rate: 0.0,
            slope: to / over_s,
        };
        let level = Piece {
            start_s: over_s,
            before: to * over_s / 2.0,
            rate: to,
            slope: 0.0,
        };
        Self {
            pieces: vec![rise, level],
            end_s: f64::INFINITY,
        }
    }

    /// One stage after the other; `None` when there is none.
    #[must_use]
    pub fn stages(stages: &[Stage]) -> Option<Self> {
        let mut pieces: Vec<Piece> = Vec::with_capacity(stages.len());
        let mut end_s = 0.0;
        for stage in stages {
            pieces.push(Piece {
                start_s: end_s,
                before: pieces.last().map_or(0.0, |p| p.count(end_s)),
                rate: stage.rate.per_second(),
                slope: 0.0,
            });
            end_s += stage.time.as_secs_f64();
        }
        (!pieces.is_empty()).then_some(Self { pieces, end_s })
    }

    /// How long the stages last; `None` for a profile that goes on for ever.
    #[must_use]
    pub fn length(&self) -> Option<Duration> {
        self.end_s
            .is_finite()
            .then(|| Duration::from_secs_f64(self.end_s))
    }

    /// Messages due in the first `seconds`, Λ(t); of a random schedule, on average.
    #[must_use]
    pub fn count_in(&self, seconds: f64) -> f64 {
        let at_s = seconds.clamp(0.0, self.end_s);
        let piece = self.pieces.iter().rev().find(|p| p.start_s <= at_s);
        piece.map_or(0.0, |p| p.count(at_s))
    }

    /// The rate at so many seconds, in messages per second; 0 when the last stage is over.
    #[must_use]
    pub fn rate_at(&self, seconds: f64) -> f64 {
        let piece = self.pieces.iter().rev().find(|p| p.start_s <= seconds);
        let rate = |p: &Piece| p.rate + (seconds - p.start_s) * p.slope;
        piece.filter(|_| seconds < self.end_s).map_or(0.0, rate)
    }

    /// Seconds after which so many messages are due, Λ⁻¹(n); infinite beyond the last stage.
    #[must_use]
    pub fn seconds_for(&self, count: f64) -> f64 {
        let place = self.place_of(count, 0);
        self.pieces.get(place).map_or(f64::INFINITY, |p| {
            let at_s = p.time_s(count);
            if at_s < self.end_s {
                at_s
            } else {
                f64::INFINITY
            }
        })
    }

    /// The rate at T0 if it is above 0: what a warm-up goes at.
    #[must_use]
    pub fn initial_rate(&self) -> Option<Rate> {
        self.pieces.first().and_then(|p| Rate::new(p.rate))
    }

    /// How long the rate rises from 0; `None` without a ramp.
    #[must_use]
    pub fn ramp_time(&self) -> Option<Duration> {
        let rises = self.pieces.first().is_some_and(|p| p.slope > 0.0);
        let level = self.pieces.get(1).filter(|_| rises)?;
        Some(Duration::from_secs_f64(level.start_s))
    }

    /// The stages that it was made of; none for a profile that goes on for ever.
    #[must_use]
    pub fn as_stages(&self) -> Vec<Stage> {
        if self.end_s.is_infinite() {
            return Vec::new();
        }
        let starts = self.pieces.iter().map(|p| p.start_s);
        let ends = starts.skip(1).chain([self.end_s]);
        let pieces = self.pieces.iter().zip(ends);
        pieces
            .filter_map(|(piece, end_s)| {
                Some(Stage {
                    time: Duration::from_secs_f64(end_s - piece.start_s),
                    rate: Rate::new(piece.rate)?,
                })
            })
            .collect()
    }

    /// The highest rate, in messages per second.
    #[must_use]
    pub fn peak(&self) -> f64 {
        self.pieces.iter().map(|p| p.rate).fold(0.0, f64::max)
    }

    /// The piece that this message falls into, from `from` on.
    #[inline]
    fn place_of(&self, count: f64, from: usize) -> usize {
        let mut place = from;
        while self
            .pieces
            .get(place + 1)
            .is_some_and(|next| next.before <= count)
        {
            place += 1;
        }
        place
    }
}

/// When a schedule is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After so many messages of every client.
    MessagesPerClient(u64),
    /// At this time after its beginning; what is due from then on is not sent.
    Time(Duration),
}

/// The due times of all clients of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    profile: RateProfile,
    arrivals: Arrivals,
    clients: u32,
    seed: u64,
    messages: u64,
    end_s: f64,
}

/// One client's place in a [`Schedule`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    client: u32,
    piece: u32,
    index: u64,
    /// Where the message stands in the count of all clients' messages.
    position: f64,
    due_ns: u64,
}

impl Turn {
    /// The number of the next message within its client, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// When the next message is due, in nanoseconds since the schedule began; `None` when there is
    /// none.
    #[must_use]
    #[inline]
    pub fn due_ns(&self) -> Option<u64> {
        (self.due_ns != u64::MAX).then_some(self.due_ns)
    }
}

impl Schedule {
    /// The schedule of so many clients. Random spacing follows from `seed` alone.
    #[must_use]
    pub fn new(
        profile: RateProfile,
        arrivals: Arrivals,
        clients: u32,
        seed: u64,
        until: Until,
    ) -> Self {
        let (messages, end_s) = match until {
            Until::MessagesPerClient(n) => (n, f64::INFINITY),
            Until::Time(time) => (u64::MAX, time.as_secs_f64()),
        };
        Self {
            end_s: end_s.min(profile.end_s),
            profile,
            arrivals,
            clients,
            // Neither the seed of the sizes nor that of the choice of samples.
            seed: seed.rotate_left(32),
            messages,
        }
    }

    /// The first message of a client.
    #[must_use]
    pub fn first(&self, client: u32) -> Turn {
        let position = match self.arrivals {
            Arrivals::Constant => f64::from(client),
            Arrivals::Poisson => self.gap(client, 0),
        };
        self.place(Turn {
            client,
            piece: 0,
            index: 0,
            position,
            due_ns: u64::MAX,
        })
    }

    /// The message after this one.
    #[must_use]
    #[inline]
    pub fn next(&self, turn: Turn) -> Turn {
        let index = turn.index + 1;
        let position = match self.arrivals {
            // Exact up to 2^53 messages.
            #[allow(clippy::cast_precision_loss)]
            Arrivals::Constant => (u64::from(turn.client) + index * u64::from(self.clients)) as f64,
            Arrivals::Poisson => turn.position + self.gap(turn.client, index),
        };
        self.place(Turn {
            index,
            position,
            ..turn
        })
    }

    #[inline]
    fn place(&self, mut turn: Turn) -> Turn {
        let place = self.profile.place_of(turn.position, turn.piece as usize);
        let at_s = match self.profile.pieces.get(place) {
            Some(piece) if turn.index < self.messages => piece.time_s(turn.position),
            _ => f64::INFINITY,
        };
        // There are not 2^32 stages, and times are below 584 years.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        {
            turn.piece = place as u32;
            turn.due_ns = if at_s < self.end_s {
                (at_s * 1e9) as u64
            } else {
                u64::MAX
            };
        }
        turn
    }

    /// How far a client's message with this number lies from the one before: exponentially
    /// distributed with as many messages on average as there are clients.
    #[inline]
    fn gap(&self, client: u32, index: u64) -> f64 {
        const TWO_TO_53: f64 = 9_007_199_254_740_992.0;
        // Uniform in (0, 1): the middle of one of 2^53 parts.
        #[allow(clippy::cast_precision_loss)]
        let uniform = ((message_hash(self.seed, client, index) >> 11) as f64 + 0.5) / TWO_TO_53;
        -uniform.ln() * f64::from(self.clients)
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
