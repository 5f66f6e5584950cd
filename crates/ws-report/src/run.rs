//! The runs that a report is about, and the files that each was saved to.

use std::path::{Path, PathBuf};

use draw_plot::series::SortedTimes;
use measurement::run::Summary;
use measurement::verdict::{Latency, messages_beyond};
use results::ResultsError;
use results::read::{Metric, Request, SavedRun, read_distributions, read_run};
use units::{grouped, human_time};

use crate::ReportError;

/// One run, from all of its files that were given.
#[derive(Debug, Clone)]
pub struct Run {
    /// What it is called beside others.
    pub name: String,
    /// Its files, in the order they were given: what one does not hold another may.
    pub files: Vec<PathBuf>,
    /// What they say.
    pub saved: SavedRun,
    /// The figures of service and response time.
    pub(crate) times: Vec<Times>,
    /// Whether these are of all messages.
    pub(crate) choice: Option<Choice>,
}

/// Messages chosen at random from a file that holds too many to keep all their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) count: u64,
    pub(crate) from: u64,
}

impl Choice {
    /// A sentence that says so.
    pub(crate) fn said(self) -> String {
        format!(
            "The times are those of {} messages chosen at random from {}, so the longest of all may be \
             missing.",
            grouped(self.count),
            grouped(self.from)
        )
    }
}

impl Run {
    /// What it says of itself, where it does.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.saved.summary.as_ref()
    }

    /// Whether a response time was measured apart from the service time.
    pub(crate) fn has_response_time(&self) -> bool {
        match self.summary() {
            Some(s) => s.coordinated_omission_p99_ns.is_some(),
            None => self.times.iter().any(|times| times.response.is_some()),
        }
    }
}

/// One figure of both times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) name: &'static str,
    pub(crate) service: Option<String>,
    pub(crate) response: Option<String>,
}

fn from_summary(service: &Latency, response: &Latency) -> Vec<Times> {
    let both = service.shown().into_iter().zip(response.shown());
    both.map(|((name, service), (_, response))| Times {
        name,
        service: service.map(human_time),
        response: response.map(human_time),
    })
    .collect()
}

/// The times of a file that has no summary: its messages, or its histograms. Empty for a run in which
/// nothing came back.
struct Found {
    service: Option<SortedTimes>,
    response: Option<SortedTimes>,
    chosen_from: Option<u64>,
}

impl Found {
    fn in_file(file: &Path) -> Result<Self, ReportError> {
        let (both, chosen_from) = match read_distributions(file, &Request::default(), true) {
            Ok(found) => (found.times, found.chosen_from),
            Err(ResultsError::NoValues { .. }) => (Vec::new(), None),
            Err(error) => return Err(error.into()),
        };
        let sorted = |metric| {
            let spread = both.iter().find(|named| named.metric == Some(metric))?;
            SortedTimes::new(spread.spread.values_ms.clone(), &spread.spread.counts)
        };
        Ok(Self {
            service: sorted(Metric::ServiceTime),
            response: sorted(Metric::ResponseTime),
            chosen_from,
        })
    }

    fn choice(&self) -> Option<Choice> {
        Some(Choice {
            count: self.service.as_ref().map_or(0, SortedTimes::count),
            from: self.chosen_from?,
        })
    }

    fn times(&self) -> Vec<Times> {
        const SHOWN: [(&str, f64); 6] = [
            ("min", 0.0),
            ("p50", 0.5),
            ("p90", 0.9),
            ("p99", 0.99),
            ("p99.9", 0.999),
            ("max", 1.0),
        ];
        // As in a summary, a percentile beyond which not one message lies is not shown.
        let is_shown = |q: f64, of: &SortedTimes| q == 1.0 || messages_beyond(of.count(), q) > 0;
        let figure = |of: &Option<SortedTimes>, q| {
            let of = of.as_ref().filter(|of| is_shown(q, of))?;
            Some(human_time(of.quantile(q) * 1e6))
        };
        SHOWN
            .into_iter()
            .map(|(name, q)| Times {
                name,
                service: figure(&self.service, q),
                response: figure(&self.response, q),
            })
            .collect()
    }

    /// Whether these are the times of the run: as many, with the same shortest and longest one, and the
    /// same median, as far as ways to count it differ. Of messages the extremes are the same to the nanosecond,
    /// which no two runs have in common by chance; of histograms to their three digits.
    fn holds_times_of(&self, s: &Summary) -> bool {
        let is_of = |found: &SortedTimes, of: &Latency| {
            let extremes = if found.is_counted() { 0.002 } else { 0.0 };
            found.count() == of.count
                && is_near(found.quantile(0.0), of.min, extremes)
                && is_near(found.quantile(1.0), of.max, extremes)
                && is_near(found.quantile(0.5), of.p50, 0.01)
        };
        let service = self.service.as_ref();
        let response = self.response.as_ref();
        if service.is_none() && response.is_none() {
            return s.service_time_ns.count == 0;
        }
        service.is_some_and(|found| is_of(found, &s.service_time_ns))
            && response.is_none_or(|found| is_of(found, &s.response_time_ns))
    }
}

/// Whether a file of chosen rows may be of a run: it has its name but for the ending, fewer messages, and no
/// time that the run has not. No two files of one run tell more.
fn may_be_a_choice_of(found: &Found, saved: &SavedRun, run: &Run) -> bool {
    let (Some(s), Some(messages)) = (run.summary(), saved.chosen_from) else {
        return false;
    };
    let is_of = |found: &SortedTimes, of: &Latency| {
        found.count() <= of.count
            && of
                .min
                .is_some_and(|ns| found.quantile(0.0) * 1e6 >= ns as f64 - 0.5)
            && of
                .max
                .is_some_and(|ns| found.quantile(1.0) * 1e6 <= ns as f64 + 0.5)
    };
    let is_named_so = |file: &PathBuf| file.with_extension("") == saved.path.with_extension("");
    let service = found.service.as_ref();
    run.files.iter().any(is_named_so)
        && messages <= s.messages.sent
        && service.is_none_or(|found| is_of(found, &s.service_time_ns))
        && (found.response.as_ref()).is_none_or(|found| is_of(found, &s.response_time_ns))
}

/// Whether a time in milliseconds is one in nanoseconds, but for a share of it.
#[allow(clippy::cast_precision_loss)]
fn is_near(ms: f64, ns: Option<u64>, share: f64) -> bool {
    ns.is_some_and(|ns| (ms * 1e6 - ns as f64).abs() <= (ns as f64 * share).max(0.5))
}

/// Reads the files and puts together those of one run. Files with a summary say so themselves: the same
/// plan, begun at the same time. One without belongs to the one run whose times it holds; of one that holds
/// only a choice of them its name must tell as well.
/// The runs stand in the order in which their first file was given.
///
/// # Errors
/// [`ReportError::NoFiles`], [`ReportError::TooManyRuns`], or the first file that cannot be read.
pub fn read_runs(files: &[PathBuf]) -> Result<Vec<Run>, ReportError> {
    if files.is_empty() {
        return Err(ReportError::NoFiles);
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut nameless: Vec<(usize, Found)> = Vec::new();
    for file in files {
        let saved = read_run(file)?;
        if let Some(run) = runs.iter_mut().find(|run| is_same_run(&run.saved, &saved)) {
            run.files.push(file.clone());
            continue;
        }
        let (times, choice) = match &saved.summary {
            Some(s) => (from_summary(&s.service_time_ns, &s.response_time_ns), None),
            None => {
                let found = Found::in_file(file)?;
                let told = (found.times(), found.choice());
                nameless.push((runs.len(), found));
                told
            }
        };
        runs.push(Run {
            name: String::new(),
            files: vec![file.clone()],
            saved,
            times,
            choice,
        });
    }
    // From the last, so that the places of those before stay as they are.
    for (place, found) in nameless.into_iter().rev() {
        let saved = &runs[place].saved;
        let holds_its = |run: &Run| {
            if saved.chosen_from.is_some() {
                may_be_a_choice_of(&found, saved, run)
            } else {
                run.summary().is_some_and(|s| found.holds_times_of(s))
            }
        };
        let owners: Vec<_> = (0..runs.len()).filter(|at| holds_its(&runs[*at])).collect();
        if let [owner] = owners[..] {
            let files = std::mem::take(&mut runs[place].files);
            runs[owner].files.extend(files);
            runs.remove(place);
        }
    }
    if runs.len() > draw_plot::MAX_SERIES {
        return Err(ReportError::TooManyRuns { found: runs.len() });
    }
    let firsts: Vec<_> = runs.iter().map(|run| run.files[0].clone()).collect();
    for (run, name) in runs.iter_mut().zip(names(&firsts)) {
        run.name = name;
    }
    Ok(runs)
}

fn is_same_run(one: &SavedRun, other: &SavedRun) -> bool {
    match (&one.summary, &other.summary) {
        (Some(one), Some(other)) => one.started_at == other.started_at && one.plan == other.plan,
        _ => false,
    }
}

/// File names; whole paths where names are the same.
fn names(files: &[PathBuf]) -> Vec<String> {
    let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_owned();
    files
        .iter()
        .map(|path| {
            let own = name(path);
            let is_unique = files.iter().filter(|other| name(other) == own).count() == 1;
            let label = if is_unique {
                own.as_os_str()
            } else {
                path.as_os_str()
            };
            label.to_string_lossy().into_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Made;

    #[test]
    fn files_of_one_run_are_put_together_and_others_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let save = |made: Made, name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            made.save(&path);
            path
        };
        let later = || Made::closed().but(|s| s.started_at = "later".into());
        let files = [
            save(Made::closed(), "a/run.json"),
            save(later(), "b/run.json"),
            save(Made::closed(), "a/run.xlsx"),
            save(Made::closed(), "a/run.csv"),
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
        let run = Made::open();
        for name in ["run.csv", "run.hlog", "run.json"] {
            run.save(&path(name));
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
        Made::open().but(other).save(&path("other.json"));
        assert_eq!(found(&["run.csv", "other.json"]), [1, 1]);
        let slower = |s: &mut Summary| {
            s.service_time_ns.p50 = s.service_time_ns.p50.map(|ns| ns + 100_000);
        };
        Made::open().but(slower).save(&path("slower.json"));
        assert_eq!(found(&["run.hlog", "slower.json"]), [1, 1]);
    }

    #[test]
    fn the_times_of_a_file_without_summary_are_those_of_its_messages() {
        let folder = tempfile::tempdir().unwrap();
        let figures = |made: &Made, name: &str| {
            let path = folder.path().join(name);
            made.save(&path);
            let runs = read_runs(&[path]).unwrap();
            let times = runs[0].times.iter();
            let times = times.filter(|times| times.name != "mean");
            times.cloned().collect::<Vec<_>>()
        };
        // The percentiles of histograms and of messages agree to three digits.
        let open = Made::open();
        assert_eq!(figures(&open, "run.csv"), figures(&open, "run.json"));
        assert_eq!(figures(&open, "run.hlog"), figures(&open, "run.json"));
        let closed = figures(&Made::closed(), "closed.csv");
        assert!(
            closed.iter().all(|times| times.response.is_none()),
            "{closed:?}"
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
        let run = Made::open();
        for name in ["run.json", "run.csv", "other.csv"] {
            run.save(&path(name));
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
        Made::open().but(shorter).save(&path("run.json"));
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
        Made::open().but(nothing).save(&path("run.json"));
        Made::open().save(&path("run.csv"));
        rewrite(&path("run.csv"), |at, line| {
            let fields: Vec<_> = line.split(',').collect();
            let lost = [&fields[..4], &["", "", "lost"]].concat().join(",");
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
        Made::closed().save(&files[0]);
        Made::open().save(&files[1]);
        let mut runs = read_runs(&files).unwrap();
        let pages = |runs: &[Run]| {
            let pages = [
                crate::single::page(&runs[1], None),
                crate::several::page(runs, None),
            ];
            pages.map(|page| crate::markdown(&page))
        };
        let said = "messages chosen at random from 20,000,000";
        assert!(pages(&runs).iter().all(|page| !page.contains(said)));
        // A file with so many rows is none for a test.
        let mut found = Found::in_file(&files[1]).unwrap();
        assert_eq!(found.choice(), None);
        found.chosen_from = Some(20_000_000);
        runs[1].choice = found.choice();
        for page in pages(&runs) {
            assert!(page.contains(&format!("3,000 {said}")), "{page}");
        }
    }

    #[test]
    fn at_least_one_file_is_needed() {
        assert!(matches!(read_runs(&[]), Err(ReportError::NoFiles)));
    }
}
