//! Sentences for the reasons that lie in the generator: its limits, its cores, its stops.

use measurement::verdict::{
    BUSY_THREAD_LIMIT, FINE_LATENESS_NS, INVALID_LATENESS_SHARE, OWN_LIMIT_MARGIN, OWN_TIME_LIMIT,
    RUN_QUEUE_WAIT_LIMIT, Reason, SUSPECT_LATENESS_SHARE, SUSPENSION_LIMIT_S, Stops,
    THROTTLED_LIMIT, Verdict, WithheldTime,
};
use units::{counted, human_bytes, human_percent, human_rate, human_time};

use crate::percent_beside::percent_beside;

/// Figures at the generator's own limits; empty for another reason.
pub(crate) fn own_limit(reason: &Reason) -> String {
    const DISTURBED: &str = "the calibration was disturbed, so the generator's own limit is unknown; repeat on an idle machine";
    let service_p50 =
        |found: &u64| format!("the service time p50 of {}", human_time(*found as f64));
    let throughput = |found: &f64| format!("the throughput of {} msg/s", human_rate(*found));
    let floor = |ns: &u64| format!("the generator's own minimum ({})", human_time(*ns as f64));
    let ceiling = |per_s: &f64| format!("the generator's own limit ({} msg/s)", human_rate(*per_s));
    let near = |found: String, limit: String, advice: &str| {
        let margin = human_percent(OWN_LIMIT_MARGIN);
        format!(
            "{found} is within {margin} of {limit}, so it says little about the server; {advice}"
        )
    };
    match reason {
        Reason::NearFloor(found, own) => near(
            service_p50(found),
            floor(own),
            "use larger messages or more load",
        ),
        Reason::NearCeiling(found, own) => near(
            throughput(found),
            ceiling(own),
            "use more `--threads` if cores are free",
        ),
        Reason::NearDeliveryCeiling(found, own) => format!(
            "{} deliveries/s are within {} of the generator's own limit ({} deliveries/s) or above it, so they say little about the server; use more `--threads` if cores are free",
            human_rate(*found),
            human_percent(OWN_LIMIT_MARGIN),
            human_rate(*own)
        ),
        Reason::BelowFloor(found, own) => format!(
            "{} is below {}: {DISTURBED}, or use `--busy-poll`",
            service_p50(found),
            floor(own)
        ),
        Reason::AboveCeiling(found, own) => {
            format!(
                "{} is above {}: {DISTURBED}",
                throughput(found),
                ceiling(own)
            )
        }
        _ => String::new(),
    }
}

/// The state of the generator and of its cores; empty for another reason.
pub(crate) fn generator(reason: &Reason) -> String {
    match reason {
        Reason::SendLateness {
            share,
            response_p99_ns,
            busy_poll,
            pinned,
        } => {
            let limit = match reason.verdict() {
                Verdict::Invalid => INVALID_LATENESS_SHARE,
                _ => SUSPECT_LATENESS_SHARE,
            };
            let has = Has {
                busy_poll: *busy_poll,
                pinned: *pinned,
            };
            send_lateness((*share, limit), *response_p99_ns as f64, has)
        }
        Reason::GeneratorStopped {
            stops,
            withheld,
            largest_payload,
            elapsed_s,
            only_reads,
        } => stopped(stops, withheld, *largest_payload, *elapsed_s, *only_reads),
        Reason::GeneratorThrottled {
            throttled_s,
            elapsed_s,
        } => format!(
            "the CPU quota of its cgroup throttled the generator for {} of {} (limit {}), and the times include this wait; raise the quota, or run the generator outside of the cgroup",
            seconds(*throttled_s),
            seconds(*elapsed_s),
            human_percent(THROTTLED_LIMIT)
        ),
        Reason::OwnTime(share) => format!(
            "{} of the time passed in the generator, between an echo and the next message (limit {}), so the throughput is below what the server can do; use more `--threads` or a larger `--window`",
            percent_beside(*share, OWN_TIME_LIMIT),
            human_percent(OWN_TIME_LIMIT)
        ),
        Reason::GeneratorBusy(share) => format!(
            "a generator thread was busy for {} of a core (limit {}), so it may have been slower than the server; use more `--threads` if cores are free, else fewer clients",
            percent_beside(*share, BUSY_THREAD_LIMIT),
            human_percent(BUSY_THREAD_LIMIT)
        ),
        Reason::GeneratorWaited { share, pinned } => waited(*share, *pinned),
        _ => String::new(),
    }
}

/// Advice when the generator waited for a core.
pub(crate) fn advice_on_cores(is_pinned: bool) -> &'static str {
    match is_pinned {
        true => PINNED_ADVICE,
        false => "give generator and server separate cores (`taskset`, `--pin`) or machines",
    }
}

fn waited(share: f64, pinned: bool) -> String {
    let advice = advice_on_cores(pinned);
    format!(
        "the generator waited for a core {} of the time (limit {}), and the times include this wait; {advice}",
        percent_beside(share, RUN_QUEUE_WAIT_LIMIT),
        human_percent(RUN_QUEUE_WAIT_LIMIT)
    )
}

fn seconds(s: f64) -> String {
    human_time(s * 1e9)
}

/// Advice for threads that have cores of their own already.
const PINNED_ADVICE: &str = "the generator is pinned already, so something else uses its cores: end that, or use a separate machine";

/// Settings of the generator that advice must not name again.
#[derive(Debug, Clone, Copy)]
struct Has {
    busy_poll: bool,
    pinned: bool,
}

/// The share of the generator's lateness, and the limit that it exceeds.
fn send_lateness((share, limit): (f64, f64), response_p99_ns: f64, has: Has) -> String {
    let own_ns = share * response_p99_ns;
    let found = format!(
        "the generator's own lateness is {} of the response time p99 of {} (limit {})",
        percent_beside(share, limit),
        human_time(response_p99_ns),
        human_percent(limit)
    );
    if own_ns <= FINE_LATENESS_NS {
        let way_out = match has {
            Has {
                busy_poll: false, ..
            } => "`--busy-poll` keeps it awake",
            Has { pinned: false, .. } => "use a separate core (`taskset`, `--pin`)",
            Has { .. } => PINNED_ADVICE,
        };
        return format!("{found}: it woke {} late; {way_out}", human_time(own_ns));
    }
    let ways = ways_to_send_in_time(has.busy_poll, has.pinned, "a lower `--rate`");
    format!("{found}: it sent later than planned; use {ways}")
}

/// Ways to send messages as planned, without the settings that the run has already: `` `--busy-poll`, a separate core
/// (`taskset`, `--pin`) or …``.
pub(crate) fn ways_to_send_in_time(busy_poll: bool, pinned: bool, last: &str) -> String {
    let mut ways = Vec::new();
    ways.extend((!busy_poll).then_some("`--busy-poll`"));
    ways.extend((!pinned).then_some("a separate core (`taskset`, `--pin`)"));
    ways.push(last);
    one_of(&ways)
}

/// A list of ways, of which one does: `a`, `a or b`, `a, b or c`.
fn one_of(ways: &[&str]) -> String {
    match ways {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        ways => ways.concat(),
    }
}

/// Size of a message from which on the generator's own work may keep it busy for longer than a stop, in bytes.
const LARGE_PAYLOAD: u64 = 1 << 20;

fn stopped(
    stops: &Stops,
    withheld: &WithheldTime,
    largest_payload: u64,
    elapsed_s: f64,
    only_reads: bool,
) -> String {
    let suspended = withheld.suspended_s.filter(|s| *s > SUSPENSION_LIMIT_S);
    let suspended = suspended.map(|s| format!("the machine was suspended for {}", seconds(s)));
    let stood_still = (stops.count > 0).then(|| stood_still(stops, elapsed_s, only_reads));
    let found: Vec<_> = stood_still.into_iter().chain(suspended).collect();
    let consequence = match (stops.count > 0 && stops.messages == 0, only_reads) {
        (true, true) => "messages may have been read late",
        (true, false) => "messages may have been sent late",
        (false, _) => "the longest times may be the generator's own",
    };
    format!(
        "{}{}, so {consequence}; repeat on an idle machine",
        found.join("; "),
        causes(stops, withheld, largest_payload)
    )
}

/// The longest stop, the number of all, and the messages that they touched.
fn stood_still(stops: &Stops, elapsed_s: f64, only_reads: bool) -> String {
    let length = human_time(stops.longest_ns as f64);
    let from = match stops.longest_at_ns {
        0 => "the start".to_owned(),
        ns => format!("{} after the start", human_time(ns as f64)),
    };
    let (others, counting) = match stops.count {
        1 => (String::new(), ""),
        n => (
            format!(
                ", the longest of {}, {} in all",
                counted(n, "stop"),
                human_time(stops.total_ns as f64)
            ),
            " (counted in each stop)",
        ),
    };
    let verb = if stops.messages == 1 { "was" } else { "were" };
    // A stop may go on after the measured phase, or begin there.
    let measured_ns = elapsed_s * 1e9;
    let begins_behind = stops.longest_at_ns as f64 >= measured_ns;
    let ends_behind = (stops.longest_at_ns + stops.longest_ns) as f64 > measured_ns;
    let end = match (begins_behind, ends_behind) {
        _ if elapsed_s <= 0.0 => String::new(),
        (true, _) => format!(", which ended at {}", seconds(elapsed_s)),
        (false, true) => format!(" and beyond its end at {}", seconds(elapsed_s)),
        (false, false) => String::new(),
    };
    // Nobody sends a message that could be in flight.
    let in_flight = (stops.messages > 0 || !only_reads).then(|| {
        let messages = counted(stops.messages, "message");
        format!("; {messages} {verb} in flight{counting}")
    });
    format!(
        "the generator was stopped for {length}, from {from} of the measurement{end}{others}{}",
        in_flight.unwrap_or_default()
    )
}

/// Causes that kept the generator from its cores, in brackets; empty when none is known.
fn causes(stops: &Stops, withheld: &WithheldTime, largest_payload: u64) -> String {
    let causes = [
        (withheld.throttled_s, "the quota of its cgroup withheld"),
        (withheld.steal_s, "the hypervisor took"),
        (withheld.pressure_s, "other threads waited for a core for"),
    ];
    let causes = causes.into_iter().filter_map(|(time, what)| {
        // The counters' own precision.
        let time = time.filter(|s| *s >= 0.01)?;
        Some(format!("{what} {}", seconds(time)))
    });
    let causes: Vec<_> = causes.collect();
    // A message of this size takes about a millisecond of CPU time, and each client has one.
    let own_work = stops.count > 0 && causes.is_empty() && largest_payload >= LARGE_PAYLOAD;
    if own_work {
        format!(
            " (or was busy with messages of {}: use more `--threads` or fewer clients)",
            human_bytes(largest_payload as f64)
        )
    } else if causes.is_empty() {
        String::new()
    } else {
        format!(" (during the measurement, {})", causes.join(", "))
    }
}
