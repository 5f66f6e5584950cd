//! What asks a program that measures to end, caught instead of killing it.

use std::io;

/// The signals that end a run: Ctrl-C, and on Unix SIGTERM and SIGHUP, which comes when a terminal is closed.
///
/// A SIGHUP that whoever started the program has it ignore, as `nohup` does, stays ignored (on Linux, which tells).
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Starts catching. Needs a tokio runtime with its drivers.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // Asked before anything is caught, which would end that.
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Starts catching. Needs a tokio runtime with its drivers.
    ///
    /// # Errors
    /// Never here.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // It cannot be caught: then it kills, and there is nothing to wait for.
            std::future::pending::<()>().await;
        }
    }
}

/// Whether this program was started with SIGHUP ignored; `false` where the system does not tell.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_hangup_ignored(&status))
}

/// What the lines of `/proc/…/status` say of it: a bit a signal, the lowest for number 1, which is SIGHUP.
#[cfg(unix)]
fn is_hangup_ignored(status: &str) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_is_that_of_a_closed_terminal() {
        let status = |mask: &str| format!("SigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(is_hangup_ignored(&status("0000000000001001")));
        assert!(!is_hangup_ignored(&status("0000000000001000")));
        assert!(!is_hangup_ignored("no such line"));
    }
}
