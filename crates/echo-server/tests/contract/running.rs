//! The server as a program of its own.

use std::process::{Output, Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

use super::{super::BINARY, within};

/// A running program, killed when dropped.
// Without signals a program does not end by itself, and nobody waits for it.
#[cfg_attr(not(unix), allow(dead_code))]
pub(super) struct Running {
    pub(super) child: Child,
    stdout: BufReader<ChildStdout>,
    pub(super) line: String,
}

impl Running {
    pub(super) async fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        within(stdout.read_line(&mut line)).await.unwrap();
        Self {
            child,
            stdout,
            line,
        }
    }

    /// On a free port, with these flags.
    pub(super) async fn with(flags: &[&str]) -> Self {
        Self::start(Command::new(BINARY).arg("--bind=127.0.0.1:0").args(flags)).await
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        self.line
            .strip_prefix("listening on ws")
            .map(|rest| rest.strip_prefix('s').unwrap_or(rest))
            .and_then(|rest| rest.strip_prefix("://"))
            .and_then(|rest| rest.split('/').next())
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("not the ready line: {:?}", self.line))
    }

    /// Bytes of memory it has: now as `VmRSS`, at most so far as `VmHWM`. Only
    /// Linux tells.
    pub(super) fn memory(&self, name: &str) -> Option<usize> {
        let id = self.child.id().expect("runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kibibytes << 10)
    }

    /// How many files it has open. Only Linux tells.
    pub(super) fn open_files(&self) -> Option<usize> {
        let id = self.child.id().expect("runs");
        Some(std::fs::read_dir(format!("/proc/{id}/fd")).ok()?.count())
    }

    #[cfg(unix)]
    pub(super) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("runs").to_string();
        let sent = Command::new("kill").args([name, &id]).status().await;
        assert!(sent.unwrap().success());
    }

    /// Waits for its end: exit code, and whatever else it wrote to stdout.
    #[cfg(unix)]
    pub(super) async fn end(mut self) -> (Option<i32>, String) {
        use tokio::io::AsyncReadExt;

        let status = within(self.child.wait()).await.unwrap();
        let mut rest = String::new();
        within(self.stdout.read_to_string(&mut rest)).await.unwrap();
        (status.code(), rest)
    }
}

/// Runs the program to its end.
pub(super) async fn output(flags: &[&str]) -> Output {
    let command = Command::new(BINARY).args(flags).kill_on_drop(true).output();
    within(command).await.unwrap()
}
