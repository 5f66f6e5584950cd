//! One column of times of any spreadsheet: header, column and unit are found by themselves.

pub(super) mod bounded_sample;
pub(super) mod column_name;
pub(super) mod detect_header;
pub(super) mod read_column;
pub(super) mod select_column;
