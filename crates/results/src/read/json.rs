//! The JSON document of a run.

use std::io::{Read, Seek};
use std::path::Path;

use measurement::record::TimelineRow;
use measurement::run::{PercentileRow, RunHistograms, SCHEMA, Summary, comparison};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::encoding::TextFile;
use super::json_value::with_words_quoted;
use crate::error::{Place, Refusal, Result, ResultsError};
use crate::histogram::EncodedHistograms;

/// Largest document that is read, in bytes; that of a run of weeks is smaller.
const MOST_BYTES: u64 = 256 << 20;

#[derive(Debug)]
pub(super) struct JsonRun {
    pub(super) summary: Summary,
    pub(super) details: JsonDetails,
}

/// The keys after those of the summary, which older versions did not write.
#[derive(Debug, Deserialize)]
pub(super) struct JsonDetails {
    pub(super) percentiles: Option<Vec<PercentileRow>>,
    pub(super) timeline: Option<Vec<TimelineRow>>,
    histograms: Option<EncodedHistograms>,
}

/// The keys that say whose document it is.
#[derive(Debug, Default, Deserialize)]
pub(super) struct DocumentHead {
    schema: Option<Value>,
    kind: Option<Value>,
}

impl DocumentHead {
    /// The head of a document. Defects are reported by the reader of the whole document.
    pub(super) fn of(text: &[u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// Refuses a document of a later schema before anything else is read.
    pub(super) fn check_schema(&self, path: &Path, known: u32) -> Result<()> {
        let schema = self.schema.as_ref().and_then(Value::as_u64);
        match schema.and_then(|schema| u32::try_from(schema).ok()) {
            Some(schema) if schema > known => Err(ResultsError::NewerSchema {
                path: path.to_owned(),
                found: schema,
                known,
            }),
            _ => Ok(()),
        }
    }

    /// Refuses a comparison of servers, whose schema is not that of a run.
    fn refuse_comparison(&self, path: &Path) -> Result<()> {
        let kind = self.kind.as_ref().and_then(Value::as_str);
        match kind == Some(comparison::KIND) {
            true => Err(ResultsError::Refused(path.to_owned(), Refusal::Comparison)),
            false => Ok(()),
        }
    }
}

/// Returns `true` when a document can be that of a run: it has a schema, or it is truncated.
pub(super) fn may_be_ours(path: &Path, text: &mut TextFile) -> Result<bool> {
    #[derive(Deserialize)]
    struct Marks {
        schema: Option<IgnoredAny>,
        tool: Option<IgnoredAny>,
    }
    let bytes = bytes_of(path, text)?;
    let marks = serde_json::from_slice::<Marks>(&with_words_quoted(&bytes));
    Ok(marks.map_or(true, |marks| marks.schema.is_some() || marks.tool.is_some()))
}

/// The whole document without its byte order mark. The file is rewound.
pub(super) fn bytes_of(path: &Path, text: &mut TextFile) -> Result<Vec<u8>> {
    let mut read = || {
        let mut bytes = Vec::new();
        text.file.rewind()?;
        (&text.file).take(MOST_BYTES).read_to_end(&mut bytes)?;
        text.file.rewind()?;
        Ok(bytes)
    };
    let mut bytes = read().map_err(|source| ResultsError::read(path, source))?;
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(..3);
    }
    Ok(bytes)
}

impl JsonRun {
    pub(super) fn read(path: &Path, mut text: TextFile) -> Result<Self> {
        let failed = |source: serde_json::Error| {
            if source.is_data() {
                return ResultsError::NotASummary(path.to_owned(), source);
            }
            ResultsError::damaged(Place::file(path), std::io::Error::from(source))
        };
        let text = bytes_of(path, &mut text)?;
        let head = DocumentHead::of(&text);
        head.refuse_comparison(path)?;
        head.check_schema(path, SCHEMA)?;
        // Twice, because a flattened map has no keys that are numbers.
        Ok(Self {
            summary: serde_json::from_slice(&text).map_err(failed)?,
            details: serde_json::from_slice(&text).map_err(failed)?,
        })
    }

    /// The times of the whole run; `None` without the key.
    pub(super) fn histograms(&self, path: &Path) -> Result<Option<RunHistograms>> {
        let encoded = self.details.histograms.as_ref();
        encoded
            .map(EncodedHistograms::decode)
            .transpose()
            .map_err(|source| ResultsError::damaged(Place::file(path), source))
    }
}
