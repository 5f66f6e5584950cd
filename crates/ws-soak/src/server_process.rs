//! The server under test as a child process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Time limit for the server to end after SIGTERM.
const END_TIMEOUT: Duration = Duration::from_secs(20);

/// A running server that has printed its ready line.
pub(crate) struct SoakedServer {
    child: KillOnDrop,
    /// The TCP address of the ready line.
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    log: JoinHandle<Vec<String>>,
}

struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl SoakedServer {
    /// Starts the command and waits for its ready line.
    pub(crate) fn start(command: &[String]) -> anyhow::Result<Self> {
        let [program, flags @ ..] = command else {
            bail!("no command");
        };
        let child = Command::new(program)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut child = KillOnDrop(child);
        let stderr = child.0.stderr.take().context("no standard error")?;
        let log = std::thread::spawn(move || {
            BufReader::new(stderr)
                .lines()
                .map_while(Result::ok)
                .collect()
        });
        let stdout = child.0.stdout.take().context("no standard output")?;
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready)?;
        let address = ready
            .trim()
            .strip_prefix("listening on ws://")
            .and_then(|rest| rest.strip_suffix("/ws"))
            .and_then(|address| address.parse().ok())
            .with_context(|| {
                format!("the first line of {program} is {ready:?}, not `listening on ws://…/ws`")
            })?;
        Ok(Self {
            pid: child.0.id(),
            child,
            address,
            log,
        })
    }

    /// Sends SIGTERM, waits for the end, and returns a finding for an exit status other than 0 and for each logged error.
    pub(crate) fn terminate(mut self) -> anyhow::Result<Vec<String>> {
        let pid = self.pid.to_string();
        Command::new("kill").arg(&pid).status().context("kill")?;
        let deadline = Instant::now() + END_TIMEOUT;
        let status = loop {
            match self.child.0.try_wait()? {
                None if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                status => break status,
            }
        };
        let mut findings = match status {
            Some(status) if status.success() => Vec::new(),
            Some(status) => vec![format!("the server ended with {status} after SIGTERM")],
            None => vec![format!(
                "the server did not end within {END_TIMEOUT:?} after SIGTERM and was killed"
            )],
        };
        // The log ends with the process.
        drop(self.child);
        let log = self.log.join().unwrap_or_default();
        let errors = log
            .iter()
            .filter(|line| line.contains("ERROR") || line.contains("panicked"));
        findings.extend(errors.map(|line| format!("the server logged: {line}")));
        Ok(findings)
    }
}
