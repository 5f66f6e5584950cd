//! The files of a comparison: created before it, written after it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use measurement::comparison::Comparison;
use measurement::validity::Verdict;
use results::atomic_file::AtomicFile;
use results::write::ComparisonFormat;

use crate::page::{self, Extent};
use crate::picture;

/// What a file's ending asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data(ComparisonFormat),
    Markdown,
    Html,
    Picture,
}

impl Kind {
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

/// Files whose endings are known.
#[derive(Debug)]
pub struct Outputs<F = PathBuf>(Vec<(Kind, F)>);

impl Outputs {
    /// Whether all endings are known.
    ///
    /// # Errors
    /// The first that is not, in words.
    pub fn check(paths: &[PathBuf]) -> Result<Self, String> {
        let known = |path: &PathBuf| {
            let kind = Kind::of(path).ok_or_else(|| {
                format!(
                    "cannot tell the format of {} by its ending: use .json, .xlsx, .md, .html, .png or .svg",
                    path.display()
                )
            })?;
            Ok((kind, path.clone()))
        };
        paths.iter().map(known).collect::<Result<_, _>>().map(Self)
    }

    /// Creates the files.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn create(self) -> anyhow::Result<Outputs<AtomicFile>> {
        let create = |(kind, path): (Kind, PathBuf)| anyhow::Ok((kind, AtomicFile::create(&path)?));
        self.0
            .into_iter()
            .map(create)
            .collect::<Result<_, _>>()
            .map(Outputs)
    }
}

impl Outputs<AtomicFile> {
    /// The names that they have until they are whole.
    #[must_use]
    pub fn unfinished(&self) -> Vec<PathBuf> {
        let paths = self.0.iter().map(|(_, file)| file.unfinished_path());
        paths.map(Path::to_owned).collect()
    }

    /// Writes all; of each what became of it, in a line.
    #[must_use]
    pub fn write(self, comparison: &Comparison) -> Vec<anyhow::Result<String>> {
        let files = self.0.into_iter();
        files
            .map(|(kind, file)| {
                let path = file.path().to_owned();
                if kind == Kind::Picture && has_nothing_to_draw(comparison) {
                    return Ok(format!(
                        "{} is not written: there is nothing to draw",
                        path.display()
                    ));
                }
                write(comparison, kind, file)
                    .with_context(|| format!("cannot save {}", path.display()))?;
                Ok(format!("saved {}", path.display()))
            })
            .collect()
    }
}

/// Whether it came to nothing, as its exit code tells already, and a picture of it would be empty.
fn has_nothing_to_draw(c: &Comparison) -> bool {
    let is_told = c.interrupted || c.validity.verdict == Verdict::Invalid;
    is_told && !picture::has_ratios(c)
}

fn write(c: &Comparison, kind: Kind, mut file: AtomicFile) -> anyhow::Result<()> {
    let bytes = match kind {
        Kind::Data(format) => return Ok(results::write::write_comparison(c, format, file)?),
        Kind::Markdown => {
            ws_report::markdown(&page::page(c, Extent::Short, Vec::new())).into_bytes()
        }
        Kind::Html => {
            let pictures = picture::for_page(c)?;
            ws_report::html(&page::page(c, Extent::Full, pictures))?.into_bytes()
        }
        Kind::Picture => picture::encode(c, file.path())?,
    };
    file.content().write_all(&bytes)?;
    Ok(file.publish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_told_apart() {
        let check = |name: &str| Outputs::check(&[PathBuf::from(name)]);
        for known in ["a.json", "a.XLSX", "a.md", "a.html", "a.png", "a.svg"] {
            assert!(check(known).is_ok(), "{known}");
        }
        for wrong in ["a", "a.csv", "a.hlog", ".json"] {
            let error = check(wrong).unwrap_err();
            assert!(error.contains(wrong) && error.contains(".xlsx"), "{error}");
        }
    }
}
