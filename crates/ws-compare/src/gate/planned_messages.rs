//! Messages of the plan, sent and matched by the generator itself: a check asks for what will be measured.

use std::time::Duration;

use measurement::plan::Plan;
use measurement::record::DifferenceKind;
use measurement::run::Summary;
use swarm::{RunHandle, RunSetup, SwarmError};
use units::{ByteSize, human_time};

/// A reason why a planned message has no right echo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum EchoProblem {
    #[error("it came back as {came}")]
    Type { came: String },
    /// `begins` is escaped.
    #[error("{came} bytes came back in place of {sent}, beginning “{begins}”")]
    Length {
        sent: u64,
        came: u64,
        begins: String,
    },
    /// `at` counts from 1; `None` when it is not known.
    #[error("{} came back changed", .at.map_or_else(|| "a byte".to_owned(), |at| format!("byte {at}")))]
    Bytes { at: Option<u64> },
    /// The connection ended; `code` is that of the server's close frame.
    #[error("{end}")]
    Ended { code: Option<u16>, end: String },
    #[error("nothing came within {}", human_time(.0.as_secs_f64() * 1e9))]
    Silent(Duration),
}

/// Names the check: `a text message of 125 B`.
pub(super) fn name(plan: &Plan) -> String {
    let kind = if plan.text { "text" } else { "binary" };
    format!("a {kind} message of {}", ByteSize(plan.payload.max))
}

/// Sends the few messages of the plan. Returns the problem of the first echo that is not right.
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
    // A connection that ends after its echoes ends under load as well, and is counted there.
    if m.failed() == 0 {
        return None;
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
    Some(match c.early_ends.keys().next() {
        Some(end) => EchoProblem::Ended {
            code: c.close_reasons.first().and_then(|close| close.code),
            end: end.clone(),
        },
        None => EchoProblem::Silent(timeout),
    })
}
