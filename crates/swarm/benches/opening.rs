//! How close the opening of connections comes to a bare connect-and-upgrade loop.
//!
//! `cargo bench -p swarm --bench opening [-- CONNECTIONS ROUNDS]`
//!
//! In one run, alternating, against the same server, the reference echo: a bare loop (mio) that connects
//! and upgrades, 128 at a time, and looks at nothing but the end of each answer; then the swarm, with one
//! thread, which checks every handshake and times its parts. Each side has its own core where there are two.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod bare;

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use measurement::plan::{Length, Load, Plan, PlanDraft, Target, Verify};
use measurement::units::SizeRange;
use swarm::control::Control;

fn main() {
    // `cargo bench` adds a flag of its own.
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (connections, rounds) = (number(0, 10_000), number(1, 5));
    println!("{connections} connections, one thread each side");
    println!("round   bare loop ms   swarm ms   swarm : bare");
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let server = bare::server();
        let address = server.address();
        let bare = std::thread::spawn(move || {
            bare::pin(bare::CLIENT_CORE);
            bare::opening(address, usize::try_from(connections).unwrap(), 128).as_secs_f64()
        });
        let bare = bare.join().unwrap();
        drop(server);
        let server = bare::server();
        let swarm = swarm_opening(&server.url(), connections);
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

/// How long the swarm took to open so many connections, in seconds.
fn swarm_opening(url: &str, connections: u64) -> f64 {
    let plan = Plan::new(PlanDraft {
        target: Target::parse(url).unwrap(),
        embedded: None,
        clients: NonZeroU32::new(u32::try_from(connections).unwrap()).unwrap(),
        length: Length::MessagesPerClient(NonZeroU64::MIN),
        payload: SizeRange { min: 125, max: 125 },
        text: true,
        load: Load::PING_PONG,
        connect_rate: None,
        connect_timeout: Duration::from_secs(20),
        timeout: Duration::from_secs(20),
        warmup: Duration::ZERO,
        verify: Verify::Full,
        threads: NonZeroUsize::MIN,
        pin: Vec::new(),
        busy_poll: false,
        headers: Default::default(),
        seed: 1,
        max_samples: 0,
    })
    .unwrap();
    let finished = std::thread::spawn(move || {
        bare::pin(bare::CLIENT_CORE);
        swarm::run(&plan, &Control::new()).unwrap()
    });
    let finished = finished.join().unwrap();
    assert_eq!(finished.connections.opened, connections);
    finished.connections.opening_s
}
