//! Rooms whose servers make a generator count deliveries wrongly.

#![allow(clippy::unwrap_used)]

mod common;
mod room_server;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use common::{Server, accept, closed, messages, run, scenario, size};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Arrivals, Length, Load, LoadDraft, RateProfile, SlowCount, SlowReaders};
use measurement::record::{DeliveryOutcome, FanOutCounts, FanOutRecord, Record};
use room_server::{Post, RoomEvent, StubRoomServer, StubRooms};
use swarm::{CommonStart, RunHandle, RunSetup};
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

const ONE_PUBLISHER: &str = "
[roles.publisher]
count = 1
receives = false
[roles.subscriber]
sends = false
";

const SETUP: &str = "
[[setup]]
send = 'join ${room} ${client}'
expect = 'joined'
within = '60s'
[[setup]]
send = 'here ${client}'
";

/// The reply comes when all deliveries are acknowledged, so a publisher with window 1 sends nothing before.
const REPLIED: &str = "
[[message]]
send = 'say ${room} ${uid}${pad}'
reply = 'said ${uid}'
deliver = 'got ${tag} ${uid}${pad}'
answer = 'ack ${tag}'
";

/// Each publisher waits for its own copy.
const OWN_COPY: &str = "
[[message]]
send = 'say ${room} ${uid}${pad}'
deliver = 'got ${*} ${uid}${pad}'
";

/// A time that every delivery keeps, and that a run with missing ones waits for.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Changes the plan to this scenario with this number of clients, ten messages each.
fn draft(parts: &[&str], clients: u32) -> impl Fn(&mut LoadDraft) + use<> {
    let scenario = scenario(&parts.concat());
    move |plan| {
        plan.scenario.clone_from(&scenario);
        plan.clients = NonZeroU32::new(clients).unwrap();
        plan.payload = size(60);
        plan.timeout = TIMEOUT;
        plan.load = closed(1);
    }
}

/// Two publishers and four subscribers.
fn six(plan: &mut LoadDraft) {
    draft(&[ROLES, SETUP, REPLIED], 6)(plan);
}

/// One publisher and this number of subscribers.
fn one_publisher(subscribers: u32) -> impl Fn(&mut LoadDraft) {
    draft(&[ONE_PUBLISHER, SETUP, REPLIED], 1 + subscribers)
}

fn fan_out(record: &Record) -> &FanOutRecord {
    record.fan_out.as_deref().unwrap()
}

/// Checks the counts of a run, and that its samples and its seconds agree with them.
fn assert_counts(record: &Record, truth: FanOutCounts) {
    let figures = fan_out(record);
    assert_eq!(figures.counts, truth);
    let with = |outcome| {
        let of_outcome = |one: &&_| -> bool {
            let one: &measurement::record::DeliverySample = one;
            one.outcome == outcome
        };
        figures.deliveries.iter().filter(of_outcome).count() as u64
    };
    assert_eq!(with(DeliveryOutcome::Unexpected), truth.unexpected);
    assert_eq!(with(DeliveryOutcome::Reordered), truth.reordered);
    let in_time = with(DeliveryOutcome::Ok) + with(DeliveryOutcome::Reordered);
    assert_eq!(in_time, truth.delivered);
    let messages = &figures.publications;
    assert_eq!(messages.len() as u64, truth.complete + truth.incomplete);
    let expected: u64 = messages.iter().map(|one| u64::from(one.expected)).sum();
    let delivered: u64 = messages.iter().map(|one| u64::from(one.delivered)).sum();
    assert_eq!((expected, delivered), (truth.expected, truth.delivered));
    let times = &figures.times;
    assert_eq!(times.delivery.count(), truth.delivered);
    assert_eq!(times.last_response.count(), truth.complete);
    let sum = |of: fn(&measurement::record::FanOutSecond) -> u64| -> u64 {
        figures.seconds.iter().map(of).sum()
    };
    assert_eq!(sum(|second| second.published), truth.published);
    assert_eq!(sum(|second| second.expected), truth.expected);
    assert_eq!(sum(|second| second.delivered), truth.delivered);
}

/// Counts of messages that all reach this number of receivers.
fn all_right(messages: u64, receivers: u64) -> FanOutCounts {
    FanOutCounts {
        published: messages,
        published_in_time: messages,
        complete: messages,
        ..FanOutCounts::default()
    }
    .reaching(messages * receivers, messages * receivers)
}

trait Reaching {
    /// The same counts with these expected deliveries, and those that arrived in time.
    fn reaching(self, expected: u64, delivered: u64) -> Self;
}

impl Reaching for FanOutCounts {
    fn reaching(self, expected: u64, delivered: u64) -> Self {
        Self {
            expected,
            delivered,
            delivered_in_time: delivered,
            ..self
        }
    }
}

/// Runs the plan of two publishers and four subscribers on a server that treats messages by this rule.
fn run_six(mut treat: impl FnMut(&mut StubRooms, &Post) + Send + 'static) -> Record {
    let server = StubRoomServer::start(2, move |room, event| {
        if let RoomEvent::Said(post) = event {
            treat(room, post);
        }
    });
    run(&server.plan(six)).record
}

/// Subscribers expect and get this many deliveries, publishers none.
fn assert_subscribers(record: &Record, expected: u64, delivered: u64) {
    let roles = &fan_out(record).roles;
    let counts: Vec<_> = roles
        .iter()
        .map(|one| (one.expected, one.delivered))
        .collect();
    assert_eq!(counts, [(0, 0), (expected, delivered)]);
}

#[test]
fn each_delivery_is_answered_once() {
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver_to_all(post);
        }
    });
    let record = run(&server.plan(six)).record;
    assert_counts(&record, all_right(20, 4));
    assert_subscribers(&record, 80, 80);
    assert_eq!(server.acknowledged(), 80);
    assert_eq!((record.counts.sent, record.counts.received), (20, 20));
    assert!(!record.counts.any_failed() && record.counts.unexpected == 0);
    assert!(fan_out(&record).unreached.is_empty());
}

#[test]
fn a_receiver_that_joins_late_owes_nothing_of_what_was_sent_before() {
    const LATE: u32 = 4;
    let others_joined = Arc::new(AtomicBool::new(false));
    let joined = Arc::clone(&others_joined);
    let mut early = Vec::new();
    let server = StubRoomServer::start_admitting(1, &[LATE], move |room, event| match event {
        RoomEvent::Here(LATE) => {
            // Message 5, whose reply is held, and one that is over.
            room.deliver(&early[5], LATE);
            room.deliver(&early[0], LATE);
            room.release(&early[5]);
        }
        RoomEvent::Here(_) => joined.store(room.here() == 4, Ordering::Release),
        RoomEvent::Said(post) => {
            let is_last = post.number == 5;
            for client in 1..=if post.number > 5 { LATE } else { LATE - 1 } {
                room.deliver(post, client);
            }
            if is_last {
                room.hold(post);
                room.admit(LATE);
            }
            early.push(post.clone());
        }
        RoomEvent::Left(_) => {}
    });
    let setup = RunSetup {
        start: Some(CommonStart {
            known: None,
            poll: Box::new(move |_| {
                Ok(others_joined.load(Ordering::Acquire).then(SystemTime::now))
            }),
            seed: None,
        }),
        ..RunSetup::default()
    };
    let plan = server.plan(one_publisher(4));
    let mut record = swarm::run_process(&plan, &RunHandle::new(), setup)
        .unwrap()
        .record;
    // The samples of processes stand apart.
    assert_eq!(
        record.fan_out.as_ref().unwrap().counts,
        all_right(10, 0).reaching(34, 34)
    );
    assert!(record.fan_out.take().unwrap().unreached.is_empty());
    assert_eq!(server.acknowledged(), 36);
}

#[test]
fn a_receiver_that_leaves_in_mid_message_misses_this_one_only() {
    let server = StubRoomServer::start(1, |room, event| match event {
        RoomEvent::Said(post) if post.number == 4 => {
            room.hold(post);
            room.deliver(post, 1);
            room.deliver(post, 2);
            room.close(3);
        }
        RoomEvent::Said(post) => room.deliver_to_all(post),
        RoomEvent::Left(3) => room.release_all(),
        _ => {}
    });
    let recording = run(&server.plan(|plan| {
        one_publisher(3)(plan);
        plan.threads = NonZeroUsize::MIN;
    }));
    let truth = FanOutCounts {
        complete: 9,
        incomplete: 1,
        ..all_right(10, 0).reaching(25, 24)
    };
    assert_counts(&recording.record, truth);
    assert_subscribers(&recording.record, 25, 24);
    let missing = fan_out(&recording.record).deliveries.iter();
    let missing: Vec<_> = missing
        .filter(|one| one.outcome == DeliveryOutcome::Missing)
        .map(|one| (one.message, one.subscriber))
        .collect();
    assert_eq!(missing, [(4, 3)]);
    assert_eq!(recording.context.connections.closed_early, 1);
}

#[test]
fn a_message_of_another_room_is_unexpected() {
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver_in_room(post);
            if post.number % 5 == 3 {
                // A subscriber of the other room.
                room.deliver(post, 3 - post.room);
            }
        }
    });
    let record = run(&server.plan(|plan| {
        six(plan);
        plan.rooms = NonZeroU32::new(2).unwrap();
    }))
    .record;
    let truth = FanOutCounts {
        unexpected: 4,
        ..all_right(20, 2)
    };
    assert_counts(&record, truth);
}

#[test]
fn the_same_number_of_two_publishers_is_no_duplicate() {
    let mut waiting: Vec<Post> = Vec::new();
    let record = run_six(move |room, post| {
        room.hold(post);
        waiting.push(post.clone());
        if waiting.len() == 2 {
            for client in 2..6 {
                waiting.iter().for_each(|post| room.deliver(post, client));
            }
            waiting.drain(..).for_each(|post| room.release(&post));
        }
    });
    assert_counts(&record, all_right(20, 4));
}

#[test]
fn a_later_message_of_another_publisher_may_come_first() {
    let mut held = Vec::new();
    let record = run_six(move |room, post| {
        if post.client == 0 {
            room.hold(post);
            held.push(post.clone());
        } else {
            room.deliver_to_all(post);
        }
        let is_last = post.client == 1 && post.number == 9;
        if is_last || held.first().is_some_and(|first: &Post| first.number > 0) {
            for post in held.drain(..) {
                room.deliver_to_all(&post);
                room.release(&post);
            }
        }
    });
    assert_counts(&record, all_right(20, 4));
}

#[test]
fn a_later_message_of_the_same_publisher_that_comes_first_is_counted_at_each_receiver() {
    let mut even = None;
    let server = StubRoomServer::start(1, move |room, event| {
        let RoomEvent::Said(post) = event else {
            return;
        };
        if post.number % 2 == 0 {
            room.hold(post);
            even = Some(post.clone());
        } else {
            let even = even.take().unwrap();
            // Client 1 gets both in order.
            room.deliver(&even, 1);
            room.deliver_to_all(post);
            (2..5).for_each(|client| room.deliver(&even, client));
            room.release(&even);
        }
    });
    let record = run(&server.plan(|plan| {
        one_publisher(4)(plan);
        plan.load = closed(2);
    }))
    .record;
    let truth = FanOutCounts {
        reordered: 15,
        ..all_right(10, 4)
    };
    assert_counts(&record, truth);
}

#[test]
fn a_message_that_comes_again_when_it_is_complete_is_a_duplicate() {
    let mut before: [Option<Post>; 2] = [None, None];
    let record = run_six(move |room, post| {
        let before = before[post.client as usize].replace(post.clone());
        if let Some(before) = before {
            // Its reply has been sent, so all have it.
            room.deliver_as(post, 2, &before.body);
        }
        room.deliver_to_all(post);
    });
    let truth = FanOutCounts {
        duplicated: 18,
        ..all_right(20, 4)
    };
    assert_counts(&record, truth);
}

#[test]
fn a_message_that_comes_again_before_it_is_complete_is_a_duplicate_and_no_other_delivery() {
    let record = run_six(|room, post| {
        room.deliver(post, 2);
        room.deliver(post, 2);
        (3..6).for_each(|client| room.deliver(post, client));
    });
    let truth = FanOutCounts {
        duplicated: 20,
        ..all_right(20, 4)
    };
    assert_counts(&record, truth);
}

/// One message per second for four seconds.
fn slowly(plan: &mut LoadDraft) {
    one_publisher(2)(plan);
    plan.timeout = Duration::from_secs(2);
    plan.load = open_loop(1.0);
    plan.length = Length::Duration(Duration::from_secs(4));
}

fn open_loop(per_second: f64) -> Load {
    Load::Open {
        profile: RateProfile::constant(Rate::new(per_second).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    }
}

/// Four clients that send to one room; the last of them never reads.
fn with_a_slow_reader(rate: f64) -> impl Fn(&mut LoadDraft) {
    move |plan| {
        draft(&[SETUP, OWN_COPY], 4)(plan);
        plan.load = open_loop(rate);
        plan.length = Length::Duration(Duration::from_millis(500));
        plan.slow = Some(SlowReaders {
            count: SlowCount::Clients(NonZeroU32::MIN),
            bytes_per_s: 0,
            after: Duration::from_millis(250),
        });
    }
}

#[test]
fn deliveries_to_slow_readers_stood_in_the_samples() {
    let server = StubRoomServer::start(0, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver_to_all(post);
        }
    });
    let recording = run(&server.plan(with_a_slow_reader(100.0)));
    let figures = fan_out(&recording.record);
    let counts = &figures.counts;
    assert!(counts.delivered > 0);
    assert_eq!(figures.deliveries.len() as u64, counts.delivered);
    assert!(figures.deliveries.iter().all(|one| one.subscriber != 3));
    // Its copies before it turned slow are in its own figures.
    assert!(recording.record.slow.unwrap().receivers.delivered > 0);
}

#[test]
fn the_last_message_of_a_slow_reader_had_no_end() {
    let server = StubRoomServer::start(0, |room, event| {
        // Nothing of the slow reader arrives, so its messages are on their way at the end of the run.
        if let RoomEvent::Said(post) = event
            && post.client != 3
        {
            room.deliver_to_all(post);
        }
    });
    let record = run(&server.plan(with_a_slow_reader(100.0))).record;
    let own = record.slow.unwrap().messages.counts;
    assert!(own.sent > 0);
    assert_eq!((own.received, own.incomplete), (0, own.sent), "{own:?}");
}

#[test]
fn own_copies_were_not_told_from_those_of_others() {
    let server = StubRoomServer::start(0, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver(post, post.client);
        }
    });
    let record = run(&server.plan(|plan| {
        draft(&[SETUP, OWN_COPY], 3)(plan);
        plan.timeout = Duration::from_millis(300);
        plan.length = messages(2);
    }))
    .record;
    let figures = fan_out(&record);
    assert_eq!((figures.own_copies, figures.counts.delivered), (6, 6));
    assert_eq!((figures.counts.expected, figures.counts.complete), (18, 0));
}

#[test]
fn a_delivery_after_the_timeout_is_late_once_and_then_a_duplicate() {
    let mut first = None;
    let server = StubRoomServer::start(1, move |room, event| {
        let RoomEvent::Said(post) = event else {
            return;
        };
        if post.number == 0 {
            room.deliver(post, 1);
            first = Some(post.clone());
            return;
        }
        if post.number == 3 {
            // Three seconds after the message.
            let first = first.take().unwrap();
            room.deliver_as(post, 2, &first.body);
            room.deliver_as(post, 2, &first.body);
            room.deliver_as(post, 1, &first.body);
        }
        room.deliver_to_all(post);
    });
    let record = run(&server.plan(slowly)).record;
    let truth = FanOutCounts {
        late: 1,
        duplicated: 2,
        complete: 3,
        incomplete: 1,
        ..all_right(4, 0).reaching(8, 7)
    };
    assert_counts(&record, truth);
    assert!(fan_out(&record).unreached.is_empty());
}

#[test]
fn a_damaged_copy_is_corrupted_and_a_right_one_behind_it_counts() {
    let mut before: [Option<Post>; 2] = [None, None];
    let record = run_six(move |room, post| {
        let before = before[post.client as usize].replace(post.clone());
        let damaged = post.damaged();
        match post.number {
            // Only the damaged one, one before the right one, and one of a message that is complete.
            4 => room.deliver_as(post, 2, &damaged),
            5 => {
                room.deliver_as(post, 2, &damaged);
                room.deliver(post, 2);
            }
            7 => {
                room.deliver_as(post, 2, &before.unwrap().damaged());
                room.deliver(post, 2);
            }
            _ => room.deliver(post, 2),
        }
        (3..6).for_each(|client| room.deliver(post, client));
    });
    let truth = FanOutCounts {
        corrupted: 6,
        complete: 18,
        incomplete: 2,
        ..all_right(20, 0).reaching(80, 78)
    };
    assert_counts(&record, truth);
    // A server that awaits acknowledgements would stop otherwise: each publisher has got all of its replies.
    assert_eq!((record.counts.received, record.counts.lost), (20, 0));
}

#[test]
fn a_receiver_that_gets_only_damaged_copies_is_reached() {
    let record = run_six(|room, post| {
        room.deliver_as(post, 2, &post.damaged());
        (3..5).for_each(|client| room.deliver(post, client));
    });
    assert_eq!(fan_out(&record).counts.corrupted, 20);
    // Client 5 gets nothing at all.
    assert_eq!(fan_out(&record).unreached, [5]);
}

#[test]
fn messages_that_nobody_sent_are_unexpected() {
    let record = run_six(|room, post| {
        // A number that comes later or never, a client that only listens, and one that does not exist.
        for identity in [
            (post.client, post.number + 1_000),
            (4, post.number),
            (0xFF_FFFF, post.number),
        ] {
            room.deliver_as(post, 3, &post.named(identity));
        }
        room.deliver_to_all(post);
    });
    let truth = FanOutCounts {
        unexpected: 60,
        ..all_right(20, 4)
    };
    assert_counts(&record, truth);
}

#[test]
fn warm_up_messages_that_come_in_the_measured_phase_do_not_count() {
    let mut warm_up = Vec::new();
    let server = StubRoomServer::start(2, move |room, event| {
        let RoomEvent::Said(post) = event else {
            return;
        };
        if post.is_warm_up {
            return warm_up.push(post.clone());
        }
        for early in warm_up.drain(..) {
            room.deliver_as(post, 2, &early.body);
            room.deliver_as(post, 2, &early.body);
            room.deliver_as(post, 3, &early.damaged());
        }
        room.deliver_to_all(post);
    });
    let record = run(&server.plan(|plan| {
        six(plan);
        plan.load = open_loop(20.0);
        plan.warmup = Duration::from_millis(500);
        plan.length = Length::Duration(Duration::from_secs(1));
        plan.timeout = Duration::from_secs(5);
    }))
    .record;
    let counts = fan_out(&record).counts;
    let truth = FanOutCounts {
        // Those behind the planned end do not count in rates.
        delivered_in_time: counts.delivered_in_time,
        published_in_time: counts.published_in_time,
        ..all_right(20, 4)
    };
    assert_counts(&record, truth);
}

/// Four clients that send and receive.
fn four(message: &str) -> impl Fn(&mut LoadDraft) + use<> {
    draft(&[SETUP, message], 4)
}

#[test]
fn a_sender_that_does_not_get_its_own_message_is_not_expected() {
    let message = format!("{REPLIED}to_sender = false\n");
    for is_returned in [false, true] {
        let server = StubRoomServer::start(0, move |room, event| {
            if let RoomEvent::Said(post) = event {
                let others = (0..4).filter(|client| is_returned || *client != post.client);
                others.for_each(|client| room.deliver(post, client));
            }
        });
        let record = run(&server.plan(four(&message))).record;
        let truth = FanOutCounts {
            unexpected: if is_returned { 40 } else { 0 },
            ..all_right(40, 3)
        };
        assert_counts(&record, truth);
        assert!(fan_out(&record).unreached.is_empty());
    }
}

#[test]
fn the_only_sender_of_a_room_that_does_not_get_its_own_messages_is_not_unreached() {
    let roles = "[roles.a]\ncount = 1\n[roles.b]\nsends = false\n";
    let message = format!("{REPLIED}to_sender = false\n");
    let server = StubRoomServer::start(0, |room, event| {
        if let RoomEvent::Said(post) = event {
            // Nothing for client 3.
            (1..3).for_each(|client| room.deliver(post, client));
        }
    });
    let record = run(&server.plan(draft(&[roles, SETUP, &message], 4))).record;
    let truth = FanOutCounts {
        complete: 0,
        incomplete: 10,
        ..all_right(10, 0).reaching(30, 20)
    };
    assert_counts(&record, truth);
    assert_eq!(fan_out(&record).unreached, [3]);
    let missing = fan_out(&record).deliveries.iter();
    let mut missing = missing.filter(|one| one.outcome == DeliveryOutcome::Missing);
    assert!(missing.all(|one| one.subscriber == 3));
}

#[test]
fn kinds_whose_deliveries_look_alike_are_told_apart_by_their_numbers() {
    let kind = |name: &str, to: &str| {
        format!("{REPLIED}name = '{name}'\nto = '{to}'\nto_sender = false\n")
    };
    let messages = format!("{}{}", kind("room", "room"), kind("all", "all"));
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver_to_all(post);
        }
    });
    let record = run(&server.plan(|plan| {
        draft(&[ROLES, SETUP, &messages], 6)(plan);
        plan.rooms = NonZeroU32::new(2).unwrap();
    }))
    .record;
    let figures = fan_out(&record);
    let counts = figures.counts;
    // Those of the first kind reach the other room as well, where nobody expects them.
    let of_kinds = &record.scenario.as_ref().unwrap().kinds;
    let (to_room, to_all) = (of_kinds[0].counts.sent, of_kinds[1].counts.sent);
    assert_eq!(to_room + to_all, 20);
    assert!(to_room > 0 && to_all > 0);
    let expected = to_room * 2 + to_all * 4;
    assert_eq!((counts.expected, counts.delivered), (expected, expected));
    assert_eq!(counts.unexpected, to_room * 2);
}

#[test]
fn a_queue_expects_one_delivery_and_a_second_one_is_a_duplicate() {
    let message = format!("{REPLIED}to = 'one'\n");
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            let worker = 2 + (post.number % 4) as u32;
            room.deliver(post, worker);
            if post.number % 5 == 3 {
                room.deliver(post, 2 + (worker - 1) % 4);
                room.deliver(post, worker);
            }
        }
    });
    let record = run(&server.plan(draft(&[ROLES, SETUP, &message], 6))).record;
    let truth = FanOutCounts {
        duplicated: 8,
        ..all_right(20, 1)
    };
    let counts = fan_out(&record).counts;
    assert_eq!(counts, truth);
    assert_subscribers(&record, 20, 20);
    assert!(fan_out(&record).unreached.is_empty());
}

#[test]
fn a_queue_that_loses_a_message_misses_it_once() {
    let message = format!("{REPLIED}to = 'one'\n");
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event
            && post.number != 6
        {
            room.deliver(post, 5);
        }
    });
    let record = run(&server.plan(draft(&[ROLES, SETUP, &message], 6))).record;
    let truth = FanOutCounts {
        complete: 18,
        incomplete: 2,
        ..all_right(20, 0).reaching(20, 18)
    };
    assert_counts(&record, truth);
    assert_subscribers(&record, 20, 18);
}

#[test]
fn a_message_to_all_is_expected_in_every_room() {
    let message = format!("{REPLIED}to = 'all'\n");
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver_to_all(post);
        }
    });
    let record = run(&server.plan(|plan| {
        draft(&[ROLES, SETUP, &message], 6)(plan);
        plan.rooms = NonZeroU32::new(2).unwrap();
    }))
    .record;
    assert_counts(&record, all_right(20, 4));
}

#[test]
fn messages_of_a_publisher_whose_connection_has_ended_are_still_delivered() {
    let mut last = None;
    let server = StubRoomServer::start(2, move |room, event| match event {
        RoomEvent::Said(post) if (post.client, post.number) == (0, 5) => {
            room.hold(post);
            last = Some(post.clone());
            room.close(0);
        }
        RoomEvent::Left(0) => {
            if let Some(post) = last.take() {
                room.deliver_to_all(&post);
            }
        }
        RoomEvent::Said(post) => room.deliver_to_all(post),
        _ => {}
    });
    let record = run(&server.plan(six)).record;
    assert_counts(&record, all_right(16, 4));
    let counts = &record.counts;
    // The reply to the last message is lost.
    assert_eq!((counts.sent, counts.received, counts.lost), (16, 15, 1));
    assert_eq!(counts.unsent, 4);
}

#[test]
fn a_partly_sent_frame_is_published_and_missing_everywhere() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            let text = message.to_text().unwrap_or_default();
            if text.starts_with("join") {
                socket.send(Message::text("joined")).await.unwrap();
            } else if text == "here 0" {
                // The first bytes of the message have arrived, and nothing reads them.
                let _ = socket.get_ref().peek(&mut [0]).await;
                return;
            }
        }
    });
    let record = run(&server.plan(|plan| {
        one_publisher(3)(plan);
        plan.payload = size(32 << 20);
        plan.max_record_bytes = 64 << 20;
    }))
    .record;
    let truth = FanOutCounts {
        complete: 0,
        incomplete: 1,
        ..all_right(1, 0).reaching(3, 0)
    };
    assert_counts(&record, truth);
    assert_eq!(fan_out(&record).unreached, [1, 2, 3]);
}

/// Runs six clients until a publisher has sent fifty messages. From the third message on, nothing reaches client 2.
fn interrupted(is_publisher_closed: bool) -> Record {
    let handle = RunHandle::new();
    let stopper = handle.clone();
    let server = StubRoomServer::start(2, move |room, event| {
        let RoomEvent::Said(post) = event else {
            return;
        };
        let clients = if post.number < 3 { 2..6 } else { 3..6 };
        clients.for_each(|client| room.deliver(post, client));
        if is_publisher_closed && (post.client, post.number) == (0, 20) {
            room.close(0);
        }
        if post.number == 50 {
            stopper.stop();
        }
    });
    let plan = server.plan(|plan| {
        six(plan);
        plan.length = Length::Duration(Duration::from_secs(600));
        plan.timeout = Duration::from_secs(60);
    });
    let recording = swarm::record(&plan, &handle).unwrap();
    assert!(recording.context.interrupted);
    recording.record
}

#[test]
fn an_interrupt_leaves_nothing_missing() {
    for is_publisher_closed in [false, true] {
        let record = interrupted(is_publisher_closed);
        let counts = fan_out(&record).counts;
        assert!(counts.published > 50, "{counts:?}");
        assert_eq!((counts.complete, counts.incomplete), (6, 0));
        assert_eq!(counts.expected, counts.delivered);
        let others = [
            counts.late,
            counts.duplicated,
            counts.unexpected,
            counts.reordered,
        ];
        assert_eq!(others, [0; 4]);
        assert_subscribers(&record, counts.expected, counts.delivered);
        let seconds = fan_out(&record).seconds.iter();
        assert_eq!(
            seconds.map(|one| one.expected).sum::<u64>(),
            counts.expected
        );
        assert!(fan_out(&record).unreached.is_empty());
    }
}

#[test]
fn an_interrupt_while_the_first_message_is_on_its_way_leaves_nobody_unreached() {
    let handle = RunHandle::new();
    let stopper = handle.clone();
    let server = StubRoomServer::start(2, move |room, event| {
        if let RoomEvent::Said(post) = event {
            room.hold(post);
            stopper.stop();
        }
    });
    let plan = server.plan(|plan| {
        six(plan);
        plan.timeout = Duration::from_secs(60);
    });
    let record = swarm::record(&plan, &handle).unwrap().record;
    let counts = fan_out(&record).counts;
    assert_eq!((counts.expected, counts.incomplete), (0, 0));
    assert!(fan_out(&record).unreached.is_empty());
}

#[test]
fn the_number_of_threads_does_not_change_the_counts() {
    let runs = [1, 3].map(|threads| {
        let mut odd = [None, None];
        let server = StubRoomServer::start(2, move |room, event| {
            let RoomEvent::Said(post) = event else {
                return;
            };
            let from = if post.number % 10 == 3 { 3 } else { 2 };
            let copies = |room: &mut StubRooms, post: &Post| {
                (from..14).for_each(|client| room.deliver(post, client));
                if post.number % 10 == 7 {
                    (2..14).for_each(|client| room.deliver(post, client));
                }
            };
            // Pairs of the same publisher in the wrong order, one in five.
            let held: &mut Option<Post> = &mut odd[post.client as usize];
            if post.number % 10 == 4 {
                room.hold(post);
                *held = Some(post.clone());
                return;
            }
            copies(room, post);
            if let Some(before) = held.take() {
                copies(room, &before);
                room.release(&before);
            }
        });
        let record = run(&server.plan(|plan| {
            draft(&[ROLES, SETUP, REPLIED], 14)(plan);
            plan.threads = NonZeroUsize::new(threads).unwrap();
            plan.length = messages(100);
            plan.load = closed(2);
        }))
        .record;
        let figures = fan_out(&record);
        let mut kept: Vec<_> = figures.publications.iter().collect();
        kept.sort_by_key(|one| (one.client, one.message));
        let kept: Vec<_> = kept
            .into_iter()
            .map(|one| (one.client, one.message, one.expected, one.delivered))
            .collect();
        (figures.counts, kept)
    });
    let truth = FanOutCounts {
        complete: 180,
        incomplete: 20,
        reordered: 240,
        duplicated: 240,
        ..all_right(200, 0).reaching(2_400, 2_380)
    };
    assert_eq!(runs[0].0, truth);
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn senders_wait_for_their_own_copies() {
    for window in [1, 4] {
        let most = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&most);
        let server = StubRoomServer::start(0, move |room, event| {
            if let RoomEvent::Said(post) = event {
                room.deliver_to_all(post);
                let mut seen = seen.lock().unwrap();
                *seen = u64::max(*seen, post.number);
            }
        });
        let record = run(&server.plan(|plan| {
            four(OWN_COPY)(plan);
            plan.load = closed(window);
        }))
        .record;
        assert_counts(&record, all_right(40, 4));
        let counts = &record.counts;
        assert_eq!((counts.sent, counts.received, counts.unsent), (40, 40, 0));
        assert!(!counts.any_failed(), "{counts:?}");
        assert_eq!(*most.lock().unwrap(), 9);
    }
}

#[test]
fn a_window_is_never_exceeded_while_own_copies_are_awaited() {
    // Without its own copy, a sender sends four messages and then nothing more.
    let held = Arc::new(Mutex::new(Vec::<Post>::new()));
    let all = Arc::clone(&held);
    let server = StubRoomServer::start(0, move |room, event| {
        if let RoomEvent::Said(post) = event {
            let mut held = all.lock().unwrap();
            assert!(post.number < 4 || held.is_empty());
            held.push(post.clone());
            let round = if post.number < 4 { 16 } else { 1 };
            if held.len() == round {
                held.drain(..).for_each(|post| room.deliver_to_all(&post));
            }
        }
    });
    let record = run(&server.plan(|plan| {
        four(OWN_COPY)(plan);
        plan.load = closed(4);
    }))
    .record;
    assert_counts(&record, all_right(40, 4));
}

#[test]
fn a_lost_own_copy_frees_the_window_after_the_timeout() {
    let server = StubRoomServer::start(0, |room, event| {
        if let RoomEvent::Said(post) = event {
            let is_lost = post.number == 4;
            let all = (0..4).filter(|client| !is_lost || *client != post.client);
            all.for_each(|client| room.deliver(post, client));
        }
    });
    let record = run(&server.plan(four(OWN_COPY))).record;
    let truth = FanOutCounts {
        complete: 36,
        incomplete: 4,
        ..all_right(40, 0).reaching(160, 156)
    };
    assert_counts(&record, truth);
    let counts = &record.counts;
    assert_eq!(
        (counts.sent, counts.received, counts.incomplete),
        (40, 36, 4)
    );
    assert_eq!((counts.lost, counts.unsent), (0, 0));
}

#[test]
fn a_reply_by_number_stands_beside_deliveries_by_content() {
    let message = "
[[message]]
send = 'say ${room} ${id} ${uid}${pad}'
reply = 'said ${id}'
deliver = 'got ${tag} ${uid}${pad}'
answer = 'ack ${tag}'
";
    let server = StubRoomServer::start(2, |room, event| {
        if let RoomEvent::Said(post) = event {
            room.deliver_to_all(post);
        }
    });
    let record = run(&server.plan(draft(&[ROLES, SETUP, message], 6))).record;
    assert_counts(&record, all_right(20, 4));
    assert_eq!((record.counts.sent, record.counts.received), (20, 20));
    assert_eq!(server.acknowledged(), 80);
}

#[test]
fn several_deliveries_in_one_frame_and_one_over_two_frames_are_all_counted() {
    let records = "records = { until = \"\\n\" }\n";
    let with_line_breaks = |text: &str| {
        let text = text.replace("'joined'", "\"joined\\n\"");
        text.replace("'said ${uid}'", "\"said ${uid}\\n\"").replace(
            "'got ${tag} ${uid}${pad}'",
            "\"got ${tag} ${uid}${pad}\\n\"",
        )
    };
    let (setup, message) = (with_line_breaks(SETUP), with_line_breaks(REPLIED));
    let mut even: Option<Post> = None;
    let server = StubRoomServer::start_with_line_breaks(1, move |room, event| {
        let RoomEvent::Said(post) = event else {
            return;
        };
        let Some(even) = even.take() else {
            room.hold(post);
            even = Some(post.clone());
            return;
        };
        for client in 1..5 {
            let both = [room.record(&even, client), room.record(post, client)].concat();
            let (begin, end) = both.split_at(both.len() - 10);
            room.send(client, begin);
            room.send(client, end);
        }
        room.release(&even);
    });
    let record = run(&server.plan(|plan| {
        draft(&[records, ONE_PUBLISHER, &setup, &message], 5)(plan);
        plan.load = closed(2);
    }))
    .record;
    assert_counts(&record, all_right(10, 4));
    assert_eq!(server.acknowledged(), 40);
}

#[test]
fn messages_without_receivers_expect_nothing_and_are_not_complete() {
    let mut left = 0;
    // The publishers are ready when the subscribers have left.
    let server = StubRoomServer::start_admitting(2, &[0, 1], move |room, event| match event {
        RoomEvent::Here(client @ 2..) => room.close(client),
        RoomEvent::Left(2..) => {
            left += 1;
            if left == 4 {
                (0..2).for_each(|client| room.admit(client));
            }
        }
        _ => {}
    });
    let record = run(&server.plan(|plan| {
        six(plan);
        plan.threads = NonZeroUsize::MIN;
    }))
    .record;
    let truth = FanOutCounts {
        complete: 0,
        incomplete: 20,
        ..all_right(20, 0)
    };
    assert_counts(&record, truth);
    assert_eq!((record.counts.sent, record.counts.received), (20, 20));
    assert!(fan_out(&record).unreached.is_empty());
}
