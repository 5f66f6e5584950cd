//! Rounds in which the servers take turns in short slices, so that a drift of the machine affects all of them equally.
//!
//! | module | content |
//! |---|---|
//! | `choice` | length of the slices, and whether the servers can run at the same time |
//! | `run_of_server` | one server's run in slices: connections, CPU, faults |
//! | `settle` | uncounted beginning of a slice, and length of a slice |
//! | `judge` | validity of one slice |
//! | `response_halves` | response times in both halves of slices |
//! | `total` | sum of all slices, and the row of their run |

mod choice;
mod judge;
mod response_halves;
mod run_of_server;
mod settle;
mod total;

use std::time::Duration;

use measurement::plan::{Length, LoadSpec};
use measurement::run::comparison::RoundRow;
use statistics::latin_square::random_orders;
use swarm::SliceTimes;

use crate::round::{NeededRuns, RoundRunner, empty_row};
use crate::server::candidate::Candidate;
use crate::server::failure::ServerFailure;
use crate::server::starter::RunningServer;
use crate::steady_state::SteadyFigure;
pub(crate) use choice::{choose_slice, describe_shortage};
use run_of_server::RunOfServer;
use settle::SliceLength;

/// Cycles after the first warm-up from which the settle part is determined.
const SETTLE_CYCLES: usize = 5;

/// One in this number of cycles of a latency run keeps its samples, which show a growth of response times.
const SAMPLED_CYCLE: u32 = 3;

/// Lengths of the slices of throughput and latency runs, determined in the first round in which all servers are there.
#[derive(Debug, Default)]
pub(crate) struct SliceLengths {
    throughput: Option<KnownLength>,
    latency: Option<KnownLength>,
}

/// Length of the slices, and the number of servers that it was determined from.
#[derive(Debug, Clone, Copy)]
struct KnownLength {
    length: SliceLength,
    servers: usize,
}

impl SliceLengths {
    fn of(&mut self, kind: RunKind) -> &mut Option<KnownLength> {
        match kind {
            RunKind::Throughput => &mut self.throughput,
            RunKind::Latency => &mut self.latency,
        }
    }
}

/// A round in which the servers take turns.
pub(crate) struct InterleavedRound<'a> {
    pub(crate) runner: &'a RoundRunner,
    /// From 1.
    pub(crate) round: u32,
    /// Seed of payloads, schedules and orders; the same for every server.
    pub(crate) seed: u64,
    pub(crate) runs: NeededRuns,
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
    Throughput,
    Latency,
}

impl RunKind {
    fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency",
        }
    }

    fn steady_figure(self) -> SteadyFigure {
        match self {
            Self::Throughput => SteadyFigure::Echoes,
            Self::Latency => SteadyFigure::ResponseTime,
        }
    }
}

impl InterleavedRound<'_> {
    /// Starts all servers in this order, measures them in turn, and ends them. The row of a server that fails has the
    /// reason, and the round continues with the others.
    ///
    /// # Errors
    /// [`Interrupted`](ServerFailure::Interrupted) when the user interrupts the comparison.
    pub(crate) fn measure(
        &self,
        candidates: &[&Candidate],
        lengths: &mut SliceLengths,
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
        if self.runs.throughput {
            let load = self.runner.template.throughput(self.seed)?;
            let length = lengths.of(RunKind::Throughput);
            self.run(
                RunKind::Throughput,
                &load,
                &mut servers,
                length,
                &mut on_phase,
            )?;
        }
        if let Some(rate) = self.runs.rate.filter(|_| self.runs.latency) {
            let load = self.runner.template.latency(self.seed, rate)?;
            let length = lengths.of(RunKind::Latency);
            self.run(RunKind::Latency, &load, &mut servers, length, &mut on_phase)?;
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

    /// Measures one run of every server that has not failed, and fills in the rows.
    fn run(
        &self,
        kind: RunKind,
        load: &LoadSpec,
        servers: &mut [RoundServer],
        length: &mut Option<KnownLength>,
        on_phase: &mut impl FnMut(&str),
    ) -> Result<(), ServerFailure> {
        on_phase(&format!("{} · connecting", kind.name()));
        let mut runs = Vec::new();
        for server in servers.iter_mut().filter(|s| s.row.failure.is_none()) {
            if let Some(running) = &mut server.running {
                let opened = RunOfServer::open(self.runner, server.candidate, running, load);
                if let Some(run) = unless_interrupted(opened, &mut server.row)? {
                    runs.push((run, &mut server.row));
                }
            }
        }
        let (mut runs, rows): (Vec<RunOfServer>, Vec<&mut RoundRow>) = runs.into_iter().unzip();
        let slice = self.measure_slices(kind, load, &mut runs, length, on_phase)?;
        for (run, row) in runs.into_iter().zip(rows) {
            let found = run.close(kind.steady_figure(), slice);
            let Some((whole, memory_per_connection_bytes)) = unless_interrupted(found, row)? else {
                continue;
            };
            match kind {
                RunKind::Throughput => {
                    row.memory_per_connection_bytes = memory_per_connection_bytes;
                    row.throughput = Some(whole);
                }
                RunKind::Latency => row.latency = Some(whole),
            }
        }
        Ok(())
    }

    /// Runs warm-up and counted slices of all runs in turn. Returns the length of the slices.
    fn measure_slices(
        &self,
        kind: RunKind,
        load: &LoadSpec,
        runs: &mut [RunOfServer],
        length: &mut Option<KnownLength>,
        on_phase: &mut impl FnMut(&str),
    ) -> Result<SliceLength, ServerFailure> {
        let planned = match load.length {
            Length::Duration(time) => time,
            Length::MessagesPerClient(_) => self.slice,
        };
        let warm_up_slice = self.slice.min(load.warmup);
        let warm_up = SliceTimes::warm_up(warm_up_slice);
        let warm_up_cycles = cycles(load.warmup, warm_up_slice);
        // No two runs of a comparison have the same orders.
        let mut orders = Orders::new(runs.len(), self.seed ^ kind as u64);
        for cycle in 0..warm_up_cycles {
            on_phase(&format!(
                "{} · warm-up {} of {warm_up_cycles}",
                kind.name(),
                cycle + 1
            ));
            run_of_server::run_cycle(runs, &orders.next(), warm_up)?;
        }
        for run in runs.iter_mut() {
            run.find_new_processes();
            run.hold_background_work();
        }
        // Held servers make up for their work in their own slices, so they are held while the settle part is measured.
        let slice = match *length {
            Some(known) if known.servers >= runs.len() => known.length,
            _ => {
                let found = self.find_length(kind, planned, runs, &mut orders)?;
                *length = Some(found);
                found.length
            }
        };
        // Every run has each place equally often in the counted cycles.
        orders.begin_square();
        let counted_cycles = cycles(planned, slice.counted()).max(1);
        let counted_cycles = counted_cycles.next_multiple_of(orders.cycles_of_a_square());
        for cycle in 1..=counted_cycles {
            on_phase(&format!(
                "{} · slice {cycle} of {counted_cycles}",
                kind.name()
            ));
            let times = SliceTimes {
                settle: slice.settle,
                counted: slice.counted(),
                keeps_samples: kind == RunKind::Latency && cycle % SAMPLED_CYCLE == 1,
            };
            run_of_server::count_cycle(runs, cycle, &orders.next(), times)?;
        }
        runs.iter().for_each(RunOfServer::let_go);
        run_of_server::settle_disturbances(runs);
        Ok(slice)
    }

    /// Measures how long the servers take to be steady at the beginning of a slice.
    fn find_length(
        &self,
        kind: RunKind,
        longest: Duration,
        runs: &mut [RunOfServer],
        orders: &mut Orders,
    ) -> Result<KnownLength, ServerFailure> {
        let whole = SliceTimes {
            settle: Duration::ZERO,
            counted: self.slice,
            keeps_samples: true,
        };
        let mut samples = vec![Vec::new(); runs.len()];
        for _ in 0..SETTLE_CYCLES {
            for (place, slice) in run_of_server::run_cycle(runs, &orders.next(), whole)? {
                samples[place].push(slice.record.samples);
            }
        }
        samples.retain(|slices| slices.len() == SETTLE_CYCLES);
        Ok(KnownLength {
            length: SliceLength::find(&samples, self.slice, longest, kind.steady_figure()),
            servers: samples.len(),
        })
    }
}

/// Number of slices that a time takes.
fn cycles(time: Duration, slice: Duration) -> u32 {
    let cycles = time.as_nanos().div_ceil(slice.as_nanos().max(1));
    u32::try_from(cycles).unwrap_or(u32::MAX)
}

/// Orders of the runs in each cycle. Each run has each place equally often.
struct Orders {
    runs: usize,
    seed: u64,
    /// Remaining orders of a square; the last is the next one.
    left: Vec<Vec<usize>>,
}

impl Orders {
    fn new(runs: usize, seed: u64) -> Self {
        Self {
            runs,
            seed,
            left: Vec::new(),
        }
    }

    /// Leaves out the rest of a square.
    fn begin_square(&mut self) {
        self.left.clear();
    }

    fn cycles_of_a_square(&self) -> u32 {
        u32::try_from(self.runs.max(1)).unwrap_or(u32::MAX)
    }

    fn next(&mut self) -> Vec<usize> {
        if self.left.is_empty() {
            self.seed = measurement::record::message_hash(self.seed, 0, 1);
            self.left = random_orders(self.runs, self.runs, self.seed);
        }
        self.left.pop().unwrap_or_default()
    }
}

/// Stores a server's failure in its row, unless the user interrupted the comparison.
pub(crate) fn unless_interrupted<T>(
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
    fn every_run_has_every_turn_equally_often() {
        let mut orders = Orders::new(3, 7);
        let mut turns = [[0; 3]; 3];
        let drawn: Vec<_> = (0..30).map(|_| orders.next()).collect();
        for order in &drawn {
            for (turn, run) in order.iter().enumerate() {
                turns[*run][turn] += 1;
            }
        }
        assert_eq!(turns, [[10; 3]; 3]);
        let all: std::collections::BTreeSet<_> = drawn.iter().collect();
        assert!(all.len() > 3, "squares are drawn anew: {all:?}");
    }

    /// The warm-up left a part of a square.
    #[test]
    fn the_counted_cycles_begin_with_a_whole_square() {
        for warm_up in 0..4 {
            let mut orders = Orders::new(3, 9);
            for _ in 0..warm_up {
                orders.next();
            }
            orders.begin_square();
            let mut turns = [[0; 3]; 3];
            for _ in 0..7_u32.next_multiple_of(orders.cycles_of_a_square()) {
                for (turn, run) in orders.next().iter().enumerate() {
                    turns[*run][turn] += 1;
                }
            }
            assert_eq!(turns, [[3; 3]; 3], "after {warm_up}");
        }
    }

    #[test]
    fn a_time_takes_as_many_slices_as_cover_it() {
        let ms = Duration::from_millis;
        assert_eq!(cycles(ms(2_000), ms(45)), 45);
        assert_eq!(cycles(ms(0), ms(45)), 0);
        assert_eq!(cycles(ms(1), ms(45)), 1);
    }
}
