//! Due times: after an echo in closed loop, from the schedule in open loop.

use measurement::plan::ScheduleCursor;

use crate::rules::{OpenLoopSchedules, RunTimes, SendRules};

/// Position of a client in its schedule. Unused in closed loop.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pacing {
    /// The next message. Its due time is relative to `from_ns`.
    turn: Option<ScheduleCursor>,
    /// Start of this phase's schedule, on the thread's clock.
    from_ns: u64,
    /// Number of the client among those that send.
    sender: u32,
    /// True when `turn` belongs to the measured phase.
    measured: bool,
}

/// Permission to send a number of messages now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendQuota {
    /// True for measured messages, false for the warm-up.
    pub(crate) measured: bool,
    /// Maximum number of messages.
    room: u64,
    /// Actual send time of all these messages.
    pub(crate) now_ns: u64,
    /// Open loop: latest due time of a message that may be sent.
    due_until_ns: u64,
    pacing: Pacing,
}

impl SendQuota {
    /// The quota, for at most this many messages.
    #[inline]
    pub(crate) fn at_most(mut self, messages: u64) -> Self {
        self.room = self.room.min(messages);
        self
    }

    /// Takes one message from the quota. Returns its intended send time, on the thread's clock.
    #[inline]
    pub(crate) fn take(&mut self, rules: &SendRules) -> Option<u64> {
        self.room = self.room.checked_sub(1)?;
        let Some(open) = &rules.open_loop else {
            return Some(self.now_ns);
        };
        let due = self
            .pacing
            .due_ns()
            .filter(|due| *due <= self.due_until_ns)?;
        self.pacing.advance(open);
        Some(due)
    }
}

impl Pacing {
    /// The position of a client that has not sent anything, by its number among those that send.
    pub(crate) fn unstarted(sender: u32) -> Self {
        Self {
            sender,
            ..Self::default()
        }
    }

    /// Starts with the warm-up, or with the measured phase if there is none. A slice continues the schedule of the
    /// previous one.
    pub(crate) fn start(self, rules: &SendRules, sender: u32, run: RunTimes) -> Self {
        let Some(open) = &rules.open_loop else {
            return Self::unstarted(sender);
        };
        if let Some(slice) = run.slice {
            let turn = self.turn.filter(|_| !slice.restarts);
            let mut pacing = Self {
                turn: Some(turn.unwrap_or_else(|| open.measured.first(sender))),
                from_ns: slice.origin_ns,
                sender,
                measured: true,
            };
            // Messages that the previous slices did not send are counted there.
            while pacing.due_ns().is_some_and(|due| due < run.start_ns) {
                pacing.advance(open);
            }
            return pacing;
        }
        let warm_up = Self {
            turn: open.warm_up.as_ref().map(|s| s.first(sender)),
            from_ns: run.start_ns,
            sender,
            measured: false,
        };
        warm_up.in_phase_at(run.start_ns, open, run)
    }

    /// Starts a client without a connection.
    pub(crate) fn start_unconnected(self, rules: &SendRules, run: RunTimes) -> Self {
        self.start(rules, self.sender, run)
    }

    /// Number of the client among those that send.
    pub(crate) fn sender(&self) -> u32 {
        self.sender
    }

    /// The position of the same client when it has sent nothing.
    pub(crate) fn restarted(self) -> Self {
        Self::unstarted(self.sender)
    }

    /// Enters the measured phase when T0 has come or the warm-up has no messages left.
    #[inline]
    fn in_phase_at(self, now_ns: u64, open: &OpenLoopSchedules, run: RunTimes) -> Self {
        if run.slice.is_some() {
            // Both parts share one schedule: messages due before T0 are not measured.
            return Self {
                measured: self.due_ns().is_none_or(|due| due >= run.t0_ns),
                ..self
            };
        }
        let warming = !self.measured && now_ns < run.t0_ns;
        if self.measured || warming && self.turn.and_then(|t| t.due_ns()).is_some() {
            return self;
        }
        Self {
            turn: Some(open.measured.first(self.sender)),
            from_ns: run.t0_ns,
            sender: self.sender,
            measured: true,
        }
    }

    /// Due time of the next message, on the thread's clock.
    #[inline]
    fn due_ns(&self) -> Option<u64> {
        Some(self.from_ns + self.turn?.due_ns()?)
    }

    /// Moves to the following message.
    #[inline]
    fn advance(&mut self, open: &OpenLoopSchedules) {
        if let Some(turn) = &mut self.turn {
            let schedule = match &open.warm_up {
                Some(warm_up) if !self.measured => warm_up,
                _ => &open.measured,
            };
            *turn = schedule.next(*turn);
        }
    }

    /// The quota, at this time, of a client that has sent `sent` measured messages and has `in_flight` messages in its
    /// window.
    #[inline]
    pub(crate) fn quota(
        &mut self,
        now_ns: u64,
        in_flight: usize,
        sent: u64,
        rules: &SendRules,
        run: RunTimes,
    ) -> Option<SendQuota> {
        let mut room = rules.window.saturating_sub(in_flight) as u64;
        let mut due_until_ns = now_ns;
        let measured = if let Some(open) = &rules.open_loop {
            *self = self.in_phase_at(now_ns, open, run);
            if run.slice.is_some() {
                let before_ns = if self.measured { run.end_ns } else { run.t0_ns };
                due_until_ns = now_ns.min(before_ns.saturating_sub(1));
            }
            self.measured
        } else if now_ns >= run.end_ns {
            return None;
        } else if now_ns >= run.t0_ns {
            room = room.min(rules.messages - sent);
            true
        } else {
            false
        };
        Some(SendQuota {
            measured,
            room,
            now_ns,
            due_until_ns,
            pacing: *self,
        })
    }

    /// Moves past the `sent` messages that were actually sent, of the `begun` messages taken from the quota.
    #[inline]
    pub(crate) fn commit_sent(
        &mut self,
        quota: &SendQuota,
        begun: usize,
        sent: usize,
        rules: &SendRules,
    ) {
        let Some(open) = &rules.open_loop else {
            return;
        };
        if begun == sent {
            *self = quota.pacing;
        } else {
            (0..sent).for_each(|_| self.advance(open));
        }
    }

    /// Returns the due time of the next message of an open loop.
    #[inline]
    pub(crate) fn next_due_ns(&mut self, open: &OpenLoopSchedules, run: RunTimes) -> Option<u64> {
        // The last warm-up message may have been sent in the meantime.
        *self = self.in_phase_at(0, open, run);
        self.due_ns().filter(|due| *due < run.due_before_ns())
    }

    /// Returns true when a client that has sent `sent` measured messages has finished sending.
    #[inline]
    pub(crate) fn is_over(&self, now_ns: u64, sent: u64, rules: &SendRules, run: RunTimes) -> bool {
        if rules.open_loop.is_none() {
            return sent >= rules.messages || now_ns >= run.end_ns;
        }
        let is_in_last_phase = self.measured || run.slice.is_some();
        let nothing_due =
            is_in_last_phase && self.due_ns().is_none_or(|due| due >= run.due_before_ns());
        // After the end of a planned duration, delayed messages are sent for a while, usually the timeout of an echo.
        let ends_ns = if run.end_ns == u64::MAX {
            0
        } else {
            run.end_ns
        };
        nothing_due && now_ns >= ends_ns || now_ns >= run.end_ns.saturating_add(rules.late_sends_ns)
    }

    /// Skips the messages that are due by `until_ns`. Returns the number of measured ones.
    #[cold]
    pub(crate) fn skip_until(
        &mut self,
        until_ns: u64,
        open: &OpenLoopSchedules,
        run: RunTimes,
    ) -> u64 {
        let mut skipped = 0;
        *self = self.in_phase_at(until_ns, open, run);
        while self.due_ns().is_some_and(|due| due <= until_ns) {
            self.advance(open);
            skipped += u64::from(self.measured);
        }
        skipped
    }

    /// Counts the messages that were due by `until_ns` but not sent, for a client that has sent `sent`. In closed loop,
    /// all messages of a planned number are due. With a planned duration, only those sent are.
    #[cold]
    pub(crate) fn count_unsent(
        self,
        sent: u64,
        until_ns: u64,
        rules: &SendRules,
        run: Option<RunTimes>,
    ) -> u64 {
        let Some(open) = &rules.open_loop else {
            return match rules.messages {
                u64::MAX => 0,
                planned => planned - sent,
            };
        };
        let mut unsent = 0;
        if let Some(run) = run {
            self.for_unsent(until_ns, open, run, |_| unsent += 1);
        }
        unsent
    }

    /// Calls `unsent` with the due time after T0 of each measured message of an open loop that was due by `until_ns` but not
    /// sent.
    #[cold]
    pub(crate) fn for_unsent(
        self,
        until_ns: u64,
        open: &OpenLoopSchedules,
        run: RunTimes,
        mut unsent: impl FnMut(u64),
    ) {
        let mut pacing = self.in_phase_at(u64::MAX, open, run);
        let until_ns = until_ns.min(run.due_before_ns() - 1);
        while let Some(due_ns) = pacing.due_ns().filter(|due| *due <= until_ns) {
            pacing.advance(open);
            // Those of the settle part of a slice are not measured.
            if due_ns >= run.t0_ns {
                unsent(due_ns - run.t0_ns);
            }
        }
    }
}
