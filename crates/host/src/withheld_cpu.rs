//! CPU time withheld from this process by a cgroup quota, the hypervisor or other processes.

use std::fs;
use std::path::{Path, PathBuf};

/// CPU time withheld since boot, or between two readings, in seconds; `None` where the system does not report it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WithheldCpu {
    /// Time that a quota of this process's cgroup, or of one above it, kept its threads from running, summed over the
    /// cores.
    pub throttled_s: Option<f64>,
    /// Time that the hypervisor took from the cores of this machine, summed over the cores.
    pub steal_s: Option<f64>,
    /// Time in which at least one thread of this machine waited for a core.
    pub pressure_s: Option<f64>,
    /// Time for which the machine was suspended.
    pub suspended_s: Option<f64>,
}

impl WithheldCpu {
    /// Reads the counters.
    pub fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        Self {
            throttled_s: throttled_s(Path::new("/proc/self"), Path::new("/sys/fs/cgroup")),
            steal_s: read("/proc/stat").and_then(|stat| parse_steal_s(&stat)),
            pressure_s: read("/proc/pressure/cpu").and_then(|pressure| parse_pressure_s(&pressure)),
            suspended_s: suspended_s(),
        }
    }

    /// The time withheld since an earlier reading.
    pub fn since(self, earlier: Self) -> Self {
        let less = |a: Option<f64>, b: Option<f64>| Some((a? - b?).max(0.0));
        Self {
            throttled_s: less(self.throttled_s, earlier.throttled_s),
            steal_s: less(self.steal_s, earlier.steal_s),
            pressure_s: less(self.pressure_s, earlier.pressure_s),
            // Smaller differences come from reading the two clocks one after the other.
            suspended_s: less(self.suspended_s, earlier.suspended_s)
                .map(|s| if s < 1e-3 { 0.0 } else { s }),
        }
    }
}

/// Time for which the machine was suspended since boot, in seconds: the difference of two clocks, of which one stops
/// during suspension.
#[cfg(target_os = "linux")]
fn suspended_s() -> Option<f64> {
    use nix::time::{ClockId, clock_gettime};

    let seconds = |clock| {
        let time = std::time::Duration::from(clock_gettime(clock).ok()?);
        Some(time.as_secs_f64())
    };
    Some(seconds(ClockId::CLOCK_BOOTTIME)? - seconds(ClockId::CLOCK_MONOTONIC)?)
}

#[cfg(not(target_os = "linux"))]
fn suspended_s() -> Option<f64> {
    None
}

/// Throttled time of the cgroups that contain the process, in seconds. The largest is used instead of the sum, because
/// groups at several levels can be throttled at the same time.
fn throttled_s(process: &Path, root: &Path) -> Option<f64> {
    let groups = fs::read_to_string(process.join("cgroup")).ok()?;
    let folders = groups.lines().filter_map(|line| cpu_folder(line, root));
    folders
        .flat_map(|(folder, root)| {
            let upward: Vec<PathBuf> = folder.ancestors().map(Path::to_owned).collect();
            upward
                .into_iter()
                .take_while(move |at| at.starts_with(&root))
        })
        .filter_map(|folder| parse_throttled_s(&fs::read_to_string(folder.join("cpu.stat")).ok()?))
        .reduce(f64::max)
}

/// Folder of the cgroup in a line of `/proc/PID/cgroup`, and the root of its hierarchy; `None` when the hierarchy does
/// not control CPU time (cgroups(7)).
fn cpu_folder(line: &str, root: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let root = match controllers {
        // Version 2, or the version 2 hierarchy next to version 1, without the CPU controller.
        "" => root.to_owned(),
        _ if controllers.split(',').any(|c| c == "cpu") => root.join(controllers),
        _ => return None,
    };
    Some((root.join(path.trim_start_matches('/')), root))
}

/// Parses the throttled time in a `cpu.stat`: microseconds in version 2, nanoseconds in version 1. Returns seconds.
fn parse_throttled_s(stat: &str) -> Option<f64> {
    let field = |name: &str| {
        let value = stat.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().parse::<f64>().ok()
    };
    field("throttled_usec ")
        .map(|us| us / 1e6)
        .or_else(|| field("throttled_time ").map(|ns| ns / 1e9))
}

/// Parses the stolen time of all cores in `/proc/stat` (proc(5)), in ticks of 10 ms. Returns seconds.
fn parse_steal_s(stat: &str) -> Option<f64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks = all.split_whitespace().nth(7)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// Parses the total of the line `some` in `/proc/pressure/cpu`, in microseconds. Returns seconds.
fn parse_pressure_s(pressure: &str) -> Option<f64> {
    let some = pressure
        .lines()
        .find_map(|line| line.strip_prefix("some "))?;
    let total = some
        .split(' ')
        .find_map(|field| field.strip_prefix("total="))?;
    total.parse::<f64>().ok().map(|us| us / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_a_quota_are_read() {
        assert_eq!(
            parse_throttled_s("nr_periods 56\nnr_throttled 56\nthrottled_time 4850000000\n"),
            Some(4.85)
        );
        assert_eq!(
            parse_throttled_s("usage_usec 1\nnr_throttled 2\nthrottled_usec 250000\n"),
            Some(0.25)
        );
        assert_eq!(
            parse_throttled_s("usage_usec 1\n"),
            None,
            "no quota is kept"
        );
    }

    #[test]
    fn a_quota_above_the_own_group_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (process, root) = (folder.path().join("self"), folder.path().join("cgroup"));
        for path in ["self", "cgroup/pod/container", "cgroup/cpu,cpuacct/job"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
        write(
            "self/cgroup",
            "4:memory:/job\n3:cpu,cpuacct:/job\n0::/pod/container\n",
        );
        write("cgroup/pod/cpu.stat", "throttled_usec 3000000\n");
        write("cgroup/pod/container/cpu.stat", "throttled_usec 1000000\n");
        write(
            "cgroup/cpu,cpuacct/job/cpu.stat",
            "throttled_time 2000000000\n",
        );
        assert_eq!(throttled_s(&process, &root), Some(3.0));
    }

    #[test]
    fn steal_and_pressure_are_read() {
        assert_eq!(
            parse_steal_s("cpu  1 2 3 4 5 6 7 250 0 0\ncpu0 1 2\n"),
            Some(2.5)
        );
        let pressure = "some avg10=93.03 avg60=58.73 total=7932652831\nfull avg10=0.00 total=0\n";
        assert_eq!(parse_pressure_s(pressure), Some(7932.652831));
        let later = WithheldCpu {
            steal_s: Some(3.0),
            ..WithheldCpu::default()
        };
        let earlier = WithheldCpu {
            steal_s: Some(2.5),
            ..WithheldCpu::default()
        };
        assert_eq!(
            later.since(earlier),
            WithheldCpu {
                steal_s: Some(0.5),
                ..WithheldCpu::default()
            }
        );
    }
}
