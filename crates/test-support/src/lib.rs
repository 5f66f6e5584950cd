//! Servers, fixtures and checks shared by the tests of several crates.
//!
//! Used as a dev-dependency only. No program is built with this crate.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[cfg(feature = "contract")]
pub mod contract;
mod documents_check;
pub mod fixtures;
pub mod golden;
#[cfg(feature = "json-schema")]
mod json_schema;
#[cfg(feature = "stub-server")]
mod loopback;
#[cfg(feature = "stub-server")]
pub mod relay_server;
#[cfg(feature = "stub-server")]
pub mod stub_server;
pub mod svg_path;
#[cfg(all(feature = "terminal", target_os = "linux"))]
pub mod terminal;

pub use documents_check::documents_check;
#[cfg(feature = "json-schema")]
pub use json_schema::assert_valid_json;
