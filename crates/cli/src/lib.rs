//! Common front end of all programs: flags, help texts, exit codes, interrupts.
//!
//! [`run`] is all that a `main` needs. It parses the arguments, calls the program, prints an error and returns the exit
//! code. It adds the flags common to all programs: `--help`, `--version`, `--completions` and `--man-page`. The last
//! two are generated from the same [`clap::Command`] that parses the arguments.
//!
//! | module | contents |
//! |---|---|
//! | `main_wrapper`, `exit_status` | body of a `main`, with completions; exit codes |
//! | `help`, `man_page` | texts about a program, generated from its flags |
//! | `bounded`, `display_thread` | work with a time limit; a thread that displays progress |
//! | [`interrupt`] | Ctrl-C and other signals that end a program |
//! | `secrets` | a command line without its secrets |
//! | `styled_text` | styles and bullet points of text reports |
//! | `print` | errors and notices on standard error, texts on standard output |
//! | `scenario_flags`, `scenario_files`, `scenario_error` | flags that define a scenario; the files that it names; their errors |
//! | `load_flags`, `open_loop_flags`, `connection_flags`, `slow_flags`, `tls_flags`, `generator_flags` | flags that define a load and its plan |
//! | `scenario_fingerprint` | the hash of a scenario |
//! | [`headings`], `choices` | headings of flags; flags that accept one of several names |
//! | `preflight` | check of the limits for the connections of a run |
//!
//! Only programs use this crate, so its errors are `anyhow`'s, like theirs.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bounded;
mod choices;
mod connection_flags;
mod display_thread;
mod exit_status;
mod generator_flags;
pub mod headings;
mod help;
pub mod interrupt;
mod load_flags;
mod main_wrapper;
mod man_page;
mod open_loop_flags;
mod preflight;
mod print;
mod scenario_error;
mod scenario_files;
mod scenario_fingerprint;
mod scenario_flags;
mod secrets;
mod slow_flags;
mod styled_text;
mod tls_flags;

pub use bounded::within;
pub use choices::{Choice, one_of, up_to};
pub use connection_flags::{ConnectionFlags, StormFlags, TimedDrop};
pub use display_thread::DisplayThread;
pub use exit_status::ExitStatus;
pub use generator_flags::GeneratorFlags;
pub use load_flags::{LoadFlags, random_seed};
pub use main_wrapper::run;
pub use open_loop_flags::{OpenLoopFlags, arrivals};
pub use preflight::{
    ConnectionCount, check_files, check_files_of_shards, check_ports, check_room,
    check_source_addresses, short_of_files_for_next, slow_ports,
};
pub use print::{
    in_one_line, print_all_but_last, print_error, print_notice, print_text, print_text_while,
    with_advice,
};
pub use scenario_error::ScenarioFlagError;
pub use scenario_fingerprint::scenario_fingerprint;
pub use scenario_flags::{OneLinerFlags, ScenarioFlags, TypedLoadFlags};
pub use secrets::masked_command_line;
pub use slow_flags::{ReadRate, SlowCountFlag, SlowFlags};
pub use styled_text::{bullet_point, dim, paint};
pub use tls_flags::TlsFlags;
