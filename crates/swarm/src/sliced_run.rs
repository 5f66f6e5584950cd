//! A run in slices, on connections that stay open between them.
//!
//! Runs against several servers are interleaved by starting a slice of one of them at a time. The others are idle. Each slice begins with a part that is not recorded (the settle part), and ends when the
//! last echo has come. An open loop has one schedule over all slices, which the time between slices is not part of.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use measurement::plan::Plan;
use measurement::record::{BottomK, Record, Recorder};
use measurement::run::Connections;
use measurement::verdict::GeneratorUsage;

use crate::SwarmError;
use crate::clock::nanoseconds;
use crate::connect::connector::Connector;
use crate::coordinator::Coordinator;
use crate::handle::RunHandle;
use crate::progress::sum_progress;
use crate::rules::SliceCommand;
use crate::run::{ALLOWED_STOP, Recording, merge, nothing_connected};
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
    samples: BottomK,
    /// Number of slices so far, and their total planned length in nanoseconds.
    slices: u64,
    position_ns: u64,
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
        handle.begin_record();
        let connector = Arc::new(Connector::new(plan, || handle.is_stopped())?);
        let begun = Instant::now();
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
            is_sliced: true,
            is_logged: false,
        };
        let seconds = SecondObserver::new(plan.threads.get(), None);
        let mut coordinator = Coordinator::start(&job, seconds)?;
        coordinator.wait_for_connections(begun)?;
        if coordinator.opened == 0 && !coordinator.interrupted {
            coordinator.close()?;
            return Err(nothing_connected(plan, &coordinator.results));
        }
        Ok(Self {
            coordinator,
            samples: BottomK::new(u64::MAX, plan.seed),
            slices: 0,
            position_ns: 0,
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
        };
        self.position_ns += command.settle_ns + command.counted_ns;
        let threads = self.coordinator.run_slice(command)?;
        let took = start.elapsed();
        let progress: Vec<_> = threads.iter().map(|t| Arc::clone(&t.progress)).collect();
        let sum = sum_progress(&progress);
        let all_sent = threads.iter().map(|t| t.all_sent).sum();
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
        let mut recording = merge(results, &self.samples, self.begun_at);
        recording.context.connections.opening_s = self.coordinator.opening.as_secs_f64();
        recording.context.interrupted = self.coordinator.interrupted;
        Ok(recording)
    }
}
