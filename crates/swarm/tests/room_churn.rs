//! Rooms and feeds whose clients lose their connections, replace them, and come back.

#![allow(clippy::unwrap_used)]

mod common;
mod room_server;

use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, Instant};

use common::{Server, accept, closed, messages, run, scenario, size};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{
    Arrivals, ConnectionDrop, DropMethod, Length, Lifetime, Load, LoadDraft, RateProfile,
    ReconnectLaw,
};
use measurement::record::{FanOutCounts, FanOutSecond, Record};
use room_server::{RoomEvent, StubRoomServer, StubRooms};
use swarm::{Recording, RunHandle};
use tokio_tungstenite::tungstenite::Message;
use units::Rate;

/// Two publishers that receive nothing, and four subscribers.
const ROLES: &str = "
[roles.publisher]
count = 2
receives = false
[roles.subscriber]
sends = false
";

const SETUP: &str = "
[[setup]]
send = 'join ${room} ${client}'
expect = 'joined'
[[setup]]
send = 'here ${client}'
";

/// The reply comes when all deliveries are acknowledged.
const REPLIED: &str = "
[[message]]
send = 'say ${room} ${uid}${pad}'
reply = 'said ${uid}'
deliver = 'got ${tag} ${uid}${pad}'
answer = 'ack ${tag}'
";

/// Nothing but its deliveries ends a message.
const DELIVERED: &str = "
[[on]]
match = 'said ${*}'
name = 'said'
[[message]]
send = 'say ${room} ${uid}${pad}'
deliver = 'got ${*} ${uid}${pad}'
";

const TO_ONE: &str = "
[[on]]
match = 'said ${*}'
name = 'said'
[[message]]
send = 'say ${room} ${uid}${pad}'
deliver = 'got ${*} ${uid}${pad}'
to = 'one'
";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn open_loop(per_second: f64) -> Load {
    Load::Open {
        profile: RateProfile::constant(Rate::new(per_second).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    }
}

/// Six clients of this scenario in open loop for a second.
fn six(parts: &[&str]) -> impl Fn(&mut LoadDraft) + use<> {
    let scenario = scenario(&parts.concat());
    move |plan| {
        plan.scenario.clone_from(&scenario);
        plan.clients = NonZeroU32::new(6).unwrap();
        plan.payload = size(60);
        plan.timeout = Duration::from_secs(3);
        plan.load = open_loop(300.0);
        plan.length = Length::Duration(ms(1_000));
        // All of them, however fast a closed loop is.
        plan.max_samples = u64::MAX;
    }
}

fn dropping(share: f64, method: DropMethod, law: Option<ReconnectLaw>) -> impl Fn(&mut LoadDraft) {
    move |plan| {
        plan.connections.drop = Some(ConnectionDrop {
            after: ms(300),
            share,
            method,
        });
        plan.connections.reconnect = law;
    }
}

/// A server that delivers each message to its room.
fn faithful(first_receiver: u32) -> StubRoomServer {
    StubRoomServer::start(first_receiver, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver_in_room(post);
        }
    })
}

fn fan_out(record: &Record) -> FanOutCounts {
    record.fan_out.as_ref().unwrap().counts
}

/// Checks that nothing is wrong with the deliveries of a run, and that the counts agree with each other.
fn assert_deliveries(recording: &Recording) -> FanOutCounts {
    let record = &recording.record;
    let figures = record.fan_out.as_ref().unwrap();
    let all = figures.counts;
    assert_eq!(all.expected, all.delivered, "{all:?}");
    let wrong = [all.late, all.duplicated, all.corrupted, all.unexpected];
    assert_eq!(
        (wrong, all.reordered, all.incomplete),
        ([0; 4], 0, 0),
        "{all:?}"
    );
    assert!(figures.unreached.is_empty(), "{:?}", figures.unreached);
    let sum = |of: fn(&FanOutSecond) -> u64| -> u64 { figures.seconds.iter().map(of).sum() };
    assert_eq!(sum(|second| second.published), all.published);
    assert_eq!(sum(|second| second.expected), all.expected);
    assert_eq!(sum(|second| second.delivered), all.delivered);
    if !figures.roles.is_empty() {
        let expected: u64 = figures.roles.iter().map(|role| role.expected).sum();
        let delivered: u64 = figures.roles.iter().map(|role| role.delivered).sum();
        assert_eq!((expected, delivered), (all.expected, all.delivered));
    }
    assert_eq!(figures.times.last.count(), all.complete);
    let messages = &figures.publications;
    assert_eq!(messages.len() as u64, all.complete);
    let expected: u64 = messages.iter().map(|one| u64::from(one.expected)).sum();
    assert_eq!(expected, all.expected);
    let counts = &record.counts;
    assert_eq!(counts.sent, all.published);
    assert_eq!(
        counts.sent,
        counts.received + counts.abandoned,
        "{counts:?}"
    );
    assert!(!counts.any_failed() && counts.unexpected == 0, "{counts:?}");
    all
}

#[test]
fn deliveries_are_complete_before_and_after_a_storm() {
    for (share, dropped) in [(1.0, 6), (0.5, 3)] {
        for (law, method) in [
            (ReconnectLaw::Now, DropMethod::Reset),
            (ReconnectLaw::Spread(ms(300)), DropMethod::Reset),
            (ReconnectLaw::Spread(ms(300)), DropMethod::Close),
        ] {
            for kind in [REPLIED, DELIVERED] {
                let server = faithful(2);
                let recording = run(&server.plan(|plan| {
                    six(&[ROLES, SETUP, kind])(plan);
                    dropping(share, method, Some(law))(plan);
                }));
                let storm = recording.record.reconnect.as_ref().unwrap();
                assert_eq!((storm.dropped, storm.back), (dropped, dropped));
                assert_eq!(storm.failed.total(), 0);
                let all = assert_deliveries(&recording);
                // Both before the drop and behind it.
                assert!(all.complete > 100, "{all:?}");
                let counts = &recording.record.counts;
                assert_eq!(counts.sent + storm.missed, 300, "{counts:?} {storm:?}");
            }
        }
    }
}

#[test]
fn senders_that_receive_their_own_copies_come_back_too() {
    for load in [closed(1), closed(4), open_loop(300.0)] {
        let server = faithful(0);
        let recording = run(&server.plan(|plan| {
            six(&[SETUP, DELIVERED])(plan);
            plan.load = load.clone();
            dropping(1.0, DropMethod::Reset, Some(ReconnectLaw::Spread(ms(200))))(plan);
        }));
        let storm = recording.record.reconnect.as_ref().unwrap();
        assert_eq!((storm.dropped, storm.back), (6, 6));
        let all = assert_deliveries(&recording);
        assert!(all.complete > 100, "{all:?}");
    }
}

#[test]
fn clients_that_stay_away_are_not_expected_to_get_anything() {
    for kind in [REPLIED, DELIVERED] {
        let server = faithful(2);
        let recording = run(&server.plan(|plan| {
            six(&[ROLES, SETUP, kind])(plan);
            dropping(0.5, DropMethod::Reset, None)(plan);
        }));
        assert_deliveries(&recording);
        let storm = recording.record.reconnect.as_ref().unwrap();
        assert_eq!((storm.dropped, storm.back), (3, 0));
    }
}

#[test]
fn a_message_is_complete_when_the_receivers_without_it_have_been_dropped() {
    // Nothing is delivered to subscribers 4 and 5, and their connections are the ones that end.
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver(post, 2);
            room.deliver(post, 3);
        }
    });
    let seed = (0..)
        .find(|seed| {
            let drop = ConnectionDrop {
                after: ms(300),
                share: 1.0 / 3.0,
                method: DropMethod::Reset,
            };
            let chosen = drop.choose(*seed, 6);
            chosen.contains(4) && chosen.contains(5)
        })
        .unwrap();
    let recording = run(&server.plan(|plan| {
        six(&[ROLES, SETUP, DELIVERED])(plan);
        dropping(1.0 / 3.0, DropMethod::Reset, None)(plan);
        plan.seed = seed;
    }));
    let all = assert_deliveries(&recording);
    assert_eq!((all.published, all.complete, all.expected), (300, 300, 600));
    let roles = &recording.record.fan_out.as_ref().unwrap().roles;
    assert_eq!(roles[1].expected, 600);
}

#[test]
fn a_message_that_nobody_can_get_any_more_is_abandoned() {
    // All subscribers are dropped, and have not got anything.
    let server = StubRoomServer::start(2, |_, _| {});
    let recording = run(&server.plan(|plan| {
        six(&[ROLES, SETUP, DELIVERED])(plan);
        dropping(1.0, DropMethod::Reset, None)(plan);
        plan.timeout = ms(2_000);
    }));
    let record = &recording.record;
    let all = fan_out(record);
    assert_eq!((all.expected, all.delivered, all.incomplete), (0, 0, 0));
    let counts = &record.counts;
    assert_eq!((counts.abandoned, counts.received), (counts.sent, 0));
    assert!(counts.sent > 0 && !counts.any_failed());
    assert!(record.fan_out.as_ref().unwrap().unreached.is_empty());
}

#[test]
fn what_was_missing_before_the_drop_stays_missing() {
    // The timeout is over long before the drop.
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            (3..6).for_each(|client| room.deliver(post, client));
        }
    });
    let recording = run(&server.plan(|plan| {
        six(&[ROLES, SETUP, DELIVERED])(plan);
        plan.length = Length::Duration(ms(1_500));
        plan.timeout = ms(100);
        dropping(1.0, DropMethod::Reset, None)(plan);
        plan.connections.drop.as_mut().unwrap().after = ms(1_000);
    }));
    let all = fan_out(&recording.record);
    // At most those of the last 100 ms, and of the grace of 250 ms, are excused.
    assert!(all.expected - all.delivered >= 300 / 2, "{all:?}");
    assert!(all.incomplete >= 150, "{all:?}");
}

#[test]
fn deliveries_are_complete_over_connections_with_a_lifetime() {
    for lifetime in [Lifetime::Fixed(ms(150)), Lifetime::Exponential(ms(150))] {
        for (roles, kind) in [(ROLES, REPLIED), (ROLES, DELIVERED), ("", DELIVERED)] {
            let server = faithful(if roles.is_empty() { 0 } else { 2 });
            let recording = run(&server.plan(|plan| {
                six(&[roles, SETUP, kind])(plan);
                plan.connections.lifetime = Some(lifetime);
            }));
            let all = assert_deliveries(&recording);
            assert_eq!(all.published, 300, "{lifetime:?}");
            let connections = &recording.context.connections;
            assert_eq!((connections.failed, connections.closed_early), (0, 0));
            assert!(connections.replaced >= 6);
            // What is being opened when the publishers are done is given up.
            assert!(connections.opened <= 6 + connections.replaced);
        }
    }
}

#[test]
fn each_connection_of_a_publisher_has_its_number_of_messages() {
    let server = faithful(2);
    let recording = run(&server.plan(|plan| {
        six(&[ROLES, SETUP, DELIVERED])(plan);
        plan.length = messages(40);
        plan.connections.messages_per_connection = NonZeroU64::new(10);
    }));
    let all = assert_deliveries(&recording);
    // No subscriber leaves, so all messages reach all of them.
    assert_eq!((all.published, all.complete, all.expected), (80, 80, 320));
    let connections = &recording.context.connections;
    assert_eq!((connections.opened, connections.replaced), (12, 6));
}

#[test]
fn messages_to_one_member_of_a_room_are_excused_when_members_are_dropped() {
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            // One of the subscribers, in turn.
            let to = 2 + (post.tag % 4) as u32;
            room.deliver(post, to);
        }
    });
    let recording = run(&server.plan(|plan| {
        six(&[ROLES, SETUP, TO_ONE])(plan);
        plan.timeout = ms(500);
        dropping(1.0, DropMethod::Reset, Some(ReconnectLaw::Now))(plan);
    }));
    let all = fan_out(&recording.record);
    let storm = recording.record.reconnect.as_ref().unwrap();
    assert_eq!((storm.dropped, storm.back), (6, 6));
    assert_eq!((all.duplicated, all.unexpected), (0, 0));
    assert!(all.delivered > 100);
}

#[test]
fn deliveries_lost_with_a_connection_that_the_server_closed_are_missing() {
    // Subscriber 5 is closed before the fiftieth message of publisher 0 is delivered.
    let server = StubRoomServer::start(2, |room: &mut StubRooms, event| {
        if let RoomEvent::Said(post) = event {
            if post.client == 0 && post.number == 50 {
                room.close(5);
                (2..5).for_each(|client| room.deliver(post, client));
            } else {
                room.deliver_in_room(post);
            }
        }
    });
    let recording = run(&server.plan(|plan| {
        six(&[ROLES, SETUP, DELIVERED])(plan);
        plan.timeout = ms(500);
        plan.connections.reconnect = Some(ReconnectLaw::Now);
    }));
    let record = &recording.record;
    let storm = record.reconnect.as_ref().unwrap();
    assert_eq!((storm.dropped, storm.by_server, storm.back), (1, 1, 1));
    let all = fan_out(record);
    assert!(all.expected > all.delivered, "{all:?}");
    assert_eq!(all.published, 300);
    assert_eq!((all.duplicated, all.unexpected, all.reordered), (0, 0, 0));
    assert!(record.fan_out.as_ref().unwrap().unreached.is_empty());
    assert_eq!(recording.context.connections.closed_early, 1);
}

#[test]
fn rooms_of_a_stopped_run_have_nothing_missing() {
    let server = faithful(2);
    let plan = server.plan(|plan| {
        six(&[ROLES, SETUP, DELIVERED])(plan);
        plan.length = Length::Duration(Duration::from_secs(600));
        plan.connections.lifetime = Some(Lifetime::Exponential(ms(50)));
    });
    let handle = RunHandle::new();
    handle.watch();
    let recording = std::thread::scope(|scope| {
        let stopper = handle.clone();
        scope.spawn(move || {
            while stopper.progress().record.counts.received < 150 && !stopper.is_final() {
                std::thread::sleep(ms(5));
            }
            stopper.stop();
        });
        swarm::record(&plan, &handle).unwrap()
    });
    assert!(recording.context.interrupted);
    let all = fan_out(&recording.record);
    assert_eq!(all.expected, all.delivered, "{all:?}");
    let counts = &recording.record.counts;
    assert_eq!((counts.lost, counts.incomplete), (0, 0), "{counts:?}");
}

/// A feed of a message each 5 ms, numbered alike on all connections.
fn feed_server() -> Server {
    let begun = Instant::now();
    Server::start(move |_, stream| async move {
        let (mut sink, mut source) = accept(stream).await.split();
        let feed = tokio::spawn(async move {
            let now = || u64::try_from(begun.elapsed().as_millis()).unwrap() / 5;
            let mut next = now();
            let mut ticks = tokio::time::interval(ms(5));
            while sink.send(Message::text("hello")).await.is_ok() {
                ticks.tick().await;
                while next < now() {
                    if sink
                        .send(Message::text(format!("tick {next}")))
                        .await
                        .is_err()
                    {
                        return;
                    }
                    next += 1;
                }
            }
        });
        while let Some(Ok(_)) = source.next().await {}
        feed.abort();
    })
}

#[test]
fn what_a_feed_sends_while_clients_are_away_is_not_missing() {
    type Change = fn(&mut LoadDraft);
    let changes: [Change; 2] = [
        |plan| dropping(1.0, DropMethod::Reset, Some(ReconnectLaw::Spread(ms(300))))(plan),
        |plan| plan.connections.lifetime = Some(Lifetime::Exponential(ms(150))),
    ];
    for change in changes {
        let server = feed_server();
        let recording = run(&server.plan(|plan| {
            plan.scenario = scenario(
                "[[setup]]\nexpect = 'hello'\n[[on]]\nmatch = 'hello'\n[push]\nmatch = 'tick ${seq}'\ninterval = '5ms'\n",
            );
            plan.length = Length::Duration(ms(1_000));
            change(plan);
        }));
        let feed = recording.record.push.as_ref().unwrap();
        assert_eq!((feed.missing, feed.duplicated, feed.reordered), (0, 0, 0));
        assert_eq!(feed.clients, 4);
        assert!(feed.is_numbered && feed.received > 100, "{}", feed.received);
        assert_eq!(recording.context.connections.closed_early, 0);
        assert_eq!(recording.context.connections.failed, 0);
        if let Some(storm) = &recording.record.reconnect {
            assert_eq!((storm.dropped, storm.back), (4, 4));
        } else {
            assert!(recording.context.connections.replaced >= 4);
        }
    }
}
