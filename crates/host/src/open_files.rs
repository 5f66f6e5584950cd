//! The limit on open files of this process: every connection is an open file.

use std::io;

/// Raises the soft limit to the hard one, for the whole process. Returns the former limit if it was lower.
///
/// A program calls this once at its start. A library must not call it unasked.
///
/// # Errors
/// When the system refuses; the limit then stays as it is.
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

/// The soft limit in force; `None` where the system has none or does not tell.
pub fn limit() -> Option<u64> {
    #[cfg(unix)]
    {
        rlimit::Resource::NOFILE.get_soft().ok()
    }
    #[cfg(not(unix))]
    None
}
