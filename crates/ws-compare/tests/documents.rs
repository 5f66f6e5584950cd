//! Help, completions and manual page.

use test_support::documents_check;

#[test]
fn they_know_every_flag() {
    documents_check(
        env!("CARGO_BIN_EXE_ws-compare"),
        "ws-compare",
        &[
            ("--gate", &["off", "plan", "full"]),
            ("--verify", &["off", "length", "full"]),
            ("--arrivals", &["constant", "poisson"]),
            ("--connect-arrivals", &["constant", "poisson"]),
        ],
    );
}
