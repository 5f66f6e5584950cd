//! Servers to compare: as typed, as processes, and a client that checks them.

pub(crate) mod candidate;
pub(crate) mod process_group;
pub(crate) mod server_process;
pub(crate) mod starter;
pub(crate) mod ws_client;
