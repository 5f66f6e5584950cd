//! The input of a picture: data and texts, from files or from a fresh run.

use std::io::Write;
use std::path::{Path, PathBuf};

use measurement::run::Run;
use results::ResultsError;
use results::atomic_file::AtomicFile;
use results::read::{
    ColumnRequest, Latencies, Metric, RunOrigin, TimeColumn, read_distribution,
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
    kind: PictureKind,
    texts: Texts,
    data: Data,
}

/// The texts of a picture.
#[derive(Debug, Clone, Default)]
struct Texts {
    subject: Subject,
    notices: Vec<String>,
    /// A description of each file: `100 messages of a.xlsx`.
    parts: Vec<String>,
}

impl Texts {
    fn into_input(self, kind: PictureKind, data: Data) -> PictureInput {
        PictureInput {
            kind,
            texts: self,
            data,
        }
    }
}

impl PictureInput {
    /// The input of a picture of data in memory.
    #[must_use]
    pub fn new(kind: PictureKind, subject: Subject, data: Data) -> Self {
        let texts = Texts {
            subject,
            ..Texts::default()
        };
        texts.into_input(kind, data)
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

    /// The same distributions for a picture of another kind.
    #[must_use]
    pub fn with_kind(self, kind: PictureKind) -> Self {
        Self { kind, ..self }
    }

    /// The subject of the picture.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.texts.subject
    }

    /// The data.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The guesses that were made about the files; one sentence each, in lowercase.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.texts.notices
    }

    /// A description of what was read: `100,000 messages of latencies.xlsx`.
    #[must_use]
    pub fn description(&self) -> String {
        self.texts.parts.join(", ")
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
        let plot = pictures::plot(self.kind, options, &self.texts.subject, &self.data)?;
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
        let plot = pictures::plot(self.kind, options, &self.texts.subject, &self.data)?;
        let title = options
            .title
            .as_deref()
            .unwrap_or(&self.texts.subject.title);
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
        PictureKind::Latency => load_times(files, request),
        PictureKind::Timeline => load_runs(files, request),
        PictureKind::Heatmap => load_timed_latencies(files, request),
        _ => load_distributions(kind, files, request),
    }
}

fn read_all<T>(
    files: &[PathBuf],
    read: impl Fn(&Path) -> Result<T, ResultsError>,
) -> Result<Vec<T>, DrawError> {
    files.iter().map(|file| Ok(read(file)?)).collect()
}

/// Times in order of sending, or against a column.
fn load_times(files: &[PathBuf], request: &ColumnRequest) -> Result<PictureInput, DrawError> {
    let all = read_all(files, |file| read_times(file, request))?;
    let x_name = all.iter().find_map(|column| column.x.as_ref());
    let x_name = x_name.map(|x| x.column.clone());
    let names = all.iter().map(|column| column.name.clone());
    let columns: Vec<_> = all.iter().zip(names).collect();
    let (texts, labels) = texts_of(PictureKind::Latency, x_name.as_deref(), &columns);
    let files = labels.into_iter().zip(all);
    let data = match x_name {
        Some(x_name) => Data::Xy {
            x_name,
            files: files
                .map(|(label, column)| Labelled::new(label, column))
                .collect(),
        },
        None => {
            let files = files.map(|(label, column)| Labelled::new(label, column.times));
            Data::Latency(files.collect())
        }
    };
    Ok(texts.into_input(PictureKind::Latency, data))
}

/// The distribution of each file; for percentiles of both times, where they differ and the request is not
/// for the response time.
fn load_distributions(
    kind: PictureKind,
    files: &[PathBuf],
    request: &ColumnRequest,
) -> Result<PictureInput, DrawError> {
    let both = kind == PictureKind::Percentiles && request.metric == Metric::ServiceTime;
    let all = read_all(files, |file| read_distribution(file, request, both))?;
    let name = |file: &Vec<TimeColumn>| match file.as_slice() {
        [one] => one.name.clone(),
        _ => "service and response time".to_owned(),
    };
    let columns: Vec<_> = all
        .iter()
        .filter_map(|file| Some((file.first()?, name(file))))
        .collect();
    let (texts, labels) = texts_of(kind, None, &columns);
    let named = |column: TimeColumn| Labelled::new(column.name, column.times);
    let files = labels.into_iter().zip(all);
    let files =
        files.map(|(label, file)| Labelled::new(label, file.into_iter().map(named).collect()));
    let data = Data::Distributions(files.collect());
    Ok(texts.into_input(kind, data))
}

fn load_timed_latencies(
    files: &[PathBuf],
    request: &ColumnRequest,
) -> Result<PictureInput, DrawError> {
    let all = read_all(files, |file| read_timed_latencies(file, request))?;
    let columns = all
        .iter()
        .map(|file| (&file.column, file.column.name.clone()));
    let columns: Vec<_> = columns.collect();
    let (texts, labels) = texts_of(PictureKind::Heatmap, None, &columns);
    let files = labels.into_iter().zip(all);
    let data = Data::Heatmap(
        files
            .map(|(label, file)| Labelled::new(label, file))
            .collect(),
    );
    Ok(texts.into_input(PictureKind::Heatmap, data))
}

/// The seconds of each file.
fn load_runs(files: &[PathBuf], request: &ColumnRequest) -> Result<PictureInput, DrawError> {
    let all = read_all(files, |file| read_timeline(file, request))?;
    let runs: Vec<_> = all
        .iter()
        .map(|run| run.summary.as_ref().map(RunOrigin::from))
        .collect();
    let origins = files.iter().zip(&runs).map(|(path, run)| Origin {
        path,
        run: run.as_ref(),
        name: request.metric.name(),
    });
    let origins: Vec<_> = origins.collect();
    let part = |(path, run): (&PathBuf, &Run)| {
        // Those of the drain are not counted: of the last, how long it was is not known.
        let end_s = run.elapsed_s().unwrap_or(f64::INFINITY);
        let rows = run.timeline.iter().flat_map(|timeline| &timeline.rows);
        let seconds = rows.filter(|row| (row.second as f64) < end_s).count() as u64;
        describe_file(
            path,
            &counted(seconds, "second"),
            [String::new(), String::new()],
        )
    };
    let texts = Texts {
        subject: Subject {
            title: title_of(PictureKind::Timeline, None, &origins),
            ..Subject::default()
        },
        notices: Vec::new(),
        parts: files.iter().zip(&all).map(part).collect(),
    };
    let labels = labels_of(&origins).into_iter();
    let data = Data::Timeline {
        runs: labels
            .zip(all)
            .map(|(label, run)| Labelled::new(label, run))
            .collect(),
        only: (request.metric == Metric::ResponseTime).then_some(Metric::ResponseTime),
    };
    Ok(texts.into_input(PictureKind::Timeline, data))
}

/// The texts of a picture of these columns, and the files' names in the legend. Beside each column stands the
/// name of its times.
fn texts_of(
    kind: PictureKind,
    x_name: Option<&str>,
    columns: &[(&TimeColumn, String)],
) -> (Texts, Vec<String>) {
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
    let part = |(column, _): &(&TimeColumn, String)| {
        let times = &column.times;
        let left_out = match times.skipped {
            0 => String::new(),
            n => format!("{} more {rest}", grouped(n)),
        };
        let notes = [random_choice(times.chosen_from), left_out];
        describe_file(&column.place.path, &counted(times.count(), noun), notes)
    };
    let texts = Texts {
        subject: Subject {
            title: title_of(kind, x_name, &origins),
            quantity: quantity_of(&origins),
            unit_is_assumed: columns.iter().any(|(column, _)| column.unit_is_assumed),
        },
        notices: columns
            .iter()
            .filter_map(|(column, _)| notice_of(column))
            .collect(),
        parts: columns.iter().map(part).collect(),
    };
    (texts, labels_of(&origins))
}

/// The guesses about a column: `drawing column `rtt` of a.csv`; `None` without any.
fn notice_of(column: &TimeColumn) -> Option<String> {
    let assumed = if column.unit_is_assumed {
        ", taken for milliseconds: --unit says otherwise"
    } else {
        ""
    };
    (column.column_is_guessed || column.unit_is_assumed).then(|| {
        format!(
            "drawing column `{}` of {}{assumed}",
            column.column, column.place
        )
    })
}

/// `2 messages of a.csv (chosen at random from 9; 1 more without a time)`
fn describe_file(file: &Path, what: &str, notes: [String; 2]) -> String {
    let notes: Vec<_> = notes.into_iter().filter(|note| !note.is_empty()).collect();
    let notes = match notes.as_slice() {
        [] => String::new(),
        notes => format!(" ({})", notes.join("; ")),
    };
    format!("{what} of {}{notes}", file.display())
}
