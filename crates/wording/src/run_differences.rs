//! Differences between the settings of runs, and their impact on comparing figures.

use crate::plan::{connect_rate, core_list, drop_rule, lifetime, load, payload};
use crate::search_outcome::percent;
use crate::shards_view;
use measurement::plan::{DropMethod, Verify};
use measurement::run::{DropSummary, PlanSummary, ScenarioSummary, Summary};
use units::{grouped, human_rate, human_time};

/// Impact of a different setting on the comparison of two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// Another load: the figures answer different questions.
    Load,
    /// Another way of measuring, which may cause a difference in figures.
    Instrument,
    /// The subject of the comparison, or a setting without influence on the figures.
    Subject,
}

/// A setting that was fixed before a run started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name of the setting.
    pub what: &'static str,
    /// Value as text.
    pub value: String,
    impact: Impact,
}

/// A setting in which runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDifference {
    /// Name of the setting.
    pub what: &'static str,
    /// Impact of the difference.
    pub impact: Impact,
    /// The value in each run, in the order of the runs.
    pub values: Vec<String>,
}

fn setting(impact: Impact, what: &'static str, value: impl Into<String>) -> Setting {
    Setting {
        what,
        value: value.into(),
        impact,
    }
}

/// The settings of the plan, always in the same order. With a scenario, its name and hash follow the load. Rules of
/// connections, and the precision of a search, stand before the length of the run. A plan without senders has no settings of what is sent.
pub fn plan_settings(plan: &PlanSummary, scenario: Option<&ScenarioSummary>) -> Vec<Setting> {
    let mut settings = load_settings(plan, scenario);
    if let Some(scenario) = scenario {
        let at = settings.iter().position(|setting| setting.what == "stages");
        let value = scenario_and_hash(scenario);
        settings.insert(at.unwrap_or(0), setting(Impact::Load, SCENARIO, value));
    }
    let at = settings.iter().position(|setting| setting.what == "length");
    let at = at.unwrap_or(settings.len());
    let search = plan.find_capacity.as_ref();
    let precision = search.map(|search| format!("±{}", percent(search.precision)));
    let precision = precision.map(|value| setting(Impact::Subject, "precision", value));
    settings.splice(
        at..at,
        connection_settings(plan).into_iter().chain(precision),
    );
    if plan.senders == Some(0) {
        // A run that only receives sends no payload, and has nothing in flight.
        let is_sent = |what| matches!(what, "payload" | "messages" | "window" | "stages");
        settings.retain(|setting| !is_sent(setting.what));
    }
    settings
}

/// Setting of the way in which dropped connections end.
const DROPPED_BY: &str = "dropped by";

/// Setting of the times at which lost connections are opened again.
const RECONNECT: &str = "reconnect";

/// Settings of the clients that are compared with each other. They are not another load.
pub const POLICIES: [&str; 2] = [DROPPED_BY, RECONNECT];

/// The rules of connections that a plan has.
fn connection_settings(plan: &PlanSummary) -> Vec<Setting> {
    let Some(rules) = &plan.connections else {
        return Vec::new();
    };
    use Impact::{Load, Subject};
    let drop = rules.drop.map(|drop| DropSummary {
        // It has a setting of its own.
        method: DropMethod::Reset,
        ..drop
    });
    let settings = [
        (Load, "connect rate", connect_rate(rules)),
        (Load, "lifetime of a connection", lifetime(rules)),
        (
            Load,
            "messages per connection",
            rules.messages_per_connection.map(grouped),
        ),
        (Load, "dropped connections", drop.map(drop_rule)),
        (
            Subject,
            DROPPED_BY,
            rules.drop.map(|drop| drop.method.name().to_owned()),
        ),
        (Subject, RECONNECT, rules.reconnect.clone()),
        (
            Load,
            "idle connections",
            (rules.idle > 0).then(|| grouped(rules.idle.into())),
        ),
    ];
    let settings = settings.into_iter();
    settings
        .filter_map(|(impact, what, value)| Some(setting(impact, what, value?)))
        .collect()
}

/// Name of the setting that only plans with a scenario have.
const SCENARIO: &str = "scenario";

/// Scenario and the beginning of its hash: `chat (SHA-256 1f3a…)`.
fn scenario_and_hash(scenario: &ScenarioSummary) -> String {
    const SHOWN_DIGITS: usize = 12;
    match scenario
        .sha256
        .as_ref()
        .and_then(|hash| hash.get(..SHOWN_DIGITS))
    {
        Some(hash) => format!("{} (SHA-256 {hash}…)", scenario.name),
        None => scenario.name.clone(),
    }
}

fn load_settings(plan: &PlanSummary, scenario: Option<&ScenarioSummary>) -> Vec<Setting> {
    use Impact::{Instrument, Load, Subject};
    let messages = if plan.text { "text" } else { "binary" };
    let payload = match scenario {
        Some(scenario) if !scenario.is_padded => "decided by the scenario".to_owned(),
        _ => payload(plan.payload_bytes),
    };
    let window = plan.window.map_or_else(
        || "unbounded".to_owned(),
        |n| format!("{} in flight per client", grouped(u64::from(n))),
    );
    let verification = match plan.verify {
        _ if scenario.is_some() => "the patterns of the scenario",
        Verify::Off => "none",
        Verify::Length => "type and length",
        Verify::Full => "type, length and every byte",
    };
    let threads = grouped(plan.threads as u64);
    let busy_poll = if plan.busy_poll { "yes" } else { "no" };
    vec![
        setting(Subject, "server", server(plan)),
        setting(Load, "transport", transport(plan)),
        setting(Load, "load", load(plan)),
        setting(Load, "stages", stages(plan)),
        setting(Load, "clients", grouped(u64::from(plan.clients))),
        setting(Load, "payload", payload),
        setting(Load, "messages", messages),
        setting(Load, "window", window),
        setting(Subject, "length", length(plan)),
        setting(Subject, "warm-up", human_time(plan.warmup_s * 1e9)),
        setting(Subject, "timeout", human_time(plan.timeout_s * 1e9)),
        setting(Instrument, "verification", verification),
        setting(Instrument, "generator threads", threads),
        setting(Instrument, "pinned to cores", list_or_no(&plan.pinned_to)),
        setting(Instrument, "busy polling", busy_poll),
        setting(Subject, "seed", plan.seed.to_string()),
    ]
}

/// The settings of tool and host, always in the same order. The number of shards comes last, if there are several
/// processes.
pub fn host_settings(s: &Summary) -> Vec<Setting> {
    use Impact::{Instrument, Subject};
    let (tool, host) = (&s.tool, &s.host);
    let files = host.open_file_limit;
    let files = files.map_or_else(|| "no limit".to_owned(), grouped);
    let confined = list_or_no(&host.allowed_cores);
    let mut settings = vec![
        setting(
            Instrument,
            "tool",
            format!("{} {}", tool.name, tool.version),
        ),
        setting(Instrument, "system", &host.os),
        setting(Instrument, "kernel", &host.kernel),
        setting(Instrument, "processor", &host.cpu),
        setting(Instrument, "cores", grouped(host.cores as u64)),
        setting(Instrument, "confined to cores", confined),
        setting(Subject, "open files at most", files),
    ];
    let shards = s.shards.as_ref().map(shards_view::setting);
    settings.extend(shards.map(|value| setting(Instrument, "shards", value)));
    settings
}

fn server(plan: &PlanSummary) -> String {
    match &plan.embedded {
        Some(name) => format!("{} ({name}, inside the same process)", plan.url),
        None => plan.server_urls().join(", "),
    }
}

fn transport(plan: &PlanSummary) -> &'static str {
    match plan.certificate_checked {
        Some(true) => "TLS",
        Some(false) => "TLS, certificate not checked",
        None if plan.url.starts_with("ws+unix:") => "Unix socket",
        None => "TCP",
    }
}

fn stages(plan: &PlanSummary) -> String {
    if plan.stages.is_empty() {
        return "none".to_owned();
    }
    let stages = plan.stages.iter().map(|stage| {
        let time = human_time(stage.duration_s * 1e9);
        format!("{time} at {} msg/s", human_rate(stage.rate_per_s))
    });
    stages.collect::<Vec<_>>().join(", ")
}

fn length(plan: &PlanSummary) -> String {
    if let Some(search) = &plan.find_capacity {
        return format!("at most {}", human_time(search.budget_s * 1e9));
    }
    if let Some(sweep) = &plan.sweep {
        return format!("{} at each rate", human_time(sweep.point_s * 1e9));
    }
    match (plan.messages_per_client, plan.duration_s) {
        (Some(n), _) => format!("{} messages per client", grouped(n)),
        (None, Some(s)) => human_time(s * 1e9),
        (None, None) => "unknown".to_owned(),
    }
}

fn list_or_no(cores: &[usize]) -> String {
    if cores.is_empty() {
        "no".to_owned()
    } else {
        core_list(cores)
    }
}

/// The settings in which the runs differ, the ones with the greatest impact first.
pub fn differences(runs: &[&Summary]) -> Vec<RunDifference> {
    let settings = |run: &&Summary| {
        let plan = plan_settings(&run.plan, run.scenario.as_ref());
        [plan, host_settings(run)].concat()
    };
    let all: Vec<Vec<Setting>> = runs.iter().map(settings).collect();
    // A run without a scenario or shards lacks their settings.
    let mut known: Vec<&Setting> = Vec::new();
    for (index, found) in all.iter().flat_map(|settings| settings.iter().enumerate()) {
        if known.iter().all(|setting| setting.what != found.what) {
            known.insert(index.min(known.len()), found);
        }
    }
    let value = |settings: &Vec<Setting>, what| {
        let found = settings.iter().find(|setting| setting.what == what);
        found.map_or_else(|| "none".to_owned(), |setting| setting.value.clone())
    };
    let difference = |setting: &Setting| RunDifference {
        what: setting.what,
        impact: setting.impact,
        values: all.iter().map(|run| value(run, setting.what)).collect(),
    };
    let mut found: Vec<_> = known.into_iter().map(difference).collect();
    found.retain(|setting| setting.values.windows(2).any(|pair| pair[0] != pair[1]));
    found.sort_by_key(|difference| difference.impact);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::run::{
        CapacityPlanSummary, ConnectionPlanSummary, PayloadBytes, SweepPlanSummary,
    };
    use test_support::fixtures::{
        closed_loop_summary as summary, complete_shards, degraded_shards,
    };

    fn changed(change: impl Fn(&mut Summary)) -> Vec<(&'static str, Impact)> {
        let one = summary(100);
        let mut other = one.clone();
        change(&mut other);
        let found = differences(&[&one, &other]);
        found.iter().map(|d| (d.what, d.impact)).collect()
    }

    #[test]
    fn a_run_differs_in_nothing_from_itself() {
        assert_eq!(changed(|_| {}), []);
        assert_eq!(differences(&[]), []);
        assert_eq!(differences(&[&summary(100)]), []);
    }

    #[test]
    fn another_load_is_told_from_another_machine_and_another_server() {
        use Impact::{Instrument, Load, Subject};
        let of = |change: fn(&mut Summary)| changed(change);
        assert_eq!(of(|s| s.plan.clients += 1), [("clients", Load)]);
        assert_eq!(
            of(|s| s.plan.payload_bytes = PayloadBytes::Range { min: 1, max: 9 }),
            [("payload", Load)]
        );
        assert_eq!(of(|s| s.plan.rate_per_s = Some(5.0)), [("load", Load)]);
        assert_eq!(of(|s| s.plan.text = !s.plan.text), [("messages", Load)]);
        assert_eq!(of(|s| s.plan.window = Some(77)), [("window", Load)]);
        assert_eq!(
            of(|s| s.plan.certificate_checked = Some(true)),
            [("transport", Load)]
        );
        assert_eq!(of(|s| s.host.cores += 1), [("cores", Instrument)]);
        assert_eq!(
            of(|s| s.host.allowed_cores = vec![1]),
            [("confined to cores", Instrument)]
        );
        assert_eq!(of(|s| s.tool.version += ".1"), [("tool", Instrument)]);
        assert_eq!(of(|s| s.plan.url += "2"), [("server", Subject)]);
        assert_eq!(of(|s| s.plan.seed += 1), [("seed", Subject)]);
    }

    #[test]
    fn searches_of_other_conditions_or_rates_are_different_loads() {
        use Impact::{Load, Subject};
        let search = CapacityPlanSummary {
            conditions: vec!["p99<10ms".to_owned()],
            precision: 0.03,
            budget_s: 120.0,
        };
        let mut one = summary(100);
        one.plan.find_capacity = Some(search.clone());
        let changed = |change: fn(&mut PlanSummary)| {
            let mut other = one.clone();
            change(&mut other.plan);
            let found = differences(&[&one, &other]);
            found.iter().map(|d| (d.what, d.impact)).collect::<Vec<_>>()
        };
        assert_eq!(changed(|plan| plan.rate_per_s = Some(5.0)), []);
        let found = changed(|plan| {
            plan.find_capacity.as_mut().unwrap().conditions = vec!["p99<5ms".to_owned()];
        });
        assert_eq!(found, [("load", Load)]);
        let found = changed(|plan| plan.find_capacity.as_mut().unwrap().precision = 0.1);
        assert_eq!(found, [("precision", Subject)]);
        let found = changed(|plan| plan.find_capacity.as_mut().unwrap().budget_s = 60.0);
        assert_eq!(found, [("length", Subject)]);
        let found = changed(|plan| {
            plan.find_capacity = None;
            plan.sweep = Some(SweepPlanSummary {
                rates: vec![1_000.0, 2_000.0],
                point_s: 10.0,
            });
        });
        assert_eq!(found[0], ("load", Load));
    }

    #[test]
    fn runs_with_different_rules_of_connections_are_different_loads() {
        let of = |change: fn(&mut ConnectionPlanSummary)| {
            let found =
                changed(|s| change(s.plan.connections.insert(ConnectionPlanSummary::default())));
            let load = found
                .into_iter()
                .filter(|(_, impact)| *impact == Impact::Load);
            load.map(|(what, _)| what).collect::<Vec<_>>()
        };
        assert_eq!(of(|_| {}), [""; 0]);
        assert_eq!(of(|rules| rules.rate_per_s = Some(5.0)), ["connect rate"]);
        assert_eq!(
            of(|rules| {
                rules.lifetime = Some("1s".to_owned());
                rules.lifetime_s = Some(1.0);
            }),
            ["lifetime of a connection"]
        );
        assert_eq!(
            of(|rules| rules.messages_per_connection = Some(5)),
            ["messages per connection"]
        );
        assert_eq!(
            of(|rules| {
                rules.drop = Some(DropSummary {
                    after_s: 1.0,
                    share: 1.0,
                    method: DropMethod::Reset,
                });
                rules.reconnect = Some("now".to_owned());
                rules.idle = 5;
            }),
            ["dropped connections", "idle connections"]
        );
        let (one, mut two) = (summary(100), summary(100));
        two.plan.connections = Some(ConnectionPlanSummary {
            idle: 15_000,
            ..ConnectionPlanSummary::default()
        });
        assert_eq!(differences(&[&one, &two])[0].values, ["none", "15,000"]);
    }

    /// Runs of two policies were not comparable, though which policy is better is the question.
    #[test]
    fn policies_of_clients_are_compared_and_not_another_load() {
        let of = |law: &str, method| {
            let mut s = summary(100);
            s.plan.connections = Some(ConnectionPlanSummary {
                drop: Some(DropSummary {
                    after_s: 1.0,
                    share: 1.0,
                    method,
                }),
                reconnect: Some(law.to_owned()),
                ..ConnectionPlanSummary::default()
            });
            s
        };
        let (one, two) = (
            of("now", DropMethod::Reset),
            of("spread:5s", DropMethod::Close),
        );
        let found = differences(&[&one, &two]);
        let named: Vec<_> = found.iter().map(|d| (d.what, d.impact)).collect();
        assert_eq!(
            named,
            [
                ("dropped by", Impact::Subject),
                ("reconnect", Impact::Subject)
            ]
        );
        assert_eq!(found[1].values, ["now", "spread:5s"]);
    }

    #[test]
    fn runs_of_different_scenarios_are_different_loads() {
        let scenario = |hash: &str| {
            Some(ScenarioSummary {
                name: "chat".to_owned(),
                sha256: Some(hash.repeat(64)),
                ..ScenarioSummary::default()
            })
        };
        let (mut echo, mut one, mut other) = (summary(100), summary(100), summary(100));
        (one.scenario, other.scenario) = (scenario("1"), scenario("2"));
        let found = differences(&[&one, &other]);
        assert_eq!((found.len(), found[0].impact), (1, Impact::Load));
        assert_eq!(
            found[0].values,
            [
                "chat (SHA-256 111111111111…)",
                "chat (SHA-256 222222222222…)"
            ]
        );
        let found = differences(&[&echo, &one]);
        let scenario = found.iter().find(|setting| setting.what == SCENARIO);
        assert_eq!(scenario.unwrap().values[0], "none");
        let payload = found.iter().find(|setting| setting.what == "payload");
        assert_eq!(
            payload.unwrap().values,
            ["125 B", "decided by the scenario"]
        );
        echo.scenario.clone_from(&one.scenario);
        assert_eq!(differences(&[&echo, &one]), []);
    }

    #[test]
    fn one_process_and_shards_are_different_instruments() {
        let (mut one, mut two) = (summary(100), summary(100));
        two.shards = Some(degraded_shards());
        let found = differences(&[&one, &two]);
        assert_eq!((found.len(), found[0].impact), (1, Impact::Instrument));
        assert_eq!(found[0].values, ["none", "6 on 2 machines"]);
        // Each of them has a setting that the other one lacks.
        one.scenario = Some(ScenarioSummary::default());
        let found = differences(&[&one, &two]);
        let names: Vec<_> = found.iter().map(|difference| difference.what).collect();
        assert!(
            names.contains(&SCENARIO) && names.contains(&"shards"),
            "{names:?}"
        );
        one.scenario = None;
        one.shards = Some(complete_shards());
        let found = differences(&[&one, &two]);
        assert_eq!(found[0].values, ["2", "6 on 2 machines"]);
    }

    #[test]
    fn what_bears_on_the_load_comes_first_and_every_run_has_its_value() {
        let (one, mut two) = (summary(100), summary(100));
        two.plan.url = "ws://there/".to_owned();
        two.plan.clients = 2_000;
        let found = differences(&[&one, &two, &two]);
        assert_eq!(found[0].what, "clients");
        assert_eq!(found[0].values[1..], ["2,000", "2,000"]);
        assert_eq!(found[1].values[1], "ws://there/");
    }

    #[test]
    fn stages_are_facts() {
        let mut s = summary(100);
        let stage = |duration_s, rate_per_s| measurement::run::StageSummary {
            duration_s,
            rate_per_s,
        };
        s.plan.stages = vec![stage(10.0, 1_000.0), stage(2.0, 50.0)];
        let settings = plan_settings(&s.plan, None);
        let found = settings
            .iter()
            .find(|setting| setting.what == "stages")
            .unwrap();
        assert_eq!(found.value, "10.0 s at 1,000 msg/s, 2.00 s at 50 msg/s");
    }
}
