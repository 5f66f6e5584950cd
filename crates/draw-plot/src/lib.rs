//! Pictures of latencies: each message faintly, their moving average, p50 and p99, as PNG or SVG;
//! or times against any numbers, as a line through their points.
//!
//! | module | what lives there |
//! |---|---|
//! | [`series`] | pure: moving average, quantiles, bins that keep the extremes |
//! | `axis`, `layout`, `theme` | ticks and numbers, places and sizes, colours |
//! | [`curve`] | pure: times against numbers, their order, axis and unit |
//! | `chart`, `against` | what the two kinds of picture show and say |
//! | `paint`, `frame`, `legend` | where that goes on the `canvas`, which hides plotters |
//! | `face` | the font that comes along |
//! | `encode` | the picture as a file's bytes |
//!
//! The program `draw-plot` reads files and calls [`draw`]; so may anybody with values in memory:
//!
//! ```
//! use draw_plot::{Options, Series, draw};
//!
//! let folder = tempfile::tempdir()?;
//! let picture = folder.path().join("latencies.png");
//! let series = Series {
//!     label: "this run".to_owned(),
//!     values_ms: vec![1.0, 1.2, 1.1, 9.0, 1.3].into(),
//!     skipped: 0,
//!     chosen_from: None,
//! };
//! let options = Options { window: 2.try_into()?, ..Options::default() };
//! draw(&picture, &options, &[series])?;
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

mod against;
mod axis;
mod canvas;
mod chart;
pub mod curve;
mod encode;
mod error;
mod face;
mod frame;
mod layout;
mod legend;
mod options;
mod paint;
pub mod series;
mod theme;

use std::io::Write;
use std::path::Path;

use measurement::summary::PayloadBytes;
use measurement::units::{SizeRange, grouped};
use results::ResultsError;
use results::whole::WholeFile;

pub use error::DrawError;
pub use options::{Curve, DEFAULT_WINDOW, Options, Series, Size, SizeError, Theme};
pub use theme::MAX_SERIES;

/// Draws the series, at most [`MAX_SERIES`], into a file whose ending says which kind: `.png` or
/// `.svg`. The file appears under its name only when it is whole.
///
/// # Errors
/// [`DrawError`] when a series cannot be drawn as asked, or the file cannot be written; then
/// nothing is written.
pub fn draw(path: &Path, options: &Options, series: &[Series<'_>]) -> Result<(), DrawError> {
    let format = encode::Format::of(path)?;
    let chart = chart::Chart::new(options, series)?;
    write(path, &format.encode(&chart, options.size)?)
}

/// Draws times against the numbers of a column called `x_name`, as a line through each curve's
/// points in the order of the numbers; the window of the options has no part in it. Numbers above
/// zero that reach over a factor of a hundred have a logarithmic axis; times that are all below a
/// millisecond are shown in microseconds. Files are written as by [`draw`].
///
/// # Errors
/// As of [`draw`].
pub fn draw_against(
    path: &Path,
    options: &Options,
    x_name: &str,
    curves: &[Curve<'_>],
) -> Result<(), DrawError> {
    let format = encode::Format::of(path)?;
    let against = against::Against::new(options, x_name, curves)?;
    write(path, &format.encode(&against, options.size)?)
}

fn write(path: &Path, picture: &[u8]) -> Result<(), DrawError> {
    let mut file = WholeFile::create(path)?;
    file.content()
        .write_all(picture)
        .map_err(|source| ResultsError::Write {
            path: path.to_owned(),
            source,
        })?;
    Ok(file.publish()?)
}

/// Whether [`draw`] knows the kind of picture that the file's ending asks for.
///
/// # Errors
/// [`DrawError::UnknownEnding`] if not.
pub fn check_ending(path: &Path) -> Result<(), DrawError> {
    encode::Format::of(path).map(drop)
}

/// The usual heading: `ws://127.0.0.1:8000/ws · 100 clients · 125 B payload`.
#[must_use]
pub fn run_title(url: Option<&str>, clients: Option<u64>, payload: Option<PayloadBytes>) -> String {
    let mut parts: Vec<String> = url.into_iter().map(str::to_owned).collect();
    if let Some(clients) = clients {
        let noun = if clients == 1 { "client" } else { "clients" };
        parts.push(format!("{} {noun}", grouped(clients)));
    }
    if let Some(payload) = payload {
        let (min, max) = match payload {
            PayloadBytes::Fixed(size) => (size, size),
            PayloadBytes::Range { min, max } => (min, max),
        };
        parts.push(format!("{} payload", SizeRange { min, max }));
    }
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
