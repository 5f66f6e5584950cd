//! Tables of runs with a scenario: the scenario, its kinds of messages, its roles, records of its rules.

use std::collections::BTreeMap;

use measurement::run::{KindSummary, ScenarioSummary, Summary};
use measurement::verdict::Latency;
use units::{grouped, human_time};
use wording::summary::ended_word;
use wording::summary_view::UNKNOWN;

use crate::page::{Table, TableRow};

/// The tables of a run; none without a scenario.
pub(crate) fn scenario_tables(s: &Summary) -> Vec<Table> {
    let mut tables: Vec<_> = s.scenario.iter().map(|about| scenario(about, s)).collect();
    tables.push(further_times(s));
    tables.push(groups("Kinds of messages", &s.kinds, s, |_| true));
    // Roles that only receive have a row with their deliveries.
    let sends = |role: &KindSummary| role.deliveries.is_none() || role.messages.sent > 0;
    tables.push(groups("Roles that send", &s.roles, s, sends));
    tables.push(records(s));
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn scenario(about: &ScenarioSummary, s: &Summary) -> Table {
    let mut rows = vec![TableRow::new("name", vec![about.name.clone()])];
    let roles = about.roles.iter();
    rows.extend(roles.map(|(role, clients)| {
        TableRow::new(format!("clients, role {role}"), vec![grouped(*clients)])
    }));
    rows.extend(about.vars.iter().map(|(name, value)| {
        // A secret has no value here.
        let value = value.clone().unwrap_or_else(|| UNKNOWN.to_owned());
        TableRow::new(format!("var {name}"), vec![value])
    }));
    let failures = s.setup.iter().flat_map(|setup| &setup.failures);
    rows.extend(failures.map(|one| {
        let cell = format!("{} × {}", grouped(one.count), one.failure);
        TableRow::new("setup failed", vec![cell])
    }));
    rows.extend(
        about
            .sha256
            .iter()
            .map(|hash| TableRow::new("SHA-256", vec![hash.clone()])),
    );
    Table {
        title: "Scenario".to_owned(),
        rows,
        ..Table::default()
    }
}

fn cell(ns: Option<f64>) -> String {
    ns.map_or_else(|| UNKNOWN.to_owned(), human_time)
}

/// Times of partial and of error replies.
fn further_times(s: &Summary) -> Table {
    let times = [
        ("first part", &s.first_part_ns),
        ("error reply", &s.error_time_ns),
    ];
    let known = times
        .into_iter()
        .filter_map(|(name, times)| Some((name, times.as_ref()?)));
    Table {
        title: "Further times".to_owned(),
        columns: Latency::default()
            .shown()
            .map(|(name, _)| name.to_owned())
            .into(),
        rows: known
            .map(|(name, times)| TableRow::new(name, times.shown().map(|(_, ns)| cell(ns)).into()))
            .collect(),
        figures: true,
        ..Table::default()
    }
}

/// One row per kind of message, or per role, for which `is_shown` holds.
fn groups(
    title: &str,
    groups: &BTreeMap<String, KindSummary>,
    s: &Summary,
    is_shown: impl Fn(&KindSummary) -> bool,
) -> Table {
    let columns = [
        "sent",
        ended_word(s),
        "lost",
        "corrupted",
        "late",
        "error replies",
        "service time p50",
        "p99",
        "response time p99",
    ];
    let row = |(name, group): (&String, &KindSummary)| {
        let counts = &group.messages;
        let counts = [
            counts.sent,
            counts.received,
            counts.lost,
            counts.corrupted,
            counts.timed_out,
            counts.error_reply,
        ];
        let ns = |ns: Option<u64>| cell(ns.map(|ns| ns as f64));
        let mut cells: Vec<_> = counts.into_iter().map(grouped).collect();
        cells.extend([
            ns(group.service_time_ns.p50),
            ns(group.service_time_ns.p99),
            ns(group.response_time_ns.p99),
        ]);
        TableRow::new(name.clone(), cells)
    };
    Table {
        title: title.to_owned(),
        columns: columns.map(str::to_owned).into(),
        rows: groups
            .iter()
            .filter(|(_, group)| is_shown(group))
            .map(row)
            .collect(),
        figures: true,
        ..Table::default()
    }
}

/// One row per `[[on]]` rule whose records came.
fn records(s: &Summary) -> Table {
    let mut rows = Vec::new();
    if let Some(counts) = &s.messages.scenario {
        for (of, verb) in [(&counts.answered, "answered"), (&counts.ignored, "ignored")] {
            rows.extend(
                of.iter()
                    .map(|(name, n)| TableRow::new(format!("{name}, {verb}"), vec![grouped(*n)])),
            );
        }
    }
    Table {
        title: "Records of the rules".to_owned(),
        rows,
        figures: true,
        ..Table::default()
    }
}

#[cfg(test)]
mod tests {
    use measurement::record::ScenarioCounts;
    use test_support::fixtures::closed_loop_summary;

    use super::*;

    #[test]
    fn a_run_without_a_scenario_has_none_of_them() {
        assert!(scenario_tables(&closed_loop_summary(100)).is_empty());
    }

    #[test]
    fn kinds_rules_and_roles_have_rows_and_secrets_no_value() {
        let mut s = closed_loop_summary(100);
        let one = |name: &str, n| BTreeMap::from([(name.to_owned(), n)]);
        s.scenario = Some(ScenarioSummary {
            name: "chat".to_owned(),
            roles: one("client", 4),
            vars: BTreeMap::from([("token".to_owned(), None)]),
            ..ScenarioSummary::default()
        });
        s.messages.scenario = Some(ScenarioCounts {
            answered: one("ping", 2),
            ignored: one("news", 1_500),
            ..ScenarioCounts::default()
        });
        s.kinds = BTreeMap::from([("say".to_owned(), KindSummary::default())]);
        s.roles = BTreeMap::from([("guest".to_owned(), KindSummary::default())]);
        let tables = scenario_tables(&s);
        let rows = |title: &str| -> Vec<(String, String)> {
            let table = tables.iter().find(|table| table.title == title).unwrap();
            let rows = table.rows.iter();
            rows.map(|row| (row.name.clone(), row.cells[0].clone()))
                .collect()
        };
        let pair = |name: &str, cell: &str| (name.to_owned(), cell.to_owned());
        assert_eq!(
            rows("Scenario"),
            [
                pair("name", "chat"),
                pair("clients, role client", "4"),
                pair("var token", "–")
            ]
        );
        assert_eq!(
            rows("Records of the rules"),
            [pair("ping, answered", "2"), pair("news, ignored", "1,500")]
        );
        assert_eq!(rows("Kinds of messages"), [pair("say", "0")]);
        assert_eq!(rows("Roles that send"), [pair("guest", "0")]);
    }
}
