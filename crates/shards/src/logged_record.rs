//! The record of a shard without result, from its log.

use measurement::record::{
    ConnectHistograms, CountsSoFar, EchoTotals, EncodedTimes, LatencyHistogram, LoggedSecond,
    MessageCounts, OpenLoopRecord, Record, SecondHistograms, StoredSecond,
};
use measurement::run::{Connections, ProcessRecord, RunContext};

use crate::shard_files::ShardStart;
use crate::start_time::StartTime;

/// The record of a shard that died, from its log. Messages that failed count as lost, and those in flight as abandoned,
/// because the log does not tell them apart.
pub(crate) fn logged_record(
    start: &ShardStart,
    seconds: &[LoggedSecond],
    through_s: u64,
) -> ProcessRecord {
    let counts = seconds
        .last()
        .map(|second| second.counts)
        .unwrap_or_default();
    ProcessRecord {
        facts: start.facts.clone(),
        max_samples: start.max_samples,
        record: record_of(start, seconds, counts, through_s),
        seconds: stored_seconds(seconds, start.facts.is_open_loop),
        samples: Vec::new(),
        clients: Vec::new(),
        context: RunContext {
            tool: start.tool.clone(),
            started_at: StartTime::new(start.run.t0())
                .map_or_else(|_| String::new(), |t0| t0.to_string()),
            elapsed_s: through_s as f64,
            connections: Connections {
                attempted: counts.opened,
                opened: counts.opened,
                ..Connections::default()
            },
            ..RunContext::default()
        },
        connect: ConnectHistograms::default(),
        stops: Vec::new(),
        first_wake_ns: None,
    }
}

/// Counts and histograms of all seconds.
fn record_of(
    start: &ShardStart,
    seconds: &[LoggedSecond],
    counts: CountsSoFar,
    through_s: u64,
) -> Record {
    let times = || {
        seconds
            .iter()
            .filter_map(|second| second.histograms.as_ref())
    };
    let service = sum_of(times().map(|times| &times.service));
    let response = || sum_of(times().map(response_of));
    let received = counts.received.min(counts.sent);
    let lost = counts.failed.min(counts.sent - received);
    let timed = service.count();
    Record {
        counts: MessageCounts {
            sent: counts.sent,
            received,
            lost,
            abandoned: counts.sent - received - lost,
            unsent: counts.unsent,
            ..MessageCounts::default()
        },
        open_loop: start.facts.is_open_loop.then(|| {
            Box::new(OpenLoopRecord {
                response: response(),
                sent_in_time: counts.sent,
                ..OpenLoopRecord::default()
            })
        }),
        in_time: EchoTotals {
            messages: timed,
            payload_bytes: timed * start.facts.plan.payload_bytes.mean(),
        },
        last_received_ns: through_s * 1_000_000_000,
        service,
        ..Record::default()
    }
}

/// The rows of the log, each with what was counted in it.
fn stored_seconds(seconds: &[LoggedSecond], is_open_loop: bool) -> Vec<StoredSecond> {
    let mut before = CountsSoFar::default();
    let rows = seconds.iter().map(|second| {
        let times = second.histograms.as_ref();
        let counts = second.counts;
        let row = StoredSecond {
            second: second.span.second,
            seconds: second.span.seconds,
            sent: counts.sent.saturating_sub(before.sent),
            received: counts.received.saturating_sub(before.received),
            failed: counts.failed.saturating_sub(before.failed),
            max_ns: times.and_then(|times| sum_of([response_of(times)].into_iter()).max()),
            service: times.map(|times| EncodedTimes(times.service.clone())),
            response: times
                .filter(|_| is_open_loop)
                .map(|times| EncodedTimes(response_of(times).clone())),
        };
        before = counts;
        row
    });
    rows.collect()
}

fn response_of(times: &SecondHistograms) -> &Vec<u8> {
    times.response.as_ref().unwrap_or(&times.service)
}

/// The sum of encoded histograms. The reader of the log has decoded them before, so none is damaged.
fn sum_of<'a>(encoded: impl Iterator<Item = &'a Vec<u8>>) -> LatencyHistogram {
    let mut sum = LatencyHistogram::new();
    for histogram in encoded.filter_map(|bytes| LatencyHistogram::from_encoded(bytes).ok()) {
        sum.merge(&histogram);
    }
    sum
}
