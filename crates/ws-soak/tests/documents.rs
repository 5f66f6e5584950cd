//! Help, completions and manual page.

use test_support::documents_check;

#[test]
fn they_know_every_flag() {
    documents_check(
        env!("CARGO_BIN_EXE_ws-soak"),
        "ws-soak",
        &[("--fuzz", &["handshake", "frames"])],
    );
}
