//! Pure arithmetic of a WebSocket measurement: its plan, its record and its verdict.
//!
//! No module uses tokio, files, clocks or terminals, so tests need none of them.
//! Times are nanoseconds since T0, the start of the measured phase.
//!
//! | module | contents |
//! |---|---|
//! | [`plan`] | [`Plan`](plan::Plan): everything that one run needs, already valid |
//! | [`record`] | [`Recorder`](record::Recorder): counts and times of one generator thread |
//! | [`verdict`] | [`judge`](verdict::judge): verdict on a measurement, with reasons |
//! | [`run`] | [`Run`](run::Run): all data of one run, for every output; conditions, comparison of servers |
//! | [`load_search`] | rules of a capacity search and of a sweep |
//! | [`moving_average`] | moving averages over every value, or at a limited number of points |
//!
//! The method follows Tene, "How NOT to Measure Latency" (service time and response time are kept apart), and
//! HdrHistogram (every message is recorded; histograms are merged without loss).
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

pub mod load_search;
pub mod moving_average;
pub mod plan;
pub mod record;
pub mod run;
pub mod verdict;
