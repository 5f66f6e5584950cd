//! The numbers of a picture: quantiles, bins, outlines. Files and colours are not known here. Moving averages come
//! from [`measurement::moving_average`]. A message's position counts from 0 here, in the picture from 1.

mod cells;
mod columns;
mod key_figures;
mod log_bins;
mod seconds;
mod sorted;
mod xy_data;

pub(crate) use cells::CountSteps;
pub use cells::{Cells, moment, rows_for, slice_for};
pub use columns::{Positions, column_ranges, outline};
pub(crate) use columns::{bins, clip_below};
pub(crate) use key_figures::{KeyFigures, linear_top};
pub use log_bins::{bins_for, histogram};
pub use seconds::rates;
pub(crate) use seconds::{TimeStep, failures, lines, steps, time_unit};
pub use sorted::{
    SortedTimes, even_places, log_places, quantile_at, shares, spectrum, spectrum_end,
};
pub(crate) use xy_data::{is_wide, latency_unit, one_per_pixel, pad_range, sort_by_x, thin_out};

pub(crate) type Point = (f64, f64);

/// The smallest and the largest of the numbers; `None` without any.
pub(crate) fn span(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    numbers.fold(None, |span, number| {
        let (low, high) = span.unwrap_or((number, number));
        Some((low.min(number), high.max(number)))
    })
}

/// The whole part of a number; 0 of a negative one.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn whole(number: f64) -> usize {
    number as usize
}

/// The factor 1, 2, 5 or 10 and the power of ten of the next such number of at least `wanted`.
pub(crate) fn round_step(wanted: f64) -> (f64, f64) {
    let power = wanted.log10().floor();
    let mut factors = [1.0, 2.0, 5.0].into_iter();
    let factor = factors.find(|factor| factor * 10_f64.powf(power) >= wanted * (1.0 - 1e-9));
    (factor.unwrap_or(10.0), power)
}
