//! What the live screen shows, as plain data: computed from a plan, a look at the progress and what came
//! before. Nothing here knows a terminal.

use std::time::Duration;

use measurement::plan::Plan;
use measurement::record::MessageCounts;
use measurement::run::{Connections, Summary};
use measurement::verdict::{Calibration, SendLag, Verdict};
use swarm::control::{Phase, Progress};
use units::{grouped, human_bytes, human_percent, human_time};

use super::bars::Bars;
use super::history::{History, Point};
use crate::report::{heading_text, per_second};
use crate::standing::{Part, summary_so_far};

/// What a view is computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) progress: &'a Progress,
    pub(crate) history: &'a History,
    pub(crate) calibration: Option<Calibration>,
    /// The user has ended the run.
    pub(crate) is_stopped: bool,
}

/// How something is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Quiet,
    Good,
    Warning,
    Bad,
}

/// Where a phase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Done,
    Now,
    Ahead,
}

/// A line with a name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// The percentiles so far, one a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Times {
    /// `service`, and in open loop `response`.
    pub(crate) columns: Vec<&'static str>,
    /// Name of the figure, and its value in each column.
    pub(crate) rows: Vec<(&'static str, Vec<String>)>,
}

/// A line of the picture of latencies over time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curve {
    /// Which time: `service` or `response`.
    pub(crate) of: &'static str,
    /// Which figure of it.
    pub(crate) figure: &'static str,
    /// Seconds since T0, and the decimal logarithm of the nanoseconds.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Everything on the screen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    /// What is run.
    pub(crate) heading: String,
    pub(crate) phases: Vec<(&'static str, Step)>,
    /// How far the phase has come, in [0, 1].
    pub(crate) share: f64,
    pub(crate) time_left: Option<String>,
    pub(crate) load: Vec<Row>,
    pub(crate) times: Times,
    /// In open loop response times come first.
    pub(crate) histograms: Vec<Bars>,
    pub(crate) curves: Vec<Curve>,
    /// What went wrong so far; empty = nothing.
    pub(crate) errors: Vec<Row>,
    /// The verdict if the run ended now.
    pub(crate) verdict: &'static str,
    pub(crate) verdict_tone: Tone,
    /// What speaks against the figures, each with what to do about it.
    pub(crate) reasons: Vec<String>,
    pub(crate) keys: &'static str,
}

const PHASES: [Phase; 5] = [
    Phase::Connect,
    Phase::WarmUp,
    Phase::Measure,
    Phase::Drain,
    Phase::Close,
];

impl View {
    /// What there is to be seen now, with histograms of so many columns.
    pub(crate) fn of(look: &Look<'_>, columns: usize) -> Self {
        let Look { plan, progress, .. } = *look;
        let so_far = summary_so_far(plan, progress, look.calibration, look.is_stopped);
        let part = Part::of(plan, progress);
        let (verdict, verdict_tone, reasons) = verdict(progress.phase, &so_far);
        let open = progress.record.open_loop.as_deref();
        let response = open.and_then(|open| Bars::of(&open.response, "response time", columns));
        let service = Bars::of(&progress.record.service, "service time", columns);
        Self {
            heading: heading_text(&so_far),
            phases: PHASES
                .into_iter()
                .map(|phase| (phase.name(), step(phase, progress.phase)))
                .collect(),
            share: part.share(),
            time_left: part
                .time_left(progress.in_phase)
                .filter(|_| progress.phase != Phase::Close)
                .map(time_left),
            load: load(look, &so_far),
            times: times(plan, &so_far),
            histograms: response.into_iter().chain(service).collect(),
            curves: curves(plan, look.history),
            errors: errors(&progress.record.counts, &progress.connections),
            verdict,
            verdict_tone,
            reasons,
            keys: if look.is_stopped {
                "ending the run, its files will be saved · q once more ends at once and saves nothing"
            } else {
                "q ends the run and saves its files"
            },
        }
    }
}

fn step(phase: Phase, now: Phase) -> Step {
    match phase.cmp(&now) {
        std::cmp::Ordering::Less => Step::Done,
        std::cmp::Ordering::Equal => Step::Now,
        std::cmp::Ordering::Greater => Step::Ahead,
    }
}

/// Whole seconds, and minutes where there are many.
fn time_left(left: Duration) -> String {
    match left.as_secs() {
        s if s >= 120 => format!("{} min {:02} s left", s / 60, s % 60),
        s => format!("{s} s left"),
    }
}

fn load(look: &Look<'_>, so_far: &Summary) -> Vec<Row> {
    let Look { plan, progress, .. } = *look;
    let plain = |label, text| Row {
        label,
        text,
        tone: Tone::Plain,
    };
    let mut rows = vec![clients(plan, &progress.connections)];
    let now = look.history.now();
    if let Some(profile) = plan.load.profile() {
        let asked = profile.rate_at(progress.elapsed_s);
        let sent = now.map_or_else(unknown, |now| per_second(now.sent_per_s));
        let text = format!("{sent} of {} msg/s asked", per_second(asked));
        rows.push(plain("sent now", text));
    }
    let echoed = now.map_or_else(unknown, |now| per_second(now.received_per_s));
    rows.push(plain("echoed now", format!("{echoed} msg/s")));
    let average = &so_far.throughput;
    rows.push(plain(
        "average",
        format!(
            "{} msg/s · {}/s",
            per_second(average.messages_per_s),
            human_bytes(average.payload_bytes_per_s)
        ),
    ));
    let counts = &progress.record.counts;
    rows.push(plain(
        "messages",
        format!(
            "{} sent · {} echoed",
            grouped(counts.sent),
            grouped(counts.received)
        ),
    ));
    if plan.load.profile().is_some() {
        let SendLag { p50, p99, .. } = so_far.send_lag_ns;
        let text = format!("p50 {} · p99 {}", time(p50), time(p99));
        rows.push(plain("send lag", text));
    }
    rows.extend(generator(plan, so_far).map(|text| plain("generator", text)));
    rows
}

fn clients(plan: &Plan, connections: &Connections) -> Row {
    let of = grouped(u64::from(plan.clients.get()));
    let mut text = format!("{} of {of} up", grouped(connections.opened));
    let mut tone = Tone::Plain;
    for (n, what) in [
        (connections.failed, "failed"),
        (connections.closed_early, "ended early"),
    ] {
        if n > 0 {
            text += &format!(" · {} {what}", grouped(n));
            tone = Tone::Bad;
        }
    }
    Row {
        label: "clients",
        text,
        tone,
    }
}

/// What the verdict asks of the generator, where the system tells.
fn generator(plan: &Plan, so_far: &Summary) -> Option<String> {
    let client = &so_far.client;
    let mut text = if plan.busy_poll {
        let busy = human_percent(client.busy_share?);
        format!("busy for {busy} of its time")
    } else {
        format!("{} of a core", human_percent(client.cpu_per_core?))
    };
    if let Some(share) = client.run_queue_wait_share {
        text += &format!(" · waited {}", human_percent(share));
    }
    Some(text)
}

fn unknown() -> String {
    "–".to_owned()
}

#[allow(clippy::cast_precision_loss)]
fn time(ns: Option<u64>) -> String {
    ns.map_or_else(unknown, |ns| human_time(ns as f64))
}

fn times(plan: &Plan, so_far: &Summary) -> Times {
    let mut of = vec![("service", &so_far.service_time_ns)];
    if plan.load.profile().is_some() {
        of.push(("response", &so_far.response_time_ns));
    }
    let row = |name, figure: fn(&measurement::verdict::Latency) -> Option<u64>| {
        (name, of.iter().map(|(_, l)| time(figure(l))).collect())
    };
    Times {
        rows: vec![
            row("p50", |l| l.p50),
            row("p90", |l| l.p90),
            row("p99", |l| l.p99),
            row("p99.9", |l| l.p99_9),
            row("max", |l| l.max),
        ],
        columns: of.iter().map(|(name, _)| *name).collect(),
    }
}

#[allow(clippy::cast_precision_loss)]
fn curves(plan: &Plan, history: &History) -> Vec<Curve> {
    let curve = |of, figure, value: fn(&Point) -> Option<u64>| Curve {
        of,
        figure,
        points: history
            .points()
            .filter_map(|point| Some((point.at_s, (value(point)?.max(1) as f64).log10())))
            .collect(),
    };
    let mut curves = vec![
        curve("service", "p50", |p| p.service_p50_ns),
        curve("service", "p99", |p| p.service_p99_ns),
    ];
    if plan.load.profile().is_some() {
        curves.push(curve("response", "p99", |p| p.response_p99_ns));
    }
    curves
}

fn errors(counts: &MessageCounts, connections: &Connections) -> Vec<Row> {
    let messages = [
        ("lost", counts.lost),
        ("corrupted", counts.corrupted),
        ("timed out", counts.timed_out),
        ("never sent", counts.unsent),
        ("duplicated", counts.duplicated),
        ("reordered", counts.reordered),
        ("unexpected", counts.unexpected),
    ];
    let of_messages = messages
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(label, n)| (label, grouped(n)));
    let reason =
        |label| move |(reason, n): (&String, &u64)| (label, format!("{} · {reason}", grouped(*n)));
    let failures = connections.failures.iter().map(reason("failed"));
    let early_ends = connections.early_ends.iter().map(reason("ended early"));
    let all = of_messages.chain(failures).chain(early_ends);
    all.map(|(label, text)| Row {
        label,
        text,
        tone: Tone::Bad,
    })
    .collect()
}

fn verdict(phase: Phase, so_far: &Summary) -> (&'static str, Tone, Vec<String>) {
    if phase < Phase::Measure {
        return ("nothing measured yet", Tone::Quiet, Vec::new());
    }
    let found = &so_far.validity;
    let tone = match found.verdict {
        Verdict::Valid => Tone::Good,
        Verdict::Suspect => Tone::Warning,
        Verdict::Invalid => Tone::Bad,
    };
    (found.verdict.name(), tone, found.reasons.clone())
}

#[cfg(test)]
#[path = "view_tests.rs"]
pub(crate) mod tests;
