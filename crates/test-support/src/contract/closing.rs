//! Every connection is closed with the right close code.

use echo_server::Config;

use super::{
    ServerUnderTest,
    client::{BINARY, CLOSE, Client, PING, TEXT, close, frame, header},
};

/// Sends `bytes` on a new connection and checks that it is closed with `code`.
async fn is_closed_with(server: ServerUnderTest, config: Config, bytes: &[u8], code: u16) {
    let server = server.start(config).await;
    let mut client = Client::connect(server.address).await;
    client.send(bytes).await;
    client.closed_with(code).await;
    assert_eq!(client.next().await, None);
    server
        .metric_becomes(&format!("websocket_closes_total{{code=\"{code}\"}}"), 1)
        .await;
    server.metric_becomes("websocket_connections_open", 0).await;
}

pub async fn a_close_is_echoed_with_its_code_and_reason(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    for (code, reason) in [(1000, ""), (1001, "bye"), (3000, "č"), (4999, "x")] {
        let mut client = Client::connect(server.address).await;
        client.send(&close(code, reason)).await;
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        assert_eq!(client.next().await, Some((CLOSE, payload)));
        assert_eq!(client.next().await, None);
    }
    let mut client = Client::connect(server.address).await;
    client.send(&frame(CLOSE, b"")).await;
    assert_eq!(client.next().await, Some((CLOSE, Vec::new())));
    assert_eq!(client.next().await, None);
    for code in [1000, 1001, 1005, 3000, 4999] {
        server
            .metric_becomes(&format!("websocket_closes_total{{code=\"{code}\"}}"), 1)
            .await;
    }
}

pub async fn a_peer_that_leaves_without_a_close_counts_as_1006(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let client = Client::connect(server.address).await;
    server.metric_becomes("websocket_connections_open", 1).await;
    drop(client);
    server
        .metric_becomes("websocket_closes_total{code=\"1006\"}", 1)
        .await;
}

pub async fn a_breach_of_protocol_is_closed_with_1002(server: ServerUnderTest) {
    let unmasked = vec![TEXT, 1, b'x'];
    for breach in [
        unmasked,
        frame(0xc1, b"the first reserved bit"),
        frame(0xa1, b"the second"),
        frame(0x91, b"the third"),
        frame(0xc9, b"one of a ping"),
        frame(0x83, b"reserved data opcode"),
        frame(0x8b, b"reserved control opcode"),
        frame(0x09, b"a ping in fragments"),
        frame(PING, &[0; 126]),
        frame(0x80, b"the continuation of nothing"),
        [frame(0x01, b"one"), frame(TEXT, b"two at once")].concat(),
        frame(CLOSE, &[3]),
        close(999, "no such code"),
        close(1006, "not to be sent"),
    ] {
        is_closed_with(server, Config::default(), &breach, 1002).await;
    }
}

pub async fn text_that_is_not_utf8_is_closed_with_1007(server: ServerUnderTest) {
    for text in [
        frame(TEXT, b"\xff"),
        frame(TEXT, b"cut \xc4"),
        [frame(0x01, b"\xc4"), frame(0x80, b"x")].concat(),
        frame(CLOSE, b"\x03\xe8\xff"),
    ] {
        is_closed_with(server, Config::default(), &text, 1007).await;
    }
}

pub async fn a_message_too_large_is_closed_with_1009(server: ServerUnderTest) {
    let config = Config {
        max_message_size: 1000,
        ..Config::default()
    };
    for message in [
        frame(BINARY, &[0; 1001]),
        // The header is sufficient.
        [header(BINARY, 1001), vec![0; 4]].concat(),
        [header(BINARY, 1 << 40), vec![0; 4]].concat(),
        [frame(0x02, &[0; 600]), frame(0x80, &[0; 401])].concat(),
    ] {
        is_closed_with(server, config.clone(), &message, 1009).await;
    }
}

pub async fn a_message_of_the_largest_size_is_echoed(server: ServerUnderTest) {
    let config = Config {
        max_message_size: 1000,
        ..Config::default()
    };
    let server = server.start(config).await;
    let mut client = Client::connect(server.address).await;
    client.send(&frame(BINARY, &[7; 1000])).await;
    assert_eq!(client.next().await, Some((BINARY, vec![7; 1000])));
    let halves = [frame(0x02, &[7; 500]), frame(0x80, &[7; 500])].concat();
    client.send(&halves).await;
    assert_eq!(client.next().await, Some((BINARY, vec![7; 1000])));
}

pub async fn echoes_come_before_the_close_that_a_fault_earns(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::connect(server.address).await;
    let sent = [frame(TEXT, b"a"), frame(TEXT, b"b"), frame(TEXT, b"\xff")];
    client.send(&sent.concat()).await;
    assert_eq!(client.next().await, Some((TEXT, b"a".to_vec())));
    assert_eq!(client.next().await, Some((TEXT, b"b".to_vec())));
    client.closed_with(1007).await;
}

pub async fn echoes_come_before_the_end_of_a_peer_that_has_hung_up(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::connect(server.address).await;
    client.send(&frame(TEXT, b"last words")).await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream)
        .await
        .unwrap();
    assert_eq!(client.next().await, Some((TEXT, b"last words".to_vec())));
    assert_eq!(client.next().await, None);
}

/// A close frame followed by a reset might never be read.
pub async fn a_close_reaches_a_peer_that_is_still_sending(server: ServerUnderTest) {
    let config = Config {
        max_message_size: 1000,
        ..Config::default()
    };
    let server = server.start(config).await;
    let mut client = Client::connect(server.address).await;
    client.send(&frame(BINARY, &vec![0; 8 << 20])).await;
    client.closed_with(1009).await;
    assert_eq!(client.next().await, None);
}
