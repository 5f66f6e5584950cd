//! The front end that all programs share: flags, texts about the program, exit codes, interrupts.
//!
//! [`run`] is the whole of a `main`: it parses, calls, prints an error and gives the exit code. To every
//! program's flags it adds those that are the same everywhere: `--help`, `--version`, `--completions`
//! and `--man-page`, the last two made from the same [`clap::Command`] that parses.
//!
//! | module | contents |
//! |---|---|
//! | `main_wrapper`, `exit_status` | the whole of a `main`, completions of its flags among it; its exit codes |
//! | `help`, `man_page` | texts about a program, made from its flags |
//! | `bounded`, `display_thread` | work with a limit of time; a thread that shows the work |
//! | [`interrupt`] | Ctrl-C and other signals that end a program |
//! | `secrets` | a command line without its secrets |
//! | `styled_text` | styles and bullet points of text reports |
//! | `print` | errors and notices on standard error, texts on standard output |
//! | `load_flags`, `open_loop_flags`, `tls_flags`, `generator_flags` | flags of a load, from which a plan is made |
//! | [`headings`], `choices` | headings of flags; flags that take one of several names |
//! | `preflight` | room for the connections of a run |
//!
//! Only programs use this, never code that others call; so errors are `anyhow`'s, as in theirs.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bounded;
mod choices;
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
mod secrets;
mod styled_text;
mod tls_flags;

pub use bounded::within;
pub use choices::{Choice, one_of};
pub use display_thread::DisplayThread;
pub use exit_status::ExitStatus;
pub use generator_flags::GeneratorFlags;
pub use load_flags::{LoadFlags, random_seed};
pub use main_wrapper::run;
pub use open_loop_flags::{OpenLoopFlags, arrivals};
pub use preflight::{check_files, check_room};
pub use print::{
    in_one_line, print_all_but_last, print_error, print_notice, print_text, print_text_while,
};
pub use secrets::masked_command_line;
pub use styled_text::{bullet_point, dim, paint};
pub use tls_flags::TlsFlags;
