//! Parts of a run that several processes executed, and their sum.

use serde::{Deserialize, Serialize};

use super::drift_summary::{DriftSummary, MIN_DRIFT_S};
use super::idle_summary::IdleSummary;
use super::plan_facts::PlanFacts;
use super::run_context::RunContext;
use super::scenario_summary::SetupSummary;
use super::summary::Summary;
use super::{ClientRow, Run};
use crate::record::{
    BottomK, ConnectHistograms, FanOutSecond, LatencyHistogram, Record, Sample, SecondSum,
    StoredSecond, TableRow, fill_timeline,
};
use crate::verdict::{Calibration, Latency, Stop, Stops};

/// Everything that one process has recorded of a run, without rounding. The parts of several processes add up to the
/// run that one process would have recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Facts of the whole plan.
    pub facts: PlanFacts,
    /// Maximum number of raw samples of the whole run.
    pub max_samples: u64,
    /// Counts and histograms, without timeline and samples.
    pub record: Record,
    /// One row per second, or per several in a long run, without gaps.
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

/// Largest count of a process: its sum over all shards fits into 64 bits.
const LARGEST_COUNT: u64 = 1 << 45;

/// Longest run of a process in seconds, twelve times the longest plan.
const LONGEST_S: f64 = 360.0 * 24.0 * 3600.0;

/// Refuses counts whose sum over all shards might not fit.
fn check_counts(all: impl IntoIterator<Item = u64>) -> Result<(), String> {
    match all.into_iter().find(|count| *count > LARGEST_COUNT) {
        Some(count) => Err(format!("a count of {count} is too large")),
        None => Ok(()),
    }
}

impl ProcessRecord {
    /// Checks the figures that are added up, for a record that was read from a file.
    fn check(&self) -> Result<(), String> {
        let counts = &self.record.counts;
        let connections = &self.context.connections;
        let all = [
            counts.sent,
            counts.received,
            counts.lost,
            counts.corrupted.unwrap_or(0),
            counts.duplicated,
            counts.reordered,
            counts.timed_out,
            counts.abandoned,
            counts.unexpected,
            counts.unsent,
            counts.matched_by_order,
            counts.undecided,
            counts.ambiguous,
            counts.warmup_echoes,
            connections.attempted,
            connections.opened,
            connections.failed,
            connections.closed_early,
            self.record.in_time.messages,
            self.facts.plan.threads as u64,
            (self.seconds.len() as u64) << 20,
        ]
        .into_iter()
        .chain(
            self.seconds
                .iter()
                .flat_map(|second| [second.sent, second.received, second.failed]),
        );
        check_counts(all)?;
        if let Some(fan_out) = &self.record.fan_out {
            check_counts(fan_out.counts.all())?;
            fan_out.seconds.iter().try_for_each(FanOutSecond::check)?;
        }
        if let Some(push) = &self.record.push {
            check_counts(push.counts())?;
            push.check()?;
        }
        if let Some(reconnect) = &self.record.reconnect {
            check_counts(reconnect.counts())?;
            reconnect.timeline.check()?;
        }
        self.connect.seconds.check(LONGEST_S, LARGEST_COUNT)?;
        let elapsed_s = self.context.elapsed_s;
        if !(0.0..=LONGEST_S).contains(&elapsed_s) {
            return Err(format!("a run of {elapsed_s} s is too long"));
        }
        self.seconds.iter().try_fold(0, |end, row| {
            if row.second == end {
                Ok(end + row.seconds.get())
            } else {
                Err(format!("second {} is not in its place", row.second))
            }
        })?;
        Ok(())
    }

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
    /// Rows of equal length, without gaps.
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
    pub fn new(first: &ProcessRecord) -> Self {
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
    /// A text, when a figure is out of range or a histogram of a second is damaged. Nothing is added then.
    pub fn add(&mut self, part: ProcessRecord) -> Result<(), String> {
        part.check()?;
        let times = part.seconds.iter().map(SecondSum::decode);
        let times: Vec<_> = times.collect::<Result<_, _>>()?;
        self.facts.plan.threads += part.facts.plan.threads;
        let pinned = part.facts.plan.pinned_to.into_iter();
        self.facts.plan.pinned_to.extend(pinned);
        self.record.add(&part.record);
        SecondSum::add_rows(&mut self.seconds, times);
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
            std::mem::take(&mut self.context).beside(part.context)
        };
        self.parts += 1;
        Ok(())
    }

    /// Adds messages that a process without a part should have sent.
    pub fn add_unsent(&mut self, messages: u64) {
        self.record.counts.unsent += messages;
    }

    /// Length of the timeline in whole seconds.
    pub fn seconds(&self) -> u64 {
        self.seconds.last().map_or(0, |row| row.span().end())
    }

    /// The part of the time from `from_s` until `to_s` that consists of whole rows of the timeline.
    pub fn whole_rows(&self, from_s: u64, to_s: u64) -> (u64, u64) {
        let length = self
            .seconds
            .first()
            .map_or(1, |row| row.span().seconds.get());
        let from_s = from_s.div_ceil(length) * length;
        (from_s, from_s.max(to_s - to_s % length))
    }

    /// Times of the rows within `from_s` and `to_s`: echoes, service and response times.
    pub fn window(&self, from_s: u64, to_s: u64) -> (u64, LatencyHistogram, LatencyHistogram) {
        let (mut messages, mut service, mut response) = (0, None, None);
        let is_within = |row: &&SecondSum| row.span().second >= from_s && row.span().end() <= to_s;
        for second in self.seconds.iter().filter(is_within) {
            messages += second.received();
            let (of_service, of_response) = second.times();
            for (all, one) in [(&mut service, of_service), (&mut response, of_response)] {
                all.get_or_insert_with(LatencyHistogram::new)
                    .merge(&one.to_histogram());
            }
        }
        (
            messages,
            service.unwrap_or_default(),
            response.unwrap_or_default(),
        )
    }

    /// The context of the parts so far, for what no part knows.
    pub fn context_mut(&mut self) -> &mut RunContext {
        &mut self.context
    }

    /// Figures and verdict of the parts so far. `judged`: service and response times on which the verdict is based; `None` =
    /// all.
    pub fn summary(&self, judged: Option<(Latency, Latency)>) -> Summary {
        let mut context = self.context.clone();
        if self.record.timeline.is_empty() && context.elapsed_s >= MIN_DRIFT_S {
            let rows: Vec<_> = self.seconds.iter().map(SecondSum::to_row).collect();
            let readings = &context.server_readings;
            let plan = &self.facts.plan;
            context.drift = DriftSummary::new(plan, &rows, readings, context.elapsed_s);
        }
        context.set_connect_times(&self.connect);
        context.client.stops = Some(Stops::join(self.stops.clone()));
        if self.facts.scenario.is_some() {
            let ready = Latency::from_lazy(&self.connect.ready);
            context.ready_ns = Some(ready);
            let setup = context.setup.unwrap_or_default();
            context.setup = Some(SetupSummary {
                ready: ready.count,
                ..setup
            });
        }
        Summary::from_facts(self.facts.clone(), &self.record, context, judged)
    }

    /// The run of all parts.
    pub fn into_run(mut self) -> Run {
        self.record.timeline = self.seconds.iter().map(SecondSum::to_row).collect();
        let summary = self.summary(None);
        self.budget.choose(&mut self.samples);
        self.samples
            .sort_unstable_by_key(|s| (s.sent_ns, s.client, s.message));
        self.clients.sort_unstable_by_key(|row| row.client);
        // Seconds fit into nanoseconds for centuries.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let elapsed_ns = (self.context.elapsed_s.max(0.0) * 1e9) as u64;
        fill_timeline(&mut self.record.timeline, elapsed_ns);
        self.record.samples = self.samples;
        if let Some(fan_out) = &mut self.record.fan_out {
            fan_out.choose(&self.budget);
        }
        if let Some(push) = &mut self.record.push {
            push.choose(&self.budget);
        }
        Run::with_summary(summary, self.record, self.clients)
    }
}

impl RunContext {
    /// The contexts of two processes at the same time. Those of the first name the program and the machine. Times of opening
    /// connections are those of the first.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        let (one, other) = (self, other);
        Self {
            elapsed_s: one.elapsed_s.max(other.elapsed_s),
            connections: one.connections.beside(other.connections),
            client: one.client.beside(&other.client),
            server: one.server.or(other.server),
            server_growth_bytes: one.server_growth_bytes.or(other.server_growth_bytes),
            server_readings: if one.server_readings.is_empty() {
                other.server_readings
            } else {
                one.server_readings
            },
            calibration: calibration_beside(one.calibration, other.calibration),
            idle: idle_beside(one.idle, other.idle),
            // Processes of one machine see the same overflows.
            listen_overflows: one.listen_overflows.max(other.listen_overflows),
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
}

/// The idle connections of two processes. Those of a process that does not know them count as none.
fn idle_beside(one: Option<IdleSummary>, other: Option<IdleSummary>) -> Option<IdleSummary> {
    let (one_or_none, other_or_none) = (one.unwrap_or_default(), other.unwrap_or_default());
    (one.is_some() || other.is_some()).then(|| one_or_none.beside(&other_or_none))
}

/// The limits of two generators together: the faster median, and the sum of the rates. `None` unless both are known.
fn calibration_beside(one: Option<Calibration>, other: Option<Calibration>) -> Option<Calibration> {
    let (one, other) = (one?, other?);
    Some(Calibration {
        floor_service_p50_ns: one.floor_service_p50_ns.min(other.floor_service_p50_ns),
        ceiling_messages_per_s: one.ceiling_messages_per_s + other.ceiling_messages_per_s,
        ceiling_deliveries_per_s: one
            .ceiling_deliveries_per_s
            .zip(other.ceiling_deliveries_per_s)
            .map(|(one, other)| one + other),
        took_s: one.took_s.max(other.took_s),
        longest_stop_ns: one.longest_stop_ns.max(other.longest_stop_ns),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Arrivals, Load, RateProfile};
    use crate::record::{Outcome, Recorder};
    use crate::run::ConnectionMemory;
    use crate::run::tests::plan;
    use crate::verdict::GeneratorUsage;
    use proptest::prelude::*;
    use units::Rate;

    /// One message: client, sent time, service time, outcome.
    type Message = (u32, u64, u64, usize);

    fn messages() -> impl Strategy<Value = Vec<Message>> {
        let message = (
            0..60_u32,
            0..4_000_000_000_u64,
            0..900_000_000_u64,
            0..6_usize,
        );
        prop::collection::vec(message, 0..200)
    }

    /// The part of the process with this index of `count` of a run that sends these messages.
    fn part(messages: &[Message], is_open_loop: bool, index: u32, count: u32) -> ProcessRecord {
        let max_samples = 50;
        let plan = plan(|draft| {
            draft.max_samples = max_samples;
            if is_open_loop {
                draft.load = Load::Open {
                    profile: RateProfile::constant(Rate::new(100.0).unwrap()),
                    arrivals: Arrivals::Constant,
                    window: None,
                };
            }
        });
        let budget = BottomK::new(max_samples, plan.seed);
        let mut recorder = Recorder::new(is_open_loop, 0);
        // Echoes arrive in order of time.
        let own = messages
            .iter()
            .enumerate()
            .filter(|(_, m)| m.0 % count == index);
        let mut own: Vec<_> = own
            .map(|(number, &(client, sent, took, outcome))| {
                let (intended, outcome) = (sent - sent / 10, Outcome::ALL[outcome]);
                let intended = if is_open_loop { intended } else { sent };
                match outcome {
                    Outcome::Lost => Sample::lost(client, number as u64, intended, sent),
                    _ => {
                        Sample::echoed(client, number as u64, intended, sent, sent + took, outcome)
                    }
                }
            })
            .collect();
        own.sort_by_key(Sample::received_ns);
        for sample in own {
            recorder.sent(sample.intended_ns, sample.sent_ns);
            recorder.ended(&budget, sample, 125);
        }
        recorder.counts.unsent += u64::from(index == 0);
        let mut record = Recorder::merge(vec![recorder], &budget);
        let mut connect = ConnectHistograms::default();
        connect.total.record(u64::from(index) + 5);
        ProcessRecord {
            facts: PlanFacts::from(&plan),
            max_samples,
            seconds: record.timeline.iter().map(StoredSecond::from).collect(),
            samples: std::mem::take(&mut record.samples),
            record,
            clients: Vec::new(),
            context: RunContext {
                elapsed_s: 4.0,
                ..RunContext::default()
            },
            connect,
            stops: Vec::new(),
            first_wake_ns: None,
        }
    }

    fn stored(part: &ProcessRecord) -> ProcessRecord {
        serde_json::from_str(&serde_json::to_string(part).unwrap()).unwrap()
    }

    proptest! {
        // Each case has up to forty parts with all their histograms.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_split_into_processes_adds_up_to_the_whole_run(
            messages in messages(), is_open_loop: bool, count in 1..40_u32,
        ) {
            let whole = part(&messages, is_open_loop, 0, 1).into_run().unwrap();
            let parts: Vec<_> = (0..count).map(|index| part(&messages, is_open_loop, index, count)).collect();
            let mut sum = RunSum::new(&parts[0]);
            for part in parts.iter().rev() {
                sum.add(stored(part)).unwrap();
            }
            let sum = sum.into_run();
            prop_assert_eq!(&sum.histograms, &whole.histograms);
            prop_assert_eq!(&sum.timeline, &whole.timeline);
            prop_assert_eq!(&sum.samples, &whole.samples);
            prop_assert_eq!(&sum.percentiles, &whole.percentiles);
            let (sum, whole) = (sum.summary.unwrap(), whole.summary.unwrap());
            prop_assert_eq!(sum.messages, whole.messages);
            prop_assert_eq!(sum.service_time_ns, whole.service_time_ns);
            prop_assert_eq!(sum.response_time_ns, whole.response_time_ns);
            prop_assert_eq!(sum.throughput, whole.throughput);
            prop_assert_eq!(sum.send_lag_ns, whole.send_lag_ns);
            prop_assert_eq!(sum.validity.verdict, whole.validity.verdict);
            prop_assert_eq!(sum.connect_ns.total.count, u64::from(count));
        }
    }

    #[test]
    fn a_window_has_the_echoes_of_its_seconds() {
        let messages = [
            (0, 100, 50, 0),
            (1, 1_500_000_000, 70, 0),
            (2, 2_100_000_000, 90, 0),
        ];
        let part = part(&messages, false, 0, 1);
        let mut sum = RunSum::new(&part);
        sum.add(part).unwrap();
        let of = |from, to| {
            let (messages, service, response) = sum.window(from, to);
            (messages, service.max(), response.count())
        };
        assert_eq!(of(0, 2), (2, Some(70), 2));
        assert_eq!(of(1, 9), (2, Some(90), 2));
        assert_eq!(of(5, 9), (0, None, 0));
    }

    #[test]
    fn damaged_seconds_are_refused() {
        let mut part = part(&[(0, 0, 5, 0)], false, 0, 1);
        part.seconds[0].service.as_mut().unwrap().0.truncate(7);
        assert!(part.into_run().unwrap_err().contains("damaged"));
    }

    #[test]
    fn damaged_openings_are_refused() {
        let mut part = part(&[(0, 0, 5, 0)], false, 0, 1);
        part.connect.seconds.opened(5, 7, 7);
        let text = serde_json::to_string(&part).unwrap();
        let damaged = text.replace("\"opened\":1,\"failed\":0,", "\"opened\":2,\"failed\":0,");
        assert_ne!(text, damaged);
        let damaged: ProcessRecord = serde_json::from_str(&damaged).unwrap();
        let error = damaged.into_run().unwrap_err();
        assert!(error.contains("1 times of 2 connections"), "{error}");
    }

    #[test]
    fn processes_of_one_machine_see_the_same_overflows() {
        let context = |overflows| RunContext {
            listen_overflows: overflows,
            ..RunContext::default()
        };
        let both = |one, other| context(one).beside(context(other)).listen_overflows;
        assert_eq!(both(Some(7), Some(9)), Some(9));
        assert_eq!((both(None, Some(0)), both(None, None)), (Some(0), None));
    }

    #[test]
    fn idle_connections_of_processes_add_up_without_their_memory() {
        let context = |opened| RunContext {
            idle: Some(IdleSummary {
                connections: 50,
                opened,
                closed_early: 1,
                received: 2,
                memory: Some(ConnectionMemory::default()),
            }),
            ..RunContext::default()
        };
        let both = context(30).beside(context(20)).idle.unwrap();
        let counts = (
            both.connections,
            both.opened,
            both.closed_early,
            both.received,
        );
        assert_eq!(counts, (50, 50, 2, 4));
        assert_eq!(both.memory, None);
        let one = context(30).beside(RunContext::default()).idle.unwrap();
        assert_eq!((one.connections, one.opened, one.memory), (50, 30, None));
    }

    #[test]
    fn usage_of_processes_adds_up() {
        let usage = |cpu_s: f64, share: f64| GeneratorUsage {
            cpu_s: Some(cpu_s),
            cpu_per_core: Some(share),
            cpu_per_thread: vec![share],
            max_rss_bytes: Some(10),
            steal_s: Some(share),
            ..GeneratorUsage::default()
        };
        let both = usage(1.0, 0.5).beside(&usage(2.0, 0.25));
        assert_eq!((both.cpu_s, both.cpu_per_core), (Some(3.0), Some(0.5)));
        assert_eq!(both.cpu_per_thread, [0.5, 0.25]);
        assert_eq!((both.max_rss_bytes, both.steal_s), (Some(20), Some(0.5)));
    }
}
