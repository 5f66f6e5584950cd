//! The program under test, and the servers to compare: the example `test_server`.

// Not every test file uses all functions.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Limit for actions that are immediate on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program in a temporary folder.
pub(crate) struct Compare {
    pub(crate) folder: TempDir,
}

impl Compare {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        const PROGRAM: &str = env!("CARGO_BIN_EXE_ws-compare");
        let mut command = if cfg!(target_os = "linux") {
            // Resets SIGHUP to its default, in case the tests run under `nohup`.
            let mut command = Command::new("env");
            command.args(["--default-signal=HUP", PROGRAM]);
            command
        } else {
            Command::new(PROGRAM)
        };
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs two short rounds at a rate that any server holds.
    pub(crate) fn short(&self, arguments: &[&str]) -> Output {
        self.run(&[&SHORT[..], &["--rounds", "2"], arguments].concat())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path(name)).unwrap()).unwrap()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Flags of short rounds.
pub(crate) const SHORT: [&str; 9] = [
    "-c", "4", "-d", "200ms", "--warmup", "50ms", "--rate", "500", "-q",
];

/// `NAME=COMMAND` of the test server with this role.
pub(crate) fn server(name: &str, role: &str) -> String {
    // Built next to the program when all tests of the package are built.
    let program = Path::new(env!("CARGO_BIN_EXE_ws-compare"));
    let program = program.with_file_name("examples").join("test_server");
    assert!(
        program.exists(),
        "no {}: run `cargo test -p ws-compare` without --test, or build it with --example test_server",
        program.display()
    );
    format!("{name}='{}' {role} {{port}}", program.display())
}

/// URL of a correct server that runs inside this process until its end.
pub(crate) fn running_server() -> String {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let listener = axum_ws::bind("127.0.0.1:0", 128).await.unwrap();
            let config = axum_ws::Config::default();
            send.send(listener.url(&config).unwrap()).unwrap();
            axum_ws::serve(listener, config, std::future::pending()).await
        })
    });
    receive.recv().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Reads lines until one contains the text. A thread discards later lines, so that the program never blocks on writing.
pub(crate) fn wait_for_line(child: &mut Child, text: &str) {
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(
            lines.read_line(&mut line).unwrap() > 0,
            "no line with {text}"
        );
    }
    std::thread::spawn(move || {
        let _ = lines.read_to_end(&mut Vec::new());
    });
}

/// Waits until a condition holds.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Running processes that were started by the program with this process ID, found by the mark in their environment.
pub(crate) fn started_by(program: u32) -> Vec<u32> {
    let mark = format!("WS_COMPARE_SERVER={program}-").into_bytes();
    let has_mark = |place: &Path| {
        let environment = std::fs::read(place.join("environ")).unwrap_or_default();
        environment.split(|b| *b == 0).any(|e| e.starts_with(&mark))
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|p| has_mark(&p.path()))
        .filter_map(|p| p.file_name().to_str()?.parse().ok())
        .collect()
}
