//! No file of a run contains secrets from the command line.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{Bench, Server, file_content, stderr};

const SECRET: &str = "pl4nted-s3cret";

#[test]
fn no_file_holds_a_secret_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a.json", "a.csv", "a.xlsx", "a.hlog", "a.svg"];
    let server = Server::start(|_, message| Some(message));
    let mut bench = Command::new(env!("CARGO_BIN_EXE_ws-bench"));
    bench.current_dir(folder.path());
    bench.args(["-c", "1", "-m", "3", "--warmup", "0s", "-q", "--json"]);
    for header in [
        "Authorization: Bearer",
        "cookie: id=",
        "X-Api-Key:",
        "X-My-Token:",
    ] {
        bench.arg("--header").arg(format!("{header} {SECRET}"));
    }
    bench.arg(format!("--header=Proxy-Authorization: {SECRET}"));
    for file in files {
        let flag = if file.ends_with(".svg") {
            "--plot"
        } else {
            "-o"
        };
        bench.args([flag, file]);
    }
    bench.arg(format!("{}?room=1&token={SECRET}", server.url));
    let output = bench.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut all = [output.stdout, output.stderr].concat();
    assert!(String::from_utf8_lossy(&all).contains("Authorization: ***"));
    for file in files {
        all.extend(file_content(&folder.path().join(file)));
    }
    let is_there = all
        .windows(SECRET.len())
        .any(|part| part == SECRET.as_bytes());
    assert!(!is_there, "a file holds the secret");
}

#[test]
fn no_message_holds_a_secret_of_the_url() {
    let bench = Bench::new();
    for url in [
        // Port 1 has no listener.
        format!("ws://127.0.0.1:1/?token={SECRET}"),
        format!("WS+UNIX:/nowhere.sock:/ws?token={SECRET}"),
        format!("ws://me:{SECRET}@127.0.0.1:1/"),
        format!("http://127.0.0.1/?token={SECRET}"),
        // Not valid URLs because of their blanks, but they contain secrets.
        format!("ws://127.0.0.1/?token=a {SECRET}"),
        format!("ws://me:my {SECRET}@127.0.0.1/"),
    ] {
        let output = bench.command("-c 1 -m 1 -q").arg(&url).output().unwrap();
        assert!(!output.status.success());
        let said = stderr(&output);
        assert!(
            said.contains("***") && !said.contains(SECRET),
            "{url}: {said}"
        );
    }
}

#[cfg(unix)]
#[test]
fn the_case_of_a_scheme_hides_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s.sock");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(async { tokio::net::UnixListener::bind(&socket).unwrap() });
    runtime.spawn(async move {
        use futures_util::{SinkExt, StreamExt};
        let (stream, _) = listener.accept().await.unwrap();
        let mut echo = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = echo.next().await {
            if message.is_text() {
                echo.send(message).await.unwrap();
            }
        }
    });
    let url = format!("WS+Unix:{}:/ws?token={SECRET}", socket.display());
    let output = Bench::new()
        .command("-c 1 -m 3 --warmup 0s --json -q --no-output")
        .arg(url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("token=***") && !said.contains(SECRET),
        "{said}"
    );
}

#[test]
fn an_odd_command_line_is_stored_and_costs_no_file() {
    let bench = Bench::new();
    let output = bench
        .command("-c 1 -m 3 --warmup 0s -q -o a.xlsx")
        .args(["--fail-if", &format!("p99>{}10s", " ".repeat(40_000))])
        .args(["--origin", "", "--seed", "5"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let run =
        results::read::read_run(&bench.path("a.xlsx"), &[results::read::RunPart::Summary]).unwrap();
    let words = run.summary.unwrap().command_line.unwrap();
    let at = words.iter().position(|word| word == "--origin").unwrap();
    assert_eq!(words[at + 1..], ["", "--seed", "5"]);
    assert_eq!(
        words[at - 1].chars().count(),
        32_767,
        "a cell holds no more"
    );
}

/// Runs with secret headers against a server that repeats them in this way.
fn run_with_headers(repeats: fn(&str, &str) -> Repeated, flags: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(repeat_headers(stream, repeats));
        }
    });
    let bench = Bench::new();
    let mut command = bench.command(&format!("-c 1 -m 3 --warmup 0s --timeout 1s {flags}"));
    command.args(["--header", &format!("Authorization: Bearer {SECRET}==")]);
    command.args([
        "--header",
        &format!("Cookie: theme=dark; sid={SECRET}; last=seen"),
    ]);
    let files = ["a.json", "a.csv", "a.xlsx", "a.hlog"];
    for file in files {
        command.args(["-o", file]);
    }
    let output = command.arg(url).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    let mut all = [output.stdout, output.stderr].concat();
    for file in files.iter().filter(|file| bench.path(file).is_file()) {
        all.extend(file_content(&bench.path(file)));
    }
    let all = String::from_utf8_lossy(&all).into_owned();
    assert!(!all.contains(&SECRET[..3]), "{all}");
    all
}

/// Message that a server sends, and whether a close frame has the text instead.
struct Repeated {
    text: String,
    closes: bool,
}

async fn repeat_headers(stream: tokio::net::TcpStream, repeats: fn(&str, &str) -> Repeated) {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;
    let mut repeated = None;
    #[allow(clippy::result_large_err)]
    let accept = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        repeated = Some(repeats(header("authorization"), header("cookie")));
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, accept)
        .await
        .unwrap();
    let Repeated { text, closes } = repeated.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if !message.is_text() {
            continue;
        }
        if closes {
            let frame = CloseFrame {
                code: 1008.into(),
                reason: text.clone().into(),
            };
            let _ = socket.close(Some(frame)).await;
        } else if socket.send(Message::text(text.clone())).await.is_err() {
            return;
        }
    }
}

#[test]
fn no_close_reason_shows_a_header() {
    let whole = |authorization: &str, cookie: &str| Repeated {
        text: format!("no {authorization}, {cookie}"),
        closes: true,
    };
    for flags in ["-q", "-q --json -v"] {
        let text = run_with_headers(whole, flags);
        assert!(text.contains("no ***, ***"), "{text}");
    }
    let parts = |authorization: &str, cookie: &str| Repeated {
        text: format!(
            "bad token {}, unknown sid {}",
            authorization.trim_start_matches("Bearer "),
            cookie
                .split("sid=")
                .nth(1)
                .unwrap()
                .split(';')
                .next()
                .unwrap()
        ),
        closes: true,
    };
    let text = run_with_headers(parts, "-q");
    assert!(text.contains("bad token ***, unknown sid ***"), "{text}");
}

#[test]
fn no_echo_that_differs_shows_a_header() {
    let whole = |authorization: &str, _: &str| Repeated {
        text: format!("no {authorization}"),
        closes: false,
    };
    // 32 bytes are kept, which end within the secret.
    let cut = |authorization: &str, _: &str| Repeated {
        text: format!("not for you: {authorization}"),
        closes: false,
    };
    for flags in ["-q", "-q --json -v"] {
        let text = run_with_headers(whole, flags);
        assert!(text.contains("no ***"), "{text}");
        run_with_headers(cut, flags);
    }
}
