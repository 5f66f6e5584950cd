//! Runs with a scenario: figures in every output, handshakes, failures, secrets.

#![allow(clippy::unwrap_used)]

mod common;

use common::talk_server::{Talk, TalkServer, chat, graphql, json_rpc, socket_io};
use common::{Bench, file_content, stderr, stdout};
use serde_json::{Value, json};

const CHAT: &str = r#"
about = "chat"
url = "/chat?room=${client}"
[handshake]
headers = { X-User = "${users.name}" }
subprotocols = ["chat"]
[vars]
token = { secret = true }
[[setup]]
expect = { json = { "/type" = "hello" } }
[[setup]]
send = '{"type":"login","name":"${users.name}","token":"${token}"}'
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
weight = 3
send = '{"type":"say","id":${id},"text":"${uid}"}'
reply = { json = { "/type" = "said", "/id" = "${id}", "/text" = "${uid}" } }
[[message]]
name = "who"
send = '{"type":"who","id":${id}}'
reply = { json = { "/type" = "users", "/id" = "${id}" } }
"#;

/// A folder with the scenario of the chat and its users.
fn chat_bench() -> Bench {
    let bench = Bench::new();
    std::fs::write(bench.path("chat.toml"), CHAT).unwrap();
    let rows = (0..4).map(|n| format!("us3rname{n}\n")).collect::<String>();
    std::fs::write(bench.path("users.csv"), format!("name\n{rows}")).unwrap();
    bench
}

const LOGIN: &str = "--scenario chat.toml --data users=users.csv --set token=s3cret";

#[test]
fn a_chat_is_measured_with_all_its_figures() {
    let server = TalkServer::start(chat);
    let bench = chat_bench();
    let report = bench.report(&format!("{} {LOGIN} -c 4 -m 50 --seed 3", server.url));
    assert_eq!(report.code, Some(0), "{}", report.text);
    assert_eq!(
        report.counts(["sent", "received", "lost"]),
        [Some(200), Some(200), Some(0)]
    );
    assert_eq!(
        report.counts(["error_reply", "unexpected"]),
        [Some(0), Some(0)]
    );
    assert_eq!(report.value("/setup/ready"), 4);
    assert_eq!(report.value("/scenario/name"), "chat");
    assert_eq!(report.value("/scenario/roles"), &json!({"client": 4}));
    assert_eq!(report.value("/scenario/vars"), &json!({"token": null}));
    assert_eq!(report.value("/scenario/sha256").as_str().unwrap().len(), 64);
    assert_eq!(report.value("/ready_ns/count"), 4);
    let kind = |name: &str| {
        report
            .value(&format!("/kinds/{name}/messages/sent"))
            .as_u64()
            .unwrap()
    };
    assert_eq!(kind("say") + kind("who"), 200);
    assert!(kind("say") > kind("who") && kind("who") > 0);
    assert!(
        report.text.contains("200 sent · 200 answered · 0 lost"),
        "{}",
        report.text
    );
    assert!(
        report
            .text
            .contains("· scenario chat · closed loop · 4 clients × 50 messages ·"),
        "{}",
        report.text
    );
    assert!(report.text.contains("ready 4 of 4"), "{}", report.text);
    assert!(report.text.contains("say: "), "{}", report.text);
    let requests = server.requests();
    for client in 0..4 {
        let is_it = |request: &&String| {
            request.starts_with(&format!("/chat?room={client}\n"))
                && request.contains(&format!("x-user: us3rname{client}\n"))
                && request.contains("sec-websocket-protocol: chat\n")
        };
        assert_eq!(requests.iter().filter(is_it).count(), 1, "{requests:?}");
    }
}

#[test]
fn flags_win_over_the_handshake_of_the_scenario() {
    let server = TalkServer::start(chat);
    let bench = chat_bench();
    let flags = "--header X-User:mine --subprotocol v2 --origin o";
    let report = bench.report(&format!("{}/ {LOGIN} -c 1 -m 5 {flags}", server.url));
    assert_eq!(report.code, Some(0), "{}", report.text);
    let request = &server.requests()[0];
    assert!(
        request.starts_with("/\n"),
        "a single / is a path: {request}"
    );
    for line in ["x-user: mine", "sec-websocket-protocol: v2", "origin: o"] {
        assert!(
            request.lines().any(|found| found == line),
            "{line}: {request}"
        );
    }
    assert!(!request.contains("us3rname"), "{request}");
}

#[test]
fn one_liners_measure_like_a_file() {
    let server = TalkServer::start(chat);
    let bench = Bench::new();
    let output = bench
        .command("-c 2 -m 20 --warmup 0s -q --json --no-output")
        .args(["--wait-for", r#"{"type":"hello"${*}"#])
        .args(["--first", r#"{"type":"login","token":"s3cret"}"#])
        .args(["--wait-for", r#"{"type":"welcome"${*}"#])
        .args(["--on", r#"{"type":"ping"} => {"type":"pong"}"#])
        .args(["--ignore", r#"{"type":"news"${*}"#])
        .args(["--send", r#"{"type":"say","id":${id},"text":"${pad}"}"#])
        .args(["--reply", r#"{"type":"said","id":${id},"text":"${pad}"}"#])
        .args(["-s", "200", &server.url])
        .output()
        .unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{json} {}", stderr(&output));
    assert_eq!(json["messages"]["received"], 40);
    assert_eq!(json["messages"]["unexpected"], 0);
    let sent = server.received();
    let says: Vec<_> = sent.iter().filter(|text| text.contains("say")).collect();
    assert_eq!(says.len(), 40);
    assert!(says.iter().all(|text| text.len() == 200));
    assert_eq!(sent.iter().filter(|text| text.contains("pong")).count(), 2);
}

#[test]
fn shipped_protocols_are_measured() {
    let bench = Bench::new();
    let measured = |server: &TalkServer, flags: &str| {
        let report = bench.report(&format!("{} {flags} -c 3 -m 30", server.url));
        assert_eq!(report.code, Some(0), "{flags}: {}", report.text);
        assert_eq!(
            report.counts(["received", "unexpected"]),
            [Some(90), Some(0)],
            "{flags}"
        );
    };
    let server = TalkServer::start(json_rpc);
    measured(&server, "--protocol json-rpc --window 8");
    measured(&server, "--protocol rpc-websockets --set token=s3cret");
    measured(
        &TalkServer::start(graphql),
        "--protocol graphql-transport-ws",
    );
    measured(
        &TalkServer::start(socket_io),
        "--protocol socket.io --window 4",
    );
    let report = bench.report("--protocol echo -c 3 -m 30");
    assert_eq!(report.code, Some(0), "{}", report.text);
    assert_eq!(report.counts(["received"]), [Some(90)]);
}

#[test]
fn error_replies_are_counted_timed_apart_and_exit_3() {
    let server = TalkServer::start(json_rpc);
    let bench = Bench::new();
    let flags =
        "--protocol json-rpc --set method=fail -c 2 -m 10 --fail-if error_reply>0 --fail-if lost>0";
    let report = bench.report(&format!("{} {flags}", server.url));
    assert_eq!(
        report.counts(["error_reply", "received"]),
        [Some(20), Some(20)]
    );
    assert_eq!(report.value("/error_time_ns/count"), 20);
    assert_eq!(
        report.value("/service_time_ns/count"),
        0,
        "a refusal is not a fast reply"
    );
    assert!(report.text.contains("20 error replies"), "{}", report.text);
    assert!(
        report
            .text
            .contains("FAILED --fail-if, held: error_reply>0"),
        "{}",
        report.text
    );
    assert!(
        report.text.contains("did not hold: lost>0"),
        "{}",
        report.text
    );
    assert!(matches!(report.code, Some(3 | 5)), "{:?}", report.code);
    let reasons = report.value("/validity/reasons").to_string();
    assert!(
        reasons.contains("the server answered every message of the measured phase with an error"),
        "{reasons}"
    );
    assert!(
        reasons.contains("the server answered 20 of 20 messages with an error reply (limit 0)"),
        "{reasons}"
    );
}

#[test]
fn records_that_no_pattern_knows_make_a_run_suspect() {
    let server = TalkServer::start(chat);
    let bench = chat_bench();
    let chat = CHAT.replace("\"news\"", "\"olds\"");
    std::fs::write(bench.path("chat.toml"), chat).unwrap();
    let report = bench.report(&format!("{} {LOGIN} -c 4 -m 50", server.url));
    let unexpected = report.value("/messages/unexpected").as_u64().unwrap();
    assert!(unexpected > 2, "the server sends news");
    let reasons = report.value("/validity/reasons").to_string();
    let all = 200 + unexpected;
    let expected = format!("{unexpected} of {all} records matched no pattern of the scenario");
    assert!(reasons.contains(&expected), "{reasons}");
    assert_ne!(report.value("/validity/verdict"), "valid");
}

#[test]
fn a_record_above_the_limit_of_the_flag_ends_the_run() {
    let server = TalkServer::start(json_rpc);
    let bench = Bench::new();
    let call = format!("{} --protocol json-rpc -c 1 -m 3", server.url);
    let report = bench.report(&format!("{call} --max-record 1KiB"));
    assert_eq!(report.code, Some(0), "{}", report.text);
    let report = bench.report(&format!("{call} --max-record 8"));
    assert!(matches!(report.code, Some(3 | 5)), "{}", report.text);
    let why = "a record is longer than 8 bytes";
    assert!(report.text.contains(why), "{}", report.text);
    let output = bench.run(&format!("{call} --max-record 8 --try"));
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    assert!(stdout(&output).contains(why), "{}", stdout(&output));
    for (flags, expected) in [
        ("--max-record 1KiB", "--max-record adds to a scenario"),
        ("--protocol echo --max-record 0", "the size of a record"),
    ] {
        let output = bench.run(&format!("{} {flags} -c 1 -m 1", server.url));
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

/// A server that lets only the first client in.
fn first_only(talk: &mut Talk, message: Option<&str>) -> Vec<String> {
    use std::sync::atomic::{AtomicBool, Ordering};
    static TAKEN: AtomicBool = AtomicBool::new(false);
    match message {
        None => {
            talk.logged_in = !TAKEN.swap(true, Ordering::Relaxed);
            Vec::new()
        }
        Some("login") if talk.logged_in => vec!["ok".to_owned()],
        Some("login") => vec!["no pl4nted".to_owned()],
        Some(text) => vec![text.to_owned()],
    }
}

#[test]
fn failures_of_the_setup_are_grouped_with_place_and_record() {
    let server = TalkServer::start(first_only);
    let bench = Bench::new();
    std::fs::write(
        bench.path("s.toml"),
        "[vars]\nword = { secret = true }\n[[setup]]\nsend = 'login'\nexpect = 'ok'\nrefuse = 'no ${*}'\n\
         [[message]]\nsend = '${uid} ${word}'\nreply = '${message}'\n",
    )
    .unwrap();
    let flags = "--scenario s.toml --set word=pl4nted -c 3 -m 5";
    let report = bench.report(&format!("{} {flags}", server.url));
    assert!(
        report
            .text
            .contains("setup failed, 2 of 3 clients: s.toml:5:10: refused: no ***"),
        "{}",
        report.text
    );
    assert_eq!(report.value("/setup/failed"), 2);
    assert_eq!(report.value("/setup/failures/0/count"), 2);
    assert_eq!(report.value("/setup/failures/0/place"), "s.toml:5:10");
    assert!(
        !report.json.to_string().contains("pl4nted"),
        "{}",
        report.json
    );
    // No client is ready any more.
    let output = bench.run(&format!(
        "{} {flags} --warmup 0s -q --no-output",
        server.url
    ));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("setup failed") && text.contains("s.toml:5:10: refused: no ***"),
        "{text}"
    );
    assert!(text.contains("--try"), "{text}");
}

const SECRET: &str = "pl4nted";

#[test]
fn no_output_holds_a_secret_of_the_scenario() {
    let server = TalkServer::start(chat);
    let bench = Bench::new();
    let chat = CHAT.replace("${token}", "${token}\",\"own\":\"${users.pass}");
    std::fs::write(bench.path("chat.toml"), chat).unwrap();
    let users = format!("name,pass\nanna,{SECRET}a\nberta,{SECRET}b\n");
    std::fs::write(bench.path("users.csv"), users).unwrap();
    let files = ["a.json", "a.csv", "a.xlsx", "a.hlog", "a.svg"];
    for token in ["s3cret", SECRET] {
        let mut command = bench.command("-c 2 -m 5 --warmup 0s --json");
        command.args(["--scenario", "chat.toml", "--data", "users=users.csv"]);
        command.args(["--set", &format!("token={token}"), &server.url]);
        for file in files {
            let flag = if file.ends_with(".svg") {
                "--plot"
            } else {
                "-o"
            };
            command.args([flag, file]);
        }
        let output = command.output().unwrap();
        let refused = token == SECRET;
        let expected = if refused { Some(1) } else { Some(0) };
        assert_eq!(output.status.code(), expected, "{}", stderr(&output));
        let mut all = [output.stdout, output.stderr].concat();
        for file in files.iter().filter(|_| !refused) {
            all.extend(file_content(&bench.path(file)));
        }
        for secret in [SECRET, "s3cret"] {
            let is_there = all
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!is_there, "{}", String::from_utf8_lossy(&all));
        }
    }
    let json = String::from_utf8(file_content(&bench.path("a.json"))).unwrap();
    assert!(json.contains("token=***"), "{json}");
}

#[test]
fn the_document_fits_its_schema() {
    let server = TalkServer::start(chat);
    let bench = chat_bench();
    let report = bench.report(&format!("{} {LOGIN} -c 2 -m 20", server.url));
    let schema = stdout(&bench.run("--json-schema"));
    test_support::assert_valid_json(&schema, &report.json.to_string());
}

/// Lets everyone in but admins who were there before.
fn one_admin(talk: &mut Talk, message: Option<&str>) -> Vec<String> {
    use std::sync::atomic::{AtomicBool, Ordering};
    static TAKEN: AtomicBool = AtomicBool::new(false);
    match message {
        None => return Vec::new(),
        Some("admin") if TAKEN.swap(true, Ordering::Relaxed) => return vec!["no".to_owned()],
        Some("admin") => talk.logged_in = true,
        Some(_) => {}
    }
    vec![format!("ok {}", message.unwrap_or_default())]
}

#[test]
fn clients_have_their_roles_and_the_step_that_failed() {
    use calamine::{Data, Reader, Xlsx, open_workbook};
    let server = TalkServer::start(one_admin);
    let bench = Bench::new();
    let file = "[roles.user]\n[roles.admin]\ncount = 1\n[[setup]]\nsend = 'hi'\nexpect = 'ok ${*}'\n\
        [[setup]]\nrole = 'admin'\nsend = 'admin'\nexpect = 'ok ${*}'\nrefuse = 'no'\n\
        [[message]]\nsend = 'say ${uid}'\nreply = 'ok say ${uid}'\n";
    std::fs::write(bench.path("s.toml"), file).unwrap();
    let flags = "--scenario s.toml -c 5 -m 3 --roles admin=2,user=rest -o a.xlsx";
    let report = bench.report(&format!("{} {flags}", server.url));
    let roles = json!({"admin": 2, "user": 3});
    assert_eq!(report.value("/scenario/roles"), &roles, "{}", report.text);
    let mut book: Xlsx<_> = open_workbook(bench.path("a.xlsx")).unwrap();
    let sheet = book.worksheet_range("connections").unwrap();
    let head: Vec<_> = sheet.rows().next().unwrap()[5..].to_vec();
    let titles = ["ready_ms", "role", "setup_step"];
    assert_eq!(head, titles.map(|title| Data::String(title.to_owned())));
    let of_row = |row: &[Data]| {
        let is_ready = matches!(row[5], Data::Float(_));
        (row[6].to_string(), is_ready, row[7].to_string())
    };
    let mut found: Vec<_> = sheet.rows().skip(1).map(of_row).collect();
    found.sort();
    let row = |role: &str, is_ready, step: &str| (role.to_owned(), is_ready, step.to_owned());
    let users = vec![row("user", true, ""); 3];
    let admins = vec![row("admin", false, "2"), row("admin", true, "")];
    assert_eq!(found, [admins, users].concat());
    let output = bench.run(&format!("{} --scenario s.toml --roles adm=1", server.url));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("adm"), "{}", stderr(&output));
}

#[test]
fn a_rate_and_a_time_work_with_a_scenario() {
    let server = TalkServer::start(json_rpc);
    let bench = Bench::new();
    let flags = "--protocol json-rpc -c 4 -d 500ms -r 200 --seed 1";
    let report = bench.report(&format!("{} {flags}", server.url));
    assert!(matches!(report.code, Some(0 | 5)), "{}", report.text);
    assert_eq!(
        report.counts(["sent", "lost", "unexpected"])[1..],
        [Some(0), Some(0)]
    );
    assert!(
        report.value("/offered_rate_per_s") == 200.0,
        "{}",
        report.text
    );
}

#[test]
fn the_embedded_server_had_no_rooms() {
    for server in ["axum", "tungstenite"] {
        let bench = Bench::new();
        let output = bench.run(&format!(
            "--embedded {server} --protocol room -c 4 -m 5 --warmup 0s -o a.json -q"
        ));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = std::fs::read(bench.path("a.json")).unwrap();
        let summary: Value = serde_json::from_slice(&text).unwrap();
        let fan_out = &summary["fan_out"];
        let counts = ["published", "expected", "delivered"].map(|key| fan_out[key].as_u64());
        assert_eq!(counts, [Some(20), Some(80), Some(80)], "{server}");
        // Without rooms, the echo path is measured.
        let echo = bench.run(&format!(
            "--embedded {server} -c 2 -m 5 --warmup 0s --no-output -q"
        ));
        assert_eq!(echo.status.code(), Some(0), "{}", stderr(&echo));
    }
}
