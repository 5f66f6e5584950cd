//! Deliveries recorded per second compared with the built-in echo.
//!
//! `cargo bench -p swarm --bench fan_out [-- ROUNDS SECONDS]`
//!
//! Measures alternately in one run. The built-in echo of 125 B on 20 connections with 64 in flight, against the reference
//! server that returns every message; and one publisher with 64 messages in flight to itself and 1,000 subscribers, against the
//! reference server that sends every message to all connections. Then the memory of 10,000 subscribers in 100 rooms.
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
use swarm::ReferenceServer;

/// One publisher, who gets its own messages, and subscribers.
const ROOM: &str = r#"
[[message]]
send = '${uid}${pad}'
deliver = '${uid}${pad}'
[roles.publisher]
count = 1
[roles.subscriber]
sends = false
"#;

fn main() {
    // `cargo bench` adds a flag, which is skipped.
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let rounds = numbers.first().copied().unwrap_or(9);
    let time = Duration::from_secs(numbers.get(1).copied().unwrap_or(2));
    let room = scenario();
    let mut ratios = Vec::new();
    let mut rates = Vec::new();
    println!("| round | built-in echo/s | deliveries/s | deliveries : built-in |");
    println!("|---|---|---|---|");
    for round in 1..=rounds {
        // The order alternates, so that a trend of the machine cancels out.
        let (echo, deliveries) = if round % 2 == 0 {
            let echo = echo_rate(time);
            (echo, delivery_rate(time, &room))
        } else {
            let deliveries = delivery_rate(time, &room);
            (echo_rate(time), deliveries)
        };
        let ratio = deliveries / echo;
        println!("| {round} | {echo:.0} | {deliveries:.0} | {ratio:.3} |");
        ratios.push(ratio);
        rates.push(deliveries);
    }
    let [low, median, high] = bare::interval(&mut ratios);
    let [_, rate, _] = bare::interval(&mut rates);
    println!(
        "1 to 1,000: {median:.3} [{low:.3}, {high:.3}] of the built-in echo, {rate:.0} deliveries/s"
    );
}

fn scenario() -> Arc<Scenario> {
    let source = ScenarioSource::File {
        name: "room.toml",
        text: ROOM,
    };
    let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
    Arc::new(Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap())
}

/// Verified echoes per second.
fn echo_rate(time: Duration) -> f64 {
    let server = bare::server();
    let plan = bare::plan(&server.url(), 20, |plan| {
        plan.length = Length::Duration(time);
        plan.text = true;
        plan.load = Load::Closed {
            window: NonZeroU32::new(64).unwrap(),
        };
    });
    let recording = bare::run(plan);
    assert!(!recording.record.counts.any_failed());
    recording.record.in_time.messages as f64 / recording.context.elapsed_s
}

/// Verified deliveries per second.
fn delivery_rate(time: Duration, room: &Arc<Scenario>) -> f64 {
    let server = ReferenceServer::start_fan_out(|| bare::pin(bare::SERVER_CORE)).unwrap();
    let plan = bare::plan(&server.url(), 1_001, |plan| {
        plan.length = Length::Duration(time);
        plan.text = true;
        plan.scenario = Some(Arc::clone(room));
        plan.load = Load::Closed {
            window: NonZeroU32::new(64).unwrap(),
        };
    });
    let recording = bare::run(plan);
    let fan_out = recording.record.fan_out.unwrap();
    let counts = fan_out.counts;
    assert_eq!(counts.delivered, counts.expected, "{counts:?}");
    assert_eq!(
        counts.duplicated + counts.unexpected + counts.late,
        0,
        "{counts:?}"
    );
    counts.delivered_in_time as f64 / recording.context.elapsed_s
}
