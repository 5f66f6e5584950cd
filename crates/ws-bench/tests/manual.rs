//! The manual of scenarios: every file and every command in it, run against the servers that it describes.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use common::broadcast_server::BroadcastServer;
use common::room_server::RoomServer;
use common::talk_server::{TalkServer, chat, graphql, json_rpc, socket_io};

const MANUAL: &str = include_str!("../SCENARIOS.md");

/// The chapter on rooms. `test-support` runs its other commands.
const ROOMS: &str = include_str!("../ROOMS.md");

/// The code blocks of the manual in one language, without their fences.
fn blocks(language: &str) -> Vec<String> {
    blocks_of(MANUAL, language)
}

fn blocks_of(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, Vec<&str>)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), Vec::new())),
            (Some(_), Some(_)) => {
                let (found, lines) = open.take().unwrap();
                if found == language {
                    blocks.push(lines.join("\n") + "\n");
                }
            }
            (Some((_, lines)), None) => lines.push(line),
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn every_command_of_the_manual_runs() {
    let folder = tempfile::tempdir().unwrap();
    for block in blocks("toml").into_iter().chain(blocks("csv")) {
        let (first, rest) = block.split_once('\n').unwrap();
        let name = first.strip_prefix("# ").unwrap();
        // A table has no comments.
        let text = if name.ends_with(".csv") { rest } else { &block };
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let servers = [chat, json_rpc, graphql, socket_io].map(TalkServer::start);
    let room = RoomServer::start(|_, text| vec![text.to_owned()]);
    let urls = servers.iter().map(|server| server.url.as_str());
    let urls: Vec<_> = urls.chain([&room.url[..]]).collect();
    let ports = ["9000", "9001", "9002", "9003", "9004"];
    let mut run = 0;
    for command in blocks("sh").iter().flat_map(|block| block.lines()) {
        let (command, comment) = command.split_once("    #").unwrap_or((command, ""));
        let expected = match comment.split_once("exit ") {
            Some((_, code)) => code.trim().parse().unwrap(),
            None => 0,
        };
        let mut line =
            command.replace("ws-bench", &format!("'{}'", env!("CARGO_BIN_EXE_ws-bench")));
        for (port, url) in ports.iter().zip(&urls) {
            line = line.replace(&format!("ws://127.0.0.1:{port}"), url);
        }
        // A suspect verdict does not change the exit code, but a busy machine may make a run invalid.
        let output = Command::new("sh")
            .args(["-c", &format!("{line} --warmup 0s")])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let exclusive = command.contains("--protocols");
        let code = match output.status.code() {
            Some(5) if expected == 0 => Some(0),
            code => code,
        };
        if !exclusive {
            assert_eq!(code, Some(expected), "{command}: {text}");
        }
        assert!(!text.contains("s3cret"), "{command}: {text}");
        run += 1;
    }
    assert!(run >= 21, "{run} commands");
    let files = ["chat.json", "chat.xlsx"];
    assert!(files.iter().all(|file| folder.path().join(file).is_file()));
}

#[test]
fn the_feed_of_the_chapter_on_rooms_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let [file] = blocks_of(ROOMS, "toml").try_into().unwrap();
    std::fs::write(folder.path().join("ticker.toml"), &file).unwrap();
    assert!(file.starts_with("# ticker.toml\n"));
    let commands = blocks_of(ROOMS, "sh").into_iter();
    let commands: Vec<_> = commands
        .filter(|block| block.contains("127.0.0.1:9004"))
        .collect();
    let [command] = &commands[..] else {
        panic!("{commands:?}");
    };
    let (command, code) = command.split_once("    # exit ").unwrap();
    let server = BroadcastServer::feed();
    let line = command
        .replace("ws-bench", env!("CARGO_BIN_EXE_ws-bench"))
        .replace("ws://127.0.0.1:9004", server.url.trim_end_matches('/'));
    let output = Command::new("sh")
        .args(["-c", &line])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        code.trim().parse().ok(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("received by 20 clients"), "{text}");
}

/// Skipped without Python.
#[test]
fn the_feed_of_the_examples_leaves_out_numbers() {
    use std::io::BufRead;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/feed.py");
    assert!(ROOMS.contains("python3 crates/ws-bench/examples/feed.py 9004"));
    let started = Command::new("python3")
        .args([script, "0"])
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut server) = started else { return };
    let mut ready = String::new();
    let mut lines = std::io::BufReader::new(server.stdout.take().unwrap());
    lines.read_line(&mut ready).unwrap();
    let url = ready.trim().trim_start_matches("listening on ");
    let folder = tempfile::tempdir().unwrap();
    let [file] = blocks_of(ROOMS, "toml").try_into().unwrap();
    std::fs::write(folder.path().join("ticker.toml"), &file).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ws-bench"))
        .args([url, "--scenario", "ticker.toml", "-c", "5", "-d", "500ms"])
        .args(["-o", "feed.json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{text}");
    let run = std::fs::read_to_string(folder.path().join("feed.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert!(run["push"]["missing"].as_u64().unwrap() > 0, "{text}");
    assert_eq!(run["push"]["clients"], 5, "{text}");
}

#[test]
fn the_error_of_the_manual_is_the_one_that_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = blocks("toml")
        .into_iter()
        .find(|b| b.starts_with("# wrong.toml"));
    std::fs::write(folder.path().join("wrong.toml"), wrong.unwrap()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ws-bench"))
        .args(["--scenario", "wrong.toml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(MANUAL.contains(&format!("```\n{printed}```")), "{printed}");
}

/// Keys of a scenario file, as they stand in the manual's table of keys.
#[test]
fn every_key_and_hole_is_in_the_manual() {
    let keys = [
        "about",
        "base",
        "url",
        "records",
        "binary",
        "headers",
        "subprotocols",
        "origin",
        "count",
        "send",
        "expect",
        "refuse",
        "wait",
        "within",
        "role",
        "match",
        "error",
        "name",
        "interval",
        "weight",
        "reply",
        "part",
        "code",
        "secret",
        "value",
        "deliver",
        "to",
        "to_sender",
        "answer",
        "receives",
        "read",
        "buffer",
    ];
    let missing: Vec<_> = keys
        .into_iter()
        .filter(|key| {
            !MANUAL.contains(&format!("`{key}`"))
                && !MANUAL.contains(&format!("{key},"))
                && !MANUAL.contains(&format!(", {key}"))
        })
        .collect();
    assert_eq!(missing, [""; 0]);
    let holes = [
        "${id}",
        "${id:u16}",
        "${uid}",
        "${pad}",
        "${message}",
        "${client}",
        "${client:06}",
        "${member}",
        "${room}",
        "${NAME}",
        "${TABLE.column}",
        "${len.NAME:varint}",
        "${int:1..99}",
        "${pick:",
        "${now:ms}",
        "${x:d0 00}",
        "${*}",
        "$${",
    ];
    let missing: Vec<_> = holes
        .into_iter()
        .filter(|hole| !MANUAL.contains(hole))
        .collect();
    assert_eq!(missing, [""; 0]);
    let flags: BTreeMap<_, _> = [
        "--scenario",
        "--protocol ",
        "--protocols",
        "--send",
        "--reply",
        "--set",
        "--data",
        "--data-wrap",
        "--wait-for",
        "--print-scenario",
        "--try",
        "--first",
        "--ignore",
        "--on ",
    ]
    .into_iter()
    .map(|flag| (flag, MANUAL.contains(flag)))
    .collect();
    assert!(flags.values().all(|is_there| *is_there), "{flags:?}");
}
