//! The load generator: WebSocket clients that time every message.
//!
//! Executes a [`Plan`](measurement::plan::Plan) and returns a [`Run`](measurement::run::Run), independent of files,
//! flags and terminals.
//!
//! Each thread has its own connections, buffers and recorder, and shares nothing while messages are exchanged. A thread
//! waits for all its connections at once (mio, the event library below tokio) and decodes frames in its own buffers.
//! With a tokio task per connection, a thousand connections reached 0.77 of the rate of a bare epoll loop, and nine
//! thousand took a fifth longer to open: a task, its wakers and its entry in the reactor are a dozen cache lines that
//! every message touches.
//!
//! Modules, from the whole run down to one message:
//!
//! | module | contents |
//! |---|---|
//! | `run`, `coordinator` | a run: Connect → Warm-up → Measure → Drain → Close |
//! | `run_content` | everything of a run that depends on its seed |
//! | `common_start` | common start of several generators |
//! | `second_observer` | complete seconds of a run that goes on, for its observer |
//! | `server_watch`, `listen_watch` | CPU and memory of the server, overflows of listen queues on its machine |
//! | [`load_search`] | searches for the capacity of a server, and sweeps over rates |
//! | `search_progress` | their progress |
//! | `sliced_run`, `load_order` | a run in slices or steps, and the orders of steps |
//! | `handle`, `progress`, `error` | stopping and observing a run; errors that prevent it |
//! | `calibrate`, `reference_server` | the generator's own limits, measured with its own echo server |
//! | `worker` | one generator thread, from its first connection to its results |
//! | `event_loop`, `timers`, `pacing_timer` | the event loop of a thread, and its timers |
//! | `thread_state`, `client_stats`, `buffers`, `clock`, `rules` | state shared by the clients of a thread |
//! | `stillness` | stops of a thread |
//! | `connect_queue` | connections of a thread that are not begun yet |
//! | `returning_client`, `reconnecting` | clients between two connections; lost connections, opened again or given up |
//! | `connect` | opening of a connection: TCP, TLS and upgrade, each timed |
//! | `dialogue` | scenarios: shared parts, state of one client, ids in flight |
//! | `client`, `connection_end` | one connected client: stages, writing, reading, recording, end |
//! | `message` | one message: pacing (due time), payload, matching and verification of echoes |
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
mod common_start;
mod connect;
mod connect_queue;
mod connection_end;
mod coordinator;
mod dialogue;
mod error;
mod event_loop;
#[cfg(any(test, fuzzing))]
#[path = "../fuzz/payload_check.rs"]
pub mod fuzzing;
mod handle;
mod listen_watch;
mod load_order;
pub mod load_search;
mod message;
mod pacing_timer;
mod progress;
mod reconnecting;
mod reference_server;
mod returning_client;
mod rules;
mod run;
mod run_content;
mod search_progress;
mod second_observer;
mod server_watch;
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

pub use calibrate::{calibrate, can_calibrate};
pub use common_start::{CommonStart, PollStart, SeedOfStart, StartError};
pub use connect::local_socket::can_choose_ports;
pub use connect::{address, tls, upgrade};
pub use error::{SwarmError, UnreachedServer};
pub use handle::RunHandle;
pub use load_order::{ClientCounts, DrainLimits, LoadOrder, OrderLead, OrderLoad, OrderRecord};
pub use progress::{Phase, RunProgress};
pub use reference_server::ReferenceServer;
pub use run::{
    Recording, RunSetup, describe_host, record, record_observed, run, run_process, server_usage,
};
pub use search_progress::{OrderPurpose, SearchProgress};
pub use second_observer::OnSecond;
pub use sliced_run::{SliceRecord, SliceTimes, SlicedRun};
