//! Golden files: outputs of the programs that must not change unintentionally.
//!
//! Values that vary between runs are replaced by placeholders (see [`Mask`]). The result is compared line by line with
//! the file in `tests/golden/` of the crate. Keys, columns, sheets, their order, types, counts and enumerated words are
//! compared exactly.
//!
//! Two environment variables control it:
//! - `UPDATE_GOLDEN=1` rewrites the files. The changes are then visible in the diff of the commit.
//! - `GOLDEN_PROGRAMS=DIR` takes the programs from that folder, to compare an older build with the same files.

use std::path::{Path, PathBuf};

use line_diff::line_diff;

mod line_diff;
mod lines;
mod mask;
mod workbook;

pub use lines::{masked_csv, masked_hlog, masked_markdown, masked_numbers, masked_ports};
pub use mask::Mask;
pub use workbook::masked_workbook;

/// Returns the program under test: the one just built, or the one with the same name in the folder given by
/// `GOLDEN_PROGRAMS`.
#[must_use]
pub fn program(built: &str) -> PathBuf {
    let built = PathBuf::from(built);
    match std::env::var_os("GOLDEN_PROGRAMS") {
        Some(folder) => Path::new(&folder).join(built.file_name().unwrap()),
        None => built,
    }
}

/// Compares outputs with the golden files of these names in a folder, or rewrites the files.
///
/// # Panics
/// With a diff of every file that differs.
pub fn check<N: AsRef<Path>>(folder: &str, outputs: &[(N, String)]) {
    let folder = Path::new(folder);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder).unwrap();
        for (name, text) in outputs {
            std::fs::write(folder.join(name.as_ref()), with_newline(text)).unwrap();
        }
        return;
    }
    let differences: Vec<String> = outputs
        .iter()
        .filter_map(|(name, text)| {
            let path = folder.join(name.as_ref());
            let golden = std::fs::read_to_string(&path)
                .unwrap_or_else(|e| panic!("{}: {e}; UPDATE_GOLDEN=1 writes it", path.display()));
            let diff = line_diff(&golden, &with_newline(text))?;
            Some(format!(
                "{} (- the file, + the output)\n{diff}",
                path.display()
            ))
        })
        .collect();
    assert!(
        differences.is_empty(),
        "outputs differ from their golden files; if that is wanted, UPDATE_GOLDEN=1 rewrites them\n\n{}",
        differences.join("\n")
    );
}

fn with_newline(text: &str) -> String {
    format!("{}\n", text.trim_end_matches('\n'))
}
