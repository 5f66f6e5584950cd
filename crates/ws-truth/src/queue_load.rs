//! Load on a server with one queue, and the truth about it from the server's log.
//!
//! A response time is wait, service time and path: the time through two sockets and the generator. The path is measured
//! first, with little load. It is the median response time less the median of the logged service times. A limit on the
//! response time is therefore a limit on wait and service that is shorter by the path.

use std::num::NonZeroU32;
use std::ops::Range;
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
use crate::wake_delay::{self, WakeDelay, WakeDelayWatch};

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

/// Time after which a message without a response is lost.
pub const TIMEOUT: Duration = Duration::from_secs(5);

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
        let watch = WakeDelayWatch::start(generator_core(), server.clock());
        let mut queue = Self {
            server,
            rules,
            arrivals,
            seed,
            unloaded_response_s: f64::NAN,
            begin_ns: 0,
            watch,
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
            timeout: TIMEOUT,
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
            noise: log.noise_of_search(),
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
        let wakes = self.watch.finish();
        let log = self.server.finish();
        let unloaded = log.arrived_in(0..self.begin_ns);
        Ok((
            summary,
            LoadedLog {
                path_s: self.unloaded_response_s - median_service_s(unloaded),
                served: log.arrived_in(self.begin_ns..end_ns).to_vec(),
                rules: self.rules,
                arrivals: self.arrivals,
                wakes,
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
    /// Wake-ups on the generator's core, by the server's clock.
    wakes: Vec<WakeDelay>,
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

    /// The reason why the truth about a search is not known well enough, or the generator not good enough, if there is one.
    fn noise_of_search(&self) -> Option<String> {
        let delay = wake_delay::p99(self.wakes.iter().map(|wake| wake.late).collect());
        if delay > SEARCH_DELAY {
            let ms = delay.as_secs_f64() * 1e3;
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

    /// Messages that arrived in this time on the server's clock.
    pub fn arrived_in(&self, time_ns: &Range<u64>) -> &[ServedMessage] {
        self.log.arrived_in(time_ns.clone())
    }

    /// Delays with which the generator's core runs work, for `count` messages that are due at even distances in this time on
    /// the server's clock. Empty without wake-ups in this time.
    pub fn generator_delays(&self, time_ns: &Range<u64>, count: usize) -> Vec<Duration> {
        let wakes = self.wakes.iter().copied();
        let in_time: Vec<_> = wakes
            .filter(|wake| time_ns.contains(&wake.due_ns))
            .collect();
        wake_delay::delays_of_messages(&in_time, count)
    }

    /// Mean time that messages of this time on the server's clock waited unread while the machine had stopped the server.
    pub fn mean_unread_ms(&self, time_ns: &Range<u64>) -> f64 {
        self.log.mean_unread_ns(time_ns) / 1e6
    }

    /// Share of this time in which the machine stopped the server for longer than `longest_allowed`. Messages that arrive in
    /// a stop arrive later by the log.
    pub fn stopped_share(&self, time_ns: &Range<u64>, longest_allowed: Duration) -> f64 {
        let stopped_ns = self.log.stopped_ns(time_ns, longest_allowed);
        stopped_ns as f64 / (time_ns.end - time_ns.start) as f64
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_in_one_point_is_not_hidden_by_the_quiet_ones() {
        let (mut at_ms, mut wakes) = (0, Vec::new());
        // In one of 40 seconds the core runs something else for 5 of every 10 ms.
        while at_ms < 40_000 {
            let is_burst = (8_000..9_000).contains(&at_ms) && at_ms % 10 < 5;
            let late_ms = if is_burst { 5 - at_ms % 10 } else { 0 };
            let late = Duration::from_millis(late_ms);
            wakes.push(WakeDelay {
                due_ns: at_ms * 1_000_000,
                late,
            });
            at_ms += 1 + late_ms;
        }
        let log = LoadedLog {
            path_s: 0.0,
            served: Vec::new(),
            rules: QueueRules::default(),
            arrivals: Arrivals::Poisson,
            wakes,
            log: QueueLog::default(),
        };
        let delayed = |seconds: Range<u64>| {
            let time_ns = seconds.start * 1_000_000_000..seconds.end * 1_000_000_000;
            let delays = log.generator_delays(&time_ns, 1_000);
            assert_eq!(delays.len(), 1_000);
            delays.iter().filter(|delay| !delay.is_zero()).count()
        };
        assert_eq!(delayed(0..8), 0);
        // Half of one second in eight.
        let burst = delayed(8..16);
        assert!((50..80).contains(&burst), "{burst}");
    }
}
