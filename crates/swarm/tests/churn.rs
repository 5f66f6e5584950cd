//! Connections that are replaced by plan: by their lifetime, or by the number of their messages.

#![allow(clippy::unwrap_used)]

mod common;
mod logged_server;

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use common::{Server, answer, closed, messages, run, scenario};
use logged_server::{
    LoggedServer, Treatment, assert_faultless, close_codes, connections, due, messages_of, open,
    rate,
};
use measurement::plan::{Length, Lifetime, LoadDraft, ReconnectLaw};
use swarm::RunHandle;
use units::Rate;

const HELLO: &str = "
[[setup]]
send = 'hello'
expect = 'welcome'
[[message]]
send = '${uid}${pad}'
reply = '${message}'
";

const ONE_SENDER: &str = "
[roles.sender]
count = 1
[roles.listener]
sends = false
";

fn echo() -> LoggedServer {
    LoggedServer::start(|_| Treatment::Echo)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn lasts(plan: &mut LoadDraft, time_ms: u64) {
    plan.length = Length::Duration(ms(time_ms));
}

fn at_most(n: u64) -> impl Fn(&mut LoadDraft) {
    move |plan| plan.connections.messages_per_connection = NonZeroU64::new(n)
}

/// Checks a run whose server answers everything, in which each connection but the last ones was replaced by plan.
fn assert_churn(server: &LoggedServer, plan: &measurement::plan::Plan) -> u64 {
    let recording = run(plan);
    let record = &recording.record;
    assert_faultless(record);
    assert_eq!(record.counts.abandoned, 0);
    let clients = u64::from(plan.clients.get());
    let log = server.final_log();
    let opened = log.len() as u64;
    assert_eq!(connections(&recording), [opened, 0, 0, opened - clients]);
    let context = &recording.context;
    assert_eq!(context.connections.attempted, opened);
    assert_eq!(context.connections.close_codes, [(1000, opened)].into());
    assert_eq!(close_codes(&log), [(1000, opened)].into());
    assert_eq!(context.connect_ns.total.count, opened);
    assert_eq!(context.connect_response_ns.count, opened);
    // The summary leaves the timeline out where a single second has all openings.
    let seconds = recording.connect.seconds.rows();
    let attempts: u64 = seconds.map(|(_, second)| second.attempts).sum();
    assert_eq!(attempts, opened);
    assert!(record.reconnect.is_none());
    let rows = &recording.clients;
    assert_eq!(rows.len() as u64, clients);
    let reconnects: u64 = rows.iter().map(|row| row.reconnects).sum();
    assert_eq!(reconnects, opened - clients);
    let sent: u64 = rows.iter().map(|row| row.messages).sum();
    assert_eq!(sent, record.counts.sent);
    if plan.warmup.is_zero() {
        assert_eq!(messages_of(&log), sent);
    }
    opened
}

#[test]
fn a_closed_loop_goes_on_over_connections_with_a_lifetime() {
    for lifetime in [Lifetime::Fixed(ms(150)), Lifetime::Exponential(ms(150))] {
        let server = echo();
        let plan = server.plan(|plan| {
            lasts(plan, 1_000);
            plan.connections.lifetime = Some(lifetime);
        });
        let opened = assert_churn(&server, &plan);
        assert!(opened >= 8, "{lifetime:?}: {opened}");
    }
}

#[test]
fn an_open_loop_sends_all_its_messages_over_connections_with_a_lifetime() {
    for (lifetime, length) in [
        (Lifetime::Fixed(ms(100)), Length::Duration(ms(800))),
        (Lifetime::Exponential(ms(100)), Length::Duration(ms(800))),
        (Lifetime::Fixed(ms(100)), messages(80)),
    ] {
        let server = echo();
        let plan = server.plan(|plan| {
            plan.length = length;
            plan.load = open(400.0);
            plan.connections.lifetime = Some(lifetime);
        });
        assert_churn(&server, &plan);
        let sent = messages_of(&server.final_log());
        assert_eq!(sent, due(&plan), "{lifetime:?} {length:?}");
    }
}

#[test]
fn a_wait_for_the_next_connection_is_not_the_generators_own_lateness() {
    // The replacement of the first client waits for that of the second one, half a second.
    let server = LoggedServer::start(|number| match number {
        2 => Treatment::EchoWhenAccepted(4),
        _ => Treatment::Echo,
    });
    let plan = server.plan(|plan| {
        plan.clients = NonZeroU32::new(2).unwrap();
        plan.threads = NonZeroUsize::MIN;
        plan.connect_rate = Rate::new(2.0);
        plan.load = open(200.0);
        plan.length = Length::Duration(ms(1_000));
        plan.connections.lifetime = Some(Lifetime::Fixed(ms(800)));
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    assert_eq!(connections(&recording), [4, 0, 0, 2]);
    let open_loop = recording.record.open_loop.as_ref().unwrap();
    let lag = open_loop.send_lag.max().unwrap();
    let lateness = open_loop.lateness.max().unwrap();
    assert!(lateness < lag / 2, "{lateness} ns of {lag} ns");
}

#[test]
fn a_closed_loop_of_messages_completes_its_plan_although_connections_end() {
    let server = echo();
    let plan = server.plan(|plan| {
        plan.length = messages(2_000);
        plan.connections.lifetime = Some(Lifetime::Exponential(ms(20)));
    });
    assert_churn(&server, &plan);
    assert_eq!(messages_of(&server.final_log()), 8_000);
}

#[test]
fn a_server_that_opens_connections_behind_their_lifetime_gets_messages_on_each() {
    // The upgrade of each connection takes longer than its lifetime.
    let server = Server::start(|_, stream| async move {
        tokio::time::sleep(ms(20)).await;
        answer(stream, |_, message| vec![message]).await;
    });
    let plan = server.plan(|plan| {
        plan.length = messages(10);
        plan.connections.lifetime = Some(Lifetime::Fixed(ms(10)));
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    assert_eq!(recording.record.counts.sent, 40);
    // Each connection is good for the one message that may be in flight. Further ones are replaced before the load.
    let [opened, failed, closed_early, replaced] = connections(&recording);
    assert_eq!((failed, closed_early, replaced), (0, 0, opened - 4));
    assert!(opened >= 40);
}

#[test]
fn connections_are_replaced_while_others_are_opened() {
    let server = echo();
    let plan = server.plan(|plan| {
        // The last one is due 600 ms behind the first one.
        plan.connect_rate = Some(rate(5.0));
        plan.connections.lifetime = Some(Lifetime::Fixed(ms(150)));
    });
    assert!(assert_churn(&server, &plan) >= 4 + 3);
    let first_end = server.final_log().iter().filter_map(|one| one.ended).min();
    let last_begin = server.log().iter().map(|one| one.accepted).max();
    assert!(first_end < last_begin);
}

#[test]
fn a_lifetime_that_ends_behind_the_measured_phase_does_not_keep_a_thread_busy() {
    // The last echoes are awaited until the lifetimes of those that only listen are over.
    let server = LoggedServer::start(|_| Treatment::EchoOnly(2));
    let plan = server.plan(|plan| {
        plan.scenario = scenario(&[ONE_SENDER, HELLO].concat());
        plan.load = open(100.0);
        lasts(plan, 100);
        plan.timeout = ms(600);
        plan.connections.lifetime = Some(Lifetime::Fixed(ms(300)));
    });
    let recording = run(&plan);
    assert_eq!(recording.context.connections.failed, 0);
    assert_eq!(recording.context.connections.closed_early, 0);
    assert_eq!(recording.record.counts.sent, due(&plan));
}

#[test]
fn lifetimes_also_end_while_the_server_is_warmed_up() {
    let server = echo();
    let plan = server.plan(|plan| {
        lasts(plan, 300);
        plan.warmup = ms(400);
        plan.load = open(400.0);
        plan.connections.lifetime = Some(Lifetime::Fixed(ms(100)));
    });
    assert_churn(&server, &plan);
    assert!(server.log().len() >= 8);
}

#[test]
fn each_connection_has_its_number_of_messages_and_the_last_one_is_kept() {
    for (threads, window) in [(1, 1), (2, 1), (2, 3), (2, 16)] {
        let server = echo();
        let plan = server.plan(|plan| {
            plan.length = messages(20);
            plan.load = closed(window);
            plan.threads = NonZeroUsize::new(threads).unwrap();
            at_most(5)(plan);
        });
        assert_eq!(assert_churn(&server, &plan), 16, "window {window}");
        let log = server.final_log();
        assert!(log.iter().all(|one| one.messages == 5), "{log:?}");
    }
}

#[test]
fn a_connection_with_a_rest_of_messages_ends_with_the_run() {
    let server = echo();
    let plan = server.plan(|plan| {
        plan.length = messages(12);
        plan.load = open(400.0);
        at_most(5)(plan);
    });
    assert_eq!(assert_churn(&server, &plan), 12);
    let log = server.final_log();
    let full = log.iter().filter(|one| one.messages == 5).count();
    let rest = log.iter().filter(|one| one.messages == 2).count();
    assert_eq!((full, rest), (8, 4));
}

#[test]
fn messages_of_the_warm_up_count_for_their_connection() {
    let server = echo();
    let plan = server.plan(|plan| {
        lasts(plan, 200);
        plan.warmup = ms(200);
        plan.load = open(400.0);
        at_most(5)(plan);
    });
    assert_churn(&server, &plan);
    let log = server.final_log();
    assert!(log.iter().all(|one| one.messages <= 5), "{log:?}");
    assert!(messages_of(&log) > due(&plan));
}

#[test]
fn one_message_a_connection_is_a_connection_a_message() {
    let server = echo();
    let plan = server.plan(|plan| {
        plan.length = messages(40);
        at_most(1)(plan);
    });
    assert_eq!(assert_churn(&server, &plan), 160);
}

#[test]
fn the_setup_is_repeated_on_each_connection() {
    let server = echo();
    let plan = server.plan(|plan| {
        plan.scenario = scenario(HELLO);
        plan.length = messages(20);
        at_most(5)(plan);
    });
    assert_eq!(assert_churn(&server, &plan), 16);
    let log = server.final_log();
    assert!(log.iter().all(|one| one.hellos == 1 && one.messages == 5));
}

#[test]
fn every_setup_of_a_replacement_is_counted() {
    let server = echo();
    let plan = server.plan(|plan| {
        plan.scenario = scenario(HELLO);
        plan.load = open(400.0);
        lasts(plan, 500);
        plan.connections.lifetime = Some(Lifetime::Fixed(ms(100)));
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    assert_eq!(recording.record.counts.sent, due(&plan));
    let opened = server.final_log().len() as u64;
    let setup = recording.context.setup.as_ref().unwrap();
    assert_eq!((setup.ready, setup.failed), (opened, 0));
    assert_eq!(recording.context.ready_ns.as_ref().unwrap().count, opened);
}

#[test]
fn a_run_ends_while_clients_that_only_listen_do_their_setup_again() {
    const SLOW_SETUP: &str = "
[[setup]]
role = 'listener'
send = 'hello'
expect = 'welcome'
within = '60s'
[[message]]
send = '${uid}${pad}'
reply = '${message}'
";
    let server = LoggedServer::start(|number| {
        if number < 4 {
            Treatment::Echo
        } else {
            Treatment::IgnoreSetup
        }
    });
    let plan = server.plan(|plan| {
        plan.scenario = scenario(&[ONE_SENDER, SLOW_SETUP].concat());
        plan.load = open(100.0);
        lasts(plan, 500);
        plan.connections.lifetime = Some(Lifetime::Fixed(ms(200)));
    });
    let recording = run(&plan);
    assert_faultless(&recording.record);
    assert_eq!(recording.record.counts.sent, due(&plan));
    let rows = &recording.clients;
    let sent: Vec<_> = rows.iter().map(|row| row.messages).collect();
    assert_eq!((rows.len(), sent.iter().sum()), (4, due(&plan)), "{sent:?}");
    let [_, failed, closed_early, replaced] = connections(&recording);
    assert_eq!((failed, closed_early), (0, 0));
    assert!(replaced >= 4);
}

#[test]
fn the_last_echo_is_awaited_until_the_timeout_and_its_message_is_lost() {
    let server = LoggedServer::start(|_| Treatment::EchoOnly(4));
    let plan = server.plan(|plan| {
        plan.length = messages(20);
        plan.timeout = ms(300);
        at_most(5)(plan);
    });
    let recording = run(&plan);
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (80, 64, 16));
    assert_eq!((counts.abandoned, counts.unsent), (0, 0));
    assert_eq!(connections(&recording), [16, 0, 0, 12]);
    let log = server.final_log();
    assert_eq!(close_codes(&log), [(1000, 16)].into());
    // The wait for the fifth echo is over when its connection ends.
    let waited = log.iter().map(|one| one.ended.unwrap() - one.accepted);
    assert!(waited.min().unwrap() >= ms(300));
}

#[test]
fn a_replacement_that_fails_is_a_failed_connection_and_its_client_stays_away() {
    let server = LoggedServer::start(|number| {
        if number < 4 {
            Treatment::Echo
        } else {
            Treatment::Refuse(503)
        }
    });
    let plan = server.plan(|plan| {
        plan.length = messages(20);
        at_most(5)(plan);
    });
    let recording = run(&plan);
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received), (20, 20));
    assert_eq!((counts.unsent, counts.lost, counts.abandoned), (60, 0, 0));
    assert_eq!(connections(&recording), [4, 4, 0, 4]);
    assert_eq!(recording.context.connections.attempted, 8);
    assert_eq!(server.final_log().len(), 8);
}

#[test]
fn a_replacement_that_fails_is_opened_again_by_the_law() {
    let server = LoggedServer::start(|number| {
        if (4..12).contains(&number) {
            Treatment::Refuse(503)
        } else {
            Treatment::Echo
        }
    });
    let plan = server.plan(|plan| {
        plan.length = messages(20);
        at_most(5)(plan);
        plan.connections.reconnect = Some(ReconnectLaw::Spread(ms(20)));
    });
    let recording = run(&plan);
    let record = &recording.record;
    let counts = &record.counts;
    assert_eq!((counts.sent, counts.received, counts.unsent), (80, 80, 0));
    let log = server.final_log();
    let back = record.reconnect.as_ref().unwrap();
    let [opened, failed, closed_early, replaced] = connections(&recording);
    assert_eq!((closed_early, replaced), (0, 12));
    // Each of the eight refusals is a failed replacement or a failed attempt.
    assert_eq!(failed + back.failed.total(), 8);
    assert_eq!(
        (back.dropped, back.not_replaced, back.by_server),
        (failed, failed, 0)
    );
    assert_eq!(back.back, failed);
    assert_eq!(back.attempts, failed + back.failed.total());
    assert_eq!(opened + back.back, log.len() as u64 - 8);
    assert_eq!(close_codes(&log), [(1000, 16)].into());
}

#[test]
fn a_stop_while_connections_are_replaced_loses_nothing() {
    let server = echo();
    let plan = server.plan(|plan| {
        lasts(plan, 600_000);
        plan.load = open(400.0);
        plan.connections.lifetime = Some(Lifetime::Exponential(ms(30)));
    });
    let handle = RunHandle::new();
    handle.watch();
    let stopper = handle.clone();
    let watcher = std::thread::spawn(move || {
        while stopper.progress().record.counts.received < 200 {
            std::thread::sleep(ms(5));
        }
        stopper.stop();
    });
    let recording = swarm::record(&plan, &handle).unwrap();
    watcher.join().unwrap();
    assert!(recording.context.interrupted);
    let counts = &recording.record.counts;
    assert_eq!(
        counts.sent,
        counts.received + counts.abandoned,
        "{counts:?}"
    );
    assert_eq!(
        (counts.lost, counts.duplicated, counts.reordered),
        (0, 0, 0)
    );
    let [_, failed, closed_early, _] = connections(&recording);
    assert_eq!((failed, closed_early), (0, 0));
    assert_eq!(recording.clients.len(), 4);
}
