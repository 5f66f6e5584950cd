//! Comparisons by the capacity under conditions.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Stdio;

use common::{Compare, server, started_by, stderr, stdout, wait_for_line, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// Flags of short searches.
const SEARCH: [&str; 10] = [
    "--capacity",
    "p99<100ms",
    "--precision",
    "20%",
    "-d",
    "10s",
    "-c",
    "4",
    "--warmup",
    "50ms",
];

fn flags<'a>(servers: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let servers = servers.iter().flat_map(|server| ["--server", server]);
    SEARCH
        .into_iter()
        .chain(servers)
        .chain(more.iter().copied())
        .collect()
}

/// Capacities depend on the machine, so the test checks what each of them must have.
#[test]
fn every_round_searches_every_server() {
    let compare = Compare::new();
    let servers = [server("a", "axum"), server("t", "tungstenite")];
    let files = [
        "-o", "c.json", "-o", "c.xlsx", "-o", "c.md", "-o", "c.html", "-o", "c.svg",
    ];
    let more = [&["--rounds", "1", "--seed", "3"][..], &files].concat();
    let output = compare.run(&flags(&servers, &more));
    // On a machine that is busy with other tests, the searches may be invalid.
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 5, "{code}: {}", stderr(&output));
    let c = compare.json("c.json");
    let document = std::fs::read_to_string(compare.path("c.json")).unwrap();
    test_support::assert_valid_json(results::write::COMPARISON_SCHEMA, &document);
    assert_eq!(c["plan"]["figures"], json!(["capacity_under_slo"]));
    let search = &c["plan"]["load"]["find_capacity"];
    assert_eq!(search["conditions"], json!(["p99<100ms"]));
    assert_eq!(
        (&search["precision"], &search["budget_s"]),
        (&json!(0.2), &json!(10.0))
    );
    assert_eq!(c["plan"]["slice_s"], Value::Null);
    let rounds = c["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 2);
    for row in rounds {
        assert_eq!(
            (&row["capacity"], &row["latency"]),
            (&Value::Null, &Value::Null)
        );
        let found = &row["capacity_under_slo"];
        assert_eq!(found["conditions"], json!(["p99<100ms"]));
        let steps = found["steps"].as_array().unwrap();
        assert!(
            !steps.is_empty() && found["rate_per_s"].as_f64().unwrap() > 0.0,
            "{found}"
        );
        for key in [
            "low_per_s",
            "from_above_per_s",
            "hysteresis",
            "at_least",
            "verdict",
        ] {
            assert!(found.get(key).is_some(), "{key}: {found}");
        }
        assert!(["precision", "budget"].contains(&found["ended_by"].as_str().unwrap()));
    }
    let text = stdout(&output);
    assert!(
        text.contains("Capacity: open loop, the highest rate at p99 < 100 ms"),
        "{text}"
    );
    let page = std::fs::read_to_string(compare.path("c.html")).unwrap();
    assert!(page.contains("Searches") && page.contains("from above"));
    let notices = stderr(&output);
    assert!(
        notices.contains("search at p99 &lt; 100 ms") || notices.contains("search at p99 < 100 ms"),
        "{notices}"
    );
    // The saved comparison gives the same figures again.
    let again = compare.run(&["c.json", "--json"]);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["figures"], c["figures"]);
}

#[test]
fn an_interrupted_search_is_dropped() {
    let compare = Compare::new();
    let servers = [server("a", "axum"), server("t", "tungstenite")];
    let line = flags(&servers, &["--rounds", "1000", "-o", "c.json"]);
    let mut command = compare.command(&line);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_line(&mut child, "round 1:");
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    wait_until("every server is gone", || started_by(child.id()).is_empty());
    let c = compare.json("c.json");
    assert_eq!(c["interrupted"], true);
    let rounds = c["rounds"].as_array().unwrap();
    assert!(rounds.len() >= 2);
    for row in rounds {
        assert_ne!(row["capacity_under_slo"]["ended_by"], "interrupted");
    }
}

#[test]
fn what_does_not_go_with_a_search_is_a_usage_error() {
    let compare = Compare::new();
    let servers = [server("a", "axum"), server("t", "tungstenite")];
    let error = |more: &[&str]| {
        let output = compare.run(&flags(&servers, more));
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        stderr(&output)
    };
    for (more, advice) in [
        (
            &["--rate", "500"][..],
            "--rate cannot be used with --capacity",
        ),
        (&["--slice", "50ms"], "leave --slice out"),
        (&["--capacity", "p99>10ms"], "write `p99<10ms`"),
        (&["--capacity", "p99<20s"], "use a larger --timeout"),
        (
            &["--fail-if", "t.p99 > a.p99"],
            "--fail-if on response_p99 cannot be used with --capacity",
        ),
        (
            &["--find-capacity", "p99<1ms"],
            "use --capacity in place of it",
        ),
        (&["--sweep", "1..9"], "ws-bench --sweep"),
    ] {
        let error = error(more);
        assert!(error.contains(advice), "{error}");
    }
    assert!(compare.files().is_empty());
}

/// Every "no" of the table of combinations, and every flag without the one that it needs: the message names the flags
/// that were given, and what to do. Some named flags that were not given, some had clap's message without advice.
#[test]
fn every_refusal_names_the_flags_and_what_to_do() {
    let compare = Compare::new();
    for (line, flags, advice) in [
        (
            &["--sweep", "1..9"][..],
            &["--sweep"][..],
            "--capacity 'p99<10ms'",
        ),
        (
            &["--find-capacity", "p99<1ms"],
            &["--find-capacity"],
            "--capacity 'p99<10ms'",
        ),
        (&["--drop", "1s"], &["--drop"], "ws-bench --drop"),
        (
            &["--reconnect", "now"],
            &["--reconnect"],
            "ws-bench --drop --reconnect",
        ),
        (&["--slow", "1"], &["--slow"], "ws-bench --slow"),
        (&["--idle", "5"], &["--idle"], "ws-bench --idle"),
        (
            &["--precision", "5%"],
            &["--precision", "--capacity"],
            "(example: --capacity 'p99<10ms' --precision 3%)",
        ),
        (
            &["--max-rounds", "5"],
            &["--max-rounds", "--until-sure"],
            "(example: ",
        ),
        (&["--rounds", "0"], &["--rounds"], "use 1 to 1,000"),
        (
            &["--budget", "1m", "--rounds", "3"],
            &["--budget", "--rounds"],
            "leave one of them out",
        ),
        (
            &["a.json", "b.json", "--capacity", "p99<10ms"],
            &["FILE", "--capacity"],
            "leave one of them out",
        ),
        (
            &["--figures", "capacity_under_slo"],
            &["capacity_under_slo", "--capacity"],
            "add --capacity",
        ),
    ] {
        let is_saved = line[0] == "a.json";
        let servers = [
            "--url",
            "a=ws://127.0.0.1:1/",
            "--url",
            "b=ws://127.0.0.1:1/",
        ];
        let servers = if is_saved { &[][..] } else { &servers[..] };
        let output = compare.run(&[line, servers].concat());
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{line:?}: {text}");
        assert!(text.contains(advice), "{line:?}: {text}");
        let named = flags.iter().all(|flag| text.contains(flag));
        assert!(named, "{line:?}: {text}");
        let message = text.split("Usage:").next().unwrap();
        assert!(!message.contains("--server"), "{line:?}: {text}");
    }
    assert!(compare.files().is_empty());
}
