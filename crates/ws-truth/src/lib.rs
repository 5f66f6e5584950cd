//! Truth tests of the load generator. A server with known faults logs its actions and their times, the swarm measures the
//! server, and arithmetic gives the correct report.
//!
//! For tests only: no other crate depends on it. `cargo run --release --bin ws-truth` prints the certificate.
//! `cargo test -p ws-truth` asserts the cases that only count. The cases about time are a stage of the CI.
//!
//! | module | contents |
//! |---|---|
//! | [`faults`] | the faults of a server, as plain data |
//! | [`faulty_server`] | the server with these faults |
//! | `fault_log` | the server's log of its actions |
//! | `delivery_log` | the part of the log about rooms and feeds, and the figures that follow from it |
//! | `admission_rules`, `admission_server`, `admission_log` | a server that limits handshakes and restarts, its rules and its log |
//! | [`queue_rules`], [`queue_server`], [`queue_log`] | a server with one queue and a known service time, its rules and its log |
//! | [`queue_model`] | response times and capacity of this server, from its log |
//! | [`queue_load`] | load on this server, and the truth about it |
//! | [`fixed_service_queue`] | exact waiting times of a queue with a constant service time |
//! | `clock` | times on the clocks of servers and watches |
//! | `wake_delay` | a witness of other load on a core |
//! | `upgrade_request` | request and answers of an opening handshake |
//! | [`finding`] | truth and report of one figure, and the tolerance between them |
//! | [`cases`] | every case of the certificate |
//! | [`generator_process`] | a generator in a process of its own, which can be stopped |
//! | `cpu_quota` | a limit on a process's CPU time |
//!
//! The server's log separates noise from error: if the server delayed an echo for longer than its distribution asks for,
//! the logged delay is the truth. A case that the machine was too noisy for is repeated, and finally reported as `noisy`,
//! which is neither right nor wrong. A wrong exact count is never measured again.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

mod admission_log;
mod admission_rules;
mod admission_server;
pub mod cases;
mod clock;
#[cfg(target_os = "linux")]
mod cpu_quota;
mod delivery_log;
mod fault_log;
pub mod faults;
pub mod faulty_server;
pub mod finding;
pub mod fixed_service_queue;
#[cfg(target_os = "linux")]
pub mod generator_process;
pub mod queue_load;
pub mod queue_log;
pub mod queue_model;
pub mod queue_rules;
pub mod queue_server;
mod server_thread;
mod upgrade_request;
mod wake_delay;
