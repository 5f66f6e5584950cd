//! The runs of a report, each with its files.

use std::path::{Path, PathBuf};

use draw_plot::series::SortedTimes;
use measurement::record::LatencyHistogram;
use measurement::run::{Run, Summary};
use measurement::verdict::Latency;
use results::ResultsError;
use results::read::{
    ColumnRequest, Latencies, Metric, PartialLog, RunPart, TimeColumn, read_distribution,
    read_partial_log, read_run,
};
use units::grouped;

use crate::ReportError;

/// One run, from all of its files that were given.
#[derive(Debug, Clone)]
pub(crate) struct ReportedRun {
    pub(crate) name: String,
    /// Files in the order in which they were given. Each can hold contents that another file lacks.
    pub(crate) files: Vec<PathBuf>,
    /// The contents of the first file.
    pub(crate) run: Run,
    /// Lower bound of the number of messages that the rows of a `.csv` are a sample of; `None` when it has all rows.
    rows_chosen_from: Option<u64>,
    pub(crate) service: Latency,
    /// Response times; empty if a file without a summary has none.
    pub(crate) response: Latency,
    /// `None` when the times are those of all messages.
    pub(crate) sample: Option<MessageSample>,
    /// State of a log that grows; `None` for a whole file.
    pub(crate) partial: Option<PartialLog>,
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
            "The times are those of {} messages chosen at random from {}, so longer times can be missing.",
            grouped(self.count),
            grouped(self.from)
        )
    }
}

impl ReportedRun {
    /// The summary; `None` if no file holds one.
    pub(crate) fn summary(&self) -> Option<&Summary> {
        self.run.summary.as_ref()
    }

    /// The sentence about a log that is not whole; `None` for a whole file.
    pub(crate) fn incomplete(&self) -> Option<String> {
        let state = self.partial?;
        Some(wording::files::partial_log(
            &self.name,
            state.through_s,
            state.is_torn,
        ))
    }

    /// Returns `true` when a response time was measured apart from the service time.
    pub(crate) fn has_response_time(&self) -> bool {
        match self.summary() {
            Some(s) => s.coordinated_omission_p99_ns.is_some(),
            None => self.response.count > 0,
        }
    }
}

/// The times of a file that has no summary: of its messages, or of its histograms. Empty for a run without a correct
/// echo.
struct FileTimes {
    columns: Vec<TimeColumn>,
    chosen_from: Option<u64>,
}

impl FileTimes {
    fn read(file: &Path) -> Result<Self, ReportError> {
        let columns = match read_distribution(file, &ColumnRequest::default(), true) {
            Ok(columns) => columns,
            Err(ResultsError::NoCorrectEcho { .. } | ResultsError::EmptyHistograms(..)) => {
                Vec::new()
            }
            Err(ResultsError::NoValues { rows: 0, .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            chosen_from: columns.first().and_then(|one| one.times.chosen_from),
            columns,
        })
    }

    /// Service and response times, ascending.
    fn latencies(&self) -> [Option<&Latencies>; 2] {
        Metric::ALL.map(|metric| {
            let mut columns = self.columns.iter();
            let column = columns.find(|one| one.metric == Some(metric));
            column.map(|column| &column.times)
        })
    }

    fn both(&self) -> [Option<SortedTimes<'_>>; 2] {
        self.latencies().map(|times| SortedTimes::of(times?))
    }

    fn sample(&self) -> Option<MessageSample> {
        Some(MessageSample {
            count: self.both()[0].as_ref().map_or(0, SortedTimes::count),
            from: self.chosen_from?,
        })
    }

    /// Returns `true` when `is_of` holds for all times of the file and those of the summary.
    fn all_are(&self, s: &Summary, is_of: impl Fn(&SortedTimes<'_>, &Latency) -> bool) -> bool {
        let both = [&s.service_time_ns, &s.response_time_ns];
        let mut pairs = self.both().into_iter().zip(both);
        pairs.all(|(found, of)| found.is_none_or(|found| is_of(&found, of)))
    }

    /// Returns `true` when these are the times of the run: the same number, shortest and longest time, and nearly the same
    /// median. The extremes of messages agree to the nanosecond, which does not happen by chance. Those of histograms
    /// agree to three digits.
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

    /// Returns `true` when a file of chosen rows can belong to a run: it has the name of another file of the run except
    /// for the ending, fewer messages, and no time outside the run's range.
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

/// Figures of times in milliseconds, computed as ws-bench computes those of a summary: percentiles come from an
/// HdrHistogram. Without it, the same messages would have a p90 that differs by up to 0.1 %.
fn latency_of(times: Option<&Latencies>) -> Latency {
    let mut histogram = LatencyHistogram::new();
    let Some(times) = times.filter(|times| times.counts.is_empty()) else {
        return times.map_or_else(Latency::default, of_buckets);
    };
    for ms in &times.values_ms {
        histogram.record(nanoseconds(*ms));
    }
    Latency::from(&histogram)
}

/// Figures of the buckets of a histogram. Mean and deviation are not known.
fn of_buckets(times: &Latencies) -> Latency {
    let Some(sorted) = SortedTimes::of(times) else {
        return Latency::default();
    };
    let ns = |q: f64| Some(nanoseconds(sorted.quantile(q)));
    Latency {
        count: sorted.count(),
        min: ns(0.0),
        p50: ns(0.5),
        p90: ns(0.9),
        p99: ns(0.99),
        p99_9: ns(0.999),
        max: ns(1.0),
        ..Latency::default()
    }
}

/// Milliseconds as nanoseconds, rounded to the nearest.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn nanoseconds(ms: f64) -> u64 {
    (ms * 1e6).round() as u64
}

/// Returns `true` when a time in milliseconds differs from one in nanoseconds by at most this share.
fn is_near(ms: f64, ns: Option<u64>, share: f64) -> bool {
    ns.is_some_and(|ns| (ms * 1e6 - ns as f64).abs() <= (ns as f64 * share).max(0.5))
}

/// Reads the files and combines those of one run, in the order in which their first file was given. Files with a
/// summary belong to one run when they have the same plan and start. A file without a summary belongs to the only run
/// whose times it holds. If it holds a sample of the times, it must have the name of a file of the run, too.
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
                let [service, response] = times.latencies().map(latency_of);
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
            partial: read_partial_log(file)?,
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

/// Moves the files of a run without summary to the only run that they belong to, if there is one.
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
    use crate::pictures::ReportPictures;
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
        // The times of the .csv are those of both runs, so it does not belong to either.
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
                shown
                    .map(|(name, ns)| (name, ns.map(human_time)))
                    .collect::<Vec<_>>()
            };
            [shown(&runs[0].service), shown(&runs[0].response)]
        };
        let open = open_loop_run(|_| {});
        let csv = figures(&open, "run.csv");
        assert_eq!(csv, figures(&open, "run.json"));
        // A log of histograms has no mean.
        let without_mean = csv.map(|times| {
            let known = times.into_iter();
            known
                .map(|(name, time)| (name, time.filter(|_| name != "mean")))
                .collect::<Vec<_>>()
        });
        assert_eq!(figures(&open, "run.hlog"), without_mean);
        let [_, closed] = figures(&closed_loop_run(|_| {}), "closed.csv");
        assert!(closed.iter().all(|(_, time)| time.is_none()), "{closed:?}");
    }

    #[test]
    fn a_percentile_of_the_csv_was_a_microsecond_below_that_of_the_run() {
        // 743.4 µs lie in a bucket of HdrHistogram that ends at 743.9 µs.
        let values: Vec<u64> = (0..1_000).map(|n| 743_423 + n % 7).collect();
        let mut histogram = LatencyHistogram::new();
        values.iter().for_each(|ns| histogram.record(*ns));
        let times = Latencies {
            values_ms: values.iter().map(|ns| *ns as f64 / 1e6).collect(),
            ..Latencies::default()
        };
        let (of_file, of_run) = (latency_of(Some(&times)), Latency::from(&histogram));
        assert_eq!(
            (of_file.p90, of_file.mean, of_file.max),
            (of_run.p90, of_run.mean, of_run.max)
        );
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
                crate::run_page::page(&runs[1], ReportPictures::default()),
                crate::comparison_page::page(runs, ReportPictures::default()),
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
