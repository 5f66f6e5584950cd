//! Slow, long and foreign handshakes.

use std::time::Duration;

use echo_server::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    RunningServer, ServerUnderTest,
    client::{Client, TEXT, UPGRADE},
    within,
};

/// Starts a server with a short handshake timeout.
async fn hasty(server: ServerUnderTest) -> RunningServer {
    server
        .start(Config {
            handshake_timeout: Duration::from_millis(200),
            ..Config::default()
        })
        .await
}

pub async fn who_says_nothing_is_dropped(server: ServerUnderTest) {
    let server = hasty(server).await;
    let silent = Client::open(server.address).await;
    assert_eq!(silent.rest().await, "");
}

pub async fn who_says_half_of_it_is_dropped(server: ServerUnderTest) {
    let server = hasty(server).await;
    let mut halfway = Client::open(server.address).await;
    let half = &UPGRADE.as_bytes()[..UPGRADE.len() / 2];
    halfway.send(half).await;
    assert_eq!(halfway.rest().await, "");
    server
        .metric_becomes("websocket_connections_total", 0)
        .await;
}

/// A time limit per read would never end this connection.
pub async fn who_says_it_too_slowly_is_dropped(server: ServerUnderTest) {
    const PACE: Duration = Duration::from_millis(20);
    let server = hasty(server).await;
    let mut slow = Client::open(server.address).await;
    slow.send(b"GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        .await;
    within(async {
        while tokio::time::timeout(PACE, slow.stream.read(&mut [0]))
            .await
            .is_err()
        {
            // Fails when the server has closed. The next read detects it.
            let _ = slow.stream.write_all(b"a").await;
        }
    })
    .await;
}

/// The limit for the handshake must not affect an open WebSocket.
pub async fn who_has_finished_in_time_may_stay(server: ServerUnderTest) {
    let server = hasty(server).await;
    let mut guest = Client::connect(server.address).await;
    // This later connection was dropped, so the limit of the first one has passed too.
    let silent = Client::open(server.address).await;
    silent.dropped().await;
    guest.echoes(TEXT, b"still here").await;
}

pub async fn a_handshake_in_single_bytes_is_understood(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::open(server.address).await;
    client.stream.set_nodelay(true).unwrap();
    for byte in UPGRADE.as_bytes() {
        client.send(&[*byte]).await;
        // Lets the server, which shares this thread, read each byte separately.
        tokio::task::yield_now().await;
    }
    client.upgraded().await;
    client.echoes(TEXT, b"at last").await;
}

/// The head is larger than the socket buffers, so the answer arrives before all of it is read.
pub async fn a_head_without_end_is_refused_while_it_is_sent(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::open(server.address).await;
    let endless = format!("GET /ws HTTP/1.1\r\nCookie: {}", "a".repeat(8 << 20));
    client.send(endless.as_bytes()).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
}
