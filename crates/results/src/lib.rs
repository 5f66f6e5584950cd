//! The file formats of a run: the only crate that knows them.
//!
//! | module | what lives there |
//! |---|---|
//! | [`schema`] | names of sheets and columns, shared by writers and reader |
//!
//! Writers take the run as plain data and write into a file that appears under its name only when
//! it is whole.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

mod error;
pub mod schema;

pub use error::ResultsError;
