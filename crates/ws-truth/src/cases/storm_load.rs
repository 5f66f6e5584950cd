//! Load on clients that lose their connections, and the figures about them that several cases share.

use std::num::NonZeroU32;
use std::time::Duration;

use host::open_files;
use measurement::plan::{
    Arrivals, ConnectionDrop, DropMethod, Length, LoadDraft, RETRY_DELAY, ReconnectLaw,
};

use super::measured_run::MeasuredConnections;
use super::{SEED, open};
use crate::admission_rules::AdmissionRules;
use crate::finding::{FigureUnit, Findings};

/// Quantiles of the times until clients are back, with their names in the document.
pub(super) const BACK: [(f64, &str); 4] = [(0.5, "50"), (0.9, "90"), (0.99, "99"), (1.0, "100")];

/// Quantiles of connect times, with their names in the document.
pub(super) const CONNECT: [(f64, &str); 4] =
    [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "max")];

pub(super) const BACKOFF: ReconnectLaw = ReconnectLaw::Backoff {
    first: ms(50),
    cap: ms(150),
};

/// Time from T0 to the drop.
const DROP_AFTER: Duration = ms(500);

/// Largest median lag of attempts, above which the generator counts as delayed. All clients of a storm begin at once, so half
/// of them wait for the others.
const LATE_ATTEMPTS_MS: f64 = 100.0;

/// Largest send lag, above which the generator counts as delayed.
pub(super) const LATE_MS: f64 = 5.0;

pub(super) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Load on clients that lose their connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct StormLoad {
    pub(super) clients: u32,
    /// Messages per second.
    pub(super) rate: u32,
    pub(super) length: Duration,
    /// Share of the dropped connections and the way in which they end; `None` = the server ends them.
    pub(super) drop: Option<(f64, DropMethod)>,
    pub(super) law: ReconnectLaw,
}

impl StormLoad {
    /// Messages due in the measured time.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A small whole number.
    pub(super) fn planned(&self) -> u64 {
        (f64::from(self.rate) * self.length.as_secs_f64()).round() as u64
    }

    pub(super) fn measure(&self, rules: AdmissionRules) -> anyhow::Result<MeasuredConnections> {
        self.measure_with(rules, |_| ())
    }

    /// Measures with a further change of the plan.
    pub(super) fn measure_with(
        &self,
        rules: AdmissionRules,
        change: impl FnOnce(&mut LoadDraft),
    ) -> anyhow::Result<MeasuredConnections> {
        let load = open(f64::from(self.rate), Arrivals::Constant, None)?;
        MeasuredConnections::new(rules, |plan: &mut LoadDraft| {
            plan.clients = NonZeroU32::MIN.saturating_add(self.clients - 1);
            plan.load = load;
            plan.length = Length::Duration(self.length);
            // Clients wait in the server's queue.
            plan.connect_timeout = Duration::from_secs(30);
            plan.connections.reconnect = Some(self.law);
            plan.connections.drop = self.drop.map(|(share, method)| ConnectionDrop {
                after: DROP_AFTER,
                share,
                method,
            });
            change(plan);
        })
    }
}

/// Notes that this system allows too few open files for clients and server in one process. Returns `true` if it does.
pub(super) fn has_too_few_files(findings: &mut Findings, connections: u32) -> bool {
    const OTHERS: u64 = 100;
    let needed = 2 * u64::from(connections) + OTHERS;
    let limit = open_files::limit().filter(|limit| *limit < needed);
    findings.skipped = limit.map(|limit| {
        format!(
            "the limit on open files is {limit}, but {needed} are needed: raise it with `ulimit -n`"
        )
    });
    limit.is_some()
}

/// Rank of a quantile among `n` values, from 1.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // At most n.
pub(super) fn rank(q: f64, n: u32) -> u64 {
    ((q * f64::from(n) - 1e-9).ceil() as u64).max(1)
}

pub(super) fn half_pause_ms() -> f64 {
    RETRY_DELAY.as_secs_f64() * 1e3 / 2.0
}

/// Delay before an attempt of a client that has lost its first connection.
pub(super) fn delay_ns(law: ReconnectLaw, client: u32, attempt: u32) -> u64 {
    let delay = law.delay(SEED, client, 0, attempt);
    u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)
}

/// Adds the counts of the first connections, which all opened.
pub(super) fn connections(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    clients: u64,
    closed_early: u64,
) {
    let truths = [
        ("attempted", clients),
        ("opened", clients),
        ("failed", 0),
        ("closed_early", closed_early),
    ];
    measured.counts(findings, "connections", &truths);
}

/// Adds that each planned message was sent or missed, and none was left for another reason.
pub(super) fn all_accounted_for(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    load: &StormLoad,
) {
    measured.counts(findings, "messages", &[("unsent", 0)]);
    let missed = measured.figure("/reconnect/missed");
    let reported = sent(measured) as f64 + missed;
    let planned = load.planned() as f64;
    findings.near("sent or missed", FigureUnit::Count, planned, reported, 0.0);
}

pub(super) fn sent(measured: &MeasuredConnections) -> u64 {
    measured.recording.record.counts.sent
}

pub(super) fn received(measured: &MeasuredConnections) -> u64 {
    measured.recording.record.counts.received
}

pub(super) fn lost(measured: &MeasuredConnections) -> u64 {
    measured.recording.record.counts.lost
}

/// Adds that no attempt failed.
pub(super) fn none_refused(findings: &mut Findings, measured: &MeasuredConnections) {
    let truths = [
        ("refused", 0),
        ("timed_out", 0),
        ("setup_failed", 0),
        ("own_failed", 0),
    ];
    measured.counts(findings, "reconnect", &truths);
    failed_handshakes(findings, measured);
}

fn failed_handshakes(findings: &mut Findings, measured: &MeasuredConnections) {
    let by_status = measured.value("/reconnect/handshake_failed").as_object();
    let failed = |status: &str| {
        by_status
            .and_then(|all| all.get(status)?.as_u64())
            .unwrap_or(0)
    };
    let all = by_status.map_or(0, |all| all.values().filter_map(|n| n.as_u64()).sum());
    findings.count(
        "503s in the server's log",
        measured.log.refused(),
        failed("503"),
    );
    findings.count("other failed handshakes", 0, all - failed("503"));
}

/// Notes noise if the generator sent or began attempts late.
pub(super) fn note_lateness(findings: &mut Findings, measured: &MeasuredConnections) {
    // Few messages are due while a thousand connections are dropped and begun.
    measured.note_noise(findings, 0.95, LATE_MS);
    let lag = measured.ms("/reconnect/attempt_lag_ns/p50");
    if lag > LATE_ATTEMPTS_MS && !findings.held_up() {
        findings.note_delays(Some(format!(
            "the generator began half of the attempts {lag:.1} ms late"
        )));
    }
}

/// Adds the times until clients were back, with a tolerance of 2 %.
pub(super) fn back(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    times_ms: &[f64; 4],
    against: &str,
) {
    back_within(findings, measured, times_ms, (against, 0.02));
}

/// Adds the times until clients were back, with a tolerance of this share.
pub(super) fn back_within(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    times_ms: &[f64; 4],
    (against, tolerance): (&str, f64),
) {
    for ((_, key), truth_ms) in BACK.iter().zip(times_ms) {
        let reported = measured.ms(&format!("/reconnect/back_{key}_ns"));
        if reported.is_nan() && findings.held_up() {
            // The run of a generator without a core ended before its clients were back.
            continue;
        }
        let figure = format!("{key} % are back{against}");
        findings.ms(figure, *truth_ms, reported, truth_ms * tolerance);
    }
}

/// Adds the connect times in a storm, which count from the loss, as all attempts are due at it.
pub(super) fn connect_response(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    times_ms: &[f64; 4],
) {
    for ((_, key), truth_ms) in CONNECT.iter().zip(times_ms) {
        let reported = measured.ms(&format!("/reconnect/connect_response_ns/{key}"));
        let figure = format!("connect response time {}", key.replace("max", "maximum"));
        findings.ms(figure, *truth_ms, reported, truth_ms * 0.02);
    }
}
