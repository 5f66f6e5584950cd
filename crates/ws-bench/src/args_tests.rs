//! What can be typed and what cannot.

#![allow(clippy::unwrap_used)]

use super::*;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::CommandFactory;
use measurement::plan::{Load, Verify};
use measurement::schedule::Arrivals;
use units::Rate;

fn parse(line: &str) -> Result<Args, clap::Error> {
    Args::try_parse_from(std::iter::once("ws-bench").chain(line.split_whitespace()))
}

fn plan(line: &str) -> Plan {
    parse(line)
        .unwrap()
        .plan("ws://127.0.0.1:1/", false)
        .unwrap()
}

#[test]
fn the_flags_hold_together() {
    Args::command().debug_assert();
}

#[test]
fn defaults_are_those_of_the_contract() {
    let args = parse("").unwrap();
    assert_eq!(args.outputs(), [PathBuf::from("latencies.xlsx")]);
    assert_eq!(
        (args.embedded, args.max_samples),
        (Embedded::Axum, 1_000_000)
    );
    let plan = plan("");
    assert_eq!(plan.clients.get(), 100);
    assert_eq!(plan.planned_messages(), Some(100_000));
    assert_eq!((plan.payload.min, plan.payload.max), (125, 125));
    assert!(plan.text && plan.load == Load::PING_PONG && plan.verify == Verify::Full);
    let ten = Duration::from_secs(10);
    assert_eq!((plan.timeout, plan.connect_timeout), (ten, ten));
    assert_eq!(plan.warmup, Duration::from_secs(1));
    assert!(plan.connect_rate.is_none() && plan.seed < 1 << 53);
}

#[test]
fn what_was_typed_is_what_is_planned() {
    let plan = plan(
        "-c 1_0 -d 2s -s 64..4KiB --binary -w 8 --warmup 0s --verify length --threads 3 --seed 7 \
         --connect-rate 50 --origin o --subprotocol a --subprotocol b --header X:y --max-samples 5",
    );
    assert_eq!(plan.clients.get(), 10);
    assert_eq!(plan.measured_time(), Some(Duration::from_secs(2)));
    assert_eq!((plan.payload.min, plan.payload.max), (64, 4096));
    assert!(!plan.text && plan.verify == Verify::Length);
    assert_eq!(plan.load.window().map(NonZeroU32::get), Some(8));
    assert_eq!((plan.threads.get(), plan.seed, plan.max_samples), (3, 7, 5));
    assert_eq!(plan.headers["sec-websocket-protocol"], "a, b");
    assert_eq!(
        (&plan.headers["origin"], &plan.headers["x"]),
        (&"o".parse().unwrap(), &"y".parse().unwrap())
    );
}

#[test]
fn a_rate_makes_an_open_loop() {
    let rate = |n| Rate::new(n).unwrap();
    let open = |profile, arrivals, window| Load::Open {
        profile,
        arrivals,
        window,
    };
    let constant = RateProfile::constant(rate(2e4));
    assert_eq!(
        plan("-r 20_000 -w 3").load,
        open(constant, Arrivals::Constant, NonZeroU32::new(3))
    );
    let ramp = RateProfile::ramp(rate(5.0), Duration::from_secs(2));
    assert_eq!(
        plan("-r 5 --ramp 2s --arrivals poisson").load,
        open(ramp, Arrivals::Poisson, None)
    );
    let stages = plan("--stages 10s:1000,20s:5_000 --arrivals constant");
    assert_eq!(stages.measured_time(), Some(Duration::from_secs(30)));
    let average = stages.offered_rate().unwrap();
    assert!((average - 110_000.0 / 30.0).abs() < 1e-9, "{average}");
}

#[test]
fn threads_are_pinned_where_it_is_said() {
    assert!(plan("").pin.is_empty());
    assert_eq!(plan("--pin").pin, host::cores::allowed_cores());
    assert_eq!(plan("--pin=3,1 --busy-poll").pin, [3, 1]);
}

#[test]
fn long_runs_are_calibrated_unless_told_otherwise() {
    let calibrates = |line: &str| parse(line).unwrap().calibrates(&plan(line));
    assert!(!calibrates("") && calibrates("--calibrate"));
    assert!(calibrates("-d 5s") && !calibrates("-d 4s"));
    assert!(!calibrates("-d 5s --no-calibrate"));
    // 100 × 1,000 messages at this rate take ten seconds.
    assert!(calibrates("-r 10000") && !calibrates("-r 30000"));
}

#[test]
fn samples_are_kept_only_for_a_file_that_holds_them() {
    assert_eq!(plan("").max_samples, 1_000_000);
    assert_eq!(plan("--no-output").max_samples, 0);
    assert_eq!(plan("-o a.json").max_samples, 0);
    assert_eq!(plan("-o a.json -o b.csv").max_samples, 1_000_000);
    assert_eq!(plan("--no-output --plot a.png").max_samples, 1_000_000);
}

#[test]
fn wrong_lines_are_refused() {
    for line in [
        "-c 0",
        "-m 0",
        "-s 0",
        "-s 9..3",
        "-w 0",
        "--threads 0",
        "-d 10",
        "-m 5 -d 5s",
        "--text --binary",
        "--header nonsense",
        "--no-output -o a.xlsx",
        "--verify maybe",
        "--connect-rate 0",
        "--embedded axum ws://a/",
        "-r 0",
        "--arrivals poisson",
        "--ramp 5s",
        "--stages 5s:10 -r 5",
        "--stages 5s:10 --ramp 1s",
        "--stages 5s:10 -d 5s",
        "--stages 5s",
        "--pin=x",
        "--calibrate --no-calibrate",
        "--fail-if losst>0",
        "--fail-if p99>10",
        "--subprotocol a,b",
        "--insecure",
        "--ca-cert a.pem",
        "wss://a/ --insecure --ca-cert a.pem",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}
