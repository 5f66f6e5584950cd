//! Steps of a load: each with its own rate, on connections that stay open.

#![allow(clippy::unwrap_used)]

mod common;
mod step_orders;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Server, accept, answer};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Arrivals, Load, Verify};
use measurement::record::CellRules;
use step_orders::{MS, counts, open, order, steps};
use swarm::{LoadOrder, OrderLead, OrderLoad, OrderRecord, RunHandle, SlicedRun};
use tokio_tungstenite::tungstenite::Message;

fn echo() -> Server {
    Server::start(|_, stream| answer(stream, |_, message| vec![message]))
}

#[test]
fn each_step_has_its_own_rate_and_begins_its_schedule_anew() {
    for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
        let server = echo();
        let plan = server.plan(steps(arrivals));
        let mut run = open(&plan);
        let mut all = Vec::new();
        for (seed, rate) in [(1, 1_000.0), (2, 4_000.0), (3, 500.0), (4, 1_000.0)] {
            let order = order(rate, seed);
            let found = run.step(&order).unwrap();
            let (due, failed, unsent) = counts(&plan, &order, &found);
            assert_eq!((failed, unsent), (0, 0));
            assert_eq!(found.record.samples.len() as u64, due);
            assert!(found.took >= order.length());
            all.push(due);
        }
        if arrivals == Arrivals::Constant {
            assert_eq!(all, [100, 400, 50, 100]);
        } else {
            // The seeds differ.
            assert!(all[1] > 200 && all[2] < all[1], "{all:?}");
        }
        let rest = run.close().unwrap();
        assert_eq!(rest.record.counts.sent, 0);
        assert_eq!(rest.context.connections.closed_early, 0);
    }
}

#[test]
fn a_step_from_above_follows_its_lead_without_a_pause() {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let times = Arc::clone(&arrived);
    let server = Server::start(move |_, stream| {
        let times = Arc::clone(&times);
        answer(stream, move |_, message| {
            times.lock().unwrap().push(Instant::now());
            vec![message]
        })
    });
    let plan = server.plan(steps(Arrivals::Constant));
    let mut run = open(&plan);
    let order = LoadOrder {
        lead: Some(OrderLead {
            rate_per_s: 2_000.0,
            length: 50 * MS,
        }),
        ..order(1_000.0, 7)
    };
    let found = run.step(&order).unwrap();
    assert_eq!(counts(&plan, &order, &found), (100, 0, 0));
    // 100 of the lead, 20 to settle. Their intended times follow each other.
    assert_eq!(arrived.lock().unwrap().len(), 220);
    let mut intended: Vec<_> = found.record.samples.iter().map(|s| s.intended_ns).collect();
    intended.sort_unstable();
    let wanted: Vec<u64> = (0..100).map(|n| n * 1_000_000).collect();
    let differs = |(found, wanted): (&u64, &u64)| found.abs_diff(*wanted) > 1;
    assert!(!intended.iter().zip(&wanted).any(differs), "{intended:?}");
}

#[test]
fn a_closed_step_measures_the_rate_of_the_server() {
    let server = echo();
    let plan = server.plan(steps(Arrivals::Constant));
    let mut run = open(&plan);
    let closed = LoadOrder {
        load: OrderLoad::Closed {
            window: NonZeroU32::MIN,
        },
        ..order(1.0, 1)
    };
    let found = run.step(&closed).unwrap();
    assert!(found.cells.is_none() && found.record.open_loop.is_none());
    assert!(found.record.counts.sent > 0);
    assert_eq!(found.record.counts.sent, found.record.counts.received);
    // An open loop follows on the same connections.
    let order = order(1_000.0, 2);
    assert_eq!(
        counts(&plan, &order, &run.step(&order).unwrap()),
        (100, 0, 0)
    );
}

#[test]
fn lost_and_corrupted_messages_are_counted_as_failed() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, message| match n % 10 {
            0 => vec![],
            1 => {
                let mut text = message.to_text().unwrap().to_owned();
                text.replace_range(100..101, "~");
                vec![Message::text(text)]
            }
            2 => vec![message.clone(), message],
            _ => vec![message],
        })
    });
    let plan = server.plan(steps(Arrivals::Constant));
    let mut run = open(&plan);
    for seed in 1..4 {
        let order = order(4_000.0, seed);
        let found = run.step(&order).unwrap();
        let (due, failed, unsent) = counts(&plan, &order, &found);
        assert_eq!(
            (due, failed, unsent),
            (400, 80, 0),
            "{:?}",
            found.record.counts
        );
        let c = &found.record.counts;
        assert_eq!((c.lost, c.corrupted), (40, Some(40)));
    }
}

#[test]
fn a_server_that_never_answers_ends_a_step_before_the_timeout() {
    let silent = Arc::new(AtomicBool::new(true));
    let is_silent = Arc::clone(&silent);
    let held = Arc::new(Mutex::new(Vec::new()));
    let server = Server::start(move |_, stream| {
        let (is_silent, held) = (Arc::clone(&is_silent), Arc::clone(&held));
        answer(stream, move |_, message| {
            let mut held = held.lock().unwrap();
            held.push(message);
            if is_silent.load(Ordering::SeqCst) {
                return vec![];
            }
            // Whatever was held back comes with the first message of the next step, on whichever connection.
            held.drain(..).collect()
        })
    });
    let plan = server.plan(|draft| {
        steps(Arrivals::Constant)(draft);
        draft.clients = NonZeroU32::MIN;
        draft.timeout = Duration::from_secs(600);
    });
    let mut run = open(&plan);
    let first = order(1_000.0, 1);
    let found = run.step(&first).unwrap();
    assert_eq!(counts(&plan, &first, &found), (100, 100, 0));
    silent.store(false, Ordering::SeqCst);
    // Late echoes of the first step count nowhere.
    for seed in 2..4 {
        let next = order(1_000.0, seed);
        let found = run.step(&next).unwrap();
        assert_eq!(counts(&plan, &next, &found), (100, 0, 0));
        let c = &found.record.counts;
        assert_eq!((c.duplicated, c.unexpected, c.received), (0, 0, 100));
    }
}

/// The drain ended while the server answered the messages of the lead, because none of them is recorded. Its backlog
/// went on into the next step.
#[test]
fn a_server_that_still_answers_the_lead_is_not_drained() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, message| {
            std::thread::sleep(MS);
            vec![message]
        })
    });
    let plan = server.plan(|draft| {
        steps(Arrivals::Constant)(draft);
        draft.clients = NonZeroU32::MIN;
    });
    let mut run = open(&plan);
    let mut step = order(200.0, 1);
    step.lead = Some(OrderLead {
        rate_per_s: 2_000.0,
        length: 500 * MS,
    });
    step.drain.longest = Duration::from_secs(10);
    let found = run.step(&step).unwrap();
    assert_eq!(counts(&plan, &step, &found), (20, 0, 0));
    assert_eq!(found.record.counts.received, 20);
}

#[test]
fn messages_that_the_window_held_back_for_too_long_are_unsent() {
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
    let plan = server.plan(|draft| {
        steps(Arrivals::Constant)(draft);
        let Load::Open { window, .. } = &mut draft.load else {
            unreachable!()
        };
        *window = NonZeroU32::new(1);
    });
    let mut run = open(&plan);
    for seed in 1..3 {
        let order = order(2_000.0, seed);
        let found = run.step(&order).unwrap();
        let (due, failed, unsent) = counts(&plan, &order, &found);
        assert_eq!((due, failed), (200, 0));
        // At most one message of each client per 20 ms.
        assert!(unsent > 200 - 4 * 30, "{unsent}");
    }
}

#[test]
fn messages_of_clients_whose_connection_has_ended_are_unsent_in_all_steps() {
    // The first connection ends in the first step, the second one between steps, the others stay.
    let between = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&between);
    let server = Server::start(move |index, stream| {
        let ends = Arc::clone(&ends);
        async move {
            let mut socket = accept(stream).await;
            let mut answered = 0;
            loop {
                let next = tokio::time::timeout(MS, socket.next()).await;
                if index == 0 && answered == 10 || index == 1 && ends.load(Ordering::SeqCst) {
                    return;
                }
                match next {
                    Ok(Some(Ok(message))) => {
                        answered += 1;
                        if socket.send(message).await.is_err() {
                            return;
                        }
                    }
                    Ok(_) => return,
                    Err(_) => {}
                }
            }
        }
    });
    let plan = server.plan(steps(Arrivals::Constant));
    let mut run = open(&plan);
    let first = order(4_000.0, 1);
    let found = run.step(&first).unwrap();
    let (due, failed, unsent) = counts(&plan, &first, &found);
    assert_eq!(due, 400);
    // Of 120 messages of the client, 10 were answered: 20 of the settle part are not judged.
    assert_eq!(failed + unsent, 100, "{failed} {unsent}");
    assert_eq!((found.alive, found.connections.closed_early), (3, 1));
    between.store(true, Ordering::SeqCst);
    let deadline = Instant::now() + Duration::from_secs(60);
    let found = loop {
        let next = order(4_000.0, 2);
        let found = run.step(&next).unwrap();
        counts(&plan, &next, &found);
        if found.alive == 2 || Instant::now() > deadline {
            break found;
        }
    };
    assert_eq!(found.alive, 2);
    for seed in 3..6 {
        let next = order(4_000.0, seed);
        let found = run.step(&next).unwrap();
        assert_eq!(counts(&plan, &next, &found), (400, 0, 200));
    }
}

/// Clients whose connection had ended had no connection in all further steps.
#[test]
fn clients_whose_connection_has_ended_send_again_when_it_is_opened_again() {
    // The first connection ends in the first step.
    let server = Server::start(move |index, stream| async move {
        let mut socket = accept(stream).await;
        for n in 0.. {
            match socket.next().await {
                Some(Ok(message)) if message.is_close() || index == 0 && n == 40 => return,
                Some(Ok(message)) => socket.send(message).await.unwrap(),
                _ => return,
            }
        }
    });
    let plan = server.plan(|draft| {
        steps(Arrivals::Constant)(draft);
        draft.threads = std::num::NonZeroUsize::MIN;
    });
    let mut run = open(&plan);
    let first = order(2_000.0, 1);
    let found = run.step(&first).unwrap();
    let (due, failed, unsent) = counts(&plan, &first, &found);
    // Of 60 messages of the client, 40 were answered.
    assert_eq!((due, failed + unsent), (200, 20));
    assert_eq!((found.alive, found.closed, found.lost), (3, 1, 1));
    assert_eq!(run.reopen().unwrap(), 4);
    let second = order(2_000.0, 2);
    let found = run.step(&second).unwrap();
    assert_eq!(counts(&plan, &second, &found), (200, 0, 0));
    assert_eq!((found.alive, found.closed, found.lost), (4, 0, 0));
    assert_eq!(found.connections.opened, 4);
    assert_eq!(found.connections.closed_early, 1);
    // Nothing is to be done.
    assert_eq!(run.reopen().unwrap(), 4);
    let rest = run.close().unwrap();
    assert_eq!(rest.clients.len(), 4);
    assert_eq!(
        rest.clients.iter().map(|row| row.reconnects).sum::<u64>(),
        1
    );
    assert_eq!(rest.context.connections.attempted, 4);
}

#[test]
fn a_client_that_cannot_come_back_is_tried_again_before_the_step_after_it() {
    // The first connection ends in the first step. The fifth one, which would replace it, is refused.
    let server = Server::start(move |index, stream| async move {
        if index == 4 {
            return;
        }
        let mut socket = accept(stream).await;
        for n in 0.. {
            match socket.next().await {
                Some(Ok(message)) if message.is_close() || index == 0 && n == 40 => return,
                Some(Ok(message)) => socket.send(message).await.unwrap(),
                _ => return,
            }
        }
    });
    let plan = server.plan(steps(Arrivals::Constant));
    let mut run = open(&plan);
    run.step(&order(2_000.0, 1)).unwrap();
    assert_eq!(run.reopen().unwrap(), 3);
    let second = order(2_000.0, 2);
    let found = run.step(&second).unwrap();
    assert_eq!(counts(&plan, &second, &found), (200, 0, 50));
    assert_eq!((found.alive, found.lost), (3, 1));
    assert_eq!(run.reopen().unwrap(), 4);
    let third = order(2_000.0, 3);
    let found = run.step(&third).unwrap();
    assert_eq!(counts(&plan, &third, &found), (200, 0, 0));
    let rest = run.close().unwrap();
    assert_eq!(rest.clients.len(), 4);
    assert_eq!(rest.context.connections.failed, 0);
}

/// A late echo without an identity would have been taken for that of the first message of the next step.
#[test]
fn connections_with_late_echoes_that_name_no_message_are_opened_again() {
    // Each message is echoed when the next one has come.
    let server = Server::start(|_, stream| {
        let mut held = None;
        answer(stream, move |_, message| {
            held.replace(message).into_iter().collect()
        })
    });
    for (verify, bytes) in [(Verify::Off, 125), (Verify::Full, 8)] {
        let plan = server.plan(|draft| {
            steps(Arrivals::Constant)(draft);
            draft.verify = verify;
            draft.payload = common::size(bytes);
            draft.timeout = Duration::from_secs(600);
        });
        let mut run = open(&plan);
        for seed in 1..4 {
            let order = order(2_000.0, seed);
            let found = run.step(&order).unwrap();
            assert_eq!(counts(&plan, &order, &found), (200, 4, 0), "{verify:?}");
            assert_eq!((found.stale, found.lost, found.closed), (4, 0, 0));
            assert_eq!(run.reopen().unwrap(), 4);
        }
        let rest = run.close().unwrap();
        assert_eq!(rest.clients.len(), 4);
        assert_eq!(rest.context.connections.closed_early, 0);
    }
}

#[test]
fn clients_that_never_connected_have_unsent_messages() {
    let server = Server::start(|index, stream| async move {
        if index > 0 {
            answer(stream, |_, message| vec![message]).await;
        }
    });
    let plan = server.plan(steps(Arrivals::Poisson));
    let mut run = open(&plan);
    for seed in 1..3 {
        let order = order(2_000.0, seed);
        let found = run.step(&order).unwrap();
        let (_, failed, unsent) = counts(&plan, &order, &found);
        assert!(failed == 0 && unsent > 0, "{failed} {unsent}");
        assert_eq!((found.alive, found.connections.failed), (3, 1));
    }
}

#[test]
fn an_interrupt_ends_a_step_with_what_was_counted_so_far() {
    let server = echo();
    let handle = RunHandle::new();
    let plan = server.plan(steps(Arrivals::Constant));
    let mut run = SlicedRun::open(&plan, &handle, Duration::from_secs(1)).unwrap();
    let stopping = handle.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(50 * MS);
        stopping.stop();
    });
    let endless = LoadOrder {
        judged: Duration::from_secs(3_600),
        cells: CellRules::new(3_600_000_000_000, vec![], vec![]),
        ..order(1_000.0, 1)
    };
    let found = run.step(&endless).unwrap();
    stopper.join().unwrap();
    assert!(found.interrupted && run.close().unwrap().context.interrupted);
    let due = found.cells.unwrap().total_due();
    let c = &found.record.counts;
    assert_eq!(due, c.sent - c.abandoned + c.unsent);
}

#[test]
fn a_step_that_begins_after_its_start_is_late() {
    let server = echo();
    let plan = server.plan(steps(Arrivals::Constant));
    let mut run = open(&plan);
    let second = Duration::from_secs(1);
    let late = LoadOrder {
        start: Some(std::time::SystemTime::now() - second),
        ..order(1_000.0, 1)
    };
    let mut found = run.step(&late).unwrap();
    assert!(found.late > second / 2, "{:?}", found.late);
    assert_eq!(counts(&plan, &late, &found), (100, 0, 0));
    let at_once = order(1_000.0, 2);
    let next = run.step(&at_once).unwrap();
    assert_eq!(next.late, Duration::ZERO);
    let latest = found.late;
    found.add(next).unwrap();
    assert_eq!(found.late, latest);
}

#[test]
fn parts_of_two_processes_add_up_and_survive_storing() {
    let answered = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&answered);
    let server = Server::start(move |_, stream| {
        let counter = Arc::clone(&counter);
        answer(stream, move |_, message| {
            counter.fetch_add(1, Ordering::SeqCst);
            vec![message]
        })
    });
    let part = |index| {
        server.plan(|draft| {
            steps(Arrivals::Constant)(draft);
            draft.share = measurement::plan::Share {
                index,
                count: NonZeroU32::new(2).unwrap(),
            };
            draft.threads = std::num::NonZeroUsize::MIN;
        })
    };
    let order = LoadOrder {
        start: Some(std::time::SystemTime::now() + 50 * MS),
        ..order(2_000.0, 1)
    };
    let parts: Vec<OrderRecord> = std::thread::scope(|scope| {
        let order = &order;
        let threads = [0, 1].map(|index| {
            let plan = part(index);
            scope.spawn(move || open(&plan).step(order).unwrap())
        });
        threads.map(|thread| thread.join().unwrap()).into()
    });
    let mut parts = parts.into_iter().map(|part| {
        let text = serde_json::to_string(&part).unwrap();
        let back: OrderRecord = serde_json::from_str(&text).unwrap();
        assert_eq!(back.cells, part.cells);
        assert_eq!(back.record.samples, part.record.samples);
        assert_eq!(back.record.timeline, part.record.timeline);
        back
    });
    let mut all = parts.next().unwrap();
    all.add(parts.next().unwrap()).unwrap();
    let plan = server.plan(steps(Arrivals::Constant));
    assert_eq!(counts(&plan, &order, &all), (200, 0, 0));
    assert_eq!(all.alive, 4);
    assert_eq!(answered.load(Ordering::SeqCst), 240);
    assert_eq!(
        all.record.timeline.iter().map(|row| row.sent).sum::<u64>(),
        200
    );
}

#[test]
fn late_echoes_without_an_identity_are_waited_for() {
    // Echoes are matched by order alone.
    let server = echo();
    let plan = server.plan(|draft| {
        steps(Arrivals::Constant)(draft);
        draft.verify = Verify::Off;
    });
    let mut run = open(&plan);
    for seed in 1..3 {
        let order = order(2_000.0, seed);
        assert_eq!(
            counts(&plan, &order, &run.step(&order).unwrap()),
            (200, 0, 0)
        );
    }
}
