//! The log that grows during a run, and its remains when the program does not end in order.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use common::{Bench, Server, stderr};
use results::read::{PartialLog, RunPart, read_partial_log, read_run};

const PARTIAL: &str = "x.hlog.partial";

/// Open loop without end.
fn endless(bench: &Bench, server: &Server) -> Child {
    let line = format!(
        "{} -c 4 -r 200 -d 10m --warmup 0s --no-calibrate -o x.hlog",
        server.url
    );
    let mut command = bench.command(&line);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until the log of a run that must not end before holds this many seconds.
fn wait_for_seconds(child: &mut Child, partial: &Path, seconds: u64) {
    while !partial.exists() || state(partial).through_s < seconds {
        assert_eq!(child.try_wait().unwrap(), None, "it has ended");
        std::thread::yield_now();
    }
}

fn state(partial: &Path) -> PartialLog {
    read_partial_log(partial).unwrap().unwrap()
}

fn visible(bench: &Bench) -> Vec<String> {
    let mut names = bench.files();
    names.retain(|name| !name.starts_with('.'));
    names
}

fn echoing() -> (Server, Bench, PathBuf) {
    let bench = Bench::new();
    let partial = bench.path(PARTIAL);
    (Server::start(|_, message| Some(message)), bench, partial)
}

#[test]
fn a_killed_run_leaves_its_seconds() {
    let (server, bench, partial) = echoing();
    let mut child = endless(&bench, &server);
    wait_for_seconds(&mut child, &partial, 2);
    // SIGKILL: nothing is cleaned up.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(visible(&bench), [PARTIAL]);
    let PartialLog {
        through_s, counts, ..
    } = state(&partial);
    assert!(through_s >= 2);
    let counts = counts.unwrap();
    assert_eq!((counts.opened, counts.unsent), (4, 0));
    let run = read_run(&partial, &[RunPart::Timeline, RunPart::Histograms]).unwrap();
    let rows = run.timeline.unwrap().rows;
    assert_eq!(rows.len() as u64, through_s);
    assert_eq!(rows.iter().map(|row| row.sent).sum::<u64>(), counts.sent);
    assert!(rows.iter().all(|row| row.sent > 0));
    let timed = run.histograms.unwrap().service.len();
    assert_eq!(timed, counts.received);
    assert!(counts.received <= counts.sent);
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-INT", &pid]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_leaves_the_seconds_and_says_so() {
    // Without echoes, the first one waits for them.
    let (_, bench, partial) = echoing();
    let server = Server::start(|_, _| None);
    let mut child = endless(&bench, &server);
    wait_for_seconds(&mut child, &partial, 1);
    interrupt(&child);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(bench.files(), [PARTIAL]);
    assert!(state(&partial).counts.unwrap().sent > 0);
    let said = stderr(&output);
    assert!(said.contains("leaves only the .hlog.partial"), "{said}");
    assert!(
        said.contains("x.hlog.partial holds the seconds until then"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_makes_a_whole_log_of_it() {
    let (server, bench, partial) = echoing();
    let mut child = endless(&bench, &server);
    wait_for_seconds(&mut child, &partial, 1);
    interrupt(&child);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert_eq!(bench.files(), ["x.hlog"]);
    let run = read_run(&bench.path("x.hlog"), &[RunPart::Histograms]).unwrap();
    assert!(!run.histograms.unwrap().service.is_empty());
}

#[test]
fn a_whole_log_replaces_the_one_that_an_earlier_run_left() {
    let (server, bench, partial) = echoing();
    std::fs::write(&partial, "earlier").unwrap();
    let output = bench.run(&format!("{} -c 2 -m 5 --warmup 0s -o x.hlog", server.url));
    assert_eq!(output.status.code(), Some(0));
    let said = stderr(&output);
    assert!(
        said.contains("x.hlog.partial of an earlier run will be replaced"),
        "{said}"
    );
    assert_eq!(bench.files(), ["x.hlog"]);
}

#[test]
fn a_run_that_does_not_take_place_leaves_no_log() {
    let bench = Bench::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let output = bench.run(&format!("ws://127.0.0.1:{port}/ -c 2 -m 5 -q -o x.hlog"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(bench.files(), Vec::<String>::new());
}

#[test]
fn the_name_of_an_unfinished_log_is_refused() {
    let bench = Bench::new();
    let output = bench.run("-c 2 -m 5 -q -o x.hlog.partial");
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("x.hlog.partial is the name of an unfinished log: use x.hlog"),
        "{said}"
    );
}
