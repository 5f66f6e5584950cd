use std::io;

/// Reason why a process or another part of the machine cannot be observed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The system does not show its processes.
    #[error("this system does not report the CPU and memory of processes")]
    Processes(#[source] io::Error),
    /// The process to sample is this program itself.
    #[error("process {pid} is this program itself")]
    OwnProcess {
        /// Process ID.
        pid: u32,
    },
    /// The process does not exist or is not accessible.
    #[error("there is no process {pid} to sample")]
    NoProcess {
        /// Process ID.
        pid: u32,
    },
}
