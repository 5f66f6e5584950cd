//! Figures that a plan cannot have, so that a condition on one is refused before the run.

use scenario::{MessageType, PushFeed, Scenario};

use super::ConditionError;
use crate::plan::{Load, LoadDraft, Verify};

const NO_SCENARIO: &str =
    "it needs a scenario (--scenario, --protocol or --send), and this run is an echo";
const NO_DELIVERIES: &str = "it needs a scenario with deliveries (`deliver`)";
const NO_FEED: &str = "it needs a scenario with a feed ([push])";
const NEITHER: &str = "it needs a scenario with deliveries (`deliver`) or with a feed ([push])";
const NO_INTERVAL: &str = "it needs the `interval` of [push]";
const NO_REPLY: &str = "no message of this scenario has a reply; delivery., first., median. and last. are the times of deliveries";
const NO_MESSAGE: &str =
    "the clients send nothing; gap., lateness., skew. and delay. are the times of a feed";
const NO_RETURN: &str = "lost connections are opened again only with --reconnect";
const NO_LOSS: &str = "lost connections are reported only with --drop or --reconnect";
const NO_IDLE: &str = "it needs idle connections (--idle)";
const NO_SCHEDULE: &str = "a closed loop has no schedule; use --rate";
const NOT_COMPARED: &str =
    "--verify off compares no echo with its message; use --verify full, or another figure";

/// Checks that a run of this load has the figure of this name.
pub(super) fn check(figure: &str, load: &LoadDraft) -> Result<(), ConditionError> {
    match missing_part(figure, load) {
        None => Ok(()),
        Some(reason) => Err(ConditionError::NotInPlan {
            figure: figure.to_owned(),
            reason,
        }),
    }
}

/// The part of the plan that the figure needs and that is missing.
fn missing_part(figure: &str, load: &LoadDraft) -> Option<&'static str> {
    let scenario = load.scenario.as_deref();
    let has_deliveries = scenario.is_some_and(Scenario::has_deliveries);
    let feed = scenario.and_then(|scenario| scenario.push.as_ref());
    let lacks = |has: bool, reason| (!has).then_some(reason);
    let name = figure.split('.').next().unwrap_or(figure);
    match name {
        "delivery" | "first" | "median" | "last" | "spread" | "reach" | "incomplete"
        | "unreached" | "deliveries_per_s" => lacks(has_deliveries, NO_DELIVERIES),
        "missing" => lacks(has_deliveries || feed.is_some(), NEITHER),
        "gap" | "skew" | "delay" | "pushes_per_s" => lacks(feed.is_some(), NO_FEED),
        "lateness" => lateness(feed),
        "back_50" | "back_90" | "back_99" | "back_100" | "reconnect" => {
            lacks(load.connections.reconnect.is_some(), NO_RETURN)
        }
        "dropped" | "not_back" | "missed" => lacks(load.connections.reports_reconnects(), NO_LOSS),
        "idle_bytes" => lacks(load.connections.idle > 0, NO_IDLE),
        // Messages are matched by order alone, so no echo is wrong, late in the order, or a second one.
        "corrupted" | "duplicated" | "reordered" if scenario.is_none() => {
            lacks(load.verify != Verify::Off, NOT_COMPARED)
        }
        "ready" | "first_part" | "error_time" | "error_reply" | "server_errors" | "parts"
        | "setup_failed" => lacks(scenario.is_some(), NO_SCENARIO),
        "send_lag" | "achieved_rate" if scenario.is_none_or(|own| !own.is_push_only()) => {
            lacks(matches!(load.load, Load::Open { .. }), NO_SCHEDULE)
        }
        "send_lag" | "achieved_rate" | "throughput" | "error_rate" => scenario
            .filter(|own| own.is_push_only())
            .map(|_| NO_MESSAGE),
        _ if is_message_time(figure) => scenario.and_then(message_times),
        _ => None,
    }
}

fn lateness(feed: Option<&PushFeed>) -> Option<&'static str> {
    match feed {
        None => Some(NO_FEED),
        Some(feed) if feed.interval.is_none() => Some(NO_INTERVAL),
        Some(_) => None,
    }
}

/// Returns true for a time of messages and their replies: `p99`, `service.p99`, `response.max`.
fn is_message_time(figure: &str) -> bool {
    let time = figure
        .strip_prefix("service.")
        .or_else(|| figure.strip_prefix("response."))
        .unwrap_or(figure);
    super::figure::is_time(time)
}

/// The reason why the messages of a scenario have no times of replies.
fn message_times(scenario: &Scenario) -> Option<&'static str> {
    if scenario.is_push_only() {
        return Some(NO_MESSAGE);
    }
    let has_reply = scenario.messages.iter().any(MessageType::has_reply);
    (!has_reply).then_some(NO_REPLY)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use scenario::{ScenarioOptions, ScenarioSource};

    use super::super::Condition;
    use super::*;
    use crate::plan::{ConnectionDrop, ConnectionRules, DropMethod, ReconnectLaw};

    fn load(text: Option<&str>) -> LoadDraft {
        let parse = |text| {
            let source = ScenarioSource::File {
                name: "t.toml",
                text,
            };
            let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
            Arc::new(Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap())
        };
        LoadDraft {
            scenario: text.map(parse),
            ..LoadDraft::closed_loop()
        }
    }

    fn refusal(condition: &str, load: &LoadDraft) -> Option<String> {
        let condition: Condition = condition.parse().unwrap();
        condition.check_load(load).err().map(|e| e.to_string())
    }

    const ROOM: &str = "[[message]]\nsend = '${uid}'\ndeliver = '${uid}'";
    const FEED: &str = "[push]\nmatch = '{\"n\":${seq}}'";

    /// A search at `corrupted==0` ran with `--verify off`, which leaves the number of corrupted messages unknown.
    #[test]
    fn figures_of_compared_echoes_are_refused_without_a_comparison() {
        let with = |verify| LoadDraft {
            verify,
            ..load(None)
        };
        for condition in ["corrupted==0", "duplicated>0", "reordered>0"] {
            let text = refusal(condition, &with(Verify::Off)).unwrap();
            let advice = "--verify off compares no echo with its message; use --verify full";
            assert!(text.contains(advice), "{text}");
            assert_eq!(refusal(condition, &with(Verify::Length)), None);
        }
        // Lost and late messages are known.
        for condition in [
            "lost==0",
            "late==0",
            "error_rate<1%",
            "p99<5ms",
            "unexpected==0",
        ] {
            assert_eq!(refusal(condition, &with(Verify::Off)), None, "{condition}");
        }
    }

    #[test]
    fn a_figure_that_the_plan_cannot_have_is_refused_before_the_run() {
        let with = |change: fn(&mut ConnectionRules)| {
            let mut load = load(None);
            change(&mut load.connections);
            load
        };
        let dropping = with(|rules| {
            rules.drop = Some(ConnectionDrop {
                after: Duration::ZERO,
                share: 1.0,
                method: DropMethod::Reset,
            });
        });
        let returning = with(|rules| rules.reconnect = Some(ReconnectLaw::Now));
        let idle = with(|rules| rules.idle = 5);
        let (echo, room, feed) = (load(None), load(Some(ROOM)), load(Some(FEED)));
        for (condition, load) in [
            ("reach<100%", &echo),
            ("missing>0", &echo),
            ("gap.p99>5ms", &echo),
            ("ready.p99>5ms", &echo),
            ("error_reply>0", &echo),
            ("send_lag.p99>5ms", &echo),
            ("back_99>5s", &echo),
            ("back_99>5s", &dropping),
            ("reconnect.p99>5s", &dropping),
            ("missed>0", &echo),
            ("idle_bytes>16KiB", &echo),
            ("gap.p99>5ms", &room),
            ("p99>5ms", &room),
            ("service.p99.9>5ms", &room),
            ("reach<100%", &feed),
            ("lateness.p99>5ms", &feed),
            ("p99>5ms", &feed),
            ("throughput<5", &feed),
        ] {
            let text = refusal(condition, load).unwrap_or_else(|| panic!("{condition}"));
            assert!(text.contains("cannot be measured in this run"), "{text}");
        }
        for (condition, load) in [
            ("p99>5ms", &echo),
            ("lost>0", &echo),
            ("connect.p99>5ms", &echo),
            ("connect_response.p99>5ms", &echo),
            ("not_back>0", &dropping),
            ("back_99>5s", &returning),
            ("reconnect.p99>5s", &returning),
            ("idle_bytes>16KiB", &idle),
            ("throughput<5", &room),
            ("last.p99>5ms", &room),
            ("missing>0", &room),
            ("missing>0", &feed),
            ("gap.p99>5ms", &feed),
            ("ready.p99>5ms", &feed),
        ] {
            assert_eq!(refusal(condition, load), None, "{condition}");
        }
    }
}
