//! Servers to compare: command line and processes.

pub(crate) mod candidate;
pub(crate) mod failure;
pub(crate) mod starter;
