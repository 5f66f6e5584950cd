//! Process groups: a child and all its descendants, so that none of them is left running.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[cfg(unix)]
use nix::sys::signal::{Signal, kill, killpg};

/// Polling interval while a process is ending.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Time in which a process ends after its first connection has: the system closes connections before it reports the end.
const AFTER_CONNECTION: Duration = Duration::from_secs(1);

/// Maximum time to wait for the removal of a killed process.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// All running groups. Shared by the code that starts groups and the code that ends the program and kills all of them.
#[derive(Debug, Clone)]
pub struct ProcessGroups {
    /// Environment variable that marks processes, so that they are found after they leave the group (`setsid`).
    variable: &'static str,
    registry: Arc<Mutex<GroupRegistry>>,
}

#[derive(Debug, Default)]
struct GroupRegistry {
    is_closed: bool,
    alive: Vec<GroupLeader>,
}

/// The first process of a group. Its process ID is also that of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct GroupLeader {
    pid: u32,
    /// `VARIABLE=VALUE` in the environment of the group's processes.
    mark: String,
}

impl ProcessGroups {
    /// Creates an empty registry. `variable` is the environment variable that marks processes.
    pub fn marked_by(variable: &'static str) -> Self {
        Self {
            variable,
            registry: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, GroupRegistry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the command in a new group.
    ///
    /// # Errors
    /// When the system cannot start the command, or [`kill_all`](Self::kill_all) was called.
    pub fn spawn(&self, command: &mut Command) -> io::Result<ProcessGroup> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        // Started and registered under one lock, so that `kill_all` cannot miss the group.
        let mut registry = self.lock();
        if registry.is_closed {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let random = RandomState::new().build_hasher().finish();
        let value = format!("{}-{random:016x}", std::process::id());
        let child = command.env(self.variable, &value).spawn()?;
        let leader = GroupLeader {
            pid: child.id(),
            mark: format!("{}={value}", self.variable),
        };
        registry.alive.push(leader.clone());
        drop(registry);
        Ok(ProcessGroup {
            leader,
            child,
            ending: None,
            groups: self.clone(),
        })
    }

    /// Kills every group immediately. No further group can be started.
    pub fn kill_all(&self) {
        let mut registry = self.lock();
        registry.is_closed = true;
        for leader in &registry.alive {
            leader.kill();
        }
    }
}

/// A running group. It is killed when dropped.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: GroupLeader,
    child: Child,
    ending: Option<ExitStatus>,
    groups: ProcessGroups,
}

impl ProcessGroup {
    /// Process ID of the first process, and of the group.
    pub fn pid(&self) -> u32 {
        self.leader.pid
    }

    /// Returns the exit status of the first process; `None` while it runs. The process is reaped only when the group is
    /// gone, so that its ID cannot be reused before.
    pub fn ending(&mut self) -> Option<ExitStatus> {
        if self.ending.is_none() {
            self.ending = poll_ending(&mut self.child);
        }
        self.ending
    }

    /// Returns the same, after a connection of the process has ended: waits up to a second for the end of the process.
    pub fn ending_after_connection(&mut self) -> Option<ExitStatus> {
        self.wait_at_most(AFTER_CONNECTION, |group| group.ending().is_some());
        self.ending()
    }

    /// Running processes: the first one and all its descendants, including those that left the group. Empty on systems
    /// other than Linux.
    pub fn members(&self) -> Vec<u32> {
        self.leader.members()
    }

    /// Stops all processes of the group (SIGSTOP) until [`resume`](Self::resume). Those that left the group go on. Without
    /// effect on systems other than Unix.
    pub fn suspend(&self) {
        self.leader.suspend();
    }

    /// Lets stopped processes go on (SIGCONT).
    pub fn resume(&self) {
        self.leader.resume();
    }

    /// Asks all processes to end (SIGTERM), and kills those still running after `grace`. Returns the exit status of the
    /// first process if it had ended before.
    pub fn end(mut self, grace: Duration) -> Option<ExitStatus> {
        let ending = self.ending();
        self.leader.terminate();
        self.leader.resume();
        self.wait_at_most(grace, Self::is_gone);
        ending
    }

    fn wait_at_most(&mut self, time: Duration, is_over: impl Fn(&mut Self) -> bool) {
        let until = Instant::now() + time;
        while !is_over(self) && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn is_gone(&mut self) -> bool {
        self.ending().is_some() && self.members().is_empty()
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        let until = Instant::now() + AFTER_KILL;
        loop {
            // Repeated, because a process may fork while it is being killed.
            self.leader.kill();
            #[cfg(not(unix))]
            let _ = self.child.kill();
            if self.is_gone() || Instant::now() >= until {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.groups.lock().alive.retain(|l| *l != self.leader);
        // Reaps the first process. From here on, its ID may be reused.
        let _ = self.child.try_wait();
    }
}

#[cfg(target_os = "linux")]
fn poll_ending(child: &mut Child) -> Option<ExitStatus> {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
    use std::os::unix::process::ExitStatusExt;
    /// Bit of a wait status, next to the signal number.
    const CORE_DUMPED: i32 = 0x80;
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::Pid(pid(child.id())), flags) {
        Ok(WaitStatus::Exited(_, code)) => Some(ExitStatus::from_raw(code << 8)),
        Ok(WaitStatus::Signaled(_, signal, core)) => {
            let core = if core { CORE_DUMPED } else { 0 };
            Some(ExitStatus::from_raw(signal as i32 | core))
        }
        Ok(_) => None,
        // `waitid` fails on a signal without a name.
        Err(_) => child.try_wait().ok().flatten(),
    }
}

#[cfg(not(target_os = "linux"))]
fn poll_ending(child: &mut Child) -> Option<ExitStatus> {
    child.try_wait().ok().flatten()
}

#[cfg(unix)]
fn pid(number: u32) -> nix::unistd::Pid {
    // Process IDs from the system are positive.
    nix::unistd::Pid::from_raw(i32::try_from(number).unwrap_or(i32::MAX))
}

#[cfg(unix)]
impl GroupLeader {
    fn signal_group(&self, signal: Signal) {
        // The group may have ended in the meantime.
        let _ = killpg(pid(self.pid), signal);
    }

    fn suspend(&self) {
        self.signal_group(Signal::SIGSTOP);
    }

    fn resume(&self) {
        self.signal_group(Signal::SIGCONT);
    }

    fn terminate(&self) {
        self.signal_group(Signal::SIGTERM);
    }

    fn kill(&self) {
        self.signal_group(Signal::SIGKILL);
        for stray in self.members() {
            if stray != self.pid {
                let _ = kill(pid(stray), Signal::SIGKILL);
            }
        }
    }
}

#[cfg(not(unix))]
impl GroupLeader {
    fn suspend(&self) {}

    fn resume(&self) {}

    fn terminate(&self) {}

    fn kill(&self) {}
}

#[cfg(target_os = "linux")]
impl GroupLeader {
    fn members(&self) -> Vec<u32> {
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return vec![self.pid];
        };
        let numbers = processes.filter_map(|p| p.ok()?.file_name().to_str()?.parse::<u32>().ok());
        numbers
            .filter(|number| {
                let place = format!("/proc/{number}");
                let Ok(stat) = std::fs::read_to_string(format!("{place}/stat")) else {
                    return false;
                };
                let Some((state, group)) = state_and_group(&stat) else {
                    return false;
                };
                // A zombie does not run any more. It waits for its parent to reap it.
                let runs = !matches!(state, 'Z' | 'X');
                runs && (group == self.pid || has_mark(&place, &self.mark))
            })
            .collect()
    }
}

#[cfg(not(target_os = "linux"))]
impl GroupLeader {
    fn members(&self) -> Vec<u32> {
        Vec::new()
    }
}

/// Returns true when the process's environment contains the mark. The environment of another user's process is not
/// readable, and counts as unmarked.
#[cfg(target_os = "linux")]
fn has_mark(place: &str, mark: &str) -> bool {
    let Ok(environment) = std::fs::read(format!("{place}/environ")) else {
        return false;
    };
    let mut entries = environment.split(|byte| *byte == 0);
    entries.any(|entry| entry == mark.as_bytes())
}

/// Parses state and process group from a `/proc/PID/stat`. The process name before them may contain any character.
#[cfg(target_os = "linux")]
fn state_and_group(stat: &str) -> Option<(char, u32)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let group = fields.nth(1)?.parse().ok()?;
    Some((state, group))
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;

    fn shell(groups: &ProcessGroups, script: &str) -> (ProcessGroup, Vec<u32>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        let mut group = groups.spawn(&mut command).unwrap();
        let mut line = String::new();
        let out = group.child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let numbers = line.split_whitespace().map(|n| n.parse().unwrap());
        (group, numbers.collect())
    }

    fn runs(number: u32) -> bool {
        std::fs::read_to_string(format!("/proc/{number}/stat"))
            .is_ok_and(|stat| state_and_group(&stat).is_some_and(|(state, _)| state != 'Z'))
    }

    #[test]
    fn what_a_server_forks_ends_with_it() {
        let groups = ProcessGroups::marked_by("WS_TEST_PROCESS");
        let (mut group, children) =
            shell(&groups, "sleep 600 & a=$!; sleep 600 & echo $a $!; wait");
        assert_eq!(children.len(), 2);
        assert!(children.iter().all(|c| group.members().contains(c)));
        assert_eq!(group.ending(), None);
        assert_eq!(group.end(Duration::from_secs(5)), None);
        assert!(!children.into_iter().any(runs));
        assert!(groups.lock().alive.is_empty());
    }

    #[test]
    fn one_that_leaves_the_group_is_found_by_its_mark() {
        let groups = ProcessGroups::marked_by("WS_TEST_PROCESS");
        // The shell has ended, and its child is in a session of its own.
        let (group, children) = shell(&groups, "setsid sleep 600 >/dev/null & echo $!");
        let child = children[0];
        drop(group);
        assert!(!runs(child));
    }

    #[test]
    fn one_that_will_not_end_is_killed() {
        let groups = ProcessGroups::marked_by("WS_TEST_PROCESS");
        let (group, children) = shell(
            &groups,
            "trap '' TERM; sleep 600 & echo $! $$; while :; do wait; done",
        );
        group.end(Duration::from_millis(50));
        assert!(!children.into_iter().any(runs));
    }

    #[test]
    fn a_suspended_group_does_nothing_until_it_is_resumed() {
        let groups = ProcessGroups::marked_by("WS_TEST_PROCESS");
        let (group, children) = shell(&groups, "sleep 600 & echo $! $$; while :; do :; done");
        let state = |number: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap();
            state_and_group(&stat).unwrap().0
        };
        let becomes = |is_stopped: bool| {
            let until = Instant::now() + AFTER_KILL;
            let is_so = || children.iter().all(|c| (state(c) == 'T') == is_stopped);
            while !is_so() && Instant::now() < until {
                std::thread::sleep(LOOK_EVERY);
            }
            is_so()
        };
        group.suspend();
        assert!(becomes(true));
        group.resume();
        assert!(becomes(false));
        group.suspend();
        // A stopped process does not get the request to end.
        group.end(Duration::from_secs(5));
        assert!(!children.into_iter().any(runs));
    }

    #[test]
    fn nothing_is_started_once_all_are_killed() {
        let groups = ProcessGroups::marked_by("WS_TEST_PROCESS");
        let (mut group, children) = shell(&groups, "sleep 600 & echo $!; wait");
        groups.kill_all();
        let until = Instant::now() + AFTER_KILL;
        while children.iter().any(|c| runs(*c)) && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY);
        }
        assert!(!children.into_iter().any(runs));
        while group.ending().is_none() && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY);
        }
        assert_eq!(group.ending().unwrap().signal(), Some(9));
        let refused = groups.spawn(&mut Command::new("true")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn an_exit_code_is_told() {
        let groups = ProcessGroups::marked_by("WS_TEST_PROCESS");
        let (mut group, _) = shell(&groups, "echo 1; exit 3");
        let until = Instant::now() + AFTER_KILL;
        while group.ending().is_none() && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY);
        }
        let ending = group.end(Duration::ZERO).unwrap();
        assert_eq!(ending.code(), Some(3));
    }

    #[test]
    fn a_name_with_brackets_is_read_past() {
        assert_eq!(state_and_group("7 (a) R 9) S 1 42 42 0"), Some(('S', 42)));
        assert_eq!(state_and_group("nonsense"), None);
    }
}
