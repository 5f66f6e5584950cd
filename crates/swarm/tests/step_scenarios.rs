//! Steps of a load with scenarios, rooms and connections that are replaced.

#![allow(clippy::unwrap_used)]

mod common;
mod room_server;
mod step_orders;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use common::{Server, answer, number_behind, scenario, size};
use measurement::plan::{Arrivals, Lifetime, LoadDraft};
use room_server::{RoomEvent, StubRoomServer};
use step_orders::{MS, counts, open, order, steps};
use swarm::LoadOrder;
use tokio_tungstenite::tungstenite::Message;

const CALL: &str = "
[[message]]
send = 'call ${id} ${pad}'
reply = 'done ${id}'
error = 'no ${id}'
";

const ROOM: &str = "
[roles.publisher]
count = 2
receives = false
[roles.subscriber]
sends = false
[[setup]]
send = 'join ${room} ${client}'
expect = 'joined'
within = '60s'
[[setup]]
send = 'here ${client}'
[[message]]
send = 'say ${room} ${uid}${pad}'
deliver = 'got ${*} ${uid}${pad}'
";

#[test]
fn error_replies_count_as_failed() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, message| {
            let id = number_behind(message.to_text().unwrap(), "call ");
            let word = if n % 4 == 0 { "no" } else { "done" };
            vec![Message::text(format!("{word} {id}"))]
        })
    });
    let plan = server.plan(|draft| {
        steps(Arrivals::Constant)(draft);
        draft.scenario = scenario(CALL);
    });
    let mut run = open(&plan);
    for seed in 1..4 {
        // Each client sends 24 messages in the settle part and 120 in all.
        let order = order(4_000.0, seed);
        let found = run.step(&order).unwrap();
        assert_eq!(counts(&plan, &order, &found), (400, 100, 0));
    }
}

/// Two publishers and four subscribers on two threads.
fn room(draft: &mut LoadDraft) {
    steps(Arrivals::Constant)(draft);
    draft.scenario = scenario(ROOM);
    draft.clients = NonZeroU32::new(6).unwrap();
    draft.threads = NonZeroUsize::new(2).unwrap();
    draft.payload = size(60);
    draft.timeout = Duration::from_secs(5);
}

#[test]
fn messages_that_end_by_delivery_are_counted_in_their_own_step() {
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver_to_all(post);
        }
    });
    let plan = server.plan(room);
    let mut run = open(&plan);
    for seed in 1..6 {
        let order = order(1_000.0, seed);
        let found = run.step(&order).unwrap();
        assert_eq!(counts(&plan, &order, &found), (100, 0, 0));
        let fan_out = found.record.fan_out.as_ref().unwrap();
        let c = fan_out.counts;
        assert_eq!((c.published, c.expected, c.delivered), (100, 400, 400));
    }
}

#[test]
fn messages_that_miss_a_receiver_are_incomplete_in_their_own_step() {
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            for client in 2..6 {
                // One of ten messages of each publisher does not reach the last receiver.
                if client < 5 || post.number % 10 > 0 {
                    room.deliver(post, client);
                }
            }
        }
    });
    let plan = server.plan(room);
    let mut run = open(&plan);
    for seed in 1..4 {
        let order = LoadOrder {
            drain: swarm::DrainLimits {
                longest: 300 * MS,
                ..order(1.0, 1).drain
            },
            ..order(1_000.0, seed)
        };
        let found = run.step(&order).unwrap();
        let (due, failed, unsent) = counts(&plan, &order, &found);
        assert_eq!((due, failed, unsent), (100, 10, 0));
        assert_eq!(found.record.counts.incomplete, 10);
    }
}

#[test]
fn a_publisher_whose_connection_ends_leaves_no_message_to_the_next_step() {
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            // The first publisher ends with messages on their way.
            if post.client == 0 && !post.is_warm_up && post.number >= 10 {
                room.close(0);
                return;
            }
            room.deliver_to_all(post);
        }
    });
    let plan = server.plan(room);
    let mut run = open(&plan);
    let first = order(1_000.0, 1);
    let found = run.step(&first).unwrap();
    let (due, failed, unsent) = counts(&plan, &first, &found);
    assert_eq!((due, failed + unsent), (100, 40));
    assert_eq!(found.alive, 5);
    for seed in 2..4 {
        let next = order(1_000.0, seed);
        assert_eq!(
            counts(&plan, &next, &run.step(&next).unwrap()),
            (100, 0, 50)
        );
    }
}

/// A room that lost a member had failures in all further steps.
#[test]
fn members_whose_connection_has_ended_join_their_rooms_again() {
    let mut has_closed = false;
    let server = StubRoomServer::start(2, move |room, event| {
        if let RoomEvent::Said(post) = event {
            if post.number >= 10 && !post.is_warm_up && !has_closed {
                has_closed = true;
                // A publisher and a receiver.
                room.close(0);
                room.close(3);
                return;
            }
            room.deliver_to_all(post);
        }
    });
    let plan = server.plan(room);
    let mut run = open(&plan);
    let first = order(1_000.0, 1);
    let found = run.step(&first).unwrap();
    counts(&plan, &first, &found);
    assert_eq!((found.alive, found.closed, found.lost), (4, 2, 2));
    assert_eq!(run.reopen().unwrap(), 6);
    for seed in 2..4 {
        let next = order(1_000.0, seed);
        let found = run.step(&next).unwrap();
        assert_eq!(counts(&plan, &next, &found), (100, 0, 0));
        let c = found.record.fan_out.as_ref().unwrap().counts;
        assert_eq!((c.published, c.expected, c.delivered), (100, 400, 400));
        assert_eq!((c.unexpected, c.duplicated, c.reordered), (0, 0, 0));
    }
    let rest = run.close().unwrap();
    assert_eq!(rest.context.setup.unwrap().ready, 6);
    assert_eq!(rest.clients.len(), 6);
}

/// A room that delivered nothing drained for the whole timeout.
#[test]
fn a_room_that_delivers_nothing_ends_a_step_before_the_timeout() {
    let (mut said, mut held) = (0, Vec::new());
    let server = StubRoomServer::start(2, move |room, event| {
        if let RoomEvent::Said(post) = event {
            held.push(post.clone());
            said += 1;
            // The deliveries of the first step, which has 120 messages, come with those of the next one.
            if said > 120 {
                held.drain(..).for_each(|post| room.deliver_to_all(&post));
            }
        }
    });
    let hour = Duration::from_secs(3_600);
    let plan = server.plan(|draft| {
        room(draft);
        draft.timeout = hour;
    });
    let mut run = open(&plan);
    let mut first = order(1_000.0, 1);
    first.drain.longest = hour;
    let found = run.step(&first).unwrap();
    assert_eq!(counts(&plan, &first, &found), (100, 100, 0));
    let c = found.record.fan_out.as_ref().unwrap().counts;
    assert_eq!((c.delivered, c.incomplete), (0, 100));
    let second = order(1_000.0, 2);
    let found = run.step(&second).unwrap();
    assert_eq!(counts(&plan, &second, &found), (100, 0, 0));
    let c = found.record.fan_out.as_ref().unwrap().counts;
    assert_eq!((c.expected, c.delivered, c.late), (400, 400, 0));
    assert_eq!((c.unexpected, c.duplicated, c.reordered), (0, 0, 0));
}

/// Replies without an id of a step that was over were taken for those of the next one.
#[test]
fn connections_with_late_replies_that_name_no_message_are_opened_again() {
    let nameless = "
[[message]]
send = 'call ${id} ${pad}'
reply = 'done'
";
    let server = Server::start(|_, stream| {
        answer(stream, |n, _| match n {
            0 => vec![],
            _ => vec![Message::text("done")],
        })
    });
    let plan = server.plan(|draft| {
        steps(Arrivals::Constant)(draft);
        draft.scenario = scenario(nameless);
        draft.timeout = Duration::from_secs(600);
    });
    let mut run = open(&plan);
    for seed in 1..3 {
        let order = order(2_000.0, seed);
        let found = run.step(&order).unwrap();
        assert_eq!(counts(&plan, &order, &found), (200, 4, 0));
        assert_eq!((found.stale, found.closed), (4, 0));
        assert_eq!(run.reopen().unwrap(), 4);
    }
    assert_eq!(run.close().unwrap().context.connections.opened, 4);
}

#[test]
fn messages_over_connections_that_are_replaced_are_all_counted() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    for lifetime in [Lifetime::Fixed(30 * MS), Lifetime::Exponential(20 * MS)] {
        let plan = server.plan(|draft| {
            steps(Arrivals::Poisson)(draft);
            draft.connections.lifetime = Some(lifetime);
        });
        let mut run = open(&plan);
        let mut replaced = 0;
        for seed in 1..5 {
            let order = order(1_000.0, seed);
            let found = run.step(&order).unwrap();
            let (due, failed, unsent) = counts(&plan, &order, &found);
            assert!(due > 0 && failed + unsent == 0, "{due} {failed} {unsent}");
            assert_eq!(found.alive, 4);
            assert!(found.connections.replaced > replaced);
            replaced = found.connections.replaced;
        }
        assert_eq!(run.close().unwrap().context.connections.closed_early, 0);
    }
}
