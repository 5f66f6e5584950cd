//! Feeds: messages that the server sends on its own.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use common::{Server, Socket, accept, run, scenario};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Length, LoadDraft, Plan};
use measurement::run::Summary;
use swarm::{Phase, Recording, RunHandle};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

const FEED: &str = "[[setup]]\nexpect = 'hello'\n[push]\nmatch = 'tick ${seq}${*}'\n";

/// Numbers sent before T0 and after it.
type Script = fn(connection: usize) -> (Vec<u64>, Vec<u64>);

async fn send(socket: &mut Socket, texts: impl IntoIterator<Item = String>) {
    for text in texts {
        socket.feed(Message::text(text)).await.unwrap();
    }
    socket.flush().await.unwrap();
}

fn ticks(numbers: &[u64]) -> impl Iterator<Item = String> {
    numbers.iter().map(|n| format!("tick {n} and more"))
}

fn feed_plan(server: &Server, text: &str, change: impl FnOnce(&mut LoadDraft)) -> Plan {
    server.plan(|plan| {
        plan.scenario = scenario(text);
        plan.length = Length::Duration(Duration::from_secs(60));
        change(plan);
    })
}

/// Runs a feed that sends these numbers and then closes all connections, which ends the run.
fn run_script(script: Script, change: impl FnOnce(&mut LoadDraft)) -> Recording {
    let (measuring, measured) = watch::channel(false);
    let server = Server::start(move |number, stream| {
        let mut measured = measured.clone();
        async move {
            let (before, after) = script(number);
            let mut socket = accept(stream).await;
            send(
                &mut socket,
                ["hello".to_owned()].into_iter().chain(ticks(&before)),
            )
            .await;
            measured.wait_for(|has_begun| *has_begun).await.unwrap();
            for numbers in after.chunks(3) {
                send(&mut socket, ticks(numbers)).await;
            }
            socket.close(None).await.unwrap();
            while let Some(Ok(_)) = socket.next().await {}
        }
    });
    let plan = feed_plan(&server, FEED, |plan| {
        plan.warmup = Duration::from_millis(300);
        change(plan);
    });
    let observe = |phase| {
        if phase == Phase::Measure {
            measuring.send(true).unwrap();
        }
    };
    swarm::record_observed(&plan, &RunHandle::new(), observe).unwrap()
}

#[test]
fn every_message_of_a_feed_is_counted_by_its_number() {
    // Number 3 comes late, behind T0. One in ten is left out, one comes twice, two change places.
    let recording = run_script(
        |_| {
            let after = (5..=44).filter(|n| n % 10 != 4);
            let after = [3].into_iter().chain(after).chain([60, 60, 62, 61]);
            (vec![1, 2, 4], after.collect())
        },
        |_| {},
    );
    let push = recording.record.push.as_deref().unwrap();
    // Per client: 3, then 36 of 40 numbers, then four.
    assert_eq!((push.received, push.clients), (4 * 41, 4));
    // 14, 24 and 34; from 44 to 59. The last number below is 43.
    assert_eq!(push.missing, 4 * (3 + 16));
    assert_eq!((push.duplicated, push.reordered), (4, 4 * 2));
    assert!(push.is_numbered);
    assert_eq!(push.gap.count(), 4 * 40);
    assert_eq!(push.lateness.count(), 0);
    assert_eq!(push.samples.len(), 4 * 41);
    assert!(push.skew().count() > 0);
    assert_eq!(recording.record.counts.unexpected, 0);
    let timeline = &recording.record.timeline;
    assert_eq!(timeline.iter().map(|row| row.received).sum::<u64>(), 4 * 41);
    assert_eq!(recording.record.service.count(), 0);
    assert_eq!(recording.context.connections.closed_early, 4);
    assert!(!recording.context.recognized_nothing && !recording.context.interrupted);
    assert!(recording.context.elapsed_s < 60.0);
}

#[test]
fn figures_of_a_feed_do_not_depend_on_the_threads() {
    let counts = |threads| {
        let recording = run_script(
            |connection| {
                (
                    vec![],
                    (0..40).filter(|n| n % 5 != connection as u64).collect(),
                )
            },
            |plan| plan.threads = NonZeroUsize::new(threads).unwrap(),
        );
        let push = recording.record.push.unwrap();
        let reached: Vec<_> = push.arrivals.values().map(|one| one.clients).collect();
        (
            push.received,
            push.missing,
            push.duplicated,
            push.reordered,
            reached,
        )
    };
    let one = counts(1);
    // Client 0 never gets 0, which is before its first. Client 3 gets neither 38 nor what would be behind it.
    assert_eq!((one.0, one.1), (4 * 32, 7 + 8 + 8 + 8));
    assert_eq!(one.4.iter().filter(|clients| **clients == 4).count(), 8);
    assert_eq!(one, counts(3));
}

#[test]
fn a_run_that_only_listens_takes_as_long_as_planned() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        send(&mut socket, ["hello".to_owned()]).await;
        while let Some(Ok(_)) = socket.next().await {}
    });
    let plan = feed_plan(&server, FEED, |plan| {
        plan.length = Length::Duration(Duration::from_millis(250));
        plan.timeout = Duration::from_millis(50);
    });
    let recording = run(&plan);
    assert_eq!(recording.context.elapsed_s, 0.25);
    let connections = &recording.context.connections;
    assert_eq!((connections.opened, connections.closed_early), (4, 0));
    assert_eq!(recording.record.push.unwrap().received, 0);
    assert_eq!(recording.record.counts, run(&plan).record.counts);
    assert!(!recording.context.recognized_nothing);
    assert!(
        recording
            .clients
            .iter()
            .all(|row| row.close_code == Some(1000))
    );
}

#[test]
fn an_interrupted_feed_ends_at_once() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        send(
            &mut socket,
            ["hello".to_owned()].into_iter().chain(ticks(&[1])),
        )
        .await;
        while let Some(Ok(_)) = socket.next().await {}
    });
    let plan = feed_plan(&server, FEED, |_| {});
    let handle = RunHandle::new();
    let recording = swarm::record_observed(&plan, &handle, |phase| {
        if phase == Phase::Measure {
            handle.stop();
        }
    });
    let context = recording.unwrap().context;
    assert!(context.interrupted && context.elapsed_s < 60.0);
    assert_eq!(context.connections.closed_early, 0);
}

#[test]
fn messages_that_come_together_are_late_by_their_number() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        send(&mut socket, ["hello".to_owned()]).await;
        // After T0, as the first message of the load begins then.
        socket.next().await.unwrap().unwrap();
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
        let early_ns = since.as_nanos() - 5_000_000;
        let late_ns = since.as_nanos() + 3_600_000_000_000;
        let texts = [(7, early_ns), (9, early_ns), (8, late_ns)];
        let texts = texts.map(|(n, stamp)| format!("tick {n} at {stamp}"));
        send(&mut socket, texts.into_iter().chain(["answer".to_owned()])).await;
        while let Some(Ok(_)) = socket.next().await {}
    });
    let text = "[[setup]]\nexpect = 'hello'\n[[message]]\nsend = 'ask'\nreply = 'answer'\n[push]\n\
        match = 'tick ${seq} at ${stamp:ns}'\ninterval = \"1h\"\n";
    let plan = feed_plan(&server, text, |plan| {
        plan.length = common::messages(1);
    });
    let recording = run(&plan);
    let summary = Summary::new(&plan, &recording.record, recording.context);
    assert_eq!((summary.messages.sent, summary.messages.received), (4, 4));
    let push = summary.push.unwrap();
    assert_eq!(
        (push.received, push.missing, push.reordered),
        (12, Some(0), Some(4))
    );
    // Number 9 is due two hours after number 7, and the histogram ends at one.
    let late = push.late_ns.unwrap();
    assert_eq!((late.count, late.min), (12, Some(0)));
    assert!(late.max.unwrap() > 7_100_000_000_000, "{late:?}");
    assert!(!push.late_by_count);
    assert_eq!((push.delay_ns.unwrap().count, push.negative_delays), (8, 4));
    assert!(push.delay_ns.unwrap().min.unwrap() >= 5_000_000);
    let ahead_ns = push.server_clock_ahead_ns.unwrap();
    assert!(ahead_ns > 3_000_000_000_000 && ahead_ns <= 3_600_000_000_000);
}

#[test]
fn a_feed_beside_requests_leaves_their_figures_alone() {
    let sent = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let server = Server::start(move |_, stream| {
        let sent = Arc::clone(&counter);
        async move {
            let mut socket = accept(stream).await;
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Text(text) = message {
                    let n = sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    send(&mut socket, [format!("tick {n}"), text.to_string()]).await;
                }
            }
        }
    });
    let text = "[[message]]\nsend = '${uid}'\nreply = '${uid}'\n[push]\nmatch = 'tick ${seq}'\n";
    let plan = server.plan(|plan| plan.scenario = scenario(text));
    let recording = run(&plan);
    let counts = &recording.record.counts;
    assert_eq!(
        (counts.sent, counts.received, counts.unexpected),
        (40, 40, 0)
    );
    assert!(!counts.any_failed());
    let push = recording.record.push.as_deref().unwrap();
    assert_eq!((push.received, push.clients, push.duplicated), (40, 4, 0));
    let timeline = &recording.record.timeline;
    assert_eq!(timeline.iter().map(|row| row.received).sum::<u64>(), 40);
    // Numbers are those of all connections.
    assert_eq!(push.arrivals.len(), 40);
}
