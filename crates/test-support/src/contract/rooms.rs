//! Rooms, in which every message goes to all connections.

use std::time::Duration;

use echo_server::Config;
use tokio::net::TcpSocket;

use super::{
    RunningServer, ServerUnderTest,
    client::{BINARY, CLOSE, Client, PING, PONG, TEXT, UPGRADE, close, frame, get, request},
    running_program::ProgramUnderTest,
    within,
};

fn with_rooms() -> Config {
    Config {
        broadcast: true,
        ..Config::default()
    }
}

impl Client {
    /// Sends this message, which all of `room` must receive in turn, this client last.
    async fn tells(&mut self, room: &mut [&mut Client], first: u8, payload: &[u8]) {
        self.send(&frame(first, payload)).await;
        for member in room {
            assert_eq!(member.next().await, Some((first, payload.to_vec())));
        }
        assert_eq!(self.next().await, Some((first, payload.to_vec())));
    }
}

pub async fn a_message_goes_to_all_of_the_room_and_to_its_sender(server: ServerUnderTest) {
    let server = server.start(with_rooms()).await;
    let mut one = Client::join(server.address, "a").await;
    let mut two = Client::join(server.address, "a").await;
    let mut three = Client::join(server.address, "a?token=1").await;
    for length in [0, 1, 125, 126, 65_536, 2 << 20] {
        let payload = vec![b'x'; length];
        one.tells(&mut [&mut two, &mut three], TEXT, &payload).await;
        two.tells(&mut [&mut one, &mut three], BINARY, &payload)
            .await;
    }
    let halves = [frame(0x01, "čaj".as_bytes()), frame(0x80, "ník".as_bytes())];
    three.send(&halves.concat()).await;
    for member in [&mut one, &mut two, &mut three] {
        assert_eq!(member.next().await, Some((TEXT, "čajník".into())));
    }
    server
        .metric_becomes("websocket_messages_in_total", 13)
        .await;
    server
        .metric_becomes("websocket_messages_out_total", 39)
        .await;
}

pub async fn rooms_are_apart_and_so_is_the_echo(server: ServerUnderTest) {
    let server = server.start(with_rooms()).await;
    let mut echo = Client::connect(server.address).await;
    let mut rooms = Vec::new();
    for name in ["a", "A", "%61", ".."] {
        rooms.push(Client::join(server.address, name).await);
    }
    for (number, member) in (0..).zip(&mut rooms) {
        member.echoes(BINARY, &[number]).await;
    }
    echo.echoes(TEXT, b"echo").await;
    // A message from elsewhere would come before this one.
    for member in &mut rooms {
        member.echoes(TEXT, b"alone").await;
    }
    server.metric_becomes("websocket_rooms_open", 4).await;
    server.metric_becomes("websocket_room_members", 4).await;
}

pub async fn a_room_vanishes_with_its_last_member(server: ServerUnderTest) {
    let server = server.start(with_rooms()).await;
    for _ in 0..3 {
        let mut one = Client::join(server.address, "a").await;
        let two = Client::join(server.address, "a").await;
        one.send(&frame(TEXT, b"not read by anybody")).await;
        server.metric_becomes("websocket_room_members", 2).await;
        drop(two);
        server.metric_becomes("websocket_room_members", 1).await;
        server.metric_becomes("websocket_rooms_open", 1).await;
        one.send(&close(1000, "")).await;
        server.metric_becomes("websocket_rooms_open", 0).await;
        server.metric_becomes("websocket_room_members", 0).await;
    }
    // Who comes later is not told what was said before.
    let mut late = Client::join(server.address, "a").await;
    late.echoes(TEXT, b"anew").await;
}

pub async fn a_failed_upgrade_leaves_no_room_behind(server: ServerUnderTest) {
    let server = server.start(with_rooms()).await;
    let upgrade = UPGRADE.replace("/ws", "/room/a");
    for bad in [
        upgrade.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
        upgrade.replace("Version: 13", "Version: 8"),
    ] {
        let answer = request(server.address, &bad).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    server.metric_becomes("websocket_rooms_open", 0).await;
}

pub async fn a_path_that_is_no_room_is_not_found(server: ServerUnderTest) {
    let without = server.start(Config::default()).await;
    let with = server.start(with_rooms()).await;
    let too_long = format!("/room/{}", "x".repeat(256));
    let status = async |server: &RunningServer, head: &str| {
        let answer = request(server.address, head).await;
        answer.split(' ').nth(1).map(str::to_owned)
    };
    for (server, path, plain) in [
        (&without, "/room/a", "404"),
        (&with, "/room/a", "426"),
        (&with, "/room", "404"),
        (&with, "/room/", "404"),
        (&with, "/room/a/", "404"),
        (&with, "/room/a/b", "404"),
        (&with, &too_long, "404"),
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(
            status(server, &head).await.as_deref(),
            Some(plain),
            "{path}"
        );
        if plain == "404" {
            let upgrade = UPGRADE.replace("/ws", path);
            assert_eq!(
                status(server, &upgrade).await.as_deref(),
                Some("404"),
                "{path}"
            );
        }
    }
    let index = get(with.address, "/").await;
    assert!(index.contains("/room/NAME"), "{index}");
}

/// A queue that is full because its member had no time to be served must not count as one of a slow reader.
pub async fn a_burst_longer_than_a_queue_reaches_everybody(server: ServerUnderTest) {
    const COUNT: u32 = 5_000;
    let server = server.start(with_rooms()).await;
    let mut members = Vec::new();
    for _ in 0..10 {
        members.push(Client::join(server.address, "a").await);
    }
    let all: Vec<u8> = (0..COUNT)
        .flat_map(|number| frame(BINARY, &number.to_be_bytes()))
        .collect();
    members[0].send(&all).await;
    for member in &mut members {
        for number in 0..COUNT {
            let got = member.next().await;
            assert_eq!(got, Some((BINARY, number.to_be_bytes().to_vec())));
        }
    }
    server
        .metric_becomes("websocket_messages_out_total", u64::from(COUNT) * 10)
        .await;
    server
        .metric_becomes("websocket_room_overflows_total", 0)
        .await;
}

/// A room with a member that never reads, and two others that get every message until that one's queue is full.
async fn overflowed(server: ServerUnderTest) -> (RunningServer, Client, [Client; 2]) {
    const LENGTH: usize = 64 << 10;
    const ENOUGH: u32 = 2_000;
    let server = server.start(with_rooms()).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut slow = Client::over(within(socket.connect(server.address)).await.unwrap());
    slow.upgrade_at("/room/a").await;
    let mut sender = Client::join(server.address, "a").await;
    let mut reader = Client::join(server.address, "a").await;
    let mut payload = vec![0; LENGTH];
    for number in 0..ENOUGH {
        payload[..4].copy_from_slice(&number.to_be_bytes());
        sender.tells(&mut [&mut reader], BINARY, &payload).await;
        if number % 16 == 0 && server.metric("websocket_room_overflows_total").await == Some(1) {
            sender.tells(&mut [&mut reader], TEXT, b"without it").await;
            server.metric_becomes("websocket_room_members", 2).await;
            return (server, slow, [sender, reader]);
        }
    }
    panic!("{ENOUGH} messages were not too many for a member that does not read");
}

/// The close frame cannot be sent, but the connection ends.
pub async fn who_never_reads_is_dropped_and_holds_up_nobody(server: ServerUnderTest) {
    let (server, _slow, [mut sender, mut reader]) = overflowed(server).await;
    server.metric_becomes("websocket_connections_open", 2).await;
    server
        .metric_becomes("websocket_closes_total{code=\"1006\"}", 1)
        .await;
    sender.tells(&mut [&mut reader], TEXT, b"still here").await;
    server
        .metric_becomes("websocket_room_overflows_total", 1)
        .await;
}

pub async fn who_reads_too_late_is_closed_with_1013(server: ServerUnderTest) {
    let (server, mut slow, _others) = overflowed(server).await;
    let mut expected: u32 = 0;
    loop {
        let (first, payload) = slow.next().await.expect("a close frame");
        if first == CLOSE {
            assert_eq!(payload[..2], 1013_u16.to_be_bytes());
            break;
        }
        // What it gets until then has no gap.
        assert_eq!(payload[..4], expected.to_be_bytes());
        expected += 1;
    }
    assert_eq!(slow.next().await, None);
    server
        .metric_becomes("websocket_closes_total{code=\"1013\"}", 1)
        .await;
}

pub async fn a_ping_in_a_room_is_answered_to_its_sender_only(server: ServerUnderTest) {
    let server = server.start(with_rooms()).await;
    let mut one = Client::join(server.address, "a").await;
    let mut two = Client::join(server.address, "a").await;
    one.send(&frame(PING, b"anybody?")).await;
    assert_eq!(one.next().await, Some((PONG, b"anybody?".to_vec())));
    one.tells(&mut [&mut two], TEXT, b"next").await;
}

pub async fn faults_close_their_member_only(server: ServerUnderTest) {
    let server = server
        .start(Config {
            max_message_size: 1000,
            ..with_rooms()
        })
        .await;
    let mut stays = Client::join(server.address, "a").await;
    for (fault, code) in [
        (frame(BINARY, &[0; 1001]), 1009),
        (frame(TEXT, b"\xff"), 1007),
        (frame(0xc1, b"a reserved bit"), 1002),
        (close(4000, "bye"), 4000),
    ] {
        let mut leaves = Client::join(server.address, "a").await;
        let last = [frame(TEXT, b"last words"), fault];
        leaves.send(&last.concat()).await;
        let words = Some((TEXT, b"last words".to_vec()));
        assert_eq!(leaves.next().await, words);
        leaves.closed_with(code).await;
        assert_eq!(leaves.next().await, None);
        assert_eq!(stays.next().await, words);
    }
    stays.echoes(BINARY, &[0; 1000]).await;
}

pub async fn a_silent_member_is_pinged_and_closed(server: ServerUnderTest) {
    let server = server
        .start(Config {
            idle_timeout: Duration::from_millis(400),
            ..with_rooms()
        })
        .await;
    let mut silent = Client::join(server.address, "a").await;
    assert_eq!(silent.next().await, Some((PING, Vec::new())));
    silent.closed_with(1001).await;
    server.metric_becomes("websocket_rooms_open", 0).await;
}

pub async fn a_stop_delivers_what_had_been_sent_and_closes_with_1001(server: ServerUnderTest) {
    const COUNT: u32 = 3_000;
    let server = server
        .start(Config {
            drain_timeout: Duration::from_secs(3600),
            ..with_rooms()
        })
        .await;
    let mut sender = Client::join(server.address, "a").await;
    let mut reader = Client::join(server.address, "a").await;
    sender.tells(&mut [&mut reader], TEXT, b"before").await;
    let all: Vec<u8> = (0..COUNT)
        .flat_map(|number| frame(BINARY, &number.to_be_bytes()))
        .collect();
    sender.send(&all).await;
    let stopped = server.stop();
    for number in 0..COUNT {
        let got = sender.next().await;
        assert_eq!(got, Some((BINARY, number.to_be_bytes().to_vec())));
    }
    for member in [&mut sender, &mut reader] {
        while let Some((first, payload)) = member.next().await {
            if first == CLOSE {
                assert_eq!(payload[..2], 1001_u16.to_be_bytes());
                break;
            }
        }
        member.send(&close(1001, "")).await;
        assert_eq!(member.next().await, None);
    }
    drop((sender, reader));
    within(stopped).await.unwrap().unwrap();
}

pub async fn members_on_several_threads_see_one_order(program: ProgramUnderTest) {
    const MEMBERS: usize = 12;
    const COUNT: u32 = 2_000;
    let running = program.start(&["--broadcast", "--threads=4"]).await;
    let mut members = Vec::new();
    for _ in 0..MEMBERS {
        members.push(Client::join(running.address(), "a").await);
    }
    let tasks = (0..).zip(members).map(|(sender, member)| {
        let all: Vec<u8> = (0..COUNT)
            .flat_map(|number| frame(BINARY, &message(sender, number)))
            .collect();
        // Reads while it sends, because a member that does not read is not read from.
        let (mut reading, mut writing) = member.split();
        tokio::spawn(async move {
            let receive = async {
                let mut seen = Vec::new();
                while seen.len() < MEMBERS * COUNT as usize {
                    let (first, payload) = reading.next().await.expect("a message");
                    assert_eq!(first, BINARY);
                    seen.push(payload);
                }
                seen
            };
            tokio::join!(receive, writing.send(&all)).0
        })
    });
    let mut orders = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        orders.push(within(task).await.unwrap());
    }
    for order in &orders {
        assert!(*order == orders[0], "two members saw different orders");
    }
    for sender in 0..u32::try_from(MEMBERS).unwrap() {
        let own = orders[0]
            .iter()
            .filter(|payload| payload[..4] == sender.to_be_bytes());
        let expected = (0..COUNT).map(|number| message(sender, number).to_vec());
        assert!(own.cloned().eq(expected), "sender {sender}");
    }
}

fn message(sender: u32, number: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&sender.to_be_bytes());
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    bytes
}
