//! Signals are caught before a program does anything that a signal must not interrupt.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use cli::ExitStatus;
use cli::interrupt::{InterruptReaction, run_until_second_interrupt};

/// SIGHUP as a bit of a mask in `/proc/…/status`.
const SIGHUP: u64 = 1 << 0;
/// The same of SIGHUP, SIGINT and SIGTERM.
const ENDING: u64 = SIGHUP | 1 << 1 | 1 << 14;

/// A mask of this process's signals: those that it catches are `SigCgt:`, those that it ignores `SigIgn:`.
fn signals(kind: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix(kind));
    let mask = mask.unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

// The only test of this file: the signals of a process stay caught once they are.
#[test]
fn a_signal_cannot_come_between_the_first_file_and_its_listener() {
    assert_eq!(signals("SigCgt:") & ENDING, 0);
    // Under `nohup` SIGHUP stays ignored; SIGINT, which a shell's background jobs ignore, is caught.
    let expected = ENDING & !(signals("SigIgn:") & SIGHUP);
    let reaction = InterruptReaction {
        announcement: "",
        stop: Box::new(|| {}),
        is_final: Box::new(|| false),
        clean_up: || {},
    };
    // Files are created by the body.
    let status = run_until_second_interrupt(reaction, move |_| {
        assert_eq!(signals("SigCgt:") & ENDING, expected);
        Ok(ExitStatus::Success)
    });
    assert_eq!(status.unwrap(), ExitStatus::Success);
}
