//! The place of data: a file, or a sheet of it.

use std::fmt;
use std::path::{Path, PathBuf};

/// A file, and the sheet if it has sheets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The sheet; `None` in a file without sheets.
    pub sheet: Option<String>,
}

impl Place {
    /// A file without sheets.
    pub fn file(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            sheet: None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sheet) = &self.sheet {
            write!(f, "sheet `{sheet}` of ")?;
        }
        self.path.display().fmt(f)
    }
}
