//! When a client may send: after an echo in closed loop, when a message is due in open loop.

use measurement::plan::ScheduleCursor;

use super::{Client, Stage};
use crate::shared::{OpenLoop, Rules, Run, Shared};

/// A client's place in its schedule. Nothing in closed loop.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// The next message, due so long after `from_ns`.
    turn: Option<ScheduleCursor>,
    /// When the schedule of this phase began, on the thread's clock.
    from_ns: u64,
    /// The turn is one of the measured phase.
    measured: bool,
}

/// What may go out now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// Measured messages; otherwise those of the warm-up.
    pub(super) measured: bool,
    /// Most messages.
    pub(super) room: u64,
    /// The actual send time of them all.
    pub(super) now_ns: u64,
    pace: Pace,
}

impl Pace {
    /// The first message of the warm-up, or of the measured phase where there is no warm-up.
    pub(super) fn start(rules: &Rules, client: u32, run: Run) -> Self {
        let Some(open) = &rules.open_loop else {
            return Self::default();
        };
        let warm_up = Self {
            turn: open.warm_up.as_ref().map(|s| s.first(client)),
            from_ns: run.start_ns,
            measured: false,
        };
        warm_up.or_measure(open, client, run, run.start_ns)
    }

    /// Moves on to the measured phase when it has come, or nothing is left of the warm-up.
    #[inline]
    fn or_measure(self, open: &OpenLoop, client: u32, run: Run, now_ns: u64) -> Self {
        let warming = !self.measured && now_ns < run.t0_ns;
        if self.measured || warming && self.turn.and_then(|t| t.due_ns()).is_some() {
            return self;
        }
        Self {
            turn: Some(open.measured.first(client)),
            from_ns: run.t0_ns,
            measured: true,
        }
    }

    /// When the next message is due, on the thread's clock.
    #[inline]
    fn due_ns(&self) -> Option<u64> {
        Some(self.from_ns + self.turn?.due_ns()?)
    }

    /// Goes on to the message after the next one.
    #[inline]
    fn advance(&mut self, open: &OpenLoop) {
        if let Some(turn) = &mut self.turn {
            let schedule = match &open.warm_up {
                Some(warm_up) if !self.measured => warm_up,
                _ => &open.measured,
            };
            *turn = schedule.next(*turn);
        }
    }
}

impl Allowance {
    /// The intended send time of the next message that may go out, on the thread's clock.
    #[inline]
    pub(super) fn next(&mut self, rules: &Rules) -> Option<u64> {
        self.room = self.room.checked_sub(1)?;
        let Some(open) = &rules.open_loop else {
            return Some(self.now_ns);
        };
        let due = self.pace.due_ns().filter(|due| *due <= self.now_ns)?;
        self.pace.advance(open);
        Some(due)
    }
}

impl Client {
    /// How many messages may go out now, beside those that are in flight.
    #[inline]
    pub(super) fn allowance(&mut self, now_ns: u64, shared: &Shared) -> Option<Allowance> {
        let run = shared
            .signal()
            .run
            .filter(|_| self.stage == Stage::Running)?;
        let rules = &shared.rules;
        let window = rules.window.saturating_sub(self.flight.active()) as u64;
        let Some(open) = &rules.open_loop else {
            let measured = now_ns >= run.t0_ns;
            let left = if measured {
                rules.messages - self.sent
            } else {
                u64::MAX
            };
            return (now_ns < run.end_ns).then_some(Allowance {
                measured,
                room: window.min(left),
                now_ns,
                pace: self.pace,
            });
        };
        self.pace = self.pace.or_measure(open, self.id, run, now_ns);
        Some(Allowance {
            measured: self.pace.measured,
            room: window,
            now_ns,
            pace: self.pace,
        })
    }

    /// Of the messages that were allowed, `begun` were put into the buffer and `sent` went out.
    #[inline]
    pub(super) fn paid(&mut self, allowed: &Allowance, begun: usize, sent: usize, rules: &Rules) {
        let Some(open) = &rules.open_loop else {
            return;
        };
        if begun == sent {
            self.pace = allowed.pace;
        } else {
            (0..sent).for_each(|_| self.pace.advance(open));
        }
    }

    /// When the next message is due, unless a full window or socket holds it back.
    #[inline]
    pub(super) fn next_due(&mut self, shared: &Shared) -> Option<u64> {
        let open = shared.rules.open_loop.as_ref()?;
        let run = shared.signal().run?;
        if self.stage != Stage::Running
            || self.blocked
            || self.flight.active() >= shared.rules.window
        {
            return None;
        }
        // The last of the warm-up may have gone out since.
        self.pace = self.pace.or_measure(open, self.id, run, 0);
        self.pace.due_ns()
    }

    /// Whether nothing is left to be sent.
    #[inline]
    pub(super) fn all_sent(&self, now_ns: u64, run: Run, shared: &Shared) -> bool {
        if shared.rules.open_loop.is_none() {
            return self.sent >= shared.rules.messages || now_ns >= run.end_ns;
        }
        let nothing_due = self.pace.measured && self.pace.due_ns().is_none();
        // A planned time ends when it ends; what is held back then has as long as an echo has.
        let ends_ns = if run.end_ns == u64::MAX {
            0
        } else {
            run.end_ns
        };
        nothing_due && now_ns >= ends_ns
            || now_ns >= run.end_ns.saturating_add(shared.rules.timeout_ns)
    }
}

/// What is left of a client's schedule when it sends no more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Orphan {
    client: u32,
    pace: Pace,
}

impl Orphan {
    pub(super) fn of(client: u32, pace: Pace) -> Self {
        Self { client, pace }
    }

    /// Counts what was due by then but is not sent.
    #[cold]
    pub(crate) fn count_unsent(self, until_ns: u64, shared: &Shared) {
        let (Some(open), Some(run)) = (&shared.rules.open_loop, shared.signal().run) else {
            return;
        };
        let mut pace = self.pace.or_measure(open, self.client, run, u64::MAX);
        let mut unsent = 0;
        while pace.due_ns().is_some_and(|due| due <= until_ns) {
            pace.advance(open);
            unsent += 1;
        }
        shared.recorder.borrow_mut().unsent(unsent);
    }
}

/// When a client that is sending has to look at its stage again, on the thread's clock.
#[inline]
pub(super) fn sending_limit(now_ns: u64, shared: &Shared) -> u64 {
    let end_ns = shared.signal().run.map_or(u64::MAX, |run| run.end_ns);
    if now_ns < end_ns {
        return end_ns;
    }
    // Past the end of an open loop, what was held back still goes out.
    end_ns.saturating_add(shared.rules.timeout_ns)
}
