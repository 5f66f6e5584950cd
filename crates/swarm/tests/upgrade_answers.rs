//! Answers to the upgrade from a server with a given text.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::{Duration, Instant};

use common::{Server, read_upgrade, run};
use futures_util::{SinkExt, StreamExt};
use measurement::record::{ConnectFailure, ForeignAnswer};
use swarm::{RunHandle, SwarmError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

/// A server that answers every upgrade with this text, with `ACCEPT` replaced by the accept key, and then echoes.
fn echo_after(answer: &'static str) -> Server {
    Server::start(move |_, mut stream| async move {
        let accept = read_upgrade(&mut stream).await;
        let answer = answer.replace("ACCEPT", &accept);
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    })
}

/// A server that answers every upgrade with these bytes and keeps the connection open.
fn say(answer: &'static [u8]) -> Server {
    Server::start(move |_, mut stream| async move {
        read_upgrade(&mut stream).await;
        stream.write_all(answer).await.unwrap();
        let _ = stream.read(&mut [0]).await;
    })
}

fn failure(server: &Server) -> ConnectFailure {
    let error = swarm::record(&server.plan(|_| {}), &RunHandle::new()).unwrap_err();
    match error {
        SwarmError::NothingConnected { cause, .. } => cause,
        other => panic!("{other}"),
    }
}

#[test]
fn legal_answers_of_any_form_are_measured() {
    for answer in [
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
        "HTTP/1.1 101 OK\r\nConnection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\
         Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Extensions:\r\nSec-WebSocket-Protocol:\r\n\r\n",
    ] {
        let server = echo_after(answer);
        let counts = run(&server.plan(|_| {})).record.counts;
        assert_eq!((counts.sent, counts.received), (40, 40), "{answer}");
    }
}

#[test]
fn a_refusal_that_never_ends_is_reported_before_the_timeout() {
    let server = say(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 9\r\n\r\ncome back later");
    let begun = Instant::now();
    assert_eq!(
        failure(&server).to_string(),
        "the server answered the upgrade with HTTP 503 Service Unavailable, Retry-After: 9: “come back later”"
    );
    // The plan's connect timeout is 20 s, and the server never ends the body.
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_tls_server_and_any_other_are_told_apart() {
    let tls = say(b"\x15\x03\x01\x00\x02\x02\x46");
    assert_eq!(failure(&tls), ConnectFailure::NotHttp(ForeignAnswer::Tls));
    let ssh = say(b"SSH-2.0-OpenSSH_9.0\r\n");
    let named = ForeignAnswer::Other("SSH-2.0-OpenSSH_9.0".to_owned());
    assert_eq!(failure(&ssh), ConnectFailure::NotHttp(named));
    let silent = Server::start(|_, mut stream| async move {
        let _ = stream.read_u8().await;
    });
    assert_eq!(failure(&silent), ConnectFailure::NoAnswer);
}

#[test]
fn the_address_that_was_measured_is_recorded() {
    let server = Server::start(|_, stream| common::answer(stream, |_, message| vec![message]));
    let recording = run(&server.plan(|_| {}));
    let expected = [(server.address.to_string(), 4)].into();
    assert_eq!(recording.context.connections.addresses, expected);
    let by_name = format!("ws://localhost:{}/", server.address.port());
    let plan = common::plan(&by_name, Default::default(), |_| {});
    assert_eq!(run(&plan).context.connections.addresses, expected);
}
