//! Files read for one kind of picture.

use std::path::{Path, PathBuf};

use measurement::record::TimelineRow;
use results::read::{
    Distributions, Metric, Place, Request, TimeColumn, read_distributions, read_timed_latencies,
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

/// Reads what the files hold for this kind of picture. With [`Request::x`], which only
/// [`PictureKind::Latency`] has, the times are drawn against that column.
///
/// # Errors
/// [`DrawError::Results`] when a file cannot be read or holds nothing for such a picture.
pub fn load(
    kind: PictureKind,
    files: &[PathBuf],
    request: &Request,
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
fn load_times(files: &[PathBuf], request: &Request) -> Result<PictureInput, DrawError> {
    let mut all = files
        .iter()
        .map(|file| read_times(file, request))
        .collect::<Result<Vec<_>, _>>()?;
    let origins: Vec<_> = all.iter().map(origin_of).collect();
    let x_name = all.iter().find_map(|times| times.xs.as_ref());
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
fn series_of(label: String, times: &mut TimeColumn) -> Series<'static> {
    let values_ms = std::mem::take(&mut times.values_ms);
    Series {
        label,
        skipped: times.skipped,
        chosen_from: times.chosen_from,
        values_ms: values_ms.into(),
    }
}

/// The times and what they are drawn against.
fn curve_of((times, label): (&TimeColumn, String)) -> XySeries<'static> {
    let xs = times.xs.iter().flat_map(|xs| xs.values.iter().copied());
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
    request: &Request,
) -> Result<PictureInput, DrawError> {
    let both = kind == PictureKind::Percentiles && request.metric == Metric::ServiceTime;
    let all = files
        .iter()
        .map(|file| read_distributions(file, request, both))
        .collect::<Result<Vec<_>, _>>()?;
    let names: Vec<_> = all.iter().map(names_of).collect();
    let origins: Vec<_> = all
        .iter()
        .zip(&names)
        .map(|(file, name)| Origin {
            place: &file.place,
            run: file.run.as_ref(),
            name,
        })
        .collect();
    let subject = Subject {
        title: title_of(kind, None, &origins),
        quantity: quantity_of(&origins),
        unit_is_assumed: all.iter().any(|file| file.unit_is_assumed),
    };
    let labels = labels_of(&origins);
    let notices = all.iter().filter_map(|file| {
        let is_guessed = (file.column_is_guessed, file.unit_is_assumed);
        notice_of(&file.place, &file.column, is_guessed)
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
fn names_of(file: &Distributions) -> String {
    match file.times.as_slice() {
        [one] => one.name.clone(),
        _ => "service and response time".to_owned(),
    }
}

fn distribution_of(label: String, file: Distributions) -> Result<Distribution, DrawError> {
    let times = file.times.into_iter().map(|named| {
        let sorted = SortedTimes::new(named.spread.values_ms, &named.spread.counts);
        Some(NamedTimes {
            name: named.name,
            sorted: sorted?,
        })
    });
    match times.collect() {
        Some(times) => Ok(Distribution {
            label,
            times,
            skipped: file.skipped,
            chosen_from: file.chosen_from,
        }),
        None => Err(DrawError::NoValues(label)),
    }
}

/// The seconds of each file.
fn load_courses(files: &[PathBuf], request: &Request) -> Result<PictureInput, DrawError> {
    let all = files
        .iter()
        .map(|file| read_timeline(file, request))
        .collect::<Result<Vec<_>, _>>()?;
    let origins: Vec<_> = all
        .iter()
        .map(|file| Origin {
            place: &file.place,
            run: file.run.as_ref(),
            name: request.metric.name(),
        })
        .collect();
    let subject = Subject {
        title: title_of(PictureKind::Timeline, None, &origins),
        ..Subject::default()
    };
    let labels = labels_of(&origins);
    let parts = files.iter().zip(&all).map(|(file, timeline)| {
        // Those of the drain are not counted: of the last, how long it was is not known.
        let end_s = timeline.elapsed_s.unwrap_or(f64::INFINITY);
        let is_measured = |row: &&TimelineRow| (row.second as f64) < end_s;
        let seconds = timeline.rows.iter().filter(is_measured).count() as u64;
        part_of(file, &counted(seconds, "second"), Default::default())
    });
    let parts = parts.collect();
    let only = (request.metric == Metric::ResponseTime).then_some(Metric::ResponseTime);
    let courses = all.into_iter().zip(labels).map(|(file, label)| {
        let differ = |row: &TimelineRow| row.response_p99_ns != row.service_p99_ns;
        Course {
            label,
            is_open_loop: file
                .is_open_loop
                .unwrap_or_else(|| file.rows.iter().any(differ)),
            rows: file.rows,
            knows_sent: file.knows_sent,
            warmup_s: file.warmup_s,
            stages: file.stages,
            elapsed_s: file.elapsed_s,
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
fn load_moments(files: &[PathBuf], request: &Request) -> Result<PictureInput, DrawError> {
    let all = files
        .iter()
        .map(|file| read_timed_latencies(file, request))
        .collect::<Result<Vec<_>, _>>()?;
    let origins: Vec<_> = all
        .iter()
        .map(|file| Origin {
            place: &file.place,
            run: file.run.as_ref(),
            name: &file.name,
        })
        .collect();
    let subject = Subject {
        title: title_of(PictureKind::Heatmap, None, &origins),
        quantity: quantity_of(&origins),
        unit_is_assumed: false,
    };
    let labels = labels_of(&origins);
    let parts = files.iter().zip(&all).map(|(file, moments)| {
        let count = match moments.counts.as_slice() {
            [] => moments.values_ms.len() as u64,
            counts => counts.iter().sum(),
        };
        let rest = left_out(moments.skipped, "without a time");
        let notes = [random_choice(moments.chosen_from), rest];
        part_of(file, &counted(count, "message"), notes)
    });
    let parts = parts.collect();
    let moments = all.into_iter().zip(labels).map(|(file, label)| Moments {
        label,
        at_s: file.at_s.into(),
        values_ms: file.values_ms.into(),
        counts: file.counts.into(),
        when: file.timestamp_of,
        slice_s: file.slice_s,
        skipped: file.skipped,
        chosen_from: file.chosen_from,
    });
    Ok(PictureInput {
        subject,
        data: Data::Heatmap(moments.collect()),
        notices: Vec::new(),
        parts,
    })
}
