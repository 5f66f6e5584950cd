//! Exit codes of all programs.

use std::process::ExitCode;

/// A program's exit code. Each program's `--help` lists the codes that it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// 0: nothing failed.
    Success = 0,
    /// 1: the program could not do its work, or its result is negative.
    Failed = 1,
    /// 2: wrong usage.
    Usage = 2,
    /// 3: some connections, messages or servers failed.
    SomeFailed = 3,
    /// 4: a condition of `--fail-if` held.
    ConditionHeld = 4,
    /// 5: the measurement is invalid.
    Invalid = 5,
    /// 101: the program panicked (Rust's own exit code).
    Panicked = 101,
    /// 130: the user interrupted the program.
    Interrupted = 130,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}
