//! The JSON summary, one key a row.

use rust_xlsxwriter::{Worksheet, XlsxError};

use super::style::Styles;
use super::{Run, keys};
use crate::schema::SUMMARY_SHEET;

pub(super) fn write(
    sheet: &mut Worksheet,
    run: &Run<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    // A summary of ours always has a JSON form.
    let document = serde_json::to_value(run.summary).unwrap_or_default();
    let verdict = run.summary.validity.verdict;
    keys::write(sheet, SUMMARY_SHEET, &document, verdict, styles)
}
