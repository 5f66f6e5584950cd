//! Signals are caught before a program does anything that a signal must not interrupt.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use cli::ExitStatus;
use cli::interrupt::{InterruptReaction, run_until_second_interrupt};

/// Bit of SIGHUP in a signal mask of `/proc/…/status`.
const SIGHUP: u64 = 1 << 0;
/// Bits of SIGHUP, SIGINT and SIGTERM.
const ENDING: u64 = SIGHUP | 1 << 1 | 1 << 14;

/// A signal mask of this process: `SigCgt:` for caught signals, `SigIgn:` for ignored ones.
fn signals(kind: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix(kind));
    let mask = mask.unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

// This file must have only one test, because signals stay caught for the rest of the process.
#[test]
fn a_signal_cannot_come_between_the_first_file_and_its_listener() {
    assert_eq!(signals("SigCgt:") & ENDING, 0);
    // Under `nohup`, SIGHUP stays ignored. SIGINT, which background jobs of a shell ignore, is caught.
    let expected = ENDING & !(signals("SigIgn:") & SIGHUP);
    let reaction = InterruptReaction {
        announcement: "",
        stop: Box::new(|| {}),
        is_final: Box::new(|| false),
        clean_up: || {},
    };
    // The body creates files.
    let status = run_until_second_interrupt(reaction, move |_| {
        assert_eq!(signals("SigCgt:") & ENDING, expected);
        Ok(ExitStatus::Success)
    });
    assert_eq!(status.unwrap(), ExitStatus::Success);
}
