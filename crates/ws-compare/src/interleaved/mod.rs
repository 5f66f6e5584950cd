//! Rounds in which the servers take turns in short slices, so that a drift of the machine meets all of them alike.
//!
//! | module | content |
//! |---|---|
//! | `choice` | length of the slices, and whether the servers can run at the same time |
//! | `lane` | one server's run in slices: connections, CPU, faults |
//! | `settle` | beginning of a slice that is not counted, and length of a slice |
//! | `judge` | one slice judged by itself |
//! | `total` | slices added up, and turned into the row of a run |

mod choice;
mod judge;
mod lane;
mod settle;
mod total;

use std::time::Duration;

use measurement::plan::{Length, LoadSpec};
use measurement::run::comparison::RoundRow;
use statistics::latin_square::random_orders;
use swarm::SliceTimes;
use units::Rate;

use crate::round::{RoundRunner, empty_row};
use crate::server::candidate::Candidate;
use crate::server::failure::ServerFailure;
use crate::server::starter::RunningServer;
use crate::steady_state::SteadyFigure;
pub(crate) use choice::{choose_slice, describe_shortage};
use lane::Lane;
use settle::SliceLength;

/// Cycles at the end of the warm-up that are looked at for the settle part.
const SETTLE_CYCLES: usize = 3;

/// A round of servers in turn.
pub(crate) struct InterleavedRound<'a> {
    pub(crate) runner: &'a RoundRunner,
    /// From 1.
    pub(crate) round: u32,
    /// Seed of payloads, schedules and orders; the same for every server.
    pub(crate) seed: u64,
    /// Rate of the latency runs.
    pub(crate) rate: Option<Rate>,
    /// Planned length of a slice.
    pub(crate) slice: Duration,
}

/// A server of the round.
struct RoundServer<'a> {
    candidate: &'a Candidate,
    row: RoundRow,
    running: Option<RunningServer>,
}

/// The two runs of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunKind {
    Capacity,
    Latency,
}

impl RunKind {
    fn name(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Latency => "latency",
        }
    }

    fn steady_figure(self) -> SteadyFigure {
        match self {
            Self::Capacity => SteadyFigure::Echoes,
            Self::Latency => SteadyFigure::ResponseTime,
        }
    }
}

impl InterleavedRound<'_> {
    /// Starts all servers in this order, measures them in turn, and ends them. A server that fails is named in its
    /// row, and the round goes on with the others.
    ///
    /// # Errors
    /// When the user ends it.
    pub(crate) fn measure(
        &self,
        candidates: &[&Candidate],
        mut on_phase: impl FnMut(&str),
    ) -> Result<Vec<RoundRow>, ServerFailure> {
        let mut servers = Vec::new();
        for (turn, candidate) in (1..).zip(candidates) {
            on_phase(&format!("{} · starting", candidate.name));
            let mut row = empty_row(&candidate.name, self.round, turn, self.seed);
            let running = unless_interrupted(self.runner.starter.start(candidate), &mut row)?;
            let ready_after = running.as_ref().and_then(|server| server.ready_after);
            row.ready_s = ready_after.map(|time| time.as_secs_f64());
            servers.push(RoundServer {
                candidate,
                row,
                running,
            });
        }
        let load = self.runner.template.capacity(self.seed)?;
        self.run(RunKind::Capacity, &load, &mut servers, &mut on_phase)?;
        if let Some(rate) = self.rate {
            let load = self.runner.template.latency(self.seed, rate)?;
            self.run(RunKind::Latency, &load, &mut servers, &mut on_phase)?;
        }
        Ok(servers
            .into_iter()
            .map(|server| {
                if let Some(running) = server.running {
                    running.end();
                }
                server.row
            })
            .collect())
    }

    /// Measures one run of every server that has not failed, and fills their rows.
    fn run(
        &self,
        kind: RunKind,
        load: &LoadSpec,
        servers: &mut [RoundServer],
        on_phase: &mut impl FnMut(&str),
    ) -> Result<(), ServerFailure> {
        on_phase(&format!("{} · connecting", kind.name()));
        let mut lanes = Vec::new();
        for server in servers.iter_mut().filter(|s| s.row.failure.is_none()) {
            if let Some(running) = &mut server.running {
                let opened = Lane::open(self.runner, server.candidate, running, load);
                if let Some(lane) = unless_interrupted(opened, &mut server.row)? {
                    lanes.push((lane, &mut server.row));
                }
            }
        }
        let (mut lanes, rows): (Vec<Lane>, Vec<&mut RoundRow>) = lanes.into_iter().unzip();
        let slice = self.measure_slices(kind, load, &mut lanes, on_phase)?;
        for (lane, row) in lanes.into_iter().zip(rows) {
            let found = lane.close(kind.steady_figure(), slice);
            let Some((run, memory_per_connection_bytes)) = unless_interrupted(found, row)? else {
                continue;
            };
            match kind {
                RunKind::Capacity => {
                    row.memory_per_connection_bytes = memory_per_connection_bytes;
                    row.capacity = Some(run);
                }
                RunKind::Latency => row.latency = Some(run),
            }
        }
        Ok(())
    }

    /// Runs warm-up and counted slices of all lanes in turn. Returns the length of the slices.
    fn measure_slices(
        &self,
        kind: RunKind,
        load: &LoadSpec,
        lanes: &mut [Lane],
        on_phase: &mut impl FnMut(&str),
    ) -> Result<SliceLength, ServerFailure> {
        let warm_up = SliceTimes::warm_up(self.slice);
        let warm_up_cycles = cycles(load.warmup, self.slice);
        // No two runs of a comparison have the same orders.
        let mut orders = Orders::new(lanes.len(), self.seed ^ kind as u64);
        for cycle in 0..warm_up_cycles {
            on_phase(&format!(
                "{} · warm-up {} of {warm_up_cycles}",
                kind.name(),
                cycle + 1
            ));
            lane::run_cycle(lanes, &orders.next(), warm_up)?;
        }
        let seen = SliceTimes {
            settle: Duration::ZERO,
            counted: self.slice,
            keeps_samples: true,
        };
        let mut samples = vec![Vec::new(); lanes.len()];
        for _ in 0..SETTLE_CYCLES {
            for (place, slice) in lane::run_cycle(lanes, &orders.next(), seen)? {
                samples[place].extend(slice.record.samples);
            }
        }
        let slice = SliceLength::find(&samples, self.slice, kind.steady_figure());
        let times = SliceTimes {
            settle: slice.settle,
            counted: slice.counted(),
            keeps_samples: false,
        };
        let planned = match load.length {
            Length::Duration(time) => time,
            Length::MessagesPerClient(_) => self.slice,
        };
        let counted_cycles = cycles(planned, times.counted).max(1);
        for cycle in 1..=counted_cycles {
            on_phase(&format!(
                "{} · slice {cycle} of {counted_cycles}",
                kind.name()
            ));
            lane::count_cycle(lanes, cycle, &orders.next(), times)?;
        }
        Ok(slice)
    }
}

/// Number of slices that a time takes.
fn cycles(time: Duration, slice: Duration) -> u32 {
    let cycles = time.as_nanos().div_ceil(slice.as_nanos().max(1));
    u32::try_from(cycles).unwrap_or(u32::MAX)
}

/// Orders of the lanes in each cycle, balanced as far as they go.
struct Orders {
    lanes: usize,
    seed: u64,
    /// Orders of one square, the next one last.
    left: Vec<Vec<usize>>,
}

impl Orders {
    fn new(lanes: usize, seed: u64) -> Self {
        Self {
            lanes,
            seed,
            left: Vec::new(),
        }
    }

    fn next(&mut self) -> Vec<usize> {
        if self.left.is_empty() {
            self.seed = measurement::record::message_hash(self.seed, 0, 1);
            self.left = random_orders(self.lanes, self.lanes, self.seed);
        }
        self.left.pop().unwrap_or_default()
    }
}

/// Notes a server's failure in its row, unless the user ended everything.
fn unless_interrupted<T>(
    found: Result<T, ServerFailure>,
    row: &mut RoundRow,
) -> Result<Option<T>, ServerFailure> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(ServerFailure::Interrupted) => Err(ServerFailure::Interrupted),
        Err(failure) => {
            row.failure = Some(failure.in_one_line());
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_has_every_turn_equally_often() {
        let mut orders = Orders::new(3, 7);
        let mut turns = [[0; 3]; 3];
        let drawn: Vec<_> = (0..30).map(|_| orders.next()).collect();
        for order in &drawn {
            for (turn, lane) in order.iter().enumerate() {
                turns[*lane][turn] += 1;
            }
        }
        assert_eq!(turns, [[10; 3]; 3]);
        let all: std::collections::BTreeSet<_> = drawn.iter().collect();
        assert!(all.len() > 3, "squares are drawn anew: {all:?}");
    }

    #[test]
    fn a_time_takes_as_many_slices_as_cover_it() {
        let ms = Duration::from_millis;
        assert_eq!(cycles(ms(2_000), ms(45)), 45);
        assert_eq!(cycles(ms(0), ms(45)), 0);
        assert_eq!(cycles(ms(1), ms(45)), 1);
    }
}
