//! Whether a measurement can be believed, and the evidence for it.
//!
//! | module | what lives there |
//! |---|---|
//! | `validity` | [`judge`]: from [`Evidence`] to a [`ValiditySummary`] |
//! | `evidence` | [`Evidence`]: the figures that a verdict rests on |
//! | `reason` | [`Reason`]s and their limits; the crate `wording` makes sentences of them |
//! | `latency` | [`Latency`]: figures of a distribution of times; [`messages_beyond`] a quantile |
//! | `stops` | [`Stops`]: times in which the generator itself stood still |
//! | `resource_usage` | usage of generator and server, [`Calibration`] of the generator |

mod evidence;
mod latency;
mod reason;
mod resource_usage;
mod stops;
mod validity;

pub use evidence::{Evidence, TimeInFlight};
pub use latency::{ConnectTimes, Latency, SendLag, SendLateness, messages_beyond, shown_quantile};
pub use reason::{
    ACHIEVED_SHARE_LIMIT, BUSY_THREAD_LIMIT, FINE_LATENESS_NS, FIRM_TAIL_MESSAGES,
    INVALID_LATENESS_SHARE, MISSING_LOAD_LIMIT, NothingRight, OWN_LIMIT_MARGIN, OWN_TIME_LIMIT,
    RUN_QUEUE_WAIT_LIMIT, Reason, SUSPECT_LATENESS_SHARE, SUSPENSION_LIMIT_S, SendConditions,
    THROTTLED_LIMIT, Verdict,
};
pub use resource_usage::{Calibration, ContextSwitches, GeneratorUsage, ServerUsage};
pub use stops::{Stop, Stops, WithheldTime};
pub use validity::{ValiditySummary, judge};
