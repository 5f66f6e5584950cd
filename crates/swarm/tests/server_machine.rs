//! Figures of the server's machine: overflows of listen queues, and memory per connection.

#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

mod common;

use common::{Server, answer};
use host::process_probe::ProcessProbe;
use measurement::plan::ConnectionRules;
use measurement::run::Summary;
use swarm::{RunHandle, RunSetup};
use units::Rate;

fn echo_server() -> Server {
    Server::start(|_, stream| answer(stream, |_, message| vec![message]))
}

fn summary(plan: &measurement::plan::Plan, setup: RunSetup<'_>) -> Summary {
    let run = swarm::run(plan, &RunHandle::new(), setup).unwrap();
    run.summary.unwrap()
}

#[test]
fn overflows_of_a_local_server_are_known() {
    let server = echo_server();
    let summary = summary(&server.plan(|_| {}), RunSetup::default());
    assert!(summary.connections.listen_overflows.is_some());
}

/// The watched process is this one, which is server and generator.
#[test]
#[ignore = "the engine does not count open connections yet"]
fn memory_per_idle_connection_is_measured_while_connections_open() {
    let server = echo_server();
    let plan = server.plan(|draft| {
        // 400 ms, of which 20 readings.
        draft.connect_rate = Rate::new(1_000.0);
        draft.connections = ConnectionRules {
            idle: 396,
            ..ConnectionRules::default()
        };
    });
    let mut probe = ProcessProbe::processes(&[std::process::id()]).unwrap();
    let watched = RunSetup {
        probe: Some(&mut probe),
        ..RunSetup::default()
    };
    let idle = summary(&plan, watched).idle.unwrap();
    assert_eq!((idle.connections, idle.opened), (396, 396));
    let memory = idle.memory.unwrap();
    // Readings before the first connection, while they open, and behind the last one.
    assert!(memory.readings >= 3, "{memory:?}");
    // A connection of the generator alone takes more than 1 KiB.
    assert!(memory.difference_per_connection > 1_024.0, "{memory:?}");
    let unwatched = summary(&plan, RunSetup::default()).idle.unwrap();
    assert_eq!(unwatched.memory, None);
}

#[test]
fn memory_is_not_read_without_idle_connections() {
    let server = echo_server();
    let mut probe = ProcessProbe::processes(&[std::process::id()]).unwrap();
    let watched = RunSetup {
        probe: Some(&mut probe),
        ..RunSetup::default()
    };
    assert_eq!(summary(&server.plan(|_| {}), watched).idle, None);
}
