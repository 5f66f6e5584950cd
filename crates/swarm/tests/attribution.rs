//! Servers that send messages of their own, or something else than what they were sent.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Server, accept, answer, run};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Length, Verify};
use measurement::record::DifferenceKind;
use tokio_tungstenite::tungstenite::Message;

#[test]
fn a_greeting_is_no_echo() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        socket.send(Message::text("hello")).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let counts = run(&server.plan(|_| ())).record.counts;
    assert!(!counts.any_failed(), "{counts:?}");
    assert_eq!((counts.received, counts.unexpected), (40, 0));
}

#[test]
fn a_push_takes_no_echos_place() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, message| vec![Message::text("tick"), message])
    });
    let counts = run(&server.plan(|_| ())).record.counts;
    assert!(!counts.any_failed(), "{counts:?}");
    assert_eq!((counts.received, counts.unexpected), (40, 40));
}

#[test]
fn an_echo_without_its_identity_is_corrupted_once_nothing_else_came() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, message| match n {
            2 => vec![Message::text("gone".repeat(25))],
            // The type was never sent, and other answers carry identities.
            3 => vec![Message::binary("state".as_bytes())],
            _ => vec![message],
        })
    });
    let plan = server.plan(|plan| plan.timeout = Duration::from_millis(300));
    let counts = run(&plan).record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (40, 36, 4));
    assert_eq!((counts.corrupted, counts.unexpected), (Some(4), 4));
    assert_eq!(counts.differences.len(), 1);
    let begins = &counts.differences[0].begins;
    assert!(begins.starts_with("gonegone"), "{begins}");
}

#[test]
fn a_server_that_never_echoes_ends_the_run_at_the_first_timeout() {
    let server =
        Server::start(|_, stream| answer(stream, |n, _| vec![Message::text(format!("ack {n}"))]));
    let recording = run(&server.plan(|plan| {
        plan.timeout = Duration::from_millis(300);
        plan.length = Length::Duration(Duration::from_secs(600));
    }));
    assert!(recording.context.recognized_nothing && !recording.context.interrupted);
    let counts = recording.record.counts;
    assert_eq!(recording.record.service.count(), 0);
    let kind = &counts.differences[0].kind;
    assert!(
        matches!(kind, DifferenceKind::Length { came: 5, .. }),
        "{counts:?}"
    );
}

#[test]
fn differences_are_told_apart_by_kind() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, message| {
            let text = message.to_text().unwrap().to_owned();
            match n {
                1 => vec![Message::binary(message.into_data())],
                2 => vec![Message::text(format!("you said: {text}"))],
                3 => vec![Message::text(format!("{}\n", &text[..text.len() - 1]))],
                _ => vec![message],
            }
        })
    });
    let counts = run(&server.plan(|_| ())).record.counts;
    assert_eq!((counts.received, counts.corrupted), (40, Some(12)));
    let found: Vec<_> = counts
        .differences
        .iter()
        .map(|d| (&d.kind, d.count, d.first_difference))
        .collect();
    let size = 125;
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|(_, count, _)| *count == 4), "{found:?}");
    assert!(found.iter().any(
        |(kind, _, first)| matches!(kind, DifferenceKind::Bytes { .. }) && *first == Some(size)
    ));
    assert!(found.iter().any(|(kind, ..)| **kind
        == DifferenceKind::Length {
            sent: size,
            came: size + 10
        }));
}

#[test]
fn without_verification_echoes_are_matched_by_order_and_nothing_is_called_corrupted() {
    let server =
        Server::start(|_, stream| answer(stream, |n, _| vec![Message::text(format!("ack {n}"))]));
    let counts = run(&server.plan(|plan| plan.verify = Verify::Off))
        .record
        .counts;
    assert_eq!((counts.received, counts.matched_by_order), (40, 40));
    assert_eq!(counts.corrupted, None);
}

#[test]
fn a_message_held_back_at_an_interrupt_is_counted_as_undecided() {
    let handle = swarm::RunHandle::new();
    let stopper = handle.clone();
    // Two echoes, then two messages without an identity and a ping, whose pong shows that all were taken in.
    let server = Server::start(move |_, stream| {
        let stopper = stopper.clone();
        async move {
            let mut socket = accept(stream).await;
            let mut n = 0;
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Text(_) if n < 2 => socket.send(message).await.unwrap(),
                    Message::Text(_) => {
                        socket
                            .send(Message::binary("state".as_bytes()))
                            .await
                            .unwrap();
                        socket.send(Message::text("what was that?")).await.unwrap();
                        socket.send(Message::Ping(Vec::new().into())).await.unwrap();
                    }
                    Message::Pong(_) => stopper.stop(),
                    _ => {}
                }
                n += 1;
            }
        }
    });
    let plan = server.plan(|plan| plan.clients = std::num::NonZeroU32::MIN);
    let recording = swarm::record(&plan, &handle).unwrap();
    assert!(recording.context.interrupted);
    let counts = recording.record.counts;
    assert_eq!((counts.sent, counts.received), (3, 2));
    assert_eq!((counts.abandoned, counts.lost), (1, 0));
    // The type of one was never sent, and other answers carry identities.
    assert_eq!((counts.undecided, counts.unexpected), (1, 1));
}
