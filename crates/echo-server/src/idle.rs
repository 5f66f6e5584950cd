//! The idle timeout: a ping after half of it, a close at its end.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

/// The idle timer of one connection. A silent peer must be pinged after half of the timeout, and closed after all of
/// it.
///
/// The timer is not reset for every message. Activity only stores the time, at the cost of one clock reading per
/// wake-up.
#[derive(Debug)]
pub(crate) struct IdleTimer {
    timeout: Duration,
    /// Time of the peer's last activity.
    active: Instant,
    pinged: bool,
    timer: Pin<Box<Sleep>>,
    /// True while the task is registered with the timer.
    armed: bool,
}

/// The action that a silence requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdleAction {
    Ping,
    Close,
}

impl IdleTimer {
    /// Starts a timer; `None` when the timeout is zero, which means no limit.
    pub(crate) fn new(timeout: Duration) -> Option<Self> {
        (!timeout.is_zero()).then(|| {
            let active = Instant::now();
            Self {
                timeout,
                active,
                pinged: false,
                timer: Box::pin(tokio::time::sleep_until(deadline(active, timeout / 2))),
                armed: false,
            }
        })
    }

    pub(crate) fn note_activity(&mut self) {
        self.active = Instant::now();
        self.pinged = false;
    }

    /// Returns ready when an action is due. Registers the task for the next one.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<IdleAction> {
        loop {
            if self.armed && !self.timer.is_elapsed() {
                return Poll::Pending;
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                self.armed = true;
                return Poll::Pending;
            }
            self.armed = false;
            let silence = self.active.elapsed();
            let (due, next) = if silence >= self.timeout {
                (Some(IdleAction::Close), self.timeout)
            } else if silence >= self.timeout / 2 {
                let due = (!self.pinged).then_some(IdleAction::Ping);
                (due, self.timeout)
            } else {
                (None, self.timeout / 2)
            };
            self.timer.as_mut().reset(deadline(self.active, next));
            if let Some(action) = due {
                self.pinged |= action == IdleAction::Ping;
                return Poll::Ready(action);
            }
        }
    }
}

/// The time after this duration, which is limited to a year.
fn deadline(from: Instant, by: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    from + by.min(YEAR)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn next(idle: &mut IdleTimer) -> (IdleAction, Duration) {
        let begun = Instant::now();
        let due = poll_fn(|cx| idle.poll(cx)).await;
        // tokio's timers have a resolution of 1 ms.
        (due, Duration::from_secs(begun.elapsed().as_secs()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_pinged_at_half_and_closed_at_the_end() {
        let mut idle = IdleTimer::new(60 * SECOND).unwrap();
        assert_eq!(next(&mut idle).await, (IdleAction::Ping, 30 * SECOND));
        assert_eq!(next(&mut idle).await, (IdleAction::Close, 30 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_heard_of_begins_anew() {
        let mut idle = IdleTimer::new(60 * SECOND).unwrap();
        for _ in 0..3 {
            tokio::time::sleep(20 * SECOND).await;
            idle.note_activity();
            assert!(poll_fn(|cx| Poll::Ready(idle.poll(cx))).await.is_pending());
        }
        assert_eq!(next(&mut idle).await, (IdleAction::Ping, 30 * SECOND));
        idle.note_activity();
        assert_eq!(next(&mut idle).await, (IdleAction::Ping, 30 * SECOND));
        assert_eq!(next(&mut idle).await, (IdleAction::Close, 30 * SECOND));
    }

    #[tokio::test]
    async fn zero_is_never_and_the_longest_time_is_no_overflow() {
        assert!(IdleTimer::new(Duration::ZERO).is_none());
        let mut idle = IdleTimer::new(Duration::MAX).unwrap();
        assert!(poll_fn(|cx| Poll::Ready(idle.poll(cx))).await.is_pending());
    }
}
