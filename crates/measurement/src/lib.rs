//! Pure arithmetic of a WebSocket measurement: what is planned, what is recorded, what it means.
//!
//! Nothing here knows tokio, files, clocks or terminals, so everything is tested as arithmetic.
//! Times are nanoseconds since T0, the instant at which the measured phase began.
//!
//! | module | what lives there |
//! |---|---|
//! | [`plan`] | [`Plan`](plan::Plan): all that one run needs, already valid |
//! | `target` | [`Target`](plan::Target): where the server is, and whom to [`Trust`](plan::Trust) about that |
//! | [`schedule`] | when each message of an open loop is due |
//! | [`sample`] | [`Sample`](sample::Sample): one message's record, and a uniform choice among millions |
//! | [`distribution`] | an HDR histogram with exact minimum, maximum, mean and deviation |
//! | [`recorder`] | what one generator thread counts and times; merged without loss |
//! | [`timeline`] | the same, second by second |
//! | [`percentiles`] | the percentile table |
//! | [`moving`] | moving averages: of every message, and of many at few points |
//! | [`summary`] | what a run found, as plain data with the JSON keys of the contract |
//! | `standing` | the same of a run that goes on, as if it ended now |
//! | [`condition`] | conditions on a summary, such as `p99>10ms`, and between compared servers |
//! | [`comparison`] | what a comparison of servers found, as plain data |
//! | [`words`] | what every report says of a run, in the same words |
//! | [`comparability`] | in what runs differ, and whether their figures may be compared |
//! | [`usage`] | what generator and server used, and what the generator can do |
//! | [`validity`] | whether to believe it: valid, suspect or invalid, with reasons |
//!
//! The method follows Tene, "How NOT to Measure Latency" (service time and response time are told
//! apart), and HdrHistogram (every message is recorded, merging adds buckets).
//!
//! ```
//! use measurement::distribution::Distribution;
//!
//! let mut service_time = Distribution::new();
//! for nanoseconds in [61_000, 1_220_000, 6_020_000] {
//!     service_time.record(nanoseconds);
//! }
//! assert_eq!(service_time.min(), Some(61_000));
//! assert_eq!(service_time.max(), Some(6_020_000));
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

pub mod comparability;
pub mod comparison;
pub mod condition;
pub mod distribution;
pub mod moving;
pub mod percentiles;
pub mod plan;
pub mod recorder;
pub mod sample;
pub mod schedule;
mod standing;
pub mod summary;
mod target;
pub mod timeline;
pub mod usage;
pub mod validity;
pub mod words;
