//! One server's run in slices, and the cycles in which each server has a slice.

use std::time::Duration;

use host::process_probe::ProcessProbe;
use measurement::plan::LoadSpec;
use measurement::run::comparison::RunRow;
use swarm::{SliceRecord, SliceTimes, SlicedRun};

use super::judge::{JudgedSlice, MeasuredSlice, SliceJudge, of_length};
use super::settle::SliceLength;
use super::total::RunTotal;
use crate::measure::memory_growth;
use crate::round::{RoundRunner, check_alive};
use crate::server::candidate::Candidate;
use crate::server::failure::ServerFailure;
use crate::server::starter::RunningServer;
use crate::steady_state::SteadyFigure;

/// Length of the plan of a run in slices. Its slices end the run before.
const ENDLESS: Duration = Duration::from_secs(24 * 3600);

/// One server's run in slices.
pub(super) struct RunOfServer<'r> {
    candidate: &'r Candidate,
    running: &'r mut RunningServer,
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
        let processes = running.processes();
        // A server without readable processes can still be measured.
        let mut probe = Some(&processes)
            .filter(|processes| !processes.is_empty())
            .and_then(|processes| ProcessProbe::processes(processes).ok());
        let before_bytes = probe.as_mut().and_then(ProcessProbe::max_rss_bytes);
        let server = running.address.server.clone();
        let plan = of_length(load, ENDLESS, server.clone())?;
        let control = &runner.starter.control;
        let sliced = SlicedRun::open(&plan, control, runner.machine.longest_stop());
        if control.is_stopped() {
            return Err(ServerFailure::Interrupted);
        }
        // If the process has ended, this explains all other failures.
        check_alive(candidate, running)?;
        let sliced = sliced.map_err(|source| ServerFailure::Run {
            name: candidate.name.clone(),
            source,
        })?;
        Ok(Self {
            candidate,
            running,
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
                if let Some(faults) = faults.filter(|_| !record.interrupted) {
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
        let failure = match check_alive(self.candidate, self.running) {
            Err(ended) => ended,
            Ok(()) => ServerFailure::UnderLoad {
                name: self.candidate.name.clone(),
                faults,
                ends_early,
            },
        };
        self.failure = Some(failure);
    }

    /// Closes the connections. Returns the row of the run and the growth of the server's memory per connection, in
    /// bytes.
    pub(super) fn close(
        mut self,
        by: SteadyFigure,
        slice: SliceLength,
    ) -> Result<(RunRow, Option<f64>), ServerFailure> {
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
        check_alive(self.candidate, self.running)?;
        let opened = context.connections.opened;
        let ends_early = context.connections.closed_early > 0;
        let pids = self.running.processes();
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
        let cpu_s = cpu_s[place];
        slices.push((place, MeasuredSlice { record, cpu_s }));
    }
    Ok(slices)
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
