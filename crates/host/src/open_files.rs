//! Limit on open files of this process. Every connection is an open file.

use std::io;

/// Raises the soft limit to the hard limit, for the whole process. Returns the former limit if it was lower.
///
/// Programs call this once at their start. Libraries must not call it without being asked to.
///
/// # Errors
/// When the system refuses. The limit is unchanged then.
pub fn raise_limit() -> io::Result<Option<u64>> {
    #[cfg(unix)]
    {
        let (before, _) = rlimit::Resource::NOFILE.get()?;
        let limit = rlimit::increase_nofile_limit(u64::MAX)?;
        Ok((limit > before).then_some(before))
    }
    #[cfg(not(unix))]
    Ok(None)
}

/// The current soft limit; `None` where the system has none or does not report it.
pub fn limit() -> Option<u64> {
    #[cfg(unix)]
    {
        rlimit::Resource::NOFILE.get_soft().ok()
    }
    #[cfg(not(unix))]
    None
}
