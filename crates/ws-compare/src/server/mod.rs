//! Servers to compare: command line, processes, and a client for checks.

pub(crate) mod candidate;
pub(crate) mod failure;
pub(crate) mod starter;
pub(crate) mod ws_client;
