//! The heading of a picture and the names of its lines, from what the files say.

use std::path::PathBuf;

use results::read::RunOrigin;
use units::counted;
use wording::plan::url_list;

use crate::data::{Data, Notice, PictureKind};
use crate::phrases::{capitalize, in_sentence, join};

/// A file, and the origin of its times.
pub(crate) struct Origin {
    pub(crate) path: PathBuf,
    pub(crate) run: Option<RunOrigin>,
    /// Name of the times: `service time`, or the column's name.
    pub(crate) name: String,
    /// Noun of a row: `message`, `delivery`, `push`.
    pub(crate) noun: &'static str,
    pub(crate) notices: Vec<Notice>,
    /// Number and source of the times: `2 messages of a.csv (chosen at random from 9; 1 more without a time)`.
    pub(crate) description: String,
}

/// The usual heading: `ws://127.0.0.1:8000/ws · 100 clients · 125 B payload`.
pub(crate) fn run_title(run: &RunOrigin) -> String {
    let clients = run.clients.map(|clients| counted(clients, "client"));
    let payload = run.payload_bytes.map(wording::plan::payload);
    let payload = payload.map(|bytes| format!("{bytes} payload"));
    let scenario = run.scenario.as_ref().map(|name| format!("scenario {name}"));
    let urls = Some(url_list(&run.urls)).filter(|urls| !urls.is_empty());
    let parts = [urls, scenario, clients, payload];
    join(parts.into_iter().flatten())
}

/// The run that all files come from; without such a run, what is drawn.
pub(crate) fn title_of(kind: PictureKind, data: &Data, all: &[Origin]) -> String {
    let title = |one: &Origin| one.run.as_ref().map(run_title).unwrap_or_default();
    let mut titles: Vec<String> = all.iter().map(title).collect();
    titles.dedup();
    if let [title] = titles.as_slice()
        && !title.is_empty()
    {
        return title.clone();
    }
    let quantity = in_sentence(&quantity_of(all));
    if let Data::Xy { x_name, .. } = data {
        return capitalize(&format!("{quantity} against {}", in_sentence(x_name)));
    }
    let what = match kind {
        PictureKind::Latency => {
            let noun = all.first().map_or("message", |origin| origin.noun);
            format!("{quantity} of each {noun}")
        }
        PictureKind::Histogram => format!("histogram of the {quantity}"),
        PictureKind::Cdf => format!("distribution of the {quantity}"),
        PictureKind::Percentiles => format!("percentiles of the {quantity}"),
        PictureKind::Timeline => "throughput and times of each second".to_owned(),
        PictureKind::Heatmap => format!("{quantity} over the run"),
        PictureKind::Storm => "connections that are up, and attempts to reconnect".to_owned(),
        PictureKind::LoadCurve => format!("{quantity} over offered rate"),
        PictureKind::FanOut => "deliveries to first, median and last receiver".to_owned(),
    };
    capitalize(&what)
}

pub(crate) fn quantity_of(all: &[Origin]) -> String {
    let mut names: Vec<&str> = all.iter().map(|origin| &*origin.name).collect();
    names.dedup();
    match names.as_slice() {
        [name] => (*name).to_owned(),
        _ => "time".to_owned(),
    }
}

/// File names; whole paths where names are the same; with the server where runs differ in it.
pub(crate) fn labels_of(all: &[Origin]) -> Vec<String> {
    let url = |origin: &Origin| {
        let urls = origin.run.as_ref().map(|run| url_list(&run.urls));
        urls.filter(|urls| !urls.is_empty())
    };
    let differ = all.windows(2).any(|pair| url(&pair[0]) != url(&pair[1]));
    let label = |origin: &Origin| {
        let path = &origin.path;
        let name = path.file_name().filter(|name| {
            let same = all.iter().filter(|one| one.path.file_name() == Some(name));
            same.count() == 1
        });
        let label = name.unwrap_or(path.as_os_str()).to_string_lossy();
        match url(origin) {
            Some(url) if differ => format!("{label} · {url}"),
            _ => label.into_owned(),
        }
    };
    all.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::run::PayloadBytes;

    #[test]
    fn a_title_names_what_is_known() {
        let run = RunOrigin {
            urls: vec!["ws://127.0.0.1:8000/ws".to_owned()],
            clients: Some(1_000),
            payload_bytes: Some(PayloadBytes::Fixed(125)),
            ..RunOrigin::default()
        };
        assert_eq!(
            run_title(&run),
            "ws://127.0.0.1:8000/ws · 1,000 clients · 125 B payload"
        );
        let range = RunOrigin {
            clients: Some(1),
            payload_bytes: Some(PayloadBytes::Range { min: 64, max: 4096 }),
            ..RunOrigin::default()
        };
        assert_eq!(run_title(&range), "1 client · 64 B to 4 KiB payload");
        let of_scenario = RunOrigin {
            scenario: Some("chat".to_owned()),
            payload_bytes: None,
            ..range
        };
        assert_eq!(run_title(&of_scenario), "scenario chat · 1 client");
        assert_eq!(run_title(&RunOrigin::default()), "");
    }
}
