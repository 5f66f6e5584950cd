//! Exit codes of all programs.

use std::process::ExitCode;

/// A program's exit code; each program's `--help` lists those it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// 0: nothing failed.
    Success = 0,
    /// 1: the program could not do its work, or its finding is negative.
    Failed = 1,
    /// 2: wrong usage.
    Usage = 2,
    /// 3: some connections, messages or servers failed.
    SomeFailed = 3,
    /// 4: a condition of `--fail-if` held.
    ConditionHeld = 4,
    /// 5: the measurement is invalid.
    Invalid = 5,
    /// 101: the program panicked, as the language has it.
    Panicked = 101,
    /// 130: the user ended the program.
    Interrupted = 130,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}
