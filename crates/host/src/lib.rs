//! The machine below the programs, as numbers: nothing here knows WebSockets, plans or flags.
//!
//! | module | contents |
//! |---|---|
//! | [`cores`] | allowed cores, and threads pinned to them |
//! | [`thread_usage`] | CPU time, memory and waits of this process and its threads |
//! | [`process_probe`] | CPU time and memory of other processes over a time |
//! | [`process_group`], [`server_process`] | child processes that leave nothing behind; a server with its output |
//! | [`system_info`] | operating system, kernel, CPU and cores |
//! | [`open_files`] | limit on open files |
//! | [`preflight`] | room for a number of connections: open files and ports |
//! | [`signals`] | signals that end a program |
//! | [`withheld_cpu`] | CPU time withheld by a quota, the hypervisor or other work |

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cores;
mod error;
pub mod open_files;
pub mod preflight;
pub mod process_group;
pub mod process_probe;
pub mod server_process;
pub mod signals;
pub mod system_info;
pub mod thread_usage;
pub mod withheld_cpu;

pub use error::HostError;
