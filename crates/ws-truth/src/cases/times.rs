//! Cases about time: stalls, delays, rates.
//!
//! A stall of L = 500 ms at an offered rate of R = 1,000 messages a second: a message that is due u after the beginning
//! of the stall is answered at its end, so its response time is L − u. So R·(L − x) messages have a response time above
//! x, and of n messages in all the quantile q is L − (1 − q)·n/R as long as that is above 0.

use std::num::NonZeroU32;
use std::time::Duration;

use measurement::plan::{Arrivals, Length};
use measurement::record::{LatencyHistogram, Sample};
use swarm::Recording;

use super::measured_run::sorted_quantile_ms;
use super::{Case, closed, late_quantile, measure, note_noise, open, quantile_name};
use crate::fault_log::FaultLog;
use crate::faults::{DelayLaw, Faults, Stall};
use crate::finding::{FigureUnit, Findings};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "stall-open",
        truth: "5,000 messages in 5 s, one stall of 500 ms: the response times of the 500 messages due in it fall evenly from 500 ms to 0",
        examine: |f| stall_open(f, None),
    },
    Case {
        name: "stall-open-window",
        truth: "the same with one message in flight per client: response times as before, but only 10 service times show the stall",
        examine: |f| stall_open(f, Some(1)),
    },
    Case {
        name: "stall-closed",
        truth: "a closed loop for 3 s, one stall of 500 ms: only one message of each of 10 clients is slow, so p99 stays low",
        examine: stall_closed,
    },
    Case {
        name: "delay-uniform",
        truth: "each echo is delayed by 1 to 9 ms, uniformly: the quantile q is 1 + 8·q ms",
        examine: |f| delay(f, DelayLaw::Uniform(ms(1), ms(9))),
    },
    Case {
        name: "delay-exponential",
        truth: "each echo is delayed by an exponential time of mean 5 ms: the quantile q is −5·ln(1 − q) ms",
        examine: |f| delay(f, DelayLaw::Exponential(ms(5))),
    },
    Case {
        name: "delay-two-point",
        truth: "each echo is delayed by 1 ms, 2 in 100 by 50 ms: p50 is 1 ms, p99 and p99.9 are 50 ms",
        examine: |f| delay(f, DelayLaw::TwoPoint(ms(1), ms(50), 0.02)),
    },
    Case {
        name: "rate-constant",
        truth: "2,000/s for 2 s, constant: 4,000 messages arrive, all gaps are equal",
        examine: |f| rate(f, Arrivals::Constant),
    },
    Case {
        name: "rate-poisson",
        truth: "2,000/s for 2 s, Poisson: the standard deviation of the gaps equals their mean",
        examine: |f| rate(f, Arrivals::Poisson),
    },
    Case {
        name: "slow-read",
        truth: "100 frames of 1,008 B a second, 50,400 B/s read: message j, from 0, has a response time of 20 + 10·j ms",
        examine: slow_read,
    },
];

/// Number of clients in each case.
const CLIENTS: u64 = 10;

/// Tolerance of a time, to which the server's recovery after a stall is added.
const NEAR_MS: f64 = 3.0;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn stall_for_half_a_second(faults: &mut Faults) {
    faults.stall = Some(Stall {
        after: ms(1_500),
        lasts: ms(500),
    });
}

fn quantile_ms(of: &LatencyHistogram, q: f64) -> f64 {
    of.quantile(q).map_or(f64::NAN, |ns| ns as f64 / 1e6)
}

/// Number of samples with a time above this limit.
fn above(recording: &Recording, time: fn(&Sample) -> Option<u64>, limit_ms: f64) -> u64 {
    let times = recording.record.samples.iter().filter_map(time);
    times.filter(|ns| *ns as f64 > limit_ms * 1e6).count() as u64
}

/// Time that the server needed, by its own log, for the messages that were due during its stall.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn recovery_ms(log: &FaultLog, left_behind: f64) -> f64 {
    let Some((_, end_ns)) = log.stall_ns else {
        return 0.0;
    };
    let since = log.entries.iter().filter(|e| e.received_ns >= end_ns);
    let last = since.take(left_behind as usize).last();
    last.map_or(0.0, |e| (e.received_ns - end_ns) as f64 / 1e6)
}

/// Half the length of the stall, which is far above any time that the stall does not cause.
fn far_ms(log: &FaultLog) -> f64 {
    log.stall_ms() / 2.0
}

fn stall_open(findings: &mut Findings, window: Option<u32>) -> anyhow::Result<()> {
    const RATE: f64 = 1_000.0;
    const SECONDS: u64 = 5;
    let load = open(RATE, Arrivals::Constant, window)?;
    let (recording, log) = measure(stall_for_half_a_second, |plan| {
        plan.load = load;
        plan.length = Length::Duration(Duration::from_secs(SECONDS));
    })?;
    if window.is_none() {
        // With a window, lag is what the case is about.
        note_noise(findings, &recording, log.waited_share, 0.999, NEAR_MS);
    }
    let (stall_ms, n) = (log.stall_ms(), RATE * SECONDS as f64);
    let near_ms = NEAR_MS + recovery_ms(&log, stall_ms / 1e3 * RATE);
    findings.count("messages answered", 5_000, recording.record.counts.received);
    let response = recording.record.response();
    for q in [0.95, 0.99, 0.999] {
        let truth = stall_ms - (1.0 - q) * n / RATE * 1e3;
        let figure = format!("response time {}", quantile_name(q));
        findings.ms(figure, truth, quantile_ms(response, q), near_ms);
    }
    for x in [100.0, 250.0, 400.0] {
        let percent_of = |ms: f64| ms / 1e3 * RATE / n * 100.0;
        let reported = above(&recording, Sample::response_time_ns, x) as f64 / n * 100.0;
        let figure = format!("response times above {x} ms");
        let (truth, near) = (percent_of(stall_ms - x), percent_of(near_ms));
        findings.near(figure, FigureUnit::Percent, truth, reported, near);
    }
    let service = above(&recording, Sample::service_time_ns, far_ms(&log));
    if window.is_some() {
        findings.count_of_times("service times above half the stall", CLIENTS, service);
    } else {
        // The messages went out all the same, so their service times hold the stall as well.
        let truth = stall_ms - 0.01 * n / RATE * 1e3;
        let reported = quantile_ms(&recording.record.service, 0.99);
        findings.ms("service time p99", truth, reported, near_ms);
    }
    Ok(())
}

fn stall_closed(findings: &mut Findings) -> anyhow::Result<()> {
    let (recording, log) = measure(stall_for_half_a_second, |plan| {
        plan.load = closed(1);
        plan.length = Length::Duration(Duration::from_secs(3));
    })?;
    let n = recording.record.counts.sent;
    let slow = above(&recording, Sample::service_time_ns, far_ms(&log));
    findings.count_of_times("service times above half the stall", CLIENTS, slow);
    let p99 = quantile_ms(&recording.record.service, 0.99);
    // Ten messages lie beyond p99 only if there are fewer than a thousand in all.
    findings.count_of_times("p99 near the stall", 0, u64::from(p99 > far_ms(&log)));
    let same = recording.record.response().max() == recording.record.service.max();
    findings.count("response time equals service time", 1, u64::from(same));
    findings.count("answered", n, recording.record.counts.received);
    Ok(())
}

fn delay(findings: &mut Findings, law: DelayLaw) -> anyhow::Result<()> {
    const RATE: f64 = 4_000.0;
    let load = open(RATE, Arrivals::Constant, None)?;
    let spoil = |faults: &mut Faults| faults.delay = Some(law);
    let (recording, log) = measure(spoil, |plan| {
        plan.load = load;
        plan.length = Length::Duration(Duration::from_secs(3));
        // The clock decides here, so nothing may sleep.
        plan.busy_poll = true;
    })?;
    findings.count("answered", 12_000, recording.record.counts.received);
    let note = |findings: &mut Findings, q: f64, near_ms: f64| {
        note_noise(findings, &recording, log.waited_share, q, near_ms);
    };
    judge_delays(findings, law, &recording.record.service, &log, note);
    Ok(())
}

/// Adds the quantiles of the service time beside those of the stays in the server's log, and of the law. A server that
/// lost its core answers late, and reads messages late that have arrived. `note` notes other delays at a quantile, beyond a
/// limit in milliseconds.
fn judge_delays(
    findings: &mut Findings,
    law: DelayLaw,
    service: &LatencyHistogram,
    log: &FaultLog,
    note: impl Fn(&mut Findings, f64, f64),
) {
    let (stays, mut unread) = (log.stays_ns(), log.unread_ns());
    unread.sort_unstable();
    for q in [0.5, 0.99, 0.999] {
        let name = quantile_name(q);
        let law_ms = law.quantile(q).as_secs_f64() * 1e3;
        let logged_ms = sorted_quantile_ms(&stays, q);
        let tolerance = |truth: f64| truth * 0.02 + 0.1;
        let reported = quantile_ms(service, q);
        let near_ms = tolerance(law_ms) / 2.0;
        note(findings, q, near_ms);
        let late_q = late_quantile(q);
        let unread_ms = sorted_quantile_ms(&unread, late_q);
        if unread_ms > near_ms && !findings.held_up() {
            let late = quantile_name(late_q);
            findings.note_delays(Some(format!(
                "the server read {unread_ms:.2} ms late at {late}"
            )));
        }
        let figure = format!("service time {name} against the server's log");
        findings.ms(figure, logged_ms, reported, tolerance(logged_ms));
        let distance_ms = (logged_ms - law_ms).abs();
        if distance_ms <= near_ms {
            let figure = format!("service time {name} against the distribution");
            findings.ms(figure, law_ms, reported, tolerance(law_ms) + distance_ms);
        } else if findings.noise.is_none() {
            findings.noise = Some(format!(
                "at {name} the server delayed messages by {logged_ms:.2} ms, but the distribution asks for {law_ms:.2} ms"
            ));
        }
    }
}

fn rate(findings: &mut Findings, arrivals: Arrivals) -> anyhow::Result<()> {
    let load = open(2_000.0, arrivals, None)?;
    let (recording, log) = measure(
        |_| (),
        |plan| {
            plan.load = load;
            plan.length = Length::Duration(Duration::from_secs(2));
        },
    )?;
    note_noise(findings, &recording, log.waited_share, 1.0, 5.0);
    let sent = recording.record.counts.sent;
    let arrived: Vec<_> = log.entries.iter().map(|e| e.received_ns).collect();
    findings.count("arrivals in the server's log", sent, arrived.len() as u64);
    // A random count has mean 4,000 and deviation √4,000; a constant one has none.
    let (near, variation) = match arrivals {
        Arrivals::Constant => (0.0, 0.0),
        Arrivals::Poisson => (4.0 * 4_000_f64.sqrt(), 1.0),
    };
    findings.near("messages", FigureUnit::Count, 4_000.0, sent as f64, near);
    let samples = recording.record.samples.iter();
    let mut due: Vec<_> = samples.map(|s| s.intended_ns).collect();
    due.sort_unstable();
    // The coefficient of n exponential gaps has a deviation of 1/√n.
    let tolerance = match arrivals {
        Arrivals::Constant => 1e-5,
        Arrivals::Poisson => 4.0 / (due.len() as f64 - 1.0).sqrt(),
    };
    let (figure, reported) = ("variation of the gaps", gap_variation(&due));
    findings.near(figure, FigureUnit::Number, variation, reported, tolerance);
    // The last arrival is as far from the first as in the schedule.
    let figure = "time from first to last arrival";
    findings.ms(figure, span_ms(&due), span_ms(&arrived), 10.0);
    Ok(())
}

/// Coefficient of variation of the gaps between sorted times.
fn gap_variation(times: &[u64]) -> f64 {
    let gaps: Vec<_> = times.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n;
    variance.sqrt() / mean
}

/// Time from the first to the last of sorted times; NaN without any.
fn span_ms(times: &[u64]) -> f64 {
    let ends = times.first().zip(times.last());
    ends.map_or(f64::NAN, |(first, last)| (last - first) as f64 / 1e6)
}

fn slow_read(findings: &mut Findings) -> anyhow::Result<()> {
    const RATE: f64 = 100.0;
    let load = open(RATE, Arrivals::Constant, None)?;
    // A frame of 1,000 bytes has 8 more: two headers, two lengths, four of the mask.
    let spoil = |faults: &mut Faults| faults.bytes_per_s = Some(50_400);
    let (recording, log) = measure(spoil, |plan| {
        plan.clients = NonZeroU32::MIN;
        (plan.payload.min, plan.payload.max) = (1_000, 1_000);
        plan.load = load;
        plan.length = Length::Duration(Duration::from_secs(1));
    })?;
    note_noise(findings, &recording, log.waited_share, 1.0, 10.0);
    // Message j is due at 10·j ms and read whole when (j + 1)·1,008 bytes may have been read, which is
    // 20·(j + 1) ms after the handshake: it waits 20 + 10·j ms.
    for j in [20, 50, 99] {
        let sample = recording.record.samples.iter().find(|s| s.message == j);
        let reported = sample.and_then(Sample::response_time_ns);
        let reported = reported.map_or(f64::NAN, |ns| ns as f64 / 1e6);
        let figure = format!("response time of message {j}");
        findings.ms(figure, 20.0 + 10.0 * j as f64, reported, 25.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault_log::FaultLogEntry;
    use crate::faults::Fate;
    use crate::finding::CaseVerdict;

    const LAW: DelayLaw = DelayLaw::Uniform(ms(1), ms(9));

    /// Findings about 12,000 messages, one each 250 µs, of which those that arrive in a stop of this many milliseconds are
    /// read and answered after it. The report is longer than the true stays by `wrong_ms`.
    fn findings(stop_ms: u64, wrong_ms: f64) -> Findings {
        const N: u64 = 12_000;
        let stop_ns = 1_000_000_000..1_000_000_000 + stop_ms * 1_000_000;
        let (mut log, mut service) = (FaultLog::default(), LatencyHistogram::new());
        for n in 0..N {
            let arrived_ns = n * 250_000;
            let delay_ns = 1_000_000 + (n * 7_919 % N) * 8_000_000 / N;
            let is_in = stop_ns.contains(&arrived_ns);
            let (looked_ns, received_ns) = match is_in {
                true => (stop_ns.start, stop_ns.end),
                false => (arrived_ns.saturating_sub(5_000), arrived_ns),
            };
            let mut answered_ns = received_ns + delay_ns;
            if stop_ns.contains(&answered_ns) {
                answered_ns = stop_ns.end;
            }
            log.entries.push(FaultLogEntry {
                connection: 0,
                looked_ns,
                received_ns,
                answered_ns: Some(answered_ns),
                fate: Fate::Echoed,
            });
            service.record(answered_ns - arrived_ns + (wrong_ms * 1e6) as u64);
        }
        let mut findings = Findings::default();
        judge_delays(&mut findings, LAW, &service, &log, |_, _, _| ());
        findings
    }

    #[test]
    fn messages_that_wait_unread_in_a_stopped_server_are_no_wrong_report() {
        // A stop that moves p99.9 alone, and one that moves p99 as well.
        for stop_ms in [6, 20] {
            let findings = findings(stop_ms, 0.05);
            let table: Vec<_> = findings.all.iter().map(ToString::to_string).collect();
            assert_eq!(findings.verdict(), CaseVerdict::Noisy, "{table:?}");
        }
    }

    #[test]
    fn a_report_beside_a_server_without_stops_is_true_or_wrong() {
        assert_eq!(findings(0, 0.05).verdict(), CaseVerdict::True);
        assert_eq!(findings(0, 0.5).verdict(), CaseVerdict::Failed);
        // Noise at the tail excuses nothing at the median.
        assert_eq!(findings(6, 0.5).verdict(), CaseVerdict::Failed);
    }
}
