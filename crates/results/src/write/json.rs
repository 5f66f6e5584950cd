//! The summary as JSON.

use std::io::{self, Write};

use measurement::summary::Summary;

use super::Run;

/// The summary as one JSON document for a person or a program, ending in a line break.
///
/// # Errors
/// None that a summary of ours can cause; that of serde_json otherwise.
pub fn to_json(summary: &Summary) -> serde_json::Result<String> {
    serde_json::to_string_pretty(summary).map(|text| text + "\n")
}

pub(super) fn write(run: &Run<'_>, mut file: impl Write) -> io::Result<()> {
    file.write_all(to_json(run.summary)?.as_bytes())
}
