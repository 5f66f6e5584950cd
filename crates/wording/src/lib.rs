//! Sentences about runs, the same in every report.
//!
//! The libraries below hand over data; every front end prints it in the words of this crate.
//!
//! | module | what lives there |
//! |---|---|
//! | `conditions` | results of `--fail-if` |
//! | [`comparison`] | the verdict on a figure of two servers |
//! | [`files`] | how a file was read; that a file was written |
//! | [`messages`] | messages that came back otherwise than they were sent |
//! | `reasons`, `generator_reasons` | the reasons of a verdict, with advice; those that lie in the generator |
//! | `percent_beside` | shares beside their limits |
//! | `connect_advice` | advice when no connection opened or some ended early, and on a URL that is refused |
//! | [`plan`] | the plan |
//! | [`summary`] | sentences about figures: measured time, generator, coordinated omission, tail |
//! | [`summary_view`] | the figures of a run as lines and as tables |
//! | `shortened` | lists that a terminal shows in part |
//! | `tone` | the meaning of a text, by which its colour is chosen |
//! | [`run_differences`] | differences between the settings of runs |

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod comparison;
mod conditions;
mod connect_advice;
pub mod files;
mod generator_reasons;
pub mod messages;
mod percent_beside;
pub mod plan;
mod reasons;
pub mod run_differences;
mod shortened;
pub mod summary;
pub mod summary_view;
mod tone;

pub use conditions::{ConditionStatus, condition, condition_line};
pub use connect_advice::{
    NO_ROOTS_ADVICE, connect_advice, early_end_advice, host_notice, with_url_advice,
};
pub use reasons::explain;
pub use shortened::{shortened, shown_points};
pub use tone::Tone;
