//! Reports about servers that send messages of their own, or wrong echoes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::Bench;
use serde_json::{Value, json};
use test_support::stub_server::{StubBehaviour, StubServer};
use tokio_tungstenite::tungstenite::Message;

/// Acknowledges a message without echoing it.
fn acknowledge(_: Message) -> Message {
    Message::text("ack")
}

#[test]
fn a_greeting_is_taken_for_no_echo() {
    for kind in ["--text", "--binary"] {
        let server = StubServer::start(StubBehaviour {
            greeting: Some("hello"),
            ..StubBehaviour::default()
        });
        let run = Bench::new().report(&format!("{} -c 4 -m 50 {kind}", server.url()));
        assert_eq!(run.code, Some(0), "{kind}: {}", run.text);
        assert!(
            run.text
                .contains("200 sent · 200 echoed · 0 lost · 0 corrupted · 0 late · 4 unexpected"),
            "{}",
            run.text
        );
        let keys = ["received", "corrupted", "duplicated", "unexpected"];
        let truth = [Some(200), Some(0), Some(0), Some(4)];
        assert_eq!(run.counts(keys), truth, "{kind}");
        assert_eq!(run.value("/service_time_ns/count"), 200);
        assert_eq!((server.counts().messages, server.counts().pushed), (200, 4));
    }
}

#[test]
fn a_push_takes_no_echos_place_and_is_counted() {
    let pushes: [fn(usize) -> Message; 3] = [
        |_| Message::text("tick"),
        |n| Message::binary(vec![0; n]),
        // A message with the length of an echo.
        |_| Message::text("x".repeat(125)),
    ];
    for (push, kind) in pushes
        .into_iter()
        .flat_map(|push| [(push, "--text"), (push, "--binary")])
    {
        let server = StubServer::start(StubBehaviour {
            push: Some(push),
            hold: Duration::from_millis(10),
            ..StubBehaviour::default()
        });
        let line = format!(
            "{} -c 4 -m 20 {kind} --fail-if service.min<10ms",
            server.url()
        );
        let run = Bench::new().report(&line);
        assert_eq!(run.code, Some(0), "{kind}: {}", run.text);
        let keys = ["sent", "received", "corrupted", "duplicated", "unexpected"];
        let truth = [Some(80), Some(80), Some(0), Some(0), Some(80)];
        assert_eq!(run.counts(keys), truth, "{kind}");
        assert_eq!((server.counts().messages, server.counts().pushed), (80, 80));
        for wanted in [
            "80 echoed · 0 lost · 0 corrupted · 0 late · 80 unexpected",
            "80 messages from the server are not echoes: it sends messages of its own",
        ] {
            assert!(run.text.contains(wanted), "{wanted}: {}", run.text);
        }
    }
}

#[test]
fn a_server_that_never_echoes_ends_the_run_at_the_first_timeout() {
    let server = StubServer::start(StubBehaviour {
        answer: Some(acknowledge),
        ..StubBehaviour::default()
    });
    let line = format!("{} -c 2 -d 10m --timeout 300ms", server.url());
    let run = Bench::new().report(&line);
    assert_eq!(run.code, Some(5), "{}", run.text);
    for wanted in [
        "so no echo was recognized",
        "came back with 3 bytes in place of 125; the first begins “ack”",
    ] {
        assert!(run.text.contains(wanted), "{wanted}: {}", run.text);
    }
    assert_eq!(run.value("/validity/verdict"), "invalid");
    assert_eq!(run.value("/service_time_ns/count"), 0);
    let difference = run.value("/messages/differences/0");
    assert_eq!(difference["what"], "length");
    assert_eq!(difference["came"], 3);
    assert_eq!(difference["begins"], "ack");
}

#[test]
fn unverified_echoes_are_said_to_be_matched_by_order() {
    let server = StubServer::start(StubBehaviour {
        answer: Some(acknowledge),
        ..StubBehaviour::default()
    });
    let run = Bench::new().report(&format!("{} -c 4 -m 50 --verify off", server.url()));
    assert_eq!(run.code, Some(0), "{}", run.text);
    for wanted in [
        "200 echoed · 0 lost · corrupted not checked",
        "echoes were matched by order, and their content was not checked",
    ] {
        assert!(run.text.contains(wanted), "{wanted}: {}", run.text);
    }
    assert_eq!(run.value("/messages/corrupted"), &Value::Null);
    let keys = ["received", "matched_by_order"];
    assert_eq!(run.counts(keys), [Some(200), Some(200)]);
    assert_eq!(run.value("/validity/verdict"), "suspect");
}

#[test]
fn unverified_echoes_sent_twice_leave_counts_that_add_up() {
    let server = StubServer::start(StubBehaviour {
        twice: true,
        ..StubBehaviour::default()
    });
    let run = Bench::new().report(&format!("{} -c 4 -m 10 --verify off", server.url()));
    assert_eq!(run.code, Some(0), "{}", run.text);
    let keys = ["sent", "received", "lost", "duplicated", "reordered"];
    let truth = [Some(40), Some(40), Some(0), Some(0), Some(0)];
    assert_eq!(run.counts(keys), truth, "{}", run.text);
    assert!(
        !run.text.contains("it sends messages of its own"),
        "{}",
        run.text
    );
    assert!(!run.text.contains("16 bytes"), "{}", run.text);
    let [unexpected, ambiguous] = run.counts(["unexpected", "ambiguous"]);
    assert_eq!(unexpected, ambiguous);
}

#[test]
fn short_echoes_sent_twice_are_duplicated_or_said_to_be_unclear() {
    for (size, duplicated) in [(1, false), (8, true), (125, true)] {
        let server = StubServer::start(StubBehaviour {
            twice: true,
            ..StubBehaviour::default()
        });
        let line = format!("{} -c 4 -m 50 -s {size}", server.url());
        let run = Bench::new().report(&line);
        assert_eq!(
            run.code,
            Some(if duplicated { 3 } else { 0 }),
            "{}",
            run.text
        );
        assert_eq!(run.counts(["received", "lost"]), [Some(200), Some(0)]);
        assert_eq!(run.counts(["duplicated"]) > [Some(0)], duplicated, "{size}");
        let unclear = "second echoes, or messages of its own";
        assert_eq!(run.text.contains(unclear), !duplicated, "{}", run.text);
        assert!(
            !run.text.contains("it sends messages of its own"),
            "{}",
            run.text
        );
    }
}

#[test]
fn messages_of_the_right_length_by_accident_are_no_echoes() {
    let server = StubServer::start(StubBehaviour {
        answer: Some(|message| Message::text("x".repeat(message.len()))),
        ..StubBehaviour::default()
    });
    let line = format!(
        "{} -c 4 -m 50 --timeout 300ms --verify length",
        server.url()
    );
    let run = Bench::new().report(&line);
    assert_eq!(run.code, Some(5), "{}", run.text);
    assert!(
        run.text.contains("so no echo was recognized"),
        "{}",
        run.text
    );
    assert!(!run.text.contains("16 bytes"), "{}", run.text);
    assert_eq!(run.counts(["matched_by_order"]), [Some(0)]);
    assert_eq!(run.value("/service_time_ns/count"), 0);
}

#[test]
fn wrong_echoes_are_counted_by_how_they_differ() {
    type Answer = fn(Message) -> Message;
    let cases: [(Answer, &str, Value); 3] = [
        (
            |message| Message::binary(message.into_data()),
            "200 echoes came back as binary; text was sent",
            json!({"what": "type", "sent": "text", "came": "binary"}),
        ),
        (
            |message| Message::text(format!("you said: {}", message.to_text().unwrap())),
            "200 echoes came back with 135 bytes in place of 125; the first begins “you said: 0",
            json!({"what": "length", "sent": 125, "came": 135}),
        ),
        (
            |message| Message::text(message.to_text().unwrap().to_uppercase()),
            "200 echoes came back with other bytes; the first differs in byte",
            json!({"what": "bytes"}),
        ),
    ];
    for (answer, words, kind) in cases {
        let server = StubServer::start(StubBehaviour {
            answer: Some(answer),
            ..StubBehaviour::default()
        });
        let run = Bench::new().report(&format!("{} -c 4 -m 50", server.url()));
        assert_eq!(run.code, Some(5), "{}", run.text);
        assert!(run.text.contains(words), "{words}: {}", run.text);
        let is_type = kind["what"] == "type";
        // A server that swaps the types would be answered with the other type for ever.
        let swaps = "the server swaps the types: use `--verify off`";
        assert_eq!(run.text.contains(swaps), is_type, "{}", run.text);
        assert_eq!(run.text.contains("use `--binary`"), is_type, "{}", run.text);
        let keys = ["received", "corrupted", "lost"];
        assert_eq!(run.counts(keys), [Some(200), Some(200), Some(0)], "{words}");
        let differences = run.value("/messages/differences").as_array().unwrap();
        assert_eq!(differences.len(), 1, "{differences:?}");
        assert_eq!(differences[0]["count"], 200);
        for (key, value) in kind.as_object().unwrap() {
            assert_eq!(&differences[0][key], value, "{key}");
        }
    }
}

#[test]
fn echoes_of_the_type_that_was_sent_are_right() {
    let server = StubServer::start(StubBehaviour {
        answer: Some(|message| Message::binary(message.into_data())),
        ..StubBehaviour::default()
    });
    let run = Bench::new().report(&format!("{} -c 4 -m 50 --binary", server.url()));
    assert_eq!(run.code, Some(0), "{}", run.text);
    assert_eq!(run.counts(["received", "corrupted"]), [Some(200), Some(0)]);
    assert_eq!(run.value("/messages/differences"), &json!([]));
}

#[test]
fn payloads_too_short_to_be_told_apart_are_said_to_be_matched_by_order() {
    let server = StubServer::start(StubBehaviour::default());
    let cause = "matched by order, because payloads below 16 bytes repeat within the window";
    for (load, by_order) in [
        ("-s 1 -w 32", true),
        ("-s 15 -w 32", false),
        ("-s 1", false),
    ] {
        let run = Bench::new().report(&format!("{} -c 4 -m 100 {load}", server.url()));
        assert_eq!(run.code, Some(0), "{load}: {}", run.text);
        let [received, corrupted, matched] =
            run.counts(["received", "corrupted", "matched_by_order"]);
        assert_eq!((received, corrupted), (Some(400), Some(0)), "{load}");
        assert_eq!(matched > Some(0), by_order, "{load}: {matched:?}");
        assert_eq!(run.text.contains(cause), by_order, "{load}: {}", run.text);
    }
}
