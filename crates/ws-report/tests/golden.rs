//! Reports of two saved runs, held against golden files: see `test_support::golden`.
//!
//! The runs in `tests/golden/input` were saved by ws-bench 0.1.0: a closed loop as `.json`, and an
//! open loop as `.xlsx` whose server ended while it was measured. All numbers of a report are theirs.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use measurement::run::Run;
use results::write::Output;
use test_support::fixtures::{feed, room_run, search_run, slow_readers, storm_run, sweep_run};
use test_support::golden::{self, masked_markdown};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// The shape of the Markdown page about these runs.
fn report(runs: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.md");
    let output = Command::new(golden::program(env!("CARGO_BIN_EXE_ws-report")))
        .args(runs)
        .arg("-o")
        .arg(&page)
        .current_dir(Path::new(FOLDER).join("input"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    masked_markdown(&std::fs::read_to_string(page).unwrap())
}

#[test]
fn markdown() {
    golden::check(
        FOLDER,
        &[
            ("closed.md", report(&["closed.json"])),
            ("open.md", report(&["open.xlsx"])),
            ("both.md", report(&["closed.json", "open.xlsx"])),
        ],
    );
}

/// A run of a room with missing deliveries, a feed and slow readers, and the same beside a whole one.
#[test]
fn deliveries() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let save = |name: &str, run: &Run| Output::create(&path(name)).unwrap().write(run).unwrap();
    save(
        "room.json",
        &room_run(100_000, false, |s| {
            (s.push, s.slow) = (Some(feed()), Some(slow_readers()));
            let deliveries = s.fan_out.as_mut().unwrap();
            (deliveries.unreached, deliveries.unreached_clients) = (2, vec![3, 7]);
        }),
    );
    save("whole.xlsx", &room_run(200_000, true, |_| {}));
    let [room, whole] = ["room.json", "whole.xlsx"].map(|name| path(name).display().to_string());
    let pages = [
        ("room.md", report(&[&room])),
        ("rooms.md", report(&[&room, &whole])),
    ];
    golden::check(FOLDER, &pages);
}

/// A run with a reconnect storm and idle connections, and the same beside a faster server.
#[test]
fn storms() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let save = |name: &str, run: &Run| Output::create(&path(name)).unwrap().write(run).unwrap();
    save("storm.json", &storm_run(50, |_| {}));
    save("fast.xlsx", &storm_run(200, |s| s.plan.seed = 6));
    let [storm, fast] = ["storm.json", "fast.xlsx"].map(|name| path(name).display().to_string());
    let pages = [
        ("storm.md", report(&[&storm])),
        ("storms.md", report(&[&storm, &fast])),
    ];
    golden::check(FOLDER, &pages);
}

/// A capacity search and a sweep, each alone, and both searches of two servers side by side.
#[test]
fn load_curves() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let save = |name: &str, run: &Run| Output::create(&path(name)).unwrap().write(run).unwrap();
    save("search.json", &search_run(50_000.0, |_| {}));
    save("slow.xlsx", &search_run(20_000.0, |s| s.plan.seed = 6));
    save(
        "sweep.json",
        &sweep_run(50_000.0, &[1_000.0, 8_000.0, 64_000.0], |s| s.plan.seed = 7),
    );
    let [search, slow, sweep] =
        ["search.json", "slow.xlsx", "sweep.json"].map(|name| path(name).display().to_string());
    let pages = [
        ("search.md", report(&[&search])),
        ("sweep.md", report(&[&sweep])),
        ("searches.md", report(&[&search, &slow, &sweep])),
    ];
    golden::check(FOLDER, &pages);
}

/// A run of a later ws-bench, which saves its command line.
#[test]
fn command_line() {
    let saved = std::fs::read_to_string(Path::new(FOLDER).join("input/closed.json")).unwrap();
    let line = r#"{"command_line": ["ws-bench", "--seed=7", "--header=Cookie: ***"],"#;
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("closed.json");
    std::fs::write(&run, saved.replacen('{', line, 1)).unwrap();
    let page = report(&[run.to_str().unwrap()]);
    golden::check(FOLDER, &[("command_line.md", page)]);
}
