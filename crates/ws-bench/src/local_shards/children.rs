//! The processes of a run, and their ends.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
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
use super::steps::{StepCommand, StepReply};

/// Maximum wait for the next report of a child.
const WAIT: Duration = Duration::from_millis(20);

/// Longest time without a report, after which a child is taken for stopped. A child reports four times per second, in a
/// thread of its own.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// The same after an interrupt.
const SILENCE_AFTER_INTERRUPT: Duration = Duration::from_secs(10);

/// Longest time from an interrupt to the reply of a child that reports.
const END_AFTER_INTERRUPT: Duration = Duration::from_secs(60);

/// Most lines of a child's errors that are shown.
const SHOWN_LINES: usize = 5;

/// The standard input of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChildInput {
    /// The socket of a launcher, with whose barrier the children agree on a common start.
    Launcher,
    /// The commands of [`steps`](super::steps).
    Steps,
}

/// The processes of a run. They are killed when dropped.
#[derive(Debug)]
pub(super) struct Children {
    children: Vec<RunningChild>,
    events: Receiver<ChildEvent>,
    unreached: UnreachedReports,
    is_interrupted: bool,
    /// True when all children were told to end early.
    is_ending: bool,
    is_over: bool,
    /// The barrier of the children; `None` for those that take steps.
    _launcher: Option<PmiServer>,
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
    /// The commands of steps; `None` for a child with a launcher.
    commands: Option<ChildStdin>,
    /// The latest reply to a command.
    reply: Option<StepReply>,
    /// True until its last report has been taken.
    reports: bool,
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
    /// Starts one process of this program for each order, with the arguments of this one. `input`: the standard input of each.
    pub(super) fn start(orders: &[ChildOrder], input: ChildInput) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let (sender, events) = mpsc::channel();
        let mut all = Self {
            children: Vec::new(),
            events,
            unreached: UnreachedReports::new(orders.len()),
            is_interrupted: false,
            is_ending: false,
            is_over: false,
            _launcher: None,
        };
        let mut sockets = Vec::new();
        for (index, order) in orders.iter().enumerate() {
            let (name, value) = order.to_variable()?;
            let mut command = Command::new(&program);
            command
                .args(std::env::args_os().skip(1))
                .env(name, value)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                // The parent passes interrupts on.
                .process_group(0);
            match input {
                ChildInput::Launcher => {
                    let (ours, theirs) = UnixStream::pair()?;
                    sockets.push(ours);
                    command.env("PMI_FD", "0").stdin(OwnedFd::from(theirs));
                }
                ChildInput::Steps => {
                    command.stdin(Stdio::piped());
                }
            }
            // Those that have started are killed when dropped.
            let child = command.spawn()?;
            all.children.push(RunningChild::new(child));
            if let Some(child) = all.children.last_mut() {
                child.read_output(index, &sender)?;
            }
        }
        if matches!(input, ChildInput::Launcher) {
            all._launcher = Some(PmiServer::start(sockets)?);
        }
        Ok(all)
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
        self.take_reports_within(WAIT, control, on_second);
    }

    fn take_reports_within(
        &mut self,
        mut wait: Duration,
        control: &RunHandle,
        on_second: &mut dyn FnMut(usize, Option<LoggedSecond>),
    ) {
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
                    ChildReport::Reply(reply) => {
                        if let Some(child) = self.children.get_mut(index) {
                            child.reply = Some(reply);
                            child.reported_at = Instant::now();
                        }
                    }
                },
                Ok(ChildEvent::ErrorLine(index, line)) => self.add_error(index, line),
                Ok(ChildEvent::Ended(index)) => {
                    // It holds up no other.
                    if let Some(child) = self.children.get_mut(index) {
                        child.phase = Phase::Close;
                        child.reports = false;
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
        self.is_interrupted = true;
        self.end_early();
    }

    /// Ends all children early, once, because a second interrupt ends them without a result.
    fn end_early(&mut self) {
        if !std::mem::replace(&mut self.is_ending, true) {
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

    /// Sends a command to all children. One that has ended does not get it.
    pub(super) fn command(&mut self, command: &StepCommand) -> io::Result<()> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        for child in &mut self.children {
            child.reply = None;
            if let Some(commands) = &mut child.commands {
                // Short enough for the buffer of a pipe. A child without reply has failed.
                let _ = commands.write_all(&line);
            }
        }
        Ok(())
    }

    /// Waits until each child has replied or ended, and returns the replies by child. A child that needs more than `limit` is
    /// killed. `observe` is called now and then, and returns the instant at which it has to be called next. All children end
    /// early after an interrupt, and when one of them has ended without a reply.
    pub(super) fn await_replies(
        &mut self,
        control: &RunHandle,
        limit: Duration,
        observe: &mut dyn FnMut(Instant) -> Option<Instant>,
    ) -> Vec<Option<StepReply>> {
        let mut limit = Instant::now() + limit;
        while self.children.iter().any(RunningChild::is_awaited) {
            let now = Instant::now();
            let next = observe(now).map(|next| next.saturating_duration_since(now));
            let wait = next.map_or(WAIT, |next| next.min(WAIT));
            self.take_reports_within(wait, control, &mut |_, _| {});
            self.children.iter_mut().for_each(RunningChild::poll);
            let has_lost = self.children.iter().any(RunningChild::is_lost);
            if control.is_stopped() {
                self.is_interrupted = true;
            }
            if (self.is_interrupted || has_lost) && !self.is_ending {
                self.end_early();
                limit = limit.min(Instant::now() + END_AFTER_INTERRUPT);
            }
            self.kill_silent();
            if Instant::now() > limit {
                let late = self.children.iter_mut();
                late.filter(|child| child.is_awaited())
                    .for_each(RunningChild::kill_late);
            }
        }
        self.children.iter().map(|child| child.reply).collect()
    }

    /// Waits for the ends of children that have nothing more to do.
    pub(super) fn await_ends(&mut self, control: &RunHandle) {
        let limit = Instant::now() + SILENCE_AFTER_INTERRUPT;
        while self.are_running() && Instant::now() < limit {
            self.take_reports(control, &mut |_, _| {});
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
    fn new(mut child: Child) -> Self {
        Self {
            commands: child.stdin.take(),
            child,
            ending: None,
            phase: Phase::Connect,
            reported_at: Instant::now(),
            is_silent: false,
            errors: Vec::new(),
            reply: None,
            reports: true,
        }
    }

    /// Reads the reports and the errors of the child with this index, in threads.
    fn read_output(&mut self, index: usize, sender: &Sender<ChildEvent>) -> io::Result<()> {
        if let Some(stdout) = self.child.stdout.take() {
            let event = move |line: String| {
                ChildReport::parse(&line).map(|report| ChildEvent::Report(index, report))
            };
            let at_end = Some(ChildEvent::Ended(index));
            read_lines(stdout, sender.clone(), event, at_end)?;
        }
        if let Some(stderr) = self.child.stderr.take() {
            let event = move |line| Some(ChildEvent::ErrorLine(index, line));
            read_lines(stderr, sender.clone(), event, None)?;
        }
        Ok(())
    }

    /// Returns true while a reply can still come.
    fn is_awaited(&self) -> bool {
        self.reply.is_none() && self.reports
    }

    /// Returns true when it has ended without a reply.
    fn is_lost(&self) -> bool {
        self.reply.is_none() && !self.reports
    }

    /// Kills a child whose reply does not come.
    fn kill_late(&mut self) {
        if self.ending.is_none() {
            self.errors
                .push("no result of its step in time, so it was killed".to_owned());
            self.is_silent = true;
            self.kill();
        }
    }

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
