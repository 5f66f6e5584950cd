//! One server's run in slices, and the cycles in which all servers have one.

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

/// Length of a plan that slices end, not time: due times of an open loop go on as long.
const ENDLESS: Duration = Duration::from_secs(24 * 3600);

/// One server's run in slices.
pub(super) struct Lane<'r> {
    candidate: &'r Candidate,
    running: &'r mut RunningServer,
    run: SlicedRun,
    judge: SliceJudge,
    probe: Option<ProcessProbe>,
    before_bytes: Option<u64>,
    total: RunTotal,
    failure: Option<ServerFailure>,
    is_interrupted: bool,
}

impl<'r> Lane<'r> {
    /// Opens the connections of a load to a server.
    pub(super) fn open(
        runner: &'r RoundRunner,
        candidate: &'r Candidate,
        running: &'r mut RunningServer,
        load: &LoadSpec,
    ) -> Result<Self, ServerFailure> {
        let processes = running.processes();
        // A server that cannot be watched can still be measured.
        let mut probe = Some(&processes)
            .filter(|processes| !processes.is_empty())
            .and_then(|processes| ProcessProbe::processes(processes).ok());
        let before_bytes = probe.as_mut().and_then(ProcessProbe::max_rss_bytes);
        let server = running.address.server.clone();
        let plan = of_length(load, ENDLESS, server.clone())?;
        let control = &runner.starter.control;
        let run = SlicedRun::open(&plan, control, runner.machine.longest_stop());
        if control.is_stopped() {
            return Err(ServerFailure::Interrupted);
        }
        // The end of its process explains everything else.
        check_alive(candidate, running)?;
        let run = run.map_err(|source| ServerFailure::Run {
            name: candidate.name.clone(),
            source,
        })?;
        Ok(Self {
            candidate,
            running,
            run,
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

    /// CPU time of its server since [`begin_cpu`](Self::begin_cpu), in seconds.
    fn end_cpu(&mut self) -> Option<f64> {
        Some(self.probe.as_mut()?.end()?.cpu_s)
    }

    fn begin_cpu(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.begin();
        }
    }

    /// Runs a slice; `None` when the server fails in it.
    fn slice(&mut self, times: SliceTimes) -> Option<SliceRecord> {
        match self.run.slice(times) {
            Ok(record) => {
                self.is_interrupted = record.interrupted;
                let faults = self.judge.faults(&record).ok()?;
                if let Some(faults) = faults.filter(|_| !record.interrupted) {
                    self.fail(faults);
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

    /// Notes faults of the server, unless its process has ended, which explains them.
    fn fail(&mut self, faults: String) {
        let failure = match check_alive(self.candidate, self.running) {
            Err(ended) => ended,
            Ok(()) => ServerFailure::UnderLoad {
                name: self.candidate.name.clone(),
                faults,
            },
        };
        self.failure = Some(failure);
    }

    /// Closes the connections. Returns the row of the run, and the growth of the server's memory over it for each
    /// connection.
    pub(super) fn close(
        mut self,
        by: SteadyFigure,
        slice: SliceLength,
    ) -> Result<(RunRow, Option<f64>), ServerFailure> {
        let after_bytes = self.probe.as_mut().and_then(ProcessProbe::max_rss_bytes);
        let closed = self.run.close();
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
            }),
        }
    }
}

/// Runs one slice of every lane that has not failed, in this order. Returns the slices with the places of their lanes.
/// CPU times are read between slices, when no server has anything to do for the load.
///
/// # Errors
/// When the user ends it.
pub(super) fn run_cycle(
    lanes: &mut [Lane],
    order: &[usize],
    times: SliceTimes,
) -> Result<Vec<(usize, SliceRecord)>, ServerFailure> {
    let mut slices = Vec::new();
    for (place, measured) in measure_cycle(lanes, order, times)? {
        slices.push((place, measured.record));
    }
    Ok(slices)
}

fn measure_cycle(
    lanes: &mut [Lane],
    order: &[usize],
    times: SliceTimes,
) -> Result<Vec<(usize, MeasuredSlice)>, ServerFailure> {
    let mut slices = Vec::new();
    for &place in order {
        if lanes[place].failure.is_some() {
            continue;
        }
        lanes.iter_mut().for_each(Lane::begin_cpu);
        let record = lanes[place].slice(times);
        let cpu_s: Vec<Option<f64>> = lanes.iter_mut().map(Lane::end_cpu).collect();
        if lanes[place].is_interrupted {
            return Err(ServerFailure::Interrupted);
        }
        let Some(record) = record else {
            continue;
        };
        for (other, lane) in lanes.iter_mut().enumerate().filter(|(n, _)| *n != place) {
            lane.total.add_background(cpu_s[other], record.took);
        }
        let cpu_s = cpu_s[place];
        slices.push((place, MeasuredSlice { record, cpu_s }));
    }
    Ok(slices)
}

/// Runs one counted slice of every lane. When one of them is touched, the whole cycle is left out.
///
/// # Errors
/// When the user ends it.
pub(super) fn count_cycle(
    lanes: &mut [Lane],
    cycle: u32,
    order: &[usize],
    times: SliceTimes,
) -> Result<(), ServerFailure> {
    let slices = measure_cycle(lanes, order, times)?;
    let mut judged: Vec<(usize, JudgedSlice)> = Vec::new();
    for (place, slice) in slices {
        judged.push((place, lanes[place].judge.judge(slice, cycle)?));
    }
    let is_kept = judged.iter().all(|(_, slice)| slice.touched_by.is_none());
    for (place, slice) in &judged {
        lanes[*place].total.add(slice, is_kept);
    }
    Ok(())
}
