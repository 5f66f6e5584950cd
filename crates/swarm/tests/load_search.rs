//! Capacity searches and sweeps against real servers.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::{Server, accept, answer};
use futures_util::{SinkExt, StreamExt};
use measurement::load_search::{CapacityRules, SweepRules};
use measurement::plan::{Arrivals, Length, Load, LoadDraft, RateProfile, Verify};
use measurement::run::{LoadStep, Run, SearchEnd, StepOrigin};
use swarm::load_search::{find_capacity, sweep};
use swarm::{OrderPurpose, RunHandle, RunSetup};
use units::Rate;

const MS: Duration = Duration::from_millis(1);

fn open_loop(draft: &mut LoadDraft) {
    draft.length = Length::Duration(Duration::from_secs(1));
    draft.load = Load::Open {
        profile: RateProfile::constant(Rate::new(1.0).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    };
}

fn echo() -> Server {
    Server::start(|_, stream| answer(stream, |_, message| vec![message]))
}

fn points(rates: &[f64], point: Duration) -> SweepRules {
    SweepRules {
        rates: rates.iter().map(|rate| Rate::new(*rate).unwrap()).collect(),
        point,
    }
}

fn rows(run: &Run) -> &[LoadStep] {
    run.summary.as_ref().unwrap().load_curve.as_ref().unwrap()
}

#[test]
fn a_sweep_has_a_row_for_each_rate_and_the_figures_of_the_highest() {
    let server = echo();
    let plan = server.plan(|draft| {
        open_loop(draft);
        draft.warmup = 20 * MS;
    });
    let handle = RunHandle::new();
    let rules = points(&[100.0, 500.0, 1_000.0, 2_000.0], 100 * MS);
    let run = sweep(&plan, &rules, &handle, RunSetup::default()).unwrap();
    let rows = rows(&run);
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.offered_per_s, row.due, row.failed + row.unsent))
        .collect();
    let wanted = [
        (100.0, 10, 0),
        (500.0, 50, 0),
        (1_000.0, 100, 0),
        (2_000.0, 200, 0),
    ];
    assert_eq!(found, wanted);
    assert!(
        rows.iter()
            .all(|row| row.held.is_none() && row.from == StepOrigin::Below)
    );
    assert!(
        rows.iter()
            .all(|row| row.seconds == 0.1 && row.settle_s == 0.02)
    );
    // In random order, one after the other.
    let mut starts: Vec<_> = rows.iter().map(|row| row.start_s).collect();
    assert!(!starts.is_sorted());
    starts.sort_by(f64::total_cmp);
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 0.12));
    let summary = run.summary.as_ref().unwrap();
    let reported = rows.iter().rfind(|row| row.keeps_up()).unwrap_or(&rows[0]);
    assert_eq!(summary.messages.sent, reported.due);
    assert_eq!(summary.plan.rate_per_s, Some(reported.offered_per_s));
    assert_eq!(
        (summary.plan.duration_s, summary.elapsed_s),
        (Some(0.1), 0.1)
    );
    assert_eq!(summary.response_time_ns.p50, reported.response_p50_ns);
    assert_eq!(summary.connections.opened, 4);
    assert_eq!(summary.plan.sweep.as_ref().unwrap().rates.len(), 4);
    let samples = &run.samples.as_ref().unwrap().rows;
    assert_eq!(samples.len() as u64, reported.due);
    let clients = run.clients.as_ref().unwrap();
    assert_eq!(
        clients.iter().map(|row| row.messages).sum::<u64>(),
        reported.due
    );
    let numbers: BTreeSet<_> = clients.iter().map(|row| row.client).collect();
    assert_eq!(numbers.len(), 4);
    assert!(!handle.is_interrupted());
    let progress = handle.search().unwrap();
    assert_eq!((progress.step, progress.planned_steps), (4, Some(4)));
    assert_eq!(progress.purpose, Some(OrderPurpose::Point));
    assert_eq!(progress.steps.len(), 4);
}

#[test]
fn the_figures_of_a_sweep_are_those_of_a_rate_without_failures() {
    // A server that loses every message of a client behind its 40th.
    let server = Server::start(|_, stream| {
        answer(
            stream,
            |n, message| if n < 40 { vec![message] } else { vec![] },
        )
    });
    let plan = server.plan(|draft| {
        open_loop(draft);
        draft.timeout = 200 * MS;
    });
    let rules = points(&[200.0, 400.0, 4_000.0], 100 * MS);
    let handle = RunHandle::new();
    let run = sweep(&plan, &rules, &handle, RunSetup::default()).unwrap();
    let rows = rows(&run);
    assert!(rows[2].failed > 0 && !rows[2].keeps_up());
    let summary = run.summary.as_ref().unwrap();
    let best = rows.iter().rfind(|row| row.keeps_up() && row.unsent == 0);
    let reported = best.unwrap_or(&rows[0]);
    assert_eq!(summary.plan.rate_per_s, Some(reported.offered_per_s));
    assert_eq!(summary.messages.failed(), reported.failed);
}

/// A rate that was sent counted as one that the server kept up with, whose answers came seconds later.
#[test]
fn a_server_that_answers_later_and_later_does_not_keep_up() {
    // At most 50 messages per second and connection.
    let server = Server::start(|_, stream| async {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            tokio::time::sleep(20 * MS).await;
            if message.is_close() || socket.send(message).await.is_err() {
                return;
            }
        }
    });
    let plan = server.plan(open_loop);
    let rules = points(&[40.0, 2_000.0], 200 * MS);
    let run = sweep(&plan, &rules, &RunHandle::new(), RunSetup::default()).unwrap();
    let rows = rows(&run);
    assert_eq!((rows[1].failed, rows[1].unsent), (0, 0), "{rows:?}");
    assert!(rows[1].answered_per_s <= 220.0, "{:?}", rows[1]);
    assert!(!rows[1].keeps_up());
    let summary = run.summary.as_ref().unwrap();
    assert_eq!(summary.plan.rate_per_s, Some(40.0));
    assert_eq!(summary.rates_not_measured(), 0);
}

/// Rates after the end of all connections had rows with failures.
#[test]
fn rates_without_a_connection_are_not_measured() {
    let handle = RunHandle::new();
    let watched = handle.clone();
    let server = Server::start(move |index, stream| {
        let watched = watched.clone();
        async move {
            if index >= 4 {
                // The server is gone.
                return;
            }
            let mut socket = accept(stream).await;
            while let Some(Ok(message)) = socket.next().await {
                let is_second = watched.search().is_some_and(|search| search.step == 2);
                if is_second || socket.send(message).await.is_err() {
                    return;
                }
            }
        }
    });
    let plan = server.plan(open_loop);
    let rules = points(&[500.0, 1_000.0, 2_000.0, 4_000.0], 100 * MS);
    let run = sweep(&plan, &rules, &handle, RunSetup::default()).unwrap();
    let found = rows(&run);
    assert_eq!(found.len(), 2, "{found:?}");
    let gone = found.iter().find(|row| row.failed + row.unsent > 0);
    assert!(!gone.unwrap().keeps_up() && !gone.unwrap().generator_limited);
    let summary = run.summary.as_ref().unwrap();
    assert_eq!(summary.rates_not_measured(), 2);
    assert_eq!(
        summary.load_curve_ended_by,
        Some(SearchEnd::ConnectionsLost)
    );
    assert!(!handle.is_interrupted());
}

#[test]
fn an_interrupted_sweep_has_the_points_so_far() {
    let handle = RunHandle::new();
    let stopping = handle.clone();
    let is_second = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_second);
    let server = Server::start(move |_, stream| {
        let (stopping, seen) = (stopping.clone(), Arc::clone(&seen));
        answer(stream, move |_, message| {
            if stopping.search().is_some_and(|search| search.step == 2) {
                seen.store(true, Ordering::SeqCst);
                stopping.stop();
            }
            vec![message]
        })
    });
    let plan = server.plan(open_loop);
    let rules = points(&[500.0, 1_000.0, 2_000.0], 300 * MS);
    let run = sweep(&plan, &rules, &handle, RunSetup::default()).unwrap();
    assert!(is_second.load(Ordering::SeqCst) && handle.is_interrupted());
    let rows = rows(&run);
    assert_eq!(rows.len(), 1);
    let summary = run.summary.as_ref().unwrap();
    assert_eq!(summary.load_curve_ended_by, Some(SearchEnd::Interrupted));
    assert_eq!(summary.plan.rate_per_s, Some(rows[0].offered_per_s));
    assert_eq!(summary.messages.sent, rows[0].due);
}

#[test]
fn a_sweep_that_is_interrupted_at_once_is_a_run_without_points() {
    let handle = RunHandle::new();
    let stopping = handle.clone();
    let server = Server::start(move |_, stream| {
        let stopping = stopping.clone();
        answer(stream, move |_, message| {
            stopping.stop();
            vec![message]
        })
    });
    let plan = server.plan(open_loop);
    let rules = points(&[500.0, 1_000.0], Duration::from_secs(600));
    let run = sweep(&plan, &rules, &handle, RunSetup::default()).unwrap();
    assert!(rows(&run).is_empty() && handle.is_interrupted());
    let summary = run.summary.unwrap();
    // The figures are those of the point that was interrupted.
    assert!(summary.messages.received > 0);
}

#[test]
fn a_search_judges_what_a_real_server_does() {
    let server = Server::start(|_, stream| {
        answer(
            stream,
            |n, message| {
                if n % 50 == 49 { vec![] } else { vec![message] }
            },
        )
    });
    let plan = server.plan(|draft| {
        open_loop(draft);
        draft.warmup = 10 * MS;
    });
    let rules = CapacityRules {
        budget: Duration::from_secs(5),
        ..CapacityRules::new(vec!["error_rate<1%".parse().unwrap()])
    };
    let handle = RunHandle::new();
    let run = find_capacity(&plan, &rules, &handle, RunSetup::default()).unwrap();
    let summary = run.summary.as_ref().unwrap();
    let found = summary.capacity.as_ref().unwrap();
    assert!(!found.steps.is_empty());
    let last = found.steps.last().unwrap();
    assert_eq!(summary.plan.rate_per_s, Some(last.offered_per_s));
    assert_eq!(summary.messages.sent + summary.messages.unsent, last.due);
    assert_eq!(summary.connections.opened, 4);
    assert_eq!(summary.connections.closed_early, 0);
    for step in &found.steps {
        assert!(
            step.due > 0 && step.failed + step.unsent <= step.due,
            "{step:?}"
        );
        // One of 50 messages of every client is lost.
        let share = step.failed as f64 / step.due as f64;
        assert!(
            step.failed < 10 || (0.01..0.03).contains(&share),
            "{step:?}"
        );
    }
    let clients = run.clients.as_ref().unwrap();
    assert_eq!(
        clients.iter().map(|row| row.messages).sum::<u64>(),
        summary.messages.sent
    );
    assert_eq!(
        clients.iter().map(|row| row.failed).sum::<u64>(),
        summary.messages.failed()
    );
}

/// A server whose first four connections are closed behind their eighth message.
fn closing_once() -> Server {
    Server::start(|index, stream| async move {
        let mut socket = accept(stream).await;
        for n in 0.. {
            match socket.next().await {
                Some(Ok(message)) if message.is_close() || index < 4 && n == 8 => return,
                Some(Ok(message)) => socket.send(message).await.unwrap(),
                _ => return,
            }
        }
    })
}

/// One connection that the server closed made all later rates fail, because it was never opened again.
#[test]
fn a_connection_that_the_server_closes_is_open_again_at_the_next_rate() {
    let server = closing_once();
    let plan = server.plan(open_loop);
    let rules = points(&[400.0, 410.0, 420.0], 100 * MS);
    let run = sweep(&plan, &rules, &RunHandle::new(), RunSetup::default()).unwrap();
    let rows = rows(&run);
    let mut closed: Vec<_> = rows.iter().collect();
    closed.sort_by(|one, other| one.start_s.total_cmp(&other.start_s));
    let closed: Vec<_> = closed
        .iter()
        .map(|row| (row.closed, row.failed + row.unsent > 0))
        .collect();
    assert_eq!(closed, [(4, true), (0, false), (0, false)], "{rows:?}");
    let summary = run.summary.as_ref().unwrap();
    let connections = &summary.connections;
    assert_eq!((connections.attempted, connections.opened), (4, 4));
    assert_eq!((connections.closed_early, connections.failed), (4, 0));
    // The reported point had all of its connections.
    assert!(!summary.validity.names_broken_connections());
    assert_eq!(summary.load_curve_ended_by, None);
    let clients = run.clients.as_ref().unwrap();
    let numbers: Vec<_> = clients.iter().map(|row| row.client).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(
        clients.iter().map(|row| row.messages).sum::<u64>(),
        summary.messages.sent
    );
}

/// A server that sheds a connection now and then had capacity 0.
#[test]
fn a_search_goes_on_behind_connections_that_the_server_closes() {
    let answered = Arc::new(AtomicU64::new(0));
    let server = Server::start(move |_, stream| {
        let answered = Arc::clone(&answered);
        async move {
            let mut socket = accept(stream).await;
            while let Some(Ok(message)) = socket.next().await {
                let n = answered.fetch_add(1, Ordering::SeqCst);
                if n % 2_000 == 1_999 || socket.send(message).await.is_err() {
                    return;
                }
            }
        }
    });
    let plan = server.plan(|draft| {
        open_loop(draft);
        draft.warmup = 10 * MS;
    });
    let rules = CapacityRules {
        budget: Duration::from_secs(4),
        ..CapacityRules::new(vec!["error_rate<60%".parse().unwrap()])
    };
    let run = find_capacity(&plan, &rules, &RunHandle::new(), RunSetup::default()).unwrap();
    let summary = run.summary.as_ref().unwrap();
    let found = summary.capacity.as_ref().unwrap();
    assert_ne!(found.ended_by, SearchEnd::ConnectionsLost, "{found:?}");
    let closed: u64 = found.steps.iter().map(|step| step.closed).sum();
    assert!(closed > 0 && closed <= summary.connections.closed_early);
    let mut whole = found.steps.iter().filter(|step| step.closed == 0);
    assert!(
        whole.all(|step| step.unsent == 0 || step.generator_limited),
        "{found:?}"
    );
    assert_eq!(
        (summary.connections.attempted, summary.connections.opened),
        (4, 4)
    );
}

/// With `--verify off` each drain took the whole timeout when a message was lost, and the budget was gone without an answer.
#[test]
fn a_lossy_server_whose_echoes_have_no_identity_has_a_load_curve() {
    let server = Server::start(|_, stream| {
        answer(
            stream,
            |n, message| {
                if n % 10 == 9 { vec![] } else { vec![message] }
            },
        )
    });
    let plan = server.plan(|draft| {
        open_loop(draft);
        draft.verify = Verify::Off;
        draft.timeout = Duration::from_secs(3_600);
    });
    let rules = points(&[400.0, 420.0], 100 * MS);
    let run = sweep(&plan, &rules, &RunHandle::new(), RunSetup::default()).unwrap();
    for row in rows(&run) {
        // 10 or 11 messages of each client, on a connection that is new at each rate.
        assert_eq!((row.failed, row.unsent, row.closed), (4, 0, 0), "{row:?}");
    }
    let connections = &run.summary.as_ref().unwrap().connections;
    assert_eq!((connections.opened, connections.closed_early), (4, 0));
}

/// A point at an absurd rate had no message in its judged part, and counted as a limit of the server. Its drain took the
/// whole timeout.
#[test]
fn a_rate_at_which_nothing_was_sent_is_limited_by_the_generator() {
    let server = echo();
    let plan = server.plan(|draft| {
        open_loop(draft);
        draft.warmup = Duration::from_secs(1);
        draft.timeout = Duration::from_secs(3_600);
        draft.threads = NonZeroUsize::MIN;
    });
    let rules = points(&[100.0, 50_000_000.0], 100 * MS);
    let run = sweep(&plan, &rules, &RunHandle::new(), RunSetup::default()).unwrap();
    let rows = rows(&run);
    let absurd = rows.last().unwrap();
    assert_eq!(absurd.achieved_per_s, 0.0);
    assert!(absurd.due > 0 && absurd.generator_limited, "{absurd:?}");
    assert_eq!((rows[0].failed, rows[0].unsent), (0, 0));
}
