//! `--try`: every frame is shown with its meaning, and the exit code says whether all matched.

#![allow(clippy::unwrap_used)]

mod common;

use common::room_server::{Copies, RoomServer};
use common::talk_server::{TalkServer, chat, graphql, json_rpc, socket_io};
use common::{Bench, Server, stderr, stdout};
use test_support::relay_server::{RELAYED_CALLS, RelayServer};
use test_support::stub_server::{StubBehaviour, StubServer};
use tokio_tungstenite::tungstenite::Message;

const CHAT: &str = r#"
url = "/chat?room=1"
[handshake]
headers = { X-Client = "c${client}" }
[vars]
token = { secret = true }
[[setup]]
expect = { json = { "/type" = "hello" } }
[[setup]]
send = '{"type":"login","name":"user${client}","token":"${token}"}'
expect = { json = { "/type" = "welcome" } }
refuse = { json = { "/type" = "denied" } }
[[on]]
name = "ping"
match = { json = { "/type" = "ping" } }
send = '{"type":"pong"}'
[[on]]
name = "news"
match = { json = { "/type" = "news" } }
[[message]]
name = "say"
send = '{"type":"say","id":${id},"text":"${uid}"}'
reply = { json = { "/type" = "said", "/id" = "${id}", "/text" = "${uid}" } }
[[message]]
name = "who"
send = '{"type":"who","id":${id}}'
reply = { json = { "/type" = "users", "/id" = "${id}" } }
"#;

struct Tried {
    code: Option<i32>,
    text: String,
}

fn tried(bench: &Bench, words: &[&str]) -> Tried {
    let output = bench.command("--try").args(words).output().unwrap();
    Tried {
        code: output.status.code(),
        text: format!("{}{}", stdout(&output), stderr(&output)),
    }
}

/// The meanings of all frames, each with its direction, in order.
fn meanings(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let frames = lines.windows(2).filter_map(|pair| {
        let arrow = ["→", "←"].into_iter().find(|arrow| {
            let first = pair[0].split(arrow).next().unwrap_or_default();
            pair[0].contains(arrow) && first.starts_with("  ") && first.trim().ends_with('s')
        })?;
        let meaning = pair[1].trim().split(", after").next()?;
        Some(format!("{arrow} {meaning}"))
    });
    frames.collect()
}

#[test]
fn clients_that_only_listen_answer_while_the_others_are_tried() {
    let server = RelayServer::start(usize::MAX);
    let bench = Bench::new();
    std::fs::write(bench.path("relay.toml"), RELAYED_CALLS).unwrap();
    let words = ["--scenario", "relay.toml", &server.url];
    let tried = tried(&bench, &words);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
    let client = |role: &str| tried.text.find(&format!("role {role}, ws://")).unwrap();
    assert!(client("caller") < client("worker"), "{}", tried.text);
    let (caller, worker) = tried.text.split_at(client("worker"));
    assert!(meanings(caller).contains(&"← reply, recognised by ${uid}".to_owned()));
    let worker = meanings(worker);
    assert!(worker.contains(&"← [[on]] `work`".to_owned()), "{worker:?}");
    assert!(
        worker.contains(&"→ answer of [[on]]".to_owned()),
        "{worker:?}"
    );
}

#[test]
fn clients_whose_setups_wait_for_each_other_are_tried_at_the_same_time() {
    let server = RelayServer::start(usize::MAX);
    let bench = Bench::new();
    let setups = "
[[setup]]
role = 'worker'
expect = 'call ${*} hello'
[[setup]]
role = 'caller'
send = 'call ${client} hello'
";
    let file = RELAYED_CALLS.replace("[[on]]", &format!("{setups}[[on]]"));
    std::fs::write(bench.path("relay.toml"), file).unwrap();
    let tried = tried(&bench, &["--scenario", "relay.toml", &server.url]);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
}

#[test]
fn a_trial_in_which_no_client_sends_is_refused() {
    let bench = Bench::new();
    std::fs::write(bench.path("relay.toml"), RELAYED_CALLS).unwrap();
    let words = "--scenario relay.toml -c 3 --roles worker=3,caller=0 ws://127.0.0.1:9/";
    let tried = tried(&bench, &words.split(' ').collect::<Vec<_>>());
    assert_eq!(tried.code, Some(2), "{}", tried.text);
    assert!(
        tried.text.contains("no client has a role that sends"),
        "{}",
        tried.text
    );
}

/// A room in which every client sends and receives.
const ROOM: &str = "url = '/room/${room}'\n[[message]]\nsend = '${uid}'\ndeliver = '${uid}${*}'\n";

/// A publisher and a subscriber, who answers.
const PUBLISHED: &str = "url = '/room/${room}'
[[message]]
send = 'say ${uid}'
deliver = 'say ${uid} ${token}'
answer = 'got ${token}'
[[on]]
match = '${*}'
[roles.publisher]
count = 1
receives = false
[roles.subscriber]
sends = false
";

fn tried_in_room(copies: Copies, file: &str, words: &[&str]) -> Tried {
    let server = RoomServer::start(copies);
    let bench = Bench::new();
    std::fs::write(bench.path("room.toml"), file).unwrap();
    let words = [
        &["--scenario", "room.toml", "--timeout", "1s", &server.url],
        words,
    ]
    .concat();
    tried(&bench, &words)
}

#[test]
fn a_message_that_reaches_the_room_is_shown_by_every_receiver() {
    let tried = tried_in_room(|_, text| vec![text.to_owned()], ROOM, &[]);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
    let shown = |text: &str| tried.text.matches(text).count();
    assert_eq!(shown("delivery of message 0 of client 0, after"), 2);
    assert_eq!(shown("delivery of message 0 of client 1, after"), 2);
    assert_eq!(shown("all matched: 1 message, 2 deliveries"), 2);
}

#[test]
fn a_receiver_answers_a_delivery_with_what_it_has_read() {
    let copies: Copies = |_, text| vec![format!("{text} t7")];
    let tried = tried_in_room(copies, PUBLISHED, &[]);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
    let (publisher, subscriber) = tried.text.split_once("role subscriber").unwrap();
    assert!(
        publisher.contains("all matched: 1 message\n"),
        "{publisher}"
    );
    assert!(subscriber.contains("→ got t7"), "{subscriber}");
    assert!(
        meanings(subscriber).contains(&"→ answer to the delivery".to_owned()),
        "{subscriber}"
    );
    assert!(
        subscriber.contains("all matched: 1 delivery\n"),
        "{subscriber}"
    );
}

#[test]
fn a_message_that_a_receiver_did_not_get_is_named_with_it() {
    let copies: Copies = |is_sender, text| vec![text.to_owned(); usize::from(is_sender)];
    let tried = tried_in_room(copies, ROOM, &[]);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    for client in [0, 1] {
        let line = format!(
            "the message did not reach client {client} within 1.00 s: compare the records of client {client} with its `deliver`"
        );
        assert!(tried.text.contains(&line), "{}", tried.text);
    }
    assert!(!tried.text.contains("all matched"), "{}", tried.text);
}

#[test]
fn a_receiver_that_got_nothing_has_not_matched() {
    let copies: Copies = |is_sender, text| vec![text.to_owned(); usize::from(is_sender)];
    let tried = tried_in_room(copies, PUBLISHED, &[]);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    let (_, subscriber) = tried.text.split_once("role subscriber").unwrap();
    let line = "1 message of client 0 did not come: no record came at all";
    assert!(subscriber.contains(line), "{subscriber}");
    assert!(!tried.text.contains("all matched"), "{}", tried.text);
}

#[test]
fn a_sender_that_gets_its_own_message_although_it_should_not_is_reported() {
    let file = format!("{ROOM}to_sender = false\n");
    let tried = tried_in_room(|_, text| vec![text.to_owned()], &file, &[]);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    let stray = "delivery of message 0 of client 0, which should not come here";
    assert_eq!(tried.text.matches(stray).count(), 1, "{}", tried.text);
    assert!(
        tried
            .text
            .contains("delivery of message 0 of client 0, after")
    );
}

#[test]
fn deliveries_that_come_twice_or_changed_are_reported() {
    let twice: Copies = |_, text| vec![text.to_owned(), text.to_owned()];
    let tried = tried_in_room(twice, ROOM, &[]);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    assert!(
        tried.text.contains("of client 0, repeated"),
        "{}",
        tried.text
    );
    let changed: Copies = |_, text| vec![format!("{text}x")];
    let file = ROOM
        .replace("${uid}'", "${uid}${pad}'")
        .replace("${*}", "${pad}");
    let tried = tried_in_room(changed, &file, &[]);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    assert!(
        tried.text.contains("2 corrupted deliveries"),
        "{}",
        tried.text
    );
}

#[test]
fn a_queue_gives_its_message_to_one_receiver() {
    let file = format!("{ROOM}to = 'one'\n");
    let one: Copies = |is_sender, text| vec![text.to_owned(); usize::from(!is_sender)];
    let tried = tried_in_room(one, &file, &[]);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
    let tried = tried_in_room(|_, text| vec![text.to_owned()], &file, &[]);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    let tried = tried_in_room(|_, _| Vec::new(), &file, &[]);
    let line = "the message reached none of the clients 0, 1 within 1.00 s";
    assert!(tried.text.contains(line), "{}", tried.text);
}

#[test]
fn a_feed_is_tried_until_some_messages_have_come() {
    let file = "url = '/feed'\n[push]\nmatch = 'tick ${seq}'\n";
    let tried = tried_in_room(|_, _| Vec::new(), file, &[]);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
    assert!(tried.text.contains("push 0\n"), "{}", tried.text);
    assert!(
        tried.text.contains("all matched: 3 pushes"),
        "{}",
        tried.text
    );
    assert!(!tried.text.contains("push 3\n"), "{}", tried.text);
    let silent = file.replace("/feed", "/nothing");
    let tried = tried_in_room(|_, _| Vec::new(), &silent, &[]);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    let line = "nothing was pushed within 5.00 s: no record came at all";
    assert!(tried.text.contains(line), "{}", tried.text);
}

#[test]
fn a_trial_needs_no_rate_where_a_run_does() {
    let copies: Copies = |_, text| vec![format!("{text} t7")];
    let server = RoomServer::start(copies);
    let bench = Bench::new();
    std::fs::write(bench.path("room.toml"), PUBLISHED).unwrap();
    let output = bench
        .command("--scenario room.toml")
        .arg(&server.url)
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(
        text.contains("nothing tells a publisher when to go on: use --rate"),
        "{text}"
    );
}

#[test]
fn a_flood_of_other_records_is_counted_and_not_printed() {
    let server = StubServer::start(StubBehaviour {
        answer: Some(|_| Message::text("news")),
        ..StubBehaviour::default()
    });
    let bench = Bench::new();
    let file = "[[on]]\nmatch = 'news'\nsend = 'more'\n\
        [[message]]\nsend = '${uid}'\nreply = 'never ${uid}'\n";
    std::fs::write(bench.path("flood.toml"), file).unwrap();
    let url = server.url();
    let tried = tried(
        &bench,
        &["--scenario", "flood.toml", "--timeout", "2s", &url],
    );
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    assert_eq!(
        meanings(&tried.text)
            .iter()
            .filter(|m| m.contains("[[on]]"))
            .count(),
        500
    );
    assert!(
        tried.text.contains(" further frames not shown\n"),
        "{}",
        tried.text
    );
}

#[test]
fn every_frame_is_shown_with_its_meaning() {
    let server = TalkServer::start(chat);
    let bench = Bench::new();
    std::fs::write(bench.path("chat.toml"), CHAT).unwrap();
    let words = [
        "--scenario",
        "chat.toml",
        "--set",
        "token=s3cret",
        &server.url,
    ];
    let tried = tried(&bench, &words);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
    assert_eq!(
        meanings(&tried.text),
        [
            "← setup, step 1: the expected record",
            "→ setup, step 2: sent",
            "← setup, step 2: the expected record",
            "→ message `say`",
            "← [[on]] `ping`",
            "→ answer of [[on]]",
            "← [[on]] `news`",
            "← reply, recognised by ${uid}",
            "→ message `who`",
            "← reply, recognised by ${id}",
            "→ close frame, code 1000",
            "← close frame, code 1000",
        ],
        "{}",
        tried.text
    );
    assert!(
        tried.text.contains("all matched: 2 messages"),
        "{}",
        tried.text
    );
    assert!(!tried.text.contains("s3cret"), "{}", tried.text);
    assert!(tried.text.contains(r#""token":"***""#), "{}", tried.text);
    let [request] = &server.requests()[..] else {
        panic!("one client");
    };
    assert!(request.starts_with("/chat?room=1\n"), "{request}");
    assert!(request.contains("x-client: c0\n"), "{request}");
    assert!(server.received().contains(&r#"{"type":"pong"}"#.to_owned()));
    assert_eq!(bench.files(), ["chat.toml"], "no file is written");
}

#[test]
fn shipped_protocols_match() {
    let bench = Bench::new();
    let all_matched = |server: &TalkServer, words: &[&str]| {
        let tried = tried(&bench, &[&[&server.url[..]], words].concat());
        assert_eq!(tried.code, Some(0), "{words:?}: {}", tried.text);
        assert!(
            tried.text.contains("all matched: 1 message"),
            "{}",
            tried.text
        );
    };
    let server = TalkServer::start(json_rpc);
    all_matched(&server, &["--protocol", "json-rpc"]);
    all_matched(
        &server,
        &["--protocol", "rpc-websockets", "--set", "token=s3cret"],
    );
    let server = TalkServer::start(graphql);
    all_matched(&server, &["--protocol", "graphql-transport-ws"]);
    let [request] = &server.requests()[..] else {
        panic!("one client");
    };
    assert!(request.starts_with("/graphql\n"), "{request}");
    assert!(
        request.contains("sec-websocket-protocol: graphql-transport-ws"),
        "{request}"
    );
    let server = TalkServer::start(socket_io);
    all_matched(&server, &["--protocol", "socket.io"]);
    assert!(server.received().contains(&"41".to_owned()), "goodbye");
    // Without a URL, the embedded server echoes.
    let tried = tried(&bench, &["--protocol", "echo"]);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
}

#[test]
fn the_command_line_wins_over_the_handshake_of_the_file() {
    let server = TalkServer::start(chat);
    let bench = Bench::new();
    std::fs::write(bench.path("chat.toml"), CHAT).unwrap();
    let words = ["--scenario", "chat.toml", "--set", "token=s3cret"];
    let flags = [
        "--header",
        "X-Client: mine",
        "--subprotocol",
        "v2",
        "--origin",
        "https://a.test",
    ];
    // A single slash is a path.
    let url = format!("{}/", server.url);
    let tried = tried(&bench, &[&words[..], &flags, &[&url]].concat());
    assert_eq!(tried.code, Some(0), "{}", tried.text);
    let request = &server.requests()[0];
    assert!(request.starts_with("/\n"), "{request}");
    for line in [
        "x-client: mine",
        "sec-websocket-protocol: v2",
        "origin: https://a.test",
    ] {
        assert!(request.lines().any(|l| l == line), "{line}: {request}");
    }
    assert!(!request.contains("x-client: c0"), "{request}");
}

#[test]
fn a_refused_setup_is_exit_3_with_place_and_record() {
    let server = TalkServer::start(chat);
    let bench = Bench::new();
    std::fs::write(bench.path("chat.toml"), CHAT).unwrap();
    let words = [
        "--scenario",
        "chat.toml",
        "--set",
        "token=wrongpass",
        &server.url,
    ];
    let tried = tried(&bench, &words);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    assert!(
        tried
            .text
            .contains(r#"setup failed: chat.toml:11:10: refused: {"type":"denied","token":"***"}"#),
        "{}",
        tried.text
    );
    assert!(!tried.text.contains("wrongpass"), "{}", tried.text);
}

#[test]
fn what_does_not_match_is_exit_3_and_named() {
    let server = TalkServer::start(json_rpc);
    let bench = Bench::new();
    let said = |words: &[&str], expected: &str| {
        let tried = tried(&bench, &[&[&server.url[..]], words].concat());
        assert_eq!(tried.code, Some(3), "{}", tried.text);
        assert!(tried.text.contains(expected), "{expected}: {}", tried.text);
    };
    said(
        &["--protocol", "json-rpc", "--set", "method=fail"],
        "got an error reply",
    );
    let late = [
        "--protocol",
        "json-rpc",
        "--set",
        "method=late",
        "--timeout",
        "200ms",
    ];
    said(&late, "got no reply within 200 ms");
    let corrupted = [
        "--send",
        r#"{"method":"echo","params":"${uid}","id":${id},"pad":"${pad}"}"#,
        "--reply",
        r#"{"jsonrpc":"2.0","result":"${pad}","id":${id}}"#,
    ];
    said(&corrupted, "came back corrupted");
    let server = TalkServer::start(chat);
    let words = [
        "--send",
        r#"{"type":"who","id":${id}}"#,
        "--reply",
        r#"{"type":"users","id":${id},${*}"#,
    ];
    let tried = tried(&bench, &[&[&server.url[..]], &words[..]].concat());
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    assert!(tried.text.contains("1 unexpected record"), "{}", tried.text);
}

#[test]
fn nothing_connected_is_exit_1() {
    let bench = Bench::new();
    // Port 1 has no listener.
    let tried = tried(&bench, &["--protocol", "echo", "ws://127.0.0.1:1/"]);
    assert_eq!(tried.code, Some(1), "{}", tried.text);
    assert!(tried.text.contains("not connected: "), "{}", tried.text);
    assert!(
        tried.text.contains("is the server running?"),
        "{}",
        tried.text
    );
}

#[test]
fn a_trial_needs_no_rows_for_clients_that_it_does_not_connect() {
    let server = TalkServer::start(chat);
    let bench = Bench::new();
    std::fs::write(bench.path("chat.toml"), CHAT).unwrap();
    std::fs::write(bench.path("users.csv"), "token\ns3cret\n").unwrap();
    let words = [
        "--scenario",
        "chat.toml",
        "--set",
        "token=${users.token}",
        "--data",
        "users=users.csv",
        &server.url,
    ];
    let tried = tried(&bench, &words);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
}

/// Tries a scenario at the chat, and checks that an explanation is there.
fn explained(file: &str, expected: &str) {
    let server = TalkServer::start(chat);
    let bench = Bench::new();
    std::fs::write(bench.path("s.toml"), file).unwrap();
    let words = ["--scenario", "s.toml", "--timeout", "200ms", &server.url];
    let tried = tried(&bench, &words);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    assert!(tried.text.contains(expected), "{expected}: {}", tried.text);
}

#[test]
fn a_json_pattern_that_nearly_matches_names_the_value_that_differs() {
    let who = |send: &str, reply: &str| {
        format!(
            "[[setup]]\nexpect = {{ json = {{ \"/type\" = \"hello\" }} }}\n\
             [[message]]\nname = \"who\"\nsend = '{{\"type\":\"who\",\"id\":{send}}}'\n\
             reply = {{ json = {{ {reply} }} }}\n"
        )
    };
    let nearest = "unexpected: no pattern matches; nearest is `reply` of the message `who`, but ";
    for (send, reply, wrong) in [
        (
            "${id}",
            r#""/type" = "users", "/id" = "${id}", "/user" = "${*}""#,
            "/user is missing",
        ),
        (
            "${id}",
            r#""/type" = "user", "/id" = "${id}", "/user" = "${*}""#,
            "/type is “users”, not “user”",
        ),
        // A single value that differs.
        ("${id}", r#""/nr" = "${id}""#, "/nr is missing"),
        (
            "9${id}",
            r#""/type" = "users", "/id" = "${id}""#,
            "/id is “91”, and no message with it waits",
        ),
    ] {
        explained(&who(send, reply), &format!("{nearest}{wrong}"));
    }
    let pad = r#"${id},"pad":"${pad}""#;
    explained(
        &who(pad, r#""/id" = "${id}", "/users/0" = "${pad}""#),
        "reply, recognised by ${id}, but /users/0 is “anna”, not “${pad}”: corrupted",
    );
    // Nothing of it matches.
    explained(
        &who("${id}", r#""/kind" = "users", "/nr" = "${id}""#),
        "unexpected: no pattern matches\n",
    );
}

#[test]
fn a_skipped_record_of_the_setup_names_the_value_that_differs_without_secrets() {
    let file = "[vars]\ntoken = { value = 'wrongpass', secret = true }\n\
        [[setup]]\nsend = '{\"type\":\"login\",\"token\":\"${token}\"}'\nwithin = \"200ms\"\n\
        expect = { json = { \"/type\" = \"denied\", \"/token\" = \"other\" } }\n\
        [[message]]\nsend = '${id}'\nreply = '${id}'\n";
    explained(
        file,
        "skipped: nothing waits for it; nearest is `expect` of this step, but /token is “***”, not “other”",
    );
    // The greeting has none of the values.
    explained(file, "skipped: nothing waits for it\n");
}

#[test]
fn a_refusal_in_a_binary_frame_is_shown_like_every_other_binary_record() {
    // CONNACK of MQTT with code 5, and a byte that is no text.
    let server = Server::start(|_, _| Some(Message::binary(b" \x02\x00\x05\xff".to_vec())));
    let bench = Bench::new();
    let file = "binary = true\n[[setup]]\nsend = 'login'\nexpect = '${x:20 02}${*}${x:00}'\n\
        refuse = '${x:20 02}${*}'\n[[message]]\nsend = '${id}'\nreply = '${id}'\n";
    std::fs::write(bench.path("s.toml"), file).unwrap();
    let shown = r" \u{2}\u{0}\u{5}\xff";
    let failure = format!("setup failed: s.toml:4:10: refused: {shown}");
    let tried = tried(&bench, &["--scenario", "s.toml", &server.url]);
    assert_eq!(tried.code, Some(3), "{}", tried.text);
    assert!(
        tried.text.contains(&format!("← {shown}\n")),
        "{}",
        tried.text
    );
    assert!(tried.text.contains(&failure), "{}", tried.text);
    let output = bench.run(&format!(
        "--scenario s.toml -c 1 -m 1 -q --no-output {}",
        server.url
    ));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains(&failure), "{}", stderr(&output));
}

#[test]
fn a_record_in_a_frame_above_16_mib_is_read_up_to_the_limit_of_the_flag() {
    let server = Server::start(|_, _| Some(Message::text("x".repeat(17 << 20))));
    let bench = Bench::new();
    let call = ["--send", "${id}", "--reply", "xx${*}", &server.url];
    let tried_with = |flags: &[&str]| tried(&bench, &[&call[..], flags].concat());
    let large = tried_with(&["--max-record", "17MiB"]);
    assert_eq!(large.code, Some(0), "{}", large.text);
    let default = tried_with(&[]);
    assert_eq!(default.code, Some(3), "{}", default.text);
    let why = "a record is longer than 16777216 bytes";
    assert!(default.text.contains(why), "{}", default.text);
}

#[test]
fn an_explanation_leaves_the_texts_for_the_answer_of_a_rule() {
    let server = TalkServer::start(|_, message| match message {
        None => Vec::new(),
        Some(call) if call.starts_with("pong") => vec![format!("done {}", &call[5..])],
        Some(_) => vec![r#"{"ping":"p7"}"#.to_owned()],
    });
    let bench = Bench::new();
    let file = "[[on]]\nmatch = { json = { \"/ping\" = \"${n}\" } }\nsend = 'pong ${n}'\n\
        [[message]]\nsend = 'call'\nreply = 'done p7'\n";
    std::fs::write(bench.path("s.toml"), file).unwrap();
    let tried = tried(&bench, &["--scenario", "s.toml", &server.url]);
    assert_eq!(tried.code, Some(0), "{}", tried.text);
    assert_eq!(server.received(), ["call", "pong p7"]);
}
