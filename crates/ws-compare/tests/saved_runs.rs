//! Saved runs and saved comparisons: verdicts, conditions, and refused input.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use calamine::{Data, Reader, Xlsx, open_workbook};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A run of ws-bench, changed by `change`.
fn run(change: impl FnOnce(&mut Value)) -> Value {
    let mut run = serde_json::from_str(include_str!("data/run.json")).unwrap();
    change(&mut run);
    run
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.0.path().join(name), value.to_string()).unwrap();
    }

    fn compare(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ws-compare"))
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.0.path().join(name)).unwrap()).unwrap()
    }

    /// Saves ten runs of `a` and of `b`, whose throughput is `times` as high. Returns the arguments for them.
    fn ten_each(&self, times: f64) -> Vec<String> {
        // A spread of about 1 %, different for each server.
        let noise = |n: u64| 1.0 + ((n * 7919) % 13) as f64 / 1000.0;
        let side = |name: &str, times: f64, shift: u64| {
            let files = (0..10_u64).map(|n| {
                let file = format!("{name}{n}.json");
                let factor = times * noise(n + shift);
                self.write(
                    &file,
                    &run(|r| {
                        r["throughput"]["messages_per_s"] = json!(10_000.0 * factor);
                        let ns = (1e6 / factor).round() as u64;
                        for time in ["service_time_ns", "response_time_ns"] {
                            r[time]["p50"] = json!(ns);
                            r[time]["p99"] = json!(3 * ns);
                        }
                    }),
                );
                file
            });
            format!("{name}={}", files.collect::<Vec<_>>().join(","))
        };
        vec![side("a", 1.0, 0), side("b", times, 5)]
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// `NAME=FILE,FILE,…` with this many files.
fn first_files(side: &str, n: usize) -> String {
    let files: Vec<_> = side.split(',').take(n).collect();
    files.join(",")
}

fn against<'v>(c: &'v Value, figure: &str) -> &'v Value {
    let figures = c["figures"].as_array().unwrap();
    let row = figures.iter().find(|row| row["figure"] == figure).unwrap();
    &row["against"][0]
}

#[test]
fn a_difference_beyond_the_noise_is_told_with_its_interval() {
    let folder = Folder::new();
    let sides = folder.ten_each(1.32);
    let output = folder.compare(&[&sides[0], &sides[1], "-o", "c.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let c = folder.json("c.json");
    let told = against(&c, "throughput");
    assert_eq!(told["verdict"], "better");
    let (low, high) = (
        told["low"].as_f64().unwrap(),
        told["high"].as_f64().unwrap(),
    );
    assert!(low < 1.32 && 1.32 < high && high < 1.35, "{told}");
    assert!(
        told["text"]
            .as_str()
            .unwrap()
            .starts_with("b 1.32 × faster (1.3"),
        "{told}"
    );
    // For a time, the smaller value is better.
    let told = against(&c, "service_p50");
    assert_eq!(told["verdict"], "better");
    assert!(told["ratio"].as_f64().unwrap() < 1.0);
    assert!(stdout(&output).contains("b 1.32 × faster"));
    assert!(stdout(&output).contains("Saved runs were measured one after the other"));
    // With the servers swapped, the other one is slower by the same ratio.
    let output = folder.compare(&[&sides[0], &sides[1], "--reference", "b"]);
    assert!(
        stdout(&output).contains("a 1.32 × slower (1.3"),
        "{}",
        stdout(&output)
    );
}

/// Saves ten runs of `a` and of `b`, with figures of deliveries or of a feed. `change` gets the run, and a time in
/// nanoseconds that is longer for `b`.
fn ten_each_with(folder: &Folder, change: fn(&mut Value, u64)) -> [String; 2] {
    [("a", 1.0), ("b", 1.5)].map(|(name, times)| {
        let files = (0..10_u64).map(|n| {
            let file = format!("{name}{n}.json");
            let noise = 1.0 + ((n * 7919 + times as u64) % 13) as f64 / 1000.0;
            let ns = (times * noise * 1e6).round() as u64;
            folder.write(&file, &run(|r| change(r, ns)));
            file
        });
        format!("{name}={}", files.collect::<Vec<_>>().join(","))
    })
}

#[test]
fn rooms_are_compared_by_their_last_receivers() {
    let folder = Folder::new();
    let sides = ten_each_with(&folder, |run, ns| {
        let times = json!({"count": 100_000, "p50": ns, "p99": 3 * ns});
        run["fan_out"] = json!({
            "published": 1_000, "expected": 100_000, "delivered": 100_000, "reach": 1.0, "complete": 1_000,
            "delivery_time_ns": times, "first_ns": times, "last_ns": times,
        });
    });
    let worse = "b.last.p99 > 1.1 * a.last.p99";
    let output = folder.compare(&[&sides[0], &sides[1], "--fail-if", worse, "-o", "c.json"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(4), "{text}{}", stderr(&output));
    let c = folder.json("c.json");
    for figure in [
        "last_p50",
        "last_p99",
        "first_p99",
        "delivery_p50",
        "delivery_p99",
    ] {
        assert_eq!(against(&c, figure)["verdict"], "worse", "{figure}");
    }
    assert_eq!(against(&c, "reach")["verdict"], "cannot_tell");
    assert!(
        text.contains("Deliveries, to all receivers of a message"),
        "{text}"
    );
    assert!(text.contains("last receiver p99"), "{text}");
    let whole = "b.reach < 100%";
    let output = folder.compare(&[&sides[0], &sides[1], "--fail-if", whole]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn a_room_that_loses_deliveries_is_compared_by_its_reach() {
    let folder = Folder::new();
    let sides = ten_each_with(&folder, |run, ns| {
        let missing = if ns > 1_200_000 { 500 } else { 0 };
        run["fan_out"] = json!({
            "published": 1_000, "expected": 100_000, "delivered": 100_000 - missing, "missing": missing,
            "reach": 1.0 - missing as f64 / 1e5,
        });
    });
    let output = folder.compare(&[&sides[0], &sides[1], "--fail-if", "b.reach < 100%"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(4), "{text}{}", stderr(&output));
    assert!(text.contains("99.500 %"), "{text}");
}

#[test]
fn feeds_are_compared_without_messages_of_the_generator() {
    let folder = Folder::new();
    let sides = ten_each_with(&folder, |run, ns| {
        run["plan"]["senders"] = json!(0);
        run["plan"]["messages_per_client"] = Value::Null;
        run["messages"]["planned"] = Value::Null;
        run["plan"]["duration_s"] = run["elapsed_s"].clone();
        for count in ["sent", "received"] {
            run["messages"][count] = json!(0);
        }
        for time in ["service_time_ns", "response_time_ns"] {
            run[time] = json!({"count": 0});
        }
        run["throughput"]["messages_per_s"] = json!(0.0);
        let times = json!({"count": 10_000, "p50": ns, "p99": 2 * ns});
        run["push"] = json!({
            "received": 10_000, "received_per_s": 1_000.0, "clients": 10, "missing": 0,
            "gap_ns": times, "late_ns": times, "skew_ns": times,
        });
    });
    let later = "b.skew.p99 > 1.1 * a.skew.p99";
    let output = folder.compare(&[&sides[0], &sides[1], "--fail-if", later, "-o", "c.json"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(4), "{text}{}", stderr(&output));
    let c = folder.json("c.json");
    for figure in ["gap_p99", "lateness_p99", "skew_p99"] {
        assert_eq!(against(&c, figure)["verdict"], "worse", "{figure}");
    }
    assert!(!text.contains("service time"), "{text}");
    assert!(!text.contains("--slice"), "{text}");
}

#[test]
fn noise_is_no_difference() {
    let folder = Folder::new();
    let sides = folder.ten_each(1.0);
    let output = folder.compare(&[&sides[0], &sides[1], "-o", "c.json"]);
    assert_eq!(output.status.code(), Some(0));
    let c = folder.json("c.json");
    assert_eq!(against(&c, "throughput")["verdict"], "cannot_tell");
    assert!(stdout(&output).contains("inconclusive"));
}

#[test]
fn a_condition_shuts_the_gate_only_with_confidence() {
    let folder = Folder::new();
    let sides = folder.ten_each(1.32);
    let code = |condition: &str| {
        let output = folder.compare(&[&sides[0], &sides[1], "--fail-if", condition]);
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    assert_eq!(code("b.throughput > 1.1 * a.throughput").0, Some(4));
    assert_eq!(code("a.service.p99 > 1.1 * b.service.p99").0, Some(4));
    assert_eq!(code("b.throughput > 1.5 * a.throughput").0, Some(0));
    // The difference exists, but is not significantly this large.
    let (status, told) = code("b.throughput > 1.32 * a.throughput");
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains(": 10 rounds: the ratio is "), "{told}");
    // The figure was not measured.
    let (status, told) = code("b.memory_per_connection > 1 * a.memory_per_connection");
    assert_eq!(status, Some(4), "{told}");
    assert!(told.contains("was not measured"), "{told}");
    let usage = [
        "b.p99 >",
        "c.p99 > a.p99",
        "b.p98 > a.p98",
        "b.p99 > a.throughput",
        "b.max > a.max",
    ];
    for wrong in usage {
        let (status, told) = code(wrong);
        assert_eq!(status, Some(2), "{wrong}: {told}");
    }
}

#[test]
fn one_run_a_side_tells_nothing_and_says_so() {
    let folder = Folder::new();
    folder.write("before.json", &run(|_| {}));
    folder.write(
        "after.json",
        &run(|r| r["throughput"]["messages_per_s"] = json!(9e9)),
    );
    let output = folder.compare(&["before.json", "after.json"]);
    assert_eq!(output.status.code(), Some(0));
    let told = stdout(&output);
    assert!(
        told.contains("inconclusive: 1 round, an interval needs "),
        "{told}"
    );
    assert!(told.contains(" × faster in it"), "{told}");
    assert!(told.contains("1 round allows no verdict"), "{told}");
}

#[test]
fn rounds_that_are_too_few_for_any_verdict_are_said_to_be() {
    let folder = Folder::new();
    let sides = folder.ten_each(2.0);
    let said = |rounds: usize| {
        stdout(&folder.compare(&[
            &first_files(&sides[0], rounds),
            &first_files(&sides[1], rounds),
            "--figures",
            "throughput",
        ]))
    };
    let few = said(5);
    assert!(
        few.contains("5 rounds are too few for any verdict")
            && few.contains("6 or more are needed; use 6 saved runs per server (a=1.json,2.json)")
            && !few.contains("fewer `--figures`"),
        "{few}"
    );
    // Too few rounds give no interval at any level.
    assert!(!few.contains("bootstrap intervals"), "{few}");
    let enough = said(6);
    assert!(enough.contains("bootstrap intervals of 95 %"), "{enough}");
    assert!(
        enough.contains("b 2.0") && !enough.contains("too few"),
        "{enough}"
    );
}

#[test]
fn a_few_rounds_that_differ_much_are_described_and_nothing_rests_on_it() {
    let folder = Folder::new();
    let sides = folder.ten_each(1.0 / 5.2);
    let sides: Vec<String> = sides.iter().map(|side| first_files(side, 3)).collect();
    let gate = "a.throughput > 2 * b.throughput";
    let mut line = vec![&*sides[0], &*sides[1], "--figures", "throughput"];
    line.extend(["--fail-if", gate]);
    for file in ["c.json", "c.xlsx", "c.md", "c.html", "c.svg"] {
        line.extend(["-o", file]);
    }
    let output = folder.compare(&line);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let sentence =
        "inconclusive: 3 rounds, an interval needs 6; b was 5.2 × slower in each of them (5.1–5.2)";
    let c = folder.json("c.json");
    let told = against(&c, "throughput");
    assert_eq!(told["text"], sentence);
    assert_eq!(told["verdict"], "cannot_tell");
    assert_eq!(c["conditions"][0]["held"], false);
    assert_eq!(c["conditions"][0]["is_sure"], false);
    assert!(stdout(&output).contains(sentence), "{}", stdout(&output));
    for page in ["c.md", "c.html"] {
        let page = std::fs::read_to_string(folder.0.path().join(page)).unwrap();
        assert!(page.contains(sentence), "{page}");
        assert!(page.contains("Every comparison is inconclusive."), "{page}");
    }
    let book = folder.0.path().join("c.xlsx");
    assert_eq!(
        cell(&book, "figures", (2, 9)),
        Data::String("inconclusive".to_owned())
    );
    assert_eq!(
        cell(&book, "figures", (2, 10)),
        Data::String(sentence.to_owned())
    );
}

#[test]
fn a_saved_run_with_faults_is_not_compared_as_an_equal() {
    type Fault = (&'static str, fn(&mut Value));
    let faults: [Fault; 9] = [
        ("3 connections failed (no room: HTTP 503)", |r| {
            r["connections"]["opened"] = json!(1);
            r["connections"]["failed"] = json!(3);
            r["connections"]["failures"] = json!({"no room: HTTP 503": 3});
        }),
        ("2 connections were never attempted", |r| {
            r["connections"]["opened"] = json!(2);
        }),
        (
            "1 connection ended early (the server closed with 1001)",
            |r| {
                r["connections"]["closed_early"] = json!(1);
                r["connections"]["early_ends"] = json!({"the server closed with 1001": 1});
            },
        ),
        ("160 messages were never sent", |r| {
            r["messages"]["unsent"] = json!(160);
        }),
        ("2 messages were lost", |r| r["messages"]["lost"] = json!(2)),
        (
            "400 echoes were wrong (400 echoes came back as binary; text was sent)",
            |r| {
                r["messages"]["corrupted"] = json!(400);
                r["messages"]["differences"] = json!([{"what": "type", "sent": "text",
                    "came": "binary", "count": 400, "first_difference": null, "begins": "00"}]);
            },
        ),
        ("1 echo came twice", |r| {
            r["messages"]["duplicated"] = json!(1);
        }),
        ("the run ended after 1.00 s of 2.00 s", |r| {
            r["plan"]["duration_s"] = json!(2.0);
            r["elapsed_s"] = json!(1.0);
        }),
        ("the run ended 300 messages early", |r| {
            r["messages"]["planned"] = json!(r["messages"]["sent"].as_u64().unwrap() + 300);
        }),
    ];
    for (fault, change) in faults {
        let folder = Folder::new();
        let sides = folder.ten_each(2.0);
        let mut bad: Value = folder.json("b3.json");
        change(&mut bad);
        folder.write("b3.json", &bad);
        let output = folder.compare(&[&sides[0], &sides[1], "-o", "c.json"]);
        let told = stdout(&output).replace("\n  ", " ");
        assert_eq!(output.status.code(), Some(3), "{fault}: {told}");
        let line = format!(
            "round 4 is not counted for b: `b` failed under load: {fault}; saved in b3.json"
        );
        assert!(told.contains(&line), "{line}: {told}");
        let c = folder.json("c.json");
        assert_eq!(against(&c, "throughput")["rounds"], 9, "{fault}");
        assert_eq!(against(&c, "throughput")["verdict"], "better", "{fault}");
    }
}

#[test]
fn a_server_whose_saved_runs_were_all_refused_is_not_called_slower() {
    let folder = Folder::new();
    let sides = folder.ten_each(1.0 / 5.0);
    for n in 0..10 {
        let file = format!("b{n}.json");
        let mut refused = folder.json(&file);
        refused["connections"]["opened"] = json!(1);
        refused["connections"]["failed"] = json!(3);
        folder.write(&file, &refused);
    }
    let output = folder.compare(&[&sides[0], &sides[1], "-o", "c.json"]);
    let told = stdout(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(!told.contains("slower"), "{told}");
    assert!(told.contains("b has no round that counts"), "{told}");
    assert_eq!(folder.json("c.json")["validity"]["verdict"], "invalid");
}

#[test]
fn runs_that_answer_different_questions_are_refused() {
    let cases: [(&str, &str, Value); 14] = [
        ("/plan/clients", "clients", json!(5)),
        ("/plan/payload_bytes", "payload", json!(126)),
        ("/plan/text", "messages", json!(false)),
        ("/plan/rate_per_s", "load", json!(100.0)),
        ("/plan/window", "window", json!(2)),
        ("/plan/verify", "verification", json!("off")),
        ("/plan/messages_per_client", "length", json!(201)),
        ("/plan/warmup_s", "warm-up", json!(3.0)),
        ("/plan/timeout_s", "timeout", json!(3.0)),
        ("/plan/threads", "generator threads", json!(1)),
        ("/plan/busy_poll", "busy polling", json!(true)),
        ("/tool/version", "tool", json!("9.9.9")),
        ("/host/cpu", "processor", json!("another")),
        ("/schema", "schema", json!(2)),
    ];
    let folder = Folder::new();
    folder.write("a.json", &run(|_| {}));
    for (pointer, named, value) in cases {
        folder.write("b.json", &run(|r| *r.pointer_mut(pointer).unwrap() = value));
        let output = folder.compare(&["a.json", "b.json"]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{pointer}: {told}");
        assert!(
            told.contains(named) && told.contains("b.json"),
            "{pointer}: {told}"
        );
    }
    // Settings that runs are meant to compare, and random ones, may differ.
    for (pointer, value) in [
        ("/plan/url", json!("ws://elsewhere/")),
        ("/plan/seed", json!(7)),
    ] {
        folder.write("b.json", &run(|r| *r.pointer_mut(pointer).unwrap() = value));
        assert_eq!(
            folder.compare(&["a.json", "b.json"]).status.code(),
            Some(0),
            "{pointer}"
        );
    }
}

/// Runs that differed in `--reconnect` only were refused, though which law is better is the question.
#[test]
fn runs_of_two_policies_are_compared_and_the_policies_are_named() {
    let folder = Folder::new();
    let storm = |law: &str| {
        run(|r| {
            r["plan"]["connections"] = json!({
                "drop": {"after_s": 1.0, "share": 1.0, "method": "reset"},
                "reconnect": law
            });
        })
    };
    folder.write("now.json", &storm("now"));
    folder.write("spread.json", &storm("spread:5s"));
    let output = folder.compare(&["a=now.json", "b=spread.json", "-o", "c.json"]);
    assert_ne!(output.status.code(), Some(2), "{}", stderr(&output));
    let said = stdout(&output) + &stderr(&output);
    assert!(said.contains("clients of a: reconnect now"), "{said}");
    assert!(said.contains("clients of b: reconnect spread:5s"), "{said}");
    let c = folder.json("c.json");
    assert_eq!(c["servers"][1]["policy"], "reconnect spread:5s");
    assert_eq!(c["plan"]["load"]["connections"]["reconnect"], Value::Null);
    let mixed = folder.compare(&["a=now.json,spread.json", "b=now.json,spread.json"]);
    assert_eq!(mixed.status.code(), Some(2));
    let said = stderr(&mixed);
    assert!(
        said.contains("the runs of a differ in `reconnect`"),
        "{said}"
    );
}

#[test]
fn saved_runs_of_one_scenario_are_compared_under_its_name() {
    let folder = Folder::new();
    let scenario = |digit: &str| json!({"name": "chat", "sha256": digit.repeat(64)});
    let of = |digit| run(|r| r["scenario"] = scenario(digit));
    folder.write("a.json", &of("1"));
    folder.write("b.json", &of("1"));
    let output = folder.compare(&["a.json", "b.json", "-o", "c.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains(" · scenario chat · "), "{text}");
    let saved = folder.json("c.json");
    assert_eq!(saved["scenario"]["name"], "chat");
    // A saved comparison still has it.
    let output = folder.compare(&["c.json"]);
    assert!(
        stdout(&output).contains(" · scenario chat · "),
        "{}",
        stderr(&output)
    );
    for other in [of("2"), run(|_| {})] {
        folder.write("b.json", &other);
        let output = folder.compare(&["a.json", "b.json"]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(
            stderr(&output).contains(
                "cannot be compared: scenario is chat (SHA-256 111111111111…) in the first"
            ),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn what_cannot_be_read_or_paired_is_said() {
    let folder = Folder::new();
    folder.write("a.json", &run(|_| {}));
    folder.write("b.json", &run(|_| {}));
    folder.write("other.json", &json!({"schema": 1}));
    // A file that cannot be read has the exit code that it has in every program.
    let cases: [(&[&str], i32, &str); 6] = [
        (&["a.json"], 2, "nothing to compare"),
        (&["a.json", "none.json"], 1, "none.json"),
        (&["a.json", "other.json"], 2, "other.json"),
        (&["x=a.json,b.json", "y=b.json"], 2, "needs as many"),
        (&["x=a.json", "x=b.json"], 2, "two servers are called `x`"),
        (
            &["a.json", "b.json", "--reference", "c"],
            2,
            "no server `c`",
        ),
    ];
    for (arguments, code, told) in cases {
        let output = folder.compare(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(
            stderr(&output).contains(told),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn invalid_runs_make_an_invalid_comparison() {
    let folder = Folder::new();
    let invalid = |r: &mut Value| {
        r["validity"] = json!({"verdict": "invalid", "reasons": ["the clock stood still"]});
    };
    folder.write("a.json", &run(|_| {}));
    folder.write("b.json", &run(invalid));
    let output = folder.compare(&["a.json", "b.json"]);
    assert_eq!(output.status.code(), Some(5));
    let told = stdout(&output);
    let wanted = "throughput runs: 1 of 1 of b are invalid and left out. First reason: the clock";
    assert!(told.replace("\n  ", " ").contains(wanted), "{told}");
}

#[test]
fn a_saved_comparison_is_read_back_and_judged_again() {
    let folder = Folder::new();
    let sides = folder.ten_each(1.32);
    let first = folder.compare(&[&sides[0], &sides[1], "-o", "c.json"]);
    let again = folder.compare(&["c.json", "-o", "d.json"]);
    let verdicts = |output: &Output| stdout(output).split("\nsaved").next().unwrap().to_owned();
    assert_eq!(verdicts(&first), verdicts(&again));
    assert_eq!(folder.json("c.json"), folder.json("d.json"));
    let gate = ["c.json", "--fail-if", "b.throughput > a.throughput"];
    assert_eq!(folder.compare(&gate).status.code(), Some(4));
    // The file is a complete comparison, which cannot be one side of another.
    let side = folder.compare(&["a=c.json", "b=b0.json"]);
    assert_eq!(side.status.code(), Some(2));
    assert!(
        stderr(&side).contains("c.json is a comparison, not a run"),
        "{}",
        stderr(&side)
    );
}

#[test]
fn a_saved_comparison_that_was_interrupted_is_judged_like_any_other() {
    let folder = Folder::new();
    let runs = folder.ten_each(1.1);
    let arguments: Vec<&str> = runs.iter().map(String::as_str).collect();
    folder.compare(&[&arguments[..], &["-o", "c.json"]].concat());
    let mut c = folder.json("c.json");
    c["interrupted"] = json!(true);
    c["servers"][1]["excluded"] = json!("it was tired");
    folder.write("c.json", &c);
    // Reading a saved comparison is not interrupted. The failure of a server is still reported.
    let output = folder.compare(&["c.json"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stdout(&output).contains("ended early by the user"));
    let output = folder.compare(&["c.json", "--reference", "b"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("`b` was left out"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn files_of_one_name_are_answered_with_how_to_name_them() {
    let folder = Folder::new();
    for place in ["before", "after"] {
        std::fs::create_dir(folder.0.path().join(place)).unwrap();
        folder.write(&format!("{place}/run.json"), &run(|_| {}));
    }
    let output = folder.compare(&["before/run.json", "after/run.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("as in NAME="),
        "{}",
        stderr(&output)
    );
    let output = folder.compare(&["a=before/run.json", "b=after/run.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn flags_of_measuring_are_refused_beside_files() {
    let folder = Folder::new();
    for flag in [
        &["--rounds", "3"][..],
        &["--until-sure", "2"],
        &["-c", "5"],
        &["--pin"],
        &["--rate", "5"],
        &["--busy-poll"],
        &["--insecure"],
    ] {
        let output = folder.compare(&[flag, &["a.json", "b.json"]].concat());
        assert_eq!(output.status.code(), Some(2), "{flag:?}");
        let said = stderr(&output);
        assert!(
            said.contains("cannot be used with") && said.contains(flag[0].trim_start_matches("-c")),
            "{said}"
        );
    }
}

fn cell(path: &Path, sheet: &str, at: (u32, u32)) -> Data {
    let mut book: Xlsx<_> = open_workbook(path).unwrap();
    let range = book.worksheet_range(sheet).unwrap();
    range.get_value(at).cloned().unwrap_or_default()
}

#[test]
fn every_round_is_a_row_of_the_workbook() {
    let folder = Folder::new();
    let sides = folder.ten_each(1.32);
    folder.compare(&[&sides[0], &sides[1], "-o", "c.xlsx", "-q"]);
    let path = folder.0.path().join("c.xlsx");
    let mut book: Xlsx<_> = open_workbook(&path).unwrap();
    let sheets = book.sheet_names();
    assert_eq!(sheets[..3], ["figures", "rounds", "throughput"]);
    assert_eq!(book.worksheet_range("rounds").unwrap().height(), 1 + 20);
    let by_round = book.worksheet_range("throughput").unwrap();
    assert_eq!((by_round.height(), by_round.width()), (1 + 10, 3));
    assert_eq!(
        cell(&path, "throughput", (0, 2)),
        Data::String("b".to_owned())
    );
    assert_eq!(
        cell(&path, "figures", (2, 9)),
        Data::String("better".to_owned())
    );
    let wanted = 13_200.0 * 1.0 + 13_200.0 * ((5 * 7919) % 13) as f64 / 1000.0;
    let Data::Float(found) = cell(&path, "throughput", (1, 2)) else {
        panic!("no number");
    };
    assert!((found - wanted).abs() < 1e-6, "{found}");
}

#[test]
fn a_run_that_was_decoded_is_said_to_be() {
    let folder = Folder::new();
    folder.write("a.json", &run(|_| {}));
    let utf_16: Vec<u8> = format!("\u{feff}{}", run(|_| {}))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(folder.0.path().join("b.json"), utf_16).unwrap();
    let wanted = "b.json is read as UTF-16, because it is not UTF-8\n";
    let output = folder.compare(&["a=a.json", "b=b.json"]);
    assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
    let output = folder.compare(&["a=a.json", "b=b.json", "--quiet"]);
    assert!(!stderr(&output).contains(wanted));
}
