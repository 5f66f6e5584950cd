//! The JSON document of a run.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use measurement::record::TimelineRow;
use measurement::run::{PercentileRow, SCHEMA, Summary};
use serde::Deserialize;
use serde_json::error::Category;

use crate::error::ResultsError;
use crate::histogram::{self, OfRun};

/// Longest document that is read: that of a run of weeks is shorter.
const MOST_BYTES: u64 = 256 << 20;

/// What the document holds.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) summary: Summary,
    pub(super) rest: Rest,
}

/// What stands behind the summary's keys; it came later and may be missing.
#[derive(Debug, Deserialize)]
pub(super) struct Rest {
    pub(super) percentiles: Option<Vec<PercentileRow>>,
    pub(super) timeline: Option<Vec<TimelineRow>>,
    histograms: Option<Histograms>,
}

#[derive(Debug, Deserialize)]
struct Histograms {
    service: String,
    response: Option<String>,
}

/// Refuses a document of a later schema, before anything else in it is looked at.
pub(super) fn check_schema(path: &Path, text: &[u8], known: u32) -> Result<(), ResultsError> {
    #[derive(Deserialize)]
    struct Versioned {
        schema: u32,
    }
    match serde_json::from_slice(text) {
        Ok(Versioned { schema }) if schema > known => Err(ResultsError::NewerSchema {
            path: path.to_owned(),
            found: schema,
            known,
        }),
        // Whatever is wrong otherwise is told by who reads the whole.
        _ => Ok(()),
    }
}

impl Document {
    pub(super) fn read(path: &Path, file: File) -> Result<Self, ResultsError> {
        let failed = |source: serde_json::Error| match source.classify() {
            Category::Data => ResultsError::NotASummary {
                path: path.to_owned(),
                source,
            },
            Category::Io | Category::Syntax | Category::Eof => ResultsError::DamagedText {
                path: path.to_owned(),
                source: source.into(),
            },
        };
        let mut text = Vec::new();
        file.take(MOST_BYTES)
            .read_to_end(&mut text)
            .map_err(|source| ResultsError::Read {
                path: path.to_owned(),
                source,
            })?;
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
        check_schema(path, text, SCHEMA)?;
        // Twice, because a flattened map has no keys that are numbers.
        Ok(Self {
            summary: serde_json::from_slice(text).map_err(failed)?,
            rest: serde_json::from_slice(text).map_err(failed)?,
        })
    }

    /// The times of the whole run; `None` without the key.
    pub(super) fn histograms(&self, path: &Path) -> Result<Option<OfRun>, ResultsError> {
        let decode = |text: &String| {
            histogram::decode(text).map_err(|source| ResultsError::DamagedText {
                path: path.to_owned(),
                source,
            })
        };
        let Some(Histograms { service, response }) = &self.rest.histograms else {
            return Ok(None);
        };
        Ok(Some(OfRun {
            service: decode(service)?,
            response: response.as_ref().map(decode).transpose()?,
        }))
    }
}
