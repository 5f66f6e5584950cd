//! The pictures of all runs, overlaid; and which are missing, and why.

use std::path::PathBuf;

use draw_plot::{DrawError, Kind, Loaded, Options, Size, Theme, load};
use results::ResultsError;
use results::read::{Metric, Request};

use crate::page::{Block, Picture, Section};
use crate::run::Run;
use crate::single::capital;

/// As wide as a picture stands on most screens, so that its letters are nearly as large as the page's.
const SIZE: (u32, u32) = (640, 400);
/// The same on a telephone.
const NARROW: (u32, u32) = (340, 320);

/// Every kind of picture that any of the files can carry. Of what cannot be drawn a line says why.
pub(crate) fn section(runs: &[Run]) -> Section {
    let mut pictures = Vec::new();
    let mut missing = Vec::new();
    let metric = if runs.iter().all(Run::has_response_time) {
        Metric::ResponseTime
    } else {
        Metric::ServiceTime
    };
    let request = Request {
        metric,
        ..Request::default()
    };
    for kind in Kind::ALL {
        let (loaded, lacking) = load_from_any(kind, runs, &request);
        missing.extend(lacking);
        let Some(loaded) = loaded else { continue };
        match picture(kind, &loaded) {
            Ok(picture) => pictures.push(picture),
            Err(error) => missing.push(not_drawn(kind, &error)),
        }
    }
    let mut blocks = Vec::new();
    if !pictures.is_empty() {
        blocks.push(Block::Pictures(pictures));
    }
    if !missing.is_empty() {
        blocks.push(Block::List(missing));
    }
    Section::new("Pictures", blocks)
}

/// Reads one file of each run, the first that carries the kind; runs of which none does are left out, and
/// named.
fn load_from_any(kind: Kind, runs: &[Run], request: &Request) -> (Option<Loaded>, Vec<String>) {
    let mut missing = Vec::new();
    // Files of each run that have not been found lacking.
    let mut left: Vec<&[PathBuf]> = runs.iter().map(|run| run.files.as_slice()).collect();
    loop {
        let files: Vec<_> = left
            .iter()
            .filter_map(|files| files.first().cloned())
            .collect();
        if files.is_empty() {
            return (None, missing);
        }
        let error = match load(kind, &files, request) {
            Ok(loaded) => return (Some(loaded), missing),
            Err(error) => error,
        };
        let DrawError::Results(ResultsError::Lacks { path, .. }) = &error else {
            missing.push(not_drawn(kind, &error));
            return (None, missing);
        };
        let Some(lacking) = left.iter_mut().find(|files| files.first() == Some(path)) else {
            missing.push(not_drawn(kind, &error));
            return (None, missing);
        };
        *lacking = &lacking[1..];
        if lacking.is_empty() {
            missing.push(not_drawn(kind, &error));
        }
    }
}

/// `No picture of each message: r.json holds no single messages, which the kind latency needs: give …`
fn not_drawn(kind: Kind, error: &DrawError) -> String {
    let what = match kind {
        Kind::Latency => "each message",
        Kind::Histogram => "the histogram",
        Kind::Cdf => "the distribution",
        Kind::Percentiles => "the percentiles",
        Kind::Timeline => "each second",
        Kind::Heatmap => "the times over the run",
    };
    format!("No picture of {what}: {}", results::in_one_line(error))
}

fn title(kind: Kind, quantity: &str) -> String {
    match kind {
        Kind::Latency => format!("{} of each message", capital(quantity)),
        Kind::Histogram => "Histogram".to_owned(),
        Kind::Cdf => "Distribution".to_owned(),
        Kind::Percentiles => "Percentiles".to_owned(),
        Kind::Timeline => "Second by second".to_owned(),
        Kind::Heatmap => format!("{} over the run", capital(quantity)),
    }
}

/// How to read it.
fn caption(kind: Kind) -> &'static str {
    match kind {
        Kind::Latency => {
            "Each message faintly, in order of sending; the line is the mean of the last ones."
        }
        Kind::Histogram => "How many messages took how long. The bins widen with the time.",
        Kind::Cdf => "Which share of the messages took at most how long.",
        Kind::Percentiles => {
            "The tail, unfolded: from mark to mark, only a tenth of the messages is left."
        }
        Kind::Timeline => "What came back in each second, and how long it took.",
        Kind::Heatmap => "How many messages took how long, by the time at which they were sent.",
    }
}

fn picture(kind: Kind, loaded: &Loaded) -> Result<Picture, DrawError> {
    let title = title(kind, &loaded.subject().quantity);
    let draw = |(width, height)| {
        loaded.svg(&Options {
            title: Some(title.clone()),
            size: Size::new(width, height).unwrap_or_default(),
            theme: Theme::Page,
            ..Options::default()
        })
    };
    Ok(Picture {
        svg: draw(SIZE)?,
        // Where a narrow one has no room, the other is shown, if smaller.
        narrow: draw(NARROW).ok(),
        title,
        caption: caption(kind).to_owned(),
    })
}
