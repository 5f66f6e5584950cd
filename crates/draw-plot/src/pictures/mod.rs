//! What each kind of picture shows and says, and where that goes on the canvas.

mod against;
mod beyond;
mod cdf;
mod common;
mod distributions;
mod heatmap;
mod histogram;
mod latency;
mod latency_paint;
mod percentiles;
mod time_axis;
mod timeline;
mod timeline_paint;

pub(crate) use common::{capitalized, chosen, counted};
#[cfg(test)]
pub(crate) use timeline::ZONE;

use crate::data::{Data, Subject};
use crate::encode::Picture;
use crate::error::DrawError;
use crate::options::Options;

/// The picture of the data, checked, and all its numbers known.
pub(crate) fn picture<'a>(
    options: &'a Options,
    subject: &'a Subject,
    data: &'a Data<'a>,
) -> Result<Box<dyn Picture + 'a>, DrawError> {
    let task = common::Task { options, subject };
    Ok(match data {
        Data::Latency(series) => Box::new(latency::Latency::new(task, series)?),
        Data::Against { x_name, curves } => Box::new(against::Against::new(task, x_name, curves)?),
        Data::Histogram(all) => Box::new(histogram::Histogram::new(task, all)?),
        Data::Cdf(all) => Box::new(cdf::Cdf::new(task, all)?),
        Data::Percentiles(all) => Box::new(percentiles::Percentiles::new(task, all)?),
        Data::Timeline(all) => Box::new(timeline::Timeline::new(task, all)?),
        Data::Heatmap(all) => Box::new(heatmap::Heatmap::new(task, all)?),
    })
}
