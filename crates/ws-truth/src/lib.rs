//! Is what the instrument reports true? An echo server does wrong on purpose, by known laws, and keeps
//! a log of what it did and when; the swarm measures it; arithmetic says what must come out.
//!
//! For tests only: nothing of ours depends on it. `cargo run --release --bin ws-truth` prints the
//! certificate, `cargo test -p ws-truth` asserts the same cases.
//!
//! | module | what lives there |
//! |---|---|
//! | [`faults`] | what can be wrong with a server, as plain data |
//! | [`server`] | the server that does it |
//! | [`log`] | what it did, by its own account |
//! | [`check`] | a truth beside a report, and how far they may differ |
//! | [`cases`] | every case of the certificate |
//!
//! Noise is told from error by the server's own log: a delay that the server itself kept longer than
//! the law asks for is the truth to compare with, and where the machine was too noisy to compare at all
//! the case is repeated, and in the end `noisy`: neither true nor false.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

pub mod cases;
pub mod check;
pub mod faults;
pub mod log;
pub mod server;
mod throttle;
