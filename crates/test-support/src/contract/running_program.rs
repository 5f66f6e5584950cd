//! The server as a separate process.

use std::process::{Output, Stdio};

use echo_server::Program;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

use super::within;

/// A server under test as a separate process.
#[derive(Debug, Clone, Copy)]
pub struct ProgramUnderTest {
    /// Identity of the program.
    pub program: Program,
    /// Path of the binary.
    pub path: &'static str,
}

impl ProgramUnderTest {
    pub(crate) fn command(&self) -> Command {
        Command::new(self.path)
    }

    /// Starts the program on a free port with these flags.
    pub(crate) async fn start(&self, flags: &[&str]) -> RunningProgram {
        RunningProgram::start(self.command().arg("--bind=127.0.0.1:0").args(flags)).await
    }

    /// Runs the program until it ends.
    pub(crate) async fn output(&self, flags: &[&str]) -> Output {
        let command = self.command().args(flags).kill_on_drop(true).output();
        within(command).await.unwrap()
    }
}

/// A running program, killed when dropped.
// Without signals, a program does not end by itself, and is not awaited.
#[cfg_attr(not(unix), allow(dead_code))]
pub(crate) struct RunningProgram {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) line: String,
}

impl RunningProgram {
    pub(crate) async fn start(command: &mut Command) -> Self {
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

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.line
            .strip_prefix("listening on ws")
            .map(|rest| rest.strip_prefix('s').unwrap_or(rest))
            .and_then(|rest| rest.strip_prefix("://"))
            .and_then(|rest| rest.split('/').next())
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("not the ready line: {:?}", self.line))
    }

    /// Memory in bytes: `VmRSS` now, `VmHWM` at its peak. `None` on systems other than Linux.
    pub(crate) fn memory(&self, name: &str) -> Option<usize> {
        let id = self.child.id().expect("runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kibibytes << 10)
    }

    /// Number of open files; `None` on systems other than Linux.
    pub(crate) fn open_files(&self) -> Option<usize> {
        let id = self.child.id().expect("runs");
        Some(std::fs::read_dir(format!("/proc/{id}/fd")).ok()?.count())
    }

    #[cfg(unix)]
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("runs").to_string();
        let sent = Command::new("kill").args([name, &id]).status().await;
        assert!(sent.unwrap().success());
    }

    /// Waits for the end of the program. Returns the exit code and the rest of its output.
    #[cfg(unix)]
    pub(crate) async fn end(mut self) -> (Option<i32>, String) {
        use tokio::io::AsyncReadExt;

        let status = within(self.child.wait()).await.unwrap();
        let mut rest = String::new();
        within(self.stdout.read_to_string(&mut rest)).await.unwrap();
        (status.code(), rest)
    }
}
