//! Facts of a plan from which a summary is computed.

use std::num::NonZeroU32;

use ::scenario::Scenario;
use serde::{Deserialize, Serialize};

use super::plan_summary::PlanSummary;
use super::scenario_summary::ScenarioSummary;
use crate::plan::{ClientPartition, Plan, Share};

/// Facts of a plan from which a summary is computed. Unlike a [`Plan`], they can be stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFacts {
    /// The plan as reported in results.
    pub plan: PlanSummary,
    /// True for an open loop.
    pub is_open_loop: bool,
    /// Messages per second that the plan offers, averaged over the sending time; `None` in closed loop.
    pub offered_rate_per_s: Option<f64>,
    /// Planned sending time in seconds; `None` where it depends on the server.
    pub sending_s: Option<f64>,
    /// The scenario; `None` when clients expect an echo.
    pub scenario: Option<ScenarioFacts>,
    /// Slow readers among the clients that send the load. Their messages are not those of the run.
    #[serde(default)]
    pub slow_senders: u32,
}

/// Names of a scenario under which figures are reported, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioFacts {
    /// The scenario as reported in results. It names the kinds of messages.
    pub summary: ScenarioSummary,
    /// True when some kind of message has a name in the file.
    pub names_kinds: bool,
    /// True when the scenario names the interval of the server's own messages.
    #[serde(default)]
    pub has_interval: bool,
    /// True when some message reaches receivers. Then a client belongs to the process of its room.
    #[serde(default)]
    pub has_deliveries: bool,
    /// The roles.
    pub roles: Vec<RoleFacts>,
    /// The `[[on]]` rules.
    pub rules: Vec<RuleFacts>,
}

/// A role of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleFacts {
    /// Name of the role.
    pub name: String,
    /// True when its clients send the load.
    pub sends: bool,
    /// True when its clients receive deliveries.
    #[serde(default)]
    pub receives: bool,
}

/// An `[[on]]` rule of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFacts {
    /// Name of the rule.
    pub name: String,
    /// True when its records are errors of the server.
    pub is_error: bool,
    /// True when the clients answer its records.
    pub answers: bool,
}

impl From<&Plan> for PlanFacts {
    fn from(plan: &Plan) -> Self {
        Self {
            plan: PlanSummary::from(plan),
            is_open_loop: plan.load.profile().is_some(),
            offered_rate_per_s: plan.offered_rate(),
            sending_s: plan.sending_s(),
            scenario: plan
                .scenario()
                .zip(ScenarioSummary::of(plan))
                .map(|(scenario, summary)| ScenarioFacts::new(scenario, summary)),
            slow_senders: plan.slow_senders(),
        }
    }
}

impl PlanFacts {
    /// Number of clients that send the load.
    pub fn senders(&self) -> u32 {
        self.plan.senders.unwrap_or(self.plan.clients)
    }

    /// Planned number of messages over all clients that are not slow; `None` when a duration is planned.
    pub fn planned_messages(&self) -> Option<u64> {
        let per_client = self.plan.messages_per_client?;
        let senders = self.senders().saturating_sub(self.slow_senders);
        Some(per_client.saturating_mul(u64::from(senders)))
    }

    /// Messages per second that the plan offers, without those of slow readers; `None` in closed loop.
    pub fn measured_rate_per_s(&self) -> Option<f64> {
        let slow = f64::from(self.slow_senders) / f64::from(self.senders().max(1));
        self.offered_rate_per_s.map(|rate| rate * (1.0 - slow))
    }
}

impl PlanFacts {
    /// Number of messages that one of several processes should send: all of a planned number, or those that are due in
    /// the planned time of an open loop, on average for random arrivals. 0 where it depends on the server.
    pub fn due_of(&self, share: Share) -> u64 {
        let partition = self.partition();
        let own = u64::from(partition.senders_of(share));
        if let Some(messages) = self.plan.messages_per_client {
            return messages.saturating_mul(own);
        }
        let (Some(rate), Some(sending_s)) = (self.offered_rate_per_s, self.sending_s) else {
            return 0;
        };
        // Saturates far beyond any plan.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let due = (rate * sending_s).ceil() as u64;
        let senders = u64::from(partition.senders().max(1));
        // The clients that send take turns.
        let rest = u32::try_from(due % senders).unwrap_or(0);
        let of_rest = partition.first_senders_of(rest, share);
        (due / senders).saturating_mul(own) + u64::from(of_rest)
    }

    /// Number of clients of one of several processes.
    pub fn clients_of(&self, share: Share) -> u32 {
        self.partition().clients_of(share)
    }

    /// Distribution of the clients over rooms and processes.
    pub fn partition(&self) -> ClientPartition {
        let Some(scenario) = &self.scenario else {
            return ClientPartition::new([(self.plan.clients, true)], NonZeroU32::MIN, false);
        };
        let roles = scenario.roles.iter().map(|role| {
            let clients = scenario.summary.roles.get(&role.name);
            // There are at most `MAX_CLIENTS`.
            let clients = clients.and_then(|clients| u32::try_from(*clients).ok());
            (clients.unwrap_or(0), role.sends)
        });
        let rooms = NonZeroU32::new(scenario.summary.rooms).unwrap_or(NonZeroU32::MIN);
        ClientPartition::new(roles, rooms, scenario.has_deliveries)
    }
}

impl ScenarioFacts {
    /// The facts of a scenario, and its summary.
    pub fn new(scenario: &Scenario, summary: ScenarioSummary) -> Self {
        let rules = scenario.on.iter().enumerate();
        Self {
            summary,
            has_interval: scenario
                .push
                .as_ref()
                .is_some_and(|push| push.interval.is_some()),
            has_deliveries: scenario.has_deliveries(),
            names_kinds: scenario.messages.iter().any(|kind| kind.name.is_some()),
            roles: scenario
                .roles
                .iter()
                .map(|role| RoleFacts {
                    name: role.name.clone(),
                    sends: role.sends && !scenario.is_push_only(),
                    receives: role.receives,
                })
                .collect(),
            rules: rules
                .map(|(index, rule)| RuleFacts {
                    name: scenario.rule_name(index).into_owned(),
                    is_error: rule.error,
                    answers: rule.send.is_some(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ::scenario::{ScenarioOptions, ScenarioSource};

    use super::*;
    use crate::plan::{LoadDraft, LoadSpec, ServerUrl};

    /// A client in a room of another process than its number would say was counted for the wrong shard.
    #[test]
    fn stored_facts_divide_clients_as_their_plan_does() {
        let text = "[[message]]\nsend = '${uid}'\nreply = '${uid}'\ndeliver = '${uid}'\n\
            [roles.b]\ncount = 4\nreceives = false\n[roles.a]\nsends = false\n";
        let source = ScenarioSource::File {
            name: "t.toml",
            text,
        };
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap();
        let count = NonZeroU32::new(3).unwrap();
        let draft = LoadDraft {
            scenario: Some(Arc::new(scenario)),
            clients: NonZeroU32::new(14).unwrap(),
            rooms: NonZeroU32::new(4).unwrap(),
            share: Share { index: 0, count },
            ..LoadDraft::closed_loop()
        };
        let plan = LoadSpec::new(draft).and_then(|load| load.against(ServerUrl::parse("ws://a/")?));
        let plan = plan.unwrap();
        let facts = PlanFacts::from(&plan);
        assert_eq!(facts.partition(), plan.partition());
        let due: Vec<_> = (0..3)
            .map(|index| facts.due_of(Share { index, count }))
            .collect();
        assert_eq!(due, [2_000, 1_000, 1_000]);
        assert_eq!(plan.own_planned_messages(), Some(2_000));
        assert_eq!(facts.planned_messages(), Some(4_000));
        let role = &facts.scenario.unwrap().roles[0];
        assert!(role.sends && !role.receives);
    }
}
