//! What both servers promise, kept by this one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

// The tests are the same for both servers; what they test is named here.
#[path = "../../echo-server/tests/contract/mod.rs"]
mod contract;

use tungstenite_ws::{PROGRAM, serve};

const BINARY: &str = env!("CARGO_BIN_EXE_tungstenite-ws");
