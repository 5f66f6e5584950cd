//! Capacity searches and sweeps on the command line.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Bench, Server, stderr, stdout};
use serde_json::Value;
use test_support::stub_server::{StubBehaviour, StubServer};

/// Four clients of a server that needs 20 ms for each message of a connection, so that it serves at most 200 messages per
/// second.
fn slow_server() -> StubServer {
    StubServer::start(StubBehaviour {
        hold: Duration::from_millis(20),
        ..StubBehaviour::default()
    })
}

#[test]
fn a_sweep_measures_each_rate_and_reports_one_that_was_kept() {
    let bench = Bench::new();
    let server = StubServer::start(StubBehaviour::default());
    let run = bench.report(&format!(
        "{} --sweep 40..160:3 -d 500ms -c 4 --threads 1 --seed 1",
        server.url()
    ));
    let steps = run.value("/load_curve").as_array().unwrap();
    let offered: Vec<_> = steps.iter().map(|step| &step["offered_per_s"]).collect();
    assert_eq!(offered, [40.0, 80.0, 160.0]);
    for (step, due) in steps.iter().zip([20, 40, 80]) {
        assert_eq!(step["due"], due, "{step}");
        assert_eq!(step["from"], "below");
        assert_eq!(step["held"], Value::Null);
    }
    assert_eq!(run.value("/plan/sweep/rates").as_array().unwrap().len(), 3);
    assert_eq!(run.value("/plan/sweep/point_s"), 0.5);
    let reported = run.value("/offered_rate_per_s");
    assert!(offered.contains(&reported), "{reported}");
    let sent = run.value("/messages/sent").as_f64().unwrap();
    assert_eq!(sent, reported.as_f64().unwrap() * 0.5);
    for wanted in [
        "sweep of 3 rates, 40 to 160 msg/s",
        "load curve 3 rates",
        "the figures below are those of",
    ] {
        assert!(run.text.contains(wanted), "{wanted}: {}", run.text);
    }
}

#[test]
fn the_capacity_of_a_slow_server_is_below_what_it_can_serve() {
    let bench = Bench::new();
    let server = slow_server();
    let run = bench.report(&format!(
        "{} --find-capacity p99<200ms --budget 10s -c 4 --threads 1 --fail-if capacity>1_000 --no-calibrate",
        server.url()
    ));
    let steps = run.value("/capacity/steps").as_array().unwrap();
    assert!(steps.len() > 2, "{steps:?}");
    assert!(steps.iter().any(|step| step["held"] == false), "{steps:?}");
    let rate = run.value("/capacity/rate_per_s").as_f64().unwrap();
    assert!(rate <= 300.0, "{rate}");
    assert_eq!(run.value("/capacity/conditions/0"), "p99<200ms");
    assert_eq!(run.value("/plan/find_capacity/budget_s"), 10.0);
    assert_eq!(run.value("/conditions/0/held"), false);
    let headline = "capacity search at p99 < 200 ms";
    assert!(run.text.contains(headline), "{}", run.text);
    assert!(run.text.contains(" ended "), "{}", run.text);
}

/// A server that takes connections and answers nothing has no capacity.
#[test]
fn a_dead_server_has_a_capacity_of_0() {
    let bench = Bench::new();
    let server = Server::start(|_, _| None);
    let run = bench.report(&format!(
        "{} --find-capacity p99<50ms --budget 10s -c 2 --threads 1 --timeout 200ms --fail-if capacity<1 --no-calibrate",
        server.url
    ));
    assert_eq!(run.value("/capacity/rate_per_s"), 0.0, "{}", run.text);
    assert_eq!(run.value("/conditions/0/held"), true);
    assert!(
        run.text
            .contains("the conditions held at no rate that was tried"),
        "{}",
        run.text
    );
    assert_ne!(run.code, Some(0));
}

#[test]
fn combinations_that_cannot_be_measured_are_usage_errors() {
    let bench = Bench::new();
    std::fs::write(
        bench.path("feed.toml"),
        "[push]\nmatch = '{\"n\":${seq}}'\n",
    )
    .unwrap();
    for (line, expected) in [
        (
            "--find-capacity p99<10ms -r 5",
            "--rate cannot be used with --find-capacity",
        ),
        (
            "--sweep 10..20 -m 5",
            "--messages cannot be used with --sweep",
        ),
        ("--find-capacity p99>10ms", "write `p99<10ms`"),
        (
            "--find-capacity reach>99%",
            "needs a scenario with deliveries",
        ),
        ("--fail-if capacity<5", "needs --find-capacity"),
        (
            "--find-capacity corrupted==0 --verify off",
            "--find-capacity corrupted==0: `corrupted` cannot be measured in this run: --verify off compares",
        ),
        (
            "--fail-if reordered>0 --verify off",
            "--fail-if reordered>0: `reordered` cannot be measured in this run: --verify off compares",
        ),
        (
            "ws://127.0.0.1:1/ --scenario feed.toml --sweep 10..20",
            "--sweep cannot be used with a scenario without messages",
        ),
    ] {
        let output = bench.run(&format!("{line} -q"));
        assert_eq!(output.status.code(), Some(2), "{line}: {}", stdout(&output));
        let text = stderr(&output);
        assert!(text.contains(expected), "{line}: {text}");
    }
    assert_eq!(bench.files(), ["feed.toml"]);
}

/// Every "no" of the table of combinations: the message names both flags and what to do. `--ramp` had clap's message.
#[test]
fn every_refusal_names_both_flags_and_what_to_do() {
    const SEARCH: &str = "--find-capacity p99<10ms";
    const SWEEP: &str = "--sweep 10..20";
    let bench = Bench::new();
    let refused = |line: &str, flags: [&str; 2], advice: &str| {
        let output = bench.run(line);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{line}: {text}");
        for part in [flags[0], flags[1], advice] {
            assert!(text.contains(part), "{line}: {part} in {text}");
        }
    };
    for (line, flag, advice) in [
        ("-r 5", "--rate", "leave it out"),
        ("--ramp 5s", "--ramp", "leave it out"),
        ("-r 5 --ramp 5s", "--rate", "leave it out"),
        ("--stages 5s:10", "--stages", "leave it out"),
        ("-m 5", "--messages", "use "),
        ("ws://a/ --shard 0/2", "--shard", "use --shards N"),
        (
            "ws://a/ --shard 0/2 --shard-dir d",
            "--shard",
            "use --shards N",
        ),
        ("ws://a/ --shard-dir d", "--shard-dir", "use --shards N"),
        ("--start-file f", "--start-file", "use --shards N"),
        (
            "--protocol echo --try --no-output",
            "--try",
            "first, without",
        ),
        ("--drop 5s", "--drop", "measure it at one rate"),
        ("--reconnect now", "--reconnect", "measure it at one rate"),
        ("--lifetime 5s", "--lifetime", "measure it at one rate"),
        (
            "--messages-per-connection 5",
            "--messages-per-connection",
            "measure it at one rate",
        ),
        ("--idle 5", "--idle", "measured at one rate"),
        ("--slow 1", "--slow", "measured at one rate"),
    ] {
        refused(
            &format!("{SEARCH} {line}"),
            [flag, "--find-capacity"],
            advice,
        );
        refused(&format!("{SWEEP} {line}"), [flag, "--sweep"], advice);
    }
    let both = format!("{SEARCH} {SWEEP}");
    let scenario = format!("{SEARCH} --protocol echo");
    for (line, flags, advice) in [
        (
            &*format!("{SEARCH} -d 5s"),
            ["--duration", "--find-capacity"],
            "use --budget",
        ),
        (&both, ["--sweep", "--find-capacity"], "one after the other"),
        (
            &format!("{SWEEP} --precision 3%"),
            ["--precision", "--sweep"],
            "use -d",
        ),
        (
            &format!("{SWEEP} --budget 2m"),
            ["--budget", "--sweep"],
            "use -d",
        ),
        (
            "--precision 3%",
            ["--precision", "--find-capacity"],
            "example: --find-capacity",
        ),
        (
            "--budget 2m",
            ["--budget", "--find-capacity"],
            "example: --find-capacity",
        ),
        (
            &format!("{scenario} --binary"),
            ["--binary", "--protocol"],
            "leave it out",
        ),
        (
            &format!("{scenario} --verify off"),
            ["--verify", "--protocol"],
            "leave --verify out",
        ),
        (
            &format!("{SWEEP} -m 5 -d 5s"),
            ["--messages", "--duration"],
            "leave one of them out",
        ),
        (
            &format!("{SEARCH} --stages 5s:9 -r 5"),
            ["--stages", "--rate"],
            "leave one of them out",
        ),
        (
            &format!("{SEARCH} --shards 2 --shard 0/2"),
            ["--shards", "--shard "],
            "leave one of them out",
        ),
    ] {
        refused(line, flags, advice);
    }
    assert!(bench.files().is_empty());
}
