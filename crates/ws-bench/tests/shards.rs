//! Runs of several processes: `--shards N`, single shards and `ws-merge`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use common::shard_runs::{
    ahead, assert_code, assert_refused_connections_are_named, echo, merge, merged, send, spawn,
    wait_for_seconds,
};
use common::{Bench, Server, stderr, stdout};
use nix::sys::signal::Signal;
use results::read::{RunPart, read_partial_log, read_run};
use serde_json::Value;

#[test]
fn shards_on_one_machine_are_one_run() {
    let server = echo();
    let bench = Bench::new();
    let line =
        "--shards 3 -c 8 -m 25 --warmup 0s -q -o run.json -o run.xlsx -o run.csv -o run.hlog";
    let output = bench.run(&format!("{} {line}", server.url));
    let text = stdout(&output);
    assert!(text.contains("3 of 3 complete · started within"), "{text}");
    let json: Value = serde_json::from_slice(&fs::read(bench.path("run.json")).unwrap()).unwrap();
    assert_code(output.status.code(), &json, 0);
    assert_eq!(json["messages"]["sent"], 200);
    assert_eq!(json["messages"]["received"], 200);
    assert_eq!(json["connections"]["opened"], 8);
    assert_eq!(json["plan"]["clients"], 8);
    assert_eq!(json["shards"]["complete"], 3);
    if json["shards"]["degraded"] == false {
        assert_eq!(json["shards"]["full_strength"]["messages"], 200);
    }
    let csv = fs::read_to_string(bench.path("run.csv")).unwrap();
    assert_eq!(csv.lines().count(), 201);
    let run = read_run(&bench.path("run.hlog"), &[RunPart::Histograms]).unwrap();
    assert_eq!(run.histograms.unwrap().service.len(), 200);
    assert!(bench.path("run.xlsx").exists());
}

#[test]
fn shards_measure_an_embedded_server() {
    let bench = Bench::new();
    let output = bench.run("--shards 2 -c 4 -d 500ms --warmup 0s -q --json --no-output");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_code(output.status.code(), &json, 0);
    assert_eq!(json["plan"]["embedded"], "axum");
    assert_eq!(json["messages"]["received"], json["messages"]["sent"]);
    assert!(json["server"]["cpu_s"].is_number());
}

#[test]
fn idle_and_dropped_connections_of_all_shards_add_up() {
    let server = echo();
    let bench = Bench::new();
    let storm = "-c 10 --idle 25 --drop 500ms:40% --reconnect spread:100ms --seed 5";
    let run = "-d 2s -r 100 --warmup 0s --no-calibrate -q --json --no-output";
    for shards in ["", "--shards 3"] {
        let output = bench.run(&format!("{} {storm} {run} {shards}", server.url));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["plan"]["connections"]["idle"], 25);
        assert_eq!(json["connections"]["opened"], 35, "{json}");
        assert_eq!(json["idle"]["connections"], 25, "{json}");
        assert_eq!(json["idle"]["opened"], 25, "{json}");
        assert_eq!(json["reconnect"]["dropped"], 14, "{json}");
        let failed = &json["connections"]["failed"];
        assert_eq!(
            (failed, &json["connections"]["closed_early"]),
            (&0.into(), &0.into())
        );
    }
}

#[test]
fn connections_are_replaced_in_all_shards() {
    let server = echo();
    let bench = Bench::new();
    let line =
        "-c 4 -m 30 --messages-per-connection 10 --shards 2 --warmup 0s -q --json --no-output";
    let output = bench.run(&format!("{} {line}", server.url));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_code(output.status.code(), &json, 0);
    let messages = &json["messages"];
    assert_eq!(
        (&messages["sent"], &messages["received"]),
        (&120.into(), &120.into())
    );
    let of = |key: &str| json["connections"][key].as_u64().unwrap();
    assert!(of("replaced") >= 8, "{json}");
    assert_eq!(of("opened"), 4 + of("replaced"), "{json}");
}

#[test]
fn shards_with_storms_and_idle_connections_are_merged_by_ws_merge() {
    let server = echo();
    let bench = Bench::new();
    let start = ahead(Duration::from_secs(5));
    let line = |i| {
        let storm = "-c 5 --idle 4 --drop 300ms --reconnect now --lifetime exp:10s";
        let flags = format!("-r 50 -d 1s --warmup 100ms --start-at {start} --shard-dir res");
        format!("{} {storm} {flags} --shard {i}/2", server.url)
    };
    for mut shard in spawn(&bench, (0..2).map(line)) {
        assert_eq!(shard.wait().unwrap().code(), Some(0));
    }
    let (json, code) = merged(&bench);
    assert_code(code, &json, 0);
    assert_eq!(json["shards"]["planned"], 2);
    assert_eq!(json["plan"]["connections"]["lifetime"], "exp:10s");
    assert_eq!(json["idle"]["opened"], 4, "{json}");
    assert_eq!(json["reconnect"]["dropped"], 9, "{json}");
}

#[test]
fn shards_in_a_folder_are_merged_by_ws_merge() {
    let server = echo();
    let bench = Bench::new();
    let start = ahead(Duration::from_secs(5));
    let line = |i| {
        let flags = format!("-c 5 -m 10 --warmup 100ms --start-at {start} --shard-dir res");
        format!("{} {flags} --shard {i}/2", server.url)
    };
    for mut shard in spawn(&bench, (0..2).map(line)) {
        assert_eq!(shard.wait().unwrap().code(), Some(0));
    }
    let (json, code) = merged(&bench);
    assert_code(code, &json, 0);
    assert_eq!(json["messages"]["sent"], 50);
    assert_eq!(json["shards"]["planned"], 2);
    let output = merge(
        &bench,
        "res -q -o run.xlsx -o run.json --plot run.svg --fail-if sent==50",
    );
    assert_code(output.status.code(), &json, 4);
    for file in ["run.xlsx", "run.json", "run.svg"] {
        assert!(bench.path(file).exists(), "{file}");
    }
    let summary = read_run(&bench.path("run.xlsx"), &[RunPart::Summary])
        .unwrap()
        .summary;
    assert_eq!(summary.unwrap().shards.unwrap().complete, 2);
    // The same number and start once more.
    let output = bench.run(&line(0));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn a_killed_shard_is_named_with_its_last_second() {
    let server = echo();
    let bench = Bench::new();
    let start = ahead(Duration::from_secs(4));
    let line = |i: u32| {
        let flags = format!("-c 4 -d 4s -r 200 --warmup 0s --start-at {start} --shard-dir res");
        format!("{} {flags} --no-calibrate --shard {i}/2", server.url)
    };
    let mut shards = spawn(&bench, (0..2).map(line));
    wait_for_seconds(&mut shards[1], &bench.path("res/shard-001.hlog.partial"), 1);
    shards[1].kill().unwrap();
    for mut shard in shards {
        shard.wait().unwrap();
    }
    let (json, code) = merged(&bench);
    assert_eq!(code, Some(3), "{json}");
    let shards = &json["shards"];
    assert_eq!(
        (&shards["degraded"], &shards["complete"]),
        (&true.into(), &1.into())
    );
    assert_eq!(shards["died"][0]["shard"], 1);
    let through_s = shards["died"][0]["through_s"].as_u64().unwrap();
    assert!((1..4).contains(&through_s), "{through_s}");
    assert_eq!(shards["full_strength"]["to_s"], through_s);
    // Shard 0 offers half of the rate, the other one as long as it lived.
    let sent = json["messages"]["sent"].as_u64().unwrap();
    assert_eq!(sent, 400 + 100 * through_s);
    assert_eq!(json["messages"]["unsent"], 400 - 100 * through_s);
    let text = stdout(&merge(&bench, "res"));
    let sentence = format!("shard 1: no result, data through second {through_s}");
    assert!(text.contains(&sentence), "{text}");
}

/// The folder of the results of `--shards`, which is in the temporary folder.
fn result_folder(bench: &Bench, parent: &mut Child) -> PathBuf {
    loop {
        assert_eq!(parent.try_wait().unwrap(), None, "it has ended");
        let mut entries = fs::read_dir(bench.folder.path()).unwrap();
        let found = entries.find_map(|entry| {
            let path = entry.unwrap().path();
            (path.is_dir() && path.join("shard-000.start.json").exists()).then_some(path)
        });
        if let Some(folder) = found {
            return folder;
        }
        std::thread::yield_now();
    }
}

/// A long run of three local shards whose results are in the bench's folder.
fn long_run(bench: &Bench, server: &Server, length: &str) -> Child {
    let line = format!(
        "{} --shards 3 -c 6 -r 300 -d {length} --warmup 0s",
        server.url
    );
    let mut command = bench.command(&format!("{line} --no-calibrate -o run.json"));
    command
        .env("TMPDIR", bench.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn pid_of(folder: &Path, shard: u32) -> u32 {
    let text = fs::read(folder.join(format!("shard-{shard:03}.start.json"))).unwrap();
    let start: Value = serde_json::from_slice(&text).unwrap();
    start["pid"].as_u64().unwrap().try_into().unwrap()
}

fn is_running(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
}

#[test]
fn a_killed_child_is_named_and_the_rest_goes_on() {
    let server = echo();
    let bench = Bench::new();
    let mut parent = long_run(&bench, &server, "3s");
    let folder = result_folder(&bench, &mut parent);
    wait_for_seconds(&mut parent, &folder.join("shard-001.hlog.partial"), 1);
    send(pid_of(&folder, 1), Signal::SIGKILL);
    let output = parent.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("shard 1: ended with signal: 9"),
        "{}",
        stderr(&output)
    );
    let json: Value = serde_json::from_slice(&fs::read(bench.path("run.json")).unwrap()).unwrap();
    assert_eq!(json["shards"]["died"][0]["shard"], 1);
    assert_eq!(json["shards"]["complete"], 2);
}

#[test]
fn the_log_of_a_run_of_shards_grows() {
    let server = echo();
    let bench = Bench::new();
    let line = format!(
        "{} --shards 2 -c 4 -r 200 -d 10m --warmup 0s -q",
        server.url
    );
    let mut command = bench.command(&format!("{line} --no-calibrate -o run.hlog"));
    command.env("TMPDIR", bench.folder.path());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut parent = command.spawn().unwrap();
    let log = bench.path("run.hlog.partial");
    wait_for_seconds(&mut parent, &log, 2);
    parent.kill().unwrap();
    parent.wait().unwrap();
    let state = read_partial_log(&log).unwrap().unwrap();
    let counts = state.counts.unwrap();
    assert_eq!(counts.opened, 4);
    assert_eq!(counts.sent, 200 * state.through_s, "both shards");
    let run = read_run(&log, &[RunPart::Histograms]).unwrap();
    assert_eq!(run.histograms.unwrap().service.len(), counts.received);
}

#[test]
fn an_interrupt_ends_all_shards_and_saves_the_run() {
    let server = echo();
    let bench = Bench::new();
    let mut parent = long_run(&bench, &server, "10m");
    let folder = result_folder(&bench, &mut parent);
    wait_for_seconds(&mut parent, &folder.join("shard-000.hlog.partial"), 1);
    let children: Vec<_> = (0..3).map(|shard| pid_of(&folder, shard)).collect();
    send(parent.id(), Signal::SIGINT);
    let output = parent.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(children.into_iter().all(|pid| !is_running(pid)));
    let json: Value = serde_json::from_slice(&fs::read(bench.path("run.json")).unwrap()).unwrap();
    assert_eq!(json["shards"]["complete"], 3);
    let reasons = json["validity"]["reasons"].to_string();
    assert!(reasons.contains("ended early by the user"), "{reasons}");
    let left = bench.files();
    assert_eq!(left, ["run.json"], "the results of the shards are removed");
}

#[test]
fn children_of_a_killed_parent_end_by_themselves() {
    let server = echo();
    let bench = Bench::new();
    let mut parent = long_run(&bench, &server, "10m");
    let folder = result_folder(&bench, &mut parent);
    wait_for_seconds(&mut parent, &folder.join("shard-002.hlog.partial"), 1);
    let children: Vec<_> = (0..3).map(|shard| pid_of(&folder, shard)).collect();
    parent.kill().unwrap();
    parent.wait().unwrap();
    while children.iter().any(|pid| is_running(*pid)) {
        std::thread::yield_now();
    }
}

#[test]
fn a_start_file_starts_the_shards() {
    let server = echo();
    let bench = Bench::new();
    let line = |i: u32| {
        let flags = "-c 4 -m 5 --warmup 0s --start-file start --shard-dir res";
        format!("{} {flags} --shard {i}/2", server.url)
    };
    let shards = spawn(&bench, (0..2).map(line));
    let start = ahead(Duration::from_secs(4));
    fs::write(bench.path("start"), format!("{start}\n")).unwrap();
    for mut shard in shards {
        assert_eq!(shard.wait().unwrap().code(), Some(0));
    }
    let (json, code) = merged(&bench);
    assert_code(code, &json, 0);
    assert_eq!(json["messages"]["received"], 20);
}

#[test]
fn a_start_that_never_comes_ends_with_its_name() {
    let server = echo();
    let bench = Bench::new();
    let flags = "-c 2 -m 5 --start-file start --start-timeout 300ms --shard-dir res --shard 0/2";
    let output = bench.run(&format!("{} {flags}", server.url));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("start did not hold a start within 300ms"),
        "{text}"
    );
    assert!(text.contains("--start-timeout waits longer"), "{text}");
    let output = merge(&bench, "res");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("res holds no start of a shard"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_shard_is_found_in_the_environment() {
    let server = echo();
    let bench = Bench::new();
    let start = ahead(Duration::from_secs(4));
    let line = format!(
        "{} -c 4 -m 5 --warmup 0s --start-at {start} --shard-dir res",
        server.url
    );
    let pairs = [
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        ("JOB_COMPLETION_INDEX", "WS_BENCH_SHARDS"),
    ];
    let shards = pairs.iter().zip(["0", "1"]).map(|((index, count), i)| {
        let mut command = bench.command(&line);
        command.env(index, i).env(count, "2").stdout(Stdio::piped());
        command.stderr(Stdio::null()).spawn().unwrap()
    });
    for (i, shard) in shards.collect::<Vec<_>>().into_iter().enumerate() {
        let output = shard.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).starts_with(&format!("shard {i} of 2: 2 of 2 connections open")));
    }
    let (json, _) = merged(&bench);
    assert_eq!(json["messages"]["received"], 20);
}

#[test]
fn a_shard_calibrates_its_generator() {
    let server = echo();
    let bench = Bench::new();
    let flags = "-c 4 -m 5 -r 100 --warmup 0s --calibrate --shard-dir res --shard 0/2";
    let start = ahead(Duration::from_secs(5));
    let output = bench.run(&format!("{} {flags} --start-at {start}", server.url));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = fs::read(bench.path("res/shard-000.json")).unwrap();
    let result: Value = serde_json::from_slice(&text).unwrap();
    assert!(result["part"]["context"]["calibration"]["floor_service_p50_ns"].is_number());
}

#[test]
fn shards_of_another_number_of_shards_are_not_added_up() {
    let server = echo();
    let bench = Bench::new();
    let start = ahead(Duration::from_secs(5));
    let line = |shard: &str| {
        let flags = format!("-c 6 -m 5 --warmup 0s --start-at {start} --shard-dir res");
        format!("{} {flags} --shard {shard}", server.url)
    };
    for mut shard in spawn(&bench, ["0/3", "1/2"].map(line)) {
        assert_eq!(shard.wait().unwrap().code(), Some(0));
    }
    let (json, code) = merged(&bench);
    assert_eq!(code, Some(3), "{json}");
    assert_eq!(json["shards"]["differing"].as_array().unwrap().len(), 1);
    assert_eq!(json["shards"]["complete"], 1);
}

#[test]
fn wrong_usage_of_shards_is_refused() {
    let bench = Bench::new();
    let url = "ws://127.0.0.1:9/";
    for (line, text) in [
        ("--shard 0/2", "--shard needs --shard-dir"),
        ("--shard 2/2 --shard-dir res", "`2/2` is not a shard"),
        ("--shard-dir res", "this process has no number"),
        (
            "--shard 0/2 --shard-dir res",
            "2 shards need a common start",
        ),
        (
            "--shard 0/2 --shard-dir res --start-at 5",
            "is too small for milliseconds",
        ),
        (
            "--shard 0/2 --shard-dir res --start-at soon",
            "is not a start",
        ),
        (
            "--shard 0/2 --shard-dir res --start-at 2020-01-01T00:00:00Z",
            "past",
        ),
        (
            "--shard 0/2 --shard-dir res -o x.json",
            "--output cannot be used with --shard-dir",
        ),
        (
            "--shard 0/2 --shard-dir res --json",
            "--json cannot be used with --shard-dir",
        ),
        (
            "--shard 0/2 --shard-dir res --plot x.png",
            "it belongs to ws-merge",
        ),
        (
            "--shard 0/2 --shard-dir res --fail-if p99>1s",
            "--fail-if cannot be used",
        ),
        ("--shards 2 --shard 0/2", "cannot be used with"),
        ("--shards 2 --shard-dir res", "cannot be used with"),
        ("--shards 3 -c 2", "3 shards need at least 3 clients"),
        ("--start-at 2100-01-01T00:00:00Z", "--shard-dir"),
    ] {
        let output = bench.run(&format!("{url} {line}"));
        assert_eq!(output.status.code(), Some(2), "{line}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(text),
            "{line}: {}",
            stderr(&output)
        );
    }
    let soon = ahead(Duration::from_secs(4));
    let late = format!("{url} --shard 0/2 --shard-dir res --start-at {soon} --warmup 1m");
    let output = bench.run(&late);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("but the warm-up takes 60.0 s"), "{text}");
    let output = bench.run("--shard 0/2 --shard-dir res");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("a shard needs the URL"));
    assert!(
        bench.files().iter().all(|name| name == "res"),
        "{:?}",
        bench.files()
    );
    let mut command = bench.command(&format!("{url} --shard-dir res"));
    command.env("SLURM_PROCID", "0").env("SLURM_NTASKS", "4");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let advice = format!("start it with srun: `srun ws-bench {url} --shard-dir res`");
    assert!(
        stderr(&output).contains("outside of a job step"),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output)
            .replace(env!("CARGO_BIN_EXE_ws-bench"), "ws-bench")
            .contains(&advice)
    );
}

#[test]
fn several_processes_of_a_launcher_do_not_each_run_the_whole_plan() {
    let server = echo();
    let bench = Bench::new();
    let mut command = bench.command(&format!("{} -c 2 -m 5", server.url));
    command.env("PMI_RANK", "1").env("PMI_SIZE", "4");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("add --shard-dir DIR"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_reason_why_no_shard_connected_is_named() {
    assert_refused_connections_are_named("");
}

#[test]
fn an_interrupt_before_t0_leaves_no_start_and_an_earlier_run_as_it_is() {
    let server = echo();
    let bench = Bench::new();
    let line = |start: u128| {
        let flags = "-c 2 -m 5 --warmup 0s --shard-dir res --shard 0/1";
        format!("{} {flags} --start-at {start}", server.url)
    };
    let output = bench.run(&line(ahead(Duration::from_secs(4))));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let before = fs::read(bench.path("res/shard-000.json")).unwrap();
    // The start of the next run is written at once, and replaces that one.
    let hour = ahead(Duration::from_secs(3_600));
    let file = "-c 2 -m 5 --warmup 0s --shard-dir res --shard 0/1 --start-file none";
    let lines = [format!("{} {file}", server.url), line(hour)];
    for (line, stays) in lines.into_iter().zip([true, false]) {
        let mut command = bench.command(&line);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        wait_for_connections(&server, &mut child, stays);
        send(child.id(), Signal::SIGINT);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("interrupted before the start"),
            "{}",
            stderr(&output)
        );
        let start = bench.path("res/shard-000.start.json");
        assert_eq!(start.exists(), stays);
        if stays {
            assert_eq!(fs::read(bench.path("res/shard-000.json")).unwrap(), before);
        }
    }
    let output = merge(&bench, "res");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

/// Waits until the server has two more connections, of the first or of the second interrupted run.
fn wait_for_connections(server: &Server, child: &mut Child, is_first: bool) {
    let wanted = if is_first { 4 } else { 6 };
    while server.peers.lock().unwrap().values().sum::<usize>() < wanted {
        assert_eq!(child.try_wait().unwrap(), None, "it has ended");
        std::thread::yield_now();
    }
}
