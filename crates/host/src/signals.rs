//! Signals that end a program.

use std::io;

#[cfg(unix)]
use crate::thread_usage::status_field;

/// A signal that asks the program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGTERM; not on Windows.
    Terminate,
    /// SIGHUP, sent when a terminal is closed; not on Windows.
    Hangup,
}

impl Signal {
    /// The exit code of a program that ends immediately because of the signal: 130, 143 or 129.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Hangup => 129,
        }
    }
}

/// Handlers of Ctrl-C and, on Unix, SIGTERM, active from [`Signals::catch`] on.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Starts catching signals. Needs a tokio runtime with its drivers.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn catch() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: None,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Also catches SIGHUP, unless the program was started with SIGHUP ignored, as `nohup` does (detected on Linux
    /// only). Without effect on Windows.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn and_hangup(self) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // Checked before SIGHUP is caught, because catching it changes the result.
            let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup()));
            Ok(Self {
                hangup: hangup.transpose()?,
                ..self
            })
        }
        #[cfg(not(unix))]
        Ok(self)
    }

    /// Waits for the next signal.
    #[cfg(unix)]
    pub async fn next(&mut self) -> Signal {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = hangup => Signal::Hangup,
        }
    }

    /// Waits for the next signal.
    #[cfg(not(unix))]
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            // Ctrl-C cannot be caught here, so it kills the program.
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

/// Returns true when this program was started with SIGHUP ignored; `false` where the system does not report it.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_hangup_ignored(&status))
}

/// Parses the ignored signals in `/proc/…/status`: a bit mask whose lowest bit is signal 1, SIGHUP.
#[cfg(unix)]
fn is_hangup_ignored(status: &str) -> bool {
    status_field(status, "SigIgn:")
        .and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[cfg(unix)]
#[cfg(test)]
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
