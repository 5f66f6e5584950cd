//! Roles of a scenario: clients that send, and clients that only listen and answer.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{Server, accept, plan, run, scenario, size};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Arrivals, CertificatePolicy, Length, Load, LoadDraft, Plan, RateProfile};
use measurement::record::Record;
use test_support::relay_server::{RELAYED_CALLS, RelayServer};
use units::Rate;

fn planned(server: &RelayServer, change: impl FnOnce(&mut LoadDraft)) -> Plan {
    plan(&server.url, CertificatePolicy::System, |plan| {
        plan.scenario = scenario(RELAYED_CALLS);
        plan.payload = size(60);
        change(plan);
    })
}

fn answered(record: &Record) -> u64 {
    record.scenario.as_ref().unwrap().rule_answers[0]
}

#[test]
fn clients_that_only_listen_answer_and_have_no_messages_of_their_own() {
    let server = RelayServer::start(usize::MAX);
    let recording = run(&planned(&server, |_| {}));
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.unsent), (30, 30, 0));
    assert!(!counts.any_failed() && counts.unexpected == 0, "{counts:?}");
    assert_eq!(answered(&recording.record), 30);
    assert_eq!(recording.context.connections.closed_early, 0);
    let roles = &recording.record.scenario.as_ref().unwrap().roles;
    let counts: Vec<_> = roles
        .iter()
        .map(|role| (role.counts.sent, role.counts.received))
        .collect();
    assert_eq!(counts, [(0, 0), (30, 30)]);
    assert_eq!(roles[1].service.get().unwrap().count(), 30);
    let sent: Vec<_> = recording
        .clients
        .iter()
        .map(|row| (row.client, row.messages))
        .collect();
    assert_eq!(sent, [(0, 0), (1, 10), (2, 10), (3, 10)]);
}

#[test]
fn the_whole_rate_is_shared_by_the_clients_that_send() {
    let server = RelayServer::start(usize::MAX);
    let plan = planned(&server, |plan| {
        plan.load = Load::Open {
            profile: RateProfile::constant(Rate::new(300.0).unwrap()),
            arrivals: Arrivals::Constant,
            window: None,
        };
        plan.length = Length::Duration(Duration::from_millis(500));
        plan.warmup = Duration::from_millis(100);
    });
    let recording = run(&plan);
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.unsent), (150, 150, 0));
}

#[test]
fn a_listening_client_that_the_server_closes_has_ended_early() {
    let server = RelayServer::start(5);
    let plan = planned(&server, |plan| plan.timeout = Duration::from_millis(300));
    let recording = run(&plan);
    let counts = &recording.record.counts;
    assert_eq!(counts.received, 5, "{counts:?}");
    assert_eq!(counts.lost, counts.sent - 5, "{counts:?}");
    assert_eq!(recording.context.connections.closed_early, 1);
}

#[test]
fn a_listening_client_without_a_connection_owes_no_messages() {
    let server = Server::start(|number, stream| async move {
        if number == 0 {
            return;
        }
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let plan = server.plan(|plan| {
        plan.scenario = scenario(
            "[roles.ear]\ncount = 1\nsends = false\n[roles.mouth]\n[[message]]\nsend = '${uid}'\nreply = '${uid}'\n",
        );
        plan.connect_rate = Rate::new(50.0);
        plan.clients = NonZeroU32::new(3).unwrap();
    });
    let recording = run(&plan);
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.unsent), (20, 20, 0));
    assert_eq!(recording.context.connections.failed, 1);
}

/// Delivers each message at once, and acknowledges the first ten when the tenth has come.
async fn serve_late_replies(mut socket: common::Socket) {
    let mut ids = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        let Some((id, text)) = message.to_text().ok().and_then(|text| text.split_once(' ')) else {
            return;
        };
        ids.push(format!("ok {id}"));
        socket.send(text.into()).await.unwrap();
        if ids.len() == 10 {
            for id in &ids {
                socket.send(id.as_str().into()).await.unwrap();
            }
        }
    }
}

#[test]
fn a_reply_that_comes_after_all_deliveries_is_no_duplicate() {
    let server = Server::start(|_, stream| async move {
        serve_late_replies(accept(stream).await).await;
    });
    let plan = server.plan(|plan| {
        plan.scenario = scenario(
            "[[message]]\nsend = '${id} ${uid}'\nreply = 'ok ${id}'\ndeliver = '${uid}'\n",
        );
        plan.clients = NonZeroU32::new(1).unwrap();
        plan.load = Load::Open {
            profile: RateProfile::constant(Rate::new(200.0).unwrap()),
            arrivals: Arrivals::Constant,
            window: None,
        };
    });
    let record = run(&plan).record;
    let counts = &record.counts;
    assert_eq!(
        (counts.sent, counts.received, counts.duplicated),
        (10, 10, 0)
    );
    assert_eq!(record.fan_out.unwrap().counts.delivered, 10);
}
