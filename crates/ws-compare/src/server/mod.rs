//! Servers to compare: as typed, as processes, and a client that checks them.

pub(crate) mod candidate;
mod process;
pub(crate) mod process_group;
pub(crate) mod ws_client;

pub(crate) use candidate::{StartSpec, UrlSpec};
pub(crate) use process::{Running, StartError, Starter, shown};
