//! One server's run in slices, and the cycles in which each server has a slice.

use std::time::Duration;

use host::process_probe::ProcessProbe;
use measurement::plan::LoadSpec;
use measurement::run::comparison::{RunRow, RunSlices};
use swarm::{SliceRecord, SliceTimes, SlicedRun};

use super::judge::{JudgedSlice, MeasuredSlice, SliceJudge, of_length};
use super::settle::SliceLength;
use super::total::RunTotal;
use crate::measure::memory_growth;
use crate::round::{RoundRunner, check_alive_in_turns};
use crate::server::candidate::Candidate;
use crate::server::failure::{ServerFailure, TurnTaking};
use crate::server::starter::RunningServer;
use crate::steady_state::SteadyFigure;

/// Length of the plan of a run in slices. Its slices end the run before.
const ENDLESS: Duration = Duration::from_secs(24 * 3600);

/// A server that can be held: its processes are stopped in the slices of the others. They go on when this is dropped.
struct HoldableServer<'r> {
    server: &'r mut RunningServer,
    is_held: bool,
}

impl HoldableServer<'_> {
    /// Holds the server from now on. Returns false if it has no processes that this program has started.
    fn hold(&mut self) -> bool {
        self.is_held = self.server.suspend();
        self.is_held
    }

    fn turns(&self) -> TurnTaking {
        match self.is_held {
            true => TurnTaking::Held,
            false => TurnTaking::Idle,
        }
    }

    fn check_alive(&mut self, candidate: &Candidate) -> Result<(), ServerFailure> {
        let turns = self.turns();
        check_alive_in_turns(candidate, self.server, turns)
    }

    /// Stops the processes of a held server, or lets them go on for its own slice.
    fn give_turn(&self, is_own: bool) {
        match self.is_held {
            true if is_own => self.server.resume(),
            true => {
                self.server.suspend();
            }
            false => {}
        }
    }
}

impl Drop for HoldableServer<'_> {
    fn drop(&mut self) {
        self.give_turn(true);
    }
}

/// One server's run in slices.
pub(super) struct RunOfServer<'r> {
    candidate: &'r Candidate,
    running: HoldableServer<'r>,
    sliced: SlicedRun,
    judge: SliceJudge,
    probe: Option<ProcessProbe>,
    before_bytes: Option<u64>,
    total: RunTotal,
    failure: Option<ServerFailure>,
    is_interrupted: bool,
}

impl<'r> RunOfServer<'r> {
    /// Opens the connections of a load to a server.
    pub(super) fn open(
        runner: &'r RoundRunner,
        candidate: &'r Candidate,
        running: &'r mut RunningServer,
        load: &LoadSpec,
    ) -> Result<Self, ServerFailure> {
        // A server without readable processes can still be measured.
        let mut probe = ProcessProbe::group(&running.processes()).ok();
        let before_bytes = probe.as_mut().and_then(ProcessProbe::max_rss_bytes);
        let server = running.address.server.clone();
        let plan = of_length(load, ENDLESS, server.clone())?;
        let control = &runner.starter.control;
        // Stops that this machine had during the calibration disturb a slice as well.
        let sliced = SlicedRun::open(&plan, control, Duration::ZERO);
        if control.is_stopped() {
            return Err(ServerFailure::Interrupted);
        }
        // If the process has ended, this explains all other failures.
        check_alive_in_turns(candidate, running, TurnTaking::Idle)?;
        let sliced = sliced.map_err(|source| ServerFailure::Run {
            name: candidate.name.clone(),
            source,
        })?;
        Ok(Self {
            candidate,
            running: HoldableServer {
                server: running,
                is_held: false,
            },
            sliced,
            judge: SliceJudge {
                load: load.clone(),
                server,
                calibration: runner.machine.calibration,
            },
            probe,
            before_bytes,
            total: RunTotal::default(),
            failure: None,
            is_interrupted: false,
        })
    }

    /// Takes in processes that the server has started since its connections were opened. Returns true if there are any.
    pub(super) fn find_new_processes(&mut self) -> bool {
        let running = &self.running.server;
        let probe = self.probe.as_mut();
        probe.is_some_and(|probe| probe.include(&running.processes()))
    }

    /// Holds the server in the slices of the others from now on, if it has worked in them.
    pub(super) fn hold_background_work(&mut self) {
        let share = self.total.background_share();
        let has_worked = share.is_some_and(|share| share > RunSlices::BACKGROUND_LIMIT);
        if has_worked && self.running.hold() {
            self.total.note_hold();
        }
    }

    /// CPU time of the server since [`begin_cpu`](Self::begin_cpu), in seconds.
    fn end_cpu(&mut self) -> Option<f64> {
        Some(self.probe.as_mut()?.end()?.cpu_s)
    }

    fn begin_cpu(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.begin();
        }
    }

    /// Runs a slice; `None` if the server fails.
    fn slice(&mut self, times: SliceTimes) -> Option<SliceRecord> {
        match self.sliced.slice(times) {
            Ok(record) => {
                self.is_interrupted = record.interrupted;
                let faults = self.judge.faults(&record).ok()?;
                let is_own = record.interrupted || self.judge.outlasts_timeout(&record);
                if let Some(faults) = faults.filter(|_| !is_own) {
                    self.fail(faults, record.connections.closed_early > 0);
                    return None;
                }
                Some(record)
            }
            Err(source) => {
                self.failure = Some(ServerFailure::Run {
                    name: self.candidate.name.clone(),
                    source,
                });
                None
            }
        }
    }

    /// Stores faults of the server, or the end of its process, which explains them.
    fn fail(&mut self, faults: String, ends_early: bool) {
        let failure = match self.running.check_alive(self.candidate) {
            Err(ended) => ended,
            Ok(()) => ServerFailure::UnderLoad {
                name: self.candidate.name.clone(),
                faults,
                ends_early,
                turns: self.running.turns(),
            },
        };
        self.failure = Some(failure);
    }

    /// Lets a held server go on. No other one has load any more.
    pub(super) fn let_go(&self) {
        self.running.give_turn(true);
    }

    /// Closes the connections. Returns the row of the run and the growth of the server's memory per connection, in
    /// bytes.
    pub(super) fn close(
        mut self,
        by: SteadyFigure,
        slice: SliceLength,
    ) -> Result<(RunRow, Option<f64>), ServerFailure> {
        if self.find_new_processes() {
            self.total.forget_cpu();
        }
        let after_bytes = self.probe.as_mut().and_then(ProcessProbe::max_rss_bytes);
        let closed = self.sliced.close();
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let name = || self.candidate.name.clone();
        let context = closed
            .map_err(|source| ServerFailure::Run {
                name: name(),
                source,
            })?
            .context;
        if context.interrupted {
            return Err(ServerFailure::Interrupted);
        }
        self.running.check_alive(self.candidate)?;
        let opened = context.connections.opened;
        let ends_early = context.connections.closed_early > 0;
        let pids = self.running.server.processes();
        let found = self.total.finish(&self.judge, context, &pids, by, slice)?;
        match found {
            Ok(row) => {
                let memory = memory_growth(self.before_bytes, after_bytes, opened);
                Ok((row, memory))
            }
            Err(faults) => Err(ServerFailure::UnderLoad {
                name: name(),
                faults,
                ends_early,
                turns: self.running.turns(),
            }),
        }
    }
}

/// Runs one slice of every run that has not failed, in this order. Returns the slices with the indices of their runs.
///
/// # Errors
/// [`Interrupted`](ServerFailure::Interrupted) when the user interrupts the comparison.
pub(super) fn run_cycle(
    runs: &mut [RunOfServer],
    order: &[usize],
    times: SliceTimes,
) -> Result<Vec<(usize, SliceRecord)>, ServerFailure> {
    let mut slices = Vec::new();
    for (place, measured) in measure_cycle(runs, order, times)? {
        slices.push((place, measured.record));
    }
    Ok(slices)
}

/// Like [`run_cycle`], with the servers' CPU times, which are read between slices while no server has load.
fn measure_cycle(
    runs: &mut [RunOfServer],
    order: &[usize],
    times: SliceTimes,
) -> Result<Vec<(usize, MeasuredSlice)>, ServerFailure> {
    let mut slices = Vec::new();
    for &place in order {
        if runs[place].failure.is_some() {
            continue;
        }
        for (run_place, run) in runs.iter().enumerate() {
            run.running.give_turn(run_place == place);
        }
        runs.iter_mut().for_each(RunOfServer::begin_cpu);
        let record = runs[place].slice(times);
        let cpu_s: Vec<Option<f64>> = runs.iter_mut().map(RunOfServer::end_cpu).collect();
        if runs[place].is_interrupted {
            return Err(ServerFailure::Interrupted);
        }
        let Some(record) = record else {
            continue;
        };
        for (other, run) in runs.iter_mut().enumerate().filter(|(n, _)| *n != place) {
            run.total.add_background(cpu_s[other], record.took);
        }
        let measured = MeasuredSlice {
            record,
            planned: times.settle + times.counted,
            cpu_s: cpu_s[place],
        };
        if measured.is_late() {
            leave_step(&measured);
        }
        slices.push((place, measured));
    }
    Ok(slices)
}

/// Waits for a random part of a slice after a pause of a server. The slice ended with the pause, so the next pause of a
/// server that pauses at regular times would always meet the same part of a slice.
fn leave_step(slice: &MeasuredSlice) {
    let took_ns = u64::try_from(slice.record.took.as_nanos()).unwrap_or(u64::MAX);
    // The last digits of a time in nanoseconds are random.
    let share = measurement::record::message_hash(took_ns, 0, 0) as f64 / u64::MAX as f64;
    std::thread::sleep(slice.planned.mul_f64(share));
}

/// Counts disturbed cycles as well, if they are too many for one of the runs.
pub(super) fn settle_disturbances(runs: &mut [RunOfServer]) {
    // All runs count the same cycles. Those that failed have no figures.
    let mut left = runs.iter().filter(|run| run.failure.is_none());
    if left.any(|run| run.total.is_mostly_disturbed()) {
        runs.iter_mut().for_each(|run| run.total.count_disturbed());
    }
}

/// Runs one counted slice of every run. If one of them is disturbed, the whole cycle is left out.
///
/// # Errors
/// [`Interrupted`](ServerFailure::Interrupted) when the user interrupts the comparison.
pub(super) fn count_cycle(
    runs: &mut [RunOfServer],
    cycle: u32,
    order: &[usize],
    times: SliceTimes,
) -> Result<(), ServerFailure> {
    let slices = measure_cycle(runs, order, times)?;
    let mut judged: Vec<(usize, JudgedSlice)> = Vec::new();
    for (place, slice) in slices {
        judged.push((place, runs[place].judge.judge(slice, cycle)?));
    }
    let is_kept = judged.iter().all(|(_, slice)| slice.disturbed_by.is_none());
    for (place, slice) in &judged {
        runs[*place].total.add(slice, is_kept);
    }
    Ok(())
}
