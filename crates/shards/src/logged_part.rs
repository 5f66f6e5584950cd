//! The part of a shard without result, from its log.

use measurement::record::{
    ConnectHistograms, CountsSoFar, EchoTotals, EncodedTimes, LatencyHistogram, LoggedSecond,
    MessageCounts, OpenLoopRecord, Record, StoredSecond,
};
use measurement::run::{Connections, RunContext, RunPart};

use crate::shard_files::ShardStart;
use crate::start_time::StartTime;

/// The part of a shard that died, from its log. Messages that failed count as lost, and those in flight as abandoned,
/// because the log does not tell them apart.
pub(crate) fn logged_part(start: &ShardStart, seconds: &[LoggedSecond], through_s: u64) -> RunPart {
    let counts = seconds
        .last()
        .map(|second| second.counts)
        .unwrap_or_default();
    let mut rows = Vec::with_capacity(seconds.len());
    let mut before = CountsSoFar::default();
    let (mut service, mut response) = (LatencyHistogram::new(), LatencyHistogram::new());
    for second in seconds {
        let times = second.histograms.as_ref();
        let of_response = times.map(|t| t.response.as_ref().unwrap_or(&t.service));
        for (all, bytes) in [
            (&mut service, times.map(|t| &t.service)),
            (&mut response, of_response),
        ] {
            // The reader has decoded them before.
            if let Some(one) = bytes.and_then(|bytes| LatencyHistogram::from_encoded(bytes).ok()) {
                all.merge(&one);
            }
        }
        let max_ns = of_response
            .and_then(|bytes| LatencyHistogram::from_encoded(bytes).ok())
            .and_then(|times| times.max());
        rows.push(StoredSecond {
            second: second.second,
            sent: second.counts.sent.saturating_sub(before.sent),
            received: second.counts.received.saturating_sub(before.received),
            failed: second.counts.failed.saturating_sub(before.failed),
            max_ns,
            service: times.map(|t| EncodedTimes(t.service.clone())),
            response: of_response
                .filter(|_| start.facts.is_open_loop)
                .map(|bytes| EncodedTimes(bytes.clone())),
        });
        before = second.counts;
    }
    let timed = service.count();
    let in_flight = counts.sent.saturating_sub(counts.received + counts.failed);
    let sizes = start.facts.plan.payload_bytes;
    RunPart {
        facts: start.facts.clone(),
        max_samples: start.max_samples,
        record: Record {
            counts: MessageCounts {
                sent: counts.sent,
                received: counts.received.min(counts.sent),
                lost: counts
                    .failed
                    .min(counts.sent - counts.received.min(counts.sent)),
                abandoned: in_flight,
                unsent: counts.unsent,
                ..MessageCounts::default()
            },
            service,
            open_loop: start.facts.is_open_loop.then(|| {
                Box::new(OpenLoopRecord {
                    response,
                    sent_in_time: counts.sent,
                    ..OpenLoopRecord::default()
                })
            }),
            in_time: EchoTotals {
                messages: timed,
                payload_bytes: timed * sizes.mean(),
            },
            last_received_ns: through_s * 1_000_000_000,
            ..Record::default()
        },
        seconds: rows,
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
