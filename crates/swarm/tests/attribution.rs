//! Servers that send messages of their own, or wrong echoes.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Server, accept, accept_and_send, answer, closed, run, size};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Length, Verify};
use measurement::record::DifferenceKind;
use tokio_tungstenite::tungstenite::Message;

#[test]
fn a_greeting_is_no_echo() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept_and_send(stream, b"\x81\x05hello").await;
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
            // This type was never sent, and other echoes carry identities.
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
    // Two echoes, then two messages without an identity and a ping. The pong shows that all were processed.
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
    // The type of one of them was never sent, and other echoes carry identities.
    assert_eq!((counts.undecided, counts.unexpected), (1, 1));
}

#[test]
fn without_verification_an_echo_sent_twice_leaves_counts_that_add_up() {
    let server =
        Server::start(|_, stream| answer(stream, |_, message| vec![message.clone(), message]));
    let counts = run(&server.plan(|plan| plan.verify = Verify::Off))
        .record
        .counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (40, 40, 0));
    assert_eq!(
        (counts.duplicated, counts.reordered, counts.corrupted),
        (0, 0, None)
    );
    assert!(counts.unexpected <= 40 && counts.ambiguous == counts.unexpected);
    assert_eq!(counts.matched_by_order, 40);
}

#[test]
fn a_message_that_has_the_right_length_by_accident_is_no_echo() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, message| {
            vec![Message::text("x".repeat(message.len()))]
        })
    });
    let recording = run(&server.plan(|plan| {
        plan.verify = Verify::Length;
        plan.timeout = Duration::from_millis(300);
    }));
    assert!(recording.context.recognized_nothing && !recording.context.recognized_late);
    let counts = recording.record.counts;
    assert_eq!(
        (recording.record.service.count(), counts.matched_by_order),
        (0, 0)
    );
    assert_eq!(
        counts.sent,
        counts.received + counts.lost + counts.abandoned
    );
}

#[test]
fn an_echo_of_few_digits_sent_twice_is_duplicated() {
    for bytes in [2, 8, 15, 16, 40] {
        let server = Server::start(|_, stream| {
            answer(stream, |n, message| match n {
                // The second echo of the last message could arrive after the end.
                9 => vec![message],
                _ => vec![message.clone(), message],
            })
        });
        let counts = run(&server.plan(|plan| plan.payload = size(bytes)))
            .record
            .counts;
        assert_eq!(
            (counts.received, counts.duplicated),
            (40, 36),
            "{bytes}: {counts:?}"
        );
        assert_eq!(counts.unexpected, 0, "{bytes}");
    }
}

#[test]
fn a_second_echo_of_one_digit_may_be_the_servers_own_message() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, message| match n {
            9 => vec![message],
            _ => vec![message.clone(), message],
        })
    });
    let counts = run(&server.plan(|plan| plan.payload = size(1)))
        .record
        .counts;
    assert_eq!((counts.received, counts.duplicated), (40, 0), "{counts:?}");
    assert_eq!((counts.unexpected, counts.ambiguous), (36, 36));
}

#[test]
fn a_dropped_message_of_one_digit_makes_no_other_reordered_or_late() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, message| match n {
            5 => Vec::new(),
            _ => vec![message],
        })
    });
    for window in [8, 32] {
        let counts = run(&server.plan(|plan| {
            plan.payload = size(1);
            plan.load = closed(window);
            plan.length = common::messages(100);
            plan.timeout = Duration::from_millis(300);
        }))
        .record
        .counts;
        assert_eq!(
            (counts.sent, counts.received, counts.lost),
            (400, 396, 4),
            "{window}"
        );
        assert_eq!((counts.reordered, counts.duplicated), (0, 0), "{window}");
    }
}

#[test]
fn a_run_whose_first_answers_are_wrong_is_not_said_to_have_recognized_nothing() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, message| match n {
            0 => vec![Message::text("welcome")],
            _ => vec![message],
        })
    });
    let recording = run(&server.plan(|plan| plan.timeout = Duration::from_millis(300)));
    let timed = recording.record.service.count();
    let context = recording.context;
    assert!(timed == 0 || !context.recognized_nothing || context.recognized_late);
}
