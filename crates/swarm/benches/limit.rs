//! Throughput of the swarm compared with the limit set by the kernel.
//!
//! `cargo bench -p swarm --bench limit [-- CONNECTIONS PAYLOAD_BYTES SECONDS ROUNDS [WINDOW]]`
//!
//! Measures alternately in one run against the same reference server. First a bare epoll loop (mio) that sends and
//! receives the same bytes repeatedly, without masking, verification and recording: this is the limit. Then the swarm,
//! which verifies and records everything.
//!
//! Each side has one thread, on Linux with two or more cores on its own core. Absolute figures vary with the machine;
//! only the ratio within one run is meaningful. With a window above 1, one write contains many frames, and there is no
//! such limit. Only the swarm's figures are printed then.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod bare;

use std::num::NonZeroU32;
use std::time::Duration;

use bare::Round;
use measurement::plan::{Length, Load};
use units::SizeRange;

fn main() {
    // `cargo bench` adds a flag, which is skipped.
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (connections, payload) = (number(0, 100), number(1, 125));
    let (seconds, rounds) = (number(2, 3), number(3, 5));
    let window = u32::try_from(number(4, 1)).unwrap();
    let time = Duration::from_secs(seconds);
    if window > 1 {
        return windowed(connections, payload, time, rounds, window);
    }
    println!(
        "{connections} connections, {payload} bytes, one thread each side, {rounds} rounds of {seconds} s"
    );
    println!(
        "round   limit round trips/s   user µs   core   swarm round trips/s   user µs   core   swarm : limit"
    );
    let mut limits = Vec::new();
    let mut swarms = Vec::new();
    for round in 1..=rounds {
        let limit = bare::limit(connections, payload, time);
        let swarm = swarm_round(connections, payload, time, 1);
        println!(
            "{round:>5}   {:>19.0}   {:>7.2}   {:>4.2}   {:>19.0}   {:>7.2}   {:>4.2}   {:>13.3}",
            limit.rate,
            limit.user_us,
            limit.core,
            swarm.rate,
            swarm.user_us,
            swarm.core,
            swarm.rate / limit.rate
        );
        limits.push(limit);
        swarms.push(swarm);
    }
    let ratios = limits.iter().zip(&swarms).map(|(l, s)| s.rate / l.rate);
    println!(
        "median  swarm : limit {:.3}   swarm user CPU {:.2} µs a message",
        median(ratios.collect()),
        median(swarms.iter().map(|s| s.user_us).collect())
    );
}

fn windowed(connections: u64, payload: u64, time: Duration, rounds: u64, window: u32) {
    println!("{connections} connections, {payload} bytes, window {window}, one thread each side");
    println!("round   verified and recorded messages/s   user µs");
    let mut rates = Vec::new();
    for round in 1..=rounds {
        let swarm = swarm_round(connections, payload, time, window);
        println!("{round:>5}   {:>32.0}   {:>7.2}", swarm.rate, swarm.user_us);
        rates.push(swarm.rate);
    }
    println!("median  {:.0} messages/s", median(rates));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn swarm_round(connections: u64, payload: u64, time: Duration, window: u32) -> Round {
    let server = bare::server();
    let plan = bare::plan(&server.url(), connections, |plan| {
        plan.length = Length::Duration(time);
        plan.payload = SizeRange {
            min: payload,
            max: payload,
        };
        plan.load = Load::Closed {
            window: NonZeroU32::new(window).unwrap(),
        };
    });
    let recording = bare::run(plan);
    let counts = recording.record.counts;
    assert!(!counts.any_failed(), "{counts:?}");
    let (messages, sent) = (recording.record.in_time.messages as f64, counts.sent as f64);
    Round {
        rate: messages / recording.context.elapsed_s,
        user_us: recording.context.client.user_cpu_s.unwrap_or(f64::NAN) / sent * 1e6,
        core: recording.context.client.cpu_per_core.unwrap_or(f64::NAN),
    }
}
