//! What a picture and its lines are called, from what the files say.

use std::ffi::OsStr;

use draw_plot::run_title;
use results::read::Times;

/// The run that all files come from; what is drawn, where there is no such one.
pub(crate) fn title_of(all: &[Times]) -> String {
    let mut titles: Vec<String> = all
        .iter()
        .map(|times| match &times.run {
            Some(run) => run_title(run.url.as_deref(), run.clients, run.payload_bytes),
            None => String::new(),
        })
        .collect();
    titles.dedup();
    match titles.as_slice() {
        [title] if !title.is_empty() => title.clone(),
        _ => {
            let quantity = quantity_of(all);
            if let Some(x_name) = x_name_of(all) {
                return format!("{quantity} against {x_name}");
            }
            let mut letters = quantity.chars();
            let first: String = letters
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .collect();
            format!("{first}{} of each message", letters.as_str())
        }
    }
}

/// What all files hold.
pub(crate) fn quantity_of(all: &[Times]) -> String {
    let mut names: Vec<&str> = all.iter().map(|times| times.name.as_str()).collect();
    names.dedup();
    match names.as_slice() {
        [name] => (*name).to_owned(),
        _ => "time".to_owned(),
    }
}

/// The column that the times are drawn against, as the first file writes it; `None` where nobody asked
/// for one.
pub(crate) fn x_name_of(all: &[Times]) -> Option<&str> {
    let xs = all.iter().find_map(|times| times.xs.as_ref());
    xs.map(|xs| xs.column.as_str())
}

/// File names; whole paths where names are the same; the server where it is not.
pub(crate) fn labels_of(all: &[Times]) -> Vec<String> {
    let name = |times: &Times| {
        let path = &times.place.path;
        path.file_name().unwrap_or(path.as_os_str()).to_owned()
    };
    let url = |times: &Times| times.run.as_ref().and_then(|run| run.url.clone());
    let differ = all.windows(2).any(|pair| url(&pair[0]) != url(&pair[1]));
    all.iter()
        .map(|times| {
            let own = name(times);
            let is_unique = all.iter().filter(|other| name(other) == own).count() == 1;
            let label: &OsStr = if is_unique {
                &own
            } else {
                times.place.path.as_os_str()
            };
            let label = label.to_string_lossy().into_owned();
            match url(times) {
                Some(url) if differ => format!("{label} · {url}"),
                _ => label,
            }
        })
        .collect()
}
