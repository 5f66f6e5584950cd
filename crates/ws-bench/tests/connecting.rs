//! The program with servers that refuse connections, and with URLs that it refuses: causes and advice.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, Server, stderr, stdout};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server on a free loopback port that answers every request with these bytes, then closes.
struct Refusing {
    address: String,
    _runtime: tokio::runtime::Runtime,
}

impl Refusing {
    fn start(answer: &'static [u8]) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n")
                        && stream.read_buf(&mut head).await.unwrap() > 0
                    {}
                    let _ = stream.write_all(answer).await;
                });
            }
        });
        Self {
            address,
            _runtime: runtime,
        }
    }
}

#[test]
fn a_refusal_ends_in_one_sentence_with_its_cause_and_a_hint() {
    let cases: [(&[u8], &[&str]); 13] = [
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://login.example.test/?next=/ws\r\nContent-Length: 0\r\n\r\n",
            &["HTTP 302 Found", "try wss://login.example.test/?next=/ws"],
        ),
        (
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"ws\"\r\n\r\n{\"error\":\"missing token\"}",
            &["Bearer realm=\"ws\"", "{\"error\":\"missing token\"}", "--header"],
        ),
        (
            b"HTTP/1.0 403 Forbidden\r\n\r\nno",
            &["HTTP 403 Forbidden", "“no”", "--header"],
        ),
        (
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nslow down\r\n0\r\n\r\n",
            &["Retry-After: 7", "“slow down”", "--connect-rate"],
        ),
        (
            b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",
            &["HTTP 426", "proxy"],
        ),
        (
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic realm=\"ws\"\r\n\r\n",
            &["WWW-Authenticate: Negotiate, WWW-Authenticate: Basic realm=\"ws\"", "--header"],
        ),
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"p\"\r\n\r\n",
            &["Proxy-Authenticate: Basic realm=\"p\"", "Proxy-Authorization"],
        ),
        (
            b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 7, 8\r\nSec-WebSocket-Version: 0\r\nContent-Length: 0\r\n\r\n",
            &["HTTP 426", "the server speaks versions 7, 8, 0 "],
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
            &["Location: /a, Location: /b", "more than one target"],
        ),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", &["HTTP 404 Not Found", "is the path right?"]),
        (b"SSH-2.0-OpenSSH_9.0\r\n", &["“SSH-2.0-OpenSSH_9.0”"]),
        (b"", &["without an answer", "try wss://"]),
        (b"\x15\x03\x01\x00\x02\x02\x46", &["in TLS", "try wss://"]),
    ];
    let bench = Bench::new();
    for (answer, expected) in cases {
        let server = Refusing::start(answer);
        let line = format!(
            "ws://{}/ws -c 2 -m 5 --warmup 0s --no-output -q",
            server.address
        );
        let output = bench.run(&line);
        let err = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        for words in expected {
            assert!(err.contains(words), "{words}: {err}");
        }
        let has_tls_hint = err.contains("try wss://") && !err.contains("login");
        assert_eq!(has_tls_hint, expected.contains(&"try wss://"), "{err}");
    }
}

#[test]
fn a_refused_url_ends_with_the_one_to_type_and_shows_no_password() {
    let bench = Bench::new();
    for (url, end) in [
        ("ws://127.0.0.1:1/ws#part", "write ws://127.0.0.1:1/ws"),
        ("http://127.0.0.1:1/ws", "write ws://127.0.0.1:1/ws"),
        ("127.0.0.1:1/ws", "write ws://127.0.0.1:1/ws"),
        (
            "ws://me:secret@127.0.0.1:1/ws",
            "write ws://127.0.0.1:1/ws --header 'Authorization: Basic …'",
        ),
    ] {
        let output = bench.run(&format!("{url} --no-output"));
        let err = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.trim_end().ends_with(end), "{err}");
        assert!(!err.contains("secret"), "{err}");
    }
}

#[test]
fn the_address_behind_an_odd_notation_is_told_before_the_run() {
    let server = Server::start(|_, message| Some(message));
    let bench = Bench::new();
    let odd = server.url.replace("127.0.0.1", "0x7f.1");
    assert_ne!(odd, server.url);
    let output = bench.run(&format!(
        "{odd}?token=secret -c 1 -m 5 --warmup 0s --no-output"
    ));
    let err = stderr(&output);
    assert!(
        err.contains(&format!("{odd}?token=*** leads to the host 127.0.0.1")),
        "{err}"
    );
    // A refused URL does not reveal a secret either.
    let output = bench.run("ws://127.0.0.1:1/?token=secret --insecure --no-output");
    let err = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(
        err.contains("token=***") && !err.contains("secret"),
        "{err}"
    );
}

#[test]
fn urls_are_read_as_browsers_read_them() {
    let server = Server::start(|_, message| Some(message));
    let port = server
        .url
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let bench = Bench::new();
    for url in [
        format!("ws://127.0.0.1:{port}/?name=José&a={{}}|^"),
        format!(" ws://127.0.0.1:{port}/a b"),
    ] {
        let output = bench
            .command("-c 1 -m 5 --warmup 0s --no-output -q")
            .arg(url)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn the_address_that_was_measured_is_in_text_and_json() {
    let server = Server::start(|_, message| Some(message));
    let address = server.url.trim_start_matches("ws://").trim_end_matches('/');
    let bench = Bench::new();
    let line = format!("{} -c 2 -m 5 --warmup 0s -q -o run.json", server.url);
    let text = stdout(&bench.run(&line));
    assert!(text.contains(&format!("2 of 2 to {address} in ")), "{text}");
    let json = std::fs::read_to_string(bench.path("run.json")).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["connections"]["addresses"][address], 2);
}

#[test]
fn a_system_without_trusted_certificates_is_sent_to_a_file() {
    let bench = Bench::new();
    std::fs::write(bench.path("empty.pem"), "").unwrap();
    let mut command = bench.command("wss://127.0.0.1:1/ -c 1 -m 1 --no-output -q");
    command
        .env("SSL_CERT_FILE", bench.path("empty.pem"))
        .env_remove("SSL_CERT_DIR");
    let err = stderr(&command.output().unwrap());
    assert!(
        err.contains("no trusted certificates") && err.contains("--ca-cert FILE"),
        "{err}"
    );
}

#[test]
fn a_missing_path_of_a_protocol_is_not_advised_with_that_of_our_servers() {
    let server = Refusing::start(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let bench = Bench::new();
    let usual = "Usual for socket.io is /socket.io/; a path in the URL replaces it";
    for (protocol, advice) in [("socket.io", usual), ("mqtt", "See at which one")] {
        for flags in ["-c 2 -m 1 -r 100 -q --no-output", "--try"] {
            let url = format!("ws://{}/ws", server.address);
            let output = bench.run(&format!("{url} --protocol {protocol} {flags}"));
            assert_eq!(output.status.code(), Some(1), "{flags}");
            let text = stdout(&output) + &stderr(&output);
            assert!(
                text.contains(&format!(" · is the path right? {advice}")),
                "{text}"
            );
            assert!(!text.contains("axum-ws"), "{text}");
        }
    }
}
