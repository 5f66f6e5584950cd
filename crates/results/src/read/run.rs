//! What the `summary` sheet says about the run.

use std::ops::ControlFlow;

use measurement::summary::PayloadBytes;

use super::source::{Source, Value};
use crate::error::ResultsError;
use crate::schema;

/// The run that a file of ours comes from, as far as its `summary` sheet tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunInfo {
    /// The server's URL.
    pub url: Option<String>,
    /// Connections asked for.
    pub clients: Option<u64>,
    /// Payload size.
    pub payload_bytes: Option<PayloadBytes>,
    /// Messages whose time the run's own figures count; the rows may be fewer.
    pub timed_messages: Option<u64>,
    /// Name and version of the tool that measured.
    pub tool: Option<String>,
}

impl RunInfo {
    /// `None` without such a sheet, or when nothing of this stands there.
    pub(super) fn read(source: &mut dyn Source) -> Result<Option<Self>, ResultsError> {
        if !source
            .sheets()
            .iter()
            .any(|name| name == schema::SUMMARY_SHEET)
        {
            return Ok(None);
        }
        let mut run = Self::default();
        let (mut tool, mut version) = (None, None);
        let (mut min, mut max) = (None, None);
        let mut key = String::new();
        source.visit(schema::SUMMARY_SHEET, &mut |at, value| {
            match (at.column, value) {
                (0, Value::Text(text)) => text.trim().clone_into(&mut key),
                (0, _) => key.clear(),
                (1, Value::Text(text)) => match key.as_str() {
                    "plan.url" => run.url = Some(text.to_owned()),
                    "tool.name" => tool = Some(text.to_owned()),
                    "tool.version" => version = Some(text.to_owned()),
                    _ => {}
                },
                (1, Value::Number(number)) => match key.as_str() {
                    "plan.clients" => run.clients = whole(number),
                    "service_time_ns.count" => run.timed_messages = whole(number),
                    "plan.payload_bytes" => {
                        run.payload_bytes = whole(number).map(PayloadBytes::Fixed);
                    }
                    "plan.payload_bytes.min" => min = whole(number),
                    "plan.payload_bytes.max" => max = whole(number),
                    _ => {}
                },
                _ => {}
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let (Some(min), Some(max)) = (min, max) {
            run.payload_bytes = Some(PayloadBytes::Range { min, max });
        }
        run.tool = match (tool, version) {
            (Some(name), Some(version)) => Some(format!("{name} {version}")),
            (name, _) => name,
        };
        Ok((run != Self::default()).then_some(run))
    }
}

/// A count, unless the number is none.
fn whole(number: f64) -> Option<u64> {
    /// The largest count that a spreadsheet's number holds exactly.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    // In range and whole, so nothing is cut off.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (number.fract() == 0.0 && (0.0..=LARGEST).contains(&number)).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole_and_not_negative() {
        assert_eq!(whole(125.0), Some(125));
        for wrong in [-1.0, 1.5, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(whole(wrong), None);
        }
    }
}
