//! Throughput with a scenario compared with the built-in echo.
//!
//! `cargo bench -p swarm --bench dialogue [-- ROUNDS SECONDS]`
//!
//! Measures alternately in one run, against the same reference server, which returns every message. An echo written as a
//! scenario and the built-in echo, with one message of 125 B in flight on 100 connections, and with 64 on 20. Then a
//! call of 125 B that is recognised by its id in JSON, with 64 in flight.
//!
//! Server and generator have one thread each, on separate cores. Absolute figures vary with the machine; only the ratios
//! within one run are meaningful. Each is the median of the rounds, with its 95 % interval by ranks.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod bare;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use measurement::plan::{Length, Load};
use scenario::{Scenario, ScenarioOptions, ScenarioSource};

/// The call; the server's reply is the call itself. It has 125 B, whatever its id.
const CALL: &str = r#"
[[message]]
send = '{"jsonrpc":"2.0","method":"echo","params":"${pad}","id":${id}}'
reply = { json = { "/id" = "${id}", "/params" = "${pad}" } }
error = { json = { "/id" = "${id}", "/error" = "${*}" } }
"#;

struct Figure {
    name: &'static str,
    built_in: (u64, u32),
    scenario: Option<Arc<Scenario>>,
    ratios: Vec<f64>,
    rates: Vec<f64>,
}

fn main() {
    // `cargo bench` adds a flag, which is skipped.
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let rounds = numbers.first().copied().unwrap_or(9);
    let time = Duration::from_secs(numbers.get(1).copied().unwrap_or(2));
    let echo = scenario(ScenarioSource::Preset("echo"));
    let call = scenario(ScenarioSource::File {
        name: "call.toml",
        text: CALL,
    });
    let figure = |name, built_in, scenario: &Arc<Scenario>| Figure {
        name,
        built_in,
        scenario: Some(Arc::clone(scenario)),
        ratios: Vec::new(),
        rates: Vec::new(),
    };
    let mut figures = [
        figure("echo as a scenario, 100 × window 1", (100, 1), &echo),
        figure("echo as a scenario, 20 × window 64", (20, 64), &echo),
        figure("call by id, 20 × window 64", (20, 64), &call),
    ];
    println!("| round | figure | built-in echo/s | scenario/s | scenario : built-in |");
    println!("|---|---|---|---|---|");
    for round in 1..=rounds {
        for figure in &mut figures {
            let (connections, window) = figure.built_in;
            let with = |scenario| rate(connections, window, time, scenario);
            // The order alternates, so that a trend of the machine cancels out.
            let (built_in, own) = if round % 2 == 0 {
                (with(None), with(figure.scenario.clone()))
            } else {
                let own = with(figure.scenario.clone());
                (with(None), own)
            };
            let ratio = own / built_in;
            println!(
                "| {round} | {} | {built_in:.0} | {own:.0} | {ratio:.3} |",
                figure.name
            );
            figure.ratios.push(ratio);
            figure.rates.push(own);
        }
    }
    for figure in &mut figures {
        let [low, median, high] = bare::interval(&mut figure.ratios);
        let [_, rate, _] = bare::interval(&mut figure.rates);
        println!(
            "{}: {median:.3} [{low:.3}, {high:.3}] of the built-in echo, {rate:.0}/s",
            figure.name
        );
    }
}

fn scenario(source: ScenarioSource<'_>) -> Arc<Scenario> {
    let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
    Arc::new(Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap())
}

/// Verified replies per second.
fn rate(connections: u64, window: u32, time: Duration, scenario: Option<Arc<Scenario>>) -> f64 {
    let server = bare::server();
    let plan = bare::plan(&server.url(), connections, |plan| {
        plan.length = Length::Duration(time);
        plan.text = true;
        plan.scenario = scenario;
        plan.load = Load::Closed {
            window: NonZeroU32::new(window).unwrap(),
        };
    });
    let recording = bare::run(plan);
    let counts = recording.record.counts;
    assert!(!counts.any_failed() && counts.unexpected == 0, "{counts:?}");
    recording.record.in_time.messages as f64 / recording.context.elapsed_s
}
