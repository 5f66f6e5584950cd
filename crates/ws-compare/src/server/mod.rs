//! Servers to compare: as typed, as running servers, and a client that checks them.

pub(crate) mod candidate;
pub(crate) mod failure;
pub(crate) mod starter;
pub(crate) mod ws_client;
