//! Telling every connection at once that the server stops.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::sync::{Notify, futures::OwnedNotified};

/// The accept loop's end: says stop, once.
#[derive(Debug, Default)]
pub(crate) struct Stopper {
    stopped: Arc<AtomicBool>,
    notify: Arc<Notify>,
}

impl Stopper {
    /// One more connection that wants to hear of it.
    pub(crate) fn subscribe(&self) -> Stop {
        Stop {
            stopped: Arc::clone(&self.stopped),
            notified: Box::pin(Arc::clone(&self.notify).notified_owned()),
            registered: None,
        }
    }

    /// Wakes every [`Stop`].
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }
}

/// A connection's end: ready once the server stops.
///
/// Polled for every batch of messages, so polling it again from the same task
/// is one read of a flag: tokio's own `Notified` takes a lock that all
/// connections share.
#[derive(Debug)]
pub struct Stop {
    stopped: Arc<AtomicBool>,
    notified: Pin<Box<OwnedNotified>>,
    registered: Option<Waker>,
}

impl Stop {
    /// Ready once the server stops, and from then on; until then the task is
    /// woken when it does.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let registered = self
            .registered
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if !registered && !self.stopped.load(Ordering::Acquire) {
            if self.notified.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            self.registered = Some(cx.waker().clone());
        }
        // Read after registering: a stop in between is not missed.
        if self.stopped.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Waits until the server stops.
    pub async fn wait(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wakes_whoever_waits_and_whoever_comes_late() {
        let stopper = Stopper::default();
        let mut early = stopper.subscribe();
        let mut unpolled = stopper.subscribe();
        let waiting = tokio::spawn(async move { early.wait().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());

        stopper.stop();
        waiting.await.unwrap();
        unpolled.wait().await;
        stopper.subscribe().wait().await;
    }

    #[tokio::test]
    async fn moves_to_another_task() {
        let stopper = Stopper::default();
        let mut stop = stopper.subscribe();
        let polled = poll_fn(|cx| Poll::Ready(stop.poll(cx).is_pending())).await;
        assert!(polled);
        let waiting = tokio::spawn(async move { stop.wait().await });
        tokio::task::yield_now().await;
        stopper.stop();
        waiting.await.unwrap();
    }
}
