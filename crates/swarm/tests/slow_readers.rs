//! Slow readers beside clients that read at full speed.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Server, accept, answer, closed, run, scenario};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{
    Arrivals, Length, Load, LoadDraft, Plan, RateProfile, SlowCount, SlowReaders,
};
use measurement::run::Summary;
use measurement::verdict::Reason;
use swarm::Recording;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use units::Rate;

/// One of four clients is slow.
fn one_slow(bytes_per_s: u64, after: Duration) -> Option<SlowReaders> {
    Some(SlowReaders {
        count: SlowCount::Clients(NonZeroU32::MIN),
        bytes_per_s,
        after,
    })
}

fn open(rate: f64) -> Load {
    Load::Open {
        profile: RateProfile::constant(Rate::new(rate).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    }
}

fn echo_server() -> Server {
    Server::start(|_, stream| answer(stream, |_, message| vec![message]))
}

fn summary(plan: &Plan, recording: &Recording) -> Summary {
    Summary::new(plan, &recording.record, recording.context.clone())
}

fn run_plan(server: &Server, change: impl FnOnce(&mut LoadDraft)) -> (Plan, Recording) {
    let plan = server.plan(change);
    let recording = run(&plan);
    (plan, recording)
}

#[test]
fn a_client_that_never_reads_is_in_no_figure_of_the_run() {
    let (plan, recording) = run_plan(&echo_server(), |plan| {
        plan.slow = one_slow(0, Duration::ZERO);
    });
    let summary = summary(&plan, &recording);
    let messages = &summary.messages;
    assert_eq!((messages.planned, messages.sent), (Some(30), 30));
    assert_eq!((messages.received, messages.unsent), (30, 0));
    assert!(!messages.any_failed(), "{messages:?}");
    assert_eq!(recording.record.samples.len(), 30);
    assert_eq!(
        recording
            .record
            .timeline
            .iter()
            .map(|row| row.sent)
            .sum::<u64>(),
        30
    );
    let slow = summary.slow.unwrap();
    assert_eq!(
        (slow.clients, slow.closed, slow.read_bytes_per_s),
        (1, 0, 0.0)
    );
    assert_eq!(slow.planned_read_bytes_per_s, Some(0));
    assert_eq!(
        (
            slow.before.service_time_ns.count,
            slow.after.service_time_ns.count
        ),
        (0, 30)
    );
    // Its first message is not answered, as far as it knows.
    let own = &summary.roles["slow"].messages;
    assert_eq!((own.sent, own.received, own.lost), (1, 0, 1));
    let connections = &summary.connections;
    assert_eq!((connections.opened, connections.closed_early), (4, 0));
    // After the run, the slow reader reads the answer to its close frame.
    assert_eq!(connections.close_codes, BTreeMap::from([(1000, 4)]));
}

#[test]
fn slow_readers_send_their_share_of_the_rate_and_the_verdict_leaves_it_out() {
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let server = Server::start(move |_, stream| {
        let received = Arc::clone(&counter);
        answer(stream, move |_, message| {
            received.fetch_add(1, Ordering::Relaxed);
            vec![message]
        })
    });
    let (plan, recording) = run_plan(&server, |plan| {
        plan.slow = one_slow(0, Duration::ZERO);
        plan.load = open(400.0);
        plan.length = Length::Duration(Duration::from_millis(500));
    });
    let summary = summary(&plan, &recording);
    assert_eq!(
        (summary.messages.sent, summary.messages.received),
        (150, 150)
    );
    assert_eq!(
        (summary.messages.unsent, summary.sent_in_time_share),
        (0, Some(1.0))
    );
    assert_eq!(summary.offered_rate_per_s, Some(300.0));
    assert_eq!(summary.achieved_rate_per_s, Some(300.0));
    let own = &summary.roles["slow"].messages;
    assert_eq!((own.sent, own.received), (50, 0));
    assert_eq!(received.load(Ordering::Relaxed), 200);
    assert_eq!(recording.record.open_loop.unwrap().send_lag.count(), 150);
}

#[test]
fn neighbours_are_told_apart_by_the_time_at_which_others_turn_slow() {
    let (plan, recording) = run_plan(&echo_server(), |plan| {
        plan.slow = one_slow(0, Duration::from_millis(300));
        plan.load = open(400.0);
        plan.length = Length::Duration(Duration::from_millis(500));
    });
    let summary = summary(&plan, &recording);
    let slow = summary.slow.unwrap();
    assert_eq!(slow.after_s, 0.3);
    let counts = [&slow.before, &slow.after].map(|phase| phase.service_time_ns.count);
    assert_eq!(counts.iter().sum::<u64>(), 150);
    assert!(counts[0] >= 1 && counts[1] >= 1, "{counts:?}");
    // Before that, the slow one reads as all others.
    let own = &summary.roles["slow"].messages;
    assert_eq!(own.sent, 50);
    assert!(own.received >= 1 && own.received < 50, "{own:?}");
    assert!(summary.connections.closed_early == 0 && !summary.messages.any_failed());
}

#[test]
fn a_role_reads_no_faster_than_it_says() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            let is_slow = message.is_text() && message.to_text().unwrap() == "flood";
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
            // More than it reads in any time.
            while is_slow && socket.send(Message::text("x".repeat(60_000))).await.is_ok() {}
        }
    });
    let text = "[[setup]]\nrole = \"lazy\"\nsend = 'flood'\nexpect = 'flood'\n[[message]]\nsend = '${uid}'\nreply = '${uid}'\n\
        [[on]]\nmatch = 'x${*}'\n\
        [roles.lazy]\ncount = 2\nsends = false\nread = \"20KiB/s\"\n[roles.eager]\n";
    let (plan, recording) = run_plan(&server, |plan| {
        plan.scenario = scenario(text);
        plan.load = open(20.0);
        plan.length = Length::Duration(Duration::from_millis(1500));
    });
    let slow = recording.record.slow.as_deref().unwrap();
    assert_eq!((slow.clients, slow.closed), (2, 0));
    // Both for the whole time. A busy machine reads less.
    assert_eq!(slow.reading_ns, 3_000_000_000);
    assert!(slow.read_bytes > 0 && slow.read_bytes <= 3 * 20 * 1024);
    let summary = summary(&plan, &recording);
    assert_eq!((summary.messages.sent, summary.messages.received), (30, 30));
    assert_eq!(
        summary.slow.unwrap().planned_read_bytes_per_s,
        Some(20 * 1024)
    );
    assert_eq!(summary.connections.closed_early, 0);
}

#[test]
fn a_slow_reader_that_the_server_ends_is_no_early_close() {
    let text = "[[message]]\nsend = 'c${client:02}${uid}'\nreply = 'c${client:02}${uid}'\n";
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            let Ok(text) = message.to_text() else { return };
            if text.starts_with("c03") {
                let code = CloseCode::Again;
                let reason = "too slow".into();
                let _ = socket.close(Some(CloseFrame { code, reason })).await;
                return;
            } else if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let (plan, recording) = run_plan(&server, |plan| {
        plan.scenario = scenario(text);
        plan.slow = one_slow(0, Duration::ZERO);
        plan.load = closed(1);
        plan.length = Length::Duration(Duration::from_millis(400));
    });
    assert!(plan.is_slow(3), "the last of four is chosen");
    let summary = summary(&plan, &recording);
    let slow = summary.slow.unwrap();
    assert_eq!((slow.clients, slow.closed), (1, 1));
    assert_eq!(slow.close_codes, BTreeMap::from([(1013, 1)]));
    assert_eq!(slow.closed_after_ns.unwrap().count, 1);
    let connections = &summary.connections;
    assert_eq!((connections.closed_early, connections.failed), (0, 0));
    assert!(connections.early_ends.is_empty());
    assert!(!summary.messages.any_failed(), "{:?}", summary.messages);
    assert_eq!(summary.messages.unsent, 0);
    assert_eq!(connections.close_reasons[0].reason, "too slow");
}

/// A run in which the server sends client 3, which never reads, more than its receive buffer holds and then ends the connection,
/// with a close frame or without.
fn ended_behind_unread_bytes(has_close_frame: bool) -> (Plan, Recording) {
    let server = Server::start(move |_, stream| async move {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            let Ok(text) = message.to_text() else { return };
            if text.starts_with("c03") {
                // Fits into the send buffer of the server.
                let filling = Message::text("x".repeat(100_000));
                socket.send(filling).await.unwrap();
                let code = CloseCode::Again;
                let reason = "too slow".into();
                if has_close_frame {
                    let frame = CloseFrame { code, reason };
                    socket.send(Message::Close(Some(frame))).await.unwrap();
                }
                return;
            } else if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let text = "[[message]]\nsend = 'c${client:02}${uid}'\nreply = 'c${client:02}${uid}'\n";
    run_plan(&server, |plan| {
        plan.scenario = scenario(text);
        plan.slow = one_slow(0, Duration::ZERO);
        plan.load = closed(1);
        plan.length = Length::Duration(Duration::from_millis(400));
    })
}

#[test]
fn a_close_behind_unread_bytes_was_reported_as_not_closed() {
    for (has_close_frame, code) in [(true, 1013), (false, 1006)] {
        let (plan, recording) = ended_behind_unread_bytes(has_close_frame);
        let summary = summary(&plan, &recording);
        let slow = summary.slow.unwrap();
        assert_eq!((slow.clients, slow.closed), (1, 1));
        assert_eq!(slow.close_codes, BTreeMap::from([(code, 1)]));
        // Nobody knows when.
        assert_eq!(slow.closed_after_ns, None);
        assert_eq!(slow.read_bytes_per_s, 0.0);
        let connections = &summary.connections;
        assert_eq!((connections.closed_early, connections.failed), (0, 0));
        let codes = BTreeMap::from([(1000, 3), (code, 1)]);
        assert_eq!(connections.close_codes, codes);
        let reasons = connections.close_reasons.iter();
        let by_server: Vec<_> = reasons.map(|one| one.reason.as_str()).collect();
        let wanted: &[&str] = if has_close_frame { &["too slow"] } else { &[] };
        assert_eq!(by_server, wanted);
    }
}

#[test]
fn the_run_ends_with_the_clients_that_read() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            if !message.is_text() {
                continue;
            }
            // Far more than fits into the buffers of a client that does not read: it blocks only that one.
            let is_slow = message.to_text().unwrap().starts_with("c03");
            let times = if is_slow { 10_000 } else { 1 };
            for _ in 0..times {
                if socket.send(message.clone()).await.is_err() {
                    return;
                }
            }
        }
    });
    let text =
        "[[message]]\nsend = 'c${client:02}${uid}${pad}'\nreply = 'c${client:02}${uid}${pad}'\n";
    let (_, recording) = run_plan(&server, |plan| {
        plan.scenario = scenario(text);
        plan.payload = common::size(4_000);
        plan.slow = one_slow(0, Duration::ZERO);
        plan.timeout = Duration::from_millis(200);
        plan.load = open(400.0);
        plan.length = Length::Duration(Duration::from_millis(700));
    });
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (210, 210, 0));
    let slow = recording.record.slow.as_deref().unwrap();
    // The server stops reading from it for longer than the timeout, and its connection stays.
    assert_eq!(
        (slow.closed, recording.context.connections.closed_early),
        (0, 0)
    );
    assert_eq!(slow.reading_ns, 700_000_000);
    assert_eq!(recording.context.elapsed_s, 0.7);
}

#[test]
fn a_slow_reader_of_a_feed_is_in_none_of_its_figures() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        for n in 0..10 {
            socket
                .feed(Message::text(format!("tick {n}")))
                .await
                .unwrap();
        }
        socket.flush().await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    });
    let (plan, recording) = run_plan(&server, |plan| {
        plan.scenario = scenario("[push]\nmatch = 'tick ${seq}'\n");
        plan.slow = one_slow(100, Duration::ZERO);
        plan.length = Length::Duration(Duration::from_millis(300));
        plan.load = closed(1);
    });
    let push = recording.record.push.as_deref().unwrap();
    assert!(push.clients <= 3 && push.received <= 30, "{push:?}");
    assert_eq!(recording.record.slow.as_ref().unwrap().clients, 1);
    assert_eq!(recording.context.connections.closed_early, 0);
    assert_eq!(recording.context.elapsed_s, 0.3);
    // It was once reported as a sender of nothing, and as one that was sent 0 B.
    let summary = summary(&plan, &recording);
    assert!(!summary.roles.contains_key("slow"), "{:?}", summary.roles);
    let reasons = &summary.validity.found;
    let is_not_full = |one: &Reason| matches!(one, Reason::SlowReadersNotFull { .. });
    assert!(!reasons.iter().any(is_not_full), "{reasons:?}");
}

#[test]
fn a_run_of_slow_readers_alone_takes_as_long_as_planned() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        socket.next().await;
        while socket.send(Message::text("tick")).await.is_ok() {}
    });
    let text =
        "[[setup]]\nsend = 'begin'\n[push]\nmatch = 'tick'\n[roles.lazy]\nread = \"1KiB/s\"\n";
    let (_, recording) = run_plan(&server, |plan| {
        plan.scenario = scenario(text);
        plan.length = Length::Duration(Duration::from_millis(400));
    });
    let slow = recording.record.slow.as_deref().unwrap();
    assert_eq!((slow.clients, slow.reading_ns), (4, 4 * 400_000_000));
    assert!(slow.read_bytes <= 4 * 410);
    assert_eq!(recording.context.elapsed_s, 0.4);
    assert_eq!(recording.record.push.unwrap().received, 0);
    assert_eq!(recording.context.connections.closed_early, 0);
}
