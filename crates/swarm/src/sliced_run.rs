//! A run in slices, on connections that stay open between them.
//!
//! Runs against several servers are interleaved by starting a slice of one of them at a time. The others are idle. Each slice begins with a part that is not recorded (the settle part), and ends when the
//! last echo has come. An open loop has one schedule over all slices, which the time between slices is not part of.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use host::withheld_cpu::WithheldCpu;
use measurement::plan::Plan;
use measurement::record::{BottomK, LoadCells, Record, Recorder, fill_timeline};
use measurement::run::Connections;
use measurement::verdict::GeneratorUsage;

use crate::SwarmError;
use crate::clock::nanoseconds;
use crate::common_start::instant_of;
use crate::connect::connector::Connector;
use crate::coordinator::Coordinator;
use crate::handle::{RunHandle, lock};
use crate::load_order::{LoadOrder, OrderRecord};
use crate::progress::{Phase, sum_progress};
use crate::rules::SliceCommand;
use crate::run::{ALLOWED_STOP, Recording, merge, nothing_connected, opened_to, set_withheld};
use crate::run_content::RunContent;
use crate::second_observer::SecondObserver;
use crate::worker::{ThreadSlice, WorkerJob};

/// Length of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceTimes {
    /// Load at the beginning that is not recorded (the settle part).
    pub settle: Duration,
    /// Recorded load after it; zero for a slice of the warm-up.
    pub counted: Duration,
    /// True if the samples of all messages are kept.
    pub keeps_samples: bool,
}

impl SliceTimes {
    /// A slice of the warm-up.
    pub fn warm_up(length: Duration) -> Self {
        Self {
            settle: length,
            counted: Duration::ZERO,
            keeps_samples: false,
        }
    }
}

/// Results of one slice.
#[derive(Debug, Clone)]
pub struct SliceRecord {
    /// Messages sent in the counted part. Times are relative to its beginning. Correct echoes that arrive after its end
    /// count as in time, because a closed loop sends as many messages as it receives echoes.
    pub record: Record,
    /// Length of the counted part.
    pub counted: Duration,
    /// Time from the start until the last echo arrived.
    pub took: Duration,
    /// Usage and stops of the generator threads in the whole slice.
    pub client: GeneratorUsage,
    /// Connections since the beginning of the run.
    pub connections: Connections,
    /// Messages sent in the whole slice, also in its settle part.
    pub all_sent: u64,
    /// Messages of the settle part without a correct echo in time.
    pub unanswered_in_settle: u64,
    /// True if the user interrupted the run.
    pub interrupted: bool,
}

/// Largest block that glibc's allocator keeps when it is freed.
const LARGEST_KEPT: usize = 31 << 20;

/// Makes the allocator keep freed memory. Each slice has new histograms; glibc returns blocks of their size to the
/// system, until a larger block has been freed once. Then getting them again takes a quarter of the time of a slice.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGEST_KEPT)));
}

/// A run in slices against one server.
pub struct SlicedRun {
    coordinator: Coordinator<'static>,
    addresses: Vec<Option<SocketAddr>>,
    /// Order of the latest step.
    order: Arc<Mutex<Option<Arc<LoadOrder>>>>,
    samples: BottomK,
    /// Limit of the samples of a step.
    plan_samples: BottomK,
    /// Number of slices so far, and their total planned length in nanoseconds.
    slices: u64,
    position_ns: u64,
    /// Connections that had ended by the end of the latest step.
    closed: u64,
    begun_at: SystemTime,
}

impl SlicedRun {
    /// Opens the connections of a plan. The plan's length must be a time that is longer than all slices together. Its
    /// warm-up and its number of samples are ignored. `allowed_stop` is the time for which a generator thread may stand
    /// still, at least 10 ms. The handle interrupts the run.
    ///
    /// # Errors
    /// Those of [`run`](crate::run).
    pub fn open(
        plan: &Plan,
        handle: &RunHandle,
        allowed_stop: Duration,
    ) -> Result<Self, SwarmError> {
        keep_freed_memory();
        handle.set_threads(plan.threads.get());
        handle.begin_record();
        let connector = Arc::new(Connector::new(plan, || handle.is_stopped())?);
        let addresses = connector.addresses();
        let begun = Instant::now();
        let order = Arc::default();
        let job = WorkerJob {
            thread: 0,
            plan: plan.clone(),
            content: RunContent {
                budget: Arc::new(BottomK::new(0, plan.seed)),
                ..RunContent::new(plan.clone())
            },
            reseeded: Arc::default(),
            connector,
            handle: handle.clone(),
            allowed_stop_ns: nanoseconds(allowed_stop.max(ALLOWED_STOP)),
            opens_from: begun,
            order: Arc::clone(&order),
            is_sliced: true,
            is_logged: false,
        };
        let seconds = SecondObserver::new(plan.threads.get(), None);
        let mut coordinator = Coordinator::start(&job, seconds)?;
        coordinator.wait_for_connections(begun)?;
        // One of several processes takes its part in steps without a connection, too.
        if coordinator.opened == 0 && !coordinator.interrupted && plan.share.is_whole() {
            coordinator.close()?;
            return Err(nothing_connected(plan, &coordinator.results));
        }
        Ok(Self {
            coordinator,
            addresses,
            order,
            samples: BottomK::new(u64::MAX, plan.seed),
            plan_samples: BottomK::new(plan.max_samples, plan.seed),
            slices: 0,
            position_ns: 0,
            closed: 0,
            begun_at: SystemTime::now(),
        })
    }

    /// Runs one slice. Returns when its last echo has arrived or has timed out.
    ///
    /// # Errors
    /// When a generator thread fails.
    pub fn slice(&mut self, times: SliceTimes) -> Result<SliceRecord, SwarmError> {
        self.slices += 1;
        let start = Instant::now();
        let command = SliceCommand {
            number: self.slices,
            start,
            settle_ns: nanoseconds(times.settle),
            counted_ns: nanoseconds(times.counted),
            position_ns: self.position_ns,
            keeps_samples: times.keeps_samples,
            is_step: false,
        };
        self.position_ns += command.settle_ns + command.counted_ns;
        let threads = self.coordinator.run_slice(command)?;
        let took = start.elapsed();
        let progress: Vec<_> = threads.iter().map(|t| Arc::clone(&t.progress)).collect();
        let sum = sum_progress(&progress);
        let all_sent = threads.iter().map(|t| t.all_sent).sum();
        let unanswered_in_settle = threads.iter().map(|t| t.unanswered_warmups).sum();
        let recorders = threads.into_iter().map(|t: ThreadSlice| t.recorder);
        Ok(SliceRecord {
            record: Recorder::merge(recorders.collect(), &self.samples),
            counted: times.counted,
            took,
            client: sum.usage,
            connections: Connections {
                opening_s: self.coordinator.opening.as_secs_f64(),
                ..sum.connections
            },
            all_sent,
            unanswered_in_settle,
            interrupted: self.coordinator.interrupted,
        })
    }

    /// Runs one step, which has a load of its own. Returns when its last echo has arrived, or is not awaited any more. Late
    /// echoes count in none of the steps that follow, if their connections are opened again where the record says so.
    /// Connections that are lost stay so until they are opened again, and the messages of their clients count as unsent.
    ///
    /// # Errors
    /// When a generator thread fails, or the load cannot be offered.
    pub fn step(&mut self, order: &LoadOrder) -> Result<OrderRecord, SwarmError> {
        self.step_observed(order, &mut |_| {})
    }

    /// Opens connections again before a step: those that have ended, and those whose late echoes could be taken for others. Each
    /// is tried once, at most for the connect timeout. Returns the number of clients with a connection.
    ///
    /// # Errors
    /// When a generator thread fails.
    pub fn reopen(&mut self) -> Result<u64, SwarmError> {
        self.coordinator.reopen()
    }

    /// Runs one step as [`step`](Self::step) does, and calls `observe` at the start of its judged part and of its drain, in
    /// the calling thread.
    pub(crate) fn step_observed(
        &mut self,
        order: &LoadOrder,
        observe: &mut dyn FnMut(Phase),
    ) -> Result<OrderRecord, SwarmError> {
        self.slices += 1;
        *lock(&self.order) = Some(Arc::new(order.clone()));
        let command = SliceCommand {
            number: self.slices,
            start: order.start.map_or_else(Instant::now, instant_of),
            settle_ns: nanoseconds(order.unrecorded()),
            counted_ns: nanoseconds(order.judged),
            position_ns: 0,
            keeps_samples: order.keeps_samples,
            is_step: true,
        };
        let withheld_before = WithheldCpu::now();
        let (start, threads) = self.coordinator.run_step(command, observe)?;
        let took = start.elapsed();
        let late = start.saturating_duration_since(command.start);
        let progress: Vec<_> = threads.iter().map(|t| Arc::clone(&t.progress)).collect();
        let mut sum = sum_progress(&progress);
        let withheld = WithheldCpu::now().since(withheld_before);
        set_withheld(&mut sum.usage, &withheld);
        let mut clients = Vec::new();
        let [mut alive, mut lost, mut stale] = [0; 3];
        let mut recorders = Vec::with_capacity(threads.len());
        for thread in threads {
            clients.extend(thread.clients);
            alive += thread.alive;
            lost += thread.lost;
            stale += thread.stale;
            recorders.push(thread.recorder);
        }
        clients.sort_unstable_by_key(|counts| counts.client);
        let cells = merge_cells(&mut recorders);
        let mut record = Recorder::merge(recorders, &self.plan_samples);
        fill_timeline(&mut record.timeline, command.counted_ns);
        let connections = Connections {
            opening_s: self.coordinator.opening.as_secs_f64(),
            ..sum.connections
        };
        let closed_before = std::mem::replace(&mut self.closed, connections.closed_early);
        Ok(OrderRecord {
            record,
            cells,
            client: sum.usage,
            stops: progress.iter().flat_map(|t| t.stops.clone()).collect(),
            alive,
            closed: self.closed.saturating_sub(closed_before),
            lost,
            stale,
            connections,
            took,
            late: order.start.map_or(Duration::ZERO, |_| late),
            server: None,
            clients,
            interrupted: self.coordinator.interrupted,
        })
    }

    /// Closes the connections. The recording has only messages that belong to none of the slices.
    ///
    /// # Errors
    /// When a generator thread fails.
    pub fn close(mut self) -> Result<Recording, SwarmError> {
        self.coordinator.close()?;
        let results = std::mem::take(&mut self.coordinator.results);
        let opened_to = opened_to(&self.addresses, &results);
        let mut recording = merge(results, &self.samples, self.begun_at);
        recording.context.connections.addresses = opened_to;
        recording.context.connections.opening_s = self.coordinator.opening.as_secs_f64();
        recording.context.interrupted = self.coordinator.interrupted;
        Ok(recording)
    }
}

/// The sum of the cells of all threads; `None` in closed loop.
fn merge_cells(recorders: &mut [Recorder]) -> Option<LoadCells> {
    let mut all: Option<LoadCells> = None;
    for cells in recorders.iter_mut().filter_map(Recorder::take_cells) {
        match &mut all {
            // All threads have the order of the step.
            Some(all) => {
                let added = all.add(&cells);
                debug_assert!(added.is_ok());
            }
            None => all = Some(cells),
        }
    }
    all
}
