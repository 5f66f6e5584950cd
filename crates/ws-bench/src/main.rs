//! `ws-bench`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ws_bench::main()
}
