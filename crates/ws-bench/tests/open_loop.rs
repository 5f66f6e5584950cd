//! The open loop, conditions and interval logs on the command line.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Bench, stderr, stdout};
use serde_json::Value;

fn json(bench: &Bench, line: &str) -> (Option<i32>, Value) {
    let output = bench.run(line);
    let json = serde_json::from_str(&stdout(&output));
    (
        output.status.code(),
        json.unwrap_or_else(|e| panic!("{e}: {}", stderr(&output))),
    )
}

#[test]
fn a_rate_is_offered_and_both_times_are_told() {
    let bench = Bench::new();
    let (_, run) = json(
        &bench,
        "-c 5 -r 500 -d 400ms --warmup 100ms --json -q -o a.xlsx -o a.json",
    );
    assert_eq!(run["plan"]["rate_per_s"], 500.0);
    assert_eq!(run["plan"]["arrivals"], "constant");
    assert_eq!(run["plan"]["window"], Value::Null);
    assert_eq!(run["offered_rate_per_s"], 500.0);
    assert_eq!(run["messages"]["sent"], 200);
    assert_eq!(run["messages"]["received"], 200);
    let figure = |path: &str| run.pointer(path).and_then(Value::as_u64).unwrap();
    assert!(figure("/response_time_ns/min") >= figure("/service_time_ns/min"));
    assert!(figure("/send_lag_ns/max") > 0, "nobody is never late");
    let gap = figure("/response_time_ns/p99").saturating_sub(figure("/service_time_ns/p99"));
    assert_eq!(figure("/coordinated_omission_p99_ns"), gap);
    assert_eq!(bench.files(), ["a.json", "a.xlsx"]);
}

#[test]
fn the_text_says_open_loop_and_how_the_rate_was_kept() {
    let bench = Bench::new();
    let line = "-c 2 --stages 100ms:200,100ms:400 --arrivals poisson --warmup 0s --no-output -q";
    let out = stdout(&bench.run(line));
    assert!(
        out.contains("open loop, 200, 400 msg/s in turn, poisson"),
        "{out}"
    );
    for wanted in [
        "300 msg/s offered",
        "send lag p50",
        "response time ",
        "response p99 exceeds service p99 by ",
    ] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    assert!(!out.contains("the same: in closed loop"), "{out}");
}

#[test]
fn the_generators_own_limits_are_told_when_asked_for() {
    let bench = Bench::new();
    let line = "-c 2 -m 20 --warmup 0s --no-output --json -q";
    let (_, run) = json(&bench, line);
    assert_eq!(run["calibration"], Value::Null);
    let (_, run) = json(
        &bench,
        &format!("{line} --calibrate --pin --busy-poll --threads 1"),
    );
    assert!(run["calibration"]["floor_service_p50_ns"].as_u64() > Some(0));
    assert!(run["calibration"]["ceiling_messages_per_s"].as_f64() > Some(0.0));
    assert_eq!(run["plan"]["busy_poll"], true);
    assert!(run["client"]["busy_share"].as_f64() > Some(0.0));
    let cores = run["plan"]["pinned_to"].as_array().unwrap();
    assert_eq!(cores.is_empty(), !cfg!(target_os = "linux"));
}

#[test]
fn a_condition_that_holds_is_exit_4_unless_something_worse_happened() {
    let bench = Bench::new();
    // A reliable tail would need 100,000 messages. A thin one is suspect, which is not a failure.
    let line = "-c 4 -m 50 --warmup 0s --no-output -q";
    let output = bench.run(&format!("{line} --fail-if p99>1h --fail-if lost>0"));
    assert_eq!(
        output.status.code(),
        Some(2),
        "an hour is no unit of a condition"
    );
    let output = bench.run(&format!("{line} --fail-if p99>60m --fail-if lost>0"));
    let out = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(
        out.contains("\npassed --fail-if, did not hold: p99>60m (p99 is ")
            && out.contains("lost>0 (lost is 0)")
    );
    let output = bench.run(&format!("{line} --fail-if sent>=200 --fail-if lost>0"));
    let out = stdout(&output);
    assert_eq!(output.status.code(), Some(4), "{out}");
    assert!(
        out.contains("\nFAILED --fail-if, held: sent>=200 (sent is 200)"),
        "{out}"
    );
    let (code, run) = json(&bench, &format!("{line} --json --fail-if service.p50>0ns"));
    assert_eq!(code, Some(4));
    assert_eq!(run["conditions"][0]["expression"], "service.p50>0ns");
    assert_eq!(run["conditions"][0]["held"], true);
    assert_eq!(
        run["conditions"][0]["value"].as_f64(),
        run["service_time_ns"]["p50"].as_f64()
    );
    // Nothing is sent in 1 ms at this rate. An invalid run takes precedence over a condition that held.
    let output = bench.run("-c 1 -r 0.001 -d 1ms --arrivals poisson --seed 1 --warmup 0s --no-output -q --fail-if lost==0");
    assert_eq!(output.status.code(), Some(5), "{}", stdout(&output));
    let output = bench.run(&format!("{line} --fail-if losst>0"));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `lost`"));
}

#[test]
fn an_interval_log_is_written() {
    let bench = Bench::new();
    let output = bench.run("-c 4 -m 50 --warmup 0s -q -o run.hlog");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(bench.files(), ["run.hlog"]);
    let log = std::fs::read_to_string(bench.path("run.hlog")).unwrap();
    for tag in ["Tag=service,0.000,", "Tag=response,0.000,"] {
        assert!(log.contains(tag), "{log}");
    }
}
