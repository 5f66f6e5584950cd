//! The content of the live screen as plain data, computed from plan, progress and history, independent of terminals.

use std::time::Duration;

use measurement::plan::Plan;
use measurement::record::{LatencyHistogram, LazyHistogram, Record};
use measurement::run::{Connections, LoadStep, Summary};
use measurement::verdict::{Calibration, Latency, SendLag, shown_quantile};
use swarm::{Phase, RunProgress, SearchProgress};
use units::{counted, grouped, human_percent, human_rate, human_time};
use wording::Tone;
use wording::deliveries_view;
use wording::summary_view::{LabelledRow, UNKNOWN, throughput, time};

use super::histogram::HistogramBars;
use super::history::{History, HistoryPoint};
use crate::phase_progress::{
    PHASES, PhaseProgress, connections_up, planned_connections, summary_so_far,
};
use crate::report::heading_and_rules;
use crate::search_flags::SeveralRates;
use crate::search_progress::{self, step_tone};

/// The state of a run from which a view is computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveState<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) progress: &'a RunProgress,
    pub(crate) history: &'a History,
    pub(crate) calibration: Option<Calibration>,
    /// The rates of a search or a sweep; `None` for any other run.
    pub(crate) rates: Option<&'a SeveralRates>,
    /// State of the search; `None` before its first step.
    pub(crate) search: Option<&'a SearchProgress>,
    /// True when the user has interrupted the run.
    pub(crate) is_interrupted: bool,
}

/// State of a phase relative to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PhaseState {
    Done,
    Now,
    Ahead,
}

/// The percentiles so far, one per row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PercentileTable {
    /// Columns: `service`, and in open loop `response`; `first`, `median`, `last` of deliveries; `gap` and others of a
    /// feed.
    pub(crate) columns: Vec<&'static str>,
    /// Name of the figure, and its value in each column.
    pub(crate) rows: Vec<(&'static str, Vec<String>)>,
}

/// A curve of latencies over time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LatencyCurve {
    /// Name of the time: `service`, `response`, `gap`; `p50` for several times of deliveries.
    pub(crate) time: &'static str,
    /// Figure of the time: `p50` or `p99`; `first`, `median`, `last` of deliveries.
    pub(crate) figure: &'static str,
    /// Seconds since T0, and decimal logarithm of nanoseconds.
    pub(crate) points: Vec<(f64, f64)>,
}

/// p99 of the response time over the offered rate, in the steps so far. Numbers are decimal logarithms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoadCurve {
    /// Meaning of the points: held, not held, undecided. Then messages per second and nanoseconds of each.
    pub(crate) points: Vec<(Tone, Vec<(f64, f64)>)>,
    /// Limit of p99 in nanoseconds; `None` without a condition on it.
    pub(crate) limit: Option<f64>,
}

impl LoadCurve {
    /// Returns `None` without points.
    fn of(search: &SearchProgress, rates: Option<&SeveralRates>) -> Option<Self> {
        let of_tone = |tone: Tone| {
            let is_of_tone = |step: &&LoadStep| step_tone(search, step) == tone;
            let steps = search.steps.iter().filter(is_of_tone);
            let points = steps.filter_map(|step| {
                let p99 = step.response_p99_ns?.max(1) as f64;
                let rate = Some(step.offered_per_s).filter(|rate| *rate > 0.0)?;
                Some((rate.log10(), p99.log10()))
            });
            (tone, points.collect::<Vec<_>>())
        };
        let points = [Tone::Good, Tone::Bad, Tone::Warning].map(of_tone);
        let points: Vec<_> = points
            .into_iter()
            .filter(|(_, all)| !all.is_empty())
            .collect();
        let limit = rates.and_then(SeveralRates::p99_limit_ns);
        (!points.is_empty()).then_some(Self {
            points,
            limit: limit.map(|ns| (ns.max(1) as f64).log10()),
        })
    }
}

/// The complete content of the screen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ViewModel {
    pub(crate) heading: String,
    /// True for a search and a sweep.
    pub(crate) has_several_rates: bool,
    /// Rules of connections; empty without any.
    pub(crate) rules: String,
    pub(crate) phases: Vec<(&'static str, PhaseState)>,
    /// The completed share of the phase, in [0, 1].
    pub(crate) share: f64,
    pub(crate) time_left: Option<String>,
    pub(crate) load: Vec<LabelledRow>,
    pub(crate) times: PercentileTable,
    /// Histograms. In open loop, the response times come first.
    pub(crate) histograms: Vec<HistogramBars>,
    pub(crate) curves: Vec<LatencyCurve>,
    /// The load curve so far, which stands in place of the curves over time; `None` before the first result.
    pub(crate) load_curve: Option<LoadCurve>,
    /// Errors so far; empty = none.
    pub(crate) errors: Vec<LabelledRow>,
    /// The verdict as if the run ended now.
    pub(crate) verdict: &'static str,
    pub(crate) verdict_tone: Tone,
    /// Reasons of the verdict, each with advice.
    pub(crate) reasons: Vec<String>,
    pub(crate) keys: &'static str,
}

impl ViewModel {
    /// Builds the view of a state, with histograms of `columns` columns.
    pub(crate) fn new(state: &LiveState<'_>, columns: usize) -> Self {
        let LiveState { plan, progress, .. } = *state;
        let mut so_far = summary_so_far(plan, progress, state.calibration, state.is_interrupted);
        if let Some(rates) = state.rates {
            rates.describe(&mut so_far.plan);
            // The advice of a single load does not fit.
            wording::explain(&mut so_far);
        }
        let of_phase = PhaseProgress::new(plan, progress);
        let phase_progress = state.search.map_or(of_phase, PhaseProgress::of_search);
        let (heading, rules) = heading_and_rules(&so_far);
        let (verdict, verdict_tone, reasons) = match state.search {
            // A step begins with nothing measured, which is not a fault.
            Some(_) if so_far.messages.received == 0 => (NOTHING_YET, Tone::Neutral, Vec::new()),
            _ => verdict(progress.phase, &so_far),
        };
        Self {
            heading,
            has_several_rates: state.rates.is_some(),
            rules,
            phases: PHASES
                .into_iter()
                .map(|phase| (phase.name(), phase_state(phase, progress.phase)))
                .collect(),
            share: phase_progress.share(),
            time_left: match state.search {
                Some(search) => Some(search_progress::time_left(search)),
                None => phase_progress.time_left(progress.in_phase),
            }
            .filter(|_| progress.phase != Phase::Close)
            .map(time_left),
            load: load(state, &so_far),
            times: times(plan, &so_far),
            histograms: histograms(&progress.record, columns),
            curves: curves(plan, &progress.record, state.history),
            load_curve: state
                .search
                .and_then(|search| LoadCurve::of(search, state.rates)),
            errors: errors(&so_far, &progress.connections),
            verdict,
            verdict_tone,
            reasons,
            keys: keys(progress.phase, state.is_interrupted),
        }
    }
}

/// The verdict before the first answer.
const NOTHING_YET: &str = "nothing measured yet";

/// Keys and their current effect.
fn keys(phase: Phase, is_interrupted: bool) -> &'static str {
    match (phase, is_interrupted) {
        (Phase::Close, _) => {
            "everything is measured, the files will be saved · q ends the wait for close frames"
        }
        (_, true) => {
            "ending the run, the files will be saved · q again quits at once and saves nothing"
        }
        (_, false) => "q ends the run and saves its files",
    }
}

fn phase_state(phase: Phase, now: Phase) -> PhaseState {
    match phase.cmp(&now) {
        std::cmp::Ordering::Less => PhaseState::Done,
        std::cmp::Ordering::Equal => PhaseState::Now,
        std::cmp::Ordering::Greater => PhaseState::Ahead,
    }
}

/// Remaining time in whole seconds, or in minutes and seconds if it is long.
fn time_left(left: Duration) -> String {
    match left.as_secs() {
        s if s >= 120 => format!("{} min {:02} s left", s / 60, s % 60),
        s => format!("{s} s left"),
    }
}

fn load(state: &LiveState<'_>, so_far: &Summary) -> Vec<LabelledRow> {
    let LiveState { plan, progress, .. } = *state;
    let plain = |label, text| row(label, text, Tone::Neutral);
    let mut rows = state.search.map_or_else(Vec::new, search_progress::rows);
    rows.push(clients(plan, progress));
    let rate = |of: fn(&HistoryPoint) -> f64| {
        let now = state.history.newest().map(of);
        now.map_or_else(|| UNKNOWN.to_owned(), human_rate)
    };
    let planned = plan.load.profile();
    let planned = planned.map(|profile| profile.rate_at(progress.elapsed_s));
    if let Some(asked) = planned {
        let asked = asked * recorded_share(plan);
        let sent = rate(|now| now.sent_per_s);
        let text = match state.search {
            // The last second may belong to the step before.
            Some(_) => format!("{sent} msg/s"),
            None => format!("{sent} of {} msg/s planned", human_rate(asked)),
        };
        rows.push(plain("sent now", text));
    }
    let counts = &progress.record.counts;
    if !is_feed(plan) {
        let echoed = rate(|now| now.received_per_s);
        let (label, verb) = ended(plan);
        rows.push(plain(label, format!("{echoed} msg/s")));
        // Of one step, they say little.
        if state.search.is_none() {
            let average = throughput(so_far).into_iter().filter_map(|f| f.value);
            rows.push(plain("average", average.collect::<Vec<_>>().join(" · ")));
            let (sent, echoed) = (grouped(counts.sent), grouped(counts.received));
            let messages = format!("{sent} sent · {echoed} {verb}");
            rows.push(plain("messages", messages));
        }
    }
    rows.extend(so_far.fan_out.as_ref().map(|own| {
        let now = rate(|now| now.delivered_per_s);
        // Messages in flight have not failed to reach anybody.
        let ended = own.complete + own.incomplete;
        let reached = (ended > 0).then(|| own.complete as f64 / ended as f64);
        let reached = reached.map_or_else(String::new, |share| {
            format!(" · {} complete", deliveries_view::reach(share))
        });
        plain("delivered", format!("{now} deliveries/s{reached}"))
    }));
    rows.extend(so_far.push.as_ref().map(|own| {
        let now = rate(|now| now.pushed_per_s);
        let text = format!("{now} msg/s · {} received", grouped(own.received));
        plain("pushed now", text)
    }));
    rows.extend(so_far.slow.as_ref().map(|own| {
        let text = format!("{} · {} closed", grouped(own.clients), grouped(own.closed));
        plain("slow readers", text)
    }));
    let attempts = rate(|now| now.attempts_per_s);
    rows.extend(reconnects(so_far, &attempts));
    if plan.load.profile().is_some() {
        let SendLag { p50, p99, .. } = so_far.send_lag_ns;
        let p99 = shown_quantile(counts.sent, 0.99, p99);
        let text = format!("p50 {} · p99 {}", time(p50), time(p99));
        rows.push(plain("send lag", text));
    }
    rows.extend(generator(plan, so_far).map(|text| plain("generator", text)));
    rows.extend(return_times(so_far));
    rows
}

/// Share of the planned rate that is in the figures: all but that of slow readers.
fn recorded_share(plan: &Plan) -> f64 {
    if plan.slow_readers().is_none() {
        return 1.0;
    }
    let senders = f64::from(plan.senders().max(1));
    1.0 - f64::from(plan.slow_senders()) / senders
}

/// Returns true when the clients only receive what the server sends on its own.
fn is_feed(plan: &Plan) -> bool {
    plan.scenario()
        .is_some_and(|scenario| scenario.is_push_only())
}

/// Label of the rate at which messages end, and their end in a word.
fn ended(plan: &Plan) -> (&'static str, &'static str) {
    let Some(scenario) = plan.scenario() else {
        return ("echoed now", "echoed");
    };
    let mut kinds = scenario.messages.iter();
    if kinds.any(|kind| kind.has_deliveries() && !kind.has_reply()) {
        ("to all now", "delivered to all")
    } else {
        ("answered now", "answered")
    }
}

fn row(label: &'static str, text: String, tone: Tone) -> LabelledRow {
    LabelledRow {
        label,
        text,
        tone,
        ..LabelledRow::default()
    }
}

fn clients(plan: &Plan, progress: &RunProgress) -> LabelledRow {
    let connections = &progress.connections;
    let of = grouped(planned_connections(plan));
    let mut text = format!("{} of {of} up", grouped(connections_up(progress)));
    let mut tone = Tone::Neutral;
    let idle = plan.connections.idle;
    if idle > 0 {
        text += &format!(" · {} idle", grouped(u64::from(idle)));
    }
    for (n, what) in [
        (connections.failed, "failed"),
        (connections.closed_early, "ended early"),
    ] {
        if n > 0 {
            text += &format!(" · {} {what}", grouped(n));
            tone = Tone::Bad;
        }
    }
    row(if idle > 0 { "connections" } else { "clients" }, text, tone)
}

/// Lost connections and the attempts to open them again, as far as there are any.
fn reconnects(so_far: &Summary, attempts_per_s: &str) -> Vec<LabelledRow> {
    let lost = so_far.reconnect.as_ref().filter(|own| own.dropped > 0);
    let Some(own) = lost else {
        return Vec::new();
    };
    let away = own.not_back();
    let counts = [own.dropped, own.back, away].map(grouped);
    let text = format!("{} · {} back · {} away", counts[0], counts[1], counts[2]);
    let tone = if away > 0 {
        Tone::Warning
    } else {
        Tone::Neutral
    };
    let mut rows = vec![row("lost", text, tone)];
    if own.attempts > 0 {
        let (all, failed) = (grouped(own.attempts), grouped(own.failed()));
        let text = format!("{attempts_per_s}/s · {failed} of {all} failed");
        rows.push(row("attempts", text, Tone::Neutral));
    }
    rows
}

/// Times of return and missed messages, as far as there are any. They stand last, because a small screen cuts them.
fn return_times(so_far: &Summary) -> Vec<LabelledRow> {
    let Some(own) = &so_far.reconnect else {
        return Vec::new();
    };
    let back = [("50 %", own.back_50_ns), ("99 %", own.back_99_ns)];
    let back = back.map(|(share, ns)| {
        let time = ns.map_or_else(|| "not yet".to_owned(), |ns| human_time(ns as f64));
        format!("{share} {time}")
    });
    let comes_back = own.law.is_some() && own.dropped > 0;
    let back = comes_back.then(|| row("back after", back.join(" · "), Tone::Neutral));
    let missed = (own.missed > 0).then(|| {
        let text = counted(own.missed, "message");
        row("missed", text, Tone::Neutral)
    });
    back.into_iter().chain(missed).collect()
}

/// CPU usage of the generator threads, where the system reports it.
fn generator(plan: &Plan, so_far: &Summary) -> Option<String> {
    let client = &so_far.client;
    let mut text = if plan.busy_poll {
        let busy = human_percent(client.busy_share?);
        format!("polling, busy for {busy} of the time")
    } else {
        format!("{} of a core", human_percent(client.cpu_per_core?))
    };
    if let Some(share) = client.run_queue_wait_share {
        text += &format!(" · core wait {}", human_percent(share));
    }
    Some(text)
}

/// Columns of the percentile table: the times that the run is about.
fn columns<'s>(plan: &Plan, so_far: &'s Summary) -> Vec<(&'static str, &'s Latency)> {
    if let Some(own) = &so_far.fan_out {
        return vec![
            ("first", &own.first_ns),
            ("median", &own.median_ns),
            ("last", &own.last_ns),
        ];
    }
    if let Some(own) = so_far.push.as_ref().filter(|_| is_feed(plan)) {
        let further = [("lateness", &own.late_ns), ("delay", &own.delay_ns)];
        let further = further
            .into_iter()
            .filter_map(|(name, times)| Some((name, times.as_ref()?)));
        return [("gap", &own.gap_ns)].into_iter().chain(further).collect();
    }
    let mut of = vec![("service", &so_far.service_time_ns)];
    if plan.load.profile().is_some() {
        of.push(("response", &so_far.response_time_ns));
    }
    of
}

fn times(plan: &Plan, so_far: &Summary) -> PercentileTable {
    let of = columns(plan, so_far);
    let shown: Vec<_> = of.iter().map(|(_, times)| times.shown()).collect();
    let cell = |ns: Option<f64>| ns.map_or_else(|| UNKNOWN.to_owned(), human_time);
    let row = |at: usize| {
        let (name, _) = Latency::default().shown()[at];
        (name, shown.iter().map(|shown| cell(shown[at].1)).collect())
    };
    // The first two are min and mean, which do not fit on the screen.
    PercentileTable {
        rows: (2..Latency::default().shown().len()).map(row).collect(),
        columns: of.iter().map(|(name, _)| *name).collect(),
    }
}

/// Histograms of the times that the run is about, the most important first.
fn histograms(record: &Record, columns: usize) -> Vec<HistogramBars> {
    let bars = |times: &LatencyHistogram, name| HistogramBars::new(times, name, columns);
    let lazy = |times: &LazyHistogram, name| bars(times.get()?, name);
    let mut all = Vec::new();
    if let Some(own) = &record.fan_out {
        all.push(lazy(&own.times.delivery, "delivery time"));
        all.push(lazy(&own.times.last, "time to the last receiver"));
    }
    if let Some(own) = &record.push {
        all.push(lazy(&own.gap, "gap"));
        all.push(lazy(&own.lateness, "lateness"));
    }
    let open = record.open_loop.as_deref();
    all.push(open.and_then(|open| bars(&open.response, "response time")));
    all.push(bars(&record.service, "service time"));
    all.into_iter().flatten().collect()
}

fn curves(plan: &Plan, record: &Record, history: &History) -> Vec<LatencyCurve> {
    let curve = |time, figure, value: fn(&HistoryPoint) -> Option<u64>| LatencyCurve {
        time,
        figure,
        points: history
            .points()
            .filter_map(|point| Some((point.at_s, (value(point)?.max(1) as f64).log10())))
            .collect(),
    };
    if record.fan_out.is_some() {
        return vec![
            curve("p50", "first", |p| p.first_p50_ns),
            curve("p50", "median", |p| p.median_p50_ns),
            curve("p50", "last", |p| p.last_p50_ns),
        ];
    }
    if is_feed(plan) {
        return vec![
            curve("gap", "p50", |p| p.gap_p50_ns),
            curve("gap", "p99", |p| p.gap_p99_ns),
            curve("lateness", "p99", |p| p.lateness_p99_ns),
        ];
    }
    let mut curves = vec![
        curve("service", "p50", |p| p.service_p50_ns),
        curve("service", "p99", |p| p.service_p99_ns),
    ];
    if plan.load.profile().is_some() {
        curves.push(curve("response", "p99", |p| p.response_p99_ns));
    }
    curves
}

fn errors(so_far: &Summary, connections: &Connections) -> Vec<LabelledRow> {
    let counts = &so_far.messages;
    let of_scenario = counts.scenario.as_ref();
    let messages = [
        ("error replies", of_scenario.map_or(0, |s| s.error_reply)),
        ("server errors", of_scenario.map_or(0, |s| s.server_errors)),
        ("lost", counts.lost),
        ("incomplete", counts.incomplete),
        ("corrupted", counts.corrupted.unwrap_or(0)),
        ("timed out", counts.timed_out),
        ("never sent", counts.unsent),
        ("duplicated", counts.duplicated),
        ("reordered", counts.reordered),
        ("unexpected", counts.unexpected),
    ];
    let of_messages = messages
        .into_iter()
        .chain(delivery_errors(so_far))
        .filter(|(_, n)| *n > 0)
        .map(|(label, n)| (label, grouped(n)));
    let reason =
        |label| move |(reason, n): (&String, &u64)| (label, format!("{} · {reason}", grouped(*n)));
    let failures = connections.failures.iter().map(reason("failed"));
    let early_ends = connections.early_ends.iter().map(reason("ended early"));
    let attempts = so_far.reconnect.iter().flat_map(|own| &own.failures);
    let attempts = attempts.map(reason("reconnect"));
    let all = of_messages
        .chain(failures)
        .chain(early_ends)
        .chain(attempts);
    all.map(|(label, text)| row(label, text, Tone::Bad))
        .collect()
}

/// Faults of deliveries and of a feed. Deliveries in flight cannot be told from missing ones yet.
fn delivery_errors(so_far: &Summary) -> Vec<(&'static str, u64)> {
    let fan_out = so_far.fan_out.as_ref().map(|own| {
        [
            ("late copies", own.late),
            ("twice", own.duplicated),
            ("damaged", own.corrupted),
            ("misdirected", own.unexpected),
            ("out of order", own.reordered.unwrap_or(0)),
        ]
    });
    let feed = so_far.push.as_ref().map(|own| {
        [
            ("missing", own.missing.unwrap_or(0)),
            ("twice", own.duplicated.unwrap_or(0)),
            ("out of order", own.reordered.unwrap_or(0)),
        ]
    });
    let (fan_out, feed) = (fan_out.into_iter().flatten(), feed.into_iter().flatten());
    fan_out.chain(feed).collect()
}

fn verdict(phase: Phase, so_far: &Summary) -> (&'static str, Tone, Vec<String>) {
    if phase < Phase::Measure {
        return (NOTHING_YET, Tone::Neutral, Vec::new());
    }
    let found = &so_far.validity;
    let verdict = found.verdict;
    (verdict.name(), verdict.into(), found.reasons.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use measurement::plan::ConnectionRules;
    use measurement::record::{ConnectFailure, FanOutRecord, ReconnectRecord};

    use super::*;
    use crate::tests::{measuring, plan, plan_with, view};

    fn text<'a>(rows: &'a [LabelledRow], label: &str) -> &'a str {
        let row = rows.iter().find(|row| row.label == label);
        row.map_or("missing", |row| row.text.as_str())
    }

    #[test]
    fn a_room_shows_its_first_median_and_last_receivers() {
        let plan = plan("-d 20s");
        let mut progress = measuring(1_000, false);
        let mut history = History::default();
        for n in 1..=5_u64 {
            let mut fan_out = FanOutRecord::default();
            (fan_out.counts.expected, fan_out.counts.delivered) = (2_000 * n, 1_990 * n);
            fan_out.counts.duplicated = 3;
            // The others are in flight.
            (fan_out.counts.complete, fan_out.counts.incomplete) = (9 * n, n);
            for _ in 0..n {
                fan_out.times.first.record(1_000_000);
                fan_out.times.median.record(2_000_000);
                fan_out.times.last.record(4_000_000);
            }
            progress.record.fan_out = Some(Box::new(fan_out));
            progress.elapsed_s = n as f64;
            history.update(&progress);
        }
        let view = ViewModel::new(
            &LiveState {
                plan: &plan,
                progress: &progress,
                history: &history,
                calibration: None,
                rates: None,
                search: None,
                is_interrupted: false,
            },
            40,
        );
        assert_eq!(
            text(&view.load, "delivered"),
            "1,990 deliveries/s · 90.00 % complete"
        );
        assert_eq!(view.times.columns, ["first", "median", "last"]);
        let p50 = ["1.00 ms", "2.00 ms", "4.00 ms"].map(str::to_owned);
        assert_eq!(view.times.rows[0], ("p50", p50.to_vec()));
        let curves: Vec<_> = view
            .curves
            .iter()
            .map(|c| (c.figure, c.points.len()))
            .collect();
        assert_eq!(curves, [("first", 5), ("median", 5), ("last", 5)]);
        assert_eq!(text(&view.errors, "twice"), "3");
        assert_eq!(view.histograms[0].name, "time to the last receiver");
    }

    #[test]
    fn a_storm_shows_who_is_away_and_how_fast_they_try() {
        let rules = ConnectionRules {
            idle: 100,
            ..ConnectionRules::default()
        };
        let plan = plan_with("-d 20s", rules);
        let mut progress = measuring(1_000, false);
        progress.connections.opened = 200;
        let mut history = History::default();
        for n in 1..=2_u32 {
            let mut lost = ReconnectRecord::default();
            (0..80).for_each(|_| lost.lost(0, false));
            (0..60 * n).for_each(|_| lost.attempt(0, 0));
            (0..20).for_each(|_| lost.failed(0, &ConnectFailure::Timeout));
            (0..50).for_each(|_| lost.back(1, 1));
            progress.record.reconnect = Some(Box::new(lost));
            progress.elapsed_s = f64::from(n);
            history.update(&progress);
        }
        let state = LiveState {
            plan: &plan,
            progress: &progress,
            history: &history,
            calibration: None,
            rates: None,
            search: None,
            is_interrupted: false,
        };
        let view = ViewModel::new(&state, 40);
        assert_eq!(text(&view.load, "connections"), "170 of 200 up · 100 idle");
        assert_eq!(text(&view.load, "lost"), "80 · 50 back · 30 away");
        assert_eq!(text(&view.load, "attempts"), "60/s · 20 of 120 failed");
        assert_eq!(
            text(&view.errors, "reconnect"),
            "20 · no answer within the connect timeout"
        );
        progress.record.reconnect = Some(Box::default());
        let view = crate::tests::view(&plan, &progress, 40);
        assert_eq!(text(&view.load, "lost"), "missing", "nothing was lost");
    }

    #[test]
    fn a_closed_loop_shows_its_rate_and_one_time() {
        let view = view(&plan("-d 20s"), &measuring(200_000, false), 40);
        assert_eq!(text(&view.load, "clients"), "100 of 100 up");
        assert_eq!(text(&view.load, "echoed now"), "40,000 msg/s");
        assert_eq!(text(&view.load, "average"), "40,000 msg/s · 4.8 MiB/s");
        assert_eq!(
            text(&view.load, "messages"),
            "200,010 sent · 200,000 echoed"
        );
        assert_eq!(
            text(&view.load, "generator"),
            "71 % of a core · core wait 1 %"
        );
        // Rows for the open loop only.
        assert_eq!(text(&view.load, "sent now"), "missing");
        assert_eq!(text(&view.load, "send lag"), "missing");
        assert_eq!(view.times.columns, ["service"]);
        assert_eq!(view.times.rows[0], ("p50", vec!["1.00 ms".to_owned()]));
        assert_eq!(view.histograms.len(), 1);
        assert_eq!(view.curves.len(), 2);
        assert_eq!(
            (view.share, view.time_left),
            (0.25, Some("15 s left".to_owned()))
        );
        assert_eq!((view.verdict, view.verdict_tone), ("valid", Tone::Good));
        assert!(view.errors.is_empty());
    }

    #[test]
    fn a_scenario_shows_answers_and_refusals() {
        let mut progress = measuring(200_000, false);
        let plan = crate::tests::scenario_plan();
        let mut figures = measurement::record::ScenarioRecord::new(plan.scenario().unwrap());
        figures.kinds[0].counts.error_reply = 3;
        figures.rules = vec![5, 2];
        progress.record.scenario = Some(Box::new(figures));
        let view = view(&plan, &progress, 40);
        assert_eq!(
            text(&view.load, "messages"),
            "200,010 sent · 200,000 answered"
        );
        assert_eq!(text(&view.load, "answered now"), "40,000 msg/s");
        assert_eq!(text(&view.errors, "error replies"), "3");
        assert_eq!(text(&view.errors, "server errors"), "2");
    }

    #[test]
    fn an_open_loop_shows_what_was_asked_and_response_times_first() {
        let plan = plan("-d 20s -r 40_000");
        let view = view(&plan, &measuring(200_000, true), 40);
        assert_eq!(
            text(&view.load, "sent now"),
            "40,000 of 40,000 msg/s planned"
        );
        assert_eq!(text(&view.load, "send lag"), "p50 100 µs · p99 198 µs");
        assert_eq!(view.times.columns, ["service", "response"]);
        assert_eq!(
            view.times.rows[2],
            ("p99", vec!["1.98 ms".to_owned(), "2.97 ms".to_owned()])
        );
        let of: Vec<_> = view.histograms.iter().map(|bars| bars.name).collect();
        assert_eq!(of, ["response time", "service time"]);
        assert!(view.curves.iter().all(|curve| curve.points.len() == 5));
        assert_eq!(view.curves[2].time, "response");
        assert_eq!(view.verdict, "valid");
    }

    #[test]
    fn the_rate_that_is_asked_for_follows_the_ramp() {
        let plan = plan("-d 20s -r 40_000 --ramp 10s");
        let view = view(&plan, &measuring(50_000, true), 40);
        assert!(
            text(&view.load, "sent now").ends_with("of 20,000 msg/s planned"),
            "{:?}",
            view.load
        );
    }

    #[test]
    fn a_rate_that_is_not_kept_is_said_while_it_goes_on() {
        let plan = plan("-d 20s -r 80_000");
        let view = view(&plan, &measuring(200_000, true), 40);
        assert_eq!(
            (view.verdict, view.verdict_tone),
            ("suspect", Tone::Warning)
        );
        assert!(
            view.reasons[0].starts_with("50 % of the offered rate"),
            "{:?}",
            view.reasons
        );
    }

    #[test]
    fn before_anything_is_measured_there_is_no_verdict() {
        for phase in [Phase::Connect, Phase::WarmUp] {
            let progress = RunProgress {
                phase,
                ..RunProgress::default()
            };
            let state = LiveState {
                plan: &plan(""),
                progress: &progress,
                history: &History::default(),
                calibration: None,
                rates: None,
                search: None,
                is_interrupted: false,
            };
            let view = ViewModel::new(&state, 40);
            assert_eq!(view.verdict, "nothing measured yet");
            assert!(view.reasons.is_empty() && view.histograms.is_empty());
            assert_eq!(text(&view.load, "echoed now"), "– msg/s");
        }
    }

    #[test]
    fn the_phase_that_runs_is_marked() {
        let view = view(&plan("-d 20s"), &measuring(1_000, false), 40);
        let steps: Vec<_> = view.phases.iter().map(|(_, step)| *step).collect();
        use PhaseState::{Ahead, Done, Now};
        assert_eq!(steps, [Done, Done, Now, Ahead, Ahead]);
    }

    #[test]
    fn errors_are_told_by_kind_and_connections_by_reason() {
        let mut progress = measuring(200_000, false);
        progress.record.counts.lost = 3;
        progress.record.counts.timed_out = 1_000;
        progress.connections.failed = 2;
        progress.connections.failures = BTreeMap::from([("connection refused".to_owned(), 2)]);
        progress.connections.closed_early = 1;
        progress.connections.early_ends = BTreeMap::from([("reset by peer".to_owned(), 1)]);
        let view = view(&plan("-d 20s"), &progress, 40);
        let errors: Vec<_> = view
            .errors
            .iter()
            .map(|row| (row.label, row.text.as_str()))
            .collect();
        assert_eq!(
            errors,
            [
                ("lost", "3"),
                ("timed out", "1,000"),
                ("failed", "2 · connection refused"),
                ("ended early", "1 · reset by peer"),
            ]
        );
        assert_eq!(
            text(&view.load, "clients"),
            "99 of 100 up · 2 failed · 1 ended early"
        );
        assert_eq!(view.verdict, "suspect");
        assert!(view.reasons[0].starts_with("3 of 100 connections failed or ended early"));
    }

    #[test]
    fn a_run_that_the_user_ended_says_so() {
        let (plan, progress) = (plan("-d 20s"), measuring(200_000, false));
        let state = LiveState {
            plan: &plan,
            progress: &progress,
            history: &History::default(),
            calibration: None,
            rates: None,
            search: None,
            is_interrupted: true,
        };
        let view = ViewModel::new(&state, 40);
        assert!(view.keys.contains("saves nothing"));
        assert!(
            view.reasons
                .iter()
                .any(|r| r.contains("ended early by the user"))
        );
    }

    #[test]
    fn no_key_loses_a_run_that_is_over() {
        for is_interrupted in [false, true] {
            let keys = keys(Phase::Close, is_interrupted);
            assert!(keys.contains("will be saved") && !keys.contains("nothing"));
        }
    }

    #[test]
    fn long_times_are_in_minutes() {
        let text = |s| time_left(Duration::from_secs(s));
        assert_eq!(
            (text(119), text(120), text(3_661)),
            (
                "119 s left".to_owned(),
                "2 min 00 s left".to_owned(),
                "61 min 01 s left".to_owned()
            )
        );
    }
}
