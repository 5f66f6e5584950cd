//! A generator that is stopped by a signal reports this.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};
use std::time::Duration;

use measurement::record::Sample;
use results::read::{RunPart, read_run};
use serde_json::Value;

fn signal(name: &str, pid: u32) {
    let status = Command::new("kill")
        .args([name, &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_generator_that_stood_still_is_not_valid() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("run.csv");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_ws-bench"))
        .args(["-c", "2", "-d", "1s", "--warmup", "0s", "--no-calibrate"])
        .args(["--threads", "1", "--json", "-q", "-o"])
        .arg(&saved)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Stopped for half of its time, so that the measured phase is affected.
    while bench.try_wait().unwrap().is_none() {
        signal("-STOP", bench.id());
        std::thread::sleep(Duration::from_millis(50));
        signal("-CONT", bench.id());
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = bench.wait_with_output().unwrap();
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_ne!(run["validity"]["verdict"], "valid");
    let stops = &run["client"]["stops"];
    let figure = |key: &str| stops[key].as_u64().unwrap();
    assert!(figure("count") >= 1, "{stops}");
    assert!(figure("longest_ns") >= 40_000_000, "{stops}");
    assert!(figure("total_ns") >= figure("longest_ns"), "{stops}");
    let reasons = run["validity"]["reasons"].as_array().unwrap();
    let named = |reason: &Value| {
        reason
            .as_str()
            .unwrap()
            .contains("the generator was stopped for")
    };
    assert!(reasons.iter().any(named), "{reasons:?}");

    let run = read_run(&saved, &[RunPart::Samples]).unwrap();
    let rows = run.samples.unwrap().rows;
    let marked = rows.iter().filter(|sample| sample.over_stop).count() as u64;
    // All messages are kept as samples. One in flight during two stops counts twice.
    assert!(
        (1..=figure("messages")).contains(&marked),
        "{marked}: {stops}"
    );
    let (start_ns, length_ns) = (figure("longest_at_ns"), figure("longest_ns"));
    let was_in_flight = |sample: &&Sample| {
        let until_ns = sample.received_ns().unwrap_or(u64::MAX);
        sample.sent_ns <= start_ns && until_ns >= start_ns + length_ns
    };
    let mut in_flight = rows.iter().filter(was_in_flight);
    assert!(in_flight.all(|sample| sample.over_stop), "{stops}");
}
