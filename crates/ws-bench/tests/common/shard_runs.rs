//! Shards of a run, their start and their sum.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::read::read_partial_log;
use serde_json::Value;

use super::{Bench, Server, stderr};

/// A server that sends every message back.
pub(crate) fn echo() -> Server {
    Server::start(|_, message| Some(message))
}

/// Sends a signal to a process that the test started.
pub(crate) fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

/// Runs `ws-merge` in the bench's folder.
pub(crate) fn merge(bench: &Bench, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ws-merge"));
    command
        .args(line.split_whitespace())
        .current_dir(bench.folder.path());
    command.output().unwrap()
}

/// The summary of the merged shards in `res`, and the exit code.
pub(crate) fn merged(bench: &Bench) -> (Value, Option<i32>) {
    let output = merge(bench, "res --json -q");
    let summary = serde_json::from_slice(&output.stdout);
    let summary = summary.unwrap_or_else(|e| panic!("{e}: {}", stderr(&output)));
    (summary, output.status.code())
}

/// Asserts the exit code of a run in which no shard and no message failed. On a busy machine shards may start late, and
/// the times may be invalid.
pub(crate) fn assert_code(code: Option<i32>, json: &Value, expected: i32) {
    let is_late = json["shards"]["degraded"] == true;
    let late = json["shards"]["late"].as_array().unwrap();
    assert_eq!(is_late, !late.is_empty(), "{json}");
    let wanted = match (is_late, json["validity"]["verdict"] == "invalid") {
        (true, _) => 3,
        (false, true) => 5,
        (false, false) => expected,
    };
    assert_eq!(code, Some(wanted), "{json}");
}

/// Asserts that a run of two shards with these flags names the reason why none of them connected, and leaves no file.
pub(crate) fn assert_refused_connections_are_named(flags: &str) {
    let bench = Bench::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", free.local_addr().unwrap());
    drop(free);
    let output = bench.run(&format!("{url} {flags} --shards 2 -c 6 -q"));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("0 of 6 connections") && text.contains("is the server running?"),
        "{text}"
    );
    assert_eq!(bench.files(), Vec::<String>::new());
}

/// Milliseconds since 1970, this time ahead.
pub(crate) fn ahead(time: Duration) -> u128 {
    let at = SystemTime::now() + time;
    at.duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// Starts shards of the same run.
pub(crate) fn spawn(bench: &Bench, lines: impl IntoIterator<Item = String>) -> Vec<Child> {
    let spawn = |line: String| {
        let mut command = bench.command(&line);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    lines.into_iter().map(spawn).collect()
}

/// Waits until the log holds this many seconds. `child` must not end before.
pub(crate) fn wait_for_seconds(child: &mut Child, log: &Path, seconds: u64) {
    while !log.exists() || read_partial_log(log).unwrap().unwrap().through_s < seconds {
        assert_eq!(child.try_wait().unwrap(), None, "it has ended");
        std::thread::yield_now();
    }
}
