//! One page about one run of ws-bench, or about several side by side: the verdict first, then the
//! figures, the pictures, the plan, the host, and the command that repeats the run.
//!
//! | module | contents |
//! |---|---|
//! | [`page`] | [`Page`]: a page as plain data |
//! | `inputs` | runs and their files |
//! | `run_page`, `comparison_page` | the page about one run, and that about several |
//! | `figures`, `verdict`, `pictures`, `rerun_command` | parts of both |
//! | `scenario_tables`, `shard_table`, `delivery_sections`, `connection_sections`, `load_sections` | tables and sections that only some runs have |
//! | `section_tables` | tables and sentences of these sections |
//! | `html`, `markdown` | the page in each format |
//!
//! The program `ws-report` reads files and calls [`report`]. Another program can build a page of its own from tables,
//! banners and pictures, and write it in the same style:
//!
//! ```
//! use ws_report::page::{Block, Page, Table, TableRow};
//!
//! let mut page = Page::new("axum against tungstenite");
//! let times = Table {
//!     columns: vec!["axum".to_owned(), "tungstenite".to_owned()],
//!     rows: vec![TableRow::new("p99", vec!["1.30 ms".to_owned(), "1.71 ms".to_owned()])],
//!     figures: true,
//!     ..Table::default()
//! };
//! page.add("Figures", vec![Block::Tables(vec![times])]);
//! assert!(ws_report::html(&page)?.contains("1.71"));
//! assert!(ws_report::markdown(&page).contains("| p99 | 1.30 ms | 1.71 ms |"));
//! # Ok::<(), ws_report::ReportError>(())
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

mod comparison_page;
mod connection_sections;
mod delivery_sections;
mod error;
mod figures;
mod html;
mod inputs;
mod load_sections;
mod markdown;
pub mod page;
mod pictures;
mod rerun_command;
mod run_page;
mod scenario_tables;
mod section_tables;
mod shard_table;
mod verdict;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use results::ResultsError;
use results::atomic_file::AtomicFile;

use crate::pictures::ReportPictures;

pub use error::ReportError;
pub use html::html;
pub use markdown::markdown;
pub use page::Page;

/// Formats of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFormat {
    /// One file with everything in it, `.html`.
    Html,
    /// Tables without pictures, `.md`.
    Markdown,
}

impl PageFormat {
    /// The format that the file's ending asks for: `.html`, `.htm` or `.md`, in any case.
    ///
    /// # Errors
    /// [`ReportError::UnknownEnding`] for any other.
    pub fn of(path: &Path) -> Result<Self, ReportError> {
        let ending = path.extension().and_then(OsStr::to_str);
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("html" | "htm") => Ok(Self::Html),
            Some("md") => Ok(Self::Markdown),
            _ => Err(ReportError::UnknownEnding(path.to_owned())),
        }
    }
}

/// The page about these files of ws-bench. Files of the same run are combined. Pictures are drawn only with
/// `pictures`, because they need the single messages.
///
/// # Errors
/// The first file that cannot be read or does not hold a run, no file, or more runs than colours.
pub fn report(files: &[PathBuf], pictures: bool) -> Result<Page, ReportError> {
    let runs = inputs::read_runs(files)?;
    let pictures = if pictures {
        ReportPictures::draw(&runs)
    } else {
        ReportPictures::default()
    };
    Ok(match runs.as_slice() {
        [run] => run_page::page(run, pictures),
        runs => comparison_page::page(runs, pictures),
    })
}

/// Writes the page into a file in the format of its ending. The file appears under its name only when it is complete.
///
/// # Errors
/// [`ReportError::UnknownEnding`], or [`ReportError::File`] when the file cannot be written.
pub fn write(path: &Path, page: &Page) -> Result<(), ReportError> {
    let text = match PageFormat::of(path)? {
        PageFormat::Html => html(page)?,
        PageFormat::Markdown => markdown(page),
    };
    let mut file = AtomicFile::create(path)?;
    file.content()
        .write_all(text.as_bytes())
        .map_err(|source| ResultsError::write(path, source))?;
    Ok(file.publish()?)
}

#[cfg(test)]
mod fixture {
    use std::path::Path;

    use measurement::run::Run;
    use results::write::Output;

    /// Saves a run as ws-bench does.
    pub(crate) fn save(run: &Run, path: &Path) {
        Output::create(path).unwrap().write(run).unwrap();
    }
}
