//! Help, completions and manual page.

use test_support::documents_check;

#[test]
fn they_know_every_flag() {
    documents_check(
        env!("CARGO_BIN_EXE_ws-bench"),
        "ws-bench",
        &[
            ("--verify", &["off", "length", "full"]),
            ("--arrivals", &["constant", "poisson"]),
            ("--connect-arrivals", &["constant", "poisson"]),
            ("--drop-with", &["reset", "close"]),
            ("--embedded", &["axum", "tungstenite"]),
        ],
    );
}
