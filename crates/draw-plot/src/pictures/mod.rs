//! What each kind of picture shows and says, and where that goes on the canvas.

mod cdf;
mod common;
mod distribution;
mod forest_plot;
mod heatmap;
mod histogram;
mod latency;
mod latency_paint;
mod off_scale;
mod percentiles;
mod time_axis;
mod timeline;
mod timeline_paint;
mod xy_plot;

pub(crate) use common::{capitalized, chosen, counted};
pub use forest_plot::{ForestData, ForestRow, RowOutcome, encode_forest_plot, forest_plot_svg};
#[cfg(test)]
pub(crate) use timeline::ZONE;

use crate::data::{Data, Subject};
use crate::encode::Plot;
use crate::error::DrawError;
use crate::options::Options;

/// The picture of the data, checked, and all its numbers known.
pub(crate) fn plot<'a>(
    options: &'a Options,
    subject: &'a Subject,
    data: &'a Data<'a>,
) -> Result<Box<dyn Plot + 'a>, DrawError> {
    let task = common::PlotContext { options, subject };
    Ok(match data {
        Data::Latency(series) => Box::new(latency::LatencyPlot::new(task, series)?),
        Data::Xy { x_name, curves } => Box::new(xy_plot::XyPlot::new(task, x_name, curves)?),
        Data::Histogram(all) => Box::new(histogram::HistogramPlot::new(task, all)?),
        Data::Cdf(all) => Box::new(cdf::CdfPlot::new(task, all)?),
        Data::Percentiles(all) => Box::new(percentiles::PercentilesPlot::new(task, all)?),
        Data::Timeline(all) => Box::new(timeline::TimelinePlot::new(task, all)?),
        Data::Heatmap(all) => Box::new(heatmap::HeatmapPlot::new(task, all)?),
    })
}
