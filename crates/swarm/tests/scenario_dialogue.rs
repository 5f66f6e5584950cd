//! What clients of a scenario say before, beside and after the load, and what of it is counted.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroU32;
use std::sync::mpsc;
use std::time::Duration;

use common::{
    Server, accept, accept_and_send, answer, closed, messages, number_behind, run, scenario, size,
};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Arrivals, Load, LoadDraft, Plan, RateProfile};
use measurement::record::{ConnectFailure, Outcome, SetupFault};
use swarm::{Recording, RunHandle, RunSetup, SwarmError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use units::Rate;

const CALL: &str = "
[[message]]
send = 'call ${id} ${pad}'
reply = 'done ${id}'
error = 'no ${id}'
part = 'working ${id}'
";

fn planned(server: &Server, text: &str, change: impl FnOnce(&mut LoadDraft)) -> Plan {
    server.plan(|plan| {
        plan.scenario = scenario(text);
        change(plan);
    })
}

fn measured(server: &Server, text: &str) -> Recording {
    run(&planned(server, text, |_| {}))
}

fn id(message: &Message) -> u64 {
    number_behind(message.to_text().unwrap(), "call ")
}

/// Reads the next text, with pings answered on the way.
async fn next_text(socket: &mut common::Socket) -> Option<String> {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            return Some(message.to_text().unwrap().to_owned());
        }
    }
    None
}

/// Answers all calls.
async fn serve_calls(mut socket: common::Socket) {
    while let Some(text) = next_text(&mut socket).await {
        let id = number_behind(&text, "call ");
        let done = Message::text(format!("done {id}"));
        socket.send(done).await.unwrap();
    }
}

#[test]
fn captures_of_the_setup_are_sent_and_its_ids_go_on_in_the_load() {
    let server = Server::start(|number, stream: TcpStream| async move {
        let mut socket = accept(stream).await;
        socket
            .send(Message::text(format!("hello s{number} now")))
            .await
            .unwrap();
        let login = next_text(&mut socket).await.unwrap();
        assert!(
            login.starts_with(&format!("login s{number} as ")),
            "{login}"
        );
        assert!(login.ends_with(" 1"), "{login}");
        socket.send(Message::text("news")).await.unwrap();
        socket.send(Message::text("welcome 1")).await.unwrap();
        let mut expected = 2;
        while let Some(text) = next_text(&mut socket).await {
            let id = number_behind(&text, "call ");
            assert_eq!(id, expected, "ids are 1, 2, 3 …");
            expected += 1;
            socket
                .send(Message::text(format!("done {id}")))
                .await
                .unwrap();
        }
    });
    let text = format!(
        "[[setup]]\nexpect = 'hello ${{session}} ${{*}}'\n\
         [[setup]]\nsend = 'login ${{session}} as ${{client}} ${{id}}'\nexpect = 'welcome ${{id}}'\n{CALL}"
    );
    let recording = measured(&server, &text);
    let counts = &recording.record.counts;
    assert_eq!(
        (counts.sent, counts.received, counts.unexpected),
        (40, 40, 0)
    );
    assert!(!counts.any_failed(), "{counts:?}");
    let setup = recording.context.setup.unwrap();
    assert_eq!((setup.ready, setup.failed), (4, 0));
    let ready = recording.context.ready_ns.unwrap();
    assert_eq!(ready.count, 4);
    for row in &recording.clients {
        assert!(row.ready_ns.unwrap() >= row.connect_ns.unwrap(), "{row:?}");
    }
}

#[test]
fn records_that_come_with_the_upgrade_belong_to_the_setup() {
    let server = Server::start(|_, stream| async move {
        let frames = b"\x81\x02hi\x81\x02on\x81\x05ready";
        serve_calls(accept_and_send(stream, frames).await).await;
    });
    let text = format!("[[setup]]\nexpect = 'hi'\n[[setup]]\nexpect = 'ready'\n{CALL}");
    let recording = measured(&server, &text);
    assert_eq!(recording.record.counts.received, 40);
    assert_eq!(recording.record.counts.unexpected, 0);
}

fn refusal(server: &Server, text: &str) -> SwarmError {
    let plan = planned(server, text, |plan| {
        plan.clients = NonZeroU32::new(2).unwrap();
    });
    swarm::record(&plan, &RunHandle::new()).unwrap_err()
}

#[test]
fn a_refused_setup_names_place_and_record_without_secrets() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, login| {
            let text = format!("no: {}", login.to_text().unwrap());
            vec![Message::text("wait"), Message::text(text)]
        })
    });
    let text = format!(
        "[vars]\ntoken = {{ value = 's3cret', secret = true }}\n\
         [[setup]]\nsend = 'login ${{token}}'\nexpect = 'ok'\nrefuse = 'no${{*}}'\n{CALL}"
    );
    let error = refusal(&server, &text);
    let SwarmError::NothingConnected {
        attempted, cause, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(*attempted, 2);
    assert_eq!(
        cause.to_string(),
        "setup failed: t.toml:5:10: refused: no: login ***"
    );
    let ConnectFailure::Setup(failure) = cause else {
        panic!("{cause}");
    };
    assert_eq!((failure.step, failure.fault), (1, SetupFault::Refused));
}

#[test]
fn an_error_of_several_refusals_does_not_show_the_most_frequent_one_alone() {
    let server = Server::start(|number, stream| {
        let reason = [
            "full", "full", "full", "full", "old", "old", "old", "odd", "odd", "new",
        ];
        answer(stream, move |_, _| {
            vec![Message::text(format!("no {}", reason[number]))]
        })
    });
    let text = format!("[[setup]]\nsend = 'login'\nexpect = 'ok'\nrefuse = 'no${{*}}'\n{CALL}");
    let plan = planned(&server, &text, |plan| {
        plan.clients = NonZeroU32::new(10).unwrap();
    });
    let error = swarm::record(&plan, &RunHandle::new()).unwrap_err();
    let refused = |n, reason| format!("{n} × setup failed: t.toml:3:10: refused: no {reason}");
    let exact = format!(
        "0 of 10 clients of ws://{}/ were ready: {}; {}; {}; 1 more cause",
        server.address,
        refused(4, "full"),
        refused(3, "old"),
        refused(2, "odd"),
    );
    assert_eq!(error.to_string(), exact);
    let (most_frequent, ..) = error.connect_failure().unwrap();
    assert!(most_frequent.to_string().ends_with("no full"), "{error}");
}

#[test]
fn clients_that_failed_their_setup_were_connected_though_more_were_refused() {
    let server = Server::start(|number, mut stream| async move {
        if number == 0 {
            return answer(stream, |_, _| vec![Message::text("no")]).await;
        }
        let refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(refusal).await;
    });
    let text = format!("[[setup]]\nsend = 'login'\nexpect = 'ok'\nrefuse = 'no'\n{CALL}");
    let error = swarm::record(&planned(&server, &text, |_| {}), &RunHandle::new()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("0 of 4 clients of ws://"), "{text}");
    assert!(
        text.contains(" were ready: 3 × the server answered"),
        "{text}"
    );
    assert!(
        text.ends_with("; 1 × setup failed: t.toml:3:10: refused: no"),
        "{text}"
    );
}

#[test]
fn a_setup_without_its_record_shows_the_last_one() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, _| {
            vec![Message::text("one"), Message::text("two")]
        })
    });
    let text = format!("[[setup]]\nsend = 'login'\nexpect = 'ok'\nwithin = \"100ms\"\n{CALL}");
    let error = refusal(&server, &text).to_string();
    let end = "setup failed: t.toml:3:10: the expected record did not arrive; the last one: two";
    assert!(error.ends_with(end), "{error}");
    let silent = Server::start(|_, stream| answer(stream, |_, _| vec![]));
    let error = refusal(&silent, &text).to_string();
    assert!(
        error.ends_with("setup failed: t.toml:3:10: no record arrived"),
        "{error}"
    );
}

#[test]
fn a_connection_that_ends_in_its_setup_has_failed() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        let _ = socket.next().await;
        let frame = CloseFrame {
            code: 4401.into(),
            reason: "not you".into(),
        };
        socket.close(Some(frame)).await.unwrap();
        while socket.next().await.is_some() {}
    });
    let text = format!("[[setup]]\nsend = 'login'\nexpect = 'ok'\n{CALL}");
    let error = refusal(&server, &text).to_string();
    let end = "setup failed: t.toml:3:10: the server closed with 4401: not you";
    assert!(error.ends_with(end), "{error}");
}

#[test]
fn half_a_refused_setup_leaves_the_other_half_measured() {
    let server = Server::start(|number, stream| async move {
        let mut socket = accept(stream).await;
        let _ = next_text(&mut socket).await;
        let word = if number % 2 == 0 { "ok" } else { "no" };
        socket.send(Message::text(word)).await.unwrap();
        serve_calls(socket).await;
    });
    let text = format!("[[setup]]\nsend = 'login'\nexpect = 'ok'\nrefuse = 'no'\n{CALL}");
    let recording = measured(&server, &text);
    let connections = &recording.context.connections;
    assert_eq!(
        (
            connections.opened,
            connections.failed,
            connections.closed_early
        ),
        (2, 2, 0)
    );
    assert_eq!(
        connections.failures["setup failed: t.toml:3:10: refused: no"],
        2
    );
    let setup = recording.context.setup.as_ref().unwrap();
    assert_eq!(
        (setup.ready, setup.failed, setup.failures[0].count),
        (2, 2, 2)
    );
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.unsent), (20, 20, 20));
    let unready = recording
        .clients
        .iter()
        .filter(|row| row.ready_ns.is_none());
    assert_eq!(unready.count(), 2);
}

#[test]
fn each_role_does_its_own_steps() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        let login = next_text(&mut socket).await.unwrap();
        let words: Vec<_> = login.split(' ').collect();
        let expected = match words[1].parse::<u32>().unwrap() {
            0 => "boss",
            _ => "worker",
        };
        assert_eq!(words[0], expected);
        socket.send(Message::text(login)).await.unwrap();
        serve_calls(socket).await;
    });
    let text = format!(
        "[roles.boss]\ncount = 1\n[roles.worker]\n\
         [[setup]]\nrole = \"boss\"\nsend = 'boss ${{client}}'\nexpect = 'boss 0'\n\
         [[setup]]\nrole = \"worker\"\nsend = 'worker ${{client}} ${{member}}'\nexpect = 'worker ${{client}} ${{member}}'\n{CALL}"
    );
    assert_eq!(measured(&server, &text).record.counts.received, 40);
}

#[test]
fn a_wait_ends_a_step_that_nothing_acknowledges() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        assert_eq!(next_text(&mut socket).await.unwrap(), "subscribe");
        assert_eq!(next_text(&mut socket).await.unwrap(), "go");
        serve_calls(socket).await;
    });
    let text =
        format!("[[setup]]\nsend = 'subscribe'\nwait = \"30ms\"\n[[setup]]\nsend = 'go'\n{CALL}");
    let recording = measured(&server, &text);
    assert_eq!(recording.record.counts.received, 40);
    let least = recording
        .clients
        .iter()
        .map(|row| row.ready_ns.unwrap())
        .min();
    assert!(least.unwrap() >= 30_000_000);
}

#[test]
fn other_records_are_answered_ignored_or_errors_of_the_server() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        let mut n = 0;
        while let Some(text) = next_text(&mut socket).await {
            let id = number_behind(&text, "call ");
            n += 1;
            if n == 3 {
                socket.send(Message::text("ping 77")).await.unwrap();
                let pong = next_text(&mut socket).await.unwrap();
                assert_eq!(pong, "pong 77");
                for other in ["news", "news", "failure", "???"] {
                    socket.send(Message::text(other)).await.unwrap();
                }
            }
            socket
                .send(Message::text(format!("done {id}")))
                .await
                .unwrap();
        }
    });
    let text = format!(
        "{CALL}[[on]]\nname = \"heartbeat\"\nmatch = 'ping ${{n}}'\nsend = 'pong ${{n}}'\n\
         [[on]]\nmatch = 'news'\n[[on]]\nname = \"bad\"\nmatch = 'failure'\nerror = true\n"
    );
    let plan = planned(&server, &text, |_| {});
    let summary = swarm::run(&plan, &RunHandle::new(), RunSetup::default())
        .unwrap()
        .summary
        .unwrap();
    let counts = &summary.messages;
    assert_eq!(
        (counts.sent, counts.received, counts.unexpected),
        (40, 40, 4)
    );
    let own = counts.scenario.as_ref().unwrap();
    assert_eq!(own.answered, [("heartbeat".to_owned(), 4)].into());
    assert_eq!(own.ignored, [("on_2".to_owned(), 8)].into());
    assert_eq!((own.server_errors, own.error_reply), (4, 0));
}

#[test]
fn answers_and_steps_may_be_longer_than_the_buffers() {
    let long = "x".repeat(200_000);
    let server = Server::start(move |_, stream| {
        let long = long.clone();
        async move {
            let mut socket = accept(stream).await;
            socket
                .send(Message::text(format!("hello {long}")))
                .await
                .unwrap();
            assert_eq!(
                next_text(&mut socket).await.unwrap(),
                format!("login {long}")
            );
            socket
                .send(Message::text(format!("ping {long}")))
                .await
                .unwrap();
            assert_eq!(
                next_text(&mut socket).await.unwrap(),
                format!("pong {long}")
            );
            socket.send(Message::text("ok")).await.unwrap();
            serve_calls(socket).await;
        }
    });
    let text = format!(
        "[[setup]]\nexpect = 'hello ${{session}}'\n[[setup]]\nsend = 'login ${{session}}'\nexpect = 'ok'\n\
         {CALL}[[on]]\nmatch = 'ping ${{n}}'\nsend = 'pong ${{n}}'\n"
    );
    let recording = run(&planned(&server, &text, |plan| {
        plan.payload = size(150_000);
    }));
    let counts = &recording.record.counts;
    assert_eq!(
        (counts.sent, counts.received, counts.unexpected),
        (40, 40, 0)
    );
    assert!(!counts.any_failed(), "{counts:?}");
}

#[test]
fn heartbeats_go_on_while_a_message_waits() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        let mut beats = 0;
        let mut waiting = None;
        while let Some(text) = next_text(&mut socket).await {
            match text.strip_prefix("beat ") {
                Some(_) => beats += 1,
                None => waiting = Some(number_behind(&text, "call ")),
            }
            if beats >= 3
                && let Some(id) = waiting.take()
            {
                beats = 0;
                socket
                    .send(Message::text(format!("done {id}")))
                    .await
                    .unwrap();
            }
        }
    });
    let text = format!("[[every]]\ninterval = \"20ms\"\nsend = 'beat ${{id}}'\n{CALL}");
    let recording = run(&planned(&server, &text, |plan| plan.length = messages(3)));
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (12, 12, 0));
}

#[test]
fn the_goodbye_comes_before_the_close_frame() {
    let (sender, received) = mpsc::channel();
    let server = Server::start(move |_, stream| {
        let sender = sender.clone();
        async move {
            let mut socket = accept(stream).await;
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Text(text) if text.as_str() == "bye" => {
                        sender.send("bye".to_owned()).unwrap();
                        socket.send(Message::text("news")).await.unwrap();
                        socket.send(Message::text("farewell")).await.unwrap();
                    }
                    Message::Text(text) => {
                        let id = number_behind(&text, "call ");
                        socket
                            .send(Message::text(format!("done {id}")))
                            .await
                            .unwrap();
                    }
                    Message::Close(Some(frame)) => {
                        sender.send(u16::from(frame.code).to_string()).unwrap();
                    }
                    _ => {}
                }
            }
        }
    });
    let text = format!("{CALL}[close]\nsend = 'bye'\nexpect = 'farewell'\ncode = 4000\n");
    let recording = run(&planned(&server, &text, |plan| {
        plan.clients = NonZeroU32::MIN;
    }));
    assert_eq!(recording.record.counts.received, 10);
    assert_eq!(
        recording.context.connections.close_codes,
        [(4000, 1)].into()
    );
    assert_eq!(recording.context.connections.closed_early, 0);
    assert_eq!(received.try_iter().collect::<Vec<_>>(), ["bye", "4000"]);
}

#[test]
fn a_long_goodbye_does_not_displace_the_close_frame() {
    let server = Server::start(|_, stream| async move {
        serve_calls(accept(stream).await).await;
    });
    let text = format!("{CALL}[close]\nsend = 'call 0 {}'\n", "x".repeat(100_000));
    let recording = measured(&server, &text);
    let connections = &recording.context.connections;
    assert_eq!(connections.close_codes, [(1000, 4)].into());
    assert_eq!(recording.record.counts.received, 40);
}

#[test]
fn a_server_may_answer_a_goodbye_with_its_end() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        while let Some(text) = next_text(&mut socket).await {
            if text == "bye" {
                return;
            }
            let id = number_behind(&text, "call ");
            socket
                .send(Message::text(format!("done {id}")))
                .await
                .unwrap();
        }
    });
    let text = format!("{CALL}[close]\nsend = 'bye'\nexpect = 'farewell'\n");
    let recording = measured(&server, &text);
    let connections = &recording.context.connections;
    assert_eq!(connections.closed_early, 0, "{:?}", connections.early_ends);
    assert_eq!(connections.close_codes, [(1006, 4)].into());
    assert!(connections.close_reasons.is_empty());
}

#[test]
fn error_replies_are_timed_apart_and_parts_end_no_message() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, call| {
            let id = id(&call);
            let mut all = vec![Message::text(format!("working {id}")); n % 3];
            all.push(Message::text(if n % 5 == 4 {
                format!("no {id}")
            } else {
                format!("done {id}")
            }));
            all
        })
    });
    let plan = planned(&server, CALL, |plan| plan.load = closed(4));
    let run = swarm::run(&plan, &RunHandle::new(), RunSetup::default()).unwrap();
    let summary = run.summary.unwrap();
    let counts = &summary.messages;
    assert_eq!((counts.sent, counts.received, counts.lost), (40, 40, 0));
    assert_eq!(
        (counts.duplicated, counts.unexpected, counts.failed()),
        (0, 0, 8)
    );
    let own = counts.scenario.as_ref().unwrap();
    // 0, 1, 2, 0, 1, 2, 0, 1, 2, 0 parts.
    assert_eq!((own.error_reply, own.parts), (8, 36));
    assert_eq!(summary.service_time_ns.count, 32);
    assert_eq!(summary.error_time_ns.unwrap().count, 8);
    assert_eq!(summary.first_part_ns.unwrap().count, 24);
    let samples = run.samples.unwrap().rows;
    let refused = samples.iter().filter(|s| s.outcome == Outcome::ErrorReply);
    assert_eq!(refused.count(), 8);
    let with_parts = samples.iter().filter_map(|s| {
        let first_ns = s.first_part_ns?.get();
        assert!(first_ns <= s.service_time_ns().unwrap(), "{s:?}");
        Some(s.message)
    });
    assert_eq!(with_parts.filter(|n| n % 3 == 0).count(), 0);
    let with_parts = samples.iter().filter(|s| s.first_part_ns.is_some());
    assert_eq!(with_parts.count(), 24);
    let clients = run.clients.unwrap();
    assert!(clients.iter().all(|row| row.role == Some(0)));
}

#[test]
fn a_record_above_the_limit_ends_the_connection() {
    // Answers with a record of as many bytes as the limit, then with a longer one, in one frame or in two.
    let limit = 300;
    for is_cut in [false, true] {
        let server = Server::start(move |_, stream| async move {
            let mut socket = accept(stream).await;
            let mut length = limit;
            while let Some(text) = next_text(&mut socket).await {
                let answer = format!("done {} ", number_behind(&text, "call "));
                let answer = format!("{answer}{}", "x".repeat(length - answer.len()));
                let halves = answer.split_at(answer.len() / 2);
                let frames = match is_cut {
                    false => vec![Frame::message(answer, OpCode::Data(Data::Text), true)],
                    true => vec![
                        Frame::message(halves.0.to_owned(), OpCode::Data(Data::Text), false),
                        Frame::message(halves.1.to_owned(), OpCode::Data(Data::Continue), true),
                    ],
                };
                for frame in frames {
                    if socket.send(Message::Frame(frame)).await.is_err() {
                        return;
                    }
                }
                length = limit + 1;
            }
        });
        let file = "[[message]]\nsend = 'call ${id} ${pad}'\nreply = 'done ${id} ${*}'\n";
        let recording = run(&planned(&server, file, |plan| {
            plan.max_record_bytes = 300;
            plan.timeout = Duration::from_secs(5);
        }));
        let clients = recording.clients.len() as u64;
        let counts = &recording.record.counts;
        assert_eq!((counts.received, counts.lost), (clients, clients));
        let ends = &recording.context.connections.early_ends;
        let (why, count) = ends.iter().next().unwrap();
        assert!(why.contains("a record is longer than 300 bytes"), "{why}");
        assert_eq!(*count, clients);
    }
}

const MIX: &str = "
[[message]]
name = \"get\"
weight = 3
send = 'get ${id}'
reply = 'got ${id}'
[[message]]
name = \"put\"
send = 'put ${uid} ${pad}'
reply = 'stored ${uid}'
";

#[test]
fn a_mix_follows_weights_and_seed_and_is_counted_by_kind() {
    let serve = |_, stream: TcpStream| {
        answer(stream, |_, message| {
            let text = message.to_text().unwrap();
            let mut words = text.split(' ');
            let verb = words.next().unwrap();
            let key = words.next().unwrap();
            vec![Message::text(match verb {
                "get" => format!("got {key}"),
                _ => format!("stored {key}"),
            })]
        })
    };
    let server = Server::start(serve);
    let plan = planned(&server, MIX, |plan| {
        plan.load = closed(4);
        plan.length = messages(100);
    });
    let kinds = || {
        let run = swarm::run(&plan, &RunHandle::new(), RunSetup::default()).unwrap();
        let summary = run.summary.unwrap();
        assert_eq!(
            (summary.messages.received, summary.messages.failed()),
            (400, 0)
        );
        let timed: u64 = summary
            .kinds
            .values()
            .map(|kind| kind.service_time_ns.count)
            .sum();
        assert_eq!(timed, 400);
        let samples = run.samples.unwrap().rows;
        let gets = samples.iter().filter(|sample| sample.kind == 0).count() as u64;
        assert_eq!(gets, summary.kinds["get"].messages.sent);
        (summary.kinds["get"].messages, summary.kinds["put"].messages)
    };
    let (get, put) = kinds();
    assert_eq!(get.sent + put.sent, 400);
    assert_eq!((get.received, put.received), (get.sent, put.sent));
    assert!((260..340).contains(&get.sent), "3 of 4, not {}", get.sent);
    let again = kinds();
    assert_eq!(
        (get.sent, put.sent),
        (again.0.sent, again.1.sent),
        "the same seed"
    );
}

#[test]
fn path_headers_and_subprotocol_are_those_of_each_client() {
    let (sender, received) = mpsc::channel();
    let server = Server::start(move |_, stream: TcpStream| {
        let sender = sender.clone();
        async move {
            // The type of the library.
            #[allow(clippy::result_large_err)]
            let look = |request: &Request, mut response: Response| {
                let header = |name: &str| {
                    let value = request.headers().get(name).unwrap();
                    value.to_str().unwrap().to_owned()
                };
                let offered = header("sec-websocket-protocol");
                sender
                    .send((
                        request.uri().to_string(),
                        header("authorization"),
                        header("x-flag"),
                        header("origin"),
                        offered,
                    ))
                    .unwrap();
                let headers = response.headers_mut();
                headers.insert("sec-websocket-protocol", "calls.v1".parse().unwrap());
                Ok(response)
            };
            let socket = tokio_tungstenite::accept_hdr_async(stream, look)
                .await
                .unwrap();
            serve_calls(socket).await;
        }
    });
    let text = format!(
        "url = \"/calls/${{client:03}}?v=1\"\n\
         [handshake]\nheaders = {{ Authorization = \"Bearer t${{client}}\", X-Flag = \"scenario\" }}\n\
         subprotocols = [\"calls.v1\", \"calls.v2\"]\norigin = \"https://a.test\"\n{CALL}"
    );
    let url = format!("ws://{}", server.address);
    let plan = common::plan(&url, measurement::plan::CertificatePolicy::System, |plan| {
        plan.scenario = scenario(&text);
        plan.headers.insert("x-flag", "given".parse().unwrap());
    });
    assert_eq!(run(&plan).record.counts.received, 40);
    let mut seen: Vec<_> = received.try_iter().collect();
    seen.sort();
    let expected = |client: u32| {
        (
            format!("/calls/{client:03}?v=1"),
            format!("Bearer t{client}"),
            "given".to_owned(),
            "https://a.test".to_owned(),
            "calls.v1, calls.v2".to_owned(),
        )
    };
    assert_eq!(seen, (0..4).map(expected).collect::<Vec<_>>());
}

#[test]
fn an_open_loop_keeps_its_schedule_whatever_the_server_says() {
    let server = Server::start(|_, stream| async move {
        serve_calls(accept(stream).await).await;
    });
    let plan = planned(&server, CALL, |plan| {
        plan.load = Load::Open {
            profile: RateProfile::constant(Rate::new(2_000.0).unwrap()),
            arrivals: Arrivals::Constant,
            window: None,
        };
        plan.length = messages(50);
        plan.warmup = Duration::from_millis(50);
    });
    let recording = run(&plan);
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.unsent), (200, 200, 0));
    for sample in &recording.record.samples {
        assert!(sample.intended_ns <= sample.sent_ns);
        assert_eq!(
            sample.intended_ns % 500_000,
            0,
            "2,000 a second: {sample:?}"
        );
    }
    assert_eq!(recording.record.response().count(), 200);
}

#[test]
fn binary_records_are_sent_in_binary_frames() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, message| {
            assert!(message.is_binary());
            let bytes = message.into_data();
            vec![Message::binary([&[0xD0, 2], &bytes[1..3]].concat())]
        })
    });
    let text = "binary = true\n[[message]]\nsend = '${x:c0}${id:u16}${pad}'\nreply = '${x:d0 02}${id:u16}'\n";
    let recording = run(&planned(&server, text, |plan| plan.load = closed(8)));
    let counts = &recording.record.counts;
    assert_eq!(
        (counts.sent, counts.received, counts.unexpected),
        (40, 40, 0)
    );
    assert!(!counts.any_failed(), "{counts:?}");
}

#[test]
fn a_stop_ends_a_setup_that_waits() {
    let (sender, received) = mpsc::channel();
    let server = Server::start(move |_, stream| {
        let sender = sender.clone();
        answer(stream, move |_, _| {
            sender.send(()).unwrap();
            vec![]
        })
    });
    let text = format!("[[setup]]\nsend = 'login'\nexpect = 'ok'\nwithin = \"600s\"\n{CALL}");
    let plan = planned(&server, &text, |_| {});
    let handle = RunHandle::new();
    let stopper = handle.clone();
    let stopping = std::thread::spawn(move || {
        received.recv().unwrap();
        stopper.stop();
    });
    let recording = swarm::record(&plan, &handle).unwrap();
    stopping.join().unwrap();
    assert!(recording.context.interrupted);
    assert_eq!(recording.record.counts.sent, 0);
    assert_eq!(recording.context.setup.unwrap().ready, 0);
}
