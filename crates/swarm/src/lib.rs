//! The load generator: WebSocket clients that time every message.
//!
//! A [`Plan`](measurement::plan::Plan) goes in, a [`Run`](measurement::run::Run) comes out; files, flags and
//! terminals are not known here. Each thread has its own connections, buffers and recorder, and nothing
//! is shared while messages flow. A thread waits for all its connections at once (mio, tokio's own
//! reactor); frames are written from and read into its buffers. With
//! a tokio task per connection, a thousand of them reached 0.77 of a bare epoll loop's rate, and nine
//! thousand took a fifth longer to open: a task, its wakers and its entry in the reactor are a dozen cache
//! lines that every message touches.
//!
//! From the whole run down to one message:
//!
//! | module | content |
//! |---|---|
//! | `run`, `coordinator` | a run: Connect → Warm-up → Measure → Drain → Close |
//! | `sliced_run` | a run in slices, for runs against several servers in turn |
//! | `handle`, `progress`, `error` | stopping and observing a run; its errors |
//! | `calibrate`, `reference_server` | the generator's own limits, against an echo server of its own |
//! | `worker` | one generator thread, from its first connection to its results |
//! | `event_loop`, `timers`, `pacing_timer` | the event loop of a thread, and its timers |
//! | `thread_state`, `client_stats`, `buffers`, `clock`, `rules` | state that a thread's clients share |
//! | `stillness` | times in which a thread stood still |
//! | `connect` | opening of a connection: TCP, TLS and upgrade, timed |
//! | `client`, `connection_end` | one connected client: its stages, writing, reading, recording; its end |
//! | `message` | one message: pacing (when), payload (what), echo verifier (which answer) |
//!
//! ```no_run
//! use measurement::plan::Plan;
//!
//! fn measure(plan: &Plan) -> Result<(), swarm::SwarmError> {
//!     let run = swarm::run(plan, &swarm::RunHandle::new(), swarm::RunSetup::default())?;
//!     println!("{} echoes", run.summary.map_or(0, |s| s.messages.received));
//!     Ok(())
//! }
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

mod buffers;
mod calibrate;
mod client;
mod client_stats;
mod clock;
mod connect;
mod connection_end;
mod coordinator;
mod error;
mod event_loop;
#[cfg(any(test, fuzzing))]
#[path = "../fuzz/payload_check.rs"]
pub mod fuzzing;
mod handle;
mod message;
mod pacing_timer;
mod progress;
mod reference_server;
mod rules;
mod run;
mod sliced_run;
mod stillness;
#[cfg(any(test, fuzzing))]
mod tests;
mod thread_state;
mod timers;
#[cfg(any(test, fuzzing))]
#[path = "../fuzz/upgrade_check.rs"]
pub mod upgrade_fuzzing;
mod worker;

pub use calibrate::calibrate;
pub use connect::{address, tls, upgrade};
pub use error::SwarmError;
pub use handle::RunHandle;
pub use progress::{Phase, RunProgress};
pub use reference_server::ReferenceServer;
pub use run::{Recording, RunSetup, describe_host, record, record_observed, run};
pub use sliced_run::{SliceRecord, SliceTimes, SlicedRun};
