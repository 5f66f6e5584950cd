//! Messages of the plan, sent and matched by the load generator, so that a check needs exactly what will be measured.

use std::time::Duration;

use measurement::plan::Plan;
use measurement::record::DifferenceKind;
use measurement::run::Summary;
use swarm::{RunHandle, RunSetup, SwarmError};
use units::{ByteSize, human_time};

/// Reason why a planned message has no correct echo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum EchoProblem {
    #[error("it came back as {came}")]
    Type { came: String },
    /// Another length. `begins` is the escaped beginning of the echo.
    #[error("{came} bytes came back in place of {sent}, beginning “{begins}”")]
    Length {
        sent: u64,
        came: u64,
        begins: String,
    },
    /// Another byte. `at` counts from 1; `None` when unknown.
    #[error("{} came back changed", .at.map_or_else(|| "a byte".to_owned(), |at| format!("byte {at}")))]
    Bytes { at: Option<u64> },
    /// The connection ended. `code` is the close code of the server.
    #[error("{end}")]
    Ended { code: Option<u16>, end: String },
    /// The server refused messages of a scenario.
    #[error("{} of {sent} messages got an error reply", refused)]
    ErrorReply { refused: u64, sent: u64 },
    /// Replies of a scenario whose known parts differ.
    #[error("{} of {sent} replies came back corrupted", corrupted)]
    Corrupted { corrupted: u64, sent: u64 },
    /// Deliveries that did not come.
    #[error("{missing} of {expected} deliveries did not come within {}", human_time(.timeout.as_secs_f64() * 1e9))]
    Undelivered {
        missing: u64,
        expected: u64,
        timeout: Duration,
    },
    #[error("nothing came within {}", human_time(.0.as_secs_f64() * 1e9))]
    Silent(Duration),
}

/// Name of the check: `a text message of 125 B`.
pub(super) fn name(plan: &Plan) -> String {
    if let Some(scenario) = plan.scenario() {
        return match scenario.is_push_only() {
            true => format!("the feed of {}", scenario.name),
            false => format!("a message of {}", scenario.name),
        };
    }
    let kind = if plan.text { "text" } else { "binary" };
    format!("a {kind} message of {}", ByteSize(plan.payload.max))
}

/// Sends the messages of the plan. Returns the problem of the first wrong echo.
///
/// # Errors
/// When no connection opens.
pub(super) fn problem(plan: &Plan, control: &RunHandle) -> Result<Option<EchoProblem>, SwarmError> {
    let run = swarm::run(plan, control, RunSetup::default())?;
    Ok(run.summary.and_then(|summary| find(&summary, plan.timeout)))
}

/// Finds the problem of a run with few messages.
fn find(summary: &Summary, timeout: Duration) -> Option<EchoProblem> {
    let (m, c) = (&summary.messages, &summary.connections);
    // A connection that ends after its echoes will also end under load, where it is counted.
    let own = summary.fan_out.as_ref().filter(|own| own.missing > 0);
    let undelivered = own.map(|own| EchoProblem::Undelivered {
        missing: own.missing,
        expected: own.expected,
        timeout,
    });
    let is_silent_feed = summary.push.as_ref().is_some_and(|own| own.received == 0);
    if m.failed() == 0 && !is_silent_feed {
        return undelivered;
    }
    if let Some(difference) = m.differences.first() {
        return Some(match &difference.kind {
            DifferenceKind::Type { came, .. } => EchoProblem::Type { came: came.clone() },
            DifferenceKind::Length { sent, came } => EchoProblem::Length {
                sent: *sent,
                came: *came,
                begins: difference.begins.clone(),
            },
            DifferenceKind::Bytes { .. } => EchoProblem::Bytes {
                at: difference.first_difference,
            },
        });
    }
    if let Some(counts) = m.scenario.as_ref().filter(|s| s.error_reply > 0) {
        let (refused, sent) = (counts.error_reply, m.sent);
        return Some(EchoProblem::ErrorReply { refused, sent });
    }
    if let (Some(_), Some(corrupted @ 1..)) = (&m.scenario, m.corrupted) {
        let sent = m.sent;
        return Some(EchoProblem::Corrupted { corrupted, sent });
    }
    Some(match c.early_ends.keys().next() {
        None if undelivered.is_some() => undelivered?,
        Some(end) => EchoProblem::Ended {
            code: c.close_reasons.first().and_then(|close| close.code),
            end: end.clone(),
        },
        None => EchoProblem::Silent(timeout),
    })
}

#[cfg(test)]
mod tests {
    use measurement::run::{FanOutSummary, PushSummary};
    use test_support::fixtures::closed_loop_summary;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    #[test]
    fn a_delivery_that_is_missing_fails_the_check_although_all_replies_came() {
        let mut summary = closed_loop_summary(10);
        summary.fan_out = Some(FanOutSummary {
            expected: 40,
            delivered: 40,
            ..FanOutSummary::default()
        });
        assert_eq!(find(&summary, TIMEOUT), None);
        summary.fan_out.as_mut().unwrap().missing = 3;
        let undelivered = || Some("3 of 40 deliveries did not come within 1.00 s".to_owned());
        let said = |summary: &Summary| find(summary, TIMEOUT).map(|found| found.to_string());
        assert_eq!(said(&summary), undelivered());
        // Messages without a reply end with their deliveries.
        summary.messages.incomplete = 1;
        assert_eq!(said(&summary), undelivered());
    }

    #[test]
    fn a_feed_must_send_something() {
        let mut summary = closed_loop_summary(0);
        summary.push = Some(PushSummary::default());
        assert_eq!(find(&summary, TIMEOUT), Some(EchoProblem::Silent(TIMEOUT)));
        summary.push.as_mut().unwrap().received = 1;
        assert_eq!(find(&summary, TIMEOUT), None);
    }
}
