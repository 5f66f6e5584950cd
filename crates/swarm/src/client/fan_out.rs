//! Messages to several receivers, from before they are sent until they are complete or closed.

use measurement::record::Recorder;
use scenario::DeliverTo;

use super::Client;
use super::delivery_record::{
    abandon, excuse_delivery, expect_deliveries, record_complete, record_unfinished,
};
use crate::buffers::OutgoingFrame;
use crate::dialogue::publication::{Publication, PublishedMessage};
use crate::dialogue::publications::{Audience, CLOSING_GRACE_NS, PublicationBoard};
use crate::dialogue::{ClientDialogue, Dialogue};
use crate::message::in_flight::InFlightMessage;
use crate::message::payload::MessageNumber;
use crate::thread_state::ThreadState;

/// Time between two looks of a client that waits for its last messages to become complete, in nanoseconds.
const LOOK_AGAIN_NS: u64 = 2_000_000;

impl Client {
    /// Registers a message that is about to be sent.
    pub(super) fn publish(
        &self,
        message: &InFlightMessage,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        let kind = &dialogue.scenario.messages[message.shape.kind()];
        let (Some(board), Some(rooms), Some(sender), Some(run)) = (
            &thread.board,
            &mut own.rooms,
            dialogue.sender(self.id),
            thread.run,
        ) else {
            return;
        };
        let is_to_all = kind.to == DeliverTo::All;
        let published = PublishedMessage {
            publisher: self.id,
            number: message.number,
            kind: message.shape.kind_number(),
            size: message.shape.size(),
            intended_ns: thread.on_board(message.intended_ns),
            sent_ns: thread.on_board(message.sent_ns),
            lateness_ns: message.lateness_ns(),
            t0_ns: thread.on_board(run.t0_ns),
            is_of_slow: self.is_slow(),
        };
        let audience = Audience {
            room: if is_to_all {
                dialogue.everybody()
            } else {
                dialogue.room(self.id)
            },
            is_queue: kind.to == DeliverTo::One,
            without: rooms.places[usize::from(is_to_all)].filter(|_| !kind.to_sender),
        };
        board.publish(sender, published, audience);
        rooms.oldest_ns = rooms.oldest_ns.min(published.sent_ns);
        rooms.open += 1;
    }

    /// Records a message whose first byte was sent.
    pub(super) fn record_published(
        &mut self,
        frame: &OutgoingFrame,
        recorder: &mut Recorder,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        let number = frame.message.number;
        let (Some(board), Some(sender)) = (&thread.board, dialogue.sender(self.id)) else {
            return;
        };
        let Some(publication) = board.sent(sender, number) else {
            return;
        };
        let has_receivers = publication.expected.others > 0;
        if !number.is_warmup() {
            if publication.expected.without.is_some()
                && let Some(own) = &mut self.dialogue
                && let Some(rooms) = &mut own.rooms
            {
                rooms.to_others += 1;
            }
            expect_deliveries(&publication, recorder);
            if !has_receivers {
                record_unfinished(&publication, board, recorder, thread);
            }
        }
        if !has_receivers {
            publication.set_over();
        }
    }

    /// Removes the registered messages of which no byte was sent.
    pub(super) fn retract_unsent(&mut self, thread: &ThreadState) {
        let (Some(board), Some(dialogue), Some(own)) =
            (&thread.board, &thread.dialogue, &self.dialogue)
        else {
            return;
        };
        if own.rooms.is_none() {
            return;
        }
        if let Some(sender) = dialogue.sender(self.id) {
            let next = if self.sent > 0 {
                MessageNumber::measured(self.sent)
            } else {
                MessageNumber::warmup(self.warmed)
            };
            board.retract(sender, next);
        }
    }

    /// Takes a message out of the window whose own copy has not come. Its deliveries end it.
    #[cold]
    pub(super) fn forget_own_copy(&self, message: &InFlightMessage, thread: &ThreadState) {
        if !message.number.is_warmup() {
            let in_flight_ns = thread.clock.now_ns().saturating_sub(message.sent_ns);
            let mut recorder = thread.recorder.borrow_mut();
            recorder.in_flight_ns += in_flight_ns.min(thread.rules.timeout_ns);
        }
    }

    /// Closes own messages whose time is over, and forgets those that are over. Times are on the thread's clock.
    #[inline]
    pub(super) fn close_publications(&mut self, now_ns: u64, thread: &ThreadState) {
        let Some(own) = &self.dialogue else {
            return;
        };
        if let Some(rooms) = &own.rooms
            && rooms.open > 0
        {
            let until_ns = thread
                .on_board(now_ns)
                .saturating_sub(thread.rules.timeout_ns + CLOSING_GRACE_NS);
            self.prune(until_ns, thread);
        }
    }

    /// Closes the own messages sent at or before this time, and forgets those that are over. `sent_until_ns` is on the clock
    /// of the board.
    fn prune(&mut self, sent_until_ns: u64, thread: &ThreadState) {
        let (Some(board), Some(dialogue), Some(own)) =
            (&thread.board, &thread.dialogue, &mut self.dialogue)
        else {
            return;
        };
        let (Some(rooms), Some(sender)) = (&mut own.rooms, dialogue.sender(self.id)) else {
            return;
        };
        thread.excuse_exits(sender, board, dialogue);
        let failed = &mut self.failed;
        let sent = &mut own.sent;
        let (open, oldest_ns) = board.prune(
            sender,
            sent_until_ns,
            |publication| {
                if !publication.message.number.is_warmup() {
                    let mut recorder = thread.recorder.borrow_mut();
                    let is_failed = record_unfinished(publication, board, &mut recorder, thread);
                    *failed += u64::from(is_failed && !dialogue.has_reply(publication));
                }
            },
            |publication| {
                // A reply may come after all deliveries, and is found by the id of its message.
                if !dialogue.has_reply(publication) {
                    sent.end(publication.message.number);
                }
            },
        );
        (rooms.open, rooms.oldest_ns) = (open, oldest_ns);
    }

    /// Returns true when no message of the client is on its way.
    pub(super) fn is_all_delivered(&self) -> bool {
        let rooms = self.dialogue.as_ref().and_then(|own| own.rooms.as_ref());
        rooms.is_none_or(|rooms| rooms.open == 0)
    }

    /// Next time, on the thread's clock, at which own messages have to be looked at. `is_draining`: their completion by
    /// other threads is awaited.
    pub(super) fn next_closing(&self, now_ns: u64, is_draining: bool, thread: &ThreadState) -> u64 {
        let rooms = self.dialogue.as_ref().and_then(|own| own.rooms.as_ref());
        match rooms.filter(|rooms| rooms.open > 0) {
            None => u64::MAX,
            Some(_) if is_draining => now_ns.saturating_add(LOOK_AGAIN_NS),
            Some(rooms) => {
                let sent_ns = rooms.oldest_ns.saturating_sub(thread.board_offset_ns);
                sent_ns.saturating_add(thread.rules.timeout_ns + CLOSING_GRACE_NS)
            }
        }
    }

    /// Ends the wait for the own messages that are on their way.
    #[cold]
    pub(super) fn finalize_publications(&mut self, thread: &ThreadState) {
        self.retract_unsent(thread);
        if self.is_all_delivered() {
            return;
        }
        if thread.command.stop {
            // What is missing after the timeout is missing.
            let now_ns = thread.on_board(thread.clock.now_ns());
            self.prune(now_ns.saturating_sub(thread.rules.timeout_ns), thread);
            if let Some(sender) = self.sender(thread) {
                thread.abandon_publications(sender);
            }
        }
        self.prune(u64::MAX - 1, thread);
    }

    /// Number of the client among those that send the load; `None` for one that only listens.
    fn sender(&self, thread: &ThreadState) -> Option<u32> {
        thread.dialogue.as_ref()?.sender(self.id)
    }
}

impl ThreadState {
    /// Returns true for a message without a reply.
    pub(super) fn ends_by_delivery(&self, message: &InFlightMessage) -> bool {
        let dialogue = self.dialogue.as_ref();
        dialogue
            .is_some_and(|dialogue| !dialogue.scenario.messages[message.shape.kind()].has_reply())
    }

    /// A time of this thread's clock on the clock of the board, in nanoseconds.
    #[inline]
    pub(crate) fn on_board(&self, ns: u64) -> u64 {
        ns.saturating_add(self.board_offset_ns)
    }

    /// Closes messages of senders whose connection has ended.
    #[cold]
    pub(crate) fn close_orphans(&self) {
        let now_ns = self.on_board(self.clock.now_ns());
        let expired_ns = now_ns.saturating_sub(self.rules.timeout_ns);
        self.orphans.borrow_mut().retain(|sender| {
            if self.command.stop {
                self.prune_orphan(*sender, expired_ns);
                self.abandon_publications(*sender);
                return self.prune_orphan(*sender, u64::MAX - 1) > 0;
            }
            self.prune_orphan(*sender, expired_ns.saturating_sub(CLOSING_GRACE_NS)) > 0
        });
    }

    /// Ends the wait for messages of senders whose connection has ended, because a step is over.
    pub(crate) fn close_remaining_orphans(&self) {
        let mut orphans = self.orphans.borrow_mut();
        orphans.retain(|sender| self.prune_orphan(*sender, u64::MAX - 1) > 0);
    }

    /// Closes the messages that were sent at or before this time, on the clock of the board, by a sender whose connection has
    /// ended. Returns the number of the others.
    fn prune_orphan(&self, sender: u32, sent_until_ns: u64) -> usize {
        let (Some(board), Some(dialogue)) = (&self.board, &self.dialogue) else {
            return 0;
        };
        self.excuse_exits(sender, board, dialogue);
        let incomplete = |publication: &Publication| {
            if !publication.message.number.is_warmup() {
                let mut recorder = self.recorder.borrow_mut();
                record_unfinished(publication, board, &mut recorder, self);
            }
        };
        board.prune(sender, sent_until_ns, incomplete, |_| {}).0
    }

    /// Takes deliveries of a sender's messages out of the expected ones, whose receivers have left by plan.
    fn excuse_exits(&self, sender: u32, board: &PublicationBoard, dialogue: &Dialogue) {
        board.excuse_exits(sender, |publication, group, completes| {
            let mut recorder = self.recorder.borrow_mut();
            excuse_delivery(publication, group, dialogue, &mut recorder);
            if !completes {
                return;
            }
            if !publication.message.number.is_warmup() {
                if publication.delivered() == 0 {
                    abandon(publication, board, dialogue, &mut recorder);
                } else {
                    drop(recorder);
                    record_complete(publication, dialogue, self);
                }
            }
            publication.set_over();
        });
    }

    /// Leaves what has not arrived of the messages of a sender out of all figures, because the user interrupts the run.
    fn abandon_publications(&self, sender: u32) {
        let (Some(board), Some(dialogue)) = (&self.board, &self.dialogue) else {
            return;
        };
        let mut recorder = self.recorder.borrow_mut();
        for publication in board.open_messages(sender) {
            if publication.is_over() || !publication.close() {
                continue;
            }
            publication.set_over();
            if !publication.message.number.is_warmup() {
                abandon(&publication, board, dialogue, &mut recorder);
            }
        }
    }
}
