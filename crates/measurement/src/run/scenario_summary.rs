//! Scenario and setup as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use scenario::Scenario;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::record::SetupFailure;

/// The scenario as reported in results.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
// A workbook has no cells for what is empty.
#[serde(default)]
pub struct ScenarioSummary {
    pub name: String,
    /// SHA-256 of the merged file, in hexadecimal digits; `None` when the program did not compute it.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Names of the kinds of messages, in the order of the file.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Number of rooms.
    pub rooms: u32,
    /// Number of clients of each role.
    pub roles: BTreeMap<String, u64>,
    /// Vars and their texts; `null` for secrets.
    pub vars: BTreeMap<String, Option<String>>,
    /// True when some message has no reply, and ends when its last receiver has it.
    pub ends_with_deliveries: bool,
    /// True when a message holds `${pad}`, so the plan's payload size applies. Otherwise the scenario alone decides
    /// sizes.
    pub is_padded: bool,
}

impl ScenarioSummary {
    /// The scenario of a plan, without its hash; `None` for an echo.
    pub fn of(plan: &Plan) -> Option<Self> {
        plan.scenario().map(|scenario| Self::new(scenario, plan))
    }

    fn new(scenario: &Scenario, plan: &Plan) -> Self {
        let assigned = plan.roles();
        let roles = scenario.roles.iter().enumerate();
        let clients = |role| assigned.as_ref().map_or(0, |roles| roles.clients(role));
        let vars = scenario.vars().iter();
        Self {
            name: scenario.name.clone(),
            sha256: None,
            kinds: (0..scenario.messages.len())
                .map(|kind| scenario.kind_name(kind).into_owned())
                .collect(),
            rooms: plan.rooms.get(),
            roles: roles
                .map(|(index, role)| (role.name.clone(), clients(index)))
                .collect(),
            vars: vars
                .map(|var| (var.name.clone(), var.shown().map(str::to_owned)))
                .collect(),
            ends_with_deliveries: scenario
                .messages
                .iter()
                .any(|kind| kind.has_deliveries() && !kind.has_reply()),
            is_padded: scenario.messages.iter().any(|kind| kind.send.holds_pad()),
        }
    }
}

/// Setup of all clients.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
// A workbook has no cells for what is empty.
#[serde(default)]
pub struct SetupSummary {
    /// Clients that were ready for the load.
    pub ready: u64,
    /// Clients whose connection opened, but whose setup failed. Part of `connections.failed`.
    pub failed: u64,
    /// Failures, the most frequent first.
    pub failures: Vec<SetupFailureCount>,
}

/// Clients whose setup failed in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SetupFailureCount {
    #[serde(flatten)]
    pub failure: SetupFailure,
    /// Number of clients.
    pub count: u64,
}

impl SetupSummary {
    /// A summary of this many ready clients and these failures.
    pub fn new(ready: u64, failures: impl IntoIterator<Item = (SetupFailure, u64)>) -> Self {
        let mut all = BTreeMap::<SetupFailure, u64>::new();
        for (failure, count) in failures {
            *all.entry(failure).or_default() += count;
        }
        let mut failures: Vec<_> = all
            .into_iter()
            .map(|(failure, count)| SetupFailureCount { failure, count })
            .collect();
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
        Self {
            ready,
            failed: failures.iter().map(|failure| failure.count).sum(),
            failures,
        }
    }
}
