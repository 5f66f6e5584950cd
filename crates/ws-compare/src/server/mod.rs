//! The servers under comparison: what was typed, and the processes that come of it.

pub mod group;
pub mod peer;
pub mod process;
pub mod spec;

pub use process::{Running, StartError, Starter};
pub use spec::{SpecError, StartSpec, UrlSpec};
