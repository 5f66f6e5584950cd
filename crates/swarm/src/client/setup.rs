//! Steps of a scenario before the load, its heartbeats, and its goodbye.

use measurement::record::{ConnectFailure, SetupFailure, SetupFault, escape_beginning};
use measurement::run::ClientRow;
use rand::RngExt;
use scenario::{Captures, OnRule, ReceivedRecord, Scratch, SetupClass, Template};
use websocket_wire::Opcode;

use super::Client;
use super::stages::ClientStage;
use crate::clock::nanoseconds;
use crate::connection_end::{ConnectionEnd, close_code};
use crate::dialogue::template_frame::append_frame;
use crate::dialogue::{ClientDialogue, Dialogue, MAX_ANSWER_BACKLOG};
use crate::thread_state::ThreadState;

/// Bytes of a record that are shown in failures.
const SHOWN_BYTES: usize = 200;

/// Bytes of a record in which secrets are looked for.
const MAX_MASKED: usize = 64 << 10;

impl Client {
    /// Starts the scenario of a client whose connection has just opened.
    pub(super) fn begin_dialogue(
        &mut self,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let mut own = Box::new(ClientDialogue::new(dialogue, self.id, now_ns));
        self.carry_over(&mut own);
        if !self.is_reconnecting() {
            thread.connects.borrow_mut().begin_setup(self.id);
        }
        self.begin_step(0, &mut own, dialogue, now_ns, thread);
        self.dialogue = Some(own);
    }

    /// Does the steps from this one on, up to the first that has to wait. Behind the last one the client is ready.
    fn begin_step(
        &mut self,
        from: usize,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let role = own.state.role();
        let steps = dialogue.scenario.setup.iter().enumerate().skip(from);
        for (index, step) in steps.filter(|(_, step)| step.is_for(role)) {
            if let Some(send) = &step.send {
                self.queue_aside(send, Captures::none(), usize::MAX, own, dialogue, thread);
            }
            own.setup.step = index;
            own.setup.is_waiting = !step.expects();
            let wait = match step.wait {
                _ if step.expects() => step.within,
                Some(wait) => wait,
                None => continue,
            };
            self.stage = ClientStage::Setup {
                until_ns: now_ns.saturating_add(nanoseconds(wait)),
            };
            return;
        }
        let setup_ns = now_ns.saturating_sub(own.opened_ns);
        let ready_ns = self.connect_ns.saturating_add(setup_ns);
        own.ready_ns = Some(ready_ns);
        if !self.is_reconnecting() {
            let mut connects = thread.connects.borrow_mut();
            connects.end_setup(self.id, Ok(ready_ns));
        }
        self.become_ready(now_ns, thread);
        if !thread.is_idle(self.id) {
            self.join_rooms(own, dialogue, thread);
        }
        self.begin_heartbeats(own, dialogue, now_ns, thread);
    }

    /// Processes a record that arrived before the client was ready.
    pub(super) fn take_setup_record(
        &mut self,
        record: ReceivedRecord<'_>,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) -> Result<(), ConnectionEnd> {
        let step = own.setup.step;
        let mut scratch = thread.scratch.borrow_mut();
        let scenario = &dialogue.scenario;
        match scenario.classify_setup(step, record, &mut own.state, &mut scratch) {
            SetupClass::Expected if !own.setup.is_waiting => {
                drop(scratch);
                own.setup.skipped = None;
                self.end_step(step, own, dialogue, now_ns, thread);
            }
            SetupClass::Refused => {
                let shown = shown(record.bytes, own, dialogue);
                return Err(self.fail_setup(
                    SetupFault::Refused,
                    Some(shown),
                    own,
                    dialogue,
                    thread,
                ));
            }
            SetupClass::On(rule) => {
                self.answer_rule(&scenario.on[rule], &scratch, own, dialogue, thread);
            }
            SetupClass::Expected | SetupClass::Skipped => {
                own.setup.skipped = Some(shown(record.bytes, own, dialogue));
            }
        }
        Ok(())
    }

    /// Goes on behind a step whose record has arrived: with its wait, or with the next step.
    fn end_step(
        &mut self,
        step: usize,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        match dialogue.scenario.setup[step].wait {
            Some(wait) => {
                own.setup.is_waiting = true;
                let until_ns = now_ns.saturating_add(nanoseconds(wait));
                self.stage = ClientStage::Setup { until_ns };
            }
            None => self.begin_step(step + 1, own, dialogue, now_ns, thread),
        }
    }

    /// Goes on when the time of a step is over.
    #[cold]
    pub(super) fn expire_step(
        &mut self,
        now_ns: u64,
        thread: &ThreadState,
    ) -> Result<(), ConnectionEnd> {
        let (Some(dialogue), Some(mut own)) = (&thread.dialogue, self.dialogue.take()) else {
            return Ok(());
        };
        let result = if own.setup.is_waiting {
            let next = own.setup.step + 1;
            self.begin_step(next, &mut own, dialogue, now_ns, thread);
            Ok(())
        } else {
            let last = own.setup.skipped.take();
            Err(self.fail_setup(SetupFault::Timeout, last, &mut own, dialogue, thread))
        };
        self.dialogue = Some(own);
        result
    }

    /// Closes the connection of a client whose setup has failed.
    #[cold]
    fn fail_setup(
        &mut self,
        fault: SetupFault,
        record: Option<String>,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) -> ConnectionEnd {
        own.setup.failure = Some(Box::new(failure(own, dialogue, fault, record)));
        let code = close_code::NORMAL.to_be_bytes();
        self.queue_control(Opcode::Close, &code, thread);
        self.flush_control();
        ConnectionEnd::SetupFailed
    }

    /// Records the end of a connection whose client was not ready.
    #[cold]
    pub(super) fn record_failed_setup(&mut self, end: &ConnectionEnd, thread: &ThreadState) {
        let (Some(dialogue), Some(mut own)) = (&thread.dialogue, self.dialogue.take()) else {
            return;
        };
        let failure = match own.setup.failure.take() {
            Some(failure) => *failure,
            None => failure(&own, dialogue, SetupFault::Ended, Some(end.to_string())),
        };
        if self.is_reconnecting() {
            if let Some(returning) = self.take_unready() {
                let failure = ConnectFailure::Setup(Box::new(failure));
                thread.attempt_failed(returning, &failure);
            }
            return;
        }
        let setup_step = u32::try_from(failure.step).ok();
        let mut connects = thread.connects.borrow_mut();
        connects.end_setup(self.id, Err(failure));
        drop(connects);
        if let Some(returning) = self.take_unready() {
            return thread.replacement_failed(returning);
        }
        let row = ClientRow {
            client: self.id,
            connect_ns: Some(self.connect_ns),
            close_code: end.close_code(),
            setup_step,
            ..ClientRow::default()
        };
        let pacing = thread.unstarted(self.id);
        let is_idle = thread.is_idle(self.id);
        let mut stats = thread.clients.borrow_mut();
        stats.add_unready((!is_idle).then_some(row), pacing);
    }

    /// Answers a record of an `[[on]]` rule. Returns true when the answer was queued.
    pub(super) fn answer_rule(
        &mut self,
        rule: &OnRule,
        scratch: &Scratch,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) -> bool {
        rule.send.as_ref().is_some_and(|send| {
            self.queue_aside(
                send,
                &scratch.captures,
                MAX_ANSWER_BACKLOG,
                own,
                dialogue,
                thread,
            )
        })
    }

    /// Queues a message that belongs to no request, unless more than `backlog` bytes are unsent. It is sent before all
    /// messages of the load.
    pub(super) fn queue_aside(
        &mut self,
        send: &Template,
        captures: &Captures,
        backlog: usize,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) -> bool {
        if self.control.len() >= backlog {
            return false;
        }
        self.register_sent(own, dialogue, thread);
        let taken = own.take_aside(send);
        let values = dialogue.aside(&own.state, send, taken, captures);
        let message = send.fill(&values);
        let mask = thread.buffers.borrow_mut().masks.random::<u32>();
        append_frame(
            &mut self.control,
            &message,
            thread.rules.kind,
            mask.to_ne_bytes(),
        );
        true
    }

    /// Plans the first heartbeats. Those of all clients are spread evenly over the interval.
    fn begin_heartbeats(
        &mut self,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        now_ns: u64,
        thread: &ThreadState,
    ) {
        let role = own.state.role();
        let place = (f64::from(self.id) + 1.0) / f64::from(dialogue.clients);
        let rules = dialogue.scenario.every.iter().enumerate();
        for (index, every) in rules.filter(|(_, every)| every.is_for(role)) {
            let first_ns = now_ns.saturating_add(nanoseconds(every.interval.mul_f64(place)));
            own.heartbeats.push((index, first_ns));
            thread
                .timers
                .borrow_mut()
                .deadlines
                .add(first_ns, self.slot);
        }
    }

    /// Queues the heartbeats that are due at `at_ns`. Returns true when there are any.
    #[cold]
    pub(super) fn beat(&mut self, at_ns: u64, thread: &ThreadState) -> bool {
        let (Some(dialogue), Some(mut own)) = (&thread.dialogue, self.dialogue.take()) else {
            return false;
        };
        let mut any = false;
        let is_open = !matches!(
            self.stage,
            ClientStage::CatchingUp { .. }
                | ClientStage::Closing { .. }
                | ClientStage::Goodbye { .. }
        );
        for place in 0..own.heartbeats.len() {
            let (index, next_ns) = own.heartbeats[place];
            if next_ns != at_ns || !is_open {
                continue;
            }
            let every = &dialogue.scenario.every[index];
            let none = Captures::none();
            self.queue_aside(
                &every.send,
                none,
                MAX_ANSWER_BACKLOG,
                &mut own,
                dialogue,
                thread,
            );
            // A client that could not run skips what it missed.
            let after_ns = at_ns.saturating_add(nanoseconds(every.interval));
            let next_ns = after_ns.max(thread.clock.now_ns());
            own.heartbeats[place].1 = next_ns;
            thread.timers.borrow_mut().deadlines.add(next_ns, self.slot);
            any = true;
        }
        self.dialogue = Some(own);
        any
    }

    /// Queues the goodbye. Returns true when its answer must be awaited before the close frame.
    pub(super) fn say_goodbye(&mut self, thread: &ThreadState) -> bool {
        let (Some(dialogue), Some(mut own)) = (&thread.dialogue, self.dialogue.take()) else {
            return false;
        };
        let close = &dialogue.scenario.close;
        if let Some(send) = &close.send {
            let none = Captures::none();
            self.queue_aside(send, none, usize::MAX, &mut own, dialogue, thread);
        }
        self.dialogue = Some(own);
        close.expects()
    }
}

/// The failure of the current step.
fn failure(
    own: &ClientDialogue,
    dialogue: &Dialogue,
    fault: SetupFault,
    record: Option<String>,
) -> SetupFailure {
    let step = own.setup.step;
    let place = dialogue.scenario.setup.get(step);
    SetupFailure {
        step: step + 1,
        place: place.map_or_else(String::new, |step| step.place.to_string()),
        fault,
        record,
    }
}

/// A record as it is shown in failures: its beginning, escaped, without secrets.
pub(super) fn shown(record: &[u8], own: &ClientDialogue, dialogue: &Dialogue) -> String {
    // Far longer than any secret that begins in the part shown.
    let part = &record[..record.len().min(MAX_MASKED)];
    escape_beginning(&dialogue.scenario.masked(&own.state, part), SHOWN_BYTES)
}
