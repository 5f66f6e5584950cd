//! The run that a file comes from.

use measurement::run::{PayloadBytes, Summary};
use serde_json::Value;

/// The run that a file comes from, as far as it is known: a workbook can have only a few keys of a summary.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunOrigin {
    /// The servers' URLs.
    pub urls: Vec<String>,
    /// Planned connections.
    pub clients: Option<u64>,
    /// Payload size; `None` when a scenario decides it.
    pub payload_bytes: Option<PayloadBytes>,
    /// Name of the scenario; `None` for an echo.
    pub scenario: Option<String>,
    /// Number of messages in the run's figures of times; a file can have fewer rows.
    pub timed_messages: Option<u64>,
    /// Name and version of the tool that made the measurement.
    pub tool: Option<String>,
}

impl RunOrigin {
    /// Reads the available keys of a `summary` sheet; `None` without any.
    pub(super) fn of_sheet(summary: &Value) -> Option<Self> {
        let at = |path| summary.pointer(path);
        let text = |path| at(path).and_then(Value::as_str).map(ToOwned::to_owned);
        let count = |path| at(path).and_then(Value::as_u64);
        let urls = at("/plan/urls").and_then(Value::as_array);
        let urls = urls.map_or_else(Vec::new, |urls| {
            let urls = urls.iter().filter_map(Value::as_str);
            urls.map(ToOwned::to_owned).collect()
        });
        let scenario = text("/scenario/name");
        let payload = at("/plan/payload_bytes").filter(|_| scenario.is_none());
        let origin = Self {
            urls: match text("/plan/url") {
                Some(url) if urls.is_empty() => vec![url],
                _ => urls,
            },
            clients: count("/plan/clients"),
            payload_bytes: payload.and_then(|bytes| serde_json::from_value(bytes.clone()).ok()),
            scenario,
            timed_messages: count("/service_time_ns/count"),
            tool: match (text("/tool/name"), text("/tool/version")) {
                (Some(name), Some(version)) => Some(format!("{name} {version}")),
                (name, _) => name,
            },
        };
        (origin != Self::default()).then_some(origin)
    }
}

impl From<&Summary> for RunOrigin {
    fn from(s: &Summary) -> Self {
        let scenario = s.scenario.as_ref().map(|scenario| scenario.name.clone());
        Self {
            urls: s.plan.server_urls().to_vec(),
            clients: Some(s.plan.clients.into()),
            payload_bytes: scenario.is_none().then_some(s.plan.payload_bytes),
            scenario,
            timed_messages: Some(s.service_time_ns.count),
            tool: Some(format!("{} {}", s.tool.name, s.tool.version)),
        }
    }
}
