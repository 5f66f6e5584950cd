//! Servers that make a generator count wrongly.

#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{
    Server, accept, accept_and_send, answer, closed, messages, number_behind, run, scenario, size,
};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::LoadDraft;
use measurement::record::Outcome;
use swarm::Recording;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

const BY_ID: &str = r#"
[[message]]
send = '{"id":${id},"text":"${pad}"}'
reply = { json = { "/id" = "${id}", "/text" = "${pad}" } }
error = { json = { "/id" = "${id}", "/error" = "${*}" } }
"#;

const BY_ORDER: &str = "
[[message]]
send = 'ask ${pad}'
reply = 'said ${*}'
";

const BY_CONTENT: &str = r#"
[[message]]
send = '{"say":"${uid}${pad}"}'
reply = '${*}${uid}${pad}${*}'
"#;

/// Ten messages of each of four clients, four in flight.
fn measured(server: &Server, text: &str) -> Recording {
    measured_as(server, text, |_| {})
}

fn measured_as(server: &Server, text: &str, change: impl FnOnce(&mut LoadDraft)) -> Recording {
    run(&server.plan(|plan| {
        plan.scenario = scenario(text);
        plan.load = closed(4);
        change(plan);
    }))
}

/// Counts of a run in which every message was answered correctly.
fn assert_all_right(recording: &Recording) {
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (40, 40, 0));
    assert!(!counts.any_failed(), "{counts:?}");
    assert_eq!(counts.unexpected, 0);
    assert_eq!(recording.record.service.count(), 40);
}

fn id(message: &Message) -> u64 {
    number_behind(message.to_text().unwrap(), "\"id\":")
}

fn pad(message: &Message) -> String {
    let text = message.to_text().unwrap();
    let (_, pad) = text.split_once("\"text\":\"").unwrap();
    pad.split('"').next().unwrap().to_owned()
}

/// The reply to a call of [`BY_ID`].
fn reply(call: &Message) -> String {
    format!("{{\"id\": {}, \"text\": \"{}\"}}", id(call), pad(call))
}

/// A frame from a server with this first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, u8::try_from(payload.len()).unwrap()];
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn ids_inside_text_name_no_message() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, call| {
            let (id, pad) = (id(&call), pad(&call));
            let text = format!(
                r#"{{"note":"{{\"id\":{},\"text\":\"{pad}\"}}","deep":{{"id":{}}},"text":"{pad}","id":{id}}}"#,
                id + 1,
                id + 2
            );
            vec![Message::text(text)]
        })
    });
    assert_all_right(&measured(&server, BY_ID));
}

#[test]
fn a_repeated_id_is_a_duplicate_and_no_second_reply() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, call| {
            let text = reply(&call);
            vec![Message::text(text.clone()), Message::text(text)]
        })
    });
    let counts = measured(&server, BY_ID).record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (40, 40, 0));
    assert_eq!((counts.corrupted, counts.unexpected), (Some(0), 0));
    // The last duplicate of a client may come behind its close frame.
    assert!((36..=40).contains(&counts.duplicated), "{counts:?}");
}

#[test]
fn fragments_and_control_frames_between_them_make_one_reply() {
    let server = Server::start(|_, stream| async move {
        let mut socket = accept(stream).await;
        while let Some(Ok(message)) = socket.next().await {
            if !message.is_text() {
                continue;
            }
            let text = reply(&message);
            let mut bytes = Vec::new();
            for (place, byte) in text.bytes().enumerate() {
                // Text without FIN, then continuations, the last one with FIN.
                let opcode = u8::from(place == 0);
                let fin = if place + 1 == text.len() { 0x80 } else { 0 };
                bytes.extend(frame(fin | opcode, &[byte]));
                bytes.extend(frame(0x89, b"are you there"));
                bytes.extend(frame(0, b""));
            }
            // The last empty continuation has no message.
            bytes.truncate(bytes.len() - 2);
            socket.get_mut().write_all(&bytes).await.unwrap();
        }
    });
    assert_all_right(&measured(&server, BY_ID));
}

#[test]
fn two_records_in_one_frame_and_one_over_two_frames() {
    let server = Server::start(|_, stream| {
        let mut kept = String::new();
        answer(stream, move |n, call| {
            kept += &reply(&call);
            kept.push('\u{1e}');
            // Every fourth answer brings what is left of the ones before, and some answers end within a record.
            let end = match n % 4 {
                0 => 0,
                1 => kept.len() - 7,
                2 => 3,
                _ => kept.len(),
            };
            let rest = kept.split_off(end);
            vec![Message::text(std::mem::replace(&mut kept, rest))]
        })
    });
    let text = r#"
records = { until = "\u001e" }
[[message]]
send = "{\"id\":${id},\"text\":\"${pad}\"}\u001e"
reply = "{\"id\": ${id}, \"text\": \"${pad}\"}\u001e"
"#;
    let recording = measured_as(&server, text, |plan| plan.length = messages(8));
    let counts = &recording.record.counts;
    assert_eq!(
        (counts.sent, counts.received, counts.lost),
        (32, 32, 0),
        "{counts:?}"
    );
    assert!(!counts.any_failed() && counts.unexpected == 0, "{counts:?}");
}

#[test]
fn replies_of_a_mebibyte_are_compared_to_the_last_byte() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, call| {
            let mut text = reply(&call);
            if n == 5 {
                let last = text.len() - 3;
                text.replace_range(last..=last, "!");
            }
            vec![Message::text(text)]
        })
    });
    let recording = measured_as(&server, BY_ID, |plan| {
        plan.payload = size(1 << 20);
        plan.size_is_wanted = true;
    });
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (40, 40, 0));
    assert_eq!(counts.corrupted, Some(4));
    assert_eq!(recording.record.in_time.payload_bytes, 36 << 20);
}

#[test]
fn invalid_json_is_unexpected_and_ends_no_message() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, call| {
            let text = reply(&call);
            let cut = text[..text.len() - 1].to_owned();
            let broken = text.replace("\"text\"", "text");
            vec![
                Message::text(cut),
                Message::text(broken),
                Message::text(text),
            ]
        })
    });
    let counts = measured(&server, BY_ID).record.counts;
    assert_eq!((counts.received, counts.lost), (40, 0));
    assert_eq!((counts.corrupted, counts.unexpected), (Some(0), 80));
}

#[test]
fn nul_bytes_are_bytes_like_others() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, call| {
            let text = format!("\0{}\0", call.to_text().unwrap());
            vec![Message::text("\0\0"), Message::text(text)]
        })
    });
    let text = "
[[message]]
send = \"\\u0000${id}\\u0000${pad}\"
reply = \"\\u0000\\u0000${id}\\u0000${pad}\\u0000\"
";
    let counts = measured(&server, text).record.counts;
    assert_eq!(
        (counts.received, counts.lost, counts.unexpected),
        (40, 0, 40)
    );
    assert_eq!((counts.corrupted, counts.duplicated), (Some(0), 0));
}

#[test]
fn a_pattern_that_matches_everything_is_matched_by_order() {
    let server =
        Server::start(|_, stream| answer(stream, |n, _| vec![Message::text(n.to_string())]));
    let text = "[[message]]\nsend = 'ask ${pad}'\nreply = '${*}'\n";
    let counts = measured(&server, text).record.counts;
    assert_eq!((counts.received, counts.lost), (40, 0));
    assert!(
        counts.matched_by_order > 0,
        "which one was answered is not known"
    );
    let one_by_one = measured_as(&server, text, |plan| plan.load = closed(1));
    assert_eq!(one_by_one.record.counts.matched_by_order, 0);
}

#[test]
fn an_id_decides_where_a_pattern_for_everything_stands_beside_it() {
    let server = Server::start(|_, stream| {
        let mut held: Option<Message> = None;
        answer(stream, move |_, call| match held.take() {
            // Pairs are answered in the wrong order.
            Some(before) => vec![Message::text(reply(&call)), Message::text(reply(&before))],
            None => {
                held = Some(call);
                vec![]
            }
        })
    });
    let text = format!("{BY_ID}[[on]]\nmatch = '${{*}}'\n");
    let counts = measured(&server, &text).record.counts;
    assert_eq!(
        (counts.received, counts.lost, counts.corrupted),
        (40, 0, Some(0))
    );
    assert_eq!((counts.reordered, counts.matched_by_order), (20, 0));
}

#[test]
fn a_reply_before_its_request_was_written_answers_nothing() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, call| {
            let next = id(&call) + 1;
            let early = format!("{{\"id\":{next},\"text\":\"{}\"}}", pad(&call));
            vec![Message::text(reply(&call)), Message::text(early)]
        })
    });
    let recording = measured_as(&server, BY_ID, |plan| {
        plan.load = closed(1);
        plan.clients = NonZeroU32::MIN;
    });
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (10, 10, 0));
    // An early reply that arrives together with the reply before it comes before its request. One that arrives later
    // has an id that waits, but another text.
    let early = counts.unexpected + counts.corrupted.unwrap() + counts.duplicated;
    assert!((9..=20).contains(&early), "{counts:?}");
    assert!(counts.unexpected > 0 || counts.corrupted.unwrap() > 0);
}

#[test]
fn replies_that_come_with_the_upgrade_answer_nothing() {
    let server = Server::start(|_, stream| async move {
        let mut frames = Vec::new();
        for id in 1..=20 {
            frames.extend(frame(
                0x81,
                format!("{{\"id\":{id},\"text\":\"x\"}}").as_bytes(),
            ));
        }
        let mut socket = accept_and_send(stream, &frames).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(Message::text(reply(&message))).await.unwrap();
            }
        }
    });
    assert_all_right(&measured(&server, BY_ID));
}

#[test]
fn ten_thousand_unknown_records_are_all_counted() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, call| {
            let junk = if n == 3 { 10_000 } else { 0 };
            let mut all: Vec<_> = (0..junk)
                .map(|n| Message::text(format!("{{\"id\":\"x{n}\"}}")))
                .collect();
            all.push(Message::text(reply(&call)));
            all
        })
    });
    let recording = measured_as(&server, BY_ID, |plan| plan.clients = NonZeroU32::MIN);
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (10, 10, 0));
    assert_eq!((counts.unexpected, counts.duplicated), (10_000, 0));
}

#[test]
fn content_decides_on_any_type_and_in_any_order() {
    let server = Server::start(|_, stream| {
        let mut held: Option<Message> = None;
        answer(stream, move |_, message| {
            let wrapped = |m: &Message| Message::binary(format!("\u{1}>{}<", m.to_text().unwrap()));
            match held.take() {
                Some(before) => vec![wrapped(&message), wrapped(&before)],
                None => {
                    held = Some(message);
                    vec![]
                }
            }
        })
    });
    let counts = measured(&server, BY_CONTENT).record.counts;
    assert_eq!(
        (counts.received, counts.lost, counts.corrupted),
        (40, 0, Some(0))
    );
    assert_eq!((counts.reordered, counts.matched_by_order), (20, 0));
}

#[test]
fn messages_of_other_clients_are_unexpected() {
    let (sender, _) = tokio::sync::broadcast::channel::<Message>(1024);
    let server = Server::start(move |_, stream: TcpStream| {
        let sender = sender.clone();
        async move {
            let mut received = sender.subscribe();
            let mut socket = accept(stream).await;
            loop {
                tokio::select! {
                    message = socket.next() => match message {
                        Some(Ok(message)) if message.is_text() => drop(sender.send(message)),
                        Some(Ok(_)) => {}
                        _ => return,
                    },
                    message = received.recv() => {
                        let _ = socket.send(message.unwrap()).await;
                    }
                }
            }
        }
    });
    let recording = measured_as(&server, BY_CONTENT, |plan| {
        plan.clients = NonZeroU32::new(2).unwrap();
    });
    let counts = &recording.record.counts;
    assert_eq!(
        (counts.sent, counts.received, counts.corrupted),
        (20, 20, Some(0))
    );
    assert!(
        counts.unexpected > 0 && counts.duplicated == 0,
        "{counts:?}"
    );
}

#[test]
fn a_late_reply_is_timed_out_and_a_missing_one_is_lost() {
    let timeout = Duration::from_secs(1);
    let server = Server::start(move |_, stream: TcpStream| async move {
        let mut socket = accept(stream).await;
        let mut late: Option<Message> = None;
        while let Some(Ok(message)) = socket.next().await {
            if !message.is_text() {
                continue;
            }
            match id(&message) {
                2 => continue,
                3 => late = Some(message),
                4 => {
                    // The client sent it after the timeout of the third one.
                    let late = late.take().unwrap();
                    socket.send(Message::text(reply(&late))).await.unwrap();
                    socket.send(Message::text(reply(&message))).await.unwrap();
                }
                _ => socket.send(Message::text(reply(&message))).await.unwrap(),
            }
        }
    });
    let recording = measured_as(&server, BY_ID, |plan| {
        plan.clients = NonZeroU32::MIN;
        plan.load = closed(1);
        plan.timeout = timeout;
    });
    let counts = &recording.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (10, 9, 1));
    assert!(
        counts.timed_out >= 1 && counts.duplicated == 0,
        "{counts:?}"
    );
    let outcome = |message| {
        let samples = &recording.record.samples;
        let sample = samples.iter().find(|sample| sample.message == message);
        sample.map(|sample| sample.outcome)
    };
    assert_eq!(outcome(1), Some(Outcome::Lost));
    assert_eq!(outcome(2), Some(Outcome::TimedOut));
}

#[test]
fn order_alone_moves_on_behind_an_answer() {
    let server = Server::start(|_, stream| {
        answer(stream, |n, message| {
            let text = message.to_text().unwrap().replacen("ask", "said", 1);
            match n {
                3 => vec![Message::text("noise"), Message::text(text)],
                _ => vec![Message::text(text)],
            }
        })
    });
    let counts = measured(&server, BY_ORDER).record.counts;
    assert_eq!(
        (counts.received, counts.lost, counts.unexpected),
        (40, 0, 4)
    );
}

#[test]
fn a_record_above_the_limit_ends_the_connection() {
    let server = Server::start(|_, stream| {
        answer(stream, |_, _| {
            vec![Message::text("x".repeat((16 << 20) + 1))]
        })
    });
    let recording = measured_as(&server, BY_ORDER, |plan| plan.clients = NonZeroU32::MIN);
    let connections = &recording.context.connections;
    assert_eq!(connections.close_codes, [(1009, 1)].into());
    let (reason, _) = connections.early_ends.iter().next().unwrap();
    assert!(
        reason.ends_with("a record is longer than 16777216 bytes"),
        "{reason}"
    );
}

#[test]
fn lines_of_nats_are_cut_from_frames_of_any_type_and_length() {
    let server = Server::start(|_, stream: TcpStream| async move {
        let mut socket = accept(stream).await;
        let info = Message::binary(&b"INFO {\"max_payload\":1048576}\r\n"[..]);
        socket.send(info).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            let Ok(text) = message.to_text() else {
                continue;
            };
            let mut lines = text.split("\r\n");
            let words: Vec<_> = lines.next().unwrap_or_default().split(' ').collect();
            match words[..] {
                ["SUB", ..] => socket
                    .send(Message::binary(&b"PONG\r\n"[..]))
                    .await
                    .unwrap(),
                ["PUB", "svc", inbox, length] => {
                    let body = lines.next().unwrap();
                    let all = format!("+OK\r\nMSG {inbox} 1 {length}\r\n{body}\r\nPING\r\n");
                    // Three frames that end within lines, and within the payload.
                    for part in all.as_bytes().chunks(all.len().div_ceil(3)) {
                        socket.send(Message::binary(part.to_vec())).await.unwrap();
                    }
                }
                _ => {}
            }
        }
    });
    let text = r#"
records = "nats"
[vars]
body = '{"PING":"${pad}"}'
[[setup]]
expect = "INFO ${*}"
[[setup]]
send = "SUB in.${client}.* 1\r\nPING\r\n"
expect = "PONG\r\n"
[[message]]
send = "PUB svc in.${client}.${id} ${len.body}\r\n${body}\r\n"
reply = "MSG in.${client}.${id} 1 ${*}\r\n${body}\r\n"
[[on]]
name = "ping"
match = "PING\r\n"
send = "PONG\r\n"
[[on]]
match = "+OK\r\n"
"#;
    let recording = measured(&server, text);
    assert_all_right(&recording);
    let rules = &recording.record.scenario.as_ref().unwrap().rules;
    // Those behind the last reply may come after the end.
    assert!((36..=40).contains(&rules[0]), "{rules:?}");
    assert_eq!(rules[1], 40);
}
