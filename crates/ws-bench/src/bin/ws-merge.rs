//! `ws-merge`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ws_bench::merge_main()
}
