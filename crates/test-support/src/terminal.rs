//! A pseudo-terminal, and programs on it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::ops::{Deref, DerefMut};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Limit for actions that are immediate on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Interval for polling a condition.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The handling of SIGHUP that a program inherits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// Default: the signal ends a program that does not catch it, as in a shell.
    Default,
    /// Ignored, as with `nohup`.
    Ignored,
}

/// A terminal of 100 columns and 30 rows. Dropping it closes it, and the system sends SIGHUP to the program on it.
#[derive(Debug)]
pub struct Terminal {
    master: PtyMaster,
    path: String,
    shown: Vec<u8>,
}

impl Terminal {
    /// Opens a terminal.
    pub fn open() -> Self {
        // Child processes must not inherit the master side, or it would stay open.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let master = posix_openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname_r(&master).unwrap();
        let mut size = Command::new("stty");
        size.args(["-F", &path, "columns", "100", "rows", "30"]);
        assert!(size.status().unwrap().success());
        Self {
            master,
            path,
            shown: Vec::new(),
        }
    }

    /// The program's side, for reading and writing.
    pub fn side(&self) -> File {
        self.open_side(OFlag::O_NOCTTY)
    }

    fn open_side(&self, flags: OFlag) -> File {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(flags.bits());
        options.open(&self.path).unwrap()
    }

    /// A command for this program with its arguments and folder. The terminal is its standard input, output and error,
    /// and its controlling terminal.
    pub fn command(&self, program: &Command, hangup: Hangup) -> Command {
        let mut command = Command::new("env");
        command
            .arg(match hangup {
                Hangup::Default => "--default-signal=HUP",
                Hangup::Ignored => "--ignore-signal=HUP",
            })
            .args(["TERM=xterm", "setsid", "--ctty"])
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(self.side())
            .stdout(self.side())
            .stderr(self.side());
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        command
    }

    /// Everything shown so far, including escape sequences. A terminal that is not read accepts only a few kilobytes.
    pub fn shown(&mut self) -> String {
        let mut bytes = [0; 4096];
        loop {
            match self.master.read(&mut bytes) {
                Ok(n) if n > 0 => self.shown.extend_from_slice(&bytes[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nothing to read, or no program has the terminal open.
                _ => return String::from_utf8_lossy(&self.shown).into_owned(),
            }
        }
    }

    /// Fills the terminal, so that it accepts almost nothing until it is read.
    pub fn fill(&self) {
        /// Number of consecutive failed attempts. The system may make room by moving bytes between buffers.
        const REFUSALS: u32 = 20;
        let mut side = self.open_side(OFlag::O_NOCTTY | OFlag::O_NONBLOCK);
        let mut refusals = 0;
        while refusals < REFUSALS {
            if write_all_it_takes(&mut side) == 0 {
                refusals += 1;
                std::thread::sleep(LOOK_EVERY);
            } else {
                refusals = 0;
            }
        }
    }

    /// Types these keys.
    pub fn type_keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }
}

/// A pipe that accepts nothing until it is read.
pub fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = pipe().unwrap();
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    // Opened separately without blocking, so that other writers still block.
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    write_all_it_takes(&mut options.open(path).unwrap());
    (reader, writer)
}

/// Writes until there is no room. Returns the number of bytes.
fn write_all_it_takes(file: &mut File) -> usize {
    let mut taken = 0;
    for piece in [&[b' '; 4096][..], b" "] {
        while let Ok(n @ 1..) = file.write(piece) {
            taken += n;
        }
    }
    taken
}

/// A running program. It is killed when dropped, so that a failed test does not leave it running.
#[derive(Debug)]
pub struct Program(Child);

impl Program {
    /// Starts a program.
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }
}

impl Deref for Program {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Program {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Has no effect on a program that was awaited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a condition holds.
///
/// # Panics
/// When the condition does not hold within two minutes.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not seen: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Sends a signal to a program.
pub fn send(child: &Child, signal: Signal) {
    signal::kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

/// Returns true when a running program has a thread with this name.
pub fn has_thread(child: &Child, name: &str) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id()));
    // A thread that has ended in the meantime has no name.
    let mut names = threads
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    names.any(|found| found.trim() == name)
}
