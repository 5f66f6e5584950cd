//! Cases about the capacity of a server with one queue.

use std::ops::Range;
use std::time::Duration;

use measurement::load_search::{CapacityRules, SweepRules};
use measurement::plan::Arrivals;
use measurement::run::LoadStep;
use swarm::{RunHandle, RunSetup};

use super::measured_run::{sorted_quantile_ms, tolerance_ms};
use super::{Case, open, plan};
use crate::faults::{Faults, Selection};
use crate::faulty_server::FaultyServer;
use crate::finding::{FigureUnit, Findings};
use crate::queue_load::{CONDITION, LoadedLog, LoadedQueue, NARROW_BUDGET, SearchedQueue, TIMEOUT};
use crate::queue_log::service_times_s;
use crate::queue_model::ShortRun;
use crate::queue_rules::QueueRules;

pub(super) const TIMED_CASES: &[Case] = &[
    Case {
        name: "capacity",
        truth: "one queue, service time 500 µs, Poisson arrivals: the interval of the capacity at p99 < 10 ms contains the rate at which 1 % of the responses take longer, by the recursion of Lindley over the logged service times",
        examine: |f| capacity(f, Arrivals::Poisson),
    },
    Case {
        name: "capacity-constant",
        truth: "the same with constant arrivals, where no message waits below the rate of the services: 1 / 500 µs, less the delays in the server's log",
        examine: |f| capacity(f, Arrivals::Constant),
    },
    Case {
        name: "capacity-hysteresis",
        truth: "constant arrivals, and the service time doubles beyond 100 messages until none is left: hysteresis, from below as in `capacity-constant`, from above at least half of the rate of the doubled services, and not more than it",
        examine: hysteresis,
    },
    Case {
        name: "capacity-dead",
        truth: "the server accepts connections and answers nothing: capacity 0",
        examine: dead,
    },
    Case {
        name: "sweep",
        truth: "one queue, service time 500 µs, Poisson arrivals, 5 rates from 400 to 1,800/s: p50 and p99 as in the server's log, and as by the recursion of Lindley",
        examine: sweep,
    },
];

const SEED: u64 = super::SEED;

/// A spinning server and a generator each need a core.
fn has_cores(findings: &mut Findings) -> bool {
    let enough = host::cores::allowed_cores().len() != 1;
    if !enough {
        findings.skipped = Some("a spinning server and the generator need two cores".to_owned());
    }
    enough
}

/// Adds the capacity from below and its interval.
fn judge_capacity(findings: &mut Findings, searched: &SearchedQueue) -> anyhow::Result<()> {
    let truth = searched.log.capacity()?;
    let found = &searched.capacity;
    let half = (found.high_per_s - found.low_per_s) / 2.0;
    findings.near(
        format!("capacity at {CONDITION}, middle of its interval"),
        FigureUnit::PerSecond,
        truth.per_s,
        f64::midpoint(found.low_per_s, found.high_per_s),
        half + truth.error_per_s,
    );
    // In the median of many searches, 3 %.
    let half_width = searched.half_width_percent();
    findings.near(
        "half-width of the interval",
        FigureUnit::Percent,
        0.0,
        half_width,
        5.0,
    );
    findings.count_of_times(
        "capacity is a lower bound only",
        0,
        u64::from(found.at_least),
    );
    Ok(())
}

fn capacity(findings: &mut Findings, arrivals: Arrivals) -> anyhow::Result<()> {
    if !has_cores(findings) {
        return Ok(());
    }
    let queue = LoadedQueue::start(QueueRules::default(), arrivals, SEED)?;
    let searched = queue.find_capacity(NARROW_BUDGET)?;
    findings.note_delays(searched.noise.clone());
    judge_capacity(findings, &searched)?;
    let claimed = u64::from(searched.capacity.hysteresis);
    findings.count_of_times("hysteresis", 0, claimed);
    Ok(())
}

fn hysteresis(findings: &mut Findings) -> anyhow::Result<()> {
    if !has_cores(findings) {
        return Ok(());
    }
    let queue = LoadedQueue::start(QueueRules::HYSTERESIS, Arrivals::Constant, SEED)?;
    // To find the rate of a recovery as well takes longer.
    let searched = queue.find_capacity(CapacityRules::DEFAULT_BUDGET)?;
    findings.note_delays(searched.noise.clone());
    judge_capacity(findings, &searched)?;
    let found = &searched.capacity;
    findings.count_of_times("hysteresis", 1, u64::from(found.hysteresis));
    // Until hysteresis is shown, the rates tried lie up to a factor of two apart. Above the truth nothing recovers.
    let truth = searched.log.recovery_per_s();
    let reported = found.from_above_per_s.unwrap_or(f64::NAN);
    let name = "capacity from above";
    findings.near(name, FigureUnit::PerSecond, truth, reported, truth / 2.0);
    let is_above = u64::from(reported > truth * 1.05);
    findings.count_of_times("recovery above the truth", 0, is_above);
    Ok(())
}

fn dead(findings: &mut Findings) -> anyhow::Result<()> {
    let faults = Faults {
        drop: Some(Selection::Every(1)),
        ..Faults::default()
    };
    let server = FaultyServer::start_on(0, faults)?;
    let load = open(1.0, Arrivals::Poisson, None)?;
    let plan = plan(&server.url(), |draft| {
        draft.load = load;
        draft.timeout = Duration::from_millis(200);
    })?;
    let rules = CapacityRules {
        budget: Duration::from_secs(20),
        ..CapacityRules::new(vec![CONDITION.parse()?])
    };
    let handle = RunHandle::new();
    let run = swarm::load_search::find_capacity(&plan, &rules, &handle, RunSetup::default())?;
    let found = run.summary.and_then(|summary| summary.capacity);
    let rate = found.as_ref().and_then(|found| found.rate_per_s);
    findings.near(
        "capacity",
        FigureUnit::Number,
        0.0,
        rate.unwrap_or(f64::NAN),
        0.0,
    );
    let claims = |claimed: bool| u64::from(claimed);
    let at_least = found.as_ref().is_none_or(|found| found.at_least);
    findings.count("capacity is a lower bound only", 0, claims(at_least));
    let hysteresis = found.as_ref().is_none_or(|found| found.hysteresis);
    findings.count("hysteresis", 0, claims(hysteresis));
    Ok(())
}

fn sweep(findings: &mut Findings) -> anyhow::Result<()> {
    if !has_cores(findings) {
        return Ok(());
    }
    let queue = LoadedQueue::start(QueueRules::default(), Arrivals::Poisson, SEED)?;
    let rules = SweepRules {
        point: Duration::from_secs(8),
        ..SWEPT.parse()?
    };
    let (summary, log) = queue.sweep(&rules)?;
    let points = summary.load_curve.unwrap_or_default();
    findings.count("points", rules.rates.len() as u64, points.len() as u64);
    let first_s = points
        .iter()
        .map(|point| point.start_s)
        .fold(f64::INFINITY, f64::min);
    let first_ns = log.served.first().map_or(0, |m| m.arrived_ns);
    for point in &points {
        // The first message of the first point is at most a few milliseconds after its beginning.
        let begin_s = point.start_s - first_s + point.settle_s;
        judge_point(findings, point, &log, first_ns + nanoseconds(begin_s));
    }
    Ok(())
}

/// Length of a stop of the server that shows in the quantiles of a sweep: the tolerance of a short time.
const SWEEP_STOP: Duration = Duration::from_micros(300);

/// Share of the messages beyond a quantile that may arrive while the machine has stopped the server.
const STOPPED: f64 = 0.25;

/// Share of the tolerance that the delays of the generator's core, or waits during stops of the server, may explain.
const EXPLAINED: f64 = 0.5;

/// Time in milliseconds by which the path of a slow response may be longer than that of the median.
const PATH_MS: f64 = 0.2;

/// The rates of the sweep.
const SWEPT: &str = "400..1800:5";

/// Adds the quantiles of one point beside those of the server's log, and of the model.
fn judge_point(findings: &mut Findings, point: &LoadStep, log: &LoadedLog, begin_ns: u64) {
    let judged = LoggedPoint::of(log, &(begin_ns..begin_ns + nanoseconds(point.seconds)));
    let rate = point.offered_per_s;
    for (name, q, reported) in [
        ("p50", 0.5, point.response_p50_ns),
        ("p99", 0.99, point.response_p99_ns),
    ] {
        let logged_ms = sorted_quantile_ms(&judged.responses_ns, q);
        let noise = judged.noise(q);
        findings.note_delays(noise.map(|noise| format!("{noise} ({name} at {rate:.0}/s)")));
        if logged_ms >= TIMEOUT.as_secs_f64() * 1e3 {
            let figure = format!("{name} at {rate:.0}/s is beyond the timeout");
            findings.count_of_times(&figure, 1, u64::from(reported.is_none()));
            continue;
        }
        let reported_ms = reported.map_or(f64::NAN, |ns| ns as f64 / 1e6);
        findings.ms(
            format!("{name} at {rate:.0}/s against the server's log"),
            logged_ms,
            reported_ms,
            tolerance_ms(logged_ms),
        );
        if judged.services_s.is_empty() {
            continue;
        }
        // Points of this length scatter around the steady state.
        let run = ShortRun {
            settle: messages_in(point.settle_s, rate),
            judged: messages_in(point.seconds, rate),
            runs: 400,
        };
        let model = log.model(&judged.services_s, 0);
        let runs = model.quantile_of_runs(rate, run, q);
        let (low_ms, high_ms) = (runs[1] * 1e3, runs[runs.len() - 2] * 1e3);
        findings.ms(
            format!("{name} at {rate:.0}/s against the recursion"),
            f64::midpoint(low_ms, high_ms),
            reported_ms,
            (high_ms - low_ms) / 2.0 + PATH_MS,
        );
    }
}

/// Part of the server's log that belongs to one point.
struct LoggedPoint {
    /// Share of the time in which the machine stopped the server.
    stopped_share: f64,
    /// Mean time that messages waited unread in these stops.
    mean_unread_ms: f64,
    services_s: Vec<f64>,
    /// Sorted.
    responses_ns: Vec<u64>,
    /// The same with the delays of the generator's core, sorted. Empty if none is known.
    delayed_ns: Vec<u64>,
}

impl LoggedPoint {
    fn of(log: &LoadedLog, time_ns: &Range<u64>) -> Self {
        let served = log.arrived_in(time_ns);
        let path_ns = nanoseconds(log.path_s);
        let mut responses_ns: Vec<_> = served.iter().map(|m| m.stay_ns() + path_ns).collect();
        let delays = log.generator_delays(time_ns, responses_ns.len());
        let delayed = responses_ns.iter().zip(delays);
        let mut delayed_ns: Vec<_> = delayed
            .map(|(response_ns, delay)| response_ns + nanoseconds(delay.as_secs_f64()))
            .collect();
        responses_ns.sort_unstable();
        delayed_ns.sort_unstable();
        Self {
            stopped_share: log.stopped_share(time_ns, SWEEP_STOP),
            mean_unread_ms: log.mean_unread_ms(time_ns),
            services_s: service_times_s(served),
            responses_ns,
            delayed_ns,
        }
    }

    /// The reason why the machine was too noisy to judge this quantile, if there is one.
    fn noise(&self, q: f64) -> Option<String> {
        if self.stopped_share > (1.0 - q) * STOPPED {
            let percent = self.stopped_share * 100.0;
            return Some(format!(
                "the machine stopped the server {percent:.1} % of the time"
            ));
        }
        let logged_ms = sorted_quantile_ms(&self.responses_ns, q);
        let explained_ms = tolerance_ms(logged_ms) * EXPLAINED;
        if self.mean_unread_ms > explained_ms {
            let unread_ms = self.mean_unread_ms;
            return Some(format!(
                "messages waited unread for {unread_ms:.2} ms on average in stops of the server"
            ));
        }
        let delay_ms = sorted_quantile_ms(&self.delayed_ns, q) - logged_ms;
        let is_explained = delay_ms <= explained_ms;
        (!is_explained).then(|| format!("delays of the generator's core explain {delay_ms:.2} ms"))
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn messages_in(seconds: f64, per_s: f64) -> usize {
    (seconds * per_s) as usize
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
