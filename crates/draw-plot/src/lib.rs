//! Pictures of latencies as PNG or SVG: each message and the moving average, histograms,
//! percentiles, the throughput and times of each second; or times against any numbers.
//!
//! | module | contents |
//! |---|---|
//! | `data`, `options` | the data of a picture, and its size and colours |
//! | `picture_input`, `titles`, `notices` | the data, their names and the notices about them, from files or from a fresh run |
//! | [`series`] | the numbers of a picture: quantiles, bins, spectrum, seconds, cells |
//! | `pictures` | the texts of each kind of picture, and the places of its data |
//! | `axes`, `legend`, `layout`, `markers`, `text_fit` | the decorations around the data, and marks of points |
//! | `scale`, `number_format`, `phrases` | ticks and numbers; phrases that pictures share |
//! | `theme`, `font` | colours, and the font |
//! | `plot`, `canvas` | a picture with all its numbers, and the shapes that it draws |
//! | `png`, `svg`, `format` | the shapes as the bytes of a file |
//! | `inline_svg` | the shapes as a part of a page |
//!
//! The program `draw-plot` calls [`load`] and [`PictureInput::draw`]. A picture of values in memory:
//!
//! ```
//! use draw_plot::{Data, Labelled, Options, PictureInput, PictureKind, Subject};
//! use results::read::Latencies;
//!
//! let folder = tempfile::tempdir()?;
//! let picture = folder.path().join("latencies.png");
//! let times = Latencies {
//!     values_ms: vec![1.0, 1.2, 1.1, 9.0, 1.3],
//!     ..Latencies::default()
//! };
//! let data = Data::Latency(vec![Labelled::new("this run", times)]);
//! let options = Options { window: Some(2.try_into()?), ..Options::default() };
//! PictureInput::new(PictureKind::Latency, Subject::default(), data).draw(&picture, &options)?;
//! assert!(picture.exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
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
mod markers;
mod notices;
mod number_format;
mod options;
mod phrases;
mod picture_input;
mod pictures;
mod plot;
mod png;
mod scale;
pub mod series;
mod svg;
mod text_fit;
mod theme;
mod titles;

use std::path::Path;

pub use data::{Data, Labelled, Notice, PictureKind, Subject, window_for};
pub use error::DrawError;
pub use inline_svg::Svg;
pub use options::{DEFAULT_WINDOW, Options, Size, SizeError, Theme};
pub use picture_input::{PictureInput, load};
pub use pictures::{ForestData, ForestRow, RowOutcome, encode_forest_plot, forest_plot_svg};
pub use plot::Hover;
pub use theme::{MAX_SERIES, page_style};

/// Checks that the file's ending is that of a picture.
///
/// # Errors
/// [`DrawError::UnknownEnding`] if not.
pub fn check_ending(path: &Path) -> Result<(), DrawError> {
    format::PictureFormat::of(path).map(drop)
}
