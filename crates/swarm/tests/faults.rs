//! Reports of the swarm about servers with known faults.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{Server, accept, answer, messages, run};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::Length;
use measurement::record::{ConnectFailure, Outcome};
use swarm::{Recording, RunHandle, SwarmError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

fn outcomes(recording: &Recording, outcome: Outcome) -> u64 {
    let samples = recording.record.samples.iter();
    samples.filter(|s| s.outcome == outcome).count() as u64
}

#[test]
fn a_dropped_message_is_lost_and_the_next_one_goes_out_at_the_timeout() {
    let server = Server::start(|_, stream| {
        answer(
            stream,
            |n, message| if n % 5 == 2 { vec![] } else { vec![message] },
        )
    });
    let recording = run(&server.plan(|plan| plan.timeout = Duration::from_millis(200)));
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (40, 32, 8));
    assert_eq!(outcomes(&recording, Outcome::Lost), 8);
    assert!(
        recording
            .clients
            .iter()
            .all(|c| c.messages == 10 && c.failed == 2)
    );
}

#[test]
fn a_late_echo_is_timed_out_and_keeps_its_time() {
    let timeout = Duration::from_millis(200);
    let server = Server::start(move |_, stream| async move {
        let mut socket = accept(stream).await;
        let mut n = 0;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                if n == 3 {
                    tokio::time::sleep(timeout * 2).await;
                }
                socket.send(message).await.unwrap();
                n += 1;
            }
        }
    });
    let recording = run(&server.plan(|plan| plan.timeout = timeout));
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (40, 40, 0));
    // The delayed message, and those queued after it.
    assert!(counts.timed_out >= 4, "{counts:?}");
    let late = recording
        .record
        .samples
        .iter()
        .filter(|s| s.outcome == Outcome::TimedOut);
    for sample in late {
        let ns = sample.service_time_ns().unwrap();
        assert!(u128::from(ns) >= timeout.as_nanos(), "{sample:?}");
    }
}

#[test]
fn corruption_duplication_and_reordering_are_counted_apart() {
    let server = Server::start(|_, stream| {
        let mut held = None;
        answer(stream, move |n, message| match n {
            1 => vec![Message::text(message.to_text().unwrap().to_uppercase())],
            2 => vec![Message::text(&message.to_text().unwrap()[..50])],
            3 => vec![Message::binary(message.into_data())],
            4 => vec![message.clone(), message],
            5 => {
                held = Some(message);
                vec![]
            }
            6 => vec![message, held.take().unwrap()],
            _ => vec![message],
        })
    });
    let recording = run(&server.plan(|plan| plan.load = common::closed(2)));
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (40, 40, 0));
    assert_eq!(counts.corrupted, Some(12));
    assert_eq!((counts.duplicated, counts.reordered), (4, 4));
    assert_eq!(
        recording.record.service.count(),
        28,
        "wrong echoes are not timed"
    );
}

#[test]
fn a_server_that_closes_early_leaves_counts_and_a_code() {
    let server = Server::start(|number, stream| async move {
        if number % 2 == 0 {
            return answer(stream, |_, message| vec![message]).await;
        }
        let mut socket = accept(stream).await;
        for _ in 0..3 {
            let message = socket.next().await.unwrap().unwrap();
            socket.send(message).await.unwrap();
        }
        // The fourth message is never answered.
        let _ = socket.next().await;
        let frame = CloseFrame {
            code: 1011.into(),
            reason: "bye".into(),
        };
        socket.close(Some(frame)).await.unwrap();
        while socket.next().await.is_some() {}
    });
    let recording = run(&server.plan(|_| {}));
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (28, 26, 2));
    assert_eq!(recording.context.connections.closed_early, 2);
    assert_eq!(
        recording.context.connections.close_codes,
        [(1000, 2), (1011, 2)].into()
    );
}

#[test]
fn a_vanishing_server_is_code_1006() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        let _ = socket.next().await;
    });
    let recording = run(&server.plan(|_| {}));
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (4, 0, 4));
    assert_eq!(
        recording.context.connections.close_codes,
        [(1006, 4)].into()
    );
    assert_eq!(recording.context.connections.closed_early, 4);
}

#[test]
fn a_server_that_refuses_half_is_measured_with_the_other_half() {
    let server = Server::start(|number, mut stream| async move {
        if number % 2 == 0 {
            return answer(stream, |_, message| vec![message]).await;
        }
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await;
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    });
    let recording = run(&server.plan(|_| {}));
    let connections = &recording.context.connections;
    assert_eq!(
        (
            connections.attempted,
            connections.opened,
            connections.failed
        ),
        (4, 2, 2)
    );
    let (reason, n) = connections.failures.iter().next().unwrap();
    assert_eq!(
        (reason.as_str(), *n),
        (
            "the server answered the upgrade with HTTP 503 Service Unavailable",
            2
        )
    );
    assert_eq!(recording.record.counts.received, 20);
    assert_eq!(
        recording
            .clients
            .iter()
            .filter(|c| c.connect_ns.is_none())
            .count(),
        2
    );
}

#[test]
fn a_server_that_stops_reading_does_not_hold_the_run() {
    let server = Server::start(|_, stream| async move {
        let _socket = accept(stream).await;
        std::future::pending::<()>().await;
    });
    let large = units::SizeRange {
        min: 16 << 20,
        max: 16 << 20,
    };
    for length in [messages(2), Length::Duration(Duration::from_millis(100))] {
        let recording = run(&server.plan(|plan| {
            plan.clients = NonZeroU32::new(2).unwrap();
            plan.payload = large;
            plan.timeout = Duration::from_millis(200);
            plan.length = length;
        }));
        let counts = &recording.record.counts;
        assert_eq!((counts.sent, counts.received, counts.lost), (2, 0, 2));
        let codes = &recording.context.connections.close_codes;
        assert_eq!(*codes, [(1006, 2)].into());
    }
}

#[test]
fn an_echo_behind_the_drain_is_lost_and_nothing_else() {
    let timeout = Duration::from_millis(100);
    let server = Server::start(move |number, stream| async move {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                // The echo on the first connection arrives long after the client gave up, while the second connection
                // keeps the run going.
                tokio::time::sleep(if number == 0 {
                    timeout * 3
                } else {
                    timeout / 2
                })
                .await;
                let _ = socket.send(message).await;
            }
        }
    });
    for payload in [8, 125] {
        let recording = run(&server.plan(|plan| {
            plan.clients = NonZeroU32::new(2).unwrap();
            plan.length = messages(1);
            plan.payload = common::size(payload);
            plan.timeout = timeout;
        }));
        let counts = &recording.record.counts;
        assert_eq!(counts.sent, counts.received + counts.lost);
        assert_eq!((counts.duplicated, counts.unexpected), (0, 0), "{counts:?}");
    }
}

#[test]
fn garbage_on_the_wire_fails_the_connection_with_1002() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        let _ = socket.next().await;
        socket
            .get_mut()
            .write_all(b"\xFF\xFFgarbage")
            .await
            .unwrap();
        // The client's close frame has the reason.
        let frame = socket.next().await;
        assert!(frame.is_some());
    });
    let recording = run(&server.plan(|_| {}));
    assert_eq!(
        recording.context.connections.close_codes,
        [(1002, 4)].into()
    );
    assert_eq!(recording.record.counts.lost, 4);
    let (reason, _) = recording
        .context
        .connections
        .early_ends
        .iter()
        .next()
        .unwrap();
    assert_eq!(
        reason,
        "the server broke the protocol: a reserved bit is set"
    );
}

#[test]
fn a_silent_server_ends_as_counts() {
    let server = Server::start(|_, stream| answer(stream, |_, _| vec![]));
    let recording = run(&server.plan(|plan| {
        plan.timeout = Duration::from_millis(50);
        plan.length = messages(3);
    }));
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (12, 0, 12));
    assert_eq!(recording.record.service.count(), 0);
}

#[test]
fn a_server_that_never_finishes_the_handshake_is_a_failure() {
    let server = Server::start(|_, stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    });
    let plan = server.plan(|plan| plan.connect_timeout = Duration::from_millis(100));
    let error = swarm::record(&plan, &RunHandle::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with(": no answer within the connect timeout"),
        "{error}"
    );
    let SwarmError::NothingConnected {
        attempted, cause, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((attempted, cause), (4, ConnectFailure::Timeout));
}

#[test]
fn broadcasts_of_other_clients_messages_are_unexpected() {
    let (sender, _) = tokio::sync::broadcast::channel::<Message>(1024);
    let server = Server::start(move |_, stream| {
        let sender = sender.clone();
        async move {
            let mut received = sender.subscribe();
            let mut socket = accept(stream).await;
            loop {
                tokio::select! {
                    message = socket.next() => match message {
                        Some(Ok(message)) if message.is_text() => drop(sender.send(message)),
                        Some(Ok(_)) => {}
                        _ => return,
                    },
                    message = received.recv() => {
                        let _ = socket.send(message.unwrap()).await;
                    }
                }
            }
        }
    });
    let recording = run(&server.plan(|plan| plan.clients = NonZeroU32::new(2).unwrap()));
    let counts = &recording.record.counts;
    assert_eq!(
        (counts.sent, counts.received, counts.corrupted),
        (20, 20, Some(0))
    );
    assert!(counts.unexpected > 0);
}
