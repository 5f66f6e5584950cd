//! The runs that a report is about, and the files that each was saved to.

use std::path::{Path, PathBuf};

use draw_plot::series::Sorted;
use measurement::summary::{Latency, Summary};
use measurement::units::human_time;
use measurement::validity::messages_beyond;
use results::ResultsError;
use results::read::{Metric, Request, SavedRun, read_distributions, read_run};

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

/// The times of a file that has no summary: its messages, or its histograms.
fn from_distributions(file: &Path) -> Result<Vec<Times>, ReportError> {
    const SHOWN: [(&str, f64); 6] = [
        ("min", 0.0),
        ("p50", 0.5),
        ("p90", 0.9),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("max", 1.0),
    ];
    let both = match read_distributions(file, &Request::default(), true) {
        Ok(found) => found.times,
        // A run in which nothing came back is a run all the same.
        Err(ResultsError::EmptyColumn { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let sorted = |metric| {
        let spread = both.iter().find(|named| named.metric == Some(metric))?;
        Sorted::new(spread.spread.values_ms.clone(), &spread.spread.counts)
    };
    let service = sorted(Metric::ServiceTime);
    let response = sorted(Metric::ResponseTime);
    // As in a summary, a percentile beyond which not one message lies is not shown.
    let is_shown = |q: f64, of: &Sorted| q == 1.0 || messages_beyond(of.count(), q) > 0;
    let figure = |of: &Option<Sorted>, q| {
        let of = of.as_ref().filter(|of| is_shown(q, of))?;
        Some(human_time(of.quantile(q) * 1e6))
    };
    Ok(SHOWN
        .into_iter()
        .map(|(name, q)| Times {
            name,
            service: figure(&service, q),
            response: figure(&response, q),
        })
        .collect())
}

/// Reads the files and puts together those of one run, which say so by the same plan, begun at the same
/// time. The runs stand in the order in which their first file was given.
///
/// # Errors
/// [`ReportError::NoFiles`], [`ReportError::TooManyRuns`], or the first file that cannot be read.
pub fn read_runs(files: &[PathBuf]) -> Result<Vec<Run>, ReportError> {
    if files.is_empty() {
        return Err(ReportError::NoFiles);
    }
    let mut runs: Vec<Run> = Vec::new();
    for file in files {
        let saved = read_run(file)?;
        let times = match &saved.summary {
            Some(s) => from_summary(&s.service_time_ns, &s.response_time_ns),
            None => from_distributions(file)?,
        };
        match runs.iter_mut().find(|run| is_same_run(&run.saved, &saved)) {
            Some(run) => run.files.push(file.clone()),
            None => runs.push(Run {
                name: String::new(),
                files: vec![file.clone()],
                saved,
                times,
            }),
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
        // A .csv does not say of which run it is.
        assert_eq!(found, [2, 1, 1]);
        assert!(runs[0].name.ends_with("a/run.json") && runs[1].name.ends_with("b/run.json"));
        assert_eq!(runs[2].name, "run.csv");
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

    #[test]
    fn at_least_one_file_is_needed() {
        assert!(matches!(read_runs(&[]), Err(ReportError::NoFiles)));
    }
}
