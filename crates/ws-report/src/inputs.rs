//! Runs that a report is about, each with its files.

use std::path::{Path, PathBuf};

use draw_plot::series::SortedTimes;
use measurement::run::{Run, Summary};
use measurement::verdict::{Latency, messages_beyond};
use results::ResultsError;
use results::read::{ColumnRequest, Metric, RunPart, TimeColumn, read_distribution, read_run};
use units::grouped;

use crate::ReportError;

/// One run, from all of its files that were given.
#[derive(Debug, Clone)]
pub(crate) struct ReportedRun {
    pub(crate) name: String,
    /// Files in the order they were given: each may hold contents that another has not.
    pub(crate) files: Vec<PathBuf>,
    /// The contents of the first.
    pub(crate) run: Run,
    /// Number of messages that a `.csv` has a sample of, or more; `None` when its rows are all.
    rows_chosen_from: Option<u64>,
    pub(crate) service: Latency,
    /// Response times; empty where a file without a summary has none.
    pub(crate) response: Latency,
    /// `None` when the times are those of all messages.
    pub(crate) sample: Option<MessageSample>,
}

/// Messages chosen at random from a file that holds too many to keep all their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageSample {
    pub(crate) count: u64,
    pub(crate) from: u64,
}

impl MessageSample {
    pub(crate) fn sentence(self) -> String {
        format!(
            "The times are those of {} messages chosen at random from {}, so the longest of all may be \
             missing.",
            grouped(self.count),
            grouped(self.from)
        )
    }
}

impl ReportedRun {
    /// `None` where no file holds one.
    pub(crate) fn summary(&self) -> Option<&Summary> {
        self.run.summary.as_ref()
    }

    /// Returns `true` when a response time was measured apart from the service time.
    pub(crate) fn has_response_time(&self) -> bool {
        match self.summary() {
            Some(s) => s.coordinated_omission_p99_ns.is_some(),
            None => self.response.count > 0,
        }
    }
}

/// The times of a file that has no summary: its messages, or its histograms. Empty for a run in which
/// nothing came back.
struct FileTimes {
    columns: Vec<TimeColumn>,
    chosen_from: Option<u64>,
}

impl FileTimes {
    fn read(file: &Path) -> Result<Self, ReportError> {
        let columns = match read_distribution(file, &ColumnRequest::default(), true) {
            Ok(columns) => columns,
            Err(ResultsError::NoValues { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            chosen_from: columns.first().and_then(|one| one.times.chosen_from),
            columns,
        })
    }

    fn both(&self) -> [Option<SortedTimes<'_>>; 2] {
        [Metric::ServiceTime, Metric::ResponseTime].map(|metric| {
            let mut columns = self.columns.iter();
            let column = columns.find(|one| one.metric == Some(metric))?;
            SortedTimes::of(&column.times)
        })
    }

    fn sample(&self) -> Option<MessageSample> {
        Some(MessageSample {
            count: self.both()[0].as_ref().map_or(0, SortedTimes::count),
            from: self.chosen_from?,
        })
    }

    /// Returns `true` when all times that the file holds are like those of the summary.
    fn all_are(&self, s: &Summary, is_of: impl Fn(&SortedTimes<'_>, &Latency) -> bool) -> bool {
        let both = [&s.service_time_ns, &s.response_time_ns];
        let mut pairs = self.both().into_iter().zip(both);
        pairs.all(|(found, of)| found.is_none_or(|found| is_of(&found, of)))
    }

    /// Returns `true` when these are the times of the run: as many, with the same shortest and longest one, and
    /// nearly the same median. Of messages the extremes are the same to the nanosecond, which no two runs have in
    /// common by chance; of histograms to their three digits.
    fn are_times_of(&self, s: &Summary) -> bool {
        let is_of = |found: &SortedTimes<'_>, of: &Latency| {
            let extremes = if found.is_counted() { 0.002 } else { 0.0 };
            found.count() == of.count
                && is_near(found.quantile(0.0), of.min, extremes)
                && is_near(found.quantile(1.0), of.max, extremes)
                && is_near(found.quantile(0.5), of.p50, 0.01)
        };
        match self.both() {
            [None, response] => response.is_none() && s.service_time_ns.count == 0,
            [Some(_), _] => self.all_are(s, is_of),
        }
    }

    /// Returns `true` when a file of chosen rows may be of a run: it has the run's name but for the ending, fewer
    /// messages, and no time outside the run's. The files of one run have nothing else in common.
    fn may_be_sample_of(&self, file: &Path, messages: u64, run: &ReportedRun) -> bool {
        let is_of = |found: &SortedTimes<'_>, of: &Latency| {
            let ns = |q: f64| found.quantile(q) * 1e6;
            found.count() <= of.count
                && of.min.is_some_and(|min| ns(0.0) >= min as f64 - 0.5)
                && of.max.is_some_and(|max| ns(1.0) <= max as f64 + 0.5)
        };
        let has_its_name = |other: &PathBuf| other.with_extension("") == file.with_extension("");
        run.files.iter().any(has_its_name)
            && run
                .summary()
                .is_some_and(|s| messages <= s.messages.sent && self.all_are(s, is_of))
    }
}

/// Figures of times in milliseconds. Like in a report of a summary, a percentile beyond which not one message
/// lies is left out.
fn latency_of(times: Option<&SortedTimes<'_>>) -> Latency {
    let Some(times) = times else {
        return Latency::default();
    };
    // Rounded, and it saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let ns = |q: f64| (times.quantile(q) * 1e6).round() as u64;
    let percentile = |q: f64| (messages_beyond(times.count(), q) > 0).then(|| ns(q));
    Latency {
        count: times.count(),
        min: percentile(0.0),
        p50: percentile(0.5),
        p90: percentile(0.9),
        p99: percentile(0.99),
        p99_9: percentile(0.999),
        max: Some(ns(1.0)),
        ..Latency::default()
    }
}

/// Returns `true` when a time in milliseconds is one in nanoseconds, but for a share of it.
fn is_near(ms: f64, ns: Option<u64>, share: f64) -> bool {
    ns.is_some_and(|ns| (ms * 1e6 - ns as f64).abs() <= (ns as f64 * share).max(0.5))
}

/// Reads the files and puts together those of one run, in the order in which their first file was given. Files
/// with a summary are of one run when they have the same plan and begin. One without belongs to the one run whose
/// times it holds; one that holds only a sample of them must have the run's name as well.
pub(crate) fn read_runs(files: &[PathBuf]) -> Result<Vec<ReportedRun>, ReportError> {
    if files.is_empty() {
        return Err(ReportError::NoFiles);
    }
    let mut runs: Vec<ReportedRun> = Vec::new();
    let mut without_summary: Vec<(usize, FileTimes)> = Vec::new();
    for file in files {
        let (run, rows_chosen_from) = match read_run(file, &[RunPart::Summary, RunPart::Timeline]) {
            // A sample of the rows is of a run as well; only its seconds cannot be counted.
            Err(ResultsError::ChosenRows { messages, .. }) => (Run::default(), Some(messages)),
            run => (run?, None),
        };
        if let Some(known) = runs.iter_mut().find(|known| is_same_run(&known.run, &run)) {
            known.files.push(file.clone());
            continue;
        }
        let (service, response, sample) = match &run.summary {
            Some(s) => (s.service_time_ns, s.response_time_ns, None),
            None => {
                let times = FileTimes::read(file)?;
                let [service, response] = times.both().map(|times| latency_of(times.as_ref()));
                let sample = times.sample();
                without_summary.push((runs.len(), times));
                (service, response, sample)
            }
        };
        runs.push(ReportedRun {
            name: String::new(),
            files: vec![file.clone()],
            run,
            rows_chosen_from,
            service,
            response,
            sample,
        });
    }
    // From the last, so that the places of those before stay as they are.
    for (place, times) in without_summary.into_iter().rev() {
        give_to_owner(&mut runs, place, &times);
    }
    if runs.len() > draw_plot::MAX_SERIES {
        return Err(ReportError::TooManyRuns(runs.len()));
    }
    let firsts: Vec<_> = runs.iter().map(|run| run.files[0].clone()).collect();
    for (run, name) in runs.iter_mut().zip(names(&firsts)) {
        run.name = name;
    }
    Ok(runs)
}

/// Moves the files of a run without summary to the one run that they belong to, if there is one.
fn give_to_owner(runs: &mut Vec<ReportedRun>, place: usize, times: &FileTimes) {
    let orphan = &runs[place];
    let is_owner = |run: &ReportedRun| match orphan.rows_chosen_from {
        Some(messages) => times.may_be_sample_of(&orphan.files[0], messages, run),
        None => run.summary().is_some_and(|s| times.are_times_of(s)),
    };
    let owners: Vec<_> = (0..runs.len()).filter(|at| is_owner(&runs[*at])).collect();
    if let [owner] = owners[..] {
        let files = std::mem::take(&mut runs[place].files);
        runs[owner].files.extend(files);
        runs.remove(place);
    }
}

fn is_same_run(one: &Run, other: &Run) -> bool {
    match (&one.summary, &other.summary) {
        (Some(one), Some(other)) => one.started_at == other.started_at && one.plan == other.plan,
        _ => false,
    }
}

/// File names; whole paths where names are the same.
fn names(files: &[PathBuf]) -> Vec<String> {
    let name = |path: &PathBuf| {
        let is_same = |other: &&PathBuf| other.file_name() == path.file_name();
        let is_unique = files.iter().filter(is_same).count() == 1;
        let own = path.file_name().filter(|_| is_unique);
        own.unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned()
    };
    files.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::save;
    use test_support::fixtures::{closed_loop_run, open_loop_run};
    use units::human_time;

    #[test]
    fn files_of_one_run_are_put_together_and_others_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let save_as = |run: Run, name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            save(&run, &path);
            path
        };
        let later = || closed_loop_run(|s| s.started_at = "later".into());
        let files = [
            save_as(closed_loop_run(|_| {}), "a/run.json"),
            save_as(later(), "b/run.json"),
            save_as(closed_loop_run(|_| {}), "a/run.xlsx"),
            save_as(closed_loop_run(|_| {}), "a/run.csv"),
        ];
        let runs = read_runs(&files).unwrap();
        let found: Vec<_> = runs.iter().map(|run| run.files.len()).collect();
        // The times of the .csv are those of both runs, so it is not said to be of either.
        assert_eq!(found, [2, 1, 1]);
        assert!(runs[0].name.ends_with("a/run.json") && runs[1].name.ends_with("b/run.json"));
        assert_eq!(runs[2].name, "run.csv");
    }

    #[test]
    fn a_file_without_summary_belongs_to_the_run_whose_times_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let run = open_loop_run(|_| {});
        for name in ["run.csv", "run.hlog", "run.json"] {
            save(&run, &path(name));
        }
        let found = |files: &[&str]| -> Vec<usize> {
            let files: Vec<_> = files.iter().map(|name| path(name)).collect();
            let runs = read_runs(&files).unwrap();
            runs.iter().map(|run| run.files.len()).collect()
        };
        assert_eq!(found(&["run.csv", "run.json", "run.hlog"]), [3]);
        // One time is another by a microsecond.
        let other = |s: &mut Summary| {
            s.service_time_ns.max = s.service_time_ns.max.map(|ns| ns + 1_000);
        };
        save(&open_loop_run(other), &path("other.json"));
        assert_eq!(found(&["run.csv", "other.json"]), [1, 1]);
        let slower = |s: &mut Summary| {
            s.service_time_ns.p50 = s.service_time_ns.p50.map(|ns| ns + 100_000);
        };
        save(&open_loop_run(slower), &path("slower.json"));
        assert_eq!(found(&["run.hlog", "slower.json"]), [1, 1]);
    }

    #[test]
    fn the_times_of_a_file_without_summary_are_those_of_its_messages() {
        let folder = tempfile::tempdir().unwrap();
        let figures = |run: &Run, name: &str| {
            let path = folder.path().join(name);
            save(run, &path);
            let runs = read_runs(&[path]).unwrap();
            let shown = |times: &Latency| {
                let shown = times.shown().into_iter();
                let shown = shown.filter(|(name, _)| *name != "mean");
                shown
                    .map(|(name, ns)| (name, ns.map(human_time)))
                    .collect::<Vec<_>>()
            };
            (shown(&runs[0].service), shown(&runs[0].response))
        };
        // The percentiles of histograms and of messages agree to three digits.
        let open = open_loop_run(|_| {});
        assert_eq!(figures(&open, "run.csv"), figures(&open, "run.json"));
        assert_eq!(figures(&open, "run.hlog"), figures(&open, "run.json"));
        let (_, closed) = figures(&closed_loop_run(|_| {}), "closed.csv");
        assert!(closed.iter().all(|(_, time)| time.is_none()), "{closed:?}");
    }

    /// The same file with only some of its lines, each changed.
    fn rewrite(path: &Path, line: impl Fn(usize, &str) -> Option<String>) {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().enumerate();
        let lines: Vec<_> = lines.filter_map(|(at, text)| line(at, text)).collect();
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }

    #[test]
    fn a_choice_of_the_messages_belongs_to_the_run_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let run = open_loop_run(|_| {});
        for name in ["run.json", "run.csv", "other.csv"] {
            save(&run, &path(name));
        }
        for name in ["run.csv", "other.csv"] {
            rewrite(&path(name), |at, line| {
                (at % 100 == 0).then(|| line.to_owned())
            });
        }
        let found = |files: &[&str]| -> Vec<usize> {
            let files: Vec<_> = files.iter().map(|name| path(name)).collect();
            let runs = read_runs(&files).unwrap();
            runs.iter().map(|run| run.files.len()).collect()
        };
        assert_eq!(found(&["run.csv", "run.json"]), [2]);
        assert_eq!(found(&["other.csv", "run.json"]), [1, 1]);
        // A time that the run has not.
        let shorter = |s: &mut Summary| s.service_time_ns.max = Some(1_100_000);
        save(&open_loop_run(shorter), &path("run.json"));
        assert_eq!(found(&["run.csv", "run.json"]), [1, 1]);
    }

    #[test]
    fn the_messages_of_a_run_in_which_nothing_came_back_are_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let nothing = |s: &mut Summary| {
            s.service_time_ns = Latency::default();
            s.response_time_ns = Latency::default();
        };
        save(&open_loop_run(nothing), &path("run.json"));
        save(&open_loop_run(|_| {}), &path("run.csv"));
        rewrite(&path("run.csv"), |at, line| {
            let fields: Vec<_> = line.split(',').collect();
            let lost = [&fields[..4], &["", "", "lost", "0"]].concat().join(",");
            Some(if at == 0 { line.to_owned() } else { lost })
        });
        let runs = read_runs(&[path("run.csv"), path("run.json")]).unwrap();
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].files.len(), 2);
    }

    #[test]
    fn times_of_a_choice_are_said_to_be_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files = [path("whole.csv"), path("large.csv")];
        save(&closed_loop_run(|_| {}), &files[0]);
        save(&open_loop_run(|_| {}), &files[1]);
        let mut runs = read_runs(&files).unwrap();
        let pages = |runs: &[ReportedRun]| {
            let pages = [
                crate::run_page::page(&runs[1], Vec::new()),
                crate::comparison_page::page(runs, Vec::new()),
            ];
            pages.map(|page| crate::markdown(&page))
        };
        let said = "messages chosen at random from 20,000,000";
        assert!(pages(&runs).iter().all(|page| !page.contains(said)));
        // A file with so many rows is none for a test.
        let mut found = FileTimes::read(&files[1]).unwrap();
        assert_eq!(found.sample(), None);
        found.chosen_from = Some(20_000_000);
        runs[1].sample = found.sample();
        for page in pages(&runs) {
            assert!(page.contains(&format!("3,000 {said}")), "{page}");
        }
    }

    #[test]
    fn at_least_one_file_is_needed() {
        assert!(matches!(read_runs(&[]), Err(ReportError::NoFiles)));
    }
}
