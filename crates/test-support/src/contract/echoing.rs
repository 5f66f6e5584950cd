//! Messages are echoed.

use echo_server::Config;

use super::{
    ServerUnderTest,
    client::{BINARY, Client, PING, PONG, TEXT, UPGRADE, frame},
};

pub async fn messages_come_back_unchanged(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::connect(server.address).await;
    for first in [TEXT, BINARY] {
        for length in [0, 1, 125, 126, 4096, 65_535, 65_536, 1 << 20] {
            let payload = vec![b'x'; length];
            let sent = frame(first, &payload);
            client.send(&sent).await;
            assert_eq!(client.next().await, Some((first, payload)));
        }
    }
    let text = "žluťoučký kůň 🐎";
    client.send(&frame(TEXT, text.as_bytes())).await;
    assert_eq!(client.next().await, Some((TEXT, text.into())));
    client.send(&frame(BINARY, &[0xff, 0x00, 0xfe])).await;
    assert_eq!(client.next().await, Some((BINARY, vec![0xff, 0x00, 0xfe])));
}

pub async fn pipelined_messages_come_back_in_order(server: ServerUnderTest) {
    const COUNT: u32 = 5_000;
    let server = server.start(Config::default()).await;
    let mut client = Client::connect(server.address).await;
    let all: Vec<u8> = (0..COUNT)
        .flat_map(|number| frame(BINARY, &number.to_be_bytes()))
        .collect();
    client.send(&all).await;
    for number in 0..COUNT {
        let echo = client.next().await;
        assert_eq!(echo, Some((BINARY, number.to_be_bytes().to_vec())));
    }
    server
        .metric_becomes("websocket_messages_out_total", COUNT.into())
        .await;
}

pub async fn fragments_come_back_as_one_message(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::connect(server.address).await;
    let fragments = [
        frame(0x01, "čaj".as_bytes()),
        frame(PING, b"between"),
        frame(0x00, b""),
        frame(0x80, "ník".as_bytes()),
    ];
    client.send(&fragments.concat()).await;
    assert_eq!(client.next().await, Some((PONG, b"between".to_vec())));
    assert_eq!(client.next().await, Some((TEXT, "čajník".into())));
}

pub async fn a_message_in_the_packet_of_the_request_is_not_lost(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::open(server.address).await;
    let packet = [UPGRADE.as_bytes(), &frame(TEXT, b"early")].concat();
    client.send(&packet).await;
    client.upgraded().await;
    assert_eq!(client.next().await, Some((TEXT, b"early".to_vec())));
}

pub async fn every_ping_is_answered_in_its_turn(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::connect(server.address).await;
    let mixed: Vec<u8> = (0..100_u8)
        .flat_map(|number| [frame(TEXT, b"x"), frame(PING, &[number])].concat())
        .collect();
    client.send(&mixed).await;
    for number in 0..100 {
        assert_eq!(client.next().await, Some((TEXT, b"x".to_vec())));
        assert_eq!(client.next().await, Some((PONG, vec![number])));
    }
    client.send(&frame(PONG, b"unasked")).await;
    client.send(&frame(TEXT, b"still here")).await;
    assert_eq!(client.next().await, Some((TEXT, b"still here".to_vec())));
}

pub async fn no_subprotocol_is_accepted(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::open(server.address).await;
    let request = UPGRADE.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
    client.send(request.as_bytes()).await;
    let head = client.head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
}
