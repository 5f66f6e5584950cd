//! The file formats of a run: the only crate that knows them.
//!
//! | module | what lives there |
//! |---|---|
//! | [`read`] | what a run's files hold; one column of times from anybody's, and another to draw it against |
//! | `schema` | names of sheets and columns, shared by writers and reader |
//! | [`mod@write`] | a run into `.xlsx`, `.csv`, `.json` and `.hlog`; a comparison of servers |
//! | [`atomic_file`] | files that appear under their name only when they are whole |

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
mod content;
mod error;
mod histogram;
pub mod read;
mod schema;
pub mod write;

pub use error::{ColumnProblem, ResultsError};
pub use schema::LATENCIES_COLUMNS;
