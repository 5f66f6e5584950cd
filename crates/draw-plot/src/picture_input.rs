//! The input of a picture: data and texts, from files or from a fresh run.

use std::io::Write;
use std::path::{Path, PathBuf};

use measurement::run::{Run, Summary};
use results::ResultsError;
use results::atomic_file::AtomicFile;
use results::read::{
    ColumnRequest, Latencies, Metric, RunOrigin, TimeColumn, encoding_of, read_deliveries,
    read_distribution, read_load_curve, read_reconnects, read_timed_latencies, read_timeline,
    read_times,
};
use units::{counted, grouped};

use crate::data::{Data, Labelled, Notice, PictureKind, Subject};
use crate::error::DrawError;
use crate::format::PictureFormat;
use crate::inline_svg::{Svg, inline_svg};
use crate::options::Options;
use crate::phrases::random_choice;
use crate::titles::{Origin, labels_of, quantity_of, run_title, title_of};
use crate::{notices, pictures};

/// The input of a picture. Reading and drawing are separate, so that input that is read once can be drawn in both themes
/// and, if it is a distribution, as several kinds.
#[derive(Debug, Clone)]
pub struct PictureInput {
    /// The kind of picture.
    pub kind: PictureKind,
    /// The subject of the picture.
    pub subject: Subject,
    /// The data. Distributions can be drawn as any kind of picture of distributions.
    pub data: Data,
    /// Guesses about the files, and remarks on how they were read.
    pub notices: Vec<Notice>,
    /// A description of each file: `100,000 messages of latencies.xlsx`.
    pub descriptions: Vec<String>,
}

impl PictureInput {
    /// The input of a picture of data in memory.
    pub fn new(kind: PictureKind, subject: Subject, data: Data) -> Self {
        Self {
            kind,
            subject,
            data,
            notices: Vec::new(),
            descriptions: Vec::new(),
        }
    }

    /// The service times of a fresh run, or the load curve of a search or a sweep; `None` when no message has a time.
    pub fn of_run(run: &Run) -> Option<Self> {
        let summary = run.summary.as_ref()?;
        if summary.load_steps().is_some() {
            return Self::of_steps(summary);
        }
        let samples = run.samples.as_ref()?;
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

    fn of_steps(summary: &Summary) -> Option<Self> {
        let subject = Subject {
            title: run_title(&RunOrigin::from(summary)),
            quantity: Metric::ResponseTime.name().to_owned(),
            ..Subject::default()
        };
        if !pictures::has_response_times(summary) {
            return None;
        }
        let labelled = Labelled::new(&*summary.tool.name, summary.clone());
        let data = Data::LoadCurve(vec![labelled]);
        Some(Self::new(PictureKind::LoadCurve, subject, data))
    }

    /// Draws the picture into a file whose ending decides the format: `.png` or `.svg`. The file appears
    /// under its name only when it is complete.
    ///
    /// # Errors
    /// [`DrawError`] when the data cannot be drawn with these options, or the file cannot be written. Then no file
    /// appears.
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
    /// [`DrawError`] when the data cannot be drawn with these options.
    pub fn svg(&self, options: &Options) -> Result<Svg, DrawError> {
        let plot = pictures::plot(self.kind, options, &self.subject, &self.data)?;
        let title = options.title.as_deref().unwrap_or(&self.subject.title);
        inline_svg(plot.as_ref(), title, options)
    }
}

/// Reads the data for this kind of picture from the files. With [`ColumnRequest::x`], which only
/// [`PictureKind::Latency`] has, the times are drawn against that column.
///
/// # Errors
/// [`DrawError::Results`] when a file cannot be read or holds nothing for such a picture.
pub fn load(
    kind: PictureKind,
    files: &[PathBuf],
    request: &ColumnRequest,
) -> Result<PictureInput, DrawError> {
    let is_service = request.metric == Metric::ServiceTime;
    match kind {
        PictureKind::Latency => load_each(kind, files, of_columns, |file| {
            let (noun, mut column) = of_sheet(request, |request| read_times(file, request))?;
            name_as_text(noun, &mut column.name);
            Ok((Origin::of_column(&column, &column.name, noun), column))
        }),
        PictureKind::Timeline => {
            let only = (!is_service).then_some(request.metric);
            let data = |runs| Data::Timeline { runs, only };
            load_each(kind, files, data, |file| {
                let run = read_timeline(file, request)?;
                let mut origin = Origin::of_run(file, &run, request.metric);
                origin
                    .notices
                    .extend(encoding_of(file)?.map(|encoding| Notice {
                        text: wording::files::encoding(&file.display().to_string(), encoding),
                        unit_is_assumed: false,
                    }));
                origin.notices.extend(notices::of_timeline(file)?);
                Ok((origin, run))
            })
        }
        PictureKind::Heatmap => load_each(kind, files, Data::Heatmap, |file| {
            let timed = read_timed_latencies(file, request)?;
            let column = &timed.column;
            Ok((Origin::of_column(column, &column.name, MESSAGE), timed))
        }),
        PictureKind::FanOut => load_each(kind, files, Data::FanOut, |file| {
            let summary = read_deliveries(file)?;
            Ok((Origin::of_deliveries(file, &summary), summary))
        }),
        PictureKind::Storm => load_each(kind, files, Data::Storm, |file| {
            let summary = read_reconnects(file)?;
            Ok((Origin::of_reconnects(file, &summary), summary))
        }),
        PictureKind::LoadCurve => load_curves(files),
        PictureKind::Histogram | PictureKind::Cdf | PictureKind::Percentiles => {
            let both = kind == PictureKind::Percentiles && is_service;
            load_each(kind, files, Data::Distributions, |file| {
                let (noun, mut columns) = of_sheet(request, |request| {
                    read_distribution(file, request, both && request.column.is_none())
                })?;
                for column in &mut columns {
                    name_as_text(noun, &mut column.name);
                }
                let nothing = || DrawError::NoValues(file.display().to_string());
                let first = columns.first().ok_or_else(nothing)?;
                let name = match columns.len() {
                    1 => &*first.name,
                    _ => "service and response time",
                };
                let origin = Origin::of_column(first, name, noun);
                let named = |column: TimeColumn| Labelled::new(column.name, column.times);
                Ok((origin, columns.into_iter().map(named).collect()))
            })
        }
    }
}

/// Noun of a row on most sheets.
const MESSAGE: &str = "message";

/// Reads the rows of a sheet, with their noun. On a sheet of deliveries or pushes as ws-bench writes them, the column
/// without another request is that of the metric, or the gap.
fn of_sheet<T>(
    request: &ColumnRequest,
    read: impl Fn(&ColumnRequest) -> Result<T, ResultsError>,
) -> Result<(&'static str, T), ResultsError> {
    let sheet = request.sheet.as_deref().unwrap_or_default();
    let is_of = |name: &str| sheet == name || sheet.starts_with(&format!("{name}_"));
    let (noun, usual) = match request.metric {
        _ if is_of("pushes") => ("push", "gap_ms"),
        Metric::ServiceTime if is_of("deliveries") => ("delivery", "delivery_time_ms"),
        Metric::ResponseTime if is_of("deliveries") => ("delivery", "response_time_ms"),
        _ => return Ok((MESSAGE, read(request)?)),
    };
    if request.column.is_some() {
        return Ok((noun, read(request)?));
    }
    let own = ColumnRequest {
        column: Some(usual.to_owned()),
        ..request.clone()
    };
    match read(&own) {
        // A sheet of another program.
        Err(ResultsError::NoColumn(..)) => Ok((MESSAGE, read(request)?)),
        columns => Ok((noun, columns?)),
    }
}

/// The name of our own column as words: `delivery time`.
fn name_as_text(noun: &str, name: &mut String) {
    if noun != MESSAGE {
        *name = name.replace('_', " ");
    }
}

/// Times in order of sending, or against a column.
fn of_columns(files: Vec<Labelled<TimeColumn>>) -> Data {
    let mut columns = files.iter().filter_map(|file| file.x.as_ref());
    if let Some(x_name) = columns.next().map(|x| x.column.clone()) {
        return Data::Xy { x_name, files };
    }
    let times = |file: Labelled<TimeColumn>| Labelled::new(file.label, file.data.times);
    Data::Latency(files.into_iter().map(times).collect())
}

/// The input of files, each with its origin.
fn load_each<T>(
    kind: PictureKind,
    files: &[PathBuf],
    data: impl FnOnce(Vec<Labelled<T>>) -> Data,
    read: impl Fn(&Path) -> Result<(Origin, T), DrawError>,
) -> Result<PictureInput, DrawError> {
    let all: Result<Vec<_>, _> = files.iter().map(|file| read(file)).collect();
    Ok(input_of(kind, all?, data))
}

/// Reads searches and sweeps. Those without any response time are left out with a notice, unless there are no others.
fn load_curves(files: &[PathBuf]) -> Result<PictureInput, DrawError> {
    let read = |file: &PathBuf| {
        let summary = read_load_curve(file)?;
        Ok((Origin::of_load_curve(file, &summary), summary))
    };
    let all: Result<Vec<_>, DrawError> = files.iter().map(read).collect();
    let (drawn, empty): (Vec<_>, Vec<_>) = all?
        .into_iter()
        .partition(|(_, summary)| pictures::has_response_times(summary));
    let (empty, _): (Vec<_>, Vec<_>) = empty.into_iter().unzip();
    let empty = labels_of(&empty);
    if drawn.is_empty() {
        return Err(DrawError::NothingAnswered(empty.join(" and ")));
    }
    let mut input = input_of(PictureKind::LoadCurve, drawn, Data::LoadCurve);
    input.notices.extend(empty.iter().map(|file| Notice {
        text: format!("no step of {file} has a response time, so it is not drawn"),
        unit_is_assumed: false,
    }));
    Ok(input)
}

/// The input of files that were read, each with its origin.
fn input_of<T>(
    kind: PictureKind,
    all: Vec<(Origin, T)>,
    data: impl FnOnce(Vec<Labelled<T>>) -> Data,
) -> PictureInput {
    let (origins, all): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let labelled = labels_of(&origins).into_iter().zip(all);
    let labelled = labelled.map(|(label, one)| Labelled::new(label, one));
    let data = data(labelled.collect());
    let notices: Vec<_> = origins.iter().flat_map(|one| one.notices.clone()).collect();
    let subject = Subject {
        title: title_of(kind, &data, &origins),
        quantity: quantity_of(&origins),
        noun: origins.first().map_or("message", |origin| origin.noun),
        unit_is_assumed: notices.iter().any(|notice| notice.unit_is_assumed),
    };
    PictureInput {
        notices,
        descriptions: origins.into_iter().map(|one| one.description).collect(),
        ..PictureInput::new(kind, subject, data)
    }
}

impl Origin {
    fn of_column(column: &TimeColumn, name: &str, noun: &'static str) -> Self {
        let (path, times) = (&column.place.path, &column.times);
        let (noun, rest) = match column.x {
            None => (noun, "without a time"),
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
        let count = counted(times.count(), noun);
        Self {
            path: path.clone(),
            run: column.run.clone(),
            name: name.to_owned(),
            noun,
            notices: notices::of_column(column),
            description: format!("{count} of {}{notes}", path.display()),
        }
    }

    fn of_deliveries(path: &Path, summary: &Summary) -> Self {
        let delivered = summary.fan_out.as_ref().map_or(0, |all| all.delivered);
        Self {
            path: path.to_owned(),
            run: Some(RunOrigin::from(summary)),
            name: "delivery time".to_owned(),
            noun: MESSAGE,
            notices: Vec::new(),
            description: format!("{} of {}", counted(delivered, "delivery"), path.display()),
        }
    }

    fn of_reconnects(path: &Path, summary: &Summary) -> Self {
        let lost = summary.reconnect.as_ref().map_or(0, |own| own.dropped);
        let lost = counted(lost, "lost connection");
        Self {
            path: path.to_owned(),
            run: Some(RunOrigin::from(summary)),
            name: "time".to_owned(),
            noun: MESSAGE,
            notices: Vec::new(),
            description: format!("{lost} of {}", path.display()),
        }
    }

    fn of_load_curve(path: &Path, summary: &Summary) -> Self {
        let steps = summary.load_steps().map_or(0, <[_]>::len) as u64;
        let noun = match summary.capacity {
            Some(_) => "step",
            None => "rate",
        };
        Self {
            path: path.to_owned(),
            run: Some(RunOrigin::from(summary)),
            name: Metric::ResponseTime.name().to_owned(),
            noun: MESSAGE,
            notices: Vec::new(),
            description: format!("{} of {}", counted(steps, noun), path.display()),
        }
    }

    fn of_run(path: &Path, run: &Run, metric: Metric) -> Self {
        // The seconds of the drain are not counted, because the length of the last one is not known.
        let end_s = run.elapsed_s().unwrap_or(f64::INFINITY);
        let rows = run.timeline.iter().flat_map(|timeline| &timeline.rows);
        let measured = rows.filter(|row| (row.second as f64) < end_s);
        let seconds = measured.map(|row| row.seconds.get()).sum();
        Self {
            path: path.to_owned(),
            run: run.summary.as_ref().map(RunOrigin::from),
            name: metric.name().to_owned(),
            noun: MESSAGE,
            notices: Vec::new(),
            description: format!("{} of {}", counted(seconds, "second"), path.display()),
        }
    }
}
