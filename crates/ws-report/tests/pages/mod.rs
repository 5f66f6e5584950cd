//! Runs saved in files, and the pages about them.

use std::path::PathBuf;

use measurement::run::Run;
use results::write::Output;
use tempfile::TempDir;
use ws_report::Page;

/// Saves a run as ws-bench does, in a file of this name.
pub(crate) fn save(folder: &TempDir, name: &str, run: &Run) -> PathBuf {
    let path = folder.path().join(name);
    Output::create(&path).unwrap().write(run).unwrap();
    path
}

/// The titles of all sections.
pub(crate) fn titles(page: &Page) -> Vec<&str> {
    page.sections.iter().map(|one| one.title.as_str()).collect()
}
