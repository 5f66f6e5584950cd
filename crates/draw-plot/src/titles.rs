//! The heading of a picture and the names of its lines, from what the files say.

use std::ffi::OsStr;

use results::read::{Place, RunOrigin};

use crate::data::PictureKind;
use crate::phrases::capitalize;
use crate::run_title;

/// A file, and what it says about where its times come from.
pub(crate) struct Origin<'a> {
    pub(crate) place: &'a Place,
    pub(crate) run: Option<&'a RunOrigin>,
    /// Name of its times: `service time`.
    pub(crate) name: &'a str,
}

/// The run that all files come from; without such a run, what is drawn.
pub(crate) fn title_of(kind: PictureKind, x_name: Option<&str>, all: &[Origin<'_>]) -> String {
    let mut titles: Vec<String> = all
        .iter()
        .map(|origin| match origin.run {
            Some(run) => run_title(run.url.as_deref(), run.clients, run.payload_bytes),
            None => String::new(),
        })
        .collect();
    titles.dedup();
    match titles.as_slice() {
        [title] if !title.is_empty() => return title.clone(),
        _ => {}
    }
    let quantity = quantity_of(all);
    let what = match (kind, x_name) {
        // A column's name is written as its owner writes it.
        (_, Some(x_name)) => return format!("{quantity} against {x_name}"),
        (PictureKind::Latency, None) => format!("{quantity} of each message"),
        (PictureKind::Histogram, None) => format!("histogram of the {quantity}"),
        (PictureKind::Cdf, None) => format!("distribution of the {quantity}"),
        (PictureKind::Percentiles, None) => format!("percentiles of the {quantity}"),
        (PictureKind::Timeline, None) => "throughput and times of each second".to_owned(),
        (PictureKind::Heatmap, None) => format!("{quantity} over the run"),
    };
    capitalize(&what)
}

/// The name of the times of all files.
pub(crate) fn quantity_of(all: &[Origin<'_>]) -> String {
    let mut names: Vec<&str> = all.iter().map(|origin| origin.name).collect();
    names.dedup();
    match names.as_slice() {
        [name] => (*name).to_owned(),
        _ => "time".to_owned(),
    }
}

/// File names; whole paths where names are the same; the server where it is not.
pub(crate) fn labels_of(all: &[Origin<'_>]) -> Vec<String> {
    let name = |origin: &Origin<'_>| {
        let path = &origin.place.path;
        path.file_name().unwrap_or(path.as_os_str()).to_owned()
    };
    let url = |origin: &Origin<'_>| origin.run.and_then(|run| run.url.clone());
    let differ = all.windows(2).any(|pair| url(&pair[0]) != url(&pair[1]));
    all.iter()
        .map(|origin| {
            let own = name(origin);
            let is_unique = all.iter().filter(|other| name(other) == own).count() == 1;
            let label: &OsStr = if is_unique {
                &own
            } else {
                origin.place.path.as_os_str()
            };
            let label = label.to_string_lossy().into_owned();
            match url(origin) {
                Some(url) if differ => format!("{label} · {url}"),
                _ => label,
            }
        })
        .collect()
}
