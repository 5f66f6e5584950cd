//! Help, completions and manual page.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../cli/tests/documents/mod.rs"]
mod documents;

#[test]
fn they_know_every_flag() {
    documents::check(
        env!("CARGO_BIN_EXE_ws-truth"),
        "ws-truth",
        &[(
            "--completions",
            &["bash", "elvish", "fish", "powershell", "zsh"],
        )],
    );
}
