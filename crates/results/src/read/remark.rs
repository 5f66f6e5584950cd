//! Remarks on how a file was read, for the person who reads the result.

use super::partial_log::PartialLog;

/// A remark on how a file was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Remark {
    /// The text was in this encoding, and not in UTF-8.
    Encoding(&'static str),
    /// The sheet of this name is hidden.
    HiddenSheet(String),
    /// These sheets are hidden, and were left out.
    HiddenLeftOut(Vec<String>),
    /// Cells with a word for no value were left out.
    WithoutValue(CellCount),
    /// Cells with something else than a time were left out, as was asked for.
    Invalid(CellCount),
    /// Numbers that the workbook stores as text were read as numbers.
    TextNumbers(CellCount),
    /// The times are the upper ends of a histogram's buckets.
    Buckets {
        /// The number of buckets that are not empty.
        count: u64,
        /// Begin and end, in milliseconds, of the bucket that is widest in relation to its end.
        widest_ms: (f64, f64),
    },
    /// The log is not whole: its run goes on or was killed.
    Partial(PartialLog),
    /// A point or comma before three digits was read as a separator of thousands.
    Thousands {
        /// The first such number, as it is written.
        number: String,
        /// The request named the decimal sign. Otherwise, all numbers of the column show it.
        is_requested: bool,
    },
}

/// Cells with the same defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCount {
    /// Number of cells.
    pub count: u64,
    /// The first, `latencies!E17`.
    pub first: String,
    /// The content of the first, in words.
    pub found: String,
}

impl CellCount {
    /// Counts one more; the first is described.
    pub(super) fn add(counted: &mut Option<Self>, describe: impl FnOnce() -> (String, String)) {
        let counted = counted.get_or_insert_with(|| {
            let (first, found) = describe();
            Self {
                count: 0,
                first,
                found,
            }
        });
        counted.count += 1;
    }
}

/// The column whose name fits a latency next to best.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerUp {
    /// The name in the file.
    pub column: String,
    /// The value of all its rows, because of which it was not chosen although its name fits better.
    pub constant: Option<f64>,
}
