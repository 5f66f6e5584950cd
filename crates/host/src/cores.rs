//! The cores that this process may use, and threads pinned to them.

use std::io;

/// The cores that this process may use, ascending; empty where the system does not report them.
pub fn allowed_cores() -> Vec<usize> {
    #[cfg(target_os = "linux")]
    {
        use nix::sched::{CpuSet, sched_getaffinity};
        use nix::unistd::Pid;
        let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else {
            return Vec::new();
        };
        (0..CpuSet::count())
            .filter(|core| set.is_set(*core) == Ok(true))
            .collect()
    }
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

/// Pins the calling thread to a core.
///
/// # Errors
/// When this process may not use that core, or the system cannot pin threads.
pub fn pin_thread(core: usize) -> io::Result<()> {
    pin_thread_to(&[core])
}

fn pin_thread_to(cores: &[usize]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use nix::sched::{CpuSet, sched_setaffinity};
        use nix::unistd::Pid;
        let mut set = CpuSet::new();
        for core in cores {
            set.set(*core)?;
        }
        sched_setaffinity(Pid::from_raw(0), &set)?;
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("a thread cannot be kept on cores {cores:?} on this system"),
    ))
}

/// Runs `body` pinned to these cores, then restores the cores allowed before. Threads and processes started by `body`
/// stay pinned. Without cores, `body` runs unpinned.
///
/// # Errors
/// When this process may use none of the cores, or the system cannot pin threads. `body` is not run then.
pub fn with_cores<T>(cores: &[usize], body: impl FnOnce() -> T) -> io::Result<T> {
    if cores.is_empty() {
        return Ok(body());
    }
    let before = allowed_cores();
    pin_thread_to(cores)?;
    let done = body();
    pin_thread_to(&before)?;
    Ok(done)
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_put() {
        let allowed = allowed_cores();
        let last = *allowed.last().unwrap();
        let seen = std::thread::spawn(move || {
            pin_thread(last).unwrap();
            allowed_cores()
        });
        assert_eq!(seen.join().unwrap(), [last]);
        assert_eq!(allowed_cores(), allowed, "other threads are left alone");
        assert!(pin_thread(nix::sched::CpuSet::count()).is_err());
    }

    #[test]
    fn what_is_started_on_a_core_stays_there() {
        let allowed = allowed_cores();
        let last = *allowed.last().unwrap();
        let seen = with_cores(&[last], || std::thread::spawn(allowed_cores)).unwrap();
        assert_eq!(seen.join().unwrap(), [last]);
        assert_eq!(allowed_cores(), allowed);
        assert_eq!(with_cores(&[], allowed_cores).unwrap(), allowed);
        assert!(with_cores(&[nix::sched::CpuSet::count()], || ()).is_err());
        assert_eq!(allowed_cores(), allowed);
    }
}
