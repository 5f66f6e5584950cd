//! What each kind of picture shows and says, and where that goes on the canvas.

mod against;
mod common;
mod latency;
mod latency_paint;

pub(crate) use common::capitalized;

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
    })
}
