//! The open loop: messages are sent when due, however fast the server answers.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{Server, accept, answer, messages, run};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Arrivals, Length, Load, LoadDraft, RateProfile, Schedule, Stage};
use swarm::ReferenceServer;
use units::Rate;

fn rate(per_second: f64) -> Rate {
    Rate::new(per_second).unwrap()
}

fn open(per_second: f64, window: Option<u32>) -> Load {
    Load::Open {
        profile: RateProfile::constant(rate(per_second)),
        arrivals: Arrivals::Constant,
        window: window.and_then(NonZeroU32::new),
    }
}

fn faithful() -> Server {
    Server::start(|_, stream| answer(stream, |_, message| vec![message]))
}

/// The due times of the run's measured phase, ascending.
fn due(plan: &LoadDraft) -> Vec<u64> {
    let Load::Open {
        profile, arrivals, ..
    } = &plan.load
    else {
        return Vec::new();
    };
    let clients = plan.clients.get();
    let schedule = Schedule::new(profile.clone(), *arrivals, clients, plan.seed, plan.length);
    let mut due: Vec<_> = (0..clients)
        .flat_map(|client| {
            let first = Some(schedule.first(client));
            std::iter::successors(first, |turn| Some(schedule.next(*turn)))
                .map_while(|turn| turn.due_ns())
        })
        .collect();
    due.sort_unstable();
    due
}

#[test]
fn every_message_of_the_schedule_is_sent_once_and_never_early() {
    let server = faithful();
    for (length, arrivals, warmup_ms, threads, busy_poll) in [
        (messages(30), Arrivals::Constant, 0, 1, false),
        (messages(30), Arrivals::Poisson, 50, 2, false),
        (
            Length::Duration(Duration::from_millis(200)),
            Arrivals::Constant,
            50,
            2,
            false,
        ),
        (
            Length::Duration(Duration::from_millis(200)),
            Arrivals::Poisson,
            0,
            1,
            true,
        ),
    ] {
        let plan = server.plan(|plan| {
            plan.load = Load::Open {
                profile: RateProfile::constant(rate(1_000.0)),
                arrivals,
                window: None,
            };
            plan.length = length;
            plan.warmup = Duration::from_millis(warmup_ms);
            plan.threads = threads.try_into().unwrap();
            plan.busy_poll = busy_poll;
        });
        let recording = run(&plan);
        let due = due(&plan);
        let record = &recording.record;
        assert!(!record.counts.any_failed(), "{:?}", record.counts);
        assert_eq!(
            record.counts.sent,
            due.len() as u64,
            "{length:?} {arrivals:?}"
        );
        let mut intended: Vec<_> = record.samples.iter().map(|s| s.intended_ns).collect();
        intended.sort_unstable();
        assert_eq!(intended, due);
        assert!(record.samples.iter().all(|s| s.sent_ns >= s.intended_ns));
        let open = record.open_loop.as_ref().unwrap();
        assert_eq!(open.send_lag.count(), record.counts.sent);
        let lag = |s: &measurement::record::Sample| s.sent_ns - s.intended_ns;
        assert_eq!(open.send_lag.max(), record.samples.iter().map(lag).max());
        if let Length::Duration(time) = length {
            assert_eq!(recording.context.elapsed_s, time.as_secs_f64());
        }
        assert_eq!(recording.context.client.busy_share.is_some(), busy_poll);
    }
}

#[test]
fn ramps_and_stages_are_followed() {
    let server = faithful();
    let stage = |ms, per_second| Stage {
        time: Duration::from_millis(ms),
        rate: rate(per_second),
    };
    for (profile, expected) in [
        (
            RateProfile::ramp(rate(2_000.0), Duration::from_millis(200)),
            400,
        ),
        (
            RateProfile::stages(&[stage(100, 500.0), stage(200, 1_500.0)]).unwrap(),
            350,
        ),
    ] {
        let plan = server.plan(|plan| {
            plan.load = Load::Open {
                profile,
                arrivals: Arrivals::Constant,
                window: None,
            };
            plan.length = Length::Duration(Duration::from_millis(300));
            plan.warmup = Duration::from_millis(30);
        });
        let recording = run(&plan);
        assert_eq!(recording.record.counts.sent, expected);
        assert_eq!(recording.record.counts.received, expected);
    }
}

/// A server that answers nothing until ten messages have arrived, then all of them.
async fn hold_back_ten(stream: tokio::net::TcpStream) {
    let mut socket = accept(stream).await;
    let mut held = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        if !message.is_text() {
            continue;
        }
        held.push(message);
        if held.len() >= 10 {
            for message in held.drain(..) {
                socket.send(message).await.unwrap();
            }
        }
    }
}

#[test]
fn a_late_reply_delays_nothing() {
    // With a window of 1, this server would never answer. Without a window, all ten messages reach it.
    let server = Server::start(|_, stream| hold_back_ten(stream));
    let recording = run(&server.plan(|plan| {
        plan.clients = NonZeroU32::MIN;
        plan.load = open(200.0, None);
        plan.length = messages(20);
    }));
    let record = recording.record;
    assert_eq!((record.counts.received, record.counts.lost), (20, 0));
    // By the schedule, the first message waits 45 ms for the other nine, plus the server's own time.
    let first = record.samples.iter().find(|s| s.message == 0).unwrap();
    let ninth_after = 9 * 5_000_000;
    assert!(first.response_time_ns().unwrap() >= ninth_after);
    assert!(
        record
            .samples
            .iter()
            .all(|s| s.response_time_ns() >= s.service_time_ns())
    );
}

#[test]
fn a_wait_for_the_window_counts_in_the_response_time() {
    // Each answer takes 20 ms, in which two messages are due. The window of 1 delays every message a little longer than
    // the previous one.
    let server = Server::start(|_, stream| async {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                socket.send(message).await.unwrap();
            }
        }
    });
    let recording = run(&server.plan(|plan| {
        plan.clients = NonZeroU32::MIN;
        plan.load = open(100.0, Some(1));
        plan.length = messages(20);
    }));
    let record = recording.record;
    assert_eq!((record.counts.sent, record.counts.received), (20, 20));
    // Message 19 is due at 190 ms, but cannot be sent before 19 answers of 20 ms each.
    let last = record.samples.iter().find(|s| s.message == 19).unwrap();
    assert_eq!(last.intended_ns, 190_000_000);
    assert!(last.sent_ns >= 19 * 20_000_000);
    let open = record.open_loop.as_ref().unwrap();
    assert!(open.send_lag.max().unwrap() >= 190_000_000);
    assert!(record.response().max().unwrap() >= record.service.min().unwrap() + 190_000_000);
}

#[test]
fn messages_unsent_at_the_end_of_the_drain_are_counted() {
    // The server never answers, so a window of 2 stays full.
    let server = Server::start(|_, stream| async {
        let mut socket = accept(stream).await;
        while let Some(Ok(_)) = socket.next().await {}
    });
    let recording = run(&server.plan(|plan| {
        plan.clients = NonZeroU32::MIN;
        plan.load = open(100.0, Some(2));
        plan.length = Length::Duration(Duration::from_millis(100));
        plan.timeout = Duration::from_millis(150);
    }));
    let counts = &recording.record.counts;
    // Ten messages are due: two immediately, two more when those time out, and so on until the end of the drain. The
    // exact numbers depend on the machine, but every message is counted.
    assert_eq!(counts.sent + counts.unsent, 10, "{counts:?}");
    assert!(
        counts.unsent >= 4 && counts.lost == counts.sent,
        "{counts:?}"
    );
}

#[test]
fn due_messages_of_an_ended_connection_are_counted() {
    // The second connection ends after its third message.
    let server = Server::start(|number, stream| async move {
        let mut socket = accept(stream).await;
        let mut left = if number == 1 { 2 } else { usize::MAX };
        while let Some(Ok(message)) = socket.next().await {
            if !message.is_text() || left == 0 {
                break;
            }
            left -= 1;
            socket.send(message).await.unwrap();
        }
    });
    let plan = server.plan(|plan| {
        plan.clients = NonZeroU32::new(2).unwrap();
        plan.load = open(200.0, None);
        plan.length = Length::Duration(Duration::from_millis(500));
    });
    let recording = run(&plan);
    let counts = &recording.record.counts;
    assert_eq!(recording.context.connections.closed_early, 1);
    // A hundred messages were due, fifty on each connection.
    assert_eq!(counts.sent + counts.unsent, 100, "{counts:?}");
    assert!(counts.unsent > 0 && counts.unsent < 50, "{counts:?}");
}

#[test]
fn a_stopped_open_loop_keeps_what_it_has() {
    let server = faithful();
    let plan = server.plan(|plan| {
        plan.load = open(1_000.0, None);
        plan.length = Length::Duration(Duration::from_secs(600));
    });
    let handle = swarm::RunHandle::new();
    let stopper = handle.clone();
    handle.watch();
    let watcher = std::thread::spawn(move || {
        while stopper.progress().record.counts.received < 20 {
            std::thread::yield_now();
        }
        stopper.stop();
    });
    let recording = swarm::record(&plan, &handle).unwrap();
    watcher.join().unwrap();
    assert!(recording.context.interrupted);
    let counts = &recording.record.counts;
    assert!(counts.received >= 20 && counts.lost == 0, "{counts:?}");
    assert_eq!(counts.sent, counts.received + counts.abandoned);
}

#[test]
fn the_generators_own_limits_are_found() {
    let echo = ReferenceServer::start(|| ()).unwrap();
    let _server = faithful();
    for window in [1, 8] {
        let plan = common::plan(&echo.url(), Default::default(), |plan| {
            plan.load = common::closed(window);
        });
        let recording = run(&plan);
        assert_eq!(
            recording.record.counts.received, 40,
            "the reference is an echo"
        );
        let own = swarm::calibrate(&plan).unwrap().unwrap();
        // Their ratio to the run depends on the load of the machine.
        assert!(own.floor_service_p50_ns > 0, "{own:?}");
        assert!(own.ceiling_messages_per_s > 0.0, "{own:?}");
        assert!(
            own.took_s * 1e9 > own.floor_service_p50_ns as f64,
            "{own:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn threads_are_kept_on_the_cores_asked_for() {
    let server = faithful();
    let cores = host::cores::allowed_cores();
    let pinned = run(&server.plan(|plan| plan.pin = cores.clone()));
    assert_eq!(pinned.record.counts.received, 40);
    let plan = server.plan(|plan| plan.pin = vec![100_000]);
    let error = swarm::record(&plan, &swarm::RunHandle::new()).unwrap_err();
    assert!(error.to_string().contains("cannot run"), "{error}");
}
