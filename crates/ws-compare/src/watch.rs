//! What the processes of a server use: of all that it has forked together.

use std::collections::BTreeMap;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Watches the processes of one server over one run.
#[derive(Debug)]
pub struct Watch {
    members: Vec<u32>,
    /// Resident before the first connection, in bytes.
    before_bytes: Option<u64>,
    begun_ns: Option<u64>,
    used: Option<Used>,
}

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Used {
    /// CPU time during the measured phase in seconds; `None` where it cannot be had.
    pub cpu_s: Option<f64>,
    /// By how much resident memory grew since before the connections, in bytes.
    pub grown_bytes: Option<i64>,
}

impl Watch {
    /// Looks at the processes as they are before the run.
    #[must_use]
    pub fn new(members: Vec<u32>) -> Self {
        let before_bytes = resident(&members);
        Self {
            members,
            before_bytes,
            begun_ns: None,
            used: None,
        }
    }

    /// The measured phase begins.
    pub fn begin(&mut self) {
        self.begun_ns = cpu_ns(&self.members);
    }

    /// It is over, and all connections are still open; later calls change nothing.
    pub fn end(&mut self) {
        if self.used.is_some() {
            return;
        }
        let now_ns = cpu_ns(&self.members);
        let after_bytes = resident(&self.members);
        #[allow(clippy::cast_precision_loss)]
        let cpu_s = now_ns
            .zip(self.begun_ns)
            .map(|(now, then)| now.saturating_sub(then) as f64 / 1e9);
        let grown_bytes = after_bytes.zip(self.before_bytes).and_then(|(after, before)| {
            Some(i64::try_from(after).ok()? - i64::try_from(before).ok()?)
        });
        self.used = Some(Used { cpu_s, grown_bytes });
    }

    /// What was used, once the measured phase is over.
    #[must_use]
    pub fn used(&self) -> Option<Used> {
        self.used
    }
}

/// Memory that the processes have resident, in bytes; `None` when one of them is gone.
fn resident(members: &[u32]) -> Option<u64> {
    let mut system = System::new().ok()?;
    let numbers: Vec<_> = members.iter().map(|pid| Pid::from_u32(*pid)).collect();
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&numbers), true, what);
    let of = |pid: &Pid| system.process(*pid).map(sysinfo::Process::memory);
    let all: Option<Vec<u64>> = numbers.iter().map(of).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.into_iter().sum())
}

/// CPU time that the processes have used so far, in nanoseconds.
fn cpu_ns(members: &[u32]) -> Option<u64> {
    let _: BTreeMap<u32, u64> = BTreeMap::new();
    let of = |pid: &u32| -> Option<u64> {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let texts = threads.filter_map(|thread| {
            std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()
        });
        Some(
            texts
                .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
                .sum(),
        )
    };
    let all: Option<Vec<u64>> = members.iter().map(of).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.into_iter().sum())
}
