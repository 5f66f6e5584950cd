//! The figures of a summary as text, built once for all front ends.

use measurement::run::{Connections, Summary};
use measurement::verdict::{ContextSwitches, SendLag, ServerUsage, shown_quantile};
use units::{counted, grouped, human_bytes, human_percent, human_rate, human_time};

use crate::Tone;
use crate::connect_advice::early_end_advice;
use crate::messages::notes;
use crate::search_advice;
use crate::summary::{
    differing_times, ended_word, ends_with_deliveries, is_feed_only, warmup_backlog,
};
use crate::summary_figure::{count, figure, known_time, unusual};
use crate::{
    capacity_view, delivery_rows, drift_view, idle_view, reconnect_view, scenario_view, shards_view,
};

pub use crate::summary_figure::{FigureGroup, LabelledRow, SummaryFigure, UNKNOWN, in_table};

/// The figures of a summary, as lines of text and as tables.
#[derive(Debug, Clone)]
pub struct SummaryView {
    /// Lines of text, in order.
    pub rows: Vec<LabelledRow>,
    /// Tables with the same figures, always in the same order.
    pub groups: Vec<FigureGroup>,
}

impl SummaryView {
    /// Builds the view of a summary.
    pub fn new(s: &Summary) -> Self {
        let (throughput, messages, rate) = (throughput(s), messages(s), rate(s));
        let (connections, server) = (connections(s), server(s));
        let (generator, calibration) = (generator(s), calibration(s));
        let is_rate_known = s.achieved_rate_per_s.and(s.sent_in_time_share).is_some();
        let has_usage = s.server.is_some() && s.client.cpu_s.is_some();
        let row = |label, figures: &[SummaryFigure]| {
            let phrases: Vec<_> = figures.iter().filter_map(|f| f.phrase.as_deref()).collect();
            let text = match phrases.as_slice() {
                [] => UNKNOWN.to_owned(),
                phrases => phrases.join(" · "),
            };
            LabelledRow {
                label,
                text,
                ..LabelledRow::default()
            }
        };
        let mut of_messages = row("messages", &messages);
        if s.messages.any_failed() {
            of_messages.tone = Tone::Bad;
        }
        of_messages.points = notes(s);
        let mut rows: Vec<_> = s.drift.iter().map(drift_view::row).collect();
        rows.extend(shards_view::row(s));
        rows.push(of_messages);
        rows.extend(delivery_rows::rows(s));
        rows.extend((!is_feed_only(s)).then(|| LabelledRow {
            points: warmup_backlog(s).into_iter().collect(),
            ..row("throughput", &throughput)
        }));
        rows.extend(is_rate_known.then(|| row("rate", &rate)));
        rows.push(LabelledRow {
            points: broken_connections(s),
            ..row("connected", &connections)
        });
        rows.extend(s.idle.as_ref().map(|idle| idle_view::row(idle, s)));
        rows.extend(reconnect_view::rows(s));
        let ready = scenario_view::ready(s);
        rows.extend(s.setup.as_ref().map(|_| row("ready", &ready)));
        rows.extend(scenario_view::rows(s));
        rows.extend(s.server.as_ref().map(|used| LabelledRow {
            points: too_little_cpu(used, s),
            ..row("server", &server)
        }));
        rows.extend(has_usage.then(|| row("generator", &generator)));
        rows.extend(s.calibration.map(|_| row("calibration", &calibration)));
        let group = |title, figures| FigureGroup { title, figures };
        let mut groups = vec![
            group("throughput", throughput),
            group("messages", messages),
            group("rate", rate),
            group("connections", [connections, ready].concat()),
            group("generator", generator),
            group("generator", calibration),
            group("server", server),
        ];
        let drift = s.drift.as_ref().map(drift_view::drift_figures);
        groups.extend(drift.map(|figures| group("drift", figures)));
        let capacity = capacity_view::figures(s);
        groups.extend((!capacity.is_empty()).then(|| group("capacity", capacity)));
        let shards = shards_view::figures(s);
        groups.extend((!shards.is_empty()).then(|| group("shards", shards)));
        Self { rows, groups }
    }
}

/// A time in nanoseconds as text.
pub fn time(ns: Option<u64>) -> String {
    known_time(ns).unwrap_or_else(|| UNKNOWN.to_owned())
}

fn per_second(rate: f64) -> String {
    format!("{} msg/s", human_rate(rate))
}

/// Messages and payload per second of the measured time. The time is included when the achieved rate is averaged over
/// another one.
pub fn throughput(s: &Summary) -> Vec<SummaryFigure> {
    let rate = s.throughput;
    let payload = format!("{}/s", human_bytes(rate.payload_bytes_per_s));
    let over = differing_times(s).map(|(measured_s, _)| human_time(measured_s * 1e9));
    // Exact far beyond any number of messages.
    if (rate.messages_per_s * s.elapsed_s).round() == 1.0 {
        let single = if ends_with_deliveries(s) {
            "message"
        } else {
            "echo"
        };
        let phrase = format!("{UNKNOWN} (a single {single} has no rate)");
        return vec![in_table("messages", Some(UNKNOWN.to_owned())).said(Some(phrase))];
    }
    vec![
        figure("messages", Some(per_second(rate.messages_per_s)), "{}"),
        figure("payload", Some(payload), "{} of payload"),
        figure("over", over, "over the measured {}"),
    ]
}

/// Messages sent, and how they ended.
fn ended_messages(s: &Summary) -> Vec<SummaryFigure> {
    let m = &s.messages;
    let sent = count("sent", m.sent);
    if is_feed_only(s) {
        return vec![sent.said(Some("none sent: the server sends on its own".to_owned()))];
    }
    let mut figures = vec![
        in_table("planned", m.planned.map(grouped)),
        sent,
        count(ended_word(s), m.received),
    ];
    if ends_with_deliveries(s) {
        // Without a reply, nothing is lost or late as a whole.
        figures.extend([
            count("incomplete", m.incomplete),
            unusual("lost", m.lost),
            unusual("corrupted", m.corrupted.unwrap_or(0)),
            unusual("late", m.timed_out),
        ]);
    } else {
        figures.extend([
            count("lost", m.lost),
            match m.corrupted {
                Some(corrupted) => count("corrupted", corrupted),
                None => figure("corrupted", Some("not checked".to_owned()), "corrupted {}"),
            },
            count("late", m.timed_out),
        ]);
    }
    figures
}

fn messages(s: &Summary) -> Vec<SummaryFigure> {
    let m = &s.messages;
    let dropped = s.reconnect.as_ref().map_or(0, |own| own.in_flight);
    let mut figures = ended_messages(s);
    figures.extend([
        unusual("reordered", m.reordered),
        unusual("duplicated", m.duplicated),
        unusual("unexpected", m.unexpected),
        unusual("in flight at the end", m.abandoned.saturating_sub(dropped)),
        unusual("in flight when dropped", dropped.min(m.abandoned)),
        unusual("never sent", m.unsent),
        unusual("undecided", m.undecided),
    ]);
    if let Some(counts) = &m.scenario {
        figures.extend([
            unusual(
                scenario_view::error_replies(counts.error_reply),
                counts.error_reply,
            ),
            unusual("parts", counts.parts),
            unusual("server errors", counts.server_errors),
        ]);
    }
    figures
}

/// Adherence of an open loop to its schedule.
fn rate(s: &Summary) -> Vec<SummaryFigure> {
    let (offered, achieved) = (s.offered_rate_per_s, s.achieved_rate_per_s);
    // The share covers the whole measured phase and says nothing about punctuality within it.
    let share = s.sent_in_time_share.map(|n| format!("{:.2} %", n * 100.0));
    // Messages that were due while their client was away count as missed.
    let whole = match &s.reconnect {
        Some(own) if own.missed > 0 => (
            "what was due to connected clients",
            "sent of what was due to connected clients",
        ),
        _ => ("what was due", "sent of what was due"),
    };
    let over = differing_times(s).map(|(_, planned_s)| human_time(planned_s * 1e9));
    let over_planned = over
        .as_ref()
        .map_or_else(String::new, |over| format!(" over the planned {over}"));
    let achieved_of_due = achieved.zip(share.as_ref()).map(|(rate, share)| {
        let rate = human_rate(rate);
        format!("{rate} achieved{over_planned} ({share} of {})", whole.0)
    });
    let lag = |name, ns: Option<u64>, figure: &str| {
        let phrase = format!("{figure} {}", time(ns));
        in_table(name, known_time(ns.filter(|_| offered.is_some()))).said(Some(phrase))
    };
    let SendLag { p50, p99, max } = s.send_lag_ns;
    let p99 = shown_quantile(s.messages.sent, 0.99, p99);
    let blocked = s.client.blocked_writes;
    let blocked_writes = format!("{} found the socket full", counted(blocked, "write"));
    vec![
        figure(
            "offered",
            offered.map(per_second),
            &format!("{{}} offered{}", rate_of_slow(s)),
        ),
        in_table("achieved", achieved.map(per_second)).said(achieved_of_due),
        in_table(whole.1, share),
        lag("send lag p50", p50, "send lag p50"),
        lag("send lag p99", p99, "p99"),
        lag("send lag max", max, "max"),
        in_table(
            "own lateness p99",
            s.send_lateness_ns.and_then(|l| known_time(l.p99)),
        ),
        unusual("writes that found the socket full", blocked)
            .said((blocked > 0).then_some(blocked_writes)),
        in_table("achieved over", over),
    ]
}

/// The part of the planned rate that is not in the offered one: ` (10 of 100 msg/s are the slow readers')`.
fn rate_of_slow(s: &Summary) -> String {
    let slow = s
        .slow
        .as_ref()
        .and(s.plan.rate_per_s)
        .zip(s.offered_rate_per_s);
    match slow {
        // With stages the planned rate is not the average.
        Some((planned, offered)) if s.plan.stages.is_empty() && offered < 0.999 * planned => {
            format!(
                " ({} of {} are the slow readers')",
                human_rate(planned - offered),
                per_second(planned)
            )
        }
        _ => String::new(),
    }
}

fn connections(s: &Summary) -> Vec<SummaryFigure> {
    let c = &s.connections;
    let (total, tls) = (s.connect_ns.total, s.connect_ns.tls.map(|tls| tls.p50));
    let opened = format!("{} of {}", grouped(c.opened), grouped(c.attempted));
    let replacements = Replacements::of(s);
    let addresses = addresses(c);
    let to = addresses
        .as_ref()
        .map_or_else(String::new, |to| format!(" to {to}"));
    let opening = human_time(c.opening_s * 1e9);
    let unchecked = s.plan.certificate_checked == Some(false);
    let mut figures = vec![
        in_table("opened", Some(opened.clone())).said(Some(match replacements {
            Some(own) if c.failed == 0 => {
                let first = grouped(own.first);
                format!("{first} of {first}{to} in {opening}")
            }
            // The failures are those of both.
            Some(own) => format!(
                "{opened}{to}, the first {} in {opening}",
                grouped(own.first)
            ),
            None => format!("{opened}{to} in {opening}"),
        })),
        in_table("address", addresses),
        in_table(
            if replacements.is_some() {
                "first ones opened in"
            } else {
                "opened in"
            },
            Some(opening),
        ),
        in_table(
            "replacements",
            replacements.map(|own| grouped(own.attempted)),
        )
        .said(replacements.map(|own| own.phrase(c.failed))),
        figure(
            "time to open p50",
            known_time(total.p50),
            "p50 {} per connection",
        ),
        figure("time to open max", known_time(total.max), "max {}"),
        in_table("TLS handshake p50", known_time(tls.flatten()))
            .said(tls.map(|p50| format!("TLS p50 {}", time(p50)))),
        in_table("certificate", None).said(unchecked.then(|| "certificate not checked".to_owned())),
        unusual("failed to open", c.failed).said(None),
        unusual("closed early", c.closed_early),
        in_table("close codes", close_codes(c)),
    ];
    figures.extend(reconnect_view::connection_figures(s));
    figures
}

/// Openings besides the first one of each client, in a run that replaces connections.
#[derive(Debug, Clone, Copy)]
struct Replacements {
    /// First connections attempted.
    first: u64,
    attempted: u64,
}

impl Replacements {
    /// Returns `None` without replacements.
    fn of(s: &Summary) -> Option<Self> {
        let all = s.connections.attempted;
        let first = all.min(s.plan.connections_at_once());
        (s.connections.replaced > 0 && all > first).then(|| Self {
            first,
            attempted: all - first,
        })
    }

    fn phrase(self, failed: u64) -> String {
        let replacements = counted(self.attempted, "replacement");
        match failed {
            0 => format!("{replacements}, all opened"),
            _ => format!("{replacements} among them"),
        }
    }
}

/// Addresses to which connections were opened, with counts if there are several.
fn addresses(c: &Connections) -> Option<String> {
    let with_count = |(address, n): (&String, &u64)| format!("{address} × {}", grouped(*n));
    match c.addresses.len() {
        0 => None,
        1 => c.addresses.keys().next().cloned(),
        _ => Some(
            c.addresses
                .iter()
                .map(with_count)
                .collect::<Vec<_>>()
                .join(", "),
        ),
    }
}

fn close_codes(c: &Connections) -> Option<String> {
    let codes = c.close_codes.iter();
    let codes: Vec<_> = codes
        .map(|(code, n)| format!("{code} × {}", grouped(*n)))
        .collect();
    (!codes.is_empty()).then(|| codes.join(", "))
}

/// Reasons of connections that failed or ended early, `3 × connection refused`, and advice on early ends. Failures of
/// the setup are grouped by step and record.
fn broken_connections(s: &Summary) -> Vec<String> {
    let c = &s.connections;
    let setup = scenario_view::setup_failures(s);
    let has_setup = !setup.is_empty();
    let is_other =
        |(reason, _): &(&String, &u64)| !(has_setup && reason.starts_with("setup failed"));
    let reasons = c.failures.iter().filter(is_other).chain(&c.early_ends);
    let reasons = reasons.map(|(reason, n)| format!("{} × {reason}", grouped(*n)));
    let reasons = setup.into_iter().chain(reasons);
    // Clients that open their connections again expect a restart.
    let reopens = s.reconnect.as_ref().is_some_and(|own| own.law.is_some());
    let advice = (c.closed_early > 0 && !reopens)
        .then(|| search_advice::adapted(s, early_end_advice().to_owned()));
    let advice = advice.into_iter().chain(reconnect_view::connection_note(s));
    reasons.chain(advice).collect()
}

/// CPU time and memory of a process.
fn usage(
    cpu_s: Option<f64>,
    per_cpu_s: Option<f64>,
    rss_bytes: Option<u64>,
    switches: Option<ContextSwitches>,
) -> [SummaryFigure; 4] {
    let cpu = cpu_s.map(|s| human_time(s * 1e9));
    let per_cpu_s = per_cpu_s.map(human_rate);
    let memory = rss_bytes.map(|bytes| human_bytes(bytes as f64));
    let switches = switches.map(|n| grouped(n.total()));
    let messages = "messages per CPU-second";
    [
        figure("CPU time", cpu, "{} of CPU"),
        figure(messages, per_cpu_s, &format!("{{}} {messages}")),
        figure("memory at most", memory, "at most {} of memory"),
        figure("context switches", switches, "{} context switches"),
    ]
}

fn generator(s: &Summary) -> Vec<SummaryFigure> {
    let client = &s.client;
    let [cpu, per_cpu_s, memory, switches] = usage(
        client.cpu_s,
        client.messages_per_cpu_s,
        client.max_rss_bytes,
        client.context_switches,
    );
    let busiest = client.cpu_per_core.map(human_percent);
    let waited = client.run_queue_wait_share;
    let waited = waited.map(|share| format!("{:.1} %", share * 100.0));
    let polling = client.busy_share.map(human_percent);
    vec![
        cpu,
        in_table("busiest thread, of a core", busiest),
        in_table("waited for a core", waited),
        per_cpu_s,
        memory,
        switches,
        in_table("busy while polling", polling),
    ]
}

/// The generator's own limits.
fn calibration(s: &Summary) -> Vec<SummaryFigure> {
    let Some(own) = s.calibration else {
        return Vec::new();
    };
    let floor = human_time(own.floor_service_p50_ns as f64);
    let ceiling = per_second(own.ceiling_messages_per_s);
    let alone = format!("generator alone: service time p50 {floor}");
    vec![
        in_table("service time p50, alone", Some(floor)).said(Some(alone)),
        figure("throughput at most, alone", Some(ceiling), "at most {}"),
        figure(
            "deliveries at most, alone",
            own.ceiling_deliveries_per_s
                .map(|rate| format!("{} deliveries/s", human_rate(rate))),
            "at most {}",
        ),
    ]
}

/// The reason why no CPU time is shown, if it is impossible.
fn too_little_cpu(server: &ServerUsage, s: &Summary) -> Vec<String> {
    let echoes = s.messages.received;
    let cause = if s.plan.embedded.is_some() {
        "the system did not count it correctly"
    } else {
        "another process served them; name that process with `--server-pid`"
    };
    let note = format!(
        "{} of CPU is too little for {}, so {cause}",
        human_time(server.cpu_s * 1e9),
        counted(echoes, "echo")
    );
    let notes = server.is_implausible(echoes).then_some(note);
    notes.into_iter().collect()
}

fn server(s: &Summary) -> Vec<SummaryFigure> {
    let Some(server) = &s.server else {
        return Vec::new();
    };
    let (per_cpu_s, rss_bytes) = (server.messages_per_cpu_s, server.max_rss_bytes);
    let is_believed = !server.is_implausible(s.messages.received);
    usage(
        is_believed.then_some(server.cpu_s),
        per_cpu_s,
        rss_bytes,
        server.context_switches,
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::run::ReconnectSummary;
    use test_support::fixtures::{closed_loop_run, complete_shards, open_loop_run};

    fn text(view: &SummaryView, label: &str) -> Option<String> {
        let row = view.rows.iter().find(|row| row.label == label)?;
        Some(row.text.clone())
    }

    fn value(view: &SummaryView, title: &str, name: &str) -> Option<String> {
        let groups = view.groups.iter().filter(|group| group.title == title);
        let mut figures = groups.flat_map(|group| &group.figures);
        figures.find(|figure| figure.name == name)?.value.clone()
    }

    #[test]
    fn lines_and_tables_show_the_same_figures() {
        let run = open_loop_run(|s| {
            (s.messages.lost, s.messages.reordered) = (2, 1);
            s.connections.failures.insert("refused".to_owned(), 3);
            s.client.blocked_writes = 1;
        });
        let view = SummaryView::new(&run.summary.unwrap());
        let messages = "3,000 sent · 3,000 echoed · 2 lost · 0 corrupted · 0 late · 1 reordered";
        assert_eq!(text(&view, "messages").unwrap(), messages);
        assert_eq!(view.rows[0].tone, Tone::Bad);
        assert_eq!(value(&view, "messages", "lost").unwrap(), "2");
        assert_eq!(value(&view, "messages", "duplicated"), None);
        let rate = text(&view, "rate").unwrap();
        assert!(rate.starts_with("1,000 msg/s offered · 1,000 achieved (100.00 % of what was due) · send lag p50 500 µs · p99 500 µs"), "{rate}");
        assert!(rate.ends_with(" · 1 write found the socket full"), "{rate}");
        assert_eq!(value(&view, "rate", "achieved").unwrap(), "1,000 msg/s");
        let connected = view
            .rows
            .iter()
            .find(|row| row.label == "connected")
            .unwrap();
        assert_eq!(connected.points, ["3 × refused"]);
    }

    /// `10,569 of 10,569 in 14.5 ms` counted replacements beside the time of the first connections.
    #[test]
    fn replacements_are_not_opened_in_the_time_of_the_first_connections() {
        let connected = |opened, failed| {
            let run = closed_loop_run(|s| {
                s.plan.clients = 100;
                s.connections.attempted = opened + failed;
                (s.connections.opened, s.connections.failed) = (opened, failed);
                s.connections.replaced = 10_469;
                s.connections.opening_s = 0.0145;
                s.connections.addresses.clear();
            });
            text(&SummaryView::new(&run.summary.unwrap()), "connected").unwrap()
        };
        let all = connected(10_569, 0);
        assert!(all.starts_with("100 of 100 in 14.5 ms · "), "{all}");
        assert!(all.contains(" · 10,469 replacements, all opened"), "{all}");
        let some = connected(10_569, 11);
        assert!(
            some.starts_with("10,569 of 10,580, the first 100 in 14.5 ms · "),
            "{some}"
        );
        assert!(some.contains(" · 10,480 replacements among them"), "{some}");
    }

    /// `100.00 % of what was due` stood beside 660 messages that were due and not sent.
    #[test]
    fn missed_messages_are_no_part_of_what_was_due_to_connected_clients() {
        let rate = |missed| {
            let run = open_loop_run(|s| {
                s.reconnect = Some(ReconnectSummary {
                    missed,
                    ..ReconnectSummary::default()
                });
            });
            let view = SummaryView::new(&run.summary.unwrap());
            let name = "sent of what was due to connected clients";
            (
                text(&view, "rate").unwrap(),
                value(&view, "rate", name).is_some(),
            )
        };
        let (said, is_named) = rate(660);
        assert!(
            said.contains("(100.00 % of what was due to connected clients)"),
            "{said}"
        );
        assert!(is_named);
        let (said, is_named) = rate(0);
        assert!(said.contains("(100.00 % of what was due)"), "{said}");
        assert!(!is_named);
    }

    #[test]
    fn only_a_run_of_several_processes_has_shards() {
        let mut summary = closed_loop_run(|_| {}).summary.unwrap();
        let titles = |s: &Summary| -> Vec<_> {
            let groups = SummaryView::new(s).groups.into_iter();
            groups.map(|group| group.title).collect()
        };
        assert!(!titles(&summary).contains(&"shards"));
        assert_eq!(text(&SummaryView::new(&summary), "shards"), None);
        summary.shards = Some(complete_shards());
        assert_eq!(titles(&summary).last(), Some(&"shards"));
        let view = SummaryView::new(&summary);
        assert_eq!(view.rows[0].label, "shards");
        assert_eq!(value(&view, "shards", "complete").unwrap(), "2");
    }

    #[test]
    fn connections_that_end_under_load_get_a_next_step() {
        let run = closed_loop_run(|s| {
            s.connections.closed_early = 2;
            s.connections.early_ends.insert("reset".to_owned(), 2);
        });
        let view = SummaryView::new(&run.summary.unwrap());
        let connected = view.rows.iter().find(|row| row.label == "connected");
        let points = &connected.unwrap().points;
        assert_eq!(points[0], "2 × reset");
        assert!(points[1].contains("a shorter `--warmup`"), "{points:?}");
        let run = closed_loop_run(|s| {
            s.connections.closed_early = 2;
            s.reconnect = Some(ReconnectSummary {
                law: Some("now".to_owned()),
                ..ReconnectSummary::default()
            });
        });
        let view = SummaryView::new(&run.summary.unwrap());
        let connected = view.rows.iter().find(|row| row.label == "connected");
        assert_eq!(connected.unwrap().points, [""; 0]);
    }

    #[test]
    fn rates_of_different_times_name_them() {
        let ended_early = open_loop_run(|s| (s.elapsed_s, s.achieved_over_s) = (0.5, Some(3.0)));
        let view = SummaryView::new(&ended_early.summary.unwrap());
        let throughput = text(&view, "throughput").unwrap();
        assert!(
            throughput.ends_with(" · over the measured 500 ms"),
            "{throughput}"
        );
        let rate = text(&view, "rate").unwrap();
        assert!(
            rate.contains(" achieved over the planned 3.00 s ("),
            "{rate}"
        );
        let whole = open_loop_run(|s| (s.elapsed_s, s.achieved_over_s) = (3.0, Some(3.0)));
        let view = SummaryView::new(&whole.summary.unwrap());
        assert!(!text(&view, "throughput").unwrap().contains("over"));
        assert_eq!(value(&view, "rate", "achieved over"), None);
    }

    #[test]
    fn an_embedded_server_is_not_looked_for_in_another_process() {
        let note = |embedded: Option<&str>| {
            let run = closed_loop_run(|s| {
                s.plan.embedded = embedded.map(ToOwned::to_owned);
                s.server = Some(ServerUsage {
                    pid: 1,
                    pids: vec![1],
                    cpu_s: 0.0,
                    max_rss_bytes: None,
                    messages_per_cpu_s: None,
                    context_switches: None,
                });
            });
            let view = SummaryView::new(&run.summary.unwrap());
            let row = view.rows.iter().find(|row| row.label == "server");
            row.unwrap().points.concat()
        };
        assert!(note(None).contains("`--server-pid`"));
        let embedded = note(Some("axum"));
        assert!(embedded.contains("too little for"), "{embedded}");
        assert!(!embedded.contains("--server-pid"), "{embedded}");
    }

    #[test]
    fn a_single_echo_has_no_rate() {
        let one = closed_loop_run(|s| {
            (s.elapsed_s, s.throughput.messages_per_s) = (0.25, 4.0);
        });
        let view = SummaryView::new(&one.summary.unwrap());
        assert!(text(&view, "throughput").unwrap().starts_with("– ("));
        assert_eq!(value(&view, "throughput", "messages").unwrap(), "–");
        let none = closed_loop_run(|s| (s.elapsed_s, s.throughput.messages_per_s) = (0.25, 0.0));
        let view = SummaryView::new(&none.summary.unwrap());
        assert!(text(&view, "throughput").unwrap().starts_with("0 msg/s"));
    }

    #[test]
    fn a_backlog_of_the_warm_up_explains_a_low_throughput() {
        let points = |run: measurement::run::Run| {
            let view = SummaryView::new(&run.summary.unwrap());
            let row = view.rows.iter().find(|row| row.label == "throughput");
            row.unwrap().points.concat()
        };
        let backlog = points(open_loop_run(|s| s.messages.warmup_echoes = 358_000));
        assert!(
            backlog.contains("358,000 echoes of warm-up messages came after"),
            "{backlog}"
        );
        assert_eq!(points(open_loop_run(|s| s.messages.warmup_echoes = 3)), "");
        // One message of each client is in flight at the start of every closed loop.
        let closed = closed_loop_run(|s| s.messages.warmup_echoes = 358_000);
        assert_eq!(points(closed), "");
    }

    #[test]
    fn a_closed_loop_has_no_line_about_its_rate() {
        let view = SummaryView::new(&closed_loop_run(|_| {}).summary.unwrap());
        for label in ["rate", "server", "generator", "calibration"] {
            assert_eq!(text(&view, label), None, "{label}");
        }
        assert_eq!(value(&view, "rate", "send lag p50"), None);
    }
}
