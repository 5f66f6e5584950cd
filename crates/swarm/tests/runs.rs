//! Properties of a run with a well-behaved server: counts, phases, verification, handshake.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{Server, accept_and_send, answer, echo_without_close, messages, run, size};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Length, Verify};
use swarm::{Phase, Recording, RunHandle};
use tokio_tungstenite::tungstenite::Message;

#[test]
fn every_message_of_a_faithful_server_is_counted_and_timed() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    for (payload, text, window, threads) in [
        (size(125), true, 1, 2),
        (size(1), false, 3, 1),
        (size(200_000), false, 2, 2),
        (
            units::SizeRange {
                min: 1,
                max: 70_000,
            },
            true,
            8,
            2,
        ),
    ] {
        let recording = run(&server.plan(|plan| {
            plan.payload = payload;
            plan.text = text;
            plan.load = common::closed(window);
            plan.threads = threads.try_into().unwrap();
            plan.length = messages(50);
        }));
        let counts = &recording.record.counts;
        assert_eq!((counts.sent, counts.received, counts.lost), (200, 200, 0));
        assert!(!counts.any_failed() && counts.unexpected == 0, "{counts:?}");
        assert_eq!(recording.record.service.count(), 200);
        assert_eq!(recording.record.samples.len(), 200);
        assert_eq!(recording.context.connections.opened, 4);
        assert_eq!(
            recording.context.connections.close_codes,
            [(1000, 4)].into()
        );
        assert_eq!(recording.context.connections.closed_early, 0);
        assert_eq!(recording.context.connect_ns.upgrade.count, 4);
        assert!(recording.context.connections.opening_s > 0.0);
        assert!(recording.context.elapsed_s > 0.0 && !recording.context.interrupted);
        assert!(
            recording
                .clients
                .iter()
                .all(|c| c.messages == 50 && c.failed == 0)
        );
        let mut all: Vec<_> = recording
            .record
            .samples
            .iter()
            .map(|s| (s.client, s.message))
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200, "each message has one row");
    }
}

#[test]
fn verification_is_as_strict_as_asked() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, message| {
            let mut text = message.to_text().unwrap().to_owned();
            text.replace_range(100..101, "\n");
            vec![Message::text(text)]
        })
    });
    for (verify, corrupted) in [
        (Verify::Full, Some(40)),
        (Verify::Length, Some(0)),
        (Verify::Off, None),
    ] {
        let recording = run(&server.plan(|plan| plan.verify = verify));
        assert_eq!(recording.record.counts.corrupted, corrupted, "{verify:?}");
    }
}

#[test]
fn a_thread_without_a_single_connection_does_not_hold_up_the_others() {
    let server = Server::start(|number, stream| async move {
        if number == 0 {
            answer(stream, |_, message| vec![message]).await;
        }
    });
    // One client per thread, so that the thread of the refused client has nothing to do.
    let recording = run(&server.plan(|plan| plan.clients = NonZeroU32::new(2).unwrap()));
    assert_eq!(
        (
            recording.context.connections.opened,
            recording.context.connections.failed
        ),
        (1, 1)
    );
    assert_eq!(recording.record.counts.received, 10);
}

#[test]
fn pings_are_answered_and_what_follows_the_handshake_is_kept() {
    let server = Server::start(|_, stream| async move {
        // A greeting in two fragments and a ping, in one packet with the answer to the upgrade.
        let frames = b"\x01\x03wel\x80\x04come\x89\x04ping";
        let mut socket = accept_and_send(stream, frames).await;
        let pong = socket.next().await.unwrap().unwrap();
        assert_eq!(pong, Message::Pong(b"ping".to_vec().into()));
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let recording = run(&server.plan(|_| {}));
    assert_eq!(recording.record.counts.received, 40);
    assert_eq!(
        recording.context.connections.close_codes,
        [(1000, 4)].into()
    );
}

#[test]
fn a_planned_time_with_warm_up_measures_only_what_was_sent_after_it() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    let recording = run(&server.plan(|plan| {
        plan.length = Length::Duration(Duration::from_millis(300));
        plan.warmup = Duration::from_millis(100);
    }));
    let record = &recording.record;
    assert!(record.counts.sent > 0 && record.counts.planned.is_none());
    assert_eq!(record.counts.sent, record.counts.received);
    let sent: Vec<_> = record.samples.iter().map(|s| s.sent_ns).collect();
    assert!(sent.iter().all(|ns| *ns < 300_000_000));
    assert_eq!(recording.context.elapsed_s, 0.3);
    for client in 0..4 {
        let of_client = record.samples.iter().filter(|s| s.client == client);
        assert_eq!(
            of_client.map(|s| s.message).min(),
            Some(0),
            "numbered from T0"
        );
    }
}

#[test]
fn a_run_that_is_stopped_keeps_what_it_has() {
    let server = Server::start(|_, stream| async move {
        // The hundredth echo never arrives, so one message is in flight at the end.
        answer(
            stream,
            |n, message| if n == 100 { vec![] } else { vec![message] },
        )
        .await;
    });
    let plan = server.plan(|plan| plan.length = Length::Duration(Duration::from_secs(600)));
    let handle = RunHandle::new();
    handle.watch();
    let stopper = handle.clone();
    let watcher = std::thread::spawn(move || {
        while stopper.progress().record.counts.received < 400 {
            std::thread::sleep(Duration::from_millis(5));
        }
        stopper.stop();
    });
    let mut phases = Vec::new();
    let recording = swarm::record_observed(&plan, &handle, |phase| phases.push(phase)).unwrap();
    watcher.join().unwrap();
    let counts = &recording.record.counts;
    assert!(recording.context.interrupted);
    assert_eq!((counts.sent, counts.received), (404, 400));
    assert_eq!((counts.abandoned, counts.lost), (4, 0));
    assert_eq!(phases.first(), Some(&Phase::Connect));
    assert_eq!(phases.last(), Some(&Phase::Close));
    assert!(phases.is_sorted());
}

/// Number of clients with a known close code, and number of clients.
fn close_codes(recording: &Recording) -> (usize, usize) {
    let rows = &recording.clients;
    let known = rows.iter().filter(|row| row.close_code.is_some()).count();
    let codes = &recording.context.connections.close_codes;
    assert_eq!(codes.values().sum::<u64>(), known as u64);
    (known, rows.len())
}

#[test]
fn a_stop_while_connections_close_does_not_change_the_run() {
    let server = Server::start(|_, stream| echo_without_close(stream));
    let plan = server.plan(|_| {});
    let handle = RunHandle::new();
    let recording = swarm::record_observed(&plan, &handle, |phase| {
        assert_eq!(handle.is_final(), phase == Phase::Close);
        if phase == Phase::Close {
            handle.stop();
        }
    });
    let recording = recording.unwrap();
    assert!(!recording.context.interrupted);
    assert!(handle.is_stopped() && !handle.is_interrupted());
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received), (40, 40));
    assert_eq!((counts.abandoned, counts.unsent), (0, 0));
    // After the full wait, 1006 would be the server's fault. Here the client did not wait.
    assert_eq!(close_codes(&recording), (0, 4));
}

#[test]
fn close_frames_are_not_awaited_for_long_after_a_stop() {
    let server = Server::start(|_, stream| echo_without_close(stream));
    let plan = server.plan(|plan| plan.length = Length::Duration(Duration::from_secs(600)));
    let handle = RunHandle::new();
    let recording = swarm::record_observed(&plan, &handle, |phase| {
        if phase == Phase::Measure {
            handle.stop();
        }
    });
    let recording = recording.unwrap();
    assert!(recording.context.interrupted && handle.is_interrupted());
    assert_eq!(close_codes(&recording), (0, 4));
}

#[test]
fn headers_reach_the_server_and_the_connect_rate_is_kept_to() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = Server::start(move |_, stream| {
        let sender = sender.clone();
        async move {
            let mut head = vec![0; 4096];
            let n = stream.peek(&mut head).await.unwrap();
            sender
                .send(String::from_utf8_lossy(&head[..n]).into_owned())
                .unwrap();
            answer(stream, |_, message| vec![message]).await;
        }
    });
    let recording = run(&server.plan(|plan| {
        plan.headers.insert("x-token", "abc".parse().unwrap());
        plan.headers
            .insert("origin", "https://example.org".parse().unwrap());
        plan.connect_rate = "1_000".parse().ok();
    }));
    assert_eq!(recording.context.connections.opened, 4);
    let head = receiver.recv().unwrap();
    assert!(head.contains("x-token: abc\r\n"), "{head}");
    assert!(head.contains("Origin: https://example.org\r\n"), "{head}");
}

#[test]
fn a_run_stopped_while_connecting_reports_its_connections() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    // The first client opens immediately, the second after a thousand seconds.
    let plan = server.plan(|plan| plan.connect_rate = "0.001".parse().ok());
    let handle = RunHandle::new();
    handle.watch();
    let stopper = handle.clone();
    let watcher = std::thread::spawn(move || {
        while stopper.progress().connections.opened < 1 {
            std::thread::sleep(Duration::from_millis(5));
        }
        stopper.stop();
    });
    let recording = swarm::record(&plan, &handle).unwrap();
    watcher.join().unwrap();
    assert!(recording.context.interrupted);
    assert_eq!(
        (
            recording.context.connections.opened,
            recording.record.counts.sent
        ),
        (1, 0)
    );
    assert_eq!(recording.context.elapsed_s, 0.0);
}
