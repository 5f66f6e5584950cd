//! No output of a run with a scenario holds a secret, even if the server repeats it: not one of `--set`, of a table, or
//! of a header.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::Output;

use common::{Bench, file_content, stderr, stdout};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use ws_report::PageFormat;

/// Part of every secret.
const PLANTED: &str = "pl4nted";

const FILE: &str = r#"
url = "/MODE?key=${token}"
[handshake]
headers = { X-User = "${users.pass}", X-Api-Key = "pl4nted-file", X-Room-Token = "pl4nted-room-${client}" }
[vars]
token = { secret = true }
[[setup]]
send = 'login ${token} ${users.pass}'
expect = 'hello ${*}'
refuse = 'no ${*}'
[[on]]
name = "news"
match = 'news ${*}'
[[message]]
name = "say"
send = 'say ${id} ${pad}'
reply = 'said ${id} ${pad}'
error = 'bad ${id} ${*}'
[[message]]
name = "ask"
send = 'ask ${id} ${uid} ${token}'
reply = 'told ${id} ${uid}'
"#;

/// Starts a server that repeats the secrets of each client in everything that it sends. The path says how: `talk`
/// answers, `deny` refuses the login, `close` closes after it, and `refuse` refuses the upgrade.
fn start_server(runtime: &tokio::runtime::Runtime) -> String {
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    url
}

async fn serve(stream: tokio::net::TcpStream) {
    let mut secrets = String::new();
    let mut mode = String::new();
    #[allow(clippy::result_large_err)]
    let accept = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let header = |name: &str| {
            let value = request.headers().get(name);
            value.map_or("", |value| value.to_str().unwrap())
        };
        let key = request.uri().query().unwrap().trim_start_matches("key=");
        let own = ["x-user", "authorization", "x-api-key", "x-room-token"].map(header);
        secrets = format!("{key} {}", own.join(" "));
        mode = request.uri().path().trim_start_matches('/').to_owned();
        if !mode.starts_with("refuse") {
            return Ok(response);
        }
        // `refuse-N` writes N letters before the secrets.
        let before = mode.trim_start_matches("refuse-").parse().unwrap_or(0);
        let letters = "x".repeat(before);
        let refusal = ErrorResponse::new(Some(format!("unknown: {letters}{secrets}")));
        let (mut parts, body) = refusal.into_parts();
        parts.status = 401.try_into().unwrap();
        let place = format!("/login?key={key}");
        parts.headers.insert("location", place.parse().unwrap());
        Err(ErrorResponse::from_parts(parts, body))
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, accept).await else {
        return;
    };
    let mut n = 0;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let words: Vec<_> = text.split(' ').collect();
        let answers = match (words[0], mode.as_str()) {
            ("login", "deny") => vec![format!("no {secrets}")],
            ("login", "close") => {
                let frame = CloseFrame {
                    code: 1008.into(),
                    reason: secrets.clone().into(),
                };
                let _ = socket.close(Some(frame)).await;
                continue;
            }
            ("login", _) => vec![format!("hello {secrets}"), format!("news {secrets}")],
            (what, _) => {
                n += 1;
                let said = if what == "say" { "said" } else { "told" };
                let wrong = format!("{said} {} {secrets}", words[1]);
                let right = format!("{said} {} {}", words[1], words[2]);
                match (n % 3, what) {
                    (0, "say") => vec![wrong],
                    (1, "say") => vec![format!("bad {} {secrets}", words[1])],
                    _ => vec![format!("unknown {secrets}"), right],
                }
            }
        };
        for answer in answers {
            if socket.send(Message::text(answer)).await.is_err() {
                return;
            }
        }
    }
}

fn assert_hidden(what: &str, bytes: &[u8]) {
    let is_there = bytes
        .windows(PLANTED.len())
        .any(|part| part == PLANTED.as_bytes());
    assert!(!is_there, "{what}: {}", String::from_utf8_lossy(bytes));
}

/// Checks what a program printed, and returns it as text.
fn hidden(what: &str, output: &Output) -> String {
    assert_hidden(what, &output.stdout);
    assert_hidden(what, &output.stderr);
    stdout(output) + &stderr(output)
}

/// A folder with the scenario of this mode.
fn prepared(mode: &str) -> Bench {
    let bench = Bench::new();
    std::fs::write(bench.path("s.toml"), FILE.replace("MODE", mode)).unwrap();
    let users = format!("name,pass\nanna,{PLANTED}-csv-0\nberta,{PLANTED}-csv-1\n");
    std::fs::write(bench.path("users.csv"), users).unwrap();
    bench
}

/// Runs ws-bench with all secrets and these further flags.
fn run(bench: &Bench, url: &str, flags: &str) -> Output {
    let mut command = bench.command(flags);
    command.args(["--scenario", "s.toml", "--data", "users=users.csv"]);
    command.args(["--set", &format!("token={PLANTED}-set")]);
    command.args(["--header", &format!("Authorization: Bearer {PLANTED}-hdr")]);
    command.arg(url).output().unwrap()
}

// With this seed both kinds of messages are refused more than once.
const LOAD: &str = "-c 2 -m 12 --warmup 0s --timeout 2s --seed 1";

#[test]
fn no_output_holds_a_secret_that_the_server_repeats() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = start_server(&runtime);
    let bench = prepared("talk");
    let text = hidden("--try", &run(&bench, &url, "-c 2 --try"));
    assert!(text.contains("hello *** *** ***"), "{text}");
    let text = hidden("--print-scenario", &run(&bench, &url, "--print-scenario"));
    assert!(text.contains("token = { secret = true }"), "{text}");

    let files = "-o a.json -o a.csv -o a.xlsx -o a.hlog --plot a.svg";
    let output = run(&bench, &url, &format!("{LOAD} -v {files}"));
    let text = hidden("text", &output);
    assert!(text.contains("error replies"), "{text}");
    hidden("--json", &run(&bench, &url, &format!("{LOAD} --json")));
    let saved: Vec<_> = ["a.json", "a.csv", "a.xlsx", "a.hlog"]
        .map(|name| bench.path(name))
        .into();
    for path in saved.iter().chain(&[bench.path("a.svg")]) {
        assert_hidden(&path.display().to_string(), &file_content(path));
    }
    let json = String::from_utf8(file_content(&saved[0])).unwrap();
    // The secrets did go through the outputs, masked: in records, in the command line, in the URL.
    for shown in ["*** *** ***", "token=***", "Authorization: ***"] {
        assert!(json.contains(shown), "{shown}: {json}");
    }
    for name in ["r.html", "r.md"] {
        let path = bench.path(name);
        for runs in [&saved[..1], &saved[2..3], &saved[..]] {
            let has_pictures = PageFormat::of(&path).is_ok_and(|f| f == PageFormat::Html);
            let page = ws_report::report(runs, has_pictures).unwrap();
            ws_report::write(&path, &page).unwrap();
            assert_hidden(name, &file_content(&path));
        }
    }
}

#[test]
fn no_failure_shows_a_secret_that_the_server_repeats() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = start_server(&runtime);
    for (mode, shown) in [
        ("deny", "refused: no *** *** ***"),
        ("close", "*** *** ***"),
        ("refuse", "unknown: *** *** ***"),
    ] {
        let bench = prepared(mode);
        for flags in ["-q --no-output", "-q --no-output --json -v", "--try"] {
            let output = run(&bench, &url, &format!("{LOAD} {flags}"));
            assert!(!output.status.success());
            let text = hidden(&format!("{mode} {flags}"), &output);
            assert!(text.contains(shown), "{mode} {flags}: {text}");
        }
    }
}

#[test]
fn a_refusal_of_an_echo_shows_no_header() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = start_server(&runtime);
    let bench = Bench::new();
    let mut command = bench.command("-c 1 -m 1 -q --no-output --header X-User:anna");
    command.args(["--header", &format!("Authorization: Bearer {PLANTED}-hdr")]);
    let output = command.arg(format!("{url}/refuse?key=k")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = hidden("refusal", &output);
    assert!(text.contains("unknown: k anna ***"), "{text}");
}

#[test]
fn a_shortened_refusal_shows_no_half_of_a_secret() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = start_server(&runtime);
    let halves = |text: &str| text.contains(&PLANTED[..2]) || text.contains("Bear");
    // 200 bytes are shown. The secrets begin behind `unknown: `, and have 11, 13 and 18 bytes.
    for before in (148..=192).step_by(4) {
        let bench = prepared(&format!("refuse-{before}"));
        for flags in ["-c 1 -m 1 -q --no-output", "-c 2 --try"] {
            let output = run(&bench, &url, flags);
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
            let text = hidden(flags, &output);
            assert!(
                text.contains("x***") || text.contains("x…"),
                "{before}: {text}"
            );
            assert!(!halves(&text), "{before}: {text}");
        }
        // Without a scenario, the header alone is a secret.
        let mut command = bench.command("-c 1 -m 1 -q --no-output --header X-User:anna");
        command.args(["--header", &format!("Authorization: Bearer {PLANTED}-hdr")]);
        let output = command.arg(format!("{url}/refuse-{before}?key=k"));
        let output = output.output().unwrap();
        let text = hidden("echo", &output);
        assert!(!halves(&text), "{before}: {text}");
    }
}

#[test]
fn no_usage_error_shows_a_secret() {
    let bench = prepared("talk");
    let url = "ws://127.0.0.1:1";
    for (flags, expected) in [
        (
            "-c 3 -m 1",
            "users has 2 rows, client 2 needs one of its own",
        ),
        ("-c 1 -m 1 --verify off", "--verify cannot be used"),
        ("-c 1 -m 1 -s 2", "at least"),
    ] {
        let output = run(&bench, url, flags);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let text = hidden(flags, &output);
        assert!(text.contains(expected), "{text}");
    }
    // A hole that is not closed.
    let mut command = bench.command("-c 1 -m 1 --scenario s.toml --data users=users.csv");
    command.args(["--set", &format!("token={PLANTED}${{oops"), url]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    hidden("hole", &output);
}
