//! Every case of the certificate: faults, a plan, and the arithmetic of what must be reported.

mod counts;
mod times;

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use anyhow::Context;
use host::cores::allowed_cores;
use measurement::plan::{Arrivals, Length, Load, Plan, PlanDraft, RateProfile, ServerUrl, Verify};
use swarm::Finished;
use swarm::control::Control;
use units::{Rate, SizeRange, human_time};

use crate::check::{Findings, Verdict};
use crate::faults::Faults;
use crate::log::Log;
use crate::server::Server;

/// How often a case about time is tried: what is right agrees with the arithmetic once the machine
/// leaves it alone, what is wrong never does.
const ATTEMPTS: usize = 5;

/// A share of the time waited for a core beyond which it was held up.
const NOISY_WAIT: f64 = 0.05;

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name on the command line.
    pub name: &'static str,
    /// What the server does, and the arithmetic of what follows from it.
    pub truth: &'static str,
    /// It is about time, which other programs on the machine take from it.
    timed: bool,
    look: fn(&mut Findings) -> anyhow::Result<()>,
}

impl Case {
    /// Carries the case out; one about time again, if it does not agree. Of several attempts it is the last
    /// that counts, but no noise after a contradiction takes that back.
    ///
    /// # Errors
    /// When the server or the run cannot take place at all.
    pub fn run(&self) -> anyhow::Result<Findings> {
        let attempt = || {
            let mut findings = Findings::default();
            (self.look)(&mut findings).with_context(|| format!("case {}", self.name))?;
            anyhow::Ok(findings)
        };
        let attempts = if self.timed { ATTEMPTS } else { 1 };
        let mut findings = attempt()?;
        for _ in 1..attempts {
            if findings.verdict() == Verdict::True {
                break;
            }
            findings = later(findings, attempt()?);
        }
        Ok(findings)
    }
}

/// Which of two attempts counts: the later one, unless it cannot tell what the other one could.
fn later(before: Findings, now: Findings) -> Findings {
    match (before.verdict(), now.verdict()) {
        (Verdict::Failed, Verdict::Noisy) => before,
        _ => now,
    }
}

/// The certificate, in the order in which it is printed.
#[must_use]
pub fn all() -> Vec<Case> {
    times::CASES.iter().chain(counts::CASES).copied().collect()
}

/// Ten clients in closed loop, window 1, ten messages each, no warm-up; changed as the case needs.
pub(crate) fn plan(url: &str, change: impl FnOnce(&mut PlanDraft)) -> anyhow::Result<Plan> {
    let ten = NonZeroU32::MIN.saturating_add(9);
    let mut draft = PlanDraft {
        server_url: ServerUrl::parse(url)?,
        certificate_policy: Default::default(),
        embedded: None,
        clients: ten,
        length: messages(10),
        payload: SizeRange { min: 125, max: 125 },
        text: true,
        load: Load::PING_PONG,
        connect_rate: None,
        connect_timeout: Duration::from_millis(400),
        timeout: Duration::from_secs(5),
        warmup: Duration::ZERO,
        verify: Verify::Full,
        threads: NonZeroUsize::MIN,
        // The server has the first core: where there are two, neither waits for the other.
        pin: match allowed_cores()[..] {
            [_, .., last] => vec![last],
            _ => Vec::new(),
        },
        busy_poll: false,
        headers: Default::default(),
        seed: 42,
        max_samples: 1_000_000,
    };
    change(&mut draft);
    Ok(Plan::new(draft)?)
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

/// Measures a server with these faults; what was measured, and what the server did.
fn measure(faults: Faults, change: impl FnOnce(&mut PlanDraft)) -> anyhow::Result<(Finished, Log)> {
    let server = Server::start(faults)?;
    let plan = plan(&server.url(), change)?;
    let finished = swarm::run(&plan, &Control::new())?;
    Ok((finished, server.finish()))
}

/// Notes that the generator was held up, if it was: it sent later than may be at this quantile, so it
/// read as late, or it waited for its core. The times that are noted from now on are those at this quantile.
fn note_noise(findings: &mut Findings, finished: &Finished, q: f64, limit_ms: f64) {
    findings.held_up = false;
    let open = finished.record.open_loop.as_ref();
    #[allow(clippy::cast_precision_loss)]
    if let Some(lag) = open.and_then(|open| open.send_lag.quantile(q))
        && lag as f64 > limit_ms * 1e6
    {
        findings.held_up = true;
        findings.noise = Some(format!(
            "at the {} the generator itself sent {} late",
            quantile_name(q),
            human_time(lag as f64)
        ));
    }
    if let Some(share) = finished.usage.run_queue_wait_share
        && share > NOISY_WAIT
    {
        findings.held_up = true;
        let percent = share * 100.0;
        findings.noise = Some(format!(
            "the generator waited for a core {percent:.0} % of the time"
        ));
    }
}

/// `p99.9`, or `maximum`.
fn quantile_name(q: f64) -> String {
    if q < 1.0 {
        format!("p{}", q * 100.0)
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
            let mut findings = Findings {
                noise: noise.map(str::to_owned),
                ..Findings::default()
            };
            findings.count("lost", 1, reported);
            findings
        };
        let (wrong, noisy) = (|| findings(0, None), || findings(1, Some("a neighbour")));
        assert_eq!(later(wrong(), noisy()).verdict(), Verdict::Failed);
        assert_eq!(later(noisy(), wrong()).verdict(), Verdict::Failed);
        assert_eq!(later(wrong(), findings(1, None)).verdict(), Verdict::True);
        assert_eq!(quantile_name(0.999), "p99.9");
    }
}
