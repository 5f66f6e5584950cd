//! Openings of connections: when they are due, and how late they are.

#![allow(clippy::unwrap_used)]

mod common;
mod logged_server;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Server, accept, accept_and_send, answer, messages, run};
use futures_util::{SinkExt, StreamExt};
use logged_server::{LoggedServer, Treatment, assert_faultless, clients, connections, rate};
use measurement::plan::{Arrivals, ConnectSchedule};
use swarm::Recording;
use tokio::sync::watch;

/// Handshakes of one thread without a connect rate.
const CONCURRENT: usize = 128;

/// Checks that the openings of a run agree with each other.
fn assert_openings(recording: &Recording, opened: u64) {
    let context = &recording.context;
    assert_eq!(connections(recording), [opened, 0, 0, 0]);
    assert_eq!(context.connect_ns.total.count, opened);
    assert_eq!(context.connect_response_ns.count, opened);
    let times = &recording.connect;
    assert_eq!(times.lateness.count(), opened);
    let (total, response) = (times.total.get().unwrap(), times.response.get().unwrap());
    assert!(response.min() >= total.min() && response.max() >= total.max());
    // The summary leaves the timeline out where a single second has all openings.
    let seconds = || times.seconds.rows().map(|(_, second)| second);
    let attempts: u64 = seconds().map(|second| second.attempts).sum();
    let all_opened: u64 = seconds().map(|second| second.opened).sum();
    assert_eq!((attempts, all_opened), (opened, opened));
}

#[test]
fn with_a_rate_connections_are_begun_although_no_handshake_ends() {
    const ALL: u32 = 200;
    // A limit of handshakes below 200 would stop here until the connect timeout.
    let server = LoggedServer::start(|_| Treatment::EchoWhenAccepted(ALL as usize));
    let plan = server.plan(|plan| {
        plan.clients = clients(ALL);
        plan.threads = NonZeroUsize::MIN;
        plan.connect_rate = Some(rate(1_000.0));
        plan.length = messages(1);
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    assert_openings(&recording, u64::from(ALL));
    // The first one waits for the last one.
    let log = server.final_log();
    let last = log.iter().map(|one| one.accepted).max().unwrap();
    let times = recording.connect.response.get().unwrap();
    let waited = last - log[0].accepted;
    let slack = Duration::from_millis(1);
    assert!(Duration::from_nanos(times.max().unwrap()) + slack >= waited);
}

#[test]
fn without_a_rate_a_thread_has_a_limited_number_of_handshakes() {
    const ALL: u32 = 300;
    let pending = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let most_of_server = Arc::clone(&most);
    let (accepted, _) = watch::channel(0);
    let server = Server::start(move |number, stream| {
        accepted.send_replace(number + 1);
        let mut accepted = accepted.subscribe();
        let (pending, most) = (Arc::clone(&pending), Arc::clone(&most_of_server));
        most.fetch_max(pending.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
        async move {
            // The first ones are answered when the limit is reached.
            accepted.wait_for(|n| *n >= CONCURRENT).await.unwrap();
            pending.fetch_sub(1, Ordering::AcqRel);
            answer(stream, |_, message| vec![message]).await;
        }
    });
    let recording = run(&server.plan(|plan| {
        plan.clients = clients(ALL);
        plan.threads = NonZeroUsize::MIN;
        plan.length = messages(1);
    }));
    assert_openings(&recording, u64::from(ALL));
    assert_eq!(most.load(Ordering::Acquire), CONCURRENT);
}

#[test]
fn without_a_rate_a_connection_is_due_when_it_is_begun() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let recording = run(&server.plan(|plan| plan.clients = clients(200)));
    assert_openings(&recording, 200);
    let times = &recording.connect;
    assert_eq!(times.lateness.get().unwrap().max(), Some(0));
    assert_eq!(times.response, times.total);
}

/// Opens 60 connections at 100 a second. Returns the times of their accepts after the begin of the run.
fn accepts(arrivals: Arrivals, threads: usize) -> (Vec<Duration>, u64) {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        plan.clients = clients(60);
        plan.threads = NonZeroUsize::new(threads).unwrap();
        plan.connect_rate = Some(rate(100.0));
        plan.connections.arrivals = arrivals;
        plan.length = messages(1);
        plan.seed = 3;
    });
    let begun = Instant::now();
    let recording = run(&plan);
    assert_openings(&recording, 60);
    let log = server.final_log();
    let mut accepted: Vec<_> = log.iter().map(|one| one.accepted - begun).collect();
    accepted.sort_unstable();
    (accepted, recording.seed)
}

#[test]
fn no_connection_is_opened_before_it_is_due() {
    let mut last = Vec::new();
    for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
        for threads in [1, 3] {
            let (accepted, seed) = accepts(arrivals, threads);
            let mut schedule = ConnectSchedule::new(100.0, arrivals, seed);
            for (number, at) in (0..).zip(accepted) {
                let due = schedule.due(number);
                assert!(at >= due, "{arrivals:?} {number}: {at:?} before {due:?}");
            }
            last.push(schedule.due(59));
        }
    }
    // Random times end at another time than even ones.
    assert_eq!((last[0], last[2]), (last[1], last[3]));
    assert!(
        last[0].abs_diff(last[2]) > Duration::from_millis(5),
        "{last:?}"
    );
}

#[test]
fn a_server_that_accepts_slowly_does_not_delay_what_is_due() {
    // One handshake a time, each of 10 ms, where one is due each 2 ms.
    let (free, _) = watch::channel(0);
    let server = Server::start(move |number, stream| {
        let mut turn = free.subscribe();
        let free = free.clone();
        async move {
            turn.wait_for(|next| *next >= number).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
            free.send_modify(|next| *next += 1);
            let mut socket = accept(stream).await;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() {
                    socket.send(message).await.unwrap();
                }
            }
        }
    });
    let recording = run(&server.plan(|plan| {
        plan.clients = clients(100);
        plan.connect_rate = Some(rate(500.0));
        plan.length = messages(1);
    }));
    assert_openings(&recording, 100);
    let times = recording.connect.response.get().unwrap();
    // Connection k is answered 10 ms · (k + 1) after the first one at the earliest, and is due at 2 ms · k.
    let truth = |k: u64| 10 * (k + 1) - 2 * k;
    let median = times.quantile(0.5).unwrap();
    assert!(median >= truth(49) * 1_000_000 * 99 / 100, "{median}");
    assert!(times.max().unwrap() >= truth(99) * 1_000_000 * 99 / 100);
}

#[test]
fn a_connection_that_fails_is_in_the_timeline() {
    let server = LoggedServer::start(|number| {
        if number % 4 == 3 {
            Treatment::Refuse(503)
        } else {
            Treatment::Echo
        }
    });
    let recording = run(&server.plan(|plan| {
        plan.clients = clients(20);
        plan.connect_rate = Some(rate(500.0));
    }));
    assert_eq!(connections(&recording), [15, 5, 0, 0]);
    let seconds = recording.connect.seconds.rows();
    let sum: u64 = seconds.map(|(_, second)| second.failed).sum();
    assert_eq!(sum, 5);
    assert_eq!(recording.context.connect_response_ns.count, 15);
}

#[test]
fn bytes_behind_the_handshake_of_a_late_connection_are_kept() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept_and_send(stream, b"\x89\x04ping").await;
        let pong = socket.next().await.unwrap().unwrap();
        assert!(pong.is_pong());
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let recording = run(&server.plan(|plan| {
        plan.clients = clients(20);
        plan.connect_rate = Some(rate(2_000.0));
    }));
    assert_openings(&recording, 20);
    assert_eq!(recording.record.counts.received, 200);
}
