//! Sentences about runs, the same in every report.
//!
//! The libraries below return data. All front ends use this crate to turn it into sentences.
//!
//! | module | contents |
//! |---|---|
//! | `conditions` | results of `--fail-if` |
//! | [`comparison`] | verdict on a figure of two servers |
//! | [`files`] | reading and writing of files |
//! | [`messages`] | wrong echoes, and messages of the server's own |
//! | `reasons`, `generator_reasons`, `delivery_reasons`, `connection_reasons` | reasons of a verdict, with advice; the second for the generator's own limits, the third for deliveries and feeds |
//! | `search_advice` | their advice for a search and a sweep |
//! | `percent_beside` | shares printed next to their limits |
//! | [`deliveries_view`] | deliveries; with `feed_view` and `slow_view`, feeds and slow readers |
//! | `delivery_rows` | lines on them in the text summary |
//! | [`drift_view`] | change of the figures over a long run |
//! | [`reconnect_view`], [`idle_view`] | lost connections, times of opening; idle connections |
//! | `connect_advice` | advice when no connection opened or some ended early, and for a refused URL |
//! | [`capacity_view`] | capacity and load curve; its parts are `search_outcome`, `overload_recovery`, `reported_step`, `capacity_conditions` and `load_table`, the table of rates offered |
//! | [`plan`] | the plan |
//! | [`summary`] | sentences about figures: measured time, generator, coordinated omission, tail |
//! | `summary_figure` | figures as text, and their groups |
//! | [`summary_view`] | the figures of a run, as lines and as tables |
//! | `scenario_view` | the figures that only scenarios have |
//! | [`scenarios`] | errors of scenarios |
//! | [`shards_view`] | the shards of a run |
//! | `shortened` | lists that a terminal shows only partly |
//! | `tone` | meaning of a text, which determines its colour |
//! | [`run_differences`] | differences between the settings of runs |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod capacity_conditions;
pub mod capacity_view;
pub mod comparison;
mod conditions;
mod connect_advice;
mod connection_reasons;
pub mod deliveries_view;
mod delivery_reasons;
mod delivery_rows;
pub mod drift_view;
mod feed_view;
pub mod files;
mod generator_reasons;
pub mod idle_view;
mod load_table;
pub mod messages;
mod overload_recovery;
mod percent_beside;
pub mod plan;
mod reasons;
pub mod reconnect_view;
mod reported_step;
pub mod run_differences;
mod scenario_view;
pub mod scenarios;
mod search_advice;
mod search_outcome;
pub mod shards_view;
mod shortened;
mod slow_view;
pub mod summary;
mod summary_figure;
pub mod summary_view;
mod tone;

pub use conditions::{ConditionStatus, condition, condition_line};
pub use connect_advice::{
    NO_ROOTS_ADVICE, connect_advice, early_end_advice, host_notice, with_url_advice,
};
pub use reasons::explain;
pub use shortened::{shortened, shown_points};
pub use tone::Tone;
