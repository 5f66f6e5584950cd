//! The processes of a run, and their ends.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use measurement::record::LoggedSecond;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shards::pmi::PmiServer;
use swarm::{Phase, RunHandle};

use super::order::ChildOrder;
use super::report::ChildReport;

/// Maximum wait for the next report of a child.
const WAIT: Duration = Duration::from_millis(20);

/// Longest time without a report, after which a child is taken for stopped. A child reports four times per second, in a
/// thread of its own.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// The same after an interrupt.
const SILENCE_AFTER_INTERRUPT: Duration = Duration::from_secs(10);

/// Most lines of a child's errors that are shown.
const SHOWN_LINES: usize = 5;

/// The processes of a run. They are killed when dropped.
#[derive(Debug)]
pub(super) struct Children {
    children: Vec<RunningChild>,
    events: Receiver<ChildEvent>,
    unreached: UnreachedReports,
    is_interrupted: bool,
    is_over: bool,
    _launcher: PmiServer,
}

#[derive(Debug)]
struct RunningChild {
    child: Child,
    ending: Option<ExitStatus>,
    phase: Phase,
    /// Time of its last report.
    reported_at: Instant,
    /// True when it was killed because it did not report.
    is_silent: bool,
    /// Lines of its standard error.
    errors: Vec<String>,
}

/// Receivers that nothing has reached in the warm-up, by child.
#[derive(Debug)]
struct UnreachedReports {
    /// True for each child whose report is awaited.
    awaited: Vec<bool>,
    clients: Vec<u32>,
}

#[derive(Debug)]
enum ChildEvent {
    Report(usize, ChildReport),
    ErrorLine(usize, String),
    /// The last report has come.
    Ended(usize),
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
                let event = move |line: String| {
                    ChildReport::parse(&line).map(|report| ChildEvent::Report(index, report))
                };
                read_lines(
                    stdout,
                    sender.clone(),
                    event,
                    Some(ChildEvent::Ended(index)),
                )?;
            }
            if let Some(stderr) = child.stderr.take() {
                let event = move |line| Some(ChildEvent::ErrorLine(index, line));
                read_lines(stderr, sender.clone(), event, None)?;
            }
            children.push(RunningChild {
                child,
                ending: None,
                phase: Phase::Connect,
                reported_at: Instant::now(),
                is_silent: false,
                errors: Vec::new(),
            });
        }
        Ok(Self {
            children,
            events,
            unreached: UnreachedReports::new(orders.len()),
            is_interrupted: false,
            is_over: false,
            _launcher: PmiServer::start(sockets)?,
        })
    }

    /// Returns true while a child runs, or its last reports have not been taken.
    pub(super) fn are_running(&mut self) -> bool {
        self.children.iter_mut().for_each(RunningChild::poll);
        !self.is_over
    }

    /// The phase that all children have reached.
    pub(super) fn phase(&self) -> Option<Phase> {
        self.children.iter().map(|child| child.phase).min()
    }

    /// Takes the reports that have come, after a short wait. `on_second` gets the seconds of a child, and `None` when it
    /// has ended.
    pub(super) fn take_reports(
        &mut self,
        control: &RunHandle,
        on_second: &mut dyn FnMut(usize, Option<LoggedSecond>),
    ) {
        let mut wait = WAIT;
        loop {
            match self.events.recv_timeout(wait) {
                Ok(ChildEvent::Report(index, report)) => match report {
                    ChildReport::State { phase, progress } => {
                        if let Some(child) = self.children.get_mut(index) {
                            child.phase = phase.max(child.phase);
                            child.reported_at = Instant::now();
                        }
                        if let Some(progress) = progress {
                            control.set_progress(index, *progress);
                        }
                    }
                    ChildReport::Second(second) => on_second(index, Some(second.into())),
                    ChildReport::Unreached(clients) => self.unreached.add(index, &clients),
                },
                Ok(ChildEvent::ErrorLine(index, line)) => self.add_error(index, line),
                Ok(ChildEvent::Ended(index)) => {
                    // It holds up no other.
                    if let Some(child) = self.children.get_mut(index) {
                        child.phase = Phase::Close;
                    }
                    self.unreached.add(index, &[]);
                    on_second(index, None);
                }
                Err(RecvTimeoutError::Timeout) => return,
                // Every stream has ended. A child without streams ends in the next moments.
                Err(RecvTimeoutError::Disconnected) => {
                    self.is_over = self.children.iter().all(|child| child.ending.is_some());
                    thread::sleep(WAIT);
                    return;
                }
            }
            wait = Duration::ZERO;
        }
    }

    fn add_error(&mut self, index: usize, line: String) {
        if let Some(child) = self.children.get_mut(index)
            && child.errors.len() < SHOWN_LINES
        {
            child.errors.push(line);
        }
    }

    /// The receivers, ascending, that nothing has reached in the warm-up, once, as soon as all children have reported
    /// them or have ended.
    pub(super) fn take_unreached(&mut self) -> Option<Vec<u32>> {
        self.unreached.take()
    }

    /// Interrupts all children once.
    pub(super) fn interrupt(&mut self) {
        if !std::mem::replace(&mut self.is_interrupted, true) {
            self.children.iter().for_each(RunningChild::interrupt);
        }
    }

    /// Kills the children that have not reported for long, because they are stopped.
    pub(super) fn kill_silent(&mut self) {
        let limit = match self.is_interrupted {
            true => SILENCE_AFTER_INTERRUPT,
            false => LONGEST_SILENCE,
        };
        for child in &mut self.children {
            if child.ending.is_none() && child.reported_at.elapsed() > limit {
                let text = format!("no report for {} s, so it was killed", limit.as_secs());
                child.errors.push(text);
                child.is_silent = true;
                child.kill();
            }
        }
    }

    /// The reason of each child that has failed.
    pub(super) fn failures(self) -> Vec<String> {
        let children = self.children.iter().enumerate();
        children
            .filter_map(|(shard, child)| {
                let is_expected = self.is_interrupted && !child.is_silent;
                let ending = child
                    .ending
                    .filter(|ending| !ending.success() && !is_expected)?;
                let reason = match child.errors.as_slice() {
                    [] => format!("ended with {ending}"),
                    lines => lines.join("; "),
                };
                Some(format!("shard {shard}: {reason}"))
            })
            .collect()
    }
}

impl UnreachedReports {
    fn new(children: usize) -> Self {
        Self {
            awaited: vec![true; children],
            clients: Vec::new(),
        }
    }

    /// Adds the report of a child, or the end of one that has not reported.
    fn add(&mut self, child: usize, clients: &[u32]) {
        if let Some(is_awaited) = self.awaited.get_mut(child)
            && std::mem::take(is_awaited)
        {
            self.clients.extend(clients);
        }
    }

    /// All of them, once; `None` while a child is awaited.
    fn take(&mut self) -> Option<Vec<u32>> {
        if self.awaited.is_empty() || self.awaited.contains(&true) {
            return None;
        }
        self.awaited.clear();
        self.clients.sort_unstable();
        Some(std::mem::take(&mut self.clients))
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
            self.ending = self.child.wait().ok();
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.children.iter_mut().for_each(RunningChild::kill);
    }
}

/// Sends an event for each line, and one at the end of the stream.
fn read_lines(
    stream: impl Read + Send + 'static,
    sender: Sender<ChildEvent>,
    event: impl Fn(String) -> Option<ChildEvent> + Send + 'static,
    at_end: Option<ChildEvent>,
) -> io::Result<()> {
    thread::Builder::new()
        .name("child".to_owned())
        .spawn(move || {
            let lines = BufReader::new(stream).lines().map_while(Result::ok);
            for event in lines.filter_map(event).chain(at_end) {
                // The parent ends when it does not read any more.
                let _ = sender.send(event);
            }
        })
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn unreached_receivers_are_known_once_when_every_child_has_reported_or_ended() {
        let mut reports = UnreachedReports::new(3);
        reports.add(2, &[8, 5]);
        reports.add(0, &[3]);
        assert_eq!(reports.take(), None);
        // The end of a child after its report adds nothing.
        reports.add(2, &[]);
        assert_eq!(reports.take(), None);
        reports.add(1, &[]);
        assert_eq!(reports.take(), Some(vec![3, 5, 8]));
        reports.add(1, &[]);
        assert_eq!(reports.take(), None);
    }
}
