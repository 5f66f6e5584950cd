//! Seconds that an observer of a run gets while it goes on, however the run ends.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroUsize;
use std::time::Duration;

use common::{Server, answer};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Arrivals, Length, Load, LoadDraft, Plan, RateProfile};
use measurement::record::LoggedSecond;
use measurement::run::Run;
use swarm::{RunHandle, RunSetup};
use units::Rate;

/// Open loop of 2.5 seconds on three threads, the last of which has no message in some seconds.
fn open_loop(draft: &mut LoadDraft) {
    draft.load = Load::Open {
        profile: RateProfile::constant(Rate::new(6.0).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    };
    draft.threads = NonZeroUsize::new(3).unwrap();
    draft.length = Length::Duration(Duration::from_millis(2_500));
    draft.timeout = Duration::from_millis(500);
}

/// Runs the plan and collects its seconds. `observe` is called with each.
fn observed(plan: &Plan, mut observe: impl FnMut(&LoggedSecond)) -> (Run, Vec<LoggedSecond>) {
    observed_with(plan, &RunHandle::new(), &mut observe)
}

fn observed_with(
    plan: &Plan,
    handle: &RunHandle,
    observe: &mut impl FnMut(&LoggedSecond),
) -> (Run, Vec<LoggedSecond>) {
    let mut seconds = Vec::new();
    let mut on_second = |second: LoggedSecond| {
        observe(&second);
        seconds.push(second);
    };
    let setup = RunSetup {
        on_second: Some(&mut on_second),
        ..RunSetup::default()
    };
    let run = swarm::run(plan, handle, setup).unwrap();
    (run, seconds)
}

/// Checks that the seconds are those of the run's timeline, and their last counts those of the run.
fn assert_complete(run: &Run, seconds: &[LoggedSecond]) {
    let summary = run.summary.as_ref().unwrap();
    let rows = &run.timeline.as_ref().unwrap().rows;
    assert!(
        seconds
            .iter()
            .map(|s| s.span.second)
            .eq(0..seconds.len() as u64)
    );
    let (mut sent, mut received) = (0, 0);
    for row in rows {
        sent += row.sent;
        received += row.received;
        let second = seconds.get(usize::try_from(row.second).unwrap());
        let Some(second) = second else {
            assert_eq!((row.sent, row.received), (0, 0), "second {}", row.second);
            continue;
        };
        assert_eq!(second.histograms, row.histograms, "second {}", row.second);
        let counts = second.counts;
        assert_eq!((counts.sent, counts.received), (sent, received));
        let started = humantime::format_rfc3339_millis(second.started_at).to_string();
        assert_eq!(started, summary.started_at);
    }
    let (last, messages) = (seconds.last().unwrap().counts, &summary.messages);
    assert_eq!(
        (last.sent, last.received),
        (messages.sent, messages.received)
    );
    assert_eq!(last.failed + last.unsent, messages.failed());
    assert_eq!(last.opened, summary.connections.opened);
}

#[test]
fn every_second_of_a_run_is_observed() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    let plan = server.plan(open_loop);
    let (run, seconds) = observed(&plan, |_| {});
    assert!(seconds.len() >= 3);
    assert_complete(&run, &seconds);
}

#[test]
fn a_closed_loop_is_observed_without_response_times() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    let plan = server.plan(|draft| {
        open_loop(draft);
        draft.load = common::closed(1);
        draft.length = Length::Duration(Duration::from_millis(1_200));
    });
    let (run, seconds) = observed(&plan, |second| {
        let histograms = second.histograms.as_ref().unwrap();
        assert_eq!(histograms.response, None);
    });
    assert_complete(&run, &seconds);
}

#[test]
fn a_run_without_end_is_interrupted_by_the_observer_of_its_first_second() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    let plan = server.plan(|draft| {
        open_loop(draft);
        draft.length = Length::Duration(Duration::from_secs(600));
    });
    let handle = RunHandle::new();
    let (run, seconds) = observed_with(&plan, &handle, &mut |_| handle.stop());
    assert!(handle.is_interrupted());
    assert_complete(&run, &seconds);
}

#[test]
fn a_run_whose_server_dies_has_all_its_seconds() {
    // Ends each connection at its third message, which comes after a second.
    let server = Server::start(|_, stream| async move {
        let mut socket = common::accept(stream).await;
        for _ in 0..2 {
            let message = socket.next().await.unwrap().unwrap();
            socket.send(message).await.unwrap();
        }
        socket.next().await;
    });
    let plan = server.plan(open_loop);
    let (run, seconds) = observed(&plan, |_| {});
    assert!(run.summary.as_ref().unwrap().connections.closed_early > 0);
    assert_complete(&run, &seconds);
}

#[test]
fn echoes_of_the_drain_are_in_the_seconds_after_the_end() {
    let server = Server::start(|_, stream| async move {
        let mut socket = common::accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            tokio::time::sleep(Duration::from_millis(1_300)).await;
            let _ = socket.send(message).await;
        }
    });
    let plan = server.plan(|draft| {
        open_loop(draft);
        draft.length = Length::Duration(Duration::from_millis(500));
        draft.timeout = Duration::from_secs(20);
    });
    let (run, seconds) = observed(&plan, |_| {});
    assert!(seconds.len() >= 2);
    assert_complete(&run, &seconds);
}
