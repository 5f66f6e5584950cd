//! Process of a server, started in its own process group. Its output is kept.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::process_group::{ProcessGroup, ProcessGroups};

/// Limits of the output in error messages.
const SHOWN_BYTES: u64 = 4096;
const SHOWN_LINES: usize = 20;

/// Time that a server has to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(3);

/// Process of a server. It is killed with all its descendants when dropped.
#[derive(Debug)]
pub struct ServerChild {
    group: ProcessGroup,
    output: File,
}

impl ServerChild {
    /// Starts the command with empty standard input.
    ///
    /// # Errors
    /// When the system cannot start the command, or the program is ending.
    pub fn spawn(groups: &ProcessGroups, command: &mut Command) -> io::Result<Self> {
        let output = tempfile::tempfile()?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?);
        let group = groups.spawn(command)?;
        Ok(Self { group, output })
    }

    /// Running processes of the server. Empty on systems other than Linux.
    pub fn members(&self) -> Vec<u32> {
        self.group.members()
    }

    /// Stops the processes of the server until [`resume`](Self::resume).
    pub fn suspend(&self) {
        self.group.suspend();
    }

    /// Lets stopped processes go on.
    pub fn resume(&self) {
        self.group.resume();
    }

    /// Returns exit status and last output; `None` while the process runs.
    pub fn ending(&mut self) -> Option<(ExitStatus, String)> {
        let ending = self.group.ending()?;
        Some((ending, self.last_output()))
    }

    /// Returns the same, after a connection of the server has ended: waits up to a second for the end of the process.
    pub fn ending_after_connection(&mut self) -> Option<(ExitStatus, String)> {
        let ending = self.group.ending_after_connection()?;
        Some((ending, self.last_output()))
    }

    /// The last lines of the server's output, without control characters.
    pub fn last_output(&mut self) -> String {
        last_output(&mut self.output)
    }

    /// Asks the server to end, waits for a few seconds, then kills it.
    pub fn end(self) {
        self.group.end(GRACE);
    }

    /// Ends the server as [`end`](Self::end) does, and returns the last lines of its output, without control
    /// characters.
    pub fn end_with_output(self) -> String {
        let Self { group, mut output } = self;
        group.end(GRACE);
        last_output(&mut output)
    }
}

/// Reads the last lines of the output.
fn last_output(output: &mut File) -> String {
    let mut read = || -> io::Result<String> {
        let end = output.seek(SeekFrom::End(0))?;
        output.seek(SeekFrom::Start(end.saturating_sub(SHOWN_BYTES)))?;
        let mut bytes = Vec::new();
        output.take(SHOWN_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    // A server's output must not control the user's terminal.
    let text = text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), "");
    let lines: Vec<_> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_wrote_steers_no_terminal() {
        let mut output = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut output, b"one\n\x1b[31mred\x07\ttab\r\n\n").unwrap();
        assert_eq!(last_output(&mut output), "one\n[31mred\ttab");
    }
}
