//! Runs in slices: load to one server at a time, on connections that stay open.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Server, accept, answer};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Arrivals, Length, Load, LoadDraft, Plan, RateProfile};
use measurement::run::Connections;
use swarm::{RunHandle, SliceRecord, SliceTimes, SlicedRun};
use units::Rate;

const MS: Duration = Duration::from_millis(1);

/// An echo server that counts messages.
fn counting() -> (Server, Arc<AtomicU64>) {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let server = Server::start(move |_, stream| {
        let counter = Arc::clone(&counter);
        answer(stream, move |_, message| {
            counter.fetch_add(1, Ordering::SeqCst);
            vec![message]
        })
    });
    (server, seen)
}

fn without_end(draft: &mut LoadDraft) {
    draft.length = Length::Duration(Duration::from_secs(86_400));
}

fn at_rate(per_second: f64, arrivals: Arrivals) -> impl FnOnce(&mut LoadDraft) {
    move |draft| {
        without_end(draft);
        draft.load = Load::Open {
            profile: RateProfile::constant(Rate::new(per_second).unwrap()),
            arrivals,
            window: None,
        };
    }
}

fn open(plan: &Plan) -> SlicedRun {
    SlicedRun::open(plan, &RunHandle::new(), Duration::from_secs(1)).unwrap()
}

fn slice(run: &mut SlicedRun, settle: Duration, counted: Duration) -> SliceRecord {
    let times = SliceTimes {
        settle,
        counted,
        keeps_samples: false,
    };
    run.slice(times).unwrap()
}

#[test]
fn only_the_server_whose_slice_it_is_gets_messages() {
    let ((a, a_seen), (b, b_seen)) = (counting(), counting());
    let (mut a, mut b) = (open(&a.plan(without_end)), open(&b.plan(without_end)));
    let seen = || [&a_seen, &b_seen].map(|n| n.load(Ordering::SeqCst));
    let mut expected = seen();
    assert_eq!(expected, [0, 0]);
    let (mut counted, mut all_sent) = (0, 0);
    for _ in 0..3 {
        for (number, run) in [&mut a, &mut b].into_iter().enumerate() {
            let found = slice(run, 5 * MS, 20 * MS);
            expected[number] += found.all_sent;
            assert_eq!(seen(), expected);
            let counts = &found.record.counts;
            assert_eq!(counts.sent, counts.received);
            (counted, all_sent) = (counted + counts.sent, all_sent + found.all_sent);
            assert_eq!(found.record.in_time.messages, counts.sent);
            assert!(found.took >= 25 * MS);
        }
    }
    // The settle parts are not counted.
    assert!(0 < counted && counted < all_sent, "{counted} of {all_sent}");
    for run in [a, b] {
        let rest = run.close().unwrap();
        assert_eq!(rest.record.counts.sent, 0);
        assert_eq!(rest.context.connections.opened, 4);
        assert_eq!(rest.context.connections.closed_early, 0);
        assert_eq!(rest.context.connections.close_codes[&1000], 4);
    }
}

#[test]
fn a_slice_of_the_warm_up_records_nothing() {
    let (server, seen) = counting();
    let mut run = open(&server.plan(without_end));
    let warm_up = run.slice(SliceTimes::warm_up(20 * MS)).unwrap();
    assert!(warm_up.all_sent > 0 && warm_up.all_sent == seen.load(Ordering::SeqCst));
    assert_eq!(warm_up.record.counts.sent, 0);
    assert_eq!(warm_up.record.service.count(), 0);
}

#[test]
fn an_open_loop_goes_on_with_its_schedule_and_sends_nothing_between_slices() {
    for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
        let (server, seen) = counting();
        let mut run = open(&server.plan(at_rate(2_000.0, arrivals)));
        let mut all_sent = 0;
        let mut counted = 0;
        for _ in 0..10 {
            let found = slice(&mut run, 10 * MS, 40 * MS);
            all_sent += found.all_sent;
            counted += found.record.counts.sent;
            assert_eq!(found.record.counts.unsent, 0);
            // Time that is not time of the schedule.
            std::thread::sleep(20 * MS);
            assert_eq!(seen.load(Ordering::SeqCst), all_sent);
        }
        if arrivals == Arrivals::Constant {
            // Message j is due at j/2,000 s: each of 500 ms, and none twice.
            assert_eq!((all_sent, counted), (1_000, 800));
        } else {
            // Ten standard deviations.
            assert!((680..=1_320).contains(&all_sent), "{all_sent}");
            assert!(counted < all_sent);
        }
    }
}

#[test]
fn a_message_held_back_by_a_full_window_is_sent_in_its_own_slice() {
    let server = Server::start(|_, stream| async {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                return;
            }
            tokio::time::sleep(20 * MS).await;
            socket.send(message).await.unwrap();
        }
    });
    let mut run = open(&server.plan(|draft| {
        at_rate(1_000.0, Arrivals::Constant)(draft);
        draft.clients = NonZeroU32::new(2).unwrap();
        let Load::Open { window, .. } = &mut draft.load else {
            unreachable!()
        };
        *window = NonZeroU32::new(1);
    }));
    for _ in 0..2 {
        let found = slice(&mut run, Duration::ZERO, 10 * MS);
        let open = found.record.open_loop.as_ref().unwrap();
        assert_eq!(
            (found.record.counts.sent, found.record.counts.received),
            (10, 10)
        );
        // Five of each client one after another, and all were due in the 10 ms.
        assert!(open.response.max().unwrap() >= 90_000_000);
        assert!(open.last_intended_ns < 10_000_000);
    }
}

#[test]
fn a_slice_ends_at_the_timeout_when_no_echo_comes() {
    let silent = Arc::new(AtomicBool::new(false));
    let is_silent = Arc::clone(&silent);
    let server = Server::start(move |_, stream| {
        let is_silent = Arc::clone(&is_silent);
        answer(stream, move |_, message| {
            let echoes = !is_silent.load(Ordering::SeqCst);
            echoes.then_some(message).into_iter().collect()
        })
    });
    let mut run = open(&server.plan(|draft| {
        without_end(draft);
        draft.timeout = 600 * MS;
    }));
    assert_eq!(
        slice(&mut run, Duration::ZERO, 200 * MS).record.counts.lost,
        0
    );
    silent.store(true, Ordering::SeqCst);
    let found = slice(&mut run, Duration::ZERO, 200 * MS);
    // One message of each client, and nobody waits for it any longer.
    assert_eq!((found.record.counts.sent, found.record.counts.lost), (4, 4));
    assert_eq!(found.unanswered_in_settle, 0);
    // It was as silent about them in the settle part and in the warm-up, where every slice waited for the timeout.
    let settling = slice(&mut run, 200 * MS, 1 * MS);
    assert_eq!(
        (settling.record.counts.sent, settling.unanswered_in_settle),
        (0, 4)
    );
    silent.store(false, Ordering::SeqCst);
    let found = slice(&mut run, Duration::ZERO, 200 * MS).record.counts;
    assert_eq!((found.sent, found.lost), (found.received, 0));
}

/// Runs slices until exactly so many connections have ended early, for at most a minute.
fn slice_until_ended_early(run: &mut SlicedRun, count: u64) -> Option<Connections> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let slices = std::iter::repeat_with(|| slice(run, Duration::ZERO, 5 * MS).connections);
    let mut slices = slices.take_while(|_| Instant::now() < deadline);
    slices.find(|c| c.closed_early == count)
}

#[test]
fn a_connection_that_ends_between_slices_has_ended_early() {
    let ends = Arc::new(AtomicBool::new(false));
    let has_to_end = Arc::clone(&ends);
    let server = Server::start(move |_, stream| {
        let has_to_end = Arc::clone(&has_to_end);
        async move {
            let mut socket = accept(stream).await;
            while !has_to_end.load(Ordering::SeqCst) {
                let next = tokio::time::timeout(MS, socket.next()).await;
                if let Ok(Some(Ok(message))) = next {
                    socket.send(message).await.unwrap();
                }
            }
        }
    });
    let mut run = open(&server.plan(without_end));
    let found = slice(&mut run, Duration::ZERO, 20 * MS);
    assert_eq!(found.connections.closed_early, 0);
    ends.store(true, Ordering::SeqCst);
    let ended = slice_until_ended_early(&mut run, 4);
    assert_eq!(ended.map(|c| c.opened), Some(4));
    let rest = run.close().unwrap();
    assert_eq!(rest.context.connections.closed_early, 4);
}

#[test]
fn a_connection_that_ends_when_its_client_is_done_with_a_slice_has_ended_early() {
    // The first connection keeps the slice going while the others, whose messages are answered, are closed.
    let server = Server::start(|index, stream| async move {
        let mut socket = accept(stream).await;
        let until = if index == 0 { 600_000 } else { 100 };
        let echo = async {
            while let Some(Ok(message)) = socket.next().await {
                if index == 0 {
                    tokio::time::sleep(200 * MS).await;
                }
                socket.send(message).await.unwrap();
            }
        };
        let _ = tokio::time::timeout(until * MS, echo).await;
    });
    let mut run = open(&server.plan(without_end));
    // On a busy machine, slices are over before a message is sent.
    let ended = slice_until_ended_early(&mut run, 3);
    assert_eq!(ended.map(|c| c.opened), Some(4));
}

#[test]
fn an_interrupt_ends_a_slice() {
    let (server, _) = counting();
    let handle = RunHandle::new();
    let plan = server.plan(without_end);
    let mut run = SlicedRun::open(&plan, &handle, Duration::from_secs(1)).unwrap();
    let stopping = handle.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(50 * MS);
        stopping.stop();
    });
    let times = SliceTimes {
        settle: Duration::ZERO,
        counted: Duration::from_secs(3_600),
        keeps_samples: false,
    };
    assert!(run.slice(times).unwrap().interrupted);
    stopper.join().unwrap();
    assert!(run.close().unwrap().context.interrupted);
}

#[test]
fn samples_are_kept_where_they_are_asked_for() {
    let (server, _) = counting();
    let mut run = open(&server.plan(without_end));
    let found = slice(&mut run, Duration::ZERO, 10 * MS);
    assert!(found.record.samples.is_empty());
    let times = SliceTimes {
        settle: Duration::ZERO,
        counted: 10 * MS,
        keeps_samples: true,
    };
    let found = run.slice(times).unwrap().record;
    assert_eq!(found.samples.len() as u64, found.counts.sent);
    // Times count from the beginning of the slice.
    assert!(found.samples.iter().all(|s| s.sent_ns < 10_000_000));
}

#[test]
fn a_server_that_refuses_everybody_is_an_error() {
    let server = Server::start(|_, stream| async move { drop(stream) });
    let opened = SlicedRun::open(&server.plan(without_end), &RunHandle::new(), MS);
    assert!(matches!(
        opened.err(),
        Some(swarm::SwarmError::NothingConnected { .. })
    ));
}
