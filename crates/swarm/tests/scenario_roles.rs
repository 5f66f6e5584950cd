//! Roles of a scenario: clients that send, and clients that only listen and answer.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Server, accept, run, scenario, size};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Arrivals, Length, Load, LoadDraft, Plan, RateProfile};
use measurement::record::Record;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use units::Rate;

/// Client 0 answers the calls of all others, which the server passes on.
const RELAY: &str = "
[roles.worker]
count = 1
sends = false
[roles.caller]
[[setup]]
send = 'I am ${client}'
expect = 'welcome'
[[on]]
role = 'worker'
match = 'call ${from} ${what}'
send = 'done ${from} ${what}'
[[message]]
send = 'call ${client} ${uid}${pad}'
reply = 'done ${client} ${uid}${pad}'
";

type Clients = Arc<Mutex<HashMap<String, UnboundedSender<Message>>>>;

/// Passes calls on to client 0, and its answers to the caller. Closes the connection of client 0 instead of passing on
/// the call with this number.
fn relay(last_call: usize) -> Server {
    let clients = Clients::default();
    let calls = Arc::new(Mutex::new(0));
    Server::start(move |_, stream| {
        let (clients, calls) = (Arc::clone(&clients), Arc::clone(&calls));
        async move {
            let (mut out, mut frames) = accept(stream).await.split();
            let (sender, mut queue) = unbounded_channel();
            tokio::spawn(async move {
                while let Some(message) = queue.recv().await {
                    if out.send(message).await.is_err() {
                        return;
                    }
                }
            });
            while let Some(Ok(message)) = frames.next().await {
                let Ok(text) = message.to_text().map(str::to_owned) else {
                    return;
                };
                let mut words = text.split(' ');
                let (verb, client) = (words.next(), words.next().unwrap_or_default());
                let mut clients = clients.lock().unwrap();
                let (to, message) = match verb {
                    Some("I") => {
                        let name = words.next().unwrap().to_owned();
                        clients.insert(name.clone(), sender.clone());
                        (name, Message::text("welcome"))
                    }
                    Some("call") => {
                        let mut calls = calls.lock().unwrap();
                        *calls += 1;
                        let close = *calls > last_call;
                        let message = if close { Message::Close(None) } else { message };
                        ("0".to_owned(), message)
                    }
                    Some("done") => (client.to_owned(), message),
                    _ => continue,
                };
                let _ = clients[&to].send(message);
            }
        }
    })
}

fn planned(server: &Server, change: impl FnOnce(&mut LoadDraft)) -> Plan {
    server.plan(|plan| {
        plan.scenario = scenario(RELAY);
        plan.payload = size(60);
        change(plan);
    })
}

fn answered(record: &Record) -> u64 {
    record.scenario.as_ref().unwrap().rule_answers[0]
}

#[test]
fn clients_that_only_listen_answer_and_have_no_messages_of_their_own() {
    let recording = run(&planned(&relay(usize::MAX), |_| {}));
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
    let server = relay(usize::MAX);
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
    let server = relay(5);
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
