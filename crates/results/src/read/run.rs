//! What a summary says about the run, in short.

use measurement::run::PayloadBytes;
use serde_json::Value;

use super::source::Source;
use super::summary;
use crate::error::ResultsError;

/// The run that a file of ours comes from, as far as its summary tells.
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
        Ok(summary::read(source)?.and_then(|summary| Self::of(&summary)))
    }

    /// `None` when nothing of this stands in the summary's JSON.
    pub(super) fn of(summary: &Value) -> Option<Self> {
        let at = |path| summary.pointer(path);
        let text = |path| at(path).and_then(Value::as_str).map(ToOwned::to_owned);
        let count = |path| at(path).and_then(Value::as_u64);
        let run = Self {
            url: text("/plan/url"),
            clients: count("/plan/clients"),
            payload_bytes: at("/plan/payload_bytes")
                .and_then(|bytes| serde_json::from_value(bytes.clone()).ok()),
            timed_messages: count("/service_time_ns/count"),
            tool: match (text("/tool/name"), text("/tool/version")) {
                (Some(name), Some(version)) => Some(format!("{name} {version}")),
                (name, _) => name,
            },
        };
        (run != Self::default()).then_some(run)
    }
}
