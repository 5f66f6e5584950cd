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

use crate::data::{Data, Labelled, Notice, PictureKind, Subject};
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
    /// The guesses that were made about the files.
    pub notices: Vec<Notice>,
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
        let times = Latencies::of_samples(samples, Metric::ServiceTime, timed);
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
    let origins = all.iter().map(|one| Origin::of_column(one, &one.name));
    let origins: Vec<_> = origins.collect();
    let title = title_of(PictureKind::Latency, x_name.as_deref(), &origins);
    input(
        PictureKind::Latency,
        title,
        origins,
        all,
        |files| match x_name {
            Some(x_name) => Data::Xy { x_name, files },
            None => {
                let times = |file: Labelled<TimeColumn>| Labelled::new(file.label, file.data.times);
                Data::Latency(files.into_iter().map(times).collect())
            }
        },
    )
}

/// The distribution of each file; for percentiles both times, where they differ and the request is not
/// for the response time.
fn of_distributions(kind: PictureKind, all: Vec<Vec<TimeColumn>>) -> PictureInput {
    let origins = all.iter().filter_map(|file| match file.as_slice() {
        [] => None,
        [one] => Some(Origin::of_column(one, &one.name)),
        [one, ..] => Some(Origin::of_column(one, "service and response time")),
    });
    let origins: Vec<_> = origins.collect();
    let named = |column: TimeColumn| Labelled::new(column.name, column.times);
    let all = all.into_iter();
    let all = all.map(|file| file.into_iter().map(named).collect());
    let title = title_of(kind, None, &origins);
    input(kind, title, origins, all.collect(), Data::Distributions)
}

fn of_timed_latencies(all: Vec<TimedLatencies>) -> PictureInput {
    let columns = all.iter().map(|file| &file.column);
    let origins: Vec<_> = columns
        .map(|one| Origin::of_column(one, &one.name))
        .collect();
    let title = title_of(PictureKind::Heatmap, None, &origins);
    input(PictureKind::Heatmap, title, origins, all, Data::Heatmap)
}

/// The seconds of each file.
fn of_runs(files: &[PathBuf], all: Vec<Run>, metric: Metric) -> PictureInput {
    let origins = files
        .iter()
        .zip(&all)
        .map(|(file, run)| Origin::of_run(file, run, metric));
    let origins: Vec<_> = origins.collect();
    let title = title_of(PictureKind::Timeline, None, &origins);
    let only = (metric == Metric::ResponseTime).then_some(metric);
    input(PictureKind::Timeline, title, origins, all, |runs| {
        Data::Timeline { runs, only }
    })
}

/// The input of files, one for each origin.
fn input<T>(
    kind: PictureKind,
    title: String,
    origins: Vec<Origin>,
    files: Vec<T>,
    data: impl FnOnce(Vec<Labelled<T>>) -> Data,
) -> PictureInput {
    let labelled = labels_of(&origins).into_iter().zip(files);
    let labelled = labelled.map(|(label, file)| Labelled::new(label, file));
    let data = data(labelled.collect());
    let quantity = quantity_of(&origins);
    let (notices, descriptions): (Vec<_>, _) = origins
        .into_iter()
        .map(|one| (one.notice, one.description))
        .unzip();
    let notices: Vec<_> = notices.into_iter().flatten().collect();
    let subject = Subject {
        title,
        quantity,
        unit_is_assumed: notices.iter().any(|notice| notice.unit_is_assumed),
    };
    PictureInput {
        notices,
        descriptions,
        ..PictureInput::new(kind, subject, data)
    }
}

impl Origin {
    fn of_column(column: &TimeColumn, name: &str) -> Self {
        let TimeColumn {
            place,
            times,
            unit_is_assumed,
            ..
        } = column;
        let (noun, rest) = match column.x {
            None => ("message", "without a time"),
            Some(_) => ("point", "left out"),
        };
        let skipped = times.skipped;
        let left_out = (skipped > 0).then(|| format!("{} more {rest}", grouped(skipped)));
        let notes = [random_choice(times.chosen_from), left_out];
        let notes: Vec<_> = notes.into_iter().flatten().collect();
        let notes = match notes.join("; ") {
            none if none.is_empty() => none,
            notes => format!(" ({notes})"),
        };
        let (count, path) = (counted(times.count(), noun), &place.path);
        let assumed = match unit_is_assumed {
            true => ", taken for milliseconds",
            false => "",
        };
        let notice = || Notice {
            text: format!("drawing column `{}` of {place}{assumed}", column.column),
            unit_is_assumed: *unit_is_assumed,
        };
        Self {
            path: path.clone(),
            run: column.run.clone(),
            name: name.to_owned(),
            notice: (column.column_is_guessed || *unit_is_assumed).then(notice),
            description: format!("{count} of {}{notes}", path.display()),
        }
    }

    fn of_run(path: &Path, run: &Run, metric: Metric) -> Self {
        // Those of the drain are not counted: of the last, how long it was is not known.
        let end_s = run.elapsed_s().unwrap_or(f64::INFINITY);
        let rows = run.timeline.iter().flat_map(|timeline| &timeline.rows);
        let seconds = rows.filter(|row| (row.second as f64) < end_s).count() as u64;
        Self {
            path: path.to_owned(),
            run: run.summary.as_ref().map(RunOrigin::from),
            name: metric.name().to_owned(),
            notice: None,
            description: format!("{} of {}", counted(seconds, "second"), path.display()),
        }
    }
}
