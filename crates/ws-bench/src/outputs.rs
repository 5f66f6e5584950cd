//! The files of a run, created before the run and written after it.

use std::path::PathBuf;

use measurement::run::Run;
use results::ResultsError;
use results::write::{Output, Written};
use units::{counted, grouped};

use crate::args::BenchArgs;
use crate::plot;

#[derive(Debug)]
pub(crate) struct RunOutputs {
    files: Vec<Output>,
    plot: Option<PathBuf>,
}

impl RunOutputs {
    /// Creates the files under temporary names.
    pub(crate) fn create(args: &BenchArgs) -> Result<Self, ResultsError> {
        let files = args.outputs().iter().map(|path| Output::create(path));
        Ok(Self {
            files: files.collect::<Result<_, _>>()?,
            plot: args.plot.clone(),
        })
    }

    /// The temporary names of the files.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = PathBuf> {
        let unfinished = self.files.iter().map(Output::unfinished_path);
        unfinished.map(ToOwned::to_owned)
    }

    /// Saves every file that can be saved, and draws the picture. Returns one line for each.
    pub(crate) fn save(self, run: &Run) -> Vec<anyhow::Result<String>> {
        let summary = run.summary.as_ref();
        let timed = summary.map_or(0, |s| s.service_time_ns.count);
        let files = self.files.into_iter();
        let files = files.map(|file| Ok(saved_line(&file.write(run)?, timed)));
        let plot = self.plot.map(|path| plot::draw(&path, run));
        files.chain(plot).collect()
    }
}

/// The line about a saved file of a run with `timed` timed messages.
fn saved_line(written: &Written, timed: u64) -> String {
    let path = written.path.display();
    let Some(rows) = written.rows.map(|rows| rows as u64) else {
        return format!("saved {path}");
    };
    let mut line = format!("saved {path} ({}", counted(rows, "row"));
    if rows < timed {
        line += &format!(", chosen at random from {}", grouped(timed));
    }
    line.push(')');
    if rows > 0 && timed > 0 {
        line += &format!(" · draw it with: draw-plot {path}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_file_says_what_it_holds_and_how_to_draw_it() {
        let line = |path: &str, rows, timed| {
            let path = PathBuf::from(path);
            saved_line(&Written { path, rows }, timed)
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
