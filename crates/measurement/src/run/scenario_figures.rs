//! Figures of a scenario as reported in results: kinds of messages and roles.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fan_out_summary::{FanOutSummary, ReceiverSummary};
use super::neighbour_ratios::neighbour_ratios;
use super::plan_facts::{PlanFacts, ScenarioFacts};
use super::push_summary::PushSummary;
use super::scenario_summary::ScenarioSummary;
use super::slow_summary::SlowSummary;
use crate::record::{
    KindCounts, KindRecord, LazyHistogram, MessageCounts, Record, ScenarioCounts, ScenarioRecord,
};
use crate::verdict::Latency;

/// Figures of one kind of message, or of the messages of one role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
// A workbook has no cells for what is empty.
#[serde(default)]
pub struct KindSummary {
    pub messages: KindCounts,
    pub service_time_ns: Latency,
    /// In closed loop, equal to the service time.
    pub response_time_ns: Latency,
    /// Time from sent to the first part of a reply; `None` without parts.
    pub first_part_ns: Option<Latency>,
    /// Time from sent to an error reply; `None` without error replies.
    pub error_time_ns: Option<Latency>,
    /// Deliveries to the clients of a role; `None` for kinds, and for roles that receive none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<ReceiverSummary>,
}

impl KindSummary {
    /// The figures of all kinds. Empty for a scenario with one kind that has no name, whose figures are those of the run:
    /// `service` and `response`.
    pub(super) fn of_kinds(
        facts: &PlanFacts,
        record: &Record,
        service: Latency,
        response: Latency,
    ) -> BTreeMap<String, Self> {
        let (Some(scenario), Some(figures)) = (&facts.scenario, &record.scenario) else {
            return BTreeMap::new();
        };
        let is_only = scenario.summary.kinds.len() == 1;
        if is_only && !scenario.names_kinds {
            return BTreeMap::new();
        }
        let kinds = scenario.summary.kinds.iter().zip(&figures.kinds);
        kinds
            .map(|(name, kind)| {
                let mut summary = Self::new(kind);
                if is_only {
                    summary.messages = only_counts(&record.counts, kind.counts);
                    summary.service_time_ns = service;
                    summary.response_time_ns = response;
                }
                (name.clone(), summary)
            })
            .collect()
    }

    /// The figures of each role that sends or receives deliveries, and those of slow readers. Empty for a scenario with one role, whose figures are those of the run.
    fn of_roles(facts: &PlanFacts, record: &Record) -> BTreeMap<String, Self> {
        let (Some(scenario), Some(figures)) = (&facts.scenario, &record.scenario) else {
            return BTreeMap::new();
        };
        let receivers = record.fan_out.as_ref().map_or(&[][..], |own| &own.roles);
        let roles = scenario.roles.iter().zip(&figures.roles).enumerate();
        let mut all: BTreeMap<_, _> = roles
            .map(|(index, (role, figures))| {
                let deliveries = receivers.get(index).filter(|_| role.receives);
                let summary = Self {
                    deliveries: deliveries.map(ReceiverSummary::from),
                    ..Self::new(figures)
                };
                (role, summary)
            })
            .filter(|(role, summary)| role.sends || summary.deliveries.is_some())
            .map(|(role, summary)| (role.name.clone(), summary))
            .collect();
        all.extend(record.slow.as_ref().map(|slow| {
            let deliveries = record.fan_out.as_ref().map(|_| (&slow.receivers).into());
            let summary = Self {
                deliveries,
                ..Self::new(&slow.messages)
            };
            (SLOW_ROLE.to_owned(), summary)
        }));
        all
    }

    fn new(record: &KindRecord) -> Self {
        let times = |times: &LazyHistogram| times.get().map(Latency::from);
        let service_time_ns = times(&record.service).unwrap_or_default();
        Self {
            messages: record.counts,
            service_time_ns,
            response_time_ns: times(&record.response).unwrap_or(service_time_ns),
            first_part_ns: times(&record.first_part),
            error_time_ns: times(&record.error_time),
            deliveries: None,
        }
    }
}

/// Name under which the figures of slow readers are reported among the roles.
pub const SLOW_ROLE: &str = "slow";

/// Counts of the only kind, which are those of the run.
fn only_counts(run: &MessageCounts, kind: KindCounts) -> KindCounts {
    KindCounts {
        sent: run.sent,
        received: run.received,
        lost: run.lost,
        corrupted: run.corrupted.unwrap_or(0),
        duplicated: run.duplicated,
        reordered: run.reordered,
        timed_out: run.timed_out,
        ..kind
    }
}

/// The counts of the whole scenario, those of its rules by name.
fn named_counts(scenario: &ScenarioFacts, record: &ScenarioRecord) -> ScenarioCounts {
    let KindCounts {
        error_reply, parts, ..
    } = record.counts();
    let mut counts = ScenarioCounts {
        error_reply,
        parts,
        ..ScenarioCounts::default()
    };
    let rules = scenario.rules.iter().zip(&record.rules);
    for ((rule, records), answers) in rules.zip(&record.rule_answers) {
        if rule.is_error {
            counts.server_errors += records;
        } else if !rule.answers {
            *counts.ignored.entry(rule.name.clone()).or_default() += records;
        }
        if rule.answers {
            *counts.answered.entry(rule.name.clone()).or_default() += answers;
        }
    }
    counts
}

/// The part of a summary that depends on the scenario. Without one only the counts are there.
pub(super) struct ScenarioFigures {
    pub(super) counts: MessageCounts,
    pub(super) scenario: Option<ScenarioSummary>,
    pub(super) kinds: BTreeMap<String, KindSummary>,
    pub(super) roles: BTreeMap<String, KindSummary>,
    pub(super) first_part_ns: Option<Latency>,
    pub(super) error_time_ns: Option<Latency>,
    pub(super) fan_out: Option<FanOutSummary>,
    pub(super) push: Option<PushSummary>,
    pub(super) slow: Option<SlowSummary>,
}

impl ScenarioFigures {
    /// The figures of a record, whose times are `service` and `response`, and whose measured phase took this long.
    pub(super) fn new(
        facts: &PlanFacts,
        record: &Record,
        (service, response): (Latency, Latency),
        elapsed_s: f64,
    ) -> Self {
        let figures = record.scenario.as_deref();
        let times =
            |times: fn(&ScenarioRecord) -> LazyHistogram| times(figures?).get().map(Latency::from);
        Self {
            counts: MessageCounts {
                planned: facts.planned_messages(),
                scenario: facts
                    .scenario
                    .as_ref()
                    .zip(figures)
                    .map(|(scenario, figures)| named_counts(scenario, figures)),
                ..record.counts.clone()
            },
            scenario: facts.scenario.as_ref().map(|s| s.summary.clone()),
            kinds: KindSummary::of_kinds(facts, record, service, response),
            roles: KindSummary::of_roles(facts, record),
            first_part_ns: times(ScenarioRecord::first_part),
            error_time_ns: times(ScenarioRecord::error_time),
            fan_out: record
                .fan_out
                .as_ref()
                .map(|own| FanOutSummary::new(own, elapsed_s)),
            push: record.push.as_ref().map(|own| {
                let has_interval = facts.scenario.as_ref().is_some_and(|s| s.has_interval);
                PushSummary::new(own, has_interval, elapsed_s)
            }),
            slow: record.slow.as_ref().map(|own| {
                let planned = facts.plan.slow.as_ref();
                let after_s = planned.map_or(0.0, |slow| slow.after_s);
                let read = planned.and_then(|slow| slow.read_bytes_per_s);
                SlowSummary {
                    ratios: neighbour_ratios(record, elapsed_s),
                    ..SlowSummary::new(own, after_s, read)
                }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::record::{BottomK, Outcome, Recorder, Sample, SetupFailure, SetupFault};
    use crate::run::tests::plan;
    use crate::run::{RunContext, SetupSummary, Summary};
    use scenario::{Scenario, ScenarioOptions, ScenarioSource};
    use std::sync::Arc;

    const MIX: &str = "[[message]]\nname = \"get\"\nsend = 'get ${id}'\nreply = '${id}'\nerror = 'no ${id}'\n\
        [[message]]\nsend = 'put ${id}'\nreply = 'ok ${id}'\n\
        [[on]]\nname = \"ping\"\nmatch = 'ping'\nsend = 'pong'\n\
        [[on]]\nmatch = 'news'\n[[on]]\nmatch = 'failure'\nerror = true\n";

    fn mix() -> Plan {
        plan_of(MIX)
    }

    fn plan_of(text: &str) -> Plan {
        let name = "mix.toml";
        let source = ScenarioSource::File { name, text };
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap();
        plan(|draft| draft.scenario = Some(Arc::new(scenario)))
    }

    fn recorded() -> Record {
        let budget = BottomK::new(0, 1);
        let plan = mix();
        let mut recorder = Recorder::new(false, 0).with_scenario(plan.scenario().unwrap());
        for (n, outcome) in [Outcome::Ok, Outcome::ErrorReply, Outcome::Ok]
            .into_iter()
            .enumerate()
        {
            let ns = n as u64 * 100;
            recorder.sent(ns, ns);
            let mut sample = Sample::echoed(0, n as u64, ns, ns, 2 * ns + 10, outcome);
            sample.kind = u16::from(n == 2);
            recorder.ended(&budget, sample, 5);
            let figures = recorder.scenario.as_mut().unwrap();
            figures.ended(&sample, 0, false);
            figures.rules[n] += 7;
        }
        recorder.scenario.as_mut().unwrap().rule_answers[0] = 6;
        Recorder::merge(vec![recorder], &budget)
    }

    #[test]
    fn an_error_reply_is_a_failure_without_a_time() {
        let summary = Summary::new(&mix(), &recorded(), RunContext::default());
        assert_eq!((summary.messages.sent, summary.messages.received), (3, 3));
        assert_eq!(summary.messages.failed(), 1);
        assert_eq!(summary.service_time_ns.count, 2);
        assert_eq!(summary.error_time_ns.unwrap().max, Some(110));
        assert_eq!(summary.first_part_ns, None);
        assert_eq!(summary.kinds["get"].service_time_ns.max, Some(10));
        assert_eq!(summary.kinds["get"].messages.error_reply, 1);
        assert_eq!(summary.kinds["message_2"].response_time_ns.max, Some(210));
    }

    #[test]
    fn roles_that_send_have_figures_of_their_own() {
        let roles = "[roles.a]\ncount = 1\n[roles.b]\ncount = 2\nsends = false\n[roles.c]\n";
        let plan = plan_of(&format!("{MIX}{roles}"));
        let budget = BottomK::new(0, 1);
        let mut recorder = Recorder::new(false, 0).with_scenario(plan.scenario().unwrap());
        let figures = recorder.scenario.as_mut().unwrap();
        let sample = Sample::echoed(0, 0, 0, 0, 70, Outcome::Ok);
        figures.sent(1, 2);
        figures.ended(&sample, 2, false);
        let record = Recorder::merge(vec![recorder], &budget);
        let summary = Summary::new(&plan, &record, RunContext::default());
        assert_eq!(summary.roles.keys().collect::<Vec<_>>(), ["a", "c"]);
        let c = &summary.roles["c"];
        assert_eq!((c.messages.sent, c.messages.received), (1, 1));
        assert_eq!(c.response_time_ns.max, Some(70));
        assert_eq!(summary.roles["a"], KindSummary::default());
        assert_eq!(summary.plan.senders, Some(98));
        let only = Summary::new(&mix(), &recorded(), RunContext::default());
        assert!(only.roles.is_empty() && only.plan.senders.is_none());
    }

    #[test]
    fn each_kind_of_message_has_its_histograms() {
        let record = recorded();
        let summary = Summary::new(&mix(), &record, RunContext::default());
        let run = crate::run::Run::with_summary(summary, record, Vec::new());
        let found = run.tagged.iter();
        let found: Vec<_> = found
            .map(|one| (one.tag.as_str(), one.histogram.len()))
            .collect();
        assert_eq!(
            found,
            [
                ("service.get", 1),
                ("response.get", 1),
                ("service.message_2", 1),
                ("response.message_2", 1),
                ("error_reply", 1),
            ]
        );
    }

    #[test]
    fn the_json_has_the_keys_of_the_contract() {
        let context = RunContext {
            setup: Some(SetupSummary::new(3, [(refused(), 1), (refused(), 2)])),
            ready_ns: Some(Latency::default()),
            ..RunContext::default()
        };
        let summary = Summary::new(&mix(), &recorded(), context);
        let json = serde_json::to_value(&summary).unwrap();
        let messages = &json["messages"];
        assert_eq!(
            (&messages["error_reply"], &messages["server_errors"]),
            (&1.into(), &7.into())
        );
        assert_eq!(messages["answered"], serde_json::json!({"ping": 6}));
        assert_eq!(messages["ignored"], serde_json::json!({"on_2": 7}));
        assert_eq!(json["setup"]["failures"][0]["count"], 3);
        assert_eq!(json["setup"]["failures"][0]["place"], "a.toml:2:1");
        assert_eq!(
            json["scenario"]["roles"],
            serde_json::json!({"client": 100})
        );
        assert_eq!(serde_json::from_value::<Summary>(json).unwrap(), summary);
        let echo = serde_json::to_value(crate::run::tests::summary(1)).unwrap();
        for key in [
            "scenario",
            "setup",
            "ready_ns",
            "kinds",
            "roles",
            "first_part_ns",
            "error_time_ns",
        ] {
            assert!(echo.get(key).is_none(), "{key} without a scenario");
        }
        assert!(echo["messages"].get("error_reply").is_none());
    }

    fn refused() -> SetupFailure {
        SetupFailure {
            step: 1,
            place: "a.toml:2:1".to_owned(),
            fault: SetupFault::Refused,
            record: None,
        }
    }
}
