//! Which server is faster, and is it sure? Several servers are started anew in every round, measured
//! in an order of its own, and compared with intervals.
//!
//! | module | what lives there |
//! |---|---|
//! | [`server`] | what is compared: a command to start or a URL; processes, ports, groups |
//! | [`gate`] | conformance before timing |
//! | [`seats`] | which cores are the servers', and which the generator's |
//! | [`plans`] | the load in closed loop and at a rate; the pilot that finds the rate |
//! | [`rounds`] | a server's turn in a round |
//! | [`measure`], [`bins`] | one run, and its steady part |
//! | [`judge`], [`conditions`] | from rounds to verdicts; `--fail-if` |
//! | [`saved`] | saved runs, and saved comparisons, in place of measured ones |
//! | [`told`], [`text`], [`page`], [`picture`] | what every report says; the reports |
//! | [`save`] | the files |
//! | [`args`] | what can be typed |
//! | [`compare`], `campaign` | one comparison from check to exit code; the part of it that measures |
//! | [`progress`], [`signals`] | how it stands; Ctrl-C |

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::float_cmp,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

pub mod args;
pub mod bins;
mod campaign;
pub mod compare;
pub mod conditions;
pub mod gate;
pub mod judge;
pub mod measure;
pub mod page;
pub mod picture;
pub mod plans;
pub mod progress;
pub mod rounds;
pub mod save;
pub mod saved;
pub mod seats;
pub mod server;
pub mod signals;
pub mod text;
pub mod told;
