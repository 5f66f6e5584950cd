//! The pictures of all runs.

use crate::ReportError;
use crate::page::Section;
use crate::run::Run;

pub(crate) fn section(_runs: &[Run]) -> Result<Section, ReportError> {
    Ok(Section::default())
}
