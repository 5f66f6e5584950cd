//! The plan in the form that the hot path needs, and the command that moves clients through the phases.

use std::time::Instant;

use measurement::plan::{Arrivals, Length, Load, Plan, RateProfile, Schedule, Verify};
use websocket_wire::MessageKind;

use crate::clock::nanoseconds;
use crate::load_order::{LoadOrder, OrderLoad, identifies_echoes};

/// The plan in the form that the hot path needs.
#[derive(Debug, Clone)]
pub(crate) struct SendRules {
    pub(crate) clients: u32,
    /// Measured messages per client; `u64::MAX` when a duration is planned.
    pub(crate) messages: u64,
    /// Maximum number of messages in flight per client.
    pub(crate) window: usize,
    /// Due times of the messages; `None` in closed loop.
    pub(crate) open_loop: Option<OpenLoopSchedules>,
    pub(crate) timeout_ns: u64,
    /// Time after the end of a planned duration for which delayed messages of an open loop are sent.
    pub(crate) late_sends_ns: u64,
    /// Longest drain, from the last message of a client.
    pub(crate) drain_ns: u64,
    pub(crate) verify: Verify,
    /// Each answer names its message.
    pub(crate) identifies_echoes: bool,
    /// Each answer is expected to be the message itself, and is compared with it.
    pub(crate) exact_echo: bool,
    pub(crate) kind: MessageKind,
}

impl SendRules {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            clients: plan.clients.get(),
            messages: match plan.length {
                Length::MessagesPerClient(n) => n.get(),
                Length::Duration(_) => u64::MAX,
            },
            window: plan.load.window().map_or(usize::MAX, |n| n.get() as usize),
            open_loop: OpenLoopSchedules::new(plan),
            timeout_ns: nanoseconds(plan.timeout),
            late_sends_ns: nanoseconds(plan.timeout),
            drain_ns: nanoseconds(plan.timeout),
            verify: plan.verify,
            identifies_echoes: identifies_echoes(plan),
            exact_echo: plan.verify == Verify::Full && plan.scenario().is_none(),
            kind: if plan.text {
                MessageKind::Text
            } else {
                MessageKind::Binary
            },
        }
    }

    /// The rules of one step of a plan. `None` when its load cannot be offered.
    pub(crate) fn of_step(plan: &Plan, order: &LoadOrder) -> Option<Self> {
        let (open_loop, window) = match order.load {
            OrderLoad::Closed { window } => (None, Some(window)),
            OrderLoad::Open { .. } => {
                let arrivals = match plan.load {
                    Load::Open { arrivals, .. } => arrivals,
                    Load::Closed { .. } => Arrivals::default(),
                };
                let open_loop = OpenLoopSchedules {
                    warm_up: None,
                    measured: Schedule::new(
                        order.profile()?,
                        arrivals,
                        plan.senders(),
                        order.seed,
                        Length::Duration(order.length()),
                    ),
                };
                (Some(open_loop), plan.load.window())
            }
        };
        let timeout_ns = nanoseconds(plan.timeout);
        Some(Self {
            messages: u64::MAX,
            window: window.map_or(usize::MAX, |n| n.get() as usize),
            open_loop,
            late_sends_ns: nanoseconds(order.drain.late_sends).min(timeout_ns),
            drain_ns: nanoseconds(order.drain.longest).min(timeout_ns),
            ..Self::new(plan)
        })
    }
}

/// The schedules of an open loop.
#[derive(Debug, Clone)]
pub(crate) struct OpenLoopSchedules {
    /// Schedule from the start of the warm-up; `None` when it sends nothing.
    pub(crate) warm_up: Option<Schedule>,
    /// Schedule from T0.
    pub(crate) measured: Schedule,
}

impl OpenLoopSchedules {
    fn new(plan: &Plan) -> Option<Self> {
        let Load::Open {
            profile, arrivals, ..
        } = &plan.load
        else {
            return None;
        };
        let schedule = |profile: RateProfile, seed, length| {
            Schedule::new(profile, *arrivals, plan.senders(), seed, length)
        };
        Some(Self {
            // The warm-up uses the initial rate of the measured phase.
            warm_up: profile.initial_rate().map(|rate| {
                let profile = RateProfile::constant(rate);
                schedule(profile, !plan.seed, Length::Duration(plan.warmup))
            }),
            measured: schedule(profile.clone(), plan.seed, plan.length),
        })
    }
}

/// The coordinator's command to a thread. Later states include the earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) start: Option<Instant>,
    /// The run ends early.
    pub(crate) stop: bool,
    /// The run ends early because nothing was recognized, not because of the user. The whole plan stays due.
    pub(crate) plan_stays_due: bool,
    /// Connections must be closed.
    pub(crate) close: bool,
    /// The user interrupted the run, so the server's close frames are awaited only briefly.
    pub(crate) close_soon: bool,
    /// The latest slice of a sliced run.
    pub(crate) slice: Option<SliceCommand>,
    /// Start of the step for which all threads are ready, behind the number of that step.
    pub(crate) step_start: Option<(u64, Instant)>,
    /// Number of the latest step of which all threads have completed their part.
    pub(crate) completed_step: u64,
    /// Number of the latest reopening of connections between two steps; 0 before the first.
    pub(crate) reopening: u64,
}

/// One slice of a sliced run: a small run on connections that stay open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SliceCommand {
    /// Number of the slice, starting with 1.
    pub(crate) number: u64,
    pub(crate) start: Instant,
    /// Duration of the load that is not recorded, in nanoseconds.
    pub(crate) settle_ns: u64,
    /// Duration of the recorded load after it, in nanoseconds.
    pub(crate) counted_ns: u64,
    /// Position of the start in the schedule of all slices, in nanoseconds.
    pub(crate) position_ns: u64,
    /// True if the samples of all messages are kept.
    pub(crate) keeps_samples: bool,
    /// True for a step, which has a load of its own.
    pub(crate) is_step: bool,
}

/// Times of the run, on the thread's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunTimes {
    /// Start of the warm-up.
    pub(crate) start_ns: u64,
    /// T0. Messages sent from here on are measured.
    pub(crate) t0_ns: u64,
    /// End of sending; `u64::MAX` when a number of messages is planned.
    pub(crate) end_ns: u64,
    /// `None` if the run is not sliced.
    pub(crate) slice: Option<SliceSchedule>,
}

/// Position of a slice in the schedule of an open loop. The settle part belongs to the same schedule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SliceSchedule {
    /// Start of the whole schedule, on the thread's clock. The time between slices moves it.
    pub(crate) origin_ns: u64,
    /// True for a step: its schedule begins with it.
    pub(crate) restarts: bool,
}

impl RunTimes {
    /// The times of a slice that begins at `start_ns` on the thread's clock.
    pub(crate) fn of_slice(start_ns: u64, slice: &SliceCommand) -> Self {
        let t0_ns = start_ns + slice.settle_ns;
        Self {
            start_ns,
            t0_ns,
            end_ns: t0_ns + slice.counted_ns,
            slice: Some(SliceSchedule {
                origin_ns: start_ns.saturating_sub(slice.position_ns),
                restarts: slice.is_step,
            }),
        }
    }

    /// Returns true for a step.
    pub(crate) fn is_step(&self) -> bool {
        self.slice.is_some_and(|slice| slice.restarts)
    }

    /// End of the due times of this slice; later ones belong to the next slices. `u64::MAX` if the run is not sliced.
    #[inline]
    pub(crate) fn due_before_ns(&self) -> u64 {
        match self.slice {
            Some(_) => self.end_ns,
            None => u64::MAX,
        }
    }
}
