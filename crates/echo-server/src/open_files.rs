//! The open-file limit: every connection is an open file.

/// Files kept back from connections: the standard streams, the listener, the
/// poller, and the connections being told that there is no room.
const RESERVE: usize = 64;

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

/// Connections the present open-file limit allows, less a reserve; at least 1.
#[must_use]
pub fn connections_allowed() -> usize {
    less_reserve(limit())
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

/// A small limit gives up a quarter rather than everything.
fn less_reserve(limit: usize) -> usize {
    (limit - RESERVE.min(limit / 4)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_never_takes_everything() {
        assert_eq!(less_reserve(20_000), 20_000 - RESERVE);
        assert_eq!(less_reserve(256), 192);
        assert_eq!(less_reserve(32), 24);
        assert_eq!(less_reserve(1), 1);
        assert_eq!(less_reserve(0), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_is_the_systems() {
        let soft = rlimit::Resource::NOFILE.get_soft().unwrap();
        assert!(u64::try_from(connections_allowed()).unwrap() < soft);
    }
}
