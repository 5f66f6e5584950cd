//! Connections besides those of the clients, which stay silent.

#![allow(clippy::unwrap_used)]

mod common;
mod logged_server;

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use common::{messages, run, scenario};
use logged_server::{
    ConnectionLog, LoggedServer, Treatment, assert_faultless, clients, close_codes, connections,
    due, open, rate,
};
use measurement::plan::{ConnectionDrop, DropMethod, Length, Lifetime, LoadDraft, ReconnectLaw};
use measurement::run::IdleSummary;
use swarm::Recording;

const IDLE: u32 = 30;

const HEARTBEATS: &str = "
[[setup]]
send = 'hello'
expect = 'welcome'
[[every]]
interval = '50ms'
send = 'beat'
[[message]]
send = '${uid}${pad}'
reply = '${message}'
";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Four clients and thirty idle connections.
fn idle(plan: &mut LoadDraft) {
    plan.connections.idle = IDLE;
}

fn summary(recording: &Recording) -> &IdleSummary {
    recording.context.idle.as_ref().unwrap()
}

/// Connections on which no message was sent.
fn silent(log: &[ConnectionLog]) -> Vec<&ConnectionLog> {
    log.iter().filter(|one| one.messages == 0).collect()
}

#[test]
fn idle_connections_open_stay_silent_and_close() {
    for threads in [1, 3] {
        let server = LoggedServer::start(|_| Treatment::Echo);
        let plan = server.plan(|plan| {
            idle(plan);
            plan.threads = NonZeroUsize::new(threads).unwrap();
        });
        let recording = run(&plan);
        assert_faultless(&recording.record);
        assert_eq!(recording.record.counts.sent, 40);
        assert_eq!(connections(&recording), [34, 0, 0, 0]);
        assert_eq!(
            recording.context.connections.close_codes,
            [(1000, 34)].into()
        );
        let counts = summary(&recording);
        assert_eq!((counts.connections, counts.opened), (30, 30));
        assert_eq!((counts.closed_early, counts.received), (0, 0));
        assert_eq!(recording.clients.len(), 4);
        let log = server.final_log();
        assert_eq!(close_codes(&log), [(1000, 34)].into());
        assert_eq!(silent(&log).len(), 30);
    }
}

#[test]
fn idle_connections_open_behind_the_clients_on_the_same_schedule() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        idle(plan);
        plan.connect_rate = Some(rate(200.0));
        plan.threads = NonZeroUsize::MIN;
    });
    let begun = Instant::now();
    let recording = run(&plan);
    assert_eq!(connections(&recording), [34, 0, 0, 0]);
    assert_eq!(recording.connect.response.count(), 34);
    let log = server.final_log();
    // The clients are due first, 5 ms apart.
    let senders: Vec<_> = (0..34).filter(|number| log[*number].messages > 0).collect();
    assert_eq!(senders, [0, 1, 2, 3]);
    assert!(log[33].accepted - begun >= ms(33 * 5));
}

#[test]
fn idle_connections_answer_pings_and_ignore_messages() {
    let server = LoggedServer::start(|_| Treatment::Greet);
    let recording = run(&server.plan(idle));
    let counts = summary(&recording);
    assert_eq!((counts.opened, counts.received), (30, 30));
    // Those to the clients came before the load, or belong to no message.
    assert!(recording.record.counts.unexpected <= 4);
    assert_eq!(recording.record.counts.received, 40);
    let log = server.final_log();
    assert!(log.iter().all(|one| one.pongs == 1), "{log:?}");
}

#[test]
fn an_idle_connection_that_the_server_ends_ended_early() {
    let server = LoggedServer::start(|number| {
        if number < 34 {
            Treatment::CloseAfter(10, 1000)
        } else {
            Treatment::Echo
        }
    });
    // Clients are done with ten messages: only the idle connections could be closed. None is.
    let recording = run(&server.plan(idle));
    assert_eq!(connections(&recording), [34, 0, 0, 0]);
    let server = LoggedServer::start(|number| {
        if number >= 14 {
            Treatment::CloseAtOnce(1001)
        } else {
            Treatment::Echo
        }
    });
    let recording = run(&server.plan(|plan| {
        idle(plan);
        plan.threads = NonZeroUsize::MIN;
        plan.connect_rate = Some(rate(500.0));
        plan.warmup = ms(100);
        plan.load = open(200.0);
    }));
    assert_eq!(recording.record.counts.received, 40);
    let counts = summary(&recording);
    assert_eq!((counts.opened, counts.closed_early), (30, 20));
    assert_eq!(connections(&recording), [34, 0, 20, 0]);
    assert_eq!(
        recording.context.connections.close_codes,
        [(1000, 14), (1001, 20)].into()
    );
    assert_eq!(server.final_log().len(), 34);
}

#[test]
fn idle_connections_of_a_scenario_do_its_setup_and_beat() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        idle(plan);
        plan.scenario = scenario(HEARTBEATS);
        plan.load = open(100.0);
        plan.length = Length::Duration(ms(500));
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    assert_eq!(recording.record.counts.sent, due(&plan));
    let setup = recording.context.setup.as_ref().unwrap();
    assert_eq!((setup.ready, setup.failed), (34, 0));
    let log = server.final_log();
    assert!(log.iter().all(|one| one.hellos == 1));
    // At least one of the ten heartbeats of half a second, however busy the machine.
    assert!(log.iter().all(|one| one.beats >= 1), "{log:?}");
    assert_eq!(silent(&log).len(), 30);
}

#[test]
fn an_idle_connection_whose_setup_fails_is_a_failed_connection() {
    let server = LoggedServer::start(|number| {
        if number >= 24 {
            Treatment::RefuseSetup
        } else {
            Treatment::Echo
        }
    });
    let recording = run(&server.plan(|plan| {
        idle(plan);
        plan.threads = NonZeroUsize::MIN;
        plan.connect_rate = Some(rate(500.0));
        plan.scenario = scenario(
            &HEARTBEATS.replace("expect = 'welcome'", "expect = 'welcome'\nrefuse = 'no'"),
        );
    }));
    assert_eq!(recording.record.counts.received, 40);
    let [opened, failed, closed_early, _] = connections(&recording);
    assert_eq!((opened, failed, closed_early), (24, 10, 0));
    assert_eq!(summary(&recording).opened, 20);
    assert_eq!(recording.clients.len(), 4);
}

#[test]
fn idle_connections_are_dropped_and_come_back() {
    for (share, dropped) in [(1.0, 34), (0.5, 17)] {
        let server = LoggedServer::start(|_| Treatment::Echo);
        let plan = server.plan(|plan| {
            idle(plan);
            plan.load = open(200.0);
            plan.length = Length::Duration(ms(1_000));
            plan.connections.drop = Some(ConnectionDrop {
                after: ms(200),
                share,
                method: DropMethod::Reset,
            });
            plan.connections.reconnect = Some(ReconnectLaw::Spread(ms(100)));
        });
        let recording = run(&plan);
        assert_faultless(&recording.record);
        let storm = recording.record.reconnect.as_ref().unwrap();
        assert_eq!((storm.dropped, storm.back), (dropped, dropped));
        assert_eq!(recording.record.counts.sent + storm.missed, due(&plan));
        assert_eq!(connections(&recording), [34, 0, 0, 0]);
        let counts = summary(&recording);
        assert_eq!((counts.opened, counts.closed_early), (30, 0));
        assert_eq!(server.final_log().len() as u64, 34 + dropped);
    }
}

#[test]
fn without_a_law_dropped_idle_connections_stay_away_and_the_run_goes_on() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        idle(plan);
        plan.load = open(200.0);
        plan.length = Length::Duration(ms(600));
        plan.connections.drop = Some(ConnectionDrop {
            after: ms(200),
            share: 1.0,
            method: DropMethod::Close,
        });
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    let storm = recording.record.reconnect.as_ref().unwrap();
    assert_eq!((storm.dropped, storm.back), (34, 0));
    assert_eq!(recording.record.counts.sent + storm.missed, due(&plan));
    assert_eq!(close_codes(&server.final_log()), [(1001, 34)].into());
    assert_eq!(connections(&recording), [34, 0, 0, 0]);
}

#[test]
fn idle_connections_have_lifetimes() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        idle(plan);
        plan.load = open(200.0);
        plan.length = Length::Duration(ms(800));
        plan.connections.lifetime = Some(Lifetime::Fixed(ms(200)));
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    assert_eq!(recording.record.counts.sent, due(&plan));
    let log = server.final_log();
    let [opened, failed, closed_early, replaced] = connections(&recording);
    assert_eq!((failed, closed_early), (0, 0));
    // What is being opened when the clients are done is given up.
    assert!(opened <= log.len() as u64 && log.len() as u64 <= replaced + 34);
    assert!(replaced >= 34);
    assert_eq!(summary(&recording).opened, 30);
    assert_eq!(close_codes(&log), [(1000, opened)].into());
}

#[test]
fn a_run_ends_with_its_clients_however_many_connections_are_idle() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        plan.clients = clients(1);
        plan.connections.idle = 500;
        plan.length = messages(5);
    });
    let recording = run(&plan);
    assert_eq!(recording.record.counts.received, 5);
    assert_eq!(connections(&recording), [501, 0, 0, 0]);
    assert_eq!(summary(&recording).opened, 500);
}
