//! The program under test, for all test files.

// Not every test file uses all functions.
#![allow(dead_code)]

pub(crate) mod broadcast_server;
pub(crate) mod room_server;
pub(crate) mod shard_runs;
pub(crate) mod talk_server;

use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use calamine::{Reader, Xlsx, open_workbook};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

/// The bytes of a file. For a workbook, those of all its parts.
pub(crate) fn file_content(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if !bytes.starts_with(b"PK") {
        return bytes;
    }
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut all = Vec::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        part.read_to_end(&mut all).unwrap();
    }
    all
}

/// The program in a temporary folder.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ws-bench"));
        command
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Runs without a warm-up. Returns text and JSON of the same run.
    pub(crate) fn report(&self, line: &str) -> ReportedRun {
        let output = self.run(&format!("{line} --warmup 0s -q -o report.json"));
        let json = std::fs::read(self.path("report.json"));
        let json = json.unwrap_or_else(|e| panic!("{line}: {e}: {}", stderr(&output)));
        let words: Vec<_> = stdout(&output)
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        ReportedRun {
            code: output.status.code(),
            text: words.join(" "),
            json: serde_json::from_slice(&json).unwrap(),
        }
    }
}

/// Report of a run.
#[derive(Debug)]
pub(crate) struct ReportedRun {
    pub(crate) code: Option<i32>,
    /// The text summary, with every sequence of blanks and line breaks replaced by one blank.
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl ReportedRun {
    /// The value at this JSON pointer.
    pub(crate) fn value(&self, pointer: &str) -> &Value {
        self.json
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer}: {}", self.json))
    }

    /// The values of several keys of `messages`.
    pub(crate) fn counts<const N: usize>(&self, keys: [&str; N]) -> [Option<u64>; N] {
        keys.map(|key| self.value(&format!("/messages/{key}")).as_u64())
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A server on a free loopback port that answers the `n`-th data message of a connection with the result of `answers`.
/// `seen` counts the messages of all connections.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) seen: Arc<AtomicUsize>,
    /// Number of connections from each address.
    pub(crate) peers: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub(crate) fn start(answers: fn(usize, Message) -> Option<Message>) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&seen);
        let peers = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let connected = Arc::clone(&peers);
        runtime.spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                *connected.lock().unwrap().entry(peer.ip()).or_default() += 1;
                let seen = Arc::clone(&counter);
                tokio::spawn(async move {
                    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
                        return;
                    };
                    let mut n = 0;
                    while let Some(Ok(message)) = socket.next().await {
                        if message.is_text() || message.is_binary() {
                            seen.fetch_add(1, Ordering::Relaxed);
                            if let Some(answer) = answers(n, message) {
                                let _ = socket.send(answer).await;
                            }
                            n += 1;
                        }
                    }
                });
            }
        });
        Self {
            url,
            seen,
            peers,
            _runtime: runtime,
        }
    }
}

/// An echo server that never answers a close frame, so that a run takes long to close. Counts messages and close
/// frames.
pub(crate) struct UnclosingServer {
    pub(crate) url: String,
    pub(crate) messages: Arc<AtomicUsize>,
    pub(crate) closes: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

impl UnclosingServer {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let (messages, closes) = (Arc::default(), Arc::default());
        let counters = (Arc::clone(&messages), Arc::clone(&closes));
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (messages, closes): (Arc<AtomicUsize>, Arc<AtomicUsize>) = counters.clone();
                tokio::spawn(async move {
                    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                    while let Some(Ok(message)) = socket.next().await {
                        if message.is_close() {
                            closes.fetch_add(1, Ordering::Relaxed);
                            // The next use of the socket would send the answer.
                            return std::future::pending().await;
                        }
                        messages.fetch_add(1, Ordering::Relaxed);
                        socket.send(message).await.unwrap();
                    }
                });
            }
        });
        Self {
            url,
            messages,
            closes,
            _runtime: runtime,
        }
    }
}

/// Number of rows of a sheet below its header.
pub(crate) fn rows(path: &Path, sheet: &str) -> usize {
    let mut book: Xlsx<_> = open_workbook(path).unwrap();
    book.worksheet_range(sheet).unwrap().height() - 1
}
