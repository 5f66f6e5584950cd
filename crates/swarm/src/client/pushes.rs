//! Messages that the server sends on its own.

use super::Client;
use super::stages::ClientStage;
use crate::dialogue::feed::PushedMessage;
use crate::dialogue::{ClientDialogue, Dialogue, wall_ns};
use crate::rules::RunTimes;
use crate::thread_state::ThreadState;

impl Client {
    /// Takes a message of the server's feed. Those of slow readers, and those behind the measured phase, are in no figure.
    pub(super) fn take_push(
        &mut self,
        (seq, stamp_ns): (Option<u64>, Option<u64>),
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let mut recorder = thread.recorder.borrow_mut();
        let (Some(rules), Some(feed), Some(pushes)) =
            (&dialogue.feed, &mut own.feed, &mut recorder.push)
        else {
            return;
        };
        if self.is_slow() {
            return;
        }
        let run = match thread.run {
            Some(run) if now_ns >= run.t0_ns => run,
            _ => return feed.came_before(seq, pushes),
        };
        if !self.is_measured(now_ns, run, thread) {
            return;
        }
        let message = PushedMessage {
            seq,
            received_ns: now_ns - run.t0_ns,
            delay_ns: stamp_ns.map(|stamp_ns| thread.delay_since(stamp_ns, now_ns)),
        };
        let sample = feed.push(self.id, message, run.t0_ns, rules, pushes);
        pushes.keep(&thread.budget, sample);
        if rules.is_only {
            recorder.pushed(message.received_ns);
        }
    }

    /// Returns true when the measured phase that began at T0 is not over for this client.
    fn is_measured(&self, now_ns: u64, run: RunTimes, thread: &ThreadState) -> bool {
        let is_over = matches!(self.stage, ClientStage::Done)
            || thread.command.stop
            || thread.clients.borrow().busy == 0;
        now_ns <= run.end_ns && !is_over
    }

    /// Records what is known of a feed only at its end.
    pub(super) fn finish_feed(&mut self, thread: &ThreadState) {
        if let Some(feed) = self.dialogue.as_mut().and_then(|own| own.feed.as_mut())
            && let Some(pushes) = &mut thread.recorder.borrow_mut().push
        {
            feed.finish(self.id, pushes);
        }
    }

    /// Ends the part of a client that receives a feed, when the time is over or the user has interrupted the run.
    #[cold]
    pub(super) fn step_receiving(&mut self, now_ns: u64, run: RunTimes, thread: &ThreadState) {
        if now_ns >= run.end_ns || thread.command.stop {
            self.end_receiving(now_ns.min(run.end_ns), thread);
            self.stage = ClientStage::Done;
        }
    }

    /// Records that a client no longer receives.
    pub(super) fn end_receiving(&mut self, now_ns: u64, thread: &ThreadState) {
        self.finish_feed(thread);
        thread.end_sending(now_ns);
        thread.clients.borrow_mut().busy -= 1;
    }
}

impl ThreadState {
    /// Time on the wall clock at `now_ns` of the thread's clock, less a stamp of the server, in nanoseconds.
    fn delay_since(&self, stamp_ns: u64, now_ns: u64) -> i64 {
        let (read_at_ns, mut wall_at_ns) = self.wall_at.get();
        // All messages of one read came at the same time.
        if read_at_ns != now_ns {
            let since_ns = self.clock.now_ns().saturating_sub(now_ns);
            wall_at_ns = wall_ns().saturating_sub(since_ns);
            self.wall_at.set((now_ns, wall_at_ns));
        }
        // Saturates for stamps that are no times.
        i64::try_from(i128::from(wall_at_ns) - i128::from(stamp_ns)).unwrap_or(
            if wall_at_ns < stamp_ns {
                i64::MIN
            } else {
                i64::MAX
            },
        )
    }
}
