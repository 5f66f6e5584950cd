//! Messages that were due and never sent, for each load and each fate of a connection.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Server, accept, answer, run};
use futures_util::StreamExt;
use measurement::plan::{Arrivals, Length, Load, LoadDraft, RateProfile};
use measurement::run::Summary;
use measurement::verdict::Verdict;
use tokio_tungstenite::tungstenite::Message;
use units::Rate;

fn rate(per_second: f64) -> Load {
    Load::Open {
        profile: RateProfile::constant(Rate::new(per_second).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    }
}

/// A server that refuses half of the connections and echoes on the others.
fn refusing() -> Server {
    Server::start(|number, stream| async move {
        if number % 2 == 0 {
            answer(stream, |_, message| vec![message]).await;
        }
    })
}

/// A server that closes half of the connections when they are open, and echoes on the others. The last one to open
/// echoes, so the others are closed before the start.
fn closing() -> Server {
    Server::start(|number, stream| async move {
        if number % 2 == 1 {
            return answer(stream, |_, message| vec![message]).await;
        }
        let mut socket = accept(stream).await;
        socket.close(None).await.unwrap();
        while socket.next().await.is_some() {}
    })
}

/// Counts of sent and unsent messages, and the summary.
fn counts(server: &Server, change: impl FnOnce(&mut LoadDraft)) -> (u64, u64, Summary) {
    let plan = server.plan(change);
    let recording = run(&plan);
    let counts = &recording.record.counts;
    let found = (counts.sent, counts.unsent);
    let summary = Summary::new(&plan, &recording.record, recording.context);
    (found.0, found.1, summary)
}

#[test]
fn refused_clients_owe_their_share_of_an_open_loop() {
    let (sent, unsent, summary) = counts(&refusing(), |plan| {
        plan.load = rate(100.0);
        plan.length = Length::Duration(Duration::from_secs(1));
    });
    assert_eq!((sent, unsent), (50, 50));
    assert_eq!(summary.sent_in_time_share, Some(0.5));
    assert_eq!(summary.achieved_rate_per_s, Some(50.0));
    assert_eq!(summary.validity.verdict, Verdict::Invalid);
}

#[test]
fn refused_clients_owe_all_their_messages() {
    for load in [rate(1_000.0), common::closed(1)] {
        let (sent, unsent, summary) = counts(&refusing(), |plan| plan.load = load.clone());
        assert_eq!((sent, unsent), (20, 20), "{load:?}");
        assert_eq!(summary.validity.verdict, Verdict::Invalid);
    }
}

#[test]
fn clients_that_were_closed_before_the_start_owe_theirs() {
    for load in [rate(1_000.0), common::closed(1)] {
        let (sent, unsent, _) = counts(&closing(), |plan| {
            plan.load = load.clone();
            // The others open later, and the start waits for them.
            plan.connect_rate = Some(Rate::new(10.0).unwrap());
        });
        assert_eq!((sent, unsent), (20, 20), "{load:?}");
    }
}

#[test]
fn a_connection_that_ends_early_owes_the_rest() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, message| match n {
            4 => vec![Message::Close(None)],
            _ => vec![message],
        })
    });
    let (sent, unsent, _) = counts(&server, |_| ());
    assert_eq!((sent, unsent), (20, 20));
    let (sent, unsent, summary) = counts(&server, |plan| {
        plan.load = rate(40.0);
        plan.length = Length::Duration(Duration::from_secs(2));
    });
    assert_eq!((sent, unsent), (20, 60));
    assert_eq!(summary.achieved_rate_per_s, Some(10.0));
    assert!(summary.elapsed_s < 1.0, "all connections had ended by then");
}

#[test]
fn of_a_closed_loop_for_a_time_nothing_is_owed() {
    let (_, unsent, summary) = counts(&refusing(), |plan| {
        plan.length = Length::Duration(Duration::from_millis(200));
    });
    assert_eq!(unsent, 0);
    assert_eq!(summary.connections.failed, 2);
    assert_eq!(summary.messages.planned, None);
}

#[test]
fn a_rate_that_ends_because_nothing_was_recognized_leaves_its_plan_unsent() {
    let server = Server::start(|_, stream| answer(stream, |_, _| vec![Message::text("zzz")]));
    let recording = run(&server.plan(|plan| {
        plan.timeout = Duration::from_millis(200);
        plan.length = Length::MessagesPerClient(std::num::NonZeroU64::new(20).unwrap());
        plan.load = rate(20.0);
    }));
    assert!(recording.context.recognized_nothing);
    let counts = recording.record.counts;
    assert!(counts.sent < 80, "{counts:?}");
    assert_eq!(counts.sent + counts.unsent, 80);
}
