//! A run's figures in Prometheus' text format, version 0.0.4: a function of its plan and its progress.

use std::fmt;

use measurement::plan::Plan;
use measurement::record::LatencyHistogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use swarm::control::{Phase, Progress};

pub(super) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

use crate::standing::summary_so_far;

/// Upper bounds of the buckets of a decade, as a multiple of a power of ten: five to a decade, each 1.6
/// times the one before (the series R5 of ISO 3).
const R5: [u64; 5] = [100, 160, 250, 400, 630];
/// Decades that have buckets: from 10 µs to 100 s.
const DECADES: u32 = 7;
/// A hundredth of the lowest bound, in nanoseconds.
const LOWEST_NS: u64 = 100;

/// All phases, in their order.
const PHASES: [Phase; 5] = [
    Phase::Connect,
    Phase::WarmUp,
    Phase::Measure,
    Phase::Drain,
    Phase::Close,
];

/// The page of a run that stands so.
///
/// # Errors
/// Those of the encoder.
pub(super) fn render(plan: &Plan, progress: &Progress) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("ws_bench");
    registry.register_collector(Box::new(Figures {
        plan: plan.clone(),
        progress: progress.clone(),
    }));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Figures {
    plan: Plan,
    progress: Progress,
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let page = &mut encoder;
        self.connections(page)?;
        self.messages(page)?;
        self.standing(page)?;
        let record = &self.progress.record;
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
        )
    }
}

impl Figures {
    fn connections(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let c = &self.progress.connections;
        for (name, help, value) in [
            (
                "connections_attempted",
                "Connections that have opened or failed",
                c.attempted,
            ),
            ("connections_opened", "Connections that opened", c.opened),
            (
                "connections_failed",
                "Connections that failed to open",
                c.failed,
            ),
            (
                "connections_ended_early",
                "Connections that ended before their client was done",
                c.closed_early,
            ),
        ] {
            counter(page, name, help, None, value)?;
        }
        Ok(())
    }

    fn messages(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let record = &self.progress.record;
        let m = &record.counts;
        for (name, help, value) in [
            ("messages_sent", "Measured messages sent", m.sent),
            (
                "messages_received",
                "Measured messages whose echo came, right or wrong, in time or late",
                m.received,
            ),
            (
                "messages_lost",
                "Measured messages without an echo by the end of the drain",
                m.lost,
            ),
            (
                "messages_corrupted",
                "Measured messages whose echo was rejected",
                m.corrupted,
            ),
            (
                "messages_timed_out",
                "Measured messages whose echo came later than the timeout",
                m.timed_out,
            ),
            (
                "messages_duplicated",
                "Echoes beyond the first of a message",
                m.duplicated,
            ),
            (
                "messages_reordered",
                "Measured messages whose echo came after that of a later one",
                m.reordered,
            ),
            (
                "messages_unexpected",
                "Messages from the server that echo nothing of ours",
                m.unexpected,
            ),
            (
                "messages_abandoned",
                "Measured messages in flight when the user ended the run",
                m.abandoned,
            ),
            (
                "messages_unsent",
                "Messages of an open loop that were due but could not be sent",
                m.unsent,
            ),
        ] {
            counter(page, name, help, None, value)?;
        }
        counter(
            page,
            "echoed_payload",
            "Payload of right echoes that came in the measured phase",
            Some(&Unit::Bytes),
            record.in_time.payload_bytes,
        )
    }

    fn standing(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let so_far = summary_so_far(&self.plan, &self.progress, None, false);
        let gauge = ConstGauge::new(0_u64);
        let kind = gauge.metric_type();
        let mut phases =
            page.encode_descriptor("phase", "1 for the phase that the run is in", None, kind)?;
        for phase in PHASES {
            let is_now = ConstGauge::new(u64::from(phase == self.progress.phase));
            let labels = [("phase", phase.name())];
            is_now.encode(phases.encode_family(&labels)?)?;
        }
        let mut rates = vec![(
            "achieved_rate",
            "Right echoes per second of the measured phase so far",
            so_far.throughput.messages_per_s,
        )];
        if let Some(profile) = self.plan.load.profile() {
            rates.push((
                "offered_rate",
                "Messages per second that the plan asks for now",
                profile.rate_at(self.progress.elapsed_s),
            ));
        }
        let per_second = Unit::Other("messages_per_second".to_owned());
        for (name, help, value) in rates {
            let gauge = ConstGauge::new(value);
            let kind = gauge.metric_type();
            gauge.encode(page.encode_descriptor(name, help, Some(&per_second), kind)?)?;
        }
        let measured = ConstGauge::new(self.progress.elapsed_s);
        let kind = measured.metric_type();
        let help = "Length of the measured phase so far";
        measured.encode(page.encode_descriptor("measured", help, Some(&Unit::Seconds), kind)?)
    }
}

fn counter(
    page: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: u64,
) -> fmt::Result {
    let counter = ConstCounter::new(value);
    let kind = counter.metric_type();
    counter.encode(page.encode_descriptor(name, help, unit, kind)?)
}

/// A classic histogram in seconds whose buckets are counted by the HDR recorder, so that every message
/// is in it; a time within 0.1 % of a bound may be on its other side.
#[allow(clippy::cast_precision_loss)]
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
#[path = "page_tests.rs"]
mod tests;
