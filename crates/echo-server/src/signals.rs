//! The signals that end a program.

use crate::Error;

/// A request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGTERM; not on Windows.
    Terminate,
}

impl Signal {
    /// The exit code of a program that ends because of it at once: 130 or 143.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Signals caught instead of killing the process, from [`Signals::catch`] on.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Starts catching. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Signals`] if the system does not let us.
    pub fn catch() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(Error::Signals)?,
            terminate: signal(SignalKind::terminate()).map_err(Error::Signals)?,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Starts catching. Needs a tokio runtime.
    ///
    /// # Errors
    /// Never here.
    pub fn catch() -> Result<Self, Error> {
        Ok(Self {})
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            // Ctrl-C cannot be caught: then it kills, and there is nothing to
            // wait for.
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
