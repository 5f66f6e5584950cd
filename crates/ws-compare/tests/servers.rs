//! Servers with various failures: each is reported, and the results of the others are kept.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{Compare, server, stderr, stdout};
use serde_json::Value;

/// Compares these servers, of which one fails, in short runs. Returns the saved comparison and the printed text.
fn with_a_failure(flags: &[&str], servers: &[&str]) -> (Value, String) {
    let short = [&common::SHORT[..], &["--rounds", "2"], flags].concat();
    with_a_failure_in(&short, servers)
}

/// Compares as [`with_a_failure`] does, in runs that have these flags alone.
fn with_a_failure_in(flags: &[&str], servers: &[&str]) -> (Value, String) {
    let compare = Compare::new();
    let servers = servers.iter().flat_map(|server| ["--server", *server]);
    let line: Vec<_> = flags
        .iter()
        .copied()
        .chain(servers)
        .chain(["-o", "c.json"])
        .collect();
    let output = compare.run(&line);
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
    // On a machine that is busy with other tests, the runs may be invalid.
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
    let document = std::fs::read_to_string(compare.path("c.json")).unwrap();
    test_support::assert_valid_json(results::write::COMPARISON_SCHEMA, &document);
    assert_eq!(c["plan"]["slice_s"], 0.05);
    for round in [1, 2] {
        for run in ["capacity", "latency"] {
            let slices = |name| {
                let rows = rows(&c, name);
                rows.iter().find(|row| row["round"] == round).unwrap()[run]["slices"].clone()
            };
            let (a, t) = (slices("a"), slices("t"));
            // The same cycles of both, and all of them add up.
            for key in ["slice_s", "settle_s", "measured", "left_out"] {
                assert_eq!(a[key], t[key], "{key}");
            }
            let cycles = |slices: &Value| -> Vec<u64> {
                let kept = slices["kept"].as_array().unwrap().iter();
                kept.map(|slice| slice["cycle"].as_u64().unwrap()).collect()
            };
            assert_eq!(cycles(&a), cycles(&t));
            let (measured, left_out) = (a["measured"].as_u64(), a["left_out"].as_u64());
            let kept = cycles(&a).len() as u64;
            assert_eq!(kept + left_out.unwrap(), measured.unwrap());
            assert!(kept > 0);
        }
    }
    // Both servers have the same seed in a round, and another one in the next.
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
    assert!(page.contains("ratio to a, above 1 is better"));
    assert!(page.contains("Ratios of slices to those of a"));
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
    // The failed server was the first one, so the next one becomes the reference.
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
fn wrong_echoes_do_not_pass_the_full_gate() {
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
                    &["--gate", "full", "--gate-timeout", "8s"],
                    &[&server("bad", role), &server("good", "right")],
                );
                let why = excluded(&c, "bad").unwrap();
                assert!(why.contains(told), "{role}: {why}");
                assert_eq!(excluded(&c, "good"), None, "{role}");
                // No server is left to compare with, so nothing is measured.
                assert_eq!(c["rounds"].as_array().unwrap().len(), 0);
            });
        }
    });
}

/// Compares a server of this role with a correct one in one round. Returns the saved comparison and the printed text.
/// The runs may be invalid.
fn compared(role: &str, flags: &[&str]) -> (Value, String) {
    let compare = Compare::new();
    let (odd, right) = (server("odd", role), server("right", "right"));
    let servers = ["--server", &odd, "--server", &right];
    let files = [
        "--rounds", "1", "-o", "c.json", "-o", "c.md", "-o", "c.html",
    ];
    let output = compare.run(&[&common::SHORT[..], &servers, &files, flags].concat());
    let code = output.status.code().unwrap();
    let printed = stdout(&output);
    assert!(
        code == 0 || code == 5,
        "{role} {flags:?}: {code}: {printed}"
    );
    // Removes line breaks of the terminal, which pages do not have.
    let text = printed.replace("\n  ", " ");
    let c = compare.json("c.json");
    for note in c["servers"][0]["notes"].as_array().unwrap() {
        let note = note.as_str().unwrap();
        assert!(text.contains(note), "{note}: {text}");
        for page in ["c.md", "c.html"] {
            let page = std::fs::read_to_string(compare.path(page)).unwrap();
            assert!(page.contains(note), "{note}: {page}");
        }
    }
    (c, text)
}

#[test]
fn the_gate_asks_for_the_messages_of_the_plan_alone() {
    let binary: &[&str] = &["--binary"];
    let cases = [
        ("text-only", &[][..], "a binary message: it closed"),
        ("binary-only", binary, "a text message: "),
        (
            "text-as-binary",
            binary,
            "a text message: it came back as binary",
        ),
        ("small-only", &[], "a message of 1 MiB: 1000 bytes"),
        ("no-pong", &[], "a ping: nothing came within"),
        ("wrong-close", &[], "the close handshake: 1000"),
        ("ends-on-binary", &[], "the server ended with exit code 7"),
    ];
    std::thread::scope(|scope| {
        for (role, flags, note) in cases {
            scope.spawn(move || {
                // Only one of them has nothing to send, and a busy machine may need its time for the others.
                let limit = if role == "no-pong" { "5s" } else { "12s" };
                let flags = [flags, &["--gate-timeout", limit]].concat();
                let (c, text) = compared(role, &flags);
                let notes = c["servers"][0]["notes"].to_string();
                assert!(notes.contains(note), "{role}: {notes}");
                assert!(text.contains("odd is compared, but"), "{role}: {text}");
                assert_eq!(c["servers"][1]["notes"], serde_json::json!([]), "{role}");
                assert_eq!(c["rounds"].as_array().unwrap().len(), 2, "{role}");
            });
        }
    });
}

#[test]
fn a_weaker_verification_weakens_the_gate_as_well() {
    let cases = [
        ("text-as-binary", "off"),
        ("prefixes", "off"),
        ("changes-a-byte", "length"),
    ];
    std::thread::scope(|scope| {
        for (role, verify) in cases {
            scope.spawn(move || {
                let flags = [
                    "--verify",
                    verify,
                    "--gate",
                    "full",
                    "--gate-timeout",
                    "20s",
                ];
                let size: &[&str] = match role {
                    "changes-a-byte" => &["--binary", "-s", "256"],
                    _ => &[],
                };
                compared(role, &[&flags[..], size].concat());
            });
        }
    });
}

#[test]
fn messages_of_the_servers_own_are_not_taken_for_answers() {
    for flags in [
        &["--gate", "full"][..],
        &["--verify", "length"],
        &["--binary"],
    ] {
        let (c, _) = compared("greets", &[flags, &["--gate-timeout", "20s"]].concat());
        assert_eq!(c["servers"][0]["notes"], serde_json::json!([]), "{flags:?}");
    }
}

#[test]
fn a_refusal_shows_the_last_output_and_the_way_on() {
    let cases: [(&str, &[&str], &[&str]); 9] = [
        (
            "text-as-binary",
            &[],
            &[
                "a text message of 125 B: it came back as binary",
                "`--binary`",
                "wrote nothing",
            ],
        ),
        (
            "text-only",
            &["--gate", "full"],
            &[
                "a binary message: it closed the connection with 1003",
                "`--gate plan`",
                "TypeError: this server takes text",
            ],
        ),
        (
            "text-only",
            &["--binary"],
            &[
                "a binary message of 125 B: the server closed with 1003",
                "`--text`",
                "TypeError: this server takes text",
            ],
        ),
        (
            "binary-only",
            &[],
            &[
                "a text message of 125 B: ",
                "`--binary`",
                "TypeError: this server takes bytes",
            ],
        ),
        (
            "prefixes",
            &[],
            &[
                "135 bytes came back in place of 125",
                "you said: 0",
                "`--verify off`",
            ],
        ),
        (
            "changes-a-byte",
            &["--binary", "-s", "64..256"],
            &[
                "a binary message of 256 B: byte 41 came back changed",
                "`--verify length`",
            ],
        ),
        (
            "ignores",
            &["--gate", "full", "--gate-timeout", "300ms"],
            &["nothing came within 300 ms", "`--gate-timeout`", "@ URL"],
        ),
        (
            "greets-only",
            &["--verify", "off"],
            &["nothing came within 8.00 s"],
        ),
        (
            "small-only",
            &["--binary", "-s", "1MiB"],
            &["a binary message of 1 MiB: 1000 bytes came back in place of 1048576"],
        ),
    ];
    std::thread::scope(|scope| {
        for (role, flags, parts) in cases {
            scope.spawn(move || {
                let limit: &[&str] = &["--gate-timeout", "8s"];
                let limit = if flags.contains(&"300ms") { &[] } else { limit };
                let (c, printed) = with_a_failure(
                    &[flags, limit].concat(),
                    &[&server("bad", role), &server("good", "right")],
                );
                let why = excluded(&c, "bad").unwrap();
                for part in parts.iter().chain(&["`--gate off`"]) {
                    assert!(why.contains(part), "{role}: no {part}: {why}");
                }
                assert!(printed.contains("bad is left out"), "{printed}");
            });
        }
    });
}

#[test]
fn without_a_gate_a_wrong_server_fails_in_its_rounds() {
    let (c, _) = with_a_failure(
        &["--gate", "off"],
        &[&server("bad", "text-as-binary"), &server("a", "right")],
    );
    assert_eq!(excluded(&c, "bad"), None);
    for row in rows(&c, "bad") {
        let why = row["failure"].as_str().unwrap();
        assert!(why.contains("came back as binary; text was sent"), "{why}");
    }
}

#[test]
fn a_server_that_is_not_there_is_asked_once() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("bad=ws://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            ASKED.fetch_add(1, Ordering::SeqCst);
            held.push(stream);
        }
    });
    let compare = Compare::new();
    let good = format!("good={}", common::running_server());
    let flags = ["--gate", "full", "--gate-timeout", "300ms", "-o", "c.json"];
    let output = compare.short(&[&flags[..], &["--url", &url, "--url", &good]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let why = excluded(&compare.json("c.json"), "bad").unwrap();
    assert!(
        why.contains("0 of 1 connections to ws://127.0.0.1:"),
        "{why}"
    );
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
}

#[test]
fn a_server_that_is_not_found_gets_a_hint_at_its_url() {
    let a = server("a", "axum");
    let elsewhere = server("bad", "elsewhere");
    let with_url = format!("{elsewhere} @ ws://127.0.0.1:{{port}}/");
    for (bad, flags, hint) in [
        (&elsewhere, &[][..], "'NAME=COMMAND @ URL' says where"),
        (&with_url, &[], "than its 'NAME=COMMAND @ URL' says"),
        (
            &a.replacen('a', "bad", 1),
            &["--path", "/nowhere"],
            "`--path` names",
        ),
    ] {
        let flags = [flags, &["--ready-timeout", "1s"]].concat();
        let (c, _) = with_a_failure(&flags, &[bad, &server("t", "tungstenite")]);
        let why = excluded(&c, "bad").unwrap();
        assert!(why.contains(hint), "{hint}: {why}");
    }
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
    // Many messages, since a busy machine leaves out the settle part of most of a slice.
    let flags = "-c 4 -d 500ms --warmup 50ms --rate 4_000 --rounds 2 -q";
    let flags: Vec<_> = flags.split_whitespace().collect();
    let servers = [server("bad", "corrupts"), server("a", "axum")];
    let (c, _) = with_a_failure_in(&flags, &[&servers[0], &servers[1]]);
    let failures: Vec<_> = rows(&c, "bad")
        .iter()
        .map(|row| row["failure"].as_str().unwrap_or("none").to_owned())
        .collect();
    assert_eq!(failures.len(), 2);
    for told in failures {
        assert!(
            told.contains(" echoes were wrong")
                || told.contains(": 1 echo was wrong")
                || told.contains(
                    " of the warm-up, or of the uncounted beginning of a slice, had no correct echo"
                ),
            "{told}"
        );
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
        why.contains(&format!(
            "another process already listens on 127.0.0.1:{port}"
        )),
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
        // The CPU usage of a server that was already running is not measured.
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
    assert!(stdout(&output).contains("did not draw c.svg: no ratio of two servers is known"));
    assert!(!stdout(&output).contains("compared with"));
    assert!(!compare.files().contains(&"c.svg".to_owned()));
}

#[test]
fn servers_with_the_same_fixed_address_are_measured_one_after_the_other() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let fixed = |name| {
        let command = server(name, "axum").replace("{port}", &port.to_string());
        format!("{command} @ ws://127.0.0.1:{port}/ws")
    };
    let (a, b) = (fixed("a"), fixed("b"));
    let compare = Compare::new();
    let servers = ["--server", &a, "--server", &b];
    let output = compare.run(&[&["--slice", "50ms"], &servers[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    let wanted = format!("`a` and `b` both listen on 127.0.0.1:{port}");
    assert!(stderr(&output).contains(&wanted), "{}", stderr(&output));
    let output = compare.short(&[&servers[..], &["-o", "c.json"]].concat());
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 5, "{code}: {}", stderr(&output));
    let c = compare.json("c.json");
    assert_eq!(c["plan"].get("slice_s"), None);
    assert!(
        c["rounds"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["failure"] == Value::Null)
    );
    assert_eq!(rows(&c, "a")[0]["capacity"].get("slices"), None);
}

#[test]
fn a_server_that_works_in_the_background_is_named() {
    let compare = Compare::new();
    let (busy, a) = (server("busy", "spins"), server("a", "axum"));
    let output = compare.short(&["-v", "--server", &a, "--server", &busy, "-o", "c.json"]);
    let c = compare.json("c.json");
    let share = |name| {
        let slices = &rows(&c, name)[0]["capacity"]["slices"];
        slices["background_cpu_share"].as_f64().unwrap()
    };
    assert!(
        share("busy") > 0.01 && share("a") < share("busy"),
        "{} {}",
        share("busy"),
        share("a")
    );
    let printed = stdout(&output).replace("\n  ", " ");
    for slices in ["capacity", "latency"].map(|run| &rows(&c, "busy")[0][run]["slices"]) {
        assert_eq!(slices["held"], Value::from(true), "{slices}");
    }
    assert_eq!(
        rows(&c, "a")[0]["capacity"]["slices"]["held"],
        Value::from(false)
    );
    assert!(printed.contains("busy used "), "{printed}");
    assert!(
        printed.contains("the load of the warm-up (limit 1 %). So its processes were stopped"),
        "{printed}"
    );
}

#[test]
fn a_budget_ends_the_rounds() {
    let compare = Compare::new();
    let (a, b) = (server("a", "axum"), server("b", "axum"));
    let servers = ["--server", &a, "--server", &b, "-o", "c.json"];
    // Over before the first round, which is measured all the same.
    let output = compare.run(&[&common::SHORT[..], &["--budget", "1ms"], &servers].concat());
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 5, "{code}: {}", stderr(&output));
    let c = compare.json("c.json");
    assert_eq!(
        (
            c["rounds"].as_array().unwrap().len(),
            &c["plan"]["budget_s"]
        ),
        (2, &Value::from(0.001))
    );
}

#[test]
fn wrong_usage_is_told_before_anything_is_started() {
    let compare = Compare::new();
    let (a, b) = (server("a", "right"), server("b", "right"));
    for (flags, wanted) in [
        (
            &["--budget", "60s", "--rounds", "3"][..],
            "cannot be used with",
        ),
        (&["--cwd", "nowhere"], "there is no folder nowhere"),
        (
            &["--idle", "5"],
            "--idle is a flag of ws-bench and cannot be used with ws-compare: leave it out, and measure each server with \
             `ws-bench --idle`",
        ),
        (
            &["--reconnect=now"],
            "--reconnect is a flag of ws-bench and cannot be used with ws-compare",
        ),
        (
            &["--lifetime", "1s", "--slice", "50ms"],
            "--slice cannot be used with --lifetime",
        ),
    ] {
        let output = compare.run(&[flags, &["--server", &a, "--server", &b]].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
        // A test server writes a file when it starts.
        assert_eq!(compare.files(), Vec::<String>::new());
    }
}

/// The rounds were measured, and the report had no figures.
#[test]
fn figures_of_processes_that_are_unknown_are_refused_before_the_rounds() {
    let compare = Compare::new();
    let servers = ["a", "b"].map(|name| format!("{name}=ws://127.0.0.1:9/ws"));
    for (flags, wanted) in [
        (
            ["--figures", "messages_per_cpu_s,memory_per_connection"],
            "servers cannot be compared by messages_per_cpu_s: CPU and memory of a server given by --url are unknown",
        ),
        (
            [
                "--fail-if",
                "b.memory_per_connection > 1.1 * a.memory_per_connection",
            ],
            "memory_per_connection of a is unknown, because a is given by --url",
        ),
    ] {
        let output =
            compare.run(&[&flags[..], &["--url", &servers[0], "--url", &servers[1]]].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
    }
}

#[test]
fn each_file_that_cannot_be_created_is_named() {
    let compare = Compare::new();
    let (a, b) = (server("a", "right"), server("b", "right"));
    let files = ["-o", "none/c.json", "-o", "c.md", "-o", "none/c.html"];
    let output = compare.short(&[&files[..], &["--server", &a, "--server", &b]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    for file in ["none/c.json", "none/c.html"] {
        assert!(told.contains(file), "{told}");
    }
    assert_eq!(compare.files(), Vec::<String>::new());
}

#[test]
fn a_server_that_floods_is_given_up_like_a_silent_one() {
    let (c, _) = with_a_failure(
        &["--gate", "full", "--gate-timeout", "1s"],
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

#[test]
fn servers_are_compared_with_a_scenario() {
    let compare = Compare::new();
    let servers = [
        "--server",
        &server("a", "axum"),
        "--server",
        &server("t", "tungstenite"),
    ];
    let files = ["c.json", "c.html", "c.md"];
    let scenario = [
        &["--protocol", "echo"],
        &files.map(|name| ["-o", name]).concat()[..],
    ]
    .concat();
    let output = compare.short(&[&servers[..], &scenario].concat());
    // On a machine that is busy with other tests, the runs may be invalid.
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 5, "{code}: {}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let heading = text.lines().next().unwrap();
    assert!(
        heading.contains(" · scenario echo · ") && !heading.contains(" B"),
        "{heading}"
    );
    for name in &files[1..] {
        let page = std::fs::read_to_string(compare.path(name)).unwrap();
        assert!(page.contains("scenario echo"), "{name}");
        // Only the page has the settings.
        assert_eq!(page.contains("echo (SHA-256 "), *name == "c.html", "{name}");
    }
    let c = compare.json("c.json");
    assert_eq!(c["scenario"]["name"], "echo");
    assert_eq!(c["scenario"]["sha256"].as_str().unwrap().len(), 64);
    for name in ["a", "t"] {
        for row in rows(&c, name) {
            assert_eq!(row["failure"], Value::Null);
            assert!(row["capacity"]["messages_per_s"].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn a_server_that_does_not_fit_the_scenario_fails_the_gate() {
    let compare = Compare::new();
    let file = "[[message]]\nsend = 'ping ${id}'\nreply = 'pong ${id}'\n";
    std::fs::write(compare.path("pong.toml"), file).unwrap();
    let servers = [
        "--server",
        &server("a", "axum"),
        "--server",
        &server("t", "tungstenite"),
    ];
    let scenario = [
        "--scenario",
        "pong.toml",
        "--gate-timeout",
        "500ms",
        "-o",
        "c.json",
    ];
    let output = compare.short(&[&servers[..], &scenario].concat());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let why = excluded(&compare.json("c.json"), "a").unwrap();
    assert!(
        why.contains("a message of pong: nothing came within") && why.contains("--try"),
        "{why}"
    );
}

/// Answers every request with a refusal that repeats it.
fn refuse_all() -> u16 {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(came @ 1..) => request.extend_from_slice(&piece[..came]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request).replace("\r\n", " ");
            let from = request.find("authorization").unwrap_or(0);
            let body = &request[from..];
            let length = body.len();
            let head = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {length}\r\n\r\n");
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    port
}

#[test]
fn no_output_holds_a_secret_of_the_scenario() {
    const PLANTED: &str = "pl4nted";
    let compare = Compare::new();
    let file = "url = '/?key=${token}'\n[handshake]\nheaders = { X-User = '${users.pass}' }\n\
        [vars]\ntoken = { secret = true }\n[[message]]\nsend = '${uid}'\nreply = '${message}'\n";
    std::fs::write(compare.path("s.toml"), file).unwrap();
    let users = format!("pass\n{PLANTED}-csv\n");
    std::fs::write(compare.path("users.csv"), users).unwrap();
    let port = refuse_all();
    let urls = ["a", "b"].map(|name| format!("{name}=ws://127.0.0.1:{port}/"));
    let (token, header) = (
        format!("token={PLANTED}-set"),
        format!("Authorization: Bearer {PLANTED}-hdr"),
    );
    let files = ["c.json", "c.md", "c.html"];
    let mut words = vec!["--scenario", "s.toml", "--data", "users=users.csv"];
    words.extend(["--data-wrap", "--set", &token, "--header", &header]);
    words.extend([
        "--url",
        &urls[0],
        "--url",
        &urls[1],
        "--ready-timeout",
        "1s",
    ]);
    words.extend(files.iter().flat_map(|name| ["-o", name]));
    let output = compare.short(&words);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let mut all = [output.stdout, output.stderr].concat();
    for name in files {
        all.extend(std::fs::read(compare.path(name)).unwrap());
    }
    let all = String::from_utf8_lossy(&all);
    assert!(all.contains("HTTP 401") && all.contains("***"), "{all}");
    assert!(!all.contains(PLANTED), "{all}");
}

#[test]
fn a_fault_of_the_scenario_is_wrong_usage() {
    let compare = Compare::new();
    std::fs::write(
        compare.path("s.toml"),
        "[[message]]\nsend = '${uid}'\nreplay = ''\n",
    )
    .unwrap();
    for (words, expected) in [
        (
            &["--scenario", "s.toml"][..],
            "s.toml:3:1: unknown key `replay` in [message]; did you mean `reply`?",
        ),
        (
            &["--protocol", "jupyter"],
            "this scenario needs --set kernel=…",
        ),
        (
            &["--protocol", "echo", "--verify", "off"],
            "--verify cannot be used with --protocol",
        ),
        (&["--set", "a=b"], "--set adds to a scenario"),
    ] {
        let urls = [
            "--url",
            "a=ws://127.0.0.1:1/",
            "--url",
            "b=ws://127.0.0.1:1/",
        ];
        let output = compare.run(&[&urls[..], words].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}
