//! Help, completions and manual page.

use test_support::documents_check;

#[test]
fn they_know_every_flag() {
    documents_check(
        env!("CARGO_BIN_EXE_draw-plot"),
        "draw-plot",
        &[
            ("--unit", &["ns", "us", "ms", "s", "min", "h"]),
            ("--decimal", &["point", "comma"]),
            ("--theme", &["light", "dark"]),
        ],
    );
}
