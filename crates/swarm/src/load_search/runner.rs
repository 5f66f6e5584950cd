//! Runners that offer one load after the other on connections that stay open.

use std::time::Duration;

use host::process_probe::{ProcessProbe, ProcessUsage};
use measurement::plan::Plan;
use measurement::record::ConnectHistograms;
use measurement::run::{ClientRow, RunContext};
use measurement::verdict::Latency;
use serde::{Deserialize, Serialize};
use units::Rate;

use crate::SwarmError;
use crate::handle::RunHandle;
use crate::listen_watch::ListenWatch;
use crate::load_order::{LoadOrder, OrderRecord};
use crate::progress::Phase;
use crate::run::{RunSetup, server_usage};
use crate::sliced_run::SlicedRun;

/// Longest search. Its steps end the run before.
const ENDLESS: Duration = Duration::from_secs(25 * 3600);

/// A runner of the steps of a load, in one process or in several. Its connections are open.
pub trait OrderRunner {
    /// Takes a step. Returns when its last echo has arrived, or is not awaited any more.
    ///
    /// # Errors
    /// When a part of the generator fails.
    fn run(&mut self, order: &LoadOrder) -> Result<OrderRecord, SwarmError>;

    /// Opens connections again before a step: those that have ended, and those whose late echoes could be taken for others. Takes
    /// at most the connect timeout. Returns the number of clients with a connection.
    ///
    /// # Errors
    /// When a part of the generator fails.
    fn reopen(&mut self) -> Result<u64, SwarmError>;

    /// Returns true when a process of the generator has died, so that no step follows.
    fn has_lost_process(&self) -> bool {
        false
    }

    /// Notes that the figures of the latest step are those of the run, as far as is known.
    fn report_latest(&mut self) {}

    /// Closes the connections.
    ///
    /// # Errors
    /// When a part of the generator fails.
    fn close(self: Box<Self>) -> Result<ClosedRun, SwarmError>;
}

/// The connections of a run whose steps are over.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ClosedRun {
    /// One row per client, ordered by number. Messages are those of all steps.
    pub clients: Vec<ClientRow>,
    /// Connections and their setup, and the wall-clock time of the beginning.
    pub context: RunContext,
    /// Times of opening connections.
    pub connect: ConnectHistograms,
}

impl ClosedRun {
    /// Adds the connections of another process.
    #[must_use]
    pub fn beside(mut self, other: Self) -> Self {
        self.clients.extend(other.clients);
        self.clients.sort_unstable_by_key(|row| row.client);
        self.connect.merge(&other.connect);
        self.context = self.context.beside(other.context);
        self.context.set_connect_times(&self.connect);
        let ready = self.context.ready_ns.is_some();
        self.context.ready_ns = ready.then(|| Latency::from_lazy(&self.connect.ready));
        self
    }
}

/// A runner in this process.
pub struct LocalRunner<'a> {
    sliced: SlicedRun,
    probe: Option<&'a mut ProcessProbe>,
    listen: ListenWatch,
    has_begun: bool,
    has_idle: bool,
}

impl<'a> LocalRunner<'a> {
    /// Opens the connections of a plan. The load of the plan gives arrivals and window. Takes the probe of the setup.
    ///
    /// # Errors
    /// Those of [`run`](crate::run).
    pub fn open(
        plan: &Plan,
        handle: &RunHandle,
        setup: &mut RunSetup<'a>,
    ) -> Result<Self, SwarmError> {
        let mut listen = ListenWatch::default();
        handle.enter(Phase::Connect);
        listen.enter(Phase::Connect);
        let longest_stop_ns = setup.calibration.map_or(0, |c| c.longest_stop_ns);
        let longest_stop = Duration::from_nanos(longest_stop_ns);
        // Its rate is never offered.
        let plan = match Rate::new(1.0) {
            Some(rate) => plan.clone().offering(rate, ENDLESS),
            None => plan.clone(),
        };
        Ok(Self {
            sliced: SlicedRun::open(&plan, handle, longest_stop)?,
            probe: setup.probe.take(),
            listen,
            has_begun: false,
            has_idle: plan.connections.idle > 0,
        })
    }
}

impl OrderRunner for LocalRunner<'_> {
    fn run(&mut self, order: &LoadOrder) -> Result<OrderRecord, SwarmError> {
        if !self.has_begun {
            self.has_begun = true;
            self.listen.enter(Phase::Measure);
        }
        let mut used: Option<ProcessUsage> = None;
        let probe = &mut self.probe;
        let mut observe = |phase| match (phase, probe.as_mut()) {
            (Phase::Measure, Some(probe)) => probe.begin(),
            (Phase::Drain, Some(probe)) => used = probe.end(),
            _ => {}
        };
        let mut record = self.sliced.step_observed(order, &mut observe)?;
        record.server = used.and_then(|used| server_usage(used, &record.client));
        Ok(record)
    }

    fn reopen(&mut self) -> Result<u64, SwarmError> {
        self.sliced.reopen()
    }

    fn close(self: Box<Self>) -> Result<ClosedRun, SwarmError> {
        let recording = self.sliced.close()?;
        let mut context = recording.context;
        context.idle = context.idle.filter(|_| self.has_idle);
        self.listen.end(&mut context);
        Ok(ClosedRun {
            clients: recording.clients,
            context,
            connect: recording.connect,
        })
    }
}
