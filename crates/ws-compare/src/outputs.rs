//! Files of a comparison, created before it and written after it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use measurement::run::comparison::Comparison;
use measurement::verdict::Verdict;
use results::atomic_file::AtomicFile;
use results::write::ComparisonFormat;

use crate::forest;
use crate::page::{self, Extent};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputFormat {
    Data(ComparisonFormat),
    Markdown,
    Html,
    Picture,
}

impl OutputFormat {
    fn of(path: &Path) -> Option<Self> {
        let ending = path.extension().and_then(OsStr::to_str)?;
        Some(match ending.to_ascii_lowercase().as_str() {
            "json" => Self::Data(ComparisonFormat::Json),
            "xlsx" => Self::Data(ComparisonFormat::Xlsx),
            "md" => Self::Markdown,
            "html" | "htm" => Self::Html,
            "png" | "svg" => Self::Picture,
            _ => return None,
        })
    }
}

#[derive(Debug)]
pub(crate) struct ComparisonFiles<F = PathBuf>(Vec<(OutputFormat, F)>);

impl ComparisonFiles {
    /// Determines the format of each file. The error contains the first unknown ending.
    pub(crate) fn check(paths: &[PathBuf]) -> Result<Self, String> {
        let known = |path: &PathBuf| {
            let format = OutputFormat::of(path).ok_or_else(|| {
                format!(
                    "cannot tell the format of {} by its ending: use .json, .xlsx, .md, .html, .png or .svg",
                    path.display()
                )
            })?;
            Ok((format, path.clone()))
        };
        paths.iter().map(known).collect::<Result<_, _>>().map(Self)
    }

    /// Creates the files. Returns those that could be created, and the errors of the others.
    pub(crate) fn create(self) -> (ComparisonFiles<AtomicFile>, Vec<anyhow::Error>) {
        let (mut files, mut errors) = (Vec::new(), Vec::new());
        for (format, path) in self.0 {
            match AtomicFile::create(&path) {
                Ok(file) => files.push((format, file)),
                Err(error) => errors.push(error.into()),
            }
        }
        (ComparisonFiles(files), errors)
    }
}

impl ComparisonFiles<AtomicFile> {
    /// Temporary names of the files.
    pub(crate) fn unfinished(&self) -> Vec<PathBuf> {
        let paths = self.0.iter().map(|(_, file)| file.unfinished_path());
        paths.map(Path::to_owned).collect()
    }

    /// Writes all files. Returns one line for each.
    pub(crate) fn write(self, comparison: &Comparison) -> Vec<anyhow::Result<String>> {
        let files = self.0.into_iter();
        files
            .map(|(format, file)| {
                let path = file.path().display().to_string();
                if format == OutputFormat::Picture && has_nothing_to_draw(comparison) {
                    return Ok(format!(
                        "did not draw {path}: no ratio of two servers is known"
                    ));
                }
                let has_replaced = file.path().is_file();
                let written = write(comparison, format, file);
                written.with_context(|| format!("cannot save {path}"))?;
                Ok(wording::files::written("saved", &path, None, has_replaced))
            })
            .collect()
    }
}

/// Returns true when a picture would be empty, and the exit code or the text already reports that nothing was compared.
fn has_nothing_to_draw(c: &Comparison) -> bool {
    // Capacities that the generator limited have no ratio.
    let are_searched = c.plan.load.find_capacity.is_some();
    let is_reported = c.interrupted || are_searched || c.validity.verdict == Verdict::Invalid;
    is_reported && !forest::has_ratios(c)
}

fn write(c: &Comparison, format: OutputFormat, mut file: AtomicFile) -> anyhow::Result<()> {
    let bytes = match format {
        OutputFormat::Data(format) => {
            return Ok(results::write::write_comparison(c, format, file)?);
        }
        OutputFormat::Markdown => {
            ws_report::markdown(&page::page(c, Extent::Short, Vec::new())).into_bytes()
        }
        OutputFormat::Html => {
            let pictures = forest::for_page(c)?;
            ws_report::html(&page::page(c, Extent::Full, pictures))?.into_bytes()
        }
        OutputFormat::Picture => forest::encode(c, file.path())?,
    };
    file.content().write_all(&bytes)?;
    Ok(file.publish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_told_apart() {
        let check = |name: &str| ComparisonFiles::check(&[PathBuf::from(name)]);
        for known in ["a.json", "a.XLSX", "a.md", "a.html", "a.png", "a.svg"] {
            assert!(check(known).is_ok(), "{known}");
        }
        for wrong in ["a", "a.csv", "a.hlog", ".json"] {
            let error = check(wrong).unwrap_err();
            assert!(error.contains(wrong) && error.contains(".xlsx"), "{error}");
        }
    }
}
