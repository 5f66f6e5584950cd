use std::io;

/// A process or another part of the machine that cannot be observed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The system does not show its processes.
    #[error("this system does not report the CPU and memory of processes")]
    Processes(#[source] io::Error),
    /// A process to sample beside this one is this one.
    #[error("process {pid} is this program itself")]
    OwnProcess {
        /// Number of the process.
        pid: u32,
    },
    /// There is no such process, or it cannot be seen.
    #[error("there is no process {pid} to sample")]
    NoProcess {
        /// Number of the process.
        pid: u32,
    },
}
