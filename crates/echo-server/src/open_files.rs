//! The open-file limit: every connection is an open file.

/// Files kept back from connections: the standard streams, the listener, the
/// poller, and the connections being told that there is no room.
const RESERVE: usize = 64;

/// Files that a worker thread's runtime needs: what it waits with, and what wakes it.
const FILES_PER_THREAD: usize = 4;

/// Raises the soft open-file limit to the hard one, for the whole process.
///
/// A program does this once at its start; a library must not do it unasked.
/// Where it cannot be raised, the limit stays as it is.
pub fn raise_limit() {
    #[cfg(unix)]
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!("cannot raise the open-file limit: {error}");
    }
}

/// Connections the present open-file limit allows a server with so many worker
/// threads of its own, less a reserve; at least 1.
#[must_use]
pub fn connections_allowed(threads: usize) -> usize {
    less_reserve(limit(), threads)
}

/// The soft limit of this process.
#[cfg(unix)]
fn limit() -> usize {
    // The smallest limit POSIX lets a system have, should it not say.
    const POSIX_MINIMUM: u64 = 20;
    let limit = rlimit::Resource::NOFILE.get_soft().unwrap_or(POSIX_MINIMUM);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Sockets are no files here; memory sets the limit.
#[cfg(not(unix))]
fn limit() -> usize {
    1 << 20
}

/// A small limit gives up a quarter rather than everything; what the threads
/// need, they need.
fn less_reserve(limit: usize, threads: usize) -> usize {
    let reserve = RESERVE.min(limit / 4);
    let of_threads = FILES_PER_THREAD.saturating_mul(threads);
    limit
        .saturating_sub(reserve.saturating_add(of_threads))
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_never_takes_everything() {
        assert_eq!(less_reserve(20_000, 0), 20_000 - RESERVE);
        assert_eq!(less_reserve(20_000, 2), 20_000 - RESERVE - 8);
        assert_eq!(less_reserve(256, 0), 192);
        assert_eq!(less_reserve(32, 1), 20);
        assert_eq!(less_reserve(32, 128), 1);
        assert_eq!(less_reserve(1, 0), 1);
        assert_eq!(less_reserve(0, usize::MAX), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_is_the_systems() {
        let soft = rlimit::Resource::NOFILE.get_soft().unwrap();
        assert!(u64::try_from(connections_allowed(0)).unwrap() < soft);
    }
}
