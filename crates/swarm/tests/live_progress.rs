//! Progress of a run, and its last report.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Server, answer, messages};
use measurement::plan::{Arrivals, Load, Plan, RateProfile};
use measurement::record::LatencyHistogram;
use swarm::{Phase, RunHandle};
use tokio_tungstenite::tungstenite::Message;
use units::Rate;

/// A server that loses the hundredth message and corrupts the next echo.
fn imperfect() -> Server {
    Server::start(|_, stream| {
        answer(stream, |n, message| match n {
            100 => vec![],
            101 => vec![Message::text("wrong")],
            _ => vec![message],
        })
    })
}

fn open_loop(plan: &mut measurement::plan::LoadDraft) {
    plan.load = Load::Open {
        profile: RateProfile::constant(Rate::new(4_000.0).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    };
    plan.length = messages(200);
    plan.threads = 2.try_into().unwrap();
    plan.timeout = Duration::from_millis(300);
    plan.warmup = Duration::ZERO;
}

fn figures(d: &LatencyHistogram) -> (u64, Option<u64>, Option<u64>, Option<f64>, Option<u64>) {
    (d.count(), d.min(), d.max(), d.mean(), d.quantile(0.99))
}

#[test]
fn the_last_progress_equals_the_result() {
    let server = imperfect();
    for change in [open_loop, |plan: &mut measurement::plan::LoadDraft| {
        open_loop(plan);
        plan.load = common::closed(3);
    }] {
        let plan: Plan = server.plan(change);
        let handle = RunHandle::new();
        handle.watch();
        let recording = swarm::record(&plan, &handle).unwrap();
        let progress = handle.progress();
        assert_eq!(progress.phase, Phase::Close);
        let (found, record) = (&recording.record, &progress.record);
        assert_eq!(record.counts, found.counts);
        assert!(found.counts.lost > 0 && found.counts.corrupted > Some(0));
        assert_eq!(record.in_time, found.in_time);
        assert_eq!(figures(&record.service), figures(&found.service));
        assert_eq!(figures(record.response()), figures(found.response()));
        let lag = |open: &measurement::record::OpenLoopRecord| figures(&open.send_lag);
        assert_eq!(
            record.open_loop.as_deref().map(lag),
            found.open_loop.as_deref().map(lag)
        );
        assert_eq!(
            progress.connections.opened,
            recording.context.connections.opened
        );
        assert_eq!(progress.usage.cpu_s, recording.context.client.cpu_s);
        assert_eq!(
            progress.usage.cpu_per_core,
            recording.context.client.cpu_per_core
        );
        assert_eq!(progress.elapsed_s, recording.context.elapsed_s);
        assert!(progress.elapsed_s > 0.0);
    }
}

#[test]
fn without_a_watch_the_threads_report_nothing() {
    let server = imperfect();
    let handle = RunHandle::new();
    let recording = swarm::record(&server.plan(open_loop), &handle).unwrap();
    assert!(recording.record.counts.sent > 0);
    let progress = handle.progress();
    assert_eq!(progress.record.counts.sent, 0);
    assert_eq!(progress.connections.attempted, 0);
}

#[test]
fn figures_never_decrease_during_a_run() {
    let server = imperfect();
    let handle = RunHandle::new();
    handle.watch();
    let plan = server.plan(|plan| {
        open_loop(plan);
        plan.length = measurement::plan::Length::Duration(Duration::from_secs(600));
    });
    let observer = handle.clone();
    let looks = std::thread::spawn(move || {
        let mut looks = vec![observer.progress()];
        while looks.last().unwrap().record.counts.received < 2_000 {
            std::thread::sleep(Duration::from_millis(5));
            looks.push(observer.progress());
        }
        observer.stop();
        looks
    });
    swarm::record(&plan, &handle).unwrap();
    let looks = looks.join().unwrap();
    assert!(looks.is_sorted_by_key(|look| look.record.counts.sent));
    assert!(looks.is_sorted_by_key(|look| look.record.service.count()));
    assert!(looks.is_sorted_by_key(|look| look.record.response().count()));
    assert!(looks.is_sorted_by_key(|look| look.connections.opened));
    let last = looks.last().unwrap();
    // The reported time is consistent with the reported messages.
    let due = 4_000.0 * last.elapsed_s;
    assert!(last.record.counts.sent as f64 <= due + 1.0, "{due}");
    assert_eq!(last.phase, Phase::Measure);
    #[cfg(target_os = "linux")]
    assert!(last.usage.cpu_per_core.is_some() && last.usage.run_queue_wait_share.is_some());
}

#[test]
fn failed_connections_are_reported_by_reason() {
    // A port without a listener.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let url = format!("ws://{address}/");
    let plan = common::plan(&url, Default::default(), open_loop);
    let handle = RunHandle::new();
    handle.watch();
    let error = swarm::record(&plan, &handle).unwrap_err();
    let progress = handle.progress().connections;
    assert_eq!(
        (progress.attempted, progress.opened, progress.failed),
        (4, 0, 4)
    );
    let (reason, count) = progress.failures.iter().next().unwrap();
    assert_eq!(*count, 4);
    assert!(error.to_string().contains(reason), "{error} / {reason}");
}
