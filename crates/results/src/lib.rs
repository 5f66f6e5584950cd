//! The file formats of a run. No other crate knows them.
//!
//! | module | contents |
//! |---|---|
//! | [`read`] | the contents of a run's files; one column of times of any file, and one for the horizontal axis |
//! | `schema` | names of sheets and columns, shared by writers and reader |
//! | [`mod@write`] | a run into `.xlsx`, `.csv`, `.json` and `.hlog`; a comparison of servers |
//! | `partial_name`, `counts_comment` | logs that grow: their names, and the counts in them |
//! | [`atomic_file`] | files that appear under their name only when they are complete |

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

pub mod atomic_file;
mod column_problem;
mod content;
mod counts_comment;
mod error;
mod histogram;
mod partial_name;
mod place;
pub mod read;
mod schema;
pub mod write;

pub use error::{ColumnProblem, ResultsError};
pub use schema::LATENCIES_COLUMNS;
