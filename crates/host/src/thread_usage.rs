//! CPU time, memory and waits of this process and its threads. Every figure is `None` where the operating system does
//! not report it.

use std::iter::Sum;

/// Context switches of a thread or a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContextSwitchCounts {
    /// Switches because the thread waited.
    pub voluntary: u64,
    /// Switches because another thread had to run.
    pub involuntary: u64,
}

impl ContextSwitchCounts {
    /// The switches since an earlier reading.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            voluntary: self.voluntary.saturating_sub(earlier.voluntary),
            involuntary: self.involuntary.saturating_sub(earlier.involuntary),
        }
    }
}

impl Sum for ContextSwitchCounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            voluntary: sum.voluntary + one.voluntary,
            involuntary: sum.involuntary + one.involuntary,
        })
    }
}

/// Resources that a thread has used since its start, or between two readings.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadUsage {
    /// CPU time in user mode, in seconds.
    pub user_s: Option<f64>,
    /// CPU time, in seconds.
    pub cpu_s: Option<f64>,
    /// Time with work to do, in seconds. Set by threads that never sleep, because the system cannot know it.
    pub busy_s: Option<f64>,
    /// Context switches of the thread.
    pub context_switches: Option<ContextSwitchCounts>,
    /// Time spent ready to run but waiting for a core, in seconds.
    pub run_queue_wait_s: Option<f64>,
}

impl ThreadUsage {
    /// Reads the counters of the calling thread.
    #[cfg(target_os = "linux")]
    pub fn now() -> Self {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;

        let usage = getrusage(UsageWho::RUSAGE_THREAD).ok();
        let user_s = usage.map(|usage| usage.user_time().num_microseconds() as f64 / 1e6);
        let context_switches = usage.and_then(|usage| {
            Some(ContextSwitchCounts {
                voluntary: u64::try_from(usage.voluntary_context_switches()).ok()?,
                involuntary: u64::try_from(usage.involuntary_context_switches()).ok()?,
            })
        });
        // Time on a core and time waiting for one, in nanoseconds (proc(5)).
        let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let mut times = times
            .split_whitespace()
            .map_while(|field| field.parse::<f64>().ok())
            .map(|ns| ns / 1e9);
        Self {
            user_s,
            context_switches,
            busy_s: None,
            cpu_s: times.next(),
            run_queue_wait_s: times.next(),
        }
    }

    /// Reads the counters of the calling thread.
    #[cfg(not(target_os = "linux"))]
    pub fn now() -> Self {
        Self::default()
    }

    /// The usage since an earlier reading of the same thread.
    pub fn since(self, earlier: Self) -> Self {
        let less = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
        Self {
            busy_s: None,
            context_switches: self
                .context_switches
                .zip(earlier.context_switches)
                .map(|(now, then)| now.since(then)),
            user_s: less(self.user_s, earlier.user_s),
            cpu_s: less(self.cpu_s, earlier.cpu_s),
            run_queue_wait_s: less(self.run_queue_wait_s, earlier.run_queue_wait_s),
        }
    }
}

/// Peak resident memory of this process so far, in bytes.
pub fn max_rss_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        // getrusage(2) would include the peak of the program that this one replaced by exec, such as cargo. `VmHWM`
        // (proc(5)), in KiB, starts anew.
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let kib = status_field(&status, "VmHWM:")?.strip_suffix("kB")?;
        kib.trim().parse().ok().map(|kib: u64| kib * 1024)
    }
    #[cfg(all(unix, not(target_os = "linux")))]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        // macOS reports bytes, others KiB (getrusage(2)).
        const UNIT: u64 = if cfg!(target_os = "macos") { 1 } else { 1024 };
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        u64::try_from(usage.max_rss()).ok().map(|n| n * UNIT)
    }
    #[cfg(not(unix))]
    None
}

/// Value of a line of `/proc/…/status` (proc(5)).
pub(crate) fn status_field<'s>(status: &'s str, name: &str) -> Option<&'s str> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim())
}

/// CPU time of all threads of this process so far, in seconds.
pub fn process_cpu_s() -> Option<f64> {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        let used = usage.user_time() + usage.system_time();
        Some(used.num_microseconds() as f64 / 1e6)
    }
    #[cfg(not(unix))]
    None
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_sees_its_own_work() {
        let before = ThreadUsage::now();
        let mut n = 0_u64;
        while ThreadUsage::now().since(before).cpu_s < Some(0.02) {
            n = std::hint::black_box(n + 1);
        }
        let used = ThreadUsage::now().since(before);
        assert!(used.cpu_s >= Some(0.02) && used.run_queue_wait_s >= Some(0.0));
        assert!(used.user_s.is_some());
        assert!(max_rss_bytes() > Some(1 << 20));
    }
}
