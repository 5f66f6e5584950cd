//! The files of a run, created before the run and written after it.

use std::path::{Path, PathBuf};

use measurement::record::LoggedSecond;
use measurement::run::Run;
use results::ResultsError;
use results::write::{Output, RunFormat, Written};
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
        let content = SavedContent::of(run);
        let files = self.files.into_iter();
        let files = files.map(|(path, file)| {
            let has_replaced = path.is_file();
            let written = file.write(run)?;
            Ok(content.line(&written, has_replaced))
        });
        let plot = self.plot.map(|path| plot::draw(&path, run));
        files.chain(plot).collect()
    }
}

/// Rows of a run's sheet, and the number of things of which they may be a sample.
#[derive(Debug, Clone, Copy, Default)]
struct SavedRows {
    rows: u64,
    all: u64,
}

/// The content of a run's files.
#[derive(Debug, Default)]
struct SavedContent {
    /// Timed messages.
    timed: u64,
    /// Messages sent.
    sent: u64,
    /// Connections were lost.
    has_storm: bool,
    has_dead_shards: bool,
    /// Several rates were offered.
    has_curve: bool,
    /// Deliveries; `None` for a run without.
    deliveries: Option<SavedRows>,
    /// Messages of a feed; `None` for a run without.
    pushes: Option<SavedRows>,
}

impl SavedContent {
    fn of(run: &Run) -> Self {
        let Some(summary) = &run.summary else {
            return Self::default();
        };
        let shards = summary.shards.as_ref();
        let rows = |rows: usize, all| SavedRows {
            rows: rows as u64,
            all,
        };
        let deliveries = summary.fan_out.as_ref();
        let pushes = summary.push.as_ref();
        Self {
            timed: summary.service_time_ns.count,
            sent: summary.messages.sent,
            has_storm: summary
                .reconnect
                .as_ref()
                .is_some_and(|own| own.dropped > 0),
            has_dead_shards: shards.is_some_and(|shards| !shards.died.is_empty()),
            has_curve: summary
                .load_steps()
                .is_some_and(|steps| steps.iter().any(|step| step.response_p50_ns.is_some())),
            deliveries: deliveries.map(|own| rows(run.deliveries.len(), own.expected)),
            pushes: pushes.map(|own| rows(run.pushes.len(), own.received)),
        }
    }

    /// The line about a saved file.
    fn line(&self, written: &Written, has_replaced: bool) -> String {
        let path = written.path.display().to_string();
        let rows = written.rows.map(|rows| rows as u64);
        let holds = rows.map(|rows| self.holds(rows, &path));
        let line = wording::files::written("saved", &path, holds, has_replaced);
        let hint = match rows {
            _ if self.has_curve && holds_steps(&path) => Some("draw-plot --kind load-curve"),
            Some(_) if self.has_storm && is_workbook(&path) => Some("draw-plot --kind storm"),
            Some(_) if self.has_rooms(&path) => Some("draw-plot --kind fan-out"),
            Some(rows) if rows > 0 && self.timed > 0 => Some("draw-plot"),
            _ => None,
        };
        match hint {
            Some(command) => format!("{line} · draw it with: {command} {path}"),
            None => line,
        }
    }

    /// Returns true when deliveries are in this file.
    fn has_rooms(&self, path: &str) -> bool {
        is_workbook(path) && self.deliveries.is_some_and(|own| own.rows > 0)
    }

    /// The rows of a file: those of messages, of deliveries and of a feed.
    fn holds(&self, messages: u64, path: &str) -> String {
        let others = [(self.deliveries, "delivery"), (self.pushes, "push")];
        let others = others
            .into_iter()
            .filter_map(|(rows, noun)| Some((rows?, noun)));
        let others: Vec<_> = others.collect();
        if others.is_empty() {
            return self.rows(messages, self.timed, "row");
        }
        if !is_workbook(path) {
            let only = counted(messages, "message");
            let pushes = self.pushes.is_some_and(|own| own.all > 0);
            let missing = if pushes { "pushes" } else { "deliveries" };
            return format!("{only}; {missing} are in .xlsx files only");
        }
        let sent = (self.sent > 0).then(|| self.rows(messages, self.sent, "message"));
        let others = others
            .iter()
            .map(|(own, noun)| self.rows(own.rows, own.all, noun));
        let parts: Vec<_> = sent.into_iter().chain(others).collect();
        parts.join(", ")
    }

    /// A number of rows, and the number of which they are a sample.
    fn rows(&self, rows: u64, all: u64, noun: &str) -> String {
        let rows_of_it = counted(rows, noun);
        if rows < all && self.has_dead_shards {
            format!("{rows_of_it}, of the complete shards")
        } else if rows < all {
            format!("{rows_of_it}, chosen at random from {}", grouped(all))
        } else {
            rows_of_it
        }
    }
}

/// Returns true for a file that holds the steps of a search or a sweep.
fn holds_steps(path: &str) -> bool {
    let format = RunFormat::of(Path::new(path));
    matches!(format, Ok(RunFormat::Xlsx | RunFormat::Json))
}

fn is_workbook(path: &str) -> bool {
    matches!(RunFormat::of(Path::new(path)), Ok(RunFormat::Xlsx))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_file_says_what_it_holds_and_how_to_draw_it() {
        let line = |path: &str, rows, timed| {
            let path = PathBuf::from(path);
            let content = SavedContent {
                timed,
                ..SavedContent::default()
            };
            content.line(&Written { path, rows }, false)
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

    #[test]
    fn deliveries_and_pushes_of_a_file_are_counted() {
        let rows = |rows, all| Some(SavedRows { rows, all });
        let line = |content: &SavedContent, path: &str, rows| {
            let path = PathBuf::from(path);
            let rows = Some(rows);
            content.line(&Written { path, rows }, false)
        };
        let mut room = SavedContent {
            sent: 300,
            deliveries: rows(15_300, 15_300),
            ..SavedContent::default()
        };
        assert_eq!(
            line(&room, "r.xlsx", 300),
            "saved r.xlsx (300 messages, 15,300 deliveries) · draw it with: draw-plot --kind fan-out r.xlsx"
        );
        let storm = SavedContent {
            has_storm: true,
            ..SavedContent::default()
        };
        assert!(line(&storm, "r.xlsx", 1).ends_with("draw-plot --kind storm r.xlsx"));
        let sweep = SavedContent {
            has_curve: true,
            timed: 5,
            ..SavedContent::default()
        };
        for path in ["r.xlsx", "r.json"] {
            let hint = format!("draw-plot --kind load-curve {path}");
            assert!(line(&sweep, path, 5).ends_with(&hint), "{path}");
        }
        assert!(line(&sweep, "r.csv", 5).ends_with("draw-plot r.csv"));
        room.deliveries = rows(1_000, 15_300);
        assert_eq!(
            room.holds(300, "r.xlsx"),
            "300 messages, 1,000 deliveries, chosen at random from 15,300"
        );
        assert_eq!(
            line(&room, "r.csv", 300),
            "saved r.csv (300 messages; deliveries are in .xlsx files only)"
        );
        let feed = SavedContent {
            pushes: rows(2_000, 2_000),
            ..SavedContent::default()
        };
        assert_eq!(line(&feed, "f.xlsx", 0), "saved f.xlsx (2,000 pushes)");
        assert_eq!(
            line(&feed, "f.csv", 0),
            "saved f.csv (0 messages; pushes are in .xlsx files only)"
        );
    }
}
