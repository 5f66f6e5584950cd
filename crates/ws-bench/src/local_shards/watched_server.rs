//! The server of a run of several processes, which their parent watches.

use std::time::Instant;

use host::process_probe::{ProcessProbe, ProcessUsage};
use measurement::run::{ServerReading, ServerReadings};
use swarm::Phase;

/// CPU time, memory and open files of the server in the measured phase.
#[derive(Debug)]
pub(super) struct WatchedServer {
    /// `None` when the server is not watched.
    probe: Option<ProcessProbe>,
    /// Start of the measured phase, as far as the parent knows; `None` outside of it.
    measured_from: Option<Instant>,
    readings: ServerReadings,
    /// Usage of the measured phase, once it is over.
    pub(super) used: Option<ProcessUsage>,
}

impl WatchedServer {
    pub(super) fn new(probe: Option<ProcessProbe>) -> Self {
        Self {
            probe,
            measured_from: None,
            readings: ServerReadings::default(),
            used: None,
        }
    }

    /// Begins or ends the measurement when one phase follows another.
    pub(super) fn change(&mut self, from: Phase, to: Phase) {
        let Some(probe) = &mut self.probe else {
            return;
        };
        if to == Phase::Measure {
            probe.begin();
            self.measured_from = Some(Instant::now());
        } else if from == Phase::Measure {
            self.used = probe.end();
            self.measured_from = None;
        }
    }

    /// Reads memory and open files, if it is time to.
    pub(super) fn read(&mut self) {
        if let (Some(probe), Some(begun)) = (&mut self.probe, self.measured_from) {
            self.readings.take(begun.elapsed(), || {
                Some((probe.rss_bytes()?, probe.open_files()))
            });
        }
    }

    pub(super) fn readings(&self) -> Vec<ServerReading> {
        self.readings.readings().to_vec()
    }
}
