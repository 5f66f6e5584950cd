//! Pictures of latencies as PNG or SVG: each message and the moving average, histograms,
//! percentiles, what happened in each second; or times against any numbers.
//!
//! | module | what lives there |
//! |---|---|
//! | [`series`] | pure: quantiles, bins, spectrum, seconds, cells |
//! | [`curve`] | pure: times against numbers, their order, axis and unit |
//! | `data`, `options` | what is drawn, and how it looks |
//! | `load`, `naming` | that from files |
//! | `pictures` | what each kind of picture shows and says |
//! | `ratios` | the picture of a comparison of servers |
//! | `frame`, `legend`, `axis`, `layout`, `theme` | what surrounds it: places, numbers, colours |
//! | `canvas`, `surface`, `face` | painting; `surface` hides plotters, `face` is the font |
//! | `encode`, `compact`, `page` | the picture as a file's bytes, and as a part of a page |
//!
//! The program `draw-plot` calls [`load`] and [`PictureInput::draw`]; whoever has values in memory calls
//! [`draw`]:
//!
//! ```
//! use draw_plot::{Data, Options, Series, Subject, draw};
//!
//! let folder = tempfile::tempdir()?;
//! let picture = folder.path().join("latencies.png");
//! let series = Series {
//!     label: "this run".to_owned(),
//!     values_ms: vec![1.0, 1.2, 1.1, 9.0, 1.3].into(),
//!     skipped: 0,
//!     chosen_from: None,
//! };
//! let options = Options { window: Some(2.try_into()?), ..Options::default() };
//! draw(&picture, &options, &Subject::default(), &Data::Latency(vec![series]))?;
//! assert!(picture.exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

mod axes;
mod canvas;
mod data;
mod error;
mod font;
mod format;
mod inline_svg;
mod layout;
mod legend;
mod load;
mod number_format;
mod options;
mod phrases;
mod pictures;
mod plot;
mod png;
mod scale;
pub mod series;
mod svg;
mod text_fit;
mod theme;
mod titles;

use std::io::Write;
use std::path::Path;

use measurement::run::PayloadBytes;
use results::ResultsError;
use results::atomic_file::AtomicFile;
use units::counted;

pub use data::{
    Course, Data, Distribution, Moments, NamedTimes, PictureKind, Series, Subject, XySeries,
    window_for,
};
pub use error::DrawError;
pub use inline_svg::Svg;
pub use load::{PictureInput, load};
pub use options::{DEFAULT_WINDOW, Options, Size, SizeError, Theme};
pub use pictures::{ForestData, ForestRow, RowOutcome, encode_forest_plot, forest_plot_svg};
pub use plot::Hover;
pub use theme::{MAX_SERIES, page_style};

/// Draws the data into a file whose ending says which kind: `.png` or `.svg`. The file appears under
/// its name only when it is whole.
///
/// # Errors
/// [`DrawError`] when the data cannot be drawn as asked, or the file cannot be written; then
/// nothing is written.
pub fn draw(
    path: &Path,
    options: &Options,
    subject: &Subject,
    data: &Data<'_>,
) -> Result<(), DrawError> {
    let format = format::PictureFormat::of(path)?;
    let options = &format.adapt(options);
    let picture = pictures::plot(options, subject, data)?;
    write(path, &format.encode(picture.as_ref(), options.size)?)
}

/// Draws the data as a part of a page.
///
/// # Errors
/// [`DrawError`] when the data cannot be drawn as asked.
pub fn svg(options: &Options, subject: &Subject, data: &Data<'_>) -> Result<Svg, DrawError> {
    let picture = pictures::plot(options, subject, data)?;
    let title = options.title.as_deref().unwrap_or(&subject.title);
    inline_svg::inline_svg(picture.as_ref(), title, options)
}

fn write(path: &Path, picture: &[u8]) -> Result<(), DrawError> {
    let mut file = AtomicFile::create(path)?;
    file.content()
        .write_all(picture)
        .map_err(|source| ResultsError::write(path, source))?;
    Ok(file.publish()?)
}

/// Checks that the file's ending is that of a picture.
///
/// # Errors
/// [`DrawError::UnknownEnding`] if not.
pub fn check_ending(path: &Path) -> Result<(), DrawError> {
    format::PictureFormat::of(path).map(drop)
}

/// The usual heading: `ws://127.0.0.1:8000/ws · 100 clients · 125 B payload`.
#[must_use]
pub fn run_title(url: Option<&str>, clients: Option<u64>, payload: Option<PayloadBytes>) -> String {
    let url = url.map(str::to_owned);
    let clients = clients.map(|clients| counted(clients, "client"));
    let payload = payload.map(|payload| format!("{} payload", wording::plan::payload(payload)));
    let parts: Vec<_> = [url, clients, payload].into_iter().flatten().collect();
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_names_what_is_known() {
        let url = Some("ws://127.0.0.1:8000/ws");
        let payload = Some(PayloadBytes::Fixed(125));
        assert_eq!(
            run_title(url, Some(1_000), payload),
            "ws://127.0.0.1:8000/ws · 1,000 clients · 125 B payload"
        );
        let range = Some(PayloadBytes::Range { min: 64, max: 4096 });
        assert_eq!(
            run_title(None, Some(1), range),
            "1 client · 64 B to 4 KiB payload"
        );
        assert_eq!(run_title(None, None, None), "");
    }
}
