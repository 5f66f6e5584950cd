//! How long a peer has been silent, and what is done about it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

/// Watches one connection: a peer of which nothing was heard is to be pinged
/// after half of the timeout, and closed after all of it.
///
/// The timer is not set anew whenever something is heard, but looks at the clock
/// when it has run out: what a message costs is one look at the clock a wake-up.
#[derive(Debug)]
pub(crate) struct Idle {
    timeout: Duration,
    heard: Instant,
    pinged: bool,
    timer: Pin<Box<Sleep>>,
    /// The timer knows the task that waits for it.
    armed: bool,
}

/// What a silence calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Ping,
    Close,
}

impl Idle {
    /// `None` when the timeout is zero, which stands for never.
    pub(crate) fn new(timeout: Duration) -> Option<Self> {
        (!timeout.is_zero()).then(|| {
            let heard = Instant::now();
            Self {
                timeout,
                heard,
                pinged: false,
                timer: Box::pin(tokio::time::sleep_until(later(heard, timeout / 2))),
                armed: false,
            }
        })
    }

    /// The peer has been heard of just now.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
        self.pinged = false;
    }

    /// Ready when something is due; the task is woken when it may be.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        loop {
            if self.armed && !self.timer.is_elapsed() {
                return Poll::Pending;
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                self.armed = true;
                return Poll::Pending;
            }
            self.armed = false;
            let silence = self.heard.elapsed();
            let (due, next) = if silence >= self.timeout {
                (Some(Due::Close), self.timeout)
            } else if silence >= self.timeout / 2 {
                let due = (!self.pinged).then_some(Due::Ping);
                (due, self.timeout)
            } else {
                (None, self.timeout / 2)
            };
            self.timer.as_mut().reset(later(self.heard, next));
            match due {
                Some(Due::Close) => return Poll::Ready(Due::Close),
                Some(Due::Ping) => {
                    self.pinged = true;
                    return Poll::Ready(Due::Ping);
                }
                None => {}
            }
        }
    }
}

/// A time that far away, or as far as the clock goes.
fn later(from: Instant, by: Duration) -> Instant {
    /// A year.
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    from + by.min(FAR)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn next(idle: &mut Idle) -> (Due, Duration) {
        let begun = Instant::now();
        let due = poll_fn(|cx| idle.poll(cx)).await;
        // Timers of tokio count milliseconds.
        (due, Duration::from_secs(begun.elapsed().as_secs()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_pinged_at_half_and_closed_at_the_end() {
        let mut idle = Idle::new(60 * SECOND).unwrap();
        assert_eq!(next(&mut idle).await, (Due::Ping, 30 * SECOND));
        assert_eq!(next(&mut idle).await, (Due::Close, 30 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_heard_of_begins_anew() {
        let mut idle = Idle::new(60 * SECOND).unwrap();
        for _ in 0..3 {
            tokio::time::sleep(20 * SECOND).await;
            idle.heard();
            assert!(poll_fn(|cx| Poll::Ready(idle.poll(cx))).await.is_pending());
        }
        assert_eq!(next(&mut idle).await, (Due::Ping, 30 * SECOND));
        idle.heard();
        assert_eq!(next(&mut idle).await, (Due::Ping, 30 * SECOND));
        assert_eq!(next(&mut idle).await, (Due::Close, 30 * SECOND));
    }

    #[tokio::test]
    async fn zero_is_never_and_the_longest_time_is_no_overflow() {
        assert!(Idle::new(Duration::ZERO).is_none());
        let mut idle = Idle::new(Duration::MAX).unwrap();
        assert!(poll_fn(|cx| Poll::Ready(idle.poll(cx))).await.is_pending());
    }
}
