//! Reasons why no column of a file can be read.

use crate::place::Place;

/// Reasons why no column can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnProblem {
    /// No sheet has the requested name; the names of all sheets.
    NoSuchSheet(String, Vec<String>),
    /// The sheet has no rows below its header.
    NoRows,
    /// No column holds numbers, except perhaps this one, which numbers the rows.
    NoNumbers(Option<String>),
    /// No column has the requested name; the names of all columns.
    NoSuchColumn(String, Vec<String>),
    /// The only column of numbers is the one for the horizontal axis.
    OnlyX(String),
    /// Each of these columns can hold the times.
    Ambiguous(Vec<String>),
    /// Several columns have the requested name; their letters, names and headings.
    AmbiguousName {
        /// The name.
        name: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// This column was requested, or has the name of a latency, and holds no numbers. No other column is read in its
    /// place.
    NotNumbers {
        /// The column.
        column: String,
        /// The first cell that is not empty, and its content in words.
        first: Option<Box<(String, String)>>,
    },
    /// No column has the name of a latency, and this one is another time by its name.
    OtherTime(String),
    /// The column is not a time by its name or its cells.
    NotATime {
        /// The column.
        column: String,
        /// Meaning of the column, with an article and the source: `a rate by its name`.
        meaning: &'static str,
    },
    /// No visible sheet has a column, and hidden sheets were left out.
    BesideHidden {
        /// The reason.
        problem: Box<Self>,
        /// The hidden sheets.
        hidden: Vec<String>,
    },
    /// The table holds the distribution of times, not single times.
    Distribution {
        /// The column that shows it.
        column: String,
        /// The content of the table, in words.
        holds: &'static str,
    },
    /// The name has an unknown word in place of a unit.
    UnclearUnit {
        /// Name of the column.
        column: String,
        /// The part in place of a unit.
        says: String,
    },
    /// The numbers of the column contradict each other, or can be read in two ways.
    MixedNumbers {
        /// The column.
        column: String,
        /// Two cells that show the conflict, and their texts.
        cells: Box<[(String, String); 2]>,
    },
}

impl ColumnProblem {
    /// Rank of the problem: the higher, the closer the sheet came to a column that can be read.
    pub(crate) fn nearness(&self) -> u8 {
        match self {
            Self::NoSuchSheet(..) | Self::NoRows => 0,
            Self::NoNumbers(_) => 1,
            Self::NoSuchColumn(..) => 2,
            Self::OnlyX(_) => 3,
            Self::BesideHidden { problem, .. } => problem.nearness(),
            Self::Ambiguous(_) => 4,
            Self::AmbiguousName { .. } => 4,
            Self::NotNumbers { .. }
            | Self::OtherTime(_)
            | Self::NotATime { .. }
            | Self::Distribution { .. }
            | Self::UnclearUnit { .. }
            | Self::MixedNumbers { .. } => 5,
        }
    }

    /// Description for a message about this place.
    pub(crate) fn describe(&self, place: &Place) -> String {
        match self {
            Self::NoSuchSheet(wanted, known) => {
                format!("no sheet `{wanted}` in {place}: it has {}", quoted(known))
            }
            // The program adds the hidden sheets.
            Self::BesideHidden { problem, .. } => problem.describe(place),
            Self::NoRows => format!("{place} has no rows"),
            Self::NoNumbers(None) => format!("{place} has no column of numbers"),
            Self::NoNumbers(Some(column)) => format!(
                "the only column of numbers of {place} is `{column}`, which numbers the rows"
            ),
            Self::NoSuchColumn(wanted, known) => {
                format!("no column `{wanted}` in {place}: it has {}", quoted(known))
            }
            Self::OnlyX(column) => format!("the only column of numbers of {place} is `{column}`"),
            Self::Ambiguous(columns) => format!(
                "several columns of {place} can hold the times: choose one of {}",
                quoted(columns)
            ),
            Self::AmbiguousName { name, columns } => format!(
                "{place} has {} columns `{name}`: choose one of {}",
                columns.len(),
                quoted(columns)
            ),
            Self::NotNumbers { column, first } => {
                let reason = match first.as_deref() {
                    None => {
                        "its cells are empty, or formulas that were never calculated".to_owned()
                    }
                    Some((cell, found)) => format!("cell {cell} holds {found}"),
                };
                format!("column `{column}` of {place} holds no numbers: {reason}")
            }
            Self::NotATime { column, meaning } => {
                format!("column `{column}` of {place} is {meaning}, not a time")
            }
            Self::Distribution { column, holds } => {
                format!(
                    "{place} holds {holds}, not single times, according to its column `{column}`"
                )
            }
            Self::OtherTime(column) => format!(
                "no column of {place} has the name of a latency, and `{column}` is another time by its name"
            ),
            Self::UnclearUnit { column, says } => format!(
                "the unit of column `{column}` of {place} is unknown: its name contains `{says}`"
            ),
            Self::MixedNumbers { column, cells } => {
                let [(one, one_text), (other, other_text)] = cells.as_ref();
                format!(
                    "the numbers of column `{column}` of {place} can be read in two ways: cell {one} holds \
                     `{one_text}`, cell {other} `{other_text}`"
                )
            }
        }
    }
}

/// The names between backticks, `a`, `b`, with the number of those beyond the eighth.
fn quoted(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let quoted: Vec<_> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {} more", units::grouped(more as u64)),
    };
    quoted.join(", ") + &more
}
