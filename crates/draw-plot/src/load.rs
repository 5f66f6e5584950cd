//! Files read for one kind of picture.

use std::path::{Path, PathBuf};

use measurement::record::TimelineRow;
use results::read::{
    ColumnRequest, Metric, Place, RunOrigin, TimeColumn, read_distribution, read_timed_latencies,
    read_timeline, read_times,
};
use units::{counted, grouped};

use crate::data::{
    Course, Data, Distribution, Moments, NamedTimes, PictureKind, Series, Subject, XySeries,
};
use crate::error::DrawError;
use crate::inline_svg::Svg;
use crate::options::Options;
use crate::phrases::random_choice;
use crate::series::SortedTimes;
use crate::titles::{Origin, labels_of, quantity_of, title_of};

/// What files hold for one kind of picture. Reading and drawing are apart, so that one reading can
/// be drawn in both themes.
#[derive(Debug, Clone)]
pub struct PictureInput {
    subject: Subject,
    data: Data<'static>,
    notices: Vec<String>,
    /// What was read of each file: `100 messages of a.xlsx`.
    parts: Vec<String>,
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
    let loaded = match kind {
        PictureKind::Latency => load_times(files, request)?,
        PictureKind::Histogram | PictureKind::Cdf | PictureKind::Percentiles => {
            load_distributions(kind, files, request)?
        }
        PictureKind::Timeline => load_courses(files, request)?,
        PictureKind::Heatmap => load_moments(files, request)?,
    };
    Ok(loaded)
}

impl PictureInput {
    /// What the picture is about, as the files say.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What is drawn.
    #[must_use]
    pub fn data(&self) -> &Data<'static> {
        &self.data
    }

    /// What nobody said and was made out from the files; one sentence each, in lowercase.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// What was read: `100,000 messages of latencies.xlsx`.
    #[must_use]
    pub fn description(&self) -> String {
        self.parts.join(", ")
    }

    /// Draws it into a file, as [`draw`](crate::draw) does.
    ///
    /// # Errors
    /// As of [`draw`](crate::draw).
    pub fn draw(&self, path: &Path, options: &Options) -> Result<(), DrawError> {
        crate::draw(path, options, &self.subject, &self.data)
    }

    /// Draws it for a page, as [`svg`](crate::svg) does.
    ///
    /// # Errors
    /// As of [`svg`](crate::svg).
    pub fn svg(&self, options: &Options) -> Result<Svg, DrawError> {
        crate::svg(options, &self.subject, &self.data)
    }
}

/// The times of all messages, or of all rows where they are drawn against a column.
fn load_times(files: &[PathBuf], request: &ColumnRequest) -> Result<PictureInput, DrawError> {
    let mut all = files
        .iter()
        .map(|file| read_times(file, request))
        .collect::<Result<Vec<_>, _>>()?;
    let origins: Vec<_> = all.iter().map(origin_of).collect();
    let x_name = all.iter().find_map(|times| times.x.as_ref());
    let x_name = x_name.map(|xs| xs.column.clone());
    let subject = Subject {
        title: title_of(PictureKind::Latency, x_name.as_deref(), &origins),
        quantity: quantity_of(&origins),
        unit_is_assumed: all.iter().any(|times| times.unit_is_assumed),
    };
    let labels = labels_of(&origins);
    let notices = all.iter().filter_map(|times| {
        let is_guessed = (times.column_is_guessed, times.unit_is_assumed);
        notice_of(&times.place, &times.column, is_guessed)
    });
    let notices = notices.collect();
    let (noun, rest) = match x_name {
        None => ("message", "without a time"),
        Some(_) => ("point", "left out"),
    };
    let parts = files
        .iter()
        .zip(&all)
        .map(|(file, times)| {
            let times = &times.times;
            let count = times.values_ms.len() as u64;
            let notes = [
                random_choice(times.chosen_from),
                left_out(times.skipped, rest),
            ];
            part_of(file, &counted(count, noun), notes)
        })
        .collect();
    let data = match x_name {
        None => Data::Latency(
            all.iter_mut()
                .zip(labels)
                .map(|(times, label)| series_of(label, times))
                .collect(),
        ),
        Some(x_name) => Data::Xy {
            x_name,
            curves: all.iter().zip(labels).map(curve_of).collect(),
        },
    };
    Ok(PictureInput {
        subject,
        data,
        notices,
        parts,
    })
}

fn origin_of(times: &TimeColumn) -> Origin<'_> {
    Origin {
        place: &times.place,
        run: times.run.as_ref(),
        name: &times.name,
    }
}

/// The times in order of sending, which are taken out of what was read.
fn series_of(label: String, column: &mut TimeColumn) -> Series<'static> {
    let times = &mut column.times;
    let values_ms = std::mem::take(&mut times.values_ms);
    Series {
        label,
        skipped: times.skipped,
        chosen_from: times.chosen_from,
        values_ms: values_ms.into(),
    }
}

/// The times and what they are drawn against.
fn curve_of((column, label): (&TimeColumn, String)) -> XySeries<'static> {
    let times = &column.times;
    let xs = column.x.iter().flat_map(|xs| xs.values.iter().copied());
    let points: Vec<_> = xs.zip(times.values_ms.iter().copied()).collect();
    XySeries {
        label,
        points: points.into(),
        skipped: times.skipped,
        chosen_from: times.chosen_from,
    }
}

/// What nobody said and was made out from the file.
fn notice_of(
    place: &Place,
    column: &str,
    (column_is_guessed, unit_is_assumed): (bool, bool),
) -> Option<String> {
    let assumed = if unit_is_assumed {
        ", taken for milliseconds: --unit says otherwise"
    } else {
        ""
    };
    (column_is_guessed || unit_is_assumed)
        .then(|| format!("drawing column `{column}` of {place}{assumed}"))
}

/// `2 messages of a.csv (chosen at random from 9; 1 more without a time)`
fn part_of(file: &Path, what: &str, notes: [String; 2]) -> String {
    let notes: Vec<_> = notes.into_iter().filter(|note| !note.is_empty()).collect();
    let notes = match notes.as_slice() {
        [] => String::new(),
        notes => format!(" ({})", notes.join("; ")),
    };
    format!("{what} of {}{notes}", file.display())
}

fn left_out(skipped: u64, rest: &str) -> String {
    match skipped {
        0 => String::new(),
        n => format!("{} more {rest}", grouped(n)),
    }
}

/// The distribution of each file; for the spectrum of both times, where they differ and nobody asked
/// for one.
fn load_distributions(
    kind: PictureKind,
    files: &[PathBuf],
    request: &ColumnRequest,
) -> Result<PictureInput, DrawError> {
    let both = kind == PictureKind::Percentiles && request.metric == Metric::ServiceTime;
    let all = files
        .iter()
        .map(|file| read_distribution(file, request, both))
        .collect::<Result<Vec<_>, _>>()?;
    let columns = || all.iter().filter_map(|file| file.first());
    let names: Vec<_> = all.iter().map(|file| names_of(file)).collect();
    let origins: Vec<_> = columns()
        .zip(&names)
        .map(|(column, name)| Origin {
            place: &column.place,
            run: column.run.as_ref(),
            name,
        })
        .collect();
    let subject = Subject {
        title: title_of(kind, None, &origins),
        quantity: quantity_of(&origins),
        unit_is_assumed: columns().any(|column| column.unit_is_assumed),
    };
    let labels = labels_of(&origins);
    let notices = columns().filter_map(|column| {
        let is_guessed = (column.column_is_guessed, column.unit_is_assumed);
        notice_of(&column.place, &column.column, is_guessed)
    });
    let notices = notices.collect();
    let distributions = all
        .into_iter()
        .zip(labels)
        .map(|(file, label)| distribution_of(label, file))
        .collect::<Result<Vec<_>, _>>()?;
    let parts = files.iter().zip(&distributions).map(|(file, one)| {
        let count = one.times.first().map_or(0, |times| times.sorted.count());
        let rest = left_out(one.skipped, "without a time");
        let notes = [random_choice(one.chosen_from), rest];
        part_of(file, &counted(count, "message"), notes)
    });
    Ok(PictureInput {
        subject,
        notices,
        parts: parts.collect(),
        data: match kind {
            PictureKind::Histogram => Data::Histogram(distributions),
            PictureKind::Cdf => Data::Cdf(distributions),
            _ => Data::Percentiles(distributions),
        },
    })
}

/// `service time`; `service and response time` where both are drawn.
fn names_of(file: &[TimeColumn]) -> String {
    match file {
        [one] => one.name.clone(),
        _ => "service and response time".to_owned(),
    }
}

fn distribution_of(label: String, file: Vec<TimeColumn>) -> Result<Distribution, DrawError> {
    let first = file.first().map(|column| &column.times);
    let (skipped, chosen_from) = first.map_or((0, None), |t| (t.skipped, t.chosen_from));
    let times = file.into_iter().map(|column| {
        let sorted = SortedTimes::new(column.times.values_ms, &column.times.counts);
        Some(NamedTimes {
            name: column.name,
            sorted: sorted?,
        })
    });
    match times.collect() {
        Some(times) => Ok(Distribution {
            label,
            times,
            skipped,
            chosen_from,
        }),
        None => Err(DrawError::NoValues(label)),
    }
}

/// The seconds of each file.
fn load_courses(files: &[PathBuf], request: &ColumnRequest) -> Result<PictureInput, DrawError> {
    let all = files
        .iter()
        .map(|file| Ok((Place::file(file), read_timeline(file, request)?)))
        .collect::<Result<Vec<_>, DrawError>>()?;
    let runs: Vec<_> = all
        .iter()
        .map(|(_, run)| run.summary.as_ref().map(RunOrigin::from))
        .collect();
    let origins: Vec<_> = all
        .iter()
        .zip(&runs)
        .map(|((place, _), run)| Origin {
            place,
            run: run.as_ref(),
            name: request.metric.name(),
        })
        .collect();
    let subject = Subject {
        title: title_of(PictureKind::Timeline, None, &origins),
        ..Subject::default()
    };
    let labels = labels_of(&origins);
    let parts = files.iter().zip(&all).map(|(file, (_, run))| {
        // Those of the drain are not counted: of the last, how long it was is not known.
        let end_s = run.elapsed_s().unwrap_or(f64::INFINITY);
        let is_measured = |row: &&TimelineRow| (row.second as f64) < end_s;
        let rows = run.timeline.iter().flat_map(|timeline| &timeline.rows);
        let seconds = rows.filter(is_measured).count() as u64;
        part_of(file, &counted(seconds, "second"), Default::default())
    });
    let parts = parts.collect();
    let only = (request.metric == Metric::ResponseTime).then_some(Metric::ResponseTime);
    let courses = all.into_iter().zip(labels).map(|((_, mut run), label)| {
        let differ = |row: &TimelineRow| row.response_p99_ns != row.service_p99_ns;
        let is_open_loop = run.is_open_loop();
        let timeline = run.timeline.take().unwrap_or_default();
        Course {
            label,
            is_open_loop: is_open_loop.unwrap_or_else(|| timeline.rows.iter().any(differ)),
            rows: timeline.rows,
            knows_sent: timeline.knows_sent,
            warmup_s: run.warmup_s(),
            stages: run.stages().to_vec(),
            elapsed_s: run.elapsed_s().or(timeline.ends_s),
            only,
        }
    });
    Ok(PictureInput {
        subject,
        data: Data::Timeline(courses.collect()),
        notices: Vec::new(),
        parts,
    })
}

/// The times of each file and when they were sent.
fn load_moments(files: &[PathBuf], request: &ColumnRequest) -> Result<PictureInput, DrawError> {
    let all = files
        .iter()
        .map(|file| read_timed_latencies(file, request))
        .collect::<Result<Vec<_>, _>>()?;
    let origins: Vec<_> = all
        .iter()
        .map(|file| Origin {
            place: &file.column.place,
            run: file.column.run.as_ref(),
            name: &file.column.name,
        })
        .collect();
    let subject = Subject {
        title: title_of(PictureKind::Heatmap, None, &origins),
        quantity: quantity_of(&origins),
        unit_is_assumed: false,
    };
    let labels = labels_of(&origins);
    let parts = files.iter().zip(&all).map(|(file, moments)| {
        let times = &moments.column.times;
        let rest = left_out(times.skipped, "without a time");
        let notes = [random_choice(times.chosen_from), rest];
        part_of(file, &counted(times.count(), "message"), notes)
    });
    let parts = parts.collect();
    let moments = all.into_iter().zip(labels).map(|(file, label)| {
        let times = file.column.times;
        Moments {
            label,
            at_s: file.at_s.into(),
            values_ms: times.values_ms.into(),
            counts: times.counts.into(),
            when: file.timestamp_of,
            slice_s: file.slice_s,
            skipped: times.skipped,
            chosen_from: times.chosen_from,
        }
    });
    Ok(PictureInput {
        subject,
        data: Data::Heatmap(moments.collect()),
        notices: Vec::new(),
        parts,
    })
}
