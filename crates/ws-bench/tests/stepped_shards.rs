//! Capacity searches and sweeps whose steps several processes take: `--shards N`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::shard_runs::{assert_code, assert_refused_connections_are_named, echo, send};
use common::{Bench, Server, stderr, stdout};
use nix::sys::signal::Signal;
use results::read::{RunPart, read_run};
use serde_json::Value;
use test_support::stub_server::{StubBehaviour, StubServer};

fn report(bench: &Bench) -> Value {
    serde_json::from_slice(&fs::read(bench.path("run.json")).unwrap()).unwrap()
}

/// The sum of a column of the shards.
fn of_shards(json: &Value, key: &str) -> u64 {
    let rows = json["shards"]["rows"].as_array().unwrap();
    rows.iter().map(|row| row[key].as_u64().unwrap()).sum()
}

/// Asserts that the figures are those of one step, of all shards.
fn assert_adds_up(json: &Value, steps: &Value) -> u64 {
    let of = |key: &str| json["messages"][key].as_u64().unwrap();
    let due = of("sent") + of("unsent");
    let steps = steps.as_array().unwrap();
    let reported: Vec<_> = steps.iter().filter(|step| step["due"] == due).collect();
    assert!(!reported.is_empty(), "{due} messages due: {json}");
    assert!(reported.iter().any(|step| step["unsent"] == of("unsent")));
    assert_eq!(of_shards(json, "sent"), of("sent"), "{json}");
    assert_eq!(of_shards(json, "received"), of("received"), "{json}");
    let answered = json["response_time_ns"]["count"].as_u64().unwrap();
    assert_eq!(answered, of("received"), "{json}");
    let timeline = json["timeline"].as_array().unwrap();
    let sent = timeline.iter().map(|row| row["sent"].as_u64().unwrap());
    assert_eq!(sent.sum::<u64>(), of("sent"), "{json}");
    due
}

#[test]
fn a_sweep_of_two_shards_offers_what_one_process_would() {
    let server = echo();
    let bench = Bench::new();
    let sweep = "--sweep 50..200:3 -d 600ms --warmup 0s -c 5 --seed 4";
    let files = "-o run.json -o run.csv -o run.xlsx -o run.hlog";
    let line = format!("{} {sweep} --shards 2 -q {files}", server.url);
    let output = bench.run(&line);
    let json = report(&bench);
    assert_code(output.status.code(), &json, 0);
    let steps = json["load_curve"].as_array().unwrap();
    let due: Vec<_> = steps.iter().map(|step| &step["due"]).collect();
    assert_eq!(due, [30, 60, 120], "{json}");
    assert_adds_up(&json, &json["load_curve"]);
    let sent = json["messages"]["sent"].as_u64().unwrap();
    let csv = fs::read_to_string(bench.path("run.csv")).unwrap();
    assert_eq!(csv.lines().count() as u64, sent + 1);
    let run = read_run(&bench.path("run.hlog"), &[RunPart::Histograms]).unwrap();
    assert_eq!(
        Some(run.histograms.unwrap().service.len()),
        json["messages"]["received"].as_u64()
    );
    let run = read_run(
        &bench.path("run.xlsx"),
        &[RunPart::Summary, RunPart::Clients],
    )
    .unwrap();
    assert_eq!(run.summary.unwrap().shards.unwrap().complete, 2);
    let clients = run.clients.unwrap();
    let numbers: Vec<_> = clients.iter().map(|row| row.client).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert_eq!(clients.iter().map(|row| row.messages).sum::<u64>(), sent);
    let (connections, shards) = (&json["connections"], &json["shards"]);
    assert_eq!(
        (&connections["opened"], &connections["attempted"]),
        (&5.into(), &5.into())
    );
    assert_eq!(
        (&shards["planned"], &shards["complete"]),
        (&2.into(), &2.into())
    );
    assert_eq!(of_shards(&json, "opened"), 5);
    assert!(
        stdout(&output).contains("2 of 2 complete"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_search_of_two_shards_measures_an_embedded_server() {
    let bench = Bench::new();
    let search = "--find-capacity p99<1s --find-capacity error_rate<5% --budget 10s -c 6";
    let line = format!("{search} --shards 2 --warmup 0s --no-calibrate -q --json --no-output");
    let output = bench.run(&line);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let capacity = &json["capacity"];
    assert!(capacity["steps"].as_array().unwrap().len() > 1, "{json}");
    assert_ne!(capacity["ended_by"], "interrupted", "{}", stderr(&output));
    assert_adds_up(&json, &capacity["steps"]);
    assert_eq!(json["plan"]["embedded"], "axum");
    assert_eq!(json["shards"]["complete"], 2);
    assert!(json["server"]["cpu_s"].is_number(), "{json}");
    assert!(
        capacity["steps"][0]["server_cpu_share"].is_number(),
        "{json}"
    );
}

/// Four clients of a server that needs 20 ms for each message of a connection, so that it serves at most 200 messages per
/// second.
#[test]
fn a_search_of_two_shards_finds_the_limit_of_the_server() {
    let server = StubServer::start(StubBehaviour {
        hold: Duration::from_millis(20),
        ..StubBehaviour::default()
    });
    let bench = Bench::new();
    let search = "--find-capacity p99<200ms --budget 10s -c 4 --shards 2 --no-calibrate";
    let run = bench.report(&format!("{} {search}", server.url()));
    let steps = run.value("/capacity/steps").as_array().unwrap();
    assert!(steps.iter().any(|step| step["held"] == false), "{steps:?}");
    let rate = run.value("/capacity/rate_per_s").as_f64().unwrap();
    assert!(rate <= 300.0, "{rate}");
    assert_adds_up(&run.json, run.value("/capacity/steps"));
}

#[test]
fn samples_of_all_shards_are_limited_together() {
    let server = echo();
    let bench = Bench::new();
    let line =
        "--sweep 100..200:2 -d 1s --warmup 0s -c 4 --max-samples 30 --shards 2 -q -o run.csv";
    let output = bench.run(&format!("{} {line}", server.url));
    let csv = fs::read_to_string(bench.path("run.csv"));
    let csv = csv.unwrap_or_else(|e| panic!("{e}: {}", stderr(&output)));
    assert_eq!(csv.lines().count(), 31);
}

/// Waits until a run that serves metrics is in its second step.
fn wait_for_second_step(parent: &mut Child) {
    let mut notices = BufReader::new(parent.stderr.take().unwrap()).lines();
    let address = notices.find_map(|line| {
        let line = line.unwrap();
        let address = line.strip_prefix("metrics at http://")?;
        Some(address.strip_suffix("/metrics")?.to_owned())
    });
    let address = address.unwrap();
    // Discards all other notices, so that the pipe does not fill up.
    std::thread::spawn(move || notices.for_each(drop));
    let mut page = String::new();
    while !page.contains("\nws_bench_search_step 2\n") {
        page.clear();
        let mut stream = TcpStream::connect(&address).unwrap();
        let request = "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_string(&mut page).unwrap();
    }
}

#[test]
fn a_child_that_dies_in_the_second_step_leaves_the_first_one() {
    let server = echo();
    let bench = Bench::new();
    let line = "--sweep 100..200:2 -d 4s --warmup 0s -c 4 --shards 2 --no-calibrate -o run.json";
    let line = format!("{} {line} --metrics-bind 127.0.0.1:0", server.url);
    let mut command = bench.command(&line);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut parent = command.spawn().unwrap();
    wait_for_second_step(&mut parent);
    send(children_of(&parent)[1], Signal::SIGKILL);
    assert_eq!(parent.wait().unwrap().code(), Some(3));
    let json = report(&bench);
    assert_eq!(json["load_curve"].as_array().unwrap().len(), 1, "{json}");
    assert_adds_up(&json, &json["load_curve"]);
    assert_eq!(json["shards"]["died"].as_array().unwrap().len(), 1);
    assert_eq!(json["connections"]["opened"], 4, "{json}");
}

/// A connection that the server closed stayed away in all later steps of its shard.
#[test]
fn every_shard_opens_its_connections_again_between_steps() {
    let server = StubServer::start(StubBehaviour {
        close_at: Some((40, Some((1001, "")))),
        ..StubBehaviour::default()
    });
    let bench = Bench::new();
    // 25 or 26 messages of each client in a step, so that all connections end in the second one.
    let sweep = "--sweep 100..102:3 -d 1s --warmup 0s -c 4 --shards 2 -q -o run.json";
    bench.run(&format!("{} {sweep}", server.url()));
    let json = report(&bench);
    let mut steps = json["load_curve"].as_array().unwrap().clone();
    steps.sort_by(|one, other| {
        let [one, other] = [one, other].map(|step| step["start_s"].as_f64().unwrap());
        one.total_cmp(&other)
    });
    // A step without any does not have the key.
    let closed = |step: &Value| step["closed"].as_u64().unwrap_or(0);
    let closed: Vec<_> = steps.iter().map(closed).collect();
    assert_eq!(closed, [0, 4, 0], "{json}");
    let lacks = |step: &Value| step["unsent"].as_u64().unwrap() > 0;
    assert!(!lacks(&steps[0]) && lacks(&steps[1]) && !lacks(&steps[2]));
    let connections = &json["connections"];
    assert_eq!(connections["attempted"], 4, "{json}");
    assert_eq!(connections["closed_early"], 4, "{json}");
}

/// The search ended as if the user had interrupted it.
#[test]
fn a_search_whose_child_dies_says_so() {
    let server = echo();
    let bench = Bench::new();
    let search = "--find-capacity p99<1s --budget 10m --warmup 0s -c 4 --shards 2 --no-calibrate";
    let line = format!(
        "{} {search} -o run.json --metrics-bind 127.0.0.1:0",
        server.url
    );
    let mut command = bench.command(&line);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut parent = command.spawn().unwrap();
    wait_for_second_step(&mut parent);
    send(children_of(&parent)[1], Signal::SIGKILL);
    let output = parent.wait_with_output().unwrap();
    let json = report(&bench);
    assert_eq!(output.status.code(), Some(3), "{json}");
    assert_eq!(json["capacity"]["ended_by"], "shard_lost");
    assert_eq!(json["shards"]["died"].as_array().unwrap().len(), 1);
    let text = stdout(&output);
    assert!(text.contains("a process of the generator died"), "{text}");
    assert!(!text.contains("by the user"), "{text}");
}

/// A sweep of two shards whose points take ten minutes.
fn long_sweep(bench: &Bench, server: &Server) -> Child {
    let line = "--sweep 100..200:2 -d 10m --warmup 0s -c 4 --shards 2 --no-calibrate -o run.json";
    let mut command = bench.command(&format!("{} {line}", server.url));
    command.env("TMPDIR", bench.folder.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut parent = command.spawn().unwrap();
    while server.seen.load(Ordering::Relaxed) < 40 {
        assert_eq!(parent.try_wait().unwrap(), None, "it has ended");
        std::thread::yield_now();
    }
    parent
}

/// Process IDs of the children of a process.
fn children_of(parent: &Child) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", parent.id())).unwrap();
    let children = tasks.flat_map(|task| {
        let text = fs::read_to_string(task.unwrap().path().join("children")).unwrap();
        let pids = text.split_whitespace().map(|pid| pid.parse().unwrap());
        pids.collect::<Vec<u32>>()
    });
    let children: Vec<_> = children.collect();
    assert_eq!(children.len(), 2);
    children
}

fn is_running(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
}

#[test]
fn a_child_that_dies_in_a_step_ends_the_run_and_is_named() {
    let server = echo();
    let bench = Bench::new();
    let parent = long_sweep(&bench, &server);
    let children = children_of(&parent);
    send(children[0], Signal::SIGKILL);
    let output = parent.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("ended with signal: 9"),
        "{}",
        stderr(&output)
    );
    assert!(children.into_iter().all(|pid| !is_running(pid)));
    let json = report(&bench);
    assert_eq!(
        json["shards"]["died"].as_array().unwrap().len(),
        1,
        "{json}"
    );
    assert_eq!(json["shards"]["complete"], 1);
    assert_eq!(json["load_curve"], Value::Array(Vec::new()));
    assert_eq!(json["messages"]["sent"], 0, "half of the load is no step");
    let text = stdout(&output);
    assert!(text.contains("died, so the run ended early"), "{text}");
    assert!(!text.contains("by the user"), "{text}");
}

#[test]
fn an_interrupt_ends_the_steps_of_all_children() {
    let server = echo();
    let bench = Bench::new();
    let parent = long_sweep(&bench, &server);
    let children = children_of(&parent);
    send(parent.id(), Signal::SIGINT);
    let output = parent.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(children.into_iter().all(|pid| !is_running(pid)));
    let json = report(&bench);
    assert_eq!(json["shards"]["complete"], 2);
    assert!(json["messages"]["sent"].as_u64().unwrap() > 0, "{json}");
    let reasons = json["validity"]["reasons"].to_string();
    assert!(reasons.contains("ended early by the user"), "{reasons}");
    assert_eq!(
        bench.files(),
        ["run.json"],
        "the results of the shards are removed"
    );
}

#[test]
fn children_of_a_killed_parent_end_their_step() {
    let server = echo();
    let bench = Bench::new();
    let mut parent = long_sweep(&bench, &server);
    let children = children_of(&parent);
    parent.kill().unwrap();
    parent.wait().unwrap();
    while children.iter().any(|pid| is_running(*pid)) {
        std::thread::yield_now();
    }
}

#[test]
fn the_reason_why_no_shard_of_a_sweep_connected_is_named() {
    assert_refused_connections_are_named("--sweep 10..20");
}
