//! The figures of a run, each with its name, in the order of every report.

use measurement::record::TimelineRow;
use measurement::run::{Connections, RunTimeline, Summary};
use measurement::verdict::{ContextSwitches, GeneratorUsage, ServerUsage};
use units::{counted, grouped, human_bytes, human_percent, human_rate, human_time};

use crate::inputs::ReportedRun;

/// A figure of a run; `None` where the run has none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReportedFigure {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

/// All figures but the times, always in the same groups in the same order; within a group those that
/// not every run has stand last.
pub(crate) fn figures(run: &ReportedRun) -> Vec<ReportedFigure> {
    let mut all = Vec::new();
    let mut group = |name: &'static str, figures: Vec<(String, Option<String>)>| {
        all.extend(figures.into_iter().map(|(label, value)| ReportedFigure {
            group: name,
            name: label,
            value,
        }));
    };
    let Some(s) = run.summary() else {
        let timeline = run.run.timeline.as_ref();
        group(
            "messages",
            timeline.map_or_else(Vec::new, counted_by_second),
        );
        return all;
    };
    group("throughput", throughput(s));
    group("messages", messages(s));
    group("rate", rate(s));
    group("connections", connections(s));
    group("generator", generator(s));
    group("server", s.server.as_ref().map_or_else(Vec::new, server));
    all
}

/// What the seconds of a run without a summary come to.
fn counted_by_second(timeline: &RunTimeline) -> Vec<(String, Option<String>)> {
    if timeline.rows.is_empty() {
        return Vec::new();
    }
    let sum = |of: fn(&TimelineRow) -> u64| grouped(timeline.rows.iter().map(of).sum());
    let of_sent = |of| timeline.knows_sent.then(|| sum(of));
    vec![
        perhaps("sent", of_sent(|row| row.sent)),
        known("echoed", sum(|row| row.received)),
        perhaps("failed", of_sent(|row| row.failed)),
    ]
}

/// A name and a value that is always there.
fn known(name: &str, value: String) -> (String, Option<String>) {
    (name.to_owned(), Some(value))
}

fn perhaps(name: &str, value: Option<String>) -> (String, Option<String>) {
    (name.to_owned(), value)
}

/// A count that is worth a word only when it is not zero.
fn unusual(name: &str, n: u64) -> (String, Option<String>) {
    (name.to_owned(), (n > 0).then(|| grouped(n)))
}

fn time(ns: Option<u64>) -> Option<String> {
    ns.map(|ns| human_time(ns as f64))
}

fn memory(bytes: Option<u64>) -> Option<String> {
    bytes.map(|bytes| human_bytes(bytes as f64))
}

fn throughput(s: &Summary) -> Vec<(String, Option<String>)> {
    let rate = s.throughput;
    vec![
        known(
            "messages",
            format!("{} msg/s", human_rate(rate.messages_per_s)),
        ),
        known(
            "payload",
            format!("{}/s", human_bytes(rate.payload_bytes_per_s)),
        ),
    ]
}

fn messages(s: &Summary) -> Vec<(String, Option<String>)> {
    let m = &s.messages;
    let never_sent = m.planned.and_then(|planned| planned.checked_sub(m.sent));
    vec![
        perhaps("planned", m.planned.map(grouped)),
        known("sent", grouped(m.sent)),
        known("echoed", grouped(m.received)),
        known("lost", grouped(m.lost)),
        known(
            "corrupted",
            m.corrupted.map_or_else(|| NOT_CHECKED.to_owned(), grouped),
        ),
        known("late", grouped(m.timed_out)),
        unusual("reordered", m.reordered),
        unusual("duplicated", m.duplicated),
        unusual("unexpected", m.unexpected),
        unusual("in flight at the end", m.abandoned),
        unusual("never sent", never_sent.unwrap_or_default()),
    ]
}

/// How an open loop kept to its schedule.
fn rate(s: &Summary) -> Vec<(String, Option<String>)> {
    let per_second = |rate: Option<f64>| rate.map(|n| format!("{} msg/s", human_rate(n)));
    let share = s.sent_in_time_share;
    let lag = s.send_lag_ns;
    let of_open_loop = |ns| time(ns).filter(|_| s.offered_rate_per_s.is_some());
    vec![
        perhaps("offered", per_second(s.offered_rate_per_s)),
        perhaps("achieved", per_second(s.achieved_rate_per_s)),
        // Of the measured phase as a whole, however late within it: no word on punctuality.
        perhaps(
            "sent of what was due",
            share.map(|n| format!("{:.2} %", n * 100.0)),
        ),
        perhaps("send lag p50", of_open_loop(lag.p50)),
        perhaps("send lag p99", of_open_loop(lag.p99)),
        perhaps("send lag max", of_open_loop(lag.max)),
        unusual("writes that found the socket full", s.client.blocked_writes),
    ]
}

fn connections(s: &Summary) -> Vec<(String, Option<String>)> {
    let c = &s.connections;
    let connect = &s.connect_ns;
    let mut all = vec![
        known(
            "opened",
            format!("{} of {}", grouped(c.opened), grouped(c.attempted)),
        ),
        known("opened in", human_time(c.opening_s * 1e9)),
        perhaps("time to open p50", time(connect.total.p50)),
        perhaps("time to open max", time(connect.total.max)),
        perhaps(
            "TLS handshake p50",
            connect.tls.and_then(|tls| time(tls.p50)),
        ),
        unusual("failed to open", c.failed),
        unusual("closed early", c.closed_early),
    ];
    all.push(perhaps("close codes", close_codes(c)));
    all
}

fn close_codes(c: &Connections) -> Option<String> {
    let codes = c.close_codes.iter();
    let codes: Vec<_> = codes
        .map(|(code, n)| format!("{code} × {}", grouped(*n)))
        .collect();
    (!codes.is_empty()).then(|| codes.join(", "))
}

/// Why connections failed or ended early, the most frequent first: `3 × connection refused`.
pub(crate) fn broken_connections(c: &Connections) -> Vec<String> {
    let mut reasons: Vec<_> = c.failures.iter().chain(&c.early_ends).collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let reasons = reasons.into_iter();
    reasons
        .map(|(reason, n)| format!("{} × {reason}", grouped(*n)))
        .collect()
}

fn generator(s: &Summary) -> Vec<(String, Option<String>)> {
    let GeneratorUsage {
        cpu_s,
        cpu_per_core,
        busy_share,
        max_rss_bytes,
        run_queue_wait_share,
        context_switches,
        messages_per_cpu_s,
        ..
    } = s.client;
    let mut all = vec![
        perhaps("CPU time", cpu_s.map(|s| human_time(s * 1e9))),
        perhaps("busiest thread, of a core", cpu_per_core.map(human_percent)),
        perhaps("waited for a core", run_queue_wait_share.map(percent)),
        perhaps(
            "messages per CPU-second",
            messages_per_cpu_s.map(human_rate),
        ),
        perhaps("memory at most", memory(max_rss_bytes)),
        perhaps("context switches", switches(context_switches)),
        perhaps("busy while polling", busy_share.map(human_percent)),
    ];
    let own = s.calibration;
    all.push(perhaps(
        "service time p50, alone",
        own.and_then(|own| time(Some(own.floor_service_p50_ns))),
    ));
    all.push(perhaps(
        "throughput at most, alone",
        own.map(|own| format!("{} msg/s", human_rate(own.ceiling_messages_per_s))),
    ));
    all
}

/// A small share, to a tenth of a percent.
fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn switches(n: Option<ContextSwitches>) -> Option<String> {
    n.map(|n| grouped(n.total()))
}

fn server(server: &ServerUsage) -> Vec<(String, Option<String>)> {
    vec![
        known("CPU time", human_time(server.cpu_s * 1e9)),
        perhaps(
            "messages per CPU-second",
            server.messages_per_cpu_s.map(human_rate),
        ),
        perhaps("memory at most", memory(server.max_rss_bytes)),
        perhaps("context switches", switches(server.context_switches)),
    ]
}

/// The conditions that a run was held against: those that held, and those that did not.
pub(crate) fn conditions(s: &Summary) -> (Vec<String>, Vec<String>) {
    let (held, passed): (Vec<_>, Vec<_>) = s.conditions.iter().partition(|c| c.held);
    let say = |all: Vec<&measurement::run::ConditionResult>, word: &str| -> Vec<String> {
        let all = all.into_iter();
        all.map(|c| format!("{word}: `{}`, it is {}", c.expression, c.value_text))
            .collect()
    };
    (say(held, "held"), say(passed, "did not hold"))
}

/// `2 runs`.
pub(crate) fn runs(n: usize) -> String {
    counted(n as u64, "run")
}
