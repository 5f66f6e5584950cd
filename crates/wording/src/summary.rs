//! Sentences about the figures of a run.

use measurement::run::Summary;
use measurement::verdict::{FIRM_TAIL_MESSAGES, OWN_LIMIT_MARGIN, messages_beyond};
use units::{grouped, human_percent, human_rate, human_time};

use crate::messages::messages_lie;
use crate::search_advice;

/// Text in place of a response time that equals the service time.
pub const RESPONSE_IS_SERVICE: &str = "the same: in closed loop a message is due when it is sent";

/// Returns true for a run that sent nothing, because the server sends on its own.
pub fn is_feed_only(s: &Summary) -> bool {
    s.push.is_some() && s.messages.sent == 0 && s.plan.senders == Some(0)
}

/// Returns true when messages without a reply end with their last delivery.
pub fn ends_with_deliveries(s: &Summary) -> bool {
    let scenario = s.scenario.as_ref();
    scenario.is_some_and(|scenario| scenario.ends_with_deliveries)
}

/// The end of a message in a word: `echoed`, `answered`, `delivered to all`.
pub fn ended_word(s: &Summary) -> &'static str {
    match &s.messages.scenario {
        _ if ends_with_deliveries(s) => "delivered to all",
        // Not every answer is an echo.
        Some(_) => "answered",
        None => "echoed",
    }
}

/// Measured time, generator and embedded server, as parts of a line. `place` is the process of the report, such as
/// `this process`.
pub fn circumstances(s: &Summary, place: &str) -> Vec<String> {
    let embedded = s.plan.embedded.as_ref();
    let embedded = embedded.map(|_| format!("server inside {place}"));
    let parts = std::iter::once(measured(s)).chain(generator(s));
    parts.chain(embedded).collect()
}

/// Returns true for a search or a sweep, whose figures are those of one of several rates.
fn is_one_of_several(s: &Summary) -> bool {
    s.capacity.is_some() || s.load_curve.is_some()
}

/// The rate of the figures: `in the step at 41,200 msg/s`.
fn at_one_rate(s: &Summary) -> String {
    match s.offered_rate_per_s {
        Some(rate) => format!("in the step at {} msg/s", human_rate(rate)),
        None => "in one step".to_owned(),
    }
}

/// The measured time: `measured 1.31 s after 1.00 s of warm-up`.
fn measured(s: &Summary) -> String {
    if s.elapsed_s > 0.0 {
        let (measured, warmup) = (s.elapsed_s * 1e9, s.plan.warmup_s * 1e9);
        let (measured, warmup) = (human_time(measured), human_time(warmup));
        // A rate that rises from 0 has nothing to warm up with.
        let after = match s.plan.ramp_s {
            _ if is_one_of_several(s) => at_one_rate(s),
            _ if s.plan.warmup_s == 0.0 => "without warm-up".to_owned(),
            Some(_) => format!("after {warmup} of warm-up without messages"),
            None => format!("after {warmup} of warm-up"),
        };
        let planned = match (all_connections_ended(s), planned_s(s)) {
            (false, _) => String::new(),
            (true, Some(planned_s)) => {
                let planned = human_time(planned_s * 1e9);
                format!(" of {planned}, when all connections had ended,")
            }
            (true, None) => ", when all connections had ended,".to_owned(),
        };
        format!("measured {measured}{planned} {after}")
    } else {
        "ended before anything was measured".to_owned()
    }
}

/// Returns true when all connections ended before the plan was complete.
fn all_connections_ended(s: &Summary) -> bool {
    let all_ended =
        s.connections.closed_early > 0 && s.connections.closed_early >= s.connections.opened;
    let any_back = s.reconnect.as_ref().is_some_and(|own| own.back > 0);
    all_ended && !any_back && planned_s(s).is_none_or(|planned_s| s.elapsed_s < planned_s)
}

/// The planned time in seconds; `None` for a number of messages in closed loop, whose time depends on the server.
fn planned_s(s: &Summary) -> Option<f64> {
    s.plan.duration_s.or(s.achieved_over_s)
}

/// The times in seconds over which the throughput and the achieved rate are averaged, if they differ by more than 1 %;
/// `None` otherwise, and in closed loop.
pub(crate) fn differing_times(s: &Summary) -> Option<(f64, f64)> {
    let (measured_s, planned_s) = (s.elapsed_s, s.achieved_over_s?);
    ((measured_s - planned_s).abs() > 0.01 * planned_s).then_some((measured_s, planned_s))
}

/// The CPU usage of the generator: `generator at 71 % of a core`; `None` when unknown.
fn generator(s: &Summary) -> Option<String> {
    match (s.plan.busy_poll, s.client.busy_share, s.client.cpu_per_core) {
        (true, Some(share), _) => Some(format!(
            "generator polling, busy for {} of the time",
            human_percent(share)
        )),
        (_, _, Some(share)) => Some(format!(
            "{} at {} of a core",
            if s.plan.threads > 1 {
                "busiest generator thread"
            } else {
                "generator"
            },
            human_percent(share)
        )),
        _ => None,
    }
}

/// The excess of the response time's p99 over the service time's, and its cause: `response p99
/// exceeds service p99 by 3.20 ms: …`;
/// `None` in closed loop.
pub fn omission(s: &Summary) -> Option<String> {
    let gap = s.coordinated_omission_p99_ns?;
    if gap == 0 {
        return Some("response p99 and service p99 are equal".to_owned());
    }
    let own_ns = own_part_ns(s);
    if let Some(own_ns) = own_ns.filter(|_| has_several_connections(s)) {
        return Some(excess_over_connections(s, gap as f64, own_ns));
    }
    let gap = human_time(gap as f64);
    Some(match waits_for(s) {
        Some(what) => format!(
            "response p99 exceeds service p99 by {gap}: waits for {what} (hidden by coordinated omission) and the generator's send lag"
        ),
        None => {
            format!("response p99 exceeds service p99 by {gap}: the generator's send lag")
        }
    })
}

/// Share of the excess that the generator's own lateness must reach to be named as its only cause.
const OWN_CAUSE: f64 = 0.9;

/// The excess of the p99 in a run whose clients had several connections one after the other, and the generator's own
/// part of it.
fn excess_over_connections(s: &Summary, gap_ns: f64, own_ns: f64) -> String {
    let gap = human_time(gap_ns);
    let cause = if own_ns >= OWN_CAUSE * gap_ns {
        "the generator's send lag".to_owned()
    } else {
        let others = waits_for(s).filter(|what| *what != CONNECTIONS);
        let others = others.map_or_else(String::new, |what| format!(" or {what}"));
        format!(
            "waits for {CONNECTIONS}{others} (hidden by coordinated omission); {} of it are the generator's own lateness",
            human_time(own_ns)
        )
    };
    format!("response p99 exceeds service p99 by {gap}: {cause}")
}

/// The generator's own part of the response time's p99, in nanoseconds; `None` when it is unknown.
fn own_part_ns(s: &Summary) -> Option<f64> {
    let share = s.send_lateness_ns?.share_of_response_p99?;
    Some(share * s.response_time_ns.p99? as f64)
}

/// Returns true when connections were replaced by plan or opened again.
fn has_several_connections(s: &Summary) -> bool {
    let reconnect = s.reconnect.as_ref();
    s.connections.replaced > 0 || reconnect.is_some_and(|own| own.back > 0)
}

/// The obstacle of messages whose client has no connection.
const CONNECTIONS: &str = "the next connection of their client";

/// The obstacle for which a due message may have waited; `None` when only the generator can have delayed it.
fn waits_for(s: &Summary) -> Option<&'static str> {
    if s.plan.window.is_some() {
        Some("the `--window`")
    } else if s.client.blocked_writes > 0 {
        Some("the sockets")
    } else {
        has_several_connections(s).then_some(CONNECTIONS)
    }
}

/// Remarks on the times in a table: late wake-ups and a thin tail.
pub fn remarks_on_times(s: &Summary) -> Vec<String> {
    let timed = match &s.push {
        Some(feed) if is_feed_only(s) => feed.gap_ns.count,
        _ => s.service_time_ns.count,
    };
    let remarks = [late_wake_ups(s), thin_tail(timed)];
    remarks.into_iter().flatten().collect()
}

/// The remark on a sleeping generator that wakes up late by at least a tenth of the measured times; `None` when it is
/// less or unknown. It is known only for messages that waited for nothing but their due time. Wake-ups for echoes may
/// differ.
fn late_wake_ups(s: &Summary) -> Option<String> {
    let sleeps_alone = !s.plan.busy_poll && waits_for(s).is_none();
    s.coordinated_omission_p99_ns.filter(|_| sleeps_alone)?;
    let (late, service) = (s.send_lag_ns.p50? as f64, s.service_time_ns.p50? as f64);
    (late >= OWN_LIMIT_MARGIN * service).then(|| {
        format!(
            "the generator woke {} late to send (send lag p50). If it woke late to receive as well, the times include that; `--busy-poll` keeps it awake",
            human_time(late)
        )
    })
}

/// The remark on a tail of few messages; `None` when the tail is reliable, or not shown.
fn thin_tail(timed_messages: u64) -> Option<String> {
    let beyond = messages_beyond(timed_messages, 0.999);
    (1..FIRM_TAIL_MESSAGES).contains(&beyond).then(|| {
        let few = messages_lie(beyond);
        format!("{few} beyond p99.9, so p99.9 and the maximum vary from run to run")
    })
}

/// A sentence on the backlog of the warm-up; `None` in closed loop, and where it is less than a tenth of all echoes.
pub(crate) fn warmup_backlog(s: &Summary) -> Option<String> {
    let backlog = s.messages.warmup_echoes;
    let is_large = 9 * backlog >= s.messages.received && backlog > 0;
    s.offered_rate_per_s.filter(|_| is_large)?;
    let found = if backlog == 1 {
        "1 echo of a warm-up message came after the start of the measurement and is".to_owned()
    } else {
        format!(
            "{} echoes of warm-up messages came after the start of the measurement and are",
            grouped(backlog)
        )
    };
    Some(search_advice::adapted(
        s,
        format!(
            "{found} not counted here; use a longer `-d`, or a lower `--rate` if the server cannot keep up"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::run::ReconnectSummary;
    use measurement::verdict::SendLateness;
    use test_support::fixtures::closed_loop_summary as summary;

    #[test]
    fn a_warm_up_before_a_ramp_sends_nothing_and_says_so() {
        let mut s = summary(100);
        (s.elapsed_s, s.plan.warmup_s) = (2.0, 1.0);
        assert_eq!(measured(&s), "measured 2.00 s after 1.00 s of warm-up");
        s.plan.ramp_s = Some(1.0);
        assert_eq!(
            measured(&s),
            "measured 2.00 s after 1.00 s of warm-up without messages"
        );
    }

    #[test]
    fn a_sweep_names_the_rate_of_its_figures() {
        let mut s = summary(100);
        (s.elapsed_s, s.offered_rate_per_s) = (2.0, Some(5_000.0));
        s.load_curve = Some(Vec::new());
        assert_eq!(measured(&s), "measured 2.00 s in the step at 5,000 msg/s");
    }

    #[test]
    fn a_run_without_warm_up_does_not_say_0_ns() {
        let mut s = summary(100);
        (s.elapsed_s, s.plan.warmup_s) = (2.0, 0.0);
        assert_eq!(measured(&s), "measured 2.00 s without warm-up");
        s.plan.ramp_s = Some(1.0);
        assert_eq!(measured(&s), "measured 2.00 s without warm-up");
    }

    #[test]
    fn the_end_of_all_connections_is_dated_whatever_was_planned() {
        let mut s = summary(100);
        s.elapsed_s = 0.5;
        (s.connections.opened, s.connections.closed_early) = (3, 3);
        let after = " after 1.00 s of warm-up";
        s.plan.warmup_s = 1.0;
        (s.plan.duration_s, s.plan.messages_per_client) = (Some(3.0), None);
        let begins = "measured 500 ms of 3.00 s, when all connections had ended,";
        assert_eq!(measured(&s), format!("{begins}{after}"));
        // A number of messages, in closed and in open loop.
        (s.plan.duration_s, s.plan.messages_per_client) = (None, Some(1_000));
        let closed = "measured 500 ms, when all connections had ended,";
        assert_eq!(measured(&s), format!("{closed}{after}"));
        s.achieved_over_s = Some(3.0);
        assert_eq!(measured(&s), format!("{begins}{after}"));
        s.reconnect = Some(ReconnectSummary {
            back: 1,
            ..ReconnectSummary::default()
        });
        assert_eq!(measured(&s), format!("measured 500 ms{after}"));
        s.reconnect = None;
        s.connections.closed_early = 2;
        assert_eq!(measured(&s), format!("measured 500 ms{after}"));
    }

    #[test]
    fn the_generators_own_lag_is_no_coordinated_omission() {
        let mut s = summary(100);
        assert_eq!(omission(&s), None);
        s.coordinated_omission_p99_ns = Some(0);
        let equal = "response p99 and service p99 are equal";
        assert_eq!(omission(&s).unwrap(), equal);
        s.coordinated_omission_p99_ns = Some(3_000_000);
        s.plan.window = None;
        assert_eq!(
            omission(&s).unwrap(),
            "response p99 exceeds service p99 by 3.00 ms: the generator's send lag"
        );
        let hides = |s: &Summary, what: &str| {
            let said = omission(s).unwrap();
            said.contains(what) && said.contains("hidden by coordinated omission")
        };
        s.client.blocked_writes = 1;
        assert!(hides(&s, "waits for the sockets"));
        // Independent of the size of the lag, because waiting for room counts as lag.
        s.plan.window = Some(1);
        s.send_lag_ns.p99 = Some(4_000_000);
        assert!(hides(&s, "waits for the `--window`"));
    }

    /// With `--lifetime` and a slow accept, 961 ms of waits for connections were called the generator's send lag.
    #[test]
    fn a_wait_for_a_replacement_is_not_blamed_on_the_generator() {
        let mut s = summary(100);
        s.plan.window = None;
        s.coordinated_omission_p99_ns = Some(961_000_000);
        s.response_time_ns.p99 = Some(1_000_000_000);
        s.connections.replaced = 50;
        let lateness = |share| SendLateness {
            share_of_response_p99: Some(share),
            ..SendLateness::default()
        };
        s.send_lateness_ns = Some(lateness(0.001));
        let excess = "response p99 exceeds service p99 by 961 ms: ";
        assert_eq!(
            omission(&s).unwrap(),
            format!(
                "{excess}waits for the next connection of their client (hidden by coordinated omission); 1.00 ms of it are the generator's own lateness"
            )
        );
        s.plan.window = Some(1);
        let said = omission(&s).unwrap();
        assert!(said.contains("client or the `--window` ("), "{said}");
        s.send_lateness_ns = Some(lateness(0.95));
        let generator = format!("{excess}the generator's send lag");
        assert_eq!(omission(&s).unwrap(), generator);
        // In a file without the generator's own part.
        (s.plan.window, s.send_lateness_ns) = (None, None);
        assert!(
            omission(&s)
                .unwrap()
                .contains("waits for the next connection")
        );
    }

    #[test]
    fn late_wake_ups_are_named_where_they_matter() {
        let mut s = summary(100);
        s.send_lag_ns.p50 = Some(10_000);
        s.service_time_ns.p50 = Some(100_000);
        assert_eq!(late_wake_ups(&s), None, "in closed loop nothing is due");
        s.coordinated_omission_p99_ns = Some(1);
        s.plan.window = None;
        let said = late_wake_ups(&s).unwrap();
        assert!(
            said.starts_with("the generator woke 10.0 µs late"),
            "{said}"
        );
        for change in [
            (|s| s.plan.busy_poll = true) as fn(&mut Summary),
            |s| s.plan.window = Some(1),
            |s| s.client.blocked_writes = 1,
            |s| s.send_lag_ns.p50 = Some(9_999),
        ] {
            let mut other = s.clone();
            change(&mut other);
            assert_eq!(late_wake_ups(&other), None);
        }
    }

    #[test]
    fn a_tail_of_few_messages_is_named() {
        assert_eq!(thin_tail(400), None);
        assert!(
            thin_tail(1_000)
                .unwrap()
                .starts_with("1 message lies beyond p99.9")
        );
        assert!(thin_tail(999_000).unwrap().starts_with("999 messages lie"));
        assert_eq!(thin_tail(1_000_000), None);
    }
}
