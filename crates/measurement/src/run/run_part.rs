//! Parts of a run that several processes executed, and their sum.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan_facts::PlanFacts;
use super::scenario_summary::SetupSummary;
use super::summary::{Connections, RunContext, Summary};
use super::{ClientRow, CloseFrameCount, Run};
use crate::record::{
    BottomK, ConnectHistograms, LatencyHistogram, Record, Sample, SecondSum, StoredSecond,
    fill_timeline,
};
use crate::verdict::{
    Calibration, ConnectTimes, ContextSwitches, GeneratorUsage, Latency, Stop, Stops,
};

/// Everything that one process has recorded of a run, without rounding. The parts of several processes add up to the
/// run that one process would have recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunPart {
    /// Facts of the whole plan.
    pub facts: PlanFacts,
    /// Maximum number of raw samples of the whole run.
    pub max_samples: u64,
    /// Counts and histograms, without timeline and samples.
    pub record: Record,
    /// One row per second, without gaps.
    pub seconds: Vec<StoredSecond>,
    /// The samples kept.
    pub samples: Vec<Sample>,
    /// One row per client of the process, ordered by number.
    pub clients: Vec<ClientRow>,
    /// Connections, usage and start. Times of opening and stops are computed from the fields below.
    pub context: RunContext,
    /// Times of opening connections.
    pub connect: ConnectHistograms,
    /// Stops of the generator's threads.
    pub stops: Vec<Stop>,
    /// Time after T0 at which the last thread noticed it, in nanoseconds; `None` when the process did not get that far.
    pub first_wake_ns: Option<u64>,
}

impl RunPart {
    /// The run of this part alone.
    ///
    /// # Errors
    /// A text, when a histogram of a second is damaged.
    pub fn into_run(self) -> Result<Run, String> {
        let mut sum = RunSum::new(&self);
        sum.add(self)?;
        Ok(sum.into_run())
    }
}

/// The sum of the parts of a run. Memory grows with the length of the run and the number of its clients, not with the
/// number of parts.
#[derive(Debug)]
pub struct RunSum {
    facts: PlanFacts,
    budget: BottomK,
    max_samples: u64,
    record: Record,
    seconds: Vec<SecondSum>,
    samples: Vec<Sample>,
    clients: Vec<ClientRow>,
    context: RunContext,
    connect: ConnectHistograms,
    stops: Vec<Stop>,
    parts: usize,
}

impl RunSum {
    /// An empty sum for parts with the facts of this one.
    pub fn new(first: &RunPart) -> Self {
        let mut facts = first.facts.clone();
        facts.plan.threads = 0;
        facts.plan.pinned_to.clear();
        Self {
            budget: BottomK::new(first.max_samples, facts.plan.seed),
            max_samples: first.max_samples,
            facts,
            record: Record::default(),
            seconds: Vec::new(),
            samples: Vec::new(),
            clients: Vec::new(),
            context: RunContext::default(),
            connect: ConnectHistograms::default(),
            stops: Vec::new(),
            parts: 0,
        }
    }

    /// Adds a part.
    ///
    /// # Errors
    /// A text, when a histogram of a second is damaged. The sum is then useless.
    pub fn add(&mut self, part: RunPart) -> Result<(), String> {
        self.facts.plan.threads += part.facts.plan.threads;
        let pinned = part.facts.plan.pinned_to.into_iter();
        self.facts.plan.pinned_to.extend(pinned);
        self.record.add(&part.record);
        let seconds = self.seconds.len().max(part.seconds.len());
        self.seconds.resize_with(seconds, SecondSum::default);
        for (sum, second) in self.seconds.iter_mut().zip(&part.seconds) {
            sum.add(second)?;
        }
        self.samples.extend(part.samples);
        if self.samples.len() as u64 > self.max_samples.saturating_mul(2) {
            self.budget.choose(&mut self.samples);
        }
        self.clients.extend(part.clients);
        self.connect.merge(&part.connect);
        self.stops.extend(part.stops);
        self.context = if self.parts == 0 {
            part.context
        } else {
            beside(std::mem::take(&mut self.context), part.context)
        };
        self.parts += 1;
        Ok(())
    }

    /// Times of the seconds from `from_s` until `to_s`: echoes, service and response times.
    pub fn window(&self, from_s: u64, to_s: u64) -> (u64, LatencyHistogram, LatencyHistogram) {
        let index = |second: u64| usize::try_from(second).unwrap_or(usize::MAX);
        let (from, to) = (index(from_s), index(to_s).min(self.seconds.len()));
        let (mut messages, mut service, mut response) = (0, None, None);
        for second in self.seconds.get(from..to).unwrap_or_default() {
            messages += second.received();
            let (of_service, of_response) = second.times();
            for (all, one) in [(&mut service, of_service), (&mut response, of_response)] {
                all.get_or_insert_with(LatencyHistogram::new)
                    .merge(&one.to_histogram());
            }
        }
        (messages, service.unwrap_or_default(), response.unwrap_or_default())
    }

    /// The run of all parts.
    pub fn into_run(mut self) -> Run {
        self.budget.choose(&mut self.samples);
        self.samples
            .sort_unstable_by_key(|s| (s.sent_ns, s.client, s.message));
        self.clients.sort_unstable_by_key(|row| row.client);
        let rows = self.seconds.iter().enumerate();
        self.record.timeline = rows
            .map(|(second, sum)| sum.to_row(second as u64))
            .collect();
        // Seconds fit into nanoseconds for centuries.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let elapsed_ns = (self.context.elapsed_s.max(0.0) * 1e9) as u64;
        fill_timeline(&mut self.record.timeline, elapsed_ns);
        self.record.samples = self.samples;
        let mut context = self.context;
        context.connect_ns = connect_times(&self.connect);
        context.client.stops = Some(Stops::join(self.stops));
        if self.facts.scenario.is_some() {
            let ready = Latency::from_lazy(&self.connect.ready);
            context.ready_ns = Some(ready);
            let setup = context.setup.unwrap_or_default();
            context.setup = Some(SetupSummary {
                ready: ready.count,
                ..setup
            });
        }
        let summary = Summary::from_facts(self.facts, &self.record, context);
        Run::with_summary(summary, self.record, self.clients)
    }
}

fn connect_times(all: &ConnectHistograms) -> ConnectTimes {
    ConnectTimes {
        tcp: Latency::from_lazy(&all.tcp),
        tls: all.tls.get().map(Latency::from),
        upgrade: Latency::from_lazy(&all.upgrade),
        total: Latency::from_lazy(&all.total),
    }
}

/// The contexts of two parts that ran at the same time. Those of the first name the program and the machine.
fn beside(one: RunContext, other: RunContext) -> RunContext {
    RunContext {
        elapsed_s: one.elapsed_s.max(other.elapsed_s),
        connections: connections_beside(one.connections, other.connections),
        client: usage_beside(one.client, other.client),
        server: one.server.or(other.server),
        calibration: calibration_beside(one.calibration, other.calibration),
        interrupted: one.interrupted || other.interrupted,
        recognized_nothing: one.recognized_nothing && other.recognized_nothing,
        recognized_late: one.recognized_late || other.recognized_late,
        setup: one.setup.zip(other.setup).map(|(one, other)| {
            let failures = one.failures.into_iter().chain(other.failures);
            let failures = failures.map(|failure| (failure.failure, failure.count));
            SetupSummary::new(one.ready + other.ready, failures)
        }),
        ..one
    }
}

fn connections_beside(mut one: Connections, other: Connections) -> Connections {
    fn add<K: Ord>(all: &mut BTreeMap<K, u64>, other: BTreeMap<K, u64>) {
        for (key, n) in other {
            *all.entry(key).or_default() += n;
        }
    }
    one.attempted += other.attempted;
    one.opened += other.opened;
    one.failed += other.failed;
    one.closed_early += other.closed_early;
    one.opening_s = one.opening_s.max(other.opening_s);
    add(&mut one.close_codes, other.close_codes);
    add(&mut one.failures, other.failures);
    add(&mut one.early_ends, other.early_ends);
    add(&mut one.addresses, other.addresses);
    let mut closes: BTreeMap<(Option<u16>, String), u64> = BTreeMap::new();
    for close in one.close_reasons.into_iter().chain(other.close_reasons) {
        *closes.entry((close.code, close.reason)).or_default() += close.count;
    }
    one.close_reasons = closes
        .into_iter()
        .map(|((code, reason), count)| CloseFrameCount {
            code,
            reason,
            count,
        })
        .collect();
    one
}

/// Usage of two processes at the same time: amounts are added, shares are those of the busiest. Times of the machine are
/// the larger ones, because both may have seen the same machine.
fn usage_beside(one: GeneratorUsage, other: GeneratorUsage) -> GeneratorUsage {
    let sum = |of: fn(&GeneratorUsage) -> Option<f64>| Some(of(&one)? + of(&other)?);
    let most = |of: fn(&GeneratorUsage) -> Option<f64>| {
        let both = [of(&one), of(&other)].into_iter().flatten();
        both.max_by(f64::total_cmp)
    };
    let switches = one.context_switches.zip(other.context_switches);
    GeneratorUsage {
        cpu_s: sum(|u| u.cpu_s),
        user_cpu_s: sum(|u| u.user_cpu_s),
        cpu_per_core: most(|u| u.cpu_per_core),
        busy_share: most(|u| u.busy_share),
        blocked_writes: one.blocked_writes + other.blocked_writes,
        max_rss_bytes: one.max_rss_bytes.zip(other.max_rss_bytes).map(|(a, b)| a + b),
        run_queue_wait_s: sum(|u| u.run_queue_wait_s),
        run_queue_wait_share: most(|u| u.run_queue_wait_share),
        context_switches: switches.map(|(a, b)| ContextSwitches {
            voluntary: a.voluntary + b.voluntary,
            involuntary: a.involuntary + b.involuntary,
        }),
        messages_per_cpu_s: None,
        stops: None,
        throttled_s: most(|u| u.throttled_s),
        steal_s: most(|u| u.steal_s),
        cpu_pressure_s: most(|u| u.cpu_pressure_s),
        suspended_s: most(|u| u.suspended_s),
        cpu_per_thread: [one.cpu_per_thread, other.cpu_per_thread].concat(),
    }
}

/// The limits of two generators together: the faster median, and the sum of the rates. `None` unless both are known.
fn calibration_beside(
    one: Option<Calibration>,
    other: Option<Calibration>,
) -> Option<Calibration> {
    let (one, other) = (one?, other?);
    Some(Calibration {
        floor_service_p50_ns: one.floor_service_p50_ns.min(other.floor_service_p50_ns),
        ceiling_messages_per_s: one.ceiling_messages_per_s + other.ceiling_messages_per_s,
        took_s: one.took_s.max(other.took_s),
        longest_stop_ns: one.longest_stop_ns.max(other.longest_stop_ns),
    })
}
