//! Verdict on the reliability of a measurement, and the evidence for it.
//!
//! | module | contents |
//! |---|---|
//! | `validity` | [`judge`]: from [`Evidence`] to a [`ValiditySummary`] |
//! | `evidence` | [`Evidence`]: figures on which a verdict is based |
//! | `delivery_evidence` | [`FanOutEvidence`], [`PushEvidence`], [`SlowEvidence`] |
//! | `deliveries` | the reasons from them |
//! | `delayed_acknowledgement` | deliveries that pile up at 40 ms |
//! | `connection_evidence`, `connections` | [`ConnectionEvidence`], and the reasons from it |
//! | `reason` | [`Reason`]s and their limits; the crate `wording` turns them into sentences |
//! | `latency` | [`Latency`]: summary of a distribution of times; [`messages_beyond`] a quantile |
//! | `stops` | [`Stops`]: times in which the generator itself did not run |
//! | `resource_usage` | resource usage of generator and server, [`Calibration`] of the generator |

mod connection_evidence;
mod connections;
mod delayed_acknowledgement;
mod deliveries;
mod delivery_evidence;
mod evidence;
mod latency;
mod reason;
mod resource_usage;
mod stops;
mod validity;

pub use connection_evidence::{ConnectionEvidence, OpeningEvidence};
pub use delayed_acknowledgement::{DELAYED_ACKNOWLEDGEMENT_SHARE, DELAYED_LAST_SHARE};
pub(crate) use delayed_acknowledgement::{delayed_acknowledgements, delayed_last};
pub use delivery_evidence::{FanOutEvidence, PushEvidence, SlowEvidence};
pub use evidence::{Evidence, RecordEvidence, TimeInFlight};
pub use latency::{ConnectTimes, Latency, SendLag, SendLateness, messages_beyond, shown_quantile};
pub use reason::{
    ACHIEVED_SHARE_LIMIT, BUSY_THREAD_LIMIT, DRIFT_LIMIT, FINE_LATENESS_NS, FIRM_TAIL_MESSAGES,
    FigureChange, INVALID_LATENESS_SHARE, MISSING_LOAD_LIMIT, NothingRight, OWN_LIMIT_MARGIN,
    OWN_TIME_LIMIT, RUN_QUEUE_WAIT_LIMIT, Reason, ReopenedConnections, SLOW_READER_BUFFER_BYTES,
    SUSPECT_LATENESS_SHARE, SUSPENSION_LIMIT_S, SendConditions, THROTTLED_LIMIT,
    UNEXPECTED_RECORDS_LIMIT, Verdict,
};
pub use resource_usage::{Calibration, ContextSwitches, GeneratorUsage, ServerUsage};
pub use stops::{Stop, Stops, WithheldTime};
pub use validity::{ValiditySummary, judge};
