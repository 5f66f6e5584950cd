//! The picture of each kind: its texts, and the places of its data on the canvas.

mod cdf;
mod common;
mod distribution;
mod fan_out;
mod fan_out_lines;
mod forest_plot;
mod heatmap;
mod histogram;
mod latency;
mod latency_line;
mod load_curve;
mod load_curve_lines;
mod load_curve_marks;
mod load_curve_unanswered;
mod off_scale;
mod percentiles;
mod run_seconds;
mod storm;
mod storm_bins;
mod storm_lines;
mod storm_marks;
mod time_axis;
mod timeline;
mod timeline_tracks;
mod xy_plot;

pub(crate) use load_curve_lines::has_response_times;

pub use forest_plot::{ForestData, ForestRow, RowOutcome, encode_forest_plot, forest_plot_svg};

use crate::data::{Data, PictureKind, Subject};
use crate::error::DrawError;
use crate::options::Options;
use crate::plot::{Plot, PlotContext};

/// The picture of the data, after all checks and computations.
pub(crate) fn plot<'a>(
    kind: PictureKind,
    options: &'a Options,
    subject: &'a Subject,
    data: &'a Data,
) -> Result<Box<dyn Plot + 'a>, DrawError> {
    let context = PlotContext {
        options,
        subject,
        colours: options.theme.colours(),
    };
    Ok(match data {
        Data::Latency(all) => Box::new(latency::LatencyPlot::new(context, all)?),
        Data::Xy { x_name, files } => Box::new(xy_plot::XyPlot::new(context, x_name, files)?),
        Data::Distributions(all) => {
            let lines = distribution::DistributionLines::new(context, all)?;
            match kind {
                PictureKind::Cdf => Box::new(cdf::CdfPlot::new(lines)?),
                PictureKind::Percentiles => Box::new(percentiles::PercentilesPlot::new(lines)?),
                _ => Box::new(histogram::HistogramPlot::new(lines)?),
            }
        }
        Data::Timeline { runs, only } => {
            Box::new(timeline::TimelinePlot::new(context, runs, *only)?)
        }
        Data::Heatmap(all) => Box::new(heatmap::HeatmapPlot::new(context, all)?),
        Data::FanOut(all) => Box::new(fan_out::FanOutPlot::new(context, all)?),
        Data::Storm(all) => Box::new(storm::StormPlot::new(context, all)?),
        Data::LoadCurve(all) => Box::new(load_curve::LoadCurvePlot::new(context, all)?),
    })
}
