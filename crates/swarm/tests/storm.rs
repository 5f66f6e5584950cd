//! Connections that are lost, by plan or by the server, and opened again.

#![allow(clippy::unwrap_used)]

mod common;
mod logged_server;

use std::time::Duration;

use common::{messages, run, scenario};
use logged_server::{
    ConnectionLog, LoggedServer, Treatment, assert_faultless, clients, close_codes, connections,
    due, messages_of, open,
};
use measurement::plan::{ConnectionDrop, DropMethod, Length, LoadDraft, Plan, ReconnectLaw};
use measurement::record::{ReconnectInterval, ReconnectRecord};
use swarm::{Phase, Recording, RunHandle};

const CLIENTS: u32 = 8;

const HELLO: &str = "
[[setup]]
send = 'hello'
expect = 'welcome'
refuse = 'no'
[[message]]
send = '${uid}${pad}'
reply = '${message}'
";

const BACKOFF: ReconnectLaw = ReconnectLaw::Backoff {
    first: Duration::from_millis(20),
    cap: Duration::from_millis(80),
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Eight clients in open loop whose connections are dropped 300 ms after T0.
fn storm(
    share: f64,
    method: DropMethod,
    law: impl Into<Option<ReconnectLaw>>,
) -> impl FnOnce(&mut LoadDraft) {
    let law = law.into();
    move |plan| {
        plan.clients = clients(CLIENTS);
        plan.load = open(400.0);
        plan.length = Length::Duration(ms(1_500));
        plan.connections.drop = Some(ConnectionDrop {
            after: ms(300),
            share,
            method,
        });
        plan.connections.reconnect = law;
    }
}

fn reset(law: impl Into<Option<ReconnectLaw>>) -> impl FnOnce(&mut LoadDraft) {
    storm(1.0, DropMethod::Reset, law)
}

fn reconnects(recording: &Recording) -> &ReconnectRecord {
    recording.record.reconnect.as_ref().unwrap()
}

/// Checks what holds of every storm that was not the server's, and that the figures agree with each other.
fn assert_storm<'a>(recording: &'a Recording, plan: &Plan, dropped: u64) -> &'a ReconnectRecord {
    let record = &recording.record;
    assert_faultless(record);
    let storm = reconnects(recording);
    assert_eq!((storm.dropped, storm.by_server), (dropped, 0));
    let counts = &record.counts;
    assert_eq!(
        counts.sent + storm.missed,
        due(plan),
        "{counts:?} {storm:?}"
    );
    assert_eq!((counts.abandoned, counts.lost), (storm.in_flight, 0));
    assert_eq!(connections(recording), [u64::from(CLIENTS), 0, 0, 0]);
    assert_eq!(recording.context.connections.attempted, u64::from(CLIENTS));
    assert_eq!(
        recording.context.connect_response_ns.count,
        u64::from(CLIENTS)
    );
    assert_figures_agree(recording);
    storm
}

fn assert_figures_agree(recording: &Recording) {
    let storm = reconnects(recording);
    assert_eq!(storm.away.count(), storm.back);
    assert_eq!(storm.attempt_lag.count(), storm.attempts);
    assert_eq!(storm.connect.count(), storm.connect_response.count());
    assert!(storm.back <= storm.connect.count() && storm.back <= storm.dropped);
    assert_eq!(storm.failures.values().sum::<u64>(), storm.failed.total());
    let sum = |of: fn(&ReconnectInterval) -> u64| -> u64 {
        storm.timeline.intervals().map(|(_, one)| of(one)).sum()
    };
    assert_eq!(sum(|one| one.lost), storm.dropped);
    assert_eq!(sum(|one| one.attempts), storm.attempts);
    assert_eq!(sum(|one| one.back), storm.back);
    assert_eq!(sum(|one| one.refused), storm.failed.refused);
    assert_eq!(sum(|one| one.timed_out), storm.failed.timed_out);
    assert_eq!(sum(|one| one.handshake_failed), storm.failed.handshakes());
    assert_eq!(sum(|one| one.setup_failed), storm.failed.setup);
    let rows = &recording.clients;
    let reconnects: u64 = rows.iter().map(|row| row.reconnects).sum();
    assert_eq!(reconnects, storm.back);
    let sent: u64 = rows.iter().map(|row| row.messages).sum();
    assert_eq!(sent, recording.record.counts.sent);
}

fn resets(log: &[ConnectionLog]) -> u64 {
    log.iter().filter(|one| one.is_reset).count() as u64
}

/// Echoes, but refuses this number of connections behind the first ones.
fn refusing(refused: usize, treatment: Treatment) -> LoggedServer {
    let first = CLIENTS as usize;
    LoggedServer::start(move |number| {
        if (first..first + refused).contains(&number) {
            treatment
        } else {
            Treatment::Echo
        }
    })
}

#[test]
fn dropped_clients_come_back_and_go_on_with_their_schedule() {
    for (law, share, dropped) in [
        (ReconnectLaw::Now, 1.0, 8),
        (ReconnectLaw::Now, 0.5, 4),
        (ReconnectLaw::Spread(ms(200)), 1.0, 8),
        (BACKOFF, 0.25, 2),
    ] {
        for method in [DropMethod::Reset, DropMethod::Close] {
            let server = LoggedServer::start(|_| Treatment::Echo);
            let plan = server.plan(storm(share, method, law));
            let recording = run(&plan);
            let storm = assert_storm(&recording, &plan, dropped);
            assert_eq!((storm.attempts, storm.back), (dropped, dropped), "{law:?}");
            assert_eq!(storm.failed.total(), 0);
            let log = server.final_log();
            assert_eq!(log.len() as u64, 8 + dropped);
            let by_close = if method == DropMethod::Close {
                dropped
            } else {
                0
            };
            let mut codes = close_codes(&log);
            assert_eq!(codes.remove(&1001).unwrap_or(0), by_close);
            assert_eq!(codes, [(1000, 8)].into());
            assert_eq!(resets(&log), dropped - by_close);
        }
    }
}

#[test]
fn no_client_is_back_before_the_delay_of_its_law() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let law = ReconnectLaw::Spread(ms(400));
    let plan = server.plan(reset(law));
    let recording = run(&plan);
    let storm = assert_storm(&recording, &plan, 8);
    let delays = (0..CLIENTS).map(|client| law.delay(plan.seed, client, 0, 0));
    let last = delays.max().unwrap();
    let away = storm.away.get().unwrap().max().unwrap();
    assert!(u128::from(away) >= last.as_nanos());
    // Messages of the longest absence are missed, one each 20 ms.
    assert!(storm.missed >= u64::try_from(last.as_millis() / 20).unwrap() - 1);
}

#[test]
fn a_closed_loop_misses_nothing_and_sends_its_number() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Now)(plan);
        plan.load = common::closed(4);
        plan.length = messages(20_000);
        plan.connections.drop.as_mut().unwrap().after = ms(20);
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    let storm = reconnects(&recording);
    assert_eq!((storm.dropped, storm.back, storm.missed), (8, 8, 0));
    let counts = &recording.record.counts;
    assert_eq!(counts.sent, 160_000);
    assert_eq!(counts.abandoned, storm.in_flight);
    assert_figures_agree(&recording);
}

#[test]
fn refused_handshakes_are_repeated_and_counted_by_status() {
    for law in [ReconnectLaw::Now, ReconnectLaw::Spread(ms(100)), BACKOFF] {
        let server = refusing(16, Treatment::Refuse(503));
        let plan = server.plan(reset(law));
        let recording = run(&plan);
        let storm = assert_storm(&recording, &plan, 8);
        assert_eq!((storm.attempts, storm.back), (24, 8), "{law:?}");
        assert_eq!(storm.failed.handshake, [("503".to_owned(), 16)].into());
        assert_eq!(storm.failed.total(), 16);
        assert_eq!(server.final_log().len(), 32);
    }
}

#[test]
fn attempts_without_an_answer_time_out() {
    let server = refusing(8, Treatment::Silence);
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Now)(plan);
        plan.connect_timeout = ms(200);
    });
    let recording = run(&plan);
    let storm = assert_storm(&recording, &plan, 8);
    // On a busy machine, an attempt that would be answered may time out too.
    assert!(storm.failed.timed_out >= 8);
    assert_eq!(storm.failed.total(), storm.failed.timed_out);
    assert_eq!(
        (storm.back, storm.attempts),
        (8, 8 + storm.failed.timed_out)
    );
    let shortest = storm.away.get().unwrap().min().unwrap();
    assert!(Duration::from_nanos(shortest) >= ms(200));
}

#[test]
fn attempts_are_refused_while_the_server_is_down() {
    let server = LoggedServer::start_away(CLIENTS as usize, ms(400), |_| Treatment::Echo);
    let plan = server.plan(reset(ReconnectLaw::Now));
    let recording = run(&plan);
    let storm = assert_storm(&recording, &plan, 8);
    assert!(storm.failed.refused > 0, "{:?}", storm.failed);
    assert_eq!(storm.failed.total(), storm.failed.refused);
    assert_eq!((storm.back, storm.attempts), (8, 8 + storm.failed.refused));
    assert_eq!(server.final_log().len(), 16);
}

#[test]
fn a_setup_that_fails_is_a_failed_attempt() {
    let server = refusing(8, Treatment::RefuseSetup);
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Now)(plan);
        plan.scenario = scenario(HELLO);
    });
    let recording = run(&plan);
    let storm = assert_storm(&recording, &plan, 8);
    assert_eq!((storm.failed.setup, storm.failed.total()), (8, 8));
    assert_eq!((storm.attempts, storm.back), (16, 8));
    assert_eq!(storm.connect.count(), 16);
    let setup = recording.context.setup.as_ref().unwrap();
    assert_eq!((setup.ready, setup.failed), (8, 0));
    assert_eq!(recording.context.ready_ns.as_ref().unwrap().count, 8);
    let log = server.final_log();
    assert!(log.iter().all(|one| one.hellos == 1));
}

#[test]
fn a_run_ends_although_the_setup_of_lost_clients_is_not_answered() {
    let server = refusing(8, Treatment::IgnoreSetup);
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Now)(plan);
        plan.scenario = scenario(&HELLO.replace("refuse = 'no'", "within = '1h'"));
    });
    let recording = run(&plan);
    let storm = assert_storm(&recording, &plan, 8);
    assert_eq!(
        (storm.attempts, storm.back, storm.failed.total()),
        (8, 0, 0)
    );
    assert_eq!(recording.clients.len(), 8);
    assert_eq!(server.final_log().len(), 16);
}

#[test]
fn without_a_law_dropped_clients_stay_away() {
    for method in [DropMethod::Reset, DropMethod::Close] {
        let server = LoggedServer::start(|_| Treatment::Echo);
        let plan = server.plan(storm(0.5, method, None));
        let recording = run(&plan);
        let storm = assert_storm(&recording, &plan, 4);
        assert_eq!((storm.attempts, storm.back), (0, 0));
        assert_eq!(server.final_log().len(), 8);
        let shares: Vec<_> = recording.clients.iter().map(|row| row.messages).collect();
        assert_eq!(
            shares.iter().filter(|sent| **sent == 75).count(),
            4,
            "{shares:?}"
        );
    }
}

#[test]
fn in_a_closed_loop_of_messages_the_rest_of_those_that_stay_away_is_missed() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        storm(0.5, DropMethod::Reset, None)(plan);
        plan.load = common::closed(1);
        plan.length = messages(30_000);
        plan.connections.drop.as_mut().unwrap().after = ms(50);
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    let storm = reconnects(&recording);
    assert_eq!((storm.dropped, storm.back), (4, 0));
    let counts = &recording.record.counts;
    assert_eq!(counts.sent + storm.missed, 240_000, "{counts:?} {storm:?}");
    assert!(storm.missed > 0);
}

#[test]
fn all_clients_may_stay_away() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(reset(None));
    let recording = run(&plan);
    let storm = assert_storm(&recording, &plan, 8);
    assert_eq!((storm.back, storm.attempts), (0, 0));
    // The run ends early, but what the clients miss is counted up to its planned end.
    assert_eq!(storm.away_ns, 8 * 1_200_000_000);
    assert_eq!(
        messages_of(&server.final_log()),
        recording.record.counts.sent
    );
}

#[test]
fn what_the_server_does_not_answer_before_the_drop_is_abandoned() {
    // Each client sends about 15 messages before the drop.
    let first = CLIENTS as usize;
    let server = LoggedServer::start(move |number| {
        if number < first {
            Treatment::EchoOnly(5)
        } else {
            Treatment::Echo
        }
    });
    let plan = server.plan(reset(ReconnectLaw::Now));
    let recording = run(&plan);
    let storm = assert_storm(&recording, &plan, 8);
    let log = server.final_log();
    // All that was sent before the drop, and not echoed.
    assert!(storm.in_flight >= messages_of(&log[..first]) - 40);
    assert!(storm.in_flight > 0);
}

#[test]
fn messages_without_an_echo_before_the_drop_are_lost_after_their_timeout() {
    let first = CLIENTS as usize;
    let server = LoggedServer::start(move |number| {
        if number < first {
            Treatment::EchoOnly(0)
        } else {
            Treatment::Echo
        }
    });
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Now)(plan);
        plan.timeout = ms(100);
    });
    let recording = run(&plan);
    let counts = &recording.record.counts;
    let storm = reconnects(&recording);
    assert_eq!(
        counts.sent,
        counts.received + counts.lost + counts.abandoned
    );
    assert_eq!(
        (counts.abandoned, counts.sent + storm.missed),
        (storm.in_flight, due(&plan))
    );
    // Those of the first 200 ms.
    assert!(counts.lost > 0, "{counts:?}");
}

#[test]
fn closes_by_the_server_are_reconnected_and_stay_early() {
    let first = CLIENTS as usize;
    let server = LoggedServer::start(move |number| {
        if number < first {
            Treatment::CloseAfter(10, 1012)
        } else {
            Treatment::Echo
        }
    });
    let plan = server.plan(|plan| {
        plan.clients = clients(CLIENTS);
        plan.load = common::closed(1);
        plan.length = messages(30);
        plan.connections.reconnect = Some(ReconnectLaw::Now);
    });
    let recording = run(&plan);
    let storm = reconnects(&recording);
    assert_eq!((storm.dropped, storm.by_server, storm.back), (8, 8, 8));
    assert_eq!((storm.in_flight, storm.missed), (0, 0));
    assert_figures_agree(&recording);
    let counts = &recording.record.counts;
    // The eleventh message of each client is lost with its connection.
    assert_eq!((counts.sent, counts.received, counts.lost), (240, 232, 8));
    assert_eq!((counts.abandoned, counts.unsent), (0, 0));
    assert_eq!(connections(&recording), [8, 0, 8, 0]);
    let codes = &recording.context.connections.close_codes;
    assert_eq!(*codes, [(1000, 8), (1012, 8)].into());
    let early = &recording.context.connections.early_ends;
    assert_eq!(early.values().sum::<u64>(), 8);
}

#[test]
fn what_becomes_due_after_a_close_by_the_server_is_missed() {
    let first = CLIENTS as usize;
    let server = LoggedServer::start(move |number| {
        if number < first {
            Treatment::CloseAfter(10, 1012)
        } else {
            Treatment::Echo
        }
    });
    let plan = server.plan(|plan| {
        plan.clients = clients(CLIENTS);
        plan.load = open(400.0);
        plan.length = Length::Duration(ms(1_000));
        plan.connections.reconnect = Some(ReconnectLaw::Spread(ms(300)));
    });
    let recording = run(&plan);
    let counts = &recording.record.counts;
    let storm = reconnects(&recording);
    assert_eq!((storm.by_server, storm.back), (8, 8));
    assert_eq!(counts.sent + storm.missed, due(&plan));
    assert_eq!((counts.abandoned, counts.unsent), (0, 0));
    // Ten echoes on each of the first connections, and all on the later ones.
    let log = server.final_log();
    assert_eq!(counts.received, 80 + messages_of(&log[first..]));
    assert_eq!(counts.lost, counts.sent - counts.received);
    assert!(counts.lost >= 8 && storm.missed > 0);
}

#[test]
fn a_server_that_closes_each_connection_at_once_ends_no_run_early() {
    let first = CLIENTS as usize;
    let server = LoggedServer::start(move |number| {
        if (first..first + 40).contains(&number) {
            Treatment::CloseAtOnce(1013)
        } else {
            Treatment::Echo
        }
    });
    let plan = server.plan(reset(ReconnectLaw::Spread(ms(50))));
    let recording = run(&plan);
    let storm = reconnects(&recording);
    let counts = &recording.record.counts;
    assert_eq!(
        counts.sent + storm.missed,
        due(&plan),
        "{counts:?} {storm:?}"
    );
    // A close may come together with the answer to the upgrade, or behind the first messages.
    assert_eq!(storm.dropped, 8 + storm.by_server);
    assert_eq!(storm.back, storm.dropped);
    assert_eq!(storm.by_server, 40);
    assert_eq!(connections(&recording), [8, 0, 40, 0]);
    assert_figures_agree(&recording);
}

#[test]
fn connections_that_the_server_closes_before_the_load_are_opened_again() {
    let server = LoggedServer::start(|number| {
        if number < 6 {
            Treatment::CloseAtOnce(1012)
        } else {
            Treatment::Echo
        }
    });
    let plan = server.plan(|plan| {
        plan.clients = clients(CLIENTS);
        plan.threads = std::num::NonZeroUsize::MIN;
        plan.warmup = ms(200);
        plan.load = open(400.0);
        plan.length = Length::Duration(ms(300));
        plan.connections.reconnect = Some(ReconnectLaw::Now);
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    let storm = reconnects(&recording);
    assert_eq!((storm.dropped, storm.by_server, storm.back), (6, 6, 6));
    let counts = &recording.record.counts;
    assert_eq!(counts.sent + storm.missed, due(&plan));
    assert_eq!(connections(&recording), [8, 0, 6, 0]);
    assert_figures_agree(&recording);
    assert_eq!(server.final_log().len(), 14);
}

#[test]
fn a_run_of_a_duration_ends_although_the_server_never_comes_back() {
    for law in [ReconnectLaw::Now, ReconnectLaw::Spread(ms(300)), BACKOFF] {
        let server = refusing(usize::MAX - 100, Treatment::Refuse(503));
        let plan = server.plan(reset(law));
        let recording = run(&plan);
        let storm = assert_storm(&recording, &plan, 8);
        assert_eq!((storm.back, storm.back_ns(0.5)), (0, None));
        assert!(storm.attempts >= 8 && storm.missed > 0, "{law:?}");
        assert_eq!(recording.context.elapsed_s, 1.5);
        // Each of them was away from 0.3 s to 1.5 s.
        let away_s = storm.away_ns as f64 / 1e9;
        assert!((away_s - 9.6).abs() < 0.8, "{away_s}");
        assert!(recording.clients.iter().all(|row| row.reconnects == 0));
    }
}

#[test]
fn a_stop_ends_a_run_whose_clients_are_all_away() {
    for (length, load) in [
        (Length::Duration(Duration::from_secs(600)), open(400.0)),
        (messages(1_000_000), common::closed(1)),
        (messages(1_000_000), open(400.0)),
    ] {
        let server = refusing(usize::MAX - 100, Treatment::Refuse(503));
        let plan = server.plan(|plan| {
            reset(BACKOFF)(plan);
            plan.length = length;
            plan.load = load;
        });
        let handle = RunHandle::new();
        let recording = std::thread::scope(|scope| {
            let (server, stopper) = (&server, handle.clone());
            scope.spawn(move || {
                while server.log().len() < 30 {
                    std::thread::sleep(ms(2));
                }
                stopper.stop();
            });
            swarm::record(&plan, &handle).unwrap()
        });
        assert!(recording.context.interrupted);
        assert_faultless(&recording.record);
        let storm = reconnects(&recording);
        assert_eq!((storm.dropped, storm.back), (8, 0));
        let log = server.final_log();
        assert!(storm.attempts >= log.len() as u64 - 8, "{length:?}");
        assert_eq!(recording.clients.len(), 8);
        assert_figures_agree(&recording);
    }
}

#[test]
fn nothing_is_dropped_while_a_stopped_run_waits_for_its_echoes() {
    let server = LoggedServer::start(|_| Treatment::EchoOnly(1));
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Now)(plan);
        plan.length = Length::Duration(Duration::from_secs(600));
        plan.connections.drop.as_mut().unwrap().after = ms(800);
    });
    let handle = RunHandle::new();
    let recording = std::thread::scope(|scope| {
        let stopper = handle.clone();
        scope.spawn(move || {
            while stopper.phase() != Phase::Measure {
                std::thread::sleep(ms(2));
            }
            // The drop is due while echoes are awaited, which takes a second.
            std::thread::sleep(ms(200));
            stopper.stop();
        });
        swarm::record(&plan, &handle).unwrap()
    });
    assert!(recording.context.interrupted);
    let storm = reconnects(&recording);
    assert_eq!((storm.dropped, storm.attempts, storm.in_flight), (0, 0, 0));
}

#[test]
fn a_stop_while_some_clients_are_back_loses_nothing() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Spread(ms(2_000)))(plan);
        plan.length = Length::Duration(Duration::from_secs(600));
    });
    let handle = RunHandle::new();
    let recording = std::thread::scope(|scope| {
        let (server, stopper) = (&server, handle.clone());
        scope.spawn(move || {
            while server.log().len() < 11 {
                std::thread::sleep(ms(2));
            }
            stopper.stop();
        });
        swarm::record(&plan, &handle).unwrap()
    });
    let counts = &recording.record.counts;
    assert_eq!(
        counts.sent,
        counts.received + counts.abandoned,
        "{counts:?}"
    );
    assert_eq!((counts.lost, counts.duplicated), (0, 0));
    assert_eq!(reconnects(&recording).dropped, 8);
    assert_eq!(connections(&recording), [8, 0, 0, 0]);
}

#[test]
fn a_drop_counts_from_the_end_of_the_warm_up() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Now)(plan);
        plan.warmup = ms(600);
    });
    let mut measured_at = None;
    let recording = swarm::record_observed(&plan, &RunHandle::new(), |phase| {
        if phase == Phase::Measure {
            measured_at = Some(std::time::Instant::now());
        }
    });
    assert_storm(&recording.unwrap(), &plan, 8);
    let log = server.final_log();
    let first_end = log.iter().filter_map(|one| one.ended).min().unwrap();
    // The phase is reported up to some time after T0.
    assert!(first_end + ms(300) > measured_at.unwrap());
    assert_eq!(log.len(), 16);
}

#[test]
fn a_connection_that_is_opened_again_has_a_lifetime_of_its_own() {
    let server = LoggedServer::start(|_| Treatment::Echo);
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Now)(plan);
        plan.connections.lifetime = Some(measurement::plan::Lifetime::Exponential(ms(150)));
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    let storm = reconnects(&recording);
    let counts = &recording.record.counts;
    assert_eq!(counts.sent + storm.missed, due(&plan));
    assert_eq!(counts.abandoned, storm.in_flight);
    let [opened, failed, closed_early, replaced] = connections(&recording);
    assert_eq!((failed, closed_early), (0, 0));
    assert_eq!(storm.back, storm.dropped);
    // A connection that is just being replaced is not there to be dropped.
    assert!(storm.dropped <= 8);
    assert_eq!(opened, 8 + replaced);
    let log = server.final_log();
    assert_eq!(log.len() as u64, opened + storm.back);
    assert_eq!(resets(&log), storm.dropped);
}

#[test]
#[ignore = "takes a minute"]
fn with_a_number_of_messages_a_client_gives_up_after_a_minute() {
    let server = refusing(usize::MAX - 100, Treatment::Refuse(503));
    let plan = server.plan(|plan| {
        reset(ReconnectLaw::Spread(ms(1_000)))(plan);
        plan.load = common::closed(1);
        plan.length = messages(100_000);
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    let storm = reconnects(&recording);
    let counts = &recording.record.counts;
    assert_eq!(counts.sent + storm.missed, 800_000);
    assert_eq!((storm.dropped, storm.back), (8, 0));
}
