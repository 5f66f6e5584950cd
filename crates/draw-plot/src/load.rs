//! Files read for one kind of picture.

use std::path::{Path, PathBuf};

use measurement::units::grouped;
use results::read::{Request, RunInfo, Times, read_times};

use crate::data::{Curve, Data, Kind, Series, Subject};
use crate::error::DrawError;
use crate::naming::{Origin, labels_of, quantity_of, title_of};
use crate::options::Options;
use crate::page::Svg;

/// What files hold for one kind of picture. Reading and drawing are apart, so that one reading can
/// be drawn in both themes.
#[derive(Debug, Clone)]
pub struct Loaded {
    subject: Subject,
    data: Data<'static>,
    notices: Vec<String>,
    /// What was read of each file: `100 messages of a.xlsx`.
    parts: Vec<String>,
}

/// Reads what the files hold for this kind of picture. With [`Request::x`], which only
/// [`Kind::Latency`] has, the times are drawn against that column.
///
/// # Errors
/// [`DrawError::Results`] when a file cannot be read or holds nothing for such a picture.
pub fn load(kind: Kind, files: &[PathBuf], request: &Request) -> Result<Loaded, DrawError> {
    match kind {
        Kind::Latency => load_times(files, request),
        // Until their reading is merged.
        _ => Err(DrawError::SeriesCount { found: 0 }),
    }
}

impl Loaded {
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
fn load_times(files: &[PathBuf], request: &Request) -> Result<Loaded, DrawError> {
    let mut all = files
        .iter()
        .map(|file| read_times(file, request))
        .collect::<Result<Vec<_>, _>>()?;
    let origins: Vec<_> = all.iter().map(origin_of).collect();
    let x_name = all.iter().find_map(|times| times.xs.as_ref());
    let x_name = x_name.map(|xs| xs.column.clone());
    let subject = Subject {
        title: title_of(Kind::Latency, x_name.as_deref(), &origins),
        quantity: quantity_of(&origins),
        unit_is_assumed: all.iter().any(|times| times.unit_is_assumed),
    };
    let labels = labels_of(&origins);
    let notices = all.iter().filter_map(notice_of).collect();
    let (noun, rest) = match x_name {
        None => ("messages", "without a time"),
        Some(_) => ("points", "left out"),
    };
    let parts = files
        .iter()
        .zip(&all)
        .map(|(file, times)| {
            let count = times.values_ms.len() as u64;
            part_of(
                file,
                &format!("{} {noun}", grouped(count)),
                times.skipped,
                rest,
            )
        })
        .collect();
    let data = match x_name {
        None => Data::Latency(
            all.iter_mut()
                .zip(labels)
                .map(|(times, label)| series_of(label, times))
                .collect(),
        ),
        Some(x_name) => Data::Against {
            x_name,
            curves: all.iter().zip(labels).map(curve_of).collect(),
        },
    };
    Ok(Loaded {
        subject,
        data,
        notices,
        parts,
    })
}

fn origin_of(times: &Times) -> Origin<'_> {
    Origin {
        place: &times.place,
        run: times.run.as_ref(),
        name: &times.name,
    }
}

/// The times in order of sending, which are taken out of what was read.
fn series_of(label: String, times: &mut Times) -> Series<'static> {
    let values_ms = std::mem::take(&mut times.values_ms);
    Series {
        label,
        skipped: times.skipped,
        chosen_from: chosen_from(times.run.as_ref(), values_ms.len()),
        values_ms: values_ms.into(),
    }
}

/// The times and what they are drawn against.
fn curve_of((times, label): (&Times, String)) -> Curve<'static> {
    let xs = times.xs.iter().flat_map(|xs| xs.values.iter().copied());
    let points: Vec<_> = xs.zip(times.values_ms.iter().copied()).collect();
    Curve {
        label,
        points: points.into(),
        skipped: times.skipped,
    }
}

/// How many messages a file of ours chose its rows from, when it does not hold them all.
fn chosen_from(run: Option<&RunInfo>, rows: usize) -> Option<u64> {
    let timed = run?.timed_messages?;
    (timed > rows as u64).then_some(timed)
}

/// What nobody said and was made out from the file.
fn notice_of(times: &Times) -> Option<String> {
    let assumed = if times.unit_is_assumed {
        ", taken for milliseconds: --unit says otherwise"
    } else {
        ""
    };
    (times.column_is_guessed || times.unit_is_assumed).then(|| {
        format!(
            "drawing column `{}` of {}{assumed}",
            times.column, times.place
        )
    })
}

/// `2 messages of a.csv (1 more without a time)`
fn part_of(file: &Path, what: &str, skipped: u64, rest: &str) -> String {
    let skipped = match skipped {
        0 => String::new(),
        n => format!(" ({} more {rest})", grouped(n)),
    };
    format!("{what} of {}{skipped}", file.display())
}
