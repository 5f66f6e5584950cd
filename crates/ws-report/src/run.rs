//! The runs that a report is about, and the files that each was saved to.

use std::path::{Path, PathBuf};

use measurement::summary::{Latency, Summary};
use measurement::units::human_time;
use results::read::{SavedRun, read_run};

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
            None => {
                let mut rows = self.saved.percentiles.iter();
                rows.any(|row| row.service_time_ns != row.response_time_ns)
            }
        }
    }

    /// The figures of service and response time for a person, with their names; what is not known of a
    /// run without a summary is left out.
    pub(crate) fn times(&self) -> Vec<Times> {
        match self.summary() {
            Some(s) => from_summary(&s.service_time_ns, &s.response_time_ns),
            None => self.from_percentiles(),
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn from_percentiles(&self) -> Vec<Times> {
        let rows = self.saved.percentiles.iter();
        let wanted = rows.filter_map(|row| {
            let name = match row.percentile {
                0.0 => "min",
                50.0 => "p50",
                90.0 => "p90",
                99.0 => "p99",
                99.9 => "p99.9",
                100.0 => "max",
                _ => return None,
            };
            Some(Times {
                name,
                service: Some(human_time(row.service_time_ns as f64)),
                response: Some(human_time(row.response_time_ns as f64)),
            })
        });
        wanted.collect()
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
        match runs.iter_mut().find(|run| is_same_run(&run.saved, &saved)) {
            Some(run) => run.files.push(file.clone()),
            None => runs.push(Run {
                name: String::new(),
                files: vec![file.clone()],
                saved,
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
