//! Operating system, kernel, CPU and cores of this machine.

use sysinfo::System;

use crate::cores::allowed_cores;

/// Description of this machine. `unknown` replaces a name that the system does not report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemInfo {
    /// Operating system and version.
    pub os: String,
    /// Kernel and version.
    pub kernel: String,
    /// CPU model.
    pub cpu: String,
    /// Number of cores of the machine.
    pub cores: usize,
    /// The cores that this process may use; empty when it may use all.
    pub allowed_cores: Vec<usize>,
}

impl SystemInfo {
    /// Reads the description from the system.
    pub fn read() -> Self {
        let mut system = System::new().ok();
        let cpus = system.as_mut().map_or(&[][..], |system| {
            system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
            system.cpus()
        });
        let cpu = cpus.first().map(|cpu| cpu.brand().trim().to_owned());
        let mut allowed_cores = allowed_cores();
        if allowed_cores.len() >= cpus.len() {
            allowed_cores.clear();
        }
        let unknown = || "unknown".to_owned();
        Self {
            os: System::long_os_version().unwrap_or_else(|_| unknown()),
            kernel: System::kernel_long_version().unwrap_or_else(|_| unknown()),
            cpu: cpu.filter(|name| !name.is_empty()).unwrap_or_else(unknown),
            cores: match cpus.len() {
                0 => std::thread::available_parallelism().map_or(1, Into::into),
                cores => cores,
            },
            allowed_cores,
        }
    }
}

/// Name of this machine; `None` if the system does not report it.
pub fn host_name() -> Option<String> {
    System::host_name().ok().filter(|name| !name.is_empty())
}

/// Memory available to processes without swapping, in bytes; `None` if the system does not report it.
pub fn available_memory_bytes() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    Some(system.available_memory()).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_memory_is_available() {
        // This test has less than a mebibyte of its own left to ask for.
        assert!(available_memory_bytes().is_none_or(|bytes| bytes > 1 << 20));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_name_of_the_machine_is_that_of_its_kernel() {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(host_name().as_deref(), Some(kernel.trim_end()));
    }

    #[test]
    fn the_host_is_described() {
        let host = SystemInfo::read();
        assert!(!host.os.is_empty() && !host.kernel.is_empty() && host.cores >= 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_machine_has_its_cores_also_when_this_process_may_not_use_them() {
        let all = allowed_cores();
        let confined = crate::cores::with_cores(&all[..1], SystemInfo::read).unwrap();
        assert!(confined.cores >= all.len());
        let expected = if confined.cores > 1 { &all[..1] } else { &[] };
        assert_eq!(confined.allowed_cores, expected);
    }
}
