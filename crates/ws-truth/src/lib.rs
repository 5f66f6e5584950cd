//! Truth tests of the load generator. A server with known faults logs what it did and when, the swarm
//! measures it, and arithmetic says what must be reported.
//!
//! For tests only: no other crate depends on it. `cargo run --release --bin ws-truth` prints the certificate.
//! `cargo test -p ws-truth` asserts the cases that only count. The cases about time are a stage of the CI.
//!
//! | module | contents |
//! |---|---|
//! | [`faults`] | the faults of a server, as plain data |
//! | [`faulty_server`] | the server that has them |
//! | `fault_log` | the server's own record of what it did |
//! | [`finding`] | truth and report of one figure, and how far they may differ |
//! | [`cases`] | every case of the certificate |
//! | [`generator_process`] | a generator in a process of its own, which can be stopped |
//! | `cpu_quota` | a limit on a process's CPU time |
//!
//! The server's own log separates noise from error: a delay that the server itself kept longer than its law
//! asks for is the truth to compare with. Where the machine was too noisy to compare at all, the case is
//! repeated, and in the end `noisy`, which is neither true nor false. A wrong exact count is never measured
//! again.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

pub mod cases;
#[cfg(target_os = "linux")]
mod cpu_quota;
mod fault_log;
pub mod faults;
pub mod faulty_server;
pub mod finding;
#[cfg(target_os = "linux")]
pub mod generator_process;
