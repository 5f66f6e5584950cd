//! The cases of the certificate: faults, a plan, and the arithmetic of the correct report.

mod attribution;
mod capacities;
mod churn;
mod counts;
mod feeds;
mod measured_run;
mod openings;
mod replies;
mod restarts;
mod rooms;
mod slow_readers;
#[cfg(target_os = "linux")]
mod stillness;
mod storm_load;
mod storms;
mod times;
mod unsent;

use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, Instant};

use anyhow::Context;
use host::cores::allowed_cores;
use measurement::plan::{
    Arrivals, Length, Load, LoadDraft, LoadSpec, Plan, RateProfile, ServerUrl,
};
use measurement::record::LatencyHistogram;
use swarm::{Recording, RunHandle};
use units::{Rate, human_time};

use crate::fault_log::FaultLog;
use crate::faults::Faults;
use crate::faulty_server::FaultyServer;
use crate::finding::{CaseVerdict, Findings};

/// Largest number of runs of a case. A correct report agrees with the arithmetic as soon as the machine is idle, a wrong
/// one never does.
const ATTEMPTS: usize = 5;

/// Time after which a case is not repeated: a search takes a minute and a half.
const LONGEST_REPEATED: Duration = Duration::from_secs(60);

/// Seed of every run.
const SEED: u64 = 42;

/// Share of the time spent waiting for a core, above which the generator or the server counts as delayed.
const NOISY_WAIT: f64 = 0.05;

/// Share of the messages beyond a quantile that may be sent late, or be read late. About as many others are delayed besides,
/// and move the quantile too.
const LATE_SHARE: f64 = 0.25;

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The name on the command line.
    pub name: &'static str,
    /// The server's fault, and the figures that follow from it.
    pub truth: &'static str,
    examine: fn(&mut Findings) -> anyhow::Result<()>,
}

impl Case {
    /// Runs the case. It is repeated while noise or the clock can explain a difference, for a minute at most. A wrong exact count is final. The
    /// last attempt decides, but a noisy attempt does not replace a wrong one. A case that only counts fails if no attempt
    /// could be judged.
    ///
    /// # Errors
    /// When the server cannot be started or the run cannot begin.
    pub fn run(&self) -> anyhow::Result<Findings> {
        let attempt = || {
            let mut findings = Findings::default();
            (self.examine)(&mut findings).with_context(|| format!("case {}", self.name))?;
            anyhow::Ok(findings)
        };
        let begun = Instant::now();
        let mut findings = attempt()?;
        for _ in 1..ATTEMPTS {
            if !findings.may_be_measured_again() || begun.elapsed() > LONGEST_REPEATED {
                break;
            }
            findings = valid_attempt(findings, attempt()?);
        }
        // A single attempt of a long case may well have been disturbed.
        let is_repeated = begun.elapsed() <= LONGEST_REPEATED;
        if is_repeated && findings.only_counts() && findings.verdict() == CaseVerdict::Noisy {
            findings.count("attempts that could be judged", 1, 0);
        }
        Ok(findings)
    }
}

/// The attempt that decides: the later one, unless it is too noisy to judge and the earlier one was wrong.
fn valid_attempt(before: Findings, now: Findings) -> Findings {
    match (before.verdict(), now.verdict()) {
        (CaseVerdict::Failed, CaseVerdict::Noisy) => before,
        _ => now,
    }
}

/// The certificate, in the order in which it is printed.
pub fn all() -> Vec<Case> {
    let mut all = [
        times::CASES,
        replies::TIMED_CASES,
        rooms::TIMED_CASES,
        feeds::TIMED_CASES,
        slow_readers::TIMED_CASES,
        openings::TIMED_CASES,
        churn::TIMED_CASES,
        storms::TIMED_CASES,
        restarts::TIMED_CASES,
        capacities::TIMED_CASES,
        &counting(),
    ]
    .concat();
    #[cfg(target_os = "linux")]
    all.extend(stillness::CASES);
    all
}

/// The plan of a generator in a process of its own, long enough for a disturbance of a second.
#[cfg(target_os = "linux")]
pub(crate) fn generator_plan(url: &str) -> anyhow::Result<Plan> {
    plan(url, |plan| {
        plan.length = Length::Duration(Duration::from_millis(2_500));
    })
}

/// The cases that only count, which must be judged on any machine.
pub fn counting() -> Vec<Case> {
    [
        counts::CASES,
        attribution::CASES,
        replies::CASES,
        rooms::CASES,
        feeds::CASES,
        unsent::CASES,
        churn::CASES,
        storms::CASES,
    ]
    .concat()
}

/// A plan of ten clients in closed loop, window 1, ten messages each, without warm-up, with the changes of a case.
fn plan(url: &str, change: impl FnOnce(&mut LoadDraft)) -> anyhow::Result<Plan> {
    let mut draft = LoadDraft {
        clients: NonZeroU32::MIN.saturating_add(9),
        length: messages(10),
        connect_timeout: Duration::from_millis(400),
        timeout: Duration::from_secs(5),
        warmup: Duration::ZERO,
        // The server has the first core: where there are two, neither waits for the other.
        pin: match allowed_cores()[..] {
            [_, .., last] => vec![last],
            _ => Vec::new(),
        },
        seed: SEED,
        max_samples: 1_000_000,
        ..LoadDraft::closed_loop()
    };
    change(&mut draft);
    Ok(LoadSpec::new(draft)?.against(ServerUrl::parse(url)?)?)
}

fn messages(n: u64) -> Length {
    Length::MessagesPerClient(NonZeroU64::MIN.saturating_add(n - 1))
}

fn closed(window: u32) -> Load {
    Load::Closed {
        window: NonZeroU32::MIN.saturating_add(window - 1),
    }
}

fn open(per_second: f64, arrivals: Arrivals, window: Option<u32>) -> anyhow::Result<Load> {
    Ok(Load::Open {
        profile: RateProfile::constant(Rate::new(per_second).context("a rate above 0")?),
        arrivals,
        window: window.and_then(NonZeroU32::new),
    })
}

/// Measures a server whose faults are set by `spoil`, and returns the result and the server's log.
fn measure(
    spoil: impl FnOnce(&mut Faults),
    change: impl FnOnce(&mut LoadDraft),
) -> anyhow::Result<(Recording, FaultLog)> {
    let mut faults = Faults::default();
    spoil(&mut faults);
    let server = FaultyServer::start_on(0, faults)?;
    let plan = plan(&server.url(), change)?;
    let recording = swarm::record(&plan, &RunHandle::new())?;
    Ok((recording, server.finish()))
}

/// Notes noise for the figures at this quantile, which are added next: the generator sent a quarter of the messages beyond it
/// later than this limit, and so read as late, or it or the server waited for its core, or the hypervisor withheld cores.
fn note_noise(
    findings: &mut Findings,
    recording: &Recording,
    server_waited_share: Option<f64>,
    q: f64,
    limit_ms: f64,
) {
    let open = recording.record.open_loop.as_ref();
    let lag = open.and_then(|open| long_lag(&open.send_lag, q, limit_ms));
    let client = &recording.context.client;
    let waits = long_wait("generator", client.run_queue_wait_share)
        .or_else(|| long_wait("server", server_waited_share))
        .or_else(|| long_steal(client.steal_s, recording.context.elapsed_s));
    findings.note_delays(waits.or(lag));
}

/// The quantile of delays beyond which lie [`LATE_SHARE`] of the messages that lie beyond the quantile `q`.
fn late_quantile(q: f64) -> f64 {
    1.0 - (1.0 - q) * LATE_SHARE
}

/// The sentence on a generator that sent too many of the messages beyond the quantile `q` later than this limit.
fn long_lag(send_lag: &LatencyHistogram, q: f64, limit_ms: f64) -> Option<String> {
    let late_q = late_quantile(q);
    let lag_ns = send_lag.quantile(late_q)? as f64;
    let (lag, name) = (human_time(lag_ns), quantile_name(late_q));
    (lag_ns > limit_ms * 1e6).then(|| format!("the generator sent {lag} late at {name}"))
}

/// The sentence on a wait for a core that is too long.
fn long_wait(who: &str, waited_share: Option<f64>) -> Option<String> {
    let percent = waited_share.filter(|share| *share > NOISY_WAIT)? * 100.0;
    Some(format!(
        "the {who} waited for a core {percent:.0} % of the time"
    ))
}

/// The sentence on too much time withheld from both by the hypervisor. The system does not count it as a wait for a core.
fn long_steal(steal_s: Option<f64>, elapsed_s: f64) -> Option<String> {
    let percent = steal_s.filter(|steal_s| *steal_s > NOISY_WAIT * elapsed_s)? / elapsed_s * 100.0;
    Some(format!("the hypervisor withheld {percent:.0} % of a core"))
}

/// The name of a quantile: `p99.9`, or `maximum`.
fn quantile_name(q: f64) -> String {
    if q < 1.0 {
        format!("p{}", (q * 1e6).round() / 1e4)
    } else {
        "maximum".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_takes_back_no_contradiction() {
        let findings = |reported, noise: Option<&str>| {
            let mut findings = Findings::default();
            findings.noise = noise.map(str::to_owned);
            findings.count("lost", 1, reported);
            findings
        };
        let (wrong, noisy) = (|| findings(0, None), || findings(1, Some("a neighbour")));
        assert_eq!(
            valid_attempt(wrong(), noisy()).verdict(),
            CaseVerdict::Failed
        );
        assert_eq!(
            valid_attempt(noisy(), wrong()).verdict(),
            CaseVerdict::Failed
        );
        assert_eq!(
            valid_attempt(wrong(), findings(1, None)).verdict(),
            CaseVerdict::True
        );
        assert_eq!(quantile_name(0.999), "p99.9");
        assert_eq!(quantile_name(late_quantile(0.999)), "p99.975");
    }

    /// Receivers of a feed that a hypervisor stops read ticks late, and send nothing late.
    #[test]
    fn time_that_the_hypervisor_withholds_is_noise() {
        let said = long_steal(Some(0.6), 3.0);
        assert_eq!(
            said.as_deref(),
            Some("the hypervisor withheld 20 % of a core")
        );
        assert_eq!(long_steal(Some(0.1), 3.0), None);
        assert_eq!(long_steal(None, 3.0), None);
    }

    /// Such a generator read as many other messages late, and p99 was called wrong.
    #[test]
    fn a_generator_that_sent_half_of_the_messages_beyond_a_quantile_late_is_noise() {
        let lag_of = |late: u64| {
            let mut send_lag = LatencyHistogram::new();
            (0..12_000).for_each(|n| send_lag.record(if n < late { 5_000_000 } else { 20_000 }));
            long_lag(&send_lag, 0.99, 0.14)
        };
        assert_eq!(
            lag_of(60).as_deref(),
            Some("the generator sent 5.00 ms late at p99.75")
        );
        assert_eq!(lag_of(25), None);
    }
}
