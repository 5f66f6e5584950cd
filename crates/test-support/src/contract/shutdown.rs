//! A stopping server notifies every peer, and does not wait forever.

use std::time::Duration;

use echo_server::Config;
use tokio::net::TcpStream;

use super::{
    ServerUnderTest,
    client::{Client, TEXT, close, frame},
    within,
};

fn waiting(drain_timeout: Duration) -> Config {
    Config {
        drain_timeout,
        ..Config::default()
    }
}

/// Longer than any test may take.
const FOR_EVER: Duration = Duration::from_secs(3600);

pub async fn every_connection_is_closed_with_1001(server: ServerUnderTest) {
    let server = server.start(waiting(FOR_EVER)).await;
    let address = server.address;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(address).await;
        client.send(&frame(TEXT, b"x")).await;
        assert_eq!(client.next().await, Some((TEXT, b"x".to_vec())));
        clients.push(client);
    }
    let stopped = server.stop();
    for client in &mut clients {
        client.closed_with(1001).await;
        assert!(!stopped.is_finished(), "it did not wait for the answer");
    }
    for client in &mut clients {
        // Sent before the client read the close, which is allowed. The server discards it.
        client.send(&frame(TEXT, b"too late")).await;
        client.send(&close(1001, "")).await;
        assert_eq!(client.next().await, None);
    }
    drop(clients);
    within(stopped).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

pub async fn a_peer_that_does_not_answer_is_waited_for_only_so_long(server: ServerUnderTest) {
    let server = server.start(waiting(Duration::from_millis(50))).await;
    let mut client = Client::connect(server.address).await;
    let stopped = server.stop();
    client.closed_with(1001).await;
    within(stopped).await.unwrap().unwrap();
    assert_eq!(client.next().await, None);
}

/// The server is notified of its stop before it can read the messages, because it shares this thread.
pub async fn what_had_been_sent_before_the_stop_is_echoed(server: ServerUnderTest) {
    const COUNT: u32 = 5_000;
    let server = server.start(waiting(FOR_EVER)).await;
    let mut client = Client::connect(server.address).await;
    let all: Vec<u8> = (0..COUNT)
        .flat_map(|number| frame(TEXT, number.to_string().as_bytes()))
        .collect();
    client.send(&all).await;
    let stopped = server.stop();
    for number in 0..COUNT {
        let echo = client.next().await;
        assert_eq!(echo, Some((TEXT, number.to_string().into_bytes())));
    }
    client.closed_with(1001).await;
    client.send(&close(1001, "")).await;
    drop(client);
    within(stopped).await.unwrap().unwrap();
}

pub async fn who_has_not_asked_for_anything_is_not_waited_for(server: ServerUnderTest) {
    let server = server.start(waiting(FOR_EVER)).await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let mut halfway = Client::open(server.address).await;
    halfway.send(b"GET /ws HT").await;
    // Both are accepted when a later connection has been answered.
    server.metric_becomes("websocket_connections_open", 0).await;
    within(server.stop()).await.unwrap().unwrap();
    assert_eq!(halfway.next().await, None);
}

pub async fn a_server_that_is_dropped_drops_its_connections(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::connect(server.address).await;
    server.task.abort();
    let ended = within(server.task).await;
    assert!(ended.is_err_and(|error| error.is_cancelled()));
    assert_eq!(client.next().await, None);
}
