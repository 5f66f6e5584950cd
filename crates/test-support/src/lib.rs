//! Servers, fixtures and checks that the tests of several crates share.
//!
//! A dev-dependency only: no program is built with this crate.

pub mod svg_path;
