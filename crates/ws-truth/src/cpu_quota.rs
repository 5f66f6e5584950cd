//! A limit on the CPU time of a process, by a cgroup of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// CPU time per period: a tenth of a core.
const QUOTA_US: u32 = 10_000;

/// Length of a period.
const PERIOD_US: u32 = 100_000;

/// Folders in which a cgroup can be created, version 1 before version 2.
const HIERARCHIES: [&str; 4] = [
    "/sys/fs/cgroup/cpu",
    "/sys/fs/cgroup/cpu,cpuacct",
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/unified",
];

/// A cgroup, created without a limit. Dropping it removes the cgroup if its process has ended.
#[derive(Debug)]
pub(crate) struct CpuQuota {
    folder: PathBuf,
    is_version_1: bool,
}

impl CpuQuota {
    /// Creates a cgroup and moves this process into it; `None` if the system does not allow it.
    pub(crate) fn for_process(pid: u32) -> Option<Self> {
        HIERARCHIES
            .iter()
            .find_map(|hierarchy| Self::below(Path::new(hierarchy), pid).ok())
    }

    fn below(hierarchy: &Path, pid: u32) -> io::Result<Self> {
        let folder = hierarchy.join(format!("ws-truth-{pid}"));
        fs::create_dir(&folder)?;
        let is_version_1 = folder.join("cpu.cfs_quota_us").exists();
        let quota = Self {
            folder,
            is_version_1,
        };
        // Fails where the hierarchy does not control CPU time; the folder is removed then.
        quota.lift()?;
        quota.throttled_ns()?;
        fs::write(quota.folder.join("cgroup.procs"), pid.to_string())?;
        Ok(quota)
    }

    /// Sets the limit of a tenth of a core.
    pub(crate) fn set(&self) -> io::Result<()> {
        if self.is_version_1 {
            self.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
            self.write("cpu.cfs_quota_us", &QUOTA_US.to_string())
        } else {
            self.write("cpu.max", &format!("{QUOTA_US} {PERIOD_US}"))
        }
    }

    /// Lifts the limit.
    pub(crate) fn lift(&self) -> io::Result<()> {
        if self.is_version_1 {
            self.write("cpu.cfs_quota_us", "-1")
        } else {
            self.write("cpu.max", "max")
        }
    }

    /// Time for which the limit has kept the process from running, in nanoseconds.
    pub(crate) fn throttled_ns(&self) -> io::Result<u64> {
        let stat = fs::read_to_string(self.folder.join("cpu.stat"))?;
        let field = |name: &str| {
            let value = stat.lines().find_map(|line| line.strip_prefix(name))?;
            value.trim().parse::<u64>().ok()
        };
        field("throttled_time ")
            .or_else(|| field("throttled_usec ").map(|us| us * 1_000))
            .ok_or_else(|| io::Error::other("cpu.stat holds no throttled time"))
    }

    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        // Not created: a hierarchy without this file does not control CPU time.
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).open(self.folder.join(file))?;
        io::Write::write_all(&mut file, value.as_bytes())
    }
}

impl Drop for CpuQuota {
    fn drop(&mut self) {
        // An empty cgroup that stays is harmless.
        let _ = fs::remove_dir(&self.folder);
    }
}
