//! Deliveries of the server, seen by plain clients. Every expected count follows from the faults.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use super::FaultyServer;
use crate::delivery_log::{
    DeliveryTimes, copies_with, overtaken_copies, reordered_and_repeated_ticks, tick_skews_ns,
};
use crate::fault_log::FaultLog;
use crate::faults::{Fate, Faults, FeedFaults, JOIN, JOINED, RoomFaults, Stall};

type PlainClient = WebSocket<TcpStream>;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn start(spoil: impl FnOnce(&mut Faults)) -> FaultyServer {
    let mut faults = Faults::default();
    spoil(&mut faults);
    FaultyServer::start_on(0, faults).unwrap()
}

/// Connects to a path, with this receive buffer or that of the system.
fn connect(server: &FaultyServer, path: &str, receive_buffer: Option<usize>) -> PlainClient {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size).unwrap();
    }
    socket.connect(&server.address.into()).unwrap();
    let address: SocketAddr = server.address;
    let stream = TcpStream::from(socket);
    // Longer than any test takes: a client that waits for ever fails.
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    client(format!("ws://{address}{path}"), stream).unwrap().0
}

fn join(server: &FaultyServer, path: &str) -> PlainClient {
    joined(connect(server, path, None))
}

fn joined(mut receiver: PlainClient) -> PlainClient {
    receiver.send(Message::text(JOIN)).unwrap();
    assert_eq!(receiver.read().unwrap(), Message::text(JOINED));
    receiver
}

/// A message with an identity.
fn said(publisher: u32, number: u64) -> String {
    format!("~{publisher:06x}{number:010x}:said")
}

/// Sends messages with these numbers in one go.
fn publish(publisher: &mut PlainClient, name: u32, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        publisher.write(Message::text(said(name, number))).unwrap();
    }
    publisher.flush().unwrap();
}

/// Numbers of the next messages of this publisher.
fn numbers(receiver: &mut PlainClient, name: u32, count: usize) -> Vec<u64> {
    let number = |message: Message| {
        let text = message.into_text().unwrap();
        let number = u64::from_str_radix(&text[7..17], 16).unwrap();
        assert_eq!(text.as_str(), said(name, number));
        number
    };
    let mut next = || number(receiver.read().unwrap());
    (0..count).map(|_| next()).collect()
}

/// Asserts that nothing has come for this client but what was read: its own ping is answered next.
fn nothing_more(client: &mut PlainClient) {
    client.send(Message::Ping("end".into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong("end".into()));
}

fn fan(late_by: Option<Duration>) -> impl FnOnce(&mut Faults) {
    move |faults| {
        faults.room = Some(RoomFaults {
            step: ms(1),
            late_by,
            ..RoomFaults::default()
        });
    }
}

#[test]
fn the_fate_of_a_copy_follows_from_the_number_of_its_message() {
    let server = start(fan(Some(ms(400))));
    let mut receivers: Vec<_> = (0..4).map(|_| join(&server, "/fan/a")).collect();
    let mut publisher = connect(&server, "/fan/a", None);
    publish(&mut publisher, 0x0ab_cdef, 0..20);
    let without_3: Vec<_> = (0..20).filter(|n| n % 10 != 3).collect();
    assert_eq!(numbers(&mut receivers[0], 0x0ab_cdef, 18), without_3);
    let mut late: Vec<_> = (0..20).filter(|n| n % 10 != 5).collect();
    late.extend([5, 15]);
    assert_eq!(numbers(&mut receivers[1], 0x0ab_cdef, 20), late);
    let twice_7 = (0..20).flat_map(|n| vec![n; if n % 10 == 7 { 2 } else { 1 }]);
    let twice_7: Vec<_> = twice_7.collect();
    assert_eq!(numbers(&mut receivers[2], 0x0ab_cdef, 22), twice_7);
    let all: Vec<_> = (0..20).collect();
    assert_eq!(numbers(&mut receivers[3], 0x0ab_cdef, 20), all);
    receivers.iter_mut().for_each(nothing_more);
    nothing_more(&mut publisher);
    let log = server.finish();
    let count = |fate| copies_with(&log.room, fate);
    assert_eq!(count(Fate::Dropped), 2);
    assert_eq!(
        (count(Fate::Reordered), overtaken_copies(&log.room)),
        (2, 2)
    );
    assert_eq!(count(Fate::Duplicated), 2);
    assert_eq!(count(Fate::Echoed), 74);
    assert!(log.blocked.is_empty());
    let times = DeliveryTimes::of(&log.room, &log.blocked);
    assert_eq!(times.first.len(), 18);
    // No copy can go out before its time.
    assert!(times.first[0] >= 1_000_000 && times.last[0] >= 4_000_000);
    assert!(times.median[0] >= 2_000_000);
}

#[test]
fn spoiled_copies_are_changed_or_go_to_the_sender() {
    let server = start(|faults| {
        faults.room = Some(RoomFaults {
            spoils: true,
            ..RoomFaults::default()
        });
    });
    let mut receivers: Vec<_> = (0..5).map(|_| join(&server, "/fan")).collect();
    let mut publisher = connect(&server, "/fan", None);
    publish(&mut publisher, 1, 0..20);
    for (receiver, k) in receivers.iter_mut().zip(1..) {
        for number in 0..20 {
            let mut expected = said(1, number);
            if k == 4 && number % 10 == 1 {
                expected = expected.replace("said", "saie");
            }
            assert_eq!(receiver.read().unwrap(), Message::text(expected));
        }
        nothing_more(receiver);
    }
    assert_eq!(numbers(&mut publisher, 1, 2), [9, 19]);
    nothing_more(&mut publisher);
    let log = server.finish();
    assert_eq!(log.returned_copies, 2);
    assert_eq!(copies_with(&log.room, Fate::Corrupted), 2);
    assert_eq!(copies_with(&log.room, Fate::Echoed), 98);
}

#[test]
fn the_warm_up_has_no_faults() {
    let server = start(fan(Some(ms(400))));
    let mut receivers: Vec<_> = (0..3).map(|_| join(&server, "/fan")).collect();
    let mut publisher = connect(&server, "/fan", None);
    let warmup = (1 << 39)..(1 << 39) + 10;
    publish(&mut publisher, 1, warmup.clone());
    for receiver in &mut receivers {
        let received = numbers(receiver, 1, 10);
        assert_eq!(received, warmup.clone().collect::<Vec<_>>());
        nothing_more(receiver);
    }
    let log = server.finish();
    assert_eq!(log.room.len(), 10);
    assert!(log.room.iter().all(|message| message.is_warmup));
    assert_eq!(copies_with(&log.room, Fate::Echoed), 0);
}

#[test]
fn a_room_gets_the_messages_to_its_own_path_only() {
    let server = start(fan(None));
    let (mut a, mut b) = (join(&server, "/fan/a"), join(&server, "/fan/b"));
    let mut outside = connect(&server, "/fan/a", None);
    let mut publishers: Vec<_> = ["/fan/a", "/fan/b", "/fan/c"]
        .map(|path| connect(&server, path, None))
        .into();
    publish(&mut publishers[0], 10, [3, 5, 7]);
    publish(&mut publishers[1], 11, [0]);
    publish(&mut publishers[2], 12, [0]);
    assert_eq!(numbers(&mut a, 10, 3), [3, 5, 7]);
    assert_eq!(numbers(&mut b, 11, 1), [0]);
    // A receiver that publishes gets its own message too.
    publish(&mut a, 13, [9]);
    assert_eq!(numbers(&mut a, 13, 1), [9]);
    for client in [&mut a, &mut b, &mut outside, &mut publishers[2]] {
        nothing_more(client);
    }
    let log = server.finish();
    let copies: Vec<_> = log
        .room
        .iter()
        .map(|message| message.copies.len())
        .collect();
    assert_eq!(copies.iter().sum::<usize>(), 5);
    assert_eq!(copies.len(), 6);
}

#[test]
fn a_receiver_that_left_gets_no_copy_and_keeps_its_number() {
    let server = start(fan(Some(ms(1))));
    let mut leaving = join(&server, "/fan");
    let mut staying = join(&server, "/fan");
    leaving.close(None).unwrap();
    // The server has ended the connection when it answers.
    while leaving.read().is_ok() {}
    let mut publisher = connect(&server, "/fan", None);
    // Number 3 would not reach receiver 1.
    publish(&mut publisher, 1, [3]);
    assert_eq!(numbers(&mut staying, 1, 1), [3]);
    let log = server.finish();
    assert_eq!(log.room[0].copies.len(), 1);
    assert_eq!(log.room[0].copies[0].fate, Fate::Echoed);
}

#[test]
fn a_room_reads_nothing_during_a_stall_but_delivers() {
    let server = start(|faults| {
        fan(None)(faults);
        faults.stall = Some(Stall {
            after: ms(0),
            lasts: ms(300),
        });
    });
    let mut receiver = join(&server, "/fan");
    let mut publisher = connect(&server, "/fan", None);
    publish(&mut publisher, 1, [0]);
    assert_eq!(numbers(&mut receiver, 1, 1), [0]);
    publish(&mut publisher, 1, [1]);
    assert_eq!(numbers(&mut receiver, 1, 1), [1]);
    let log = server.finish();
    let (begin_ns, end_ns) = log.stall_ns.unwrap();
    assert!(end_ns - begin_ns >= 300_000_000);
    let sent = |message: usize| log.room[message].copies[0].sent_ns.unwrap();
    assert!(sent(0) < end_ns, "the copy went out during the stall");
    assert!(log.room[1].received_ns >= end_ns);
}

/// Ticks that a client receives, up to the last one.
fn ticks(receiver: &mut PlainClient, count: usize) -> Vec<u64> {
    let tick = |message: Message| {
        let text = message.into_text().unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value["ts"].is_u64(), "{text}");
        value["seq"].as_u64().unwrap()
    };
    (0..count).map(|_| tick(receiver.read().unwrap())).collect()
}

fn feed(repeats_and_reorders: bool) -> FaultLog {
    let server = start(|faults| {
        faults.feed = Some(FeedFaults {
            receivers: 3,
            begins_after: ms(10),
            interval: ms(20),
            ticks: 20,
            step: ms(1),
            repeats_and_reorders,
        });
    });
    let mut receivers: Vec<_> = (0..3).map(|_| join(&server, "/feed")).collect();
    let regular: Vec<_> = (0..20).filter(|n| n % 10 != 4).collect();
    let (mut repeated, mut reordered) = (regular.clone(), regular.clone());
    if repeats_and_reorders {
        repeated.insert(6, 6);
        repeated.insert(16, 16);
        reordered.swap(7, 8);
        reordered.swap(16, 17);
    }
    let expected = [repeated, reordered, regular];
    for (receiver, expected) in receivers.iter_mut().zip(expected) {
        assert_eq!(ticks(receiver, expected.len()), expected);
        nothing_more(receiver);
    }
    server.finish()
}

#[test]
fn a_feed_leaves_out_one_tick_in_ten() {
    let log = feed(false);
    assert_eq!(log.ticks.len(), 54);
    assert_eq!(reordered_and_repeated_ticks(&log.ticks), (0, 0));
    let skews = tick_skews_ns(&log.ticks);
    assert_eq!(skews.len(), 18);
}

#[test]
fn a_feed_repeats_and_reorders_ticks() {
    let log = feed(true);
    assert_eq!(log.ticks.len(), 56);
    assert_eq!(reordered_and_repeated_ticks(&log.ticks), (2, 2));
}

#[test]
fn copies_are_held_once_a_socket_takes_no_more() {
    const MESSAGES: usize = 64;
    let server = start(|faults| {
        faults.room = Some(RoomFaults {
            step: ms(1),
            held_by: ms(5),
            send_buffer: Some(16 << 10),
            ..RoomFaults::default()
        });
    });
    let mut neighbour = join(&server, "/slow");
    let slow = joined(connect(&server, "/slow", Some(4 << 10)));
    let mut publisher = connect(&server, "/slow", None);
    let pad = "x".repeat(16 << 10);
    for number in 0..MESSAGES as u64 {
        let text = said(1, number) + &pad;
        publisher.send(Message::text(text.clone())).unwrap();
        // One after the other, so that a message arrives after the copies of the one before.
        assert_eq!(neighbour.read().unwrap(), Message::text(text));
    }
    nothing_more(&mut neighbour);
    let log = server.finish();
    drop(slow);
    let [blocked] = log.blocked[..] else {
        panic!("one socket is full, not {:?}", log.blocked)
    };
    assert_eq!(blocked.connection, 1);
    let all = (MESSAGES * (16 << 10)) as u64;
    assert!((1..all).contains(&blocked.taken_bytes), "{blocked:?}");
    let held = log.room.iter().filter(|message| message.is_held).count();
    assert!((1..MESSAGES).contains(&held), "{held}");
    let (held, free): (Vec<_>, Vec<_>) = log.room.iter().partition(|m| m.is_held);
    let times = |of: Vec<_>| DeliveryTimes::of(of, &log.blocked);
    assert!(times(free).first[0] >= 1_000_000);
    assert!(times(held).first[0] >= 6_000_000);
}
