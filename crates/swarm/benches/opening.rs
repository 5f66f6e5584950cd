//! Opening of connections by the swarm compared with a bare connect-and-upgrade loop.
//!
//! `cargo bench -p swarm --bench opening [-- CONNECTIONS ROUNDS]`
//!
//! Measures in one run in alternating order against the same reference server. A bare loop (mio) connects and upgrades
//! 128 connections at a time, and reads only the end of each answer. The swarm, with one thread, checks every handshake
//! and times its parts. Each side has its own core where there are two.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod bare;

use std::time::Duration;

fn main() {
    // `cargo bench` adds a flag, which is skipped.
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (connections, rounds) = (number(0, 10_000), number(1, 5));
    println!("{connections} connections, one thread each side");
    println!("round   bare loop ms   swarm ms   swarm : bare");
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        // Alternates the order, so that state left in the kernel by one side does not always affect the other.
        let (bare, swarm) = if round % 2 == 1 {
            let bare = bare_opening(connections);
            (bare, swarm_opening(connections))
        } else {
            let swarm = swarm_opening(connections);
            (bare_opening(connections), swarm)
        };
        ratios.push(swarm / bare);
        println!(
            "{round:>5}   {:>12.1}   {:>8.1}   {:>12.2}",
            bare * 1e3,
            swarm * 1e3,
            swarm / bare
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("median  swarm : bare {:.2}", ratios[ratios.len() / 2]);
}

/// Time for the bare loop to open this number of connections, in seconds.
fn bare_opening(connections: u64) -> f64 {
    let server = bare::server();
    let address = server.address();
    let opening = std::thread::spawn(move || {
        bare::pin(bare::CLIENT_CORE);
        bare::opening(address, usize::try_from(connections).unwrap(), 128).as_secs_f64()
    });
    opening.join().unwrap()
}

/// Time for the swarm to open this number of connections, in seconds.
fn swarm_opening(connections: u64) -> f64 {
    let server = bare::server();
    let plan = bare::plan(&server.url(), connections, |plan| {
        plan.warmup = Duration::ZERO;
    });
    let recording = bare::run(plan);
    assert_eq!(recording.context.connections.opened, connections);
    recording.context.connections.opening_s
}
