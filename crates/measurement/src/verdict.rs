//! Whether a measurement can be believed, and the evidence for it.
//!
//! | module | what lives there |
//! |---|---|
//! | `validity` | [`judge`]: from [`Evidence`] to a [`ValiditySummary`] |
//! | `evidence` | [`Evidence`]: the figures that a verdict rests on |
//! | `reason` | [`Reason`]s and their limits; the crate `wording` makes sentences of them |
//! | `latency` | [`Latency`]: figures of a distribution of times; [`messages_beyond`] a quantile |
//! | `resource_usage` | usage of generator and server, [`Calibration`] of the generator |

mod evidence;
mod latency;
mod reason;
mod resource_usage;
mod validity;

pub use evidence::Evidence;
pub use latency::{ConnectTimes, Latency, SendLag, messages_beyond};
pub use reason::{
    ACHIEVED_SHARE_LIMIT, BUSY_THREAD_LIMIT, FIRM_TAIL_MESSAGES, OWN_LIMIT_MARGIN,
    RUN_QUEUE_WAIT_LIMIT, Reason, SendConditions, Verdict,
};
pub use resource_usage::{Calibration, ContextSwitches, GeneratorUsage, ServerUsage};
pub use validity::{ValiditySummary, judge};
