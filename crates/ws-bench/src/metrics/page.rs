//! Figures of a run in Prometheus' text format, version 0.0.4, computed from its plan and progress.

use std::fmt;

use measurement::plan::Plan;
use measurement::record::{
    FailedAttempts, FanOutCounts, FanOutTimes, KindCounts, LatencyHistogram, LazyHistogram,
    PushRecord, ReconnectRecord, Record, ScenarioRecord,
};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use swarm::{RunProgress, SearchProgress};

pub(super) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

use crate::phase_progress::{PHASES, summary_so_far};

/// Upper bounds of the buckets in a decade, in multiples of [`LOWEST_NS`]. Each of the five is 1.6 times the previous
/// one (series R5 of ISO 3).
const R5: [u64; 5] = [100, 160, 250, 400, 630];
/// Number of decades with buckets: from 10 µs to 100 s.
const DECADES: u32 = 7;
/// A hundredth of the lowest bound, in nanoseconds.
const LOWEST_NS: u64 = 100;

/// A counter: name, help, value.
type CounterRow = (&'static str, &'static str, u64);

/// The counters of the progress, one per line.
#[rustfmt::skip]
fn counters(progress: &RunProgress) -> [CounterRow; 15] {
    let (c, m) = (&progress.connections, &progress.record.counts);
    [
        ("connections_attempted", "Connections that have opened or failed", c.attempted),
        ("connections_opened", "Connections that opened", c.opened),
        ("connections_failed", "Connections that failed to open", c.failed),
        ("connections_ended_early", "Connections that ended before their client was done", c.closed_early),
        ("connections_replaced", "Connections that their clients replaced by plan", c.replaced),
        ("messages_sent", "Measured messages sent", m.sent),
        ("messages_received", "Measured messages whose echo came, right or wrong, in time or late", m.received),
        ("messages_lost", "Measured messages without an echo by the end of the drain", m.lost),
        ("messages_corrupted", "Measured messages whose echo was rejected", m.corrupted.unwrap_or(0)),
        ("messages_timed_out", "Measured messages whose echo came later than the timeout", m.timed_out),
        ("messages_duplicated", "Echoes beyond the first of a message", m.duplicated),
        ("messages_reordered", "Measured messages whose echo came after that of a later one", m.reordered),
        ("messages_unexpected", "Messages from the server that are not an echo", m.unexpected),
        ("messages_abandoned", "Measured messages in flight when the user ended the run, or when their connection was dropped by plan", m.abandoned),
        ("messages_unsent", "Messages that were due and never sent", m.unsent),
    ]
}

pub(super) fn render(
    plan: &Plan,
    progress: &RunProgress,
    search: Option<SearchProgress>,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("ws_bench");
    let page = MetricsPage(plan.clone(), progress.clone(), search);
    registry.register_collector(Box::new(page));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct MetricsPage(Plan, RunProgress, Option<SearchProgress>);

impl Collector for MetricsPage {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let page = &mut encoder;
        self.counters(page)?;
        self.phase_and_rates(page)?;
        let record = &self.1.record;
        histogram(
            page,
            "service_time",
            "Time from the actual send of a message to its right echo",
            &record.service,
        )?;
        histogram(
            page,
            "response_time",
            "Time from the intended send of a message to its right echo; in closed loop the service time",
            record.response(),
        )?;
        deliveries(page, record)?;
        feed(page, record)?;
        slow_readers(page, record)?;
        self.reconnects(page)?;
        self.search(page)
    }
}

/// The counters of deliveries, one per line.
#[rustfmt::skip]
fn delivery_counters(c: &FanOutCounts) -> [CounterRow; 10] {
    [
        ("messages_published", "Measured messages sent to receivers", c.published),
        ("messages_incomplete", "Measured messages that did not reach all of their receivers in time", c.incomplete),
        ("messages_complete", "Measured messages that reached all of their receivers in time", c.complete),
        ("deliveries_expected", "Deliveries that should come", c.expected),
        ("deliveries", "First arrivals within the timeout", c.delivered),
        ("deliveries_late", "First arrivals after the timeout", c.late),
        ("deliveries_duplicated", "Arrivals after the first", c.duplicated),
        ("deliveries_reordered", "Deliveries after that of a later message of the same publisher", c.reordered),
        ("deliveries_corrupted", "Deliveries with the identity of a message that are otherwise wrong", c.corrupted),
        ("deliveries_unexpected", "Deliveries to a client that should not get the message", c.unexpected),
    ]
}

/// The times of deliveries, one per line: name, help, times.
#[rustfmt::skip]
fn delivery_times(times: &FanOutTimes) -> [(&'static str, &'static str, &LazyHistogram); 5] {
    [
        ("delivery_time", "Time from the actual send of a message to its delivery", &times.delivery),
        ("delivery_response_time", "Time from the intended send of a message to its delivery", &times.delivery_response),
        ("first_receiver_time", "Delivery time of the first receiver of each complete message", &times.first),
        ("median_receiver_time", "Delivery time of the median receiver of each complete message", &times.median),
        ("last_receiver_time", "Delivery time of the last receiver of each complete message", &times.last),
    ]
}

/// Counters and histograms of deliveries. Without them there are none.
fn deliveries(page: &mut DescriptorEncoder<'_>, record: &Record) -> fmt::Result {
    let Some(own) = &record.fan_out else {
        return Ok(());
    };
    write_counters(page, &delivery_counters(&own.counts))?;
    for (name, help, times) in delivery_times(&own.times) {
        lazy_histogram(page, name, help, times)?;
    }
    Ok(())
}

/// The counters of a feed, one per line.
#[rustfmt::skip]
fn feed_counters(own: &PushRecord) -> [CounterRow; 4] {
    [
        ("pushes", "Messages of the feed", own.received),
        ("pushes_missing", "Numbers of the feed that were left out", own.missing),
        ("pushes_duplicated", "Messages of the feed whose number had come before", own.duplicated),
        ("pushes_reordered", "Messages of the feed after one with a higher number", own.reordered),
    ]
}

/// Counters and histograms of a feed. Without one there are none.
fn feed(page: &mut DescriptorEncoder<'_>, record: &Record) -> fmt::Result {
    let Some(own) = &record.push else {
        return Ok(());
    };
    write_counters(page, &feed_counters(own))?;
    for (name, help, times) in [
        (
            "push_gap",
            "Time between two messages of the feed at a client",
            &own.gap,
        ),
        (
            "push_lateness",
            "Lateness of messages against the interval of the feed",
            &own.lateness,
        ),
        (
            "push_delay",
            "Arrival minus the stamp of the server",
            &own.delay,
        ),
    ] {
        lazy_histogram(page, name, help, times)?;
    }
    Ok(())
}

/// Figures of slow readers. Without them there are none.
fn slow_readers(page: &mut DescriptorEncoder<'_>, record: &Record) -> fmt::Result {
    let Some(own) = &record.slow else {
        return Ok(());
    };
    let help = "Slow readers that were ready";
    metric(
        page,
        "slow_readers",
        help,
        None,
        &ConstGauge::new(own.clients),
    )?;
    let help = "Slow readers that the server disconnected";
    write_counters(page, &[("slow_readers_closed", help, own.closed)])?;
    let (help, read) = (
        "Bytes that slow readers read while they were slow",
        ConstCounter::new(own.read_bytes),
    );
    metric(page, "slow_readers_read", help, Some(&Unit::Bytes), &read)
}

/// The counters of a scenario, one per line.
#[rustfmt::skip]
fn scenario_counters(counts: KindCounts, server_errors: u64) -> [CounterRow; 3] {
    [
        ("messages_error_reply", "Measured messages that the server refused", counts.error_reply),
        ("messages_parts", "Records that belong to a message but do not end it", counts.parts),
        ("server_errors", "Records that are errors of the server", server_errors),
    ]
}

/// The counters of lost connections, one per line.
#[rustfmt::skip]
fn reconnect_counters(own: &ReconnectRecord) -> [CounterRow; 6] {
    [
        ("connections_lost", "Connections dropped by plan, ended by the server, or not replaced as planned", own.dropped),
        ("connections_lost_by_server", "Lost connections that the server ended", own.by_server),
        ("reconnect_attempts", "Attempts to open a lost connection again", own.attempts),
        ("reconnects", "Clients that were ready again", own.back),
        ("messages_missed", "Messages that became due while their client was away", own.missed),
        ("messages_dropped", "Measured messages in flight when their connection was dropped by plan", own.in_flight),
    ]
}

/// Failed attempts by cause, and by the status of the answer where the handshake failed: `503`, or `other`.
fn attempt_failures(failed: &FailedAttempts) -> Vec<(&'static str, &str, u64)> {
    let others = [
        ("refused", failed.refused),
        ("timed_out", failed.timed_out),
        ("setup", failed.setup),
        ("own", failed.own),
    ];
    let handshakes = failed.handshake.iter();
    let handshakes = handshakes.map(|(status, n)| ("handshake", status.as_str(), *n));
    let others = others.map(|(cause, n)| (cause, "", n));
    others.into_iter().chain(handshakes).collect()
}

/// A histogram that is left out while it has no values.
fn lazy_histogram(
    page: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    times: &LazyHistogram,
) -> fmt::Result {
    match times.get() {
        Some(times) => histogram(page, name, help, times),
        None => Ok(()),
    }
}

impl MetricsPage {
    fn counters(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        write_counters(page, &counters(&self.1))?;
        let echoed = ConstCounter::new(self.1.record.in_time.payload_bytes);
        let help = "Payload of right echoes that came in the measured phase";
        metric(page, "echoed_payload", help, Some(&Unit::Bytes), &echoed)?;
        self.scenario_counters(page)
    }

    /// The counters of a scenario. Without one there are none.
    fn scenario_counters(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(scenario) = self.0.scenario() else {
            return Ok(());
        };
        let none = ScenarioRecord::new(scenario);
        let figures = self.1.record.scenario.as_deref().unwrap_or(&none);
        let counts = figures.counts();
        let errors = scenario.on.iter().zip(&figures.rules);
        let errors = errors.filter(|(rule, _)| rule.error).map(|(_, n)| n).sum();
        write_counters(page, &scenario_counters(counts, errors))?;
        let help = "Records of the [[on]] rules";
        let kind = MetricType::Counter;
        let mut rules = page.encode_descriptor("rule_records", help, None, kind)?;
        for (index, n) in figures.rules.iter().enumerate() {
            let name = scenario.rule_name(index);
            ConstCounter::new(*n).encode(rules.encode_family(&[("rule", &*name)])?)?;
        }
        Ok(())
    }

    /// Figures of a search or a sweep. Without one there are none. The capacity is left out while it is unknown.
    fn search(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(search) = &self.2 else {
            return Ok(());
        };
        let step = ConstGauge::new(u64::from(search.step));
        let help = "Number of the current step of the search or the sweep";
        metric(page, "search_step", help, None, &step)?;
        let mut rate = |name, help, per_second: f64| {
            let gauge = ConstGauge::new(per_second);
            metric(page, name, help, Some(&per_second_unit()), &gauge)
        };
        let Some(estimate) = &search.estimate else {
            return Ok(());
        };
        if let Some(capacity) = estimate.rate_per_s {
            rate("capacity", "Capacity by the steps so far", capacity)?;
        }
        let help = "Lower end of the interval of the capacity so far";
        rate("capacity_low", help, estimate.low_per_s)?;
        // Of a lower bound, the upper end is the bound itself.
        if estimate.high_per_s.is_finite() && !estimate.at_least {
            let help = "Upper end of the interval of the capacity so far";
            rate("capacity_high", help, estimate.high_per_s)?;
        }
        let at_least = ConstGauge::new(u64::from(estimate.at_least));
        let help = "1 if the capacity is a lower bound so far, because no rate is known at which a condition fails";
        metric(page, "capacity_at_least", help, None, &at_least)
    }

    /// Figures of lost connections. Without a drop and reconnects there are none.
    fn reconnects(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if !self.0.connections.reports_reconnects() {
            return Ok(());
        }
        let none = ReconnectRecord::default();
        let own = self.1.record.reconnect.as_deref().unwrap_or(&none);
        write_counters(page, &reconnect_counters(own))?;
        let help = "Failed attempts to open a lost connection again";
        let kind = MetricType::Counter;
        let mut failures = page.encode_descriptor("reconnect_failures", help, None, kind)?;
        for (cause, status, n) in attempt_failures(&own.failed) {
            let labels = [("cause", cause), ("status", status)];
            ConstCounter::new(n).encode(failures.encode_family(&labels)?)?;
        }
        let away = ConstGauge::new(own.dropped.saturating_sub(own.back));
        let help = "Lost connections that are not open again";
        metric(page, "connections_away", help, None, &away)?;
        let help = "Time from the loss of a connection until its client was ready again";
        lazy_histogram(page, "away_time", help, &own.away)?;
        let help = "Time from the intended start of an attempt until the connection was open";
        lazy_histogram(page, "reconnect_time", help, &own.connect_response)
    }

    fn phase_and_rates(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "1 for the phase that the run is in";
        let mut phases = page.encode_descriptor("phase", help, None, MetricType::Gauge)?;
        for phase in PHASES {
            let is_now = ConstGauge::new(u64::from(phase == self.1.phase));
            let labels = [("phase", phase.name())];
            is_now.encode(phases.encode_family(&labels)?)?;
        }
        let so_far = summary_so_far(&self.0, &self.1, None, false);
        let per_second = per_second_unit();
        let mut rate = |name, help, value: f64| {
            metric(page, name, help, Some(&per_second), &ConstGauge::new(value))
        };
        let help = "Right echoes per second of the measured phase so far";
        rate("achieved_rate", help, so_far.throughput.messages_per_s)?;
        let planned = self.0.load.profile();
        let planned = planned.map(|profile| profile.rate_at(self.1.elapsed_s));
        // The plan of a search has no rate of its own.
        let offered = self.2.as_ref().and_then(|search| search.offered_per_s);
        if let Some(offered) = offered.or(planned) {
            let help = "Messages per second that the plan asks for now";
            rate("offered_rate", help, offered)?;
        }
        let measured = ConstGauge::new(self.1.elapsed_s);
        let help = "Length of the measured phase so far";
        metric(page, "measured", help, Some(&Unit::Seconds), &measured)
    }
}

fn per_second_unit() -> Unit {
    Unit::Other("messages_per_second".to_owned())
}

fn write_counters(page: &mut DescriptorEncoder<'_>, rows: &[CounterRow]) -> fmt::Result {
    for (name, help, value) in rows {
        metric(page, name, help, None, &ConstCounter::new(*value))?;
    }
    Ok(())
}

fn metric(
    page: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: &impl EncodeMetric,
) -> fmt::Result {
    value.encode(page.encode_descriptor(name, help, unit, value.metric_type())?)
}

/// A classic histogram in seconds. Buckets are counted by the HDR recorder, so every message is included. A time within
/// 0.1 % of a bound may be counted on its other side.
fn histogram(
    page: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    times: &LatencyHistogram,
) -> fmt::Result {
    let bounds = bounds();
    let up_to = times.counts_up_to(&bounds);
    let mut below = 0;
    let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(bounds.len() + 1);
    for (bound, up_to) in bounds.into_iter().zip(up_to) {
        buckets.push((bound as f64 / 1e9, up_to - below));
        below = up_to;
    }
    buckets.push((f64::INFINITY, times.count() - below));
    page.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?
        .encode_histogram::<NoLabelSet>(times.sum() / 1e9, times.count(), &buckets, None)
}

/// Upper bounds of the buckets in nanoseconds.
fn bounds() -> Vec<u64> {
    let decade = |n: u32| R5.map(|step| step * LOWEST_NS * 10_u64.pow(n));
    let mut bounds: Vec<_> = (0..DECADES).flat_map(decade).collect();
    bounds.push(R5[0] * LOWEST_NS * 10_u64.pow(DECADES));
    bounds
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use measurement::plan::{ConnectionRules, ReconnectLaw};
    use measurement::record::{
        ConnectFailure, FanOutRecord, OpenLoopRecord, SlowRecord, UpgradeRefusal,
    };
    use measurement::run::Connections;

    use swarm::Phase;

    use super::*;
    use crate::search_progress::tests::searching;
    use crate::tests::{plan, plan_with};

    /// The samples of a page by their names, including labels.
    fn samples(plan: &Plan, progress: &RunProgress) -> BTreeMap<String, f64> {
        let text = render(plan, progress, None).unwrap();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        samples.collect()
    }

    #[test]
    fn a_search_has_its_step_and_the_capacity_so_far() {
        let plan = plan("--find-capacity p99<10ms");
        let mut search = searching();
        let text =
            |search: &SearchProgress| render(&plan, &progress(), Some(search.clone())).unwrap();
        let found = text(&search);
        for line in [
            "ws_bench_search_step 7",
            "ws_bench_offered_rate_messages_per_second 41000.0",
            "ws_bench_capacity_messages_per_second 41500.0",
            "ws_bench_capacity_low_messages_per_second 40000.0",
            "ws_bench_capacity_high_messages_per_second 43000.0",
            "ws_bench_capacity_at_least 0",
        ] {
            assert!(found.lines().any(|found| found == line), "{line}: {found}");
        }
        let estimate = search.estimate.as_mut().unwrap();
        (estimate.rate_per_s, estimate.high_per_s) = (None, f64::INFINITY);
        let found = text(&search);
        assert!(!found.contains("ws_bench_capacity_messages"), "{found}");
        assert!(!found.contains("ws_bench_capacity_high"), "{found}");
        search.estimate = None;
        assert!(!text(&search).contains("ws_bench_capacity"));
        let without = render(&plan, &progress(), None).unwrap();
        assert!(!without.contains("ws_bench_search_step"), "{without}");
    }

    /// A lower bound had an upper end, which was the bound itself, and no metric said that it is one.
    #[test]
    fn a_lower_bound_had_an_upper_end() {
        let mut search = searching();
        let estimate = search.estimate.as_mut().unwrap();
        (estimate.at_least, estimate.high_per_s) = (true, 41_500.0);
        let plan = plan("--find-capacity p99<10ms");
        let found = render(&plan, &progress(), Some(search)).unwrap();
        assert!(!found.contains("ws_bench_capacity_high"), "{found}");
        for line in [
            "ws_bench_capacity_messages_per_second 41500.0",
            "ws_bench_capacity_low_messages_per_second 40000.0",
            "ws_bench_capacity_at_least 1",
        ] {
            assert!(found.lines().any(|found| found == line), "{line}: {found}");
        }
    }

    fn progress() -> RunProgress {
        let mut record = Record::default();
        for ns in [5_000, 10_000, 16_100, 70_000, 900_000_000, 200_000_000_000] {
            record.service.record(ns);
        }
        record.counts.sent = 9;
        record.counts.received = 6;
        record.counts.lost = 2;
        record.in_time.messages = 6;
        record.in_time.payload_bytes = 750;
        RunProgress {
            phase: Phase::Measure,
            connections: Connections {
                attempted: 3,
                opened: 2,
                failed: 1,
                ..Connections::default()
            },
            record,
            elapsed_s: 3.0,
            ..RunProgress::default()
        }
    }

    #[test]
    fn deliveries_feeds_and_slow_readers_have_counters_where_there_are_some() {
        let plan = plan("-d 20s");
        let none = samples(&plan, &progress());
        let is_of_them = |name: &&String| {
            ["deliver", "push", "slow", "receiver"]
                .iter()
                .any(|part| name.contains(part))
        };
        assert_eq!(none.keys().find(is_of_them), None);
        let mut progress = progress();
        let mut fan_out = FanOutRecord::default();
        (fan_out.counts.expected, fan_out.counts.delivered) = (20, 19);
        fan_out.times.last.record(5_000);
        progress.record.fan_out = Some(Box::new(fan_out));
        let mut push = PushRecord {
            received: 7,
            missing: 1,
            ..PushRecord::default()
        };
        push.gap.record(5_000);
        progress.record.push = Some(Box::new(push));
        progress.record.slow = Some(Box::new(SlowRecord {
            clients: 3,
            closed: 2,
            read_bytes: 4_096,
            ..SlowRecord::default()
        }));
        let found = samples(&plan, &progress);
        for (name, value) in [
            ("deliveries_expected_total", 20.0),
            ("deliveries_total", 19.0),
            ("last_receiver_time_seconds_count", 1.0),
            ("pushes_total", 7.0),
            ("pushes_missing_total", 1.0),
            ("push_gap_seconds_count", 1.0),
            ("slow_readers", 3.0),
            ("slow_readers_closed_total", 2.0),
            ("slow_readers_read_bytes_total", 4_096.0),
        ] {
            let name = format!("ws_bench_{name}");
            assert_eq!(found.get(&name), Some(&value), "{name}");
        }
    }

    #[test]
    fn lost_connections_have_counters_where_they_are_reported() {
        let rules = ConnectionRules {
            reconnect: Some(ReconnectLaw::Now),
            ..ConnectionRules::default()
        };
        let plan = plan_with("-d 20s", rules);
        let mut later = progress();
        later.connections.replaced = 4;
        let mut lost = ReconnectRecord::default();
        (0..10).for_each(|_| lost.lost(0, true));
        (0..12).for_each(|_| lost.attempt(0, 0));
        (0..3).for_each(|_| lost.failed(0, &ConnectFailure::Timeout));
        let busy = ConnectFailure::Refused(Box::new(UpgradeRefusal::new(503)));
        lost.failed(0, &busy);
        (0..8).for_each(|_| lost.back(1, 1_000));
        lost.missed = 7;
        later.record.reconnect = Some(Box::new(lost));
        let found = samples(&plan, &later);
        for (name, value) in [
            ("connections_replaced_total", 4.0),
            ("connections_lost_total", 10.0),
            ("connections_lost_by_server_total", 10.0),
            ("reconnect_attempts_total", 12.0),
            ("reconnects_total", 8.0),
            ("messages_missed_total", 7.0),
            ("connections_away", 2.0),
            ("away_time_seconds_count", 8.0),
            (
                "reconnect_failures_total{cause=\"timed_out\",status=\"\"}",
                3.0,
            ),
            (
                "reconnect_failures_total{cause=\"handshake\",status=\"503\"}",
                1.0,
            ),
        ] {
            let name = format!("ws_bench_{name}");
            assert_eq!(found.get(&name), Some(&value), "{name}");
        }
        let before = samples(&plan, &RunProgress::default());
        assert_eq!(before["ws_bench_reconnect_attempts_total"], 0.0);
        let others = samples(&crate::tests::plan("-d 20s"), &later);
        assert!(!others.keys().any(|name| name.contains("reconnect")));
    }

    #[test]
    fn counters_are_those_of_the_run() {
        let found = samples(&plan("-d 20s"), &progress());
        for (name, value) in [
            ("connections_attempted_total", 3.0),
            ("connections_opened_total", 2.0),
            ("connections_failed_total", 1.0),
            ("messages_sent_total", 9.0),
            ("messages_received_total", 6.0),
            ("messages_lost_total", 2.0),
            ("messages_corrupted_total", 0.0),
            ("echoed_payload_bytes_total", 750.0),
            ("achieved_rate_messages_per_second", 2.0),
            ("measured_seconds", 3.0),
            ("phase{phase=\"measure\"}", 1.0),
            ("phase{phase=\"warm-up\"}", 0.0),
        ] {
            assert_eq!(
                found.get(&format!("ws_bench_{name}")),
                Some(&value),
                "{name}"
            );
        }
        let offered = "ws_bench_offered_rate_messages_per_second";
        assert!(!found.contains_key(offered), "a closed loop asks for none");
    }

    #[test]
    fn every_message_is_in_a_bucket() {
        let found = samples(&plan("-d 20s"), &progress());
        let bucket = |le: &str| {
            let name = format!("ws_bench_service_time_seconds_bucket{{le=\"{le}\"}}");
            found
                .get(&name)
                .copied()
                .unwrap_or_else(|| panic!("no {name} in {found:#?}"))
        };
        assert_eq!(bucket("1e-05"), 2.0, "a bound belongs to its bucket");
        assert_eq!(bucket("1.6e-05"), 2.0);
        assert_eq!(bucket("2.5e-05"), 3.0);
        assert_eq!(bucket("0.0001"), 4.0);
        assert_eq!(bucket("1"), 5.0);
        assert_eq!(bucket("100"), 5.0);
        assert_eq!(bucket("+Inf"), 6.0);
        assert_eq!(found["ws_bench_service_time_seconds_count"], 6.0);
        let sum = found["ws_bench_service_time_seconds_sum"];
        assert!((sum - 200.900_101_1).abs() < 1e-9, "{sum}");
        // In closed loop, response times equal service times.
        assert_eq!(found["ws_bench_response_time_seconds_count"], 6.0);
    }

    #[test]
    fn an_open_loop_has_response_times_and_an_offered_rate_of_its_own() {
        let mut progress = progress();
        let mut open = OpenLoopRecord::default();
        open.response.record(1_000_000_000);
        progress.record.open_loop = Some(Box::new(open));
        let found = samples(&plan("-d 20s -r 100 --ramp 6s"), &progress);
        assert_eq!(found["ws_bench_response_time_seconds_count"], 1.0);
        assert_eq!(found["ws_bench_response_time_seconds_sum"], 1.0);
        assert_eq!(found["ws_bench_service_time_seconds_count"], 6.0);
        assert_eq!(found["ws_bench_offered_rate_messages_per_second"], 50.0);
    }

    #[test]
    fn a_run_that_has_not_begun_has_all_figures_at_zero() {
        let fresh = samples(&plan("-d 20s"), &RunProgress::default());
        let later = samples(&plan("-d 20s"), &progress());
        assert!(
            fresh.keys().eq(later.keys()),
            "the same names from the start"
        );
        let mut not_zero = fresh.iter().filter(|(_, value)| **value != 0.0);
        let connect = "ws_bench_phase{phase=\"connect\"}".to_owned();
        assert_eq!(not_zero.next(), Some((&connect, &1.0)));
        assert_eq!(not_zero.next(), None);
    }

    #[test]
    fn every_name_is_explained_once() {
        let text = render(&plan("-d 20s -r 100"), &progress(), None).unwrap();
        for kind in ["HELP", "TYPE"] {
            let names = text.lines().filter_map(|line| {
                let rest = line.strip_prefix(&format!("# {kind} "))?;
                rest.split(' ').next()
            });
            let mut names: Vec<_> = names.collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{kind}");
            assert_eq!(count, 22, "{kind}");
            assert!(names.iter().all(|name| name.starts_with("ws_bench_")));
        }
    }

    #[test]
    fn a_scenario_has_counters_of_its_own() {
        let plan = crate::tests::scenario_plan();
        let mut progress = progress();
        let mut figures = ScenarioRecord::new(plan.scenario().unwrap());
        figures.kinds[0].counts.error_reply = 3;
        figures.rules = vec![5, 2];
        progress.record.scenario = Some(Box::new(figures));
        let found = samples(&plan, &progress);
        for (name, value) in [
            ("messages_error_reply_total", 3.0),
            ("messages_parts_total", 0.0),
            ("server_errors_total", 2.0),
            ("rule_records_total{rule=\"ping\"}", 5.0),
            ("rule_records_total{rule=\"on_2\"}", 2.0),
        ] {
            let name = format!("ws_bench_{name}");
            assert_eq!(found.get(&name), Some(&value), "{name}");
        }
        let before = samples(&plan, &RunProgress::default());
        assert!(
            before.keys().eq(found.keys()),
            "the same names from the start"
        );
        let echo = samples(&crate::tests::plan("-d 20s"), &RunProgress::default());
        assert!(echo.keys().all(|name| !name.contains("error_reply")));
    }

    #[test]
    fn buckets_rise_by_the_same_factor() {
        let bounds = bounds();
        assert_eq!(bounds.first(), Some(&10_000));
        assert_eq!(bounds.last(), Some(&100_000_000_000));
        for pair in bounds.windows(2) {
            let factor = pair[1] as f64 / pair[0] as f64;
            assert!((1.55..1.62).contains(&factor), "{pair:?}");
        }
    }
}
