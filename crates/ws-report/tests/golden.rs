//! Reports of two saved runs, held against golden files: see `test_support::golden`.
//!
//! The runs in `tests/golden/input` were saved by ws-bench 0.1.0: a closed loop as `.json`, and an
//! open loop as `.xlsx` whose server ended while it was measured. All numbers of a report are theirs.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

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
