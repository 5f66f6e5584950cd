//! Pure arithmetic of a WebSocket measurement: what is planned, what is recorded, what it means.
//!
//! Nothing here knows tokio, files, clocks or terminals, so everything is tested as arithmetic.
//! Times are nanoseconds since T0, the instant at which the measured phase began.
//!
//! | module | what lives there |
//! |---|---|
//! | [`plan`] | [`Plan`](plan::Plan): everything that one run needs, already valid |
//! | [`record`] | [`Recorder`](record::Recorder): what one generator thread counts and times |
//! | [`verdict`] | [`judge`](verdict::judge): whether a measurement can be believed |
//! | [`run`] | [`Run`](run::Run): one run, from generator to picture; thresholds, comparison |
//! | [`moving_average`] | moving averages: of every message, and of many at few points |
//!
//! The method follows Tene, "How NOT to Measure Latency" (service time and response time are kept
//! apart), and HdrHistogram (every message is recorded, merging adds buckets).
//!
//! ```
//! use measurement::record::LatencyHistogram;
//!
//! let mut service_time = LatencyHistogram::new();
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

pub mod moving_average;
pub mod plan;
pub mod record;
pub mod run;
pub mod verdict;
