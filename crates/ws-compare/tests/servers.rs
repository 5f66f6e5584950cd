//! Servers that fail, each in its own way: named, and the others' results kept.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{Compare, server, stderr, stdout};
use serde_json::Value;

/// Compares these servers, of which one fails: what was saved, and what was printed.
fn with_a_failure(flags: &[&str], servers: &[&str]) -> (Value, String) {
    let compare = Compare::new();
    let servers = servers.iter().flat_map(|server| ["--server", *server]);
    let line: Vec<_> = flags
        .iter()
        .copied()
        .chain(servers)
        .chain(["-o", "c.json"])
        .collect();
    let output = compare.short(&line);
    assert_eq!(
        output.status.code(),
        Some(3),
        "{line:?}: {}",
        stderr(&output)
    );
    (compare.json("c.json"), stdout(&output))
}

fn rows<'v>(c: &'v Value, name: &str) -> Vec<&'v Value> {
    let rows = c["rounds"].as_array().unwrap();
    rows.iter().filter(|row| row["server"] == name).collect()
}

fn excluded(c: &Value, name: &str) -> Option<String> {
    let servers = c["servers"].as_array().unwrap();
    let server = servers.iter().find(|s| s["name"] == name).unwrap();
    server["excluded"].as_str().map(str::to_owned)
}

#[test]
fn right_servers_are_measured_in_every_round() {
    let compare = Compare::new();
    let output = compare.short(&[
        "--server",
        &server("a", "axum"),
        "--server",
        &server("t", "tungstenite"),
        "-o",
        "c.json",
        "-o",
        "c.xlsx",
        "-o",
        "c.md",
        "-o",
        "c.html",
        "-o",
        "c.svg",
        "-o",
        "c.png",
    ]);
    // On a machine that is busy with other tests the runs need not be believable.
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 5, "{code}: {}", stderr(&output));
    let c = compare.json("c.json");
    assert_eq!(c["kind"], "comparison");
    assert_eq!(c["rounds"].as_array().unwrap().len(), 4);
    for name in ["a", "t"] {
        for row in rows(&c, name) {
            assert_eq!(row["failure"], Value::Null);
            assert!(row["capacity"]["messages_per_s"].as_f64().unwrap() > 0.0);
            assert!(row["latency"]["p99_ns"].as_f64().unwrap() > 0.0);
            assert!(row["capacity"]["server_cpu_s"].as_f64().unwrap() > 0.0);
            assert!(row["ready_s"].as_f64().unwrap() > 0.0);
        }
    }
    // The same seed for both in a round, another one in the next.
    let seed = |round: u64| -> Vec<u64> {
        let all = c["rounds"].as_array().unwrap().iter();
        all.filter(|row| row["round"] == round)
            .map(|row| row["seed"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(seed(1)[0], seed(1)[1]);
    assert_ne!(seed(1)[0], seed(2)[0]);
    let files = compare.files();
    assert_eq!(
        files,
        ["c.html", "c.json", "c.md", "c.png", "c.svg", "c.xlsx"]
    );
    assert!(stdout(&output).contains("throughput, msg/s"));
    let page = std::fs::read_to_string(compare.path("c.html")).unwrap();
    assert!(page.contains("times as good as a"));
}

#[test]
fn a_server_that_fails_to_start_is_told_with_its_output() {
    let (c, printed) = with_a_failure(
        &[],
        &[
            &server("a", "axum"),
            &server("bad", "fails"),
            &server("t", "tungstenite"),
        ],
    );
    let why = excluded(&c, "bad").unwrap();
    assert!(
        why.contains("exit code 7") && why.contains("boom: no such table"),
        "{why}"
    );
    assert_eq!(excluded(&c, "a"), None);
    assert_eq!(
        (
            rows(&c, "a").len(),
            rows(&c, "t").len(),
            rows(&c, "bad").len()
        ),
        (2, 2, 0)
    );
    assert!(printed.contains("boom: no such table"));
}

#[test]
fn a_server_that_is_never_ready_is_given_up() {
    let (c, _) = with_a_failure(
        &["--ready-timeout", "300ms"],
        &[
            &server("bad", "mute"),
            &server("a", "axum"),
            &server("t", "tungstenite"),
        ],
    );
    let why = excluded(&c, "bad").unwrap();
    assert!(why.contains("echoed nothing at ws://127.0.0.1:"), "{why}");
    assert!(why.contains("300ms"), "{why}");
    // It was the first, so that the next one is what the others are compared with.
    assert_eq!(c["plan"]["reference"], "a");
    assert_eq!(rows(&c, "t").len(), 2);
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let (c, _) = with_a_failure(&[], &["bad=/no/such/program {port}", &server("a", "axum")]);
    let why = excluded(&c, "bad").unwrap();
    assert!(
        why.contains("/no/such/program") && why.contains("No such file"),
        "{why}"
    );
}

#[test]
fn wrong_echoes_do_not_pass_the_gate() {
    let cases = [
        ("text-as-binary", "a text message: it came back as binary"),
        (
            "text-only",
            "a binary message: it closed the connection with 1003",
        ),
        ("drops-empty", "an empty message: nothing came within"),
        (
            "small-only",
            "a message of 1 MiB: 1000 bytes came back in place of 1048576",
        ),
        (
            "changes-a-byte",
            "a binary message: byte 41 came back changed",
        ),
        ("no-pong", "a ping: nothing came within"),
        (
            "first-frame",
            "a fragmented message: 3 bytes came back in place of 15",
        ),
        (
            "wrong-close",
            "the close handshake: 1000 was answered with 1001",
        ),
        (
            "no-close",
            "the close handshake: the connection ended without a close frame",
        ),
    ];
    std::thread::scope(|scope| {
        for (role, told) in cases {
            scope.spawn(move || {
                let (c, _) = with_a_failure(
                    &["--gate-timeout", "2s"],
                    &[&server("bad", role), &server("good", "right")],
                );
                let why = excluded(&c, "bad").unwrap();
                assert!(why.contains(told), "{role}: {why}");
                assert_eq!(excluded(&c, "good"), None, "{role}");
                // Nothing to compare with is left, so nothing is timed.
                assert_eq!(c["rounds"].as_array().unwrap().len(), 0);
            });
        }
    });
}

#[test]
fn a_server_killed_mid_round_loses_that_round_alone() {
    let compare = Compare::new();
    let (bad, a) = (server("bad", "dies"), server("a", "axum"));
    let more = [
        "--rounds", "3", "--server", &bad, "--server", &a, "-o", "c.json",
    ];
    let output = compare.run(&[&common::SHORT[..], &more].concat());
    let c = compare.json("c.json");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let failures: Vec<_> = rows(&c, "bad")
        .iter()
        .map(|r| r["failure"].clone())
        .collect();
    assert_eq!(failures.len(), 3);
    assert_eq!((&failures[0], &failures[2]), (&Value::Null, &Value::Null));
    let told = failures[1].as_str().unwrap();
    assert!(
        told.contains("`bad` was killed by SIGKILL while it was measured"),
        "{told}"
    );
    assert!(
        rows(&c, "a")
            .iter()
            .all(|row| row["failure"] == Value::Null)
    );
    assert!(stdout(&output).contains("round 2 is not counted for bad"));
}

#[test]
fn wrong_echoes_under_load_are_told() {
    let (c, _) = with_a_failure(&[], &[&server("bad", "corrupts"), &server("a", "axum")]);
    for row in rows(&c, "bad") {
        let told = row["failure"].as_str().unwrap();
        assert!(told.contains("echoes were wrong"), "{told}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let fixed = server("bad", "axum").replace("{port}", &port.to_string());
    let (c, _) = with_a_failure(
        &[],
        &[
            &format!("{fixed} @ ws://127.0.0.1:{port}/ws"),
            &server("a", "axum"),
            &server("t", "tungstenite"),
        ],
    );
    let why = excluded(&c, "bad").unwrap();
    assert!(
        why.contains(&format!("something already listens on 127.0.0.1:{port}")),
        "{why}"
    );
    assert_eq!(rows(&c, "a").len(), 2);
}

#[test]
fn running_servers_are_compared_by_their_urls() {
    let compare = Compare::new();
    let (a, b) = (common::running_server(), common::running_server());
    let output = compare.short(&[
        "--url",
        &format!("a={a}"),
        "--url",
        &format!("b={b}"),
        "-o",
        "c.json",
    ]);
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 5, "{code}: {}", stderr(&output));
    let c = compare.json("c.json");
    for row in rows(&c, "a").iter().chain(&rows(&c, "b")) {
        assert_eq!(
            (&row["ready_s"], &row["failure"]),
            (&Value::Null, &Value::Null)
        );
        // It is not ours to look into.
        assert_eq!(row["capacity"]["server_cpu_s"], Value::Null);
    }
    assert!(stdout(&output).contains("throughput"));
}

#[test]
fn a_picture_of_one_server_is_not_written_and_hides_no_failure() {
    let compare = Compare::new();
    let (a, bad) = (server("a", "axum"), server("bad", "fails"));
    let output = compare.short(&["--server", &a, "--server", &bad, "-o", "c.svg"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stdout(&output).contains("c.svg is not written: there is nothing to draw"));
    assert!(!stdout(&output).contains("compared with"));
    assert!(!compare.files().contains(&"c.svg".to_owned()));
}

#[test]
fn wrong_usage_is_told_before_anything_is_started() {
    let compare = Compare::new();
    let (a, b) = (server("a", "right"), server("b", "right"));
    for (flags, wanted) in [
        (
            &["--until-sure", "2", "--figures", "service.p99"][..],
            "leaves out both",
        ),
        (&["--cwd", "nowhere"], "there is no folder nowhere"),
    ] {
        let output = compare.run(&[flags, &["--server", &a, "--server", &b]].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
        // What a server of these writes when it starts.
        assert_eq!(compare.files(), Vec::<String>::new());
    }
}

#[test]
fn a_server_that_floods_is_given_up_like_a_silent_one() {
    let (c, _) = with_a_failure(
        &["--gate-timeout", "1s"],
        &[
            &server("bad", "floods"),
            &server("a", "axum"),
            &server("t", "tungstenite"),
        ],
    );
    let why = excluded(&c, "bad").unwrap();
    assert!(why.contains("a text message: nothing came"), "{why}");
    assert_eq!(rows(&c, "t").len(), 2);
}

#[test]
fn a_server_that_refuses_is_named_with_its_answer_and_a_hint() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let answer = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(answer);
        }
    });
    let url = format!("ws://{address}/ws");
    let compare = Compare::new();
    let flags = [
        "--url",
        &format!("b={url}"),
        "--server",
        &server("a", "axum"),
    ];
    let output = compare.short(&[&flags[..], &["-o", "c.json"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let why = excluded(&compare.json("c.json"), "b").unwrap();
    assert!(why.contains("HTTP 302 Found, Location: /other"), "{why}");
    assert!(why.contains(&format!("try ws://{address}/other")), "{why}");
}

#[test]
fn no_password_of_a_url_is_printed() {
    let compare = Compare::new();
    let server = [
        "--url",
        "a=ws://me:secret@127.0.0.1:1/",
        "--url",
        "b=ws://127.0.0.1:1/",
    ];
    let output = compare.run(&server);
    let err = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(
        !err.contains("secret") && err.contains("Authorization"),
        "{err}"
    );
}
