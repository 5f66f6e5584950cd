//! Access to the machine, independent of WebSockets, plans and command lines.
//!
//! | module | contents |
//! |---|---|
//! | [`clocks`] | identity of the system's clock and bound of its error |
//! | [`cores`] | allowed cores, and threads pinned to them |
//! | [`thread_usage`] | CPU time, memory and waits of this process and its threads |
//! | [`process_probe`] | CPU time and memory of other processes during a measurement |
//! | [`process_group`], [`server_process`] | child processes that are ended with all their descendants; a server and
//! its output |
//! | [`system_info`] | operating system, kernel, CPU, cores and name of the machine |
//! | [`inherited_descriptor`] | descriptors that a launcher passes on by number (Unix) |
//! | [`listen_queue`] | overflows of listen queues, and addresses of this machine |
//! | [`open_files`] | limit on open files |
//! | [`preflight`] | check of open files for a number of connections; local ports and source addresses |
//! | [`signals`] | signals that end a program |
//! | [`withheld_cpu`] | CPU time withheld by a quota, the hypervisor or other processes |

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clocks;
pub mod cores;
mod error;
#[cfg(unix)]
pub mod inherited_descriptor;
pub mod listen_queue;
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
