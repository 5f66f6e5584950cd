//! Due times of the messages of an open loop, computed from seed, client and message number.
//!
//! A [`RateProfile`] gives the number of messages due by a time t after T0, Λ(t). With constant arrivals, message j of
//! the run is due at Λ⁻¹(j) and belongs to client j mod n: clients are phase-shifted, never in step. With Poisson
//! arrivals, each client is a Poisson process of its own with 1/n of the rate (time change of a unit-rate process;
//! Çinlar, "Introduction to Stochastic Processes", 1975, 4.7). Together they are a Poisson process of the whole rate.
//! Every due time is computed from a position on the profile, not from the previous due time, so rounding errors do not
//! accumulate: after hours they are below a nanosecond.

use serde::{Deserialize, Serialize};

use super::Length;
use super::rate_profile::RateProfile;
use crate::record::message_hash;

/// Spacing of messages in open loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Evenly spaced.
    #[default]
    Constant,
    /// Random and independent of each other, like the requests of many users.
    Poisson,
}

impl Arrivals {
    /// The word used in flags and files: `constant`, `poisson`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
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

/// Position of one client in a [`Schedule`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduleCursor {
    client: u32,
    segment: u32,
    index: u64,
    /// Position of the next message on the profile, counted in messages of all clients.
    position: f64,
    due_ns: u64,
}

impl ScheduleCursor {
    /// The number of the next message of this client, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Due time of the next message, in nanoseconds since the schedule began; `None` after the last message.
    #[inline]
    pub fn due_ns(&self) -> Option<u64> {
        (self.due_ns != u64::MAX).then_some(self.due_ns)
    }
}

impl Schedule {
    /// The schedule of a number of clients. Messages due at or after the end of `length` are not sent. Random spacing
    /// depends only on `seed`.
    pub fn new(
        profile: RateProfile,
        arrivals: Arrivals,
        clients: u32,
        seed: u64,
        length: Length,
    ) -> Self {
        let (messages, end_s) = match length {
            Length::MessagesPerClient(n) => (n.get(), f64::INFINITY),
            Length::Duration(time) => (u64::MAX, time.as_secs_f64()),
        };
        Self {
            end_s: end_s.min(profile.end_s),
            profile,
            arrivals,
            clients,
            // Different from the seeds of the payload sizes and of the choice of samples.
            seed: seed.rotate_left(32),
            messages,
        }
    }

    /// The first message of a client.
    pub fn first(&self, client: u32) -> ScheduleCursor {
        let position = match self.arrivals {
            Arrivals::Constant => f64::from(client),
            Arrivals::Poisson => self.gap(client, 0),
        };
        self.locate(ScheduleCursor {
            client,
            segment: 0,
            index: 0,
            position,
            due_ns: u64::MAX,
        })
    }

    /// The message after this one.
    #[inline]
    pub fn next(&self, cursor: ScheduleCursor) -> ScheduleCursor {
        let index = cursor.index + 1;
        let position = match self.arrivals {
            // Exact up to 2^53 messages.
            Arrivals::Constant => {
                (u64::from(cursor.client) + index * u64::from(self.clients)) as f64
            }
            Arrivals::Poisson => cursor.position + self.gap(cursor.client, index),
        };
        self.locate(ScheduleCursor {
            index,
            position,
            ..cursor
        })
    }

    #[inline]
    fn locate(&self, mut cursor: ScheduleCursor) -> ScheduleCursor {
        let place = self
            .profile
            .segment_at(cursor.position, cursor.segment as usize);
        let at_s = match self.profile.segments.get(place) {
            Some(segment) if cursor.index < self.messages => segment.time_s(cursor.position),
            _ => f64::INFINITY,
        };
        // There are not 2^32 stages, and times are below 584 years.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        {
            cursor.segment = place as u32;
            cursor.due_ns = if at_s < self.end_s {
                (at_s * 1e9) as u64
            } else {
                u64::MAX
            };
        }
        cursor
    }

    /// Distance between this message and the client's previous one, in messages of all clients. Exponentially
    /// distributed with the number of clients as mean.
    #[inline]
    fn gap(&self, client: u32, index: u64) -> f64 {
        const TWO_TO_53: f64 = 9_007_199_254_740_992.0;
        // Uniform in (0, 1): the middle of one of 2^53 equal parts.
        let uniform = ((message_hash(self.seed, client, index) >> 11) as f64 + 0.5) / TWO_TO_53;
        -uniform.ln() * f64::from(self.clients)
    }
}

#[cfg(test)]
mod tests {
    //! Due times against an independent computation.

    use super::*;
    use crate::plan::Stage;
    use proptest::prelude::*;
    use std::num::NonZeroU64;
    use std::time::Duration;
    use units::Rate;

    fn rate(per_second: f64) -> Rate {
        Rate::new(per_second).unwrap()
    }

    /// All due times of a client.
    fn times(schedule: &Schedule, client: u32) -> Vec<u64> {
        let turns =
            std::iter::successors(Some(schedule.first(client)), |t| Some(schedule.next(*t)));
        turns.map_while(|t| t.due_ns()).collect()
    }

    /// All due times of all clients, ascending.
    fn all(schedule: &Schedule) -> Vec<u64> {
        let mut all: Vec<_> = (0..schedule.clients)
            .flat_map(|client| times(schedule, client))
            .collect();
        all.sort_unstable();
        all
    }

    fn seconds(s: f64) -> Length {
        Length::Duration(Duration::from_secs_f64(s))
    }

    #[test]
    fn message_j_is_due_at_j_over_the_rate_and_clients_take_turns() {
        let profile = RateProfile::constant(rate(1_000.0));
        let s = Schedule::new(profile, Arrivals::Constant, 4, 1, seconds(1.0));
        assert_eq!(times(&s, 0)[..3], [0, 4_000_000, 8_000_000]);
        assert_eq!(times(&s, 3)[..2], [3_000_000, 7_000_000]);
        let millisecond = |j: u64| j * 1_000_000;
        assert_eq!(all(&s), (0..1_000).map(millisecond).collect::<Vec<_>>());
    }

    #[test]
    fn rounding_does_not_add_up_over_hours() {
        // 7,919 is prime, so almost no due time is a whole number of nanoseconds.
        let profile = RateProfile::constant(rate(7_919.0));
        let s = Schedule::new(profile, Arrivals::Constant, 3, 1, seconds(1e6));
        let mut cursor = s.first(2);
        for _ in 0..1_000_000 {
            cursor = s.next(cursor);
        }
        let far = ScheduleCursor {
            index: 95_000_000,
            ..cursor
        };
        // 1,000,000 steps of `next`, and one step after a jump of ten hours. Both must match the integer arithmetic.
        for (cursor, index) in [(cursor, 1_000_000), (s.next(far), 95_000_001)] {
            let j = 2 + index * 3_u128;
            let exact = j * 1_000_000_000 / 7_919;
            assert!(u128::from(cursor.due_ns).abs_diff(exact) <= 1, "{index}");
        }
    }

    #[test]
    fn a_ramp_sends_half_of_what_the_rate_would() {
        let profile = RateProfile::ramp(rate(1_000.0), Duration::from_secs(2));
        let s = Schedule::new(profile.clone(), Arrivals::Constant, 7, 1, seconds(3.0));
        let all = all(&s);
        assert_eq!(
            all.len(),
            2_000,
            "1,000 while it rises, 1,000 in the second after"
        );
        // By t seconds, 250·t² are due: half of the first thousand at √2 s.
        let by = |s: f64| all.iter().filter(|ns| (**ns as f64) < s * 1e9).count();
        assert_eq!(by(1.0), 250);
        assert!(by(2_f64.sqrt()).abs_diff(500) <= 1);
        assert_eq!(by(2.0), 1_000);
        assert_eq!(profile.initial_rate(), None);
        assert_eq!(profile.ramp_time(), Some(Duration::from_secs(2)));
        assert_eq!(profile.count_in(3.0), 2_000.0);
        assert_eq!(profile.seconds_for(2_000.0), 3.0);
        assert_eq!(
            RateProfile::ramp(rate(5.0), Duration::ZERO),
            RateProfile::constant(rate(5.0))
        );
    }

    #[test]
    fn stages_follow_each_other_and_end() {
        let stage = |s, per_second| Stage {
            time: Duration::from_secs(s),
            rate: rate(per_second),
        };
        let stages = [stage(2, 100.0), stage(1, 1_000.0), stage(1, 10.0)];
        let profile = RateProfile::stages(&stages).unwrap();
        assert_eq!(
            (profile.as_stages(), profile.ramp_time()),
            (stages.to_vec(), None)
        );
        assert_eq!(profile.length(), Some(Duration::from_secs(4)));
        assert_eq!((profile.peak(), profile.count_in(99.0)), (1_000.0, 1_210.0));
        let s = Schedule::new(profile, Arrivals::Constant, 3, 1, seconds(60.0));
        let all = all(&s);
        let within = |from: u64, to: u64| {
            let range = from * 1_000_000_000..to * 1_000_000_000;
            all.iter().filter(|ns| range.contains(ns)).count()
        };
        assert_eq!((within(0, 2), within(2, 3), within(3, 4)), (200, 1_000, 10));
        assert_eq!(all.len(), 1_210);
        assert_eq!(RateProfile::stages(&[]), None);
    }

    #[test]
    fn a_number_of_messages_ends_every_client_after_as_many() {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let profile = RateProfile::constant(rate(50.0));
            let length = Length::MessagesPerClient(NonZeroU64::new(20).unwrap());
            let s = Schedule::new(profile, arrivals, 5, 9, length);
            for client in 0..5 {
                assert_eq!(times(&s, client).len(), 20, "{arrivals:?}");
            }
        }
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let (n, per_second) = (100_000.0, 1_000.0);
        let profile = RateProfile::constant(rate(per_second));
        let s = Schedule::new(profile, Arrivals::Poisson, 8, 3, seconds(n / per_second));
        let all = all(&s);
        // The count has mean n and deviation √n; this seed is fixed.
        assert!(
            (all.len() as f64 - n).abs() < 4.0 * n.sqrt(),
            "{}",
            all.len()
        );
        let mut gaps: Vec<_> = all.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e6).collect();
        gaps.sort_by(f64::total_cmp);
        // Kolmogorov-Smirnov against 1 − e^(−x): 1.95/√n is exceeded once in a thousand.
        let m = gaps.len() as f64;
        let distance = gaps
            .iter()
            .enumerate()
            .map(|(i, gap)| (1.0 - (-gap).exp() - i as f64 / m).abs())
            .fold(0.0, f64::max);
        assert!(distance < 1.95 / m.sqrt(), "{distance}");
    }

    #[test]
    fn poisson_clients_are_independent_and_follow_the_seed() {
        let of = |seed, client| {
            let profile = RateProfile::constant(rate(100.0));
            let s = Schedule::new(profile, Arrivals::Poisson, 2, seed, seconds(5.0));
            times(&s, client)
        };
        assert_eq!(of(1, 0), of(1, 0));
        assert_ne!(of(1, 0), of(2, 0));
        assert_ne!(of(1, 0), of(1, 1));
    }

    proptest! {
        #[test]
        fn the_run_is_the_same_however_many_clients_share_it(
            per_second in 1.0..50_000.0_f64,
            clients in 1..200_u32,
        ) {
            let profile = RateProfile::constant(rate(per_second));
            let until = seconds(1_000.0 / per_second);
            let shared = Schedule::new(profile.clone(), Arrivals::Constant, clients, 1, until);
            let alone = Schedule::new(profile, Arrivals::Constant, 1, 1, until);
            prop_assert_eq!(all(&shared), all(&alone));
        }

        #[test]
        fn counting_and_waiting_are_inverse(
            ramp_s in 0.0..100.0_f64,
            per_second in 0.1..1e6_f64,
            at_s in 0.001..1e5_f64,
        ) {
            let profile = RateProfile::ramp(rate(per_second), Duration::from_secs_f64(ramp_s));
            let back = profile.seconds_for(profile.count_in(at_s));
            prop_assert!((back - at_s).abs() <= 1e-9 * at_s.max(1.0), "{} for {}", back, at_s);
        }

        #[test]
        fn time_never_runs_backwards(seed: u64, ramp_ms in 0..3_000_u64, client in 0..9_u32, poisson: bool) {
            let profile = RateProfile::ramp(rate(300.0), Duration::from_millis(ramp_ms));
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let s = Schedule::new(profile, arrivals, 9, seed, seconds(4.0));
            let times = times(&s, client);
            prop_assert!(times.is_sorted());
            prop_assert!(times.iter().all(|ns| *ns < 4_000_000_000));
        }
    }

    #[test]
    fn the_rate_at_a_time_is_that_of_its_piece() {
        assert_eq!(RateProfile::constant(rate(50.0)).rate_at(1e6), 50.0);
        let ramp = RateProfile::ramp(rate(100.0), Duration::from_secs(10));
        let at = [0.0, 2.5, 10.0, 60.0].map(|s| ramp.rate_at(s));
        assert_eq!(at, [0.0, 25.0, 100.0, 100.0]);
        let stage = |per_second| Stage {
            time: Duration::from_secs(2),
            rate: rate(per_second),
        };
        let stages = RateProfile::stages(&[stage(10.0), stage(30.0)]).unwrap();
        let at = [0.0, 1.9, 2.0, 3.9, 4.0].map(|s| stages.rate_at(s));
        assert_eq!(at, [10.0, 10.0, 30.0, 30.0, 0.0]);
    }

    #[test]
    fn stages_are_a_time_and_a_rate() {
        let stage = "10s:1_000".parse::<Stage>().unwrap();
        assert_eq!(stage.time, Duration::from_secs(10));
        assert_eq!(stage.rate.per_second(), 1_000.0);
        for wrong in ["", "10s", "10:5", "10s:0", "0s:5", "10s:x", ":5"] {
            assert!(wrong.parse::<Stage>().is_err(), "{wrong}");
        }
    }
}
