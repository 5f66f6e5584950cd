//! Identity of the system's clock and bound of its error. Processes with the same boot ID share a clock.

use std::time::Duration;

/// The kernel's knowledge of the difference between its clock and UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockState {
    /// Upper bound of the difference.
    pub max_error: Duration,
    /// False when no time service has set the clock, or the last time was too long ago. The bound is then worthless.
    pub is_synchronized: bool,
}

/// ID of the running kernel's boot, the same in all containers of a machine; `None` on systems other than Linux.
pub fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// State of the system's clock; `None` where the system does not report it.
#[cfg(target_os = "linux")]
pub fn clock_state() -> Option<ClockState> {
    let mut report = std::mem::MaybeUninit::<nix::libc::timex>::zeroed();
    // No crate in wide use wraps this call.
    // SAFETY: `report` is writable and as large as the kernel expects. All its fields are integers, so that zeros are
    // valid. The field `modes` is zero, with which the call only reads the clock's state.
    #[allow(unsafe_code)]
    let (state, report) = unsafe {
        let state = nix::libc::adjtimex(report.as_mut_ptr());
        (state, report.assume_init())
    };
    let max_error_us = u64::try_from(report.maxerror).unwrap_or(0);
    (state != -1).then(|| clock_state_of(max_error_us, report.status))
}

/// State of the system's clock; `None` where the system does not report it.
#[cfg(not(target_os = "linux"))]
pub fn clock_state() -> Option<ClockState> {
    None
}

#[cfg(target_os = "linux")]
fn clock_state_of(max_error_us: u64, status: i32) -> ClockState {
    ClockState {
        max_error: Duration::from_micros(max_error_us),
        is_synchronized: status & nix::libc::STA_UNSYNC == 0,
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_id_stays_the_same() {
        let id = boot_id().unwrap();
        assert_eq!(id.len(), 36, "{id}");
        assert_eq!(boot_id().unwrap(), id);
    }

    #[test]
    fn the_kernel_reports_its_clock() {
        // The kernel limits the bound to 16 s.
        assert!(clock_state().unwrap().max_error <= Duration::from_secs(16));
    }

    #[test]
    fn the_error_is_in_microseconds_and_the_flag_is_that_of_an_unset_clock() {
        let state = clock_state_of(1_500, nix::libc::STA_PLL);
        assert_eq!(state.max_error, Duration::from_micros(1_500));
        assert!(state.is_synchronized);
        assert!(!clock_state_of(0, nix::libc::STA_PLL | nix::libc::STA_UNSYNC).is_synchronized);
    }
}
