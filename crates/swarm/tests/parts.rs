//! Parts of one run that several generators execute together.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, SystemTime};

use common::{Server, answer, messages};
use measurement::plan::{Arrivals, Length, Load, LoadDraft, Plan, RateProfile, Share};
use measurement::run::{ProcessRecord, Run, RunSum};
use swarm::{CommonStart, RunHandle, RunSetup, SwarmError};
use units::Rate;

/// Runs a plan in `count` shards that start together.
fn parts(
    server: &Server,
    count: u32,
    ahead: Duration,
    change: impl Fn(&mut LoadDraft),
) -> Vec<ProcessRecord> {
    let t0 = SystemTime::now() + ahead;
    let plans: Vec<Plan> = (0..count)
        .map(|index| {
            server.plan(|draft| {
                change(draft);
                let count = NonZeroU32::new(count).unwrap();
                draft.share = Share { index, count };
            })
        })
        .collect();
    thread::scope(|scope| {
        let parts = plans.iter().map(|plan| {
            scope.spawn(move || {
                let setup = RunSetup {
                    start: Some(CommonStart {
                        known: Some(t0),
                        poll: Box::new(move |_| Ok(Some(t0))),
                        seed: None,
                    }),
                    ..RunSetup::default()
                };
                swarm::run_process(plan, &RunHandle::new(), setup).unwrap()
            })
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    })
}

fn sum(parts: Vec<ProcessRecord>) -> Run {
    let mut sum = RunSum::new(&parts[0]);
    for part in parts {
        sum.add(part).unwrap();
    }
    sum.into_run()
}

fn open_loop(draft: &mut LoadDraft, per_second: f64) {
    draft.load = Load::Open {
        profile: RateProfile::constant(Rate::new(per_second).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    };
}

#[test]
fn shards_together_offer_what_one_process_would() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    let parts = parts(&server, 3, Duration::from_secs(2), |draft| {
        draft.clients = NonZeroU32::new(8).unwrap();
        draft.length = messages(5);
        open_loop(draft, 200.0);
    });
    let t0: Vec<_> = parts.iter().map(|part| &part.context.started_at).collect();
    assert!(t0.windows(2).all(|pair| pair[0] == pair[1]), "{t0:?}");
    assert!(parts.iter().all(|part| part.first_wake_ns.is_some()));
    let run = sum(parts);
    let summary = run.summary.unwrap();
    let m = &summary.messages;
    assert_eq!(
        (m.planned, m.sent, m.received, m.unsent),
        (Some(40), 40, 40, 0)
    );
    assert_eq!(
        (summary.connections.attempted, summary.connections.opened),
        (8, 8)
    );
    assert_eq!(summary.plan.clients, 8);
    // Message j of a constant rate is due at j/rate and belongs to client j mod 8.
    let mut due: Vec<_> = run.samples.unwrap().rows;
    due.sort_by_key(|sample| sample.intended_ns);
    for (j, sample) in (0_u32..).zip(&due) {
        assert_eq!(sample.client, j % 8);
        assert_eq!(sample.intended_ns, u64::from(j) * 5_000_000);
    }
    let clients = run.clients.unwrap();
    assert!(clients.iter().map(|row| row.client).eq(0..8));
    assert!(clients.iter().all(|row| row.messages == 5));
}

#[test]
fn a_shard_that_has_not_opened_all_starts_with_what_it_has() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    let plan = server.plan(|draft| {
        draft.clients = NonZeroU32::new(4).unwrap();
        // The second connection is due long after the start.
        draft.connect_rate = Rate::new(0.001);
        draft.length = Length::Duration(Duration::from_millis(500));
        open_loop(draft, 40.0);
    });
    let t0 = SystemTime::now() + Duration::from_millis(900);
    let setup = RunSetup {
        start: Some(CommonStart {
            known: None,
            poll: Box::new(move |_| Ok(Some(t0))),
            seed: None,
        }),
        ..RunSetup::default()
    };
    let part = swarm::run_process(&plan, &RunHandle::new(), setup).unwrap();
    let summary = sum(vec![part]).summary.unwrap();
    let connections = &summary.connections;
    assert_eq!(
        (
            connections.attempted,
            connections.opened,
            connections.failed
        ),
        (4, 1, 3)
    );
    assert_eq!(connections.failures["not open by the start of the load"], 3);
    assert_eq!((summary.messages.sent, summary.messages.unsent), (5, 15));
}

#[test]
fn a_shard_without_a_connection_owes_its_messages() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let plan = common::plan(&format!("ws://{address}/"), Default::default(), |draft| {
        open_loop(draft, 100.0);
        draft.length = messages(5);
    });
    let t0 = SystemTime::now() + Duration::from_millis(200);
    let setup = RunSetup {
        start: Some(CommonStart {
            known: None,
            poll: Box::new(move |has_opened| Ok(has_opened.then_some(t0))),
            seed: Some(Box::new(|_| 4711)),
        }),
        ..RunSetup::default()
    };
    let part = swarm::run_process(&plan, &RunHandle::new(), setup).unwrap();
    assert_eq!(
        (part.record.counts.sent, part.record.counts.unsent),
        (0, 20)
    );
    assert_eq!(part.context.connections.failed, 4);
    assert_eq!(part.facts.plan.seed, 4711);
}

#[test]
fn the_seed_that_follows_from_the_start_is_the_one_that_is_used() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    let plan = server.plan(|draft| {
        draft.payload = units::SizeRange {
            min: 30,
            max: 3_000,
        };
        draft.seed = 1;
    });
    let sizes = |plan: &Plan, seed: Option<u64>| {
        let start = seed.map(|seed| CommonStart {
            known: None,
            poll: Box::new(|has_opened| Ok(has_opened.then(SystemTime::now))),
            seed: Some(Box::new(move |_| seed)),
        });
        let setup = RunSetup {
            start,
            ..RunSetup::default()
        };
        let part = swarm::run_process(plan, &RunHandle::new(), setup).unwrap();
        assert_eq!(part.record.counts.received, 40);
        part.record.in_time.payload_bytes
    };
    let late = sizes(&plan, Some(99));
    assert_eq!(late, sizes(&plan.clone().with_seed(99), None));
    assert_ne!(late, sizes(&plan, None));
}

#[test]
fn a_start_that_fails_ends_the_run() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    let setup = RunSetup {
        start: Some(CommonStart {
            known: None,
            poll: Box::new(|_| Err("nobody came".into())),
            seed: None,
        }),
        ..RunSetup::default()
    };
    let error = swarm::run_process(&server.plan(|_| {}), &RunHandle::new(), setup).unwrap_err();
    assert!(
        matches!(&error, SwarmError::Start(source) if source.to_string() == "nobody came"),
        "{error}"
    );
}

#[test]
fn an_interrupt_before_the_start_sends_nothing() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    let handle = RunHandle::new();
    let stopper = handle.clone();
    let setup = RunSetup {
        start: Some(CommonStart {
            known: None,
            poll: Box::new(move |has_opened| {
                if has_opened {
                    stopper.stop();
                }
                Ok(None)
            }),
            seed: None,
        }),
        ..RunSetup::default()
    };
    let part = swarm::run_process(&server.plan(|_| {}), &handle, setup).unwrap();
    assert!(part.context.interrupted);
    assert_eq!(
        (part.record.counts.sent, part.context.connections.opened),
        (0, 4)
    );
}
