//! Load on a server with one queue, and the truth about it from the server's log.
//!
//! A response time is wait, service time and path: the time through two sockets and the generator. The path is measured
//! first, with little load. It is the median response time less the median of the logged service times. A limit on the
//! response time is therefore a limit on wait and service that is shorter by the path.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use anyhow::Context;
use host::cores::allowed_cores;
use measurement::load_search::{CapacityRules, SweepRules};
use measurement::plan::{
    Arrivals, Length, Load, LoadDraft, LoadSpec, Plan, RateProfile, ServerUrl,
};
use measurement::run::{CapacitySummary, Run, Summary};
use swarm::{RunHandle, RunSetup};
use units::Rate;

use crate::queue_log::{QueueLog, ServedMessage, late_share, median_service_s, service_times_s};
use crate::queue_model::{QueueModel, TrueCapacity};
use crate::queue_rules::QueueRules;
use crate::queue_server::QueueServer;
use crate::wake_delay::WakeDelayWatch;

/// The condition of all searches.
pub const CONDITION: &str = "p99<10ms";

/// Time for a search whose interval is to be narrow.
pub const NARROW_BUDGET: Duration = Duration::from_secs(90);

/// The limit of [`CONDITION`] in seconds.
const LIMIT_S: f64 = 0.01;

/// The share of messages that may be beyond the limit.
const ALLOWED: f64 = 0.01;

/// Messages per second with which the path is measured: a tenth of the server's capacity.
const UNLOADED_PER_S: f64 = 200.0;

/// Connections of the generator.
const CLIENTS: u32 = 20;

/// Messages of the recursion behind a capacity.
const MESSAGES: usize = if cfg!(debug_assertions) {
    1_000_000
} else {
    40_000_000
};

/// Share of the planned service time by which services may be longer in total, and share by which the capacity may differ
/// between the halves of the log. Beyond either the machine was too noisy.
const DISTURBED: f64 = 0.01;

/// Delay that 1 % of the wake-ups on the generator's core may exceed in a search: a fifth of the limit.
const SEARCH_DELAY: Duration = Duration::from_millis(2);

/// A running server with one queue, and the response time of its messages without load.
#[derive(Debug)]
pub struct LoadedQueue {
    server: QueueServer,
    rules: QueueRules,
    arrivals: Arrivals,
    seed: u64,
    unloaded_response_s: f64,
    /// Begin of the load proper on the server's clock.
    begin_ns: u64,
    /// Watch of the generator's core.
    watch: WakeDelayWatch,
}

impl LoadedQueue {
    /// Starts a server and measures it without load.
    ///
    /// # Errors
    /// When the server cannot be started or the run cannot begin.
    pub fn start(rules: QueueRules, arrivals: Arrivals, seed: u64) -> anyhow::Result<Self> {
        let server = QueueServer::start_on(0, rules)?;
        let mut queue = Self {
            server,
            rules,
            arrivals,
            seed,
            unloaded_response_s: f64::NAN,
            begin_ns: 0,
            watch: WakeDelayWatch::start(generator_core()),
        };
        let rate = Rate::new(UNLOADED_PER_S).context("a rate above 0")?;
        let plan = queue.plan(|draft| {
            draft.load = open_loop(rate, Arrivals::Constant);
            draft.length = Length::Duration(Duration::from_secs(2));
        })?;
        let recording = swarm::record(&plan, &RunHandle::new())?;
        let median_ns = recording.record.response().quantile(0.5);
        let median_ns = median_ns.context("the server answered nothing")?;
        queue.unloaded_response_s = median_ns as f64 / 1e9;
        queue.begin_ns = queue.server.now_ns();
        Ok(queue)
    }

    /// A plan against the server, in open loop, with the changes of the caller.
    fn plan(&self, change: impl FnOnce(&mut LoadDraft)) -> anyhow::Result<Plan> {
        // A search or a sweep sets its own rates.
        let rate = Rate::new(UNLOADED_PER_S).context("a rate above 0")?;
        let mut draft = LoadDraft {
            clients: NonZeroU32::MIN.saturating_add(CLIENTS - 1),
            load: open_loop(rate, self.arrivals),
            timeout: Duration::from_secs(5),
            warmup: Duration::from_millis(500),
            pin: generator_core().into_iter().collect(),
            seed: self.seed,
            ..LoadDraft::closed_loop()
        };
        change(&mut draft);
        Ok(LoadSpec::new(draft)?.against(ServerUrl::parse(&self.server.url())?)?)
    }

    /// Searches the capacity of the server within this time, and ends the server.
    ///
    /// # Errors
    /// When the search cannot begin.
    pub fn find_capacity(self, budget: Duration) -> anyhow::Result<SearchedQueue> {
        let plan = self.plan(|_| ())?;
        let rules = CapacityRules {
            budget,
            ..CapacityRules::new(vec![CONDITION.parse()?])
        };
        let began = Instant::now();
        let run = swarm::load_search::find_capacity(
            &plan,
            &rules,
            &RunHandle::new(),
            RunSetup::default(),
        )?;
        let took = began.elapsed();
        let (summary, log) = self.finish(run)?;
        let capacity = summary.capacity.clone();
        let capacity = capacity.context("a search without a capacity")?;
        Ok(SearchedQueue {
            capacity: *capacity,
            noise: log.noise(SEARCH_DELAY),
            log,
            took,
        })
    }

    /// Measures the server at several rates, and ends it.
    ///
    /// # Errors
    /// When the sweep cannot begin.
    pub fn sweep(self, rules: &SweepRules) -> anyhow::Result<(Summary, LoadedLog)> {
        let plan = self.plan(|_| ())?;
        let run = swarm::load_search::sweep(&plan, rules, &RunHandle::new(), RunSetup::default())?;
        self.finish(run)
    }

    /// Ends the server.
    fn finish(self, run: Run) -> anyhow::Result<(Summary, LoadedLog)> {
        let summary = run.summary.context("a run without a summary")?;
        let end_ns = self.server.now_ns();
        let log = self.server.finish();
        let unloaded = log.arrived_in(0..self.begin_ns);
        Ok((
            summary,
            LoadedLog {
                path_s: self.unloaded_response_s - median_service_s(unloaded),
                served: log.arrived_in(self.begin_ns..end_ns).to_vec(),
                rules: self.rules,
                arrivals: self.arrivals,
                wake_delay: self.watch.finish(),
                log,
            },
        ))
    }
}

/// The core of the generator, where there is one besides that of the server.
fn generator_core() -> Option<usize> {
    match allowed_cores()[..] {
        [_, .., last] => Some(last),
        _ => None,
    }
}

fn open_loop(rate: Rate, arrivals: Arrivals) -> Load {
    Load::Open {
        profile: RateProfile::constant(rate),
        arrivals,
        window: None,
    }
}

/// The log of a server under load, and what follows from it.
#[derive(Debug)]
pub struct LoadedLog {
    /// Time in seconds of a response besides wait and service.
    pub path_s: f64,
    /// Messages of the load proper, in order of arrival.
    pub served: Vec<ServedMessage>,
    rules: QueueRules,
    arrivals: Arrivals,
    /// Delay that 1 % of the wake-ups on the generator's core exceeded.
    wake_delay: Duration,
    log: QueueLog,
}

impl LoadedLog {
    /// The model of this server with these service times.
    pub fn model<'a>(&self, services_s: &'a [f64], messages: usize) -> QueueModel<'a> {
        QueueModel {
            services_s,
            arrivals: self.arrivals,
            path_s: self.path_s,
            messages,
            seed: 20,
        }
    }

    /// Services that were not slowed by a long queue.
    fn regular(&self) -> Vec<ServedMessage> {
        let is_regular = |m: &&ServedMessage| match self.rules.slow_beyond {
            Some(_) => u128::from(m.planned_ns) <= self.rules.service.as_nanos(),
            None => true,
        };
        self.served.iter().filter(is_regular).copied().collect()
    }

    /// The capacity from below.
    ///
    /// # Errors
    /// When no message was served.
    pub fn capacity(&self) -> anyhow::Result<TrueCapacity> {
        self.capacity_of(&self.regular(), MESSAGES)
    }

    fn capacity_of(
        &self,
        served: &[ServedMessage],
        messages: usize,
    ) -> anyhow::Result<TrueCapacity> {
        anyhow::ensure!(!served.is_empty(), "the server served nothing");
        let services_s = service_times_s(served);
        Ok(self.model(&services_s, messages).capacity(LIMIT_S, ALLOWED))
    }

    /// The highest rate at which a long queue becomes empty again: the rate of slowed services.
    pub fn recovery_per_s(&self) -> f64 {
        let is_slowed =
            |m: &&ServedMessage| u128::from(m.planned_ns) > self.rules.service.as_nanos();
        let slowed: Vec<_> = self.served.iter().filter(is_slowed).copied().collect();
        let times = service_times_s(&slowed);
        times.len() as f64 / times.iter().sum::<f64>()
    }

    /// The reason why the truth is not known well enough, or the generator not good enough, if there is one: 1 % of the
    /// wake-ups on its core may be later than `most_delayed`.
    pub fn noise(&self, most_delayed: Duration) -> Option<String> {
        if self.wake_delay > most_delayed {
            let ms = self.wake_delay.as_secs_f64() * 1e3;
            return Some(format!(
                "1 % of the wake-ups on the generator's core were {ms:.1} ms late or later"
            ));
        }
        let late = late_share(&self.served);
        if late.is_nan() || late > DISTURBED {
            let percent = late * 100.0;
            return Some(format!(
                "the server's services were {percent:.1} % too long"
            ));
        }
        let regular = self.regular();
        let (first, second) = regular.split_at(regular.len() / 2);
        let halves = [first, second].map(|half| self.capacity_of(half, MESSAGES / 10));
        let [Ok(first), Ok(second)] = halves else {
            return Some("the server served too few messages".to_owned());
        };
        let differ = (first.per_s / second.per_s - 1.0).abs();
        (differ > DISTURBED).then(|| {
            let percent = differ * 100.0;
            format!("the server's capacity changed by {percent:.1} % during the search")
        })
    }

    /// Stops of the idle server: their number and total length in seconds.
    pub fn idle_stops(&self) -> (u64, f64) {
        (self.log.idle_stops, self.log.idle_stopped_ns as f64 / 1e9)
    }
}

/// A search and its truth.
#[derive(Debug)]
pub struct SearchedQueue {
    /// The reported capacity.
    pub capacity: CapacitySummary,
    /// The server's log.
    pub log: LoadedLog,
    /// Length of the search.
    pub took: Duration,
    /// The disturbance of the machine, if there was one.
    pub noise: Option<String>,
}

impl SearchedQueue {
    /// Returns true if the interval contains the truth, up to the error of the truth.
    pub fn covers(&self, truth: TrueCapacity) -> bool {
        let found = &self.capacity;
        (found.low_per_s - truth.error_per_s..=found.high_per_s + truth.error_per_s)
            .contains(&truth.per_s)
    }

    /// Half-width of the interval in percent of the capacity; NaN without a capacity.
    pub fn half_width_percent(&self) -> f64 {
        let share = self.capacity.relative_half_width();
        share.map_or(f64::NAN, |share| share * 100.0)
    }
}
