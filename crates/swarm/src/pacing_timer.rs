//! The timer that wakes a thread when a message is due.
//!
//! On Linux, tokio's timer and epoll's own timeout have a resolution of 1 ms and were measured to be 0.6 to 0.9 ms
//! late. A timerfd was 30 to 60 µs late.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};
#[cfg(target_os = "linux")]
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// A timerfd on Linux. On other systems the poll's own timeout, which is exact with kqueue.
#[derive(Debug)]
pub(crate) struct PacingTimer {
    #[cfg(target_os = "linux")]
    timer: TimerFd,
}

#[cfg(target_os = "linux")]
impl PacingTimer {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::{AsFd, AsRawFd};

        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let fd = timer.as_fd().as_raw_fd();
        let mut source = mio::unix::SourceFd(&fd);
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(Self { timer })
    }

    /// Wakes the thread once after this time, replacing an earlier setting. Returns `None`, because the poll needs no
    /// timeout of its own.
    pub(crate) fn set(&self, after: Duration) -> io::Result<Option<Duration>> {
        // Zero would disarm the timer.
        let after = after.max(Duration::from_nanos(1));
        // The expiry need not be read, because setting the timer again clears it.
        self.timer.set(
            Expiration::OneShot(after.into()),
            TimerSetTimeFlags::empty(),
        )?;
        Ok(None)
    }
}

#[cfg(not(target_os = "linux"))]
impl PacingTimer {
    pub(crate) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Returns the timeout for the poll: all of `after`. Where the poll's resolution is 1 ms, it polls without waiting
    /// for the last millisecond.
    pub(crate) fn set(&self, after: Duration) -> io::Result<Option<Duration>> {
        const COARSE: Duration = Duration::from_millis(2);
        Ok(Some(if cfg!(windows) && after < COARSE {
            Duration::ZERO
        } else if cfg!(windows) {
            after - Duration::from_millis(1)
        } else {
            after
        }))
    }
}
