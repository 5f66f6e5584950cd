//! The plan as text.

use crate::capacity_conditions::all_conditions;
use measurement::plan::{Arrivals, DropMethod};
use measurement::run::{
    ConnectionPlanSummary, DropSummary, PayloadBytes, PlanSummary, ScenarioSummary, Summary,
};
use scenario::ONE_LINERS;
use units::{SizeRange, counted, grouped, human_rate, human_time};

/// Scenario, load, amount, window and rules of connections of a run, as parts of a line. Messages of a scenario have their own sizes.
pub fn parts_of(s: &Summary) -> Vec<String> {
    match &s.scenario {
        None => parts(&s.plan),
        // Slow readers make a scenario of a plain echo.
        Some(scenario) if s.slow.is_some() && scenario.name == "echo" => parts(&s.plan),
        Some(scenario) => {
            let mut parts = vec![scenario_name(scenario), load(&s.plan), count(&s.plan)];
            parts.extend(rooms_and_roles(scenario));
            parts.extend(window(&s.plan));
            parts.extend(connection_parts(&s.plan));
            parts
        }
    }
}

/// Most URLs that are listed in a line of text.
const LISTED_URLS: usize = 4;

/// The URLs of the servers of a run.
pub fn server_urls(plan: &PlanSummary) -> String {
    url_list(plan.server_urls())
}

/// A list of URLs: all of a few, otherwise the first ones and the number of the others.
pub fn url_list(urls: &[String]) -> String {
    if urls.len() <= LISTED_URLS {
        return urls.join(", ");
    }
    let (listed, rest) = urls.split_at(LISTED_URLS - 1);
    format!(
        "{} and {} more URLs",
        listed.join(", "),
        grouped(rest.len() as u64)
    )
}

/// Load, amount, window and rules of connections, as parts of a line.
pub fn parts(plan: &PlanSummary) -> Vec<String> {
    let parts = [load(plan), amount(plan)].into_iter();
    let parts = parts.chain(window(plan));
    parts.chain(connection_parts(plan)).collect()
}

/// The scenario with its noun: `scenario chat`. One made of flags has no name.
fn scenario_name(scenario: &ScenarioSummary) -> String {
    match scenario.name.as_str() {
        ONE_LINERS => "scenario of one-liners".to_owned(),
        name => format!("scenario {name}"),
    }
}

/// Scenario, amount and rules of connections, as parts of a line: `scenario chat`, `100 clients × 1,000 messages`. An echo
/// has the size of its messages: `100 clients × 1,000 messages × 125 B`.
pub fn amount_parts(plan: &PlanSummary, scenario: Option<&ScenarioSummary>) -> Vec<String> {
    let mut parts = match scenario {
        None => vec![amount(plan)],
        Some(scenario) => {
            let parts = vec![scenario_name(scenario), count(plan)];
            parts.into_iter().chain(rooms_and_roles(scenario)).collect()
        }
    };
    parts.extend(connection_parts(plan));
    parts
}

/// Rules of connections, where there are any: `connect 200/s poisson`, `lifetime 30.0 s`,
/// `drop 50 % at 10.0 s, reconnect now`, `15,000 idle`.
pub fn connection_parts(plan: &PlanSummary) -> Vec<String> {
    let Some(rules) = &plan.connections else {
        return Vec::new();
    };
    let storm = [
        rules.drop.map(|drop| format!("drop {}", drop_rule(drop))),
        rules
            .reconnect
            .as_ref()
            .map(|law| format!("reconnect {law}")),
    ];
    let storm: Vec<_> = storm.into_iter().flatten().collect();
    let parts = [
        connect_rate(rules).map(|rate| format!("connect {rate}")),
        lifetime(rules).map(|time| format!("lifetime {time}")),
        rules
            .messages_per_connection
            .map(|n| format!("{} per connection", counted(n, "message"))),
        (!storm.is_empty()).then(|| storm.join(", ")),
        (rules.idle > 0).then(|| format!("{} idle", grouped(rules.idle.into()))),
    ];
    parts.into_iter().flatten().collect()
}

/// Rate and spacing of the first connections: `200/s`, `200/s poisson`; `None` without a rate.
pub(crate) fn connect_rate(rules: &ConnectionPlanSummary) -> Option<String> {
    let arrivals = match rules.arrivals {
        Arrivals::Constant => "",
        Arrivals::Poisson => " poisson",
    };
    let rate = human_rate(rules.rate_per_s?);
    Some(format!("{rate}/s{arrivals}"))
}

/// Lifetime of a connection: `30.0 s`, `30.0 s (exponential)`; `None` without one.
pub(crate) fn lifetime(rules: &ConnectionPlanSummary) -> Option<String> {
    let typed = rules.lifetime.as_ref()?;
    let time = human_time(rules.lifetime_s? * 1e9);
    if typed.starts_with("exp:") {
        return Some(format!("{time} (exponential)"));
    }
    Some(time)
}

/// Share, time and method of a drop: `50 % at 10.0 s`, `50 % at 10.0 s by close frame`.
pub(crate) fn drop_rule(drop: DropSummary) -> String {
    // Without the error of a binary fraction.
    let percent = (drop.share * 1e5).round() / 1e3;
    let time = human_time(drop.after_s * 1e9);
    let method = match drop.method {
        DropMethod::Reset => "",
        DropMethod::Close => " by close frame",
    };
    format!("{percent} % at {time}{method}")
}

/// Rooms and roles, where there are several: `100 rooms`, `publisher 1 + subscriber 200`. The names of roles have no
/// plural.
fn rooms_and_roles(scenario: &ScenarioSummary) -> Vec<String> {
    let rooms = u64::from(scenario.rooms);
    let roles = scenario.roles.iter();
    let roles: Vec<_> = roles
        .map(|(name, clients)| format!("{name} {}", grouped(*clients)))
        .collect();
    let rooms = (rooms > 1).then(|| counted(rooms, "room"));
    let roles = (roles.len() > 1).then(|| roles.join(" + "));
    rooms.into_iter().chain(roles).collect()
}

/// Returns true when the clients only receive what the server sends on its own.
fn is_feed(plan: &PlanSummary) -> bool {
    plan.senders == Some(0)
}

fn window(plan: &PlanSummary) -> Option<String> {
    plan.window
        .filter(|_| !is_feed(plan))
        .map(|n| format!("window {}", grouped(u64::from(n))))
}

/// The load of a run at several rates: `capacity search at p99 < 10 ms`, `sweep of 8 rates, 1,000 to 100,000 msg/s, poisson`;
/// `None` for any other run.
fn several_rates(plan: &PlanSummary) -> Option<String> {
    let load = match (&plan.find_capacity, &plan.sweep) {
        (Some(search), _) => format!("capacity search at {}", all_conditions(&search.conditions)),
        (None, Some(sweep)) => {
            let (from, to) = (sweep.rates.first()?, sweep.rates.last()?);
            let (from, to) = (human_rate(*from), human_rate(*to));
            format!("sweep of {} rates, {from} to {to} msg/s", sweep.rates.len())
        }
        (None, None) => return None,
    };
    Some(match plan.arrivals {
        Arrivals::Constant => load,
        Arrivals::Poisson => format!("{load}, poisson"),
    })
}

/// The load: `closed loop`, `open loop, 20,000 msg/s, poisson`, `feed` when the server alone sends.
pub(crate) fn load(plan: &PlanSummary) -> String {
    if let Some(load) = several_rates(plan) {
        return load;
    }
    match plan.rate_per_s {
        Some(rate) => format!("open loop, {}", offered(plan, rate)),
        None if is_feed(plan) => "feed".to_owned(),
        None => "closed loop".to_owned(),
    }
}

/// The offered rate as planned.
fn offered(plan: &PlanSummary, rate: f64) -> String {
    let stages: Vec<_> = plan
        .stages
        .iter()
        .map(|s| human_rate(s.rate_per_s))
        .collect();
    let mut text = if stages.is_empty() {
        format!("{} msg/s", human_rate(rate))
    } else {
        format!("{} msg/s in turn", stages.join(", "))
    };
    if let Some(ramp_s) = plan.ramp_s {
        text += &format!(" after a ramp of {}", human_time(ramp_s * 1e9));
    }
    if plan.arrivals == Arrivals::Poisson {
        text += ", poisson";
    }
    text
}

/// The planned amount of load: `100 clients × 1,000 messages × 125 B`.
fn amount(plan: &PlanSummary) -> String {
    format!("{} × {}", count(plan), payload(plan.payload_bytes))
}

/// Clients, and messages or time: `100 clients × 1,000 messages`. Where only some send: `2 of 4 clients send × …`.
fn count(plan: &PlanSummary) -> String {
    let all = counted(u64::from(plan.clients), "client");
    let clients = match plan.senders {
        Some(senders) if senders > 0 => {
            let send = if senders == 1 { "sends" } else { "send" };
            format!("{} of {all} {send}", grouped(u64::from(senders)))
        }
        _ => all,
    };
    let amount = match (plan.messages_per_client, plan.duration_s) {
        // The search decides the time at each rate.
        _ if plan.find_capacity.is_some() => return clients,
        (Some(n), _) => counted(n, "message"),
        (None, time) => human_time(time.unwrap_or_default() * 1e9),
    };
    match plan.sweep {
        Some(_) => format!("{clients} × {amount} at each rate"),
        None => format!("{clients} × {amount}"),
    }
}

/// A payload size, or a range: `125 B`, `64 B to 4 KiB`.
pub fn payload(bytes: PayloadBytes) -> String {
    let (min, max) = match bytes {
        PayloadBytes::Fixed(size) => (size, size),
        PayloadBytes::Range { min, max } => (min, max),
    };
    SizeRange { min, max }.to_string()
}

/// A list of core numbers: `1, 3`.
pub fn core_list(cores: &[usize]) -> String {
    let cores: Vec<_> = cores.iter().map(ToString::to_string).collect();
    cores.join(", ")
}

/// Cores with their noun: `core 0`, `cores 1, 3`.
pub fn named_cores(cores: &[usize]) -> String {
    let plural = if cores.len() == 1 { "" } else { "s" };
    format!("core{plural} {}", core_list(cores))
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::run::{CapacityPlanSummary, StageSummary, SweepPlanSummary};
    use test_support::fixtures::closed_loop_summary as summary;

    #[test]
    fn few_urls_are_all_listed() {
        let mut plan = summary(100).plan;
        let first = plan.url.clone();
        assert_eq!(server_urls(&plan), first);
        plan.urls = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(server_urls(&plan), "a, b, c, d");
        plan.urls.push("e".to_owned());
        assert_eq!(server_urls(&plan), "a, b, c and 2 more URLs");
    }

    #[test]
    fn a_search_and_a_sweep_stand_in_place_of_a_rate() {
        let mut plan = summary(100).plan;
        (plan.rate_per_s, plan.messages_per_client) = (Some(41_200.0), None);
        (plan.duration_s, plan.window) = (Some(10.0), None);
        plan.find_capacity = Some(CapacityPlanSummary {
            conditions: vec!["p99<10ms".to_owned(), "lost==0".to_owned()],
            precision: 0.03,
            budget_s: 120.0,
        });
        let clients = plan.clients;
        let text = parts(&plan).join(" · ");
        let search = "capacity search at p99 < 10 ms and lost == 0";
        let expected = format!("{search} · {clients} clients × 125 B");
        assert_eq!(text, expected);
        plan.find_capacity = None;
        plan.sweep = Some(SweepPlanSummary {
            rates: vec![1_000.0, 10_000.0, 100_000.0],
            point_s: 10.0,
        });
        plan.arrivals = Arrivals::Poisson;
        let text = parts(&plan).join(" · ");
        let sweep = "sweep of 3 rates, 1,000 to 100,000 msg/s, poisson";
        let expected = format!("{sweep} · {clients} clients × 10.0 s at each rate × 125 B");
        assert_eq!(text, expected);
    }

    #[test]
    fn rooms_roles_and_feeds_are_named() {
        let mut s = summary(100);
        let roles = [("publisher", 1), ("subscriber", 200)];
        s.scenario = Some(ScenarioSummary {
            name: "chat".to_owned(),
            rooms: 10,
            roles: roles.map(|(name, n)| (name.to_owned(), n)).into(),
            ..ScenarioSummary::default()
        });
        (s.plan.clients, s.plan.senders) = (201, Some(1));
        (s.plan.messages_per_client, s.plan.duration_s) = (None, Some(10.0));
        s.plan.window = Some(1);
        assert_eq!(
            parts_of(&s).join(" · "),
            "scenario chat · closed loop · 1 of 201 clients sends × 10.0 s · 10 rooms · publisher 1 + subscriber 200 · window 1"
        );
        s.scenario = Some(ScenarioSummary {
            name: "ticker".to_owned(),
            rooms: 1,
            roles: [("client".to_owned(), 201)].into(),
            ..ScenarioSummary::default()
        });
        s.plan.senders = Some(0);
        assert_eq!(
            parts_of(&s).join(" · "),
            "scenario ticker · feed · 201 clients × 10.0 s"
        );
    }

    #[test]
    fn rules_of_connections_are_named_shortly() {
        let mut s = summary(100);
        let usual = parts_of(&s);
        let mut of = |rules: ConnectionPlanSummary| {
            s.plan.connections = Some(rules);
            let parts = parts_of(&s);
            assert_eq!(parts[..usual.len()], usual);
            assert!(amount_parts(&s.plan, None).ends_with(&parts[usual.len()..]));
            parts[usual.len()..].join(" · ")
        };
        let drop = DropSummary {
            after_s: 10.0,
            share: 0.5,
            method: DropMethod::Reset,
        };
        let all = ConnectionPlanSummary {
            rate_per_s: Some(200.0),
            arrivals: Arrivals::Poisson,
            lifetime: Some("30s".to_owned()),
            lifetime_s: Some(30.0),
            messages_per_connection: Some(1_000),
            drop: Some(drop),
            reconnect: Some("backoff:100ms..30s".to_owned()),
            idle: 15_000,
        };
        assert_eq!(
            of(all),
            "connect 200/s poisson · lifetime 30.0 s · 1,000 messages per connection · drop 50 % at 10.0 s, reconnect \
             backoff:100ms..30s · 15,000 idle"
        );
        let none = ConnectionPlanSummary::default();
        assert_eq!(
            of(ConnectionPlanSummary {
                lifetime: Some("exp:2s".to_owned()),
                lifetime_s: Some(2.0),
                reconnect: Some("now".to_owned()),
                ..none.clone()
            }),
            "lifetime 2.00 s (exponential) · reconnect now"
        );
        let drop = DropSummary {
            share: 0.07,
            method: DropMethod::Close,
            ..drop
        };
        assert_eq!(
            of(ConnectionPlanSummary {
                drop: Some(drop),
                ..none
            }),
            "drop 7 % at 10.0 s by close frame"
        );
    }

    #[test]
    fn a_plan_in_words() {
        let mut s = summary(100);
        assert_eq!(load(&s.plan), "closed loop");
        assert_eq!(amount(&s.plan), "100 clients × 1,000 messages × 125 B");
        let size = " × 125 B";
        assert!(parts_of(&s)[1].ends_with(size), "{:?}", parts_of(&s));
        // The sizes of its messages are not those of the plan.
        s.scenario = Some(ScenarioSummary {
            name: "chat".to_owned(),
            ..ScenarioSummary::default()
        });
        assert_eq!(parts_of(&s)[0], "scenario chat");
        assert_eq!(parts_of(&s)[2], "100 clients × 1,000 messages");
        assert_eq!(
            amount_parts(&s.plan, s.scenario.as_ref()),
            ["scenario chat", "100 clients × 1,000 messages"]
        );
        assert_eq!(
            amount_parts(&s.plan, None),
            ["100 clients × 1,000 messages × 125 B"]
        );
        s.scenario = None;
        s.plan.rate_per_s = Some(20_000.0);
        s.plan.arrivals = Arrivals::Poisson;
        s.plan.ramp_s = Some(2.0);
        assert_eq!(
            load(&s.plan),
            "open loop, 20,000 msg/s after a ramp of 2.00 s, poisson"
        );
        s.plan.ramp_s = None;
        s.plan.stages = [10.0, 50.0]
            .map(|rate_per_s| StageSummary {
                duration_s: 1.0,
                rate_per_s,
            })
            .to_vec();
        assert_eq!(load(&s.plan), "open loop, 10, 50 msg/s in turn, poisson");
    }
}
