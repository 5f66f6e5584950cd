//! Names of logs that grow.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Ending of a log whose run goes on or was killed, after the ending of a log.
const PARTIAL: &str = "partial";

/// The name under which a log grows: `x.hlog.partial` for `x.hlog`.
pub(crate) fn partial_path(log: &Path) -> PathBuf {
    let mut name = OsString::from(log);
    name.push(".");
    name.push(PARTIAL);
    name.into()
}

/// Returns `true` for `x.hlog.partial`.
pub(crate) fn is_partial_log(path: &Path) -> bool {
    let ends_with = |path: &Path, ending: &str| {
        let own = path.extension();
        own.is_some_and(|own| own.eq_ignore_ascii_case(ending))
    };
    ends_with(path, PARTIAL) && ends_with(&path.with_extension(""), "hlog")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_grows_under_a_name_of_its_own() {
        let path = partial_path(Path::new("a.b/run.hlog"));
        assert_eq!(path, Path::new("a.b/run.hlog.partial"));
        assert!(is_partial_log(&path) && is_partial_log(Path::new("X.HLOG.PARTIAL")));
        for other in ["run.hlog", "run.partial", "run.csv.partial", "partial"] {
            assert!(!is_partial_log(Path::new(other)), "{other}");
        }
    }
}
