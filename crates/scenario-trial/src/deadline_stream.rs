//! A blocking stream whose reads and writes end at a deadline or at an interrupt.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use swarm::RunHandle;

/// Interval between two checks for an interrupt.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Remaining time until the deadline, never zero.
fn left(deadline: Instant) -> Duration {
    deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1))
}

/// A blocking stream with a timeout for reads and writes.
pub(crate) trait TimedSocket: Read + Write {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()>;
}

impl TimedSocket for TcpStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

#[cfg(unix)]
impl TimedSocket for UnixStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

impl TimedSocket for StreamOwned<ClientConnection, TcpStream> {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.sock.set_timeout(timeout)
    }
}

/// A stream whose reads and writes end at its deadline or at an interrupt.
pub(crate) struct DeadlineStream {
    pub(crate) socket: Box<dyn TimedSocket>,
    pub(crate) deadline: Instant,
    pub(crate) control: RunHandle,
}

impl DeadlineStream {
    fn within_deadline<T>(
        &mut self,
        mut transfer: impl FnMut(&mut dyn TimedSocket) -> io::Result<T>,
    ) -> io::Result<T> {
        while Instant::now() < self.deadline && !self.control.is_stopped() {
            self.socket
                .set_timeout(left(self.deadline).min(LOOK_EVERY))?;
            match transfer(&mut *self.socket) {
                // The kind of error for a socket's timeout depends on the system.
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                result => return result,
            }
        }
        Err(ErrorKind::TimedOut.into())
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.within_deadline(|socket| socket.read(buffer))
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.within_deadline(|socket| socket.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.within_deadline(|socket| socket.flush())
    }
}
