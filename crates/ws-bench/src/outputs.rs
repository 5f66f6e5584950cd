//! The files of a run, created before the run and written after it.

use std::path::{Path, PathBuf};

use measurement::record::LoggedSecond;
use measurement::run::Run;
use results::ResultsError;
use results::write::{Output, Written};
use units::{counted, grouped};

use crate::plot;
use crate::tool::tool;

#[derive(Debug)]
pub(crate) struct RunOutputs {
    files: Vec<(PathBuf, Output)>,
    plot: Option<PathBuf>,
}

impl RunOutputs {
    /// Creates the files under temporary names.
    pub(crate) fn create(files: &[PathBuf], plot: Option<&Path>) -> Result<Self, ResultsError> {
        let create = |path: &PathBuf| Ok((path.clone(), Output::create(path)?.growing(&tool())?));
        let files = files.iter().map(create);
        Ok(Self {
            files: files.collect::<Result<_, _>>()?,
            plot: plot.map(Path::to_owned),
        })
    }

    /// The temporary names of the files.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = PathBuf> {
        let unfinished = self.files.iter();
        unfinished.map(|(_, file)| file.unfinished_path().to_owned())
    }

    /// Names of the logs that grow during the run.
    pub(crate) fn growing(&self) -> impl Iterator<Item = PathBuf> {
        let paths = self
            .files
            .iter()
            .filter_map(|(_, file)| file.growing_path());
        paths.map(ToOwned::to_owned)
    }

    /// Appends a second to the logs that grow.
    pub(crate) fn append(&mut self, second: &LoggedSecond) {
        let files = self.files.iter_mut();
        files.for_each(|(_, file)| file.append(second));
    }

    /// Saves every file that can be saved, and draws the picture. Returns one line for each.
    pub(crate) fn save(self, run: &Run) -> Vec<anyhow::Result<String>> {
        let summary = run.summary.as_ref();
        let timed = summary.map_or(0, |s| s.service_time_ns.count);
        let shards = summary.and_then(|s| s.shards.as_ref());
        let has_dead_shards = shards.is_some_and(|shards| !shards.died.is_empty());
        let files = self.files.into_iter();
        let files = files.map(|(path, file)| {
            let has_replaced = path.is_file();
            let written = file.write(run)?;
            Ok(saved_line(&written, timed, has_dead_shards, has_replaced))
        });
        let plot = self.plot.map(|path| plot::draw(&path, run));
        files.chain(plot).collect()
    }
}

/// The line about a saved file of a run with `timed` timed messages.
fn saved_line(written: &Written, timed: u64, has_dead_shards: bool, has_replaced: bool) -> String {
    let path = written.path.display().to_string();
    let rows = written.rows.map(|rows| rows as u64);
    let holds = rows.map(|rows| {
        let rows_of_it = counted(rows, "row");
        if rows < timed && has_dead_shards {
            format!("{rows_of_it}, of the complete shards")
        } else if rows < timed {
            let of = grouped(timed);
            format!("{rows_of_it}, chosen at random from {of}")
        } else {
            rows_of_it
        }
    });
    let line = wording::files::written("saved", &path, holds, has_replaced);
    if rows.is_some_and(|rows| rows > 0) && timed > 0 {
        format!("{line} · draw it with: draw-plot {path}")
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_file_says_what_it_holds_and_how_to_draw_it() {
        let line = |path: &str, rows, timed| {
            let path = PathBuf::from(path);
            saved_line(&Written { path, rows }, timed, false, false)
        };
        assert_eq!(
            line("latencies.xlsx", Some(100_000), 100_000),
            "saved latencies.xlsx (100,000 rows) · draw it with: draw-plot latencies.xlsx"
        );
        assert_eq!(
            line("a.csv", Some(1), 2_000),
            "saved a.csv (1 row, chosen at random from 2,000) · draw it with: draw-plot a.csv"
        );
        assert_eq!(line("a.csv", Some(0), 0), "saved a.csv (0 rows)");
        assert_eq!(line("a.json", None, 5), "saved a.json");
    }
}
