//! Secrets of a command line are in no file of the run.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Read;
use std::process::Command;

const SECRET: &str = "pl4nted-s3cret";

/// The bytes of a file; of a workbook, of all its parts.
fn content(path: &std::path::Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if !bytes.starts_with(b"PK") {
        return bytes;
    }
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut all = Vec::new();
    for index in 0..archive.len() {
        archive
            .by_index(index)
            .unwrap()
            .read_to_end(&mut all)
            .unwrap();
    }
    all
}

#[test]
fn no_file_holds_a_secret_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a.json", "a.csv", "a.xlsx", "a.hlog"];
    let mut bench = Command::new(env!("CARGO_BIN_EXE_ws-bench"));
    bench.current_dir(folder.path());
    bench.args(["-c", "1", "-m", "3", "--warmup", "0s", "-q", "--json"]);
    for header in [
        "Authorization: Bearer",
        "cookie: id=",
        "X-Api-Key:",
        "X-My-Token:",
    ] {
        bench.arg("--header").arg(format!("{header} {SECRET}"));
    }
    bench.arg(format!("--header=Proxy-Authorization: {SECRET}"));
    for file in files {
        bench.args(["-o", file]);
    }
    let output = bench.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut all = output.stdout;
    assert!(String::from_utf8_lossy(&all).contains("Authorization: ***"));
    for file in files {
        all.extend(content(&folder.path().join(file)));
    }
    let is_there = all
        .windows(SECRET.len())
        .any(|part| part == SECRET.as_bytes());
    assert!(!is_there, "a file holds the secret");
}
