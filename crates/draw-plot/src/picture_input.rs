//! The input of a picture: data and texts, from files or from a fresh run.

use std::io::Write;
use std::path::{Path, PathBuf};

use measurement::run::Run;
use results::ResultsError;
use results::atomic_file::AtomicFile;
use results::read::{
    ColumnRequest, Latencies, Metric, RunOrigin, TimeColumn, TimedLatencies, read_distribution,
    read_timed_latencies, read_timeline, read_times,
};
use units::{counted, grouped};

use crate::data::{Data, Labelled, PictureKind, Subject};
use crate::error::DrawError;
use crate::format::PictureFormat;
use crate::inline_svg::{Svg, inline_svg};
use crate::options::Options;
use crate::phrases::random_choice;
use crate::pictures;
use crate::titles::{Origin, labels_of, quantity_of, run_title, title_of};

/// The input of a picture. Reading and drawing are apart, so that one reading can be drawn in both themes,
/// and one distribution as several kinds.
#[derive(Debug, Clone)]
pub struct PictureInput {
    /// The kind of picture.
    pub kind: PictureKind,
    /// The subject of the picture.
    pub subject: Subject,
    /// The data; distributions may be drawn as any kind of them.
    pub data: Data,
    /// The guesses that were made about the files; one sentence each, in lowercase.
    pub notices: Vec<String>,
    /// A description of each file: `100,000 messages of latencies.xlsx`.
    pub descriptions: Vec<String>,
}

impl PictureInput {
    /// The input of a picture of data in memory.
    #[must_use]
    pub fn new(kind: PictureKind, subject: Subject, data: Data) -> Self {
        Self {
            kind,
            subject,
            data,
            notices: Vec::new(),
            descriptions: Vec::new(),
        }
    }

    /// The service times of a fresh run; `None` when no message has a time.
    #[must_use]
    pub fn of_run(run: &Run) -> Option<Self> {
        let (summary, samples) = (run.summary.as_ref()?, run.samples.as_ref()?);
        let timed = summary.service_time_ns.count;
        let times = Latencies::of_samples(samples, timed);
        let subject = Subject {
            title: run_title(&RunOrigin::from(summary)),
            ..Subject::default()
        };
        let has_times = !times.values_ms.is_empty();
        let data = Data::Latency(vec![Labelled::new(&*summary.tool.name, times)]);
        has_times.then(|| Self::new(PictureKind::Latency, subject, data))
    }

    /// Draws the picture into a file whose ending decides the format: `.png` or `.svg`. The file appears
    /// under its name only when it is whole.
    ///
    /// # Errors
    /// [`DrawError`] when the data cannot be drawn as asked, or the file cannot be written; then
    /// nothing is written.
    pub fn draw(&self, path: &Path, options: &Options) -> Result<(), DrawError> {
        let format = PictureFormat::of(path)?;
        let options = &format.adapt(options);
        let plot = pictures::plot(self.kind, options, &self.subject, &self.data)?;
        let picture = format.encode(plot.as_ref(), options.size)?;
        let mut file = AtomicFile::create(path)?;
        let written = file.content().write_all(&picture);
        written.map_err(|source| ResultsError::write(path, source))?;
        Ok(file.publish()?)
    }

    /// Draws the picture as a part of a page.
    ///
    /// # Errors
    /// [`DrawError`] when the data cannot be drawn as asked.
    pub fn svg(&self, options: &Options) -> Result<Svg, DrawError> {
        let plot = pictures::plot(self.kind, options, &self.subject, &self.data)?;
        let title = options.title.as_deref().unwrap_or(&self.subject.title);
        inline_svg(plot.as_ref(), title, options)
    }
}

/// Reads what the files hold for this kind of picture. With [`ColumnRequest::x`], which only
/// [`PictureKind::Latency`] has, the times are drawn against that column.
///
/// # Errors
/// [`DrawError::Results`] when a file cannot be read or holds nothing for such a picture.
pub fn load(
    kind: PictureKind,
    files: &[PathBuf],
    request: &ColumnRequest,
) -> Result<PictureInput, DrawError> {
    match kind {
        PictureKind::Latency => {
            let all = read_all(files, |file| read_times(file, request))?;
            Ok(of_columns(all))
        }
        PictureKind::Timeline => {
            let all = read_all(files, |file| read_timeline(file, request))?;
            Ok(of_runs(files, all, request.metric))
        }
        PictureKind::Heatmap => {
            let all = read_all(files, |file| read_timed_latencies(file, request))?;
            Ok(of_timed_latencies(all))
        }
        PictureKind::Histogram | PictureKind::Cdf | PictureKind::Percentiles => {
            let both = kind == PictureKind::Percentiles && request.metric == Metric::ServiceTime;
            let all = read_all(files, |file| read_distribution(file, request, both))?;
            Ok(of_distributions(kind, all))
        }
    }
}

fn read_all<T>(
    files: &[PathBuf],
    read: impl Fn(&Path) -> Result<T, ResultsError>,
) -> Result<Vec<T>, DrawError> {
    files.iter().map(|file| Ok(read(file)?)).collect()
}

/// Times in order of sending, or against a column.
fn of_columns(all: Vec<TimeColumn>) -> PictureInput {
    let x_name = all.iter().find_map(|column| column.x.as_ref());
    let x_name = x_name.map(|x| x.column.clone());
    let columns: Vec<_> = all.iter().map(|column| (column, &*column.name)).collect();
    let texts = Texts::of(PictureKind::Latency, x_name.as_deref(), &columns);
    texts.into_input(PictureKind::Latency, all, |files| match x_name {
        Some(x_name) => Data::Xy { x_name, files },
        None => {
            let times = |file: Labelled<TimeColumn>| Labelled::new(file.label, file.data.times);
            Data::Latency(files.into_iter().map(times).collect())
        }
    })
}

/// The distribution of each file; for percentiles both times, where they differ and the request is not
/// for the response time.
fn of_distributions(kind: PictureKind, all: Vec<Vec<TimeColumn>>) -> PictureInput {
    let columns = all.iter().filter_map(|file| match file.as_slice() {
        [] => None,
        [one] => Some((one, &*one.name)),
        [one, ..] => Some((one, "service and response time")),
    });
    let columns: Vec<_> = columns.collect();
    let texts = Texts::of(kind, None, &columns);
    let named = |column: TimeColumn| Labelled::new(column.name, column.times);
    let all = all
        .into_iter()
        .map(|file| file.into_iter().map(named).collect());
    texts.into_input(kind, all.collect(), Data::Distributions)
}

fn of_timed_latencies(all: Vec<TimedLatencies>) -> PictureInput {
    let columns = all.iter().map(|file| (&file.column, &*file.column.name));
    let texts = Texts::of(PictureKind::Heatmap, None, &columns.collect::<Vec<_>>());
    texts.into_input(PictureKind::Heatmap, all, Data::Heatmap)
}

/// The seconds of each file.
fn of_runs(files: &[PathBuf], all: Vec<Run>, metric: Metric) -> PictureInput {
    let kind = PictureKind::Timeline;
    let summaries = all.iter().map(|run| run.summary.as_ref());
    let runs: Vec<_> = summaries
        .map(|summary| summary.map(RunOrigin::from))
        .collect();
    let origins = files.iter().zip(&runs).map(|(path, run)| Origin {
        path,
        run: run.as_ref(),
        name: metric.name(),
    });
    let origins: Vec<_> = origins.collect();
    let describe = |(path, run): (&PathBuf, &Run)| {
        // Those of the drain are not counted: of the last, how long it was is not known.
        let end_s = run.elapsed_s().unwrap_or(f64::INFINITY);
        let rows = run.timeline.iter().flat_map(|timeline| &timeline.rows);
        let seconds = rows.filter(|row| (row.second as f64) < end_s).count() as u64;
        describe_file(path, &counted(seconds, "second"), &[])
    };
    let texts = Texts {
        subject: Subject {
            title: title_of(kind, None, &origins),
            ..Subject::default()
        },
        labels: labels_of(&origins),
        notices: Vec::new(),
        descriptions: files.iter().zip(&all).map(describe).collect(),
    };
    let only = (metric == Metric::ResponseTime).then_some(metric);
    texts.into_input(kind, all, |runs| Data::Timeline { runs, only })
}

/// The texts of a picture of files, and the files' names in the legend.
struct Texts {
    subject: Subject,
    labels: Vec<String>,
    notices: Vec<String>,
    descriptions: Vec<String>,
}

impl Texts {
    /// The texts of a picture of these columns, each with the name of its times.
    fn of(kind: PictureKind, x_name: Option<&str>, columns: &[(&TimeColumn, &str)]) -> Self {
        let origins = columns.iter().map(|(column, name)| Origin {
            path: &column.place.path,
            run: column.run.as_ref(),
            name,
        });
        let origins: Vec<_> = origins.collect();
        let (noun, rest) = match x_name {
            None => ("message", "without a time"),
            Some(_) => ("point", "left out"),
        };
        let describe = |(column, _): &(&TimeColumn, &str)| {
            let times = &column.times;
            let left_out = match times.skipped {
                0 => String::new(),
                n => format!("{} more {rest}", grouped(n)),
            };
            let notes = [random_choice(times.chosen_from), left_out];
            describe_file(&column.place.path, &counted(times.count(), noun), &notes)
        };
        Self {
            subject: Subject {
                title: title_of(kind, x_name, &origins),
                quantity: quantity_of(&origins),
                unit_is_assumed: columns.iter().any(|(column, _)| column.unit_is_assumed),
            },
            labels: labels_of(&origins),
            notices: columns
                .iter()
                .filter_map(|(column, _)| notice_of(column))
                .collect(),
            descriptions: columns.iter().map(describe).collect(),
        }
    }

    /// The input of files, one for each label.
    fn into_input<T>(
        self,
        kind: PictureKind,
        files: Vec<T>,
        data: impl FnOnce(Vec<Labelled<T>>) -> Data,
    ) -> PictureInput {
        let files = self.labels.into_iter().zip(files);
        let files = files.map(|(label, file)| Labelled::new(label, file));
        PictureInput {
            kind,
            subject: self.subject,
            data: data(files.collect()),
            notices: self.notices,
            descriptions: self.descriptions,
        }
    }
}

/// The guesses about a column: `drawing column `rtt` of a.csv`; `None` without any.
fn notice_of(column: &TimeColumn) -> Option<String> {
    let assumed = match column.unit_is_assumed {
        true => ", taken for milliseconds: --unit says otherwise",
        false => "",
    };
    (column.column_is_guessed || column.unit_is_assumed).then(|| {
        format!(
            "drawing column `{}` of {}{assumed}",
            column.column, column.place
        )
    })
}

/// `2 messages of a.csv (chosen at random from 9; 1 more without a time)`
fn describe_file(file: &Path, what: &str, notes: &[String]) -> String {
    let notes: Vec<_> = notes
        .iter()
        .map(String::as_str)
        .filter(|note| !note.is_empty())
        .collect();
    let notes = match notes.as_slice() {
        [] => String::new(),
        notes => format!(" ({})", notes.join("; ")),
    };
    format!("{what} of {}{notes}", file.display())
}
