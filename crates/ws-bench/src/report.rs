//! The summary as text for a person: the verdict first, then the figures.

use anstyle::{AnsiColor, Style};
use cli::{dim, paint};
use measurement::run::{ConditionResult, Summary};
use measurement::verdict::{ContextSwitches, Latency, Verdict};
use units::{counted, grouped, human_bytes, human_rate, human_time};

/// Width of the words that begin a line.
const LABEL: usize = 13;
/// Width of a figure in the table of times.
const CELL: usize = 9;
/// Columns after which long reasons are broken.
const WIDTH: usize = 100;

/// The whole report. Colours are for the printer to drop where they are not wanted.
pub(crate) fn text(summary: &Summary) -> String {
    let mut lines = vec![heading(summary), String::new()];
    lines.extend(verdict(summary));
    lines.push(messages(summary));
    let notes = wording::messages::differences(&summary.messages).into_iter();
    let notes = notes.chain(wording::messages::own_messages(&summary.messages));
    lines.extend(notes.flat_map(|note| point(&note)));
    lines.push(throughput(summary));
    lines.extend(rates(summary));
    lines.extend(connections(summary));
    lines.extend(usage(summary));
    lines.extend(calibration(summary));
    lines.push(String::new());
    lines.extend(times(summary));
    lines.extend(conditions(summary));
    lines.join("\n") + "\n"
}

fn line(label: &str, text: &str) -> String {
    format!("{label:<LABEL$}{text}")
}

/// Formats a point of a list beside a label, broken into lines where it is long.
fn point(text: &str) -> Vec<String> {
    let lines = cli::bullet_point(text, WIDTH - LABEL);
    lines.iter().map(|text| line("", text)).collect()
}

fn heading(s: &Summary) -> String {
    paint(Style::new().bold(), &heading_text(s))
}

/// Program, server and load in a line.
pub(crate) fn heading_text(s: &Summary) -> String {
    let plan = &s.plan;
    let mut parts = vec![
        format!("{} {}", s.tool.name, s.tool.version),
        plan.url.clone(),
        wording::plan::load(plan),
        wording::plan::amount(plan),
    ];
    parts.extend(
        plan.window
            .map(|window| format!("window {}", grouped(u64::from(window)))),
    );
    parts.join(" · ")
}

fn verdict(s: &Summary) -> Vec<String> {
    let verdict = s.validity.verdict;
    let colour = match verdict {
        Verdict::Valid => AnsiColor::Green,
        Verdict::Suspect => AnsiColor::Yellow,
        Verdict::Invalid => AnsiColor::Red,
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    let mut parts = vec![wording::summary::measured(s)];
    parts.extend(wording::summary::generator(s));
    if s.plan.embedded.is_some() {
        parts.push("server inside this process".to_owned());
    }
    // Padded by hand: the escape codes have no width.
    let label = format!(
        "{}{}",
        paint(style, verdict.name()),
        " ".repeat(LABEL - verdict.name().len())
    );
    let mut lines = vec![format!("{label}{}", parts.join(" · "))];
    lines.extend(s.validity.reasons.iter().flat_map(|reason| point(reason)));
    lines
}

fn messages(s: &Summary) -> String {
    let m = &s.messages;
    let mut parts = vec![
        format!("{} sent", grouped(m.sent)),
        format!("{} echoed", grouped(m.received)),
        format!("{} lost", grouped(m.lost)),
        match m.corrupted {
            Some(corrupted) => format!("{} corrupted", grouped(corrupted)),
            None => "corrupted not checked".to_owned(),
        },
        format!("{} late", grouped(m.timed_out)),
    ];
    for (n, what) in [
        (m.reordered, "reordered"),
        (m.duplicated, "duplicated"),
        (m.unexpected, "unexpected"),
        (m.abandoned, "in flight at the end"),
    ] {
        if n > 0 {
            parts.push(format!("{} {what}", grouped(n)));
        }
    }
    if let Some(unsent) = m
        .planned
        .and_then(|planned| planned.checked_sub(m.sent))
        .filter(|n| *n > 0)
    {
        parts.push(format!("{} never sent", grouped(unsent)));
    }
    let text = parts.join(" · ");
    let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
    line(
        "messages",
        &if m.any_failed() {
            paint(red, &text)
        } else {
            text
        },
    )
}

fn throughput(s: &Summary) -> String {
    let messages = human_rate(s.throughput.messages_per_s);
    let bytes = human_bytes(s.throughput.payload_bytes_per_s);
    line(
        "throughput",
        &format!("{messages} msg/s · {bytes}/s of payload"),
    )
}

/// Offered and achieved rate and send lag of an open loop.
fn rates(s: &Summary) -> Option<String> {
    let (offered, achieved) = s.offered_rate_per_s.zip(s.achieved_rate_per_s)?;
    let mut parts = vec![
        format!("{} msg/s offered", human_rate(offered)),
        format!(
            "{} achieved ({:.2} % of what was due)",
            human_rate(achieved),
            s.sent_in_time_share? * 100.0
        ),
    ];
    let lag = &s.send_lag_ns;
    parts.push(format!(
        "send lag p50 {} · p99 {} · max {}",
        time(lag.p50),
        time(lag.p99),
        time(lag.max)
    ));
    if s.client.blocked_writes > 0 {
        let writes = counted(s.client.blocked_writes, "write");
        parts.push(format!("{writes} found the socket full"));
    }
    Some(line("rate", &parts.join(" · ")))
}

/// The generator's own limits.
fn calibration(s: &Summary) -> Option<String> {
    let own = s.calibration?;
    let text = format!(
        "generator alone: service time p50 {} · at most {} msg/s",
        time(Some(own.floor_service_p50_ns)),
        human_rate(own.ceiling_messages_per_s)
    );
    Some(line("calibration", &text))
}

fn connections(s: &Summary) -> Vec<String> {
    let c = &s.connections;
    let mut parts = vec![format!(
        "{} of {} in {}",
        grouped(c.opened),
        grouped(c.attempted),
        human_time(c.opening_s * 1e9)
    )];
    if let (Some(p50), Some(max)) = (s.connect_ns.total.p50, s.connect_ns.total.max) {
        parts.push(format!("p50 {}", time(Some(p50))));
        parts.push(format!("max {}", time(Some(max))));
    }
    parts.extend(
        s.connect_ns
            .tls
            .map(|tls| format!("TLS p50 {}", time(tls.p50))),
    );
    if s.plan.certificate_checked == Some(false) {
        parts.push("certificate not checked".to_owned());
    }
    if c.closed_early > 0 {
        parts.push(format!("{} closed early", grouped(c.closed_early)));
    }
    let mut lines = vec![line("connected", &parts.join(" · "))];
    for (reason, n) in c.failures.iter().chain(&c.early_ends) {
        lines.extend(point(&format!("{} × {reason}", grouped(*n))));
    }
    lines
}

/// CPU and memory of the server and of the generator.
fn usage(s: &Summary) -> Vec<String> {
    let Some(server) = s.server else {
        return Vec::new();
    };
    let client = &s.client;
    let of = |label, cpu_s: Option<f64>, per_cpu_s, rss, switches| {
        Some(line(label, &used(cpu_s?, per_cpu_s, rss, switches)))
    };
    [
        of(
            "server",
            Some(server.cpu_s),
            server.messages_per_cpu_s,
            server.max_rss_bytes,
            server.context_switches,
        ),
        of(
            "generator",
            client.cpu_s,
            client.messages_per_cpu_s,
            client.max_rss_bytes,
            client.context_switches,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn used(
    cpu_s: f64,
    per_cpu_s: Option<f64>,
    rss: Option<u64>,
    switches: Option<ContextSwitches>,
) -> String {
    let mut parts = vec![format!("{} of CPU", human_time(cpu_s * 1e9))];
    parts.extend(per_cpu_s.map(|n| format!("{} messages per CPU-second", human_rate(n))));
    parts.extend(rss.map(|n| format!("at most {} of memory", human_bytes(n as f64))));
    parts.extend(switches.map(|n| format!("{} context switches", grouped(n.total()))));
    parts.join(" · ")
}

/// The conditions of `--fail-if`, those that held first.
fn conditions(s: &Summary) -> Vec<String> {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let (held, others): (Vec<_>, Vec<_>) = s.conditions.iter().partition(|c| c.held);
    let say = |c: &&ConditionResult| format!("{} (it is {})", c.expression, c.value_text);
    let mut lines: Vec<_> = held
        .iter()
        .map(|c| paint(red, &format!("held: {}", say(c))))
        .collect();
    if !others.is_empty() {
        let others: Vec<_> = others.iter().map(say).collect();
        lines.push(format!("did not hold: {}", others.join(" · ")));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

/// The text of a figure that is not known.
pub(crate) fn unknown() -> String {
    "–".to_owned()
}

/// A time in nanoseconds for a person.
pub(crate) fn time(ns: Option<u64>) -> String {
    ns.map_or_else(unknown, |ns| human_time(ns as f64))
}

fn times(s: &Summary) -> Vec<String> {
    let service = &s.service_time_ns;
    if service.count == 0 {
        return vec![line("service time", "nothing measured")];
    }
    let row = |cells: [String; 7]| cells.map(|cell| format!("{cell:>CELL$}")).concat();
    let titles = row(service.shown().map(|(name, _)| name.to_owned()));
    let figures = |l: &Latency| {
        let shown = l.shown();
        row(shown.map(|(_, ns)| ns.map_or_else(unknown, human_time)))
    };
    let mut lines = vec![
        dim(&line("", &titles)),
        line("service time", &figures(service)),
    ];
    lines.push(match s.coordinated_omission_p99_ns {
        None => line(
            "response time",
            &format!("  {}", wording::summary::RESPONSE_IS_SERVICE),
        ),
        Some(_) => line("response time", &figures(&s.response_time_ns)),
    });
    if let Some(omission) = wording::summary::omission(s) {
        lines.push(line("", &format!("  {omission}")));
    }
    let asides = [
        wording::summary::late_wake_ups(s),
        wording::summary::thin_tail(service.count),
    ];
    for aside in asides.into_iter().flatten() {
        lines.push(dim(&line("", &format!("  {aside}"))));
    }
    lines
}
