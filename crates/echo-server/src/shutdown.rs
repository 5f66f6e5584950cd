//! The signal that notifies all connections when the server stops.

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

/// Sending side of the signal, owned by the accept loop. Triggers it once.
#[derive(Debug, Default)]
pub(crate) struct ShutdownTrigger {
    stopped: Arc<AtomicBool>,
    notify: Arc<Notify>,
}

impl ShutdownTrigger {
    /// Returns a receiving side for one connection.
    pub(crate) fn subscribe(&self) -> ShutdownSignal {
        ShutdownSignal {
            stopped: Arc::clone(&self.stopped),
            notified: Box::pin(Arc::clone(&self.notify).notified_owned()),
            registered: None,
        }
    }

    /// Wakes every [`ShutdownSignal`].
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }
}

/// Receiving side of a connection, ready when the server stops.
///
/// The echo loop polls it for every batch of messages. Polling it again from the same task only reads a flag, whereas
/// tokio's own `Notified` takes a lock shared by all connections.
#[derive(Debug)]
pub(crate) struct ShutdownSignal {
    stopped: Arc<AtomicBool>,
    notified: Pin<Box<OwnedNotified>>,
    registered: Option<Waker>,
}

impl ShutdownSignal {
    /// Returns ready when the server has stopped. Otherwise registers the task to be woken then.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
        // Read after registering, so that a stop in between is not missed.
        if self.stopped.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    pub(crate) async fn wait(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wakes_whoever_waits_and_whoever_comes_late() {
        let trigger = ShutdownTrigger::default();
        let mut early = trigger.subscribe();
        let mut unpolled = trigger.subscribe();
        let waiting = tokio::spawn(async move { early.wait().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());

        trigger.stop();
        waiting.await.unwrap();
        unpolled.wait().await;
        trigger.subscribe().wait().await;
    }

    #[tokio::test]
    async fn moves_to_another_task() {
        let trigger = ShutdownTrigger::default();
        let mut stop = trigger.subscribe();
        let polled = poll_fn(|cx| Poll::Ready(stop.poll(cx).is_pending())).await;
        assert!(polled);
        let waiting = tokio::spawn(async move { stop.wait().await });
        tokio::task::yield_now().await;
        trigger.stop();
        waiting.await.unwrap();
    }
}
