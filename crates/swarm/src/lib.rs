//! The load generator: a swarm of WebSocket clients that times every message.
//!
//! A [`Plan`](measurement::plan::Plan) goes in, a [`Finished`] run comes out; files, flags and
//! terminals are not known here. Each thread has its own connections, its own buffers and its own
//! recorder, and nothing is shared while messages flow. The handshake is tokio-tungstenite's; from the
//! first packet on a thread waits for all its connections at once (mio, tokio's own reactor) and frames
//! are written from and read into its buffers. With a tokio task for each connection, a thousand of them
//! reached 0.77 of a bare epoll loop's rate, and nine thousand took a fifth longer to open: a task, its
//! wakers and its entry in the reactor are a dozen cache lines that every message touches.
//!
//! | module | what lives there |
//! |---|---|
//! | `connect`, `head` | one connection opens: TCP, TLS and upgrade, timed apart |
//! | `transport`, [`tls`] | what its bytes go over: TCP, TLS, a Unix socket; whom TLS trusts |
//! | `opening` | the connections of one thread that are being opened |
//! | [`wire`] | WebSocket frames, taken apart and put together |
//! | `payload` | what a message carries, as a function of its number |
//! | `flight` | the messages of one client that are under way |
//! | `echo` | whose echo a message is, and whether it is right |
//! | `hint` | what to do when nothing connected |
//! | `connection` | one client: send on schedule, match echoes, time them |
//! | `fleet`, `alarm` | the clients of one thread and what wakes them |
//! | `worker`, `shared`, `clock` | one thread, and what its clients share |
//! | `calibrate`, [`reference`](mod@reference) | what the generator can do at its best, against an echo of its own |
//! | [`control`], `told` | stopping a run and looking on: phases and progress |
//! | `run` | the threads put together: Connect → Warm-up → Measure → Drain → Close |
//! | `measure` | a run whose server is probed, and its summary |
//!
//! ```no_run
//! use measurement::plan::Plan;
//!
//! fn measure(plan: &Plan) -> Result<(), swarm::SwarmError> {
//!     let finished = swarm::run(plan, &swarm::control::Control::new())?;
//!     println!("{} echoes", finished.record.counts.received);
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

mod alarm;
mod calibrate;
mod clock;
mod connect;
mod connection;
pub mod control;
mod echo;
mod error;
mod fleet;
mod flight;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod head;
mod hint;
mod measure;
mod opening;
mod payload;
pub mod reference;
mod run;
mod shared;
pub mod tls;
mod told;
mod transport;
mod worker;

pub use calibrate::calibrate;
pub use error::SwarmError;
pub use measure::{Measured, describe_host, measure};
pub use run::{Finished, run, run_observed};

/// A small valid plan, changed as the test needs.
#[cfg(test)]
fn test_plan(change: impl FnOnce(&mut measurement::plan::PlanDraft)) -> measurement::plan::Plan {
    use measurement::plan::{Length, Plan, PlanDraft, ServerUrl, Verify};
    use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
    use std::time::Duration;

    let mut draft = PlanDraft {
        server_url: ServerUrl::parse("ws://127.0.0.1:1/").unwrap(),
        certificate_policy: Default::default(),
        embedded: None,
        clients: NonZeroU32::new(4).unwrap(),
        length: Length::MessagesPerClient(NonZeroU64::new(10).unwrap()),
        payload: units::SizeRange { min: 125, max: 125 },
        text: true,
        load: measurement::plan::Load::PING_PONG,
        connect_rate: None,
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
        warmup: Duration::ZERO,
        verify: Verify::Full,
        threads: NonZeroUsize::MIN,
        pin: Vec::new(),
        busy_poll: false,
        headers: Default::default(),
        seed: 1,
        max_samples: 1000,
    };
    change(&mut draft);
    Plan::new(draft).unwrap()
}
