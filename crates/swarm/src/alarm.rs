//! The one timer of a thread, which wakes it when a message is due.
//!
//! Measured on Linux: tokio's timer and epoll's own timeout count whole milliseconds and are late by
//! 0.6 to 0.9 ms, a timerfd by 30 to 60 µs.

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::Alarm;
#[cfg(target_os = "linux")]
pub(crate) use linux::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

    /// A timerfd.
    #[derive(Debug)]
    pub(crate) struct Alarm(TimerFd);

    impl Alarm {
        pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            let fd = timer.as_fd().as_raw_fd();
            registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
            Ok(Self(timer))
        }

        /// Wakes the thread once after so long, in place of what was set before. What of it is left
        /// to be waited for in another way: nothing.
        pub(crate) fn set(&self, after: Duration) -> io::Result<Option<Duration>> {
            // Nothing would turn it off.
            let after = after.max(Duration::from_nanos(1));
            // An expiry needs not be read: setting the timer anew forgets it.
            self.0.set(
                Expiration::OneShot(after.into()),
                TimerSetTimeFlags::empty(),
            )?;
            Ok(None)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;
    use std::time::Duration;

    use mio::{Registry, Token};

    /// The poll's own timeout, which is exact on kqueue.
    #[derive(Debug)]
    pub(crate) struct Alarm;

    impl Alarm {
        #[allow(clippy::unnecessary_wraps)]
        pub(crate) fn new(_: &Registry, _: Token) -> io::Result<Self> {
            Ok(Self)
        }

        /// What is to be waited for with the poll's timeout: all of it. Where that counts whole
        /// milliseconds, the last of them is spent looking.
        #[allow(clippy::unnecessary_wraps)]
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
}
