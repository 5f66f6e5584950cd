//! The processes of a run, and their ends.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shards::pmi::PmiServer;
use swarm::{Phase, RunHandle};

use super::order::ChildOrder;
use super::report::ChildReport;

/// Maximum wait for the next report of a child.
const WAIT: Duration = Duration::from_millis(20);

/// Most lines of a child's errors that are shown.
const SHOWN_LINES: usize = 5;

/// The processes of a run. They are killed when dropped.
#[derive(Debug)]
pub(super) struct Children {
    children: Vec<RunningChild>,
    events: Receiver<ChildEvent>,
    phases: Vec<Phase>,
    is_interrupted: bool,
    _launcher: PmiServer,
}

#[derive(Debug)]
struct RunningChild {
    child: Child,
    ending: Option<ExitStatus>,
    /// Lines of its standard error.
    errors: Vec<String>,
}

#[derive(Debug)]
enum ChildEvent {
    Report(usize, ChildReport),
    ErrorLine(usize, String),
}

impl Children {
    /// Starts one process of this program for each order, with the arguments of this one.
    pub(super) fn start(orders: &[ChildOrder]) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let (sender, events) = mpsc::channel();
        let mut children: Vec<RunningChild> = Vec::new();
        let mut sockets = Vec::new();
        for (index, order) in orders.iter().enumerate() {
            let (ours, theirs) = UnixStream::pair()?;
            let (name, value) = order.to_variable()?;
            let mut command = Command::new(&program);
            command
                .args(std::env::args_os().skip(1))
                .env(name, value)
                .env("PMI_FD", "0")
                .stdin(OwnedFd::from(theirs))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                // The parent passes interrupts on.
                .process_group(0);
            let started = command.spawn();
            let mut child = match started {
                Ok(child) => child,
                Err(error) => {
                    children.iter_mut().for_each(RunningChild::kill);
                    return Err(error.into());
                }
            };
            sockets.push(ours);
            if let Some(stdout) = child.stdout.take() {
                read_lines(stdout, sender.clone(), move |line| {
                    ChildReport::parse(&line).map(|report| ChildEvent::Report(index, report))
                })?;
            }
            if let Some(stderr) = child.stderr.take() {
                read_lines(stderr, sender.clone(), move |line| {
                    Some(ChildEvent::ErrorLine(index, line))
                })?;
            }
            children.push(RunningChild {
                child,
                ending: None,
                errors: Vec::new(),
            });
        }
        Ok(Self {
            phases: vec![Phase::Connect; children.len()],
            children,
            events,
            is_interrupted: false,
            _launcher: PmiServer::start(sockets)?,
        })
    }

    /// Returns true while a child runs.
    pub(super) fn are_running(&mut self) -> bool {
        let mut any = false;
        for (child, phase) in self.children.iter_mut().zip(&mut self.phases) {
            child.poll();
            if child.ending.is_some() {
                // It holds up no other.
                *phase = Phase::Close;
            }
            any |= child.ending.is_none();
        }
        any
    }

    /// Takes the reports that have come, after a short wait. Returns the phase that all children have reached.
    pub(super) fn take_reports(&mut self, control: &RunHandle) -> Option<Phase> {
        let mut wait = WAIT;
        loop {
            match self.events.recv_timeout(wait) {
                Ok(ChildEvent::Report(index, report)) => {
                    if let Some(phase) = self.phases.get_mut(index) {
                        *phase = report.phase.max(*phase);
                    }
                    if let Some(progress) = report.progress {
                        control.set_progress(index, *progress);
                    }
                }
                Ok(ChildEvent::ErrorLine(index, line)) => self.add_error(index, line),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    thread::sleep(WAIT);
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        self.phases.iter().min().copied()
    }

    fn add_error(&mut self, index: usize, line: String) {
        if let Some(child) = self.children.get_mut(index)
            && child.errors.len() < SHOWN_LINES
        {
            child.errors.push(line);
        }
    }

    /// Interrupts all children once.
    pub(super) fn interrupt(&mut self) {
        if !std::mem::replace(&mut self.is_interrupted, true) {
            self.children.iter().for_each(RunningChild::interrupt);
        }
    }

    /// Says of each child that has failed why.
    pub(super) fn finish(mut self, notice: impl Fn(&str)) {
        while let Ok(event) = self.events.recv_timeout(Duration::from_secs(1)) {
            if let ChildEvent::ErrorLine(index, line) = event {
                self.add_error(index, line);
            }
        }
        for (shard, child) in self.children.iter().enumerate() {
            let Some(ending) = child.ending.filter(|_| !self.is_interrupted) else {
                continue;
            };
            if !ending.success() {
                let reason = match child.errors.as_slice() {
                    [] => format!("ended with {ending}"),
                    lines => lines.join("; "),
                };
                notice(&format!("shard {shard}: {reason}"));
            }
        }
    }
}

impl RunningChild {
    fn poll(&mut self) {
        if self.ending.is_none() {
            self.ending = self.child.try_wait().ok().flatten();
        }
    }

    fn interrupt(&self) {
        // A child that has ended is not reaped before `ending` is set.
        if self.ending.is_none()
            && let Ok(pid) = i32::try_from(self.child.id())
        {
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
    }

    fn kill(&mut self) {
        if self.ending.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.children.iter_mut().for_each(RunningChild::kill);
    }
}

/// Sends an event for each line, until the end of the stream.
fn read_lines(
    stream: impl Read + Send + 'static,
    sender: Sender<ChildEvent>,
    event: impl Fn(String) -> Option<ChildEvent> + Send + 'static,
) -> io::Result<()> {
    thread::Builder::new()
        .name("child".to_owned())
        .spawn(move || {
            for line in BufReader::new(stream).lines() {
                let Ok(line) = line else { return };
                if let Some(event) = event(line)
                    && sender.send(event).is_err()
                {
                    return;
                }
            }
        })
        .map(|_| ())
}
