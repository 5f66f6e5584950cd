//! Signals are caught before a program does anything that a signal must not interrupt.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use cli::ExitStatus;
use cli::interrupt::{InterruptReaction, run_until_second_interrupt};

/// SIGHUP, SIGINT and SIGTERM as bits of a mask in `/proc/…/status`.
const ENDING: u64 = 1 << 0 | 1 << 1 | 1 << 14;

/// The signals that this process catches.
fn caught() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

// The only test of this file: the signals of a process stay caught once they are.
#[test]
fn a_signal_cannot_come_between_the_first_file_and_its_listener() {
    assert_eq!(caught() & ENDING, 0);
    let reaction = InterruptReaction {
        announcement: "",
        stop: Box::new(|| {}),
        is_final: Box::new(|| false),
        clean_up: || {},
    };
    // Files are created by the body.
    let status = run_until_second_interrupt(reaction, |_| {
        assert_eq!(caught() & ENDING, ENDING);
        Ok(ExitStatus::Success)
    });
    assert_eq!(status.unwrap(), ExitStatus::Success);
}
